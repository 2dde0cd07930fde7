// @ts-check
/**
 * The live view of a run: header with the controls, output, steps.
 *
 * One store per model takes the frames, from before the first view is there; every view of the model draws
 * from it, at most once per animation frame.
 */

import { Channel } from "./data/channel.js";
import { Downloads } from "./data/downloads.js";
import { KernelWatch } from "./data/kernel_watch.js";
import { place, runAt } from "./data/run_paths.js";
import { Store } from "./data/store.js";
import { Totals, totalsOf } from "./data/totals.js";
import { isModel } from "./data/values.js";
import { Header } from "./panes/header.js";
import { StreamPane } from "./panes/stream_pane.js";
import { paintSoon } from "./parts/once_per_frame.js";
import { followTextSize } from "./parts/text_size.js";
import { Ticker } from "./parts/ticker.js";
import { widgetOf } from "./parts/widget.js";
import { TreePane } from "./tree/tree_pane.js";

/** @typedef {import("./data/store.js").State} State */
/** @typedef {import("./panes/header.js").Panes} Panes */
/** @typedef {import("./data/channel.js").Model} Model */

const TICK_MS = 100;
const NOTICE_MS = 6_000;

const SYNCED = ["title", "view", "python", "can_rerun", "pinned"];

/** The channel of a run, with the files that the reader takes away.
 * @extends {Channel<Store>} */
class Session extends Channel {
  /** @param {Model} model */
  constructor(model) {
    super(model, (askForSnapshot) => new Store(askForSnapshot));
    this.onProblem = (/** @type {string} */ problem) => console.warn(`workbench: ${problem}`);
    this.downloads = new Downloads(this.store, (content) => this.send(content), (problem) => this.onProblem(problem));
  }

  close() {
    super.close();
    this.downloads.close();
  }

  /** @param {any} message */
  receive(message) {
    super.receive(message);
    if (message?.k === "file") this.downloads.arrived(message);
    else if (message?.k === "ack" && typeof message.error === "string") {
      if (message.of === "export") this.downloads.failed(message.error);
      else this.onProblem(message.error);
    }
  }
}

/** One view of a session in a page. */
class RunView {
  /** @param {HTMLElement} el @param {Session} session */
  constructor(el, session) {
    this.el = el;
    this._session = session;
    this._model = session.model;
    this.store = session.store;
    this._totals = new Totals();
    /** @type {import("./data/totals.js").Summary | null} */
    this._pinned = null;
    /** @type {State | null} */
    this._compared = null;
    this._isPinning = false;
    this._streamIsStale = false;
    /** @type {Set<string> | null} */
    this._touched = null;
    this._paintSoon = paintSoon(() => this.paint());
    this._ticker = new Ticker(TICK_MS, () => this._tick());
    this._header = this._makeHeader();
    this._stream = new StreamPane();
    this._tree = new TreePane({ onSelect: (path) => this._onSelect(path), store: this.store });
    el.append(this._header.el, this._stream.el, this._tree.el);
    this._watch = new KernelWatch(() => this._model.widget_manager?.kernel, () => this._onGone());
    session.onProblem = (problem) => this._notify(problem);
    this._onTrait = () => this._readTraits();
    for (const name of SYNCED) this._model.on(`change:${name}`, this._onTrait);
    this._unsubscribe = this.store.subscribe((touched) => this._onChange(touched));
    this._show(panesOf(this._model.get("view")));
    this._readPinned();
    this._paintSoon(); // with what has come by then
  }

  close() {
    this._unsubscribe();
    for (const name of SYNCED) this._model.off?.(`change:${name}`, this._onTrait);
    this._ticker.close();
    this._watch.close();
    this._header.toolbar.close();
    this._stream.close();
    this._tree.close();
    this.el.replaceChildren();
  }

  _makeHeader() {
    const session = this._session;
    return new Header(this._model.get("title") ?? "", {
      stop: () => session.stop(),
      rerun: () => session.send({ k: "rerun" }),
      pin: () => session.send({ k: this._isPinning ? "unpin" : "pin" }),
      python: () => String(this._model.get("python") ?? ""),
      download: (what) => session.downloads.start(what, this._watch.gone),
    }, (panes) => {
      this._show(panes);
      session.send({ k: "panes", view: panes }); // the runs to come begin with them
    });
  }

  /** @param {Panes} panes */
  _show(panes) {
    this.el.dataset.view = panes;
    this._header.panes.choose(panes);
    const stream = panes === "all" || panes === "stream";
    const tree = panes !== "stream";
    this._stream.el.hidden = !stream;
    this._tree.el.hidden = !tree;
    this._tree.setView(panes === "time" ? "time" : "tree", !stream);
    if (stream && this._streamIsStale) {
      this._stream.paint(this.store.state, null);
      this._stream.follow();
    }
    this._streamIsStale = !stream;
  }

  _readTraits() {
    this._header.rename(this._model.get("title") ?? "");
    this._readPinned();
    this._tick();
  }

  /** The pinned run, unless it is the one that is shown. */
  _readPinned() {
    const pinned = this._model.get("pinned");
    const told = Array.isArray(pinned?.state?.runs) && pinned.state.runs.length > 0 ? /** @type {State} */ (pinned.state) : null;
    this._isPinning = told !== null;
    const own = told !== null && told.runs[0].id === this.store.state.runs[0]?.id;
    const compared = own ? null : told;
    if (compared === this._compared) return;
    this._compared = compared;
    this._pinned = compared && totalsOf(compared).summary(NaN);
    this._stream.setPinned(compared);
    this._tree.setPinned(compared);
  }

  /** A step that is looked at belongs to an item: show that. @param {string | null} path */
  _onSelect(path) {
    const at = path === null ? null : place(path);
    if (at) this._stream.select(at.number);
  }

  _onGone() {
    this.el.classList.add("wb-gone");
    this._tick();
    this._keepTicking(false);
    this._header.notice(this._goneWords);
  }

  /** What to tell of a kernel that is gone, "" while it is there. */
  get _goneWords() {
    if (!this._watch.gone) return "";
    const run = this._isLost ? ", and the run with it" : "";
    return `The kernel of this run is gone${run}. What it had sent is kept; run the cell for a new one.`;
  }

  /** Whether the run died with its kernel. */
  get _isLost() {
    return this._watch.gone && isActive(this.store.state);
  }

  /** @param {string} text */
  _notify(text) {
    this._header.notice(text);
    setTimeout(() => this._header.notice(this._goneWords), NOTICE_MS);
  }

  /** @param {Set<string> | null} touched */
  _onChange(touched) {
    if (touched === null) this._touched = null;
    else if (this._touched !== null) for (const path of touched) this._touched.add(path);
    this._paintSoon();
  }

  paint() {
    const { state } = this.store;
    const touched = this._touched;
    this._touched = new Set();
    if (touched === null) this._paintAll(state);
    else this._paintTouched(state, touched);
    this._keepTicking(isActive(state) && !this._watch.gone);
    if (!this._stream.el.hidden) this._stream.follow();
  }

  /** @param {State} state */
  _paintAll(state) {
    this._totals = totalsOf(state);
    this._readPinned();
    this._paintStream(state, null);
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
    this._paintStream(state, roots);
    this._tree.paint(state, rows);
  }

  /** @param {State} state @param {Set<number> | null} roots */
  _paintStream(state, roots) {
    if (this._stream.el.hidden) this._streamIsStale = true;
    else this._stream.paint(state, roots);
  }

  _tick() {
    const { state } = this.store;
    const now = Math.max(this.store.now, this._totals.start);
    const active = isActive(state);
    if (active) this._watch.check();
    const lost = this._isLost;
    this.el.dataset.status = lost ? "lost" : state.status;
    const running = active && !lost;
    const summary = this._totals.summary(now);
    this._header.update(state, summary, this._pinned, { running, lost, total: itemTotal(state) });
    this._header.toolbar.update({
      running,
      gone: this._watch.gone,
      canStop: true,
      canRerun: Boolean(this._model.get("can_rerun")),
      python: Boolean(this._model.get("python")),
      pinned: this._isPinning,
      hasRuns: state.runs.length > 0,
    });
    if (Number.isFinite(this._totals.start)) this._tree.tick(now, summary.elapsedMs);
  }

  /** Times and the axis move ten times a second: they touch every row, which tokens must not.
   * @param {boolean} active */
  _keepTicking(active) {
    if (!active || !this._ticker.isOn) this._tick();
    this._ticker.set(active);
  }
}

/** @param {State} state */
function isActive(state) {
  return state.runs.length > 0 && (state.status === "waiting" || state.status === "streaming");
}

/** Items of a batch: those that have started, or as many as there will be where that is known.
 * @param {State} state */
function itemTotal(state) {
  const told = /** @type {{items?: unknown}} */ (state).items;
  return typeof told === "number" ? Math.max(told, state.runs.length) : state.runs.length;
}

/** @param {unknown} view @returns {Panes} */
function panesOf(view) {
  return view === "stream" || view === "tree" || view === "time" ? view : "all";
}

export default () => widgetOf("wb-run-view", (model) => new Session(model), (root, body, session) => {
  // JupyterLab's own shortcuts would take the arrow keys and Enter away from the tree.
  root.dataset.lmSuppressShortcuts = "true";
  const view = new RunView(body, session);
  const leaveSize = followTextSize(root, body);
  return () => {
    leaveSize();
    view.close();
  };
});
