// @ts-check
/**
 * The items of a batch: one at a time beside a list of all, or in a grid.
 *
 * Few items have tabs and a grid of their own height. Many have a list with a search and a grid of cards, both
 * with only those in the page that are in view.
 */

import { visibleText } from "../content/visible_text.js";
import { itemNumber, shownStatus, statusGlyph } from "../data/run_words.js";
import { counted, inputLine } from "../data/values.js";
import { element, makeButton, scrollRegion, setAttribute, setText, withRole } from "../parts/elements.js";
import { FollowTail } from "../parts/follow_tail.js";
import { buttonByKey, makeListBox, takeKey } from "../parts/list_keys.js";
import { VirtualRows } from "../parts/virtual_rows.js";
import { ItemView } from "./item_view.js";

/** @typedef {import("../data/store.js").Run} Run */
/** @typedef {import("../data/store.js").State} State */
/** @typedef {import("./output.js").TextMode} TextMode */
/** @typedef {"grid" | "tabs"} Arrangement */

export const MOST_TABS = 12;
const LIST_ROW_PX = 26;
const CARD_ROW_PX = 140;
const CARD_WIDTH_PX = 250;
const PANE_PX = 330;

let batches = 0;

/** Numbers of the root runs in the order of the batch's items. @param {State} state */
export function itemOrder(state) {
  const places = state.runs.map((run, number) => (typeof run.item === "number" ? run.item : number));
  const numbers = places.map((_, number) => number);
  // Two batches under one view have items of the same number: those stay as they came.
  return new Set(places).size < places.length ? numbers : numbers.sort((a, b) => places[a] - places[b]);
}

/** @param {Run} run @param {number} place of a run that is no item of a batch */
function labelNumber(run, place) {
  return itemNumber(run) ?? place + 1;
}

/** Whether something in the root has started. @param {Run} root */
function hasRuns(root) {
  for (const _ in root.logs) return true;
  return false;
}

/** Glyph, number and input of an item. */
class ItemLabel {
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
class ItemGrid {
  /** @param {TextMode} mode */
  constructor(mode) {
    this.el = element("div", "wb-grid");
    this.mode = mode;
    /** @type {Map<number, Card>} cards in the page, by root run */
    this._cards = new Map();
    /** @type {State} */
    this._state = { status: "waiting", runs: [] };
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

/** One item, chosen by tabs or from a list. */
class ItemTabs {
  /** @param {TextMode} mode @param {(number: number) => void} onSelect */
  constructor(mode, onSelect) {
    this.mode = mode;
    this._onSelect = onSelect;
    batches += 1;
    this._id = `wb-item-${batches}-${Math.random().toString(36).slice(2, 8)}`;
    this.tabs = withRole(element("div", "wb-tabs"), "tablist", "Items of the batch");
    this.tabs.addEventListener("keydown", (event) => this._onKey(event));
    this.view = new ItemView(mode);
    this.panel = withRole(element("div", "wb-panel", this.view.el), "tabpanel");
    this.panel.id = `${this._id}-panel`;
    this.el = element("div", "wb-tabbed", this.tabs, this.panel);
    this.selected = -1;
    /** @type {State} */
    this._state = { status: "waiting", runs: [] };
    /** @type {number[]} */
    this._order = [];
    /** @type {Map<number, ItemLabel>} */
    this._tabs = new Map();
    /** @type {ItemList | null} */
    this._list = null;
  }

  close() {
    this._list?.close();
  }

  get views() {
    return [this.view];
  }

  /** @param {State} state @param {number[]} order @param {Iterable<number> | null} touched */
  paint(state, order, touched) {
    this._state = state;
    if (order !== this._order) this._arrange(order);
    if (this.selected < 0 && order.length > 0) this.select(order[0]);
    const all = touched === null ? new Set(order) : new Set(touched);
    for (const number of all) this._tabs.get(number)?.update(state.runs[number], number);
    this._list?.refill(all);
    if (all.has(this.selected)) this.view.update(state, this.selected);
  }

  /** @param {number} number */
  select(number) {
    if (number === this.selected) return;
    this.selected = number;
    this.view = new ItemView(this.mode);
    this.panel.replaceChildren(this.view.el);
    this.view.update(this._state, number);
    for (const [own, label] of this._tabs) {
      setAttribute(label.el, "aria-selected", String(own === number));
      label.el.tabIndex = own === number ? 0 : -1;
    }
    this.panel.setAttribute("aria-label", `Item ${labelNumber(this._state.runs[number], number)}`);
    this._list?.select(number);
    this._onSelect(number);
  }

  /** @param {number[]} order */
  _arrange(order) {
    this._order = order;
    if (order.length <= MOST_TABS) {
      for (const number of order) this.tabs.append(this._tab(number).el);
      return;
    }
    if (!this._list) {
      this._tabs.clear();
      this._list = new ItemList((number) => this.select(number));
      this.tabs.replaceWith(this._list.el);
      this.el.classList.add("wb-listed");
      this.panel.setAttribute("role", "region");
    }
    this._list.show(this._state, order);
    this._list.select(this.selected);
  }

  /** @param {number} number */
  _tab(number) {
    let label = this._tabs.get(number);
    if (!label) {
      const tab = withRole(makeButton("wb-tab", "", () => this.select(number)), "tab");
      tab.setAttribute("aria-controls", this.panel.id);
      tab.setAttribute("aria-selected", "false");
      tab.tabIndex = -1;
      label = new ItemLabel(tab);
      label.update(this._state.runs[number], number);
      this._tabs.set(number, label);
    }
    return label;
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    const at = this._order.indexOf(this.selected);
    const next = buttonByKey(event.key, at, this._order.length, ["ArrowLeft", "ArrowRight"]);
    if (next === null) return;
    takeKey(event);
    this.select(this._order[next]);
    this._tabs.get(this.selected)?.el.focus();
  }
}

/** All items as rows, with a search over their inputs. */
class ItemList {
  /** @param {(number: number) => void} onSelect */
  constructor(onSelect) {
    this._search = element("input", "wb-search");
    this._search.type = "search";
    this._search.placeholder = "Find an item";
    this._search.setAttribute("aria-label", "Find an item by its number, input or status");
    this._search.addEventListener("input", () => this._filter());
    this._count = withRole(element("div", "wb-note wb-list-count"), "status");
    this._onSelect = onSelect;
    /** @type {State} */
    this._state = { status: "waiting", runs: [] };
    /** @type {number[]} */
    this._order = [];
    /** @type {number[]} */
    this._shown = [];
    this.selected = -1;
    this._prefix = `wb-option-${Math.random().toString(36).slice(2, 8)}`;
    /** @type {VirtualRows<ItemLabel, number>} */
    this._rows = new VirtualRows({
      rowPx: LIST_ROW_PX,
      maxPx: PANE_PX - 62,
      make: () => this._makeRow(),
      fill: (row, number, index) => this._fill(row, number, index),
      keyOf: (number) => String(number),
    });
    const at = () => this._shown.indexOf(this.selected);
    makeListBox(this._rows, "Items of the batch", at, (index) => onSelect(this._shown[index]));
    this.el = element("div", "wb-item-list", this._search, this._rows.el, this._count);
  }

  close() {
    this._rows.close();
  }

  /** @param {State} state @param {number[]} order */
  show(state, order) {
    this._state = state;
    this._order = order;
    this._filter();
  }

  /** @param {Set<number>} numbers */
  refill(numbers) {
    for (const number of numbers) this._rows.refill(String(number));
  }

  /** @param {number} number */
  select(number) {
    const before = this.selected;
    this.selected = number;
    this._rows.refill(String(before));
    this._rows.refill(String(number));
    const index = this._shown.indexOf(number);
    if (index >= 0 && before !== number) this._rows.reveal(index);
    setAttribute(this._rows.list, "aria-activedescendant", index >= 0 ? `${this._prefix}-${number}` : null);
  }

  _filter() {
    const wanted = this._search.value.trim().toLowerCase();
    const matches = (/** @type {number} */ number) => {
      const run = this._state.runs[number];
      return `${labelNumber(run, number)} ${run.status} ${inputLine(run.input)}`.toLowerCase().includes(wanted);
    };
    this._shown = wanted ? this._order.filter(matches) : this._order;
    const of = wanted ? ` of ${this._order.length.toLocaleString("en")}` : "";
    setText(this._count, counted(this._shown.length, "item") + of);
    this._rows.setItems(this._shown);
  }

  _makeRow() {
    const el = withRole(element("div", "wb-option"), "option");
    el.addEventListener("click", () => this._onSelect(Number(el.dataset.number)));
    return new ItemLabel(el);
  }

  /** @param {ItemLabel} row @param {number} number @param {number} index */
  _fill(row, number, index) {
    row.update(this._state.runs[number], number);
    row.el.dataset.number = String(number);
    setAttribute(row.el, "id", `${this._prefix}-${number}`);
    setAttribute(row.el, "aria-selected", String(number === this.selected));
    setAttribute(row.el, "aria-setsize", String(this._shown.length));
    setAttribute(row.el, "aria-posinset", String(index + 1));
  }
}

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
