import assert from "node:assert/strict";
import { test } from "node:test";

import { blockEnd } from "../../workbench/views/web/content/growing_text.js";
import { escapeKey } from "../../workbench/views/web/data/patch.js";
import { Totals, moneyText, totalsOf } from "../../workbench/views/web/data/totals.js";

const at = (ms) => new Date(ms).toISOString();
const run = (more = {}) => ({
  type: "chain", status: "streaming", start_time: at(1000), first_chunk_time: null, end_time: null, streamed_output: [], usage: null, call: null, ...more,
});
const model = (more) => run({ type: "chat_model", ...more });
const call = (more) => ({ output_tokens: null, cost_usd: null, ...more });
const ended = { status: "done", end_time: at(3000) };

test("tokens are those of the models, once there are any, and speed is from the first to the last", () => {
  const totals = new Totals();
  totals.update("/runs/0", run({ first_chunk_time: at(1500), streamed_output: ["a", "b"] }), true);
  assert.deepEqual([totals.summary(2000).tokens, totals.summary(2000).unit], [2, "chunk"]);
  totals.update("/runs/0/logs/m", model({ first_chunk_time: at(1500), streamed_output: Array(100).fill("x") }), false);
  const { tokens, unit, perSecond, firstMs, elapsedMs, active } = totals.summary(2500);
  assert.deepEqual({ tokens, unit, perSecond, firstMs, elapsedMs, active }, { tokens: 100, unit: "token", perSecond: 100, firstMs: 500, elapsedMs: 1500, active: 2 });
});

test("an update replaces what the run counted for before", () => {
  const totals = new Totals();
  totals.update("/runs/0", run(), true);
  for (const count of [1, 5, 9]) totals.update("/runs/0/logs/m", model({ streamed_output: Array(count).fill("x") }), false);
  assert.equal(totals.summary(2000).tokens, 9);
  totals.update("/runs/0/logs/m", model({ ...ended, streamed_output: Array(9).fill("x"), call: call({ output_tokens: 12 }) }), false);
  totals.update("/runs/0", run(ended), true);
  const { tokens, active, elapsedMs } = totals.summary(99_000);
  assert.deepEqual({ tokens, active, elapsedMs }, { tokens: 12, active: 0, elapsedMs: 2000 });
});

test("a cost is unknown, known, or a lower bound", () => {
  const costs = (...prices) => {
    const totals = new Totals();
    totals.update("/runs/0", run(), true);
    for (const [number, price] of prices.entries()) totals.update(`/runs/0/logs/m${number}`, model({ ...ended, call: call({ cost_usd: price }) }), false);
    const { costUsd, costIsLowerBound } = totals.summary(0);
    return [costUsd, costIsLowerBound];
  };
  assert.deepEqual(costs(null), [NaN, true]);
  assert.deepEqual(costs(0.25, 0.5), [0.75, false]);
  assert.deepEqual(costs(0.25, null), [0.25, true]);
  assert.deepEqual(costs(0), [0, false]);
});

test("items of a batch are counted by how they ended", () => {
  const runs = ["done", "done", "failed", "cancelled", "streaming"].map((status) => ({
    ...run({ status, end_time: status === "streaming" ? null : at(2000) }), logs: { "a/b": model({}) },
  }));
  const { items, done, failed, stopped, active, elapsedMs } = totalsOf({ status: "streaming", runs }, escapeKey).summary(4000);
  assert.deepEqual({ items, done, failed, stopped, active, elapsedMs }, { items: 5, done: 2, failed: 1, stopped: 1, active: 6, elapsedMs: 3000 });
});

test("nothing is known of nothing", () => {
  const { tokens, perSecond, firstMs, elapsedMs, costUsd } = new Totals().summary(5000);
  assert.deepEqual({ tokens, perSecond, firstMs, elapsedMs, costUsd }, { tokens: 0, perSecond: NaN, firstMs: NaN, elapsedMs: NaN, costUsd: NaN });
});

test("money has two figures where it is small, cents where it is not", () => {
  const written = [0, 0.0000001, 0.000012345, 0.0042, 0.1, 0.123, 0.999, 1, 1234.5].map(moneyText);
  assert.deepEqual(written, ["$0", "<$0.000001", "$0.000012", "$0.0042", "$0.10", "$0.12", "$1.00", "$1.00", "$1,234.50"]);
});

test("blocks of a long text end after a line, at a space, or at last between two characters", () => {
  assert.equal(blockEnd("short", 0), 5);
  assert.equal(blockEnd(`${"a".repeat(5000)}\n${"b".repeat(9000)}`, 0), 5001);
  assert.equal(blockEnd(`${"word ".repeat(2000)}`, 0) % 5, 0);
  assert.equal(blockEnd("a".repeat(20_000), 0), 8000);
  assert.equal(blockEnd(`${"a".repeat(7999)}😀`.repeat(2), 0), 7999);
  assert.equal(blockEnd("😀😀", 7999), 1);
});
