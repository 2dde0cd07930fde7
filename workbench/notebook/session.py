"""What a session remembers: chains that have a name, runs, and how runs are to be shown.

One session a process, as there is one namespace. It keeps the last ``KEPT`` runs (with their documents and
outputs); older ones are forgotten.
"""

from __future__ import annotations

import html
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from ..runnables.base import Runnable
from ..views.panes import Pane
from .run import ChainRun, Job
from .run_table import run_rows, text_table

__all__ = ["KEPT", "DisplaySettings", "NamedChain", "Runs", "named_chains", "runs", "settings"]

KEPT = 50
KEPT_OPERATIONS = 10
"""Of so many runs the operations are kept, too: how their documents came about."""


class Runs(Sequence[ChainRun]):
    """The session's last 50 runs, oldest first: ``workbench.runs[-1]`` is the last one started.

    In a cell::

        import workbench
        from workbench import FakeChatModel

        workbench.view(FakeChatModel(responses=["Knock, knock."]), "a joke about bears")
        last = workbench.runs[-1]
        last.status, last.output
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._runs: deque[ChainRun] = deque(maxlen=kept)
        self._count = 0
        self._lock = threading.Lock()

    def add(self, job: Job) -> ChainRun:
        """A new run of *job*, with the next number."""
        return self.add_run(ChainRun(job))

    def add_run(self, run: ChainRun) -> ChainRun:
        """Give a run that has not begun the next number."""
        with self._lock:
            dropped = self._runs[0] if len(self._runs) == self._runs.maxlen else None
            run.number = self._count + 1
            self._runs.append(run)
            self._count += 1
            older = list(self._runs)[: -KEPT_OPERATIONS - 1][-1:]
        if dropped is not None:
            dropped.drop()
        for each in older:
            each.when_over(each.live.let_go)
        return run

    def numbered(self, number: int) -> ChainRun:
        """The run of that number, as ``%runs`` shows it. Raises KeyError, with the numbers there are."""
        for run in self:
            if run.number == number:
                return run
        kept = [run.number for run in self]
        there = f"there are {kept[0]} to {kept[-1]}" if kept else "there are none yet"
        raise KeyError(f"no run {number}: {there} (the last {self._runs.maxlen} are kept)")

    def of(self, name: str) -> list[ChainRun]:
        """The runs of the chain called *name*, oldest first."""
        return [run for run in self if run.name == name]

    def clear(self) -> None:
        """Forget them; runs that are not over go on. Numbers go on too."""
        with self._lock:
            dropped = list(self._runs)
            self._runs.clear()
        for run in dropped:
            run.drop()

    @overload
    def __getitem__(self, index: int) -> ChainRun: ...
    @overload
    def __getitem__(self, index: slice) -> list[ChainRun]: ...
    def __getitem__(self, index: int | slice) -> ChainRun | list[ChainRun]:
        with self._lock:
            found = list(self._runs)
        if isinstance(index, slice):
            return found[index]
        if not found:
            raise IndexError("there are no runs yet: run a chain with %%chain")
        return found[index]

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[ChainRun]:
        return iter(self[:])

    def __repr__(self) -> str:
        return text_table(run_rows(self)) if len(self) else "no runs yet"

    def _repr_html_(self) -> str:
        if not len(self):
            return "<p>no runs yet</p>"
        head, *lines = run_rows(self)
        body = "".join(_html_row("td", line) for line in lines)
        return f"<table><thead>{_html_row('th', head)}</thead><tbody>{body}</tbody></table>"


def _html_row(tag: str, cells: list[str]) -> str:
    texts = "".join(f'<{tag} style="text-align:left">{html.escape(cell)}</{tag}>' for cell in cells)
    return f"<tr>{texts}</tr>"


@dataclass
class NamedChain:
    """A chain that a magic made or ran under a name. ``last``: its last job, None if it did not run yet;
    ``python``: code that makes it."""

    name: str
    chain: Runnable[Any, Any]
    python: str = ""
    last: Job | None = None


@dataclass
class DisplaySettings:
    """``auto``: whether ``%%chain`` shows a view without being asked; ``view``: which pane first."""

    auto: bool = True
    view: Pane = "all"


runs = Runs()
named_chains: dict[str, NamedChain] = {}
settings = DisplaySettings()
