// @ts-check
/**
 * A text that grows by its end, at the same cost per frame however long it is.
 *
 * The text sits in blocks of bounded length. Only the last one changes, so that the browser measures no other
 * again; those out of sight are not drawn at all (``content-visibility`` in the style sheet). A block ends after
 * a line, or, in a line without an end, at a space.
 */

import { element } from "../parts/elements.js";

const BLOCK_CHARACTERS = 4_000;
const LONGEST_BLOCK_CHARACTERS = 8_000;

export class GrowingText {
  /** @param {HTMLElement} el where the text goes */
  constructor(el) {
    this.el = el;
    el.replaceChildren();
    /** @type {Text | null} */
    this._last = null;
  }

  /** @param {string} text */
  append(text) {
    let rest = text;
    while (rest !== "") {
      const last = this._last ?? this._addBlock();
      const end = blockEnd(rest, last.length);
      last.appendData(rest.slice(0, end));
      if (end === rest.length && last.length < LONGEST_BLOCK_CHARACTERS && !isFull(last)) return;
      rest = rest.slice(end);
      this._last = null;
    }
  }

  _addBlock() {
    this._last = document.createTextNode("");
    this.el.append(element("span", "wb-text-block", this._last));
    return this._last;
  }
}

/** @param {Text} node */
function isFull(node) {
  return node.length >= BLOCK_CHARACTERS && node.data.endsWith("\n");
}

/** How much of *text* still goes into a block that holds *length* characters. Exported for its test.
 * @param {string} text @param {number} length */
export function blockEnd(text, length) {
  if (length + text.length < BLOCK_CHARACTERS) return text.length;
  const line = text.indexOf("\n", Math.max(BLOCK_CHARACTERS - length - 1, 0));
  const room = LONGEST_BLOCK_CHARACTERS - length;
  if (line >= 0 && line < room) return line + 1;
  if (text.length < room) return text.length;
  const space = text.lastIndexOf(" ", room - 1);
  if (space > 0) return space + 1;
  // Not between the halves of a character.
  const splits = room > 1 && (text.charCodeAt(room - 1) & 0xfc00) === 0xd800;
  return Math.max(splits ? room - 1 : room, 1);
}
