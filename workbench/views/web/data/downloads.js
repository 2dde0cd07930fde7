// @ts-check
/**
 * Files a reader takes away: the state and the operations as JSON, and a page that stands by itself.
 *
 * Python makes them; the first two can also be made here, when the kernel is gone or does not answer.
 */

import { element } from "../parts/elements.js";
import { jsonText } from "./ordered_keys.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {"state" | "patches" | "html"} FileKind */

const ANSWER_MS = 5_000;

export class Downloads {
  /** @param {Store} store @param {(content: object) => void} send @param {(problem: string) => void} onProblem */
  constructor(store, send, onProblem) {
    this._store = store;
    this._send = send;
    this._onProblem = onProblem;
    /** @type {Map<FileKind, ReturnType<typeof setTimeout>>} what Python was asked for */
    this._asked = new Map();
  }

  close() {
    for (const timer of this._asked.values()) clearTimeout(timer);
    this._asked.clear();
  }

  /** @param {FileKind} what @param {boolean} gone whether there is no kernel to ask */
  start(what, gone) {
    if (gone) {
      this._makeHere(what);
      return;
    }
    if (this._asked.has(what)) return;
    this._asked.set(what, setTimeout(() => {
      this._asked.delete(what);
      this._makeHere(what);
    }, ANSWER_MS));
    this._send({ k: "export", what });
  }

  /** A file from Python; other pages get it as well and did not ask for it.
   * @param {{what?: unknown, name?: unknown, mime?: unknown, text?: unknown}} message */
  arrived(message) {
    const what = /** @type {FileKind} */ (message.what);
    const timer = this._asked.get(what);
    if (timer === undefined || typeof message.text !== "string") return;
    clearTimeout(timer);
    this._asked.delete(what);
    saveFile(String(message.name), String(message.mime), message.text);
  }

  /** Python could not make the file it was asked for. @param {string} problem */
  failed(problem) {
    this.close();
    this._onProblem(problem);
  }

  /** @param {FileKind} what */
  _makeHere(what) {
    if (what === "html") this._onProblem("The kernel did not answer: the page was not made");
    else if (what === "state") saveFile("run.json", "application/json", jsonText(this._store.state, 1));
    else saveFile("run-patches.json", "application/json", jsonText(this._store.patchLog()));
  }
}

/** @param {string} name @param {string} mime @param {string} text */
function saveFile(name, mime, text) {
  const link = element("a");
  const address = URL.createObjectURL(new Blob([text], { type: mime }));
  link.href = address;
  link.download = name.replace(/[^\p{L}\p{N} ._()-]/gu, "_");
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
