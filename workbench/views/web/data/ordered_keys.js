// @ts-check
/**
 * Keys in their order. An object puts keys that are numbers first, so those in values of a run have a mark before
 * them (see ``ordered_keys.py``): it is taken off where a key is shown or saved.
 */

import { escapeKey, pointer } from "./patch.js";

const MARK = "\u2060";
const NEEDS_MARK = /^(\d+$|\u2060)/;
/** A path to something inside a run's field, with a key that may need a mark. */
const INSIDE_A_FIELD = /^\/runs\/\d+\/(logs\/[^/]*\/)?[a-z_]+\/(.*\/)?(\d|\u2060)/;
/** In JSON: a marked key. A quote inside a text has a backslash before it, and so has the one after it. */
const MARKED_KEY = /"\u2060(\d+|\u2060[^"\\]*)":/g;

/** A key as it is. @param {string} key */
export function plainKey(key) {
  return key.startsWith(MARK) ? key.slice(1) : key;
}

/** The members of a value, with their keys as they are, in order. @param {object} value @returns {[string, any][]} */
export function membersOf(value) {
  return Object.entries(value).map(([key, item]) => [plainKey(key), item]);
}

/** A value as JSON, with keys as they are. @param {unknown} value @param {number} [indent] @returns {string} */
export function jsonText(value, indent) {
  return (JSON.stringify(value, null, indent) ?? "").replace(MARKED_KEY, '"$1":');
}

/** A JSON pointer with keys as they are. @param {string} path */
export function plainPath(path) {
  return path.replaceAll(`/${MARK}`, "/");
}

/** A JSON pointer to the same place in *state*, where keys are marked. @param {any} state @param {string} path */
export function markedPath(state, path) {
  if (typeof path !== "string" || !INSIDE_A_FIELD.test(path)) return path;
  const keys = pointer(path);
  const first = keys[2] === "logs" ? 5 : 3;
  let parent = keys.slice(0, first).reduce((value, key) => value?.[key], state);
  for (let at = first; at < keys.length; at++) {
    if (parent !== null && typeof parent === "object" && !Array.isArray(parent) && NEEDS_MARK.test(keys[at])) keys[at] = MARK + keys[at];
    parent = parent !== null && typeof parent === "object" && Object.hasOwn(parent, keys[at]) ? parent[keys[at]] : undefined;
  }
  return keys.map((key) => `/${escapeKey(key)}`).join("");
}
