import assert from "node:assert/strict";
import { test } from "node:test";

import { VirtualRows, scrolledTo, visibleRange } from "../../workbench/views/web/parts/virtual_rows.js";

/** As much of a page as rows need. */
class FakeElement {
  constructor() {
    this.style = {};
    this.dataset = {};
    this.classList = { toggle: () => undefined };
    this.children = [];
    this.parent = null;
    this.scrollTop = 0;
    this.clientHeight = 0;
    this.listeners = {};
  }

  get firstChild() {
    return this.children[0] ?? null;
  }

  get nextSibling() {
    return this.parent.children[this.parent.children.indexOf(this) + 1] ?? null;
  }

  append(...nodes) {
    for (const node of nodes) this.insertBefore(node, null);
  }

  insertBefore(node, before) {
    node.remove();
    this.children.splice(before ? this.children.indexOf(before) : this.children.length, 0, node);
    node.parent = this;
  }

  remove() {
    if (this.parent) this.parent.children.splice(this.parent.children.indexOf(this), 1);
    this.parent = null;
  }

  addEventListener(name, callback) {
    this.listeners[name] = callback;
  }
}

globalThis.document = { createElement: () => new FakeElement() };

function rowsOf(count) {
  let made = 0;
  const rows = new VirtualRows({
    rowPx: 20,
    maxPx: 200,
    keyOf: (item) => String(item),
    make: () => ({ el: new FakeElement(), number: (made += 1) }),
    fill: (row, item) => (row.el.item = item),
  });
  rows.setItems(Array.from({ length: count }, (_, index) => index));
  return { rows, made: () => made, shown: () => rows.list.children.map((el) => el.item) };
}

function scroll(rows, px) {
  rows.el.scrollTop = px;
  rows.el.listeners.scroll();
}

test("the range has what is in view and a little more, never what is not there", () => {
  assert.deepEqual(visibleRange(5000, 20, 0, 200), { first: 0, last: 18 });
  assert.deepEqual(visibleRange(5000, 20, 1000, 200), { first: 42, last: 68 });
  assert.deepEqual(visibleRange(5000, 20, 1e9, 200), { first: 4982, last: 5000 });
  assert.deepEqual(visibleRange(3, 20, 0, 200), { first: 0, last: 3 });
  assert.deepEqual(visibleRange(0, 20, 500, 200), { first: 0, last: 0 });
});

test("a row is scrolled to only as far as it takes", () => {
  assert.equal(scrolledTo(5, 20, 0, 200), 0);
  assert.equal(scrolledTo(10, 20, 0, 200), 20);
  assert.equal(scrolledTo(2, 20, 100, 200), 40);
});

test("of 5,000 rows only those near the view are in the page, in their order, and they are used again", () => {
  const { rows, made, shown } = rowsOf(5000);
  assert.deepEqual(shown(), Array.from({ length: 18 }, (_, index) => index));
  assert.equal(rows.list.style.height, "100000px");
  for (let px = 0; px < 90_000; px += 777) {
    scroll(rows, px);
    assert.deepEqual(shown(), shown().toSorted((a, b) => a - b));
    assert.ok(shown().includes(Math.floor(px / 20)));
  }
  assert.ok(made() < 40, `${made()} rows were made`);
});

test("the row that has the focus stays in the page wherever the reader scrolls", () => {
  const { rows, shown } = rowsOf(5000);
  rows.kept = 3;
  const { el } = rows.rowOf("3");
  scroll(rows, 50_000);
  assert.equal(rows.rowOf("3").el, el);
  assert.equal(shown()[0], 3);
});

test("fewer items than before leave no row behind", () => {
  const { rows, shown } = rowsOf(5000);
  scroll(rows, 90_000);
  rows.setItems([7, 8]);
  assert.deepEqual(shown(), [7, 8]);
  rows.setItems([]);
  assert.deepEqual(shown(), []);
});
