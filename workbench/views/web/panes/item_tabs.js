// @ts-check
/** One item of a batch at a time: chosen by tabs of few, and of many from a list with a search. */

import { emptyState } from "../data/store.js";
import { counted, inputLine } from "../data/values.js";
import { element, makeButton, setAttribute, setText, uniqueId, withRole } from "../parts/elements.js";
import { buttonByKey, makeListBox, takeKey } from "../parts/list_keys.js";
import { VirtualRows } from "../parts/virtual_rows.js";
import { ItemLabel, MOST_TABS, PANE_PX, labelNumber } from "./batch_items.js";
import { ItemView } from "./item_view.js";

/** @typedef {import("../data/store.js").State} State */
/** @typedef {import("./output.js").TextMode} TextMode */

const LIST_ROW_PX = 26;

/** One item, chosen by tabs or from a list. */
export class ItemTabs {
  /** @param {TextMode} mode @param {(number: number) => void} onSelect */
  constructor(mode, onSelect) {
    this.mode = mode;
    this._onSelect = onSelect;
    this.tabs = withRole(element("div", "wb-tabs"), "tablist", "Items of the batch");
    this.tabs.addEventListener("keydown", (event) => this._onKey(event));
    this.view = new ItemView(mode);
    this.panel = withRole(element("div", "wb-panel", this.view.el), "tabpanel");
    this.panel.id = uniqueId("wb-panel");
    this.el = element("div", "wb-tabbed", this.tabs, this.panel);
    this.selected = -1;
    this._state = emptyState();
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
    this._state = emptyState();
    /** @type {number[]} */
    this._order = [];
    /** @type {number[]} */
    this._shown = [];
    this.selected = -1;
    this._prefix = uniqueId("wb-option");
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
