"""The Python side of the view: what it sends, when, and what it leaves behind. No browser here."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from workbench.engine.runs import Run
from workbench.notebook.widgets.run_view import RunView
from workbench.tracing.live import LiveState


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


def tokens(frames: list[dict[str, Any]]) -> list[str]:
    operations = [operation for frame in frames for operation in frame["ops"]]
    return [value for operation in operations if operation["op"] == "append" for value in operation["values"]]


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "workbench-view"]


def wait_for(condition: Any, *, within_s: float = 2) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.002)


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
    monkeypatch.setattr("workbench.notebook.widgets.run_view.IDLE_S", 0.05)
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
