"""The command line: what it passes on, what it refuses."""

from __future__ import annotations

import pytest

from workbench.cli import main as cli


def test_other_commands_refuse_what_they_do_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["demo", "bears", "--colour"])
    assert "unrecognized arguments: --colour" in capsys.readouterr().err


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "workbench" in capsys.readouterr().out
