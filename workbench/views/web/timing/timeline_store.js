// @ts-check
/**
 * The document of a comparison as the timeline draws it (see workbench/timing/timeline/timeline.py), kept up to date by
 * frames that name what changed.
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

import { FrameStore } from "../data/frame_store.js";

/** @extends {FrameStore<Timeline, any>} */
export class TimelineStore extends FrameStore {
  /** @param {(have: number) => void} askForSnapshot */
  constructor(askForSnapshot = () => {}) {
    super({ seq: 0, status: "waiting", now: null, progress: {}, cases: [], pictures: {} }, askForSnapshot);
    /** When the last news came, on the clock of performance.now(). */
    this.newsAt = performance.now();
    this.subscribe(() => {
      this.newsAt = performance.now();
    });
  }

  get isRunning() {
    return this.state.status === "running";
  }

  get isOver() {
    return !this.isRunning && this.state.status !== "waiting";
  }

  /** @param {any} state @returns {state is Timeline} */
  isState(state) {
    return typeof state?.status === "string" && Array.isArray(state?.cases);
  }

  /** @param {any} frame */
  apply({ status, now, progress, cases = {}, pictures = {} }) {
    const { state } = this;
    if (status !== undefined) state.status = status;
    if (now !== undefined) state.now = now;
    if (progress !== undefined) state.progress = progress;
    for (const [number, changed] of Object.entries(cases)) state.cases[Number(number)] = changed;
    for (const [number, changes] of Object.entries(pictures)) this._picture(number, changes);
    return null;
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
}
