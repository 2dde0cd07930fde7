"""What is stored in a notebook is compared with a fresh run, and is fit for readers without a kernel."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from ..notebook_files import new_notebook, new_output, read_notebook
from .pages import ROOT
from .saved_notebooks import WIDGET, differences, problems

pytestmark = pytest.mark.slow  # nbformat takes seconds to import

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TWIN = '<div class="wb-static-1"><div>' + "a step " * 50 + "</div></div>"


def shown(html: str) -> list[Any]:
    """A view and its twin."""
    return [
        new_output("display_data", {WIDGET: {"model_id": "1"}, "text/html": "", "text/plain": ""}),
        new_output("display_data", {"text/html": html, "text/plain": "a step"}),
    ]


def notebook_of(*outputs: Any, tags: tuple[str, ...] = ()) -> Any:
    notebook = new_notebook(["1 + 1"])
    cell = notebook.cells[0]
    cell.execution_count, cell.outputs = 1, list(outputs)
    if tags:
        cell.metadata["tags"] = list(tags)
    return notebook


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_is_saved_fit_to_be_read_without_a_kernel(path: Path) -> None:
    assert problems(read_notebook(path)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_begins_with_its_title_and_ends_with_something_to_change(path: Path) -> None:
    notebook = read_notebook(path)
    first, last = notebook.cells[0], notebook.cells[-1]
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    assert last.cell_type == "markdown" and last.source.count("\n") >= 2
    assert "%load_ext workbench" in "\n".join(cell.source for cell in notebook.cells)


def test_a_view_needs_its_twin() -> None:
    assert problems(notebook_of(*shown(TWIN))) == []
    assert problems(notebook_of(*shown('<div class="wb-static-1"></div>')))


@pytest.mark.parametrize(
    "text", ["'/tmp/x/jokes.json'", 'File "/var/folders/x/chain.py"', "api_key='sk-proj-0123456789abcdef'"]
)
def test_places_on_the_machine_and_keys_are_noticed(text: str) -> None:
    assert problems(notebook_of(new_output("stream", name="stdout", text=text)))


def test_an_error_is_stored_only_where_the_cell_says_so() -> None:
    error = new_output("error", ename="ValueError", evalue="out of order", traceback=[])
    assert problems(notebook_of(error))
    assert problems(notebook_of(error, tags=("raises-exception",))) == []
    assert problems(notebook_of(tags=("raises-exception",)))


def test_stored_widget_state_is_noticed() -> None:
    notebook = notebook_of()
    notebook.metadata["widgets"] = {}
    assert problems(notebook)


def test_other_words_are_no_difference_but_another_form_is() -> None:
    stored = notebook_of(new_output("stream", name="stdout", text="a bear"))
    fresh = copy.deepcopy(stored)
    fresh.cells[0].outputs[0].text = "a cat"
    fresh.cells[0].outputs.append(new_output("stream", name="stderr", text="starting ..."))
    assert differences(stored, fresh) == []
    fresh.cells[0].outputs[0] = new_output("execute_result", {"text/plain": "2"})
    assert differences(stored, fresh) == ["cell 0: stored 1 stdout, fresh 1 execute_result of text/plain"]
    fresh.cells[0].source = "2 + 2"
    assert differences(stored, fresh) == ["cell 0 has another source"]
    assert differences(stored, notebook_of()) == ["cell 0: stored 1 stdout, fresh nothing else"]
