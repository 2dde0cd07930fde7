"""Comparison: measurements side by side, with how sure their differences are, as a table anywhere."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..text.units import count, duration, ratio
from .advice import Advice, advice_on
from .measurement import Facts, Measurement
from .resampling import FEWEST_ROUNDS, Ratio, ratio_of

if TYPE_CHECKING:
    from pathlib import Path

    import pandas
    from rich.console import Console, ConsoleOptions, RenderResult

    from ..live.state import LiveState
    from .charts import Chart, Charts
    from .report import StepTable

__all__ = ["Comparison"]

Cell = Callable[["Comparison", Measurement], str]
_CELL = "text-align:right;white-space:nowrap"
_LABEL = "text-align:left;white-space:nowrap"


@dataclass(frozen=True, repr=False)
class Comparison:
    """Measurements side by side.

    ``baselines``: for each label the label that its speed-up refers to; a single label is that of all.
    ``interrupted`` says that not all repeats were run. It shows itself as a table in a notebook, in a
    terminal and as text; ``verdicts`` says in words what the intervals allow to say, ``advice`` what follows.

    >>> from workbench import FakeChatModel, compare
    >>> model = FakeChatModel(delay_s=0.01)
    >>> result = compare(model, ["a", "b", "c", "d"], repeats=2, live=False)
    >>> [row.label for row in result.rows], len(result["batch"].seconds)
    (['one by one', 'batch'], 2)
    >>> result.speed_up("batch") > 1
    True
    """

    rows: tuple[Measurement, ...]
    baselines: Mapping[str, str] | str
    title: str = ""
    interrupted: bool = False
    confidence: float = 0.95

    def __getitem__(self, label: str) -> Measurement:
        """The measurement of that label. Raises KeyError that lists the labels."""
        for row in self.rows:
            if row.label == label:
                return row
        raise KeyError(f"{label!r}: expected one of {[row.label for row in self.rows]}")

    def baseline_of(self, label: str) -> str:
        """The label that a label's speed-up refers to."""
        return self.baselines if isinstance(self.baselines, str) else self.baselines.get(label, label)

    def ratio(self, label: str, against: str | None = None) -> Ratio:
        """How many times faster a case is than another (its baseline), with the interval."""
        base = self[against if against is not None else self.baseline_of(label)]
        return ratio_of(base.seconds, self[label].seconds, confidence=self.confidence)

    def speed_up(self, label: str) -> float:
        """How many times faster than its baseline; nan where one of the two was not measured."""
        return self.ratio(label).value

    def verdict(self, label: str, against: str | None = None) -> str:
        """In words, no bolder than the interval: "2.7x faster (95 % interval 2.4 to 3.0)"."""
        return self.ratio(label, against).verdict

    @property
    def verdicts(self) -> list[str]:
        """One line for every case that has a baseline other than itself."""
        lines = []
        for row in self.rows:
            base = self.baseline_of(row.label)
            if base != row.label and row.samples and not row.is_part:
                lines.append(f"{row.label} against {base}: {self.verdict(row.label)}")
        return lines

    @cached_property
    def advice(self) -> list[Advice]:
        """What follows from the runs, each with its evidence; empty if nothing does."""
        return advice_on(self.rows)

    def live(self, label: str) -> LiveState:
        """The runs of a case's last repeat, for a view of them. ValueError for a case without runs."""
        live = self[label].live
        if live is None:
            raise ValueError(f"{label!r} has no runs to show: plain functions and sums have none")
        return live

    @property
    def charts(self) -> Charts:
        """All the pictures there are figures for: speed-ups, latencies, the fastest run against its
        baseline."""
        from .charts import charts_of

        return charts_of(self)

    def speed_up_chart(self) -> Chart:
        """Speed-up against ``max_concurrency``, with the ideal. ValueError if there is none to draw."""
        from .charts import speed_up_chart

        return speed_up_chart(self)

    def latency_chart(self) -> Chart:
        """How long each input took, a box a case. ValueError without runs."""
        from .charts import latency_chart

        return latency_chart(self)

    def waterfall_chart(
        self, label: str | None = None, against: str | None = None, *, item: int = 0
    ) -> Chart:
        """The run of one case on one input against that of another, the same steps side by side.

        *label*: by default the fastest; *against*: by default its baseline. KeyError for unknown labels,
        ValueError for a case without runs.
        """
        from .charts import waterfall_chart

        return waterfall_chart(self, label, against, item=item)

    def steps(self, label: str) -> StepTable:
        """Where the time of a case's last repeat went, step by step. ValueError for a case without runs."""
        from .report import StepTable

        rows = self[label].rows
        if not rows:
            raise ValueError(f"{label!r} has no runs to show: plain functions and sums have none")
        return StepTable(rows)

    def save(self, path: str | Path) -> Path:
        """Write a page with everything: table, verdicts, advice, pictures, steps. It needs no network and no
        scripts. *path* ends in .html."""
        from .page import save_page

        return save_page(self, path)

    def to_pandas(self) -> pandas.DataFrame:
        """One row a repeat. MissingDependencyError without pandas."""
        try:
            import pandas
        except ImportError:
            from ..errors import MissingDependencyError

            raise MissingDependencyError("Comparison.to_pandas needs pandas: pip install pandas") from None
        return pandas.DataFrame(self.records())

    def records(self) -> list[dict[str, Any]]:
        """One dict a repeat, for a table or a file; seconds, and None for what is not known."""
        records = []
        for row in self.rows:
            for number, sample in enumerate(row.samples):
                facts = sample.facts
                records.append(
                    {
                        "case": row.label,
                        "chain": row.chain,
                        "strategy": row.strategy,
                        "max_concurrency": row.max_concurrency,
                        "items": row.items,
                        "round": number + 1,
                        "seconds": sample.seconds,
                        **{
                            name: getattr(facts, name, None)
                            for name in ("ideal_s", "efficiency", "peak", "waited_s")
                        },
                        **{name: getattr(facts, name, None) for name in ("tokens", "tokens_per_s")},
                        "cost_usd": facts.cost_usd if facts else None,
                        "failed": facts.failed if facts else None,
                    }
                )
        return records

    def __repr__(self) -> str:
        measured = sum(len(row.samples) for row in self.rows)
        return f"<Comparison {self.title!r}: {len(self.rows)} cases, {measured} repeats>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def __str__(self) -> str:
        names, lines = self._table()
        cells = [["", *names], *lines]
        widths = _widths(cells)
        table = [
            "  ".join(
                cell.ljust(width) if column == 0 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]
        return "\n".join([*filter(None, [self.title]), *table, *self.remarks])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.table import Table
        from rich.text import Text

        names, lines = self._table()
        left_out = _fit(names, lines, options.max_width)
        table = Table(
            title=Text(self.title) if self.title else None,
            title_justify="left",
            box=None,
            pad_edge=False,
            padding=(0, 2, 0, 0),
        )
        table.add_column("", no_wrap=True)
        for name in names:
            table.add_column(name, justify="right", no_wrap=True)
        fastest = self._fastest()
        for row, cells in zip(self.rows, lines, strict=True):
            table.add_row(*(Text(cell) for cell in cells), style="bold green" if row is fastest else None)
        yield table
        yield from (Text(remark, "dim") for remark in self.remarks)
        if left_out:
            yield Text(f"left out for want of room: {', '.join(left_out)}", "dim")

    def _repr_html_(self) -> str:
        return self.table_html() + "".join(f"<div>{html.escape(remark)}</div>" for remark in self.remarks)

    def table_html(self) -> str:
        """The table alone."""
        longest = max((row.median for row in self.rows if row.samples), default=0.0)
        fastest = self._fastest()
        names, table = self._table()
        lines = []
        for row, cells in zip(self.rows, table, strict=True):
            width = 100 * row.median / longest if row.samples and longest else 0
            label, *numbers = (html.escape(cell) for cell in cells)
            weight = "font-weight:600" if row is fastest else ""
            bar = f'<div style="width:{width:.1f}%;min-width:1px;height:0.7em;background:#4c8dd6"></div>'
            lines.append(
                f'<tr style="{weight}"><th scope="row" style="{_LABEL}">{label}</th>'
                + "".join(f'<td style="{_CELL}">{number}</td>' for number in numbers)
                + f'<td style="width:12em;min-width:6em">{bar}</td></tr>'
            )
        heads = "".join(f'<th scope="col" style="{_CELL}">{html.escape(name)}</th>' for name in names)
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        return (
            f"<table>{caption}<thead><tr><td></td>{heads}<td></td></tr></thead>"
            f"<tbody>{''.join(lines)}</tbody></table>"
        )

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """Names of the columns that have something to say, and a line of cells a row."""
        columns = {name: [cell(self, row) for row in self.rows] for name, cell in _COLUMNS.items()}
        shown = [name for name, cells in columns.items() if name in _ALWAYS or any(cells)]
        lines = [
            [row.label, *(columns[name][number] or "-" for name in shown)]
            for number, row in enumerate(self.rows)
        ]
        return shown, lines

    def has_speed_up(self, row: Measurement) -> bool:
        return bool(row.samples and self[self.baseline_of(row.label)].samples and not row.is_part)

    def _fastest(self) -> Measurement | None:
        whole = [row for row in self.rows if row.samples and not row.is_part]
        return min(whole, key=lambda row: row.median, default=None)

    @property
    def remarks(self) -> list[str]:
        """What stands under the table: what the figures are, then the advice."""
        counts = sorted({len(row.samples) for row in self.rows})
        ends = dict.fromkeys((counts[0], counts[-1])) if counts else (0,)
        remark = f"medians of {'-'.join(str(number) for number in ends)} repeats"
        if len(set(self._all_baselines())) == 1:
            remark += f", speed-up against {self._all_baselines()[0]!r}"
        if self.interrupted:
            remark += "; interrupted"
        if self._all_baselines() and 0 < counts[-1] < FEWEST_ROUNDS:
            remark += f"; {FEWEST_ROUNDS} are needed for a verdict"
        return [remark, *(str(advice) for advice in self.advice)]

    def _all_baselines(self) -> list[str]:
        """Of the rows that are compared with another."""
        pairs = [(row.label, self.baseline_of(row.label)) for row in self.rows if not row.is_part]
        return [base for label, base in pairs if base != label]


_SPARED = ("quartiles", "first token", "tokens/s", "waiting", "efficiency", "at once", "interval")
"""Columns that a narrow terminal does without, the first to go first."""


def _widths(cells: list[list[str]]) -> list[int]:
    return [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]


def _fit(names: list[str], lines: list[list[str]], room: int) -> list[str]:
    """Take columns out until a line, with two spaces between cells, fits into *room*; say which."""
    left_out = []
    for name in _SPARED:
        if sum(width + 2 for width in _widths([["", *names], *lines])) <= room:
            break
        if name in names:
            column = names.index(name)
            names.pop(column)
            for line in lines:
                line.pop(column + 1)
            left_out.append(name)
    return left_out


def _seconds(_: Comparison, row: Measurement) -> str:
    return duration(row.median) if row.samples else ""


def _spread(_: Comparison, row: Measurement) -> str:
    if len(row.samples) < 3:
        return ""
    low, high = row.quartiles
    return f"{duration(low)} to {duration(high)}"


def _speed_up(comparison: Comparison, row: Measurement) -> str:
    return ratio(comparison.speed_up(row.label)) if comparison.has_speed_up(row) else ""


def _interval(comparison: Comparison, row: Measurement) -> str:
    if not _is_compared(comparison, row):
        return ""
    return comparison.ratio(row.label).interval


def _verdict(comparison: Comparison, row: Measurement) -> str:
    if not _is_compared(comparison, row):
        return ""
    found = comparison.ratio(row.label)
    if not found.tells:
        return ""
    return "faster" if found.is_faster else "slower" if found.is_slower else "no difference seen"


def _is_compared(comparison: Comparison, row: Measurement) -> bool:
    return comparison.has_speed_up(row) and comparison.baseline_of(row.label) != row.label


def _fact(read: Callable[[Facts], str]) -> Cell:
    def cell(_: Comparison, row: Measurement) -> str:
        facts = row.facts
        return read(facts) if facts is not None else ""

    return cell


def _first_token(facts: Facts) -> str:
    times = sorted(facts.first_tokens_s)
    return duration(times[len(times) // 2]) if times else ""


_COLUMNS: dict[str, Cell] = {
    "median": _seconds,
    "quartiles": _spread,
    "speed-up": _speed_up,
    "interval": _interval,
    "verdict": _verdict,
    "at once": _fact(lambda facts: str(facts.peak) if facts.peak else ""),
    "efficiency": _fact(lambda facts: f"{facts.efficiency:.0%}"),
    "waiting": _fact(lambda facts: duration(facts.waited_s) if facts.waited_s >= 0.001 else ""),
    "first token": _fact(_first_token),
    "tokens/s": _fact(lambda facts: count(facts.tokens_per_s) if facts.tokens_per_s else ""),
    "cost": _fact(lambda facts: f"${facts.cost_usd:.2g}" if facts.cost_usd else ""),
    "failed": _fact(lambda facts: str(facts.failed) if facts.failed else ""),
}
_ALWAYS = ("median", "speed-up")
