// @ts-check
/** The items of a batch as cards side by side: all of few, and of many those in view. */

import { emptyState } from "../data/store.js";
import { element, scrollRegion, setAttribute } from "../parts/elements.js";
import { FollowTail } from "../parts/follow_tail.js";
import { VirtualRows } from "../parts/virtual_rows.js";
import { ItemLabel, MOST_TABS, PANE_PX, labelNumber } from "./batch_items.js";
import { ItemView } from "./item_view.js";

/** @typedef {import("../data/store.js").State} State */
/** @typedef {import("./output.js").TextMode} TextMode */

const CARD_ROW_PX = 140;
const CARD_WIDTH_PX = 250;

/** One item of the grid. */
class Card {
  /** @param {TextMode} mode */
  constructor(mode) {
    this.label = new ItemLabel(element("div", "wb-item-head"));
    this.view = new ItemView(mode);
    this.body = scrollRegion("wb-card-body", "", this.view.el);
    this.el = element("div", "wb-card", this.label.el, this.body);
    this._tail = new FollowTail(this.body);
  }

  /** @param {State} state @param {number} number */
  update(state, number) {
    this.label.update(state.runs[number], number);
    setAttribute(this.body, "aria-label", `Output of item ${labelNumber(state.runs[number], number)}`);
    this.view.update(state, number);
    this._tail.update(!state.runs[number].end_time);
  }
}

/** Cards of all items; of many, those in view. */
export class ItemGrid {
  /** @param {TextMode} mode */
  constructor(mode) {
    this.el = element("div", "wb-grid");
    this.mode = mode;
    /** @type {Map<number, Card>} cards in the page, by root run */
    this._cards = new Map();
    this._state = emptyState();
    /** @type {VirtualRows<{el: HTMLElement}, number[]> | null} */
    this._rows = null;
    this._columns = 0;
    this._observer = new ResizeObserver(() => this._onResize());
    this._observer.observe(this.el);
    /** @type {number[]} */
    this._order = [];
  }

  close() {
    this._observer.disconnect();
    this._rows?.close();
  }

  get views() {
    return [...this._cards.values()].map((card) => card.view);
  }

  /** @param {State} state @param {number[]} order @param {Iterable<number> | null} touched */
  paint(state, order, touched) {
    this._state = state;
    if (order !== this._order) this._arrange(order);
    for (const number of touched ?? this._cards.keys()) this._cards.get(number)?.update(state, number);
  }

  /** @param {number[]} order */
  _arrange(order) {
    this._order = order;
    if (order.length > MOST_TABS) return this._arrangeRows();
    for (const [place, number] of order.entries()) {
      const card = this._card(number);
      if (this.el.children[place] !== card.el) this.el.insertBefore(card.el, this.el.children[place] ?? null);
    }
  }

  /** @param {number} number */
  _card(number) {
    let card = this._cards.get(number);
    if (!card) {
      card = new Card(this.mode);
      this._cards.set(number, card);
      card.update(this._state, number);
    }
    return card;
  }

  _arrangeRows() {
    this._rows ??= this._makeRows();
    this._columns = this._columns || this._fitting();
    const rows = [];
    for (let at = 0; at < this._order.length; at += this._columns) rows.push(this._order.slice(at, at + this._columns));
    this._rows.setItems(rows);
  }

  /** @returns {VirtualRows<{el: HTMLElement}, number[]>} */
  _makeRows() {
    this._cards.clear();
    this.el.replaceChildren();
    this.el.classList.add("wb-grid-rows");
    /** @type {VirtualRows<{el: HTMLElement}, number[]>} */
    const rows = new VirtualRows({
      rowPx: CARD_ROW_PX,
      maxPx: PANE_PX,
      make: () => ({ el: /** @type {HTMLElement} */ (element("div", "wb-grid-row")) }),
      fill: (row, numbers) => this._fillRow(row.el, numbers),
      keyOf: (numbers) => numbers.join(),
    });
    this.el.append(rows.el);
    return rows;
  }

  /** @param {HTMLElement} el @param {number[]} numbers */
  _fillRow(el, numbers) {
    el.style.setProperty("--wb-columns", String(this._columns));
    const before = (el.dataset.items ?? "").split(",").filter(Boolean).map(Number);
    el.dataset.items = numbers.join();
    for (const number of before) {
      const card = this._cards.get(number);
      if (numbers.includes(number) || card?.el.parentNode !== el) continue;
      this._cards.delete(number);
    }
    el.replaceChildren(...numbers.map((number) => this._card(number).el));
  }

  _fitting() {
    return Math.max(1, Math.floor((this.el.clientWidth || 3 * CARD_WIDTH_PX) / CARD_WIDTH_PX));
  }

  _onResize() {
    const columns = this._fitting();
    if (columns === this._columns || !this._rows) return;
    this._columns = columns;
    this._arrangeRows();
  }
}
