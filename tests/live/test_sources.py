"""Any source of runs as a LiveState: logs, events, states, from here and from elsewhere."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from workbench import FakeChatModel, LiveState, RunnableLambda, RunnableParallel, StrOutputParser
from workbench.engine import background
from workbench.engine.runs import Run
from workbench.live.sources import Followed, live_from

MODEL = FakeChatModel(responses=["one two three"])
CHAIN = RunnableLambda(lambda x: x, name="same") | RunnableParallel(
    {"a": (MODEL | StrOutputParser()).with_config(run_name="inner"), "b": lambda x: 1}
)


def document(source: Any) -> dict[str, Any]:
    """The document of a source, once it is over."""
    live = live_from(source)
    if isinstance(live, Followed):
        assert live.wait(10), "it never ended"
        live = live.live
    return live.snapshot()["state"]


def check(state: dict[str, Any], *, nested: bool) -> None:
    assert state["status"] == "done"
    (root,) = state["runs"]
    assert root["streamed_output"] == [{"a": "one two three", "b": 1}]
    assert root["final_output"] == {"a": "one two three", "b": 1}
    logs = root["logs"]
    model = logs["FakeChatModel"]
    assert "".join(model["streamed_output"]) == "one two three"
    assert model["final_output"]["content"] == "one two three"
    assert model["status"] == root["status"] == logs["inner"]["status"] == "done"
    assert logs["inner"]["tags"] == ["map:key:a"]
    assert root["start_time"] <= model["start_time"] <= model["end_time"]
    assert model["parent"] == ("inner" if nested else None)


async def patches(**options: Any) -> list[Any]:
    return [patch async for patch in CHAIN.astream_log("hi", **options)]


def as_json(items: list[Any]) -> list[Any]:
    """As they come over HTTP: messages as dicts."""
    return json.loads(json.dumps(items, default=lambda message: message.model_dump()))


async def test_an_async_iterator_of_patches_is_read_on_the_running_loop() -> None:
    followed = live_from(CHAIN.astream_log("hi"))
    assert isinstance(followed, Followed)
    while not followed.wait(0):
        await asyncio.sleep(0.001)
    check(followed.live.snapshot()["state"], nested=False)


def test_without_a_loop_an_async_iterator_is_read_on_the_background_loop() -> None:
    check(document(CHAIN.astream_log("hi")), nested=False)


def test_logs_that_grow_are_read_as_patches_are() -> None:
    check(document(CHAIN.astream_log("hi", diff=False)), nested=False)


def test_a_log_without_the_list_of_chunks_shows_what_the_output_is_so_far() -> None:
    check(document(CHAIN.astream_log("hi", with_streamed_output_list=False)), nested=False)


def test_a_text_without_the_list_of_chunks_is_not_repeated() -> None:
    chain = MODEL | StrOutputParser()
    (root,) = document(chain.astream_log("hi", with_streamed_output_list=False))["runs"]
    assert "".join(root["streamed_output"]) == root["final_output"] == "one two three"


def test_operations_parsed_from_json_are_patches_too() -> None:
    ops = as_json([patch.ops for patch in asyncio.run(patches())])
    check(document(iter(ops)), nested=False)
    check(document([op for patch in ops for op in patch]), nested=False)


def test_a_finished_log_and_its_state() -> None:
    log: Any = None
    for patch in asyncio.run(patches()):
        log = patch if log is None else log + patch
    check(document(log), nested=False)
    check(document(log.state), nested=False)


def test_events_tell_the_parents() -> None:
    check(document(CHAIN.astream_events("hi", version="v2")), nested=True)
    check(document(CHAIN.stream_events("hi")), nested=True)


def test_events_of_the_first_version_do_not() -> None:
    (root,) = document(CHAIN.astream_events("hi", version="v1"))["runs"]
    assert root["logs"]["FakeChatModel"]["parent"] is None
    assert "".join(root["logs"]["FakeChatModel"]["streamed_output"]) == "one two three"


def test_the_peer_s_objects_are_sources_as_well() -> None:
    core = pytest.importorskip("langchain_core")
    from langchain_core.language_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.output_parsers import StrOutputParser as TheirParser

    assert core
    chain = GenericFakeChatModel(messages=iter([AIMessage("one two")] * 3)) | TheirParser()
    for source in (chain.astream_log("hi"), chain.astream_events("hi", version="v2")):
        state = document(source)
        (root,) = state["runs"]
        assert state["status"] == "done"
        assert "".join(root["streamed_output"]) == root["final_output"] == "one two"
        model = root["logs"]["GenericFakeChatModel"]
        assert "".join(model["streamed_output"]) == "one two"
        assert model["final_output"]["content"] == "one two"
        assert root["logs"]["StrOutputParser"]["status"] == "done"


def test_a_state_of_the_peer_s_nests_where_parents_are_known() -> None:
    entry = {"id": "1", "name": "outer", "type": "chain", "start_time": "2026-01-01T00:00:01.000+00:00",
             "end_time": "2026-01-01T00:00:03.000+00:00", "final_output": {"output": 1}}  # fmt: skip
    inner = {**entry, "id": "2", "name": "inner", "parent": "outer", "start_time": "2026-01-01T00:00:02.000"}
    (root,) = document({"id": "0", "name": "c", "logs": {"outer": entry, "inner": inner}, "final_output": 2})[
        "runs"
    ]
    assert root["logs"]["inner"]["parent"] == "outer"
    assert root["logs"]["outer"]["final_output"] == 1
    assert root["start_time"] == "2026-01-01T00:00:01.000+00:00", "with its first step"
    assert root["end_time"] == "2026-01-01T00:00:03.000+00:00"
    assert root["logs"]["inner"]["start_time"] == "2026-01-01T00:00:02.000+00:00"


def test_a_saved_document_and_its_file(tmp_path: Path) -> None:
    live = LiveState()
    CHAIN.invoke("hi", {"callbacks": [live]})
    live.set_status("done")
    saved = live.snapshot()["state"]
    path = tmp_path / "run.json"
    path.write_text(json.dumps(saved))
    assert document(saved) == document(path) == saved
    assert live_from(live) is live


def test_a_chain_and_its_input_are_run() -> None:
    followed = live_from(CHAIN, "hi")
    assert isinstance(followed, Followed) and followed.wait(10)
    check(followed.live.snapshot()["state"], nested=True)


def test_a_run_that_goes_on_and_one_that_is_over() -> None:
    run = Run("c", "chain", (), input=1)
    run.start()
    followed = live_from(run)
    assert isinstance(followed, Followed) and not followed.wait(0)
    run.chunk("a")
    run.finish("a")
    assert followed.wait(0)
    (root,) = followed.live.snapshot()["state"]["runs"]
    assert (root["status"], root["streamed_output"], root["input"]) == ("done", ["a"], 1)
    assert document(run)["runs"][0]["final_output"] == "a"


def test_an_error_of_the_source_fails_what_is_open_and_is_kept() -> None:
    async def broken() -> Any:
        async for patch in CHAIN.astream_log("hi"):
            yield patch
            if any(op["path"].startswith("/logs/FakeChatModel") for op in patch.ops):
                raise ConnectionError("the line broke")

    followed = live_from(broken())
    assert isinstance(followed, Followed) and followed.wait(10)
    assert isinstance(followed.error, ConnectionError)
    state = followed.live.snapshot()["state"]
    assert state["status"] == state["runs"][0]["status"] == "failed"
    assert state["runs"][0]["error"]["message"] == "the line broke"
    assert not [run for run in state["runs"][0]["logs"].values() if run["end_time"] is None]


@pytest.mark.parametrize("source", [iter([3]), iter([{"a": 1}]), iter(["line"])])
def test_an_iterator_of_something_else_is_told_in_the_view(source: Any) -> None:
    followed = live_from(source)
    assert isinstance(followed, Followed) and followed.wait(10)
    (root,) = followed.live.snapshot()["state"]["runs"]
    assert "expected RunLogPatches" in root["error"]["message"]


def test_stop_cancels_an_async_source() -> None:
    closed = threading.Event()

    async def endless() -> Any:
        try:
            async for patch in CHAIN.astream_log("hi"):
                yield patch
                if any("FakeChatModel" in op["path"] for op in patch.ops):
                    await asyncio.Event().wait()
        finally:
            closed.set()

    followed = live_from(endless())
    assert isinstance(followed, Followed)
    while followed.live.read(lambda document: not document["runs"]):
        time.sleep(0.001)
    followed.stop()
    assert followed.wait(10) and closed.is_set()
    state = followed.live.snapshot()["state"]
    assert {run["status"] for run in state["runs"]} == {"cancelled"}
    assert state["status"] == "cancelled"


def test_stop_ends_an_iterator_after_its_next_item() -> None:
    go = threading.Event()

    def endless() -> Any:
        for event in CHAIN.stream_events("hi"):
            yield event
            go.wait(10)

    followed = live_from(endless())
    assert isinstance(followed, Followed)
    followed.stop()
    go.set()
    assert followed.wait(10)
    assert followed.live.status == "cancelled"


def test_who_asks_is_told_of_the_end_before_and_after_it() -> None:
    run = Run("c", "chain", ())
    run.start()
    followed = live_from(run)
    told = threading.Event(), threading.Event()
    assert isinstance(followed, Followed)
    followed.when_over(told[0].set)
    run.finish(1)
    assert told[0].wait(10)
    followed.when_over(told[1].set)
    assert told[1].is_set()


@pytest.mark.parametrize("source", [3, None, "text", {"a": 1}, {}, object()])
def test_what_is_no_source_is_told(source: Any) -> None:
    with pytest.raises(TypeError, match="expected a chain and its input, a Run, a RunLog"):
        live_from(source)


def test_a_chain_without_input_is_told() -> None:
    with pytest.raises(TypeError, match="the input is missing"):
        live_from(CHAIN)


async def numbers():
    for number in range(3):
        yield {"event": "on_chain_start", "run_id": str(number), "name": "numbers", "data": {}}


def test_what_is_followed_ends_when_a_step_blocks_the_loop_and_is_stopped():
    entered, go_on = threading.Event(), threading.Event()

    async def blocks(x):
        entered.set()
        go_on.wait(60)
        return x

    try:
        stopped = live_from(RunnableLambda(blocks, name="sleepy"), 1)
        assert entered.wait(60)
        other = live_from(numbers())  # its turn does not come
        stopped.stop()
        for followed in (stopped, other):
            assert followed.wait(60), "it never ended"
            assert followed.live.status == "cancelled"
            assert "sleepy" in str(followed.error)
        [run] = stopped.live.snapshot()["state"]["runs"]
        assert run["status"] == "cancelled"
    finally:
        go_on.set()
    assert document(numbers())["runs"]  # the next has a loop of its own


def test_what_is_followed_and_stopped_before_its_turn_came_is_over():
    entered, go_on = threading.Event(), threading.Event()

    async def blocks():
        entered.set()
        go_on.wait(60)

    held = background.start(blocks)
    assert entered.wait(60)
    followed = live_from(numbers())
    followed.stop()
    go_on.set()
    held.wait()
    assert followed.wait(60), "it never ended"
    assert followed.live.status == "cancelled"


def test_what_is_followed_on_the_running_loop_and_stopped_before_its_turn_came_is_over():
    async def cell():
        followed = live_from(numbers())
        followed.stop()
        for _ in range(5):
            await asyncio.sleep(0)
        return followed

    followed = asyncio.run(cell())
    assert followed.wait(60), "it never ended"
    assert followed.live.status == "cancelled"
