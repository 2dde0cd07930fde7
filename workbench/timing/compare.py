"""Which way of running something is faster: run each a few times, in turn, and see how sure that is.

``compare`` times chains on inputs under the strategies there are (see ``strategies``), or plain functions;
``parallel_against_alone`` and ``batch_against_one_by_one`` are the two questions people ask most. A *case* is
one way to run; a *round* runs every case once, and each round begins with another case, so that a machine
that slows down or warms up favours none.

Runs of chains are observed while they are timed (what that costs is in the bench: well below a percent of
any call of a model), and chat models stream, so that there is a first token to time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..engine.config import RunnableConfig
from ..engine.limits import Stop
from ..runnables.base import Runnable, coerce
from ..runnables.parallel import RunnableParallel
from .comparison import Comparison
from .measurement import Measurement, Sample
from .rounds import Progress, Rounds, Watcher, check_number
from .strategies import TOGETHER, Case, cases_of, checked_strategies

__all__ = [
    "Comparison",
    "Measurement",
    "Progress",
    "Watcher",
    "batch_against_one_by_one",
    "compare",
    "parallel_against_alone",
]

AFTER = "one after another"


def compare(
    chains: Any,
    inputs: Sequence[Any] | None = None,
    *,
    strategies: Sequence[str] | str = ("one by one", "batch"),
    concurrency: Sequence[int | None] | int | None = None,
    repeats: int = 5,
    warmup: int = 1,
    baseline: str | None = None,
    config: RunnableConfig | None = None,
    title: str = "",
    confidence: float = 0.95,
    on_progress: Callable[[Progress], Any] | None = None,
    watcher: Watcher | None = None,
    stop: Stop | None = None,
) -> Comparison:
    """Time chains on inputs, each strategy *repeats* times, in turn, after *warmup* untimed rounds.

    chains: a chain, or a dict of chains by name; without *inputs*, a dict of functions without arguments.
    strategies: some of "one by one", "batch", "abatch", "parallel". concurrency: values of
    ``max_concurrency`` to try (None: no limit). baseline: the label of the case that speed-ups refer to;
    without it each chain refers to its own first strategy, and chains under one strategy to the first
    chain. A verdict needs five repeats. *on_progress* is told what runs next.

    Interrupted (Ctrl-C, the kernel's stop button), it returns what was measured so far; a case that fails
    ends it with the case's own exception. TypeError and ValueError say which argument is wrong.

    >>> from workbench import FakeChatModel, compare
    >>> model = FakeChatModel(delay_s=0.01)
    >>> result = compare(model, ["a", "b", "c", "d"], strategies=("one by one", "batch"), repeats=2)
    >>> [row.label for row in result.rows], result.speed_up("batch") > 1
    (['one by one', 'batch'], True)
    """
    if not isinstance(confidence, float) or not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, such as 0.95, got {confidence!r}")
    if inputs is None:
        cases = _function_cases(chains)
    else:
        cases = cases_of(
            _named_chains(chains),
            _checked_inputs(inputs),
            checked_strategies(strategies),
            _checked_concurrency(concurrency),
        )
    labels = [case.label for case in cases]
    if baseline is not None and baseline not in labels:
        raise ValueError(f"baseline: expected one of {labels}, got {baseline!r}")
    rounds = Rounds(cases, repeats, warmup, config, on_progress, watcher, stop)
    interrupted = rounds.run()
    rows = rounds.measurements()
    baselines = {case.label: baseline or _baseline_of(case, cases) for case in cases}
    if baseline is None:
        rows, baselines = _with_sum(rows, baselines)
    return Comparison(tuple(rows), baselines, title or _title(inputs), interrupted, confidence)


def parallel_against_alone(
    branches: Mapping[str, Any],
    input: Any,
    *,
    config: RunnableConfig | None = None,
    repeats: int = 5,
    warmup: int = 1,
    on_progress: Callable[[Progress], Any] | None = None,
    watcher: Watcher | None = None,
    stop: Stop | None = None,
) -> Comparison:
    """Each branch alone, all of them one after another, and a RunnableParallel of them, on one input.

    branches: what a dict in a chain may hold. The row "one after another" is the sum of the branches
    alone, round by round, and the baseline.
    """
    if not isinstance(branches, Mapping):
        raise TypeError(
            f"branches: expected a dict of runnables, got {type(branches).__name__}: {branches!r:.80}"
        )
    if not branches:
        raise ValueError("branches: expected at least one runnable by name, got an empty dict")
    together: RunnableParallel[Any] = RunnableParallel(branches)
    cases = [
        *(Case(f"{key} alone", _invoke(step, input), chain=key) for key, step in together.steps.items()),
        Case("in parallel", _invoke(together, input), chain="together", strategy="parallel"),
    ]
    rounds = Rounds(cases, repeats, warmup, config, on_progress, watcher, stop)
    interrupted = rounds.run()
    *alone, parallel = rounds.measurements()
    parts = [replace(row, is_part=True) for row in alone]
    rows = (*parts, _one_after_another(parts), parallel)
    return Comparison(rows, {row.label: AFTER for row in rows}, "parallel against alone", interrupted)


def batch_against_one_by_one(
    chain: Runnable[Any, Any],
    inputs: Sequence[Any],
    *,
    max_concurrency: int | None = None,
    config: RunnableConfig | None = None,
    repeats: int = 5,
    warmup: int = 1,
    on_progress: Callable[[Progress], Any] | None = None,
    watcher: Watcher | None = None,
    stop: Stop | None = None,
) -> Comparison:
    """``invoke`` for each of the inputs against one ``batch`` of them all."""
    if max_concurrency is not None:
        check_number("max_concurrency", max_concurrency, 1)
    return compare(
        chain,
        inputs,
        concurrency=max_concurrency,
        config=config,
        repeats=repeats,
        warmup=warmup,
        on_progress=on_progress,
        watcher=watcher,
        stop=stop,
    )


def _one_after_another(parts: Sequence[Measurement]) -> Measurement:
    """The sum of the parts, round by round."""
    rounds = zip(*(part.samples for part in parts), strict=False)
    sums = tuple(Sample(sum(sample.seconds for sample in samples)) for samples in rounds)
    return Measurement(AFTER, sums, AFTER, "one by one", items=max(part.items for part in parts))


def _with_sum(rows: list[Measurement], baselines: dict[str, str]) -> tuple[list[Measurement], dict[str, str]]:
    """With a row for all chains one after another, where there is one for all of them together."""
    together = [row for row in rows if row.chain == TOGETHER and row.strategy == "parallel"]
    alone = [row for row in rows if row.strategy == "one by one"]
    if not together or not alone or any(row.label == AFTER for row in rows):
        return rows, baselines
    at = rows.index(together[0])
    rows = [*rows[:at], _one_after_another(alone), *rows[at:]]
    return rows, {**baselines, AFTER: AFTER, **{row.label: AFTER for row in together}}


def _baseline_of(case: Case, cases: Sequence[Case]) -> str:
    """The first strategy of the same chain where strategies are compared, else the first case."""
    if len({other.strategy for other in cases}) > 1 or len({other.chain for other in cases}) == 1:
        return next(other.label for other in cases if other.chain == case.chain)
    return cases[0].label


def _title(inputs: Sequence[Any] | None) -> str:
    if inputs is None:
        return ""
    return "1 input" if len(inputs) == 1 else f"{len(inputs)} inputs"


def _invoke(step: Runnable[Any, Any], input: Any) -> Callable[[RunnableConfig], Any]:
    return lambda config: step.invoke(input, config)


def _function_cases(cases: object) -> list[Case]:
    if isinstance(cases, Runnable):
        raise TypeError("compare: a chain needs inputs: compare(chain, [input, ...])")
    if not isinstance(cases, Mapping):
        raise TypeError(f"cases: expected a dict of functions, got {type(cases).__name__}: {cases!r:.80}")
    if not cases:
        raise ValueError("cases: expected at least one function by its label, got an empty dict")
    for label, case in cases.items():
        if not isinstance(label, str):
            raise TypeError(f"cases: expected text as labels, got {label!r:.80}")
        if isinstance(case, Runnable) or not callable(case):
            raise TypeError(
                f"cases[{label!r}]: expected a function without arguments, such as "
                f"lambda: chain.invoke(input), got {type(case).__name__}: {case!r:.80}; "
                "chains are compared with compare(chains, inputs)"
            )
    return [
        Case(label, lambda config, function=function: function(), chain=label)  # type: ignore[misc]  # bound now
        for label, function in cases.items()
    ]


def _named_chains(chains: object) -> dict[str, Runnable[Any, Any]]:
    if isinstance(chains, Mapping):
        if not chains:
            raise ValueError("chains: expected at least one chain by its name, got an empty dict")
        return {str(name): coerce(chain) for name, chain in chains.items()}
    if isinstance(chains, list | tuple):
        named = {f"chain {number}": coerce(chain) for number, chain in enumerate(chains, 1)}
        if not named:
            raise ValueError("chains: expected at least one chain, got an empty list")
        return named
    chain = coerce(chains)
    return {chain.get_name(): chain}


def _checked_inputs(inputs: object) -> list[Any]:
    if isinstance(inputs, str | bytes | Mapping) or not hasattr(inputs, "__iter__"):
        raise TypeError(f"inputs: expected a list of inputs, got {type(inputs).__name__}: {inputs!r:.80}")
    found = list(inputs)
    if not found:
        raise ValueError("inputs: expected at least one, got an empty list")
    return found


def _checked_concurrency(concurrency: Any) -> list[int | None]:
    if concurrency is None:
        return [None]
    limits = list(concurrency) if isinstance(concurrency, list | tuple | range) else [concurrency]
    if not limits:
        raise ValueError("concurrency: expected at least one max_concurrency, got an empty list")
    checked: dict[int | None, None] = {}
    for limit in limits:
        if limit is not None:
            check_number("concurrency", limit, 1)
        checked[limit] = None
    return list(checked)
