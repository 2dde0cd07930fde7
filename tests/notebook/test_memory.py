"""What a session has forgotten is gone: views, their documents and operations, comms, threads and files.

Objects and operations are counted, no bytes.
"""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref

import pytest
from comm import get_comm_manager
from ipywidgets.widgets.widget import _instances

import workbench
from workbench import FakeChatModel, JsonOutputParser, LiveState, RunnableLambda
from workbench.notebook import display, session, viewed_runs
from workbench.notebook.run import Job
from workbench.notebook.session import Runs
from workbench.notebook.viewed_runs import run_job
from workbench.notebook.widgets.run_view import RunView
from workbench.patch.application import apply_operation


@pytest.fixture
def runs(monkeypatch):
    """A session that keeps few runs, shown in widgets."""
    runs = Runs(kept=15)
    for module in (viewed_runs, workbench):
        monkeypatch.setattr(module, "runs", runs, raising=False)
    for module in (viewed_runs, display):
        monkeypatch.setattr(module, "in_kernel", lambda: True)
    yield runs
    runs.clear()


@pytest.fixture
def views(monkeypatch):
    """The views that were made, as weak references."""
    made: list[weakref.ref[RunView]] = []
    init = RunView.__init__

    def noted(self, *args, **options):
        init(self, *args, **options)
        made.append(weakref.ref(self))

    monkeypatch.setattr(RunView, "__init__", noted)
    return lambda: [view for reference in made if (view := reference()) is not None]


JOB = Job(FakeChatModel(responses=["one two three"]), "q")


def settled(count, most):
    until = time.monotonic() + 30
    while True:
        gc.collect()
        if count() <= most or time.monotonic() > until:
            return count()
        time.sleep(0.02)


def test_views_of_runs_that_the_session_has_forgotten_are_gone(runs, views):
    for _ in range(40):
        run_job(JOB)
    assert len(runs) == 15
    assert settled(lambda: len(views()), 15) == 15
    runs.clear()
    assert settled(lambda: len(views()), 0) == 0


def test_widgets_and_comms_do_not_grow_with_the_runs(runs):
    for _ in range(20):
        run_job(JOB)
    widgets, comms = len(_instances), len(get_comm_manager().comms)
    for _ in range(100):
        run_job(JOB)
    assert settled(lambda: len(_instances), widgets) <= widgets
    assert len(get_comm_manager().comms) <= comms


def test_threads_and_files_after_many_runs_are_as_before(runs):
    def open_files():
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    for _ in range(20):
        run_job(JOB, view="none")
    threads, files = threading.active_count(), open_files()
    for _ in range(1_000):
        run_job(JOB, view="none")
    assert settled(threading.active_count, threads) <= threads + 1  # one may just be ending
    assert open_files() <= files
    assert len(runs) == 15


def test_of_older_runs_only_the_document_is_kept(runs):
    for _ in range(session.KEPT_OPERATIONS + 4):
        run_job(JOB, view="none")
    lengths = [len(run.live.since(0)["ops"]) for run in runs]
    assert set(lengths[:3]) == {1}
    assert min(lengths[3:]) > 5
    oldest = runs[0].live
    document = oldest.snapshot()
    frame = oldest.since(0)
    assert (frame["a"], frame["b"]) == (0, document["seq"])
    assert apply_operation({"status": "waiting", "runs": []}, frame["ops"][0]) == document["state"]


def test_a_reader_that_was_half_way_gets_the_document_of_a_run_that_let_go():
    live = LiveState()
    steps = []
    RunnableLambda(lambda x: steps.append(live.take()) or x).invoke(1, {"callbacks": [live]})
    half_way = steps[0]["b"]
    live.set_status("done")
    live.let_go()
    frame = live.since(half_way)
    assert (frame["a"], frame["b"], len(frame["ops"])) == (half_way, live.seq, 1)
    assert frame["ops"][0]["value"] == live.snapshot()["state"]
    assert live.since(live.seq) is None
    for run in (live,):
        run.let_go()  # again does no harm
        assert run.since(0)["ops"][0]["value"]["runs"][0]["status"] == "done"


def test_a_run_that_goes_on_keeps_its_operations():
    live = LiveState()
    RunnableLambda(lambda x: live.let_go() or x).invoke(1, {"callbacks": [live]})
    assert len(live.since(0)["ops"]) > 2


def test_a_view_that_was_released_says_nothing_more(runs, views, monkeypatch):
    run_job(JOB)
    sent = []
    kind_of_comm = type(views()[0].comm)
    monkeypatch.setattr(kind_of_comm, "publish_msg", lambda self, kind, **about: sent.append(kind))
    runs.clear()
    assert settled(lambda: len(views()), 0) == 0
    assert "comm_close" not in sent  # which would take it out of the page


def test_the_chunks_of_a_run_that_is_done_are_let_go():
    run = run_job(
        Job(FakeChatModel(responses=['{"a": "' + "word " * 50 + '"}']) | JsonOutputParser(), "q"), view="none"
    )
    assert run.output["a"].startswith("word")
    assert run._total.value is None
