"""Output parsers in the four forms: text, lists, values, XML; subclasses; runs and schemas."""

import asyncio
import csv
import gc
import io
import weakref
from datetime import datetime
from enum import Enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracing.event_steps import events_of
from workbench import (
    AIMessage,
    AIMessageChunk,
    BaseCumulativeTransformOutputParser,
    BaseGenerationOutputParser,
    BaseOutputParser,
    BaseTransformOutputParser,
    CommaSeparatedListOutputParser,
    DatetimeOutputParser,
    EnumOutputParser,
    FakeChatModel,
    JsonOutputParser,
    ListOutputParser,
    MarkdownListOutputParser,
    NumberedListOutputParser,
    OutputParserError,
    OutputParserException,
    RegexParser,
    RunnableLambda,
    RunnableParallel,
    StrOutputParser,
    XMLOutputParser,
)
from workbench.engine.chunks import Fold


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


PARSERS = [
    (StrOutputParser(), "a b", "a b"),
    (JsonOutputParser(), 'So: {"a": [1, "b c"]}', {"a": [1, "b c"]}),
    (JsonOutputParser(), "[1, [2, 3], 4]", [1, [2, 3], 4]),
    (JsonOutputParser(), "42", 42),
    (CommaSeparatedListOutputParser(), 'a, "b, c",d', ["a", "b, c", "d"]),
    (NumberedListOutputParser(), "These:\n1. a b\n\n 22. c\nno 3", ["a b", "c"]),
    (MarkdownListOutputParser(), "These:\n- a b\r\n  * c\nd - e", ["a b", "c"]),
    (EnumOutputParser(enum=Colour), " red\n", Colour.RED),
    (DatetimeOutputParser(format="%d.%m.%Y"), "4.7.2023", datetime(2023, 7, 4)),
    (
        RegexParser(regex=r"(\d+) of (\d+)", output_keys=["got", "all"]),
        "It is 3 of 5.",
        {"got": "3", "all": "5"},
    ),
    (
        XMLOutputParser(),
        "<a><b><c>x</c><d>y z</d></b><b/>and <b>more</b></a>",
        {"a": [{"b": [{"c": "x"}, {"d": "y z"}]}, {"b": None}, "and ", {"b": "more"}]},
    ),
]


@pytest.mark.parametrize(("parser", "text", "value"), PARSERS)
def test_a_model_s_answer_is_parsed_in_every_form(run_chain, parser, text, value):
    assert run_chain(FakeChatModel(responses=[text]) | parser, "x") == value
    assert run_chain(parser, text) == value
    assert run_chain(parser, AIMessage([{"type": "text", "text": text}])) == value


@pytest.mark.parametrize(("parser", "text", "value"), PARSERS)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pieces_of_any_size_add_up_to_the_same(parser, text, value, size):
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    total = Fold()
    for chunk in parser.transform(iter(pieces)):
        total.add(chunk)
    assert total.value == value


@pytest.mark.parametrize(("parser", "text", "value"), PARSERS)
def test_a_step_behind_a_parser_gets_the_whole_value(run_chain, parser, text, value):
    model = FakeChatModel(responses=[text])
    assert run_chain(model | parser | RunnableLambda(lambda got: (got,)), "x") == (value,)
    both = RunnableParallel(parsed=model | parser, other=lambda _: 1)
    assert run_chain(both, "x") == {"parsed": value, "other": 1}


@pytest.mark.parametrize(("parser", "text", "value"), PARSERS)
def test_its_run_is_a_parser_s(run_chain, recorder, parser, text, value):
    run_chain(FakeChatModel(responses=[text]) | parser, "x", {"callbacks": [recorder]})
    name = type(parser).__name__
    assert [e.run.type for e in recorder.events if e.kind == "start" and e.run.name == name] == ["parser"]
    assert [e.value for e in recorder.events if e.kind == "end" and e.run.name == name] == [value]
    kinds = [e["event"] for e in events_of(parser, text)]
    assert (kinds[0], kinds[-1]) == ("on_parser_start", "on_parser_end")
    assert set(kinds[1:-1]) == (set() if parser._gathers() else {"on_parser_stream"})


def test_schemas_say_what_goes_in_and_out():
    schemas = {type(p): p.get_output_schema().model_json_schema() for p, *_ in PARSERS}
    assert [schemas[type(p)]["type"] for p, *_ in PARSERS[4:7]] == ["array", "array", "array"]
    assert schemas[EnumOutputParser]["$defs"]["Colour"]["enum"] == ["red", "blue"]
    assert schemas[DatetimeOutputParser]["format"] == "date-time"
    assert schemas[RegexParser]["additionalProperties"] == {"type": "string"}
    assert schemas[XMLOutputParser]["type"] == "object"
    for parser, *_ in PARSERS:
        name = type(parser).__name__
        assert "string" in [
            each.get("type") for each in parser.get_input_schema().model_json_schema()["anyOf"]
        ]
        assert parser.get_input_schema().__name__ == f"{name}Input"
        assert parser.get_output_schema().__name__ == f"{name}Output"
        assert parser.config_schema().__name__ == f"{name}Config"


@pytest.mark.parametrize("parser", [parser for parser, *_ in PARSERS])
def test_what_is_no_answer_says_what_came(run_chain, parser):
    with pytest.raises(
        OutputParserError, match=f"{type(parser).__name__}: expected a message or text, got int: 3"
    ):
        run_chain(parser, 3)


@pytest.mark.parametrize(
    ("parser", "message"),
    [
        (EnumOutputParser(enum=Colour), "expected one of red, blue, got 'no'"),
        (DatetimeOutputParser(), r"expected a date and time like '2023-07-04T14:30:00.123000Z', got 'no'"),
        (RegexParser(regex="a(b)", output_keys=["b"]), r"expected text that matches 'a\(b\)', got 'no'"),
        (JsonOutputParser(), "expected JSON, got an answer without any; the answer was 'no'"),
        (XMLOutputParser(), "expected XML, got no element; the answer was 'no'"),
    ],
)
def test_an_answer_without_the_form_is_an_error_that_keeps_it(run_chain, parser, message):
    with pytest.raises(OutputParserError, match=message) as caught:
        run_chain(FakeChatModel(responses=["no"]) | parser, "x")
    assert caught.value.llm_output == "no"


def test_every_parser_can_say_what_it_expects():
    silent = (StrOutputParser, RegexParser)
    told = {type(p).__name__: p.get_format_instructions() for p, *_ in PARSERS if type(p) not in silent}
    assert "red, blue" in told["EnumOutputParser"]
    assert "04.07.2023" in told["DatetimeOutputParser"]
    assert "JSON" in told["JsonOutputParser"]
    assert "commas" in told["CommaSeparatedListOutputParser"]
    assert "1. red" in told["NumberedListOutputParser"]
    assert "- red" in told["MarkdownListOutputParser"]
    assert "a, b" in XMLOutputParser(tags=["a", "b"]).get_format_instructions()
    with pytest.raises(NotImplementedError, match="StrOutputParser has no format instructions"):
        StrOutputParser().get_format_instructions()


def test_the_error_goes_by_two_names_and_says_what_to_tell_the_model():
    assert OutputParserException is OutputParserError
    error = OutputParserException("bad", observation="no comma", llm_output="{", send_to_llm=True)
    assert (str(error), error.observation, error.llm_output, error.send_to_llm) == (
        "bad",
        "no comma",
        "{",
        True,
    )
    with pytest.raises(ValueError, match="expects observation= and llm_output="):
        OutputParserError("bad", send_to_llm=True)


def test_regex_parsers_may_have_a_default():
    parser = RegexParser(regex="a(b)", output_keys=["x", "y"], default_output_key="y")
    assert parser.parse("no") == {"x": "", "y": "no"}


# Lists


def test_items_come_as_soon_as_they_are_whole(collect):
    def items(parser, text):
        return collect(FakeChatModel(responses=[text]) | parser, "x")

    assert items(CommaSeparatedListOutputParser(), "a, b c,\nd") == [["a"], ["b c"], [""], ["d"]]
    assert items(NumberedListOutputParser(), "1. a\n2. b") == [["a"], ["b"]]
    seen = []
    tokens = iter(["- a", "\n- ", "b", "\n", "- c"])
    for item in MarkdownListOutputParser().transform(seen.append(t) or t for t in tokens):
        seen.append(item)
    assert seen == ["- a", "\n- ", ["a"], "b", "\n", ["b"], "- c", ["c"]]


@settings(deadline=None)
@given(st.text('ab "\n,\r', max_size=30), st.integers(1, 5))
def test_commas_and_quotes_are_read_as_in_csv_files(text, size):
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), skipinitialspace=True))
    except csv.Error:  # a lone carriage return, to old versions
        return
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    got = [
        item for chunk in CommaSeparatedListOutputParser().transform(iter(pieces or [""])) for item in chunk
    ]
    assert got == [item for row in rows for item in row] == CommaSeparatedListOutputParser().parse(text)


def test_a_pattern_of_one_s_own_finds_the_items_of_each_line(run_chain):
    assert run_chain(NumberedListOutputParser(pattern=r"\((\d)\)"), "(1) a (2)\n(3)") == ["1", "2", "3"]
    assert run_chain(NumberedListOutputParser(), "1" * 50_000) == []


def test_a_list_parser_may_define_parse_alone(run_chain):
    class Words(ListOutputParser):
        def parse(self, text):
            return text.split()

    assert run_chain(FakeChatModel(responses=["a b"]) | Words(), "x") == ["a", "b"]


# XML


def test_elements_come_as_soon_as_they_are_whole(collect):
    text = "Sure!\n```xml\n<films><film><title>Big</title><year>1988</year></film></films>\n```"
    assert collect(FakeChatModel(responses=[text]) | XMLOutputParser(), "x") == [
        {"films": [{"film": [{"title": "Big"}]}]},
        {"films": [{"film": [{"year": "1988"}]}]},
    ]


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1 or str()};" * 10}">' for n in range(1, 10))
    + "]><lolz>&lol9;</lolz>"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "without a document type declaration, got one"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "without a document type"),
        ('<!doctype a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>', "without a document type"),
        ('<!ENTITY x "y"><a>&x;</a>', "without a document type"),
        ("<a>&lol;</a>", "undefined entity"),
        ("<a>" * 101 + "</a>" * 101, "at most 100 elements inside each other"),
        ("<a>" * 1_000_000, "at most 100 elements"),
        ("<a " + "x" * 200, "well-formed"),
        ("<a><b></a></b>", "mismatched tag"),
        ("<a>open", "no element found"),
        ("<a>\ud800</a>", "no Unicode"),
        ("<a>\x00</a>", "well-formed"),
    ],
)
def test_hostile_and_broken_xml_is_refused(run_chain, text, message):
    with pytest.raises(OutputParserError, match=message) as caught:
        run_chain(XMLOutputParser(), text)
    assert caught.value.llm_output == text


def test_hostile_xml_is_refused_in_pieces_too():
    with pytest.raises(OutputParserError, match="document type"):
        list(XMLOutputParser().transform(iter(LAUGHS)))
    with pytest.raises(OutputParserError, match="at most 1000 characters"):
        list(XMLOutputParser(max_characters=1000).transform(iter(["<a>", *["x" * 100] * 10])))


def test_what_stands_around_the_element_is_passed_over(run_chain):
    assert run_chain(XMLOutputParser(), "a < b, so: <a x='>'>1 &lt; 2</a> and <b> & <!DOCTYPE") == {
        "a": "1 < 2"
    }
    assert run_chain(XMLOutputParser(parser="xml"), "<a><![CDATA[<b>]]></a>") == {"a": "<b>"}


# Memory


@pytest.mark.parametrize("text", ['{"a": "' + "b " * 50 + '"}', '["' + "b " * 50 + '", 1]'])
def test_of_a_growing_value_only_the_last_is_kept(text):
    total, values = Fold(), []
    for chunk in JsonOutputParser().transform(iter(text)):
        values.append(weakref.ref(Watched(chunk)) if isinstance(chunk, dict) else weakref.ref(chunk))
        total.add(Watched(chunk) if isinstance(chunk, dict) else chunk)
        del chunk
    gc.collect()
    assert len(values) > 50
    assert sum(value() is not None for value in values) <= 1
    assert total.value == JsonOutputParser().parse(text)


class Watched(dict):
    """A dict that can be referred to weakly."""


# Subclasses


class Upper(BaseTransformOutputParser[str]):
    def parse(self, text):
        return text.upper()


class Counted(BaseGenerationOutputParser[int]):
    def parse_result(self, result, *, partial=False):
        assert result[0].message is not None
        return len(result[0].text)


class Sentences(BaseCumulativeTransformOutputParser[list[str]]):
    def parse_result(self, result, *, partial=False):
        sentences = result[0].text.split(". ")
        return sentences[:-1] or None if partial else sentences

    def _diff(self, prev, next):
        return next[len(prev or ()) :]


class Awaiting(BaseOutputParser[str]):
    def parse(self, text):
        return f"sync {text}"

    async def aparse(self, text):
        await asyncio.sleep(0)
        return f"async {text}"


def test_subclasses_define_parse_or_parse_result(run_chain):
    model = FakeChatModel(responses=["a b. c d. e"])
    assert run_chain(model | Upper(), "x") == "A B. C D. E"
    assert run_chain(model | Counted(), "x") == 11
    assert run_chain(model | Sentences(), "x") == ["a b", "c d", "e"]
    sync = run_chain.form in ("invoke", "stream")
    assert run_chain(model | Awaiting(), "x") == f"{'sync' if sync else 'async'} a b. c d. e"


def test_a_cumulative_parser_gives_what_is_new(collect):
    model = FakeChatModel(responses=["a b. c d. e"])
    assert collect(model | Sentences(), "x") == [["a b"], ["a b", "c d"], ["a b", "c d", "e"]]
    assert collect(model | Sentences(diff=True), "x") == [["a b"], ["c d"], ["e"]]
    assert collect(model | Upper(), "x") == ["A", " ", "B.", " ", "C", " ", "D.", " ", "E", ""]


def test_a_subclass_of_ours_is_asked_with_its_own_parse(run_chain):
    class Picked(JsonOutputParser):
        def parse(self, text):
            return super().parse(text)["a"]

    class Loud(StrOutputParser):
        def parse(self, text):
            return text.upper()

    class First(XMLOutputParser):
        def parse(self, text):
            return super().parse(text)["a"]

    assert run_chain(FakeChatModel(responses=['{"a": 1}']) | Picked(), "x") == 1
    assert run_chain(FakeChatModel(responses=["a b"]) | Loud(), "x") == "A B"
    assert run_chain(FakeChatModel(responses=["<a>1</a>"]) | First(), "x") == "1"


def test_a_parser_that_defines_nothing_says_what_to_do(run_chain):
    class Nothing(BaseOutputParser[int]): ...

    with pytest.raises(NotImplementedError, match="Nothing must define parse"):
        run_chain(Nothing(), "x")


def test_closing_a_parsed_stream_closes_the_model_s(collect):
    closed = []

    def tokens():
        try:
            while True:
                yield AIMessageChunk('{"a": "b') if not closed else "never"
        finally:
            closed.append(True)

    for parser in (JsonOutputParser(), StrOutputParser()):
        closed.clear()
        stream = parser.transform(tokens())
        next(stream)
        stream.close()
        assert closed == [True]
