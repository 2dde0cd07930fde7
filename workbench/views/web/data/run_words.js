// @ts-check
/** How a run is written: glyphs and words of its type and status, its numbers, and a label for screen readers. */

import { isRunning, tokenCount } from "./run_paths.js";
import { counted, duration, isModel, time } from "./values.js";

/** @typedef {import("./store.js").Run} Run */

/** @type {Record<string, string>} shapes, so that colour is not needed to tell them apart */
const STATUS_GLYPHS = { waiting: "○", running: "▹", streaming: "▸", done: "✓", failed: "✕", cancelled: "■" };

/** @type {Record<string, [string, string]>} glyph and words */
const RUN_TYPES = {
  chain: ["»", "chain"],
  chat_model: ["M", "chat model"],
  llm: ["M", "model"],
  prompt: ["P", "prompt"],
  parser: ["{}", "parser"],
  retriever: ["R", "retriever"],
  tool: ["T", "tool"],
};

/** The status for the eye: a run that waits for one in it is at work. @param {string} status
 * @param {boolean} busy whether something in it has started */
export function shownStatus(status, busy) {
  return status === "waiting" && busy ? "running" : status;
}

/** @param {string} status */
export function statusGlyph(status) {
  return Object.hasOwn(STATUS_GLYPHS, status) ? STATUS_GLYPHS[status] : "?";
}

/** @param {string} type */
export function typeGlyph(type) {
  return Object.hasOwn(RUN_TYPES, type) ? RUN_TYPES[type][0] : "·";
}

/** @param {string} type */
export function typeWords(type) {
  return Object.hasOwn(RUN_TYPES, type) ? RUN_TYPES[type][1] : type;
}

/** What a run took, or has taken until now. @param {Run} run @param {number} now */
export function tookText(run, now) {
  return duration((isRunning(run) ? now : time(run.end_time)) - time(run.start_time));
}

/** Tokens of a run, "" where a count says nothing: of steps that pass on something else than text.
 * @param {Run} run */
export function tokensText(run) {
  const count = tokenCount(run);
  return (isModel(run) ? count > 0 : count > 1) ? count.toLocaleString("en") : "";
}

/** The number of a batch's item, from 1; null of other runs. @param {Run} run */
export function itemNumber(run) {
  return typeof run.item === "number" ? run.item + 1 : null;
}

/** A run as a screen reader says it. Numbers that still move are left out: they would be read out again and again.
 * @param {Run} run @param {readonly string[]} branches @param {string} status */
export function spokenLabel(run, branches, status) {
  const number = itemNumber(run);
  const item = number === null ? [] : [`item ${number}`];
  const words = [...item, ...branches, run.name, typeWords(run.type), status];
  if (!isRunning(run)) {
    words.push(spokenDuration(time(run.end_time) - time(run.start_time)));
    if (isModel(run) && tokenCount(run) > 0) words.push(counted(tokenCount(run), "token"));
  }
  if (run.error && run.status === "failed") words.push(run.error.type);
  return words.filter(Boolean).join(", ");
}

/** @param {number} ms */
function spokenDuration(ms) {
  return duration(ms)
    .replace("<1 ms", "under 1 millisecond")
    .replace(/ ms$/, " milliseconds")
    .replace(" min ", " minutes ")
    .replace(/ s$/, " seconds");
}
