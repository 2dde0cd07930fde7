// @ts-check
/**
 * The document of a run as the views draw it, kept up to date by frames (see workbench/live/state.py).
 *
 * A frame applies only where the last one ended. After anything else (a lost message, an operation that
 * does not fit the document) the store asks for a snapshot, again and again but ever more slowly, and
 * ignores frames until it comes. It also asks when a run falls silent: what was lost may have been the
 * last there was to say. The frames of a view that has gone on to another run have a higher ``e``.
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
 * @typedef {{e?: number, seq: number, state: State, names?: Record<string, string>, t?: number}} Snapshot
 * @typedef {(touched: Set<string> | null) => void} Subscriber  paths that changed; null: everything did
 */

import { applyOperation, plainOperations, valueAt } from "./patch.js";

const MOST_OPERATIONS = 200_000;
const RETRY_MS = 700;
const LONGEST_RETRY_MS = 10_000;
const MOST_RETRIES = 12;
const SILENCE_MS = 3_000;
const LONGEST_SILENCE_MS = 60_000;

export class Store {
  /** @param {(have: number) => void} askForSnapshot */
  constructor(askForSnapshot = () => {}) {
    /** @type {State} */
    this.state = { status: "waiting", runs: [] };
    this.seq = 0;
    /** How many runs the view has shown before this one. */
    this.epoch = 0;
    /** @type {Map<number, string>} paths that have a number on the wire */
    this._names = new Map();
    /** @type {Operation[]} */
    this._log = [];
    this._dropped = 0;
    /** Milliseconds this clock is ahead of the sender's; the smallest seen, since delivery only adds. */
    this.clockOffset = 0;
    this.resyncs = 0;
    this._clockKnown = false;
    this._behind = false;
    this._askForSnapshot = askForSnapshot;
    /** @type {ReturnType<typeof setTimeout> | null} */
    this._retry = null;
    this._retries = 0;
    /** @type {ReturnType<typeof setTimeout> | null} */
    this._silence = null;
    /** @type {Set<Subscriber>} */
    this._subscribers = new Set();
  }

  /** @param {Subscriber} subscriber @returns {() => void} ends the subscription */
  subscribe(subscriber) {
    this._subscribers.add(subscriber);
    return () => this._subscribers.delete(subscriber);
  }

  /** @param {Frame} frame @returns {"applied" | "old" | "gap"} */
  frame(frame) {
    if (!isFrame(frame)) return this._resync();
    this._clock(frame.t);
    if (!this._isThisRun(frame)) return frame.e === undefined || frame.e < this.epoch ? "old" : this._resync();
    if (frame.b <= this.seq && !this._behind) return "old";
    if (frame.a !== this.seq || this._behind) return this._resync();
    /** @type {Set<string>} */
    const touched = new Set();
    try {
      for (const operation of frame.ops) this._apply(operation, touched);
    } catch (error) {
      console.warn("workbench: asking for the run's state anew:", error);
      return this._resync();
    }
    this.seq = frame.b;
    this._listen(SILENCE_MS);
    this._tell(touched.has("") ? null : touched);
    return "applied";
  }

  /** Take over a snapshot unless it is older than what is here. @param {Snapshot | undefined} snapshot */
  load(snapshot) {
    if (!isSnapshot(snapshot)) return false;
    this._clock(snapshot.t);
    const epoch = snapshot.e ?? this.epoch;
    if (epoch < this.epoch || (epoch === this.epoch && !this._behind && snapshot.seq <= this.seq)) return false;
    this.state = structuredClone(snapshot.state); // the model keeps the original, we change ours in place
    this.seq = snapshot.seq;
    this._dropped = epoch === this.epoch ? Math.max(this._dropped + this._log.length, snapshot.seq) : snapshot.seq;
    this._log = [];
    this.epoch = epoch;
    this._names = new Map(Object.entries(snapshot.names ?? {}).map(([number, path]) => [Number(number), path]));
    this._behind = false;
    this._retries = 0;
    if (this._retry !== null) clearTimeout(this._retry);
    this._retry = null;
    this._listen(SILENCE_MS);
    this._tell(null);
    return true;
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
    return plainOperations(this._log, { status: "waiting", runs: [] });
  }

  close() {
    if (this._retry !== null) clearTimeout(this._retry);
    if (this._silence !== null) clearTimeout(this._silence);
    this._retry = null;
    this._subscribers.clear();
  }

  /** Whether a frame is of the run that is shown, or of a new one from its beginning. @param {Frame} frame */
  _isThisRun(frame) {
    const epoch = frame.e ?? this.epoch;
    if (epoch <= this.epoch) return epoch === this.epoch;
    if (frame.a !== 0) return false;
    this.load({ e: epoch, seq: 0, state: { status: "waiting", runs: [] } });
    return true;
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
    if (operation.path === "" && operation.op !== "test" && !isState(operation.value)) throw new Error("not a document");
    touched.add(applyOperation(this, operation));
    this._log.push(kept(operation));
    if (this._log.length > MOST_OPERATIONS) this._dropped += this._log.splice(0, MOST_OPERATIONS / 4).length;
  }

  /** @returns {"gap"} */
  _resync() {
    this._behind = true;
    if (this._retry === null && this._retries < MOST_RETRIES) {
      const wait = Math.min(RETRY_MS * 2 ** this._retries, LONGEST_RETRY_MS);
      this._retries += 1;
      this.resyncs += 1;
      // The request or its answer may be lost as well, and after the last frame nothing else would notice.
      this._retry = setTimeout(() => {
        this._retry = null;
        if (this._behind) this._resync();
      }, wait);
      this._askForSnapshot(this.seq);
    }
    return "gap";
  }

  /** Ask for a snapshot if nothing comes for so long, then after twice as long. @param {number} wait */
  _listen(wait) {
    if (this._silence !== null) clearTimeout(this._silence);
    this._silence = null;
    if (this.state.runs.length === 0 || !["waiting", "streaming"].includes(this.state.status)) return;
    this._silence = setTimeout(() => {
      this._listen(Math.min(2 * wait, LONGEST_SILENCE_MS));
      if (!this._behind) this._askForSnapshot(this.seq);
    }, wait);
  }

  /** @param {Set<string> | null} touched */
  _tell(touched) {
    for (const subscriber of this._subscribers) subscriber(touched);
  }

  /** @param {number | undefined} sent */
  _clock(sent) {
    if (typeof sent !== "number") return;
    const ahead = Date.now() - sent;
    this.clockOffset = this._clockKnown ? Math.min(this.clockOffset, ahead) : ahead;
    this._clockKnown = true;
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

/** @param {any} frame @returns {frame is Frame} */
function isFrame(frame) {
  return (
    Number.isInteger(frame?.a) && Number.isInteger(frame?.b) && frame.a <= frame.b && Array.isArray(frame.ops)
  );
}

/** @param {any} snapshot @returns {snapshot is Snapshot} */
function isSnapshot(snapshot) {
  return Number.isInteger(snapshot?.seq) && isState(snapshot?.state);
}

/** @param {any} state */
function isState(state) {
  return typeof state?.status === "string" && Array.isArray(state?.runs);
}
