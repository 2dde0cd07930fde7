"""Print the table: ours, the peer's, the ratio and the one to reach. Exit code 1 if a target is missed."""

from __future__ import annotations

import argparse
import statistics
import sys

from .cases import Case, all_cases


def measure(case: Case) -> tuple[float, float]:
    """Medians of both sides, measured in turn so that drift of the machine hits both; one warm-up."""
    ours, peer = [], []
    for number in range(case.repeats + 1):
        mine, theirs = case.ours(), case.peer()
        if number:
            ours.append(mine)
            peer.append(theirs)
    return statistics.median(ours), statistics.median(peer)


def shown(value: float, unit: str) -> str:
    if not unit.startswith("s"):
        return f"{value:.1f} {unit}"
    micro = value * 1e6
    return f"{micro:.1f} µs" if micro < 10_000 else f"{value * 1e3:.0f} ms"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("only", nargs="*", help="run only cases whose name contains one of these words")
    arguments = parser.parse_args()
    cases = [c for c in all_cases() if not arguments.only or any(word in c.name for word in arguments.only)]
    if not cases:
        parser.error(f"no case is called that; there are: {', '.join(c.name for c in all_cases())}")
    width = max(len(case.name) for case in cases)
    print(f"{'case':{width}}  {'ours':>12}  {'langchain-core':>14}  {'ratio':>8}  {'to reach':>8}")
    missed = 0
    for case in cases:
        ours, peer = measure(case)
        ratio = ours / peer
        ok = ratio <= case.target
        missed += not ok
        goal = f"1/{1 / case.target:.0f}"
        print(
            f"{case.name:{width}}  {shown(ours, case.unit):>12}  {shown(peer, case.unit):>14}  "
            f"{f'1/{1 / ratio:.1f}':>8}  {goal:>8}{'' if ok else '  MISSED'}",
            flush=True,
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
