"""Draw the rooms of the package and what each imports: writes ``docs/architecture.svg``.

A room is a folder of ``workbench/`` (or a module beside them); it stands one floor above the highest room it
imports from. Every import counts, also those in functions and for type checking. An arrow is left out where
others lead to the same room. ``--check`` writes nothing: it fails if the picture has other rooms or arrows
(the numbers of lines may differ).
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from html import escape
from pathlib import Path

PICTURE = Path(__file__).with_suffix(".svg")
PACKAGE = PICTURE.parents[1] / "workbench"
ABOUT = {
    "cli": "workbench demo, lab, serve, ...",
    "engine": "how a call runs: two drivers",
    "errors": "the tree of exceptions",
    "http": "event streams, connections",
    "live": "the document of running chains",
    "messages": "what models read and write",
    "models": "chat models and embeddings",
    "notebook": "%%chain, sessions, widgets",
    "parsers": "from text to values",
    "patch": "JSON Patch (RFC 6902)",
    "prompts": "templates of messages",
    "retrieval": "documents and vector stores",
    "runnables": "what people compose",
    "serve": "chains over HTTP, both sides",
    "text": "partial JSON, units",
    "timing": "where time went; comparisons",
    "tools": "functions that models call",
    "tracing": "the log, events, callbacks",
    "views": "what shows a run anywhere",
}
WIDTH, BOX_W, BOX_H, GAP, FLOOR_H = 1000, 204, 52, 14, 96
STYLE = """
  svg { font-family: system-ui, sans-serif; }
  .paper { fill: #fdfdfc; } .floor { fill: #f1f3f5; } .room { fill: #ffffff; stroke: #8a94a0; }
  .name { font-size: 14px; font-weight: 600; fill: #1b1f24; } .more { font-size: 11px; fill: #4a535e; }
  .arrow { fill: none; stroke: #3b6fb5; stroke-opacity: .65; stroke-width: 1.3; } .head { fill: #3b6fb5; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #14171b; } .floor { fill: #1e2328; } .room { fill: #2a3038; stroke: #6b7683; }
    .name { fill: #f0f3f6; } .more { fill: #b8c1cb; } .arrow { stroke: #7fb0ee; } .head { fill: #7fb0ee; }
  }
"""


def rooms() -> dict[str, list[Path]]:
    """The modules of each room; the package's own face is none."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if not room.startswith("__"):
            found[room].append(path)
    return found


def imported(path: Path) -> Iterator[str]:
    """The rooms that a module imports from."""
    package = path.relative_to(PACKAGE.parent).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = [*above, *(node.module or "").split(".")]
            names = [[*filter(None, base), alias.name] for alias in node.names]
        else:
            continue
        yield from (name[1] for name in names if name[0] == PACKAGE.name and len(name) > 1)


def floors(imports: dict[str, set[str]]) -> list[list[str]]:
    """The rooms from the ground up: each stands on the highest of those it imports from."""
    left, built = dict(imports), []
    while left:
        floor = sorted(room for room, below in left.items() if not below & left.keys())
        if not floor:
            raise SystemExit(f"these rooms import each other in a circle: {', '.join(sorted(left))}")
        built.append(floor)
        for room in floor:
            del left[room]
    return built


def arrows(imports: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The imports that no way through other rooms stands for."""

    def reached(room: str) -> set[str]:
        return imports[room].union(*map(reached, imports[room]))

    return [
        (room, below)
        for room in sorted(imports)
        for below in sorted(imports[room])
        if not any(below in reached(other) for other in imports[room] - {below})
    ]


def draw() -> str:
    modules = rooms()
    imports = {
        room: {name for path in paths for name in imported(path)} & modules.keys() - {room}
        for room, paths in modules.items()
    }
    built = floors(imports)
    height = len(built) * FLOOR_H + GAP
    at: dict[str, tuple[float, float]] = {}
    shown = []
    for number, floor in enumerate(reversed(built)):
        top = GAP + number * FLOOR_H
        shown.append(
            f'<rect class="floor" x="{GAP}" y="{top}" width="{WIDTH - 2 * GAP}" height="{BOX_H + 20}"/>'
        )
        step = (WIDTH - 2 * GAP) / len(floor)
        for place, room in enumerate(_ordered(floor, at, imports)):
            at[room] = (GAP + step * (place + 0.5), top + 10)
    for room, below in arrows(imports):
        (x, y), (to_x, to_y) = at[room], at[below]
        y += BOX_H
        # Leave and arrive spread over the box, so that lines do not run into each other.
        x += (to_x - x) * 0.12
        to_x += (x - to_x) * 0.12
        x, to_x = (_within(x, at[room][0]), _within(to_x, at[below][0]))
        bend = (to_y - y) / 2
        shown.append(
            f'<path class="arrow" marker-end="url(#head)" d="M{x:.0f} {y:.0f} '
            f'C{x:.0f} {y + bend:.0f} {to_x:.0f} {to_y - bend:.0f} {to_x:.0f} {to_y - 5:.0f}">'
            f"<title>{room} imports from {below}</title></path>"
        )
    for room, (x, y) in at.items():
        size = sum(path.read_text(encoding="utf-8").count("\n") for path in modules[room])
        left, right = x - BOX_W / 2, x + BOX_W / 2
        shown += [
            f'<rect class="room" x="{left:.0f}" y="{y:.0f}" width="{BOX_W}" height="{BOX_H}" rx="5"/>',
            f'<text class="name" x="{left + 9:.0f}" y="{y + 20:.0f}">{room}</text>',
            f'<text class="more" x="{right - 9:.0f}" y="{y + 20:.0f}" text-anchor="end">{size} lines</text>',
            f'<text class="more" x="{left + 9:.0f}" y="{y + 39:.0f}">{escape(ABOUT[room])}</text>',
        ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
            ' aria-label="The rooms of the package, from the highest floor to the ground">',
            f"<style>{STYLE}</style>",
            '<defs><marker id="head" class="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7"'
            ' markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>',
            f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
            *shown,
            "</svg>\n",
        ]
    )


def _ordered(floor: list[str], at: dict[str, tuple[float, float]], imports: dict[str, set[str]]) -> list[str]:
    """Rooms of a floor from left to right, each below those that import from it."""

    def middle(room: str) -> float:
        above = [x for other, (x, _) in at.items() if room in imports[other]]
        return sum(above) / len(above) if above else WIDTH / 2

    return sorted(floor, key=middle)


def _within(x: float, middle: float) -> float:
    return min(max(x, middle - BOX_W / 2 + 12), middle + BOX_W / 2 - 12)


def main() -> int:
    picture = draw()
    if "--check" not in sys.argv:
        PICTURE.write_text(picture, encoding="utf-8")
        return 0
    old, new = (re.sub(r"[\d,]+ lines", "", text) for text in (PICTURE.read_text(encoding="utf-8"), picture))
    if old != new:
        print("docs/architecture.svg is not current: python docs/architecture.py")
    return old != new


if __name__ == "__main__":
    sys.exit(main())
