"""The code of the views in a page: sent once, there again after a reload, a restart or a loss, and
loaded again when its files are edited."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import anywidget
import pytest

from ..browser import Browser, JupyterServer, NotebookPage
from ..notebook_files import make_notebook

SETUP = "%load_ext workbench\nfrom workbench import RunnableLambda"
RUN = "%%chain c --input 1\nRunnableLambda(lambda x: x + 1, name='plus')"
LARGE = 40_000
"""Bytes: more than a view's own messages have, less than a front end's."""

WEB = Path(__file__).parents[2] / "workbench/views/web"


@pytest.fixture
def opened(jupyter: JupyterServer, browser: Browser) -> Iterator[list[NotebookPage]]:
    pages: list[NotebookPage] = []
    yield pages
    for page in pages:
        page.close()
    jupyter.shut_down_kernels()


def is_drawn(page: NotebookPage, cell: int) -> bool:
    """Whether a view has come to its end, with its style: the step's row is in the tree."""
    body = page.cell(cell).locator(".wb-body[data-status=done]")
    body.wait_for(timeout=45_000)
    body.locator(".wb-node", has_text="plus").first.wait_for()
    flex: bool = body.locator(".wb-header-line").first.evaluate(
        "(el) => getComputedStyle(el).display === 'flex'"
    )
    return flex


def code_messages(page: NotebookPage) -> int:
    return sum(size > LARGE for size in page.received)


@pytest.mark.parametrize("app", ["lab/tree", "notebooks"])
def test_ten_views_get_the_code_once_and_so_does_a_page_that_is_loaded_again(
    jupyter: JupyterServer,
    browser: Browser,
    opened: list[NotebookPage],
    app: Literal["lab/tree", "notebooks"],
) -> None:
    make_notebook(jupyter.root / "ten.ipynb", [SETUP, *[RUN] * 10])
    page = NotebookPage(browser, jupyter, "ten.ipynb", app=app, fresh=True)
    opened.append(page)
    page.run(0)
    before = len(page.received)
    for cell in range(1, 11):
        page.run(cell)
        assert is_drawn(page, cell)
    assert code_messages(page) == 1
    sent = sum(page.received[before:])
    print(f"{app}: {sent:,} bytes for ten views")
    assert sent < 500_000
    assert page.page.evaluate("document.querySelectorAll('style[data-workbench]').length") == 1
    page.save()
    page.received.clear()
    page.open(reset=False)
    assert is_drawn(page, 1) and is_drawn(page, 10)
    assert sum(page.received) < 500_000  # all states, whether in one message or one each
    assert app == "notebooks" or not page.errors  # Notebook 7 reports errors of its own


def test_a_restarted_kernel_and_a_second_page_have_views_as_well(
    jupyter: JupyterServer, browser: Browser, opened: list[NotebookPage]
) -> None:
    make_notebook(jupyter.root / "again.ipynb", [SETUP, RUN, "1", RUN])
    page = NotebookPage(browser, jupyter, "again.ipynb", fresh=True)
    opened.append(page)
    page.run(0)
    page.run(1)
    assert is_drawn(page, 1)
    page.save()
    second = NotebookPage(browser, jupyter, "again.ipynb", app="notebooks")
    opened.append(second)
    assert is_drawn(second, 1)
    second.close()
    opened.remove(second)
    page.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.page.wait_for_function(
        "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
    )
    page.run(2)
    page.run(0)
    page.run(3)
    assert is_drawn(page, 3)
    assert page.page.evaluate("document.querySelectorAll('style[data-workbench]').length") == 1
    assert not page.errors


LOSE = """from workbench.notebook.widgets.front_end import LoadedView
state_of = LoadedView.get_state
def get_state(self, key=None, drop_defaults=False):
    return {**state_of(self, key, drop_defaults), "front_end": "IPY_MODEL_unknown"}
LoadedView.get_state = get_state"""


def test_a_view_whose_front_end_was_lost_on_the_way_asks_for_it(
    jupyter: JupyterServer, browser: Browser, opened: list[NotebookPage]
) -> None:
    make_notebook(jupyter.root / "lost.ipynb", [SETUP, LOSE, RUN, RUN])
    page = NotebookPage(browser, jupyter, "lost.ipynb", fresh=True)
    opened.append(page)
    for cell in range(4):
        page.run(cell)
    assert is_drawn(page, 2) and is_drawn(page, 3)
    assert page.page.evaluate("document.querySelectorAll('style[data-workbench]').length") == 1


BREAK = """from workbench.notebook.widgets import front_end
from workbench.views.web.bundle import Bundle
good = front_end.bundle
front_end.bundle = lambda name: Bundle("broken", "this is no module", "")"""
MEND = """from dataclasses import replace
front_end.bundle = lambda name: replace(good(name), key="other", code=good(name).code + "// another")
front_end._front_ends.clear()"""


def test_a_front_end_that_cannot_be_loaded_says_so_and_leaves_the_static_result(
    jupyter: JupyterServer, browser: Browser, opened: list[NotebookPage]
) -> None:
    make_notebook(jupyter.root / "broken.ipynb", [SETUP, BREAK, RUN, MEND, RUN])
    page = NotebookPage(browser, jupyter, "broken.ipynb", fresh=True)
    opened.append(page)
    for cell in range(3):
        page.run(cell)
    cell = page.cell(2)
    cell.get_by_role("status").filter(has_text="The live view could not be loaded").wait_for(timeout=15_000)
    cell.locator("[class*=wb-static-]").first.wait_for(timeout=10_000)
    assert "plus" in cell.inner_text()
    page.run(3)  # and another version of the package in the same page works
    page.run(4)
    assert is_drawn(page, 4)


def test_a_page_made_of_a_notebook_with_its_widgets_shows_the_live_view(
    tmp_path: Path, browser: Browser
) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    packages = ["@jupyter-widgets/html-manager@1", "requirejs@2"]
    # Without what they depend on: their files for pages have that in them.
    command = ["npm", "pack", "--silent", "--pack-destination", str(tmp_path), *packages]
    try:
        fetched = subprocess.run(command, capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired:
        pytest.skip("npm could not fetch html-manager within 180 s")
    if fetched.returncode != 0:
        pytest.skip(f"npm cannot fetch html-manager: {fetched.stderr.strip()[-200:]}")
    for name in ("html-manager", "requirejs"):
        with tarfile.open(next(tmp_path.glob(f"*{name}-*.tgz"))) as packed:
            packed.extractall(tmp_path / name, filter="data")
    source = make_notebook(tmp_path / "page.ipynb", [SETUP, RUN, RUN])
    target = tmp_path / "page.html"
    command = [
        sys.executable,
        "-m",
        "nbconvert",
        "--to",
        "html",
        "--execute",
        "--output",
        str(target),
        str(source),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert target.read_text().count("class TreeModel ") == 1
    files = {
        "require": tmp_path / "requirejs/package/require.js",
        "html-manager": tmp_path / "html-manager/package/dist/embed-amd.js",
        "anywidget": Path(anywidget.__file__).parent / "nbextension/index.js",
    }
    page = browser.page()

    def serve(route: Any) -> None:
        name = next((name for name in files if name in route.request.url), None)
        if name is None:
            route.abort()
        else:
            route.fulfill(
                body=files[name].read_text(),
                content_type="text/javascript",
                headers={"access-control-allow-origin": "*"},
            )

    page.route(re.compile("^https?:"), serve)
    try:
        page.goto(target.as_uri())
        drawn = page.locator(".wb-body[data-status=done]")
        drawn.nth(1).wait_for(timeout=20_000)
        assert drawn.count() == 2
        drawn.first.locator(".wb-node", has_text="plus").wait_for()
    finally:
        page.close()


def test_an_edited_module_and_style_show_without_a_new_kernel(
    jupyter: JupyterServer, browser: Browser, opened: list[NotebookPage], tmp_path: Path
) -> None:
    shutil.copytree(WEB, tmp_path / "web")
    setup = f"""import os, pathlib
os.environ["ANYWIDGET_HMR"] = "1"
from workbench.notebook.widgets.front_end import _Files
_Files.folder = pathlib.Path({str(tmp_path / "web")!r})
{SETUP}"""
    make_notebook(jupyter.root / "hot.ipynb", [setup, RUN, RUN])
    page = NotebookPage(browser, jupyter, "hot.ipynb", fresh=True)
    opened.append(page)
    for cell in range(3):
        page.run(cell)
    assert is_drawn(page, 1) and is_drawn(page, 2)
    words = tmp_path / "web/parts/view_head.js"
    source = words.read_text()
    assert 'element("header", "wb-header", ' in source
    _write(
        words, source.replace('element("header", "wb-header", ', 'element("header", "wb-header wb-edited", ')
    )
    for cell in (1, 2):
        page.cell(cell).locator(".wb-edited").wait_for(timeout=15_000)
        assert is_drawn(page, cell)
    style = tmp_path / "web/styles/run_view.css"
    _write(style, style.read_text() + "\n.wb-edited { letter-spacing: 7px; }\n")
    page.page.wait_for_function(
        """() => {
          const edited = [...document.querySelectorAll(".wb-edited")];
          return edited.length === 2 && edited.every((el) => getComputedStyle(el).letterSpacing === "7px");
        }""",
        timeout=15_000,
    )
    _write(words, "this cannot be joined: import x from 'y'\n")
    _write(words, source)
    for cell in (1, 2):
        page.cell(cell).locator(".wb-header:not(.wb-edited)").wait_for(timeout=15_000)
        assert is_drawn(page, cell)
    assert not page.errors


def _write(path: Path, text: str) -> None:
    """As an editor does, so that nobody reads half of it."""
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    os.replace(draft, path)
