"""@chain: functions as runnables."""

import asyncio

import pytest

from workbench import RunnableLambda, chain


@RunnableLambda
def double(x):
    return x * 2


@chain
def doubled_twice(x):
    """Two calls of one chain."""
    return double.invoke(double.invoke(x))


@chain
async def adoubled(x):
    return await double.ainvoke(x)


@chain
def counted(x):
    for number in range(x):
        yield str(double.invoke(number))


@chain
async def acounted(x):
    for number in range(x):
        yield str(await double.ainvoke(number))


def test_a_function_becomes_a_runnable_of_its_name(run_chain):
    assert run_chain(doubled_twice, 3) == 12
    assert doubled_twice.get_name() == "doubled_twice"
    assert doubled_twice.__doc__ == "Two calls of one chain."
    assert run_chain(doubled_twice | double, 1) == 8


def test_chains_it_calls_are_nested_runs(run_chain, recorder):
    run_chain(doubled_twice, 3, {"callbacks": [recorder], "tags": ["t"]})
    starts = [e.run for e in recorder.events if e.kind == "start"]
    assert [run.path for run in starts] == ["doubled_twice"] + ["doubled_twice > double"] * 2
    assert [run.tags for run in starts] == [["t"]] * 3
    assert recorder.unended() == []


def test_an_async_function_serves_the_async_forms(recorder):
    assert asyncio.run(adoubled.ainvoke(2, {"callbacks": [recorder]})) == 4
    assert recorder.kinds("start") == [("start", "adoubled"), ("start", "double")]
    with pytest.raises(TypeError, match="adoubled is asynchronous"):
        adoubled.invoke(2)


def test_a_generator_streams_and_adds_up(run_chain, collect, recorder):
    assert run_chain(counted, 3, {"callbacks": [recorder]}) == "024"
    assert {run.parent.name for run in (e.run for e in recorder.events) if run.name == "double"} == {
        "counted"
    }
    assert collect(counted, 3) == ["0", "2", "4"]


def test_an_async_generator_streams_and_adds_up(recorder):
    async def chunks():
        return [chunk async for chunk in acounted.astream(3, {"callbacks": [recorder]})]

    assert asyncio.run(chunks()) == ["0", "2", "4"]
    assert asyncio.run(acounted.ainvoke(3)) == "024"
    assert recorder.unended() == []


def test_it_may_take_its_config_and_return_a_runnable(run_chain):
    @chain
    def chosen(x, config):
        return double if "double" in config["tags"] else x

    assert run_chain(chosen, 2, {"tags": ["double"]}) == 4
    assert run_chain(chosen, 2) == 2


def test_an_error_inside_ends_every_run(run_chain, recorder):
    @chain
    def outer(x):
        return double.invoke(None)

    with pytest.raises(TypeError):
        run_chain(outer, 1, {"callbacks": [recorder]})
    assert recorder.unended() == []
