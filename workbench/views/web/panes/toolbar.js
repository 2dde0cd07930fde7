// @ts-check
/** The controls of a view: a toolbar that is one stop of the Tab key and is walked with the arrows. */

import { copyText } from "../parts/copy_button.js";
import { element, makeButton, setAttribute, setText, withRole } from "../parts/elements.js";
import { icon } from "../parts/icons.js";
import { buttonByKey, takeKey } from "../parts/list_keys.js";
import { MenuButton } from "../parts/menu.js";

/** @typedef {{stop: () => void, rerun: () => void, pin: () => void, python: () => string,
 *   download: (what: import("../data/downloads.js").FileKind) => void}} Actions */
/** @typedef {{running: boolean, gone: boolean, canRerun: boolean, canStop: boolean, python: boolean,
 *   pinned: boolean, hasRuns: boolean}} Abilities */

const DOWNLOAD = "Download the run";
const TOLD_MS = 1200;

export class Toolbar {
  /** @param {Actions} actions */
  constructor(actions) {
    this.el = withRole(element("div", "wb-toolbar"), "toolbar", "The run");
    this._actions = actions;
    this._stopping = false;
    this.stop = this._button("wb-stop", "stop", "Stop", () => {
      this._stopping = true;
      this._name(this.stop, "Stopping…");
      actions.stop();
    });
    this._again = this._button("wb-again", "again", "Run again", actions.rerun);
    this._pin = this._button("wb-pin", "pin", "Pin", actions.pin);
    this._python = this._button("wb-python", "copy", "Copy as Python", () => this._copyPython());
    this._download = this._button("wb-download", "download", "Download", () => {});
    this._menu = new MenuButton(this._download, DOWNLOAD, [
      { value: "state", text: "State (JSON)", title: "Everything this view knows" },
      { value: "patches", text: "JSON Patch log", title: "The operations as they came" },
      { value: "html", text: "Page (HTML)", title: "One file that shows the run without Jupyter" },
    ], (what) => actions.download(/** @type {any} */ (what)));
    this.el.append(this._menu.el);
    this.el.addEventListener("keydown", (event) => this._onKey(event));
    this.el.addEventListener("focusin", (event) => this._keepStop(/** @type {Element} */ (event.target)));
  }

  close() {
    this._menu.close(false);
  }

  /** @param {Abilities} can */
  update(can) {
    const gone = "The kernel of this run is gone";
    if (!can.running && this._stopping) this._stopping = false;
    if (!this._stopping) this._name(this.stop, "Stop");
    const stopHadFocus = this.stop.matches(":focus");
    this._enable(this.stop, can.running && can.canStop && !can.gone, can.gone ? gone : "Stop the run and its requests");
    this._enable(
      this._again, can.canRerun && !can.running && !can.gone,
      can.gone ? gone : can.canRerun ? "Run the chain again on the same input" : "This view cannot start the run again",
    );
    this._enable(this._pin, (can.hasRuns || can.pinned) && !can.gone, can.gone ? gone : can.pinned ? "End the comparison" : "Keep this run to compare the next one with");
    this._name(this._pin, can.pinned ? "Unpin" : "Pin");
    setAttribute(this._pin, "aria-pressed", String(can.pinned));
    this._enable(this._python, can.python, can.python ? "Copy the chain and its input as Python code" : "There is no Python code for this run");
    this._enable(this._download, can.hasRuns, DOWNLOAD);
    this._menu.enable("html", !can.gone, can.gone ? gone : "One file that shows the run without Jupyter");
    if (stopHadFocus && this.stop.disabled) this._enabled()[0]?.focus({ preventScroll: true });
    const current = this._buttons().find((button) => button.tabIndex === 0);
    if (!current || current.disabled) this._keepStop(this._enabled()[0] ?? null);
  }

  /** A button that can do nothing yet. @param {string} className @param {string} glyph @param {string} name
   * @param {() => void} onClick */
  _button(className, glyph, name, onClick) {
    const button = makeButton(`wb-button wb-tool ${className}`, icon(glyph), onClick);
    button.append(element("span", "wb-tool-name", name));
    button.tabIndex = -1;
    button.setAttribute("aria-label", name);
    button.disabled = true;
    this.el.append(button);
    return button;
  }

  /** @param {HTMLButtonElement} button @param {string} name */
  _name(button, name) {
    const label = button.querySelector(".wb-tool-name");
    if (label) setText(label, name);
    setAttribute(button, "aria-label", name);
  }

  /** @param {HTMLButtonElement} button @param {boolean} enabled @param {string} title */
  _enable(button, enabled, title) {
    if (button.disabled === enabled) button.disabled = !enabled;
    setAttribute(button, "title", title);
  }

  async _copyPython() {
    const copied = await copyText(this._actions.python());
    this._name(this._python, copied ? "Copied" : "Not copied");
    this._python.classList.toggle("wb-copied", copied);
    this._python.querySelector("svg")?.replaceWith(icon(copied ? "check" : "copy")); // the name may have no room
    setTimeout(() => {
      this._name(this._python, "Copy as Python");
      this._python.classList.remove("wb-copied");
      this._python.querySelector("svg")?.replaceWith(icon("copy"));
    }, TOLD_MS);
  }

  _buttons() {
    return /** @type {HTMLButtonElement[]} */ ([...this.el.querySelectorAll(":scope > button")]);
  }

  _enabled() {
    return this._buttons().filter((button) => !button.disabled);
  }

  /** The button that Tab comes back to. @param {Element | null} target */
  _keepStop(target) {
    const button = target?.closest("button.wb-tool") ?? null;
    if (button === null) return;
    for (const other of this._buttons()) other.tabIndex = other === button ? 0 : -1;
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    const enabled = this._enabled();
    const at = enabled.indexOf(/** @type {HTMLButtonElement} */ (event.target));
    const next = buttonByKey(event.key, at, enabled.length, ["ArrowLeft", "ArrowRight"]);
    if (at < 0 || next === null) return;
    takeKey(event);
    enabled[next].focus();
  }
}
