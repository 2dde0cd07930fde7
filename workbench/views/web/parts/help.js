// @ts-check
/** The keys of a view, on a card that a button or the key "?" opens. */

import { element, makeButton } from "./elements.js";
import { Popup } from "./popup.js";

/** @type {[string[], string][]} keys and what they do */
const KEYS = [
  [["↑", "↓"], "the step above, below"],
  [["→", "←"], "open, and into it; close, and out of it"],
  [["Home", "End"], "first, last step"],
  [["PgUp", "PgDn"], "a page of steps"],
  [["Enter"], "details of the step, or close them"],
  [["*"], "open all beside it"],
  [["A…Z"], "next step of that letter"],
  [["/"], "find steps; Enter there looks in inputs and outputs"],
  [["Esc"], "close the details, then show all steps"],
  [["?"], "this card"],
];

export class KeyHelp {
  constructor() {
    this.button = makeButton("wb-quiet wb-help-button", "?", () => this.toggle(), "Keys ( ? )");
    this.button.setAttribute("aria-label", "Keys");
    this._popup = new Popup(this.button, "dialog", "Keys of the tree");
    this.el = this._popup.el;
    this.el.classList.add("wb-help");
    this.el.tabIndex = -1;
    const list = element("dl", "wb-keys");
    for (const [keys, words] of KEYS) {
      const term = element("dt", "", ...keys.map((key) => element("kbd", "wb-key", key)));
      list.append(term, element("dd", "", words));
    }
    this.el.append(element("div", "wb-help-title", "Keys of the tree"), list);
    this.el.addEventListener("keydown", (event) => this._onKey(event));
    /** @type {HTMLElement} what had the focus before */
    this._before = this.button;
  }

  toggle() {
    if (this._popup.isOpen) {
      this._popup.close(this._before);
      return;
    }
    const { activeElement } = /** @type {Document | ShadowRoot} */ (this.button.getRootNode());
    this._before = activeElement instanceof HTMLElement ? activeElement : this.button;
    this._popup.open();
    this.el.focus({ preventScroll: true });
  }

  close() {
    this._popup.close();
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    event.stopPropagation();
    if (event.key === "Escape" || event.key === "?" || event.key === "Tab") this._popup.close(this._before);
    if (event.key === "Escape" || event.key === "?") event.preventDefault();
  }
}
