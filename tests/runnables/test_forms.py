"""What every chain does the same in its four forms: invoke, stream, ainvoke, astream."""

import asyncio
import gc
import sys
import threading
import time
from contextlib import aclosing
from contextvars import ContextVar

import pytest

from workbench import (
    Runnable,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnableSequence,
)


def inc(x):
    return x + 1


async def ainc(x):
    await asyncio.sleep(0)
    return x + 1


def letters(chunks):
    for chunk in chunks:
        yield from chunk


def upper(chunks):
    for chunk in chunks:
        yield chunk.upper()


async def aupper(chunks):
    async for chunk in chunks:
        yield chunk.upper()


def test_a_sequence_hands_each_output_to_the_next_step(run_chain):
    assert run_chain(RunnableLambda(inc) | inc | inc, 0) == 3


def test_functions_dicts_and_generators_become_steps_on_both_sides(run_chain):
    chain = inc | RunnablePassthrough() | {"a": inc, "b": {"c": inc}}
    assert run_chain(chain, 0) == {"a": 2, "b": {"c": 2}}
    assert run_chain({"x": inc} | RunnableLambda(lambda d: d["x"]), 1) == 2


def test_generators_stream_through(collect):
    assert collect(RunnableGenerator(letters) | upper, "abc") == ["A", "B", "C"]


def test_an_async_function_serves_the_async_forms_and_is_refused_by_the_others():
    chain = RunnableLambda(inc) | ainc
    assert asyncio.run(chain.ainvoke(0)) == 2
    with pytest.raises(TypeError, match="ainc is asynchronous"):
        chain.invoke(0)
    with pytest.raises(TypeError, match="aupper is asynchronous"):
        list((RunnableGenerator(letters) | aupper).stream("a"))


def test_a_lambda_with_both_forms_uses_the_one_that_fits(run_chain):
    chain = RunnableLambda(lambda x: "sync", afunc=_async_word)
    assert run_chain(chain, 0) == ("sync" if run_chain.form in ("invoke", "stream") else "async")


async def _async_word(x):
    return "async"


def test_a_function_may_return_a_runnable(run_chain):
    assert run_chain(RunnableLambda(lambda x: RunnableLambda(inc) | inc), 1) == 3


def test_a_function_that_returns_itself_for_ever_is_stopped(run_chain):
    loop = RunnableLambda(lambda x: loop, name="loop")
    with pytest.raises(RecursionError, match="recursion_limit"):
        run_chain(loop, 1, {"recursion_limit": 5})


def test_a_function_gets_its_config(run_chain):
    seen = {}

    def look(x, config):
        seen.update(config)
        return x

    run_chain(RunnableLambda(look), 1, {"tags": ["t"], "metadata": {"m": 1}, "my_key": "kept"})
    assert (seen["tags"], seen["metadata"], seen["my_key"]) == (["t"], {"m": 1}, "kept")


def test_assign_adds_keys_and_pick_takes_them(run_chain):
    chain = RunnablePassthrough.assign(b=lambda d: d["a"] + 1)
    assert run_chain(chain, {"a": 1}) == {"a": 1, "b": 2}
    assert run_chain(chain.pick("b"), {"a": 1}) == 2
    assert run_chain(chain.pick(["b"]), {"a": 1}) == {"b": 2}


def test_assign_streams_the_input_first(collect):
    chunks = collect(RunnablePassthrough.assign(b=lambda d: 2), {"a": 1})
    assert chunks == [{"a": 1}, {"b": 2}]


def test_what_is_no_step_is_refused_with_what_came():
    with pytest.raises(TypeError):
        RunnableLambda(inc) | 7
    with pytest.raises(TypeError, match="expected a Runnable, a function"):
        RunnableSequence(inc, 7)
    with pytest.raises(TypeError, match="expected a dict as input, got int"):
        RunnablePassthrough.assign(a=inc).invoke(1)
    with pytest.raises(TypeError, match="one that yields"):
        RunnableGenerator(inc)
    with pytest.raises(TypeError, match="config: expected a dict"):
        RunnableLambda(inc).invoke(1, "tags")
    with pytest.raises(ValueError, match="max_concurrency"):
        RunnableLambda(inc).invoke(1, {"max_concurrency": 0})


# Subclasses that override one method


class OnlyInvoke(Runnable):
    def invoke(self, input, config=None):
        return input * 2


class OnlyStream(Runnable):
    def stream(self, input, config=None):
        yield from (input, input)


class OnlyTransform(Runnable):
    def transform(self, input, config=None):
        for chunk in input:
            yield chunk + chunk


class OnlyAinvoke(Runnable):
    async def ainvoke(self, input, config=None):
        return input * 2


class OnlyAstream(Runnable):
    async def astream(self, input, config=None):
        yield input
        yield input


@pytest.mark.parametrize("cls", [OnlyInvoke, OnlyStream])
def test_overriding_one_method_gives_all_forms(cls, run_chain, recorder):
    assert run_chain(RunnableGenerator(letters) | cls(), "ab", {"callbacks": [recorder]}) == "abab"
    assert cls.__name__ in [name for _, name in recorder.kinds("start")]
    assert run_chain(cls(), "ab") == "abab"


def test_overriding_transform_gives_all_forms(run_chain):
    assert run_chain(OnlyTransform(), "ab") == "abab"


@pytest.mark.parametrize("cls", [OnlyAinvoke, OnlyAstream])
def test_overriding_an_async_method_gives_the_async_forms(cls):
    assert asyncio.run(cls().ainvoke("ab")) == "abab"
    with pytest.raises(TypeError, match="synchronous"):
        cls().invoke("ab")


def test_a_class_that_overrides_nothing_says_what_to_do(run_chain):
    class Empty(Runnable):
        pass

    with pytest.raises(TypeError, match="override invoke, stream, transform"):
        run_chain(Empty(), 1)


def test_super_reaches_what_was_overridden(run_chain):
    class Doubling(RunnableSequence):
        def invoke(self, input, config=None, **kwargs):
            return super().invoke(input, config) * 2

        async def ainvoke(self, input, config=None, **kwargs):
            return await super().ainvoke(input, config) * 2

    expected = 4 if run_chain.form in ("invoke", "ainvoke") else 2
    assert run_chain(Doubling(inc, inc), 0) == expected


# Errors


def boom(x):
    raise ValueError("boom")


def late(chunks):
    for number, chunk in enumerate(chunks):
        if number == 2:
            raise ValueError("late")
        yield chunk


def test_an_error_names_the_step_and_every_run_ends(run_chain, recorder):
    chain = RunnableLambda(inc) | {"fine": inc, "bad": RunnableLambda(boom).with_config(run_name="my_step")}
    with pytest.raises(ValueError, match="boom") as caught:
        run_chain(chain, 1, {"callbacks": [recorder]})
    assert caught.value.__notes__ == ["in RunnableSequence > RunnableParallel<fine,bad> > my_step"]
    assert recorder.unended() == []


def test_the_step_is_named_without_an_observer_too(run_chain):
    with pytest.raises(ValueError) as caught:
        run_chain(RunnableLambda(inc) | RunnableLambda(boom, name="my_step") | inc, 1)
    assert caught.value.__notes__ == ["in RunnableSequence > my_step"]


def test_an_error_in_mid_stream_comes_after_the_chunks_before_it(recorder):
    chain = RunnableGenerator(letters) | late | upper
    got = []
    with pytest.raises(ValueError, match="late"):
        for chunk in chain.stream("abcd", {"callbacks": [recorder]}):
            got.append(chunk)
    assert got == ["A", "B"]
    assert recorder.unended() == []
    outputs = {e.run.name: e.run.output for e in recorder.events if e.kind in ("end", "error")}
    assert (outputs["late"], outputs["upper"]) == ("ab", "AB")  # what they had is kept


def test_an_error_in_mid_astream_comes_after_the_chunks_before_it(recorder):
    chain = RunnableGenerator(letters) | late | aupper

    async def main():
        got = []
        with pytest.raises(ValueError, match="late"):
            async for chunk in chain.astream("abcd", {"callbacks": [recorder]}):
                got.append(chunk)
        return got

    assert asyncio.run(main()) == ["A", "B"]
    assert recorder.unended() == []


def test_a_failing_branch_stops_the_others(run_chain, recorder):
    steps = []

    def slow(x):
        for _ in range(100):
            RunnableLambda(lambda _: steps.append(time.sleep(0.01))).invoke(x)

    def fail(x):
        time.sleep(0.02)
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        run_chain(RunnableParallel(slow=slow, bad=fail), 0, {"callbacks": [recorder]})
    assert len(steps) < 70  # a hundred if it went on
    for _ in range(100):  # a function in a thread ends its own step first
        if not recorder.unended():
            break
        time.sleep(0.01)
    assert recorder.unended() == []


def test_stop_iteration_in_a_function_becomes_a_runtime_error(run_chain):
    def stop(x):
        raise StopIteration(7)

    with pytest.raises(RuntimeError):
        run_chain(RunnableLambda(inc) | stop, 1)


def test_the_traceback_ends_in_the_user_s_code(run_chain):
    with pytest.raises(ValueError) as caught:
        run_chain(RunnableLambda(inc) | boom, 1)
    assert caught.traceback[-1].name == "boom"


# Early close and cancellation


def _source_and_sink():
    events = []

    def source(chunks):
        try:
            for chunk in chunks:
                for letter in chunk:
                    events.append(letter)
                    yield letter
        finally:
            events.append("source closed")

    def sink(chunks):
        try:
            yield from chunks
        finally:
            events.append("sink closed")

    return RunnableGenerator(source) | sink, events


def test_closing_a_stream_closes_its_source_at_once(recorder):
    chain, events = _source_and_sink()
    stream = chain.stream("abcdef", {"callbacks": [recorder]})
    next(stream), next(stream)
    stream.close()
    assert events == ["a", "b", "source closed", "sink closed"]
    ends = [(e.run.name, e.value) for e in recorder.events if e.kind == "end"]
    assert ends == [("source", "ab"), ("sink", "ab"), ("RunnableSequence", "ab")]


def test_leaving_a_for_closes_the_source_without_a_word():
    chain, events = _source_and_sink()
    for _ in chain.stream("abcdef"):
        break
    assert events == ["a", "source closed", "sink closed"]


def test_a_stream_abandoned_under_a_running_loop_is_closed_at_once():
    chain, events = _source_and_sink()

    async def cell():  # a notebook cell: a loop is running in this very thread
        for _ in chain.stream("abcdef"):
            break
        return list(events)

    assert asyncio.run(cell()) == ["a", "source closed", "sink closed"]


def test_closing_an_astream_closes_synchronous_generators_in_their_threads():
    chain, events = _source_and_sink()

    async def main():
        async with aclosing(chain.astream("abcdef" * 100)) as chunks:
            async for _ in chunks:
                break

    asyncio.run(main())
    assert {"source closed", "sink closed"} < set(events)
    assert len(events) < 40  # it ran ahead a bounded number of chunks


@pytest.mark.parametrize("form", ["stream", "astream"])
def test_closing_a_parallel_stream_closes_every_branch(form):
    chains = [_source_and_sink() for _ in range(3)]
    both = RunnableParallel({str(n): chain for n, (chain, _) in enumerate(chains)})

    async def main():
        async with aclosing(both.astream("abcdef" * 50)) as chunks:
            async for _ in chunks:
                break

    if form == "stream":
        for _ in both.stream("abcdef" * 50):
            break
    else:
        asyncio.run(main())
    for _, events in chains:  # a source may not have begun when its sink had
        assert "source closed" in events or events in ([], ["sink closed"])


def test_cancelling_ends_every_run(recorder):
    async def forever(x):
        await asyncio.sleep(60)

    async def main():
        chain = RunnableLambda(ainc) | {"a": forever, "b": forever}
        task = asyncio.create_task(chain.ainvoke(0, {"callbacks": [recorder]}))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert recorder.unended() == []
    assert {e.run.status for e in recorder.events if e.kind == "error"} == {"cancelled"}


def test_cancelling_an_astream_whose_generator_waits_for_a_slow_source():
    async def slow(chunks):
        async for _ in chunks:
            yield "first"
            await asyncio.sleep(30)
            yield "never"

    def sink(chunks):
        yield from chunks

    async def main():
        seen = []

        async def consume():
            async with aclosing((RunnableGenerator(slow) | sink).astream(0)) as chunks:
                async for chunk in chunks:
                    seen.append(chunk)

        task = asyncio.create_task(consume())
        while not seen:
            await asyncio.sleep(0.005)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=3)
        return seen, bool(done) and task.cancelled()

    assert asyncio.run(main()) == (["first"], True)


def test_cancelling_stops_chains_that_a_function_in_a_thread_runs():
    ticks = []
    step = RunnableLambda(lambda x: (time.sleep(0.01), ticks.append(x)))

    def work(x):
        for number in range(1000):
            step.invoke(number)

    async def main():
        task = asyncio.create_task(RunnableLambda(work).ainvoke(0))
        while len(ticks) < 3:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.05)
        seen = len(ticks)
        await asyncio.sleep(0.1)
        return len(ticks) - seen

    assert asyncio.run(main()) == 0


def test_an_interrupt_passes_through_and_ends_the_runs(recorder):
    def interrupt(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        (RunnableLambda(inc) | interrupt).invoke(0, {"callbacks": [recorder]})
    assert recorder.unended() == []


# Context, depth, width


USER = ContextVar("USER", default="-")


def test_context_variables_reach_every_step(run_chain):
    token = USER.set("me")
    try:
        chain = RunnableLambda(lambda x: USER.get()) | {"a": lambda x: x + USER.get(), "b": lambda x: x}
        assert run_chain(chain, 0) == {"a": "meme", "b": "me"}
    finally:
        USER.reset(token)


def test_a_chain_called_from_a_function_joins_its_run(run_chain, recorder):
    inner = RunnableLambda(inc) | inc

    def outer(x):
        return inner.invoke(x)

    run_chain(RunnableLambda(inc) | outer, 0, {"callbacks": [recorder]})
    nested = [e.run for e in recorder.events if e.kind == "start" and e.run.name == "RunnableSequence"]
    assert [run.path for run in nested] == ["RunnableSequence", "RunnableSequence > outer > RunnableSequence"]


def test_a_chain_called_from_a_generator_joins_its_run(collect, recorder):
    inner = RunnableLambda(inc)

    def outer(chunks):
        for chunk in chunks:
            yield inner.invoke(chunk)

    collect(RunnableLambda(inc) | outer, 0, {"callbacks": [recorder]})
    paths = [e.run.path for e in recorder.events if e.kind == "start"]
    assert "RunnableSequence > outer > inc" in paths


def test_a_chain_of_twenty_generators_does_not_deadlock(collect):
    assert collect(RunnableSequence(*[RunnableGenerator(upper)] * 20), "x") == ["X"]


def test_a_thousand_steps_run_in_every_form(run_chain):
    assert run_chain(RunnableSequence(*[inc] * 1000), 0) == 1000


def test_a_thousand_steps_run_observed(run_chain, recorder):
    assert run_chain(RunnableSequence(*[inc] * 1000), 0, {"callbacks": [recorder]}) == 1000
    assert recorder.unended() == []


def test_a_hundred_levels_of_nesting_run_in_every_form(run_chain):
    chain = RunnableLambda(inc)
    for _ in range(100):
        chain = RunnableParallel(a=chain)
    value = run_chain(chain, 0)
    for _ in range(100):
        value = value["a"]
    assert value == 1


def test_a_wide_parallel_keeps_its_order(run_chain):
    wide = RunnableParallel({str(n): RunnableLambda(lambda x, n=n: n) for n in range(200)})
    assert run_chain(wide, 0) == {str(n): n for n in range(200)}
    assert list(RunnableParallel(b=inc, a=inc).invoke(0)) == ["b", "a"]


# Batch and limits


def test_batch_keeps_order_and_gives_errors_in_place_on_request():
    def fail_on_two(x):
        if x == 2:
            raise ValueError("two")
        return x * 10

    chain = RunnableLambda(inc) | fail_on_two | inc
    results = chain.batch([0, 1, 2], return_exceptions=True)
    assert (results[0], results[2]) == (11, 31)
    assert isinstance(results[1], ValueError)
    assert repr(asyncio.run(chain.abatch([0, 1, 2], return_exceptions=True))) == repr(results)
    with pytest.raises(ValueError, match="two"):
        chain.batch([0, 1, 2])
    assert chain.batch([]) == []
    assert asyncio.run(chain.abatch([])) == []


def test_batch_refuses_configs_of_another_length_and_a_bare_text():
    with pytest.raises(ValueError, match="expected one config or 2"):
        RunnableLambda(inc).batch([1, 2], [{}])
    with pytest.raises(TypeError, match="list of inputs, got str"):
        RunnableLambda(inc).batch("ab")


def test_batch_as_completed_gives_the_fastest_first():
    chain = RunnableLambda(lambda s: time.sleep(s) or s)
    assert [index for index, _ in chain.batch_as_completed([0.08, 0.0, 0.04])] == [1, 2, 0]

    async def main():
        achain = RunnableLambda(_asleep)
        return [index async for index, _ in achain.abatch_as_completed([0.08, 0.0, 0.04])]

    assert asyncio.run(main()) == [1, 2, 0]


async def _asleep(s):
    await asyncio.sleep(s)
    return s


class Gauge:
    """Counts how many calls are in flight."""

    def __init__(self):
        self.now = self.peak = 0
        self.lock = threading.Lock()

    def __call__(self, x):
        with self.lock:
            self.now += 1
            self.peak = max(self.peak, self.now)
        time.sleep(0.01)
        with self.lock:
            self.now -= 1
        return x


@pytest.mark.parametrize("form", ["batch", "abatch"])
def test_max_concurrency_bounds_the_calls_in_flight_nested_ones_too(form):
    gauge = Gauge()
    inner = RunnableParallel(a=gauge, b=gauge)

    def nested(x):
        return inner.batch([x, x])

    chain = RunnableParallel(a=gauge, b=nested, c=RunnableLambda(gauge) | gauge)
    config = {"max_concurrency": 3}
    if form == "batch":
        chain.batch(list(range(6)), config)
    else:
        asyncio.run(chain.abatch(list(range(6)), config))
    assert gauge.peak == 3


@pytest.mark.parametrize("form", ["batch", "abatch"])
def test_a_limit_of_one_does_not_deadlock_on_nested_chains(form):
    gauge = Gauge()

    def nested(x):
        return (RunnableLambda(gauge) | {"a": gauge, "b": gauge}).invoke(x)

    chain = RunnableLambda(nested) | {"a": nested, "b": gauge}
    if form == "batch":
        chain.batch([1, 2], {"max_concurrency": 1})
    else:
        asyncio.run(asyncio.wait_for(chain.abatch([1, 2], {"max_concurrency": 1}), 10))
    assert gauge.peak == 1


def test_waiting_branches_are_not_throttled_to_the_cores():
    waiting = threading.Barrier(8)  # broken unless all eight wait at once
    meeting = RunnableParallel({str(n): (lambda x: waiting.wait(10)) for n in range(8)})
    for _ in range(2):
        assert sorted(meeting.invoke(0).values()) == list(range(8))


def test_a_wide_batch_does_not_start_a_thread_an_input():
    before = threading.active_count()
    peak = []

    def look(x):
        peak.append(threading.active_count())

    RunnableLambda(look).batch(list(range(1000)))
    assert max(peak) - before <= 80


def test_a_stalled_reader_stops_the_producer():
    produced = []

    def endless(chunks):
        for number in range(10_000):
            produced.append(number)
            yield "x"

    stream = RunnableParallel(a=endless, b=endless).stream(0)
    next(stream)
    time.sleep(0.1)
    seen = len(produced)
    assert seen < 60
    stream.close()


def test_nothing_is_left_unraisable(monkeypatch):
    problems = []
    monkeypatch.setattr(sys, "unraisablehook", problems.append)
    chain, _ = _source_and_sink()
    for _ in range(50):
        for _ in chain.stream("abc"):
            break
    gc.collect()
    assert problems == []


# What went wrong once


@pytest.mark.parametrize("how", ["parallel", "assign", "batch"])
def test_leaving_branches_that_are_faster_than_their_reader_does_not_hang(how, recorder):
    def words(x):
        for _ in range(50):
            yield "t "

    source = RunnableLambda(words)
    config = {"callbacks": [recorder]}

    async def main():
        if how == "batch":
            stream = source.abatch_as_completed([1] * 50, config)
        elif how == "assign":
            stream = RunnablePassthrough.assign(a=source, b=source).astream({"x": 1}, config)
        else:
            stream = RunnableParallel(a=source, b=source).astream(1, config)
        async with aclosing(stream) as chunks:
            async for _ in chunks:
                await asyncio.sleep(0.05)
                break

    asyncio.run(asyncio.wait_for(main(), 5))
    assert recorder.unended() == []


def test_a_second_cancellation_still_waits_for_the_branches():
    ended = []

    async def slow(x):
        try:
            await asyncio.sleep(5)
        finally:
            await asyncio.sleep(0.05)
            ended.append(x)

    async def main():
        task = asyncio.create_task(RunnableParallel(a=slow, b=slow).ainvoke(1))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(ended)

    assert asyncio.run(main()) == 2


def test_closing_a_threaded_generator_does_not_swallow_a_cancellation():
    def sleeper(x):
        yield 1
        time.sleep(0.2)
        yield 2

    async def main():
        async def work():
            stream = RunnableLambda(sleeper).astream(0)
            await anext(stream)
            await stream.aclose()
            return "went on"

        task = asyncio.create_task(work())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_no_run_begins_in_a_function_whose_run_was_cancelled(recorder):
    over = threading.Event()
    inner = RunnableLambda(lambda x: x, name="inner")

    def outer(x):
        time.sleep(0.1)
        try:
            inner.invoke(x)
        finally:
            over.set()

    async def main():
        chain = RunnableLambda(outer) | inc
        task = asyncio.create_task(chain.ainvoke(0, {"callbacks": [recorder]}))
        await asyncio.sleep(0.03)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert over.wait(2)
    assert "inner" not in [name for _, name in recorder.kinds("start")]


@pytest.mark.parametrize("kind", ["start", "chunk", "end"])
def test_an_observer_that_raises_hides_nothing_from_the_others(kind, recorder):
    def bad(event):
        if event.kind == kind:
            raise RuntimeError("bad observer")

    with pytest.raises(RuntimeError, match="bad observer"):
        list(RunnableGenerator(letters).stream("ab", {"callbacks": [bad, recorder]}))
    assert recorder.kinds("start") == [("start", "letters")]
    assert recorder.unended() == []


@pytest.mark.parametrize("wrapped", ["retry", "fallbacks"])
def test_a_cancellation_is_never_retried(wrapped):
    calls = []

    async def slow(x):
        calls.append(x)
        await asyncio.sleep(5)

    step = RunnableLambda(slow)
    if wrapped == "retry":
        chain = step.with_retry(retry_if_exception_type=(BaseException,), wait_exponential_jitter=False)
    else:
        chain = step.with_fallbacks([RunnableLambda(lambda x: x)], exceptions_to_handle=(BaseException,))

    async def main():
        task = asyncio.create_task(chain.ainvoke(1))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert calls == [1]


def test_a_caller_s_recursion_limit_wins_over_a_bound_one_even_if_it_is_the_default():
    seen = []
    chain = RunnableLambda(lambda x, config: seen.append(config["recursion_limit"]))
    chain.with_config(recursion_limit=5).invoke(1, {"recursion_limit": 25})
    chain.with_config(recursion_limit=5).invoke(1)
    assert seen == [25, 5]


def test_a_config_s_callbacks_in_a_list_still_lead_to_the_parent(recorder):
    inner = RunnableLambda(inc, name="inner")

    def outer(x, config):
        handed = {"callbacks": [config["callbacks"], recorder]}
        thread = threading.Thread(target=lambda: inner.invoke(x, handed))
        thread.start()
        thread.join()

    RunnableLambda(outer).invoke(1, {"callbacks": [recorder]})
    assert "outer > inner" in [e.run.path for e in recorder.events]
