"""Which way of running something is faster: run each a few times, in turn, and put the medians side by side.

``compare`` times any callables; ``parallel_against_alone`` and ``batch_against_one_by_one`` answer the two
questions people have of chains. A *case* is one way to run; a *round* runs every case once, and each round
begins with another case, so that a machine that slows down or warms up favours none. The *speed-up* of a
case is the median of the baseline divided by its own.

Nothing observes the runs that are timed, unless the config given for them says so.
"""

from __future__ import annotations

import html
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..engine.config import RunnableConfig
from ..runnables.base import Runnable, coerce
from ..runnables.parallel import RunnableParallel
from .units import duration, ratio

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Comparison", "Measurement", "batch_against_one_by_one", "compare", "parallel_against_alone"]

Say = Callable[[str], Any]


@dataclass(frozen=True)
class Measurement:
    """The seconds each repeat of one case took, in order; empty if it was never reached. ``is_part``: it
    is only a part of the work of the others, so that the table shows no speed-up for it."""

    label: str
    seconds: tuple[float, ...] = ()
    is_part: bool = False

    @property
    def median(self) -> float:
        """Seconds; nan without repeats."""
        return statistics.median(self.seconds) if self.seconds else float("nan")

    @property
    def fastest(self) -> float:
        return min(self.seconds, default=float("nan"))

    @property
    def slowest(self) -> float:
        return max(self.seconds, default=float("nan"))


@dataclass(frozen=True)
class Comparison:
    """Measurements side by side. ``baseline`` is the label of the one that speed-ups refer to;
    ``interrupted`` says that not all repeats were run."""

    rows: tuple[Measurement, ...]
    baseline: str
    title: str = ""
    interrupted: bool = False

    def __getitem__(self, label: str) -> Measurement:
        """The measurement of that label. Raises KeyError that lists the labels."""
        for row in self.rows:
            if row.label == label:
                return row
        raise KeyError(f"{label!r}: expected one of {[row.label for row in self.rows]}")

    def speed_up(self, label: str) -> float:
        """How many times faster than the baseline; nan where one of the two was not measured."""
        median = self[label].median
        return self[self.baseline].median / median if median else float("nan")

    def __str__(self) -> str:
        cells = [["", "median", "fastest", "slowest", "speed-up"], *self._cells()]
        widths = [max(len(line[column]) for line in cells) for column in range(5)]
        lines = [
            "  ".join(
                cell.ljust(width) if column == 0 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]
        return "\n".join([*filter(None, [self.title]), *lines, self._remark()])

    def __rich__(self) -> RenderableType:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(
            title=Text(self.title) if self.title else None,
            title_justify="left",
            box=None,
            pad_edge=False,
            padding=(0, 2, 0, 0),
        )
        table.add_column("")
        for heading in ("median", "fastest", "slowest", "speed-up"):
            table.add_column(heading, justify="right", no_wrap=True)
        fastest = self._fastest()
        for row, cells in zip(self.rows, self._cells(), strict=True):
            style = "bold green" if row is fastest else None
            table.add_row(*(Text(cell) for cell in cells), style=style)
        return Group(table, Text(self._remark(), "dim"))

    def _repr_html_(self) -> str:
        longest = max((row.median for row in self.rows if row.seconds), default=0.0)
        fastest = self._fastest()
        lines = []
        for row, cells in zip(self.rows, self._cells(), strict=True):
            width = 100 * row.median / longest if row.seconds and longest else 0
            label, *numbers = (html.escape(cell) for cell in cells)
            weight = "font-weight:600" if row is fastest else ""
            bar = f'<div style="width:{width:.1f}%;min-width:1px;height:0.7em;background:#4c8dd6"></div>'
            lines.append(
                f'<tr style="{weight}"><th scope="row" style="text-align:left">{label}</th>'
                + "".join(f'<td style="text-align:right">{number}</td>' for number in numbers)
                + f'<td style="width:12em">{bar}</td></tr>'
            )
        heads = "".join(
            f'<th scope="col" style="text-align:right">{head}</th>'
            for head in ("median", "fastest", "slowest", "speed-up")
        )
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        return (
            f"<table>{caption}<thead><tr><td></td>{heads}<td></td></tr></thead>"
            f"<tbody>{''.join(lines)}</tbody></table><div>{html.escape(self._remark())}</div>"
        )

    def _cells(self) -> list[list[str]]:
        return [
            [
                row.label,
                *(
                    duration(seconds) if row.seconds else "-"
                    for seconds in (row.median, row.fastest, row.slowest)
                ),
                ratio(self.speed_up(row.label)) if self._has_speed_up(row) else "-",
            ]
            for row in self.rows
        ]

    def _has_speed_up(self, row: Measurement) -> bool:
        return bool(row.seconds and self[self.baseline].seconds and not row.is_part)

    def _fastest(self) -> Measurement | None:
        whole = [row for row in self.rows if row.seconds and not row.is_part]
        return min(whole, key=lambda row: row.median, default=None)

    def _remark(self) -> str:
        counts = sorted({len(row.seconds) for row in self.rows})
        repeats = (
            "-".join(str(number) for number in dict.fromkeys((counts[0], counts[-1]))) if counts else "0"
        )
        remark = f"speed-up against {self.baseline!r}, medians of {repeats} repeats"
        return f"{remark}; interrupted" if self.interrupted else remark


def compare(
    cases: Mapping[str, Callable[[], Any]],
    *,
    repeats: int = 3,
    warmup: int = 1,
    baseline: str | None = None,
    title: str = "",
    say: Say | None = None,
) -> Comparison:
    """Time each case *repeats* times, in turn, after *warmup* untimed rounds.

    baseline: the label that speed-ups refer to, the first one without it. say: is told what runs next, in
    a line each. Interrupted (Ctrl-C, the kernel's stop button), it returns what was measured so far; a
    case that fails ends it with the case's own exception.
    """
    _check_cases(cases)
    _check_number("repeats", repeats, 1)
    _check_number("warmup", warmup, 0)
    if baseline is not None and baseline not in cases:
        raise ValueError(f"baseline: expected one of {list(cases)}, got {baseline!r}")
    seconds, interrupted = _measure(cases, repeats, warmup, say)
    rows = tuple(Measurement(label, tuple(times)) for label, times in seconds.items())
    return Comparison(rows, baseline or next(iter(cases)), title, interrupted)


def parallel_against_alone(
    branches: Mapping[str, Any],
    input: Any,
    *,
    config: RunnableConfig | None = None,
    repeats: int = 3,
    warmup: int = 1,
    say: Say | None = None,
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
    steps = together.steps
    cases: dict[str, Callable[[], Any]] = {
        f"{key} alone": _call(step, input, config) for key, step in steps.items()
    }
    cases["in parallel"] = _call(together, input, config)
    _check_number("repeats", repeats, 1)
    _check_number("warmup", warmup, 0)
    seconds, interrupted = _measure(cases, repeats, warmup, say)
    parallel = seconds.pop("in parallel")
    sums = tuple(sum(times) for times in zip(*seconds.values(), strict=False))
    rows = (
        *(Measurement(label, tuple(times), is_part=True) for label, times in seconds.items()),
        Measurement("one after another", sums),
        Measurement("in parallel", tuple(parallel)),
    )
    return Comparison(rows, "one after another", "parallel against alone", interrupted)


def batch_against_one_by_one(
    chain: Runnable[Any, Any],
    inputs: Sequence[Any],
    *,
    max_concurrency: int | None = None,
    config: RunnableConfig | None = None,
    repeats: int = 3,
    warmup: int = 1,
    say: Say | None = None,
) -> Comparison:
    """``invoke`` for each of the inputs against one ``batch`` of them all."""
    step = coerce(chain)
    if isinstance(inputs, (str, bytes, Mapping)) or not isinstance(inputs, Sequence):
        raise TypeError(f"inputs: expected a list of inputs, got {type(inputs).__name__}: {inputs!r:.80}")
    if not inputs:
        raise ValueError("inputs: expected at least one, got an empty list")
    one_config: RunnableConfig = {**(config or {})}
    many_config = one_config
    label = "batch"
    if max_concurrency is not None:
        _check_number("max_concurrency", max_concurrency, 1)
        many_config = {**one_config, "max_concurrency": max_concurrency}
        label = f"batch (max_concurrency={max_concurrency})"
    return compare(
        {
            "one by one": lambda: [step.invoke(input, one_config) for input in inputs],
            label: lambda: step.batch(inputs, many_config),
        },
        repeats=repeats,
        warmup=warmup,
        title=f"{len(inputs)} inputs",
        say=say,
    )


def _measure(
    cases: Mapping[str, Callable[[], Any]], repeats: int, warmup: int, say: Say | None
) -> tuple[dict[str, list[float]], bool]:
    seconds: dict[str, list[float]] = {label: [] for label in cases}
    try:
        for number in range(warmup):
            for label in cases:
                _tell(say, f"warm-up {number + 1} of {warmup}: {label}")
                _timed(label, cases[label])
        for number in range(repeats):
            for label in _rotated(list(cases), number):
                _tell(say, f"round {number + 1} of {repeats}: {label}")
                seconds[label].append(_timed(label, cases[label]))
    except KeyboardInterrupt:
        if not any(seconds.values()):
            raise
        return seconds, True
    return seconds, False


def _timed(label: str, case: Callable[[], Any]) -> float:
    start = time.perf_counter()
    try:
        case()
    except Exception as error:
        error.add_note(f"while timing the case {label!r}")
        raise
    return time.perf_counter() - start


def _rotated(labels: list[str], by: int) -> list[str]:
    first = by % len(labels)
    return labels[first:] + labels[:first]


def _call(step: Runnable[Any, Any], input: Any, config: RunnableConfig | None) -> Callable[[], Any]:
    return lambda: step.invoke(input, config)


def _tell(say: Say | None, line: str) -> None:
    if say is not None:
        say(line)


def _check_cases(cases: object) -> None:
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
                f"lambda: chain.invoke(input), got {type(case).__name__}: {case!r:.80}"
            )


def _check_number(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name}: expected a whole number, got {value!r:.80}")
    if value < least:
        raise ValueError(f"{name}: expected {least} or more, got {value}")
