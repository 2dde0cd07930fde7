import assert from "node:assert/strict";
import { test } from "node:test";

import { Ticker } from "../../workbench/views/web/parts/ticker.js";

test("it ticks while it is on", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let ticks = 0;
  const ticker = new Ticker(100, () => { ticks += 1; });
  ticker.set(true);
  ticker.set(true);
  t.mock.timers.tick(250);
  assert.deepEqual([ticks, ticker.isOn], [2, true]);
  ticker.set(false);
  t.mock.timers.tick(500);
  assert.deepEqual([ticks, ticker.isOn], [2, false]);
});

test("a view that was closed before its last paint leaves no clock running", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let ticks = 0;
  const ticker = new Ticker(100, () => { ticks += 1; });
  ticker.set(true);
  ticker.close();
  ticker.set(true);
  t.mock.timers.tick(500);
  assert.deepEqual([ticks, ticker.isOn], [0, false]);
});
