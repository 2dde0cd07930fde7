// @ts-check
/**
 * The live view of a run: header with the Stop button, output, steps.
 *
 * One store per model takes the frames, from before the first view is there; every view of the model draws
 * from it, at most once per animation frame.
 */

import { Store, escapeKey } from "./store.js";
import { StreamPane } from "./stream_pane.js";
import { TreePane, place, runAt, tokenCount } from "./tree_pane.js";
import { counted, duration, element, isModel, setText, time } from "./values.js";

/** @typedef {import("./store.js").Run} Run */
/** @typedef {import("./store.js").State} State */
/**
 * @typedef {{get(name: string): any, send(content: object): void,
 *   on(name: string, callback: (message: any) => void): void,
 *   widget_manager?: {kernel?: {status?: string, interrupt?: () => unknown}}}} Model
 */

const HIDDEN_TAB_MS = 250;
const TICK_MS = 100;
const STOP_ANSWER_MS = 400;

const GONE = ["restarting", "autorestarting", "dead", "terminating"];

/** @type {Record<string, string>} */
const WORDS = { waiting: "Waiting", streaming: "Running", done: "Done", failed: "Failed", cancelled: "Stopped" };

/** What the header says in numbers, kept up to date run by run. */
class Totals {
  constructor() {
    this.start = Infinity;
    this.end = -Infinity;
    this.first = Infinity;
    /** @type {Map<string, {tokens: number, model: boolean, first: number, last: number}>} */
    this._runs = new Map();
  }

  /** @param {string} row @param {Run} run @param {boolean} root */
  update(row, run, root) {
    if (!root && !isModel(run)) return;
    const first = time(run.first_chunk_time);
    const end = time(run.end_time);
    if (root) {
      this.start = Math.min(this.start, time(run.start_time));
      if (end) this.end = Math.max(this.end, end);
      if (first) this.first = Math.min(this.first, first);
    }
    this._runs.set(row, { tokens: tokenCount(run), model: isModel(run), first, last: end });
  }

  /** Tokens of the models, or else chunks of the roots; per second while there were any.
   * @param {number} now */
  summary(now) {
    const all = [...this._runs.values()];
    const models = all.filter((run) => run.model);
    const counted = models.length > 0 ? models : all;
    let tokens = 0;
    let first = Infinity; // of the models, where there are any: items of a batch do not stream
    let last = -Infinity;
    for (const run of counted) {
      tokens += run.tokens;
      if (run.first) first = Math.min(first, run.first);
      if (run.first) last = Math.max(last, run.last || now);
    }
    const perSecond = tokens > 1 && last - first > 50 ? tokens / ((last - first) / 1000) : NaN;
    return { tokens, perSecond, firstAfter: (Number.isFinite(this.first) ? this.first : first) - this.start, unit: models.length > 0 ? "token" : "chunk" };
  }
}

class Header {
  /** @param {string} title @param {() => void} onStop */
  constructor(title, onStop) {
    this.el = element("header", "wb-header");
    this.status = element("span", "wb-status");
    this.status.setAttribute("role", "status");
    const name = element("span", "wb-title", title);
    name.title = title;
    this._numbers = element("span", "wb-numbers");
    this.elapsed = this._number("wb-elapsed", "Elapsed time");
    this.first = this._number("wb-first", "Time to the first token");
    this.tokens = this._number("wb-tokens", "Tokens the models wrote; chunks where no model took part");
    this.speed = this._number("wb-speed", "Per second, from the first to the last");
    this.stop = element("button", "wb-button wb-stop", "Stop");
    this.stop.type = "button";
    this.stop.title = "Stop the run";
    this.stop.disabled = true;
    this.stop.addEventListener("click", onStop);
    this.el.append(this.status, name, this._numbers, this.stop);
  }

  /** @param {string} className @param {string} title */
  _number(className, title) {
    const node = element("span", `wb-number ${className}`);
    node.title = title;
    this._numbers.append(node);
    return node;
  }

  /** @param {State} state @param {Totals} totals @param {number} now @param {boolean} lost */
  update(state, totals, now, lost) {
    const running = isActive(state) && !lost;
    const { tokens, perSecond, firstAfter, unit } = totals.summary(now);
    setText(this.status, lost ? "Kernel gone" : (WORDS[state.status] ?? state.status));
    setText(this.elapsed, duration((isActive(state) ? now : totals.end) - totals.start));
    setText(this.tokens, tokens > 0 ? counted(tokens, unit) : "");
    setText(this.speed, Number.isNaN(perSecond) ? "" : `${perSecond.toFixed(perSecond < 100 ? 1 : 0)}/s`);
    const first = duration(firstAfter);
    setText(this.first, first ? `first ${first}` : "");
    this.stop.disabled = !running;
    if (!running) setText(this.stop, "Stop");
  }
}

/** One view of a store in a page. */
class RunView {
  /** @param {HTMLElement} el @param {Store} store @param {string} title @param {() => void} onStop
   * @param {() => boolean} isGone whether the run died with its kernel */
  constructor(el, store, title, onStop, isGone) {
    this.el = el;
    this._isGone = isGone;
    this._lost = false;
    this.store = store;
    this._totals = new Totals();
    this._header = new Header(title, () => {
      setText(this._header.stop, "Stopping…");
      onStop();
    });
    this._stream = new StreamPane();
    this._tree = new TreePane();
    el.append(this._header.el, this._stream.el, this._tree.el);
    /** @type {Set<string> | null} */
    this._touched = null;
    this._scheduled = false;
    /** @type {ReturnType<typeof setInterval> | null} */
    this._ticking = null;
    this._unsubscribe = store.subscribe((touched) => this._onChange(touched));
    this.paint();
  }

  close() {
    this._unsubscribe();
    if (this._ticking !== null) clearInterval(this._ticking);
    this.el.replaceChildren();
  }

  /** @param {Set<string> | null} touched */
  _onChange(touched) {
    if (touched === null) this._touched = null;
    else if (this._touched !== null) for (const path of touched) this._touched.add(path);
    if (this._scheduled) return;
    this._scheduled = true;
    oncePerFrame(() => {
      this._scheduled = false;
      this.paint();
    });
  }

  paint() {
    const { state } = this.store;
    const touched = this._touched;
    this._touched = new Set();
    this.el.dataset.status = this._lost ? "lost" : state.status;
    if (touched === null) this._paintAll(state);
    else this._paintTouched(state, touched);
    this._keepTicking(isActive(state) && !this._lost);
  }

  /** @param {State} state */
  _paintAll(state) {
    for (const [number, root] of state.runs.entries()) {
      this._totals.update(`/runs/${number}`, root, true);
      for (const [key, run] of Object.entries(root.logs ?? {})) {
        this._totals.update(`/runs/${number}/logs/${escapeKey(key)}`, run, false);
      }
    }
    this._stream.paint(state, null);
    this._tree.paint(state, null);
  }

  /** @param {State} state @param {Set<string>} touched */
  _paintTouched(state, touched) {
    /** @type {Set<number>} */
    const roots = new Set();
    /** @type {Map<string, Set<string>>} */
    const rows = new Map();
    for (const path of touched) {
      const at = place(path);
      if (!at) continue;
      const fields = rows.get(at.row) ?? new Set();
      rows.set(at.row, fields.add(at.field));
      const root = state.runs[at.number];
      const run = runAt(state, at.row);
      if (run) this._totals.update(at.row, run, run === root);
      if (run && (run === root || isModel(run))) roots.add(at.number);
    }
    this._stream.paint(state, roots);
    this._tree.paint(state, rows);
  }

  _tick() {
    const { state } = this.store;
    const now = Math.max(Date.now() - this.store.clockOffset, this._totals.start);
    if (isActive(state) && !this._lost && this._isGone()) {
      this._lost = true;
      this.el.dataset.status = "lost";
      this._keepTicking(false);
      return;
    }
    this._header.update(state, this._totals, now, this._lost);
    const end = isActive(state) ? now : this._totals.end;
    if (Number.isFinite(this._totals.start)) this._tree.tick(now, end - this._totals.start);
  }

  /** Times and the axis move ten times a second: they touch every row, which tokens must not.
   * @param {boolean} active */
  _keepTicking(active) {
    if (!active || this._ticking === null) this._tick();
    if (active && this._ticking === null) this._ticking = setInterval(() => this._tick(), TICK_MS);
    if (!active && this._ticking !== null) {
      clearInterval(this._ticking);
      this._ticking = null;
    }
  }
}

/** @param {State} state */
function isActive(state) {
  return state.runs.length > 0 && (state.status === "waiting" || state.status === "streaming");
}

/** Hidden tabs get no animation frames, so a timer runs against them. @param {() => void} paint */
function oncePerFrame(paint) {
  let done = false;
  const run = () => {
    if (done) return;
    done = true;
    clearTimeout(timer);
    paint();
  };
  const timer = setTimeout(run, HIDDEN_TAB_MS);
  requestAnimationFrame(run);
}

/**
 * Ask Python to stop the run. Some kernels hear nothing while a cell runs; those are interrupted.
 * @param {Model} model @param {() => boolean} answered
 */
function stop(model, answered) {
  model.send({ k: "stop" });
  setTimeout(() => {
    if (!answered()) model.widget_manager?.kernel?.interrupt?.();
  }, STOP_ANSWER_MS);
}

export default () => {
  /** @type {Store} */
  let store;
  let answers = 0;
  return {
    /** @param {{model: Model}} context */
    initialize({ model }) {
      store = new Store((have) => {
        try {
          model.send({ k: "sync", have });
        } catch (error) {
          console.warn("workbench: the kernel of this run cannot be reached:", error);
        }
      });
      store.load(model.get("snapshot"));
      model.on("change:snapshot", () => store.load(model.get("snapshot")));
      model.on("msg:custom", (message) => {
        if (message?.k === "frame") store.frame(message);
        else if (message?.k === "snap") store.load(message);
        else if (message?.k === "ack") answers += 1;
      });
      return () => store.close();
    },

    /** @param {{model: Model, el: HTMLElement}} context */
    render({ model, el }) {
      const root = element("div", "wb-run-view");
      // JupyterLab's own shortcuts would take the arrow keys and Enter away from the tree.
      root.dataset.lmSuppressShortcuts = "true";
      const hideTwin = element("style");
      const twin = `wb-static-${model.get("run_id")}`;
      hideTwin.textContent = `.jp-OutputArea-child:has(.${twin}), .${twin} { display: none; }`;
      const body = element("div", "wb-body");
      root.append(hideTwin, body);
      el.append(root);
      const view = new RunView(body, store, model.get("title"), () => {
        const before = answers;
        stop(model, () => answers > before);
      }, () => GONE.includes(model.widget_manager?.kernel?.status ?? ""));
      return () => {
        view.close();
        root.remove();
      };
    },
  };
};
