"""What a comparison measures, before it runs: the cases, and the baseline that each of them is compared with.

There are three kinds: chains on inputs under some strategies (see ``strategies``), plain functions, and the
branches of a parallel. ``Experiment.run`` measures the cases in rounds and gives a ``Comparison``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..engine.config import RunnableConfig
from ..engine.limits import Stop
from ..runnables.base import Runnable, coerce
from ..runnables.parallel import RunnableParallel
from ..text.excerpts import short_repr, typed_repr
from .comparison import Comparison
from .measuring.measurement import Measurement, Sample
from .measuring.rounds import Progress, Rounds, Watcher, check_number
from .measuring.strategies import TOGETHER, Case, cases_of, checked_strategies

__all__ = ["Experiment", "experiment_of_branches", "experiment_of_chains"]

AFTER = "one after another"


@dataclass(frozen=True)
class Experiment:
    """Cases, and for each label the label of its baseline.

    ``summed``: labels of cases whose times are added up, round by round, into a row of their own: it is
    labelled "one after another" and stands before the first case that runs them all in parallel.
    """

    cases: tuple[Case, ...]
    baselines: Mapping[str, str]
    title: str = ""
    confidence: float = 0.95
    summed: tuple[str, ...] = ()

    def run(
        self,
        *,
        repeats: int = 5,
        warmup: int = 1,
        config: RunnableConfig | None = None,
        on_progress: Callable[[Progress], Any] | None = None,
        watcher: Watcher | None = None,
        stop: Stop | None = None,
    ) -> Comparison:
        """Measure every case *repeats* times, in turn, after *warmup* rounds that do not count.

        Interrupted (Ctrl-C, the kernel's stop button) or stopped by *stop*, it returns what was measured so
        far; a case that fails ends it with the case's own exception.
        """
        rounds = Rounds(self.cases, repeats, warmup, config, on_progress, watcher, stop)
        interrupted = rounds.run()
        rows = rounds.measurements()
        if self.summed:
            at = next(number for number, row in enumerate(rows) if _runs_together(row))
            rows.insert(at, _one_after_another([row for row in rows if row.label in self.summed]))
        return Comparison(tuple(rows), self.baselines, self.title, interrupted, self.confidence)


def experiment_of_chains(
    chains: Any,
    inputs: Sequence[Any] | None,
    *,
    strategies: Sequence[str] | str = ("one by one", "batch"),
    concurrency: Sequence[int | None] | int | None = None,
    baseline: str | None = None,
    title: str = "",
    confidence: float = 0.95,
) -> Experiment:
    """Chains on inputs, or, without inputs, plain functions; the arguments are those of ``compare``."""
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
    baselines = {
        label: baseline or _baseline_of(case, cases) for label, case in zip(labels, cases, strict=True)
    }
    summed: list[str] = []
    together = [case.label for case in cases if _runs_together(case)]
    if baseline is None and together and AFTER not in labels:
        summed = [case.label for case in cases if case.strategy == "one by one"]
    if summed:
        baselines |= dict.fromkeys((AFTER, *together), AFTER)
    return Experiment(tuple(cases), baselines, title or _title(inputs), confidence, tuple(summed))


def experiment_of_branches(branches: Mapping[str, Any], input: Any) -> Experiment:
    """Each branch alone, and a RunnableParallel of them all; the sum of those alone is the baseline."""
    if not isinstance(branches, Mapping):
        raise TypeError(f"branches: expected a dict of runnables, got {typed_repr(branches)}")
    if not branches:
        raise ValueError("branches: expected at least one runnable by name, got an empty dict")
    together: RunnableParallel[Any] = RunnableParallel(branches)
    alone = [
        Case(f"{key} alone", _invoke(step, input), chain=key, is_part=True)
        for key, step in together.steps.items()
    ]
    cases = (*alone, Case("in parallel", _invoke(together, input), chain=TOGETHER, strategy="parallel"))
    summed = tuple(case.label for case in alone)
    baselines = dict.fromkeys((*summed, AFTER, "in parallel"), AFTER)
    return Experiment(cases, baselines, "parallel against alone", summed=summed)


def _runs_together(case: Case | Measurement) -> bool:
    return case.chain == TOGETHER and case.strategy == "parallel"


def _one_after_another(parts: Sequence[Measurement]) -> Measurement:
    """The sum of the parts, round by round."""
    rounds = zip(*(part.samples for part in parts), strict=False)
    sums = tuple(Sample(sum(sample.seconds for sample in samples)) for samples in rounds)
    return Measurement(AFTER, sums, AFTER, "one by one", items=max(part.items for part in parts))


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
        raise TypeError(f"cases: expected a dict of functions, got {typed_repr(cases)}")
    if not cases:
        raise ValueError("cases: expected at least one function by its label, got an empty dict")
    for label, case in cases.items():
        if not isinstance(label, str):
            raise TypeError(f"cases: expected text as labels, got {short_repr(label)}")
        if isinstance(case, Runnable) or not callable(case):
            raise TypeError(
                f"cases[{label!r}]: expected a function without arguments, such as "
                f"lambda: chain.invoke(input), got {typed_repr(case)}; "
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
        raise TypeError(f"inputs: expected a list of inputs, got {typed_repr(inputs)}")
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
