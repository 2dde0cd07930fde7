// @ts-check
/**
 * One root run in the stream pane: its output, how it ended, and beside it the same run of a pinned comparison.
 */

import { entriesOf, failedPath, runAt } from "../data/run_paths.js";
import { isModel } from "../data/values.js";
import { element } from "../parts/elements.js";
import { errorNode, stoppedNote } from "./error_node.js";
import { Output } from "./output.js";

/** @typedef {import("../data/store.js").Run} Run */
/** @typedef {import("../data/store.js").State} State */
/** @typedef {import("./output.js").TextMode} TextMode */

export class ItemView {
  /** @param {TextMode} mode */
  constructor(mode) {
    this.output = new Output("waiting for the first token…", mode);
    this.el = element("div", "wb-item", this.output.el);
    this._mode = mode;
    this._failed = false;
    /** @type {{id: string, output: Output} | null} */
    this._preview = null;
  }

  get text() {
    return this.output.text;
  }

  get looksLikeMarkdown() {
    return this.output.looksLikeMarkdown || (this._preview?.output.looksLikeMarkdown ?? false);
  }

  /** @param {TextMode} mode */
  setMode(mode) {
    this._mode = mode;
    this.output.setMode(mode);
    this._preview?.output.setMode(mode);
  }

  /** @param {State} state @param {number} number of the root run */
  update(state, number) {
    const run = state.runs[number];
    if (!run) return;
    this.output.update(run);
    this._updatePreview(run);
    if (run.error && !this._failed) {
      this._failed = true;
      const way = failedPath(state, number).map((path) => runAt(state, path)?.name ?? "");
      const where = way.length > 1 ? way.join(" > ") : "";
      this.el.append(run.status === "cancelled" ? stoppedNote() : errorNode(run.error, where));
    }
  }

  /** A run that does not stream (an item of a batch) shows what its last model writes until it ends.
   * @param {Run} run */
  _updatePreview(run) {
    const writing = run.end_time || run.streamed_output.length > 0 ? undefined : lastWriter(run);
    this.output.el.hidden = writing !== undefined;
    if (this._preview && this._preview.id !== writing?.id) {
      this._preview.output.el.remove();
      this._preview = null;
    }
    if (!writing) return;
    if (!this._preview) {
      this._preview = { id: writing.id, output: new Output("", this._mode) };
      this._preview.output.el.classList.add("wb-preview");
      this.output.el.after(this._preview.output.el);
    }
    this._preview.output.update(writing);
  }
}

/** The model that started last, of those that have written something. @param {Run} root */
function lastWriter(root) {
  const wrote = (/** @type {Run} */ run) => isModel(run) && run.streamed_output.length > 0;
  return entriesOf(root.logs ?? {}).map(([, run]) => run).findLast(wrote);
}
