// @ts-check
/** A switch between a few choices, as a group of buttons of which one is pressed. */

import { element, makeButton, setAttribute, setText, withRole } from "./elements.js";

export class Segments {
  /** @param {string} label for screen readers @param {[string, string, string][]} choices value, text, tooltip
   * @param {(value: string) => void} onChoose */
  constructor(label, choices, onChoose) {
    this.el = withRole(element("div", "wb-segments"), "group", label);
    this.value = "";
    /** @type {Map<string, HTMLButtonElement>} */
    this._buttons = new Map();
    for (const [value, text, title] of choices) {
      const button = makeButton("wb-segment", text, () => {
        this.choose(value);
        onChoose(value);
      }, title);
      this._buttons.set(value, button);
      this.el.append(button);
    }
  }

  /** Show a value as chosen. @param {string} value */
  choose(value) {
    this.value = value;
    for (const [own, button] of this._buttons) setAttribute(button, "aria-pressed", String(own === value));
  }

  /** @param {string} value @param {string} text */
  rename(value, text) {
    const button = this._buttons.get(value);
    if (button) setText(button, text);
  }
}
