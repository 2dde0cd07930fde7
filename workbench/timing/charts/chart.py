"""A chart: a Vega-Lite specification (version 5) and a twin in plain HTML.

JupyterLab, Notebook and VS Code draw the specification with the renderer that comes with them, offline; pages
of ours that have no scripts show the twin. Neither needs a package; ``chart.altair()`` needs altair, and
``chart.save(path)`` and the picture that GitHub, nbviewer and other readers of a saved notebook see need
vl-convert-python, which the extra ``charts`` brings.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import MissingDependencyError
from ..colours import COLOURS

__all__ = ["Chart", "Charts", "vega_chart"]

MIME = "application/vnd.vegalite.v5+json"
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
CONVERTED_AS = "v5.20"
TEXT, _GRID = "#808892", "rgba(128,136,146,0.25)"
_FORMATS = (".html", ".png", ".svg", ".json")
WIDTH = 460

_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": "Verdana, DejaVu Sans, sans-serif",  # of one width where it is measured and where it is shown
    "view": {"stroke": None},
    "axis": {
        "labelColor": TEXT,
        "titleColor": TEXT,
        "gridColor": _GRID,
        "domainColor": _GRID,
        "tickColor": _GRID,
        "titleFontWeight": "normal",
        "tickCount": 6,
        "labelLimit": 320,
    },
    "legend": {"labelColor": TEXT, "titleColor": TEXT, "labelLimit": 320},
    "title": {"color": TEXT, "anchor": "start", "fontSize": 12},
    "range": {"category": list(COLOURS)},
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


def vega_chart(
    title: str, values: list[dict[str, Any]], body: dict[str, Any], html: str, words: str
) -> Chart:
    """The chart of *values*; *body*: its marks and encodings; *words*: what it says, a line each."""
    spec = {
        "$schema": SCHEMA,
        "title": title,
        "width": WIDTH,
        "data": {"values": values},
        **body,
        "config": _CONFIG,
    }
    return Chart(title, spec, f"<div><b>{escape(title)}</b></div>{html}", f"{title}\n{words}")


def _converter(what: str) -> Any:
    try:
        import vl_convert
    except ImportError:
        raise MissingDependencyError.for_extra(what, "vl-convert-python", "charts") from None
    return vl_convert
