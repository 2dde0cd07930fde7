"""astream_events: the events of every kind of step, in both versions, and when the work stops.

The literal lists are what langchain-core 1.7.2 gives for the same chains (tags sorted, metadata of its own
left out); test_events_like_the_peer.py runs the two side by side.
"""

import asyncio
import time
from contextlib import aclosing

import pytest

from tests.tracing.event_steps import FakeLLM, FakeRetriever, FakeTool, events_of, joke_chain, plain, told
from workbench import (
    ChatPromptTemplate,
    FakeChatModel,
    Runnable,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    StrOutputParser,
)

HUMAN = {"messages": [["HumanMessage('tell me about bears')"]]}
PROMPT_VALUE = ["HumanMessage('tell me about bears')"]


def shout(text):
    return text + "!"


def chunk(of):
    return {"chunk": of}


def joke_events(model_end):
    sequence, prompt, model, parser = (
        ("RunnableSequence", []),
        ("ChatPromptTemplate", ["seq:step:1"]),
        ("my_llm", ["seq:step:2"]),
        ("StrOutputParser", ["seq:step:3"]),
    )
    given = {"topic": "bears"}

    def token(text):
        return [
            ("on_chat_model_stream", *model, chunk(f"AIMessageChunk({text!r})")),
            *([("on_parser_start", *parser, {})] if text == "Hi" else []),
            ("on_parser_stream", *parser, chunk(text)),
            ("on_chain_stream", *sequence, chunk(text)),
        ]

    return [
        ("on_chain_start", *sequence, {"input": given}),
        ("on_prompt_start", *prompt, {"input": given}),
        ("on_prompt_end", *prompt, {"input": given, "output": PROMPT_VALUE}),
        ("on_chat_model_start", *model, {"input": HUMAN}),
        *token("Hi"),
        *token(" "),
        *token("you"),
        *token(""),
        ("on_chat_model_end", *model, {"input": HUMAN, "output": model_end}),
        ("on_parser_end", *parser, {"input": "AIMessageChunk('Hi you')", "output": "Hi you"}),
        ("on_chain_end", *sequence, {"output": "Hi you"}),
    ]


def test_a_prompt_a_model_and_a_parser_give_these_events():
    assert told(events_of(joke_chain(), {"topic": "bears"})) == joke_events("AIMessageChunk('Hi you')")


def test_in_v1_a_nested_model_ends_with_its_generations():
    result = {
        "generations": [
            [
                {
                    "text": "Hi you",
                    "generation_info": None,
                    "type": "ChatGenerationChunk",
                    "message": "AIMessageChunk('Hi you')",
                }
            ]
        ],
        "llm_output": None,
        "run": None,
        "type": "LLMResult",
    }
    assert told(events_of(joke_chain(), {"topic": "bears"}, version="v1")) == joke_events(result)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_model_at_the_root_has_its_raw_input_and_ends_with_the_message(version):
    config = {"tags": ["mine"], "metadata": {"m": 1}}
    events = events_of(FakeChatModel(responses=["Hi"]), "hello", config, version=version)
    assert told(events) == [
        ("on_chat_model_start", "FakeChatModel", ["mine"], {"input": "hello"}),
        ("on_chat_model_stream", "FakeChatModel", ["mine"], chunk("AIMessageChunk('Hi')")),
        ("on_chat_model_stream", "FakeChatModel", ["mine"], chunk("AIMessageChunk('')")),
        ("on_chat_model_end", "FakeChatModel", ["mine"], {"output": "AIMessageChunk('Hi')"}),
    ]
    assert all(event["metadata"]["m"] == 1 for event in events)


def test_an_llm_at_the_root_ends_with_generations_in_v2_and_its_text_in_v1():
    generations = {
        "generations": [[{"text": "Hello", "generation_info": None, "type": "Generation"}]],
        "llm_output": None,
    }
    for version, output in {"v2": generations, "v1": "Hello"}.items():
        assert told(events_of(FakeLLM(), "hello", version=version)) == [
            ("on_llm_start", "FakeLLM", [], {"input": "hello"}),
            ("on_llm_stream", "FakeLLM", [], chunk("Hel")),
            ("on_llm_stream", "FakeLLM", [], chunk("lo")),
            ("on_llm_end", "FakeLLM", [], {"output": output}),
        ]


def test_an_llm_in_a_chain_is_given_prompts():
    chain = RunnableLambda(shout) | FakeLLM()
    events = {event["event"]: event["data"] for event in events_of(chain, "hello", include_types=["llm"])}
    assert events["on_llm_start"] == {"input": {"prompts": ["hello!"]}}
    assert events["on_llm_end"]["output"]["generations"][0][0]["text"] == "Hello"


def test_a_function_in_a_chain_has_its_input_at_its_end_only():
    assert told(events_of(RunnableLambda(shout) | (lambda text: [text]), "x")) == [
        ("on_chain_start", "RunnableSequence", [], {"input": "x"}),
        ("on_chain_start", "shout", ["seq:step:1"], {}),
        ("on_chain_stream", "shout", ["seq:step:1"], chunk("x!")),
        ("on_chain_start", "RunnableLambda", ["seq:step:2"], {}),
        ("on_chain_end", "shout", ["seq:step:1"], {"input": "x", "output": "x!"}),
        ("on_chain_stream", "RunnableLambda", ["seq:step:2"], chunk(["x!"])),
        ("on_chain_stream", "RunnableSequence", [], chunk(["x!"])),
        ("on_chain_end", "RunnableLambda", ["seq:step:2"], {"input": "x!", "output": ["x!"]}),
        ("on_chain_end", "RunnableSequence", [], {"output": ["x!"]}),
    ]


def test_a_retriever_in_a_chain_has_its_query_and_does_not_stream():
    for version, output in {"v2": ["about x!"], "v1": {"documents": ["about x!"]}}.items():
        events = events_of(RunnableLambda(shout) | FakeRetriever(), "x", version=version)
        assert told(events)[4:] == [
            ("on_retriever_start", "FakeRetriever", ["seq:step:2"], {"input": {"query": "x!"}}),
            (
                "on_retriever_end",
                "FakeRetriever",
                ["seq:step:2"],
                {"input": {"query": "x!"}, "output": output},
            ),
            ("on_chain_stream", "RunnableSequence", [], chunk(["about x!"])),
            ("on_chain_end", "RunnableSequence", [], {"output": ["about x!"]}),
        ]


@pytest.mark.parametrize(
    ("step", "kind", "input", "output"),
    [
        (FakeRetriever(), "retriever", "q", ["about q"]),
        (FakeTool(), "tool", {"x": 1, "y": "2"}, {"x": 1, "y": "2"}),
        (
            ChatPromptTemplate.from_template("tell me about {topic}"),
            "prompt",
            {"topic": "bears"},
            PROMPT_VALUE,
        ),
    ],
)
def test_a_root_that_does_not_stream_is_streamed_in_v1_only(step, kind, input, output):
    start = (f"on_{kind}_start", type(step).__name__, [], {"input": input})
    end = (f"on_{kind}_end", type(step).__name__, [], {"output": output})
    assert told(events_of(step, input)) == [start, end]
    streamed = (f"on_{kind}_stream", type(step).__name__, [], chunk(output))
    assert told(events_of(step, input, version="v1")) == [start, streamed, end]


def test_a_tool_in_a_chain_has_its_arguments():
    call = {"name": "t", "args": {"x": 1}, "id": "call_1", "type": "tool_call"}
    for given in ({"x": 1}, call):
        events = events_of(
            RunnableLambda(lambda _, given=given: given) | FakeTool(), 0, include_types=["tool"]
        )
        assert told(events) == [
            ("on_tool_start", "FakeTool", ["seq:step:2"], {"input": {"x": 1}}),
            ("on_tool_end", "FakeTool", ["seq:step:2"], {"input": {"x": 1}, "output": {"x": 1}}),
        ]


def test_a_tool_that_fails_says_so_in_v2_and_names_the_call():
    call = {"name": "t", "args": {"bad": 1}, "id": "call_1", "type": "tool_call"}
    chain = RunnableLambda(lambda _: call) | FakeTool()
    *_, start, failed, raised = told(events_of(chain, 0))
    assert start == ("on_tool_start", "FakeTool", ["seq:step:2"], {"input": {"bad": 1}})
    assert failed == (
        "on_tool_error",
        "FakeTool",
        ["seq:step:2"],
        {"error": "ValueError('bad')", "input": {"bad": 1}, "tool_call_id": "call_1"},
    )
    assert raised == ("raised", "ValueError('bad')")
    assert told(events_of(chain, 0, version="v1"))[-2:] == [
        ("on_tool_end", "FakeTool", ["seq:step:2"], {"input": {"bad": 1}, "output": None}),
        ("raised", "ValueError('bad')"),
    ]
    assert [name for name, *_ in told(events_of(FakeTool(), call))] == [
        "on_tool_start",
        "on_tool_error",
        "raised",
    ]


def test_a_chain_that_fails_has_no_event_in_v2_and_an_end_without_output_in_v1():
    def boom(text):
        raise ValueError("boom")

    chain = RunnableLambda(shout) | boom
    before = [
        ("on_chain_start", "RunnableSequence", [], {"input": "x"}),
        ("on_chain_start", "shout", ["seq:step:1"], {}),
        ("on_chain_stream", "shout", ["seq:step:1"], chunk("x!")),
        ("on_chain_start", "boom", ["seq:step:2"], {}),
        ("on_chain_end", "shout", ["seq:step:1"], {"input": "x", "output": "x!"}),
    ]
    raised = ("raised", "ValueError('boom')")
    end = ("on_chain_end", "boom", ["seq:step:2"], {"input": "x!", "output": None})
    assert told(events_of(chain, "x")) == [*before, raised]
    assert told(events_of(chain, "x", version="v1")) == [*before, end, raised]


def test_parallel_branches_stream_one_key_each():
    chain = RunnableParallel(a=RunnableLambda(shout), b=RunnablePassthrough())
    key_a, key_b = ["map:key:a"], ["map:key:b"]
    events = told(events_of(chain, "x"))
    assert events[0] == ("on_chain_start", "RunnableParallel<a,b>", [], {"input": "x"})
    last, name, _, data = events[-1]
    assert (last, name, data) == (
        "on_chain_end",
        "RunnableParallel<a,b>",
        {"output": {"a": "x!", "b": "x"}},
    )
    assert sorted(map(repr, events[1:-1])) == sorted(
        map(
            repr,
            [
                ("on_chain_start", "shout", key_a, {}),
                ("on_chain_stream", "shout", key_a, chunk("x!")),
                ("on_chain_end", "shout", key_a, {"output": "x!", "input": "x"}),
                ("on_chain_stream", "RunnableParallel<a,b>", [], chunk({"a": "x!"})),
                ("on_chain_start", "RunnablePassthrough", key_b, {}),
                ("on_chain_stream", "RunnablePassthrough", key_b, chunk("x")),
                ("on_chain_end", "RunnablePassthrough", key_b, {"output": "x", "input": "x"}),
                ("on_chain_stream", "RunnableParallel<a,b>", [], chunk({"b": "x"})),
            ],
        )
    )


def test_assign_streams_the_input_first_and_nests():
    chain = RunnablePassthrough.assign(b=RunnableLambda(lambda given: given["a"]))
    assert told(events_of(chain, {"a": 1})) == [
        ("on_chain_start", "RunnableAssign<b>", [], {"input": {"a": 1}}),
        ("on_chain_stream", "RunnableAssign<b>", [], chunk({"a": 1})),
        ("on_chain_start", "RunnableParallel<b>", [], {}),
        ("on_chain_start", "RunnableLambda", ["map:key:b"], {}),
        ("on_chain_stream", "RunnableLambda", ["map:key:b"], chunk(1)),
        ("on_chain_stream", "RunnableParallel<b>", [], chunk({"b": 1})),
        ("on_chain_stream", "RunnableAssign<b>", [], chunk({"b": 1})),
        ("on_chain_end", "RunnableLambda", ["map:key:b"], {"input": {"a": 1}, "output": 1}),
        ("on_chain_end", "RunnableParallel<b>", [], {"input": {"a": 1}, "output": {"b": 1}}),
        ("on_chain_end", "RunnableAssign<b>", [], {"output": {"a": 1, "b": 1}}),
    ]


@pytest.mark.parametrize("form", ["sync", "async"])
def test_a_model_called_inside_a_function_is_made_to_stream(form):
    model = FakeChatModel(responses=["Hi you"]).with_config(run_name="my_llm")

    def called(text):
        return model.invoke(text).content

    async def acalled(text):
        return (await model.ainvoke(text)).content

    function = called if form == "sync" else acalled
    human = {"messages": [["HumanMessage('x')"]]}
    assert told(events_of(RunnableLambda(function), "x")) == [
        ("on_chain_start", function.__name__, [], {"input": "x"}),
        ("on_chat_model_start", "my_llm", [], {"input": human}),
        *[
            ("on_chat_model_stream", "my_llm", [], chunk(f"AIMessageChunk({t!r})"))
            for t in ("Hi", " ", "you", "")
        ],
        ("on_chat_model_end", "my_llm", [], {"input": human, "output": "AIMessage('Hi you')"}),
        ("on_chain_stream", function.__name__, [], chunk("Hi you")),
        ("on_chain_end", function.__name__, [], {"output": "Hi you"}),
    ]


def test_a_runnable_that_overrides_the_public_stream_is_a_root_like_any_other():
    class Letters(Runnable):
        async def astream(self, input, config=None, **kwargs):
            yield "a"
            yield "b"

    assert told(events_of(Letters(), "x")) == [
        ("on_chain_start", "Letters", [], {"input": "x"}),
        ("on_chain_stream", "Letters", [], chunk("a")),
        ("on_chain_stream", "Letters", [], chunk("b")),
        ("on_chain_end", "Letters", [], {"output": "ab"}),
    ]


def test_parents_are_listed_root_first_and_only_in_v2():
    chain = RunnablePassthrough.assign(b=RunnableLambda(lambda given: given["a"]))
    events = events_of(chain, {"a": 1})
    ids = {event["name"]: event["run_id"] for event in events}
    parents = {event["name"]: event["parent_ids"] for event in events}
    assert parents == {
        "RunnableAssign<b>": [],
        "RunnableParallel<b>": [ids["RunnableAssign<b>"]],
        "RunnableLambda": [ids["RunnableAssign<b>"], ids["RunnableParallel<b>"]],
    }
    assert all(event["parent_ids"] == [] for event in events_of(chain, {"a": 1}, version="v1"))


def test_the_run_s_name_and_id_come_from_the_config():
    id = "00000000-0000-0000-0000-000000000001"
    events = events_of(RunnableLambda(shout), "x", {"run_name": "mine", "run_id": id})
    assert {(event["name"], event["run_id"]) for event in events} == {("mine", id)}


def test_an_event_has_these_seven_keys():
    for version in ("v1", "v2"):
        for event in events_of(joke_chain(), {"topic": "bears"}, version=version):
            assert sorted(event) == ["data", "event", "metadata", "name", "parent_ids", "run_id", "tags"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"include_names": ["my_llm"]}, {"my_llm"}),
        ({"include_types": ["chat_model"]}, {"my_llm"}),
        ({"include_types": ["llm"]}, set()),
        ({"include_tags": ["seq:step:3"]}, {"StrOutputParser"}),
        ({"include_names": ["my_llm"], "include_types": ["parser"]}, {"my_llm", "StrOutputParser"}),
        ({"exclude_names": ["my_llm"]}, {"RunnableSequence", "ChatPromptTemplate", "StrOutputParser"}),
        ({"exclude_types": ["prompt", "parser"]}, {"RunnableSequence", "my_llm"}),
        (
            {"include_types": ["chat_model", "parser"], "exclude_tags": ["seq:step:3"]},
            {"my_llm"},
        ),
    ],
)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_filters_choose_runs(options, names, version):
    events = events_of(joke_chain(), {"topic": "bears"}, version=version, **options)
    assert {event["name"] for event in events} == names


def test_a_run_that_passes_the_filter_keeps_its_own_input():
    """The first event that comes through must not be given the root's input instead."""
    first, *_ = events_of(joke_chain(), {"topic": "bears"}, include_names=["my_llm"])
    assert plain(first["data"]) == {"input": HUMAN}


def test_the_documents_example_prints_documents_then_tokens():
    """The loop of the Runnable interface page over a retrieval chain."""
    chain = (
        {"context": FakeRetriever().with_config(run_name="Docs"), "question": RunnablePassthrough()}
        | ChatPromptTemplate.from_template("{context} {question}")
        | FakeChatModel(responses=["At Kensho."]).with_config(run_name="my_llm")
        | StrOutputParser()
    )
    lines = []
    for event in events_of(chain, "where?", version="v1", include_names=["Docs", "my_llm"]):
        kind = event["event"]
        if kind == "on_chat_model_stream":
            lines.append(event["data"]["chunk"].content)
        elif kind == "on_retriever_end":
            lines.append(event["data"]["output"]["documents"])
        elif kind in ("on_chat_model_start", "on_chat_model_end"):
            lines.append(kind)
    assert lines == [
        ["about where?"],
        "on_chat_model_start",
        *["At", " ", "Kensho.", ""],
        "on_chat_model_end",
    ]


def test_an_unknown_version_is_a_value_error():
    with pytest.raises(ValueError, match="version: expected 'v1' or 'v2', got 'v9'"):
        RunnableLambda(shout).astream_events("x", version="v9")


def test_a_model_that_fails_midway_has_its_tokens_first_and_in_v1_an_end():
    class Broken(FakeChatModel):
        async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
            async for part in super()._astream(messages):
                yield part
                raise ConnectionError("gone")

    chain = RunnableLambda(shout) | Broken(responses=["a b"])
    for version, last in {"v2": "on_chain_stream", "v1": "on_chat_model_end"}.items():
        events = events_of(chain, "x", version=version)
        assert [e["event"] for e in events[:-1]].count("on_chat_model_stream") == 1
        assert events[-2]["event"] == last
        assert repr(events[-1]["raised"]) == "ConnectionError('gone')"


def test_bad_input_to_a_model_is_told_by_the_model():
    *_, last = events_of(RunnableLambda(lambda _: 7) | FakeChatModel(), 0)
    assert isinstance(last["raised"], TypeError)
    assert "expected text, a list of messages" in str(last["raised"])


def endless(made):
    async def tokens(x):
        for number in range(100_000):
            made.append(number)
            yield "x"
            await asyncio.sleep(0)

    return RunnableLambda(tokens)


def test_breaking_out_stops_the_work():
    made = []

    async def main():
        async with aclosing(endless(made).astream_events(0)) as events:
            async for _ in events:
                if len(made) > 3:
                    break
        seen = len(made)
        await asyncio.sleep(0.05)
        return len(made) - seen

    assert asyncio.run(main()) == 0
    assert len(made) < 300


def test_cancelling_the_reader_stops_the_work():
    made = []

    async def read():
        async for _ in endless(made).astream_events(0):
            pass

    async def main():
        task = asyncio.create_task(read())
        while len(made) < 10:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        seen = len(made)
        await asyncio.sleep(0.05)
        return len(made) - seen

    assert asyncio.run(main()) == 0


def test_a_reader_that_stalls_stops_the_producer():
    made = []

    async def tokens(x):
        for number in range(100_000):
            made.append(number)
            yield "x"

    async def main():
        async with aclosing(RunnableLambda(tokens).astream_events(0)) as events:
            await anext(events)
            await asyncio.sleep(0.1)
            return len(made)

    assert asyncio.run(main()) < 200


@pytest.mark.parametrize("form", ["sync", "async"])
def test_a_reader_that_stalls_stops_a_function_that_calls_and_calls(form):
    made = []
    step = RunnableLambda(made.append)

    def calls(x):
        for number in range(2_000):
            step.invoke(number)

    async def acalls(x):
        for number in range(2_000):
            await step.ainvoke(number)

    async def main():
        stream = RunnableLambda(calls if form == "sync" else acalls).astream_events(0)
        async with aclosing(stream) as events:
            await anext(events)
            await asyncio.sleep(0.2)
            return len(made)

    assert asyncio.run(main()) < 200


def test_a_synchronous_stream_on_the_reader_s_own_loop_is_not_made_to_wait():
    """It would wait for a reader that it keeps from reading."""

    def tokens(x):
        yield from ["x"] * 500

    inner = RunnableLambda(tokens)

    async def blocks_the_loop(x):
        return "".join(inner.stream(x))

    async def main():
        return [event async for event in RunnableLambda(blocks_the_loop).astream_events(0)]

    assert asyncio.run(asyncio.wait_for(main(), 20))[-1]["data"] == {"output": "x" * 500}


@pytest.mark.timed
def test_an_event_costs_the_same_early_and_late():
    async def tokens(x):
        for _ in range(6_000):
            yield "token "

    async def main():
        times = []
        async for _ in (RunnableLambda(tokens) | RunnablePassthrough()).astream_events(0):
            times.append(time.perf_counter())
        return times

    times = asyncio.run(main())
    count = len(times) // 4
    first, last = times[count] - times[0], times[-1] - times[-count]
    assert last < 3 * first
