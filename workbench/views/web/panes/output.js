// @ts-check
/**
 * The output of one run as it grows.
 *
 * Text is shown as it is or as Markdown, messages with their tool calls, branches of parallel steps side by side
 * by their keys, everything else as JSON. What grows is added to; what is drawn is not drawn again.
 */

import { GrowingText } from "../content/growing_text.js";
import { JsonView } from "../content/json_view.js";
import { looksLikeMarkdown } from "../content/markdown.js";
import { MarkdownText } from "../content/markdown_view.js";
import { formOf, readableNode } from "../content/messages_view.js";
import { visibleText } from "../content/visible_text.js";
import { membersOf, plainKey } from "../data/ordered_keys.js";
import { entriesOf } from "../data/run_paths.js";
import { branchesOf, hasToolCalls, isMessage, isRecord, shownText, textOf } from "../data/values.js";
import { copyButton } from "../parts/copy_button.js";
import { element, setText } from "../parts/elements.js";

/** @typedef {import("../data/store.js").Run} Run */
/** @typedef {"text" | "markdown"} TextMode */

const DEEPEST_BRANCH = 3;
const EXAMINED_CHARACTERS = 8_000;
const CUT_MARK = /… \(([\d,]+) characters left out\) …/;
const SHORTEST_CUT = 10_000;

/** A text that grows, in one of two forms. */
class TextPart {
  /** @param {TextMode} mode */
  constructor(mode) {
    this.el = element("div", "wb-text-part");
    this.text = "";
    /** Whether Markdown is worth offering. */
    this.looksLikeMarkdown = false;
    this._mode = mode;
    this._examined = 0;
    this._view = this._makeView();
  }

  /** @param {string} text */
  append(text) {
    if (text === "") return;
    this.text += text;
    this._view.append(visibleText(text));
    this._examine(text);
  }

  /** @param {string} text */
  set(text) {
    if (text === this.text) return;
    if (text.startsWith(this.text)) {
      this.append(text.slice(this.text.length));
      return;
    }
    this.text = "";
    this._view = this._makeView();
    this.append(text);
  }

  /** @param {TextMode} mode */
  setMode(mode) {
    if (mode === this._mode) return;
    this._mode = mode;
    this._view = this._makeView();
    this._view.append(visibleText(this.text));
  }

  _makeView() {
    const markdown = this._mode === "markdown";
    const el = markdown ? element("div", "wb-markdown") : element("pre", "wb-text");
    el.dir = "auto";
    this.el.replaceChildren(el);
    return markdown ? new MarkdownText(el) : new GrowingText(el);
  }

  /** Look at what is new of the beginning, and whether the text was cut. @param {string} added */
  _examine(added) {
    const grown = this._examined === 0 || this.text.length > 1.25 * this._examined || added.includes("\n");
    if (!this.looksLikeMarkdown && this._examined < EXAMINED_CHARACTERS && grown) {
      this._examined = this.text.length;
      this.looksLikeMarkdown = looksLikeMarkdown(this.text);
    }
    const cut = added.length > SHORTEST_CUT ? CUT_MARK.exec(added) : null;
    if (cut) this.el.append(element("div", "wb-note wb-cut", `Head and tail only: ${cut[1]} characters are left out here`));
  }
}

/** A value without branches. */
class ValueLeaf {
  /** @param {TextMode} mode */
  constructor(mode) {
    this.el = element("div", "wb-leaf");
    this._mode = mode;
    /** @type {TextPart | null} */
    this._text = null;
    /** @type {JsonView | null} */
    this._json = null;
    /** @type {unknown} */
    this._value = null;
    this._shape = "";
  }

  get text() {
    return this._text ? this._text.text : shownText(this._value ?? "");
  }

  get looksLikeMarkdown() {
    return this._text?.looksLikeMarkdown ?? false;
  }

  /** @param {TextMode} mode */
  setMode(mode) {
    this._mode = mode;
    this._text?.setMode(mode);
  }

  /** @param {string} text */
  append(text) {
    this._textPart().append(text);
  }

  /** @param {unknown} value */
  set(value) {
    this._value = value;
    const text = textOf(value);
    if (text !== null) {
      this._textPart().set(text);
      if (isMessage(value)) this._addMessage(value);
      return;
    }
    this._text = null;
    if (formOf(value) === "json") {
      if (this._json) this._json.update(value);
      else this.el.replaceChildren((this._json = new JsonView(value, { open: 3 })).el);
      return;
    }
    this._json = null;
    const shape = JSON.stringify(value) ?? "";
    if (shape !== this._shape) this.el.replaceChildren(readableNode(value));
    this._shape = shape;
  }

  /** What a message has beside its text. @param {unknown} value */
  _addMessage(value) {
    const message = /** @type {any} */ (value);
    const asides = [];
    const refusal = refusalOf(message);
    if (refusal) asides.push(element("div", "wb-refusal", `Refused: ${visibleText(refusal)}`));
    if (hasToolCalls(message)) {
      asides.push(readableNode({ type: "ai", content: "", tool_calls: message.tool_calls }));
    }
    for (const call of Array.isArray(message.invalid_tool_calls) ? message.invalid_tool_calls : []) {
      const words = `Tool call that cannot be read (${call?.name ?? "no name"}): ${call?.error ?? ""}\n${call?.args ?? ""}`;
      asides.push(element("pre", "wb-text wb-refusal", visibleText(words)));
    }
    if (message.response_metadata?.finish_reason === "length") {
      asides.push(element("div", "wb-note", "The model stopped at its token limit"));
    }
    this.el.replaceChildren(...(this._text && this._text.text !== "" ? [this._text.el] : []), ...asides);
  }

  _textPart() {
    if (!this._text) {
      this._json = null;
      this._text = new TextPart(this._mode);
      this.el.replaceChildren(this._text.el);
    }
    return this._text;
  }
}

/** A leaf with its key above it. */
class Block {
  /** @param {string[]} keys @param {TextMode} mode */
  constructor(keys, mode) {
    this.el = element("div", "wb-block");
    this.key = keys[0];
    this.leaf = new ValueLeaf(mode);
    if (keys.length > 0) {
      const name = keys.join(" › ");
      const copy = copyButton("Copy", `Copy ${name}`, () => this.leaf.text);
      this.el.append(element("div", "wb-block-label", element("bdi", "", visibleText(name)), copy));
    }
    this.el.append(this.leaf.el);
  }
}

export class Output {
  /** @param {string} waiting what to say while there is nothing to show @param {TextMode} [mode] */
  constructor(waiting = "", mode = "text") {
    this._waiting = waiting;
    this._mode = mode;
    this._hint = element("div", "wb-hint", waiting);
    this._blocks = element("div", "wb-blocks");
    this.el = element("div", "wb-output", this._hint, this._blocks);
    /** @type {Map<string, Block>} */
    this._byPath = new Map();
    /** @type {Set<string>} keys of the branches in the order of their runs */
    this._order = new Set();
    this._orderedRuns = -1;
    this._seen = 0;
    this._onlyText = true;
    this._ended = false;
  }

  /** All of it, for the clipboard. */
  get text() {
    const blocks = [...this._byPath];
    if (blocks.length === 1) return blocks[0][1].leaf.text;
    return blocks.map(([path, block]) => `${path}:\n${block.leaf.text}`).join("\n\n");
  }

  get looksLikeMarkdown() {
    for (const block of this._byPath.values()) if (block.leaf.looksLikeMarkdown) return true;
    return false;
  }

  /** @param {TextMode} mode */
  setMode(mode) {
    this._mode = mode;
    for (const block of this._byPath.values()) block.leaf.setMode(mode);
  }

  /** Show what is new in *run*; cheap when nothing is. @param {Run} run */
  update(run) {
    const chunks = run.streamed_output;
    if (chunks.length > 0 && typeof chunks[chunks.length - 1] !== "string") {
      this._onlyText = false;
      this._learnBranches(run);
      this._place(chunks[chunks.length - 1], [], false);
    } else if (this._seen < chunks.length) {
      const added = this._seen === 0 ? chunks : chunks.slice(this._seen);
      this._block([]).leaf.append(added.join(""));
    }
    this._seen = chunks.length;
    if (run.end_time && !this._ended) this._end(run);
    const hint = this._byPath.size > 0 ? "" : this._ended ? (run.error ? "" : "no output") : this._waiting;
    setText(this._hint, hint);
    this._hint.hidden = hint === "";
  }

  /** @param {Run} run */
  _end(run) {
    this._ended = true;
    const output = run.final_output;
    if (output === null || output === undefined) return;
    if (this._onlyText && this._byPath.size > 0) {
      // The whole text is here already, and the final one was perhaps cut.
      const leaf = this._block([]).leaf;
      if (isMessage(output)) leaf.set({ ...output, content: leaf.text });
      return;
    }
    this._learnBranches(run);
    this._place(output, [], true);
  }

  /** @param {Run} run */
  _learnBranches(run) {
    const count = Object.keys(run.logs ?? {}).length;
    if (count === this._orderedRuns) return;
    this._orderedRuns = count;
    this._order = branchKeys(run);
  }

  /** @param {unknown} value @param {string[]} keys @param {boolean} ended */
  _place(value, keys, ended) {
    if (this._isBranches(value, keys)) {
      for (const [key, item] of membersOf(value)) this._place(item, [...keys, key], ended);
    } else if (ended || (value !== null && value !== undefined)) {
      this._block(keys).leaf.set(value);
    }
  }

  /** Whether the keys of an object are those of parallel steps. @param {unknown} value @param {string[]} keys
   * @returns {value is Record<string, unknown>} */
  _isBranches(value, keys) {
    if (keys.length >= DEEPEST_BRANCH || !isRecord(value) || formOf(value) !== "json") return false;
    return Object.keys(value).some((key) => this._order.has(plainKey(key)));
  }

  /** Among the others in the order of the branches. @param {Block} block */
  _insert(block) {
    const rank = this._rank(block.key);
    const after = [...this._byPath.values()].find((other) => other !== block && this._rank(other.key) > rank);
    this._blocks.insertBefore(block.el, after?.el ?? null);
  }

  /** @param {string | undefined} key */
  _rank(key) {
    const rank = key === undefined ? -1 : [...this._order].indexOf(key);
    return rank < 0 ? this._order.size : rank;
  }

  /** @param {string[]} keys */
  _block(keys) {
    const path = keys.join(" › ");
    let block = this._byPath.get(path);
    if (!block) {
      block = new Block(keys, this._mode);
      this._byPath.set(path, block);
      this._insert(block);
    }
    return block;
  }
}

/** The keys of parallel steps: the tags of their branches have them, and their names have them in order.
 * @param {Run} run */
function branchKeys(run) {
  const runs = entriesOf(run.logs ?? {}).map(([, inner]) => inner);
  const named = [run, ...runs].flatMap((inner) => /<([^<>]+)>$/.exec(inner.name)?.[1].split(",") ?? []);
  const tagged = runs.flatMap(branchesOf);
  const known = new Set(run.logs ? tagged : named);
  return new Set([...named.filter((key) => known.has(key)), ...tagged]);
}

/** @param {any} message @returns {string} */
function refusalOf(message) {
  const own = message.additional_kwargs?.refusal;
  if (typeof own === "string") return own;
  const parts = Array.isArray(message.content) ? message.content : [];
  return parts.map((/** @type {any} */ part) => (typeof part?.refusal === "string" ? part.refusal : "")).join("");
}
