"""JSON that is still being written: every beginning gives a beginning of the value, at a steady cost."""

import copy
import json
import math
import sys

import jsonpatch
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workbench import parse_partial_json
from workbench.engine.chunks import MISSING
from workbench.text.partial_json import MAX_DEPTH, JsonReader, JsonTextError

TEXTS = st.text() | st.sampled_from(["\ud800", "\ud83d\ude00", '"', "\\", "\n", "\udc00\ud800"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@st.composite
def json_texts(draw):
    """A JSON text, with or without space and escapes."""
    indent = draw(st.sampled_from([None, 0, 2]))
    text = json.dumps(draw(VALUES), ensure_ascii=draw(st.booleans()), indent=indent)
    return draw(st.sampled_from(["", " ", "\n"])) + text


def cut(text, data):
    """The text in pieces."""
    pieces = []
    while text:
        size = data.draw(st.integers(1, max(1, min(9, len(text)))))
        pieces.append(text[:size])
        text = text[size:]
    return pieces


def begins(early, late):
    """Whether a value is one on the way to another."""
    if isinstance(early, str) and isinstance(late, str):
        return late.startswith(early)
    if isinstance(early, list) and isinstance(late, list):
        return len(early) <= len(late) and all(map(begins, early, late))
    if isinstance(early, dict) and isinstance(late, dict):
        return list(late)[: len(early)] == list(early) and all(begins(early[k], late[k]) for k in early)
    return type(early) is type(late) and early == late


def read(text):
    reader = JsonReader()
    assert text[reader.feed(text) :].strip() == ""
    reader.finish()
    return reader.value


@settings(deadline=None)
@given(json_texts())
@example('"\\ud83d\\ude00"')
@example('["\\ud83dx", "\\ud83d\\n", "\\ud83d\\ud83d\\ude00", "\\ud83d\\u0041", "\\ud83d"]')
@example('{"a~/b": {"": [[], {}, -0.0, 1e-7, true, null]}}')
def test_every_beginning_gives_a_beginning_and_the_whole_what_json_gives(text):
    whole = json.loads(text)
    assert read(text) == whole
    reader, last = JsonReader(), MISSING
    for end, char in enumerate(text, 1):
        reader.feed(char)
        value = reader.value
        at_once = JsonReader()
        at_once.feed(text[:end])
        assert at_once.value == value
        assert value is MISSING or begins(value, whole)
        assert last is MISSING or begins(last, value)
        last = value
    reader.finish()
    assert reader.value == whole


@settings(deadline=None)
@given(json_texts(), st.data())
def test_what_was_given_out_never_changes(text, data):
    reader, kept = JsonReader(), []
    for piece in cut(text, data):
        reader.feed(piece)
        kept.append((reader.value, copy.deepcopy(reader.value) if reader.value is not MISSING else MISSING))
    assert all(value is before or value == before for value, before in kept)


@settings(deadline=None)
@given(json_texts(), st.data())
def test_its_patches_tell_the_same_growth(text, data):
    reader, document = JsonReader(), None
    for piece in cut(text, data):
        reader.feed(piece)
        changed, changes = reader.changed, reader.changes()
        assert bool(changes) == changed
        document = jsonpatch.apply_patch(document, copy.deepcopy(changes))
        assert reader.value is MISSING or document == reader.value
    reader.finish()
    document = jsonpatch.apply_patch(document, reader.changes())
    assert document == reader.value == json.loads(text)


def test_it_says_whether_anything_has_changed():
    reader, told = JsonReader(), []
    for piece in ("{", ' "a"', ":", ' "x', "", "y\\u00", "e9", '"', " , ", '"b": 1', "2", "}", "\n"):
        reader.feed(piece)
        told.append(reader.changed)
    assert told == [True, False, False, True, False, True, True, False, False, False, False, True, False]


def test_what_is_not_whole_is_left_out():
    ends = {
        '{"a': {},
        '{"a": ': {},
        '{"a": 1': {},
        '{"a": tru': {},
        '{"a": -': {},
        '{"a": 1,': {"a": 1},
        '{"a": "x\\': {"a": "x"},
        '{"a": "x\\ud83d': {"a": "x"},
        '{"a": "x\\ud83d\\ude': {"a": "x"},
        '[1, [2, {"b': [1, [2, {}]],
        "[": [],
        "": None,
        '"te': "te",
        "12": 12,
    }
    assert {text: parse_partial_json(text) for text in ends} == ends


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("{a", 1),
        ("{'a': 1}", 1),
        ('{"a" 1}', 5),
        ('{"a": 1 "b"', 8),
        ("[1 2", 3),
        ("[1,]", 3),
        ('{"a": 1,}', 8),
        ("{,", 1),
        ("[}", 1),
        ('["\\x"]', 3),
        ('["\\u00g0"]', 6),
        ("[01]", 3),
        ("[1.]", 3),
        ("[nul]", 4),
        ("]", 0),
        ("[+1]", 1),
    ],
)
def test_what_is_no_json_says_where(text, at):
    with pytest.raises(ValueError):
        json.loads(text)
    for pieces in ([text], list(text)):
        reader = JsonReader()
        with pytest.raises(JsonTextError) as caught:
            for piece in pieces:
                reader.feed(piece)
        assert caught.value.at == at


@pytest.mark.parametrize("text", ["", " ", "[", '{"a', '"x', '"\\u12', "-", "tru", '{"a":', "[1"])
def test_text_that_ends_early_is_refused_in_the_end(text):
    with pytest.raises(JsonTextError):
        read(text)


def test_words_that_json_does_not_know_are_read_as_python_s_json_does():
    assert read("[Infinity, -Infinity, 1e999]") == [math.inf, -math.inf, math.inf]
    assert math.isnan(read("[NaN]")[0])


def test_of_a_key_that_comes_twice_the_last_counts():
    text = '{"a": [1], "b": 1, "a": {"c": 2}}'
    assert read(text) == json.loads(text) == {"a": {"c": 2}, "b": 1}


def test_a_number_with_too_many_digits_is_refused_and_not_converted():
    assert read("[" + "9" * 4000 + "]") == [int("9" * 4000)]
    with pytest.raises(JsonTextError, match=r"a value instead of '9{20}'"):
        read("[" + "9" * 100_000 + "]")


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_deep_nesting_is_refused_before_it_overflows_anything(opening):
    reader = JsonReader()
    with pytest.raises(JsonTextError, match=f"no more than {MAX_DEPTH} objects and lists"):
        reader.feed(opening * 100_000)
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert repr(read(deepest)) == deepest
    copy.deepcopy(read(deepest))


def test_line_ends_inside_a_text_are_taken_unless_strict():
    assert parse_partial_json('{"a": "x\ny"}') == {"a": "x\ny"}
    with pytest.raises(ValueError, match="control character"):
        parse_partial_json('{"a": "x\ny"}', strict=True)
    with pytest.raises(ValueError, match="nothing behind"):
        parse_partial_json("{} {}")


def count_of(work):
    """How many lines of Python *work* runs."""
    lines = 0

    def trace(frame, event, arg):
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines


@pytest.mark.parametrize("piece", ["word ", "\\u00e9", '", "n": "x', '"}, {"k": "v'])
def test_a_token_costs_the_same_however_long_the_text_is(piece):
    def cost_after(tokens):
        reader = JsonReader()
        reader.feed('{"list": [{"k": "' + piece * tokens)
        return count_of(lambda: (reader.feed(piece), reader.value))

    assert cost_after(10_000) == cost_after(10)
