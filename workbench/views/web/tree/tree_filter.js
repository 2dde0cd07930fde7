// @ts-check
/**
 * Which runs a reader asks for: by words, status, type and tag.
 *
 * The words are looked for, in any case, in a run's name, its branch and the type of its error; *deep* also
 * in what it got and gave. Every word must be found.
 *
 * @typedef {{text: string, deep: boolean, status: string, type: string, tag: string}} Query  "" for any
 */

import { membersOf } from "../data/ordered_keys.js";
import { outputOf } from "../data/run_paths.js";
import { branchesOf } from "../data/values.js";

/** @typedef {import("../data/store.js").Run} Run */

/** Tags that the engine sets itself; a menu of them would be as long as the tree. */
const OWN_TAG = /^(?:seq:step:|map:key:)/;

/** @type {Readonly<Query>} */
export const ANY_RUN = Object.freeze({ text: "", deep: false, status: "", type: "", tag: "" });

/** Whether it leaves anything out. @param {Query} query */
export function isFiltering(query) {
  return wordsOf(query.text).length > 0 || query.status !== "" || query.type !== "" || query.tag !== "";
}

/** @param {Run} run */
export function ownTags(run) {
  return run.tags.filter((tag) => !OWN_TAG.test(tag));
}

/** @param {string} text */
export function wordsOf(text) {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

/** @param {Query} query @param {Run} run */
export function matchesRun(query, run) {
  if (query.status !== "" && run.status !== query.status) return false;
  if (query.type !== "" && run.type !== query.type) return false;
  if (query.tag !== "" && !run.tags.includes(query.tag)) return false;
  const words = wordsOf(query.text);
  if (words.length === 0) return true;
  const label = [run.name, ...branchesOf(run), run.error?.type ?? ""].join("\n").toLowerCase();
  return words.every(
    (word) => label.includes(word) || (query.deep && (holdsText(run.input, word) || holdsText(outputOf(run), word))),
  );
}

/** Whether a text is anywhere in a value, in its keys as well. @param {unknown} value @param {string} word in lower case
 * @returns {boolean} */
function holdsText(value, word) {
  const waiting = [value];
  while (waiting.length > 0) {
    const item = waiting.pop();
    if (item !== null && typeof item === "object") {
      for (const [key, inner] of membersOf(item)) {
        if (!Array.isArray(item) && key.toLowerCase().includes(word)) return true;
        waiting.push(inner);
      }
    } else if (item !== null && item !== undefined && String(item).toLowerCase().includes(word)) {
      return true;
    }
  }
  return false;
}

/** Where the words are in a text, as pieces, found and not found in turn; the first is not.
 * @param {string} text @param {string[]} words in lower case @returns {string[]} */
export function markedPieces(text, words) {
  const lower = text.toLowerCase();
  if (lower.length !== text.length || words.length === 0) return [text]; // a letter that grew: places would be off
  /** @type {string[]} */
  const pieces = [];
  let from = 0;
  for (;;) {
    let start = -1;
    let length = 0;
    for (const word of words) {
      const at = lower.indexOf(word, from);
      if (at >= 0 && (start < 0 || at < start || (at === start && word.length > length))) {
        start = at;
        length = word.length;
      }
    }
    if (start < 0) return [...pieces, text.slice(from)];
    pieces.push(text.slice(from, start), text.slice(start, start + length));
    from = start + length;
  }
}
