"""Models for tests of chains: what they can be made to say."""

import json

import pytest
from pydantic import ValidationError

from workbench import (
    AIMessage,
    AIMessageChunk,
    FakeChatModel,
    FakeListLLM,
    GenericFakeChatModel,
    StrOutputParser,
)

CALL = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


def test_responses_come_in_turn_and_again_from_the_first(run_chain):
    model = FakeChatModel(responses=["a", "b"])
    assert [run_chain(model, "?").content for _ in range(3)] == ["a", "b", "a"]


def test_a_message_comes_with_its_tool_calls_and_its_usage(run_chain):
    message = AIMessage("let me see", tool_calls=[CALL], usage_metadata=USAGE, response_metadata={"x": 1})
    said = run_chain(FakeChatModel(responses=[message]), "?")
    assert said.content == "let me see"
    assert said.tool_calls == [CALL]
    assert said.usage_metadata == USAGE
    assert said.response_metadata == {"x": 1}


def test_a_message_s_arguments_stream_as_json(collect):
    chunks = collect(FakeChatModel(responses=[AIMessage("", tool_calls=[CALL])]), "?")
    (piece,) = [piece for chunk in chunks for piece in chunk.tool_call_chunks]
    assert json.loads(piece["args"]) == {"a": 1}


def test_an_answer_is_not_the_list_s_own_message(run_chain):
    message = AIMessage("a", response_metadata={"x": 1})
    said = run_chain(FakeChatModel(responses=[message]), "?")
    said.response_metadata["x"] = 2
    assert message.response_metadata == {"x": 1}
    assert message.id is None


def test_it_fails_where_it_is_told_to(run_chain):
    with pytest.raises(ValueError, match="broken"):
        run_chain(FakeChatModel(responses=[ValueError("broken")]), "?")


def test_it_can_fail_in_mid_stream(collect, recorder):
    model = FakeChatModel(responses=[["so", " far", ValueError("broken")]])
    with pytest.raises(ValueError, match="broken"):
        collect(model, "?", {"callbacks": [recorder]})
    (run,) = {event.run for event in recorder.events}
    assert run.output.content == "so far"
    with pytest.raises(ValueError, match="broken"):
        model.invoke("?")


def test_pieces_of_a_list_are_one_answer(run_chain):
    pieces = ["a ", AIMessageChunk(content="b"), AIMessage(" c", usage_metadata=USAGE)]
    said = run_chain(FakeChatModel(responses=[pieces]), "?")
    assert said.content == "a b c"
    assert said.usage_metadata == USAGE


def test_what_is_no_response_is_refused():
    with pytest.raises(
        ValidationError, match="expected text, messages, exceptions, or lists of these, got int"
    ):
        FakeChatModel(responses=[7])
    with pytest.raises(ValidationError):
        FakeChatModel(responses=[])


def test_the_generic_one_gives_each_message_once(run_chain):
    model = GenericFakeChatModel(messages=iter([AIMessage("a b"), "c"]))
    assert run_chain(model | StrOutputParser(), "?") == "a b"
    assert run_chain(model | StrOutputParser(), "?") == "c"
    with pytest.raises(RuntimeError, match="there are no more messages"):
        run_chain(model, "?")


def test_a_list_of_texts_makes_a_model_of_text(run_chain, collect):
    model = FakeListLLM(responses=["ab", "cd"])
    assert run_chain(model, "?") == "ab"
    assert collect(model, "?") == ["c", "d"]
