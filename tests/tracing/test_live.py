"""The live state: the document that views draw, and the frames that carry its changes."""

import asyncio
import copy

import pytest

from workbench import FakeChatModel, LiveState, RunnableLambda, RunnableParallel, StrOutputParser


def applied(frames):
    """The document that a view builds from frames."""
    document = {"status": "waiting", "runs": []}
    seq = 0
    for frame in frames:
        assert frame["a"] == seq
        seq = frame["b"]
        for op in frame["ops"]:
            *parents, last = (p.replace("~1", "/").replace("~0", "~") for p in op["path"][1:].split("/"))
            target = document
            for part in parents:
                target = target[int(part)] if isinstance(target, list) else target[part]
            if op["op"] == "append":
                target[last].extend(op["values"])
            elif isinstance(target, list):
                target.append(copy.deepcopy(op["value"]))
            else:
                target[last] = copy.deepcopy(op["value"])
    return {"seq": seq, "state": document}


def test_frames_build_the_same_document_as_a_snapshot():
    live, frames = LiveState(), []
    live.on_change = lambda urgent: frames.append(live.take()) if urgent else None
    model = FakeChatModel(responses=["one two three"])
    chain = RunnableParallel({"a/b": model | StrOutputParser(), "plain": lambda x: x})
    for _ in chain.stream("hi", {"callbacks": [live]}):
        pass
    live.set_status("done")
    frames.append(live.take())
    assert applied([frame for frame in frames if frame]) == live.snapshot()


def test_what_is_queued_does_not_grow_with_the_state():
    live = LiveState()
    list(FakeChatModel(responses=["a b c"]).stream("hi", {"callbacks": [live]}))
    frame = live.take()
    started = next(op for op in frame["ops"] if op["path"] == "/runs/-")
    assert started["value"]["streamed_output"] == []
    assert frame["b"] > len(frame["ops"])  # tokens of one run are joined
    assert live.take() is None


def test_nested_runs_name_their_parent():
    live = LiveState()
    (RunnableLambda(lambda x: x, name="outer") | {"in": lambda x: x}).invoke(1, {"callbacks": [live]})
    (root,) = live.snapshot()["state"]["runs"]
    assert root["logs"]["RunnableLambda"]["parent"] == "RunnableParallel<in>"
    assert root["logs"]["outer"]["parent"] is None


def test_an_error_is_shown_with_the_user_s_frames_only():
    def boom(x):
        raise ValueError("boom")

    live = LiveState()
    with pytest.raises(ValueError):
        asyncio.run((RunnableLambda(lambda x: x) | boom).ainvoke(1, {"callbacks": [live]}))
    (root,) = live.snapshot()["state"]["runs"]
    error = root["logs"]["boom"]["error"]
    assert (error["type"], error["message"]) == ("ValueError", "boom")
    assert 'raise ValueError("boom")' in error["traceback"]
    assert "workbench/engine" not in error["traceback"]
    assert root["status"] == "failed"
