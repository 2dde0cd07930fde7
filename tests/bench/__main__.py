"""Print the table: ours, the peer's, and what to reach. Exit code 1 if a target is missed."""

from __future__ import annotations

import argparse
import gc
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import batches, http_streams, imports, live_view, logs, steps, timelines, tokens
from .case import Case, Result, measure
from .sides import Ours, Peer


def all_cases() -> list[Case]:
    """Every case, in the order of the table."""
    sides = (Ours(), Peer())
    gc.collect()
    gc.freeze()  # or a full collection in mid-measurement walks through all that the peer has imported
    topics = (steps, tokens, http_streams, logs, batches, timelines)
    return imports.cases() + [case for topic in topics for case in topic.cases(sides)] + live_view.cases()


@dataclass(frozen=True)
class Table:
    """Rows as they come, under fixed columns; ``width`` is that of the names."""

    width: int

    def heading(self) -> str:
        columns = self._row("case", "ours", "peer", "ratio", "at most", "ours to reach")
        return f"the peer is langchain-core, or the client that a case names after a slash\n\n{columns}"

    def row(self, result: Result) -> str:
        case = result.case
        is_ratio = case.kind == "ratio"
        bound = "≥" if case.kind == "efficiency" else "≤"
        shown = self._row(
            case.name,
            _shown(result.ours, case.unit),
            _shown(result.peer, case.unit),
            _as_fraction(result.ratio) if is_ratio else "",
            _as_fraction(case.target) if is_ratio else "",
            "" if is_ratio else f"{bound} {case.target:.2f}",
        )
        return shown.rstrip() if result.reached else f"{shown}  MISSED"

    def _row(self, name: str, *columns: str) -> str:
        widths = (12, 14, 8, 8, 13)
        return "  ".join(
            [f"{name:{self.width}}", *(f"{c:>{w}}" for c, w in zip(columns, widths, strict=True))]
        )


def _shown(value: float, unit: str) -> str:
    if math.isnan(value):
        return "-"
    if not unit.startswith("s"):
        return f"{value:.2f}" if not unit else f"{value:.1f} {unit}"
    micro = value * 1e6
    return f"{micro:.1f} µs" if micro < 10_000 else f"{value * 1e3:.0f} ms"


def _as_fraction(ratio: float) -> str:
    return f"1/{1 / ratio:.1f}" if ratio < 1 else f"{ratio:.2f}"


def _as_json(result: Result) -> dict[str, Any]:
    case = result.case
    peer = None if math.isnan(result.peer) else result.peer
    return {
        "case": case.name,
        "kind": case.kind,
        "unit": case.unit,
        "ours": result.ours,
        "peer": peer,
        "target": case.target,
        "reached": result.reached,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("only", nargs="*", help="run only cases whose name contains one of these words")
    parser.add_argument("--quick", action="store_true", help="fewer repeats: under a minute in all")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the results there too")
    arguments = parser.parse_args()
    known = all_cases()
    cases = [c for c in known if not arguments.only or any(word in c.name for word in arguments.only)]
    if not cases:
        parser.error(f"no case is called that; there are: {'; '.join(case.name for case in known)}")
    table = Table(max(len(case.name) for case in cases))
    print(table.heading())
    results = []
    try:
        for case in cases:
            results.append(measure(case, quick=arguments.quick))
            print(table.row(results[-1]), flush=True)
    finally:
        live_view.close()
    if arguments.json:
        arguments.json.write_text(json.dumps([_as_json(result) for result in results], indent=2) + "\n")
    return 0 if all(result.reached for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
