// @ts-check
/** The head of a timeline: how far the comparison is, what it does now, and the button that ends it. */

import { visibleText } from "../content/visible_text.js";
import { duration } from "../data/values.js";
import { element, makeButton, setText } from "../parts/elements.js";
import { icon } from "../parts/icons.js";
import { ViewHead } from "../parts/view_head.js";

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

export class TimelineHead extends ViewHead {
  /** @param {() => void} onStop */
  constructor(onStop) {
    super("Repeats that have ended");
    const name = element("span", "wb-tool-name", "Stop");
    this._stop = makeButton("wb-button wb-tool wb-stop", icon("stop"), () => {
      this._stop.disabled = true;
      setText(name, "Stopping…");
      onStop();
    }, "End the comparison; what was measured is kept");
    this._stop.append(name);
    this.top.append(this._stop);
    this._doing = element("span", "wb-number wb-doing");
    this._left = element("span", "wb-number wb-left");
    this.numbers.append(this._doing, this._left);
  }

  /** @param {string} title @param {string} status @param {Progress} progress @returns {string} the status as the
   * style sheet knows it */
  update(title, status, { done = 0, total = 0, doing = "", left_s: left }) {
    const [words, shown] = STATUS[status] ?? STATUS.waiting;
    const running = status === "running";
    setText(this.status, words);
    this.rename(title);
    this._stop.hidden = !running;
    setText(this._doing, running ? visibleText(doing) : total > 0 ? `${done.toLocaleString("en")} of ${total.toLocaleString("en")} runs` : "");
    const leftWords = running && typeof left === "number" ? `about ${duration(left * 1000) || "0 ms"} left` : "";
    setText(this._left, leftWords);
    this._left.hidden = leftWords === "";
    this.showProgress({ done, total, running });
    return shown;
  }
}
