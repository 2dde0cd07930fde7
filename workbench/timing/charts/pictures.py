"""Pictures of a comparison: speed-up against concurrency, latencies, one run's waterfall against another's.

A ``Chart`` is a Vega-Lite specification (version 5) and a twin in plain HTML. JupyterLab, Notebook and VS
Code draw the one with the renderer that comes with them, offline; pages of ours that have no scripts show the
other. Neither needs a package; ``chart.altair()`` needs altair, and ``chart.save(path)`` and the picture that
GitHub, nbviewer and other readers of a saved notebook see need vl-convert-python, which the extra ``charts``
brings. Colours are legible on light and on dark paper.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import MissingDependencyError
from ...text.units import duration
from ..measuring.measured_cases import MeasuredCases
from . import html as charts_html
from .figures import aligned_steps, latencies, speed_ups

__all__ = ["Chart", "Charts", "charts_of", "latency_chart", "speed_up_chart", "waterfall_chart"]

MIME = "application/vnd.vegalite.v5+json"
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
CONVERTED_AS = "v5.20"
COLOURS = ["#7c5cff", "#12978a", "#c98a1b", "#2f80d0", "#c2418c", "#5d9c3a", "#b5563f", "#6b7d92"]
_TEXT, _GRID = "#808892", "rgba(128,136,146,0.25)"
_FORMATS = (".html", ".png", ".svg", ".json")
WIDTH = 460

_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": "Verdana, DejaVu Sans, sans-serif",  # of one width where it is measured and where it is shown
    "view": {"stroke": None},
    "axis": {
        "labelColor": _TEXT,
        "titleColor": _TEXT,
        "gridColor": _GRID,
        "domainColor": _GRID,
        "tickColor": _GRID,
        "titleFontWeight": "normal",
        "tickCount": 6,
        "labelLimit": 320,
    },
    "legend": {"labelColor": _TEXT, "titleColor": _TEXT, "labelLimit": 320},
    "title": {"color": _TEXT, "anchor": "start", "fontSize": 12},
    "range": {"category": COLOURS},
}


@dataclass(frozen=True)
class Chart:
    """A picture: ``spec`` is its Vega-Lite specification, ``html`` its twin, ``words`` what it says."""

    title: str
    spec: dict[str, Any] = field(repr=False)
    html: str = field(repr=False)
    words: str = field(repr=False)

    def altair(self) -> Any:
        """The same as an ``altair.Chart``, to be changed or combined. MissingDependencyError without it."""
        try:
            import altair
        except ImportError:
            raise MissingDependencyError.for_extra("Chart.altair", "altair", "charts") from None
        return altair.Chart.from_dict({key: value for key, value in self.spec.items() if key != "$schema"})

    def svg(self, *, background: str = "transparent") -> str:
        """The picture as SVG. MissingDependencyError without vl-convert-python."""
        convert, spec = _converter("Chart.svg"), self._on(background)
        return str(convert.vegalite_to_svg(spec, vl_version=CONVERTED_AS))

    def save(self, path: str | Path) -> Path:
        """Write it, by the name's ending: .html (one file that needs no network), .png, .svg, or .json (the
        specification). MissingDependencyError without vl-convert-python."""
        path = Path(path).expanduser()
        if path.suffix not in _FORMATS:
            raise ValueError(f"{path}: expected a name that ends in {', '.join(_FORMATS)}")
        if path.suffix == ".json":
            import json

            path.write_text(json.dumps(self.spec, indent=2), encoding="utf-8")
        elif path.suffix == ".svg":
            path.write_text(self.svg(background="white"), encoding="utf-8")
        elif path.suffix == ".png":
            path.write_bytes(self._png(scale=2))
        else:
            convert = _converter("Chart.save")
            page = convert.vegalite_to_html(self._on("white"), vl_version=CONVERTED_AS, bundle=True)
            path.write_text(page, encoding="utf-8")
        return path

    def __str__(self) -> str:
        return self.words

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The specification and, for readers without a renderer, a picture or else what it says.

        The twin in HTML is left out: JupyterLab would show it in the place of the specification.
        """
        bundle = {MIME: self.spec, "text/plain": self.words}
        if find_spec("vl_convert") is not None:
            bundle["image/png"] = b64encode(self._png(scale=1.5)).decode()
        return bundle

    def _png(self, scale: float) -> bytes:
        convert = _converter("Chart.save")
        return bytes(convert.vegalite_to_png(self._on("white"), vl_version=CONVERTED_AS, scale=scale))

    def _on(self, background: str) -> dict[str, Any]:
        return {**self.spec, "config": {**self.spec["config"], "background": background}}


class Charts(Sequence[Chart]):
    """All the pictures that a comparison has figures for; in a notebook they are shown below each other."""

    def __init__(self, charts: Sequence[Chart]) -> None:
        self._charts = list(charts)

    def __getitem__(self, index: Any) -> Any:
        return self._charts[index]

    def __len__(self) -> int:
        return len(self._charts)

    def __iter__(self) -> Iterator[Chart]:
        return iter(self._charts)

    def __repr__(self) -> str:
        return "\n\n".join(map(str, self._charts)) or "no charts: there are no runs to draw"

    def _ipython_display_(self) -> None:
        from IPython.display import display

        for chart in self._charts:
            display(chart)  # type: ignore[no-untyped-call]  # IPython's


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
    return _chart(title, values, {"layer": layers, "height": 220}, charts_html.speed_ups_html(found), words)


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
                "rule": {"color": _TEXT},
            },
            "encoding": {"x": x, "y": y, "color": {"value": COLOURS[0]}},
        },
    ]
    words = "\n".join(f"{one.case}: {charts_html.latency_words(one.seconds)}" for one in found)
    body = {"layer": layers, "height": {"step": 26}}
    return _chart("Latency of the inputs", values, body, charts_html.latencies_html(found), words)


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
                start, end = (_figure(at * scale) for at in span)
                values.append(
                    {"step": name, "case": case, "start": start, "end": end, "took": duration(end - start)}
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
    html = charts_html.waterfall_html(steps, (one, other))
    words = "\n".join(charts_html.step_words(step) for step in steps)
    return _chart(f"{one} against {other}, step by step", values, body, html, words)


def _pair(comparison: MeasuredCases, label: str | None, against: str | None) -> tuple[str, str]:
    drawable = [row for row in comparison.rows if row.rows and row.samples]
    if label is None:
        if len(drawable) < 2:
            raise ValueError("no two runs to draw against each other")
        best = min(drawable, key=lambda row: row.median)
        label = best.label
    comparison[label]  # which says what labels there are
    if against is None:
        base = comparison.baseline_of(label)
        others = [row.label for row in drawable if row.label != label]
        if base == label or base not in others:
            base = max(others, key=lambda other: comparison[other].median, default=label)
        against = base
    comparison[against]
    return label, against


def _chart(title: str, values: list[dict[str, Any]], body: dict[str, Any], html: str, words: str) -> Chart:
    spec = {
        "$schema": SCHEMA,
        "title": title,
        "width": WIDTH,
        "data": {"values": values},
        **body,
        "config": _CONFIG,
    }
    return Chart(title, spec, f"<div><b>{charts_html.escaped(title)}</b></div>{html}", f"{title}\n{words}")


def _unit(longest_s: float) -> tuple[str, float]:
    """The unit of a time axis, and how many of it are a second."""
    return ("seconds", 1.0) if longest_s >= 1 else ("milliseconds", 1000.0)


def _figure(value: float) -> float:
    return float(f"{value:.5g}")


def _of_ideal(ideal: float | None) -> str:
    return "" if ideal is None else f" (ideal {ideal:.2f}x)"


def _converter(what: str) -> Any:
    try:
        import vl_convert
    except ImportError:
        raise MissingDependencyError.for_extra(what, "vl-convert-python", "charts") from None
    return vl_convert
