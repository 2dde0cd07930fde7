"""map(): one runnable for every item of a list."""

import asyncio
import threading

import pytest

from workbench import RunnableLambda


def inc(x):
    return x + 1


def test_each_item_is_worked_on_and_the_order_is_kept(run_chain):
    assert run_chain(RunnableLambda(inc).map(), [1, 2, 3]) == [2, 3, 4]
    assert run_chain(RunnableLambda(range) | list | RunnableLambda(inc).map() | sum, 3) == 6
    assert run_chain(RunnableLambda(inc).map().map(), [[1], [2, 3], []]) == [[2], [3, 4], []]


def test_an_empty_list_gives_an_empty_list(run_chain):
    assert run_chain(RunnableLambda(inc).map(), []) == []


def test_its_run_holds_one_run_an_item(run_chain, recorder):
    run_chain(RunnableLambda(inc).map(), [1, 2], {"callbacks": [recorder]})
    starts = [e.run for e in recorder.events if e.kind == "start"]
    assert [run.name for run in starts] == ["RunnableEach<inc>", "inc", "inc"]
    assert {run.parent for run in starts[1:]} == {starts[0]}


def test_a_failing_item_ends_every_run(run_chain, recorder):
    with pytest.raises(TypeError) as caught:
        run_chain(RunnableLambda(list) | RunnableLambda(inc).map(), [1, "x"], {"callbacks": [recorder]})
    assert recorder.unended() == []
    assert caught.value.__notes__ == ["in RunnableSequence > RunnableEach<inc> > inc"]


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_items_are_worked_on_side_by_side(form):
    together = threading.Barrier(3, timeout=30)
    chain = RunnableLambda(lambda x: together.wait() is not None).map()
    run = chain.invoke if form == "invoke" else lambda inputs: asyncio.run(chain.ainvoke(inputs))
    assert run([1, 2, 3]) == [True] * 3


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
def test_max_concurrency_bounds_them(form):
    lock, running, most = threading.Lock(), [0], [0]

    def work(x):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        threading.Event().wait(0.005)
        with lock:
            running[0] -= 1
        return x

    chain, config = RunnableLambda(work).map(), {"max_concurrency": 2}
    if form == "invoke":
        chain.invoke(list(range(12)), config)
    else:
        asyncio.run(chain.ainvoke(list(range(12)), config))
    assert most[0] <= 2


def test_bind_config_and_listeners_are_meant_for_the_items(run_chain, recorder):
    seen = []
    chain = RunnableLambda(lambda x, plus: x + plus, name="add").map()
    chain = (
        chain.bind(plus=10).with_config(tags=["item"]).with_listeners(on_end=lambda r: seen.append(r.output))
    )
    assert run_chain(chain, [1, 2], {"callbacks": [recorder]}) == [11, 12]
    assert sorted(seen) == [11, 12]
    tags = {e.run.name: e.run.tags for e in recorder.events}
    assert tags == {"RunnableEach<add>": [], "add": ["item"]}


def test_what_is_no_list_is_refused(run_chain):
    with pytest.raises(TypeError, match="RunnableEach<inc>: expected a list of inputs, got str: 'abc'"):
        run_chain(RunnableLambda(inc).map(), "abc")
