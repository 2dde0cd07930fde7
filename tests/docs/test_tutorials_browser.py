"""The tutorials as people meet them: run in JupyterLab, and read as a page without a kernel.

CI runs all of them through nbclient (``.ci/execute_notebooks.py``) and the first one here; with
WORKBENCH_SHOTS set to a folder all are run here, and leave screenshots there.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ..browser import Browser, JupyterServer, NotebookPage
from ..notebook_files import new_notebook, read_notebook
from .pages import ROOT
from .saved_notebooks import WIDGET, differences, problems

SHOTS = os.environ.get("WORKBENCH_SHOTS")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

OVER = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  return panel.sessionContext.session.kernel.status === "idle" && panel.content.widgets.every(
    (cell) => cell.model.type !== "code"
      || (cell.model.executionCount !== null && cell.model.executionState !== "running"));
}"""


@pytest.mark.parametrize("path", NOTEBOOKS if SHOTS else NOTEBOOKS[:1], ids=lambda path: path.stem)
def test_a_tutorial_runs_in_jupyterlab_as_it_is_stored(
    jupyter: JupyterServer, browser: Browser, local_model: str, path: Path
) -> None:
    stored = read_notebook(path)
    copy = Path(shutil.copy(path, jupyter.root / path.name))
    lab = NotebookPage(browser, jupyter, path.name)
    try:
        lab.command("notebook:clear-all-cell-outputs")
        lab.command("notebook:run-all-cells")
        lab.page.wait_for_function(OVER, timeout=180_000, polling=100)
        _shoot(lab.page, f"lab_{path.stem}")
        lab.save()
        fresh = read_notebook(copy)
        assert lab.errors == []
        assert differences(stored, fresh) == []
        assert problems(fresh) == []
    finally:
        lab.close()
        jupyter.shut_down_kernels()


@pytest.fixture(scope="module")
def asked_by_itself(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What nbconvert's page of an empty notebook asks for: a typesetter of formulas and the like."""
    empty = new_notebook([])
    empty.metadata = read_notebook(NOTEBOOKS[0]).metadata
    page, asked = _opened(browser, _converted(empty, tmp_path_factory.mktemp("bare") / "bare.html"))
    page.close()
    return asked


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_saved_tutorial_is_read_offline_without_a_kernel(
    browser: Browser, asked_by_itself: set[str], tmp_path: Path, path: Path
) -> None:
    notebook = read_notebook(path)
    page, asked = _opened(browser, _converted(notebook, tmp_path / "page.html"))
    assert asked <= asked_by_itself
    views = sum(
        WIDGET in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ())
    )
    twins = page.locator("[class^=wb-static]")
    assert twins.count() == views
    assert all(twins.nth(number).is_visible() for number in range(views))
    assert "Error displaying widget" not in page.locator("body").inner_text()
    _shoot(page, f"page_{path.stem}")
    page.close()


def _converted(notebook: Any, target: Path) -> Path:
    from nbconvert import HTMLExporter

    target.write_text(HTMLExporter().from_notebook_node(notebook)[0], encoding="utf-8")
    return target


def _opened(browser: Browser, path: Path) -> tuple[Any, set[str]]:
    """A page offline, and what it asked for besides itself."""
    page = browser.open_file(path)
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    page.reload(wait_until="load")
    asked.discard(path.absolute().as_uri())
    return page, {url for url in asked if not url.startswith("data:")}


def _shoot(page: Any, name: str) -> None:
    """The whole of it, as far as a picture can be tall."""
    if not SHOTS:
        return
    before = page.viewport_size
    tall = page.evaluate(
        "() => (document.querySelector('.jp-WindowedPanel-viewport') ?? document.body).scrollHeight"
    )
    page.set_viewport_size({"width": 1180, "height": min(int(tall) + 200, 12_000)})
    page.evaluate("() => document.querySelector('.jp-WindowedPanel-outer')?.scrollTo(0, 0)")
    page.wait_for_timeout(500)
    page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))
    page.set_viewport_size(before)
