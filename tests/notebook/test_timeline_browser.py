"""The live timeline of a comparison in JupyterLab: seen moving, stopped in the middle, kept when saved.

With WORKBENCH_SHOTS set to a folder, screenshots are left there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..browser import Browser, JupyterServer, NotebookPage, check_status
from ..notebook_files import make_notebook

SETUP = "%load_ext workbench\nfrom timing_kit import *"
COMPARE = """chains = {"joke": nap(0.03, "fetch") | model("joke_llm"), "poem": model("poem_llm", 0.08)}
found = compare(chains, ["a", "b", "c", "d"], strategies=["abatch", "one by one"], concurrency=[2, 4],
                repeats=2, warmup=0, title="jokes and poems")
print("measured", sum(len(row.samples) for row in found.rows))"""
ENDLESS = """step = nap(0.05, "step")
found = compare(step, range(12), strategies=["one by one", "batch"], concurrency=4, repeats=99, warmup=0)
print("interrupted", found.interrupted, "kept", len(found.rows[1].samples) > 0)"""
LATER = "found"
LOSE_THE_LAST = """from workbench.notebook.widgets.timeline import TimelineView
send, lost = TimelineView.send, []
def lossy(self, content, buffers=None):
    (lost.append if content.get("status") == "done" else lambda _: send(self, content, buffers))(content)
TimelineView.send = lossy
compare(nap(0.3, "step"), range(4), strategies=["one by one"], repeats=2, warmup=0)
TimelineView.send = send
print("lost", len(lost))"""
CELLS = [SETUP, COMPARE, ENDLESS, LATER, LOSE_THE_LAST]

PIXELS = """(cell) => {
  const area = document.querySelectorAll(".jp-Notebook .jp-Cell")[cell];
  const canvas = area.querySelector("canvas.wb-lanes-canvas");
  if (!canvas) return 0;
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let coloured = 0;
  for (let at = 0; at < data.length; at += 4) {
    const high = Math.max(data[at], data[at + 1], data[at + 2]);
    const low = Math.min(data[at], data[at + 1], data[at + 2]);
    if (data[at + 3] > 40 && high - low > 60) coloured += 1;
  }
  return coloured;
}"""


@pytest.fixture(scope="module")
def notebook(jupyter: JupyterServer, browser: Browser) -> Iterator[NotebookPage]:
    make_notebook(jupyter.root / "timeline.ipynb", CELLS)
    page = NotebookPage(browser, jupyter, "timeline.ipynb")
    page.run(0, timeout_s=60)
    yield page
    page.close()
    jupyter.shut_down_kernels()


def shoot(notebook: NotebookPage, cell: int, name: str) -> None:
    if folder := os.environ.get("WORKBENCH_SHOTS"):
        area = notebook.page.locator(".jp-Notebook .jp-Cell").nth(cell)
        area.screenshot(path=str(Path(folder) / f"{name}.png"))


def theme(notebook: NotebookPage, name: str) -> None:
    notebook.command("apputils:change-theme", {"theme": f"JupyterLab {name}"})
    light = str(name == "Light").lower()
    notebook.page.wait_for_selector(f'body[data-jp-theme-light="{light}"]', state="attached")


@pytest.mark.parametrize("name", ["Light", "Dark"])
def test_the_timeline_moves_while_the_calls_run(notebook: NotebookPage, name: str) -> None:
    theme(notebook, name)
    notebook.start(1)
    body = notebook.cell(1).locator(".wb-body")
    drawn = f"(cell) => {{ const count = ({PIXELS})(cell); return count > 200 && count; }}"
    notebook.page.wait_for_function(drawn, arg=1, timeout=20_000, polling=20)
    seen: list[tuple[str, int]] = []
    for moment in range(3):
        notebook.page.wait_for_timeout(400)
        # A case that has just begun is empty.
        count = notebook.page.wait_for_function(drawn, arg=1, polling=20)
        shoot(notebook, 1, f"timeline_{name.lower()}_{moment}")
        assert body.get_attribute("data-status") == "streaming"
        seen.append((body.locator(".wb-doing").inner_text(), count.json_value()))
    assert len({said for said, _ in seen} | {str(count) for _, count in seen}) > 3
    assert all(count > 200 for _, count in seen)
    notebook.wait(1, timeout_s=60)
    shoot(notebook, 1, f"timeline_{name.lower()}_end")
    check_status(body, "Done")
    assert "measured 12" in notebook.cell(1).inner_text()
    assert body.locator(".wb-case").count() == 6
    theme(notebook, "Light")
    assert not notebook.errors


def test_stop_ends_the_comparison_and_what_was_measured_is_kept(notebook: NotebookPage) -> None:
    notebook.start(2)
    body = notebook.cell(2).locator(".wb-body")
    notebook.page.wait_for_function(
        """(cell) => {
          const area = document.querySelectorAll(".jp-Notebook .jp-Cell")[cell];
          const rows = [...area.querySelectorAll(".wb-case")];
          return rows.length === 2 && rows.every((row) => row.querySelector(".wb-case-dot"));
        }""",
        arg=2,
        timeout=30_000,
        polling=50,
    )
    body.locator("button.wb-stop").click()
    notebook.wait(2, timeout_s=10)
    check_status(body, "Stopped")
    assert "interrupted True kept True" in notebook.cell(2).inner_text()
    assert body.locator(".wb-case-dot").count() >= 2
    shoot(notebook, 2, "timeline_stopped")


def test_a_last_frame_that_was_lost_is_mended(notebook: NotebookPage) -> None:
    notebook.run(4)
    assert "lost 1" in notebook.cell(4).inner_text()
    status = notebook.cell(4).locator(".wb-body .wb-status", has_text="Done")
    status.wait_for(timeout=15_000)


def test_a_case_can_be_chosen_to_look_at_its_last_repeat(notebook: NotebookPage) -> None:
    body = notebook.cell(1).locator(".wb-body")
    chosen = body.locator(".wb-case-name").nth(3)
    chosen.click()
    assert chosen.get_attribute("aria-pressed") == "true"
    caption = body.locator(".wb-lanes-caption").inner_text()
    assert caption.startswith("poem, abatch (max_concurrency=4), round 2")
    assert notebook.page.evaluate(PIXELS, 1) > 200
    shoot(notebook, 1, "timeline_chosen")
    chosen.click()


def test_a_saved_notebook_shows_the_lanes_without_a_kernel(
    notebook: NotebookPage, jupyter: JupyterServer, browser: Browser
) -> None:
    notebook.run(3)
    notebook.save()
    jupyter.shut_down_kernels()
    again = NotebookPage(browser, jupyter, "timeline.ipynb")
    try:
        cell = again.cell(1)
        cell.locator("td").first.wait_for(state="attached", timeout=10_000)
        assert not cell.get_by_text("Loading widget").is_visible()
        assert "poem, abatch (max_concurrency=4)" in cell.inner_text()
        painted = cell.locator("td[style*='background']")
        assert painted.count() > 20
        shoot(again, 1, "timeline_twin")
        shoot(again, 3, "comparison_twin")
    finally:
        again.close()


MAGIC = "%timechain step --inputs range(6) --strategies one-by-one,batch,abatch --concurrency 1,2,3"


@pytest.mark.parametrize("name", ["Light", "Dark"])
def test_the_magic_s_pictures_are_drawn_by_the_notebook_itself(
    jupyter: JupyterServer, browser: Browser, name: str
) -> None:
    make_notebook(jupyter.root / "charts.ipynb", [f"{SETUP}\nstep = nap(0.01, 'step')", MAGIC])
    page = NotebookPage(browser, jupyter, "charts.ipynb")
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    try:
        theme(page, name)
        page.run(0, timeout_s=60)
        page.run(1, timeout_s=60)
        drawn = page.cell(1).locator(".jp-RenderedVegaCommon5 svg, .jp-RenderedVegaCommon5 canvas")
        drawn.nth(2).wait_for(state="attached", timeout=20_000)
        assert page.cell(1).locator(".jp-RenderedImage").count() == 0
        assert all(url.startswith((jupyter.url, "data:", "blob:")) for url in asked)
        page.page.wait_for_timeout(300)
        shoot(page, 1, f"charts_{name.lower()}")
        assert not page.errors
    finally:
        theme(page, "Light")
        page.close()
        jupyter.shut_down_kernels()
        jupyter.shut_down_kernels()
