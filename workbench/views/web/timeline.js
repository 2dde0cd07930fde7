// @ts-check
/**
 * The live timeline of a comparison: how far it is, the calls of the case that runs in their lanes, and a row of
 * figures a case. A row can be chosen to look at its last repeat.
 */

import { visibleText } from "./content/visible_text.js";
import { Channel } from "./data/channel.js";
import { KernelWatch } from "./data/kernel_watch.js";
import { counted, duration } from "./data/values.js";
import { element, setText, withRole } from "./parts/elements.js";
import { oncePerFrame } from "./parts/once_per_frame.js";
import { Ticker } from "./parts/ticker.js";
import { widgetOf } from "./parts/widget.js";
import { CaseRow, median } from "./timing/case_row.js";
import { Lanes, stepColour } from "./timing/lanes.js";
import { TimelineHead } from "./timing/timeline_head.js";
import { TimelineStore } from "./timing/timeline_store.js";

/** @typedef {import("./timing/timeline_store.js").Case} Case */
/** @typedef {import("./timing/timeline_store.js").Picture} Picture */
/** @typedef {Channel<TimelineStore>} TimelineSession */

const TICK_MS = 33;
const MOST_STEPS = 12;

/** One view of a session in a page. */
class TimelineView {
  /** @param {HTMLElement} el @param {TimelineSession} session */
  constructor(el, session) {
    this.el = el;
    this._session = session;
    this._store = session.store;
    /** @type {number | null} the case that the reader has chosen; null: the one that runs */
    this._chosen = null;
    this._scheduled = false;
    this._ticker = new Ticker(TICK_MS, () => this._tick());
    /** @type {CaseRow[]} */
    this._rows = [];
    this._head = new TimelineHead(() => session.stop());
    this._caption = element("div", "wb-lanes-caption");
    this._lanes = new Lanes();
    this._legend = element("div", "wb-legend");
    this._cases = withRole(element("div", "wb-cases"), "group", "Cases");
    el.append(this._head.el, this._caption, this._lanes.el, this._legend, this._cases);
    this._watch = new KernelWatch(() => session.model.widget_manager?.kernel, () => this._schedule());
    this._unsubscribe = this._store.subscribe(() => this._schedule());
    this._onTrait = () => this._schedule();
    session.model.on("change:title", this._onTrait);
    this.paint();
  }

  close() {
    this._unsubscribe();
    this._session.model.off?.("change:title", this._onTrait);
    this._ticker.close();
    this._watch.close();
    this._lanes.close();
    this.el.replaceChildren();
  }

  _schedule() {
    if (this._scheduled) return;
    this._scheduled = true;
    oncePerFrame(() => {
      this._scheduled = false;
      this.paint();
    });
  }

  paint() {
    this._paintHeader();
    this._paintCases();
    this._paintLanes();
    this._ticker.set(this._store.isRunning && !this._watch.gone);
  }

  /** Bars that are open grow by the clock, without news. */
  _tick() {
    if (!document.hidden) oncePerFrame(() => this._paintLanes());
  }

  _paintHeader() {
    const { status, progress } = this._store.state;
    const lost = this._watch.gone && status === "running";
    this.el.dataset.status = this._head.update(String(this._session.model.get("title") ?? ""), lost ? "lost" : status, progress);
  }

  _paintCases() {
    const { cases, now, status } = this._store.state;
    while (this._rows.length > cases.length) this._rows.pop()?.el.remove();
    while (this._rows.length < cases.length) {
      const number = this._rows.length;
      const row = new CaseRow(() => this._choose(number));
      this._rows.push(row);
      this._cases.append(row.el);
    }
    const longest = Math.max(...cases.flatMap((figures) => figures.samples), 1e-9) * 1.02;
    cases.forEach((figures, number) => this._rows[number].update(figures, longest, {
      runs: status === "running" && number === now,
      chosen: number === this._chosen,
    }));
    this._lanes.reserve(Math.max(...cases.map(lanesOf), 1));
  }

  /** @param {number} number */
  _choose(number) {
    this._chosen = this._chosen === number ? null : number;
    this.paint();
  }

  _paintLanes() {
    const { state } = this._store;
    const number = this._chosen ?? state.now;
    const figures = number === null ? undefined : state.cases[number];
    const picture = number === null ? undefined : state.pictures[number];
    if (!figures || !picture) {
      this._lanes.paint(null, "");
      setText(this._caption, this._chosen === null ? "" : "This case has not run yet.");
      this._legend.replaceChildren();
      return;
    }
    const at = this._store.clock(picture);
    const idealS = picture.ideal_s ?? (picture.open ? figures.ideal_s : null);
    const idealMs = idealS === null ? null : idealS * 1000;
    const expectedMs = figures.samples.length > 0 ? median(figures.samples) * 1050 : at * 1.25;
    const words = captionOf(figures, picture, at);
    setText(this._caption, words);
    this._paintLegend(picture, idealMs);
    this._lanes.paint({ picture, at, idealMs, expectedMs: picture.open ? expectedMs : picture.at, lanes: lanesOf(figures) }, words);
  }

  /** @param {Picture} picture @param {number | null} idealMs */
  _paintLegend(picture, idealMs) {
    const drawn = [...new Set(picture.bars.filter((bar) => bar[5] !== bar[3]).map((bar) => bar[2]))].sort((a, b) => a - b);
    const named = drawn.slice(0, MOST_STEPS);
    const streams = picture.bars.some((bar) => bar[4] !== null);
    const key = JSON.stringify([drawn, idealMs, picture.left_out, streams]);
    if (key === this._legend.dataset.key) return;
    this._legend.dataset.key = key;
    /** @type {(string | Node)[][]} */
    const entries = named.map((step) => {
      const swatch = element("span", "wb-legend-swatch");
      swatch.style.background = stepColour(step);
      return [swatch, visibleText(picture.steps[step]?.[0] ?? "")];
    });
    const more = drawn.length - named.length;
    if (more > 0) entries.push([`${more} more steps`]);
    if (streams) entries.push([element("span", "wb-legend-first"), "first token"]);
    if (idealMs !== null) entries.push([element("span", "wb-legend-ideal"), `ideal ${duration(idealMs) || "0 ms"}`]);
    if (picture.left_out > 0) entries.push([`${picture.left_out.toLocaleString("en")} more calls are not drawn`]);
    this._legend.replaceChildren(...entries.map((entry) => element("span", "wb-legend-entry", ...entry)));
  }
}

/** @param {import("./data/channel.js").Model} model @returns {TimelineSession} */
function timelineSession(model) {
  return new Channel(model, (askForSnapshot) => new TimelineStore(askForSnapshot));
}

/** How many calls may be at work at once in a case. @param {Case} figures */
function lanesOf({ strategy, max_concurrency: limit, items, peak }) {
  const most = strategy === "one by one" ? 1 : Math.min(limit ?? items, items);
  return Math.max(most, peak ?? 1);
}

/** @param {Case} about @param {Picture} picture @param {number} at */
function captionOf(about, picture, at) {
  const ended = picture.bars.filter((bar) => bar[5] !== null).length;
  const which = picture.round === null ? "warm-up" : `round ${picture.round + 1}`;
  const calls = picture.bars.length + picture.left_out;
  const open = picture.bars.length - ended;
  const words = [`${visibleText(about.label)}, ${which}`, counted(calls, "call")];
  if (picture.open) words.push(`${open} at work`);
  words.push(duration(at) || "0 ms");
  return words.join(" · ");
}

export default () => widgetOf("wb-run-view wb-timeline", timelineSession, (_root, body, session) => {
  const view = new TimelineView(body, session);
  return () => view.close();
});
