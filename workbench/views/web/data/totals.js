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

import { isRunning, tokenCount } from "./run_paths.js";
import { isModel, time } from "./values.js";

/** @typedef {import("./store.js").Run} Run */
/** @typedef {import("./store.js").State} State */

/** Shorter than this a speed says nothing. */
export const SHORTEST_MEASURED_MS = 50;

export class Totals {
  constructor() {
    /** Milliseconds since the epoch. */
    this.start = Infinity;
    this._end = -Infinity;
    /** @type {Map<string, Share>} by path of the run */
    this._shares = new Map();
    this._models = sum();
    this._roots = sum();
    this._active = 0;
    this._firstOfModels = Infinity;
    this._firstOfRoots = Infinity;
    this._lastOfModels = -Infinity;
    this._lastOfRoots = -Infinity;
  }

  /** @param {string} path @param {Run} run @param {boolean} root */
  update(path, run, root) {
    const before = this._shares.get(path);
    const share = shareOf(run, root);
    this._shares.set(path, share);
    this._active += share.active - (before?.active ?? 0);
    if (isModel(run)) change(this._models, share, before);
    if (root) change(this._roots, share, before);
    const first = time(run.first_chunk_time);
    const end = time(run.end_time);
    if (isModel(run)) {
      if (first < this._firstOfModels) this._firstOfModels = first;
      if (end > this._lastOfModels) this._lastOfModels = end;
    }
    if (!root) return;
    this.start = Math.min(this.start, time(run.start_time));
    if (first < this._firstOfRoots) this._firstOfRoots = first;
    if (end > this._lastOfRoots) this._lastOfRoots = end;
  }

  /** @param {number} now milliseconds on the sender's clock @returns {Summary} */
  summary(now) {
    const models = this._models.model > 0;
    const counted = models ? this._models : this._roots;
    const first = models ? this._firstOfModels : this._firstOfRoots;
    const last = counted.writing > 0 ? now : models ? this._lastOfModels : this._lastOfRoots;
    const { items, done, failed, stopped } = this._roots;
    const end = items > done + failed + stopped ? now : this._lastOfRoots;
    const seen = Math.min(this._firstOfRoots, this._firstOfModels);
    return {
      tokens: counted.tokens,
      unit: models ? "token" : "chunk",
      perSecond: counted.tokens > 1 && last - first > SHORTEST_MEASURED_MS ? counted.tokens / ((last - first) / 1000) : NaN,
      firstMs: Number.isFinite(seen) ? seen - this.start : NaN,
      elapsedMs: Number.isFinite(this.start) ? Math.max(end - this.start, 0) : NaN,
      costUsd: this._models.priced > 0 ? this._models.cost : NaN,
      costIsLowerBound: this._models.unpriced > 0,
      items,
      done,
      failed,
      stopped,
      active: this._active,
    };
  }
}

/** Totals of a whole document. @param {State} state @param {(key: string) => string} escapeKey */
export function totalsOf(state, escapeKey) {
  const totals = new Totals();
  for (const [number, root] of state.runs.entries()) {
    totals.update(`/runs/${number}`, root, true);
    for (const [key, run] of Object.entries(root.logs ?? {})) {
      totals.update(`/runs/${number}/logs/${escapeKey(key)}`, run, false);
    }
  }
  return totals;
}

/** A sum of money. @param {number} dollars */
export function moneyText(dollars) {
  if (dollars === 0) return "$0";
  if (dollars >= 0.995) return `$${dollars.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  return dollars < 0.000001 ? "<$0.000001" : `$${Number(dollars.toPrecision(2)).toFixed(Math.max(2, 1 - Math.floor(Math.log10(dollars))))}`;
}

/** @returns {Share} */
function sum() {
  return { tokens: 0, model: 0, cost: 0, priced: 0, unpriced: 0, active: 0, items: 0, done: 0, failed: 0, stopped: 0, writing: 0 };
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

/** @param {Share} total @param {Share} share @param {Share | undefined} before */
function change(total, share, before) {
  for (const name of /** @type {(keyof Share)[]} */ (Object.keys(total))) total[name] += share[name] - (before?.[name] ?? 0);
}
