"""Operations in frames for several readers, and as plain JSON Patch."""

from __future__ import annotations

import json

import jsonpatch
import pytest

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
