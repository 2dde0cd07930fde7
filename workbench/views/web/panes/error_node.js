// @ts-check
/** What failed, in words: the way down to the step, the error, and its traceback to open. */

import { visibleText } from "../content/visible_text.js";
import { copyButton } from "../parts/copy_button.js";
import { element } from "../parts/elements.js";

/** @typedef {import("../data/store.js").RunError} RunError */

/** @param {RunError} error @param {string} [where] names of the steps down to the failed one */
export function errorNode(error, where = "") {
  const box = element("div", "wb-error", where && element("div", "wb-error-where", visibleText(where)), errorLine(error));
  if (error.traceback) {
    const copy = copyButton("Copy", "Copy the traceback", () => error.traceback);
    const trace = element("pre", "wb-text", visibleText(error.traceback));
    box.append(element("details", "", element("summary", "", "Traceback"), copy, trace));
  }
  return box;
}

/** @param {RunError} error */
export function errorLine(error) {
  const message = error.message ? `: ${visibleText(error.message)}` : "";
  const type = element("span", "wb-error-type", visibleText(error.type));
  return element("div", "wb-error-line", type, element("span", "", message));
}

/** Of a run that was stopped. */
export function stoppedNote() {
  return element("div", "wb-note wb-stopped", "■ stopped here");
}
