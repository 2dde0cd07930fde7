"""The panes of a view: which part of a run it shows first."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["CHOICES", "PANES", "Pane", "PaneOrNone", "check_pane"]

Pane = Literal["stream", "tree", "time", "all"]
"""The output, the steps, the time axis, or all of them."""
PaneOrNone = Literal["stream", "tree", "time", "all", "none"]
"""A pane, or no view at all."""
PANES: tuple[Pane, ...] = get_args(Pane)
CHOICES: tuple[PaneOrNone, ...] = get_args(PaneOrNone)


def check_pane(view: str) -> None:
    """Raises ValueError where *view* is no pane."""
    if view not in PANES:
        raise ValueError(f"view: expected one of {', '.join(PANES)}, got {view!r}")
