// @ts-check
/**
 * The output of the root runs, as it arrives: of one run, or of the items of a batch.
 *
 * Follows the tail unless the reader scrolled up. A pinned run stands beside the current one, item by item.
 */

import { visibleText } from "../content/visible_text.js";
import { emptyState } from "../data/store.js";
import { inputLine } from "../data/values.js";
import { copyButton } from "../parts/copy_button.js";
import { element, makeButton, scrollRegion } from "../parts/elements.js";
import { FollowTail } from "../parts/follow_tail.js";
import { Grip } from "../parts/grip.js";
import { remember, remembered } from "../parts/remembered.js";
import { Segments } from "../parts/segments.js";
import { MOST_TABS, itemOrder } from "./batch_items.js";
import { BatchPane } from "./batch_pane.js";
import { ItemView } from "./item_view.js";

/** @typedef {import("../data/store.js").State} State */
/** @typedef {import("./output.js").TextMode} TextMode */
/** @typedef {import("./batch_pane.js").Arrangement} Arrangement */

export class StreamPane {
  constructor() {
    /** @type {TextMode} */
    this._mode = "text";
    /** @type {Arrangement | ""} what the reader chose */
    this._arrangement = arrangementOf(remembered("arrangement"));
    this._state = emptyState();
    /** @type {string[]} ids of the runs that are shown */
    this._ids = [];
    /** @type {ItemView | null} */
    this._single = null;
    this._ended = false;
    /** @type {BatchPane | null} */
    this._batch = null;
    /** @type {State | null} */
    this._pinned = null;
    /** @type {ItemView | null} */
    this._pinnedView = null;
    this._arrangements = new Segments("Arrangement of the items", [
      ["grid", "Grid", "All items side by side"],
      ["tabs", "Tabs", "One item at a time"],
    ], (value) => {
      remember("arrangement", value);
      this._arrange(/** @type {Arrangement} */ (value));
    });
    this._modes = new Segments("Form of the text", [
      ["text", "Text", "The text as it came"],
      ["markdown", "Markdown", "The text with its Markdown rendered"],
    ], (value) => {
      remember("text", value);
      this._setMode(/** @type {TextMode} */ (value));
    });
    this._modes.choose("text");
    this._arrangements.el.hidden = this._modes.el.hidden = true;
    const copy = copyButton("Copy", "Copy the whole output", () => this._allText());
    copy.classList.add("wb-copy");
    const tools = element("span", "wb-bar-tools", this._arrangements.el, this._modes.el, copy);
    const bar = element("div", "wb-bar-line", element("span", "wb-bar-title", "Output"), tools);
    this._hint = element("div", "wb-hint", "Nothing has run yet");
    this._current = element("div", "wb-current");
    this._pin = element("div", "wb-pinned-output");
    this._pin.hidden = true;
    this._beside = element("div", "wb-beside", this._current, this._pin);
    this._scroll = scrollRegion("wb-scroll", "Output text", this._hint, this._beside);
    this._jump = makeButton("wb-button wb-jump", "Jump to end", () => {
      this._tail.jump();
      this._scroll.focus({ preventScroll: true });
    }, "Follow the output again");
    this._jump.hidden = true;
    this.el = element("section", "wb-stream", bar, this._scroll, this._jump, new Grip(this._scroll, "Output").el);
    this.el.setAttribute("aria-label", "Output");
    this._tail = new FollowTail(this._scroll, () => this._offerJump());
  }

  close() {
    this._batch?.close();
    this._tail.close();
  }

  /** @param {State} state @param {Iterable<number> | null} touched numbers of root runs; null: all */
  paint(state, touched) {
    this._state = state;
    if (this._ids.some((id, number) => id !== state.runs[number]?.id)) this._clear();
    for (let number = this._ids.length; number < state.runs.length; number += 1) this._ids.push(state.runs[number].id);
    this._hint.hidden = state.runs.length > 0;
    if (state.runs.length > 1) this._paintBatch(state, touched);
    else if (state.runs.length === 1) this._paintSingle(state);
    this._offerMarkdown();
  }

  /** Stay at the end. It makes the browser measure the page, so it comes after all else of a frame. */
  follow() {
    this._tail.update(this._isGrowing);
    this._offerJump();
  }

  get _isGrowing() {
    return this._state.status === "waiting" || this._state.status === "streaming";
  }

  _offerJump() {
    this._jump.hidden = this._tail.following || !this._isGrowing || !this._tail.enabled;
  }

  /** Show the item of a root run, where one is shown at a time. @param {number} number */
  select(number) {
    this._batch?.select(number);
  }

  /** @param {State | null} state */
  setPinned(state) {
    this._pinned = state;
    if (state && this._batch) this._arrange("tabs");
    this._paintPinned();
  }

  _clear() {
    this._ids = [];
    this._single = null;
    this._batch?.close();
    this._batch = null;
    this._current.replaceChildren();
    this._ended = false;
    this._tail.enabled = true;
    this._tail.release();
  }

  /** @param {State} state */
  _paintSingle(state) {
    if (!this._single) {
      this._single = new ItemView(this._mode);
      this._current.replaceChildren(this._single.el);
      this._paintPinned();
    }
    this._single.update(state, 0);
    const run = state.runs[0];
    // What came in one piece was not watched as it grew: it is read from its beginning.
    if (run.end_time && !this._ended && run.streamed_output.length <= 1) this._tail.toStart();
    this._ended = run.end_time !== null;
  }

  /** @param {State} state @param {Iterable<number> | null} touched */
  _paintBatch(state, touched) {
    const anew = this._batch === null;
    const batch = (this._batch ??= new BatchPane(this._mode, () => this._paintPinned()));
    if (anew) {
      this._single = null;
      this._current.replaceChildren(batch.el);
      this._arrangements.el.hidden = false;
    }
    const many = state.runs.length > MOST_TABS;
    const arrangement = this._arrangement || (many || this._pinned ? "tabs" : "grid");
    this._arrangements.choose(arrangement);
    this._arrangements.rename("tabs", many ? "List" : "Tabs");
    this._tail.enabled = arrangement !== "grid";
    batch.paint(state, anew ? null : touched, arrangement);
  }

  _paintPinned() {
    const run = this._pinnedNumber();
    this._pin.hidden = run < 0;
    this._beside.classList.toggle("wb-compared", run >= 0);
    if (run < 0 || !this._pinned) {
      this._pin.replaceChildren();
      this._pinnedView = null;
      return;
    }
    this._pinnedView = new ItemView(this._mode);
    this._pinnedView.update(this._pinned, run);
    const input = inputLine(this._pinned.runs[run].input);
    const given = input && element("bdi", "wb-pinned-input", visibleText(input));
    this._pin.replaceChildren(element("div", "wb-block-label wb-pinned-label", "Pinned", given), this._pinnedView.el);
  }

  /** The root run of the pinned state that belongs beside the one shown; -1: none. */
  _pinnedNumber() {
    if (!this._pinned || this._pinned.runs.length === 0) return -1;
    if (!this._batch) return this._pinned.runs.length === 1 || this._state.runs.length > 0 ? 0 : -1;
    const place = itemOrder(this._state).indexOf(this._batch.selected);
    return place < 0 ? -1 : (itemOrder(this._pinned)[place] ?? -1);
  }

  /** @param {Arrangement} arrangement */
  _arrange(arrangement) {
    this._arrangement = arrangement;
    this._tail.release();
    this.paint(this._state, null);
    this._paintPinned();
    this.follow();
  }

  _views() {
    const views = this._single ? [this._single] : (this._batch?.views ?? []);
    return this._pinnedView ? [...views, this._pinnedView] : views;
  }

  _offerMarkdown() {
    if (!this._modes.el.hidden || !this._views().some((view) => view.looksLikeMarkdown)) return;
    this._modes.el.hidden = false;
    if (remembered("text") !== "markdown") return;
    this._modes.choose("markdown");
    this._setMode("markdown");
  }

  /** @param {TextMode} mode */
  _setMode(mode) {
    this._mode = mode;
    for (const shown of [this._single, this._batch, this._pinnedView]) shown?.setMode(mode);
    this._tail.release();
    this._tail.update(false);
  }

  _allText() {
    if (this._single) return this._single.text;
    return itemOrder(this._state).map((number) => this._textOf(number)).join("\n\n");
  }

  /** @param {number} number */
  _textOf(number) {
    const view = new ItemView("text");
    view.update(this._state, number);
    return view.text;
  }
}

/** @param {string} text @returns {Arrangement | ""} */
function arrangementOf(text) {
  return text === "grid" || text === "tabs" ? text : "";
}
