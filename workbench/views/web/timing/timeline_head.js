// @ts-check
/** The head of a timeline: how far the comparison is, what it does now, and the button that ends it. */

import { visibleText } from "../content/visible_text.js";
import { duration } from "../data/values.js";
import { element, setAttribute, setText } from "../parts/elements.js";
import { icon } from "../parts/icons.js";

/** @typedef {import("./timeline_store.js").Progress} Progress */

/** @type {Record<string, [words: string, status: string]>} */
const STATUS = {
  waiting: ["Waiting", "waiting"],
  running: ["Measuring", "streaming"],
  done: ["Done", "done"],
  stopped: ["Stopped", "cancelled"],
  failed: ["Failed", "failed"],
  lost: ["Kernel gone", "lost"],
};

export class TimelineHead {
  /** @param {() => void} onStop */
  constructor(onStop) {
    this.el = element("header", "wb-header");
    this._status = element("span", "wb-status");
    this._status.setAttribute("role", "status");
    this._title = element("span", "wb-title");
    this._title.dir = "auto";
    this._stop = element("button", "wb-button wb-tool wb-stop");
    this._stop.type = "button";
    this._stop.title = "End the comparison; what was measured is kept";
    this._stopName = element("span", "wb-tool-name", "Stop");
    this._stop.append(icon("stop"), this._stopName);
    this._stop.addEventListener("click", () => {
      this._stop.disabled = true;
      setText(this._stopName, "Stopping…");
      onStop();
    });
    const top = element("div", "wb-header-line");
    top.append(this._status, this._title, this._stop);
    this._doing = element("span", "wb-number wb-doing");
    this._left = element("span", "wb-number wb-left");
    const numbers = element("div", "wb-numbers");
    numbers.append(this._doing, this._left);
    const below = element("div", "wb-header-line wb-header-numbers");
    below.append(numbers);
    this._progress = element("div", "wb-progress");
    this._progress.setAttribute("role", "progressbar");
    this._progress.setAttribute("aria-label", "Repeats that have ended");
    this._done = element("div", "wb-progress-done");
    this._progress.append(this._done);
    this.el.append(top, below, this._progress);
  }

  /** @param {string} title @param {string} status @param {Progress} progress @returns {string} the status as the
   * style sheet knows it */
  update(title, status, { done = 0, total = 0, doing = "", left_s: left }) {
    const [words, shown] = STATUS[status] ?? STATUS.waiting;
    const running = status === "running";
    setText(this._status, words);
    setText(this._title, visibleText(title));
    this._stop.hidden = !running;
    setText(this._doing, running ? visibleText(doing) : total > 0 ? `${done.toLocaleString("en")} of ${total.toLocaleString("en")} runs` : "");
    const leftWords = running && typeof left === "number" ? `about ${duration(left * 1000) || "0 ms"} left` : "";
    setText(this._left, leftWords);
    this._left.hidden = leftWords === "";
    this._progress.dataset.running = String(running);
    setAttribute(this._progress, "aria-valuemin", "0");
    setAttribute(this._progress, "aria-valuemax", String(total));
    setAttribute(this._progress, "aria-valuenow", String(done));
    this._done.style.width = total > 0 ? `${(100 * done) / total}%` : "0";
    return shown;
  }
}
