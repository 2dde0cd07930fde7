"""Whatever chain people compose: its forms agree, its log builds the same output, and it leaves nothing.

Chains are drawn by the kind of value that flows between their steps (``TEXT``, ``NUMBER``, or a dict of kinds
by key), so that each means something. What is left out because forms cannot agree on it: texts that are empty
(a stream of no chunks), plain dicts as several chunks of one stream (they replace each other), and generators
that depend on where a text is cut.
"""

import asyncio
import re
import threading
import time
from contextlib import aclosing
from functools import partial

import jsonpatch
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Recorder
from workbench import RunnableBranch, RunnableGenerator, RunnableLambda, RunnableParallel, RunnablePassthrough
from workbench.engine import threads
from workbench.engine.chunks import Fold

pytestmark = pytest.mark.slow

TEXT, NUMBER = "text", "number"

in_ci = settings(
    max_examples=120, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
)

TEXTS = st.text("abc é😀", min_size=1, max_size=6)
VALUES = {TEXT: TEXTS, NUMBER: st.integers(-9, 9)}


# Steps


def asynchronous(fn):
    async def afn(x):
        await asyncio.sleep(0)
        return fn(x)

    afn.__name__ = fn.__name__
    return afn


def upper(text):
    return text.upper()


def length(text):
    return len(text)


def as_text(value):
    return f"<{value}>"


def increased(number):
    return number + 1


def keys(values):
    return ",".join(sorted(values)) + "."


def is_even(value):
    return (value if isinstance(value, int) else len(value)) % 2 == 0


def boom(value):
    raise ValueError("boom")


def letters(chunks):
    for chunk in chunks:
        yield from chunk


async def aletters(chunks):
    async for chunk in chunks:
        for letter in chunk:
            yield letter


def doubled(chunks):
    for chunk in chunks:
        yield chunk.replace("a", "aa")


async def adoubled(chunks):
    async for chunk in chunks:
        yield chunk.replace("a", "aa")


def words(text):
    yield from text
    yield "."


async def awords(text):
    for letter in text:
        yield letter
    yield "."


def late_boom(text):
    yield from text
    raise ValueError("boom")


GENERATORS = [
    (RunnableGenerator, letters, aletters),
    (RunnableGenerator, doubled, adoubled),
    (RunnableLambda, words, awords),
]
FUNCTIONS = {
    TEXT: [(upper, TEXT), (length, NUMBER), (as_text, TEXT)],
    NUMBER: [(increased, NUMBER), (as_text, TEXT)],
    dict: [(keys, TEXT), (length, NUMBER)],
}


@st.composite
def functions(draw, kind):
    fn, out = draw(st.sampled_from(FUNCTIONS[kind if isinstance(kind, str) else dict]))
    return RunnableLambda(fn, asynchronous(fn) if draw(st.booleans()) else None), out


@st.composite
def generators(draw):
    make, fn, afn = draw(st.sampled_from(GENERATORS))
    return make(fn, afn if draw(st.booleans()) else None), TEXT


@st.composite
def mappings(draw, kind, depth):
    """Branches for a parallel or an assign, and the kinds of their outputs."""
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True))
    branches = {name: draw(sequences(kind, depth - 1)) for name in names}
    return {name: step for name, (step, _) in branches.items()}, {n: out for n, (_, out) in branches.items()}


@st.composite
def steps(draw, kind, depth):
    """One step for an input of a kind, and the kind of its output."""
    choices = ["function", "passthrough", *["generator"] * 2 * (kind == TEXT)]
    if depth > 0:
        choices += ["parallel", "branch"]
        choices += ["assign", "pick", "picks"] * isinstance(kind, dict)
    choice = draw(st.sampled_from(choices))
    if choice == "function":
        return draw(functions(kind))
    if choice == "generator":
        return draw(generators())
    if choice == "parallel":
        branches, kinds = draw(mappings(kind, depth))
        return RunnableParallel(branches), kinds
    if choice == "assign":
        branches, kinds = draw(mappings(kind, depth))
        return RunnablePassthrough.assign(**branches), {**kind, **kinds}
    if choice == "pick":
        key = draw(st.sampled_from(sorted(kind)))
        return RunnablePassthrough().pick(key), kind[key]
    if choice == "picks":
        names = draw(st.lists(st.sampled_from(sorted(kind)), min_size=1, unique=True))
        return RunnablePassthrough().pick(names), {name: kind[name] for name in names}
    if choice == "branch":
        same = partial(RunnableBranch, (is_even, RunnablePassthrough()))
        if kind == TEXT:
            same = partial(RunnableBranch, (is_even, draw(generators())[0]))
        return same(RunnablePassthrough()), kind
    return RunnablePassthrough(), kind


@st.composite
def sequences(draw, kind, depth):
    """One to three steps in a row, and the kind of their output."""
    chain, kind = draw(steps(kind, depth))
    for _ in range(draw(st.integers(0, 2))):
        step, kind = draw(steps(kind, depth))
        chain = chain | step
    return chain, kind


@st.composite
def chains(draw, failing=False):
    """A chain and an input for it. A failing one fails in one place, at the start or after some output."""
    kind = draw(st.sampled_from([TEXT, NUMBER, {"x": TEXT, "n": NUMBER}]))
    value = {name: draw(VALUES[one]) for name, one in kind.items()} if isinstance(kind, dict) else None
    value = draw(VALUES[kind]) if value is None else value
    chain, kind = draw(sequences(kind, depth=2))
    if failing:
        fail = RunnableGenerator(late_boom) if kind == TEXT and draw(st.booleans()) else RunnableLambda(boom)
        if draw(st.booleans()):
            fail = RunnableParallel(bad=fail, fine=RunnablePassthrough())
        chain = chain | fail | RunnablePassthrough()
    return chain, value


# Forms


def added(chunks):
    total = Fold()
    for chunk in chunks:
        total.add(chunk)
    return total.value


async def collected(stream):
    async with aclosing(stream) as chunks:
        return [chunk async for chunk in chunks]


async def aadded(chain, value, config):
    return added(await collected(chain.astream(value, config)))


def outputs(chain, value):
    """The outputs of all forms but invoke, by form; every run that started has ended."""
    found, recorder = {}, Recorder()
    config = {"callbacks": [recorder]}

    async def main():
        found["ainvoke"] = await chain.ainvoke(value, config)
        found["astream"] = await aadded(chain, value, config)
        found["abatch"], found["abatch, second"] = await chain.abatch([value, value], config)
        return await collected(chain.astream_log(value))

    found["invoke, observed"] = chain.invoke(value, config)
    found["stream"] = added(chain.stream(value))
    found["stream, observed"] = added(chain.stream(value, config))
    found["batch"], found["batch, second"] = chain.batch([value, value], config)
    patches = asyncio.run(main())
    assert recorder.unended() == []
    document = None
    for patch in patches:
        document = jsonpatch.apply_patch(document, patch.ops)
    assert sum(patches[1:], start=patches[0]).state == document
    assert all(entry["end_time"] for entry in document["logs"].values())
    found["astream_log"] = document["final_output"]
    return found


def busy_threads():
    """Worker threads at work: the others wait to be used again."""
    # Not the background loop's or the model server's, which other tests have started for good.
    alive = [thread for thread in threading.enumerate() if re.fullmatch(r"workbench-\d+", thread.name)]
    return len(alive) - len(threads._threads._idle)


def comes_true(condition):
    """Whether it holds soon: a thread goes idle, or ends the run of its step, just after its result."""
    until = time.monotonic() + 5
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.001)
    return True


# Properties


@in_ci
@given(chains())
def test_every_form_gives_what_invoke_gives(drawn):
    chain, value = drawn
    expected = chain.invoke(value)
    found = outputs(chain, value)
    assert found == dict.fromkeys(found, expected)


@in_ci
@given(chains(), st.integers(0, 8))
def test_closing_a_stream_after_any_chunk_leaves_nothing_behind(drawn, taken):
    chain, value = drawn
    recorder = Recorder()
    stream = chain.stream(value, {"callbacks": [recorder]})
    for _, _ in zip(range(taken), stream, strict=False):
        pass
    stream.close()
    assert recorder.unended() == []
    assert comes_true(lambda: busy_threads() == 0)


@in_ci
@given(chains(), st.integers(0, 8), st.sampled_from(["astream", "astream_log", "astream_events"]))
def test_closing_an_astream_after_any_chunk_leaves_nothing_behind(drawn, taken, method):
    chain, value = drawn
    recorder = Recorder()

    async def main():
        async with aclosing(getattr(chain, method)(value, {"callbacks": [recorder]})) as stream:
            for _ in range(taken):
                if await anext(stream, None) is None:
                    break
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(main()) == set()
    assert comes_true(lambda: recorder.unended() == [])
    assert comes_true(lambda: busy_threads() == 0)


@in_ci
@given(chains(failing=True))
def test_a_failing_step_fails_alike_in_every_form(drawn):
    chain, value = drawn
    recorder = Recorder()
    config = {"callbacks": [recorder]}
    forms = {
        "invoke": lambda: chain.invoke(value),
        "invoke, observed": lambda: chain.invoke(value, config),
        "stream": lambda: list(chain.stream(value, config)),
        "batch": lambda: chain.batch([value, value], config),
        "ainvoke": lambda: asyncio.run(chain.ainvoke(value, config)),
        "astream": lambda: asyncio.run(aadded(chain, value, config)),
        "abatch": lambda: asyncio.run(chain.abatch([value, value], config)),
        "astream_log": lambda: asyncio.run(collected(chain.astream_log(value, config))),
    }

    def error(form):
        try:
            form()
        except Exception as raised:
            return type(raised), str(raised), raised.__notes__
        return None

    expected = error(forms["invoke"])
    assert expected[:2] == (ValueError, "boom")
    assert {name: error(form) for name, form in forms.items()} == dict.fromkeys(forms, expected)
    assert comes_true(lambda: recorder.unended() == [])
    assert comes_true(lambda: busy_threads() == 0)
