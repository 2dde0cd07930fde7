// @ts-check
/**
 * The runs as the data they are: the state as JSON, and the operations that made it, as they came.
 *
 * Nothing is made before it is looked at, the state is drawn anew at most twice a second, and of the
 * operations only the lines in view are in the page.
 */

import { JsonView, jsonView } from "../content/json_view.js";
import { visibleText } from "../content/visible_text.js";
import { jsonText, plainPath } from "../data/ordered_keys.js";
import { preview } from "../data/values.js";
import { copyButton } from "../parts/copy_button.js";
import { element, makeButton, scrollRegion, setText, withRole } from "../parts/elements.js";
import { makeListBox } from "../parts/list_keys.js";
import { VirtualRows } from "../parts/virtual_rows.js";

/** @typedef {import("../data/store.js").Operation} Operation */
/** @typedef {import("../data/store.js").Run} Run */
/** @typedef {import("../data/store.js").State} State */
/** @typedef {{a: number, ops: Operation[]}} LoggedFrame */

const REDRAW_MS = 500;
const LINE_PX = 20;
const MOST_LINES_PX = 420;
const LONGEST_COPY = 5_000_000;

/** The state as JSON, of the selected run or of all. */
export class StatePane {
  constructor() {
    this._whole = true;
    this._one = makeButton("wb-quiet", "Selected run", () => this._choose(false), "Only the run that is selected in the tree");
    this._all = makeButton("wb-quiet", "Whole state", () => this._choose(true), "The state of all runs");
    const copy = copyButton("Copy", "Copy this JSON", () => this._text());
    this._scroll = scrollRegion("wb-raw-scroll", "State as JSON");
    this.el = element("div", "wb-raw", element("div", "wb-raw-bar", this._all, this._one, copy), this._scroll);
    /** @type {State | null} */
    this._state = null;
    /** @type {Run | null} */
    this._run = null;
    /** @type {JsonView | null} */
    this._view = null;
    /** @type {unknown} */
    this._shown = undefined;
    this._drawnAt = -Infinity;
    /** @type {ReturnType<typeof setTimeout> | null} */
    this._later = null;
  }

  close() {
    if (this._later !== null) clearTimeout(this._later);
    this._later = null;
  }

  /** @param {State} state @param {Run | null} run */
  update(state, run) {
    this._state = state;
    this._run = run;
    const wait = this._drawnAt + REDRAW_MS - performance.now();
    if (wait <= 0 || this._value() !== this._shown) this._draw();
    else this._later ??= setTimeout(() => this._draw(), wait);
  }

  /** @param {boolean} whole */
  _choose(whole) {
    this._whole = whole;
    this._draw();
  }

  _value() {
    return this._whole || !this._run ? this._state : this._run;
  }

  _draw() {
    this.close();
    this._drawnAt = performance.now();
    const value = this._value();
    this._one.disabled = this._run === null;
    this._all.setAttribute("aria-pressed", String(value === this._state));
    this._one.setAttribute("aria-pressed", String(value !== this._state));
    if (this._view && value === this._shown) this._view.update(value);
    else {
      this._view = new JsonView(value, { open: value === this._state ? 3 : 2 });
      this._scroll.replaceChildren(this._view.el);
    }
    this._shown = value;
  }

  _text() {
    const text = jsonText(this._value(), 2);
    return text.length > LONGEST_COPY ? jsonText(this._value()) : text;
  }
}

/** The operations, one line each, and the chosen one in full. */
export class PatchesPane {
  /** @param {() => {dropped: number, operations: ArrayLike<Operation>}} read what came so far */
  constructor(read) {
    this._read = read;
    this._count = element("span", "wb-count");
    const copy = copyButton("Copy", "Copy the operations as JSON", () => this._text());
    this._rows = new VirtualRows({
      rowPx: LINE_PX,
      maxPx: MOST_LINES_PX,
      follow: true,
      make: () => new PatchLine(),
      fill: (line, operation, index) => line.show(operation, this._first + index, index === this._chosen),
      keyOf: (_, index) => String(this._first + index),
    });
    makeListBox(this._rows, "JSON Patch operations", () => this._chosen, (index) => this._choose(index));
    this._rows.list.addEventListener("click", (event) => this._onClick(event));
    this._full = element("div", "wb-raw-full");
    this._full.hidden = true;
    this.el = element("div", "wb-raw", element("div", "wb-raw-bar", this._count, copy), this._rows.el, this._full);
    this._first = 0;
    this._chosen = -1;
  }

  close() {
    this._rows.close();
  }

  update() {
    const { dropped, operations } = this._read();
    if (dropped !== this._first) this._chosen = this._chosen < 0 ? -1 : Math.max(this._chosen + this._first - dropped, -1);
    this._first = dropped;
    const left = dropped > 0 ? ` (${dropped.toLocaleString("en")} earlier ones not kept)` : "";
    setText(this._count, `${operations.length.toLocaleString("en")} operations${left}`);
    this._rows.kept = this._chosen;
    this._rows.setItems(operations);
  }

  /** @param {MouseEvent} event */
  _onClick(event) {
    const line = event.target instanceof Element ? event.target.closest(".wb-patch") : null;
    if (line instanceof HTMLElement) this._choose(Number(line.dataset.number) - this._first);
  }

  /** @param {number} index */
  _choose(index) {
    this._chosen = index;
    this._rows.kept = index;
    this._rows.refillAll();
    this._rows.reveal(index);
    const operation = this._rows.items[index];
    this._full.hidden = operation === undefined;
    if (operation !== undefined) this._full.replaceChildren(jsonView({ ...operation, path: plainPath(operation.path) }, { open: 3 }));
  }

  _text() {
    const operations = Array.from(this._read().operations, (each) => ({ ...each, path: plainPath(each.path) }));
    return jsonText(operations, 1);
  }
}

class PatchLine {
  constructor() {
    this._number = element("span", "wb-patch-number");
    this._op = element("span", "wb-patch-op");
    this._path = element("span", "wb-patch-path");
    this._value = element("span", "wb-patch-value");
    this.el = withRole(element("div", "wb-patch", this._number, this._op, this._path, this._value), "option");
  }

  /** @param {Operation} operation @param {number} number @param {boolean} chosen */
  show(operation, number, chosen) {
    this.el.dataset.number = String(number);
    this.el.setAttribute("aria-selected", String(chosen));
    setText(this._number, String(number + 1));
    setText(this._op, operation.op);
    this._op.dataset.op = operation.op;
    setText(this._path, visibleText(plainPath(operation.path)));
    setText(this._value, valueText(operation));
  }
}

/** The value on one line, without writing out all of a large one. @param {Operation} operation */
function valueText(operation) {
  const value = operation.op === "append" ? operation.values : operation.value;
  if (value === undefined) return "";
  const shallow = JSON.stringify(value, function (_, inner) {
    if (typeof inner === "string") return inner.slice(0, 120);
    if (Array.isArray(inner)) return inner.slice(0, 12);
    return inner !== null && typeof inner === "object" && this !== null && !("" in this) && inner.logs ? { ...inner, logs: {} } : inner;
  });
  return visibleText(preview((shallow ?? "").replaceAll('"\u2060', '"'), 160));
}
