"""Tools and structured output: what is sent to the server, and what becomes of its answers."""

import json
from itertools import pairwise
from typing import Annotated, TypedDict

import pytest
from pydantic import BaseModel, Field

from tests.chat_script import DONE, answering, event, streaming
from tests.chat_server import ChatServer
from workbench import (
    AIMessage,
    BaseChatModel,
    ChatOpenAI,
    ChatPromptTemplate,
    FakeChatModel,
    HumanMessage,
    ToolMessage,
    init_chat_model,
    tool,
)
from workbench.errors import OutputParserError


class Joke(BaseModel):
    """A joke to tell."""

    setup: str = Field(description="the question")
    punchline: str
    rating: int | None = None


class JokeDict(TypedDict):
    """A joke to tell."""

    setup: Annotated[str, ..., "the question"]
    punchline: str


SCHEMA = {
    "title": "Joke",
    "type": "object",
    "properties": {"setup": {"type": "string"}, "punchline": {"type": "string"}},
}
JOKE = {"setup": "Why?", "punchline": "Because of the bears.", "rating": 7}
JOKE_TEXT = json.dumps(JOKE)


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two integers."""
    return a * b


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def chat(server, **options):
    return ChatOpenAI(model="m", base_url=server.base_url, api_key="k", max_retries=0, **options)


def either(message, finish, *events):
    """One answer, whole or as the events of a stream, whichever is asked for."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    whole = answering({"id": "chatcmpl-test", "model": "m", "choices": [choice]})
    streamed = streaming(event(role="assistant", content=""), *events, event(finish=finish), DONE)
    return lambda handler, body: (streamed if body.get("stream") else whole)(handler, body)


def calling(*calls, finish="tool_calls"):
    """Calls as OpenAI's servers send them: streamed, a call's head and then its arguments in pieces."""
    made, events = [], []
    for index, (name, arguments) in enumerate(calls):
        head = {"id": f"call_{index}", "type": "function"}
        made.append({**head, "function": {"name": name, "arguments": arguments}})
        events.append(
            event(tool_calls=[{"index": index, **head, "function": {"name": name, "arguments": ""}}])
        )
        events += [
            event(tool_calls=[{"index": index, "function": {"arguments": arguments[at : at + 5]}}])
            for at in range(0, len(arguments), 5)
        ]
    return either({"content": None, "tool_calls": made}, finish, *events)


def writing(text, finish="stop"):
    return either({"content": text}, finish, *(event(text[at : at + 4]) for at in range(0, len(text), 4)))


def refusing(text):
    return either(
        {"content": None, "refusal": text}, "stop", event(refusal=text[:6]), event(refusal=text[6:])
    )


class TestTools:
    def test_the_server_is_told_of_tools_and_its_calls_come_back(self, run_chain):
        with ChatServer(
            script=[calling(("multiply", '{"a": 6, "b": 7}'), ("weather", '{"city": "Rome"}'))]
        ) as server:
            model = chat(server).bind_tools([multiply, weather], tool_choice="any", parallel_tool_calls=True)
            said = run_chain(model, "what is 6 times 7, and the weather?")
        assert [(call["name"], call["args"], call["id"]) for call in said.tool_calls] == [
            ("multiply", {"a": 6, "b": 7}, "call_0"),
            ("weather", {"city": "Rome"}, "call_1"),
        ]
        sent = server.requests[0]
        assert sent["tool_choice"] == "required"
        assert sent["parallel_tool_calls"] is True
        assert sent["tools"][0]["function"]["parameters"]["required"] == ["a", "b"]
        assert said.response_metadata["finish_reason"] == "tool_calls"

    def test_a_call_goes_to_its_tool_and_the_answer_back_to_the_model(self):
        with ChatServer(script=[calling(("multiply", '{"a": 6, "b": 7}')), writing("It is 42.")]) as server:
            model = chat(server).bind_tools([multiply])
            messages = [HumanMessage("6 times 7?")]
            messages.append(model.invoke(messages))
            messages += [multiply.invoke(call) for call in messages[-1].tool_calls]
            assert messages[-1] == ToolMessage("42", tool_call_id="call_0", name="multiply")
            assert model.invoke(messages).text == "It is 42."
        *_, asked, answered = server.requests[1]["messages"]
        assert asked["tool_calls"][0]["function"] == {"name": "multiply", "arguments": '{"a": 6, "b": 7}'}
        assert answered == {"role": "tool", "content": "42", "name": "multiply", "tool_call_id": "call_0"}

    @pytest.mark.parametrize(
        ("choice", "sent"),
        [
            (None, None),
            (False, None),
            ("auto", "auto"),
            ("none", "none"),
            ("any", "required"),
            (True, "required"),
            ("required", "required"),
            ("weather", {"type": "function", "function": {"name": "weather"}}),
            ({"type": "function", "function": {"name": "weather"}},) * 2,
        ],
    )
    def test_choices_are_sent_in_the_servers_words(self, choice, sent):
        bound = FakeChatModel(responses=["x"]).bind_tools([multiply, weather], tool_choice=choice)
        assert bound.kwargs.get("tool_choice") == sent

    @pytest.mark.parametrize(
        ("tools", "choice", "error", "said"),
        [
            (multiply, None, TypeError, "expected a list of tools, got"),
            ([multiply, multiply], None, ValueError, "two called 'multiply'"),
            ([multiply], "divide", ValueError, r"one of multiply, got 'divide'"),
            ([multiply], 3, TypeError, "tool_choice: expected text, a bool or a dict, got int"),
            ([3], None, Exception, "3"),
        ],
    )
    def test_wrong_tools_are_refused_when_they_are_bound(self, tools, choice, error, said):
        with pytest.raises(error, match=said):
            FakeChatModel(responses=["x"]).bind_tools(tools, tool_choice=choice)

    def test_a_model_that_cannot_says_how_to(self):
        class Plain(BaseChatModel):
            @property
            def _llm_type(self):
                return "plain"

            def _generate(self, messages, stop=None, run_manager=None, **kwargs):
                raise AssertionError

        with pytest.raises(NotImplementedError, match="Plain cannot call tools: define bind_tools"):
            Plain().bind_tools([multiply])
        with pytest.raises(NotImplementedError, match="PydanticOutputParser"):
            Plain().with_structured_output(Joke)


class TestStructuredOutput:
    @pytest.mark.parametrize(
        "schema", [Joke, JokeDict, SCHEMA], ids=["pydantic", "typed dict", "json schema"]
    )
    @pytest.mark.parametrize("method", ["json_schema", "function_calling"])
    def test_the_answer_is_what_the_schema_describes(self, run_chain, schema, method):
        reply = (
            writing(JOKE_TEXT)
            if method == "json_schema"
            else calling(("Joke" if schema is not JokeDict else "JokeDict", JOKE_TEXT))
        )
        with ChatServer(script=[reply]) as server:
            chain = ChatPromptTemplate.from_template("about {topic}") | chat(server).with_structured_output(
                schema, method=method
            )
            found = run_chain(chain, {"topic": "bears"})
        assert found == (Joke(**JOKE) if schema is Joke else JOKE)
        sent = server.requests[0]
        if method == "json_schema":
            form = sent["response_format"]["json_schema"]
            assert form["strict"] is (schema is Joke)
            assert list(form["schema"]["properties"])[:2] == ["setup", "punchline"]
        else:
            assert sent["tool_choice"]["function"]["name"] == sent["tools"][0]["function"]["name"]
            assert sent["parallel_tool_calls"] is False

    def test_json_mode_takes_any_object(self, run_chain):
        with ChatServer(script=[writing('{"a": [1, 2]}')]) as server:
            assert run_chain(chat(server).with_structured_output(None, method="json_mode"), "?") == {
                "a": [1, 2]
            }
        assert server.requests[0]["response_format"] == {"type": "json_object"}

    def test_a_stream_grows(self, collect):
        with ChatServer(script=[writing(JOKE_TEXT)]) as server:
            chunks = collect(chat(server).with_structured_output(SCHEMA), "?")
        assert len(chunks) > 5
        assert chunks[-1] == JOKE
        texts = [chunk.get("punchline", "") for chunk in chunks]
        assert all(later.startswith(earlier) for earlier, later in pairwise(texts))

    def test_the_message_itself_comes_beside_if_asked_for(self, run_chain):
        with ChatServer(script=[writing(JOKE_TEXT), writing('{"setup": 3}')]) as server:
            chain = chat(server).with_structured_output(Joke, include_raw=True)
            both = run_chain(chain, "?")
            wrong = run_chain(chain, "?")
        assert both["raw"].text == JOKE_TEXT
        assert (both["parsed"], both["parsing_error"]) == (Joke(**JOKE), None)
        assert wrong["parsed"] is None
        assert isinstance(wrong["parsing_error"], OutputParserError)

    @pytest.mark.parametrize(
        ("method", "reply", "said"),
        [
            ("json_schema", refusing("I will not."), "the model refused: I will not."),
            ("json_schema", writing('{"setup": "Wh', finish="length"), "cut off where max_tokens"),
            ("json_schema", writing("no idea"), "no idea"),
            ("function_calling", writing("no idea"), "called no tool and said 'no idea'"),
            ("function_calling", calling(("Poem", "{}")), "'Poem'"),
            (
                "function_calling",
                calling(("Joke", '{"setup": '), finish="length"),
                "cut off where max_tokens",
            ),
            ("function_calling", calling(("Joke", '{"setup": 3}')), "Joke"),
        ],
    )
    def test_an_answer_that_will_not_do_says_why(self, run_chain, method, reply, said):
        with ChatServer(script=[reply]) as server, pytest.raises(OutputParserError, match=said):
            run_chain(chat(server).with_structured_output(Joke, method=method), "?")

    def test_wrong_arguments_are_refused_when_the_chain_is_made(self):
        model = FakeChatModel(responses=["x"])
        with pytest.raises(ValueError, match="method: expected one of function_calling"):
            model.with_structured_output(Joke, method="magic")
        with pytest.raises(ValueError, match="needs a schema"):
            model.with_structured_output(None)
        with pytest.raises(ValueError, match="strict is for"):
            model.with_structured_output(None, method="json_mode", strict=True)

    def test_its_output_schema_is_the_one_asked_for(self):
        model = FakeChatModel(responses=["x"])
        assert model.with_structured_output(Joke).get_output_schema() is Joke
        raw = model.with_structured_output(Joke, include_raw=True).get_output_schema().model_json_schema()
        assert set(raw["properties"]) == {"raw", "parsed", "parsing_error"}

    def test_a_chosen_model_answers_in_the_schema_too(self, run_chain):
        with ChatServer(script=[writing(JOKE_TEXT)]) as server:
            model = init_chat_model(
                "m", base_url=server.base_url, api_key="k", configurable_fields=["temperature"]
            ).with_structured_output(Joke)
            assert run_chain(model, "?") == Joke(**JOKE)

    def test_a_fake_model_stands_in_for_one_that_calls(self, run_chain):
        call = {"name": "Joke", "args": JOKE, "id": "1", "type": "tool_call"}
        model = FakeChatModel(responses=[AIMessage("", tool_calls=[call])])
        assert run_chain(model.with_structured_output(Joke), "?") == Joke(**JOKE)
