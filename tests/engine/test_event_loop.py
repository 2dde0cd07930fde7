"""Branches as tasks on an event loop: what closing and cancelling leave behind."""

import asyncio
from contextlib import aclosing

import pytest

from workbench import RunnableGenerator, RunnableParallel, RunnablePassthrough
from workbench.engine.tasks import end_tasks


async def many(chunks):
    async for _ in chunks:
        for _ in range(100):
            yield "x"


async def test_closing_a_parallel_astream_whose_branches_wait_for_its_reader_does_not_hang():
    chain = RunnableParallel(a=RunnableGenerator(many), b=RunnableGenerator(many))

    async def read_one():
        async with aclosing(chain.astream(0)) as chunks:
            async for _ in chunks:
                for _ in range(50):  # by then the branches are as far ahead as they may be
                    await asyncio.sleep(0)
                break

    await asyncio.wait_for(read_one(), 5)


@pytest.mark.parametrize("turns", range(12))
async def test_closing_nested_parallels_leaves_no_task_behind(turns):
    inner = RunnableParallel(a=RunnablePassthrough(), b=RunnableGenerator(many))
    chain = RunnablePassthrough() | {"a": inner, "b": inner, "c": RunnablePassthrough()}
    before = asyncio.all_tasks()
    async with aclosing(chain.astream(0)) as chunks:
        await anext(chunks)
        for _ in range(turns):
            await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_tasks_are_waited_for_even_if_the_waiting_is_cancelled():
    ended = []

    async def reluctant():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            ended.append(True)

    task = asyncio.create_task(reluctant())
    await asyncio.sleep(0)
    ending = asyncio.create_task(end_tasks([task]))
    for _ in range(2):
        await asyncio.sleep(0.005)
        ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert ended == [True]


async def test_closing_a_synchronous_step_that_waits_for_a_source_slow_to_end_waits_for_it():
    ended = []

    async def slow_to_end(chunks):
        async for _ in chunks:
            pass
        try:
            yield "a"
            waiting.set()
            await asyncio.Event().wait()
        finally:
            for _ in range(50):
                await asyncio.sleep(0)
            ended.append("source")

    def pass_on(chunks):
        yield from chunks

    waiting = asyncio.Event()
    chain = RunnableGenerator(slow_to_end) | RunnableGenerator(pass_on)
    async with aclosing(chain.astream(0)) as chunks:
        assert await anext(chunks) == "a"
        await waiting.wait()
    assert ended == ["source"]
