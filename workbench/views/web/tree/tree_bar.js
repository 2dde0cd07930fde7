// @ts-check
/** The line above the tree: which form of the runs to see, what to look for, and how many there are. */

import { visibleText } from "../content/visible_text.js";
import { statusGlyph, typeWords } from "../data/run_words.js";
import { counted, preview } from "../data/values.js";
import { element, makeButton, setText, withRole } from "../parts/elements.js";
import { KeyHelp } from "../parts/help.js";
import { takeKey } from "../parts/list_keys.js";
import { ANY_RUN, isFiltering } from "./tree_filter.js";

/** @typedef {import("./tree_filter.js").Query} Query */
/** @typedef {"steps" | "state" | "patches"} Tab */
/** @typedef {{onTab: (tab: Tab) => void, onQuery: (query: Query) => void, onOpenAll: (open: boolean) => void,
 *   onLeave: () => void}} BarEvents *onLeave*: the reader goes on to the tree */

const STATUSES = ["waiting", "streaming", "done", "failed", "cancelled"];
/** @type {[Tab, string, string][]} */
const TABS = [
  ["steps", "Tree", "The runs as a tree"],
  ["state", "State", "The state of the runs as JSON"],
  ["patches", "Patches", "The JSON Patch operations as they came"],
];

export class TreeBar {
  /** @param {BarEvents} events @param {{patches: boolean}} has */
  constructor(events, has) {
    this._events = events;
    /** @type {Query} */
    this.query = ANY_RUN;
    this._tabs = withRole(element("div", "wb-tabs"), "group", "Form of the runs");
    for (const [tab, label, title] of TABS) {
      if (tab === "patches" && !has.patches) continue;
      const button = makeButton("wb-quiet", label, () => this.setTab(tab), title);
      button.dataset.tab = tab;
      this._tabs.append(button);
    }
    this.search = this._searchField();
    this._status = this._menu("Status", "status");
    this._type = this._menu("Type", "type");
    this._tag = this._menu("Tag", "tag");
    this._menus = [this._status, this._type, this._tag];
    this.setOptions(this._status, STATUSES, (status) => `${statusGlyph(status)} ${status}`);
    this._count = element("span", "wb-count");
    this._heard = withRole(element("span", "wb-heard"), "status");
    const open = makeButton("wb-quiet", "Expand all", () => events.onOpenAll(true), "Open all runs");
    const close = makeButton("wb-quiet", "Collapse all", () => events.onOpenAll(false), "Close all runs");
    this._find = element("span", "wb-find", this.search, ...this._menus, this._count, this._heard);
    this._folds = element("span", "wb-folds", open, close);
    this.help = new KeyHelp();
    this.el = element("div", "wb-tree-bar", this._tabs, this._find, this._folds, this.help.button, this.help.el);
    this.setTab("steps", false);
  }

  /** @param {Tab} tab @param {boolean} [tell] */
  setTab(tab, tell = true) {
    for (const button of this._tabs.children) {
      button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.tab === tab));
    }
    this._find.hidden = this._folds.hidden = tab !== "steps";
    if (tell) this._events.onTab(tab);
  }

  /** @param {number} total @param {number} matching */
  setCounts(total, matching) {
    const filtering = isFiltering(this.query);
    const text = filtering ? `${matching.toLocaleString("en")} of ${counted(total, "run")}` : counted(total, "run");
    setText(this._count, text);
    this._find.classList.toggle("wb-filtering", filtering);
  }

  /** Say how many were found: only when the reader looked, not at every run that comes.
   * @param {number} matching */
  sayFound(matching) {
    setText(this._heard, isFiltering(this.query) ? `${counted(matching, "run")} found` : "");
  }

  /** @param {Iterable<string>} types @param {Iterable<string>} tags */
  setChoices(types, tags) {
    this.setOptions(this._type, [...types].sort(), typeWords);
    this.setOptions(this._tag, [...tags].sort(), (tag) => visibleText(preview(tag, 40)));
  }

  close() {
    this.help.close();
  }

  clear() {
    this.search.value = "";
    for (const menu of this._menus) menu.value = "";
    this._change({ ...ANY_RUN });
  }

  /** @param {HTMLSelectElement} menu @param {string[]} values @param {(value: string) => string} words */
  setOptions(menu, values, words) {
    const { value } = menu;
    menu.hidden = value === "" && values.length < (menu === this._tag ? 1 : 2);
    const known = [...menu.options].slice(1).map((option) => option.value);
    if (known.length === values.length && known.every((value, index) => value === values[index])) return;
    while (menu.options.length > 1) menu.remove(1);
    for (const item of values) menu.add(new Option(words(item), item));
    menu.value = values.includes(value) ? value : "";
  }

  _searchField() {
    const field = element("input", "wb-search");
    field.type = "search";
    field.placeholder = "Find steps";
    field.title = "Names and branches; Enter looks in inputs and outputs too, Escape clears ( / )";
    field.setAttribute("aria-label", "Find steps by name; Enter looks in inputs and outputs too");
    field.addEventListener("input", () => this._change({ text: field.value, deep: false }));
    field.addEventListener("keydown", (event) => this._onKey(event));
    return field;
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    if (event.key === "Enter" && !this.query.deep && this.query.text.trim() !== "") this._change({ deep: true });
    else if (event.key === "Enter" || event.key === "ArrowDown") this._events.onLeave();
    else if (event.key === "Escape" && isFiltering(this.query)) this.clear();
    else if (event.key === "Escape") this._events.onLeave();
    else return;
    takeKey(event);
  }

  /** @param {string} label @param {"status" | "type" | "tag"} field */
  _menu(label, field) {
    const menu = element("select", "wb-menu");
    menu.setAttribute("aria-label", `${label} of the runs to show`);
    menu.add(new Option(label, ""));
    menu.addEventListener("change", () => this._change({ [field]: menu.value }));
    return menu;
  }

  /** @param {Partial<Query>} change */
  _change(change) {
    this.query = { ...this.query, ...change };
    for (const menu of this._menus) menu.classList.toggle("wb-chosen", menu.value !== "");
    this._events.onQuery(this.query);
  }
}
