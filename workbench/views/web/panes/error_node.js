// @ts-check
/** What failed, in words: the way down to the step, the error, and its traceback to open. */

import { visibleText } from "../content/visible_text.js";
import { element } from "../parts/elements.js";
import { copyButton } from "./details.js";

/** @typedef {import("../data/store.js").Run} Run */

/** @param {import("../data/store.js").RunError} error @param {string} [where] names of the steps down to the failed one */
export function errorNode(error, where = "") {
  const box = element("div", "wb-error");
  if (where) box.append(element("div", "wb-error-where", visibleText(where)));
  const line = element("div", "wb-error-line");
  const message = error.message ? `: ${visibleText(error.message)}` : "";
  line.append(element("span", "wb-error-type", visibleText(error.type)), element("span", "", message));
  box.append(line);
  if (error.traceback) {
    const details = element("details");
    const copy = copyButton("Copy", "Copy the traceback", () => error.traceback);
    details.append(element("summary", "", "Traceback"), copy, element("pre", "wb-text", visibleText(error.traceback)));
    box.append(details);
  }
  return box;
}
