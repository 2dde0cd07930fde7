// @ts-check
/**
 * The document of a comparison as the timeline draws it (see workbench/timing/timeline/timeline.py), kept up to date by
 * frames. After a gap it asks for a snapshot, again and again but ever more slowly, until one comes.
 *
 * @typedef {[lane: number, item: number, step: number, start: number, first: number | null, end: number | null,
 *   status: string]} Bar  times in milliseconds since the case began
 * @typedef {{round: number | null, left_out: number, open: boolean, at: number, lanes: number,
 *   ideal_s: number | null, steps: [name: string, type: string][], bars: Bar[]}} Picture
 * @typedef {{label: string, chain: string, strategy: string, max_concurrency: number | null, items: number,
 *   samples: number[], ideal_s: number | null, peak: number | null, efficiency: number | null}} Case
 * @typedef {{done?: number, total?: number, doing?: string, elapsed_s?: number, left_s?: number | null}} Progress
 * @typedef {{seq: number, status: string, now: number | null, progress: Progress, cases: Case[],
 *   pictures: Record<string, Picture>}} Timeline
 */

const RETRY_MS = 700;
const LONGEST_RETRY_MS = 10_000;

export class TimelineStore {
  /** @param {() => void} askForSnapshot */
  constructor(askForSnapshot) {
    /** @type {Timeline} */
    this.state = { seq: 0, status: "waiting", now: null, progress: {}, cases: [], pictures: {} };
    /** When the last news came, on the clock of performance.now(). */
    this.newsAt = performance.now();
    this._askForSnapshot = askForSnapshot;
    this._behind = false;
    this._wait = RETRY_MS;
    /** @type {ReturnType<typeof setTimeout> | null} */
    this._retry = null;
    /** @type {Set<() => void>} */
    this._subscribers = new Set();
  }

  close() {
    if (this._retry !== null) clearTimeout(this._retry);
    this._subscribers.clear();
  }

  /** @param {() => void} subscriber @returns {() => void} ends the subscription */
  subscribe(subscriber) {
    this._subscribers.add(subscriber);
    return () => this._subscribers.delete(subscriber);
  }

  /** @param {any} frame @returns {"applied" | "old" | "gap"} */
  frame(frame) {
    if (frame?.b <= this.state.seq) return "old";
    if (frame?.a !== this.state.seq || this._behind) return this._resync();
    const { state } = this;
    if (frame.status !== undefined) state.status = frame.status;
    if (frame.now !== undefined) state.now = frame.now;
    if (frame.progress !== undefined) state.progress = frame.progress;
    for (const [number, told] of Object.entries(frame.cases ?? {})) state.cases[Number(number)] = told;
    for (const [number, changes] of Object.entries(frame.pictures ?? {})) this._picture(number, changes);
    state.seq = frame.b;
    this._tell();
    return "applied";
  }

  /** @param {any} snapshot */
  load(snapshot) {
    if (!Array.isArray(snapshot?.cases) || (snapshot.seq < this.state.seq && !this._behind)) return;
    this.state = structuredClone(snapshot); // the model keeps the original, we change ours in place
    this._behind = false;
    this._wait = RETRY_MS;
    if (this._retry !== null) clearTimeout(this._retry);
    this._retry = null;
    this._tell();
  }

  /** Milliseconds since the case of a picture began. @param {Picture} picture */
  clock(picture) {
    return picture.open ? picture.at + performance.now() - this.newsAt : picture.at;
  }

  /** @param {string} number @param {any} changes */
  _picture(number, { anew, bars, ...about }) {
    const kept = anew ? [] : (this.state.pictures[number]?.bars ?? []);
    for (const [at, bar] of Object.entries(bars)) kept[Number(at)] = bar;
    this.state.pictures[number] = { ...about, bars: kept };
  }

  /** @returns {"gap"} */
  _resync() {
    this._behind = true;
    if (this._retry !== null) return "gap";
    this._retry = setTimeout(() => {
      this._retry = null;
      if (this._behind) this._resync();
    }, this._wait);
    this._wait = Math.min(2 * this._wait, LONGEST_RETRY_MS);
    this._askForSnapshot();
    return "gap";
  }

  _tell() {
    this.newsAt = performance.now();
    for (const subscriber of this._subscribers) subscriber();
  }
}
