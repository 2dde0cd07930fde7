// @ts-check
/**
 * JSON to read: pretty-printed, collapsible, drawn as far as it is open, and updated in place as it grows.
 *
 * Lists and objects show their first hundred members and long texts their beginning, until the reader asks
 * for more, so that what is drawn stays small whatever the value.
 */

import { plainKey } from "../data/ordered_keys.js";
import { counted } from "../data/values.js";
import { element, makeButton, setText } from "../parts/elements.js";
import { visibleText } from "./visible_text.js";

const MEMBERS_SHOWN = 100;
const CHARACTERS_SHOWN = 2_000;
const PREVIEW_MEMBERS = 4;

/** @typedef {{open?: number | boolean}} JsonOptions  levels that start open; true: all */

/** A value as nodes that open and close. @param {unknown} value @param {JsonOptions} [options]
 * @returns {HTMLElement} */
export function jsonView(value, options = {}) {
  return new JsonView(value, options).el;
}

/** The same, for a value that changes. */
export class JsonView {
  /** @param {unknown} value @param {JsonOptions} [options] */
  constructor(value, { open = 2 } = {}) {
    this.el = element("div", "wb-json-view");
    this.el.dir = "ltr";
    this._open = open === true ? Infinity : Number(open);
    this._node = makeNode(null, value, this._open);
    this.el.append(this._node.el);
  }

  /** Draw what differs from before; what the reader opened stays open. @param {unknown} value */
  update(value) {
    this._node = updated(this._node, null, value, this._open);
  }
}

/** @typedef {Leaf | Branch} JsonNode */

/** @param {string | null} key @param {unknown} value @param {number} open @returns {JsonNode} */
function makeNode(key, value, open) {
  return isContainer(value) ? new Branch(key, value, open) : new Leaf(key, value);
}

/** *node* with another value, or the node that takes its place.
 * @param {JsonNode} node @param {string | null} key @param {unknown} value @param {number} open @returns {JsonNode} */
function updated(node, key, value, open) {
  if (node instanceof Branch ? isContainer(value) && Array.isArray(value) === node.isList : !isContainer(value)) {
    node.update(/** @type {any} */ (value));
    return node;
  }
  const other = makeNode(key, value, open);
  node.el.replaceWith(other.el);
  return other;
}

class Leaf {
  /** @param {string | null} key @param {unknown} value */
  constructor(key, value) {
    this._text = document.createTextNode("");
    this._value = element("span", "wb-json-value", this._text);
    this.el = element("div", "wb-json-leaf", keyNode(key), this._value);
    this._more = new MoreButton(this.el, () => {
      this._limit = Infinity;
      this._draw();
    });
    this._limit = CHARACTERS_SHOWN;
    this._full = "";
    this.update(value);
  }

  /** @param {unknown} value */
  update(value) {
    const kind = value === null || value === undefined ? "null" : typeof value;
    if (this._value.dataset.kind !== kind) this._value.dataset.kind = kind;
    if (kind === "string") this._value.dir = "auto";
    else this._value.removeAttribute("dir");
    this._full = kind === "null" ? "null" : String(value);
    this._draw();
  }

  _draw() {
    const shown = visibleText(this._full.slice(0, this._limit));
    const before = this._text.data;
    if (shown !== before) {
      if (before && shown.startsWith(before)) this._text.appendData(shown.slice(before.length));
      else this._text.data = shown;
    }
    this._more.show(this._full.length - this._limit, " characters");
  }
}

class Branch {
  /** @param {string | null} key @param {Record<string, unknown> | unknown[]} value @param {number} open levels */
  constructor(key, value, open) {
    this.isList = Array.isArray(value);
    this._value = value;
    this._childrenOpen = Math.max(open - 1, 0);
    this._limit = MEMBERS_SHOWN;
    /** @type {Map<string, JsonNode>} */
    this._children = new Map();
    this._preview = element("span", "wb-json-preview");
    this._body = element("div", "wb-json-members");
    const summary = element("summary", "wb-json-summary", keyNode(key), this._preview);
    this.el = element("details", "wb-json-branch", summary, this._body);
    this.el.open = open > 0;
    this.el.addEventListener("toggle", () => this._draw());
    this._more = new MoreButton(this._body, () => {
      this._limit += MEMBERS_SHOWN;
      this._draw();
    });
    this._draw();
  }

  /** @param {Record<string, unknown> | unknown[]} value */
  update(value) {
    this._value = value;
    this._draw();
  }

  _draw() {
    const count = memberCount(this._value);
    this.el.classList.toggle("wb-json-empty", count === 0);
    setText(this._preview, this.el.open ? sizeText(count, this.isList) : previewOf(this._value, count));
    if (!this.el.open) return;
    let number = 0;
    for (const key in this._value) {
      if (!Object.hasOwn(this._value, key)) continue;
      if (number >= this._limit) break;
      this._drawMember(key, /** @type {any} */ (this._value)[key]);
      number += 1;
    }
    if (this._children.size > number) this._dropLost();
    this._more.show(count - number);
  }

  /** @param {string} key @param {unknown} value */
  _drawMember(key, value) {
    const known = this._children.get(key);
    if (known) {
      const now = updated(known, key, value, this._childrenOpen);
      if (now !== known) this._children.set(key, now);
      return;
    }
    const node = makeNode(key, value, this._childrenOpen);
    this._children.set(key, node);
    this._body.insertBefore(node.el, this._more.el);
  }

  _dropLost() {
    for (const [key, node] of this._children) {
      if (Object.hasOwn(this._value, key)) continue;
      node.el.remove();
      this._children.delete(key);
    }
  }
}

/** @param {unknown} value @returns {value is Record<string, unknown> | unknown[]} */
function isContainer(value) {
  return value !== null && typeof value === "object";
}

/** @param {object} value */
function memberCount(value) {
  return Array.isArray(value) ? value.length : Object.keys(value).length;
}

/** @param {number} count @param {boolean} isList */
function sizeText(count, isList) {
  if (count === 0) return isList ? "[]" : "{}";
  return counted(count, isList ? "item" : "key");
}

/** The first members on one line. @param {Record<string, unknown> | unknown[]} value @param {number} count */
function previewOf(value, count) {
  const shown = [];
  for (const key in value) {
    if (shown.length === PREVIEW_MEMBERS) break;
    const item = /** @type {any} */ (value)[key];
    const text = isContainer(item) ? (Array.isArray(item) ? "[…]" : "{…}") : JSON.stringify(shortened(item)) ?? "";
    shown.push(visibleText(Array.isArray(value) ? text : `${plainKey(key)}: ${text}`));
  }
  const inner = shown.join(", ") + (count > shown.length ? ", …" : "");
  return Array.isArray(value) ? `[${inner}]` : `{${inner}}`;
}

/** @param {unknown} value */
function shortened(value) {
  return typeof value === "string" && value.length > 40 ? `${value.slice(0, 39)}…` : value;
}

/** @param {string | null} key null: of a value that is in nothing */
function keyNode(key) {
  return key === null ? "" : element("bdi", "wb-json-key", visibleText(plainKey(key)));
}

/** A button that is there only while something is left out. */
class MoreButton {
  /** @param {HTMLElement} place whose last child it is @param {() => void} onClick */
  constructor(place, onClick) {
    this._place = place;
    this._onClick = onClick;
    /** @type {HTMLButtonElement | null} */
    this.el = null;
  }

  /** @param {number} left how much is left out @param {string} [unit] */
  show(left, unit = "") {
    if (left <= 0) {
      this.el?.remove();
      this.el = null;
      return;
    }
    if (this.el === null) this._place.append((this.el = makeButton("wb-json-more", "", this._onClick)));
    setText(this.el, `… ${left.toLocaleString("en")} more${unit}`);
  }
}
