"""Rate limits: calls wait, the wait is told, and what waits can be ended. Clocks are replaced by one that
moves only when somebody sleeps."""

import asyncio
import threading
import time

import pytest

from workbench import BaseRateLimiter, FakeChatModel, FakeListLLM, InMemoryRateLimiter, RunnableParallel
from workbench.models import rate_limits


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 100.0
        self.sleeps = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds

    perf_counter = monotonic


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(rate_limits, "time", clock)
    return clock


def test_calls_are_let_through_at_the_rate(clock):
    limiter = InMemoryRateLimiter(requests_per_second=4, check_every_n_seconds=10)
    at = []
    for _ in range(5):
        assert limiter.acquire()
        at.append(round(clock.now - 100, 6))
    assert at == [0.25, 0.5, 0.75, 1.0, 1.25]


def test_what_is_not_used_is_kept_up_to_the_bucket_s_size(clock):
    limiter = InMemoryRateLimiter(requests_per_second=1, max_bucket_size=3, check_every_n_seconds=10)
    assert not limiter.acquire(blocking=False)
    clock.now += 100
    assert [limiter.acquire(blocking=False) for _ in range(4)] == [True, True, True, False]


def test_a_call_looks_again_as_often_as_it_is_told_to(clock):
    limiter = InMemoryRateLimiter(requests_per_second=1, check_every_n_seconds=0.25)
    limiter.acquire()
    assert clock.sleeps == [0.25] * 4


def test_it_can_be_asked_without_waiting():
    limiter = InMemoryRateLimiter(requests_per_second=0.001)
    assert asyncio.run(limiter.aacquire(blocking=False)) is False
    assert limiter.acquire(blocking=False) is False


@pytest.mark.parametrize("model", [FakeChatModel(responses=["a b"]), FakeListLLM(responses=["ab"])])
def test_a_model_waits_in_every_form_and_its_run_tells_how_long(run_chain, recorder, model):
    limiter = InMemoryRateLimiter(requests_per_second=20)
    limited = model.model_copy(update={"rate_limiter": limiter})
    run_chain(limited, "?", {"callbacks": [recorder]})
    (event,) = [event for event in recorder.events if event.kind == "custom"]
    name, data = event.value
    assert name == "rate_limited"
    assert data["waited_s"] >= 0.045


def test_a_call_that_need_not_wait_says_nothing(run_chain, recorder):
    class Open(BaseRateLimiter):
        def acquire(self, *, blocking=True):
            return True

        async def aacquire(self, *, blocking=True):
            return True

    run_chain(FakeChatModel(rate_limiter=Open()), "?", {"callbacks": [recorder]})
    assert not recorder.kinds("custom")


def test_models_share_a_limit_across_threads():
    limiter = InMemoryRateLimiter(requests_per_second=100, max_bucket_size=1)
    begun = time.perf_counter()
    FakeChatModel(rate_limiter=limiter).batch(["?"] * 10)
    FakeChatModel(rate_limiter=limiter).batch(["?"] * 10)
    assert time.perf_counter() - begun >= 0.19


def test_waiting_does_not_hold_up_the_loop_and_can_be_cancelled():
    async def main():
        model = FakeChatModel(rate_limiter=InMemoryRateLimiter(requests_per_second=0.001))
        waiting = asyncio.create_task(model.ainvoke("?"))
        turns = 0
        while turns < 100:
            await asyncio.sleep(0)
            turns += 1
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(asyncio.wait_for(main(), 5))


def test_a_chain_that_fails_ends_what_waits_in_its_batch():
    def fail(x):
        raise ValueError("stop all")

    slow = FakeChatModel(rate_limiter=InMemoryRateLimiter(requests_per_second=0.001))
    caught = []

    def work():
        try:
            RunnableParallel(slow=slow, failing=fail).invoke("?")
        except ValueError as error:
            caught.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    assert [str(error) for error in caught] == ["stop all"]


def test_a_limiter_of_one_s_own_needs_only_acquire(run_chain):
    taken = []

    class Own(BaseRateLimiter):
        def acquire(self, *, blocking=True):
            taken.append(blocking)
            return True

    assert run_chain(FakeChatModel(responses=["x"], rate_limiter=Own()), "?").content == "x"
    assert taken == [True]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"requests_per_second": 0}, "requests_per_second: expected more than 0, got 0"),
        ({"check_every_n_seconds": -1}, "check_every_n_seconds: expected more than 0"),
        ({"max_bucket_size": 0.5}, "max_bucket_size: expected 1 or more, got 0.5"),
    ],
)
def test_a_limit_that_lets_nothing_through_is_refused(options, told):
    with pytest.raises(ValueError, match=told):
        InMemoryRateLimiter(**options)
    with pytest.raises(TypeError, match="requests_per_second: expected a number, got '2'"):
        InMemoryRateLimiter(requests_per_second="2")
