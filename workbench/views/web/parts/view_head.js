// @ts-check
/** The head of a view: status and name, a line of numbers, and how far it is. */

import { visibleText } from "../content/visible_text.js";
import { element, setAttribute, setText, withRole } from "./elements.js";

export class ViewHead {
  /** @param {string} ended what the progress counts, for the ear */
  constructor(ended) {
    this.status = withRole(element("span", "wb-status"), "status");
    this.title = element("span", "wb-title");
    this.title.dir = "auto";
    this.top = element("div", "wb-header-line", this.status, this.title);
    this.numbers = element("div", "wb-numbers");
    this.below = element("div", "wb-header-line wb-header-numbers", this.numbers);
    this._done = element("div", "wb-progress-done");
    this._failed = element("div", "wb-progress-failed");
    this.progress = withRole(element("div", "wb-progress", this._done, this._failed), "progressbar", ended);
    this.progress.setAttribute("aria-valuemin", "0");
    this.el = element("header", "wb-header", this.top, this.below, this.progress);
  }

  /** @param {string} title */
  rename(title) {
    setText(this.title, visibleText(title));
  }

  /** @param {{done: number, failed?: number, total: number, running: boolean}} at @param {string | null} [words] */
  showProgress({ done, failed = 0, total, running }, words = null) {
    this.progress.dataset.running = String(running);
    setAttribute(this.progress, "aria-valuemax", String(total));
    setAttribute(this.progress, "aria-valuenow", String(done + failed));
    setAttribute(this.progress, "aria-valuetext", words);
    this._done.style.width = total > 0 ? `${(100 * done) / total}%` : "0";
    this._failed.style.width = total > 0 ? `${(100 * failed) / total}%` : "0";
  }
}
