"""What people rely on: batches, errors, retries, fallbacks and closing. The numbers are those of the
project's list of behaviours."""

import asyncio
import threading
from contextlib import aclosing

import pytest

from workbench import RunnableGenerator, RunnableLambda, RunnableParallel


def inc(x):
    return x + 1


def letters(chunks):
    for chunk in chunks:
        yield from chunk


@pytest.fixture(params=["batch", "abatch"])
def run_batch(request):
    """A batch in its two forms."""

    def run(chain, inputs, config=None, **options):
        if request.param == "batch":
            return chain.batch(inputs, config, **options)
        return asyncio.run(chain.abatch(inputs, config, **options))

    return run


class Gauge:
    """Counts calls in flight; each lasts until as many are as it was told to expect, or a short while."""

    def __init__(self, expected):
        self.now = self.peak = 0
        self.changed = threading.Condition()
        self.expected = expected

    def __call__(self, x):
        with self.changed:
            self.now += 1
            self.peak = max(self.peak, self.now)
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.peak >= self.expected, timeout=0.02)
        with self.changed:
            self.now -= 1
        return x


def test_a_batch_keeps_order_and_of_nothing_gives_nothing(run_batch):
    """behaviour 18"""
    assert run_batch(RunnableLambda(inc) | inc, list(range(50))) == list(range(2, 52))
    assert run_batch(RunnableLambda(inc), []) == []


def test_a_batch_runs_all_that_waits_at_once(run_batch):
    """behaviour 18"""
    meeting = threading.Barrier(40)

    def meet(x):
        meeting.wait(timeout=10)  # far more than a machine has cores: passed only by all together
        return x

    assert run_batch(RunnableLambda(meet), list(range(40))) == list(range(40))


def test_branches_that_wait_are_not_throttled_to_the_number_of_cores(run_chain):
    """behaviour 18"""
    meeting = threading.Barrier(32)
    wide = RunnableParallel({str(n): lambda x: meeting.wait(timeout=10) for n in range(32)})
    assert sorted(run_chain(wide, 0).values()) == list(range(32))


def test_an_asynchronous_batch_runs_everything_at_once():
    """behaviour 18"""

    async def main():
        meeting = asyncio.Barrier(500)

        async def meet(x):
            await meeting.wait()
            return x

        return await asyncio.wait_for(RunnableLambda(meet).abatch(list(range(500))), 20)

    assert asyncio.run(main()) == list(range(500))


def test_max_concurrency_bounds_the_calls_in_flight(run_batch):
    """behaviour 18"""
    gauge = Gauge(expected=4)
    chain = RunnableLambda(gauge) | {"a": gauge, "b": RunnableLambda(gauge) | gauge}
    run_batch(chain, list(range(12)), {"max_concurrency": 3})
    assert gauge.peak == 3


def test_as_completed_gives_indexes_and_outputs_in_the_order_they_finish():
    """behaviour 18"""
    first_may_end = threading.Event()

    def work(x):
        if x == 0:
            assert first_may_end.wait(timeout=10)
        return x * 10

    seen = []
    for index, output in RunnableLambda(work).batch_as_completed([0, 1]):
        seen.append((index, output))
        first_may_end.set()
    assert seen == [(1, 10), (0, 0)]

    async def main():
        may_end = asyncio.Event()

        async def awork(x):
            if x == 0:
                await may_end.wait()
            return x * 10

        seen = []
        async for pair in RunnableLambda(awork).abatch_as_completed([0, 1]):
            seen.append(pair)
            may_end.set()
        empty = [pair async for pair in RunnableLambda(awork).abatch_as_completed([])]
        return seen, empty

    assert asyncio.run(main()) == ([(1, 10), (0, 0)], [])
    assert list(RunnableLambda(work).batch_as_completed([])) == []


def test_failed_inputs_drop_out_of_later_steps_and_come_back_in_place(run_batch):
    """behaviour 19"""
    reached = []

    def fail_on_one(x):
        if x == 1:
            raise ValueError("one")
        return x

    def later(x):
        reached.append(x)
        return x * 10

    outputs = run_batch(RunnableLambda(fail_on_one) | later, [0, 1, 2], return_exceptions=True)
    assert (outputs[0], repr(outputs[1]), outputs[2]) == (0, "ValueError('one')", 20)
    assert sorted(reached) == [0, 2]
    with pytest.raises(ValueError, match="one"):
        run_batch(RunnableLambda(fail_on_one) | later, [0, 1, 2])


class Flaky:
    """Fails the first *times* calls with each input."""

    def __init__(self, times, error=ValueError):
        self.times, self.error = times, error
        self.calls = []

    def __call__(self, x):
        self.calls.append(x)
        if self.calls.count(x) <= self.times.get(x, 0):
            raise self.error(f"call {self.calls.count(x)} with {x}")
        return x * 10


def test_a_retried_batch_repeats_only_the_inputs_that_failed(run_batch):
    """behaviour 20"""
    flaky = Flaky({1: 2, 3: 1})
    chain = RunnableLambda(flaky).with_retry(wait_exponential_jitter=False)
    assert run_batch(chain, [0, 1, 2, 3]) == [0, 10, 20, 30]
    assert sorted(flaky.calls) == [0, 1, 1, 1, 2, 3, 3]


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_other_exceptions_are_not_retried_and_a_predicate_may_decide(form):
    """behaviour 20"""

    def run(chain, input):
        return chain.invoke(input) if form == "invoke" else asyncio.run(chain.ainvoke(input))

    flaky = Flaky({1: 1}, KeyError)
    with pytest.raises(KeyError):
        run(RunnableLambda(flaky).with_retry(retry_if_exception_type=(ValueError,)), 1)
    assert flaky.calls == [1]

    flaky = Flaky({1: 1})
    picky = RunnableLambda(flaky).with_retry(
        retry_if_exception_type=lambda error: "call 1" in str(error),
        exponential_jitter_params={"initial": 0.001, "max": 0.002, "exp_base": 2, "jitter": 0.001},
    )
    assert run(picky, 1) == 10
    assert flaky.calls == [1, 1]


def boom(x):
    raise ValueError("boom")


def test_a_stream_falls_back_only_while_no_chunk_went_out(collect):
    """behaviour 21"""

    def at_once(chunks):
        raise ValueError("at once")
        yield

    def later(chunks):
        yield "a"
        raise ValueError("later")

    spare = RunnableLambda(lambda x: "spare")
    assert collect(RunnableGenerator(at_once).with_fallbacks([spare]), "x") == ["spare"]
    with pytest.raises(ValueError, match="later"):
        collect(RunnableGenerator(later).with_fallbacks([spare]), "x")


def test_the_error_goes_into_the_next_input_under_the_exception_key(run_chain):
    """behaviour 21"""
    chain = RunnableLambda(boom).with_fallbacks([RunnableLambda(lambda d: repr(d["e"]))], exception_key="e")
    assert run_chain(chain, {"x": 1}) == "ValueError('boom')"


class Unaddable:
    def __add__(self, other):
        raise RuntimeError("cannot be merged")


@pytest.mark.parametrize("chunk", [dict, Unaddable])
def test_an_upstream_error_is_what_every_run_ends_with(run_chain, recorder, chunk):
    """behaviour 22"""

    def fails(chunks):
        yield chunk()
        yield chunk()
        raise ValueError("original")

    def through(chunks):
        yield from chunks

    def gather(x):
        return x

    with pytest.raises(ValueError, match="original"):
        run_chain(
            RunnableGenerator(fails) | through | {"a": gather, "b": gather}, 0, {"callbacks": [recorder]}
        )
    assert recorder.unended() == []
    assert {repr(event.value) for event in recorder.events if event.kind == "error"} == {
        "ValueError('original')"
    }


def test_observing_does_not_fail_a_stream_whose_chunks_do_not_add(collect, recorder):
    """behaviour 22"""

    def generate(chunks):
        yield Unaddable()
        yield Unaddable()

    assert len(collect(RunnableGenerator(generate), 0, {"callbacks": [recorder]})) == 2
    assert recorder.unended() == []


def watched_source(events):
    def source(chunks):
        try:
            for number in range(10_000):
                events.append(number)
                yield str(number)
        finally:
            events.append("closed")

    async def asource(chunks):
        try:
            for number in range(10_000):
                events.append(number)
                yield str(number)
                await asyncio.sleep(0)
        finally:
            events.append("closed")

    return source, asource


def test_closing_a_stream_early_closes_its_source_at_once_without_a_word(recorder):
    """behaviour 23"""
    events = []
    source, _ = watched_source(events)
    stream = (RunnableGenerator(source) | letters).stream(0, {"callbacks": [recorder]})
    assert next(stream) == "0"
    stream.close()
    assert events == [0, "closed"]
    assert recorder.unended() == []


def test_closing_an_asynchronous_stream_closes_its_source_at_once(recorder):
    """behaviour 23"""
    events = []
    _, source = watched_source(events)

    async def main():
        async with aclosing(
            (RunnableGenerator(source) | letters).astream(0, {"callbacks": [recorder]})
        ) as chunks:
            async for _ in chunks:
                break
        return len(events)

    asyncio.run(main())
    assert events[-1] == "closed"
    assert len(events) < 50  # it runs ahead of a generator in a thread a bounded number of chunks
    assert recorder.unended() == []


@pytest.mark.parametrize("how", ["break", "cancel"])
def test_leaving_an_event_stream_cancels_the_work_inside(how):
    """behaviour 23"""
    cancelled = []

    async def main():
        started = asyncio.Event()

        async def work(x):
            started.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append(x)
                raise

        chain = RunnableLambda(inc) | work

        async def read():
            async with aclosing(chain.astream_events(1)) as events:
                async for _ in events:
                    if started.is_set() and how == "break":
                        break
                    if how == "break":
                        await asyncio.wait_for(started.wait(), 10)

        task = asyncio.create_task(read())
        await asyncio.wait_for(started.wait(), 10)
        if how == "cancel":
            task.cancel()
        done, _ = await asyncio.wait([task], timeout=10)
        return bool(done)

    assert asyncio.run(main())
    assert cancelled == [2]


def test_stop_iteration_in_a_function_becomes_a_runtime_error(run_chain):
    """behaviour 24"""

    def stops(x):
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        run_chain(RunnableLambda(stops), 1)
    with pytest.raises(RuntimeError, match="StopIteration"):
        run_chain(RunnableParallel(a=stops, b=inc), 1)
