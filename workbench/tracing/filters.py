"""Which runs get into a log or an event stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..engine.runs import Run

__all__ = ["EventFilter", "Filter", "log_type"]


@dataclass(frozen=True)
class Filter:
    """Runs that match any include (all, if none is given) and no exclude. Chat models are ``llm`` too."""

    include_names: Sequence[str] | None = None
    include_types: Sequence[str] | None = None
    include_tags: Sequence[str] | None = None
    exclude_names: Sequence[str] | None = None
    exclude_types: Sequence[str] | None = None
    exclude_tags: Sequence[str] | None = None

    def __call__(self, run: Run) -> bool:
        return self.wants(run.name, (run.type, log_type(run)), run.tags)

    def wants(self, name: str, types: Sequence[str], tags: Sequence[str]) -> bool:
        """Whether a run (or custom event) of that name, these types and tags is one of them."""
        includes = (self.include_names, self.include_types, self.include_tags)
        wanted = all(given is None for given in includes) or _matches(name, types, tags, *includes)
        return wanted and not _matches(
            name, types, tags, self.exclude_names, self.exclude_types, self.exclude_tags
        )


@dataclass(frozen=True)
class EventFilter(Filter):
    """As for the log, but chat models match as ``chat_model`` only, and a custom event by its own name."""

    def __call__(self, run: Run) -> bool:
        return self.wants(run.name, (run.type,), run.tags)


def log_type(run: Run) -> str:
    """A run's type as the log names it: chat models count as ``llm``."""
    return "llm" if run.type == "chat_model" else run.type


def _matches(
    name: str,
    own_types: Sequence[str],
    own_tags: Sequence[str],
    names: Sequence[str] | None,
    types: Sequence[str] | None,
    tags: Sequence[str] | None,
) -> bool:
    return bool(
        (names is not None and name in names)
        or (types is not None and any(type in types for type in own_types))
        or (tags is not None and any(tag in tags for tag in own_tags))
    )
