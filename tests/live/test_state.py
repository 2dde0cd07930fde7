"""The live state: the document that views draw, and the frames that carry its changes."""

import asyncio
import copy
import json
import time

import jsonpatch
import pytest
from pydantic import BaseModel, SecretStr

from workbench import (
    FakeChatModel,
    LiveState,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    StrOutputParser,
)
from workbench.engine.chunks import AddableDict
from workbench.engine.runs import Run
from workbench.live.state import MAX_STREAMED
from workbench.patch.application import apply_operation
from workbench.patch.plain import plain_operations

EMPTY = {"status": "waiting", "runs": []}


def applied(frames):
    """The document that a view builds from frames."""
    document, seq = copy.deepcopy(EMPTY), 0
    for frame in frames:
        assert frame["a"] == seq
        seq = frame["b"]
        for op in frame["ops"]:
            document = apply_operation(document, op)
    return {"seq": seq, "state": document}


def only_root(live):
    (root,) = live.snapshot()["state"]["runs"]
    return root


def test_frames_build_the_same_document_as_a_snapshot():
    live, frames = LiveState(), []
    live.listen(lambda urgent: frames.append(live.take()) if urgent else None)
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


def test_branches_are_one_value_whose_texts_grow(run_chain):
    live = LiveState()
    model = FakeChatModel(responses=["one two"])
    chain = RunnableParallel({"a/b": model | StrOutputParser(), "plain": lambda x: {"n": x}})
    run_chain(chain, "1", {"callbacks": [live]})
    root = only_root(live)
    if root["streamed_output"]:  # in the forms that stream
        assert root["streamed_output"] == [root["final_output"]]
    ops = list(plain_operations(live.since(0)["ops"], EMPTY))
    assert jsonpatch.apply_patch(EMPTY, ops) == live.snapshot()["state"]


def test_an_object_that_grows_is_changed_in_place():
    live, seen = LiveState(), []

    def objects(chunks):
        for _ in chunks:
            yield {"a": "x"}
            seen.append(live.take())
            yield {"a": "xy", "b": []}
            seen.append(live.take())

    list(RunnableGenerator(objects).stream(1, {"callbacks": [live]}))
    assert seen[1]["ops"] == [
        {"op": "append", "path": "/runs/0/streamed_output/0/a", "values": ["y"]},
        {"op": "add", "path": "/runs/0/streamed_output/0/b", "value": []},
    ]


def test_text_that_turns_into_something_else_is_replaced_as_in_the_sum():
    live = LiveState()

    def mixed(chunks):
        for _ in chunks:
            yield from ("a", "b", {"c": 1}, {"c": 1, "d": 2})

    list(RunnableGenerator(mixed).stream(1, {"callbacks": [live]}))
    assert only_root(live)["streamed_output"] == [{"c": 1, "d": 2}]
    assert applied([live.since(0)]) == live.snapshot()


@pytest.mark.parametrize("form", ["batch", "abatch", "batch_as_completed"])
def test_items_of_a_batch_know_their_index(form):
    live = LiveState()
    chain = RunnableLambda(lambda x: x) | RunnableLambda(lambda x: x + 1)
    config = {"callbacks": [live], "max_concurrency": 2}
    if form == "abatch":
        asyncio.run(chain.abatch([10, 20, 30], config))
    else:
        list(getattr(chain, form)([10, 20, 30], config))
    chain.invoke(40, config)
    runs = live.snapshot()["state"]["runs"]
    assert {run["input"]: run["item"] for run in runs} == {10: 0, 20: 1, 30: 2, 40: None}
    assert all("item" not in entry for run in runs for entry in run["logs"].values())


def test_each_item_s_own_config_has_its_index_too():
    live = LiveState()
    RunnableLambda(lambda x: x).batch([1, 2], [{"callbacks": [live]}, {"callbacks": [live]}])
    assert sorted(run["item"] for run in live.snapshot()["state"]["runs"]) == [0, 1]


def test_model_runs_have_the_figures_of_their_call():
    live = LiveState()
    chain = FakeChatModel(responses=["one two"]) | StrOutputParser()
    list(chain.stream("hi", {"callbacks": [live]}))
    root = only_root(live)
    call = root["logs"]["FakeChatModel"]["call"]
    assert set(call) == {
        "model", "input_tokens", "output_tokens", "total_tokens", "first_token_s", "tokens_per_s", "gap_s",
        "cost_usd", "cached",
    }  # fmt: skip
    assert call["output_tokens"] > 0 and call["first_token_s"] > 0
    assert "call" not in root and "call" not in root["logs"]["StrOutputParser"]
    started = next(op for op in live.since(0)["ops"] if op["path"].endswith("/FakeChatModel"))
    assert started["value"]["call"] is None


def test_a_run_that_outlives_the_one_around_it_stays_below_it():
    live = LiveState()
    outer = Run("outer", "chain", (live,))
    outer.start()
    outer.finish(1)
    late = Run("late", "chain", (live,), outer)
    late.start()
    late.finish(2)
    root = only_root(live)
    assert root["logs"]["late"]["parent"] is None and root["logs"]["late"]["status"] == "done"


def test_several_readers_hear_of_all_and_read_on_their_own():
    heard = [], []
    live = LiveState(heard[0].append)
    end = live.listen(heard[1].append)
    run = Run("llm", "llm", (live,))
    run.start()
    first = live.since(0)
    run.chunk("a")
    end()
    run.finish("a")
    assert heard[0][-1] is True and len(heard[1]) < len(heard[0])
    assert applied([first, live.since(first["b"])]) == applied([live.since(0)]) == live.snapshot()


@pytest.mark.timed
def test_five_megabytes_keep_their_head_and_their_tail_and_cost_little():
    text = "head" + "x" * 5_000_000 + "tail"
    live = LiveState()
    before = time.process_time()
    run = Run("c", "chain", (live,), input=text)
    run.start()
    run.chunk(text)
    run.chunk(AddableDict(a=text))
    run.finish([text, {"k": text}])
    took = time.process_time() - before
    root = only_root(live)
    for shown in (root["input"], root["streamed_output"][0]["a"], root["final_output"][1]["k"]):
        assert len(shown) < 110_000
        assert shown.startswith("headx") and shown.endswith("xtail")
        assert "… (4,900,008 characters left out) …" in shown
    assert took < 0.25


def test_a_run_that_streams_without_end_ends_in_a_remark():
    live = LiveState()
    run = Run("llm", "llm", (live,))
    run.start()
    for _ in range(60):
        run.chunk("x" * 50_000)
    run.finish("x" * 3_000_000 + "the end")
    root = only_root(live)
    streamed = "".join(root["streamed_output"])
    assert len(streamed) <= MAX_STREAMED + 100
    assert streamed.endswith("… (the rest of this stream is left out here)")
    assert root["final_output"].endswith("the end")


def test_structures_without_bound_are_cut_with_remarks():
    live = LiveState()
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    inner = list(range(2_000))  # one list, which all of it shares
    middle = {f"j{n}": inner for n in range(2_000)}
    wide = {f"k{n}": middle for n in range(2_000)}
    run = Run("c", "chain", (live,), input=wide)
    run.start()
    run.finish({"deep": deep, "bytes": b"x" * 10_000_000, "int": 10**10_000, "nan": float("nan")})
    root = only_root(live)
    assert len(json.dumps(root)) < 1_000_000
    assert root["input"]["…"].endswith(" more")
    assert "10,000,000 bytes" in root["final_output"]["bytes"]
    assert "bits" in root["final_output"]["int"] and root["final_output"]["nan"] == "nan"


HOSTILE = "<img onerror=x> </script> \x1b[31m \x00 \u202e \ud800 \udfff é😀"


def test_what_is_hostile_can_be_written_as_json_in_utf_8():
    class Rude:
        def __repr__(self):
            raise RuntimeError("no")

    live = LiveState()
    run = Run(HOSTILE, "chain", (live,), tags=[HOSTILE], metadata={HOSTILE: HOSTILE}, input=HOSTILE)
    run.start()
    run.chunk(HOSTILE)
    run.chunk({HOSTILE: [HOSTILE, Rude()]})
    run.custom(HOSTILE, HOSTILE)
    run.fail(ValueError(HOSTILE))
    written = json.dumps([live.snapshot(), live.since(0)], ensure_ascii=False, allow_nan=False).encode()
    root = json.loads(written)[0]["state"]["runs"][0]
    assert "\ufffd" in root["input"] and root["input"].startswith("<img onerror=x> </script>")
    assert "Rude: repr raised RuntimeError" in json.dumps(root["streamed_output"])


def test_secrets_stay_out():
    class Settings(BaseModel):
        key: SecretStr
        url: str

    def call(settings):
        raise PermissionError("Incorrect API key provided: sk-proj-abcdefghijklmnop123456")

    live = LiveState()
    settings = Settings(key=SecretStr("sk-very-secret-0123456789"), url="http://x")
    with pytest.raises(PermissionError):
        RunnableLambda(call).invoke(settings, {"callbacks": [live]})
    written = json.dumps([live.snapshot(), live.since(0)], ensure_ascii=False)
    assert "very-secret" not in written and "abcdefghijklmnop" not in written
    assert "http://x" in written and "sk-pro…" in written


def test_an_error_whose_text_raises_is_still_an_error():
    class Bad(Exception):
        def __str__(self):
            raise RuntimeError("no")

    live = LiveState()
    run = Run("c", "chain", (live,))
    run.start()
    run.fail(Bad())
    assert only_root(live)["error"]["message"] == "(its text raised RuntimeError)"


def test_custom_events_without_end_are_cut_with_a_remark():
    live = LiveState()
    run = Run("c", "chain", (live,))
    run.start()
    for number in range(2_000):
        run.custom("progress", number)
    events = only_root(live)["events"]
    assert len(events) == 1_000 and events[-1]["data"] == "later events are left out here"


def test_a_snapshot_is_the_reader_s_own():
    live = LiveState()
    run = Run("c", "chain", (live,))
    run.start()
    run.chunk({"a": ["x"]})
    snapshot = live.snapshot()
    before = json.dumps(snapshot)
    run.chunk({"a": ["x", "y"]})
    run.custom("e", 1)
    live.take()
    run.finish(1)
    assert json.dumps(snapshot) == before


def test_a_saved_document_is_a_state_again():
    live = LiveState()
    RunnableLambda(lambda x: x).invoke(1, {"callbacks": [live]})
    saved = json.loads(json.dumps(live.snapshot()["state"]))
    again = LiveState.of(saved)
    assert again.snapshot()["state"] == saved
    assert applied([again.since(0)]) == again.snapshot()
    with pytest.raises(ValueError, match="expected a document"):
        LiveState.of({"runs": 3})


@pytest.mark.timed
def test_a_hundred_thousand_tokens_cost_the_same_at_the_end_as_at_the_beginning():
    live = LiveState()
    run = Run("llm", "llm", (live,))
    run.start()

    def frames(count):
        before = time.process_time()
        for _ in range(count):
            for _ in range(66):
                run.chunk(" token")
            assert len(live.take()["ops"]) <= 5
        return time.process_time() - before

    frames(100)
    times = [frames(280) for _ in range(5)]
    assert len(only_root(live)["streamed_output"]) > 95_000
    assert min(times[3:]) < 4 * min(times[:2]) + 0.05, times
