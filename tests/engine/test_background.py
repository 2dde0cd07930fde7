"""The background loop: work beside whatever loop the main thread has."""

import asyncio
import concurrent.futures
import threading
from contextvars import ContextVar

import pytest

from workbench.engine import background
from workbench.notebook.run import Job
from workbench.notebook.view import view
from workbench.notebook.viewed_runs import run_job
from workbench.runnables.function import RunnableLambda

WHO = ContextVar("WHO", default="-")


async def answer():
    await asyncio.sleep(0)
    return threading.current_thread().name, WHO.get()


def test_work_runs_on_the_loop_s_own_thread_in_the_caller_s_context():
    token = WHO.set("me")
    try:
        assert background.start(answer).wait() == (background.THREAD_NAME, "me")
    finally:
        WHO.reset(token)


def test_it_works_inside_a_running_loop_as_in_every_notebook_cell():
    async def cell():
        return background.start(answer).wait()

    assert asyncio.run(cell())[0] == background.THREAD_NAME


def test_errors_come_back_as_they_were_even_a_timeout():
    async def fail():
        raise TimeoutError("the server was slow")

    with pytest.raises(TimeoutError, match="the server was slow"):
        background.start(fail).wait()


def test_cancelling_from_another_thread_ends_the_work():
    ended = threading.Event()

    async def forever():
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    task = background.start(forever)
    threading.Timer(0.05, task.cancel).start()
    with pytest.raises(concurrent.futures.CancelledError):
        task.wait()
    assert ended.wait(1)
    task.cancel()  # again does no harm


def test_cancelling_before_it_began_keeps_it_from_running():
    ran = []

    async def work():
        ran.append(1)
        await asyncio.sleep(0)

    async def hold():
        task = background.start(work)
        task.cancel()
        return task

    task = background.start(hold).wait()
    with pytest.raises(concurrent.futures.CancelledError):
        task.wait()
    assert ran == []


def test_waiting_on_the_loop_for_the_loop_is_refused():
    async def inner():
        return background.start(answer).wait()

    with pytest.raises(RuntimeError, match="would never end"):
        background.start(inner).wait()


def test_a_chain_is_run_and_shown_where_there_is_no_notebook(capsys):
    assert view(RunnableLambda(lambda x: x + 1), 1, title="plus one") == 2
    assert "plus one" in capsys.readouterr().out
    batch = Job(RunnableLambda(lambda x: x + 1), [1, 2], is_batch=True)
    assert run_job(batch, view="none").output == [2, 3]
    assert capsys.readouterr().out == ""


def test_a_chain_that_fails_is_shown_as_failed(capsys):
    def boom(x):
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        view(RunnableLambda(boom), 1)
    assert "failed" in capsys.readouterr().out
