"""with_listeners and with_alisteners: told of one runnable's own runs."""

import asyncio
from uuid import uuid4

import pytest

from workbench import Run, RunnableGenerator, RunnableLambda


def inc(x):
    return x + 1


def fails(x):
    raise ValueError("broken")


def letters(chunks):
    for chunk in chunks:
        yield from chunk


def told(log, kind):
    return lambda run: log.append((kind, run.name, run.output if kind == "end" else run.error))


def listened(runnable, log):
    return runnable.with_listeners(
        on_start=told(log, "start"), on_end=told(log, "end"), on_error=told(log, "error")
    )


def atold(log, kind):
    async def listener(run):
        await asyncio.sleep(0)
        log.append((kind, run.name, run.output if kind == "end" else run.error))

    return listener


def alistened(runnable, log):
    return runnable.with_alisteners(
        on_start=atold(log, "start"), on_end=atold(log, "end"), on_error=atold(log, "error")
    )


BOTH = pytest.mark.parametrize("listen", [listened, alistened])


@BOTH
def test_they_are_told_of_the_start_and_the_end(run_chain, listen):
    log = []
    assert run_chain(listen(RunnableLambda(inc), log), 1) == 2
    assert log == [("start", "inc", None), ("end", "inc", 2)]


@BOTH
def test_they_are_told_of_the_error(run_chain, listen):
    log = []
    with pytest.raises(ValueError, match="broken") as caught:
        run_chain(listen(RunnableLambda(fails), log), 1)
    assert log == [("start", "fails", None), ("error", "fails", caught.value)]


@BOTH
def test_nested_runs_and_other_steps_are_not_told_of(run_chain, listen):
    log = []
    chain = inc | listen(RunnableLambda(inc) | inc, log).with_config(run_name="both") | inc
    assert run_chain(chain, 1) == 5
    assert log == [("start", "both", None), ("end", "both", 4)]


@BOTH
def test_streams_go_on_flowing_and_the_end_has_their_sum(collect, listen):
    log = []
    chain = listen(RunnableGenerator(letters), log) | RunnableGenerator(letters)
    assert collect(chain, "abc") == ["a", "b", "c"]
    assert log[-1] == ("end", "letters", "abc")


@BOTH
def test_closing_a_stream_early_is_its_end(listen):
    log = []
    chunks = listen(RunnableGenerator(letters), log).stream("abc")
    assert next(chunks) == "a"
    chunks.close()
    assert log[-1] == ("end", "letters", "a")


@BOTH
def test_each_input_of_a_batch_has_its_own_runs(listen):
    log = []
    listen(RunnableLambda(inc), log).batch([1, 2, 3])
    asyncio.run(listen(RunnableLambda(inc), log).abatch([4, 5]))
    assert sorted(output for kind, _, output in log if kind == "end") == [2, 3, 4, 5, 6]


def test_the_run_carries_what_the_call_gave_it(run_chain):
    runs, id = [], uuid4()
    chain = RunnableLambda(inc).with_listeners(on_end=runs.append)
    config = {"run_id": id, "run_name": "mine", "tags": ["t"], "metadata": {"m": 1}}
    run_chain(chain, 1, config)
    (run,) = runs
    assert isinstance(run, Run)
    assert (run.id, run.name, run.tags, run.metadata) == (str(id), "mine", ["t"], {"m": 1})
    assert (run.input, run.output) == (1, 2)


def test_a_call_s_name_and_id_are_not_those_of_a_nested_listened_step(run_chain):
    runs = []
    chain = RunnableLambda(inc) | RunnableLambda(inc).with_listeners(on_end=runs.append)
    id = uuid4()
    run_chain(chain, 1, {"run_id": id, "run_name": "outer"})
    assert runs[0].name == "inc"
    assert runs[0].id != str(id)


@pytest.mark.parametrize("kind", ["positional", "keyword"])
def test_a_second_parameter_gets_the_config(run_chain, kind):
    seen = []

    def positional(run, about):
        seen.append(about["tags"])

    def keyword(run, *, config):
        seen.append(config["tags"])

    listener = positional if kind == "positional" else keyword
    run_chain(RunnableLambda(inc).with_listeners(on_start=listener), 1, {"tags": ["t"]})
    assert seen == [["t"]]


def test_async_listeners_may_take_the_config_too(run_chain):
    seen = []

    async def listener(run, config):
        seen.append(config["metadata"])

    run_chain(RunnableLambda(inc).with_alisteners(on_end=listener), 1, {"metadata": {"m": 1}})
    assert seen == [{"m": 1}]


def test_several_listeners_are_all_told(run_chain, recorder):
    log = []
    chain = listened(listened(RunnableLambda(inc), log), log).bind().with_config(tags=["x"])
    run_chain(chain, 1, {"callbacks": [recorder]})
    assert [kind for kind, _, _ in log] == ["start", "start", "end", "end"]
    assert recorder.kinds("start", "end") == [("start", "inc"), ("end", "inc")]


@BOTH
def test_what_a_listener_raises_is_raised(run_chain, listen):
    def broken(run):
        raise RuntimeError("listener")

    async def abroken(run):
        raise RuntimeError("listener")

    if listen is listened:
        chain = RunnableLambda(inc).with_listeners(on_start=broken)
    else:
        chain = RunnableLambda(inc).with_alisteners(on_start=abroken)
    with pytest.raises(RuntimeError, match="listener"):
        run_chain(chain, 1)


@BOTH
def test_a_listener_that_fails_does_not_hide_the_error(run_chain, listen):
    def broken(run):
        raise RuntimeError("listener")

    async def abroken(run):
        raise RuntimeError("listener")

    if listen is listened:
        chain = RunnableLambda(fails).with_listeners(on_error=broken)
    else:
        chain = RunnableLambda(fails).with_alisteners(on_error=abroken)
    with pytest.raises(ValueError, match="broken") as caught:
        run_chain(chain, 1)
    assert any("RuntimeError: listener" in note for note in caught.value.__notes__)


def test_the_work_waits_for_an_async_listener():
    order = []

    async def slow(run):
        await asyncio.sleep(0.01)
        order.append("started")

    chain = RunnableLambda(lambda x: order.append("work")).with_alisteners(on_start=slow)
    asyncio.run(chain.ainvoke(1))
    assert order == ["started", "work"]


def test_synchronous_calls_run_async_listeners_under_a_running_loop():
    log = []

    async def cell():
        return alistened(RunnableLambda(inc), log).invoke(1)

    assert asyncio.run(cell()) == 2
    assert log == [("start", "inc", None), ("end", "inc", 2)]


def test_cancelling_is_told_of_as_an_error():
    log = []

    async def main():
        started = asyncio.Event()

        async def waits(x):
            started.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(alistened(RunnableLambda(waits), log).ainvoke(1))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [kind for kind, _, _ in log] == ["start", "error"]


def test_the_wrong_kind_of_function_is_refused():
    async def listener(run):
        pass

    with pytest.raises(TypeError, match=r"on_end to be a plain function.*see with_alisteners"):
        RunnableLambda(inc).with_listeners(on_end=listener)
    with pytest.raises(TypeError, match=r"on_end to be an asynchronous function.*see with_listeners"):
        RunnableLambda(inc).with_alisteners(on_end=print)
    with pytest.raises(TypeError, match="expected on_start to be a function of the run, got 7"):
        RunnableLambda(inc).with_listeners(on_start=7)


def test_listeners_survive_bind_and_with_config(run_chain):
    log = []
    chain = listened(RunnableLambda(lambda x, by: x * by, name="times"), log).bind(by=3)
    assert run_chain(chain.with_config(run_name="thrice"), 2) == 6
    assert log == [("start", "thrice", None), ("end", "thrice", 6)]
