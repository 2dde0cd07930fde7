// @ts-check
/**
 * The items of a batch: one at a time beside a list of all, or in a grid.
 *
 * Few items have tabs and a grid of their own height. Many have a list with a search and a grid of cards, both
 * with only those in the page that are in view.
 */

import { element } from "../parts/elements.js";
import { itemOrder } from "./batch_items.js";
import { ItemGrid } from "./item_grid.js";
import { ItemTabs } from "./item_tabs.js";

/** @typedef {import("../data/store.js").State} State */
/** @typedef {import("./output.js").TextMode} TextMode */
/** @typedef {"grid" | "tabs"} Arrangement */

export class BatchPane {
  /** @param {TextMode} mode @param {(number: number) => void} onSelect an item, in tabs */
  constructor(mode, onSelect) {
    this.el = element("div", "wb-batch");
    this._mode = mode;
    this._onSelect = onSelect;
    /** @type {Arrangement | ""} what is shown */
    this._arrangement = "";
    /** @type {ItemGrid | ItemTabs | null} */
    this._inner = null;
    /** @type {number[]} */
    this._order = [];
  }

  close() {
    this._inner?.close();
  }

  /** The chosen item; -1 in the grid. */
  get selected() {
    return this._inner instanceof ItemTabs ? this._inner.selected : -1;
  }

  get views() {
    return this._inner?.views ?? [];
  }

  /** @param {number} number of a root run; the grid shows them all */
  select(number) {
    if (this._inner instanceof ItemTabs && this._order.includes(number)) this._inner.select(number);
  }

  /** @param {TextMode} mode */
  setMode(mode) {
    this._mode = mode;
    if (this._inner) this._inner.mode = mode;
    for (const view of this.views) view.setMode(mode);
  }

  /** @param {State} state @param {Iterable<number> | null} touched @param {Arrangement} arrangement */
  paint(state, touched, arrangement) {
    const order = state.runs.length === this._order.length ? this._order : itemOrder(state);
    const anew = arrangement !== this._arrangement;
    if (anew) {
      this._inner?.close();
      this._arrangement = arrangement;
      this._inner = arrangement === "grid" ? new ItemGrid(this._mode) : new ItemTabs(this._mode, this._onSelect);
      this.el.replaceChildren(this._inner.el);
    }
    this._order = order;
    this._inner?.paint(state, order, anew ? null : touched);
  }
}
