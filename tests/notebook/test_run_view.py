"""The Python side of the view: what it sends, when, and what it leaves behind. No browser here."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import jsonpatch
import pytest

from workbench import FakeChatModel, RunnableLambda, RunnableParallel, StrOutputParser
from workbench.engine.chunks import AddableDict
from workbench.engine.runs import Run
from workbench.live.state import LiveState
from workbench.notebook.widgets import run_view
from workbench.notebook.widgets.run_view import RunView
from workbench.notebook.widgets.sender import _Work


class Sent(RunView):
    """A view that keeps what it sends."""

    def __init__(self, live: LiveState, **options: Any) -> None:
        self.sent: list[tuple[float, dict[str, Any]]] = []
        super().__init__(live, **options)

    def send(self, content: dict[str, Any], buffers: Any = None) -> None:
        self.sent.append((time.monotonic(), content))

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [content for _, content in self.sent if content["k"] == "frame"]


@pytest.fixture
def live() -> LiveState:
    return LiveState()


@pytest.fixture(autouse=True)
def nothing_is_pinned() -> Any:
    yield
    run_view.pin({})
    gc.collect(1)  # the views of the test, not all that the process has


def tokens(frames: list[dict[str, Any]]) -> list[str]:
    operations = unpacked(frames)
    return [value for operation in operations if operation["op"] == "append" for value in operation["values"]]


def unpacked(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The operations of frames without the short forms of the wire, as ``store.js`` reads them."""
    operations: list[dict[str, Any]] = []
    names: dict[int, str] = {}
    for operation in (operation for frame in frames for operation in frame["ops"]):
        if isinstance(operation, list):
            numbers, *values = operation
            for number in numbers if isinstance(numbers, list) else [numbers]:
                operations.append({"op": "append", "path": names[number], "values": values})
            continue
        if "as" in operation:
            names[operation["as"]] = operation["path"]
        operations.append(operation)
    return operations


def threads() -> list[_Work]:
    """What worker threads still do for senders."""
    return [each for each in gc.get_objects() if type(each) is _Work and not each.over.is_set()]


def wait_for(condition: Any, *, within_s: float = 2) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.002)


@pytest.mark.timed
def test_frames_follow_on_each_other_and_are_few(live: LiveState) -> None:
    view = Sent(live)
    run = Run("llm", "llm", (live,))
    run.start()
    for number in range(500):
        run.chunk(f"{number} ")
        time.sleep(0.0005)
    run.finish("all")
    view.finish()
    assert tokens(view.frames) == [f"{number} " for number in range(500)]
    assert [frame["a"] for frame in view.frames] == [0, *(frame["b"] for frame in view.frames[:-1])]
    took = view.sent[-1][0] - view.sent[0][0]
    assert len(view.frames) <= took / 0.033 + 5


def test_a_pause_does_not_strand_the_last_token(live: LiveState) -> None:
    view = Sent(live)
    run = Run("llm", "llm", (live,))
    run.start()
    run.chunk("a")
    wait_for(lambda: tokens(view.frames) == ["a"])
    run.chunk("b")
    run.chunk("c")
    wait_for(lambda: tokens(view.frames) == ["a", "b", "c"])
    view.finish()


@pytest.mark.timed
def test_a_start_is_sent_sooner_than_tokens(live: LiveState) -> None:
    view = Sent(live)
    Run("first", "chain", (live,)).start()
    wait_for(lambda: len(view.frames) == 1)
    before = time.monotonic()
    Run("second", "chain", (live,)).start()
    wait_for(lambda: len(view.frames) == 2)
    assert view.sent[-1][0] - before < 0.2
    view.finish()


def test_finish_leaves_the_whole_document_and_no_thread(live: LiveState) -> None:
    view = Sent(live)
    run = Run("llm", "llm", (live,))
    run.start()
    assert threads()
    run.chunk("a")
    run.finish("a")
    view.finish()
    view.finish()
    assert not threads()
    assert view.snapshot["state"]["status"] == "done"
    assert view.snapshot["state"]["runs"][0]["streamed_output"] == ["a"]
    Run("late", "llm", (live,)).start()
    assert not threads()


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("no"), "failed"), (KeyboardInterrupt(), "cancelled")]
)
def test_finish_gives_the_whole_the_status_of_its_runs(
    live: LiveState, error: BaseException, status: str
) -> None:
    view = Sent(live)
    Run("good", "chain", (live,)).start()
    bad = Run("bad", "chain", (live,))
    bad.start()
    bad.fail(error)
    view.finish()
    assert live.status == status


def test_a_late_view_starts_at_the_end_of_a_frame(live: LiveState) -> None:
    view = Sent(live)
    run = Run("llm", "llm", (live,))
    run.start()
    for token in "abc":
        run.chunk(token)
    snapshot = view.get_state()["snapshot"]
    run.chunk("d")
    wait_for(lambda: tokens(view.frames) == ["a", "b", "c", "d"])
    assert snapshot["seq"] in [frame["b"] for frame in view.frames]
    assert snapshot["state"]["runs"][0]["streamed_output"] == ["a", "b", "c"], "a copy"
    view.finish()


def test_sync_is_answered_with_the_document_between_frames(live: LiveState) -> None:
    view = Sent(live)
    run = Run("llm", "llm", (live,))
    run.start()
    stop = threading.Event()

    def produce() -> None:
        while not stop.is_set():
            run.chunk("x")

    producer = threading.Thread(target=produce)
    producer.start()
    for _ in range(20):
        view._on_message(view, {"k": "sync", "have": 0}, [])
    stop.set()
    producer.join()
    view.finish()
    ends = {frame["b"] for frame in view.frames}
    answers = [content for _, content in view.sent if content["k"] == "snap"]
    assert len(answers) == 20 and all(answer["seq"] in ends for answer in answers)
    assert [frame["a"] for frame in view.frames] == [0, *(frame["b"] for frame in view.frames[:-1])]


def test_stop_is_answered_first_and_then_passed_on(live: LiveState) -> None:
    seen: list[list[str]] = []
    view = Sent(live, on_stop=lambda: seen.append([content["k"] for _, content in view.sent]))
    view._on_message(view, {"k": "stop"}, [])
    assert seen == [["ack"]]
    view.finish()
    view._on_message(view, {"k": "stop"}, [])
    assert len(seen) == 1, "there is nothing left to stop"


def test_a_view_that_is_never_finished_keeps_no_thread(
    live: LiveState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.notebook.widgets.sender.IDLE_S", 0.05)
    view = Sent(live)
    Run("first", "chain", (live,)).start()
    wait_for(lambda: not threads())
    Run("second", "chain", (live,)).start()
    wait_for(lambda: len(view.frames) == 2)
    view.finish()


def test_without_a_kernel_show_and_finish_do_nothing(
    live: LiveState, capsys: pytest.CaptureFixture[str]
) -> None:
    view = RunView(live, title="alone")
    run = Run("llm", "llm", (live,))
    run.start()
    run.finish("out")
    view.finish()
    assert view.snapshot["state"]["runs"][0]["final_output"] == "out"


def test_the_bundle_has_empty_text_forms(live: LiveState) -> None:
    view = RunView(live)
    data, _ = view._repr_mimebundle_()
    assert data["text/html"] == data["text/plain"] == ""
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == view.model_id
    view.finish()


def token_bytes(view: Sent) -> int:
    """What goes over the wire, without Jupyter's own envelope."""
    return sum(len(json.dumps(frame, ensure_ascii=False).encode()) for frame in view.frames)


def test_a_token_costs_less_than_a_tenth_of_a_kilobyte_in_twenty_runs_at_once(live: LiveState) -> None:
    """2,000 tokens a second: 66 a frame of 33 ms, over twenty runs of 4 levels each, one of them branches."""
    view = Sent(live)
    live_frames, last_send = [], view._send_frame
    view._sender.changed = lambda urgent: None  # type: ignore[method-assign]  # frames are made here
    root = Run("RunnableParallel", "chain", (live,))
    root.start()
    stacks = []
    for number in range(20):
        stack = [root]
        for name, kind in (
            ("RunnableSequence", "chain"),
            ("StrOutputParser", "parser"),
            ("my_llm", "chat_model"),
        ):
            run = Run(name, kind, (live,), stack[-1], input="a question of some length")
            run.start()
            stack.append(run)
        stacks.append((f"branch {number}", stack[1:]))
    last_send()
    count = 0
    while count < 10_000:
        for key, stack in stacks:
            token = f" tok{count % 97}"
            count += 1
            for run in reversed(stack):
                run.chunk(token)
            root.chunk(AddableDict({key: token}))
            if count % 66 == 0:
                last_send()
                live_frames.append(count)
    for _, stack in stacks:
        for run in reversed(stack):
            run.finish(
                "".join(
                    live.read(lambda state, run=run: state["runs"][0]["logs"])["my_llm"]["streamed_output"]
                )
            )
    root.finish({key: "x" * 2_500 for key, _ in stacks})
    view.finish()
    assert token_bytes(view) / count < 60, "0.1 KB is the limit, of which Jupyter's envelope takes some"


def test_frames_out_of_a_real_chain_make_the_state_in_the_javascript_store(
    live: LiveState, tmp_path: Path
) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    view = Sent(live)
    text = "\u202eé😀 <img onerror=x> </script> \x1b[31m \x00 \ud800 " * 50
    model = FakeChatModel(responses=[text])
    chain = RunnableParallel(
        {"a/b~": model | StrOutputParser(), "__proto__": RunnableLambda(lambda x: {"n": x})}
    )
    for _ in chain.stream("hi \udfff", {"callbacks": [live]}):
        view._send_frame()
    chain.batch(["p", "q"], {"callbacks": [live]})
    view.finish()
    messages = tmp_path / "messages.json"
    sent = [content for _, content in view.sent]
    messages.write_text(json.dumps(sent, ensure_ascii=False), encoding="utf-8")  # UTF-8 can hold it
    store = Path(run_view.__file__).parents[2] / "views" / "web" / "data" / "store.js"
    script = f"""
        import {{ Store }} from "{store.as_uri()}";
        import {{ readFileSync }} from "node:fs";
        const store = new Store();
        for (const message of JSON.parse(readFileSync("{messages}", "utf8"))) {{
            if (message.k === "frame" && store.frame(message) !== "applied") throw new Error("lost");
        }}
        store.close();
        console.log(JSON.stringify([store.state, store.patchLog()]));
    """
    run = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    state, log = json.loads(run.stdout)
    assert state == view.snapshot["state"]
    assert jsonpatch.apply_patch({"status": "waiting", "runs": []}, log) == state


def test_two_threads_and_ten_views_all_end_with_the_same_document(live: LiveState) -> None:
    views = [Sent(live) for _ in range(10)]

    def work(name: str) -> None:
        run = Run(name, "llm", (live,))
        run.start()
        for number in range(500):
            run.chunk(f"{number} ")
            if number % 100 == 0:
                views[number // 100]._on_message(views[0], {"k": "sync"}, [])
        run.finish(name)

    workers = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for view in views:
        view.finish()
        assert [frame["a"] for frame in view.frames] == [0, *(frame["b"] for frame in view.frames[:-1])]
        patch = [
            operation
            for entry in unpacked(view.frames)
            for operation in (
                [{"op": "add", "path": f"{entry['path']}/-", "value": value} for value in entry["values"]]
                if entry["op"] == "append"
                else [entry]
            )
        ]
        assert jsonpatch.apply_patch({"status": "waiting", "runs": []}, patch) == view.snapshot["state"]
    assert not threads()


def test_a_snapshot_in_mid_run_brings_the_numbers_of_the_paths_still_in_use(live: LiveState) -> None:
    view = Sent(live)
    for name in ("over", "open"):
        run = Run(name, "llm", (live,))
        run.start()
        run.chunk("a")
        if name == "over":
            run.finish("a")
    snapshot = view.get_state()["snapshot"]
    assert list(snapshot["names"].values()) == ["/runs/1/streamed_output"]
    run.chunk("b")
    view.finish()
    assert [int(next(iter(snapshot["names"]))), "b"] in view.frames[-1]["ops"]


def test_run_again_is_answered_and_calls_once_the_run_is_over(live: LiveState) -> None:
    again = threading.Event()
    view = Sent(live, on_rerun=again.set)
    assert view.can_rerun and not Sent(LiveState()).can_rerun
    Run("c", "chain", (live,)).start()
    view._on_message(view, {"k": "rerun"}, [])
    assert view.sent[-1][1] == {"k": "ack", "of": "rerun"} or not again.is_set()
    view.finish()
    assert not again.is_set(), "it was still running"
    view._on_message(view, {"k": "rerun"}, [])
    assert again.wait(2)


def test_a_rerun_that_fails_is_told(live: LiveState) -> None:
    def fail() -> None:
        raise ValueError("no chain")

    view = Sent(live, on_rerun=fail)
    view.finish()
    view._on_message(view, {"k": "rerun"}, [])
    failed = {"k": "ack", "of": "rerun", "error": "ValueError: no chain"}
    wait_for(lambda: view.sent[-1][1] == failed)


def test_a_view_goes_on_to_another_run(live: LiveState) -> None:
    view = Sent(live)
    first = Run("first", "chain", (live,))
    first.start()
    first.finish(1)
    view.finish()
    second_live = LiveState()
    view.restart(second_live)
    second = Run("second", "llm", (second_live,))
    second.start()
    second.chunk("b")
    first_end = Run("late", "chain", (live,))
    first_end.start()
    second.finish("b")
    view.finish()
    of_second = [frame for frame in view.frames if frame["e"] == 1]
    assert of_second[0]["a"] == 0 and tokens(of_second) == ["b"]
    assert (view.snapshot["e"], view.snapshot["state"]["runs"][0]["name"]) == (1, "second")
    assert not threads()


def test_a_pinned_run_is_in_the_views_there_are_and_in_those_to_come(live: LiveState) -> None:
    view, other = Sent(live, title="fast"), Sent(LiveState())
    Run("c", "chain", (live,)).start()
    view._on_message(view, {"k": "pin"}, [])
    late = Sent(LiveState())
    assert other.pinned == late.pinned == view.pinned
    assert late.pinned["title"] == "fast" and late.pinned["state"]["runs"][0]["name"] == "c"
    assert Sent(LiveState(), pinned={}).pinned == {}
    view._on_message(view, {"k": "unpin"}, [])
    assert other.pinned == late.pinned == {}
    view.finish()


@pytest.mark.parametrize(
    ("what", "ending", "begins"),
    [("state", ".json", "{"), ("patches", ".patch.json", "["), ("html", ".html", "<!doctype")],
)
def test_a_file_is_made_for_the_reader(live: LiveState, what: str, ending: str, begins: str) -> None:
    view = Sent(live, title="my chain/1")
    Run("c", "chain", (live,)).start()
    view._on_message(view, {"k": "export", "what": what}, [])
    file = view.sent[-1][1]
    assert (file["k"], file["what"], file["name"]) == ("file", what, f"my-chain-1{ending}")
    assert file["text"].startswith(begins)
    view.finish()


def test_an_unknown_kind_of_file_is_told(live: LiveState) -> None:
    view = Sent(live)
    view._on_message(view, {"k": "export", "what": ["pdf"]}, [])
    assert "expected one of state, patches, html" in view.sent[-1][1]["error"]


def test_save_writes_what_the_view_shows(live: LiveState, tmp_path: Path) -> None:
    view = Sent(live)
    Run("c", "chain", (live,)).start()
    view.save(tmp_path / "run.json")
    assert json.loads((tmp_path / "run.json").read_text())["runs"][0]["name"] == "c"
    view.finish()


def test_the_pane_to_begin_with_is_one_there_is(live: LiveState) -> None:
    assert Sent(live, view="tree").view == "tree"
    with pytest.raises(ValueError, match="stream, tree, time, all, got 'none'"):
        RunView(live, view="none")


def test_views_begin_with_the_pane_that_the_reader_chose_last(
    live: LiveState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_view.settings, "view", "all")
    view = Sent(live)
    view._on_message(view, {"k": "panes", "view": "stream"}, [])
    assert view.view == run_view.settings.view == "stream", "also after a reload"
    for nonsense in ("none", "<img>", None, ["stream"]):
        view._on_message(view, {"k": "panes", "view": nonsense}, [])
    assert view.view == run_view.settings.view == "stream"
