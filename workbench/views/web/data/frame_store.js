// @ts-check
/**
 * A document that is kept up to date by frames, each of which begins where the last one ended.
 *
 * After anything else (a lost message, a change that does not fit the document) the store asks for the whole document,
 * again and again but ever more slowly, and ignores frames until it comes. It also asks when nothing comes while
 * the document is under way: the last frame may have been lost. The frames of a view that has gone on to another
 * run have a higher ``e``.
 *
 * A subclass knows the document: ``isState``, ``isFrame``, ``apply`` and ``isOver``.
 *
 * @typedef {{e?: number, a: number, b: number, t?: number}} AnyFrame
 * @typedef {{e?: number, seq: number, state: unknown, names?: Record<string, string>, t?: number}} AnySnapshot
 * @typedef {(touched: Set<string> | null) => void} Subscriber  paths that changed; null: everything did
 */

const RETRY_MS = 700;
const LONGEST_RETRY_MS = 10_000;
/** A delivery later than this is none: one of the two clocks stood still, while a machine slept. */
const APART_MS = 5_000;
const SILENCE_MS = 3_000;
const LONGEST_SILENCE_MS = 60_000;

/** @template S @template {AnyFrame} F */
export class FrameStore {
  /** @param {S} empty the document before the first frame @param {(have: number) => void} askForSnapshot */
  constructor(empty, askForSnapshot) {
    this.state = empty;
    this.seq = 0;
    /** How many runs the view has shown before this one. */
    this.epoch = 0;
    /** Milliseconds that performance.now(), which nobody sets, is ahead of the sender's clock; the smallest seen,
     * since delivery only adds. Before anything came, as if both had the same time of day. */
    this.clockOffset = performance.now() - Date.now();
    this.resyncs = 0;
    this._empty = structuredClone(empty);
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

  /** Whether no change will come. @returns {boolean} */
  get isOver() {
    throw new Error("a subclass says");
  }

  /** @param {unknown} _state @returns {boolean} */
  isState(_state) {
    throw new Error("a subclass says");
  }

  /** @param {any} frame @returns {boolean} */
  isFrame(frame) {
    return Number.isInteger(frame?.a) && Number.isInteger(frame?.b) && frame.a <= frame.b;
  }

  /** Change the document. @param {F} _frame @returns {Set<string> | null} the paths that changed; null: everything */
  apply(_frame) {
    throw new Error("a subclass says");
  }

  /** Take over what else comes with a whole document. @param {AnySnapshot} _snapshot @param {boolean} _isSameRun */
  taken(_snapshot, _isSameRun) {}

  /** @param {Subscriber} subscriber @returns {() => void} ends the subscription */
  subscribe(subscriber) {
    this._subscribers.add(subscriber);
    return () => this._subscribers.delete(subscriber);
  }

  /** @param {any} frame @returns {"applied" | "old" | "gap"} */
  frame(frame) {
    if (!this.isFrame(frame)) return this._resync();
    this._clock(frame.t);
    if (!this._isThisRun(frame)) return frame.e === undefined || frame.e < this.epoch ? "old" : this._resync();
    if (frame.b <= this.seq && !this._behind) return "old";
    if (frame.a !== this.seq || this._behind) return this._resync();
    /** @type {Set<string> | null} */
    let touched;
    try {
      touched = this.apply(frame);
    } catch (error) {
      console.warn("workbench: asking for the run's state anew:", error);
      return this._resync();
    }
    this.seq = frame.b;
    this._listen(SILENCE_MS);
    this._tell(touched);
    return "applied";
  }

  /** Take over a whole document unless it is older than what is here. @param {any} snapshot */
  load(snapshot) {
    if (!Number.isInteger(snapshot?.seq) || !this.isState(snapshot.state)) return false;
    this._clock(snapshot.t);
    const epoch = snapshot.e ?? this.epoch;
    if (epoch < this.epoch || (epoch === this.epoch && !this._behind && snapshot.seq <= this.seq)) return false;
    this.taken(snapshot, epoch === this.epoch);
    this.state = structuredClone(snapshot.state); // the model keeps the original, we change ours in place
    this.seq = snapshot.seq;
    this.epoch = epoch;
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

  /** Whether a frame is of the run that is shown, or of a new one from its beginning. @param {F} frame */
  _isThisRun(frame) {
    const epoch = frame.e ?? this.epoch;
    if (epoch <= this.epoch) return epoch === this.epoch;
    if (frame.a !== 0) return false;
    this.load({ e: epoch, seq: 0, state: this._empty });
    return true;
  }

  /** The time on the sender's clock, in milliseconds since 1970. */
  get now() {
    return performance.now() - this.clockOffset;
  }

  /** @returns {"gap"} */
  _resync() {
    this._behind = true;
    if (this._retry === null) {
      const wait = Math.min(RETRY_MS * 2 ** this._retries, LONGEST_RETRY_MS);
      this._retries = Math.min(this._retries + 1, 16);
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

  /** Begin to suspect silence: the frames of a run that has not begun here may have been lost, all of them. */
  open() {
    if (this._silence === null) this._listen(SILENCE_MS);
  }

  /** Somebody looks again, or the kernel is there again: ask now, if something may be missing. */
  nudge() {
    if (this.isOver && !this._behind) return;
    if (this._retry !== null) clearTimeout(this._retry);
    this._retry = null;
    this._retries = 0;
    if (this._behind) this._resync();
    else this._askForSnapshot(this.seq);
  }

  /** Ask for the document if nothing comes for so long, then after twice as long. @param {number} wait */
  _listen(wait) {
    if (this._silence !== null) clearTimeout(this._silence);
    this._silence = null;
    if (this.isOver) return;
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
    const ahead = performance.now() - sent;
    const isLater = this._clockKnown && ahead > this.clockOffset && ahead - this.clockOffset < APART_MS;
    if (!isLater) this.clockOffset = ahead;
    this._clockKnown = true;
  }
}
