// @ts-check
/**
 * What a key does in a tree, as the ARIA tree pattern has it.
 *
 * @typedef {{level: number, hasChildren: boolean, open: boolean, name: string}} KeyRow
 * @typedef {{readonly length: number, at(index: number): KeyRow | undefined}} KeyRows  a list, or what stands for one
 * @typedef {{kind: "move", index: number} | {kind: "open" | "close" | "details" | "siblings" | "leave"}} KeyAction
 */

import { rowByKey } from "../parts/list_keys.js";

/**
 * @param {string} key as in KeyboardEvent.key
 * @param {KeyRows} rows from top to bottom, without those inside closed ones
 * @param {number} index of the row that has the focus
 * @param {number} page rows that a page has
 * @returns {KeyAction | null} null where the key means nothing here
 */
export function keyAction(key, rows, index, page) {
  const row = rowAt(rows, index);
  if (row === null) return null;
  const next = rowByKey(key, index, rows.length, page);
  if (next !== null) return { kind: "move", index: next };
  switch (key) {
    case "ArrowRight":
      if (row.hasChildren && !row.open) return { kind: "open" };
      return row.hasChildren ? moveTo(index + 1, rows) : null;
    case "ArrowLeft":
      if (row.hasChildren && row.open) return { kind: "close" };
      return row.level > 1 ? moveTo(rowAround(rows, index), rows) : null;
    case "Enter":
    case " ": return { kind: "details" };
    case "*": return { kind: "siblings" };
    case "Escape": return { kind: "leave" };
    default: return key.length === 1 ? nextNamed(key, rows, index) : null;
  }
}

/** @param {KeyRows} rows @param {number} index @returns {KeyRow | null} */
function rowAt(rows, index) {
  return index >= 0 && index < rows.length ? (rows.at(index) ?? null) : null;
}

/** @param {number} index @param {KeyRows} rows @returns {KeyAction} */
function moveTo(index, rows) {
  return { kind: "move", index: Math.min(Math.max(index, 0), rows.length - 1) };
}

/** @param {KeyRows} rows @param {number} index */
function rowAround(rows, index) {
  const level = rowAt(rows, index)?.level ?? 1;
  let around = index - 1;
  while (around > 0 && (rowAt(rows, around)?.level ?? 1) >= level) around -= 1;
  return around;
}

/** The next row, round the end, whose name begins with a letter. @param {string} letter
 * @param {KeyRows} rows @param {number} index @returns {KeyAction | null} */
function nextNamed(letter, rows, index) {
  const lower = letter.toLowerCase();
  for (let step = 1; step < rows.length; step += 1) {
    const at = (index + step) % rows.length;
    if (rowAt(rows, at)?.name.toLowerCase().startsWith(lower)) return { kind: "move", index: at };
  }
  return null;
}
