"""How fast the same calls could have gone."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.runnables.function import RunnableLambda
from workbench.runnables.parallel import RunnableParallel
from workbench.timing.runs.ideal import Parallel, Plan, Series, Work, makespan, plan_of
from workbench.timing.runs.rows import Timings

plans = st.recursive(
    st.integers(0, 10).map(lambda n: Work(float(n))),
    lambda inner: (
        st.lists(inner, max_size=4).map(tuple).map(Series)
        | st.lists(inner, max_size=4).map(tuple).map(Parallel)
    ),
    max_leaves=12,
)


def work_in(plan: Plan) -> float:
    return plan.seconds if isinstance(plan, Work) else sum(work_in(part) for part in plan.parts)


def longest(plan: Plan) -> float:
    if isinstance(plan, Work):
        return plan.seconds
    parts = [longest(part) for part in plan.parts]
    return sum(parts) if isinstance(plan, Series) else max(parts, default=0.0)


@given(st.lists(plans, max_size=6))
def test_without_a_limit_the_longest_way_through_decides(several: list[Plan]):
    assert makespan(several) == max(map(longest, several), default=0.0)


@given(st.lists(plans, max_size=6))
def test_with_one_place_all_work_is_in_turn(several: list[Plan]):
    assert makespan(several, 1) == sum(map(work_in, several))


@given(st.lists(plans, max_size=6), st.integers(1, 5))
def test_a_limit_is_kept_between_its_bounds(several: list[Plan], places: int):
    """Graham's bounds of list scheduling: at least the work over the places and the longest way, at most
    their sum."""
    work, way = sum(map(work_in, several)), max(map(longest, several), default=0.0)
    took = makespan(several, places)
    assert max(work / places, way) - 1e-9 <= took <= work / places + way + 1e-9


def test_an_uneven_number_of_items_leaves_a_place_empty_at_the_end():
    assert makespan([Work(0.1)] * 5, places=2) == pytest.approx(0.3)


def nap(seconds: float) -> RunnableLambda[Any, Any]:
    def sleep(value: Any) -> Any:
        time.sleep(seconds)
        return value

    return RunnableLambda(sleep)


def test_the_plan_of_a_real_run_has_its_calls_and_none_of_the_waiting():
    timings = Timings()
    chain = nap(0.05) | RunnableParallel(a=nap(0.1), b=nap(0.05))
    chain.invoke(1, {"callbacks": [timings], "max_concurrency": 1})
    plan = plan_of(timings.rows, 0)
    assert isinstance(plan, Series)
    first, both = plan.parts
    assert isinstance(both, Parallel)
    assert longest(first) == pytest.approx(0.05, abs=0.02)
    assert sorted(longest(part) for part in both.parts) == pytest.approx([0.05, 0.1], abs=0.02)
    assert makespan([plan]) == pytest.approx(0.15, abs=0.03)
    assert makespan([plan], 1) == pytest.approx(0.2, abs=0.03)
