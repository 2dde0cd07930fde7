"""What the views in a terminal draw with: characters in one encoding or another, and styles."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ASCII", "STATUS_STYLES", "UNICODE", "Glyphs", "glyphs"]

STATUS_STYLES = {
    "waiting": "yellow",
    "streaming": "cyan",
    "done": "green",
    "failed": "bold red",
    "cancelled": "magenta",
}
_SPIN_PER_S = 8


class Glyphs(NamedTuple):
    """What is drawn, in one encoding or another."""

    spinner: str
    streaming: str
    done: str
    failed: str
    cancelled: str
    branch: str
    last: str
    trunk: str
    wait: str
    work: str
    blip: str
    first: str
    ellipsis: str
    dot: str
    lane: str

    def status(self, status: str, now: float) -> str:
        if status == "waiting":
            return self.spinner[int(now * _SPIN_PER_S) % len(self.spinner)]
        return str(getattr(self, status))


UNICODE = Glyphs("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "▸", "✓", "✗", "■", "├ ", "└ ", "│ ", "─", "━", "╸", "◆", "…", " · ", "■")
ASCII = Glyphs("|/-\\", ">", "+", "x", "#", "|- ", "`- ", "|  ", "-", "=", "=", "*", "~", ", ", "#")


def glyphs(encoding: str) -> Glyphs:
    """Those the encoding can write."""
    try:
        "".join(UNICODE).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE
