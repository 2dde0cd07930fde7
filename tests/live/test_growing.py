"""Outputs that are no text, as they grow: what they are so far, and the operations that say how they grew."""

from __future__ import annotations

import json
import time
from typing import Any

import jsonpatch
import pytest

from workbench.engine.chunks import AddableDict, add
from workbench.live.growing import MAX_GROWING_TEXT, GrowingOutput
from workbench.messages import AIMessageChunk
from workbench.patch.application import apply_operation
from workbench.patch.plain import plain_operations


def grown(*chunks: Any, looks: int = 1) -> tuple[Any, list[dict[str, Any]]]:
    """The value after *chunks*, and the operations on a document that has it as ``/v``; looked at after every
    so many chunks."""
    output, ops = GrowingOutput(chunks[0]), []
    for count, chunk in enumerate(chunks[1:], 1):
        if count % looks == 0:
            ops += output.changes("/v")
        output.add(chunk)
    ops += output.changes("/v")
    return output.value, ops


def check(*chunks: Any) -> list[dict[str, Any]]:
    """The value is the sum, the operations make it, also as plain JSON Patch."""
    ops: list[dict[str, Any]] = []
    expected: Any = None
    for chunk in chunks:
        expected = add(expected, chunk)
    for looks in (1, 3, 100):
        output_ops = grown(*chunks, looks=looks)[1]
        document: Any = {}
        for op in output_ops:
            document = apply_operation(document, op)
        assert document == {"v": expected}
        assert jsonpatch.apply_patch({}, list(plain_operations(output_ops, {}))) == {"v": expected}
        ops = ops or output_ops
    return ops


def test_branches_grow_per_key() -> None:
    ops = check(
        *(AddableDict({key: text}) for key, text in [("a", "x"), ("b/c", "1"), ("a", "y"), ("b/c", "2")])
    )
    assert ops == [
        {"op": "add", "path": "/v", "value": {"a": "x"}},
        {"op": "add", "path": "/v/b~1c", "value": "1"},
        {"op": "append", "path": "/v/a", "values": ["y"]},
        {"op": "append", "path": "/v/b~1c", "values": ["2"]},
    ]


def test_an_object_that_a_parser_reads_grows_by_what_is_new() -> None:
    ops = check(
        {},
        {"a": "on"},
        {"a": "one", "l": []},
        {"a": "one", "l": [{"x": 1}]},
        {"a": "one", "l": [{"x": 12}, 3]},
    )
    assert ops[1:] == [
        {"op": "add", "path": "/v/a", "value": "on"},
        {"op": "append", "path": "/v/a", "values": ["e"]},
        {"op": "add", "path": "/v/l", "value": []},
        {"op": "append", "path": "/v/l", "values": [{"x": 1}]},
        {"op": "replace", "path": "/v/l/0/x", "value": 12},
        {"op": "append", "path": "/v/l", "values": [3]},
    ]


@pytest.mark.parametrize(
    "chunks",
    [
        ([1], [2, 3], []),
        (1, 2, 3.5),
        ("a", {"b": 1}, "c", "d"),
        ({"a": 1, "b": 2}, {"b": 2}, {"c": [1, 2]}, {"c": [2]}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (AddableDict(a=None), AddableDict(a="x"), AddableDict(a={"n": 1}), AddableDict(a={"n": 1, "m": 2})),
        (AddableDict(a=AddableDict(b="x")), AddableDict(a=AddableDict(b="y", c=1))),
        ({"a": "x"}, AddableDict(b="y")),
        (AddableDict(a=[1]), AddableDict(a=[2]), AddableDict(a="text")),
        (None, None, {"a": 1}),
        ([1], "text", [2], "text", {"a": 1}, [3]),
    ],
)
def test_values_add_up_as_chunks_of_a_stream_do(chunks: tuple[Any, ...]) -> None:
    check(*chunks)


def test_a_key_s_place_among_the_others_is_that_of_the_sum() -> None:
    value, _ = grown({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert list(value) == ["b", "a"]


def test_messages_of_branches_are_their_text() -> None:
    value, _ = grown(*(AddableDict(a=AIMessageChunk(content=text)) for text in ("x", "", "y")))
    assert value == {"a": "xy"}


def test_what_was_given_out_does_not_change() -> None:
    output = GrowingOutput({"a": [1]})
    first = output.changes("/v")
    before = json.dumps(first)
    output.add({"a": [1, 2], "b": {}})
    second = output.changes("/v")
    output.add({"a": [1, 2, 3], "b": {"c": 1}})
    output.changes("/v")
    assert json.dumps(first) == before
    assert second[1]["value"] == {}


def test_a_user_s_own_sum_that_raises_is_the_chain_s_to_tell() -> None:
    class Odd:
        def __add__(self, other: object) -> object:
            raise ValueError("no")

        def __repr__(self) -> str:
            return "Odd()"

    assert grown(Odd(), Odd())[0] == "Odd()"


def test_a_text_that_never_ends_is_cut_with_a_remark() -> None:
    value, _ = grown(*(AddableDict(a="x" * 50_000) for _ in range(60)))
    assert len(value["a"]) < 1.1 * MAX_GROWING_TEXT
    assert value["a"].endswith("… (the rest of this text is left out here)")


def test_a_list_that_never_ends_is_cut_with_a_remark() -> None:
    value, ops = grown(*([number] for number in range(3_000)))
    assert len(value) == 1_000 and value[-1] == "… (the rest of this list is left out here)"
    assert len(ops) == 1_000


@pytest.mark.timed
def test_a_large_object_costs_no_more_than_the_looks_at_it() -> None:
    """Two thousand chunks, each with all of the object so far, looked at three times."""
    texts = [{"a": "word " * count, "l": list(range(count % 900))} for count in range(2_000)]
    before = time.process_time()
    output = GrowingOutput(texts[0])
    for chunk in texts:
        output.add(chunk)
    adding = time.process_time() - before
    output.changes("/v")
    assert output.value == texts[-1]
    assert adding < 0.1
