"""Pictures of a graph: text, SVG and Mermaid. No library, no script, no network.

Nodes stand in layers, each one layer below the lowest node that leads to it, in the order in which the
graph has them; an edge over several layers goes through an empty slot in each. For what chains are made
of, steps in a row and branches that fan out and in, no edges cross that way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Protocol
from unicodedata import east_asian_width

from .graph_elements import Edge, Node

__all__ = ["ascii_art", "mermaid", "svg"]

MAX_CELLS = 48
"""Character cells of a name in a picture; the rest is left out."""
_GAP = 3


class Drawable(Protocol):
    """A graph, as far as its picture shows it: nodes by id, and the edges between them."""

    nodes: dict[str, Node]
    edges: list[Edge]


@dataclass(eq=False)
class _Slot:
    """A place in a layer: of a node, or of an edge on its way."""

    order: tuple[int, ...]
    layer: int
    label: str = ""
    node: Node | None = None
    conditional: bool = False
    width: int = 1
    x: int = 0
    """The cell of its centre."""


@dataclass(eq=False)
class _Link:
    """An edge, or its part between two layers."""

    source: _Slot
    target: _Slot
    label: str
    conditional: bool


class _Layout:
    """Where everything stands, in character cells."""

    def __init__(self, graph: Drawable) -> None:
        depth = _depths(graph)
        self.slots = {
            id: _Slot((index,), depth[id], _cut(node.name), node)
            for index, (id, node) in enumerate(graph.nodes.items())
        }
        self.layers: list[list[_Slot]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        for slot in self.slots.values():
            slot.width = _cells(slot.label) + 4 | 1  # odd: a box has a middle
            self.layers[slot.layer].append(slot)
        self.links: list[_Link] = []
        self.backward: list[Edge] = []
        for number, edge in enumerate(graph.edges):
            if depth[edge.source] < depth[edge.target]:
                self._link(edge, number)
            else:
                self.backward.append(edge)  # a chain has none, but a graph can be put together by hand
        for layer in self.layers:
            layer.sort(key=lambda slot: slot.order)
        self._place()
        self.width = max((slot.x + slot.width // 2 + 1 for layer in self.layers for slot in layer), default=0)
        for link in self.links:
            self.width = max(self.width, link.target.x + 2 + _cells(link.label))

    def _link(self, edge: Edge, number: int) -> None:
        source, target = self.slots[edge.source], self.slots[edge.target]
        for layer in range(source.layer + 1, target.layer):
            slot = _Slot((*self.slots[edge.source].order, number), layer, conditional=edge.conditional)
            self.layers[layer].append(slot)
            self.links.append(_Link(source, slot, "", edge.conditional))
            source = slot
        label = _cut(str(edge.data)) if edge.data is not None else ""
        target.width = max(target.width, 2 * _cells(label) + 5)
        self.links.append(_Link(source, target, label, edge.conditional))

    def _place(self) -> None:
        above: dict[_Slot, list[_Slot]] = {}
        below: dict[_Slot, list[_Slot]] = {}
        for link in self.links:
            below.setdefault(link.source, []).append(link.target)
            above.setdefault(link.target, []).append(link.source)
        for layer in self.layers:
            for left, right in pairwise(layer):
                right.x = left.x + _apart(left, right)
        for near, layers in 2 * [(above, self.layers), (below, self.layers[::-1])] + [(above, self.layers)]:
            for layer in layers:
                _settle(layer, [_middle(near.get(slot, ()), slot.x) for slot in layer])
        edge = min((slot.x - slot.width // 2 for layer in self.layers for slot in layer), default=0)
        for layer in self.layers:
            for slot in layer:
                slot.x -= edge


def _depths(graph: Drawable) -> dict[str, int]:
    """The layer of each node: one below the lowest that leads to it. Cycles are cut where they close."""
    targets: dict[str, list[str]] = {id: [] for id in graph.nodes}
    waiting = dict.fromkeys(graph.nodes, 0)
    for edge in graph.edges:
        targets[edge.source].append(edge.target)
        waiting[edge.target] += 1
    depth = dict.fromkeys(graph.nodes, 0)
    left = dict(graph.nodes)
    ready = [id for id in left if not waiting[id]]
    while left:
        if not ready:  # a cycle
            ready = [next(iter(left))]
        id = ready.pop()
        left.pop(id, None)
        for target in targets[id]:
            waiting[target] -= 1
            if target in left:
                depth[target] = max(depth[target], depth[id] + 1)
                if not waiting[target]:
                    ready.append(target)
    return depth


def _settle(layer: list[_Slot], wishes: list[int]) -> None:
    """Put each slot as near to where it wants to be as its neighbours let it."""
    from_left, from_right = list(wishes), list(wishes)
    for index in range(1, len(layer)):
        apart = _apart(layer[index - 1], layer[index])
        from_left[index] = max(wishes[index], from_left[index - 1] + apart)
    for index in range(len(layer) - 2, -1, -1):
        apart = _apart(layer[index], layer[index + 1])
        from_right[index] = min(wishes[index], from_right[index + 1] - apart)
    for slot, left, right in zip(layer, from_left, from_right, strict=True):
        slot.x = (left + right) // 2


def _apart(left: _Slot, right: _Slot) -> int:
    return left.width // 2 + right.width // 2 + 1 + _GAP


def _middle(slots: Iterable[_Slot], otherwise: int) -> int:
    xs = [slot.x for slot in slots]
    return (min(xs) + max(xs)) // 2 if xs else otherwise


# Text


def ascii_art(graph: Drawable) -> str:
    """The graph in ASCII, except for its names: boxes from top to bottom, conditional edges dotted."""
    layout = _Layout(graph)
    rows: list[list[str]] = []
    into: list[list[_Link]] = [[] for _ in layout.layers]
    for link in layout.links:
        into[link.target.layer].append(link)
    for number, layer in enumerate(layout.layers):
        if number:
            rows += _band(into[number], layout.width)
        rows += _boxes(layer, layout.width)
    lines = ["".join(row).rstrip() for row in rows]
    lines += [
        f"{graph.nodes[edge.source].name} --> {graph.nodes[edge.target].name}" for edge in layout.backward
    ]
    return "\n".join(lines)


def _boxes(layer: list[_Slot], width: int) -> list[list[str]]:
    top, middle, bottom = rows = [[" "] * width for _ in range(3)]
    for slot in layer:
        if slot.node is None:
            for row in rows:
                row[slot.x] = ":" if slot.conditional else "|"
            continue
        left, inner = slot.x - slot.width // 2, slot.width - 2
        for row in (top, bottom):
            _write(row, left, "+" + "-" * inner + "+")
        before = (inner - _cells(slot.label)) // 2
        _write(middle, left, "|")
        _write(middle, left + 1 + before, slot.label)
        _write(middle, left + slot.width - 1, "|")
    return rows


def _band(links: list[_Link], width: int) -> list[list[str]]:
    """The rows between two layers: down, across where the edges fan out or in, and down to the arrows."""
    tracks = _tracks(links)
    count = max(tracks.values(), default=-1) + 1
    rows = [[" "] * width for _ in range(count + 2)]
    for link in links:
        source, target = link.source.x, link.target.x
        down, across = (":", ".") if link.conditional else ("|", "-")
        track = tracks.get(link)
        turn = len(rows) if track is None else 1 + track
        for number in range(len(rows)):
            if number != turn:
                _cross(rows[number], source if number < turn else target, down, "-.")
        if track is not None:
            for x in range(min(source, target) + 1, max(source, target)):
                _cross(rows[turn], x, across, "|:")
            rows[turn][source] = rows[turn][target] = "+"
    for link in links:
        if link.target.node is not None:
            rows[-1][link.target.x] = "v"
            if link.label:
                _write(rows[-1], link.target.x + 2, link.label)
    return rows


def _cross(row: list[str], x: int, mark: str, other: str) -> None:
    if row[x] != "+":
        row[x] = "+" if row[x] in other else mark


def _tracks(links: list[_Link]) -> dict[_Link, int]:
    """For each edge that goes sideways, the row in which it does: edges that share an end share it, and
    so do edges that do not meet."""
    groups: list[list[_Link]] = []
    for link in links:
        touching = [g for g in groups if any(link.source is o.source or link.target is o.target for o in g)]
        groups = [g for g in groups if g not in touching] + [[*(o for g in touching for o in g), link]]
    tracks: dict[_Link, int] = {}
    taken: list[int] = []  # the last cell in use of each row
    spans = [(*_span(group), group) for group in groups]
    for left, right, group in sorted(spans, key=lambda span: span[0]):
        if left == right:
            continue
        row = next((number for number, end in enumerate(taken) if end < left), len(taken))
        taken[row : row + 1] = [right]
        tracks |= dict.fromkeys(group, row)
    return tracks


def _span(links: list[_Link]) -> tuple[int, int]:
    xs = [slot.x for link in links for slot in (link.source, link.target)]
    return min(xs), max(xs)


def _write(row: list[str], x: int, text: str) -> None:
    for char in text:
        wide = _cells(char)
        if wide:
            row[x] = char
            row[x + 1 : x + wide] = [""] * (wide - 1)
        elif x:
            row[x - 1] += char  # a combining mark
        x += wide


def _cells(text: str) -> int:
    """The width of a text in character cells: East Asian characters take two."""
    return sum(_width(char) for char in text)


def _width(char: str) -> int:
    if char in "\u200b\u200d\ufe0f" or "\u0300" <= char <= "\u036f":
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def _cut(text: str) -> str:
    if _cells(text) <= MAX_CELLS:
        return text
    kept = 0
    for index, char in enumerate(text):
        kept += _width(char)
        if kept > MAX_CELLS - 3:
            return text[:index] + "..."
    return text


# SVG

_CELL, _BOX, _BETWEEN, _MARGIN = 8, 30, 40, 8
"""Pixels: a character cell, the height of a box, the space between layers, the margin."""


def svg(graph: Drawable) -> str:
    """The graph as a self-contained picture: boxes bring their own ground, so it reads on light and dark."""
    layout = _Layout(graph)
    width = layout.width * _CELL + 2 * _MARGIN
    height = len(layout.layers) * (_BOX + _BETWEEN) - _BETWEEN + 2 * _MARGIN
    names = " → ".join(node.name for node in graph.nodes.values())
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{max(height, 0)}" '
            f'viewBox="0 0 {width} {max(height, 0)}" role="img" font-family="monospace" font-size="13">',
            f"<title>{escape(_visible(names))}</title>",
            *(_svg_link(link) for link in layout.links),
            *(_svg_box(slot) for slot in layout.slots.values()),
            "</svg>",
        ]
    )


def _svg_link(link: _Link) -> str:
    x1, x2 = _px(link.source.x), _px(link.target.x)
    y1 = _top(link.source.layer) + (_BOX if link.source.node is not None else 0)
    y2 = _top(link.target.layer)
    start = f"M{x1} {y1}" if link.source.node is not None else f"M{x1} {y1}v{_BOX}"
    y1 = _top(link.source.layer) + _BOX
    bend = (y2 - y1) // 2
    dashes = ' stroke-dasharray="4 3"' if link.conditional else ""
    look = f'fill="none" stroke="#808080"{dashes}'
    path = f'<path d="{start}C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}" {look}/>'
    if link.target.node is None:
        return path
    path += f'<path d="M{x2 - 4} {y2 - 7}L{x2} {y2}L{x2 + 4} {y2 - 7}" fill="none" stroke="#808080"/>'
    if link.label:
        # Beside the arrow, where its line does not come from.
        where = f'x="{x2 - 8}" text-anchor="end"' if x1 > x2 else f'x="{x2 + 8}"'
        label = escape(_visible(link.label))
        path += f'<text {where} y="{y2 - 6}" font-size="11" fill="#808080">{label}</text>'
    return path


def _svg_box(slot: _Slot) -> str:
    x, y, width = _px(slot.x - slot.width // 2) - _CELL // 2, _top(slot.layer), slot.width * _CELL
    look = 'rx="4" fill="#e3ecf7" stroke="#6f8fb5"'
    if slot.node is not None and slot.node.is_schema:
        look = 'rx="15" fill="#f3f3f0" stroke="#9a9a90"'
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{_BOX}" {look}/>'
        f'<text x="{_px(slot.x)}" y="{y + 20}" text-anchor="middle" fill="#1c2733">'
        f"{escape(_visible(slot.label))}</text>"
    )


def _px(cell: int) -> int:
    return _MARGIN + cell * _CELL + _CELL // 2


def _top(layer: int) -> int:
    return _MARGIN + layer * (_BOX + _BETWEEN)


def _visible(text: str) -> str:
    """Without control characters, which XML cannot hold."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


# Mermaid


def mermaid(graph: Drawable, with_styles: bool = True) -> str:
    """The graph as a Mermaid flowchart, names escaped."""
    return "\n".join(_mermaid_lines(graph, with_styles)) + "\n"


def _mermaid_lines(graph: Drawable, with_styles: bool) -> Iterator[str]:
    yield "graph TD;"
    ids = {id: f"n{number}" for number, id in enumerate(graph.nodes)}
    for id, node in graph.nodes.items():
        label = _mermaid_text(node.name)
        yield f'\t{ids[id]}(["{label}"])' if node.is_schema else f'\t{ids[id]}["{label}"]'
    for edge in graph.edges:
        arrow = "-.->" if edge.conditional else "-->"
        label = f'|"{_mermaid_text(str(edge.data))}"|' if edge.data is not None else ""
        yield f"\t{ids[edge.source]} {arrow}{label} {ids[edge.target]};"
    if with_styles:
        schemas = [ids[id] for id, node in graph.nodes.items() if node.is_schema]
        yield "\tclassDef default fill:#e3ecf7,stroke:#6f8fb5,color:#1c2733"
        yield "\tclassDef schema fill:#f3f3f0,stroke:#9a9a90,color:#1c2733"
        if schemas:
            yield f"\tclass {','.join(schemas)} schema"


def _mermaid_text(text: str) -> str:
    """Letters, digits and a little more as they are, the rest as Mermaid's entities."""
    plain = " _-.,:"
    return "".join(c if c.isalnum() or c in plain else f"#{ord(c)};" for c in text if c.isprintable())
