"""RunnableBranch and RouterRunnable: one of several runnables does the work."""

import asyncio
from contextlib import aclosing

import pytest

from workbench import RouterRunnable, RunnableBranch, RunnableGenerator, RunnableLambda


def is_question(text):
    return text.endswith("?")


def is_short(text):
    return len(text) < 4


def letters(chunks):
    for chunk in chunks:
        yield from chunk


def branch():
    return RunnableBranch(
        (is_question, lambda x: "answer"), (is_short, lambda x: "short"), lambda x: "default"
    )


@pytest.mark.parametrize(("text", "chosen"), [("why?", "answer"), ("hm", "short"), ("hello", "default")])
def test_the_first_condition_that_holds_chooses(run_chain, text, chosen):
    assert run_chain(branch(), text) == chosen


def test_conditions_and_branches_are_tagged_by_their_number(run_chain, recorder):
    run_chain(branch(), "hm", {"callbacks": [recorder], "tags": ["mine"]})
    tags = [set(e.run.tags) for e in recorder.events if e.kind == "start"]
    assert tags == [{"mine"}, {"condition:1", "mine"}, {"condition:2", "mine"}, {"branch:2", "mine"}]
    assert recorder.unended() == []


def test_the_default_is_tagged_too_and_later_conditions_are_not_asked(run_chain, recorder):
    run_chain(branch(), "hello", {"callbacks": [recorder]})
    assert recorder.events[-2].run.tags == ["branch:default"]
    asked = []
    lazy = RunnableBranch((is_question, len), (asked.append, len), len)
    run_chain(lazy, "why?")
    assert asked == []


def test_the_chosen_branch_streams(collect):
    chain = RunnableBranch((is_question, RunnableGenerator(letters)), lambda x: "none")
    assert collect(chain, "ab?") == ["a", "b", "?"]
    assert collect(RunnableGenerator(letters) | chain, "ab?") == ["a", "b", "?"]


def test_dicts_and_async_functions_become_branches():
    async def always(x):
        return True

    chain = RunnableBranch((always, {"a": len}), len)
    assert asyncio.run(chain.ainvoke("abc")) == {"a": 3}


def test_a_failing_condition_ends_every_run_and_is_named(run_chain, recorder):
    def broken(x):
        raise ValueError("no condition")

    chain = RunnableLambda(str) | RunnableBranch((broken, len), len)
    with pytest.raises(ValueError, match="no condition") as caught:
        run_chain(chain, "x", {"callbacks": [recorder]})
    assert recorder.unended() == []
    assert caught.value.__notes__ == ["in RunnableSequence > RunnableBranch > broken"]


def test_closing_a_stream_closes_the_chosen_branch_at_once(recorder):
    closed = []

    def endless(chunks):
        try:
            while True:
                yield "x"
        finally:
            closed.append(True)

    chain = RunnableBranch((is_question, RunnableGenerator(endless)), len)
    chunks = chain.stream("a?", {"callbacks": [recorder]})
    assert next(chunks) == "x"
    chunks.close()
    assert closed == [True]

    async def early():
        async with aclosing(chain.astream("a?", {"callbacks": [recorder]})) as chunks:
            async for _ in chunks:
                break

    asyncio.run(early())
    assert closed == [True, True]
    assert recorder.unended() == []


def test_a_branch_that_is_none_is_refused_with_what_came():
    with pytest.raises(ValueError, match="pairs and a default, got 1 argument"):
        RunnableBranch(len)
    with pytest.raises(TypeError, match=r"pair as argument 1, got builtin_function"):
        RunnableBranch(len, len)
    with pytest.raises(ValueError, match="pair as argument 1, got 1 value"):
        RunnableBranch((len,), len)
    with pytest.raises(TypeError, match="expected a default as the last"):
        RunnableBranch((len, len), (len, len))
    with pytest.raises(TypeError, match="expected a Runnable, a function"):
        RunnableBranch((1, len), len)


def test_a_router_runs_what_the_input_names(run_chain, recorder):
    router = RouterRunnable({"up": lambda x: x.upper(), "size": RunnableLambda(len)})
    assert run_chain(router, {"key": "size", "input": "abc"}) == 3
    chain = RunnableLambda(lambda x: {"key": "size", "input": x}) | router
    assert run_chain(chain, "abcd", {"callbacks": [recorder]}) == 4
    assert ("start", "len") in recorder.kinds("start")
    assert recorder.events[-2].run.tags == ["seq:step:2"]


def test_a_router_streams_what_it_chose(collect):
    router = RouterRunnable({"letters": RunnableGenerator(letters)})
    assert collect(router, {"key": "letters", "input": "ab"}) == ["a", "b"]


def test_a_router_says_which_keys_there_are(run_chain):
    router = RouterRunnable({"a": len})
    with pytest.raises(ValueError, match="no runnable for the key 'b'; there are 'a'"):
        run_chain(router, {"key": "b", "input": 1})
    with pytest.raises(ValueError, match=r"expected \{'key'"):
        run_chain(router, "b")
