// @ts-check
/**
 * The panel of the selected run: what it got, what it gives as it gives it, what it cost, why it failed.
 *
 * Only what a frame touched is drawn again.
 */

import { jsonView } from "../content/json_view.js";
import { pairList, textNode } from "../content/messages_view.js";
import { visibleText } from "../content/visible_text.js";
import { membersOf } from "../data/ordered_keys.js";
import { isRunning, tokenCount } from "../data/run_paths.js";
import { itemNumber, shownStatus, statusGlyph, tookText, typeGlyph, typeWords } from "../data/run_words.js";
import { SHORTEST_MEASURED_MS, moneyText } from "../data/totals.js";
import { branchesOf, counted, duration, isModel, json, time } from "../data/values.js";
import { copyButton } from "../parts/copy_button.js";
import { element, makeButton, setText } from "../parts/elements.js";
import { ownTags } from "../tree/tree_filter.js";
import { DetailsSection, OutputSection, ValueSection } from "./details_sections.js";
import { errorLine, stoppedNote } from "./error_node.js";

/** @typedef {import("../data/store.js").Run} Run */

const MOST_EVENTS = 500;

export class Details {
  /** @param {() => void} onClose */
  constructor(onClose) {
    this._icon = element("span", "wb-icon");
    this._name = element("span", "wb-details-name");
    this._status = element("span", "wb-details-status");
    const close = makeButton("wb-quiet wb-close", "×", onClose, "Close the details (Escape)");
    close.setAttribute("aria-label", "Close the details");
    const copy = copyButton("Copy as JSON", "Copy as JSON: everything of this run", () => json(this.run ?? null));
    const head = element("div", "wb-details-head", this._icon, this._name, this._status, copy, close);
    this.error = new DetailsSection("Error");
    this.error.tools.append(copyButton("Copy", "Copy the error with its traceback", () => errorText(this.run)));
    this.input = new ValueSection("Input");
    this.output = new OutputSection();
    this.call = new DetailsSection("Call");
    this.tags = new DetailsSection("Tags and metadata");
    this.events = new DetailsSection("Events");
    const values = element("div", "wb-details-values", this.input.el, this.output.el);
    const facts = element("div", "wb-details-facts", this.call.el, this.tags.el, this.events.el);
    this.el = element("section", "wb-details", head, this.error.el, values, facts);
    this.el.setAttribute("aria-label", "Selected step");
    this.el.hidden = true;
    /** @type {Run | null} */
    this.run = null;
    this._busy = false;
    /** @type {string | null} */
    this._id = null;
  }

  /** Show a run, or what changed of it. @param {Run | null} run @param {Set<string> | null} fields null: all
   * @param {number} now @param {boolean} [busy] whether something in it has started */
  show(run, fields, now, busy = false) {
    this.run = run;
    this._busy = busy;
    this.el.hidden = run === null;
    if (run === null) {
      this._id = null;
      return;
    }
    const anew = run.id !== this._id;
    this._id = run.id;
    const touched = (/** @type {string[]} */ ...names) => anew || fields === null || fields.has("") || names.some((name) => fields.has(name));
    this.el.dataset.type = run.type;
    this.el.dataset.status = run.status;
    setText(this._icon, typeGlyph(run.type));
    this._icon.title = typeWords(run.type);
    const number = itemNumber(run);
    const item = number === null ? [] : [String(number)];
    setText(this._name, visibleText([...item, ...branchesOf(run), run.name].join(" › ")));
    if (touched("error")) this.error.set(errorNodes(run));
    if (touched("input")) {
      setText(this.input.title, isModel(run) ? "Prompt as sent" : "Input");
      this.input.show(run.input);
    }
    if (touched("streamed_output", "final_output", "end_time")) this.output.update(run, anew);
    if (touched("call", "usage", "end_time", "first_chunk_time", "status")) this.call.set(callFacts(run));
    if (touched("tags", "metadata")) this.tags.set(tagNodes(run));
    if (touched("events")) this._showEvents(run);
    this.tick(now, true);
  }

  /** @param {number} now @param {boolean} [all] */
  tick(now, all = false) {
    const { run } = this;
    if (!run || !(all || isRunning(run))) return;
    const status = shownStatus(run.status, this._busy);
    setText(this._status, [`${statusGlyph(status)} ${status}`, tookText(run, now)].filter(Boolean).join(" · "));
  }

  /** @param {Run} run */
  _showEvents(run) {
    const { events } = run;
    setText(this.events.title, `Events (${events.length.toLocaleString("en")})`);
    if (events.length === 0) {
      this.events.set(null);
      return;
    }
    const list = element("div", "wb-cards");
    if (events.length > MOST_EVENTS) {
      list.append(element("div", "wb-note", `the last ${MOST_EVENTS} of ${counted(events.length, "event")}`));
    }
    for (const event of events.slice(-MOST_EVENTS)) {
      const name = element("span", "wb-event-name", visibleText(String(event.name)));
      list.append(element("div", "wb-event", name, jsonView(event.data, { open: 0 })));
    }
    this.events.set(list);
  }
}

/** @param {Run} run */
function errorNodes({ error, status }) {
  if (!error) return null;
  if (status === "cancelled") return element("div", "wb-error-box", stoppedNote());
  const box = element("div", "wb-error-box", errorLine(error));
  if (error.traceback) {
    const trace = element("details", "wb-traceback", element("summary", "", "Traceback"), textNode(error.traceback));
    trace.open = true;
    box.append(trace);
  }
  return box;
}

/** @param {Run | null} run */
function errorText(run) {
  return run?.error ? run.error.traceback || `${run.error.type}: ${run.error.message}` : "";
}

/** What a call took and cost; null where nothing is known. @param {Run} run */
function callFacts(run) {
  /** @type {[string, unknown][]} */
  const facts = [];
  const add = (/** @type {string} */ name, /** @type {string} */ text) => text && facts.push([name, text]);
  const { call } = run;
  const first = time(run.first_chunk_time) - time(run.start_time);
  if (call?.model) add("model", call.model);
  const input = call?.input_tokens ?? run.usage?.input_tokens;
  add("input tokens", typeof input === "number" ? input.toLocaleString("en") : "");
  const output = tokenCount(run);
  add("output tokens", isModel(run) && output > 0 ? output.toLocaleString("en") : "");
  add("first token", typeof call?.first_token_s === "number" ? duration(call.first_token_s * 1000) : duration(first));
  const took = time(run.end_time) - time(run.start_time);
  if (!(took < SHORTEST_MEASURED_MS)) add("tokens/s", typeof call?.tokens_per_s === "number" ? call.tokens_per_s.toFixed(1) : speedOf(run));
  const gap = call?.gap_s;
  if (gap) add("gaps", `median ${duration(gap.p50 * 1000)}, p95 ${duration(gap.p95 * 1000)}, longest ${duration(gap.max * 1000)}`);
  if (typeof call?.cost_usd === "number") add("cost", moneyText(call.cost_usd));
  if (call?.cached) add("cached", "yes, no request was made");
  add("started", run.start_time ? new Date(run.start_time).toLocaleTimeString() : "");
  return facts.length > 0 ? pairList(facts) : null;
}

/** @param {Run} run */
function speedOf(run) {
  const streaming = time(run.end_time) - time(run.first_chunk_time);
  const count = tokenCount(run);
  return count > 1 && streaming > 0 ? ((count - 1) / (streaming / 1000)).toFixed(1) : "";
}

/** @param {Run} run */
function tagNodes(run) {
  const own = new Set(ownTags(run));
  const tags = run.tags.map((tag) => element("span", own.has(tag) ? "wb-tag" : "wb-tag wb-tag-engine", visibleText(tag)));
  const facts = pairList([...membersOf(run.metadata), ["run id", run.id]]);
  return element("div", "wb-tagged", tags.length > 0 ? element("div", "wb-tags", ...tags) : "", facts);
}
