"""The colours of pictures of times: legible on light and on dark paper. lanes.js has the same."""

from __future__ import annotations

__all__ = ["BAD", "COLOURS", "OTHER", "PALE", "TABLE_BAR"]

COLOURS = ("#7c5cff", "#12978a", "#c98a1b", "#2f80d0", "#c2418c", "#5d9c3a", "#b5563f", "#6b7d92")
"""Of steps, cases and series, by their number."""
OTHER = "#8a97a6"
"""Of steps beyond those."""
BAD = "#c62828"
"""Of calls that failed."""
PALE = "#b9a8ff"
"""Beside the first colour: a range, or what could be."""
TABLE_BAR = "#4c8dd6"
