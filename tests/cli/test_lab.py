"""``workbench lab`` from an installed package: what it copies, what it never replaces, what it opens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workbench.cli import lab
from workbench.cli import main as cli


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The folders JupyterLab was started in; the tutorials are in a package, the current folder is empty."""
    folders: list[Path] = []

    def run(command: list[str], *, cwd: Path, **_: Any) -> subprocess.CompletedProcess[str]:
        folders.append(cwd)
        return subprocess.CompletedProcess(command, 0)

    packaged = tmp_path / "site-packages" / "tutorials"
    packaged.mkdir(parents=True)
    for name in (lab.FIRST, "02_more.ipynb"):
        (packaged / name).write_text(f"the tutorial {name}")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(lab, "PACKAGED", packaged)
    monkeypatch.setattr(lab.subprocess, "run", run)
    return folders


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> list[str]:
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or text)
    return asked


def test_options_of_lab_are_passed_on_to_jupyterlab(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(lab.subprocess, "run", lambda command, **_: called.append(command) or done)
    assert cli.main(["lab", "--port=9000", "--no-browser", "01_first_chain.ipynb"]) == 0
    assert called[0][:3] == [sys.executable, "-m", "jupyterlab"]
    assert called[0][-3:] == ["--port=9000", "--no-browser", "01_first_chain.ipynb"]


def test_lab_by_itself_opens_the_first_tutorial(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(lab.subprocess, "run", lambda command, **_: called.append(command) or done)
    assert cli.main(["lab"]) == 0
    assert called[0][-1] == "01_first_chain.ipynb"


def test_the_tutorials_are_copied_to_a_folder_below_and_opened_there(
    opened: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    copies = Path.cwd() / lab.COPIES
    assert cli.main(["lab", "--copy", "--no-browser"]) == 0
    assert opened == [copies]
    assert sorted(path.name for path in copies.iterdir()) == [lab.FIRST, "02_more.ipynb"]
    assert capsys.readouterr().out == f"copied 2 tutorials to {copies}\n"


def test_a_reader_s_file_is_kept_and_named(opened: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    copies = Path.cwd() / lab.COPIES
    copies.mkdir()
    (copies / lab.FIRST).write_text("my notes")
    assert cli.main(["lab", "--copy"]) == 0
    assert (copies / lab.FIRST).read_text() == "my notes"
    told = capsys.readouterr().out
    assert "copied 1 tutorial to" in told and f"kept yours, which differ: {lab.FIRST}" in told


def test_a_file_in_the_place_of_the_folder_is_an_error_in_one_line(
    opened: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (Path.cwd() / lab.COPIES).write_text("mine")
    assert cli.main(["lab", "--copy"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert opened == []


@pytest.mark.parametrize(("text", "copied"), [("", True), ("y", True), ("n", False)])
def test_at_a_terminal_it_asks_before_it_copies(
    opened: list[Path], monkeypatch: pytest.MonkeyPatch, text: str, copied: bool
) -> None:
    asked = answer(monkeypatch, text)
    assert cli.main(["lab"]) == 0
    assert len(asked) == 1
    assert opened == [Path.cwd() / lab.COPIES if copied else Path.cwd()]
    assert (Path.cwd() / lab.COPIES).exists() is copied


def test_it_does_not_ask_again_where_there_are_copies(
    opened: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answer(monkeypatch, "y")
    copies = Path.cwd() / lab.COPIES
    cli.main(["lab"])
    cli.main(["lab"])
    monkeypatch.chdir(copies)
    cli.main(["lab"])
    assert opened == [copies, copies, copies] and len(asked) == 1


def test_no_copy_opens_the_current_folder(opened: list[Path]) -> None:
    assert cli.main(["lab", "--no-copy"]) == 0
    assert opened == [Path.cwd()] and list(Path.cwd().iterdir()) == []
