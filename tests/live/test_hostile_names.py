"""What a person sees is what happened: hostile names and values in logs, documents, operations and replays.

Random programs with such names: the live document, its operations applied one by one, plain patches applied
by ``jsonpatch``, the frames applied by the page's own code in node, replays, and a view that opens late
agree, in the order of the steps too.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import random
import shutil
import subprocess
from contextlib import aclosing, suppress
from pathlib import Path

import jsonpatch
import pytest

import workbench
from workbench import (
    FakeChatModel,
    LiveState,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    StrOutputParser,
)
from workbench.live.codec import FrameCodec
from workbench.live.ordered_keys import for_page
from workbench.live.sources import live_from
from workbench.patch.application import apply_operation
from workbench.patch.plain import plain_operations
from workbench.tracing.free_keys import FreeKeys

PROGRAMS = int(os.environ.get("WORKBENCH_TEST_PROGRAMS", "60"))
STORE = Path(workbench.__file__).parent / "views/web/data/store.js"

NAMES = ["a", "a", "a:2", "a:2:2", "1", "2", "10", "01", "-1", "~0", "~1", "/", "a/b", "", " ", "é", "😀"]
NAMES += [
    "\ud83d",
    "\udc00x",
    "__proto__",
    "constructor",
    "toString",
    "length",
    "<b>",
    '"',
    "'",
    "\n",
    "x" * 300,
]
VALUES = [2**53, -(2**60), 10**400, float("nan"), float("-inf"), {}, [], "", None, True, 0, {"1": 1, 1: 2}]
VALUES += [{"10": 1, "9": 2}, {None: 1, "None": 2, True: 3}, {"a": {"__proto__": 1}}, "\ud83d", "<script>"]
VALUES += [{"10": {"9": 1, "1": 2}, "b": 3, "\u20601": 4, "\u2060a": 5, "007": 6}]
VALUES += [["1", {"2": []}], "ab" * 300, (1, 2)]
NOTHING = {"status": "waiting", "runs": []}


class Programs:
    """Random chains."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def named(self, step):
        return step.with_config(run_name=self.draw.choice(NAMES)) if self.draw.random() < 0.8 else step

    def value(self):
        value = self.draw.choice(VALUES)
        return self.named(RunnableLambda(lambda _: value))

    def stream(self):
        pieces = self.draw.choices(["a", "\ud83d", "\ude00", "1", "", "<i>"], k=5)

        def pieces_of(_):
            yield from pieces

        return self.named(RunnableLambda(pieces_of))

    def model(self):
        return self.named(FakeChatModel(responses=["one \U0001f600 two"]) | StrOutputParser())

    def fails(self):
        def fails(_):
            raise ValueError(self.draw.choice(NAMES))

        return self.named(RunnableLambda(fails))

    def step(self, depth: int):
        kinds = (
            ["value", "stream", "model"]
            if depth <= 0
            else ["value", "model", "parallel", "sequence", "retry", "fallback", "branch"]
        )
        kind = self.draw.choice(kinds)
        if kind in ("value", "stream", "model"):
            return getattr(self, kind)()
        inner = [self.step(depth - 1) for _ in range(self.draw.randint(1, 3))]
        if kind == "parallel":
            keys = self.draw.sample(sorted(set(NAMES)), len(inner))
            return self.named(RunnableParallel(dict(zip(keys, inner, strict=True))))
        if kind == "retry":
            return inner[0].with_retry(stop_after_attempt=2, wait_exponential_jitter=False)
        if kind == "fallback":
            return self.named(self.fails().with_fallbacks([inner[0]]))
        if kind == "branch":
            return self.named(RunnableBranch((lambda _: False, inner[0]), inner[-1]))
        chain = RunnablePassthrough()
        for step in inner:
            chain = chain | RunnableLambda(lambda x: "in") | step
        return self.named(chain | RunnableGenerator(_let_by))


def _let_by(chunks):
    yield from chunks


async def collect(stream):
    async with aclosing(stream) as items:
        return [item async for item in items]


def _values_of(root):
    """What is shown of a run and of its steps."""
    shown = [root, *root["logs"].values()]
    return [[run["input"], run["final_output"], run["streamed_output"], run["metadata"]] for run in shown]


def ordered(value):
    """JSON text, in which the order of keys counts."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def watched(seed: int) -> tuple[LiveState, list, list]:
    """The state of a random program, its frames, and the patches of its log."""
    chain = Programs(seed).step(3)
    live, frames = LiveState(), []
    codec = FrameCodec()
    config = {"callbacks": [live]}
    for run in (lambda: chain.invoke("q", config), lambda: [*chain.stream("q", config)]):
        with suppress(ValueError):
            run()
        if (frame := live.take()) is not None:
            frames.append({**frame, "ops": codec.pack(frame["ops"])})
    try:
        patches = asyncio.run(collect(chain.astream_log("q")))
    except ValueError:
        patches = []
    return live, frames, patches


def test_documents_operations_patches_and_replays_agree():
    for seed in range(PROGRAMS):
        live, _, patches = watched(seed)
        document = live.snapshot()["state"]
        ops = live.since(0)["ops"]
        applied = NOTHING
        for op in ops:
            applied = apply_operation(copy.deepcopy(NOTHING) if applied is NOTHING else applied, op)
        assert ordered(applied) == ordered(document), seed
        kept = ("op", "path", "value")
        plain = [{key: op[key] for key in kept if key in op} for op in plain_operations(ops, NOTHING)]
        assert ordered(jsonpatch.apply_patch(NOTHING, plain)) == ordered(document), seed
        assert [entry["place"] for root in document["runs"] for entry in root["logs"].values()] == [
            place for root in document["runs"] for place in range(len(root["logs"]))
        ]
        if not patches:
            continue
        log = patches[0]
        for patch in patches[1:]:
            log = log + patch
        names = [(key, entry["name"]) for key, entry in log.state["logs"].items()]
        keys = FreeKeys()
        assert [key for key, _ in names] == [keys.take(name) for _, name in names], seed
        again = live_from(log)
        again = again if isinstance(again, LiveState) else again.live
        replayed = again.snapshot()["state"]["runs"][0]
        assert len(replayed["logs"]) == len(log.state["logs"]), seed
        failed = [entry["name"] for entry in log.state["logs"].values() if "error" in entry]
        assert sum(entry["status"] == "failed" for entry in replayed["logs"].values()) == len(failed), seed


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_page_has_the_same_document_in_the_same_order(tmp_path):
    """Frames as they come, and the whole document for a view that opens late."""
    cases = []
    for seed in range(PROGRAMS):
        live, frames, _ = watched(seed)
        document = live.snapshot()["state"]
        order = [[list(root["logs"]), ordered(_values_of(root))] for root in document["runs"]]
        cases.append(
            {"frames": frames, "snapshot": {"seq": live.seq, "state": for_page(document)}, "order": order}
        )
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    script = tmp_path / "check.mjs"
    script.write_text(
        f"""
import assert from "node:assert/strict";
import {{ readFileSync }} from "node:fs";
import {{ Store }} from {json.dumps(STORE.as_uri())};
import {{ entriesOf }} from {json.dumps((STORE.parent / "run_paths.js").as_uri())};
import {{ jsonText }} from {json.dumps((STORE.parent / "ordered_keys.js").as_uri())};
const cases = JSON.parse(readFileSync({json.dumps(str(tmp_path / "cases.json"))}));
for (const [number, {{ frames, snapshot, order }}] of cases.entries()) {{
  const live = new Store(() => {{}});
  for (const frame of frames) assert.equal(live.frame(frame), "applied", `program ${{number}}`);
  const late = new Store(() => {{}});
  assert.ok(late.load(snapshot));
  assert.deepEqual(live.state, late.state, `program ${{number}}`);
  for (const store of [live, late]) {{
    for (const [place, root] of store.state.runs.entries()) {{
      const [keys, values] = order[place];
      assert.deepEqual(entriesOf(root.logs).map(([key]) => key), keys, `program ${{number}}`);
      const shown = [root, ...entriesOf(root.logs).map(([, entry]) => entry)];
      const inOrder = shown.map((run) => [run.input, run.final_output, run.streamed_output, run.metadata]);
      assert.equal(jsonText(inOrder), values, `program ${{number}}`);
    }}
    store.close();
  }}
}}
console.log(cases.length);
"""
    )
    done = subprocess.run(["node", str(script)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == str(PROGRAMS)


def test_a_name_that_is_a_taken_key_gets_the_next_free_one():
    chain = RunnablePassthrough()
    for name in ("a:2", "a", "a", "a:2"):
        chain = chain | RunnableLambda(lambda x: x).with_config(run_name=name)
    live = LiveState()
    chain.invoke(1, {"callbacks": [live]})
    assert [*live.snapshot()["state"]["runs"][0]["logs"]][1:] == ["a:2", "a", "a:3", "a:2:2"]
    patches = asyncio.run(collect(chain.astream_log(1)))
    log = patches[0]
    for patch in patches[1:]:
        log = log + patch
    assert [*log.state["logs"]][1:] == ["a:2", "a", "a:3", "a:2:2"]


def test_integers_that_javascript_cannot_hold_are_texts_in_a_view_and_numbers_in_a_log():
    number = 2**53 + 1
    live = LiveState()
    step = RunnableLambda(lambda x: {"big": number, "small": 2**53 - 1})
    assert step.invoke(1, {"callbacks": [live]})["big"] == number
    assert live.snapshot()["state"]["runs"][0]["final_output"] == {"big": str(number), "small": 2**53 - 1}
    patches = asyncio.run(collect(step.astream_log(1)))
    assert (
        patches[-1].ops[-1]["value"]["output" if "output" in patches[-1].ops[-1]["value"] else "big"]
        == number
    )


def test_keys_that_look_alike_are_both_shown():
    live = LiveState()
    RunnableLambda(lambda x: {1: "int", "1": "text", None: 0, "None": 1}).invoke(1, {"callbacks": [live]})
    shown = live.snapshot()["state"]["runs"][0]["final_output"]
    assert sorted(map(str, shown.values())) == ["0", "1", "int", "text"]


def test_a_pair_that_is_split_over_two_chunks_is_one_character():
    def halves(_):
        yield "a\ud83d"
        yield "\ude00b"
        yield "\ud83d"

    live = LiveState()
    assert len(list(RunnableLambda(halves).stream(1, {"callbacks": [live]}))) == 3
    both = RunnableParallel(x=RunnableLambda(halves), y=RunnableLambda(halves))
    list(both.stream(1, {"callbacks": [live]}))
    first, second = live.snapshot()["state"]["runs"]
    assert "".join(first["streamed_output"]) == "a\U0001f600b\ufffd"
    assert second["final_output"]["x"].startswith("a\U0001f600b")


def test_a_replayed_log_says_which_attempts_failed():
    attempts = iter([ValueError("first"), None])

    def flaky(x):
        if (error := next(attempts)) is not None:
            raise error
        return x

    chain = RunnableLambda(flaky).with_retry(wait_exponential_jitter=False)
    patches = asyncio.run(collect(chain.astream_log(1)))
    log = patches[0]
    for patch in patches[1:]:
        log = log + patch
    replayed = live_from(log)
    document = (replayed if isinstance(replayed, LiveState) else replayed.live).snapshot()["state"]
    entries = list(document["runs"][0]["logs"].values())
    assert [entry["status"] for entry in entries] == ["failed", "done"]
    assert "ValueError: first" in entries[0]["error"]["message"]
