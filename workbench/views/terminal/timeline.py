"""The timeline of a comparison in a terminal: how far it is, an estimate, the figures of each case so far.

It is drawn on standard error and removed at the end: what stays is the comparison's own table. Where
standard error is no terminal, one line per run is printed instead.
"""

from __future__ import annotations

import statistics
import sys
import threading
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ...text.units import duration
from ...timing.timeline.timeline import Timeline
from .glyphs import glyphs
from .text import cropped

__all__ = ["TerminalTimeline"]

REDRAWS_PER_S = 10
MOST_CASES = 12
MOST_LANES = 8
_STYLES = ("magenta", "cyan", "yellow", "blue", "red", "green")


class TerminalTimeline:
    """A live view of *timeline* on *console*, by default one on standard error."""

    def __init__(self, timeline: Timeline, *, title: str = "", console: Console | None = None) -> None:
        self._timeline = timeline
        self._title = title
        self._console = console or Console(file=sys.stderr, force_jupyter=False, markup=False)
        self._look = glyphs(self._console.encoding or "ascii")
        self._live: Live | None = None
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._printed = ""

    def show(self) -> None:
        """Start to draw."""
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._thread = threading.Thread(target=self._follow, name="workbench-terminal", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Remove it."""
        self._over.set()
        if self._thread is not None and self._thread.ident is not None:  # it was started
            self._thread.join(timeout=2)
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _follow(self) -> None:
        while not self._over.wait(1 / REDRAWS_PER_S):
            document = self._timeline.snapshot()
            if self._live is not None:
                self._live.update(self.drawn(document), refresh=True)
            else:
                self._print_progress(document)

    def _print_progress(self, document: dict[str, Any]) -> None:
        line = _progress_line(document["progress"])
        doing = document["progress"].get("doing", "")
        if doing and doing != self._printed:
            self._printed = doing
            self._console.print(line, soft_wrap=True)

    def drawn(self, document: dict[str, Any]) -> Group:
        """The document as rich draws it."""
        progress, width = document["progress"], self._console.width
        line = " ".join(filter(None, [self._title, _progress_line(progress)]))
        head = Text(cropped(line, width, self._look.ellipsis))
        bar = ProgressBar(
            total=max(progress.get("total", 1), 1), completed=progress.get("done", 0), width=min(width, 60)
        )
        return Group(head, bar, Text(), *self._lanes(document, width), self._cases(document))

    def _cases(self, document: dict[str, Any]) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        cases = document["cases"]
        begin = min(max((document["now"] or 0) - MOST_CASES + 3, 0), max(len(cases) - MOST_CASES, 0))
        for number, case in list(enumerate(cases))[begin : begin + MOST_CASES]:
            samples = case["samples"]
            table.add_row(
                Text(case["label"], "bold" if number == document["now"] else ""),
                Text(duration(statistics.median(samples)) if samples else "-"),
                Text(f"{len(samples)} times" if samples else "", "dim"),
            )
        return table

    def _lanes(self, document: dict[str, Any], width: int) -> list[Text]:
        """The calls of the case that runs, one line per lane."""
        picture = document["pictures"].get(str(document["now"]))
        if picture is None or not picture["bars"]:
            return []
        full = self._look.lane
        room = min(width, 80) - 4
        scale = room / max(picture["at"], 1.0)
        lines = []
        for lane in range(min(picture["lanes"], MOST_LANES)):
            cells = [(" ", "")] * room
            for bar in picture["bars"]:
                if bar[0] == lane:
                    end = picture["at"] if bar[5] is None else bar[5]
                    first = int(bar[3] * scale)
                    for cell in range(first, min(max(int(end * scale), first + 1), room)):
                        cells[cell] = (full, _STYLES[bar[2] % len(_STYLES)])
            line = Text(f"{lane + 1:>2}  ", no_wrap=True)
            for character, style in cells:
                line.append(character, style)
            lines.append(line)
        return lines


def _progress_line(progress: dict[str, Any]) -> str:
    if not progress:
        return ""
    left = progress["left_s"]
    line = f"{progress['done']} of {progress['total']}: {progress['doing']}"
    return line if left is None else f"{line} (about {duration(left)} left)"
