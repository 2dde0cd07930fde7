import assert from "node:assert/strict";
import { test } from "node:test";

import { Store, applyOperation, escapeKey, pointer, unescapeKey } from "../../workbench/notebook/widgets/store.js";

const run = (name, more = {}) => ({ name, status: "waiting", streamed_output: [], ...more });
const frame = (a, ...ops) => ({ k: "frame", a, b: a + ops.length, t: Date.now(), ops });
const root = { op: "add", path: "/runs/-", value: run("root", { logs: {} }) };

/** A store with one root run, and what it asked for. */
function started(t) {
  const asked = [];
  const store = new Store((have) => asked.push(have));
  t.after(() => store.close());
  assert.equal(store.frame(frame(0, structuredClone(root))), "applied");
  return { store, asked };
}

test("an append adds its values to the list in place", (t) => {
  const { store } = started(t);
  const list = store.state.runs[0].streamed_output;
  assert.equal(store.frame({ a: 1, b: 4, ops: [{ op: "append", path: "/runs/0/streamed_output", values: ["a", "b", "c"] }] }), "applied");
  assert.deepEqual(list, ["a", "b", "c"]);
  assert.equal(store.seq, 4);
});

test("add and replace follow RFC 6902, also on arrays and with escaped keys", (t) => {
  const holder = { state: { list: [1, 3], "a/b": { "~": 0 } } };
  assert.equal(applyOperation(holder, { op: "add", path: "/list/1", value: 2 }), "/list/1");
  assert.equal(applyOperation(holder, { op: "add", path: "/list/-", value: 4 }), "/list/3");
  applyOperation(holder, { op: "replace", path: "/list/0", value: "one" });
  applyOperation(holder, { op: "replace", path: "/a~1b/~0", value: null });
  assert.deepEqual(holder.state, { list: ["one", 2, 3, 4], "a/b": { "~": null } });
});

test("keys survive escaping", (t) => {
  for (const key of ["", "a", "a/b", "~", "~1", "~01", "a~/b"]) {
    assert.equal(unescapeKey(escapeKey(key)), key);
    assert.deepEqual(pointer(`/x/${escapeKey(key)}`), ["x", key]);
  }
});

test("what does not fit the document is an error", (t) => {
  for (const operation of [
    { op: "replace", path: "/nothing", value: 1 },
    { op: "replace", path: "/list/2", value: 1 },
    { op: "add", path: "/list/3", value: 1 },
    { op: "add", path: "/list/01", value: 1 },
    { op: "add", path: "/list/x", value: 1 },
    { op: "add", path: "/text/x", value: 1 },
    { op: "add", path: "/none/x", value: 1 },
    { op: "add", path: "list", value: 1 },
    { op: "add", path: "/list/-" },
    { op: "append", path: "/text", values: [1] },
    { op: "append", path: "/list" },
    { op: "remove", path: "/list/0" },
    { op: "add", path: "", value: {} },
  ]) {
    const holder = { state: { list: [1, 2], text: "t", none: null } };
    assert.throws(() => applyOperation(holder, operation), Error, JSON.stringify(operation));
    assert.deepEqual(holder.state, { list: [1, 2], text: "t", none: null });
  }
});

test("a step named __proto__ is a step, and prototypes stay out of reach", (t) => {
  const { store } = started(t);
  const path = "/runs/0/logs/__proto__";
  assert.equal(store.frame(frame(1, { op: "add", path, value: run("__proto__") })), "applied");
  assert.equal(store.frame(frame(2, { op: "replace", path: `${path}/status`, value: "done" })), "applied");
  assert.ok(Object.hasOwn(store.state.runs[0].logs, "__proto__"));
  assert.equal({}.status, undefined);
  assert.equal(store.frame(frame(3, { op: "add", path: "/runs/0/constructor/prototype/x", value: 1 })), "gap");
  assert.equal({}.x, undefined);
  store.close();
});

test("subscribers get the touched paths, with numbers for new items", (t) => {
  const { store } = started(t);
  const seen = [];
  const end = store.subscribe((touched) => seen.push(touched && [...touched]));
  store.frame(frame(1, structuredClone(root), { op: "replace", path: "/status", value: "streaming" }));
  assert.deepEqual(seen, [["/runs/1", "/status"]]);
  end();
  store.frame(frame(3, { op: "replace", path: "/status", value: "done" }));
  assert.equal(seen.length, 1);
});

test("every subscriber hears of every frame", (t) => {
  const { store } = started(t);
  const counts = [0, 0];
  counts.forEach((_, view) => store.subscribe(() => (counts[view] += 1)));
  store.frame(frame(1, { op: "replace", path: "/status", value: "done" }));
  assert.deepEqual(counts, [1, 1]);
});

test("an old frame is dropped", (t) => {
  const { store, asked } = started(t);
  assert.equal(store.frame(frame(0, structuredClone(root))), "old");
  assert.equal(store.state.runs.length, 1);
  assert.deepEqual(asked, []);
});

test("a gap asks once for a snapshot, ignores frames until it comes, and goes on from there", (t) => {
  const { store, asked } = started(t);
  assert.equal(store.frame(frame(5, { op: "replace", path: "/status", value: "x" })), "gap");
  assert.equal(store.frame(frame(6, { op: "replace", path: "/status", value: "y" })), "gap");
  assert.deepEqual(asked, [1]);
  const seen = [];
  store.subscribe((touched) => seen.push(touched));
  assert.ok(store.load({ seq: 7, state: { status: "streaming", runs: [run("root"), run("second")] } }));
  assert.deepEqual(seen, [null]);
  assert.equal(store.frame(frame(7, { op: "replace", path: "/status", value: "done" })), "applied");
  assert.equal(store.state.status, "done");
});

test("a lost answer is asked for again, until it comes", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { store, asked } = started(t);
  store.frame(frame(5, { op: "replace", path: "/status", value: "x" }));
  t.mock.timers.tick(800);
  assert.equal(asked.length, 2);
  t.mock.timers.tick(1500);
  assert.equal(asked.length, 3);
  store.load({ seq: 6, state: { status: "done", runs: [] } });
  t.mock.timers.tick(60_000);
  assert.equal(asked.length, 3);
});

test("a run that falls silent is asked about, ever less often, and not after its end", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { store, asked } = started(t);
  t.mock.timers.tick(3000);
  assert.deepEqual(asked, [1]);
  t.mock.timers.tick(6000);
  assert.equal(asked.length, 2);
  for (let second = 0; second < 600; second += 1) t.mock.timers.tick(1000);
  assert.ok(asked.length < 18, String(asked.length));
  store.frame(frame(1, { op: "replace", path: "/status", value: "done" }));
  const before = asked.length;
  for (let second = 0; second < 600; second += 1) t.mock.timers.tick(1000);
  assert.equal(asked.length, before);
});

test("asking comes to an end when nobody answers", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { store, asked } = started(t);
  store.frame(frame(5, { op: "replace", path: "/status", value: "x" }));
  for (let second = 0; second < 600; second += 1) t.mock.timers.tick(1000);
  assert.ok(asked.length > 5 && asked.length < 20, String(asked.length));
});

test("a malformed frame leads to a snapshot, not to an exception", (t) => {
  t.mock.method(console, "warn", () => {});
  for (const bad of [undefined, null, {}, { a: 1, b: 2 }, { a: 1, b: 2, ops: [null] }, frame(1, { op: "add", path: 7, value: 1 })]) {
    const { store, asked } = started(t);
    assert.equal(store.frame(bad), "gap");
    assert.deepEqual(asked, [1]);
    assert.ok(store.load({ seq: 1, state: { status: "done", runs: [] } }), "a snapshot of the same place heals it");
    store.close();
  }
});

test("a snapshot that is no document, or an old one, is ignored", (t) => {
  const { store } = started(t);
  for (const bad of [undefined, {}, { seq: 9 }, { seq: 9, state: [] }, { seq: 0, state: { status: "x", runs: [] } }]) {
    assert.equal(store.load(bad), false);
  }
  assert.equal(store.state.runs.length, 1);
});

test("a snapshot stays as it was when later frames come", (t) => {
  const store = new Store();
  t.after(() => store.close());
  const snapshot = { seq: 1, state: { status: "streaming", runs: [run("root", { logs: {} })] } };
  store.load(snapshot);
  store.frame({ a: 1, b: 2, ops: [{ op: "append", path: "/runs/0/streamed_output", values: ["x"] }] });
  assert.deepEqual(snapshot.state.runs[0].streamed_output, []);
});

test("the clock offset is the smallest seen", (t) => {
  const store = new Store();
  store.frame({ a: 0, b: 0, t: Date.now() - 5000, ops: [] });
  store.frame({ a: 0, b: 0, t: Date.now() - 1000, ops: [] });
  store.frame({ a: 0, b: 0, t: Date.now() - 3000, ops: [] });
  assert.ok(Math.abs(store.clockOffset - 1000) < 200, String(store.clockOffset));
});
