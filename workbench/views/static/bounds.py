"""What the static twin in HTML and the one in plain text have in common: how much of a run they show."""

from __future__ import annotations

from ...text.visible import visible
from ..document import Run, StepRow
from ..words import GLYPHS

MAX_SHOWN = 20_000
"""Characters of one input or output of a step."""
MAX_OUTPUTS = 50
"""Items of a batch whose outputs are shown, ..."""
MAX_OUTPUT_TEXT = 400_000
"""... and the characters of all final outputs together."""
MAX_ROWS = 500
MAX_DETAILS = 200
MAX_DETAIL_TEXT = 400_000
"""Characters of all inputs and outputs of steps together."""


class Room:
    """How many characters are left for texts of one kind."""

    def __init__(self, characters: int) -> None:
        self._left = characters

    def cut(self, text: str, most: int | None = None) -> str:
        room = max(self._left if most is None else min(self._left, most), 0)
        if len(text) > room:
            text = f"{text[:room]}… ({len(text) - room:,} more characters)"
        self._left -= len(text)
        return text


def listed(rows: list[StepRow]) -> list[StepRow]:
    """The steps to list: the first, and after them those that failed."""
    failed = (row for row in rows[MAX_ROWS:] if row.status == "failed")
    return rows[:MAX_ROWS] + [row for row, _ in zip(failed, range(50), strict=False)]


def left_out_words(count: int, what: str) -> str:
    return f"… {count:,} more {what} are not shown here" if count > 0 else ""


def stopped_words(run: Run) -> str:
    """That a run was stopped. The name of the exception adds nothing; its message may, for example where a
    log ended too early."""
    why = visible(run["error"]["message"]) if run["error"] else ""
    return f"{GLYPHS['cancelled']} stopped here{f': {why}' if why else ''}"
