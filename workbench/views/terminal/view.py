"""The live view in a terminal: output as it arrives, the tree of runs under it.

``TerminalView(live)`` shows a ``LiveState``::

    live = LiveState()
    with TerminalView(live, title="joke"):
        chain.invoke("bears", {"callbacks": [live]})

While the runs work, the view redraws itself at most ``REDRAWS_PER_S`` times a second from a thread of its
own and shows the end of what is written; at the end it prints everything once, and that stays. Where the
output goes to a file or a pipe nothing is redrawn: the first text is printed as it arrives, the others
whole, in order, and the tree at the end.

``view`` chooses what is shown: "stream" the output, "tree" or "time" the tree (it has the time axis), "all"
both. What models and users wrote is cleaned of everything a terminal would obey.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ...live.state import LiveState
from ..document import StepRow, rows_of, status_of
from .glyphs import glyphs
from .header import failures, header
from .output import Outputs, Section
from .printer import Printer
from .text import cropped
from .tree import RunTree

__all__ = ["REDRAWS_PER_S", "TerminalView"]

REDRAWS_PER_S = 12
_COLUMN = 36
"""Cells that a branch needs to stand beside another."""


class TerminalView:
    """See the module. *title* stands in its first line; *console* is a rich Console, by default one on
    standard output. ``show`` starts it, ``finish`` prints the final state and gives the terminal back;
    both may be called twice."""

    def __init__(
        self, live: LiveState, *, title: str = "", console: Console | None = None, view: str = "all"
    ) -> None:
        self.live = live
        self.title = title
        self._shows_text = view in ("stream", "all")
        self._shows_tree = view != "stream"
        self.console = console if console is not None else _console()
        self._encoding = self.console.encoding or "ascii"
        self._redraws = (
            self.console.is_terminal and not self.console.is_dumb_terminal and _is_tty(self.console)
        )
        # Models inside a silent chain are shown only where that can be taken back.
        self._outputs = Outputs(encoding=self._encoding, inner=self._redraws, whole=not self._redraws)
        self._printer = Printer(self.console, self._outputs)
        self._screen: Live | None = None
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._finished = False

    def show(self) -> None:
        """Start to follow the runs."""
        if self._thread is not None or self._finished:
            return
        if self._redraws:
            self._screen = Live(
                console=self.console, auto_refresh=False, transient=True, vertical_overflow="crop"
            )
            self._screen.start()
        # A script that ends without finish() must not leave a terminal without a cursor.
        atexit.register(self._release)
        self._thread = threading.Thread(target=self._follow, name="workbench-terminal", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Stop following; print the final state."""
        if self._finished:
            return
        self._release()
        self._finished = True  # not before: an interrupt in between is followed by another call
        document = self.live.snapshot()["state"]
        if self._shows_text and not self._redraws:
            self._outputs.read(document)
            self._printer.print_rest()
        rows = rows_of(document)
        for line in self._header(rows, status_of(document), self.console.width, self._now()):
            self.console.print(line)
        if self._shows_text and self._redraws:
            self._print_outputs(document)
        self._print_tree(rows)

    def __enter__(self) -> Self:
        self.show()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def _release(self) -> None:
        """Stop the thread and give the terminal back, with its cursor, whatever interrupts this."""
        self._over.set()
        screen, self._screen = self._screen, None
        try:
            if self._thread is not None and self._thread.ident is not None:  # it was started
                self._thread.join(timeout=2)
        finally:
            if screen is not None:
                try:
                    screen.update(Text(), refresh=False)
                    screen.stop()
                finally:
                    self.console.show_cursor(True)
            atexit.unregister(self._release)

    def _follow(self) -> None:
        cost_s = 0.0
        # A slow terminal is redrawn less often, so that the view never takes more than a third of a core.
        while not self._over.wait(max(1 / REDRAWS_PER_S, 2 * cost_s)):
            started = time.perf_counter()
            screen = self._screen
            if screen is not None:
                screen.update(self._frame(), refresh=True)
            elif not self._redraws and self._shows_text:
                self.live.read(self._outputs.read)
                self._printer.print_ready()
            cost_s = time.perf_counter() - started

    def _now(self) -> float:
        """In seconds, on the clock of the document's times."""
        return self.live.now_ms() / 1000

    def _frame(self) -> Group:
        """What is on the screen now, never higher than it."""
        rows, status = self.live.read(self._read)
        now = self._now()
        width, height = self.console.size
        room = max(3, height - 2)
        head = list(self._header(rows, status, width, now))
        sections = self._outputs.sections if self._shows_text else []
        limit = max(3, (room - len(head)) // 2 if sections else room - len(head) - 1)
        tree = list(RunTree(rows, limit=limit, now=now).lines(width, self._encoding))
        tree = tree if self._shows_tree else []
        room -= len(head) + len(tree) + 2 * bool(tree)
        body = list(self._body(sections, rows, width, room)) if room > 0 else []
        lines = [*head, *([Text(), *body] if body else []), *([Text(), *tree] if tree else [])]
        # The cursor waits on an empty line: a "^C" that the terminal echoes must not wrap and shift the rest.
        return Group(*lines[: max(3, height - 2)], Text())

    def _read(self, document: dict[str, Any]) -> tuple[list[StepRow], str]:
        self._outputs.read(document)
        return rows_of(document), document["status"]

    def _body(self, sections: list[Section], rows: list[StepRow], width: int, room: int) -> Iterator[Text]:
        roots = sum(row.level == 0 for row in rows)
        if not sections:
            return
        if len(sections) == 1 and roots == 1 and not sections[0].label:
            for line in sections[0].lines(width, room):
                yield Text(line, no_wrap=True)
        elif roots == 1 and 1 < len(sections) <= width // _COLUMN:
            yield from self._side_by_side(sections, width, room)
        else:
            yield from self._stacked(sections, roots > 1, width, room)

    def _side_by_side(self, sections: list[Section], width: int, room: int) -> Iterator[Text]:
        gap = 3
        each = (width - gap * (len(sections) - 1)) // len(sections)
        columns = [section.lines(each, room - 1) for section in sections]
        yield _row([self._label(section, False, each) for section in sections], each, gap, "bold")
        for number in range(max(map(len, columns))):
            yield _row([column[number] if number < len(column) else "" for column in columns], each, gap, "")

    def _stacked(self, sections: list[Section], many: bool, width: int, room: int) -> Iterator[Text]:
        """The lines are shared among the sections. Where there are few, each gets one line; where there are
        fewer than sections, unfinished ones come first."""
        each = room // len(sections)
        if each >= 3:
            for number, section in enumerate(sections):
                if number:
                    yield Text()
                yield Text(self._label(section, many, width), "bold", no_wrap=True)
                for line in section.lines(width - 2, each - 2):
                    yield Text("  " + line, no_wrap=True)
            return
        hidden = 0
        if len(sections) > room:
            over = self._outputs.finished_roots
            order = sorted(
                range(len(sections)),
                key=lambda index: (1, -index) if sections[index].root in over else (0, index),
            )
            sections = [sections[index] for index in sorted(order[: max(1, room - 1)])]
            hidden = len(order) - len(sections)
        label_width = min(
            max(8, width // 3), max(len(self._label(section, many, width)) for section in sections)
        )
        for section in sections:
            label = self._label(section, many, label_width)
            text = Text(no_wrap=True)
            text.append(label + " " * (label_width - Text(label).cell_len) + "  ", "bold")
            text.append((section.lines(width - label_width - 2, 1) or [""])[-1])
            yield text
        if hidden:
            yield Text(f"{glyphs(self._encoding).ellipsis} {hidden} more", "dim")

    def _label(self, section: Section, many: bool, width: int) -> str:
        return cropped(self._outputs.heading(section, many), width, glyphs(self._encoding).ellipsis)

    def _header(self, rows: list[StepRow], status: str, width: int, now: float) -> Iterator[Text]:
        return header(rows, status=status, title=self.title, now=now, width=width, encoding=self._encoding)

    def _print_outputs(self, document: dict[str, Any]) -> None:
        outputs = Outputs(encoding=self._encoding, whole=True)
        outputs.read(document)
        for section in outputs.sections:
            self.console.print()
            if heading := outputs.heading(section, outputs.roots > 1):
                self.console.print(Text(heading, "bold"))
            self.console.print(Text(section.text.rstrip("\n")))

    def _print_tree(self, rows: list[StepRow]) -> None:
        if rows and self._shows_tree:
            self.console.print()
            self.console.print(RunTree(rows))
        for text in failures(rows, self._encoding):
            self.console.print()
            self.console.print(text)


def _row(cells: list[str], width: int, gap: int, style: str) -> Text:
    line = Text(no_wrap=True)
    for number, cell in enumerate(cells):
        if number:
            line.append(" " * gap)
        line.append(cell, style)
        line.append(" " * max(0, width - Text(cell).cell_len))
    line.rstrip()
    return line


def _console() -> Console:
    # In a kernel rich would draw into a widget of its own; there, widgets are this package's.
    return Console(file=sys.stdout, force_jupyter=False, markup=False, emoji=False, highlight=False)


def _is_tty(console: Console) -> bool:
    """Whether it really is a terminal: with FORCE_COLOR, rich takes the log of a CI for one."""
    try:
        return bool(console.file.isatty())
    except (AttributeError, ValueError):
        return False
