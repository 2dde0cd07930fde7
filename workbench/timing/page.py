"""A comparison as one page: table, verdicts, advice, pictures, steps. No scripts, nothing from elsewhere.

The pictures are SVG where vl-convert-python is there, else their twins in plain HTML.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from ..errors import MissingDependencyError
from .charts.chart import Chart
from .charts.pictures import charts_of
from .measuring.measured_cases import MeasuredCases
from .runs.step_table import StepTable
from .table import table_html
from .timeline.html import lanes_html

__all__ = ["page", "save_page"]

_STYLE = """
:root { color-scheme: light dark; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 78em; padding: 0 1.5em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin: 2em 0 0.5em; }
table { border-collapse: collapse; } td, th { padding: 2px 12px 2px 0; font-weight: inherit; }
thead th { color: #808892; } caption { text-align: left; color: #808892; }
svg { max-width: 100%; height: auto; overflow: visible; } caption { display: none; }
li { margin: 0.2em 0; } .evidence { color: #808892; }
summary { cursor: pointer; }
"""


def page(comparison: MeasuredCases, *, timeline: dict[str, Any] | None = None) -> str:
    """The page as HTML. *timeline*: the document of the timeline that watched, for its lanes."""
    title = comparison.title or "Comparison"
    remark = comparison.remarks[0]
    parts = [
        f"<h1>{escape(title)}</h1>",
        table_html(comparison),
        f'<p class="evidence">{escape(remark)}</p>',
    ]
    if verdicts := comparison.verdicts:
        parts += ["<h2>Verdicts</h2>", _list(verdicts)]
    if comparison.advice:
        lines = [
            f'{escape(one.says)} <span class="evidence">({escape(one.evidence)})</span>'
            for one in comparison.advice
        ]
        parts += ["<h2>Advice</h2>", f"<ul>{''.join(f'<li>{one}</li>' for one in lines)}</ul>"]
    if charts := charts_of(comparison):
        parts += ["<h2>Pictures</h2>", *(_picture(chart) for chart in charts)]
    if timeline is not None and timeline["pictures"]:
        parts += ["<h2>Calls, in the places they had</h2>", lanes_html(timeline)]
    if shown := [row for row in comparison.rows if row.rows]:
        parts.append("<h2>Steps of the last repeat</h2>")
        for row in shown:
            steps = StepTable(row.rows)._repr_html_()
            parts.append(f"<details><summary>{escape(row.label)}</summary>{steps}</details>")
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>{body}</body></html>\n"
    )


def save_page(comparison: MeasuredCases, path: str | Path, *, timeline: dict[str, Any] | None = None) -> Path:
    """Write the page to *path*, which ends in .html. ValueError for another ending."""
    path = Path(path).expanduser()
    if path.suffix not in (".html", ".htm"):
        raise ValueError(f"{path}: expected a name that ends in .html")
    path.write_text(page(comparison, timeline=timeline), encoding="utf-8")
    return path


def _list(lines: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _picture(chart: Chart) -> str:
    try:
        return f"<p>{chart.svg()}</p>"
    except MissingDependencyError:
        return f"<div>{chart.html}</div>"
