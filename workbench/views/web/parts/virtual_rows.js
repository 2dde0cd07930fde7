// @ts-check
/**
 * A long list of rows of one height, of which only those in and near the view are in the page.
 *
 * A row that leaves the view is used again for one that enters, so scrolling makes no garbage. The row that
 * has the focus stays in the page wherever the reader scrolls, and rows stand in the page in their order.
 */

import { element } from "./elements.js";
import { isAtEnd } from "./follow_tail.js";

const OVERSCAN_ROWS = 8;
const LIST_TAIL_PX = 8;

/** The rows from *first* up to *last* (not included) that are in or near the view.
 * @param {number} count @param {number} rowPx @param {number} scrollPx @param {number} viewPx */
export function visibleRange(count, rowPx, scrollPx, viewPx, overscan = OVERSCAN_ROWS) {
  const top = Math.min(Math.max(scrollPx, 0), Math.max(count * rowPx - viewPx, 0));
  const first = Math.max(Math.floor(top / rowPx) - overscan, 0);
  const last = Math.min(Math.ceil((top + viewPx) / rowPx) + overscan, count);
  return { first, last: Math.max(first, last) };
}

/** How far to scroll so that a row is in view; as far as now where it already is.
 * @param {number} index @param {number} rowPx @param {number} scrollPx @param {number} viewPx */
export function scrolledTo(index, rowPx, scrollPx, viewPx) {
  const top = index * rowPx;
  if (top < scrollPx) return top;
  return Math.max(scrollPx, top + rowPx - viewPx);
}

/**
 * @template {{el: HTMLElement}} R  a row in the page
 * @template T  what it shows
 */
export class VirtualRows {
  /** @param {{rowPx: number, maxPx: number, make: () => R, fill: (row: R, item: T, index: number) => void,
   *   keyOf: (item: T, index: number) => string, follow?: boolean}} options *follow* the tail */
  constructor(options) {
    this._options = options;
    this.list = element("div", "wb-rows-list");
    this.el = element("div", "wb-rows", this.list);
    this.el.style.maxHeight = `${options.maxPx}px`;
    /** @type {ArrayLike<T>} */
    this.items = [];
    /** @type {Map<string, {row: R, index: number}>} */
    this._shown = new Map();
    /** @type {R[]} */
    this._free = [];
    /** Of the row that stays in the page out of view. @type {number} */
    this.kept = -1;
    this._scrollPx = 0;
    this._viewPx = 0;
    this._follow = options.follow === true;
    this.el.addEventListener("scroll", () => this._onScroll(), { passive: true });
    this._observer = typeof ResizeObserver === "undefined" ? null : new ResizeObserver(() => this._onResize());
    this._observer?.observe(this.el);
  }

  close() {
    this._observer?.disconnect();
  }

  /** @param {number} px the most that the view is high */
  setMostPx(px) {
    this._options.maxPx = px;
    this.el.style.maxHeight = `${px}px`;
    this._markScrolling();
    this.draw();
  }

  /** @param {ArrayLike<T>} items */
  setItems(items) {
    this.items = items;
    const height = `${items.length * this._options.rowPx}px`;
    if (this.list.style.height !== height) this.list.style.height = height;
    this._markScrolling();
    if (this._follow) this.el.scrollTop = this._scrollPx = Math.max(items.length * this._options.rowPx - this.viewPx, 0);
    for (const shown of this._shown.values()) shown.index = -1;
    this.draw();
  }

  /** Room for a scrollbar is kept only where there is one. */
  _markScrolling() {
    const room = this.el.dataset.sized ? this._viewPx : this._options.maxPx;
    this.el.classList.toggle("wb-scrolls", this.items.length * this._options.rowPx > room);
  }

  /** Height of the view, known before the browser has laid it out. */
  get viewPx() {
    const wanted = Math.min(this.items.length * this._options.rowPx, this._options.maxPx);
    return Math.max(this._viewPx, wanted);
  }

  /** Rows in the page are those in view, and the kept one. */
  draw() {
    const { rowPx, keyOf } = this._options;
    const { first, last } = visibleRange(this.items.length, rowPx, this._scrollPx, this.viewPx);
    /** @type {number[]} */
    const indices = [];
    for (let index = first; index < last; index += 1) indices.push(index);
    if (this.kept >= 0 && this.kept < first) indices.unshift(this.kept);
    if (this.kept >= last && this.kept < this.items.length) indices.push(this.kept);
    const wanted = new Set(indices.map((index) => keyOf(this.items[index], index)));
    for (const [key, shown] of this._shown) {
      if (wanted.has(key)) continue;
      this._shown.delete(key);
      shown.row.el.remove();
      this._free.push(shown.row);
    }
    /** @type {ChildNode | null} */
    let cursor = this.list.firstChild;
    for (const index of indices) {
      const { el } = this._place(index);
      if (el === cursor) cursor = cursor.nextSibling;
      else this.list.insertBefore(el, cursor);
    }
  }

  /** Fill the row of a key anew if it is in the page. @param {string} key */
  refill(key) {
    const shown = this._shown.get(key);
    if (shown) this._options.fill(shown.row, this.items[shown.index], shown.index);
  }

  refillAll() {
    for (const { row, index } of this._shown.values()) this._options.fill(row, this.items[index], index);
  }

  /** @param {string} key @returns {R | undefined} */
  rowOf(key) {
    return this._shown.get(key)?.row;
  }

  /** Rows in the page, in no order. */
  *rows() {
    for (const { row } of this._shown.values()) yield row;
  }

  /** @param {number} index */
  reveal(index) {
    const { rowPx } = this._options;
    const target = scrolledTo(index, rowPx, this.el.scrollTop, this.el.clientHeight || this.viewPx);
    if (target !== this.el.scrollTop) this.el.scrollTop = target;
    this._scrollPx = this.el.scrollTop;
    this.draw();
  }

  /** Rows that a page has. */
  get page() {
    return Math.max(Math.floor(this.viewPx / this._options.rowPx) - 1, 1);
  }

  /** @param {number} index @returns {R} */
  _place(index) {
    const { rowPx, keyOf, make, fill } = this._options;
    const key = keyOf(this.items[index], index);
    const shown = this._shown.get(key);
    const row = shown?.row ?? this._free.pop() ?? make();
    if (shown?.index !== index) {
      row.el.style.top = `${index * rowPx}px`;
      this._shown.set(key, { row, index });
      fill(row, this.items[index], index);
    }
    return row;
  }

  _onScroll() {
    this._scrollPx = this.el.scrollTop;
    if (this._options.follow) this._follow = isAtEnd(this.el, LIST_TAIL_PX);
    this.draw();
  }

  _onResize() {
    this._viewPx = this.el.clientHeight;
    this._scrollPx = this.el.scrollTop;
    this._markScrolling();
    this.draw();
  }
}
