import assert from "node:assert/strict";
import { test } from "node:test";

import { Channel } from "../../workbench/views/web/data/channel.js";
import { Store } from "../../workbench/views/web/data/store.js";
import { TimelineStore } from "../../workbench/views/web/timing/timeline_store.js";

/** A model as a notebook has it, and what is sent to Python. */
function modelWith(snapshot) {
  const traits = { snapshot };
  const listeners = {};
  const sent = [];
  return {
    sent,
    interrupted: 0,
    get: (name) => traits[name],
    set(name, value) {
      traits[name] = value;
    },
    send: (content) => sent.push(content),
    on: (name, callback) => (listeners[name] ??= []).push(callback),
    receive: (message) => listeners["msg:custom"].forEach((callback) => callback(message)),
    sentOf: (kind) => sent.filter((message) => message.k === kind).length,
  };
}

const picture = { round: 0, left_out: 0, open: true, at: 5, lanes: 1, ideal_s: null, steps: [["llm", "llm"]] };
const comparison = { seq: 1, status: "running", now: 0, progress: {}, cases: [{ label: "one" }], pictures: {} };

const KINDS = {
  run: {
    make: (ask) => new Store(ask),
    empty: { e: 0, seq: 0, state: { status: "waiting", runs: [] } },
    first: { ops: [{ op: "replace", path: "", value: { status: "streaming", runs: [{ id: "r" }] } }] },
    last: { ops: [{ op: "replace", path: "/status", value: "done" }] },
    end: { status: "done", runs: [{ id: "r" }] },
  },
  timeline: {
    make: (ask) => new TimelineStore(ask),
    empty: { e: 0, seq: 0, state: { ...comparison, seq: 0, status: "waiting", cases: [] } },
    first: { status: "running", cases: { 0: { label: "one" } }, pictures: { 0: { ...picture, anew: true, bars: { 0: [0] } } } },
    last: { status: "done" },
    end: { ...comparison, seq: 2, status: "done" },
  },
};

for (const [name, { make, empty, first, last, end }] of Object.entries(KINDS)) {
  const frame = (a, changes) => ({ k: "frame", e: 0, a, b: a + 1, ...changes });

  test(`${name}: a last frame that was lost is noticed, and mended by the document`, (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const model = modelWith(empty);
    const channel = new Channel(model, make);
    channel.open([]);
    model.receive(frame(0, first));
    assert.equal(channel.store.isOver, false);
    assert.equal(model.sentOf("sync"), 0); // the last frame would come now
    t.mock.timers.tick(3_000);
    assert.equal(model.sentOf("sync"), 1);
    model.receive({ k: "snap", e: 0, seq: 2, state: end });
    assert.deepEqual(channel.store.state, end);
    for (let second = 0; second < 600; second += 1) t.mock.timers.tick(1000);
    assert.equal(model.sentOf("sync"), 1); // it is over: nothing more to ask
    channel.close();
  });

  test(`${name}: a gap asks for the document until it comes`, (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const model = modelWith(empty);
    const channel = new Channel(model, make);
    channel.open([]);
    model.receive(frame(1, last));
    assert.equal(model.sentOf("sync"), 1);
    t.mock.timers.tick(800); // the request was lost
    assert.equal(model.sentOf("sync"), 2);
    model.receive({ k: "snap", e: 0, seq: 2, state: end });
    assert.deepEqual(channel.store.state, end);
    channel.close();
  });

  test(`${name}: messages that came early count, and what is over becomes the model's`, (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const model = modelWith(empty);
    const channel = new Channel(model, make);
    channel.open([frame(0, first)]);
    model.receive(frame(1, last));
    assert.equal(channel.store.isOver, true);
    assert.equal(model.get("snapshot").seq, 2);
    assert.equal(model.get("snapshot").state, channel.store.state);
    t.mock.timers.tick(1_000);
    assert.equal(model.sentOf("here"), 1);
    channel.close();
  });
}
