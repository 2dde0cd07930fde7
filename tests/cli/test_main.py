"""The command line: what it passes on, what it refuses."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from workbench.cli import main as cli


def test_options_of_lab_are_passed_on_to_jupyterlab(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(cli.subprocess, "run", lambda command, **_: called.append(command) or done)
    assert cli.main(["lab", "--port=9000", "--no-browser", "01_first_chain.ipynb"]) == 0
    assert called[0][:3] == [sys.executable, "-m", "jupyterlab"]
    assert called[0][-3:] == ["--port=9000", "--no-browser", "01_first_chain.ipynb"]


def test_lab_by_itself_opens_the_first_tutorial(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(cli.subprocess, "run", lambda command, **_: called.append(command) or done)
    assert cli.main(["lab"]) == 0
    assert called[0][-1] == "01_first_chain.ipynb"


def test_other_commands_refuse_what_they_do_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["demo", "bears", "--colour"])
    assert "unrecognized arguments: --colour" in capsys.readouterr().err


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "workbench" in capsys.readouterr().out
