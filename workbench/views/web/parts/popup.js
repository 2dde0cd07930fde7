// @ts-check
/** A card beside the button that opens it. It closes on a press elsewhere, on scrolling, and when told. */

import { element, withRole } from "./elements.js";
import { scaleOf } from "./text_size.js";

export class Popup {
  /** @param {HTMLButtonElement} button @param {"menu" | "dialog"} role of the card @param {string} label for the ear */
  constructor(button, role, label) {
    this.button = button;
    this.el = withRole(element("div", "wb-popup"), role, label);
    if ("popover" in this.el) this.el.popover = "manual"; // above everything: the view clips what leaves it
    this.el.hidden = true;
    button.setAttribute("aria-haspopup", role);
    button.setAttribute("aria-expanded", "false");
    this._onOutside = (/** @type {Event} */ event) => {
      const target = /** @type {Node} */ (event.composedPath()[0]);
      if (!this.el.contains(target) && !button.contains(target)) this.close();
    };
  }

  get isOpen() {
    return !this.el.hidden;
  }

  open() {
    this.el.hidden = false;
    this.el.showPopover?.();
    const { top, bottom, right } = this.button.getBoundingClientRect();
    const { width, height } = this.el.getBoundingClientRect();
    const below = bottom + height + 4 <= window.innerHeight;
    const scale = scaleOf(this.button);
    this.el.style.left = `${Math.max(right - width, 4) / scale}px`;
    this.el.style.top = `${(below ? bottom + 3 : Math.max(top - height - 3, 4)) / scale}px`;
    this.button.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", this._onOutside, true);
    window.addEventListener("scroll", this._onOutside, true);
  }

  /** @param {HTMLElement | null} [focus] what gets the focus */
  close(focus = null) {
    if (!this.isOpen) return;
    this.el.hidePopover?.();
    this.el.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", this._onOutside, true);
    window.removeEventListener("scroll", this._onOutside, true);
    focus?.focus({ preventScroll: true });
  }
}
