// @ts-check
/** Where the keys lead in a list of rows, and among buttons that are walked in a ring. */

import { withRole } from "./elements.js";

/** A key that was followed means nothing to the page around. @param {KeyboardEvent} event */
export function takeKey(event) {
  event.preventDefault();
  event.stopPropagation();
}

/** The row that a key leads to; null where it leads to none.
 * @param {string} key as in KeyboardEvent.key @param {number} at the row now, -1: none
 * @param {number} count @param {number} page rows that a page has */
export function rowByKey(key, at, count, page) {
  /** @type {Record<string, number>} */
  const rows = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: count - 1 };
  return count > 0 && Object.hasOwn(rows, key) ? Math.min(Math.max(rows[key], 0), count - 1) : null;
}

/** The button that a key leads to, from the last on to the first; null where it leads to none.
 * @param {string} key @param {number} at @param {number} count @param {[back: string, on: string]} arrows */
export function buttonByKey(key, at, count, [back, on]) {
  /** @type {Record<string, number>} */
  const buttons = { [on]: (at + 1) % count, [back]: (at - 1 + count) % count, Home: 0, End: count - 1 };
  return Object.hasOwn(buttons, key) ? buttons[key] : null;
}

/** Make rows a list of which one is chosen (the ARIA list box pattern).
 * @param {import("./virtual_rows.js").VirtualRows<any, any>} rows @param {string} label
 * @param {() => number} chosen the index now, -1: none @param {(index: number) => void} onChoose */
export function makeListBox(rows, label, chosen, onChoose) {
  const list = withRole(rows.list, "listbox", label);
  list.tabIndex = 0;
  list.addEventListener("keydown", (event) => {
    const index = rowByKey(event.key, chosen(), rows.items.length, rows.page);
    if (index === null) return;
    takeKey(event);
    onChoose(index);
  });
}
