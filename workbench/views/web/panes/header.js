// @ts-check
/**
 * The head of a view: status and name, the controls, and the run in numbers, beside those of a pinned run.
 *
 * Numbers have places of fixed width, so that nothing moves while they do.
 */

import { visibleText } from "../content/visible_text.js";
import { moneyText } from "../data/totals.js";
import { counted, duration, inputLine } from "../data/values.js";
import { element, setAttribute, setText, withRole } from "../parts/elements.js";
import { Segments } from "../parts/segments.js";
import { ViewHead } from "../parts/view_head.js";
import { Toolbar } from "./toolbar.js";

/** @typedef {import("../data/totals.js").Summary} Summary */
/** @typedef {import("../data/store.js").State} State */
/** @typedef {"all" | "stream" | "tree" | "time"} Panes */

/** @type {Record<string, string>} */
const STATUS_WORDS = { waiting: "Waiting", streaming: "Running", done: "Done", failed: "Failed", cancelled: "Stopped" };

/** One number with how it differs from that of the pinned run. */
class Figure {
  /** @param {string} className @param {string} title */
  constructor(className, title) {
    this._text = element("span");
    this._difference = element("span", "wb-difference");
    this.el = element("span", `wb-number ${className}`, this._text, this._difference);
    this.el.title = title;
    this.el.hidden = true;
  }

  /** @param {string} text @param {{text: string, better: boolean | null} | null} [difference] */
  show(text, difference = null) {
    setText(this._text, text);
    setText(this._difference, difference?.text ?? "");
    setAttribute(this._difference, "data-better", difference?.better == null ? null : String(difference.better));
    this.el.hidden = text === "";
  }
}

export class Header extends ViewHead {
  /** @param {string} title @param {import("./toolbar.js").Actions} actions
   * @param {(panes: Panes) => void} onPanes */
  constructor(title, actions, onPanes) {
    super("Items that have ended");
    this._given = element("bdi", "wb-given");
    this._inputOf = "";
    this.rename(title);
    this.toolbar = new Toolbar(actions);
    this.top.append(this._given, this.toolbar.el);
    this.panes = new Segments("Shown parts", [
      ["all", "All", "Output and steps"],
      ["stream", "Output", "Only the output"],
      ["tree", "Steps", "Only the steps"],
      ["time", "Time", "The steps on a wide time axis"],
    ], (value) => onPanes(/** @type {Panes} */ (value)));
    this.below.append(this.panes.el);
    this._figures = {
      elapsed: new Figure("wb-elapsed", "Elapsed time"),
      first: new Figure("wb-first", "Time to the first token"),
      tokens: new Figure("wb-tokens", "Tokens the models wrote; pieces of text where no model took part"),
      speed: new Figure("wb-speed", "Speed from the first token to the last"),
      cost: new Figure("wb-cost", "What the calls cost"),
      items: new Figure("wb-items", "Items of the batch that have ended"),
      active: new Figure("wb-active", "Runs that are under way"),
    };
    this.numbers.append(...Object.values(this._figures).map((figure) => figure.el));
    this._notice = withRole(element("div", "wb-notice"), "status");
    this._notice.hidden = true;
    this.progress.hidden = true;
    this.below.after(this._notice);
  }

  /** @param {string} title */
  rename(title) {
    super.rename(title);
    this.title.title = visibleText(title);
  }

  /** Something the reader should know; "" takes it away. @param {string} text */
  notice(text) {
    setText(this._notice, text);
    this._notice.hidden = text === "";
  }

  /** The input of the run, beside its name. @param {State} state */
  _showInput(state) {
    const id = state.runs.length === 1 ? state.runs[0].id : "";
    if (id === this._inputOf) return;
    this._inputOf = id;
    const line = id === "" ? "" : visibleText(inputLine(state.runs[0].input));
    setText(this._given, line);
    this._given.title = line && `Input: ${line}`;
  }

  /** @param {State} state @param {Summary} now @param {Summary | null} pinned
   * @param {{running: boolean, lost: boolean, total: number}} at total: items of the batch, also those to come */
  update(state, now, pinned, { running, lost, total }) {
    setText(this.status, lost ? "Kernel gone" : (STATUS_WORDS[state.status] ?? state.status));
    this._showInput(state);
    const { elapsed, first, tokens, speed, cost, active } = this._figures;
    const than = running ? null : pinned; // what still grows is not compared
    elapsed.show(duration(now.elapsedMs), than && changeFrom(now.elapsedMs - than.elapsedMs, duration, true));
    const firstText = duration(now.firstMs);
    first.show(firstText && `first ${firstText}`, pinned && changeFrom(now.firstMs - pinned.firstMs, duration, true));
    const inTokens = (/** @type {number} */ count) => count.toLocaleString("en");
    tokens.show(now.tokens > 0 ? counted(now.tokens, now.unit) : "", than && than.unit === now.unit ? changeFrom(now.tokens - than.tokens, inTokens, null) : null);
    speed.show(speedText(now.perSecond, now.unit), than && changeFrom(now.perSecond - than.perSecond, (value) => value.toFixed(1), false));
    const bound = now.costIsLowerBound ? "≥ " : "";
    cost.el.title = now.costIsLowerBound ? "What the calls cost at least: the prices of some are unknown" : "What the calls cost";
    cost.show(Number.isNaN(now.costUsd) ? "" : `${bound}${moneyText(now.costUsd)}`, than && changeFrom(now.costUsd - than.costUsd, moneyText, true));
    active.show(running && now.active > 1 ? `${now.active.toLocaleString("en")} active` : "");
    this._showItems(now, total, running);
  }

  /** @param {Summary} now @param {number} total @param {boolean} running */
  _showItems(now, total, running) {
    const words = [`${now.done.toLocaleString("en")} of ${total.toLocaleString("en")}`];
    if (now.failed > 0) words.push(`${now.failed.toLocaleString("en")} failed`);
    if (now.stopped > 0) words.push(`${now.stopped.toLocaleString("en")} stopped`);
    const text = words.join(", ");
    this._figures.items.show(total > 1 ? text : "");
    this.progress.hidden = total <= 1;
    if (total > 1) this.showProgress({ done: now.done, failed: now.failed + now.stopped, total, running }, text);
  }
}

/** How a number differs, and whether that is better; null where one is unknown or they are the same.
 * @param {number} by @param {(size: number) => string} text @param {boolean | null} lessIsBetter null: neither */
function changeFrom(by, text, lessIsBetter) {
  if (!Number.isFinite(by)) return null;
  const size = text(Math.abs(by));
  if (by === 0 || size === text(0)) return { text: "±0", better: null };
  return { text: `${by < 0 ? "−" : "+"}${size}`, better: lessIsBetter === null ? null : by < 0 === lessIsBetter };
}

/** @param {number} perSecond @param {string} unit */
function speedText(perSecond, unit) {
  return Number.isFinite(perSecond) ? `${perSecond.toFixed(perSecond < 100 ? 1 : 0)} ${unit}s/s` : "";
}
