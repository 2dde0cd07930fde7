// @ts-check
/**
 * The document of a run as the views draw it, kept up to date by frames (see workbench/tracing/live.py).
 *
 * A frame applies only where the last one ended. After anything else (a lost message, an operation that
 * does not fit the document) the store asks for a snapshot, again and again but ever more slowly, and
 * ignores frames until it comes. It also asks when a run falls silent: what was lost may have been the
 * last there was to say. Values from the wire are never trusted: paths reach own properties only.
 *
 * @typedef {"waiting" | "streaming" | "done" | "failed" | "cancelled"} Status
 * @typedef {{type: string, message: string, traceback: string}} RunError
 * @typedef {{id: string, name: string, type: string, tags: string[], metadata: Record<string, unknown>,
 *   status: Status, input: unknown, start_time: string | null, first_chunk_time: string | null,
 *   end_time: string | null, streamed_output: unknown[], final_output: unknown, error: RunError | null,
 *   usage: Record<string, number> | null, events: {name: string, data: unknown}[],
 *   parent?: string | null, logs?: Record<string, Run>}} Run
 * @typedef {{status: Status, runs: Run[]}} State
 * @typedef {{op: string, path: string, value?: unknown, values?: unknown[]}} Operation
 * @typedef {{a: number, b: number, t?: number, ops: Operation[]}} Frame
 * @typedef {{seq: number, state: State, t?: number}} Snapshot
 * @typedef {(touched: Set<string> | null) => void} Subscriber  paths that changed; null: everything did
 */

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
    if (frame.b <= this.seq && !this._behind) return "old";
    if (frame.a !== this.seq || this._behind) return this._resync();
    /** @type {Set<string>} */
    const touched = new Set();
    try {
      for (const operation of frame.ops) touched.add(applyOperation(this, operation));
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
    if (!this._behind && snapshot.seq <= this.seq) return false;
    this.state = structuredClone(snapshot.state); // the model keeps the original, we change ours in place
    this.seq = snapshot.seq;
    this._behind = false;
    this._retries = 0;
    if (this._retry !== null) clearTimeout(this._retry);
    this._retry = null;
    this._listen(SILENCE_MS);
    this._tell(null);
    return true;
  }

  close() {
    if (this._retry !== null) clearTimeout(this._retry);
    if (this._silence !== null) clearTimeout(this._silence);
    this._retry = null;
    this._subscribers.clear();
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

/**
 * Apply one operation to ``holder.state`` in place; returns the path it changed, "-" made a number.
 * Throws where RFC 6902 says it is an error.
 * @param {{state: any}} holder @param {Operation} operation @returns {string}
 */
export function applyOperation(holder, operation) {
  const { op, path, value } = operation;
  const keys = pointer(path);
  if (op === "append") {
    const list = keys.reduce(child, holder.state);
    if (!Array.isArray(list) || !Array.isArray(operation.values)) throw new Error(`cannot append to ${path}`);
    for (const item of operation.values) list.push(item);
    return path;
  }
  if (op !== "add" && op !== "replace") throw new Error(`unknown operation ${op} on ${path}`);
  if (value === undefined) throw new Error(`${op} without a value on ${path}`);
  const key = keys.pop();
  if (key === undefined) {
    if (!isState(value)) throw new Error("not a document");
    holder.state = value;
    return "";
  }
  const parent = keys.reduce(child, holder.state);
  if (!Array.isArray(parent)) {
    if (op === "replace") child(parent, key);
    put(parent, key, value);
    return path;
  }
  const index = op === "add" && key === "-" ? parent.length : position(key);
  if (index >= parent.length + (op === "add" ? 1 : 0)) throw new Error(`no item ${path}`);
  parent.splice(index, op === "add" ? 0 : 1, value);
  return key === "-" ? `${path.slice(0, -1)}${index}` : path;
}

/** The keys of a JSON pointer (RFC 6901). @param {unknown} path @returns {string[]} */
export function pointer(path) {
  if (path === "") return [];
  if (typeof path !== "string" || path[0] !== "/") throw new Error(`not a JSON pointer: ${path}`);
  return path.slice(1).split("/").map(unescapeKey);
}

/** @param {string} key */
export function unescapeKey(key) {
  return key.includes("~") ? key.replaceAll("~1", "/").replaceAll("~0", "~") : key;
}

/** @param {string} key */
export function escapeKey(key) {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** @param {any} parent @param {string} key */
function child(parent, key) {
  if (Array.isArray(parent)) {
    const index = position(key);
    if (index < parent.length) return parent[index];
  } else if (parent !== null && typeof parent === "object" && Object.hasOwn(parent, key)) {
    return parent[key];
  }
  throw new Error(`no member ${key}`);
}

/** @param {any} parent @param {string} key @param {unknown} value */
function put(parent, key, value) {
  if (parent === null || typeof parent !== "object") throw new Error(`no object for ${key}`);
  if (key === "__proto__") {
    // A step may have this name; an assignment would change the prototype.
    Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    parent[key] = value;
  }
}

/** @param {string} key */
function position(key) {
  if (!/^(0|[1-9]\d*)$/.test(key)) throw new Error(`not an index: ${key}`);
  return Number(key);
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
