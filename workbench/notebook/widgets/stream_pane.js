// @ts-check
/**
 * The output of the root runs, as it arrives.
 *
 * ``Output`` shows the output of one run: text in one block, parallel branches in one block per key.
 * ``StreamPane`` holds one ``Output`` per root run and follows the tail unless the reader scrolled up.
 */

import {
  branchesOf,
  copyText,
  element,
  hasToolCalls,
  inputLine,
  isDocument,
  isMessage,
  isModel,
  isRecord,
  messagesOf,
  setText,
  shownText,
  textOf,
} from "./values.js";

/** @typedef {import("./store.js").Run} Run */
/** @typedef {import("./store.js").State} State */
/** @typedef {{id: string, el: HTMLElement, output: Output, failed: boolean,
 *   preview: {id: string, output: Output} | null}} Item */

const DEEPEST_BRANCH = 3;
const TAIL_PX = 24;

/** One text that grows: a text node that tokens are appended to. */
class Block {
  /** @param {string[]} keys */
  constructor(keys) {
    this.el = element("div", "wb-block");
    this.key = keys[0];
    this.text = "";
    this._last = "";
    // Branches may stream their whole text so far (a JSON parser does) instead of what is new.
    this._cumulative = keys.length > 0;
    /** @type {string[]} */
    this._parts = [];
    if (keys.length > 0) this.el.append(element("div", "wb-block-label", keys.join(" › ")));
    const pre = element("pre", "wb-text");
    this._node = document.createTextNode("");
    pre.append(this._node);
    this.el.append(pre);
  }

  /** @param {string} part */
  append(part) {
    if (this._cumulative) {
      this._parts.push(part);
      this._cumulative = part.startsWith(this._last);
      this._last = part;
      if (this._cumulative) return this.set(part);
      return this.set(this._parts.splice(0).join(""));
    }
    this.text += part;
    this._node.appendData(part);
  }

  /** @param {string} text */
  set(text) {
    if (text === this.text) return;
    if (text.startsWith(this.text)) this._node.appendData(text.slice(this.text.length));
    else this._node.data = text;
    this.text = text;
  }
}

/** The output of one run. */
export class Output {
  /** @param {string} waiting what to say while there is nothing to show */
  constructor(waiting = "") {
    this.el = element("div", "wb-output");
    this._waiting = waiting;
    this._hint = element("div", "wb-hint", waiting);
    this._blocks = element("div", "wb-blocks");
    this.el.append(this._hint, this._blocks);
    /** @type {Map<string, Block>} */
    this._byPath = new Map();
    /** @type {string[]} keys of the branches in the order of their runs */
    this._order = [];
    this._seen = 0;
    this._onlyText = true;
    this._ended = false;
  }

  /** Show what is new in *run*; cheap when nothing is. @param {Run} run */
  update(run) {
    const chunks = run.streamed_output;
    if (this._seen < chunks.length && this._byPath.size === 0) this._order = branchOrder(run);
    while (this._seen < chunks.length) {
      if (typeof chunks[this._seen] === "string") {
        this._block([]).append(this._textFrom(chunks));
      } else {
        this._onlyText = false;
        this._place(chunks[this._seen], [], false);
        this._seen += 1;
      }
    }
    if (run.end_time && !this._ended) this._end(run);
    const hint = this._byPath.size > 0 ? "" : this._ended ? (run.error ? "" : "no output") : this._waiting;
    setText(this._hint, hint);
    this._hint.hidden = hint === "";
  }

  /** The tokens up to the next chunk that is none, as one text: appending to a long one copies it.
   * @param {unknown[]} chunks */
  _textFrom(chunks) {
    const start = this._seen;
    while (typeof chunks[this._seen] === "string") this._seen += 1;
    return chunks.slice(start, this._seen).join("");
  }

  /** All of it as text, for the clipboard. */
  get text() {
    const blocks = [...this._byPath];
    if (blocks.length === 1) return blocks[0][1].text;
    return blocks.map(([path, block]) => `${path}:\n${block.text}`).join("\n\n");
  }

  /** @param {Run} run */
  _end(run) {
    this._ended = true;
    const output = run.final_output;
    if (output === null || output === undefined) return;
    if (this._onlyText && this._byPath.size > 0 && !hasToolCalls(output)) return; // the whole text is here, and was perhaps cut there
    if (this._byPath.size === 0 && isRecord(output) && !allText(output)) this._block([]).set(shownText(output));
    else this._place(output, [], true);
  }

  /** @param {unknown} value @param {string[]} keys @param {boolean} whole instead of an addition */
  _place(value, keys, whole) {
    if (isBranches(value) && keys.length < DEEPEST_BRANCH) {
      for (const [key, item] of Object.entries(value)) this._place(item, [...keys, key], whole);
      return;
    }
    const text = textOf(value);
    if (text !== null && !whole) this._block(keys).append(text);
    else if (value !== null || whole) this._block(keys).set(shownText(value));
  }

  /** Among the others in the order of the branches. @param {Block} block @param {string | undefined} key */
  _insert(block, key) {
    const rank = this._rank(key);
    const others = [...this._byPath.values()].filter((other) => other !== block);
    const next = others.filter((other) => this._rank(other.key) > rank).map((other) => other.el);
    const after = [...this._blocks.children].find((el) => next.includes(/** @type {HTMLDivElement} */ (el)));
    this._blocks.insertBefore(block.el, after ?? null);
  }

  /** @param {string | undefined} key */
  _rank(key) {
    const rank = key === undefined ? -1 : this._order.indexOf(key);
    return rank < 0 ? this._order.length : rank;
  }

  /** @param {string[]} keys */
  _block(keys) {
    const path = keys.join(" › ");
    let block = this._byPath.get(path);
    if (!block) {
      block = new Block(keys);
      this._byPath.set(path, block);
      this._insert(block, keys[0]);
    }
    return block;
  }
}

/** Branches of a parallel step are tagged with their key. @param {Run} run */
function branchOrder(run) {
  return Object.values(run.logs ?? {}).flatMap(branchesOf);
}

/** What failed, in words, with the traceback to open. @param {import("./store.js").RunError} error
 * @param {string} [where] names of the steps down to the one that failed */
export function errorNode(error, where = "") {
  const box = element("div", "wb-error");
  if (where) box.append(element("div", "wb-error-where", where));
  const line = element("div", "wb-error-line");
  const message = error.message ? `: ${error.message}` : "";
  line.append(element("span", "wb-error-type", error.type), element("span", "", message));
  box.append(line);
  if (error.traceback) {
    const details = element("details");
    details.append(element("summary", "", "Traceback"), element("pre", "wb-text", error.traceback));
    box.append(details);
  }
  return box;
}

/** The way down to the step whose error the root run ended with: ``RunnableSequence > my_llm``.
 * @param {Run} root */
function failedStep(root) {
  const logs = root.logs ?? {};
  const names = [root.name];
  let around = "";
  for (;;) {
    const inner = Object.entries(logs).find(
      ([, run]) => (run.parent ?? "") === around && run.error?.message === root.error?.message,
    );
    if (!inner || names.length > Object.keys(logs).length) return names.length > 1 ? names.join(" > ") : "";
    around = inner[0];
    names.push(inner[1].name);
  }
}

/** The model that started last, of those that have written something. @param {Run} root */
function lastWriter(root) {
  const wrote = (/** @type {Run} */ run) => isModel(run) && run.streamed_output.length > 0;
  return Object.values(root.logs ?? {}).findLast(wrote);
}

export class StreamPane {
  constructor() {
    this.el = element("section", "wb-stream");
    this.el.setAttribute("aria-label", "Output");
    this._scroll = element("div", "wb-scroll");
    this._scroll.tabIndex = 0;
    this._scroll.setAttribute("role", "region");
    this._scroll.setAttribute("aria-label", "Output text");
    this._copy = element("button", "wb-button wb-copy", "Copy");
    this._copy.type = "button";
    this._copy.title = "Copy the output";
    this._copy.addEventListener("click", () => this._copyAll());
    this.el.append(this._scroll, this._copy);
    this._follow = true;
    this._scroll.addEventListener("scroll", () => {
      this._follow = this._scroll.scrollHeight - this._scroll.scrollTop - this._scroll.clientHeight < TAIL_PX;
    }, { passive: true });
    /** @type {Item[]} */
    this._items = [];
    this._hint = element("div", "wb-hint", "Nothing has run yet");
    this._scroll.append(this._hint);
  }

  /** @param {State} state @param {Iterable<number> | null} touched numbers of root runs; null: all */
  paint(state, touched) {
    if (this._items.some((item, number) => item.id !== state.runs[number]?.id)) {
      for (const item of this._items) item.el.remove();
      this._items = [];
    }
    this._hint.hidden = state.runs.length > 0;
    while (this._items.length < state.runs.length) this._add(state.runs[this._items.length]);
    for (const number of touched ?? state.runs.keys()) this._update(this._items[number], state.runs[number]);
    this._scroll.classList.toggle("wb-batch", state.runs.length > 1);
    if (this._follow) this._scroll.scrollTop = this._scroll.scrollHeight;
  }

  /** @param {Run} run */
  _add(run) {
    const el = element("div", "wb-item");
    const heading = element("div", "wb-item-head");
    heading.append(
      element("span", "wb-item-number", String(this._items.length + 1)),
      element("span", "wb-item-input", inputLine(run.input) || run.name),
    );
    const output = new Output("waiting for the first token…");
    el.append(heading, output.el);
    this._scroll.append(el);
    this._items.push({ id: run.id, el, output, preview: null, failed: false });
  }

  /** @param {Item | undefined} item @param {Run | undefined} run */
  _update(item, run) {
    if (!item || !run) return;
    item.output.update(run);
    this._updatePreview(item, run);
    if (run.error && !item.failed) {
      item.failed = true;
      const stopped = run.status === "cancelled";
      item.el.append(
        stopped ? element("div", "wb-note wb-stopped", "■ stopped here") : errorNode(run.error, failedStep(run)),
      );
    }
  }

  /** A run that does not stream (an item of a batch) shows what its last model writes until it ends.
   * @param {Item} item @param {Run} run */
  _updatePreview(item, run) {
    const writing = run.end_time || run.streamed_output.length > 0 ? undefined : lastWriter(run);
    item.output.el.hidden = writing !== undefined;
    if (item.preview && item.preview.id !== writing?.id) {
      item.preview.output.el.remove();
      item.preview = null;
    }
    if (!writing) return;
    if (!item.preview) {
      item.preview = { id: writing.id, output: new Output() };
      item.preview.output.el.classList.add("wb-preview");
      item.output.el.after(item.preview.output.el);
    }
    item.preview.output.update(writing);
  }

  async _copyAll() {
    const copied = await copyText(this._items.map((item) => item.output.text).join("\n\n"));
    setText(this._copy, copied ? "Copied" : "Not copied");
    setTimeout(() => setText(this._copy, "Copy"), 1200);
  }
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
function isBranches(value) {
  if (!isRecord(value) || isMessage(value) || isDocument(value) || messagesOf(value)) return false;
  return Object.keys(value).length > 0;
}

/** @param {Record<string, unknown>} value @returns {boolean} */
function allText(value) {
  return Object.values(value).every((item) => textOf(item) !== null);
}
