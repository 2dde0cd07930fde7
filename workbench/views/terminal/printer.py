"""Printing the output of runs to a file or a pipe, where nothing can be redrawn."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from .output import Outputs, Section

__all__ = ["Printer"]


class Printer:
    """Prints sections one after another, the one it is at as its text arrives."""

    def __init__(self, console: Console, outputs: Outputs) -> None:
        self._console = console
        self._outputs = outputs
        self._at: Section | None = None
        self._printed: set[int] = set()
        self._line_is_open = False
        self._all_over = False

    def print_ready(self) -> None:
        """Print what can be printed without mixing sections."""
        while (section := self._next()) is not None:
            is_over = self._all_over or section.root in self._outputs.finished_roots
            if is_over or not section.replaced:
                self._print(section)
            if not is_over:
                return
            self._printed.add(id(section))

    def _next(self) -> Section | None:
        """The section begun, else the first that was not printed, once all roots before it are over."""
        if self._at is not None and id(self._at) not in self._printed:
            return self._at
        over = self._outputs.finished_roots
        for section in self._outputs.sections:
            if id(section) not in self._printed:
                return section if over.issuperset(range(section.root)) or self._all_over else None
        return None

    def print_rest(self) -> None:
        self._all_over = True
        self.print_ready()
        if self._at is not None:
            self._end_line()
            self._console.out()

    def _print(self, section: Section) -> None:
        text = section.take()
        if not text:
            return
        if section is not self._at:
            if self._at is not None:
                self._end_line()
                self._console.out()
            self._at = section
            many = self._outputs.roots > 1
            if heading := self._outputs.heading(section, many):
                self._console.print(Text(heading, "bold"), soft_wrap=True)
        self._console.out(text, end="", highlight=False)
        self._console.file.flush()
        self._line_is_open = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._line_is_open:
            self._console.out()
            self._line_is_open = False
