// @ts-check
/** One row of the tree: what it is, how it goes, what it cost, and its bar. Used for one run after another. */

import { visibleText } from "../content/visible_text.js";
import { isRunning } from "../data/run_paths.js";
import { itemNumber, shownStatus, spokenLabel, statusGlyph, tokensText, tookText, typeGlyph, typeWords } from "../data/run_words.js";
import { duration, inputLine, preview } from "../data/values.js";
import { element, setAttribute, setText, withRole } from "../parts/elements.js";
import { markedPieces } from "./tree_filter.js";
import { activeInside } from "./tree_model.js";
import { Track, ownTime } from "./waterfall.js";

/** @typedef {import("./tree_model.js").TreeNode} TreeNode */
/**
 * @typedef {{origin: number, now: number, open: boolean, selected: boolean, current: boolean, words: string[],
 *   ghost: import("./waterfall.js").Span | null, scale: import("./waterfall.js").Scale}} RowContext
 */

const DEEPEST_INDENT = 14;

export class TreeRow {
  constructor() {
    /** @type {TreeNode | null} */
    this.node = null;
    this._level = NaN;
    this._spoken = element("span", "wb-heard");
    this._icon = element("span", "wb-icon");
    this._item = element("span", "wb-item-index");
    this._branches = element("span", "wb-branches");
    this._label = element("span", "wb-name");
    this._note = element("span", "wb-row-note");
    const twisty = element("span", "wb-twisty");
    const name = element("span", "wb-cell-name", twisty, this._icon, this._item, this._branches, this._label, this._note);
    this._glyph = element("span", "wb-glyph");
    this._word = element("span", "wb-word");
    const status = element("span", "wb-cell-status", this._glyph, this._word);
    this._tokens = element("span", "wb-cell-number wb-cell-tokens");
    this._own = element("span", "wb-cell-number wb-cell-own");
    this._time = element("span", "wb-cell-number wb-cell-time");
    this._track = new Track();
    this._line = element("div", "wb-row", name, status, this._tokens, this._own, this._time, this._track.el);
    this._line.setAttribute("aria-hidden", "true"); // screen readers get it in words
    this.el = withRole(element("div", "wb-node", this._line, this._spoken), "treeitem");
    this.el.tabIndex = -1;
  }

  /** @param {TreeNode} node @param {RowContext} context */
  show(node, context) {
    const { run } = node;
    this.node = node;
    const { dataset } = this.el;
    if (dataset.path !== node.path) dataset.path = node.path;
    if (dataset.status !== run.status) dataset.status = run.status;
    if (dataset.type !== run.type) dataset.type = run.type;
    this._showPlace(node, context);
    this._showLabel(node, context);
    const status = shownStatus(run.status, node.hasChildren);
    setText(this._glyph, statusGlyph(status));
    setAttribute(this._glyph, "title", status);
    setText(this._word, status === "done" ? "" : status);
    setText(this._tokens, tokensText(run));
    setText(this._spoken, spokenLabel(run, node.branches, status));
    this._track.show(run, context.origin, context.ghost);
    this.scale(context.scale);
    this.tick(context.now, true);
  }

  /** @param {import("./waterfall.js").Scale} scale of the axis, which grows while a run goes on */
  scale(scale) {
    this._track.scale(scale);
  }

  /** @param {number} now milliseconds on the sender's clock @param {boolean} [all] also what no longer moves */
  tick(now, all = false) {
    const { node } = this;
    if (!node || !(all || isRunning(node.run))) return;
    setText(this._time, tookText(node.run, now));
    const inside = node.children.map((child) => child.run);
    setText(this._own, inside.length > 0 ? duration(ownTime(node.run, inside, now)) : "");
  }

  /** @param {TreeNode} node @param {RowContext} context */
  _showPlace(node, { open, selected, current }) {
    setAttribute(this.el, "aria-level", String(node.level));
    setAttribute(this.el, "aria-posinset", String(node.position));
    setAttribute(this.el, "aria-setsize", String(node.siblings));
    setAttribute(this.el, "aria-expanded", node.hasChildren ? String(open) : null);
    setAttribute(this.el, "aria-selected", String(selected));
    if (this.el.tabIndex !== (current ? 0 : -1)) this.el.tabIndex = current ? 0 : -1;
    const level = Math.min(node.level - 1, DEEPEST_INDENT);
    if (level !== this._level) this._line.style.setProperty("--wb-level", String(level));
    this._level = level;
  }

  /** @param {TreeNode} node @param {RowContext} context */
  _showLabel(node, { open, words }) {
    const { run } = node;
    setText(this._icon, typeGlyph(run.type));
    setAttribute(this._icon, "title", typeWords(run.type));
    setText(this._item, String(itemNumber(run) ?? ""));
    const branches = visibleText(node.branches.join(", "));
    markWords(this._branches, branches, words);
    markWords(this._label, visibleText(run.name), words);
    setAttribute(this._label, "title", visibleText(run.name));
    const { text, kind } = noteOf(node, open);
    setText(this._note, text);
    if (this._note.dataset.kind !== kind) this._note.dataset.kind = kind;
    setAttribute(this._note, "title", text);
  }
}

/** What is worth a word beside the name: the error, where a closed run is at, the input of an item.
 * @param {TreeNode} node @param {boolean} open */
function noteOf(node, open) {
  const { run } = node;
  if (run.error && run.status === "failed") {
    const inside = node.children.some((child) => child.run.error?.message === run.error?.message);
    if (!inside) return { text: visibleText(preview(`${run.error.type}: ${run.error.message}`, 160)), kind: "error" };
  }
  const active = !open && isRunning(run) ? activeInside(node) : null;
  if (active) return { text: `› ${visibleText(active.name)}`, kind: "active" };
  if (typeof run.item === "number") return { text: visibleText(inputLine(run.input)), kind: "input" };
  return { text: "", kind: "none" };
}

/** @param {HTMLElement} node @param {string} text @param {string[]} words */
function markWords(node, text, words) {
  const pieces = markedPieces(text, words);
  if (pieces.length === 1 && node.childElementCount === 0) {
    setText(node, text);
    return;
  }
  node.replaceChildren(...pieces.map((piece, index) => (index % 2 === 1 ? element("mark", "", piece) : piece)));
}
