"""dispatch_custom_event: from a function in a run to whoever watches."""

import asyncio
import threading

import pytest

from tests.tracing.event_steps import events_of
from workbench import (
    BaseCallbackHandler,
    RunnableLambda,
    RunnablePassthrough,
    adispatch_custom_event,
    dispatch_custom_event,
)


def reports(text):
    dispatch_custom_event("progress", {"done": 1})
    return text


async def areports(text):
    await adispatch_custom_event("progress", {"done": 1})
    return text


@pytest.mark.parametrize("function", [reports, areports])
def test_a_custom_event_arrives_with_its_name_and_data_between_start_and_end(function):
    chain = RunnablePassthrough() | RunnableLambda(function)
    config = {"tags": ["mine"], "metadata": {"m": 1}}
    events = events_of(chain, "x", config)
    mine = [
        event for event in events if event["name"] == function.__name__ or event["event"] == "on_custom_event"
    ]
    assert [event["event"] for event in mine] == [
        "on_chain_start",
        "on_custom_event",
        "on_chain_stream",
        "on_chain_end",
    ]
    step, custom = mine[0], mine[1]
    assert custom == {
        "event": "on_custom_event",
        "name": "progress",
        "run_id": step["run_id"],
        "tags": ["mine"],  # what nested runs inherit: the step's own place in the chain is not among them
        "metadata": {"m": 1},
        "data": {"done": 1},
        "parent_ids": [events[0]["run_id"]],
    }


def test_v1_has_no_custom_events():
    assert "on_custom_event" not in {
        event["event"] for event in events_of(RunnableLambda(reports), 0, version="v1")
    }


def test_filters_look_at_the_custom_event_s_own_name():
    chain = RunnableLambda(reports)
    assert [e["event"] for e in events_of(chain, 0, include_names=["progress"])] == ["on_custom_event"]
    assert "on_custom_event" not in {e["event"] for e in events_of(chain, 0, include_names=["reports"])}
    assert "on_custom_event" not in {e["event"] for e in events_of(chain, 0, exclude_names=["progress"])}


def test_outside_of_a_run_a_custom_event_is_a_runtime_error():
    with pytest.raises(RuntimeError, match="custom events belong to a run"):
        dispatch_custom_event("progress", 1)
    with pytest.raises(RuntimeError, match="custom events belong to a run"):
        asyncio.run(adispatch_custom_event("progress", 1))


def test_a_chain_that_nobody_watches_may_dispatch_all_the_same(run_chain):
    assert run_chain(RunnablePassthrough() | reports, "x") == "x"


def test_an_unwatched_generator_and_an_async_function_may_dispatch_too():
    def words(x):
        dispatch_custom_event("progress", 1)
        yield x

    assert list(RunnableLambda(words).stream("x")) == ["x"]
    assert asyncio.run(RunnableLambda(areports).ainvoke("x")) == "x"
    assert asyncio.run(RunnableLambda(reports).ainvoke("x", {"max_concurrency": 1})) == "x"


def test_the_given_config_reaches_the_run_from_a_thread_of_one_s_own():
    def reports_from_a_thread(text, config):
        thread = threading.Thread(target=dispatch_custom_event, args=("late", 7), kwargs={"config": config})
        thread.start()
        thread.join()
        return text

    events = events_of(RunnableLambda(reports_from_a_thread), "x", include_names=["late"])
    assert [(event["name"], event["data"]) for event in events] == [("late", 7)]


def test_a_handler_hears_custom_events(run_chain):
    heard = []

    class Handler(BaseCallbackHandler):
        def on_custom_event(self, name, data, *, run_id, tags=None, metadata=None, **kwargs):
            heard.append((name, data, tags, metadata))

    config = {"callbacks": [Handler()], "tags": ["mine"], "metadata": {"m": 1}}
    run_chain(RunnablePassthrough() | reports, "x", config)
    assert heard == [("progress", {"done": 1}, ["mine"], {"m": 1})]
