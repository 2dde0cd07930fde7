// @ts-check
/** What the forms of a batch share: the order of its items, how many are many, and the label of one. */

import { visibleText } from "../content/visible_text.js";
import { itemNumber, shownStatus, statusGlyph } from "../data/run_words.js";
import { inputLine } from "../data/values.js";
import { element, setText } from "../parts/elements.js";

/** @typedef {import("../data/store.js").Run} Run */
/** @typedef {import("../data/store.js").State} State */

/** More items have a list, and a grid of cards in view. */
export const MOST_TABS = 12;
export const PANE_PX = 330;

/** Numbers of the root runs in the order of the batch's items. @param {State} state */
export function itemOrder(state) {
  const places = state.runs.map((run, number) => (typeof run.item === "number" ? run.item : number));
  const numbers = places.map((_, number) => number);
  // Two batches under one view have items of the same number: those stay as they came.
  return new Set(places).size < places.length ? numbers : numbers.sort((a, b) => places[a] - places[b]);
}

/** @param {Run} run @param {number} place of a run that is no item of a batch */
export function labelNumber(run, place) {
  return itemNumber(run) ?? place + 1;
}

/** Whether something in the root has started. @param {Run} root */
function hasRuns(root) {
  for (const _ in root.logs) return true;
  return false;
}

/** Glyph, number and input of an item. */
export class ItemLabel {
  /** @param {HTMLElement} el */
  constructor(el) {
    this.el = el;
    this._glyph = element("span", "wb-glyph");
    this._number = element("span", "wb-item-number");
    this._input = element("bdi", "wb-item-input");
    el.append(this._glyph, this._number, this._input);
    this._id = "";
  }

  /** @param {Run} run @param {number} number */
  update(run, number) {
    if (this._id !== run.id) {
      this._id = run.id;
      setText(this._number, String(labelNumber(run, number)));
      setText(this._input, visibleText(inputLine(run.input) || run.name));
      this.el.title = visibleText(inputLine(run.input));
    }
    const status = shownStatus(run.status, hasRuns(run));
    if (this.el.dataset.status === status) return;
    this.el.dataset.status = status;
    setText(this._glyph, statusGlyph(status));
    this._glyph.title = status;
  }
}
