/** Keys that look like numbers keep their order, and are shown and saved as they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonText, markedPath, membersOf, plainKey, plainPath } from "../../workbench/views/web/data/ordered_keys.js";
import { Store } from "../../workbench/views/web/data/store.js";

const M = "\u2060";

test("members come in the order in which they were written", () => {
  const value = { [`${M}10`]: 1, [`${M}9`]: 2, a: 3, [`${M}${M}x`]: 4 };
  assert.deepEqual(membersOf(value), [["10", 1], ["9", 2], ["a", 3], [`${M}x`, 4]]);
  assert.equal(jsonText(value), `{"10":1,"9":2,"a":3,"${M}x":4}`);
});

test("a text that looks like a marked key stays a text", () => {
  const text = `{"${M}10": 1}`;
  for (const value of [text, [text, `${M}10`], { a: `"${M}1":` }]) assert.deepEqual(JSON.parse(jsonText(value)), value);
  assert.equal(plainKey("10"), "10");
});

test("a path is marked where it has a key, and not where it has an index", () => {
  const run = { final_output: { [`${M}1`]: [{ [`${M}2`]: "x" }], list: [0] }, logs: { 1: { final_output: { [`${M}3`]: 1 } } } };
  const state = { runs: [run] };
  const marked = {
    "/runs/0/final_output/1": `/runs/0/final_output/${M}1`,
    "/runs/0/final_output/1/0/2": `/runs/0/final_output/${M}1/0/${M}2`,
    "/runs/0/final_output/7": `/runs/0/final_output/${M}7`,
    "/runs/0/final_output/list/0": "/runs/0/final_output/list/0",
    "/runs/0/logs/1": "/runs/0/logs/1",
    "/runs/0/logs/1/final_output/3": `/runs/0/logs/1/final_output/${M}3`,
    "/runs/0/streamed_output/12": "/runs/0/streamed_output/12",
    "/runs/0": "/runs/0",
    "": "",
  };
  for (const [path, expected] of Object.entries(marked)) {
    if (!path.includes("streamed")) assert.equal(markedPath(state, path), expected);
    assert.equal(plainPath(expected), path);
  }
  assert.equal(markedPath({ runs: [{ streamed_output: [] }] }, "/runs/0/streamed_output/12"), "/runs/0/streamed_output/12");
});

test("keys that are added later come last", () => {
  const store = new Store(() => {});
  const state = { status: "streaming", runs: [{ final_output: { [`${M}10`]: "a" }, streamed_output: [], logs: {} }] };
  assert.ok(store.load({ seq: 1, state }));
  const ops = ["9", "11", "2"].map((key) => ({ op: "add", path: `/runs/0/final_output/${key}`, value: key }));
  ops.push({ op: "append", path: "/runs/0/final_output/9", values: ["!"] });
  assert.equal(store.frame({ a: 1, b: 1 + ops.length, ops }), "applied");
  const output = store.state.runs[0].final_output;
  assert.deepEqual(membersOf(output), [["10", "a"], ["9", "9!"], ["11", "11"], ["2", "2"]]);
  store.close();
});
