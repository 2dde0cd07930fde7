"""How chunks add up."""

import time
import weakref

import pytest

from workbench import AddableDict, AIMessageChunk
from workbench.engine.chunks import Fold, add


def folded(chunks):
    total = Fold()
    for chunk in chunks:
        total.add(chunk)
    return total.value


@pytest.mark.parametrize(
    ("chunks", "total"),
    [
        ([], None),
        (["a", "b", "c"], "abc"),
        ([1, 2], 3),
        ([[1], [2, 3]], [1, 2, 3]),
        (["a", None, "b"], "ab"),
        ([AddableDict(a="x"), AddableDict(b=1), AddableDict(a="y")], {"a": "xy", "b": 1}),
        ([{"a": 1}, {"b": 2}], {"b": 2}),  # plain dicts do not add: the last one wins
        (["a", 1], 1),
        ([None, None], None),
    ],
)
def test_chunks_add_up(chunks, total):
    assert folded(chunks) == total


def test_a_sum_can_be_asked_for_at_any_time():
    total = Fold()
    seen = []
    for letter in "abc":
        total.add(letter)
        seen.append(total.value)
    assert seen == ["a", "ab", "abc"]


def test_messages_add_up_to_a_message():
    total = folded([AIMessageChunk(content=word, id="1") for word in ("Hi", " ", "you")])
    assert (total.content, total.id) == ("Hi you", "1")


def test_values_of_one_key_that_cannot_be_added_raise():
    with pytest.raises(TypeError):
        AddableDict(a=1) + AddableDict(a="x")
    assert AddableDict(a=1) + {"b": 2} == {"a": 1, "b": 2}
    assert {"a": 1, "c": 3} + AddableDict(b=2) == {"a": 1, "b": 2, "c": 3}


@pytest.mark.timed
def test_adding_many_tokens_takes_time_in_proportion():
    def cost(n):
        started = time.perf_counter()
        folded(["token "] * n)
        folded([AIMessageChunk.model_construct(content="token ")] * n)
        return time.perf_counter() - started

    cost(1000)
    assert cost(40_000) < 12 * cost(10_000)  # squared it would be 16 times


def test_add_joins_two():
    assert (add("a", "b"), add(None, 1), add(1, None)) == ("ab", 1, 1)


def test_pairs_and_many_add_up_alike_where_a_key_s_values_cannot_be_added():
    one, two = AddableDict(a=1, b="x"), AddableDict(a="s")
    assert add(one, two) == folded([one, two]) == {"a": "s", "b": "x"}


def test_of_chunks_that_replace_each_other_only_the_last_is_kept():
    class Snapshot:
        """Something that can be referred to weakly and cannot be added."""

    class Latest(list):
        __latest__ = True

    for kind in (Snapshot, Latest):
        total, chunks = Fold(), [kind() for _ in range(100)]
        last, references = chunks[-1], [weakref.ref(chunk) for chunk in chunks]
        while chunks:
            total.add(chunks.pop(0))
        assert [reference() for reference in references if reference() is not None] == [last]
        assert total.value is last
