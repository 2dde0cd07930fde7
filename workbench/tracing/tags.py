"""The tags by which a run says where it stands in the run around it: a step of a sequence, a branch of a
parallel step, a condition of a ``RunnableBranch``.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["BRANCH", "CONDITION", "STEP", "branches_in", "place_in"]

STEP = "seq:step:"
"""Before the number of a step, from 1."""
BRANCH = "map:key:"
"""Before the key of a branch."""
CONDITION = "condition:"
"""Before the number of a condition, from 1."""


def branches_in(tags: Iterable[str]) -> list[str]:
    """The keys of the branches that a run is; more than one where parallel steps stand in each other.

    >>> branches_in(["seq:step:1", "map:key:joke", "mine"])
    ['joke']
    """
    return [tag[len(BRANCH) :] for tag in map(str, tags) if tag.startswith(BRANCH)]


def place_in(tags: Iterable[str]) -> str | None:
    """The first tag that is a step of a sequence or a branch.

    >>> place_in(["mine", "seq:step:2"])
    'seq:step:2'
    """
    return next((tag for tag in tags if tag.startswith((STEP, BRANCH))), None)
