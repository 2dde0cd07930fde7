// @ts-check
/**
 * The runs of a document as a tree, and the rows it shows: no page is needed for it.
 *
 * A node is made once for a run and stays, so that what the reader opened stays open. What a frame touched
 * is all that is looked at; the rows are listed anew only when runs came, were opened or closed, or when the
 * filter lets other ones through.
 */

import { failedPath, pathAround, runAt, runsOf } from "../data/run_paths.js";
import { branchesOf, time } from "../data/values.js";
import { ANY_RUN, isFiltering, matchesRun, ownTags } from "./tree_filter.js";

/** @typedef {import("../data/store.js").Run} Run */
/** @typedef {import("../data/store.js").State} State */
/** @typedef {import("./tree_filter.js").Query} Query */

/** Runs with others in them start closed once there are so many runs, ... */
const MOST_OPEN = 80;
/** ... and all roots of a batch once there are so many of them. */
const MOST_OPEN_ROOTS = 20;
const MOST_TAGS = 200;
const MOST_LOOKED_AT = 50;
/** Fields that change while a run goes on without an effect on which runs are looked for. */
const PASSING = new Set(["streamed_output", "first_chunk_time", "events", "usage", "call"]);

export class TreeNode {
  /** @param {string} path @param {Run} run @param {TreeNode | null} parent @param {number} number of its root */
  constructor(path, run, parent, number) {
    this.path = path;
    this.run = run;
    this.parent = parent;
    this.number = number;
    /** @type {number} */
    this.level = parent ? parent.level + 1 : 1;
    /** @type {TreeNode[]} in the order they started */
    this.children = [];
    this.branches = parent ? branchesOf(run) : [];
    /** What the reader chose; null: nothing yet. @type {boolean | null} */
    this.open = null;
    this.opensItself = false;
    this.matches = true;
    /** How many nodes inside this one match. */
    this.inside = 0;
    /** Place among the siblings that are shown, from 1, and how many those are. */
    this.position = 1;
    this.siblings = 1;
    /** The same for the same step of another run of the chain: names from the root, counted where they repeat. */
    this.alike = "";
    /** @type {Map<string, number>} how often a name came up inside */
    this.named = new Map();
  }

  get name() {
    return this.run.name;
  }

  get hasChildren() {
    return this.children.length > 0;
  }
}

export class TreeModel {
  constructor() {
    /** @type {Map<string, TreeNode>} */
    this.nodes = new Map();
    /** @type {TreeNode[]} items of a batch in their order */
    this.roots = [];
    /** @type {TreeNode[]} from top to bottom */
    this.rows = [];
    /** @type {Query} */
    this.query = ANY_RUN;
    this.types = new Set();
    this.tags = new Set();
    this.matching = 0;
    /** Start of the first run: milliseconds since the epoch. */
    this.origin = NaN;
    /** @type {Set<TreeNode>} nodes that the reader closed although what is looked for is in them */
    this._closed = new Set();
    /** @type {Map<string, number>} */
    this._named = new Map();
    this._stale = false;
    this._unsorted = false;
    this._filtering = false;
  }

  /** Take over what changed. Returns the paths of the nodes that did; null: all.
   * @param {State} state @param {Map<string, Set<string>> | null} touched fields by path; null: everything
   * @returns {Set<string> | null} */
  update(state, touched) {
    if (touched === null) {
      this._takeAll(state);
      return null;
    }
    const changed = new Set(touched.keys());
    for (const [path, fields] of touched) {
      const node = this.nodes.get(path);
      if (!node) {
        this._addAround(state, path);
        continue;
      }
      const run = runAt(state, path);
      if (run) node.run = run;
      if (this._filtering && ![...fields].every((field) => PASSING.has(field))) this._match(node);
    }
    return changed;
  }

  /** List the rows anew if they may have changed. @returns {boolean} whether it did */
  relist() {
    if (!this._stale) return false;
    this._stale = false;
    if (this._unsorted) this.roots = inItemOrder(this.roots);
    this._unsorted = false;
    this.rows = flatten(this.roots, (node) => this.isOpen(node), (node) => this.isShown(node));
    return true;
  }

  /** @param {TreeNode} node */
  isOpen(node) {
    if (!node.hasChildren) return false;
    if (this._filtering && node.inside > 0) return !this._closed.has(node);
    if (node.open !== null) return node.open;
    if (node.level === 1 && this.roots.length > MOST_OPEN_ROOTS) return false;
    return node.opensItself;
  }

  /** @param {TreeNode} node @param {boolean} open */
  setOpen(node, open) {
    if (this._filtering && node.inside > 0) {
      if (open) this._closed.delete(node);
      else this._closed.add(node);
    }
    node.open = open;
    this._stale = true;
  }

  /** @param {boolean} open */
  setAllOpen(open) {
    for (const node of this.nodes.values()) if (node.hasChildren) this.setOpen(node, open);
  }

  /** Open all around a node. @param {TreeNode} node */
  openAround(node) {
    for (let around = node.parent; around; around = around.parent) if (!this.isOpen(around)) this.setOpen(around, true);
  }

  /** Whether the filter lets a node through, itself or for what is in it. @param {TreeNode} node */
  isShown(node) {
    return !this._filtering || node.matches || node.inside > 0;
  }

  /** @param {Query} query */
  setQuery(query) {
    this.query = query;
    this._filtering = isFiltering(query);
    this._closed.clear();
    this.matching = 0;
    for (const node of this.nodes.values()) {
      node.inside = 0; // before those in it, which count themselves here
      this._matchAnew(node);
    }
    this._stale = true;
  }

  get isFiltering() {
    return this._filtering;
  }

  /** The step that a failed root run failed of. @param {State} state @param {number} number @returns {TreeNode | null} */
  failed(state, number) {
    return this.nodes.get(failedPath(state, number).at(-1) ?? "") ?? null;
  }

  /** @param {State} state */
  _takeAll(state) {
    for (const node of this.nodes.values()) {
      if (runAt(state, node.path)?.id !== node.run.id) {
        this._clear();
        break;
      }
    }
    for (const [path, run] of runsOf(state)) {
      const known = this.nodes.get(path);
      if (!known) this._addAround(state, path);
      else {
        known.run = run;
        if (this._filtering) this._match(known);
      }
    }
    this._stale = true;
  }

  _clear() {
    for (const collection of [this.nodes, this.types, this.tags, this._closed, this._named]) collection.clear();
    this.roots = [];
    this.matching = 0;
    this.origin = NaN;
    this._stale = true;
  }

  /** Add the node of a run, and those around it that are new too. @param {State} state @param {string} path */
  _addAround(state, path) {
    /** @type {string[]} */
    const missing = [];
    for (let at = /** @type {string | null} */ (path); at !== null && !this.nodes.has(at) && !missing.includes(at); ) {
      const run = runAt(state, at);
      if (!run) break;
      missing.push(at);
      at = pathAround(at, run);
    }
    for (const at of missing.reverse()) this._add(at, /** @type {Run} */ (runAt(state, at)));
  }

  /** @param {string} path @param {Run} run */
  _add(path, run) {
    const around = pathAround(path, run);
    const number = Number(path.split("/", 3)[2]);
    // A parent that is not there (or not yet) must not hide a run.
    const parent = around === null ? null : (this.nodes.get(around) ?? this.nodes.get(`/runs/${number}`) ?? null);
    const node = new TreeNode(path, run, parent, number);
    this.nodes.set(path, node);
    if (parent) {
      if (!parent.hasChildren) parent.opensItself = this.nodes.size < MOST_OPEN || (parent.level === 1 && this.roots.length <= 3);
      parent.children.push(node);
    } else {
      this.roots.push(node);
      this._unsorted = this.roots.length > 1;
    }
    this._nameAlike(node);
    const start = time(run.start_time);
    if (!(start >= this.origin)) this.origin = Number.isNaN(start) ? this.origin : start;
    this.types.add(run.type);
    for (const tag of ownTags(run)) if (this.tags.size < MOST_TAGS) this.tags.add(tag);
    this._matchAnew(node);
    this._stale = true;
  }

  /** @param {TreeNode} node */
  _nameAlike(node) {
    const named = node.parent ? node.parent.named : this._named;
    const label = JSON.stringify([node.run.name, ...node.branches]);
    const count = named.get(label) ?? 0;
    named.set(label, count + 1);
    node.alike = `${node.parent?.alike ?? ""}/${label}${node.run.item ?? count}`;
  }

  /** @param {TreeNode} node */
  _matchAnew(node) {
    node.matches = !this._filtering;
    if (this._filtering) this._match(node);
  }

  /** @param {TreeNode} node */
  _match(node) {
    const matches = matchesRun(this.query, node.run);
    if (matches === node.matches) return;
    node.matches = matches;
    const step = matches ? 1 : -1;
    this.matching += step;
    for (let around = node.parent; around; around = around.parent) around.inside += step;
    this._stale = true;
  }
}

/** Roots by their number in their batch; what is no item, and the next batch, stays where it came.
 * @param {TreeNode[]} roots in any order @returns {TreeNode[]} */
function inItemOrder(roots) {
  /** @type {TreeNode[][]} */
  const groups = [];
  /** @type {Set<number> | null} items of the batch that is gone through */
  let items = null;
  for (const node of roots.toSorted((a, b) => a.number - b.number)) {
    const { item } = node.run;
    const isItem = typeof item === "number";
    if (!isItem || items === null || items.has(item)) {
      groups.push([]);
      items = isItem ? new Set() : null;
    }
    if (isItem) items?.add(item);
    groups[groups.length - 1].push(node);
  }
  return groups.flatMap((group) => group.sort((a, b) => (a.run.item ?? 0) - (b.run.item ?? 0)));
}

/** Nodes from top to bottom, without those inside closed ones; each learns its place among its siblings.
 * @param {TreeNode[]} roots @param {(node: TreeNode) => boolean} isOpen @param {(node: TreeNode) => boolean} isShown */
function flatten(roots, isOpen, isShown) {
  /** @type {TreeNode[]} */
  const rows = [];
  /** @type {TreeNode[]} */
  const waiting = [];
  const enter = (/** @type {TreeNode[]} */ nodes) => {
    const shown = nodes.filter(isShown);
    for (let index = shown.length - 1; index >= 0; index -= 1) {
      shown[index].position = index + 1;
      shown[index].siblings = shown.length;
      waiting.push(shown[index]);
    }
  };
  enter(roots);
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    rows.push(node);
    if (isOpen(node)) enter(node.children);
  }
  return rows;
}

/** The run that a closed one is at: of those in it that go on, the one that started last, and in that again.
 * @param {TreeNode} node @returns {TreeNode | null} */
export function activeInside(node) {
  let active = node;
  for (;;) {
    const inner = active.children.slice(-MOST_LOOKED_AT).findLast((child) => !child.run.end_time);
    if (!inner) return active === node ? null : active;
    active = inner;
  }
}
