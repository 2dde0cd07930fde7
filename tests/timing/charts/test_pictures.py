"""Pictures of a comparison: what they are drawn from, how they are drawn, how they are saved."""

import builtins
import json
import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import MissingDependencyError
from workbench.timing.charts.figures import MOST_LATENCIES, aligned_steps, latencies, speed_ups
from workbench.timing.comparison import Comparison
from workbench.timing.measuring.measurement import Measurement, Sample
from workbench.timing.runs.rows import TimingRow

from ..test_comparison import FACTS


def row(name: str, start: float, wall: float, parent: int | None = None, **about: Any) -> TimingRow:
    fields = {
        "path": name,
        "type": "chain",
        "status": "done",
        "own_s": wall,
        "first_token_s": None,
        "chunks": 1,
        "tokens": None,
        "tokens_per_s": None,
        "usage": None,
        "error": None,
    }
    return TimingRow(name=name, start_s=start, wall_s=wall, parent=parent, **{**fields, **about})


def joke(first_s: float, model_s: float, item: int | None = None, at: float = 0.0) -> list[TimingRow]:
    return [
        row("joke", at, first_s + model_s, item=item),
        row("prompt", at, first_s, 0, place="seq:step:1"),
        row("my_llm", at + first_s, model_s, 0, place="seq:step:2", type="chat_model", first_token_s=0.01),
    ]


def measured(
    label: str, seconds: float, limit: int | None, strategy: str = "batch", **about: Any
) -> Measurement:
    facts = replace(FACTS, latencies_s=(seconds / 2, seconds), ideal_s=seconds * 0.8)
    samples = tuple(Sample(seconds, facts) for _ in range(5))
    return Measurement(label, samples, "<joke>", strategy, limit, 4, **about)


@pytest.fixture
def comparison() -> Comparison:
    rows = (
        measured("one by one", 0.8, None, "one by one", rows=tuple(joke(0.01, 0.19))),
        measured("batch 2", 0.4, 2),
        measured("batch", 0.1, None, rows=tuple(joke(0.01, 0.09))),
    )
    return Comparison(rows, "one by one", "</script><b>jokes</b>")


def test_speed_ups_have_their_interval_and_the_ideal(comparison: Comparison):
    two, unlimited = speed_ups(comparison)
    assert (two.series, two.at, two.value, two.low, two.high) == ("batch", "2", 2.0, 2.0, 2.0)
    assert two.ideal == pytest.approx(0.8 / 0.32)
    assert (unlimited.at, unlimited.value) == ("no limit", 8.0)


def test_latencies_are_those_of_all_repeats_and_thinned_without_changing_their_shape():
    many = replace(FACTS, latencies_s=tuple(n / 1000 for n in range(1000)))
    found = latencies(Comparison((Measurement("a", (Sample(1.0, many), Sample(1.0, many))),), "a"))
    seconds = found[0].seconds
    assert len(seconds) == MOST_LATENCIES
    assert seconds[0] == 0.0 and seconds[-1] == 0.999
    assert seconds[len(seconds) // 2] == pytest.approx(0.5, abs=0.005)


def test_steps_of_two_runs_stand_side_by_side_also_where_one_has_more():
    one = measured("one", 0.1, None, rows=tuple(joke(0.01, 0.09)))
    longer = [*joke(0.02, 0.1, at=5.0), row("parse", 5.12, 0.01, 0, place="seq:step:3")]
    steps = aligned_steps(one, measured("other", 0.1, None, rows=tuple(longer)))
    assert [(step.name, step.level) for step in steps] == [
        ("joke", 0),
        ("prompt", 1),
        ("my_llm", 1),
        ("parse", 1),
    ]
    prompt, model, parse = steps[1:]
    assert prompt.spans[1] == pytest.approx((0.0, 0.02))
    assert model.spans == (pytest.approx((0.01, 0.1)), pytest.approx((0.02, 0.12)))
    assert model.first_tokens_s == (pytest.approx(0.02), pytest.approx(0.03))
    assert parse.spans[0] is None


def test_branches_are_named_and_the_input_can_be_chosen():
    rows = [
        *joke(0.01, 0.01, item=1),
        row("both", 1.0, 0.5, item=0),
        row("llm", 1.0, 0.5, 3, place="map:key:poem", type="chat_model"),
    ]
    one = measured("one", 0.1, None, rows=tuple(rows))
    assert [step.name for step in aligned_steps(one, one, 0)] == ["both", "poem: llm"]
    assert [step.name for step in aligned_steps(one, one, 1)] == ["joke", "prompt", "my_llm"]
    with pytest.raises(ValueError, match="no run on input number 2, it has runs of 2 inputs"):
        aligned_steps(one, one, 2)


def test_each_chart_is_vega_lite_with_a_twin_and_words(comparison: Comparison):
    charts = comparison.charts
    assert [chart.title for chart in charts] == [
        "Speed-up against concurrency (dashed: the ideal)",
        "Latency of the inputs",
        "batch against one by one, step by step",
    ]
    for chart in charts:
        bundle = chart._repr_mimebundle_()
        assert set(bundle) == {"application/vnd.vegalite.v5+json", "image/png", "text/plain"}
        assert b64decode(bundle["image/png"]).startswith(b"\x89PNG")
        assert json.loads(json.dumps(chart.spec))["data"]["values"]
        assert "<script" not in chart.html and "<td" in chart.html
        assert "http" not in json.dumps({**chart.spec, "$schema": ""})
    assert "batch, no limit: 8.00x (ideal 10.00x)" in str(charts[0])
    assert "my_llm: 90 ms against 190 ms" in str(charts[2])


def test_what_a_step_took_is_in_seconds_whatever_the_unit_of_the_axis(comparison: Comparison):
    spec = comparison.charts[2].spec
    assert spec["encoding"]["x"]["title"].startswith("milliseconds")
    bars = [bar for bar in spec["data"]["values"] if bar["step"].endswith("my_llm")]
    assert [bar["took"] for bar in bars] == ["90 ms", "190 ms"]
    assert [bar["end"] - bar["start"] for bar in bars] == pytest.approx([90, 190])


def test_names_are_data_in_twins():
    rows = tuple(row("<img src=x>", 0, 0.1) for _ in range(1))
    found = Comparison((measured("<i>a</i>", 0.1, 1, rows=rows), measured("b", 0.2, 2, rows=rows)), "b")
    for chart in found.charts:
        assert "<img" not in chart.html and "<i>" not in chart.html


def test_a_waterfall_can_be_asked_for_by_labels(comparison: Comparison):
    assert comparison.waterfall_chart("one by one").title.startswith("one by one against batch")
    with pytest.raises(KeyError, match="expected one of"):
        comparison.waterfall_chart("three")
    with pytest.raises(ValueError, match="'batch 2': no run on input number 0, it has no runs"):
        comparison.waterfall_chart("batch 2", "batch")


def test_what_cannot_be_drawn_is_told():
    functions = Comparison((Measurement("f", (Sample(0.1),)), Measurement("g")), "f")
    assert len(functions.charts) == 0
    assert repr(functions.charts).startswith("no charts")
    with pytest.raises(ValueError, match="no speed-ups to draw"):
        functions.speed_up_chart()
    with pytest.raises(ValueError, match="no latencies"):
        functions.latency_chart()
    with pytest.raises(ValueError, match="no two runs"):
        functions.waterfall_chart()
    with pytest.raises(ValueError, match="has no runs"):
        functions.steps("f")


@pytest.mark.slow
def test_charts_are_saved_as_html_without_network_as_png_and_as_svg(comparison: Comparison, tmp_path: Path):
    pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")
    chart = comparison.speed_up_chart()
    page = chart.save(tmp_path / "c.html").read_text()
    assert not re.search(r"<script[^>]+src=|<link[^>]+href=", page)
    assert chart.save(tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"
    assert chart.save(tmp_path / "c.svg").read_text().startswith("<svg")
    assert json.loads(chart.save(tmp_path / "c.json").read_text())["title"] == chart.title
    with pytest.raises(ValueError, match=r"ends in .html, .png, .svg, .json"):
        chart.save(tmp_path / "c.pdf")


@pytest.mark.slow  # altair takes seconds to import
def test_a_chart_is_an_altair_chart_where_altair_is(comparison: Comparison):
    altair = pytest.importorskip("altair", reason="altair is not installed")
    for chart in comparison.charts:
        made = chart.altair()
        assert isinstance(made, altair.TopLevelMixin)
        assert made.to_dict()["title"] == chart.title


def test_without_the_packages_the_extra_is_named(comparison: Comparison, monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name in ("vl_convert", "altair"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    chart = comparison.latency_chart()
    for work in (chart.altair, chart.svg):
        with pytest.raises(MissingDependencyError, match=r'pip install "chain-workbench\[charts\]"'):
            work()
    assert "<svg" not in _page(comparison) and "Latency of the inputs" in _page(comparison)


def _page(comparison: Comparison) -> str:
    from workbench.timing.page import page

    return page(comparison)


def test_the_page_has_everything_and_no_scripts(comparison: Comparison, tmp_path: Path):
    text = comparison.save(tmp_path / "report.html").read_text()
    assert "<script" not in text.lower() and "</script" not in text.lower()
    assert "&lt;b&gt;jokes&lt;/b&gt;" in text
    assert not re.search(r'(?:src|href)="https?:', text)
    for words in ("Verdicts", "2.0x faster", "Pictures", "Steps of the last repeat", "my_llm"):
        assert words in text
    with pytest.raises(ValueError, match=r"ends in .html"):
        comparison.save(tmp_path / "report.txt")
