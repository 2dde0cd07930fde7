"""The pictures of a comparison without scripts: tables whose cells have widths and colours.

Notebooks that sanitize HTML keep them; where even the colours are taken out, the figures are still there.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ...text.units import duration, ratio
from ..colours import COLOURS, PALE
from ..measuring.resampling import quartiles
from .figures import ComparedStep, Latencies, SpeedUp

__all__ = ["latencies_html", "latency_words", "speed_ups_html", "step_words", "waterfall_html"]

_FULL, _OTHER = COLOURS[:2]
_TRACK = "width:24em;padding:0"
_NAME = "text-align:left;padding:1px 12px 1px 0"
_NUMBER = "text-align:right;padding:1px 12px 1px 0"


def speed_ups_html(found: Sequence[SpeedUp]) -> str:
    """A row a measurement: the bar is the speed-up, pale up to the ideal."""
    longest = max(max(one.value, one.ideal or 0.0) for one in found)
    rows = []
    for one in found:
        ideal = max((one.ideal or one.value) - one.value, 0.0)
        bar = _bar([(one.value, _FULL), (ideal, PALE)], longest)
        best = "" if one.ideal is None else f"ideal {ratio(one.ideal)}"
        rows.append(_row([f"{one.series}, {one.at}"], [ratio(one.value), best], bar))
    return _table(rows)


def latencies_html(found: Sequence[Latencies]) -> str:
    """A row a case: from the quickest to the slowest, full between the quartiles."""
    longest = max(one.seconds[-1] for one in found) or 1.0
    rows = []
    for one in found:
        low, high = quartiles(one.seconds)
        first, last = one.seconds[0], one.seconds[-1]
        parts = [
            (first, ""),
            (low - first, PALE),
            (max(high - low, longest / 200), _FULL),
            (last - high, PALE),
        ]
        rows.append(_row([one.case], [latency_words(one.seconds)], _bar(parts, longest)))
    return _table(rows)


def latency_words(seconds: Sequence[float]) -> str:
    """The middle and the ends of some latencies in order.

    >>> latency_words([0.1, 0.2, 0.4])
    '200 ms (100 ms to 400 ms)'
    """
    middle = seconds[len(seconds) // 2]
    return f"{duration(middle)} ({duration(seconds[0])} to {duration(seconds[-1])})"


def waterfall_html(steps: Sequence[ComparedStep], cases: tuple[str, str]) -> str:
    """Two rows a step, one for each of the *cases*, on one axis."""
    longest = max((span[1] for step in steps for span in step.spans if span is not None), default=0.0) or 1.0
    rows = []
    for step in steps:
        for number, (span, colour) in enumerate(zip(step.spans, (_FULL, _OTHER), strict=True)):
            name = "&nbsp;&nbsp;" * step.level + escape(step.name) if number == 0 else ""
            if span is None:
                rows.append(_row([name], ["-"], "", raw=True))
                continue
            start, end = span
            bar = _bar([(start, ""), (max(end - start, longest / 400), colour)], longest)
            rows.append(_row([name], [duration(end - start)], bar, raw=True))
    legend = "&emsp;".join(
        f'<span style="color:{colour}">&#9632;</span> {escape(case)}'
        for case, colour in zip(cases, (_FULL, _OTHER), strict=True)
    )
    return f"<div>{legend}</div>{_table(rows)}"


def step_words(step: ComparedStep) -> str:
    """A step and how long it took in both runs.

    >>> step_words(ComparedStep("my_llm", 1, "chat_model", ((0.0, 0.1), None)))
    '  my_llm: 100 ms against -'
    """
    times = ["-" if span is None else duration(span[1] - span[0]) for span in step.spans]
    return f"{'  ' * step.level}{step.name}: {times[0]} against {times[1]}"


def _bar(parts: Sequence[tuple[float, str]], longest: float) -> str:
    """Lengths with their colours one after another; "" for none."""
    cells = []
    left = longest
    for length, colour in parts:
        length = min(max(length, 0.0), left)
        left -= length
        if length > 0:
            cells.append(_cell(100 * length / longest, colour))
    if left > longest / 1000:
        cells.append(_cell(100 * left / longest, ""))
    return (
        '<table style="width:100%;margin:0;border-collapse:collapse">'
        f"<tbody><tr>{''.join(cells)}</tr></tbody></table>"
    )


def _cell(percent: float, colour: str) -> str:
    background = f";background:{colour}" if colour else ""
    return f'<td style="width:{percent:.2f}%;padding:0;border:0;height:8px{background}"></td>'


def _row(names: Sequence[str], numbers: Sequence[str], bar: str, *, raw: bool = False) -> str:
    heads = "".join(f'<th scope="row" style="{_NAME}">{name if raw else escape(name)}</th>' for name in names)
    cells = "".join(f'<td style="{_NUMBER}">{escape(number)}</td>' for number in numbers)
    return f'<tr>{heads}{cells}<td style="{_TRACK}">{bar}</td></tr>'


def _table(rows: Sequence[str]) -> str:
    return f'<table style="margin:0"><tbody>{"".join(rows)}</tbody></table>'
