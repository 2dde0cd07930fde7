"""Places under ``max_concurrency``: no arrangement of nested calls, streams and threads waits for ever, and
never are more leaf calls at work than the limit.

``tests/engine/test_places.py`` explores the limiter alone; here are real chains in real threads and tasks. A
program that takes more than ``PATIENCE`` is taken for one that hangs; nothing else is measured.
"""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench import (
    BaseRetriever,
    Document,
    FakeChatModel,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    StrOutputParser,
    tool,
)

PATIENCE = 60.0
SOAK = float(os.environ.get("WORKBENCH_SOAK_MINUTES", "0"))


class Gauge:
    """A function that knows how many of its calls were at work at most."""

    def __init__(self, pause_s=0.0005):
        self._lock = threading.Lock()
        self._pause_s = pause_s
        self.now = self.most = 0

    def __enter__(self):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_):
        with self._lock:
            self.now -= 1

    def __call__(self, value):
        with self:
            time.sleep(self._pause_s)
        return value


def in_time(work, about=None):
    """What *work* returns; fails if it hangs. In a thread of its own, which a hang leaves behind."""
    outcome = []

    def run():
        try:
            outcome.append((work(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if not outcome:
        pytest.fail(f"hangs: {about or work}")
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


async def collect(stream):
    async with aclosing(stream) as chunks:
        return [chunk async for chunk in chunks]


def output_in(events):
    """That of the first run; what it gave up may report its end later."""
    [root] = [each for each in events if each["run_id"] == events[0]["run_id"] and "output" in each["data"]]
    return root["data"]["output"]


FORMS = {
    "invoke": lambda chain, x, config: chain.invoke(x, config),
    "stream": lambda chain, x, config: "".join(chain.stream(x, config)),
    "transform": lambda chain, x, config: "".join(chain.transform(iter([x]), config)),
    "batch": lambda chain, x, config: chain.batch([x, x, x], config)[0],
    "batch_as_completed": lambda chain, x, config: max(chain.batch_as_completed([x, x], config))[1],
    "stream_events": lambda chain, x, config: output_in([*chain.stream_events(x, config)]),
    "ainvoke": lambda chain, x, config: asyncio.run(chain.ainvoke(x, config)),
    "astream": lambda chain, x, config: "".join(asyncio.run(collect(chain.astream(x, config)))),
    "abatch": lambda chain, x, config: asyncio.run(chain.abatch([x, x, x], config))[0],
    "abatch_as_completed": lambda chain, x, config: max(
        asyncio.run(collect(chain.abatch_as_completed([x, x], config)))
    )[1],
    "astream_events": lambda chain, x, config: output_in(
        asyncio.run(collect(chain.astream_events(x, config)))
    ),
}


# What programs are made of. Every step turns a text into a text.


class Bench:
    """The steps of one program, which share a gauge and one bound limit."""

    def __init__(self):
        self.gauge = Gauge()
        self.bound = RunnableLambda(self.gauge).with_config(max_concurrency=1)
        self.pools = []

    def leaf(self):
        return RunnableLambda(self.gauge)

    def bound_leaf(self):
        return self.bound

    def model(self):
        return FakeChatModel(responses=["one two three"]) | StrOutputParser()

    def long_model(self):
        return FakeChatModel(responses=["a b c d e f g h i j k l"]) | StrOutputParser()

    def tool_(self):
        gauge = self.gauge

        @tool
        def looked_up(text: str) -> str:
            """Look it up."""
            return gauge(text)

        return RunnableLambda(lambda text: {"text": text}) | looked_up

    def retriever(self):
        gauge = self.gauge

        class Found(BaseRetriever):
            def _get_relevant_documents(self, query, **kwargs):
                return [Document(gauge(query))]

        return Found() | (lambda documents: documents[0].page_content)

    LEAVES = ("leaf", "bound_leaf", "model", "long_model", "tool_", "retriever")

    # Functions that call a chain

    def calls(self, inner):
        return RunnableLambda(lambda x: inner.invoke(x))

    def calls_twice(self, inner):
        return RunnableLambda(lambda x: self.gauge(inner.invoke(x) + inner.invoke(x))[:20])

    def reads(self, inner):
        return RunnableLambda(lambda x: "".join(self.gauge(chunk) for chunk in inner.stream(x)))

    def reads_two(self, inner):
        def both(x):
            with closing(inner.stream(x)) as one, closing(inner.stream(x)) as other:
                return "".join(a + b for a, b in zip(one, other, strict=False))[:20]

        return RunnableLambda(both)

    def reads_the_first(self, inner):
        def first(x):
            with closing(inner.stream(x)) as chunks:
                return next(chunks)

        return RunnableLambda(first)

    def reads_and_calls(self, inner):
        def each(x):
            return "".join(inner.invoke(chunk)[:5] for chunk in inner.stream(x))

        return RunnableLambda(each)

    def batches(self, inner):
        return RunnableLambda(lambda x: inner.batch([x, x])[0])

    def batches_as_completed(self, inner):
        return RunnableLambda(lambda x: max(inner.batch_as_completed([x, x]))[1])

    def looks_at_events(self, inner):
        return RunnableLambda(lambda x: [*inner.stream_events(x)][-1]["data"]["output"])

    def hands_on(self, inner):
        return RunnableLambda(lambda x, config: inner.invoke(x, config))

    def starts_a_thread(self, inner):
        def threaded(x, config):
            with ThreadPoolExecutor(2) as pool:
                return max(pool.map(lambda text: inner.invoke(text, config), [x, x]))

        return RunnableLambda(threaded)

    def reads_and_starts_threads(self, inner):
        def threaded(x, config):
            with ThreadPoolExecutor(1) as pool:
                return "".join(
                    pool.submit(inner.invoke, chunk, config).result()[:5] for chunk in inner.stream(x)
                )

        return RunnableLambda(threaded)

    def runs_a_loop(self, inner):
        def run(x):
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return asyncio.run(inner.ainvoke(x))
            return inner.invoke(x)  # its step is called on a loop already

        return RunnableLambda(run)

    def asynchronous(self, inner):
        async def awaits(x):
            return await inner.ainvoke(x)

        return RunnableLambda(lambda x: inner.invoke(x), awaits)

    def reads_asynchronously(self, inner):
        async def reads(x):
            return "".join([chunk async for chunk in inner.astream(x)])

        return RunnableLambda(lambda x: "".join(inner.stream(x)), reads)

    def reads_and_awaits(self, inner):
        async def each(x):
            return "".join([(await inner.ainvoke(chunk))[:5] async for chunk in inner.astream(x)])

        return RunnableLambda(lambda x: inner.invoke(x), each)

    def reads_the_first_asynchronously(self, inner):
        async def first(x):
            async with aclosing(inner.astream(x)) as chunks:
                return await anext(chunks)

        return RunnableLambda(lambda x: inner.invoke(x), first)

    def gives_up_waiting(self, inner):
        async def impatient(x):
            task = asyncio.create_task(inner.ainvoke(x))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            return x

        return RunnableLambda(lambda x: inner.invoke(x), impatient)

    def holds_up_the_loop(self, inner):
        async def synchronous(x):
            return inner.invoke(x)

        return RunnableLambda(lambda x: inner.invoke(x), synchronous)

    def reads_and_holds_up_the_loop(self, inner):
        async def synchronous(x):
            return "".join([inner.invoke(chunk)[:5] async for chunk in inner.astream(x)])

        return RunnableLambda(lambda x: inner.invoke(x), synchronous)

    def gathers(self, inner):
        async def both(x):
            return (await asyncio.gather(inner.ainvoke(x), inner.ainvoke(x)))[0]

        return RunnableLambda(lambda x: inner.invoke(x), both)

    def uses_an_executor(self, inner):
        pool = ThreadPoolExecutor(1)  # as narrow as can be
        self.pools.append(pool)

        async def elsewhere(x, config):
            return await asyncio.get_running_loop().run_in_executor(pool, inner.invoke, x, config)

        return RunnableLambda(lambda x: inner.invoke(x), elsewhere)

    # Generators

    def yields_what_it_reads(self, inner):
        def loud(x):
            for chunk in inner.stream(x):
                yield self.gauge(chunk)

        return RunnableLambda(loud)

    def calls_per_chunk(self, inner):
        def each(chunks):
            for chunk in chunks:
                yield inner.invoke(chunk)[:5]

        async def aeach(chunks):
            async for chunk in chunks:
                yield (await inner.ainvoke(chunk))[:5]

        return self.model() | RunnableGenerator(each, aeach)

    def calls_per_chunk_in_a_thread(self, inner):
        def each(chunks):
            for chunk in chunks:
                yield inner.invoke(chunk)[:5]

        return inner | RunnableGenerator(each)

    # Combinators

    def in_sequence(self, inner):
        return inner | inner

    def side_by_side(self, inner):
        return RunnableParallel(a=inner, b=inner, c=self.leaf()) | (lambda both: both["a"])

    def side_by_side_per_chunk(self, inner):
        def each(chunks):
            for chunk in chunks:
                yield inner.invoke(str(chunk))[:3]

        return RunnableParallel(a=self.long_model(), b=self.long_model()) | RunnableGenerator(each)

    def assigned(self, inner):
        start = RunnableLambda(lambda x: {"x": x})
        return (
            start
            | RunnablePassthrough.assign(y=RunnableLambda(lambda d: d["x"]) | inner)
            | (lambda d: d["y"])
        )

    def mapped(self, inner):
        return RunnableLambda(lambda x: [x, x]) | inner.map() | (lambda each: each[0])

    def retried(self, inner):
        return inner.with_retry(wait_exponential_jitter=False)

    def with_a_fallback(self, inner):
        def fails(x):
            self.gauge(x)
            raise ValueError(x)

        return RunnableLambda(fails).with_fallbacks([inner])

    def chosen(self, inner):
        return RunnableBranch((self.leaf() | bool, inner), inner)

    def limited(self, inner):
        return inner.with_config(max_concurrency=1)

    def limited_to_two(self, inner):
        return inner.with_config(max_concurrency=2)

    def close(self):
        for pool in self.pools:
            pool.shutdown(wait=False)

    def make(self, names):
        """The step that *names* say, from the outermost to a leaf."""
        *outer, leaf = names
        step = getattr(self, leaf)()
        for name in reversed(outer):
            step = getattr(self, name)(step)
        return step


OUTER = [
    name for name in vars(Bench) if name[0] != "_" and name not in (*Bench.LEAVES, "LEAVES", "make", "close")
]
PROGRAMS = st.tuples(
    st.lists(st.sampled_from(OUTER), max_size=3),
    st.sampled_from(Bench.LEAVES),
    st.sampled_from(sorted(FORMS)),
    st.integers(0, 4),
)


def run_program(outer, leaf, form, limit):
    """*limit* 0: only what is bound has limits."""
    bench = Bench()
    chain = bench.make([*outer, leaf])
    about = f"{' '.join(outer)} {leaf} by {form} under {limit}"
    config = {"max_concurrency": limit} if limit else None
    output = in_time(lambda: FORMS[form](chain, "x", config), about)
    bench.close()
    assert isinstance(output, str) or isinstance(output[0], str), about
    if "gives_up_waiting" not in outer:  # what it gave up may go on for a moment
        assert bench.gauge.now == 0
    # A synchronous call that holds up a loop counts on its own.
    apart = any(name.endswith("holds_up_the_loop") for name in outer)
    assert not limit or bench.gauge.most <= limit * (1 + apart), about


in_ci = settings(
    max_examples=500, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


@given(PROGRAMS)
@in_ci
def test_no_nesting_hangs_and_none_exceeds_the_limit(program):
    run_program(*program)


@pytest.mark.parametrize("outer", OUTER)
def test_everything_that_calls_a_chain_runs_in_every_form_under_a_limit_of_one(outer):
    for form in FORMS:
        run_program([outer], "leaf", form, 1)
        run_program([outer], "model", form, 1)


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("inner", ["leaf", "bound_leaf", "tool_", "model"])
def test_a_pool_with_one_thread_hangs_nobody(inner, limit):
    """Jobs of functions that have a place are queued there behind jobs that ask for one."""
    for outer in ([], ["in_sequence"], ["gathers"], ["calls_per_chunk"]):
        bench = Bench()
        chain = bench.make([*outer, "uses_an_executor", inner])
        side_by_side = RunnableParallel(a=chain, b=chain, c=chain)
        for call, x in ((chain.abatch, ["x"] * 9), (side_by_side.ainvoke, "x")):
            in_time(lambda call=call, x=x: asyncio.run(call(x, {"max_concurrency": limit})))
        bench.close()
        assert bench.gauge.most <= limit


# What bounds what


def every_way(chain, inputs):
    """Runs of *chain* for many inputs at once."""
    yield lambda: chain.batch(inputs)
    yield lambda: asyncio.run(chain.abatch(inputs))
    yield lambda: (RunnableLambda(list) | chain.map()).invoke(inputs)
    yield lambda: asyncio.run((RunnableLambda(list) | chain.map()).ainvoke(inputs))
    yield lambda: [*chain.batch_as_completed(inputs)]
    yield lambda: RunnableParallel({str(n): chain for n in range(8)}).invoke("x")
    yield lambda: [*RunnableParallel({str(n): chain for n in range(8)}).stream("x")]
    yield lambda: asyncio.run(collect(RunnableParallel({str(n): chain for n in range(8)}).astream("x")))
    yield lambda: [*ThreadPoolExecutor(8).map(chain.invoke, inputs)]
    yield lambda: [*ThreadPoolExecutor(8).map(lambda x: [*chain.stream(x)], inputs)]


def open_streams(gauge):
    """A step that streams, and counts itself as long as its stream is open."""

    def letters(text):
        with gauge:
            for letter in "abc":
                time.sleep(0.001)
                yield letter

    return RunnableLambda(letters)


def test_a_bound_limit_holds_for_all_calls_together():
    for number in range(10):
        gauge = Gauge(0.003)
        limited = RunnableLambda(gauge).with_config(max_concurrency=2)
        in_time([*every_way(limited, [*"abcdefgh"])][number])
        assert gauge.most == 2, number


def test_a_bound_limit_holds_for_streams_as_long_as_they_are_open():
    for number in range(10):
        gauge = Gauge()
        limited = open_streams(gauge).with_config(max_concurrency=2)
        in_time([*every_way(limited, [*"abcdefgh"])][number])
        assert gauge.most == 2, number


def test_what_is_made_of_a_limited_runnable_shares_its_limit():
    gauge = Gauge(0.003)
    limited = RunnableLambda(gauge).with_config(max_concurrency=1)
    both = RunnableParallel(
        a=limited.with_config(run_name="a"),
        b=limited.bind(),
        c=RunnableLambda(str) | limited,
        d=limited.with_retry(),
    )
    in_time(lambda: both.batch([*"abc"]))
    assert gauge.most == 1


def test_a_narrower_limit_around_a_bound_one_and_a_wider_one_hold_both():
    for outer, expected in ((1, 1), (2, 2), (8, 2)):
        gauge = Gauge(0.003)
        limited = RunnableLambda(gauge).with_config(max_concurrency=2)
        in_time(lambda limited=limited, outer=outer: limited.batch([*"abcdefgh"], {"max_concurrency": outer}))
        assert gauge.most == expected


@pytest.mark.parametrize("form", ["batch", "abatch"])
def test_a_list_of_configs_shares_its_limit(form):
    gauge = Gauge(0.003)
    step = RunnableParallel(a=gauge, b=gauge)
    configs = [{"max_concurrency": 2, "tags": [str(n)]} for n in range(6)]
    in_time(
        lambda: (
            step.batch([*range(6)], configs)
            if form == "batch"
            else asyncio.run(step.abatch([*range(6)], configs))
        )
    )
    assert gauge.most == 2


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("form", ["invoke", "stream", "ainvoke", "astream"])
def test_generators_side_by_side_obey_the_limit(form, limit):
    gauge = Gauge()

    def letters(chunks):
        for text in chunks:
            with gauge:
                for letter in text:
                    time.sleep(0.001)
                    yield letter

    async def aletters(chunks):
        async for text in chunks:
            with gauge:
                for letter in text:
                    await asyncio.sleep(0.001)
                    yield letter

    for step in (RunnableGenerator(letters), RunnableGenerator(letters, aletters), open_streams(gauge)):
        chain = RunnableParallel(a=step, b=step, c=step)
        read = {
            "invoke": chain.invoke,
            "stream": lambda *args, chain=chain: [*chain.stream(*args)],
            "ainvoke": lambda *args, chain=chain: asyncio.run(chain.ainvoke(*args)),
            "astream": lambda *args, chain=chain: asyncio.run(collect(chain.astream(*args))),
        }[form]
        in_time(lambda read=read: read("abc", {"max_concurrency": limit}))
        assert gauge.most == limit


@pytest.mark.parametrize("limit", [1, 3])
def test_threads_that_read_streams_of_one_bound_limit_never_have_more_open(limit):
    gauge = Gauge()
    limited = open_streams(gauge).with_config(max_concurrency=limit)
    in_time(lambda: [*ThreadPoolExecutor(9).map(lambda x: "".join(limited.stream(x)), range(9))])
    assert gauge.most == limit


def test_a_thread_without_the_config_gets_the_place_of_the_stream_it_is_started_for():
    """Nothing says that the reader waits for that thread; the stream loses its place to it after a moment."""
    limited = FakeChatModel(responses=["a b c d"]).with_config(max_concurrency=1)

    def read():
        with ThreadPoolExecutor(1) as pool:
            return [
                pool.submit(limited.invoke, chunk.content).result().content for chunk in limited.stream("q")
            ]

    assert len(in_time(read)) >= 4


def test_calls_that_hold_up_a_loop_do_not_wait_for_what_the_loop_would_have_to_finish():
    async def slowly(x):
        return await asyncio.sleep(0.01, x)

    limited = RunnableLambda(lambda x: x, slowly).with_config(max_concurrency=1)

    async def main():
        waiting = [asyncio.create_task(limited.ainvoke(n)) for n in range(3)]
        await asyncio.sleep(0.001)
        alone = limited.invoke("sync"), RunnableParallel(a=limited, b=limited).invoke("both")
        return alone, await asyncio.gather(*waiting)

    assert in_time(lambda: asyncio.run(main())) == (("sync", {"a": "both", "b": "both"}), [0, 1, 2])


@pytest.mark.parametrize("config", [{}, {"max_concurrency": 2}], ids=str)
def test_a_call_that_holds_up_the_reader_of_its_events_does_not_wait_for_it(config):
    side_by_side = RunnableParallel(
        a=FakeChatModel(responses=["word " * 400]), b=FakeChatModel(responses=["word " * 400])
    )

    async def synchronous(x):
        return side_by_side.invoke(x)

    async def main():
        events = await collect(RunnableLambda(lambda x: x, synchronous).astream_events("q", config))
        patches = await collect(RunnableLambda(lambda x: x, synchronous).astream_log("q", config))
        return len(events), len(patches)

    events, patches = in_time(lambda: asyncio.run(main()))
    assert min(events, patches) > 800


def test_a_cancelled_call_in_a_thread_keeps_its_place_until_it_has_ended():
    gauge, begun, go_on = Gauge(0), threading.Event(), threading.Event()

    def slow(x):
        with gauge:
            begun.set()
            assert x != "first" or go_on.wait(PATIENCE)
        return x

    limited = RunnableLambda(slow).with_config(max_concurrency=1)

    async def main():
        first = asyncio.create_task(limited.ainvoke("first"))
        await asyncio.to_thread(begun.wait)
        first.cancel()
        await asyncio.wait([first])
        second = asyncio.create_task(limited.ainvoke("second"))
        await asyncio.sleep(0.02)
        assert not second.done()
        go_on.set()
        return await second

    assert in_time(lambda: asyncio.run(main())) == "second"
    assert gauge.most == 1


def test_closing_a_stream_that_waits_for_a_place_ends_it():
    busy, go_on = threading.Event(), threading.Event()

    def waits(x):
        busy.set()
        return go_on.wait(PATIENCE)

    async def main(limited, other):
        holder = asyncio.create_task(limited.ainvoke(0))
        await asyncio.to_thread(busy.wait)
        stream = other.astream("x")
        pull = asyncio.create_task(anext(stream))
        await asyncio.sleep(0.02)
        pull.cancel()
        await asyncio.wait([pull])
        await stream.aclose()
        go_on.set()
        return await holder

    step = RunnableBranch((lambda x: x == 0, waits), FakeChatModel(responses=["a b"]) | StrOutputParser())
    limited = step.with_config(max_concurrency=1)
    for other in (limited, limited | RunnableGenerator(lambda chunks: (yield from chunks))):
        busy.clear()
        go_on.clear()
        assert in_time(lambda other=other: asyncio.run(main(limited, other))) is True


def test_a_failing_branch_ends_those_that_wait_for_a_place():
    def fails(x):
        raise ValueError(x)

    gauge = Gauge(0.01)
    side_by_side = RunnableParallel(a=fails, **{f"b{n}": gauge for n in range(6)})
    for form in ("invoke", "ainvoke"):
        call = getattr(side_by_side, form)
        with pytest.raises(ValueError, match="x"):
            in_time(
                lambda call=call, form=form: (
                    call("x", {"max_concurrency": 1})
                    if form == "invoke"
                    else asyncio.run(call("x", {"max_concurrency": 1}))
                )
            )


def test_a_limited_runnable_can_be_copied_and_pickled():
    limited = RunnableLambda(str.upper).with_config(max_concurrency=2)
    for other in (copy.deepcopy(limited), copy.copy(limited), pickle.loads(pickle.dumps(limited))):
        assert in_time(lambda other=other: other.batch([*"abc"])) == ["A", "B", "C"]


def test_all_places_are_free_after_errors_of_all_kinds():
    class Odd(BaseException):
        pass

    def fails(x):
        raise {"value": ValueError, "stop": StopIteration, "odd": Odd, "exit": GeneratorExit}[x]

    limited = (RunnableLambda(fails) | RunnableLambda(str)).with_config(max_concurrency=1)
    for kind in ("value", "stop", "odd", "exit"):
        for call in (
            limited.invoke,
            lambda x: [*limited.stream(x)],
            lambda x: asyncio.run(limited.ainvoke(x)),
        ):
            with pytest.raises(BaseException):  # noqa: B017  # whatever it makes of it
                in_time(lambda call=call, kind=kind: call(kind))
    [limiter] = [limited._limiter]
    assert limiter.free == limiter.limit


@pytest.mark.slow
@pytest.mark.skipif(not SOAK, reason="WORKBENCH_SOAK_MINUTES says how long to run random nestings")
def test_random_nestings_for_as_long_as_asked():
    seed = random.randrange(1 << 30)
    draw, until, programs = random.Random(seed), time.monotonic() + SOAK * 60, 0
    print(f"seed {seed}")
    while time.monotonic() < until:
        outer = draw.choices(OUTER, k=draw.randint(0, 4))
        run_program(outer, draw.choice(Bench.LEAVES), draw.choice(sorted(FORMS)), draw.randint(0, 4))
        programs += 1
    print(f"{programs} programs")
    assert programs
