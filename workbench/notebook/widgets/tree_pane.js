// @ts-check
/**
 * The runs as a collapsible tree with a shared time axis.
 *
 * One row per run, nested by ``parent`` and known by its path in the document (``/runs/0/logs/my_llm``).
 * Rows are made once and then only changed where a frame touched them, so that focus, selection and what
 * the reader opened stay as they are. Bars are placed by CSS from the run's own times and two variables of
 * the pane, ``--wb-now`` and ``--wb-total`` (milliseconds): the axis grows without touching any row.
 */

import { escapeKey, unescapeKey } from "./store.js";
import { Output, errorNode } from "./stream_pane.js";
import {
  branchesOf,
  counted,
  duration,
  element,
  isDocument,
  isMessage,
  isModel,
  json,
  messagesOf,
  preview,
  setAttribute,
  setText,
  time,
  valueNode,
} from "./values.js";

/** @typedef {import("./store.js").Run} Run */
/** @typedef {import("./store.js").State} State */
/** @typedef {import("./store.js").Status} Status */

/** Rows that arrive after this many start closed, but for roots. */
const MOST_OPEN = 80;

/** @type {Record<Status, string>} shapes, so that colour is not needed to tell them apart */
const GLYPHS = { waiting: "○", streaming: "▸", done: "✓", failed: "✕", cancelled: "■" };

/** @type {Record<string, [string, string]>} glyph and words */
const TYPES = {
  chain: ["»", "chain"],
  chat_model: ["M", "chat model"],
  llm: ["M", "model"],
  prompt: ["P", "prompt"],
  parser: ["{}", "parser"],
  retriever: ["R", "retriever"],
  tool: ["T", "tool"],
};

/** Output tokens of a run: as the model counted them, else the chunks it streamed. @param {Run} run */
export function tokenCount(run) {
  return run.usage?.output_tokens ?? run.streamed_output.length;
}

/** @param {Run} run */
export function isRunning(run) {
  return !run.end_time;
}

/** The number of the root run, the key of the run in it ("" for the root), and the field, as touched.
 * @param {string} path @returns {{row: string, number: number, field: string} | null} */
export function place(path) {
  const parts = path.split("/");
  if (parts[1] !== "runs" || parts.length < 3) return null;
  const nested = parts[3] === "logs" && parts.length > 4;
  return {
    row: parts.slice(0, nested ? 5 : 3).join("/"),
    number: Number(parts[2]),
    field: parts[nested ? 5 : 3] ?? "",
  };
}

/** @param {State} state @param {string} path of a row @returns {Run | undefined} */
export function runAt(state, path) {
  const [, , number, , key] = path.split("/");
  const root = state.runs[Number(number)];
  if (key === undefined || !root?.logs) return key === undefined ? root : undefined;
  const name = unescapeKey(key);
  return Object.hasOwn(root.logs, name) ? root.logs[name] : undefined;
}

class Row {
  /** @type {number} */
  level = 1;

  /** @type {Row[]} */
  children = [];

  /** @type {HTMLUListElement} */
  group = element("ul", "wb-group");

  /** @param {TreePane} pane @param {string} path @param {Run} run @param {Row | null} parent */
  constructor(pane, path, run, parent) {
    this.pane = pane;
    this.path = path;
    this.run = run;
    this.parent = parent;
    if (parent) this.level = parent.level + 1;
    /** @type {Details | null} */
    this.details = null;
    const [glyph, words] = TYPES[run.type] ?? ["·", run.type];
    this.el = element("li", "wb-node");
    this.el.dataset.type = run.type;
    this.el.dataset.path = this.path;
    this.el.setAttribute("role", "treeitem");
    this.el.setAttribute("aria-level", String(this.level));
    this.el.tabIndex = -1;
    this.line = element("div", "wb-row");
    this.line.style.setProperty("--wb-level", String(this.level - 1));
    const name = element("span", "wb-cell-name");
    this.twisty = element("span", "wb-twisty");
    this.twisty.setAttribute("aria-hidden", "true");
    const icon = element("span", "wb-icon", glyph);
    icon.title = words;
    const label = element("span", "wb-name", run.name);
    label.title = run.name;
    this.note = element("span", "wb-row-note");
    const branches = parent ? branchesOf(run).map((key) => element("span", "wb-branch", key)) : [];
    name.append(this.twisty, icon, ...branches, label, this.note);
    this.status = element("span", "wb-cell-status");
    this.glyph = element("span", "wb-glyph");
    this.word = element("span", "wb-word");
    this.status.append(this.glyph, this.word);
    this.tokens = element("span", "wb-cell-number wb-cell-tokens");
    this.time = element("span", "wb-cell-number wb-cell-time");
    this.track = element("span", "wb-track");
    this.mark = element("span", "wb-bar-mark");
    this.stream = element("span", "wb-bar-stream");
    this.track.append(element("span", "wb-bar"), this.stream, this.mark);
    this.line.append(name, this.status, this.tokens, this.time, this.track);
    this.group.setAttribute("role", "group");
    this.group.hidden = true;
    this.el.append(this.line, this.group);
    (parent ? parent.group : this.pane.list).append(this.el);
    parent?.children.push(this);
    parent?._becomeParent();
    this.update("");
  }

  /** Show what changed. @param {string} field of the run that was touched; "" for all of it */
  update(field) {
    const { run } = this;
    if (field === "" || field === "streamed_output" || field === "usage") {
      const count = tokenCount(run);
      // Of steps that pass on something else than text, the number of chunks says nothing.
      const shown = isModel(run) ? count > 0 : count > 1 && typeof run.streamed_output[0] === "string";
      setText(this.tokens, shown ? count.toLocaleString("en") : "");
    }
    if (field !== "streamed_output") this._updateStatus();
    this.details?.update(field);
  }

  _updateStatus() {
    const { run } = this;
    this.el.dataset.status = run.status;
    setText(this.glyph, GLYPHS[run.status] ?? "?");
    setText(this.word, run.status === "done" ? "" : run.status);
    this.glyph.title = run.status;
    const { error } = run;
    const own = error && run.status === "failed" && !this._failedInside(error.message);
    setText(this.note, own ? preview(`${error.type}: ${error.message}`, 120) : "");
    const start = time(run.start_time) - this.pane.origin;
    const first = time(run.first_chunk_time) - this.pane.origin;
    this.track.style.setProperty("--wb-start", String(start));
    const streams = !Number.isNaN(first) && (isRunning(run) || run.streamed_output.length > 1);
    this.stream.hidden = this.mark.hidden = !streams;
    this.track.classList.toggle("wb-waits", streams || isRunning(run));
    if (!Number.isNaN(first)) this.track.style.setProperty("--wb-first", String(first));
    if (run.end_time) this.track.style.setProperty("--wb-end", String(time(run.end_time) - this.pane.origin));
    const firstAfter = time(run.first_chunk_time) - time(run.start_time);
    this.track.title = Number.isNaN(firstAfter) ? "" : `first token after ${duration(firstAfter)}`;
    this.tick(NaN);
    const words = TYPES[run.type]?.[1] ?? run.type;
    const took = run.end_time ? `, ${this.time.textContent}` : "";
    const tokens = run.end_time && isModel(run) ? `, ${counted(tokenCount(run), "token")}` : "";
    setAttribute(this.el, "aria-label", `${run.name}, ${words}, ${run.status}${took}${tokens}`);
  }

  /** @param {number} now milliseconds on the sender's clock */
  tick(now) {
    const end = this.run.end_time ? time(this.run.end_time) : now;
    const text = duration(end - time(this.run.start_time));
    if (text) setText(this.time, text);
  }

  /** Whether a step in this one failed of the same. @param {string} message */
  _failedInside(message) {
    return this.children.some((row) => row.run.error?.message === message);
  }

  _becomeParent() {
    if (this.el.hasAttribute("aria-expanded")) return;
    this.expand(this.level === 1 || this.pane.size < MOST_OPEN);
  }

  /** @param {boolean} open */
  expand(open) {
    setAttribute(this.el, "aria-expanded", String(open));
    this.group.hidden = !open;
  }

  get expanded() {
    return this.el.getAttribute("aria-expanded");
  }

  toggleDetails() {
    if (this.details) {
      this.details.el.remove();
      this.details = null;
    } else {
      this.details = new Details(this);
      this.line.after(this.details.el);
    }
    this.el.classList.toggle("wb-open", this.details !== null);
  }
}

/** What one run got, gave and cost; made when its row is opened. */
class Details {
  /** @param {Row} row */
  constructor(row) {
    this.row = row;
    this.el = element("div", "wb-details");
    this.el.style.setProperty("--wb-level", String(row.level - 1));
    /** @type {Map<string, HTMLElement>} */
    this._sections = new Map();
    for (const title of ["Error", "Input", "Output", "Facts", "Events"]) {
      const section = element("section", "wb-section");
      section.append(element("h4", "wb-section-title", title), element("div", "wb-section-body"));
      this._sections.set(title, section);
      this.el.append(section);
    }
    this._output = new Output("nothing yet");
    this.update("");
  }

  /** @param {string} field */
  update(field) {
    const { run } = this.row;
    const all = field === "";
    if (all || field === "error") this._set("Error", run.error && errorNode(run.error));
    if (all || field === "input") this._set("Input", isEmpty(run.input) ? null : valueNode(run.input));
    if (all || field === "streamed_output" || field === "end_time") this._updateOutput(run);
    if (all || field === "events") {
      const lines = run.events.map(eventLine).join("\n");
      this._set("Events", lines ? element("pre", "wb-text wb-json", lines) : null);
    }
    if (field !== "streamed_output") this._set("Facts", facts(run));
  }

  /** @param {Run} run */
  _updateOutput(run) {
    const output = run.final_output;
    if (run.end_time && (isMessage(output) || messagesOf(output) || isDocuments(output))) {
      this._set("Output", valueNode(output));
      return;
    }
    this._output.update(run);
    const body = this._body("Output");
    if (this._output.el.parentNode !== body) this._set("Output", this._output.el);
  }

  /** @param {string} title @param {Node | null} content nothing hides the section */
  _set(title, content) {
    const section = this._sections.get(title);
    if (!section) return;
    section.hidden = content === null;
    const body = this._body(title);
    if (content) body.replaceChildren(content);
    else body.replaceChildren();
  }

  /** @param {string} title */
  _body(title) {
    return /** @type {HTMLElement} */ (this._sections.get(title)?.lastElementChild);
  }
}

export class TreePane {
  constructor() {
    this.el = element("section", "wb-steps");
    this.el.setAttribute("aria-label", "Steps");
    this._axis = element("span", "wb-axis");
    const head = element("div", "wb-row wb-head");
    head.setAttribute("aria-hidden", "true");
    head.append(
      element("span", "wb-cell-name", "Step"),
      element("span", "wb-cell-status", "Status"),
      element("span", "wb-cell-number wb-cell-tokens", "Tokens"),
      element("span", "wb-cell-number wb-cell-time", "Time"),
      this._axis,
    );
    this.list = element("ul", "wb-tree");
    this.list.setAttribute("role", "tree");
    this.list.setAttribute("aria-label", "Steps of the run");
    this.el.append(head, this.list);
    /** @type {Map<string, Row>} */
    this._rows = new Map();
    /** @type {Set<Row>} */
    this._running = new Set();
    /** @type {Row | null} */
    this._current = null;
    this._step = 0;
    /** Start of the first run: milliseconds since the epoch. */
    this.origin = NaN;
    this.list.addEventListener("click", (event) => this._onClick(event));
    this.list.addEventListener("keydown", (event) => this._onKey(event));
  }

  get size() {
    return this._rows.size;
  }

  /** @param {State} state @param {Map<string, Set<string>> | null} touched fields by row; null: everything */
  paint(state, touched) {
    if (Number.isNaN(this.origin) && state.runs.length > 0) this.origin = time(state.runs[0].start_time);
    if (touched === null) {
      this._paintAll(state);
      return;
    }
    for (const [path, fields] of touched) {
      const known = this._rows.get(path);
      const row = known ?? this._rowAt(state, path);
      if (known) for (const field of fields) known.update(field);
      if (row) this._track(row);
    }
  }

  /** @param {number} now milliseconds on the sender's clock @param {number} total length of the axis */
  tick(now, total) {
    for (const row of this._running) row.tick(now);
    const length = Math.max(total, 1);
    this.el.style.setProperty("--wb-now", String(now - this.origin));
    this.el.style.setProperty("--wb-total", String(length));
    this._drawAxis(length);
  }

  /** @param {State} state */
  _paintAll(state) {
    for (const row of this._rows.values()) {
      if (runAt(state, row.path)?.id !== row.run.id) this._clear();
    }
    for (const [number, root] of state.runs.entries()) {
      this._refresh(`/runs/${number}`, root, state);
      for (const [key, run] of Object.entries(root.logs ?? {})) {
        this._refresh(`/runs/${number}/logs/${escapeKey(key)}`, run, state);
      }
    }
  }

  /** @param {string} path @param {Run} run @param {State} state */
  _refresh(path, run, state) {
    const known = this._rows.get(path);
    const row = known ?? this._rowAt(state, path);
    if (known) {
      known.run = run;
      known.update("");
    }
    if (row) this._track(row);
  }

  /** @param {Row} row */
  _track(row) {
    if (isRunning(row.run)) this._running.add(row);
    else this._running.delete(row);
  }

  /** The row of a run, made with those around it if it is new. @param {State} state @param {string} path
   * @returns {Row | null} */
  _rowAt(state, path) {
    const known = this._rows.get(path);
    if (known) return known;
    const run = runAt(state, path);
    if (!run) return null;
    const root = path.split("/", 3).join("/");
    const around = typeof run.parent === "string" ? `${root}/logs/${escapeKey(run.parent)}` : root;
    const parent = path === root ? null : (around !== path && this._rowAt(state, around)) || this._rowAt(state, root);
    const row = new Row(this, path, run, parent);
    this._rows.set(path, row);
    if (!this._current) this._setCurrent(row);
    return row;
  }

  _clear() {
    this._rows.clear();
    this._running.clear();
    this._current = null;
    this.list.replaceChildren();
  }

  /** Ticks at round times, at most five. @param {number} total */
  _drawAxis(total) {
    const rough = total / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * ([1, 2, 5].find((nice) => nice * power >= rough) ?? 10);
    const count = Math.floor((total * 0.9) / step) + 1; // the last needs room for its text
    if (step !== this._step || count !== this._axis.childElementCount) {
      this._step = step;
      this.el.style.setProperty("--wb-step", String(step));
      this._axis.replaceChildren();
      for (let number = 0; number < count; number += 1) {
        const tick = element("span", "wb-axis-tick", number === 0 ? "0" : axisText(number * step));
        tick.style.setProperty("--wb-at", String(number * step));
        this._axis.append(tick);
      }
    }
  }

  /** @param {Row} row */
  _setCurrent(row) {
    if (this._current) this._current.el.tabIndex = -1;
    this._current = row;
    row.el.tabIndex = 0;
  }

  /** @param {Row | undefined | null} row */
  _focus(row) {
    if (!row) return;
    this._setCurrent(row);
    row.el.focus({ preventScroll: true });
    row.line.scrollIntoView({ block: "nearest" });
  }

  /** @param {EventTarget | null} target @returns {Row | undefined} */
  _rowOf(target) {
    const node = target instanceof Element ? target.closest("li.wb-node") : null;
    return node instanceof HTMLElement ? this._rows.get(node.dataset.path ?? "") : undefined;
  }

  /** @param {MouseEvent} event */
  _onClick(event) {
    const target = /** @type {Element} */ (event.target);
    const row = target.closest(".wb-row") ? this._rowOf(target) : undefined;
    if (!row) return;
    if (target.closest(".wb-twisty") && row.expanded !== null) row.expand(row.expanded !== "true");
    else row.toggleDetails();
    this._focus(row);
  }

  /** Keys of the ARIA tree pattern. @param {KeyboardEvent} event */
  _onKey(event) {
    const row = this._rowOf(event.target);
    if (!row || event.target !== row.el || event.ctrlKey || event.metaKey || event.altKey) return;
    const visible = this._visible();
    const index = visible.indexOf(row);
    switch (event.key) {
      case "ArrowDown": this._focus(visible[index + 1]); break;
      case "ArrowUp": this._focus(visible[index - 1]); break;
      case "Home": this._focus(visible[0]); break;
      case "End": this._focus(visible[visible.length - 1]); break;
      case "ArrowRight":
        if (row.expanded === "false") row.expand(true);
        else if (row.expanded === "true") this._focus(visible[index + 1]);
        break;
      case "ArrowLeft":
        if (row.expanded === "true") row.expand(false);
        else this._focus(row.parent);
        break;
      case "Enter":
      case " ": row.toggleDetails(); break;
      default: return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** @returns {Row[]} rows that are not inside a closed one, from top to bottom */
  _visible() {
    const nodes = /** @type {NodeListOf<HTMLElement>} */ (this.list.querySelectorAll("li.wb-node"));
    const rows = [];
    for (const node of nodes) {
      const row = node.parentElement?.closest("ul[hidden]") ? undefined : this._rows.get(node.dataset.path ?? "");
      if (row) rows.push(row);
    }
    return rows;
  }
}

/** @param {Run} run @returns {HTMLElement} */
function facts(run) {
  const list = element("dl", "wb-facts");
  const first = time(run.first_chunk_time) - time(run.start_time);
  add("started", run.start_time ? new Date(run.start_time).toLocaleTimeString() : "");
  add("first token after", duration(first));
  const streaming = time(run.end_time) - time(run.first_chunk_time);
  const count = tokenCount(run);
  if (count > 1 && streaming > 0) add("speed", `${((count - 1) / (streaming / 1000)).toFixed(1)} tokens/s`);
  for (const [key, value] of Object.entries(run.usage ?? {})) {
    if (typeof value === "number") add(key.replaceAll("_", " "), value.toLocaleString("en"));
  }
  add("tags", run.tags.join(", "));
  for (const [key, value] of Object.entries(run.metadata)) {
    add(key, typeof value === "string" ? value : JSON.stringify(value));
  }
  add("run id", run.id);
  return list;

  /** @param {string} term @param {string} text */
  function add(term, text) {
    if (text) list.append(element("dt", "", term), element("dd", "", text));
  }
}

/** @param {{name: string, data: unknown}} event */
function eventLine(event) {
  return `${event.name}  ${json(event.data)}`;
}

/** @param {unknown} value */
function isEmpty(value) {
  return value === null || value === undefined || value === "";
}

/** @param {unknown} value */
function isDocuments(value) {
  return Array.isArray(value) && value.length > 0 && value.every(isDocument);
}

/** @param {number} ms */
function axisText(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toFixed(2))} s`;
}
