// @ts-check
/**
 * The runs as a tree on a shared time axis, with the panel of the selected one and the raw data behind it.
 *
 * Here the parts meet: the model says which rows there are, virtual rows put those in view into the page, and
 * a frame redraws only what it touched. Focus, selection and what the reader opened stay as they are while
 * runs come. A run that fails is selected, unless the reader has selected something.
 */

import { runAt } from "../data/run_paths.js";
import { emptyState } from "../data/store.js";
import { Details } from "../panes/details.js";
import { PatchesPane, StatePane } from "../panes/raw_pane.js";
import { element, setText, withRole } from "../parts/elements.js";
import { Grip } from "../parts/grip.js";
import { takeKey } from "../parts/list_keys.js";
import { VirtualRows } from "../parts/virtual_rows.js";
import { TreeBar } from "./tree_bar.js";
import { wordsOf } from "./tree_filter.js";
import { keyAction } from "./tree_keys.js";
import { TreeModel } from "./tree_model.js";
import { TreeRow } from "./tree_row.js";
import { Axis, spanOf } from "./waterfall.js";

/** @typedef {import("../data/store.js").State} State */
/** @typedef {import("../data/store.js").Store} Store */
/** @typedef {import("./tree_model.js").TreeNode} TreeNode */
/** @typedef {import("./waterfall.js").Span} Span */

const ROW_PX = 25;
const MOST_PX = 350;
const MOST_ALONE_PX = 525;

export class TreePane {
  /** @param {{onSelect?: (path: string | null) => void, store?: Store | null}} [options]
   * *onSelect* is called when the reader selects a run; *store* has the operations to show */
  constructor({ onSelect = () => {}, store = null } = {}) {
    this._onSelect = onSelect;
    this._model = new TreeModel();
    this._state = emptyState();
    /** @type {TreeNode | null} the row that keys move from */
    this._current = null;
    /** @type {TreeNode | null} the row whose details are shown */
    this._selected = null;
    this._choseSelf = false;
    this._now = NaN;
    this._span = 1;
    /** @type {Map<string, Span> | null} */
    this._ghosts = null;
    this._ghostsEnd = 0;
    /** @type {import("./waterfall.js").Scale} */
    this._scale = { now: 0, total: 1, step: 1 };
    /** @type {import("./tree_bar.js").Tab} */
    this._tab = "steps";
    this._axis = new Axis();
    this._rows = this._makeRows();
    this._bar = new TreeBar({
      onTab: (tab) => this._showTab(tab),
      onQuery: (query) => this._onQuery(query),
      onOpenAll: (open) => this._openAll(open),
      onLeave: () => this._focusRow(),
    }, { patches: store !== null });
    this._details = new Details(() => this._leaveDetails());
    this._statePane = new StatePane();
    this._patches = store === null ? null : new PatchesPane(() => store.operations);
    this._nothing = element("div", "wb-hint wb-nothing");
    this._nothing.hidden = true;
    const grip = new Grip(this._rows.el, "Steps");
    const table = element("div", "wb-steps-table", headRow(this._axis), this._rows.el, this._nothing, grip.el);
    this._steps = element("div", "wb-steps-tab", table, this._details.el);
    this.el = element("section", "wb-steps", this._bar.el, this._steps);
    this.el.setAttribute("aria-label", "Steps");
    this.el.style.setProperty("--wb-row-height", `${ROW_PX}px`);
    this.el.addEventListener("keydown", (event) => this._onKey(event));
  }

  get size() {
    return this._model.nodes.size;
  }

  /** @param {State} state @param {Map<string, Set<string>> | null} touched fields by path; null: everything */
  paint(state, touched) {
    this._state = state;
    const changed = this._model.update(state, touched);
    this._draw(changed);
    this._selectFailed(touched);
    const fields = touched === null ? null : touched.get(this._selected?.path ?? "");
    if (this._selected && fields !== undefined) this._details.show(this._selected.run, fields, this._now, this._selected.hasChildren);
    this._paintRaw();
  }

  /** @param {number} now milliseconds on the sender's clock @param {number} span milliseconds the axis is long */
  tick(now, span) {
    this._now = now;
    this._span = span;
    this._setAxis();
    for (const row of this._rows.rows()) row.tick(now);
    this._details.tick(now);
  }

  /** Select a run and bring it into view, opening what is around it; null closes the details.
   * @param {string | null} path @param {{focus?: boolean}} [options] */
  select(path, { focus = false } = {}) {
    const node = path === null ? null : (this._model.nodes.get(path) ?? null);
    if (path !== null && node === null) return;
    if (node) this._bringUp(node);
    this._setSelected(node);
    if (focus && node) this._focusRow();
  }

  /** Bars of another run below those of this one, aligned by the names of the steps; null: none.
   * @param {State | null} state */
  setPinned(state) {
    this._ghosts = state === null ? null : spansByName(state);
    this._ghostsEnd = Math.max(0, ...[...(this._ghosts?.values() ?? [])].map((span) => span.end || 0));
    this.el.classList.toggle("wb-pinned", this._ghosts !== null);
    this._setAxis();
    this._rows.refillAll();
  }

  /** @param {"tree" | "time"} view *time*: wide bars, and how long each step took by itself
   * @param {boolean} alone whether nothing else is shown, so that there is room */
  setView(view, alone) {
    this.el.dataset.view = view;
    this._rows.setMostPx(alone ? MOST_ALONE_PX : MOST_PX);
  }

  close() {
    this._bar.close();
    this._rows.close();
    this._statePane.close();
    this._patches?.close();
  }

  /** @returns {VirtualRows<TreeRow, TreeNode>} */
  _makeRows() {
    const rows = new VirtualRows({
      rowPx: ROW_PX,
      maxPx: MOST_PX,
      make: () => new TreeRow(),
      fill: (/** @type {TreeRow} */ row, /** @type {TreeNode} */ node) => this._fill(row, node),
      keyOf: (/** @type {TreeNode} */ node) => node.path,
    });
    const list = withRole(rows.list, "tree", "Steps of the run");
    list.classList.add("wb-tree");
    list.addEventListener("click", (event) => this._onClick(event));
    list.addEventListener("keydown", (event) => this._onTreeKey(event));
    list.addEventListener("focusin", (event) => this._onFocus(event));
    return rows;
  }

  /** @param {Set<string> | null} changed paths; null: all */
  _draw(changed) {
    if (this._model.relist()) {
      this._relisted();
      return;
    }
    if (changed === null) {
      this._rows.refillAll();
      return;
    }
    // What is in a run shows in its row too: where it is at, whether it failed itself.
    const paths = new Set(changed);
    for (const path of changed) {
      for (let node = this._model.nodes.get(path)?.parent; node && !paths.has(node.path); node = node.parent) paths.add(node.path);
    }
    for (const path of paths) this._rows.refill(path);
  }

  /** The rows are other ones: keep the focus where it was, or on what is around it. */
  _relisted() {
    const { rows, nodes, matching, isFiltering } = this._model;
    const hadFocus = this._hasFocus();
    if (this._selected && nodes.get(this._selected.path) !== this._selected) this._setSelected(nodes.get(this._selected.path) ?? null);
    let index = this._current ? rows.indexOf(this._current) : -1;
    for (let node = this._current?.parent; index < 0 && node; node = node.parent) index = rows.indexOf(node);
    this._current = rows[Math.max(index, 0)] ?? null;
    this._rows.kept = Math.max(index, 0);
    this._rows.setItems(rows);
    if (hadFocus && !this._hasFocus()) this._focusRow();
    this._bar.setCounts(nodes.size, matching);
    this._bar.setChoices(this._model.types, this._model.tags);
    this._nothing.hidden = rows.length > 0;
    setText(this._nothing, isFiltering ? "No step like that. Escape shows all." : "No steps yet");
  }

  /** @param {TreeRow} row @param {TreeNode} node */
  _fill(row, node) {
    row.show(node, {
      origin: this._model.origin,
      now: this._now,
      open: this._model.isOpen(node),
      selected: node === this._selected,
      current: node === this._current,
      words: this._model.isFiltering ? wordsOf(this._model.query.text) : [],
      ghost: this._ghosts?.get(node.alike) ?? null,
      scale: this._scale,
    });
    row.el.classList.toggle("wb-aside", this._model.isFiltering && !node.matches);
  }

  _setAxis() {
    const total = Math.max(this._span, this._ghostsEnd, 1);
    const step = this._axis.update(total);
    this._scale = { now: this._now - this._model.origin, total, step };
    for (const row of this._rows.rows()) row.scale(this._scale);
  }

  /** @param {Map<string, Set<string>> | null} touched */
  _selectFailed(touched) {
    if (this._choseSelf || this._selected) return;
    for (const [number, root] of this._state.runs.entries()) {
      if (root.status !== "failed" || (touched !== null && !touched.has(`/runs/${number}`))) continue;
      const node = this._model.failed(this._state, number);
      if (node) this._bringUp(node);
      this._setSelected(node, false);
      return;
    }
  }

  /** Make a node the current one, in view. @param {TreeNode} node */
  _bringUp(node) {
    if (this._tab !== "steps") this._bar.setTab("steps");
    if (!this._model.isShown(node)) this._bar.clear();
    this._model.openAround(node);
    this._current = node;
    this._draw(new Set());
    this._moveTo(node);
  }

  /** @param {TreeNode} node */
  _moveTo(node) {
    const before = this._current;
    this._current = node;
    this._rows.kept = this._model.rows.indexOf(node);
    this._rows.reveal(this._rows.kept);
    if (before) this._rows.refill(before.path);
    this._rows.refill(node.path);
  }

  /** @param {TreeNode | null} node @param {boolean} [chosen] by the reader */
  _setSelected(node, chosen = true) {
    const before = this._selected;
    if (before === node) return;
    this._selected = node;
    this._choseSelf ||= chosen;
    if (before) this._rows.refill(before.path);
    if (node) this._rows.refill(node.path);
    this._details.show(node?.run ?? null, null, this._now, node?.hasChildren);
    if (chosen) this._onSelect(node?.path ?? null);
  }

  /** @param {boolean} open */
  _openAll(open) {
    this._model.setAllOpen(open);
    this._draw(null);
  }

  /** @param {TreeNode} node @param {boolean} open */
  _setOpen(node, open) {
    this._model.setOpen(node, open);
    this._draw(null);
  }

  /** @param {import("./tree_filter.js").Query} query */
  _onQuery(query) {
    this._model.setQuery(query);
    this._draw(null);
    this._bar.sayFound(this._model.matching);
  }

  /** @param {import("./tree_bar.js").Tab} tab */
  _showTab(tab) {
    this._tab = tab;
    const shown = { steps: this._steps, state: this._statePane.el, patches: this._patches?.el ?? this._steps }[tab];
    this.el.replaceChildren(this._bar.el, shown);
    this._paintRaw();
    if (tab === "steps") this._rows.draw();
  }

  _paintRaw() {
    const run = this._selected ? (runAt(this._state, this._selected.path) ?? null) : null;
    if (this._tab === "state") this._statePane.update(this._state, run);
    else if (this._tab === "patches") this._patches?.update();
  }

  /** @param {EventTarget | null} target @returns {TreeNode | undefined} */
  _nodeOf(target) {
    const row = target instanceof Element ? target.closest(".wb-node") : null;
    return row instanceof HTMLElement ? this._model.nodes.get(row.dataset.path ?? "") : undefined;
  }

  /** @param {MouseEvent} event */
  _onClick(event) {
    const node = this._nodeOf(event.target);
    if (!node) return;
    this._moveTo(node);
    const twisty = /** @type {Element} */ (event.target).closest(".wb-twisty");
    if (twisty && node.hasChildren) this._setOpen(node, !this._model.isOpen(node));
    else this._setSelected(node === this._selected ? null : node);
    this._focusRow();
  }

  /** @param {FocusEvent} event */
  _onFocus(event) {
    const node = this._nodeOf(event.target);
    if (node && node !== this._current) this._moveTo(node);
  }

  /** Keys of the whole pane. @param {KeyboardEvent} event */
  _onKey(event) {
    const typing = event.target instanceof Element && event.target.matches("input, select, textarea");
    if ((event.key !== "/" && event.key !== "?") || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "?") this._bar.help.toggle();
    else {
      if (this._tab !== "steps") this._bar.setTab("steps");
      this._bar.search.focus();
      this._bar.search.select();
    }
    takeKey(event);
  }

  /** @param {KeyboardEvent} event */
  _onTreeKey(event) {
    const node = this._current;
    if (!node || event.key === "/" || event.key === "?" || event.ctrlKey || event.metaKey || event.altKey) return;
    const { rows } = this._model;
    const shown = { length: rows.length, at: (/** @type {number} */ index) => this._keyRow(rows[index]) };
    const action = keyAction(event.key, shown, rows.indexOf(node), this._rows.page);
    if (action === null) return;
    takeKey(event);
    switch (action.kind) {
      case "move": this._moveAndFollow(rows[action.index]); break;
      case "open": this._setOpen(node, true); break;
      case "close": this._setOpen(node, false); break;
      case "details": this._setSelected(node === this._selected ? null : node); break;
      case "siblings": this._openSiblings(node); break;
      case "leave": this._leave(); break;
    }
  }

  /** @param {TreeNode} node */
  _keyRow(node) {
    return { level: node.level, hasChildren: node.hasChildren, open: this._model.isOpen(node), name: node.name };
  }

  /** Open details go along with the focus. @param {TreeNode} node */
  _moveAndFollow(node) {
    this._moveTo(node);
    if (this._selected) this._setSelected(node);
    this._focusRow();
  }

  /** @param {TreeNode} node */
  _openSiblings(node) {
    for (const sibling of node.parent ? node.parent.children : this._model.roots) {
      if (sibling.hasChildren) this._model.setOpen(sibling, true);
    }
    this._draw(null);
  }

  /** Escape: first the details close, then what was looked for is forgotten. */
  _leave() {
    if (this._selected) this._setSelected(null);
    else if (this._model.isFiltering) this._bar.clear();
  }

  _leaveDetails() {
    this._setSelected(null);
    this._focusRow();
  }

  _focusRow() {
    if (this._current) this._rows.rowOf(this._current.path)?.el.focus({ preventScroll: true });
  }

  _hasFocus() {
    const root = /** @type {Document | ShadowRoot} */ (this.el.getRootNode());
    return root.activeElement !== undefined && this._rows.list.contains(root.activeElement);
  }
}

/** @param {Axis} axis */
function headRow(axis) {
  const head = element(
    "div", "wb-row wb-head",
    element("span", "wb-cell-name", "Step"),
    element("span", "wb-cell-status", "Status"),
    element("span", "wb-cell-number wb-cell-tokens", "Tokens"),
    element("span", "wb-cell-number wb-cell-own", "Own time"),
    element("span", "wb-cell-number wb-cell-time", "Time"),
    axis.el,
  );
  head.setAttribute("aria-hidden", "true");
  return head;
}

/** When each step of a run was, by the names down to it. @param {State} state */
function spansByName(state) {
  const model = new TreeModel();
  model.update(state, null);
  /** @type {Map<string, Span>} */
  const spans = new Map();
  for (const node of model.nodes.values()) spans.set(node.alike, spanOf(node.run, model.origin));
  return spans;
}
