"""What people rely on: the event stream. The numbers are those of the project's list of behaviours."""

import asyncio
from contextlib import aclosing

import pytest

from tests.tracing.event_steps import FakeLLM, FakeRetriever, events_of, plain
from workbench import (
    ChatPromptTemplate,
    FakeChatModel,
    RunnableGenerator,
    RunnableLambda,
    StrOutputParser,
    ToolException,
    adispatch_custom_event,
    dispatch_custom_event,
    tool,
)


@tool
def add(x: int, y: int) -> int:
    "Add."
    return x + y


@tool
def fails(x: int) -> int:
    "Fails."
    raise ToolException("bad")


def call(name, **args):
    return {"type": "tool_call", "name": name, "args": args, "id": "call-1"}


def upper(chunks):
    for chunk in chunks:
        yield chunk.upper()


def twice(chunks):
    for chunk in chunks:
        yield chunk
        yield chunk


def model():
    return FakeChatModel(responses=["Hi you"]).with_config(run_name="my_llm")


def joke_chain():
    return ChatPromptTemplate.from_template("about {topic}") | model() | StrOutputParser()


def of(events, name, kind=""):
    """The events of a run by its name, as (event, data)."""
    return [
        (event["event"], plain(event["data"]))
        for event in events
        if event.get("name") == name and event["event"].endswith(kind)
    ]


def named(value):
    return RunnableLambda(lambda _: value, name="source")


def test_a_later_step_has_its_input_at_its_end_and_the_root_at_its_start():
    """behaviour 25"""
    events = events_of(RunnableGenerator(twice) | upper, "a")
    assert of(events, "RunnableSequence", "_start") == [("on_chain_start", {"input": "a"})]
    assert of(events, "upper", "_start") == [("on_chain_start", {})]
    assert of(events, "upper", "_end") == [("on_chain_end", {"input": "aa", "output": "AA"})]


def test_a_step_starts_after_the_first_chunk_of_the_one_before_and_before_its_end():
    """behaviour 26"""
    order = [(event["event"], event["name"]) for event in events_of(RunnableGenerator(twice) | upper, "a")]
    first_chunk = order.index(("on_chain_stream", "twice"))
    start = order.index(("on_chain_start", "upper"))
    end = order.index(("on_chain_end", "twice"))
    assert first_chunk < start < end


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_parents_are_listed_root_first_in_v2_and_never_in_v1(version):
    """behaviour 27"""
    inner = RunnableLambda(lambda x: x, name="inner")
    chain = RunnableLambda(lambda x: x, name="first") | {"k": RunnableLambda(inner.invoke, name="outer")}
    started = {e["name"]: e for e in events_of(chain, 1, version=version) if e["event"].endswith("_start")}
    names = {event["run_id"]: name for name, event in started.items()}
    parents = {name: [names[id] for id in event["parent_ids"]] for name, event in started.items()}
    if version == "v1":
        assert set(map(tuple, parents.values())) == {()}
    else:
        assert parents["RunnableSequence"] == []
        assert parents["inner"] == ["RunnableSequence", "RunnableParallel<k>", "outer"]


@pytest.mark.parametrize(
    ("step", "input", "kind"),
    [(add, {"x": 1, "y": 2}, "tool"), (FakeRetriever(), "bears", "retriever")],
)
def test_tools_and_retrievers_stream_at_the_root_of_v1_only(step, input, kind):
    """behaviour 28"""
    name = step.get_name()

    def kinds(chain, input, version):
        return [event for event, _ in of(events_of(chain, input, version=version), name)]

    ends = [f"on_{kind}_start", f"on_{kind}_end"]
    assert kinds(step, input, "v2") == ends
    assert kinds(step, input, "v1") == [ends[0], f"on_{kind}_stream", ends[1]]
    for version in ("v1", "v2"):
        assert kinds(named(input) | step, 0, version) == ends


def test_a_model_ends_with_its_message_except_inside_a_chain_of_v1():
    """behaviour 29"""

    def output(chain, version):
        ((_, data),) = of(events_of(chain, {"topic": "x"}, version=version), "my_llm", "_end")
        return data["output"]

    message = "AIMessageChunk('Hi you')"
    assert output(joke_chain(), "v2") == message
    nested = output(joke_chain(), "v1")
    assert nested["llm_output"] is None
    assert nested["generations"][0][0]["message"] == message
    for version in ("v1", "v2"):
        ((_, data),) = of(events_of(model(), "x", version=version), "my_llm", "_end")
        assert data["output"] == message


def test_a_text_model_at_the_root_of_v2_ends_with_generations():
    """behaviour 29"""
    ((_, data),) = of(events_of(FakeLLM(), "x", version="v2"), "FakeLLM", "_end")
    assert data["output"]["generations"][0][0]["text"] == "Hello"
    ((_, data),) = of(events_of(FakeLLM(), "x", version="v1"), "FakeLLM", "_end")
    assert data["output"] == "Hello"


def test_a_retriever_has_a_query_inside_a_chain_and_a_bare_text_at_the_root():
    """behaviour 30"""
    for version in ("v1", "v2"):
        root = of(events_of(FakeRetriever(), "bears", version=version), "FakeRetriever")
        assert root[0] == ("on_retriever_start", {"input": "bears"})
        nested = of(events_of(named("bears") | FakeRetriever(), 0, version=version), "FakeRetriever")
        assert nested[0] == ("on_retriever_start", {"input": {"query": "bears"}})
        documents = ["about bears"] if version == "v2" else {"documents": ["about bears"]}
        assert nested[-1][1]["output"] == documents
        assert root[-1][1]["output"] == ["about bears"]


def boom(x):
    raise ValueError("boom")


def test_a_chain_that_fails_has_no_event_in_v2_and_an_empty_end_in_v1():
    """behaviour 31"""
    chain = named(1) | boom
    events = events_of(chain, 0, version="v2")
    assert repr(events[-1]["raised"]) == "ValueError('boom')"
    assert of(events[:-1], "boom") == [("on_chain_start", {})] or of(events[:-1], "boom") == [
        ("on_chain_start", {"input": 1})
    ]
    events = events_of(chain, 0, version="v1")
    assert repr(events[-1]["raised"]) == "ValueError('boom')"
    assert of(events[:-1], "boom", "_end") == [("on_chain_end", {"input": 1, "output": None})]


def test_a_tool_that_fails_has_an_error_event_in_v2_with_the_id_of_its_call():
    """behaviour 31"""
    events = events_of(named(call("fails", x=1)) | fails, 0)
    assert of(events[:-1], "fails", "_error") == [
        ("on_tool_error", {"error": "ToolException('bad')", "input": {"x": 1}, "tool_call_id": "call-1"})
    ]
    assert of(events[:-1], "fails", "_end") == []


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"include_names": ["my_llm"]}, {"my_llm"}),
        ({"include_types": ["chat_model", "prompt"]}, {"my_llm", "ChatPromptTemplate"}),
        ({"include_tags": ["seq:step:3"]}, {"StrOutputParser"}),
        ({"exclude_types": ["chain", "parser"]}, {"my_llm", "ChatPromptTemplate"}),
        ({"include_types": ["chat_model", "prompt"], "exclude_names": ["my_llm"]}, {"ChatPromptTemplate"}),
        ({"exclude_tags": ["seq:step:1", "seq:step:2"]}, {"RunnableSequence", "StrOutputParser"}),
    ],
)
def test_filters_choose_runs(options, names):
    """behaviour 32"""
    assert {event["name"] for event in events_of(joke_chain(), {"topic": "x"}, **options)} == names


def test_the_version_is_v2_unless_said_otherwise():
    """behaviour 32"""
    default = events_of(FakeRetriever(), "bears")
    assert [event["event"] for event in default] == ["on_retriever_start", "on_retriever_end"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_custom_events_arrive_with_name_and_data(asynchronous):
    """behaviour 33"""

    def work(x):
        dispatch_custom_event("halfway", {"done": x})
        return x

    async def awork(x):
        await adispatch_custom_event("halfway", {"done": x})
        return x

    step = RunnableLambda(awork if asynchronous else work)
    events = events_of(step, 5)
    (custom,) = [event for event in events if event["event"] == "on_custom_event"]
    assert (custom["name"], custom["data"]) == ("halfway", {"done": 5})
    assert custom["run_id"] == events[0]["run_id"]


def test_a_custom_event_needs_a_run_around_it():
    """behaviour 33"""
    with pytest.raises(RuntimeError, match="belong to a run"):
        dispatch_custom_event("nowhere", {})
    with pytest.raises(RuntimeError, match="belong to a run"):
        asyncio.run(adispatch_custom_event("nowhere", {}))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_model_called_inside_a_function_streams_for_who_listens(asynchronous):
    """behaviour 34"""
    inner = model()
    tags = []

    async def awork(x, config):
        tags.append(config["tags"])
        return await inner.ainvoke("x")

    def work(x, config):
        tags.append(config["tags"])
        return inner.invoke("x")

    step = RunnableLambda(awork if asynchronous else work)
    events = events_of(step, 1, {"tags": ["t"]})
    tokens = [data["chunk"] for _, data in of(events, "my_llm", "_stream")]
    assert tokens == [f"AIMessageChunk({text!r})" for text in ("Hi", " ", "you", "")]
    assert tags == [["t"]]
    assert "t" in next(event for event in events if event["name"] == "my_llm")["tags"]


def test_the_whole_chain_streams_for_a_listener_even_by_ainvoke():
    """behaviour 34"""

    async def main():
        seen = []
        outer = RunnableLambda(joke_chain().ainvoke)
        async with aclosing(outer.astream_events({"topic": "x"}, include_types=["chat_model"])) as events:
            async for event in events:
                seen.append(event["event"])
        return seen

    assert asyncio.run(main()).count("on_chat_model_stream") == 4
