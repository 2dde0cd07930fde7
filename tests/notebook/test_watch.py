"""Views outside the magic: around any code, of a chain, of a run."""

import asyncio
import contextvars
import threading

import pytest

import workbench
from workbench import ChatPromptTemplate
from workbench.models.fake import FakeChatModel
from workbench.notebook.run import ChainRun, Job
from workbench.runnables.function import RunnableLambda

plus = RunnableLambda(lambda x: x + 1, name="plus")
times = RunnableLambda(lambda x: x * 10, name="times")


def names(live):
    return [run["name"] for run in live.snapshot()["state"]["runs"]]


def test_every_chain_called_in_the_block_is_a_root_of_one_view(capsys):
    with workbench.watch(title="both") as watched:
        assert plus.invoke(1) == 2
        assert list(times.stream(2)) == [20]
        assert (plus | times).batch([1, 2]) == [20, 30]
    plus.invoke(5)
    assert names(watched.live) == ["plus", "times", "RunnableSequence", "RunnableSequence"]
    assert watched.live.status == "done"
    shown = capsys.readouterr().out
    assert "both" in shown and "1 plus" in shown and "4 RunnableSequence" in shown


def test_asynchronous_calls_and_tasks_are_seen(capsys):
    async def cell():
        async with workbench.watch() as watched:
            await plus.ainvoke(1)
            await asyncio.gather(times.ainvoke(1), times.ainvoke(2))
            await asyncio.create_task(plus.ainvoke(3))
        return watched

    assert names(asyncio.run(cell()).live) == ["plus", "times", "times", "plus"]


def test_threads_in_a_copy_of_the_context_are_seen(capsys):
    with workbench.watch() as watched:
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(plus.invoke, 1))
        thread.start()
        thread.join()
    assert names(watched.live) == ["plus"]


def test_an_error_in_the_block_is_shown_and_goes_on(capsys):
    def boom(x):
        raise ZeroDivisionError("boom")

    with pytest.raises(ZeroDivisionError) as caught, workbench.watch() as watched:
        (plus | boom).invoke(1)
    assert watched.live.status == "failed"
    assert caught.value.__notes__ == ["in RunnableSequence > boom"]
    assert "boom" in capsys.readouterr().out


def test_nothing_is_shown_unasked(capsys):
    plus.invoke(1)
    with workbench.watch(view="none") as watched:
        plus.invoke(1)
    assert capsys.readouterr().out == ""
    assert names(watched.live) == ["plus"]


def test_watches_nest(capsys):
    with workbench.watch() as outer:
        plus.invoke(1)
        with workbench.watch() as inner:
            times.invoke(1)
    assert names(outer.live) == ["plus", "times"]
    assert names(inner.live) == ["times"]


def test_a_watch_in_use_cannot_be_entered_again(capsys):
    with workbench.watch() as watched, pytest.raises(RuntimeError, match="is in use"), watched:
        pass


def test_a_run_that_outlives_the_block_finishes_the_view(capsys):
    async def cell():
        go = asyncio.Event()

        async def wait(x):
            await go.wait()
            return x

        with workbench.watch() as watched:
            task = asyncio.create_task(RunnableLambda(wait).ainvoke(1))
            await asyncio.sleep(0.01)
        assert watched.live.status == "streaming"
        go.set()
        assert await task == 1
        return watched

    watched = asyncio.run(cell())
    for thread in threading.enumerate():
        if thread.name == "workbench-watch":
            thread.join(10)
    assert watched.live.status == "done"
    assert "wait" in capsys.readouterr().out


def test_stop_ends_an_asynchronous_call(capsys):
    async def cell():
        begun = asyncio.Event()

        async def forever(x):
            begun.set()
            await asyncio.sleep(60)

        with workbench.watch() as watched:
            task = asyncio.create_task(RunnableLambda(forever).ainvoke(1))
            await begun.wait()
            threading.Thread(target=watched.stop).start()
            with pytest.raises(asyncio.CancelledError):
                await task
        return watched

    assert asyncio.run(cell()).live.status == "cancelled"


def test_stop_ends_a_synchronous_call_at_its_next_step(capsys):
    done = []
    with workbench.watch() as watched, pytest.raises(asyncio.CancelledError):
        (plus | (lambda x: watched.stop() or x) | done.append).invoke(1)
    assert done == []
    assert watched.live.status == "cancelled"


def test_a_chain_is_run_under_a_view_and_gives_its_output(capsys):
    assert workbench.view(plus, 1, title="one more") == 2
    assert "one more" in capsys.readouterr().out
    assert workbench.view(lambda x: x * 3, 4) == 12
    assert plus.view(6) == 7
    assert "plus" in capsys.readouterr().out
    assert workbench.runs[-1].input == 6


def test_a_config_reaches_a_viewed_chain(capsys, recorder):
    assert plus.view(1, {"callbacks": [recorder], "tags": ["mine"]}) == 2
    assert recorder.kinds() == [("start", "plus"), ("chunk", "plus"), ("end", "plus")]


def test_a_run_of_the_session_is_shown_again(capsys):
    chain = ChatPromptTemplate.from_template("about {topic}") | FakeChatModel(responses=["Hi there"])
    workbench.view(chain, {"topic": "bears"}, view="none")
    assert capsys.readouterr().out == ""
    workbench.view(workbench.runs[-1])
    assert "Hi there" in capsys.readouterr().out


def test_a_run_that_goes_on_is_followed_to_its_end(capsys):
    go = threading.Event()
    run = ChainRun(Job(RunnableLambda(lambda x: go.wait(10) and "the end"), 1, "later"), 7)
    run.start()
    threading.Timer(0.05, go.set).start()
    workbench.view(run)
    shown = capsys.readouterr().out
    assert "the end" in shown and "later · ✓ done" in shown


def test_patches_and_events_of_any_origin_are_shown(capsys):
    chain = ChatPromptTemplate.from_template("about {topic}") | FakeChatModel(responses=["Hi there"])
    patches = list(chain.stream_log({"topic": "bears"}))
    workbench.view(patches, title="patches")
    workbench.view(iter(patches), title="iterated")
    workbench.view(chain.stream_events({"topic": "bears"}), title="events")
    shown = capsys.readouterr().out
    for title in ("patches", "iterated", "events"):
        assert f"{title} · ✓ done" in shown
    assert shown.count("Hi there") == 3

    async def cell():
        workbench.view(chain.astream_log({"topic": "bears"}), title="asynchronous")
        while "asynchronous · ✓ done" not in capsys.readouterr().out:
            await asyncio.sleep(0.005)

    asyncio.run(asyncio.wait_for(cell(), 10))


def test_a_view_that_goes_on_by_itself_can_be_awaited(capsys):
    chain = RunnableLambda(plus.ainvoke)

    async def cell():
        await workbench.view(chain.astream_log(1), title="awaited")
        return capsys.readouterr().out

    assert "awaited · ✓ done" in asyncio.run(asyncio.wait_for(cell(), 10))


def test_what_cannot_be_shown_is_refused(capsys):
    with pytest.raises(TypeError, match="expected a chain and its input"):
        workbench.view(42)


def test_a_chain_without_an_input_is_refused():
    with pytest.raises(TypeError, match="the input is missing"):
        workbench.view(plus)
