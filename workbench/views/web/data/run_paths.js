// @ts-check
/**
 * Where a run is in the document, and the few things that every view asks of a run.
 *
 * A run is known by its path: ``/runs/0`` for a root, ``/runs/0/logs/my_llm`` for a run inside it, with the
 * key escaped as RFC 6901 says.
 */

import { escapeKey, unescapeKey } from "./patch.js";
import { isRecord } from "./values.js";

/** @typedef {import("./store.js").Run} Run */
/** @typedef {import("./store.js").State} State */

/** The number of the root run, the path of the run, and the field of it, as touched.
 * @param {string} path @returns {{row: string, number: number, field: string} | null} */
export function place(path) {
  const parts = path.split("/");
  if (parts[1] !== "runs" || parts.length < 3) return null;
  const nested = parts[3] === "logs" && parts.length > 4;
  return {
    row: parts.slice(0, nested ? 5 : 3).join("/"),
    number: Number(parts[2]),
    field: parts[nested ? 5 : 3] ?? "",
  };
}

/** @param {State} state @param {string} path @returns {Run | undefined} */
export function runAt(state, path) {
  const [, , number, , key] = path.split("/");
  const root = state.runs[Number(number)];
  if (key === undefined || !root?.logs) return key === undefined ? root : undefined;
  const name = unescapeKey(key);
  return Object.hasOwn(root.logs, name) ? root.logs[name] : undefined;
}

/** All runs with their paths, each root before those in it. @param {State} state
 * @returns {Generator<[path: string, run: Run, isRoot: boolean]>} */
export function* runsOf(state) {
  for (const [number, root] of state.runs.entries()) {
    yield [`/runs/${number}`, root, true];
    for (const [key, run] of entriesOf(root.logs ?? {})) yield [`/runs/${number}/logs/${escapeKey(key)}`, run, false];
  }
}

/** The path of the run around one, null of a root. @param {string} path @param {Run} run */
export function pathAround(path, run) {
  const root = path.split("/", 3).join("/");
  if (path === root) return null;
  return typeof run.parent === "string" ? `${root}/logs/${escapeKey(run.parent)}` : root;
}

/** Output tokens of a run: as the model counted them, else the pieces of text it streamed. @param {Run} run */
export function tokenCount(run) {
  const counted = run.call?.output_tokens ?? run.usage?.output_tokens;
  if (typeof counted === "number") return counted;
  const { streamed_output: chunks } = run;
  return chunks.length > 0 && typeof chunks[chunks.length - 1] !== "string" ? 0 : chunks.length;
}

/** @param {Run} run */
export function isRunning(run) {
  return !run.end_time;
}

/** What a run has given so far: all its text, the value of its last chunk, or what it ended with.
 * @param {Run} run @returns {unknown} */
export function outputOf(run) {
  const { streamed_output: chunks, final_output: output } = run;
  if (output !== null && output !== undefined) return output;
  if (chunks.length === 0) return null;
  return chunks.every((chunk) => typeof chunk === "string") ? chunks.join("") : chunks[chunks.length - 1];
}

/** The way from a failed root down to the step whose error it ended with, as paths; empty where none failed.
 * @param {State} state @param {number} number of the root run @returns {string[]} */
export function failedPath(state, number) {
  const root = state.runs[number];
  if (root?.status !== "failed") return [];
  const paths = [`/runs/${number}`];
  const logs = entriesOf(isRecord(root.logs) ? root.logs : {});
  let around = "";
  // The last one: of several attempts that failed of the same, it is the one that decided.
  for (;;) {
    const inner = logs.findLast(
      ([, run]) => (run.parent ?? "") === around && run.status === "failed" && run.error?.message === root.error?.message,
    );
    if (!inner || paths.length > logs.length) return paths;
    around = inner[0];
    paths.push(`/runs/${number}/logs/${escapeKey(inner[0])}`);
  }
}

/** The entries of a log in the order in which they came: an object puts keys that look like numbers first.
 * @param {Record<string, any>} logs @returns {[string, any][]} */
export function entriesOf(logs) {
  const entries = Object.entries(logs);
  if (!entries.some(([key]) => isIndex(key))) return entries;
  return entries.sort(([, one], [, other]) => (one?.place ?? 0) - (other?.place ?? 0));
}

/** @param {string} key */
function isIndex(key) {
  const first = key.charCodeAt(0);
  return first >= 48 && first <= 57 && /^\d+$/.test(key);
}
