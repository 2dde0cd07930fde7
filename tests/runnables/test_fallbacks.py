"""with_fallbacks: what takes over, when, and what passes through."""

import asyncio
from contextlib import aclosing

import pytest

from workbench import Runnable, RunnableGenerator, RunnableLambda, RunnableSerializable
from workbench.runnables.fallbacks import RunnableWithFallbacks


def fails(x):
    raise ValueError("first")


def fails_too(x):
    raise KeyError("second")


def works(x):
    return f"fallback for {x}"


def breaks_before(chunks):
    list(chunks)
    raise ValueError("before")
    yield


def breaks_after(chunks):
    yield "a"
    raise ValueError("after")


def letters(chunks):
    for chunk in chunks:
        yield from chunk


def test_the_first_that_does_not_fail_answers(run_chain, recorder):
    chain = RunnableLambda(fails).with_fallbacks([RunnableLambda(fails_too), RunnableLambda(works)])
    assert run_chain(chain, 1, {"callbacks": [recorder]}) == "fallback for 1"
    assert [name for _, name in recorder.kinds("start")] == [
        "RunnableWithFallbacks",
        "fails",
        "fails_too",
        "works",
    ]
    assert recorder.unended() == []


def test_when_all_fail_the_first_error_is_raised_and_tells_of_the_others(run_chain, recorder):
    chain = RunnableLambda(str) | RunnableLambda(fails).with_fallbacks([RunnableLambda(fails_too)])
    with pytest.raises(ValueError, match="first") as caught:
        run_chain(chain, 1, {"callbacks": [recorder]})
    assert caught.value.__notes__ == [
        "the fallback fails_too failed too: KeyError: 'second'",
        "in RunnableSequence > RunnableWithFallbacks > fails",
    ]
    assert recorder.unended() == []


def test_only_the_given_exceptions_are_handled(run_chain):
    chain = RunnableLambda(fails).with_fallbacks([RunnableLambda(works)], exceptions_to_handle=(KeyError,))
    with pytest.raises(ValueError, match="first"):
        run_chain(chain, 1)


def test_a_stream_that_fails_before_its_first_chunk_falls_back(collect, recorder):
    chain = RunnableGenerator(breaks_before).with_fallbacks([RunnableGenerator(letters)])
    assert collect(chain, "ab", {"callbacks": [recorder]}) == ["a", "b"]
    assert recorder.unended() == []


def test_a_stream_that_fails_later_is_not_replaced(recorder):
    chain = RunnableGenerator(breaks_after).with_fallbacks([RunnableGenerator(letters)])
    seen = []
    with pytest.raises(ValueError, match="after"):
        for chunk in chain.stream("xy", {"callbacks": [recorder]}):
            seen.append(chunk)

    async def main():
        async with aclosing(chain.astream("xy", {"callbacks": [recorder]})) as chunks:
            async for chunk in chunks:
                seen.append(chunk)

    with pytest.raises(ValueError, match="after"):
        asyncio.run(main())
    assert seen == ["a", "a"]
    assert recorder.unended() == []


def test_an_empty_stream_is_no_failure(collect):
    def nothing(chunks):
        yield from ()

    assert collect(RunnableGenerator(nothing).with_fallbacks([RunnableGenerator(letters)]), "ab") == []


def test_the_error_reaches_the_next_one_under_its_key(run_chain):
    def look(given):
        return f"{given['a']} {given['error']!r}"

    given = {"a": 1}
    chain = RunnableLambda(fails).with_fallbacks([RunnableLambda(look)], exception_key="error")
    assert run_chain(chain, given) == "1 ValueError('first')"
    assert given == {"a": 1}


def test_an_exception_key_needs_a_dict(run_chain):
    chain = RunnableLambda(fails).with_fallbacks([RunnableLambda(works)], exception_key="error")
    with pytest.raises(ValueError, match="expected a dict, got int: 1"):
        run_chain(chain, 1)


@pytest.mark.parametrize("form", ["batch", "abatch"])
def test_in_a_batch_each_input_falls_back_on_its_own(form):
    def even(x):
        if x % 2:
            raise ValueError(x)
        return x

    chain = RunnableLambda(even).with_fallbacks([RunnableLambda(lambda x: -x)])
    run = chain.batch if form == "batch" else lambda inputs: asyncio.run(chain.abatch(inputs))
    assert run([0, 1, 2, 3]) == [0, -1, 2, -3]


def test_closing_a_stream_closes_the_one_that_answers():
    closed = []

    def endless(chunks):
        try:
            while True:
                yield "x"
        finally:
            closed.append(True)

    chain = RunnableGenerator(breaks_before).with_fallbacks([RunnableGenerator(endless)])
    chunks = chain.stream("a")
    assert next(chunks) == "x"
    chunks.close()
    assert closed == [True]


def test_cancelling_is_not_handled(recorder):
    fell_back = []

    async def main():
        started = asyncio.Event()

        async def waits(x):
            started.set()
            await asyncio.Event().wait()

        chain = RunnableLambda(waits).with_fallbacks([RunnableLambda(fell_back.append)])
        task = asyncio.create_task(chain.ainvoke(1, {"callbacks": [recorder]}))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert fell_back == []
    assert recorder.unended() == []


class Model(RunnableSerializable[str, str]):
    word: str
    broken: bool = False

    def bind_tools(self, tools: list[str]) -> Runnable[str, str]:
        return self.bind(tools=tools)

    def spell(self) -> str:
        return "-".join(self.word)

    def invoke(self, input, config=None, *, tools=()):
        if self.broken:
            raise ValueError(self.word)
        return f"{self.word} {input} {list(tools)}"


def test_attributes_are_the_first_one_s(run_chain):
    model = Model(word="one").with_fallbacks([Model(word="two")])
    assert (model.word, model.spell()) == ("one", "o-n-e")
    assert isinstance(model, RunnableWithFallbacks)
    with pytest.raises(AttributeError, match="nothing"):
        _ = model.nothing


def test_a_method_that_makes_a_runnable_is_called_on_all(run_chain):
    model = Model(word="one", broken=True).with_fallbacks([Model(word="two")]).bind_tools(["t"])
    assert run_chain(model, "hi") == "two hi ['t']"


def test_fallbacks_must_be_a_list():
    with pytest.raises(TypeError, match="expected a list of runnables"):
        RunnableLambda(works).with_fallbacks(RunnableLambda(works))
    with pytest.raises(TypeError, match="expected a Runnable, a function"):
        RunnableLambda(works).with_fallbacks([7])
