"""Every public name says what a caller must know, and shows it with an example that runs.

Examples are doctests, which pytest collects with the modules. Those for cells, which draw views or change the
whole process, stand under ``In a cell::`` and are run here, by IPython in a process of its own.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import workbench

PAGES = Path(__file__).resolve().parents[2] / "docs"
VALUES = ("__version__", "AnyMessage", "prices")
"""Names without a docstring of their own: values, which a page describes under this name."""

CELL = re.compile(r"^In a cell::\n\n((?:    .*\n?|\n)+)", re.MULTILINE)


def doc_of(name: str) -> str:
    value = getattr(workbench, name)
    if name in VALUES:
        return ""
    own = vars(value).get("__doc__") if inspect.isclass(value) else getattr(value, "__doc__", None)
    return inspect.cleandoc(own or "")


def cell_of(doc: str) -> str | None:
    found = CELL.search(doc)
    return textwrap.dedent(found[1]) if found else None


def test_every_public_name_has_a_docstring_of_its_own() -> None:
    named = [name for name in workbench.__all__ if name not in VALUES]
    assert [name for name in named if not doc_of(name)] == []


def test_every_public_name_has_an_example_that_runs() -> None:
    named = [name for name in workbench.__all__ if name not in VALUES]
    without = [name for name in named if not cell_of(doc_of(name)) and not _doctests(name)]
    assert without == [], "write two to six lines of what you would show to a user"


def test_no_example_is_skipped() -> None:
    assert [name for name in workbench.__all__ if "+SKIP" in doc_of(name)] == []


def test_an_example_shows_the_name_it_is_about() -> None:
    """Or what makes one, where the name is that of what a method returns."""
    made_by = {
        "BaseMessage": "HumanMessage",
        "RunnableEach": ".map()",
        "RunnableWithFallbacks": ".with_fallbacks(",
        "RunnableRetry": ".with_retry(",
        "ExponentialJitterParams": "exponential_jitter_params=",
        "RunnableBinding": ".bind(",
        "RunnableConfigurableFields": ".configurable_fields(",
        "RunnableConfigurableAlternatives": ".configurable_alternatives(",
        "ConfigurableFieldSpec": ".config_specs",
        "RunnableAssign": ".assign(",
        "RunnablePick": ".pick(",
        "RunnableSequence": " | ",
        "RunnableMap": "RunnableParallel(",
        "SimpleJsonOutputParser": "JsonOutputParser(",
        "OutputParserException": "OutputParserError",
        "RunnableConfig": '"run_name"',
        "Run": "event.run",
        "RunEvent": "event.kind",
        "StreamEvent": "stream_events(",
        "LogEntry": '["logs"]',
        "RunLog": "diff=False",
        "RunLogPatch": "stream_log(",
        "RunState": "stream_log(",
        "Generation": ".generations",
        "LLMResult": ".generate(",
        "CallStats": ".calls[",
        "VectorStore": "VectorStore(",
        "VectorStoreRetriever": ".as_retriever(",
        "ChatPromptValue": ".invoke(",
        "BasePromptTemplate": "PromptTemplate",
        "load_ipython_extension": "%load_ext workbench",
        "runs": "workbench.runs",
        "Comparison": "compare(",
    }
    named = [name for name in workbench.__all__ if name not in VALUES]
    shown = {name: cell_of(doc_of(name)) or "\n".join(_doctests(name)) for name in named}
    assert [name for name in named if made_by.get(name, name) not in shown[name]] == []


@pytest.mark.parametrize("name", [name for name in workbench.__all__ if cell_of(doc_of(name))])
@pytest.mark.slow
def test_an_example_for_a_cell_runs_in_ipython(name: str, tmp_path: Path) -> None:
    cell = tmp_path / "example.ipy"
    cell.write_text(cell_of(doc_of(name)) or "", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", str(cell)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env=_environment(tmp_path),
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _doctests(name: str) -> list[str]:
    return [line for line in doc_of(name).splitlines() if line.startswith((">>> ", "... "))]


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "IPYTHONDIR": str(home), "PYTHONPATH": str(PAGES.parent)}
