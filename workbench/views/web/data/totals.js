// @ts-check
/**
 * What the header says in numbers: kept run by run, so that a frame costs what it touched. No DOM here.
 *
 * Tokens are those of the models, or else the pieces of text of the roots. Costs are summed where they are
 * known; where some are not, the sum is a lower bound.
 *
 * @typedef {{tokens: number, unit: "token" | "chunk", perSecond: number, firstMs: number, elapsedMs: number,
 *   costUsd: number, costIsLowerBound: boolean, items: number, done: number, failed: number, stopped: number,
 *   active: number}} Summary  NaN where nothing is known
 * @typedef {{tokens: number, model: number, cost: number, priced: number, unpriced: number, active: number,
 *   items: number, done: number, failed: number, stopped: number, writing: number}} Share
 */

import { isRunning, runsOf, tokenCount } from "./run_paths.js";
import { isModel, time } from "./values.js";

/** @typedef {import("./store.js").Run} Run */
/** @typedef {import("./store.js").State} State */

/** Shorter than this a speed says nothing. */
export const SHORTEST_MEASURED_MS = 50;

export class Totals {
  constructor() {
    /** Milliseconds since the epoch. */
    this.start = Infinity;
    /** @type {Map<string, Share>} by path of the run */
    this._shares = new Map();
    this._models = new Sum();
    this._roots = new Sum();
    this._active = 0;
  }

  /** @param {string} path @param {Run} run @param {boolean} root */
  update(path, run, root) {
    const before = this._shares.get(path);
    const share = shareOf(run, root);
    this._shares.set(path, share);
    this._active += share.active - (before?.active ?? 0);
    if (isModel(run)) this._models.change(run, share, before);
    if (!root) return;
    this._roots.change(run, share, before);
    this.start = Math.min(this.start, time(run.start_time));
  }

  /** @param {number} now milliseconds on the sender's clock @returns {Summary} */
  summary(now) {
    const models = this._models.of;
    const roots = this._roots.of;
    const { of: counted, first, last: ended } = models.model > 0 ? this._models : this._roots;
    const last = counted.writing > 0 ? now : ended;
    const { items, done, failed, stopped } = roots;
    const end = items > done + failed + stopped ? now : this._roots.last;
    const seen = Math.min(this._roots.first, this._models.first);
    return {
      tokens: counted.tokens,
      unit: models.model > 0 ? "token" : "chunk",
      perSecond: counted.tokens > 1 && last - first > SHORTEST_MEASURED_MS ? counted.tokens / ((last - first) / 1000) : NaN,
      firstMs: Number.isFinite(seen) ? seen - this.start : NaN,
      elapsedMs: Number.isFinite(this.start) ? Math.max(end - this.start, 0) : NaN,
      costUsd: models.priced > 0 ? models.cost : NaN,
      costIsLowerBound: models.unpriced > 0,
      items,
      done,
      failed,
      stopped,
      active: this._active,
    };
  }
}

/** Totals of a whole document. @param {State} state */
export function totalsOf(state) {
  const totals = new Totals();
  for (const [path, run, isRoot] of runsOf(state)) totals.update(path, run, isRoot);
  return totals;
}

/** A sum of money. @param {number} dollars */
export function moneyText(dollars) {
  if (dollars === 0) return "$0";
  if (dollars >= 0.995) return `$${dollars.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  return dollars < 0.000001 ? "<$0.000001" : `$${Number(dollars.toPrecision(2)).toFixed(Math.max(2, 1 - Math.floor(Math.log10(dollars))))}`;
}

/** Runs of one kind together: what they add up to, their first token and their last end. */
class Sum {
  constructor() {
    /** @type {Share} */
    this.of = { tokens: 0, model: 0, cost: 0, priced: 0, unpriced: 0, active: 0, items: 0, done: 0, failed: 0, stopped: 0, writing: 0 };
    this.first = Infinity;
    this.last = -Infinity;
  }

  /** @param {Run} run @param {Share} share @param {Share | undefined} before */
  change(run, share, before) {
    for (const name of /** @type {(keyof Share)[]} */ (Object.keys(share))) this.of[name] += share[name] - (before?.[name] ?? 0);
    const first = time(run.first_chunk_time);
    const end = time(run.end_time);
    if (first < this.first) this.first = first;
    if (end > this.last) this.last = end;
  }
}

/** @param {Run} run @param {boolean} root @returns {Share} */
function shareOf(run, root) {
  const model = isModel(run);
  const cost = run.call?.cost_usd;
  const priced = typeof cost === "number";
  const running = isRunning(run);
  return {
    tokens: tokenCount(run),
    model: Number(model),
    cost: priced ? cost : 0,
    priced: Number(priced),
    unpriced: Number(model && !priced && !running),
    active: Number(running),
    items: Number(root),
    done: Number(run.status === "done"),
    failed: Number(run.status === "failed"),
    stopped: Number(run.status === "cancelled"),
    writing: Number(running && run.first_chunk_time !== null),
  };
}
