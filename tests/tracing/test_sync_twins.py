"""stream_events and stream_log: the same as their asynchronous twins, without an event loop."""

import threading
import time

import jsonpatch
import pytest

from tests.tracing.event_steps import events_of, joke_chain, told
from workbench import FakeChatModel, RunLog, RunnableLambda, RunnablePassthrough, StrOutputParser


def counting(made, pause_s=0.0):
    def tokens(x):
        for number in range(100_000):
            made.append(number)
            if pause_s:
                time.sleep(pause_s)
            yield "x"

    return RunnableLambda(tokens)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_events_are_those_of_the_asynchronous_stream(version):
    options = {"version": version, "exclude_types": ["prompt"]}
    mine = list(joke_chain().stream_events({"topic": "bears"}, {"tags": ["t"]}, **options))
    assert told(mine) == told(events_of(joke_chain(), {"topic": "bears"}, {"tags": ["t"]}, **options))


def test_the_log_is_that_of_the_asynchronous_stream():
    patches = list(joke_chain().stream_log({"topic": "bears"}, include_names=["my_llm"]))
    document = None
    for patch in patches:
        document = jsonpatch.apply_patch(document, patch.ops)
    assert document["final_output"] == "Hi you"
    assert list(document["logs"]) == ["my_llm"]
    *_, last = joke_chain().stream_log({"topic": "bears"}, diff=False)
    assert isinstance(last, RunLog)
    assert last.state["streamed_output"] == ["Hi", " ", "you", ""]


@pytest.mark.timed
def test_events_come_while_the_chain_runs():
    chain = FakeChatModel(responses=["a b c"], token_delay_s=0.1) | StrOutputParser()
    started = time.perf_counter()
    for event in chain.stream_events("x"):
        if event["event"] == "on_chat_model_stream":
            break
    assert time.perf_counter() - started < 0.2


def test_an_error_is_raised_after_the_events_before_it():
    def boom(text):
        raise ValueError("boom")

    seen = []
    with pytest.raises(ValueError, match="boom"):
        for event in (RunnablePassthrough() | boom).stream_events("x"):
            seen.append(event["event"])
    assert seen[-1] == "on_chain_end"
    assert seen[0] == "on_chain_start"


def test_an_unknown_version_is_a_value_error():
    with pytest.raises(ValueError, match="version"):
        RunnablePassthrough().stream_events("x", version="v9")


@pytest.mark.parametrize("twin", ["stream_events", "stream_log"])
def test_closing_stops_the_work_at_once(twin):
    for _ in range(20):
        made = []
        items = getattr(counting(made, 0.001) | RunnablePassthrough(), twin)(0)
        for _ in zip(range(8), items, strict=False):
            pass
        items.close()
        seen = len(made)
        time.sleep(0.01)
        assert len(made) == seen
        assert seen < 50


def test_leaving_a_for_loop_stops_the_work():
    made = []
    for _ in counting(made, 0.001).stream_events(0):
        break
    seen = len(made)
    time.sleep(0.02)
    assert len(made) == seen


def test_closing_does_not_wait_for_a_step_that_takes_long():
    release, reached = threading.Event(), []

    def slow(x):
        reached.append("slow")
        release.wait(30)
        return x

    items = (RunnablePassthrough() | slow | (lambda x: reached.append("next"))).stream_events(0)
    while "slow" not in reached:
        next(items)
    started = time.perf_counter()
    items.close()
    assert time.perf_counter() - started < 5
    release.set()
    time.sleep(0.05)
    assert reached == ["slow"]


@pytest.mark.parametrize("twin", ["stream_events", "stream_log"])
def test_a_reader_that_stalls_stalls_the_chain(twin):
    made = []
    items = getattr(counting(made), twin)(0)
    next(items)
    time.sleep(0.1)
    assert len(made) < 200
    items.close()


def test_a_stalled_reader_that_goes_on_gets_everything():
    def tokens(x):
        yield from map(str, range(1_000))

    items = RunnableLambda(tokens).stream_events(0)
    seen = [next(items)]
    time.sleep(0.05)
    seen.extend(items)
    assert [e["data"]["chunk"] for e in seen if "chunk" in e["data"]] == list(map(str, range(1_000)))


def test_it_is_nested_in_the_run_around_it_and_lends_its_place():
    inner = RunnableLambda(lambda x: x + 1).with_config(run_name="inner")

    def outer(x):
        *_, last = inner.stream_events(x)
        return last["data"]["output"], last["parent_ids"] != []

    config = {"max_concurrency": 1, "callbacks": [lambda event: None]}
    assert RunnableLambda(outer).invoke(1, config) == (2, True)


def test_it_never_starts_before_it_is_read():
    made = []
    items = counting(made).stream_events(0)
    time.sleep(0.02)
    assert made == []
    items.close()
