// @ts-check
/**
 * Runs as bars on one time axis.
 *
 * The style sheet draws a bar from a run's own times and those of the axis, ``--wb-now`` and ``--wb-total``
 * (milliseconds after the first run began). These are set on each bar that is in the page: set on the pane,
 * they would have the style of all that is in it worked out again, ten times a second. A bar is light until
 * the first token and full from there on, with a mark between; a ghost below it is the same step in the run
 * that it is compared with.
 */

import { isRunning } from "../data/run_paths.js";
import { duration, time } from "../data/values.js";
import { element } from "../parts/elements.js";

/** @typedef {import("../data/store.js").Run} Run */
/** @typedef {{start: number, first: number, end: number}} Span milliseconds on an axis; NaN: not yet */
/** @typedef {{now: number, total: number, step: number}} Scale milliseconds on an axis: where the run is, its length, its ticks */

const MOST_TICKS = 5;
const MOST_MEASURED = 2_000;

/** The times of a run on an axis that begins at *origin*. @param {Run} run @param {number} origin @returns {Span} */
export function spanOf(run, origin) {
  return { start: time(run.start_time) - origin, first: time(run.first_chunk_time) - origin, end: time(run.end_time) - origin };
}

/** A round step for at most *most* ticks on an axis. @param {number} total @param {number} most */
export function tickStep(total, most = MOST_TICKS) {
  const rough = Math.max(total, 1) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((nice) => nice * power >= rough) ?? 10);
}

/** Milliseconds that a run spent on itself: without those in which a run inside it went on.
 * @param {Run} run @param {readonly Run[]} inside @param {number} now */
export function ownTime(run, inside, now) {
  const start = time(run.start_time);
  const end = run.end_time ? time(run.end_time) : now;
  const spans = inside.slice(0, MOST_MEASURED).map((inner) => [
    Math.max(time(inner.start_time), start),
    Math.min(inner.end_time ? time(inner.end_time) : now, end),
  ]);
  let covered = 0;
  let until = start;
  for (const [from, to] of spans.sort((a, b) => a[0] - b[0])) {
    covered += Math.max(to - Math.max(from, until), 0);
    until = Math.max(until, to);
  }
  return Math.max(end - start - covered, 0);
}

/** Ticks and their texts along the top. */
export class Axis {
  constructor() {
    this.el = element("span", "wb-axis");
    this._step = 0;
    this._count = 0;
  }

  /** @param {number} total @returns {number} the milliseconds from tick to tick */
  update(total) {
    this.el.style.setProperty("--wb-total", String(total));
    const step = tickStep(total);
    const count = Math.floor((total * 0.84) / step) + 1; // the last needs room for its text
    if (step === this._step && count === this._count) return step;
    this._step = step;
    this._count = count;
    this.el.replaceChildren();
    for (let number = 0; number < count; number += 1) {
      const tick = element("span", "wb-axis-tick", number === 0 ? "0" : axisText(number * step));
      tick.style.setProperty("--wb-at", String(number * step));
      this.el.append(tick);
    }
    return step;
  }
}

/** The bar of one run. */
export class Track {
  constructor() {
    this._stream = element("span", "wb-bar-stream");
    this._mark = element("span", "wb-bar-mark");
    this._ghost = element("span", "wb-bar-ghost");
    this.el = element("span", "wb-track", this._ghost, element("span", "wb-bar"), this._stream, this._mark);
    /** @type {Map<string, number | null>} what the style has: setting the same again would be worked out again */
    this._times = new Map();
  }

  /** @param {Run} run @param {number} origin @param {Span | null} ghost of the run it is compared with */
  show(run, origin, ghost) {
    const { start, first, end } = spanOf(run, origin);
    const streams = !Number.isNaN(first) && (isRunning(run) || run.streamed_output.length > 1);
    this._stream.hidden = this._mark.hidden = !streams;
    this.el.classList.toggle("wb-waits", streams || isRunning(run));
    this._set({ start, first, end: Number.isNaN(end) ? null : end });
    this._ghost.hidden = ghost === null;
    this._set({ "ghost-start": ghost?.start ?? null, "ghost-end": ghost?.end ?? null });
    const words = [`started at ${start < 1 ? "0 ms" : duration(start)}`];
    if (!Number.isNaN(end)) words.push(`took ${duration(end - start)}`);
    if (streams) words.push(`first token after ${duration(first - start)}`);
    const took = ghost ? ghost.end - ghost.start : NaN;
    if (!Number.isNaN(took)) words.push(`pinned run: ${duration(took) || "0 ms"}${difference(end - start - took)}`);
    const title = words.join("\n");
    if (this.el.title !== title) this.el.title = title;
  }

  /** @param {Scale} scale */
  scale({ now, total, step }) {
    this._set({ now, total, step });
  }

  /** @param {Record<string, number | null>} times null and NaN: none */
  _set(times) {
    for (const [name, value] of Object.entries(times)) {
      const known = value === null || Number.isNaN(value) ? null : value;
      if ((this._times.get(name) ?? null) === known) continue;
      this._times.set(name, known);
      if (known === null) this.el.style.removeProperty(`--wb-${name}`);
      else this.el.style.setProperty(`--wb-${name}`, String(known));
    }
  }
}

/** @param {number} ms */
function difference(ms) {
  if (Number.isNaN(ms)) return "";
  return ` (this one ${duration(Math.abs(ms)) || "0 ms"} ${ms < 0 ? "shorter" : "longer"})`;
}

/** @param {number} ms */
export function axisText(ms) {
  return ms < 1000 ? `${Number(ms.toPrecision(3))} ms` : `${Number((ms / 1000).toFixed(2))} s`;
}
