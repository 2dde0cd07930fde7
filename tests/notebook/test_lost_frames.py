"""A frame that cannot be sent is not the last: the view sends again, and the page gets the whole document."""

from __future__ import annotations

import threading

import pytest

from workbench import FakeChatModel, LiveState
from workbench.notebook.widgets import sender
from workbench.notebook.widgets.run_view import RunView
from workbench.notebook.widgets.sender import Sender

PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(sender, "RETRY_S", 0.001)


class Broken:
    """Sends that raise the first *times* times."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.calls = 0
        self.passed = threading.Event()

    def __call__(self) -> None:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise OSError("the socket is closed")
        self.passed.set()


@pytest.mark.parametrize("times", [1, 4])
def test_a_send_that_fails_is_tried_again_without_a_further_change(times):
    send = Broken(times)
    frames = Sender(send)
    frames.changed(urgent=True)
    assert send.passed.wait(PATIENCE_S)
    assert send.calls == times + 1
    send.passed.clear()
    frames.changed(urgent=False)
    assert send.passed.wait(PATIENCE_S)
    frames.close()


def test_a_sender_that_never_gets_through_ends_when_it_is_closed():
    send = Broken(1 << 30)
    frames = Sender(send)
    frames.changed(urgent=True)
    work = frames._work
    frames.close()
    assert work is not None
    assert work.over.wait(PATIENCE_S)


class Page:
    """What a page has of a view whose messages may be lost."""

    def __init__(self, view: RunView) -> None:
        self.messages: list[dict] = []
        self.failing = 0
        self.got = threading.Condition()
        view.send = self.send  # type: ignore[method-assign]

    def send(self, content, buffers=None):
        with self.got:
            if self.failing:
                self.failing -= 1
                raise OSError("the socket is closed")
            self.messages.append(content)
            self.got.notify_all()

    def wait_for(self, kind):
        with self.got:
            assert self.got.wait_for(lambda: any(m["k"] == kind for m in self.messages), PATIENCE_S), kind


def test_after_a_frame_that_was_lost_the_whole_document_goes_to_the_page():
    live = LiveState()
    view = RunView(live)
    page = Page(view)
    page.failing = 1
    FakeChatModel(responses=["one two three"]).invoke("q", {"callbacks": [live]})
    page.wait_for("snap")
    [run] = next(m for m in page.messages if m["k"] == "snap")["state"]["runs"]
    assert run["final_output"]["content"] == "one two three"
    page.messages.clear()
    FakeChatModel(responses=["four"]).invoke("q", {"callbacks": [live]})
    page.wait_for("frame")
    view.finish()
    assert view.snapshot["state"]["status"] == "done"
    assert len(view.snapshot["state"]["runs"]) == 2


def test_a_view_whose_messages_all_fail_ends_all_the_same():
    live = LiveState()
    view = RunView(live)
    Page(view).failing = 1 << 30
    FakeChatModel(responses=["one two three"]).invoke("q", {"callbacks": [live]})
    view.finish()
    assert view.snapshot["state"]["runs"][0]["status"] == "done"


def test_a_page_that_asks_while_nothing_can_be_sent_gets_an_answer_later():
    live = LiveState()
    view = RunView(live)
    page = Page(view)
    page.failing = 1
    with pytest.raises(OSError, match="closed"):
        view._on_message(view, {"k": "sync", "have": 0}, [])
    view._on_message(view, {"k": "sync", "have": 0}, [])
    assert page.messages[-1]["k"] == "snap"
