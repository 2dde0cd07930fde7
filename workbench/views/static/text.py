"""The static twin as plain text, for a terminal, a diff and a screen without HTML."""

from __future__ import annotations

from ...text.visible import visible
from ..document import Document, rows_of, status_of
from ..values import Block, blocks, input_line
from ..words import GLYPHS, cost_words, duration_words, label, summary, token_words
from .bounds import MAX_OUTPUT_TEXT, MAX_OUTPUTS, MAX_ROWS, Room, left_out_words, listed, stopped_words

__all__ = ["plain_text"]


def plain_text(document: Document) -> str:
    """The final output, then the steps as an indented list."""
    lines: list[str] = []
    rows = rows_of(document)
    roots = [row for row in rows if row.around is None]
    room = Room(MAX_OUTPUT_TEXT)
    for row in roots[:MAX_OUTPUTS]:
        run = row.run
        lines += [f"[{row.number}] {input_line(run['input'])}"] if row.number else []
        lines.append(room.cut(_text_of_blocks(blocks(run))))
        if run["status"] == "cancelled":
            lines.append(stopped_words(run))
        elif run["error"]:
            lines.append(f"{run['error']['type']}: {visible(run['error']['message'])}")
    lines += [left_out_words(len(roots) - MAX_OUTPUTS, "outputs"), "", summary(status_of(document), rows)]
    for row in listed(rows):
        tokens = token_words(row)
        facts = [duration_words(row), tokens and f"{tokens} tokens", cost_words(row)]
        known = ", ".join(fact for fact in facts if fact)
        lines.append(f"{'  ' * row.level}{GLYPHS[row.status]} {label(row)}{f' ({known})' if known else ''}")
    lines.append(left_out_words(len(rows) - MAX_ROWS, "steps"))
    return "\n".join(lines).strip("\n").replace("\n\n\n", "\n\n")


def _text_of_blocks(parts: list[Block]) -> str:
    return "\n\n".join(f"{part.label}:\n{part.text}" if part.label else part.text for part in parts)
