import assert from "node:assert/strict";
import { test } from "node:test";

import { applyOperation, escapeKey, pointer, unescapeKey } from "../../workbench/views/web/data/patch.js";
import { Store } from "../../workbench/views/web/data/store.js";

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

test("a text grows by append, a member goes by remove", () => {
  const holder = { state: { output: [{ a: "x", b: 1, l: ["p"] }] } };
  applyOperation(holder, { op: "append", path: "/output/0/a", values: ["y", "z"] });
  applyOperation(holder, { op: "append", path: "/output/0/l/0", values: ["q"] });
  applyOperation(holder, { op: "remove", path: "/output/0/b" });
  assert.deepEqual(holder.state, { output: [{ a: "xyz", l: ["pq"] }] });
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
    { op: "append", path: "/none", values: ["x"] },
    { op: "append", path: "/list" },
    { op: "remove", path: "/list/2" },
    { op: "remove", path: "/nothing" },
    { op: "move", from: "/list", path: "/list/0" },
    { op: "move", from: "/list", path: "/text/x" },
    { op: "copy", from: "/nothing", path: "/list/0" },
    { op: "test", path: "/text", value: "u" },
    { op: "spam", path: "/text", value: "u" },
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

test("asking never comes to an end when nobody answers, but is never more often than every ten seconds", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { store, asked } = started(t);
  store.frame(frame(5, { op: "replace", path: "/status", value: "x" }));
  for (let second = 0; second < 600; second += 1) t.mock.timers.tick(1000);
  const before = asked.length;
  assert.ok(before > 50 && before < 75, String(before));
  for (let second = 0; second < 600; second += 1) t.mock.timers.tick(1000);
  assert.ok(asked.length - before >= 50, "it still asks after twenty minutes");
  assert.ok(store.load({ seq: 6, state: { status: "done", runs: [] } }));
  const answered = asked.length;
  for (let second = 0; second < 600; second += 1) t.mock.timers.tick(1000);
  assert.equal(asked.length, answered, "and is quiet once it has an answer");
});

test("a view without runs, all of whose frames were lost, asks as well", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const asked = [];
  const store = new Store((have) => asked.push(have));
  t.after(() => store.close());
  store.open();
  for (let second = 0; second < 600; second += 1) t.mock.timers.tick(1000);
  assert.ok(asked.length > 5 && asked.length < 18, String(asked.length));
  assert.ok(store.load({ seq: 9, state: { status: "done", runs: [run("root", { logs: {} })] } }));
  assert.equal(store.state.runs.length, 1);
});

test("a page that is looked at again asks at once, if something may be missing", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { store, asked } = started(t);
  store.nudge();
  assert.deepEqual(asked, [1]);
  store.frame(frame(5, { op: "replace", path: "/status", value: "x" }));
  for (let second = 0; second < 300; second += 1) t.mock.timers.tick(1000);
  const before = asked.length;
  store.nudge();
  assert.equal(asked.length, before + 1);
  t.mock.timers.tick(1500);
  assert.equal(asked.length, before + 2, "and begins anew with short waits");
  store.load({ seq: 6, state: { status: "done", runs: [] } });
  const answered = asked.length;
  store.nudge();
  assert.equal(asked.length, answered, "a run that is over has nothing missing");
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

/** A page and a sender with clocks of their own. */
function clocks(t) {
  const clock = { page: 5_000, day: 1_800_000_000_000, sender: 1_799_999_000_000 };
  t.mock.method(performance, "now", () => clock.page);
  t.mock.method(Date, "now", () => clock.day);
  const store = new Store();
  const pass = (ms) => Object.keys(clock).forEach((name) => (clock[name] += ms));
  const sent = (late) => store.frame({ a: 0, b: 0, t: clock.sender - late, ops: [] });
  return { clock, store, pass, sent };
}

test("the page's idea of the sender's clock is that of the fastest delivery", (t) => {
  const { clock, store, pass, sent } = clocks(t);
  for (const late of [4000, 100, 3000]) sent(late);
  assert.equal(store.now, clock.sender - 100);
  pass(700);
  assert.equal(store.now, clock.sender - 100);
});

test("before anything came, the sender's clock is taken for right", (t) => {
  const { clock, store } = clocks(t);
  assert.equal(store.now, clock.day);
});

test("a machine that slept with page and kernel makes no run older, before any frame has come", (t) => {
  const { clock, store, sent } = clocks(t);
  sent(0);
  clock.day += 8 * 3600 * 1000; // the time of day alone goes on
  assert.equal(store.now, clock.sender);
});

test("a clock that is set while a page shows a run changes no age", (t) => {
  const { clock, store, sent, pass } = clocks(t);
  sent(0);
  clock.day -= 3600 * 1000;
  pass(1000);
  assert.equal(store.now, clock.sender);
});

test("where only one of page and kernel slept, the next frame says how late it is", (t) => {
  const { clock, store, sent } = clocks(t);
  const hours = 8 * 3600 * 1000;
  sent(20);
  clock.page += hours; // passed here, not at the sender
  sent(30);
  assert.equal(store.now, clock.sender - 30);
  clock.sender += hours; // or the other way round
  sent(10);
  assert.equal(store.now, clock.sender - 10);
});

const named = "/runs/0/streamed_output";

test("a path that has a number is appended to by it, several at once", (t) => {
  const { store } = started(t);
  store.frame(frame(1, { op: "add", path: "/runs/0/logs/llm", value: run("llm") }));
  store.frame({ a: 2, b: 4, ops: [
    { op: "append", path: named, values: ["a"], as: 1 },
    { op: "append", path: "/runs/0/logs/llm/streamed_output", values: ["a"], as: 2 },
  ] });
  const touched = [];
  store.subscribe((paths) => touched.push(...paths));
  assert.equal(store.frame({ a: 4, b: 8, ops: [[[1, 2], "b", "c"]] }), "applied");
  assert.equal(store.frame({ a: 8, b: 9, ops: [[2, "d"]] }), "applied");
  assert.deepEqual(store.state.runs[0].streamed_output, ["a", "b", "c"]);
  assert.deepEqual(store.state.runs[0].logs.llm.streamed_output, ["a", "b", "c", "d"]);
  assert.ok(touched.includes("/runs/0/logs/llm/streamed_output"));
});

test("a number that means nothing here leads to a snapshot, which brings the numbers", (t) => {
  t.mock.method(console, "warn", () => {});
  const { store, asked } = started(t);
  assert.equal(store.frame({ a: 1, b: 2, ops: [[7, "x"]] }), "gap");
  assert.deepEqual(asked, [1]);
  store.load({ seq: 2, state: { status: "streaming", runs: [run("root", { streamed_output: ["x"], logs: {} })] }, names: { 7: named } });
  assert.equal(store.frame({ a: 2, b: 3, ops: [[7, "y"]] }), "applied");
  assert.deepEqual(store.state.runs[0].streamed_output, ["x", "y"]);
});

test("a final output gets back the text that was streamed", (t) => {
  const { store } = started(t);
  store.frame(frame(1, { op: "append", path: named, values: ["a", "b"] }, { op: "add", path: "/runs/0/final_output", value: null }));
  store.frame(frame(3, { op: "replace", path: "/runs/0/final_output", value: "", joined: "" }));
  assert.equal(store.state.runs[0].final_output, "ab");
  store.frame(frame(4, { op: "replace", path: "/runs/0/final_output", value: { type: "ai", content: "", id: 1 }, joined: "/content" }));
  assert.deepEqual(Object.entries(store.state.runs[0].final_output), [["type", "ai"], ["content", "ab"], ["id", 1]]);
});

test("a view that goes on to another run starts anew, and old frames come too late", (t) => {
  const { store, asked } = started(t);
  const seen = [];
  store.subscribe((touched) => seen.push(touched));
  assert.equal(store.frame({ e: 1, a: 0, b: 1, ops: [{ op: "add", path: "/runs/-", value: run("second", { logs: {} }) }] }), "applied");
  assert.equal(store.state.runs[0].name, "second");
  assert.equal(seen[0], null, "everything is another");
  assert.equal(store.frame({ e: 0, a: 1, b: 2, ops: [{ op: "replace", path: "/status", value: "done" }] }), "old");
  assert.equal(store.load({ e: 0, seq: 90, state: { status: "done", runs: [] } }), false);
  assert.deepEqual(asked, []);
  assert.equal(store.frame({ e: 2, a: 5, b: 6, ops: [] }), "gap", "the beginning of the third was lost");
  assert.ok(store.load({ e: 2, seq: 6, state: { status: "done", runs: [] } }));
  assert.equal(store.epoch, 2);
});

test("the operations are kept as they came, and make the state as plain JSON Patch", (t) => {
  const { store } = started(t);
  store.frame(frame(1, { op: "append", path: named, values: ["a", "b"], as: 1 }));
  store.frame({ a: 2, b: 3, ops: [[1, "c"]] });
  store.frame(frame(3, { op: "add", path: "/runs/-", value: run("json", { streamed_output: [{ text: "" }], logs: {} }) }));
  for (let count = 0; count < 1000; count += 1) {
    store.frame(frame(4 + count, { op: "append", path: "/runs/1/streamed_output/0/text", values: ["word "] }));
  }
  store.frame(frame(1004, { op: "replace", path: "/runs/1/status", value: "done" }));
  const { dropped, operations } = store.operations;
  assert.equal(dropped, 0);
  assert.deepEqual(operations.slice(1, 3), [{ op: "append", path: named, values: ["a", "b"] }, { op: "append", path: named, values: ["c"] }]);
  assert.equal(operations[0].value.streamed_output.length, 0, "as it came");
  const log = store.patchLog();
  assert.ok(log.every(({ op }) => op === "add" || op === "replace"));
  assert.ok(JSON.stringify(log).length < 10 * 5000, "in proportion to the text");
  const holder = { state: { status: "waiting", runs: [] } };
  for (const operation of structuredClone(log)) applyOperation(holder, operation);
  assert.deepEqual(holder.state, store.state);
});

test("after a snapshot the log is the whole state in one", (t) => {
  const { store } = started(t);
  store.load({ seq: 50, state: { status: "streaming", runs: [run("root", { logs: {} })] } });
  store.frame(frame(50, { op: "replace", path: "/status", value: "done" }));
  assert.equal(store.operations.dropped, 50);
  assert.equal(store.operations.operations.length, 1);
  assert.deepEqual(store.patchLog(), [{ op: "replace", path: "", value: store.state }]);
});

test("lost frames, answers lost as well, in any order: the state ends as the sender's", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  t.mock.method(console, "warn", () => {});
  let seed = 7;
  const chance = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  for (let round = 0; round < 30; round += 1) {
    const sender = { state: { status: "streaming", runs: [run("root", { logs: {} })] } };
    let seq = 1;
    let wanted = false;
    const store = new Store(() => (wanted = true));
    store.load({ seq, state: structuredClone(sender.state), names: { 1: named } });
    for (let step = 0; step < 200; step += 1) {
      const values = [`${step} `, "é"];
      applyOperation(sender, { op: "append", path: named, values });
      const sent = { a: seq, b: seq + 2, ops: [[1, ...values]] };
      seq += 2;
      if (chance() < 0.6) store.frame(sent);
      if (wanted && chance() < 0.3) {
        wanted = false;
        if (chance() < 0.5) store.load({ seq, state: structuredClone(sender.state), names: { 1: named } });
      }
      t.mock.timers.tick(chance() * 500);
    }
    for (let tick = 0; tick < 100 && store.seq !== seq; tick += 1) {
      t.mock.timers.tick(1000);
      if (wanted) store.load({ seq, state: structuredClone(sender.state), names: { 1: named } });
      wanted = false;
    }
    assert.deepEqual(store.state, sender.state);
    store.close();
  }
});

test("100,000 tokens: the last thousand frames cost what the first thousand did", (t) => {
  const { store } = started(t);
  store.frame(frame(1, { op: "append", path: named, values: ["x"], as: 1 }));
  const tokens = Array.from({ length: 20 }, () => " token");
  const thousand = (from) => {
    const before = performance.now();
    for (let count = 0; count < 1000; count += 1) {
      const a = from + 20 * count;
      store.frame({ a, b: a + 20, ops: [[1, ...tokens]] });
    }
    return performance.now() - before;
  };
  thousand(2); // the engine warms up
  const times = [1, 2, 3, 4, 5].map((number) => thousand(2 + 20_000 * number));
  assert.equal(store.state.runs[0].streamed_output.length, 120_001);
  assert.ok(Math.min(...times.slice(3)) < 5 * Math.min(...times.slice(0, 2)) + 20, String(times));
});
