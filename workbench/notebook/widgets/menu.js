// @ts-check
/** A button that opens a menu (the ARIA menu button pattern). */

import { element } from "./values.js";

/** @typedef {{value: string, text: string, title: string}} Choice */

export class MenuButton {
  /** @param {HTMLButtonElement} button @param {Choice[]} choices @param {(value: string) => void} onChoose */
  constructor(button, choices, onChoose) {
    this.button = button;
    this.el = element("div", "wb-popup");
    this.el.setAttribute("role", "menu");
    this.el.setAttribute("aria-label", button.title);
    if ("popover" in this.el) this.el.popover = "manual"; // above everything: the view clips what leaves it
    this.el.hidden = true;
    button.setAttribute("aria-haspopup", "menu");
    button.setAttribute("aria-expanded", "false");
    /** @type {Map<string, HTMLButtonElement>} */
    this._items = new Map();
    for (const { value, text, title } of choices) {
      const item = element("button", "wb-popup-item", text);
      item.type = "button";
      item.title = title;
      item.tabIndex = -1;
      item.setAttribute("role", "menuitem");
      item.addEventListener("click", () => {
        if (item.getAttribute("aria-disabled") === "true") return;
        this.close(true);
        onChoose(value);
      });
      this._items.set(value, item);
      this.el.append(item);
    }
    button.addEventListener("click", () => (this.el.hidden ? this.open(0) : this.close(true)));
    button.addEventListener("keydown", (event) => this._onButtonKey(event));
    this.el.addEventListener("keydown", (event) => this._onKey(event));
    this._onOutside = (/** @type {Event} */ event) => {
      const target = /** @type {Node} */ (event.composedPath()[0]);
      if (!this.el.contains(target) && !button.contains(target)) this.close(false);
    };
  }

  /** @param {string} value @param {boolean} enabled @param {string} [reason] why not */
  enable(value, enabled, reason = "") {
    const item = this._items.get(value);
    if (!item) return;
    item.setAttribute("aria-disabled", String(!enabled));
    if (reason) item.title = reason;
  }

  /** @param {number} index of the item that gets the focus; -1: the last */
  open(index) {
    this.el.hidden = false;
    this.el.showPopover?.();
    const { bottom, right } = this.button.getBoundingClientRect();
    const left = Math.max(right - this.el.offsetWidth, 4);
    const below = bottom + this.el.offsetHeight + 4 <= window.innerHeight;
    this.el.style.left = `${left}px`;
    this.el.style.top = `${below ? bottom + 3 : this.button.getBoundingClientRect().top - this.el.offsetHeight - 3}px`;
    this.button.setAttribute("aria-expanded", "true");
    [...this._items.values()].at(index)?.focus({ preventScroll: true });
    document.addEventListener("pointerdown", this._onOutside, true);
    window.addEventListener("scroll", this._onOutside, true);
  }

  /** @param {boolean} focus whether the button gets it back */
  close(focus) {
    if (this.el.hidden) return;
    this.el.hidePopover?.();
    this.el.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", this._onOutside, true);
    window.removeEventListener("scroll", this._onOutside, true);
    if (focus) this.button.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  _onButtonKey(event) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    event.stopPropagation();
    this.open(event.key === "ArrowDown" ? 0 : -1);
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    const items = [...this._items.values()];
    const at = items.indexOf(/** @type {HTMLButtonElement} */ (event.target));
    /** @type {Record<string, number>} */
    const places = { ArrowDown: (at + 1) % items.length, ArrowUp: at - 1, Home: 0, End: -1 };
    if (event.key === "Tab") this.close(true);
    else if (event.key === "Escape") this.close(true);
    else if (Object.hasOwn(places, event.key)) items.at(places[event.key])?.focus();
    else return;
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  }
}
