// @ts-check
/**
 * The document of a run as the views draw it (see workbench/live/state.py), kept up to date by frames of operations.
 *
 * @typedef {"waiting" | "streaming" | "done" | "failed" | "cancelled"} Status
 * @typedef {{type: string, message: string, traceback: string}} RunError
 * @typedef {{id: string, name: string, type: string, tags: string[], metadata: Record<string, unknown>,
 *   status: Status, input: unknown, start_time: string | null, first_chunk_time: string | null,
 *   end_time: string | null, streamed_output: unknown[], final_output: unknown, error: RunError | null,
 *   usage: Record<string, number> | null, events: {name: string, data: unknown}[],
 *   parent?: string | null, logs?: Record<string, Run>, item?: number | null, call?: Call | null}} Run
 * @typedef {{model: string | null, input_tokens: number | null, output_tokens: number | null,
 *   total_tokens: number | null, first_token_s: number | null, tokens_per_s: number | null,
 *   gap_s: {p50: number, p95: number, max: number} | null, cost_usd: number | null, cached: boolean}} Call
 * @typedef {{status: Status, runs: Run[]}} State
 * @typedef {import("./patch.js").Operation} Operation
 * @typedef {[number | number[], ...unknown[]]} ShortAppend
 * @typedef {{e?: number, a: number, b: number, t?: number, ops: (Operation | ShortAppend)[]}} Frame
 */

import { FrameStore } from "./frame_store.js";
import { markedPath, plainPath } from "./ordered_keys.js";
import { applyOperation, plainOperations, valueAt } from "./patch.js";

const MOST_OPERATIONS = 200_000;

/** The document before anything has run. @returns {State} */
export function emptyState() {
  return { status: "waiting", runs: [] };
}

/** @extends {FrameStore<State, Frame>} */
export class Store extends FrameStore {
  /** @param {(have: number) => void} askForSnapshot */
  constructor(askForSnapshot = () => {}) {
    super(emptyState(), askForSnapshot);
    /** @type {Map<number, string>} paths that have a number in frames */
    this._names = new Map();
    /** @type {Operation[]} */
    this._log = [];
    this._dropped = 0;
  }

  get isOver() {
    return this.state.status !== "waiting" && this.state.status !== "streaming";
  }

  /** @param {any} state @returns {state is State} */
  isState(state) {
    return typeof state?.status === "string" && Array.isArray(state?.runs);
  }

  /** @param {any} frame @returns {frame is Frame} */
  isFrame(frame) {
    return super.isFrame(frame) && Array.isArray(frame.ops);
  }

  /** @param {Frame} frame */
  apply(frame) {
    /** @type {Set<string>} */
    const touched = new Set();
    for (const operation of frame.ops) this._apply(operation, touched);
    return touched.has("") ? null : touched;
  }

  /** @param {import("./frame_store.js").AnySnapshot} snapshot @param {boolean} isSameRun */
  taken(snapshot, isSameRun) {
    this._dropped = isSameRun ? Math.max(this._dropped + this._log.length, snapshot.seq) : snapshot.seq;
    this._log = [];
    this._names = new Map(Object.entries(snapshot.names ?? {}).map(([number, path]) => [Number(number), path]));
  }

  /** The operations as they came, as far as they are kept, and how many came before them. The list is the
   * store's own and grows; one append has all that one frame added to a path. */
  get operations() {
    return { dropped: this._dropped, operations: this._log };
  }

  /** Plain JSON Patch (RFC 6902) from the empty document to this one: operation by operation, or in one where
   * not all of them are kept. @returns {Operation[]} */
  patchLog() {
    if (this._dropped > 0) return [{ op: "replace", path: "", value: this.state }];
    return plainOperations(this._log, emptyState()).map((each) => ({ ...each, path: plainPath(each.path) }));
  }

  /** @param {Operation | ShortAppend} packed @param {Set<string>} touched */
  _apply(packed, touched) {
    if (Array.isArray(packed)) {
      const [numbers, ...values] = packed;
      for (const number of Array.isArray(numbers) ? numbers : [numbers]) {
        const path = this._names.get(number);
        if (path === undefined) throw new Error(`no path has the number ${number}`);
        this._applyPlain({ op: "append", path, values }, touched);
      }
      return;
    }
    const { as: number, ...operation } = /** @type {Operation & {as?: unknown}} */ (packed);
    if (typeof number === "number") this._names.set(number, operation.path);
    this._applyPlain("joined" in operation ? withText(this.state, operation) : operation, touched);
  }

  /** @param {Operation} operation @param {Set<string>} touched */
  _applyPlain(operation, touched) {
    if (operation.path === "" && operation.op !== "test" && !this.isState(operation.value)) throw new Error("not a document");
    const path = markedPath(this.state, operation.path);
    const here = path === operation.path ? operation : { ...operation, path };
    touched.add(applyOperation(this, here));
    this._log.push(kept(here));
    if (this._log.length > MOST_OPERATIONS) this._dropped += this._log.splice(0, MOST_OPERATIONS / 4).length;
  }
}

/** An operation that stays as it came while its value grows in the document. @param {Operation} operation */
function kept(operation) {
  const { value } = operation;
  return value !== null && typeof value === "object" ? { ...operation, value: structuredClone(value) } : operation;
}

/** The text of a final output that was left out of its operation (see ``wire.py``), put back.
 * @param {State} state @param {Operation & {joined?: unknown}} operation @returns {Operation} */
function withText(state, { joined, ...operation }) {
  const streamed = valueAt({ state }, `${operation.path.slice(0, operation.path.lastIndexOf("/"))}/streamed_output`);
  const text = streamed.join("");
  const value = joined === "" ? text : { .../** @type {object} */ (operation.value), content: text };
  return { ...operation, value };
}
