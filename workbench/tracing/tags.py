"""The tags of a run that name its place in the run around it: a step of a sequence, or a branch of a parallel
step.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["BRANCH", "PLACES", "STEP", "branch_key", "branches_in", "step_number"]

STEP = "seq:step:"
"""Before the number of a step, from 1."""
BRANCH = "map:key:"
"""Before the key of a branch."""
PLACES = (STEP, BRANCH)


def step_number(tag: str | None) -> int | None:
    """
    >>> step_number("seq:step:2"), step_number("map:key:joke")
    (2, None)
    """
    return int(tag.removeprefix(STEP)) if tag is not None and tag.startswith(STEP) else None


def branch_key(tag: str | None) -> str | None:
    """
    >>> branch_key("map:key:joke"), branch_key("seq:step:2")
    ('joke', None)
    """
    return tag.removeprefix(BRANCH) if tag is not None and tag.startswith(BRANCH) else None


def branches_in(tags: Iterable[str]) -> list[str]:
    """The keys of the branches that a run is: more than one where it is a branch inside a branch.

    >>> branches_in(["seq:step:1", "map:key:joke", "mine"])
    ['joke']
    """
    return [tag[len(BRANCH) :] for tag in map(str, tags) if tag.startswith(BRANCH)]
