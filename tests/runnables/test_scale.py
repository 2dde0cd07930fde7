"""Long, deep and wide: chains far beyond what people write neither crash nor cost more per step.

Costs are compared within one run, least of several, with room for a busy machine: twice the cost per step
would fail the linear ones, quadratic ones are at eight times and more.
"""

import asyncio
import subprocess
import sys
import threading
import time
from contextlib import aclosing

import pytest

from tests.conftest import FORMS
from workbench import RunnableGenerator, RunnableLambda, RunnableParallel, RunnableSequence
from workbench.engine.threads import MANY

SLOWER = 3.0
"""Times the cost per step of a long chain over that of a short one, at most."""

WIDTH = 80
"""Threads that one batch starts at most, some more than ``BATCH_WIDTH``."""

OBSERVED = [None, {"callbacks": [lambda event: None]}]
both_observed_and_not = pytest.mark.parametrize("config", OBSERVED, ids=["plain", "observed"])


def inc(x):
    return x + 1


def upper(chunks):
    for chunk in chunks:
        yield chunk.upper()


async def aupper(chunks):
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk.upper()


def nested(depth):
    chain = RunnableLambda(inc)
    for _ in range(depth):
        chain = RunnableParallel(a=chain)
    return chain


def unwrapped(value):
    while isinstance(value, dict):
        value = value["a"]
    return value


def costs_per_step(work, short, long):
    """Seconds a step: least of five, in turn, so that drift of the machine hits both alike."""

    def cost(steps):
        run = work(steps)
        started = time.perf_counter()
        run()
        return (time.perf_counter() - started) / steps

    pairs = [(cost(short), cost(long)) for _ in range(5)]
    return min(short for short, _ in pairs), min(long for _, long in pairs)


@both_observed_and_not
@pytest.mark.timed
def test_a_thousand_steps_cost_no_more_each_than_a_hundred(run_chain, config):
    def work(steps):
        chain = RunnableSequence(*[inc] * steps)
        return lambda: run_chain(chain, 0, config)

    assert work(1000)() == 1000
    short, long = costs_per_step(work, 100, 1000)
    assert long < SLOWER * short


@both_observed_and_not
@pytest.mark.parametrize("form", FORMS)
def test_a_thousand_generators_stream_through_each_other(form, config):
    chain = RunnableSequence(*[RunnableGenerator(upper, aupper)] * 1000)
    assert FORMS[form](chain, "x", config) == "X"


@both_observed_and_not
@pytest.mark.timed
def test_a_hundred_levels_of_nesting_cost_no_more_each_than_twenty(run_chain, config):
    def work(depth):
        chain = nested(depth)
        return lambda: run_chain(chain, 0, config)

    assert unwrapped(work(100)()) == 1
    short, long = costs_per_step(work, 20, 100)
    assert long < SLOWER * short


@both_observed_and_not
def test_a_hundred_levels_of_wide_nesting_do_not_crash(run_chain, config):
    chain = RunnableLambda(inc)
    for _ in range(100):
        chain = RunnableLambda(inc) | RunnableParallel(a=chain, b=inc)
    assert unwrapped(run_chain(chain, 0, config)) == 101


@both_observed_and_not
def test_parallels_in_parallels_are_not_bounded_by_one_thread_s_stack(config):
    chain = RunnableLambda(inc)
    for _ in range(300):
        chain = RunnableLambda(inc) | RunnableParallel(a=chain, b=inc)
    assert unwrapped(chain.invoke(0, config)) == 301


BATCH = """
import asyncio, gc, resource
from workbench import RunnableLambda

def rss():
    gc.collect()
    with open("/proc/self/statm") as memory:
        return int(memory.read().split()[1]) * resource.getpagesize() / 2**20

def inc(x):
    return x + 1

async def ainc(x):
    await asyncio.sleep(0)
    return x + 1

chain = RunnableLambda(inc, ainc) | RunnableLambda(inc, ainc)
config = {"callbacks": [lambda event: None]} if OBSERVED else None
inputs = list(range(10_000))
chain.invoke(0, config)
before = rss()
outputs = RUN
with open("/proc/self/status") as status:  # getrusage would give the parent's peak where that is higher
    peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
assert outputs == [x + 2 for x in inputs]
print(peak - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize("run", ["chain.batch(inputs, config)", "asyncio.run(chain.abatch(inputs, config))"])
@pytest.mark.slow
def test_a_batch_of_ten_thousand_stays_small(run, observed):
    script = BATCH.replace("RUN", run).replace("OBSERVED", str(observed))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 200  # MiB at the peak over what the interpreter took before


def test_a_batch_of_a_thousand_waiting_calls_starts_few_threads():
    before = threading.active_count()
    seen = []

    def look(x):
        time.sleep(0.02)
        seen.append(threading.active_count())

    RunnableLambda(look).batch(list(range(1000)))
    assert len(seen) == 1000
    assert max(seen) - before <= WIDTH


def test_an_abatch_of_a_thousand_asynchronous_calls_starts_no_thread():
    before = threading.active_count()
    seen = []

    async def look(x):
        await asyncio.sleep(0.02)
        seen.append(threading.active_count())

    asyncio.run(RunnableLambda(look).abatch(list(range(1000))))
    assert len(seen) == 1000
    assert max(seen) <= before


def test_an_abatch_of_a_thousand_synchronous_calls_starts_a_bounded_number_of_threads():
    before = threading.active_count()
    seen = []

    def look(x):
        time.sleep(0.02)
        seen.append(threading.active_count())
        return x

    assert asyncio.run(RunnableLambda(look).abatch(list(range(1000)))) == list(range(1000))
    assert max(seen) - before <= MANY + 40  # one more for every 50 ms that calls have waited


@pytest.mark.slow
def test_calls_that_wait_for_calls_in_the_queue_do_not_deadlock():
    async def main():
        loop = asyncio.get_running_loop()
        inner = RunnableLambda(lambda x: x + 1)

        def outer(x):
            return asyncio.run_coroutine_threadsafe(inner.ainvoke(x), loop).result(30)

        return await RunnableLambda(outer).abatch(list(range(MANY + 60)))

    assert asyncio.run(main()) == [x + 1 for x in range(MANY + 60)]
