"""Find a recorded call by its request; where there is none, show the nearest one."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import CassetteError

__all__ = ["Shelf"]

_LINES_SHOWN = 24
_COMPARED = 200
"""Calls that are looked at for the nearest one."""


class Shelf:
    """Calls by their request. Calls with equal requests are taken in turn, then again from the first."""

    def __init__(self, calls: Sequence[dict[str, Any]]) -> None:
        self._calls = calls
        self._places: dict[str, list[int]] = {}
        self._taken: dict[str, int] = {}
        self._lock = threading.Lock()
        for index, call in enumerate(calls):
            self._places.setdefault(_key(call["request"]), []).append(index)

    def take(self, request: Mapping[str, Any], path: Path) -> dict[str, Any]:
        """The call with that request. CassetteError shows the nearest one and the difference."""
        key = _key(request)
        with self._lock:
            places = self._places.get(key)
            if places:
                turn = self._taken[key] = self._taken.get(key, 0) + 1
                return self._calls[places[(turn - 1) % len(places)]]
        raise CassetteError(self._missing(request, path))

    @property
    def unused(self) -> list[dict[str, Any]]:
        """Requests that were not taken."""
        return [
            self._calls[index]["request"]
            for key, places in self._places.items()
            for index in places[self._taken.get(key, 0) :]
        ]

    def _missing(self, request: Mapping[str, Any], path: Path) -> str:
        import difflib

        missing = f"the cassette {path} has no recording of this request"
        again = 'record it again with mode="record"'
        same_kind = [
            call["request"] for call in self._calls if call["request"].get("kind") == request.get("kind")
        ]
        candidates = same_kind or [call["request"] for call in self._calls]
        if not candidates:
            return f"{missing}; it has no calls at all: {again}"
        asked = _lines(request)
        nearest = max(
            (_lines(one) for one in candidates[:_COMPARED]),
            key=lambda lines: difflib.SequenceMatcher(None, "\n".join(lines), "\n".join(asked)).quick_ratio(),
        )
        difference = list(difflib.unified_diff(nearest, asked, "recorded", "asked", n=1, lineterm=""))
        shown = [f"{line[:300]}…" if len(line) > 300 else line for line in difference[:_LINES_SHOWN]]
        if len(difference) > _LINES_SHOWN:
            shown.append(f"({len(difference) - _LINES_SHOWN} more lines)")
        return "\n".join(
            [f"{missing}; {again}. The nearest of its {len(self._calls)} calls differs in:", *shown]
        )


def _key(request: Mapping[str, Any]) -> str:
    return json.dumps(request, sort_keys=True, ensure_ascii=False)


def _lines(request: Mapping[str, Any]) -> list[str]:
    return json.dumps(request, sort_keys=True, ensure_ascii=False, indent=1).split("\n")
