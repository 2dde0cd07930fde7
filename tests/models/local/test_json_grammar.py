"""Grammars of numbers and JSON: what they let through is what the schema describes, and it ends."""

import json
import random
import re

import pytest

from workbench.models.local.json_grammar import json_grammar
from workbench.models.local.number_grammar import integer_grammar, number_grammar


def as_regex(grammar):
    """A grammar of literals, classes, groups and repetitions, as a regular expression."""
    parts = re.finditer(r'"([^"]*)"|[^"]+', grammar)
    return re.compile(
        "".join(re.escape(part[1]) if part[1] is not None else part[0].replace(" ", "") for part in parts)
    )


@pytest.mark.parametrize("width", [0, 1, 7, 98, 250, 2000])
def test_integers_are_those_of_the_range(width):
    source = random.Random(width)
    for _ in range(60):
        low = source.randint(-1500, 1500)
        high = low + width
        pattern = as_regex(integer_grammar(low, high))
        near = [*range(low - 11, low + 11), *range(high - 11, high + 11), source.randint(-9999, 9999)]
        for number in near:
            assert bool(pattern.fullmatch(str(number))) is (low <= number <= high), (low, high, number)


@pytest.mark.parametrize(
    ("low", "high"), [(None, 5), (5, None), (None, -3), (-3, None), (0, None), (None, None)]
)
def test_an_open_range_of_integers_has_its_one_bound(low, high):
    pattern = as_regex(integer_grammar(low, high))
    for number in range(-300, 300):
        fits = (low is None or low <= number) and (high is None or number <= high)
        assert bool(pattern.fullmatch(str(number))) is fits
    assert not pattern.fullmatch("007")
    assert not pattern.fullmatch("1" * 20), "a number must come to an end"


@pytest.mark.parametrize(
    ("low", "high"), [(0, 10), (0.5, 3.5), (-2, 2), (0.2, 0.8), (-0.5, -0.1), (-3.25, 7.75), (1.001, 1.004)]
)
def test_decimals_lie_in_the_range_and_nearly_all_hundredths_of_it_can_be_written(low, high):
    pattern = as_regex(number_grammar(low, high))
    inside = [at / 100 for at in range(-1000, 1100) if low <= at / 100 <= high]
    written = [at / 100 for at in range(-1000, 1100) if pattern.fullmatch(f"{at / 100:.2f}")]
    assert set(written) <= set(inside)
    assert len(written) >= 0.98 * len(inside) - 1
    if not inside:
        assert pattern.fullmatch("1.001")


def test_an_empty_range_is_refused():
    with pytest.raises(ValueError, match="no integer lies between 3 and 2"):
        integer_grammar(3, 2)
    with pytest.raises(ValueError, match="no integer"):
        integer_grammar(1.2, 1.8)
    with pytest.raises(ValueError, match="no number lies between"):
        number_grammar(3, 2)


def test_properties_come_in_their_order_and_all_of_them():
    grammar = json_grammar({"properties": {"b": {"type": "null"}, "a": {"const": 'x"'}}, "required": ["a"]})
    assert grammar.splitlines()[0] == r'root ::= "{\"b\": " "null" ", \"a\": " "\"x\\\"\"" "}"'


def test_a_schema_that_holds_itself_comes_to_an_end():
    node = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
            "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
        },
        "required": ["name", "children", "next"],
    }
    grammar = json_grammar({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    assert len(grammar) < 20_000
    endless = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}, "required": ["next"]}
    with pytest.raises(ValueError, match="always holds itself"):
        json_grammar({"$ref": "#/$defs/N", "$defs": {"N": endless}})


def test_the_more_there_is_to_say_the_shorter_each_text():
    def longest(schema, most):
        return max(int(found) for found in re.findall(r"c\{\d+,(\d+)\}", json_grammar(schema, most=most)))

    many = {"properties": {f"field{n}": {"type": "string"} for n in range(12)}}
    one = {"properties": {"field": {"type": "string"}}}
    assert longest(one, 1500) > longest(many, 1500) > longest(many, 600)
    assert longest({"properties": {"x": {"type": "string", "maxLength": 7}}}, 1500) == 7


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": "string", "pattern": "^a+$"}, r"the pattern '\^a\+\$'"),
        ({"not": {"type": "string"}}, '"not"'),
        ({"$ref": "#/$defs/Nowhere"}, "not in the schema"),
        ({"$ref": "https://example.org/schema"}, "not in the schema"),
        ({"type": "tuple"}, "the type 'tuple'"),
        ({"type": "number", "multipleOf": 0.5}, "multipleOf"),
        ({"enum": []}, "an enum without values"),
        (["a"], "'a'"),
    ],
)
def test_what_a_grammar_cannot_keep_to_is_named(schema, named):
    with pytest.raises(ValueError, match=f"cannot be kept to .*{named}"):
        json_grammar(schema)


def test_multiples_of_a_range_are_written_out():
    assert '"0" | "0.5" | "1"' in json_grammar(
        {"type": "number", "multipleOf": 0.5, "minimum": 0, "maximum": 1}
    )
    assert json.dumps({"a": 1}) == '{"a": 1}', "the grammar's separators are those of json.dumps"
