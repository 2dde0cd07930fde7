"""The pictures of a comparison: speed-up against concurrency, latencies, two runs' steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...text.units import duration
from ..colours import COLOURS
from ..measuring.measured_cases import MeasuredCases
from .chart import TEXT, Chart, Charts, vega_chart
from .figures import aligned_steps, latencies, speed_ups
from .html import latencies_html, latency_words, speed_ups_html, step_words, waterfall_html

__all__ = ["charts_of", "latency_chart", "speed_up_chart", "waterfall_chart"]


def charts_of(comparison: MeasuredCases) -> Charts:
    """The pictures that *comparison* has figures for."""
    makers: list[Callable[[], Chart]] = [
        lambda: speed_up_chart(comparison),
        lambda: latency_chart(comparison),
        lambda: waterfall_chart(comparison),
    ]
    charts = []
    for make in makers:
        try:
            charts.append(make())
        except ValueError:
            continue
    return Charts(charts)


def speed_up_chart(comparison: MeasuredCases) -> Chart:
    """Speed-up against ``max_concurrency``, with its interval, and the ideal dashed. ValueError if no case
    has a limit that could be drawn."""
    found = speed_ups(comparison)
    if not found:
        raise ValueError("no speed-ups to draw: compare batch, abatch or parallel with something else")
    order = list(
        dict.fromkeys(one.at for one in sorted(found, key=lambda o: (o.concurrency is None, o.concurrency)))
    )
    values = [
        {
            "series": one.series,
            "at": one.at,
            "speed-up": round(one.value, 3),
            "low": None if one.low is None else round(one.low, 3),
            "high": None if one.high is None else round(one.high, 3),
            "ideal": None if one.ideal is None else round(one.ideal, 3),
        }
        for one in found
    ]
    x = {
        "field": "at",
        "type": "ordinal",
        "sort": order,
        "title": "max_concurrency",
        "axis": {"labelAngle": 0},
    }
    colour = {"field": "series", "type": "nominal", "title": None}
    y = {"type": "quantitative", "title": "speed-up", "scale": {"zero": True}}
    about = [{"field": name, "type": "quantitative"} for name in ("speed-up", "low", "high", "ideal")]
    tip = [{"field": "series", "type": "nominal"}, {"field": "at", "title": "max_concurrency"}, *about]
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "line", "strokeDash": [4, 3], "opacity": 0.75},
            "encoding": {"x": x, "y": {**y, "field": "ideal"}, "color": colour},
        },
        {
            "transform": [{"filter": "isValid(datum.low)"}],
            "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.35},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "line", "point": {"size": 45}},
            "encoding": {"x": x, "y": {**y, "field": "speed-up"}, "color": colour, "tooltip": tip},
        },
    ]
    title = "Speed-up against concurrency (dashed: the ideal)"
    words = "\n".join(f"{one.series}, {one.at}: {one.value:.2f}x{_of_ideal(one.ideal)}" for one in found)
    return vega_chart(title, values, {"layer": layers, "height": 220}, speed_ups_html(found), words)


def latency_chart(comparison: MeasuredCases) -> Chart:
    """How long each input took, from its start to its end, a box a case. ValueError without runs."""
    found = latencies(comparison)
    if not found:
        raise ValueError("no latencies to draw: plain functions have no runs")
    unit, scale = _unit(max(one.seconds[-1] for one in found))
    values = [{"case": one.case, "latency": _figure(s * scale)} for one in found for s in one.seconds]
    y = {"field": "case", "type": "nominal", "sort": [one.case for one in found], "title": None}
    x = {"field": "latency", "type": "quantitative", "title": f"{unit} an input", "scale": {"zero": True}}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "tick", "opacity": 0.35, "thickness": 1, "size": 12},
            "encoding": {"x": x, "y": y, "color": {"value": COLOURS[0]}},
        },
        {
            "mark": {
                "type": "boxplot",
                "extent": "min-max",
                "size": 9,
                "opacity": 0.55,
                "median": {"color": "white"},
                "rule": {"color": TEXT},
            },
            "encoding": {"x": x, "y": y, "color": {"value": COLOURS[0]}},
        },
    ]
    words = "\n".join(f"{one.case}: {latency_words(one.seconds)}" for one in found)
    body = {"layer": layers, "height": {"step": 26}}
    return vega_chart("Latency of the inputs", values, body, latencies_html(found), words)


def waterfall_chart(
    comparison: MeasuredCases, label: str | None = None, against: str | None = None, *, item: int = 0
) -> Chart:
    """The run of one case on input number *item* under the same run of another, the same steps side by side.

    *label*: by default the fastest case; *against*: by default its baseline, or else the slowest other.
    KeyError for unknown labels, ValueError for a case without runs.
    """
    one, other = _pair(comparison, label, against)
    steps = aligned_steps(comparison[one], comparison[other], item)
    names = [f"{number + 1:02d} {'· ' * step.level}{step.name}" for number, step in enumerate(steps)]
    unit, scale = _unit(max((span[1] for step in steps for span in step.spans if span), default=0.0))
    values = []
    for name, step in zip(names, steps, strict=True):
        for case, span in zip((one, other), step.spans, strict=True):
            if span is not None:
                start, end = span
                values.append(
                    {
                        "step": name,
                        "case": case,
                        "start": _figure(start * scale),
                        "end": _figure(end * scale),
                        "took": duration(end - start),
                    }
                )
    x = {"field": "start", "type": "quantitative", "title": f"{unit} since the run began"}
    named = {"labelExpr": "slice(datum.label, 3)"}  # the number only keeps equal names apart
    cases = {"field": "case", "type": "nominal", "sort": [one, other], "title": None}
    encoding = {
        "y": {"field": "step", "type": "nominal", "sort": names, "title": None, "axis": named},
        "yOffset": {"field": "case", "sort": [one, other]},
        "x": x,
        "x2": {"field": "end"},
        "color": {**cases, "legend": {"orient": "top"}},
        "tooltip": [{"field": "step"}, {"field": "case"}, {"field": "took"}],
    }
    body = {"mark": {"type": "bar", "cornerRadius": 1}, "encoding": encoding, "height": {"step": 9}}
    html = waterfall_html(steps, (one, other))
    words = "\n".join(step_words(step) for step in steps)
    return vega_chart(f"{one} against {other}, step by step", values, body, html, words)


def _pair(comparison: MeasuredCases, label: str | None, against: str | None) -> tuple[str, str]:
    drawable = [row for row in comparison.rows if row.rows and row.samples]
    if label is None:
        if len(drawable) < 2:
            raise ValueError("no two runs to draw against each other")
        best = min(drawable, key=lambda row: row.median)
        label = best.label
    comparison[label]  # or KeyError, which lists the labels
    if against is None:
        base = comparison.baseline_of(label)
        others = [row.label for row in drawable if row.label != label]
        if base == label or base not in others:
            base = max(others, key=lambda other: comparison[other].median, default=label)
        against = base
    comparison[against]
    return label, against


def _unit(longest_s: float) -> tuple[str, float]:
    """The unit of a time axis, and how many of it are a second."""
    return ("seconds", 1.0) if longest_s >= 1 else ("milliseconds", 1000.0)


def _figure(value: float) -> float:
    return float(f"{value:.5g}")


def _of_ideal(ideal: float | None) -> str:
    return "" if ideal is None else f" (ideal {ideal:.2f}x)"
