"""The README, in both languages: what it tells people to type works, what it names is there.

Its Python is run here, in one notebook. Of its shell commands, ``.ci/run`` runs the one that tests (it is
what runs this) and the one that builds the reference; the one that installs is checked piece by piece, since
in a test it would install anew.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from importlib import util
from pathlib import Path

import pytest

from workbench.cli import main as cli
from workbench.notebook.magics.cell_line import OPTIONS

from ..notebook_files import new_notebook, run_notebook
from .pages import ROOT, blocks

README = ROOT / "README.md"
KOREAN = ROOT / "README.ko.md"
BOTH = pytest.mark.parametrize("page", [README, KOREAN], ids=lambda page: page.name)


def commands() -> list[str]:
    text = [block.text for block in blocks(README) if block.language == "bash"]
    return [line for block in text for line in block.splitlines() if line]


def test_both_languages_have_the_same_code() -> None:
    assert [(block.language, block.text) for block in blocks(README)] == [
        (block.language, block.text) for block in blocks(KOREAN)
    ]


def test_both_languages_have_the_same_headings_rows_pictures_and_links() -> None:
    def skeleton(page: Path) -> dict[str, object]:
        text = page.read_text(encoding="utf-8")
        return {
            "headings": re.findall(r"^(#+) ", text, re.MULTILINE),
            "rows": re.findall(r"^\| ((?:`[^`]*`(?:, )?)+) \|", text, re.MULTILINE),
            "pictures": re.findall(r'(?:srcset|src)="([^"]+)"', text),
            "links": [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("README")],
            "figures": re.findall(r"(?<=\| )\d[\d.]* (?:µs|ms|MiB)|\d+/\d[\d.]*", text),
        }

    assert skeleton(README) == skeleton(KOREAN)


@BOTH
def test_what_it_links_to_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)\)", text) + re.findall(r'(?:srcset|src)="([^"]+)"', text)
    assert len(targets) > 5
    missing = [target for target in targets if "://" not in target and not (ROOT / target).exists()]
    assert missing == []


def test_its_python_runs_in_a_notebook(local_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    code = [block.text for block in blocks(README) if block.language == "python"]
    assert len(code) >= 4
    notebook = new_notebook(code)
    run_notebook(notebook, timeout_s=120)
    shown = str(notebook.cells[1].outputs)
    assert "wb-static-" in shown and "ChatPromptTemplate" in shown
    assert "batch" in str(notebook.cells[-1].outputs)


def test_ci_runs_its_test_command() -> None:
    """As .ci/run finds it."""
    found = re.search(
        r"<!-- test command -->\n```bash\n(python3 .*)\n```", README.read_text(encoding="utf-8")
    )
    assert found and found[1].endswith("&& pytest")
    assert "<!-- test command -->" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_what_its_commands_install_and_call_is_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for command in commands():
        for part in map(shlex.split, command.split("&&")):
            match part:
                case ["python3", "-m", "venv", ".venv"] | [".", ".venv/bin/activate"] | ["pytest"]:
                    pass
                case ["pip", "install", "-q", "uv"]:
                    pass
                case ["pip", "install", "-q", "-e", target] | ["uv", "pip", "install", "-q", "-e", target]:
                    assert set(target.removeprefix(".[").removesuffix("]").split(",")) <= set(extras)
                case ["python", "-m", module]:
                    assert util.find_spec(module)
                case ["workbench", name, *_]:
                    with pytest.raises(SystemExit) as leaving:
                        cli.main([name, "--help"])
                    assert leaving.value.code == 0
                case ["sphinx-build", *_]:
                    assert "sphinx-build" in (ROOT / ".ci/run").read_text(encoding="utf-8")
                case other:
                    pytest.fail(f"README.md tells people to type {shlex.join(other)}: no test knows of it")


@BOTH
def test_its_table_of_the_magics_has_every_option(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [option.name for option in OPTIONS if f"--{option.name}" not in text] == ["help"]


@BOTH
def test_it_names_only_settings_that_are_read(page: Path) -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "workbench").rglob("*.py"))
    named = set(
        re.findall(r"\b(?:WORKBENCH|OPENAI|AZURE_OPENAI)_[A-Z_]+\b", page.read_text(encoding="utf-8"))
    )
    assert len(named) >= 8
    assert [name for name in named if name not in source] == []
