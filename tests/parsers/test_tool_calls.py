"""Tool calls and function calls of messages, whole and in chunks."""

import pytest
from pydantic import BaseModel

from workbench import (
    AIMessage,
    AIMessageChunk,
    JsonKeyOutputFunctionsParser,
    JsonOutputFunctionsParser,
    JsonOutputKeyToolsParser,
    JsonOutputToolsParser,
    OutputParserError,
    PydanticAttrOutputFunctionsParser,
    PydanticOutputFunctionsParser,
    PydanticToolsParser,
    RunnableGenerator,
    RunnableLambda,
)


class Add(BaseModel):
    x: int
    y: int = 0


class Look(BaseModel):
    where: str


def piece(index, name=None, args="", id=None):
    chunk = {"index": index, "name": name, "args": args, "id": id}
    return AIMessageChunk("", tool_call_chunks=[chunk])


PIECES = [
    AIMessageChunk("Let me"),
    piece(0, "Add", "", "a"),
    piece(0, args='{"x"'),
    piece(0, args=": 1"),
    piece(0, args="}"),
    piece(1, "Look", "", "b"),
    piece(1, args='{"where": "he'),
    piece(1, args='re"}'),
    AIMessageChunk("", chunk_position="last"),
]
WHOLE = AIMessage(
    "Let me",
    tool_calls=[
        {"name": "Add", "args": {"x": 1}, "id": "a", "type": "tool_call"},
        {"name": "Look", "args": {"where": "here"}, "id": "b", "type": "tool_call"},
    ],
)
RAW = AIMessage(
    "Let me",
    additional_kwargs={
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "Add", "arguments": '{"x": 1}'}},
            {"id": "b", "type": "function", "function": {"name": "Look", "arguments": '{"where": "here"}'}},
        ]
    },
)


def pieces(chunks):
    """A step that gives these chunks, as a model would."""

    def give(source):
        for _ in source:
            yield from chunks

    return RunnableGenerator(give)


ADD, LOOK = {"args": {"x": 1}, "type": "Add"}, {"args": {"where": "here"}, "type": "Look"}
OUTPUTS = [
    (JsonOutputToolsParser(), [ADD, LOOK]),
    (JsonOutputToolsParser(return_id=True), [{**ADD, "id": "a"}, {**LOOK, "id": "b"}]),
    (JsonOutputToolsParser(first_tool_only=True), ADD),
    (JsonOutputKeyToolsParser(key_name="Look"), [{"where": "here"}]),
    (JsonOutputKeyToolsParser(key_name="Look", first_tool_only=True), {"where": "here"}),
    (JsonOutputKeyToolsParser(key_name="Look", first_tool_only=True, return_id=True), {**LOOK, "id": "b"}),
    (JsonOutputKeyToolsParser(key_name="None", first_tool_only=True), None),
    (PydanticToolsParser(tools=[Add, Look]), [Add(x=1), Look(where="here")]),
    (PydanticToolsParser(tools=[Add, Look], first_tool_only=True), Add(x=1)),
]


@pytest.mark.parametrize(("parser", "value"), OUTPUTS)
def test_the_calls_of_a_message_are_parsed_in_every_form(run_chain, parser, value):
    for message in (WHOLE, RAW):
        assert run_chain(parser, message) == value
    assert run_chain(pieces(PIECES) | parser, "x") == value
    assert run_chain(pieces(PIECES) | parser | RunnableLambda(lambda got: [got]), "x") == [value]


def test_calls_come_as_their_arguments_grow(collect):
    chain = pieces(PIECES) | JsonOutputToolsParser()
    look = {"args": {}, "type": "Look"}
    assert collect(chain, "x") == [
        [{"args": {}, "type": "Add"}],
        [ADD],
        [ADD, look],
        [ADD, {"args": {"where": "he"}, "type": "Look"}],
        [ADD, LOOK],
    ]
    assert collect(pieces(PIECES) | JsonOutputToolsParser(first_tool_only=True), "x") == [
        {"args": {}, "type": "Add"},
        ADD,
    ]
    assert collect(pieces(PIECES) | JsonOutputToolsParser(diff=True), "x")[-1] == [
        {"op": "replace", "path": "/1/args/where", "value": "here"}
    ]


def test_calls_that_a_server_gives_one_number_stay_apart(run_chain):
    def piece(name, args, id):
        return AIMessageChunk("", tool_call_chunks=[{"name": name, "args": args, "id": id, "index": 0}])

    chunks = [
        piece("Add", '{"x": 1}', "a"),
        piece("Look", '{"where": ', "b"),
        piece(None, '"here"}', "again"),
    ]
    assert run_chain(pieces(chunks) | JsonOutputToolsParser(), "x") == [ADD, LOOK]
    for total in (chunks[0] + chunks[1] + chunks[2], chunks[0] + (chunks[1] + chunks[2])):
        assert [(call["name"], call["args"], call["id"]) for call in total.tool_calls] == [
            ("Add", {"x": 1}, "a"),
            ("Look", {"where": "here"}, "b"),
        ]


def test_instances_come_as_soon_as_there_is_enough_for_one(collect):
    assert collect(pieces(PIECES) | PydanticToolsParser(tools=[Add, Look]), "x") == [
        [Add(x=1)],
        [Add(x=1), Look(where="he")],
        [Add(x=1), Look(where="here")],
    ]


def test_a_message_without_calls_has_none(run_chain):
    for text in (AIMessage("Hi"), AIMessageChunk("Hi")):
        assert run_chain(JsonOutputToolsParser(), text) == []
        assert run_chain(PydanticToolsParser(tools=[Add]), text) == []
        assert run_chain(JsonOutputToolsParser(first_tool_only=True), text) is None


def test_a_call_without_arguments_has_none(run_chain):
    assert run_chain(pieces([piece(0, "Now", "", "a")]) | JsonOutputToolsParser(), "x") == [
        {"args": {}, "type": "Now"}
    ]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ('{"x": 1', r"tool call 'Add': expected arguments as a JSON object, with the end of an object"),
        ('{"x": 1}}', "with nothing behind them; they are '{\"x\": 1}}'"),
        ("[1]", "with an object; they are '\\[1]'"),
        ("{x", "with a key in double quotes"),
        ("[" * 1000, "no more than 200 objects and lists"),
    ],
)
def test_arguments_that_are_no_object_are_an_error_that_keeps_them(run_chain, args, message):
    broken = [
        AIMessage("", invalid_tool_calls=[{"name": "Add", "args": args, "id": "a", "error": "bad"}]),
        AIMessage("", additional_kwargs={"tool_calls": [{"function": {"name": "Add", "arguments": args}}]}),
    ]
    for step in (RunnableLambda(lambda message: message) | JsonOutputToolsParser(), JsonOutputToolsParser()):
        for each in broken:
            with pytest.raises(OutputParserError, match=message) as caught:
                run_chain(step, each)
            assert caught.value.llm_output == args
    with pytest.raises(OutputParserError, match=message):
        run_chain(
            pieces([piece(0, "Add", args[:1], "a"), piece(0, args=args[1:])]) | JsonOutputToolsParser(), "x"
        )


def test_tools_that_are_not_known_and_arguments_that_do_not_fit_are_errors(run_chain):
    with pytest.raises(OutputParserError, match="expected a call of Add, got one of 'Look'"):
        run_chain(PydanticToolsParser(tools=[Add]), WHOLE)
    with pytest.raises(
        OutputParserError, match=r"expected arguments that fit Add, got .*'x': 'many'"
    ) as caught:
        call = {"name": "Add", "args": {"x": "many"}, "id": "a", "type": "tool_call"}
        run_chain(PydanticToolsParser(tools=[Add]), AIMessage("", tool_calls=[call]))
    assert "valid integer" in (caught.value.observation or "")


def test_text_has_no_calls(run_chain):
    for parser in (JsonOutputToolsParser(), JsonOutputFunctionsParser(), PydanticToolsParser(tools=[])):
        name = type(parser).__name__
        with pytest.raises(OutputParserError, match=f"{name}: expected a message of a chat model, got str"):
            run_chain(parser, "x")


# Function calls


def function(**call):
    return {"additional_kwargs": {"function_call": call}}


FUNCTION = AIMessage("", **function(name="Add", arguments='{"x": 1, "y": 2}'))
FUNCTION_PIECES = [
    AIMessageChunk("", **function(name="Add", arguments="")),
    AIMessageChunk("", **function(arguments='{"x": 1')),
    AIMessageChunk("", **function(arguments=', "y": 2}')),
]
FUNCTIONS = [
    (JsonOutputFunctionsParser(), {"x": 1, "y": 2}),
    (JsonOutputFunctionsParser(args_only=False), {"name": "Add", "arguments": {"x": 1, "y": 2}}),
    (JsonKeyOutputFunctionsParser(key_name="y"), 2),
    (PydanticOutputFunctionsParser(pydantic_schema=Add), Add(x=1, y=2)),
    (PydanticOutputFunctionsParser(pydantic_schema={"Look": Look, "Add": Add}), Add(x=1, y=2)),
    (PydanticAttrOutputFunctionsParser(pydantic_schema=Add, attr_name="y"), 2),
]


@pytest.mark.parametrize(("parser", "value"), FUNCTIONS)
def test_a_function_call_is_parsed_in_every_form(run_chain, parser, value):
    assert run_chain(parser, FUNCTION) == value
    assert run_chain(RunnableLambda(lambda message: message) | parser, FUNCTION) == value


def test_a_function_call_s_arguments_come_as_they_grow(collect):
    chain = pieces(FUNCTION_PIECES) | JsonOutputFunctionsParser()
    assert collect(chain, "x") == [{}, {"x": 1, "y": 2}]
    assert collect(pieces(FUNCTION_PIECES) | JsonKeyOutputFunctionsParser(key_name="y"), "x") == [2]


@pytest.mark.parametrize(("parser", "value"), FUNCTIONS)
def test_a_message_without_a_function_call_is_an_error(run_chain, parser, value):
    with pytest.raises(OutputParserError, match="expected a message with a function call, got 'Hi'"):
        run_chain(parser, AIMessage("Hi"))


@pytest.mark.parametrize(("parser", "value"), FUNCTIONS)
def test_arguments_of_a_function_call_that_are_broken_are_an_error(run_chain, parser, value):
    with pytest.raises(OutputParserError, match="expected arguments") as caught:
        run_chain(parser, AIMessage("", **function(name="Add", arguments='{"x": ')))
    assert caught.value.llm_output == '{"x": '


def test_a_key_or_a_function_that_is_not_there_is_an_error(run_chain):
    with pytest.raises(OutputParserError, match="expected an argument 'z', got 'x', 'y'"):
        run_chain(JsonKeyOutputFunctionsParser(key_name="z"), FUNCTION)
    with pytest.raises(OutputParserError, match="expected a call of Look, got one of 'Add'"):
        run_chain(PydanticOutputFunctionsParser(pydantic_schema={"Look": Look}), FUNCTION)
