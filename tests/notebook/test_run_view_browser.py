"""The live view in a real JupyterLab: what a reader sees, and what they can do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..browser import Browser, JupyterServer, NotebookPage, check_status
from ..notebook_files import make_notebook
from .run_view_kit import PWNED

OpenLab = Callable[..., NotebookPage]

CHAIN = 'say("where did harrison work?") | model(numbers(120), delay_s=0.03) | upper()'
PARALLEL = (
    'RunnableParallel(joke=say("bears", delay_s=0.4) | model(numbers(30), delay_s=0.03),'
    ' poem=model(numbers(90), name="slow_llm") | upper())'
)
TEXT = "".join(f"{number} " for number in range(120))

CELLS = {
    "kit": "from run_view_kit import *",
    "grow": f'Session({CHAIN}, {{"question": "where?"}}).start().wait()',
    "tree": f"Session({PARALLEL}).start().wait()",
    "first view": 'two = Session(model(numbers(150), delay_s=0.02), title="two").start()',
    "second view": "two.view.show(); two.wait()",
    "stop": "stop = Session(model(numbers(2000)) | upper()).start(); print(stop.wait(), stop.stopped_at)",
    "keys": f"Session({PARALLEL}).start().wait()",
    "pwned": "Session(say(PWNED) | model([PWNED, PWNED], name=PWNED), PWNED, title=PWNED).start().wait()",
    "gap": "gap = Session(model(numbers(120))); lose_frames(gap.view, 5, 25); gap.start().wait(finish=False)",
    "failed": 'Session(model(["part "]) | RunnableLambda(lambda _: {}[PWNED], name="get")).start().wait()',
    "batch": "from workbench.models.fake import FakeChatModel\n"
    "llm = FakeChatModel(responses=['one two three ' * 6], token_delay_s=0.05)\n"
    "s = Session(RunnableLambda(str) | llm)\n"
    "s.start(lambda: s._chain.abatch(['one', 'two', {'topic': 'x'}], {'callbacks': [s.live]})).wait()",
    "deaf": "deaf = Session(model(numbers(2000)))\n"
    "deaf.view.on_msg(deaf.view._on_message, remove=True)\n"
    "print(deaf.start().wait())",
    "lost": "lost = Session(model(numbers(2000))).start()",
}
ORDER = list(CELLS)
STOP_AND_SHOW = """s._stop(); s.wait()
print("".join(s.live.snapshot()["state"]["runs"][0]["streamed_output"]), end="")"""

RECORD = """(cell) => {
  const area = document.querySelectorAll(".jp-Notebook .jp-Cell")[cell].querySelector(".jp-Cell-outputArea");
  window.__seen = [];
  const look = () => {
    const body = area.querySelector(".wb-body");
    if (!body) return;
    const seen = [
      body.dataset.status,
      [...body.querySelectorAll(".wb-stream .wb-text")].map((pre) => pre.textContent).join("").length,
      body.querySelectorAll("[role=treeitem]").length,
    ];
    if (JSON.stringify(window.__seen.at(-1)) !== JSON.stringify(seen)) window.__seen.push(seen);
  };
  new MutationObserver(look).observe(area, { subtree: true, childList: true, characterData: true });
}"""


@pytest.fixture(scope="module")
def notebook(jupyter: JupyterServer, browser: Browser) -> Iterator[NotebookPage]:
    make_notebook(jupyter.root / "live.ipynb", list(CELLS.values()))
    page = NotebookPage(browser, jupyter, "live.ipynb")
    page.run(0)
    yield page
    page.close()
    jupyter.shut_down_kernels()


def view(notebook: NotebookPage, cell: str) -> Any:
    return notebook.cell(ORDER.index(cell)).locator(".wb-body")


def run(notebook: NotebookPage, cell: str) -> Any:
    notebook.run(ORDER.index(cell))
    return view(notebook, cell)


def watch(notebook: NotebookPage, cell: str) -> list[tuple[str, int, int]]:
    """Run a cell; every (status, characters of output, rows) that its view showed."""
    notebook.page.evaluate(RECORD, ORDER.index(cell))
    run(notebook, cell)
    return [tuple(seen) for seen in notebook.page.evaluate("window.__seen")]


def output(view: Any) -> str:
    return "".join(view.locator(".wb-stream .wb-text").all_text_contents())


def tree(view: Any) -> list[Any]:
    """Rows as [name, [rows inside]], by their levels."""
    around: list[list[Any]] = [[]]
    for row in view.locator("[role=tree] [role=treeitem]").all():
        inside: list[Any] = []
        level = int(row.get_attribute("aria-level"))
        around[level - 1].append([row.locator(".wb-name").inner_text(), inside])
        around[level:] = [inside]
    return around[0]


def test_text_grows_in_the_page_while_the_chain_runs(notebook: NotebookPage) -> None:
    seen = watch(notebook, "grow")
    lengths = {length for status, length, _ in seen if status == "streaming" and 0 < length < len(TEXT)}
    assert len(lengths) >= 20
    assert output(view(notebook, "grow")) == TEXT
    check_status(view(notebook, "grow"), "Done")
    assert not notebook.errors


def test_the_tree_grows_and_nests_like_the_chain(notebook: NotebookPage) -> None:
    seen = watch(notebook, "tree")
    counts = [rows for status, _, rows in seen if status == "streaming"]
    assert counts == sorted(counts) and counts[0] < counts[-1] == 7
    body = view(notebook, "tree")
    [[root, branches]] = tree(body)
    assert root.startswith("RunnableParallel")
    assert [name for _, inner in branches for name, _ in inner] == [
        "my_prompt",
        "my_llm",
        "slow_llm",
        "upper",
    ]
    assert body.locator(".wb-block-label bdi").all_text_contents() == ["joke", "poem"]
    levels = body.locator("[role=treeitem]").evaluate_all("(all) => all.map((node) => node.ariaLevel)")
    assert levels == ["1", "2", "3", "3", "2", "3", "3"]


def test_rows_show_status_tokens_time_and_a_bar_in_the_right_place(notebook: NotebookPage) -> None:
    body = view(notebook, "tree")
    rows = {row.locator(".wb-name").inner_text(): row for row in body.locator(".wb-node").all()}
    assert rows["slow_llm"].locator(".wb-cell-tokens").inner_text() == "90"
    assert re.fullmatch(r"\d+ ms|[\d.]+ s", rows["slow_llm"].locator(".wb-cell-time").inner_text())
    assert rows["my_llm"].locator(".wb-glyph").inner_text() == "✓"
    root = body.locator(".wb-bar").first.bounding_box()
    inner = rows["my_llm"].locator(".wb-bar").bounding_box()
    mark = rows["my_llm"].locator(".wb-bar-mark").bounding_box()
    assert root["x"] - 1 <= inner["x"] <= mark["x"] <= inner["x"] + inner["width"]
    assert inner["x"] + inner["width"] <= root["x"] + root["width"] + 2


def test_two_views_of_one_widget_agree_while_it_runs_and_after(notebook: NotebookPage) -> None:
    notebook.run(ORDER.index("first view"))
    first, second = view(notebook, "first view"), view(notebook, "second view")
    notebook.start(ORDER.index("second view"))
    second.wait_for()
    notebook.page.wait_for_function(
        """(cells) => {
          const all = document.querySelectorAll(".jp-Notebook .jp-Cell");
          const [a, b] = cells.map((cell) => all[cell].querySelector(".wb-body"));
          const text = (body) => body?.querySelector(".wb-stream .wb-text")?.textContent ?? "";
          return b?.dataset.status === "streaming" && text(a).length > 100 && text(a) === text(b);
        }""",
        arg=[ORDER.index("first view"), ORDER.index("second view")],
    )
    notebook.wait(ORDER.index("second view"))
    assert output(first) == output(second) == "".join(f"{number} " for number in range(150))
    assert tree(first) == tree(second)


@pytest.mark.timed
def test_stop_reaches_python_within_a_second_while_the_cell_runs(notebook: NotebookPage) -> None:
    cell = ORDER.index("stop")
    notebook.start(cell)
    body = view(notebook, "stop")
    notebook.page.wait_for_function(
        "(cell) => document.querySelectorAll('.jp-Notebook .jp-Cell')[cell]"
        ".querySelector('.wb-stream .wb-text')?.textContent.length > 50",
        arg=cell,
    )
    clicked = time.time()
    body.locator("button.wb-stop").click()
    notebook.wait(cell)
    status, stopped_at = notebook.cell(cell).locator("pre").last.inner_text().split()
    assert status == "cancelled"
    assert float(stopped_at) - clicked < 1
    check_status(body, "Stopped")
    assert body.locator("button.wb-stop").is_disabled()
    assert "■" in body.locator(".wb-glyph").all_text_contents()


def test_the_tree_is_walked_and_opened_with_the_keyboard(notebook: NotebookPage) -> None:
    cell = ORDER.index("keys")
    notebook.start(cell)
    body = view(notebook, "keys")
    rows = body.locator("[role=treeitem]")
    rows.nth(4).wait_for()
    keyboard = notebook.page.keyboard
    focused = "document.activeElement.querySelector('.wb-name')?.textContent"

    def press(*keys: str) -> str:
        for key in keys:
            keyboard.press(key)
        name: str = notebook.page.evaluate(focused)
        return name

    rows.first.focus()
    assert press("ArrowDown", "ArrowDown") == "my_prompt"
    notebook.wait(cell)
    assert press() == "my_prompt", "focus survives the updates"
    assert press("End") == "upper"
    assert press("Home") == "RunnableParallel<joke,poem>"
    assert press("ArrowRight", "ArrowRight", "ArrowDown") == "my_llm"
    assert press("Enter") == "my_llm"
    assert body.locator(".wb-details-name").inner_text() == "my_llm"
    assert press(" ") == "my_llm"
    assert not body.locator(".wb-details").is_visible()
    assert press("ArrowLeft") == "RunnableSequence"
    press("ArrowLeft")
    assert rows.nth(1).get_attribute("aria-expanded") == "false"
    assert rows.count() == 5
    assert press("ArrowDown") == "RunnableSequence", "rows of a closed one are skipped"
    assert body.locator("[role=treeitem][tabindex='0']").count() == 1
    active = notebook.page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex")
    assert active == cell, "JupyterLab's own shortcuts leave these keys alone"


def test_an_opened_row_shows_messages_output_and_facts(notebook: NotebookPage) -> None:
    body = view(notebook, "grow")
    rows = body.locator(".wb-node")
    rows.nth(2).click()
    details = body.locator(".wb-details")
    assert details.locator(".wb-message[data-role=user] .wb-text").inner_text() == "where did harrison work?"
    assert TEXT.strip() in details.inner_text().replace("\n", "")
    assert "seq:step:2" in details.locator(".wb-tags").inner_text()
    assert rows.nth(2).get_attribute("aria-selected") == "true"
    rows.nth(2).click()
    assert not details.is_visible()


def test_markup_from_a_model_stays_text(notebook: NotebookPage) -> None:
    body = run(notebook, "pwned")
    for row in body.locator(".wb-node").all():
        row.click()
    assert output(body) == PWNED * 2
    assert body.locator(".wb-title").inner_text() == PWNED
    assert body.locator("img").count() == 0
    assert body.inner_text().count(PWNED) >= 6
    assert notebook.page.evaluate("window.__pwned") is None


def test_lost_frames_are_made_up_for(notebook: NotebookPage) -> None:
    body = run(notebook, "gap")
    notebook.page.wait_for_function(
        "([cell, text]) => document.querySelectorAll('.jp-Notebook .jp-Cell')[cell]"
        ".querySelector('.wb-stream .wb-text')?.textContent === text",
        arg=[ORDER.index("gap"), TEXT],
        timeout=3000,
    )
    assert body.locator("[role=treeitem]").count() == 1


def test_a_failure_names_the_step_and_its_error(notebook: NotebookPage) -> None:
    body = run(notebook, "failed")
    error = body.locator(".wb-stream .wb-error")
    assert error.locator(".wb-error-line").inner_text().startswith("KeyError: ")
    assert error.locator(".wb-error-where").inner_text() == "RunnableSequence > get"
    assert PWNED in error.inner_text()
    assert body.locator(".wb-node[data-status=failed]").count() == 2
    assert body.locator(".wb-details-name").inner_text() == "get", "the failed step is shown unasked"
    assert PWNED in body.locator(".wb-details").inner_text()
    check_status(body, "Failed")
    assert notebook.page.evaluate("window.__pwned") is None


def test_a_batch_shows_each_item_as_its_model_writes(notebook: NotebookPage) -> None:
    seen = watch(notebook, "batch")
    body = view(notebook, "batch")
    assert len({length for status, length, _ in seen if status == "streaming" and length}) >= 5
    assert body.locator(".wb-item-input").all_inner_texts() == ["one", "two", "topic: x"]
    assert body.locator("[role=treeitem][aria-level='1']").count() == 3
    assert body.locator(".wb-preview").count() == 0
    assert body.locator(".wb-numbers .wb-first").inner_text().startswith("first ")
    assert "one two three" in output(body)


def test_a_kernel_that_hears_nothing_is_interrupted(notebook: NotebookPage) -> None:
    notebook.start(ORDER.index("deaf"))
    body = view(notebook, "deaf")
    body.locator("button.wb-stop:enabled").click()
    notebook.wait(ORDER.index("deaf"))
    check_status(body, "Stopped")
    assert "cancelled" in notebook.cell(ORDER.index("deaf")).inner_text()


def test_colours_follow_the_theme(notebook: NotebookPage, tmp_path: Path) -> None:
    shots = Path(os.environ.get("WORKBENCH_SHOTS") or tmp_path)
    shots.mkdir(parents=True, exist_ok=True)
    backgrounds = []
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        notebook.command("apputils:change-theme", {"theme": theme})
        notebook.page.wait_for_function(
            "(light) => document.body.dataset.jpThemeLight === light",
            arg=str(theme.endswith("Light")).lower(),
        )
        notebook.page.locator(".jp-Splash").wait_for(state="detached")
        body = view(notebook, "tree")
        body.scroll_into_view_if_needed()
        body.screenshot(path=shots / f"run_view_{theme.split()[1].lower()}.png")
        backgrounds.append(body.evaluate("(body) => getComputedStyle(body).backgroundColor"))
    dark, light = (sum(map(int, re.findall(r"\d+", background)[:3])) for background in backgrounds)
    assert dark < 150 < 700 < light


def test_a_run_that_died_with_its_kernel_says_so(notebook: NotebookPage) -> None:
    body = run(notebook, "lost")
    body.locator("button.wb-stop:enabled").wait_for()
    body.locator(".wb-stream .wb-text", has_text="0 1 2 ").first.wait_for()
    notebook.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    body.locator(".wb-status", has_text="Kernel gone").wait_for()
    assert body.locator("button.wb-stop").is_disabled()
    assert output(body).startswith("0 1 2 ")


def test_a_reload_in_the_middle_of_a_run_catches_up(lab: OpenLab) -> None:
    notebook = lab("reload.ipynb", [CELLS["kit"], "s = Session(model(numbers(9000))).start()", STOP_AND_SHOW])
    notebook.run(0)
    notebook.run(1)
    notebook.save()
    notebook.open(reset=False)
    text = notebook.cell(1).locator(".wb-body[data-status=streaming] .wb-stream .wb-text")
    text.wait_for()
    before = len(text.inner_text())
    assert before > 50
    notebook.page.wait_for_function(
        "(before) => document.querySelector('.wb-stream .wb-text').textContent.length > before", arg=before
    )
    notebook.run(2)
    assert output(notebook.cell(1).locator(".wb-body")) == notebook.cell(2).locator("pre").first.inner_text()


@pytest.fixture(scope="module")
def saved(jupyter: JupyterServer, browser: Browser) -> Path:
    """A notebook with one run in it, saved by JupyterLab, its kernel shut down."""
    path = jupyter.root / "saved.ipynb"
    make_notebook(path, [CELLS["kit"], f'Session({CHAIN} | model([PWNED, "the end"]), PWNED).start().wait()'])
    page = NotebookPage(browser, jupyter, path.name)
    page.run(0)
    page.run(1)
    assert page.cell(1).locator(".wb-body").is_visible()
    assert not page.cell(1).locator("[class^=wb-static]").first.is_visible(), "hidden while the view is there"
    page.save()
    page.close()
    jupyter.shut_down_kernels()
    return path


@pytest.mark.parametrize("trusted", [True, False])
def test_a_reopened_notebook_shows_the_result_without_its_kernel(
    lab: OpenLab, saved: Path, trusted: bool
) -> None:
    name = saved.name
    if not trusted:
        content = json.loads(saved.read_text())
        content["metadata"]["somebody"] = "changed it"
        name = "untrusted.ipynb"
        (saved.parent / name).write_text(json.dumps(content))
    notebook = lab(name)
    twin = notebook.cell(1).locator("[class^=wb-static]")
    twin.wait_for()
    assert "Loading widget" not in notebook.cell(1).inner_text()
    model = "window.jupyterapp.shell.currentWidget.content.widgets[1].model"
    assert notebook.page.evaluate(f"{model}.trusted") is trusted
    if trusted:
        error = notebook.cell(1).locator(".jp-OutputArea-output", has_text="Error displaying widget")
        error.wait_for(state="attached")
        assert not error.is_visible()
    assert f"{PWNED}the end" in twin.inner_text()
    assert "my_prompt" in twin.locator("table").inner_text()
    assert "Error displaying widget" not in notebook.cell(1).inner_text()
    assert twin.locator("img").count() == 0
    assert notebook.page.evaluate("window.__pwned") is None
    bar = twin.locator("table td:last-child div[style*=background]").first.bounding_box()
    assert bar["width"] > 20 and bar["height"] > 5
    for theme in ("Dark", "Light"):
        notebook.command("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
        light = str(theme == "Light").lower()
        notebook.page.wait_for_selector(f'body[data-jp-theme-light="{light}"]', state="attached")
        shoot(notebook.cell(1), f"reopened_{'trusted' if trusted else 'untrusted'}_{theme.lower()}")


@pytest.mark.parametrize("with_state", [True, False])
def test_nbconvert_shows_the_static_twin(
    browser: Browser, saved: Path, tmp_path: Path, with_state: bool
) -> None:
    """nbclient saves the widget's state, JupyterLab does not."""
    source = saved
    if with_state:
        source = make_notebook(tmp_path / "fresh.ipynb", [cell["source"] for cell in _cells(saved)])
    target = tmp_path / "page.html"
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--output", str(target), str(source)]
    kits = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        command + ["--execute"] * with_state,
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": kits},
    )
    assert ("widget-state+json" in target.read_text()) is with_state
    page = browser.open_file(target)
    twin = page.locator("[class^=wb-static]")
    assert twin.is_visible()
    assert f"{PWNED}the end" in twin.inner_text()
    assert page.locator(".wb-body").count() == 0
    assert "Error" not in page.locator("body").inner_text()
    shoot(page.locator("body"), f"nbconvert_{'with' if with_state else 'without'}_state")
    assert page.evaluate("window.__pwned") is None
    page.close()


def shoot(area: Any, name: str) -> None:
    if folder := os.environ.get("WORKBENCH_SHOTS"):
        area.screenshot(path=str(Path(folder) / f"{name}.png"))


def _cells(path: Path) -> list[dict[str, Any]]:
    cells = json.loads(path.read_text())["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in cells]
