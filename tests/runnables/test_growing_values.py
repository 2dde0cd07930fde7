"""A growing value is never added up twice: what a stream adds up to is what ``invoke`` gives.

A parser of JSON gives the whole object so far with each chunk, so its chunks replace each other; so does what
is taken out of them. Chains are drawn at random around such a parser, and a stream of texts beside it.
"""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from contextlib import aclosing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench import (
    BaseCumulativeTransformOutputParser,
    FakeChatModel,
    InMemoryChatMessageHistory,
    JsonOutputParser,
    LiveState,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    RunnableWithMessageHistory,
    StrOutputParser,
)
from workbench.engine.chunks import AddableDict, Fold, GrowingList, GrowingText, add

in_ci = settings(
    max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


async def collect(stream):
    async with aclosing(stream) as chunks:
        return [chunk async for chunk in chunks]


def folded(chunks):
    total = Fold()
    for chunk in chunks:
        total.add(chunk)
    return total.value


def added(chunks):
    """The same, one by one."""
    total = None
    for chunk in chunks:
        total = add(total, chunk)
    return total


def answering(value):
    return FakeChatModel(responses=[json.dumps(value)])


def said(text):
    """A stream of words, whatever comes in."""
    return RunnableLambda(str) | FakeChatModel(responses=[text]) | StrOutputParser()


def passed_on(chunks):
    yield from chunks


async def apassed_on(chunks):
    async for chunk in chunks:
        yield chunk


def check_all_forms(chain, input="q"):
    """Every form gives what ``invoke`` gives, and so does everything that watches."""
    expected = chain.invoke(input)
    chunks = list(chain.stream(input))
    assert folded(chunks) == added(chunks) == expected
    achunks = asyncio.run(collect(chain.astream(input)))
    assert folded(achunks) == expected == asyncio.run(chain.ainvoke(input))
    live, ends = LiveState(), []

    def keep(event):
        if event.kind == "end" and event.run.parent is None:
            ends.append(event.run.output)

    assert folded(chain.stream(input, {"callbacks": [live, keep]})) == expected
    assert ends == [expected]
    [run] = live.snapshot()["state"]["runs"]
    shown = run["streamed_output"]
    value = "".join(shown) if shown and all(type(each) is str for each in shown) else shown[-1]
    assert json.loads(json.dumps(value)) == json.loads(json.dumps(expected))
    events = asyncio.run(collect(chain.astream_events(input)))
    assert events[-1]["data"]["output"] == expected
    state = None
    for patch in asyncio.run(collect(chain.astream_log(input))):
        state = patch if state is None else state + patch
    assert state.state["final_output"] in (expected, {"output": expected})
    return expected


# What goes on behind a parser whose dicts have these keys

TEXTS = st.text("ab ", min_size=1, max_size=8)
OBJECTS = st.fixed_dictionaries(
    {
        "text": TEXTS,
        "list": st.lists(TEXTS, min_size=1, max_size=3),
        "number": st.integers(1, 999),
        "true": st.just(True),
        "dict": st.fixed_dictionaries({"text": TEXTS, "number": st.integers(1, 99)}),
    }
)
KEYS = ("text", "list", "number", "true", "dict")

UPPER = RunnableLambda(lambda value: str(value).upper())

DICT_STEPS = {
    "passed on": lambda: RunnablePassthrough(),
    "by a generator": lambda: RunnableGenerator(passed_on, apassed_on),
    "assigned": lambda: RunnablePassthrough.assign(new=UPPER),
    "assigned a stream": lambda: RunnablePassthrough.assign(new=said("x y")),
    "assigned over": lambda: RunnablePassthrough.assign(text=lambda d: d["text"] + "!"),
    "picked": lambda: RunnablePick([*KEYS]),
    "beside": lambda: {
        **{key: RunnablePick(key) for key in KEYS},
        "said": said("one two"),
    },
    "retried": lambda: RunnablePassthrough.assign(more=len).with_retry(),
    "with a fallback": lambda: RunnableGenerator(passed_on, apassed_on).with_fallbacks([UPPER]),
    "chosen": lambda: RunnableBranch((lambda d: bool(d), RunnablePassthrough()), UPPER),
    "bound": lambda: RunnablePassthrough().with_config(tags=["a"]),
}
LAST_STEPS = {
    "whole": lambda: RunnablePassthrough(),
    "upper": lambda: UPPER,
    **{f"pick {key}": (lambda key=key: RunnablePick(key)) for key in KEYS},
    **{f"pick {key} and on": (lambda key=key: RunnablePick(key) | UPPER) for key in KEYS},
    "two": lambda: RunnablePick(["text", "list"]),
    "nested": lambda: RunnablePick("dict") | RunnablePick("text"),
    "beside itself": lambda: RunnableParallel(a=RunnablePick("text"), b={"c": RunnablePick("list")}, d=UPPER),
    "as a list": lambda: RunnableLambda(lambda d: [d, d]) | RunnablePick("text").map(),
}


@given(
    OBJECTS, st.lists(st.sampled_from(sorted(DICT_STEPS)), max_size=3), st.sampled_from(sorted(LAST_STEPS))
)
@in_ci
def test_a_stream_adds_up_to_what_invoke_gives(value, steps, last):
    chain = answering(value) | JsonOutputParser()
    for step in steps:
        chain = chain | DICT_STEPS[step]()
    check_all_forms(chain | LAST_STEPS[last]())


@pytest.mark.parametrize("value", ["a text", ["a", "b c"], 12, {"a": {"b": ["c", {"d": "e f"}]}}], ids=str)
def test_whatever_the_json_is(value):
    assert check_all_forms(answering(value) | JsonOutputParser()) == value
    assert check_all_forms(answering(value) | JsonOutputParser() | RunnablePassthrough()) == value
    assert check_all_forms(
        answering(value) | JsonOutputParser() | {"a": RunnablePassthrough(), "b": str}
    ) == {
        "a": value,
        "b": str(value),
    }


def test_a_text_still_streams_as_it_grows():
    chain = answering({"title": "red fox runs"}) | JsonOutputParser() | RunnablePick("title")
    chunks = list(chain.stream("q"))
    assert len(chunks) > 2
    assert chunks[-1] == "red fox runs"
    assert all(chunks[-1].startswith(chunk) for chunk in chunks)


def test_plain_dicts_of_a_generator_replace_each_other_under_every_key():
    def objects(_):
        yield {"ok": True, "n": 1, "text": "be"}
        yield {"ok": False, "n": 2, "text": "bear"}

    start = RunnableLambda(lambda _: {"ok": False, "n": 2, "text": "bear"})
    for step in (
        RunnablePick("ok"),
        RunnablePick("n"),
        RunnablePick("text"),
        RunnablePick(["ok", "n"]),
        RunnablePassthrough.assign(more=len),
        RunnableParallel(a=RunnablePick("ok"), b=RunnablePick("n"), c=RunnablePassthrough()),
    ):
        expected = (start | step).invoke(0)
        chain = RunnableLambda(objects) | step
        assert folded(chain.stream(0)) == expected == chain.invoke(0)
        assert folded(asyncio.run(collect(chain.astream(0)))) == expected


def test_a_parser_of_numbers_gives_the_last():
    class Words(BaseCumulativeTransformOutputParser):
        def parse(self, text):
            return len(text.split())

    assert check_all_forms(FakeChatModel(responses=["one two three"]) | Words()) == 3
    assert check_all_forms(FakeChatModel(responses=["one two three"]) | Words() | (lambda n: n * 2)) == 6


def test_a_parser_of_texts_is_not_added_up():
    class Upper(BaseCumulativeTransformOutputParser):
        def parse(self, text):
            return text.upper()

    assert check_all_forms(FakeChatModel(responses=["one two three"]) | Upper()) == "ONE TWO THREE"
    assert (
        check_all_forms(FakeChatModel(responses=["one two three"]) | Upper() | str.lower) == "one two three"
    )


def test_the_history_keeps_what_was_said():
    histories = {}

    def of(session_id):
        return histories.setdefault(session_id, InMemoryChatMessageHistory())

    chain = answering({"answer": "yes it is"}) | JsonOutputParser()
    inner = [
        chain | RunnablePassthrough.assign(n=lambda d: 1),
        chain | {"answer": RunnablePick("answer"), "n": len},
        chain | RunnablePick(["answer"]),
        chain,
    ]
    for number, each in enumerate(inner):
        talk = RunnableWithMessageHistory(each, of, output_messages_key="answer")
        list(talk.stream("so?", {"configurable": {"session_id": number}}))
        asyncio.run(collect(talk.astream("so?", {"configurable": {"session_id": number}})))
        said = [message.content for message in histories[number].messages]
        assert said == ["so?", "yes it is", "so?", "yes it is"], number


def test_growing_texts_and_lists_are_texts_and_lists():
    text, items = GrowingText("be"), GrowingList([1])
    assert (text + GrowingText("bear"), text + "ar", items + GrowingList([1, 2]), add(items, [3])) == (
        "bear",
        "bear",
        [1, 2],
        [1, 3],
    )
    for value in (text, items):
        for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
            assert other == value
        assert json.loads(json.dumps(value)) == value
    assert type(pickle.loads(pickle.dumps(text))) is str


def test_keys_that_replace_stay_so_in_pairs_and_in_many():
    chunks = [
        AddableDict.replacing({}, {"a": "x", "n": 1}),
        AddableDict(b="1"),
        AddableDict.replacing({}, {"a": "xy", "n": 2}),
        AddableDict(b="2"),
    ]
    assert folded(chunks) == added(chunks) == sum(chunks, AddableDict()) == {"a": "xy", "n": 2, "b": "12"}
