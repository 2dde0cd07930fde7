"""with_retry: what is called again, what is not, and how it shows."""

import asyncio
import threading
import time

import pytest

from workbench import RunnableGenerator, RunnableLambda
from workbench.runnables.retry import RunnableRetry


class Flaky:
    """Fails *failures* times for each input."""

    def __init__(self, failures, error=ValueError):
        self.failures = failures
        self.error = error
        self.calls = []

    def __call__(self, x):
        self.calls.append(x)
        if self.calls.count(x) <= self.failures:
            raise self.error(f"no {x}")
        return x + 1


def retrying(flaky, **options):
    return RunnableLambda(flaky, name="flaky").with_retry(wait_exponential_jitter=False, **options)


CALLED = pytest.mark.parametrize("form", ["invoke", "ainvoke"])


def called(form, chain, input, config=None):
    return chain.invoke(input, config) if form == "invoke" else asyncio.run(chain.ainvoke(input, config))


@CALLED
def test_a_failing_call_is_repeated_until_it_succeeds(form):
    flaky = Flaky(2)
    assert called(form, retrying(flaky), 1) == 2
    assert flaky.calls == [1, 1, 1]


@CALLED
def test_after_the_last_attempt_the_error_is_raised(form, recorder):
    flaky = Flaky(9)
    with pytest.raises(ValueError, match="no 1") as caught:
        called(
            form, RunnableLambda(int) | retrying(flaky, stop_after_attempt=2), 1, {"callbacks": [recorder]}
        )
    assert flaky.calls == [1, 1]
    assert recorder.unended() == []
    assert caught.value.__notes__ == ["in RunnableSequence > flaky"]


@CALLED
def test_other_exceptions_are_not_retried(form):
    flaky = Flaky(2, KeyError)
    with pytest.raises(KeyError):
        called(form, retrying(flaky, retry_if_exception_type=(ValueError,)), 1)
    assert flaky.calls == [1]


@CALLED
def test_a_predicate_decides(form):
    flaky = Flaky(1)
    assert called(form, retrying(flaky, retry_if_exception_type=lambda e: "no 1" in str(e)), 1) == 2
    with pytest.raises(ValueError, match="no 5"):
        called(form, retrying(flaky, retry_if_exception_type=lambda e: "no 1" in str(e)), 5)


@CALLED
def test_attempts_after_the_first_are_tagged_runs_inside_its_own(form, recorder):
    chain = RunnableLambda(int) | retrying(Flaky(2)).with_config(run_name="outer")
    called(form, chain, 1, {"callbacks": [recorder], "tags": ["t"]})
    runs = [e.run for e in recorder.events if e.kind == "start"][2:]
    assert [run.name for run in runs] == ["outer", "flaky", "flaky", "flaky"]
    inner = [set(run.tags) - {"t"} for run in runs[1:]]
    assert inner == [set(), {"retry:attempt:2"}, {"retry:attempt:3"}]
    assert [run.status for run in runs] == ["done", "failed", "failed", "done"]
    assert recorder.unended() == []


def test_a_stream_is_repeated_until_its_first_chunk(collect, recorder):
    calls = []

    def flaky(chunks):
        calls.append(list(chunks))
        if len(calls) < 3:
            raise ConnectionError("the line is bad")
        yield from calls[-1]

    def source(x):
        yield from "ab"

    step = RunnableGenerator(flaky).with_retry(wait_exponential_jitter=False)
    chain = RunnableLambda(source) | step
    assert "".join(collect(chain, 0, {"callbacks": [recorder]})) == "ab"
    assert ["".join(call) for call in calls] == ["ab"] * 3
    assert recorder.unended() == []


def test_a_stream_is_not_repeated_after_its_first_chunk(collect, recorder):
    calls = []

    def late(chunks):
        calls.append(1)
        yield "a"
        raise ConnectionError("late")

    with pytest.raises(ConnectionError):
        collect(
            RunnableGenerator(late).with_retry(wait_exponential_jitter=False), 0, {"callbacks": [recorder]}
        )
    assert calls == [1]
    assert recorder.unended() == []


def test_an_error_of_what_comes_before_is_not_retried(collect):
    calls = []

    def broken(x):
        calls.append(1)
        raise ConnectionError("before")

    step = RunnableGenerator(lambda chunks: (yield from chunks)).with_retry(wait_exponential_jitter=False)
    with pytest.raises(ConnectionError, match="before"):
        collect(RunnableLambda(broken) | step, 0)
    assert calls == [1]


def test_what_it_wraps_streams_through_it(collect):
    def letters(chunks):
        for chunk in chunks:
            yield from chunk

    assert collect(RunnableGenerator(letters).with_retry(), "abc") == ["a", "b", "c"]


@pytest.mark.parametrize("form", ["batch", "abatch"])
def test_a_batch_repeats_only_what_failed_and_keeps_its_order(form):
    calls = []

    def odd_fails_once(x):
        calls.append(x)
        if x % 2 and calls.count(x) == 1:
            raise ValueError(x)
        if x == 4:
            raise KeyError(x)
        return -x

    chain = RunnableLambda(int) | RunnableLambda(odd_fails_once).with_retry(
        wait_exponential_jitter=False, retry_if_exception_type=(ValueError,)
    )
    inputs = [0, 1, 2, 3, 4]
    if form == "batch":
        outputs = chain.batch(inputs, return_exceptions=True)
    else:
        outputs = asyncio.run(chain.abatch(inputs, return_exceptions=True))
    assert outputs[:4] == [0, -1, -2, -3]
    assert isinstance(outputs[4], KeyError)
    assert sorted(calls) == [0, 1, 1, 2, 3, 3, 4]


def test_bound_arguments_reach_every_attempt():
    seen = []

    def fn(x, stop):
        seen.append(stop)
        raise ValueError

    with pytest.raises(ValueError):
        RunnableLambda(fn).with_retry(wait_exponential_jitter=False).bind(stop="s").invoke(1)
    assert seen == ["s"] * 3


def test_the_wait_grows_up_to_its_maximum():
    def seconds(**params):
        step = RunnableRetry(RunnableLambda(int), exponential_jitter_params=params)
        return [step._seconds_after(attempt) for attempt in (1, 2, 3, 99_999)]

    assert seconds(initial=2, jitter=0) == [2, 4, 8, 60]
    assert seconds(initial=1, exp_base=10, max=50, jitter=0) == [1, 10, 50, 50]
    assert all(1 <= seconds(jitter=0.5)[0] <= 1.5 for _ in range(20))


def test_cancelling_ends_the_wait_at_once(recorder):
    chain = RunnableLambda(Flaky(9)).with_retry(exponential_jitter_params={"initial": 60})

    async def main():
        failed = asyncio.Event()

        def observe(event):
            recorder(event)
            if event.kind == "error":
                failed.set()

        task = asyncio.create_task(chain.ainvoke(1, {"callbacks": [observe]}))
        await failed.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.perf_counter()
    asyncio.run(main())
    assert time.perf_counter() - began < 30
    assert recorder.unended() == []


def test_a_failing_sibling_ends_the_wait_in_a_thread():
    waiting = threading.Event()

    def always(x):
        waiting.set()
        raise ValueError("retry me")

    def sibling(x):
        waiting.wait(30)
        raise KeyError("sibling")

    retry = RunnableLambda(always).with_retry(exponential_jitter_params={"initial": 60, "jitter": 0})
    began = time.perf_counter()
    with pytest.raises(KeyError):
        (RunnableLambda(int) | {"a": retry, "b": sibling}).invoke(1)
    assert time.perf_counter() - began < 30


def test_while_it_waits_others_have_its_place_under_the_limit():
    order = []

    def first(x):
        order.append(x)
        if order.count("slow") < 2 and x == "slow":
            raise ValueError
        return x

    chain = RunnableLambda(first).with_retry(exponential_jitter_params={"initial": 0.05, "jitter": 0})
    assert chain.batch(["slow", "b", "c"], {"max_concurrency": 1}) == ["slow", "b", "c"]


def test_what_cannot_be_retried_on_is_refused():
    with pytest.raises(TypeError, match="tuple of exception types or a function"):
        RunnableLambda(int).with_retry(retry_if_exception_type=("ValueError",))
    with pytest.raises(ValueError, match="to be 1 or more, got 0"):
        RunnableLambda(int).with_retry(stop_after_attempt=0)
    with pytest.raises(ValueError, match="knows initial, max, exp_base, jitter; got base"):
        RunnableLambda(int).with_retry(exponential_jitter_params={"base": 1})
