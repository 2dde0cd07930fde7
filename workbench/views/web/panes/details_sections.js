// @ts-check
/**
 * The parts of the details: a titled one, one with a value, and one with the output as it grows.
 *
 * A text that streams grows by its end; other output is a value that changes in place.
 */

import { GrowingText } from "../content/growing_text.js";
import { JsonView, jsonView } from "../content/json_view.js";
import { formOf, readableNode } from "../content/messages_view.js";
import { visibleText } from "../content/visible_text.js";
import { isRunning, outputOf } from "../data/run_paths.js";
import { json, shownText } from "../data/values.js";
import { copyButton } from "../parts/copy_button.js";
import { element, makeButton, scrollRegion } from "../parts/elements.js";
import { isAtEnd } from "../parts/follow_tail.js";

/** @typedef {import("../data/store.js").Run} Run */

/** A titled part of the panel. */
export class DetailsSection {
  /** @param {string} title */
  constructor(title) {
    this.title = element("h4", "wb-section-title", title);
    this.tools = element("span", "wb-section-tools");
    this.body = scrollRegion("wb-section-body", title);
    this.el = element("section", "wb-section", element("div", "wb-section-head", this.title, this.tools), this.body);
    this.el.hidden = true;
  }

  /** @param {Node | null} content nothing hides the section */
  set(content) {
    this.el.hidden = content === null;
    this.body.replaceChildren(...(content ? [content] : []));
  }
}

/** A value, readable or as the JSON it is. */
export class ValueSection extends DetailsSection {
  /** @param {string} title */
  constructor(title) {
    super(title);
    /** @type {unknown} */
    this.value = null;
    this._asJson = false;
    this._switch = makeButton("wb-quiet", "JSON", () => {
      this._asJson = !this._asJson;
      this._switch.setAttribute("aria-pressed", String(this._asJson));
      this.draw();
    }, `${title} exactly as it is`);
    this._switch.setAttribute("aria-pressed", "false");
    this.tools.append(this._switch, copyButton("Copy", `Copy the ${title.toLowerCase()}`, () => this.copied()));
  }

  /** @param {unknown} value */
  show(value) {
    this.value = value;
    this.draw();
  }

  draw() {
    const form = formOf(this.value);
    this._switch.hidden = form === "nothing" || form === "json";
    if (form === "nothing") this.set(null);
    else this.set(this._asJson && form !== "json" ? jsonView(this.value, { open: true }) : readableNode(this.value));
  }

  copied() {
    return this._asJson ? json(this.value) : shownText(this.value);
  }
}

/** The output of one run, while it streams and after. */
export class OutputSection extends ValueSection {
  constructor() {
    super("Output");
    this._pre = element("pre", "wb-text");
    this._pre.dir = "auto";
    /** @type {GrowingText | null} */
    this._text = null;
    /** @type {Run | null} */
    this._run = null;
    /** @type {JsonView | null} */
    this._growing = null;
    this._seen = 0;
    this._follow = true;
    this.body.addEventListener("scroll", () => (this._follow = isAtEnd(this.body)), { passive: true });
  }

  /** @param {Run} run @param {boolean} anew another run than before */
  update(run, anew) {
    if (anew) {
      this._text = this._growing = null;
      this._seen = 0;
      this._follow = isRunning(run);
    }
    const { streamed_output: chunks, final_output: output } = run;
    const ended = !isRunning(run) && output !== null && output !== undefined;
    this._run = run;
    if (ended && !(typeof output === "string" && this._text)) this.show(output);
    else if (chunks.length === 0) this._hint(run);
    else if (typeof chunks[chunks.length - 1] === "string") this._append(chunks);
    else this._change(chunks[chunks.length - 1]);
    if (ended && this._text) this.value = output;
    this._switch.hidden ||= !ended;
    if (this._follow && isRunning(run)) this.body.scrollTop = this.body.scrollHeight;
  }

  copied() {
    if (this._run && isRunning(this._run)) return shownText(outputOf(this._run) ?? "");
    return super.copied();
  }

  /** @param {Run} run */
  _hint(run) {
    this._switch.hidden = true;
    this.set(element("div", "wb-hint", isRunning(run) ? "nothing yet" : "no output"));
  }

  /** @param {unknown[]} chunks */
  _append(chunks) {
    if (!this._text) {
      this._text = new GrowingText(this._pre);
      this.set(this._pre);
      this._switch.hidden = true;
    }
    const parts = chunks.slice(this._seen).filter((chunk) => typeof chunk === "string");
    this._seen = chunks.length;
    if (parts.length > 0) this._text.append(visibleText(parts.join("")));
  }

  /** @param {unknown} value */
  _change(value) {
    if (this._growing) this._growing.update(value);
    else {
      this._growing = new JsonView(value, { open: 3 });
      this.set(this._growing.el);
      this._switch.hidden = true;
    }
  }
}
