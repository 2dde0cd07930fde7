"""The timeline of a comparison without scripts: for readers of a saved notebook, and for a terminal.

Plain HTML that survives the sanitizers of notebooks: a table a case, a row a lane, cells with widths. It is
bounded: at most so many lanes and bars, and it says how many are left out. The input is the document of
``timing.timeline``.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from ...text.units import duration
from ..colours import BAD, COLOURS, OTHER

__all__ = ["lanes_html", "lanes_text", "picture_html"]

MOST_CASES = 12
MOST_LANES = 16
MOST_CELLS = 60
"""Bars of one lane; those that follow each other closely are drawn as one."""
_CELL = "padding:0;border:0;height:9px"

_Bar = Sequence[Any]


def lanes_html(document: Mapping[str, Any], *, id: str = "") -> str:
    """All cases that have runs, the last repeat of each, on one scale."""
    shown = [
        (case, document["pictures"][str(number)])
        for number, case in enumerate(document["cases"])
        if str(number) in document["pictures"]
    ]
    longest = max((picture["at"] for _, picture in shown), default=0.0)
    parts = [
        f"<div><b>{escape(case['label'])}</b> {escape(_figures(case))}</div>{picture_html(picture, longest)}"
        for case, picture in shown[:MOST_CASES]
    ]
    if len(shown) > MOST_CASES:
        parts.append(f"<div>and {len(shown) - MOST_CASES} more cases</div>")
    name = f' class="wb-static-{escape(id)}"' if id else ""
    return f"<div{name}><div>{escape(_status(document))}</div>{''.join(parts)}{_legend(shown)}</div>"


def lanes_text(document: Mapping[str, Any]) -> str:
    """The same without pictures: a line a case."""
    lines = [_status(document)]
    for case in document["cases"]:
        lines.append(f"{case['label']}: {_figures(case) or 'not measured'}")
    return "\n".join(lines)


def picture_html(picture: Mapping[str, Any], longest_ms: float) -> str:
    """The lanes of one case, on a scale of *longest_ms*."""
    if not picture["bars"] or not longest_ms:
        return ""
    by_lane: dict[int, list[_Bar]] = {}
    for bar in picture["bars"]:
        if bar[5] is not None and bar[5] > bar[3]:
            by_lane.setdefault(bar[0], []).append(bar)
    rows = []
    for lane in sorted(by_lane)[:MOST_LANES]:
        cells = _cells(sorted(by_lane[lane], key=lambda bar: bar[3]), longest_ms)
        rows.append(f"<tr>{''.join(cells)}</tr>")
    left_out = len(by_lane) - MOST_LANES
    more = f"<div>and {left_out} more at once</div>" if left_out > 0 else ""
    # A table for each lane: the widths of cells in one table would have to agree.
    tables = "".join(
        f'<table style="width:100%;margin:0 0 1px;border-collapse:collapse"><tbody>{row}</tbody></table>'
        for row in rows
    )
    return tables + more


def _cells(bars: Iterable[_Bar], longest: float) -> Iterator[str]:
    at = 0.0
    gap = longest / 500  # between bars that touch
    for start, end, colour, words in _joined(bars, longest):
        if start > at:
            yield _cell(start - at, longest, "")
        over = max(end - gap, start + gap / 2)
        yield _cell(over - start, longest, colour, words)
        at = over
    if at < longest:
        yield _cell(longest - at, longest, "")


def _joined(bars: Iterable[_Bar], longest: float) -> Iterator[tuple[float, float, str, str]]:
    """Spans with their colours and words; bars of one colour that nearly touch become one where they are
    too short to be told apart."""
    least = longest / MOST_CELLS
    open_span: tuple[float, float, str, str] | None = None
    for bar in bars:
        start, end = float(bar[3]), float(bar[5])
        colour = BAD if bar[6] == "failed" else COLOURS[bar[2]] if bar[2] < len(COLOURS) else OTHER
        words = f"input {bar[1] + 1}, {duration((end - start) / 1000)}"
        if open_span is None:
            open_span = (start, end, colour, words)
        elif end - open_span[0] < least or start < open_span[1]:
            open_span = (open_span[0], max(end, open_span[1]), open_span[2], "several calls")
        else:
            yield open_span
            open_span = (start, end, colour, words)
    if open_span is not None:
        yield open_span


def _cell(width: float, longest: float, colour: str, words: str = "") -> str:
    background = f";background:{colour}" if colour else ""
    title = f' title="{escape(words)}"' if words else ""
    return f'<td{title} style="width:{100 * width / longest:.2f}%;{_CELL}{background}"></td>'


def _legend(shown: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> str:
    """Names beside their colours; all cases number their steps alike."""
    steps: Sequence[Sequence[str]] = max((picture["steps"] for _, picture in shown), key=len, default=[])
    entries = [
        f'<span style="color:{COLOURS[number]}">&#9632;</span> {escape(name)}'
        for number, (name, _) in enumerate(steps[: len(COLOURS)])
    ]
    return f"<div>{'&emsp;'.join(entries)}</div>" if entries else ""


def _figures(case: Mapping[str, Any]) -> str:
    samples = case["samples"]
    if not samples:
        return ""
    words = [f"{duration(statistics.median(samples))}, median of {len(samples)}"]
    if case["peak"]:
        words.append(f"{case['peak']} at once")
    if case["ideal_s"] is not None:
        words.append(f"ideal {duration(case['ideal_s'])}")
    return ", ".join(words)


def _status(document: Mapping[str, Any]) -> str:
    progress = document["progress"]
    done = f"{progress['done']} of {progress['total']} runs" if progress else ""
    words = {"done": "Measured", "stopped": "Stopped", "failed": "Failed"}.get(document["status"], "")
    return ": ".join(filter(None, [words, done]))
