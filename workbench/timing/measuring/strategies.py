"""The ways to run a chain on several inputs, as cases that can be timed.

- *one by one*: ``invoke`` for each input;
- *batch*: one ``batch`` of them all, in threads;
- *abatch*: one ``abatch`` of them all, in tasks on an event loop;
- *parallel*: a ``RunnableParallel``: of all chains, input by input, where there are several; of one branch an
  input where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from ...engine.config import RunnableConfig
from ...runnables.base import Runnable
from ...runnables.function import RunnableLambda
from ...runnables.parallel import RunnableParallel
from ...text.excerpts import short_repr

__all__ = ["STRATEGIES", "Case", "cases_of"]

STRATEGIES = ("one by one", "batch", "abatch", "parallel")
INPUT_BRANCH = "input "
"""What the branches of one chain under "parallel" are called, before their numbers from 1."""
TOGETHER = "together"
"""The name of several chains in one RunnableParallel."""


@dataclass(frozen=True)
class Case:
    """One way to run: ``work`` is called with a config, in place, or awaited on a loop if ``is_async``.

    ``max_concurrency``: how many calls may be at work at a time, None for no limit; ``one_by_one``: inputs
    wait for each other; ``branches_are_items``: each input is a branch of one parallel; ``is_part``: it is
    only a part of the work of the others.
    """

    label: str
    work: Callable[[RunnableConfig], Any]
    chain: str = ""
    strategy: str = ""
    max_concurrency: int | None = None
    items: int = 1
    is_async: bool = False
    one_by_one: bool = False
    branches_are_items: bool = False
    is_part: bool = False


def cases_of(
    chains: Mapping[str, Runnable[Any, Any]],
    inputs: Sequence[Any],
    strategies: Sequence[str],
    concurrency: Sequence[int | None],
) -> list[Case]:
    """Every chain under every strategy at every concurrency; "one by one" only once for each chain."""
    several = len(chains) > 1
    cases: list[Case] = []
    for strategy in strategies:
        if strategy == "parallel" and several:
            cases += _limited(TOGETHER, "parallel", _together(chains), inputs, concurrency, one_by_one=True)
            continue
        for name, chain in chains.items():
            if strategy == "one by one":
                cases += _limited(name, strategy, chain, inputs, (None,), one_by_one=True)
            elif strategy == "parallel":
                branches = _branch_an_input(chain, inputs)
                cases += [
                    replace(case, items=len(inputs), branches_are_items=True)
                    for case in _limited(name, strategy, branches, [None], concurrency)
                ]
            else:
                cases += _limited(name, strategy, chain, inputs, concurrency)
    return _labelled(cases, several, len(strategies) > 1)


def checked_strategies(strategies: object) -> list[str]:
    """The names of strategies, checked. ValueError, with the nearest match, for other names."""
    if isinstance(strategies, str):
        strategies = [part.strip() for part in strategies.split(",")]
    if not isinstance(strategies, Sequence) or not strategies:
        raise TypeError(f"strategies: expected a list of {list(STRATEGIES)}, got {short_repr(strategies)}")
    names = []
    for given in strategies:
        name = str(given).replace("-", " ").replace("_", " ").strip()
        if name not in STRATEGIES:
            near = get_close_matches(name, STRATEGIES, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"strategies: expected some of {list(STRATEGIES)}, got {short_repr(given)}{hint}"
            )
        names.append(name)
    return list(dict.fromkeys(names))


def _limited(
    name: str,
    strategy: str,
    chain: Runnable[Any, Any],
    inputs: Sequence[Any],
    concurrency: Sequence[int | None],
    *,
    one_by_one: bool = False,
) -> list[Case]:
    return [
        Case(
            label="",
            work=_WORK[strategy](chain, inputs),
            chain=name,
            strategy=strategy,
            max_concurrency=limit,
            items=len(inputs),
            is_async=strategy == "abatch",
            one_by_one=one_by_one,
        )
        for limit in concurrency
    ]


def _labelled(cases: Sequence[Case], several_chains: bool, several_strategies: bool) -> list[Case]:
    """The cases with labels that name what they differ in."""
    labelled = []
    for case in cases:
        words = []
        if several_chains:
            words.append(case.chain)
        if several_strategies or not several_chains:
            words.append(case.strategy)
        label = ", ".join(words)
        if case.max_concurrency is not None:
            label += f" (max_concurrency={case.max_concurrency})"
        labelled.append(replace(case, label=label))
    return labelled


def _invoke_each(chain: Runnable[Any, Any], inputs: Sequence[Any]) -> Callable[[RunnableConfig], Any]:
    def work(config: RunnableConfig) -> None:
        for item, input in enumerate(inputs):
            try:
                chain.invoke(input, config)
            except Exception as error:
                error.add_note(f"on input {item + 1} of {len(inputs)}: {short_repr(input)}")
                raise

    return work


def _batch(chain: Runnable[Any, Any], inputs: Sequence[Any]) -> Callable[[RunnableConfig], Any]:
    return lambda config: chain.batch(list(inputs), config)


def _abatch(chain: Runnable[Any, Any], inputs: Sequence[Any]) -> Callable[[RunnableConfig], Any]:
    return lambda config: chain.abatch(list(inputs), config)


_WORK = {"one by one": _invoke_each, "batch": _batch, "abatch": _abatch, "parallel": _invoke_each}


def _together(chains: Mapping[str, Runnable[Any, Any]]) -> Runnable[Any, Any]:
    return RunnableParallel(dict(chains))


def _branch_an_input(chain: Runnable[Any, Any], inputs: Sequence[Any]) -> Runnable[Any, Any]:
    def given(input: Any) -> Runnable[Any, Any]:
        return RunnableLambda(lambda _: input, name="input") | chain

    return RunnableParallel(
        {f"{INPUT_BRANCH}{number}": given(input) for number, input in enumerate(inputs, 1)}
    )
