"""Comparison: measurements side by side, with how sure their differences are, as a table anywhere."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MissingDependencyError
from ..live.state import LiveState
from .charts.chart import Chart, Charts
from .charts.pictures import charts_of, latency_chart, speed_up_chart, waterfall_chart
from .measuring.measured_cases import MeasuredCases
from .page import save_page
from .runs.step_table import StepTable
from .table import table_html, table_rich, table_text

if TYPE_CHECKING:
    import pandas
    from rich.console import Console, ConsoleOptions, RenderResult

__all__ = ["Comparison"]


@dataclass(frozen=True, repr=False)
class Comparison(MeasuredCases):
    """Measurements side by side.

    ``baselines``: for each label the label that its speed-up refers to; a single label is that of all.
    ``interrupted``: not all repeats were run. It shows itself as a table in a notebook, in a terminal and as
    text. ``verdicts`` are sentences no bolder than the intervals; ``advice`` is what follows from the runs.

    >>> from workbench import FakeChatModel, compare
    >>> model = FakeChatModel(delay_s=0.01)
    >>> result = compare(model, ["a", "b", "c", "d"], repeats=2, live=False)
    >>> [row.label for row in result.rows], len(result["batch"].seconds)
    (['one by one', 'batch'], 2)
    >>> result.speed_up("batch") > 1
    True
    """

    def live(self, label: str) -> LiveState:
        """The runs of a case's last repeat, for a view of them. ValueError for a case without runs."""
        live = self[label].live
        if live is None:
            raise _no_runs(label)
        return live

    @property
    def charts(self) -> Charts:
        """All the pictures there are figures for: speed-ups, latencies, the fastest run against its
        baseline."""
        return charts_of(self)

    def speed_up_chart(self) -> Chart:
        """Speed-up against ``max_concurrency``, with the ideal. ValueError if there is none to draw."""
        return speed_up_chart(self)

    def latency_chart(self) -> Chart:
        """How long each input took, a box a case. ValueError without runs."""
        return latency_chart(self)

    def waterfall_chart(
        self, label: str | None = None, against: str | None = None, *, item: int = 0
    ) -> Chart:
        """The run of one case on one input against that of another, the same steps side by side.

        *label*: by default the fastest; *against*: by default its baseline. KeyError for unknown labels,
        ValueError for a case without runs.
        """
        return waterfall_chart(self, label, against, item=item)

    def steps(self, label: str) -> StepTable:
        """Where the time of a case's last repeat went, step by step. ValueError for a case without runs."""
        rows = self[label].rows
        if not rows:
            raise _no_runs(label)
        return StepTable(rows)

    def save(self, path: str | Path) -> Path:
        """Write a page with everything: table, verdicts, advice, pictures, steps. It needs no network and no
        scripts. *path* ends in .html."""
        return save_page(self, path)

    def to_pandas(self) -> pandas.DataFrame:
        """One row a repeat. MissingDependencyError without pandas."""
        try:
            import pandas
        except ImportError:
            raise MissingDependencyError("Comparison.to_pandas needs pandas: pip install pandas") from None
        return pandas.DataFrame(self.records())

    def __repr__(self) -> str:
        measured = sum(len(row.samples) for row in self.rows)
        return f"<Comparison {self.title!r}: {len(self.rows)} cases, {measured} repeats>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def __str__(self) -> str:
        return table_text(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return table_rich(self, options.max_width)

    def _repr_html_(self) -> str:
        return self.table_html() + "".join(f"<div>{html.escape(remark)}</div>" for remark in self.remarks)

    def table_html(self) -> str:
        """The table alone."""
        return table_html(self)


def _no_runs(label: str) -> ValueError:
    return ValueError(f"{label!r} has no runs to show: plain functions and sums have none")
