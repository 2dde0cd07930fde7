"""Operations in frames for several readers, and as plain JSON Patch."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable

import jsonpatch
import pytest

from workbench.patch import operations
from workbench.patch.application import apply_operation
from workbench.patch.operations import Operations
from workbench.patch.plain import plain_operations


def append(path: str, *values: object) -> dict[str, object]:
    return {"op": "append", "path": path, "values": list(values)}


def test_appends_between_two_reads_are_one() -> None:
    log = Operations()
    for token in "abc":
        log.append("run", "/r", token)
        log.append("other", "/o", token)
    frame = log.since(0)
    assert frame is not None
    assert (frame["a"], frame["b"], frame["ops"]) == (0, 6, [append("/r", *"abc"), append("/o", *"abc")])


def test_an_append_is_not_moved_before_what_happened_to_its_owner() -> None:
    log = Operations()
    log.append("run", "/r/0", "a")
    log.change("run", {"op": "replace", "path": "/r/0", "value": "b"})
    log.change("run", append("/r/0", "c"))
    assert [op["op"] for op in log.since(0)["ops"]] == ["append", "replace", "append"]


def test_every_reader_goes_on_from_where_it_was() -> None:
    log = Operations()
    log.append("run", "/r", "a")
    assert log.since(0)["b"] == 1
    log.append("run", "/r", "b")
    assert log.since(1)["ops"] == [append("/r", "b")]
    assert [op["values"] for op in log.since(0)["ops"]] == [["a"], ["b"]]
    assert log.since(2) is None


def test_what_was_read_does_not_grow() -> None:
    log = Operations()
    log.append("run", "/r", "a")
    frame = log.since(0)
    log.append("run", "/r", "b")
    assert frame["ops"] == [append("/r", "a")]


def test_a_number_in_the_middle_of_a_frame_is_refused() -> None:
    log = Operations()
    log.append("run", "/r", "a")
    log.append("run", "/r", "b")
    log.since(0)
    log.append("run", "/r", "c")
    with pytest.raises(ValueError, match="operation 1 is not the end of a frame"):
        log.since(1)


def test_plain_operations_of_a_long_text_stay_in_proportion_to_it() -> None:
    ops = [append("/runs/0/streamed_output/0/a", "word ") for _ in range(5_000)]
    document = {"runs": [{"streamed_output": [{"a": ""}], "status": ""}]}
    end = {"op": "replace", "path": "/runs/0/status", "value": "done"}
    log = list(plain_operations([*ops, end], document))
    assert len(json.dumps(log)) < 10 * 25_000
    assert log[-1] == end, "the text is whole before its run goes on"
    assert jsonpatch.apply_patch(document, log)["runs"][0]["streamed_output"] == [{"a": "word " * 5_000}]


def test_a_text_that_was_replaced_grows_anew() -> None:
    path = "/runs/0/streamed_output/0/a"
    ops = [
        append(path, "x" * 100),
        {"op": "replace", "path": path, "value": "b"},
        append(path, "c"),
        append(path, "d"),
    ]
    document = {"runs": [{"streamed_output": [{"a": "a"}]}]}
    assert jsonpatch.apply_patch(document, list(plain_operations(ops, document))) == {
        "runs": [{"streamed_output": [{"a": "bcd"}]}]
    }


def test_remove_and_insert_in_lists() -> None:
    document = {"l": [1, 2, 3]}
    apply_operation(document, {"op": "remove", "path": "/l/1"})
    apply_operation(document, {"op": "add", "path": "/l/0", "value": 0})
    apply_operation(document, {"op": "add", "path": "/l/-", "value": 4})
    assert document == {"l": [0, 1, 3, 4]}


def random_log(seed: int, steps: int) -> tuple[Operations, dict[str, object], list[Reader]]:
    """Runs that begin, write, change and end at random, and readers who read at random."""
    draw, log = random.Random(seed), Operations()
    document: dict[str, object] = {"runs": []}
    readers = [Reader(every) for every in (1, 3, 50, 2_000)]

    def whole() -> dict[str, object]:
        return {"op": "replace", "path": "", "value": copy.deepcopy(document)}

    runs: list[dict[str, object]] = document["runs"]  # type: ignore[assignment]
    for step in range(steps):
        kind = draw.choice(["append"] * 8 + ["add", "set", "change"])
        if kind == "add" or not runs:
            runs.append({"out": [], "status": ""})
            log.add({"op": "add", "path": "/runs/-", "value": {"out": [], "status": ""}})
            continue
        number = draw.randrange(len(runs))
        owner, run = f"/runs/{number}", runs[number]
        if kind == "append":
            run["out"].append(str(step))  # type: ignore[attr-defined]
            log.append(owner, f"{owner}/out", str(step))
        elif kind == "set":
            run["status"] = str(step)
            log.add({"op": "replace", "path": f"{owner}/status", "value": str(step), "more": step})
        else:
            run["out"] = [step]
            log.change(owner, {"op": "replace", "path": f"{owner}/out", "value": [step]})
        for reader in readers:
            reader.read(log, step, whole)
    for reader in readers:
        reader.read(log, 0, whole)
    return log, document, readers


class Reader:
    """Applies what it reads, every so many steps."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.number = 0
        self.document: object = {"runs": []}
        self.wholes = 0

    def read(self, log: Operations, step: int, whole: Callable[[], dict[str, object]]) -> None:
        if step % self.every or (frame := log.since(self.number, whole)) is None:
            return
        self.number = frame["b"]
        for op in frame["ops"]:
            self.wholes += op["path"] == ""
            self.document = apply_operation(
                copy.deepcopy(self.document) if op["path"] else {}, copy.deepcopy(op)
            )


def test_readers_of_any_pace_come_to_the_same_document(monkeypatch) -> None:
    monkeypatch.setattr(operations, "RECENT", 20)
    for seed in range(20):
        log, document, readers = random_log(seed, 400)
        for reader in readers:
            assert reader.document == document, (seed, reader.every)
        late = Reader(1)
        late.read(log, 0, lambda: {"op": "fail"})
        assert late.document == document, seed
        assert readers[0].wholes == 0, "who reads at each step is never behind"
        assert readers[2].wholes > 0


def test_one_who_reads_all_the_time_leaves_nothing_behind_that_nobody_needs() -> None:
    """Objects are counted: a list and a text for each token would be thousands."""
    log, number = Operations(), 0
    log.add({"op": "add", "path": "/runs/-", "value": {"out": []}})
    for token in range(20_000):
        log.append("/runs/0", "/runs/0/out", token)
        frame = log.since(number)
        assert frame is not None
        number = frame["b"]
    assert sum(len(frame) for frame in log._frames) <= operations.RECENT + 1
    assert len(log._old._ops) == 2
    assert [op["op"] for op in log.since(0)["ops"]][:2] == ["add", "append"]
    assert sum(len(op.get("values", ())) for op in log.since(0)["ops"]) == 20_000
