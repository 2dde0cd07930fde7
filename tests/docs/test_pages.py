"""The pages: every block of code in them runs and gives what stands under it."""

from __future__ import annotations

import asyncio
import builtins
import doctest
import re
from importlib import import_module, util
from pathlib import Path

import pytest

import workbench

from .pages import PAGES, ROOT, blocks

ALL = sorted(PAGES.rglob("*.md"))
WITH_CODE = [page for page in ALL if ">>> " in page.read_text(encoding="utf-8")]


def name_of(page: Path) -> str:
    return str(page.relative_to(PAGES))


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_the_code_of_a_page_gives_what_stands_under_it(page: Path) -> None:
    names: dict[str, object] = {"__name__": "__main__", "asyncio": asyncio}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    told: list[str] = []
    for block in blocks(page):
        if block.language in ("python", "{eval-rst}"):
            test = doctest.DocTestParser().get_doctest(block.text, names, page.name, str(page), block.line)
            runner.run(test, out=told.append, clear_globs=False)
            names = test.globs
    vars(builtins).pop(
        "_", None
    )  # a session leaves its last value there, and IPython then keeps off that name
    assert not told, "".join(told)


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_python_in_a_page_is_written_as_a_session(page: Path) -> None:
    """So that all of it is run: `>>> ` before what is typed, what comes out under it."""
    for block in blocks(page):
        if block.language == "python":
            assert block.text.startswith(">>> "), f"{name_of(page)}:{block.line + 1}"


def test_every_public_name_is_on_one_page_of_the_reference() -> None:
    written: list[str] = []
    for page in (PAGES / "api").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        written += re.findall(r"^\.\. auto(?:class|function|data):: (\w+)", text, re.MULTILINE)
        written += re.findall(r"^\.\. py:data:: workbench\.(\w+)", text, re.MULTILINE)
    assert sorted(written) == sorted(workbench.__all__), "add new names to a page in docs/api"


def rows_of_imports() -> list[tuple[str, list[str]]]:
    """From the table of the page for users of LCEL: their module, and the names in it."""
    page = (PAGES / "from-lcel.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(langchain\S*)` \| (.+) \|$", page, re.MULTILINE)
    assert len(rows) > 15
    return [(module, re.findall(r"`(\w+)`", names)) for module, names in rows]


def test_what_users_of_lcel_import_is_here_under_the_same_name() -> None:
    for module, names in rows_of_imports():
        missing = [name for name in names if name not in workbench.__all__]
        assert not missing, f"{module}: {missing}"


def test_what_they_are_said_to_import_is_there() -> None:
    for module, names in rows_of_imports():
        if util.find_spec(module.partition(".")[0]) is None:
            continue
        theirs = import_module(module)
        missing = [name for name in names if not hasattr(theirs, name)]
        assert not missing, f"{module}: {missing}"


def test_the_changelog_tells_of_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(workbench.__version__)}\b", text, re.MULTILINE)
