// @ts-check
/** A button that opens a menu (the ARIA menu button pattern). */

import { makeButton, withRole } from "./elements.js";
import { buttonByKey, takeKey } from "./list_keys.js";
import { Popup } from "./popup.js";

/** @typedef {{value: string, text: string, title: string}} Choice */

export class MenuButton {
  /** @param {HTMLButtonElement} button @param {string} label of the menu, for the ear @param {Choice[]} choices
   * @param {(value: string) => void} onChoose */
  constructor(button, label, choices, onChoose) {
    this.button = button;
    this._popup = new Popup(button, "menu", label);
    this.el = this._popup.el;
    /** @type {Map<string, HTMLButtonElement>} */
    this._items = new Map();
    for (const { value, text, title } of choices) {
      const item = makeButton("wb-popup-item", text, () => {
        if (item.getAttribute("aria-disabled") === "true") return;
        this.close(true);
        onChoose(value);
      }, title);
      withRole(item, "menuitem").tabIndex = -1;
      this._items.set(value, item);
      this.el.append(item);
    }
    button.addEventListener("click", () => (this._popup.isOpen ? this.close(true) : this.open(0)));
    button.addEventListener("keydown", (event) => this._onButtonKey(event));
    this.el.addEventListener("keydown", (event) => this._onKey(event));
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
    this._popup.open();
    [...this._items.values()].at(index)?.focus({ preventScroll: true });
  }

  /** @param {boolean} focus whether the button gets it back */
  close(focus) {
    this._popup.close(focus ? this.button : null);
  }

  /** @param {KeyboardEvent} event */
  _onButtonKey(event) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    takeKey(event);
    this.open(event.key === "ArrowDown" ? 0 : -1);
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    const items = [...this._items.values()];
    const at = items.indexOf(/** @type {HTMLButtonElement} */ (event.target));
    const next = buttonByKey(event.key, at, items.length, ["ArrowUp", "ArrowDown"]);
    if (event.key === "Tab" || event.key === "Escape") this.close(true);
    else if (next !== null) items[next]?.focus();
    else return;
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  }
}
