"""The steps of a runnable as a graph: nodes in the order of the chain, and edges between them.

Branches fan out from a node for their input and in to one for their output, both named after the parallel
step; a *conditional* edge leads to each of several
alternatives (fallbacks, branches on a condition). In place of wrappers the graph has what they wrap. A
notebook draws the graph; so does ``print_ascii``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from ..engine.config import RunnableConfig, merge_configs
from .base import Runnable
from .binding import RunnableBinding
from .drawing import ascii_art, mermaid, svg
from .graph_elements import Edge, Node
from .parallel import RunnableParallel
from .passthrough import RunnableAssign, RunnablePassthrough
from .sequence import RunnableSequence

__all__ = ["Graph", "graph_of", "prompts_in"]


@dataclass
class Graph:
    """Nodes by id, and the edges between them."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def add_node(
        self,
        data: Any,
        id: str | None = None,
        *,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Node:
        """A new node. ValueError if the id is taken."""
        if id is None:
            id = next(free for n in count(len(self.nodes)) if (free := str(n)) not in self.nodes)
        if id in self.nodes:
            raise ValueError(f"the graph has a node {id!r} already")
        node = Node(id, _plain(name or _name_of(data)), data, metadata)
        self.nodes[id] = node
        return node

    def add_edge(
        self, source: Node, target: Node, data: str | None = None, conditional: bool = False
    ) -> Edge:
        """A new edge. ValueError if one of the nodes is not in the graph."""
        for node in (source, target):
            if node.id not in self.nodes:
                raise ValueError(f"the graph has no node {node.id!r}")
        edge = Edge(source.id, target.id, data, conditional)
        self.edges.append(edge)
        return edge

    def first_node(self) -> Node | None:
        """The only node that no edge leads to; None if there are several."""
        return self._only({edge.target for edge in self.edges})

    def last_node(self) -> Node | None:
        """The only node that no edge leads from; None if there are several."""
        return self._only({edge.source for edge in self.edges})

    def _only(self, excluded: set[str]) -> Node | None:
        found = [node for id, node in self.nodes.items() if id not in excluded]
        return found[0] if len(found) == 1 else None

    def to_json(self, *, with_schemas: bool = False) -> dict[str, list[dict[str, Any]]]:
        """The graph as JSON data, nodes numbered in their order."""
        from .schema import json_schema

        numbers = {id: number for number, id in enumerate(self.nodes)}
        nodes: list[dict[str, Any]] = []
        for node in self.nodes.values():
            shown: dict[str, Any] = {"id": numbers[node.id]}
            if node.is_schema:
                shown |= {"type": "schema", "data": json_schema(node.data) if with_schemas else node.name}
            else:
                cls = type(node.data)
                shown |= {
                    "type": "runnable" if isinstance(node.data, Runnable) else "unknown",
                    "data": {"id": [*cls.__module__.split("."), cls.__name__], "name": node.name},
                }
            nodes.append(shown | ({"metadata": dict(node.metadata)} if node.metadata else {}))
        edges: list[dict[str, Any]] = [
            {"source": numbers[edge.source], "target": numbers[edge.target]}
            | ({"data": edge.data} if edge.data is not None else {})
            | ({"conditional": True} if edge.conditional else {})
            for edge in self.edges
        ]
        return {"nodes": nodes, "edges": edges}

    def draw_mermaid(self, *, with_styles: bool = True) -> str:
        """The graph as a Mermaid flowchart; JupyterLab and GitHub draw it in a ``mermaid`` code block."""
        return mermaid(self, with_styles)

    def draw_ascii(self) -> str:
        """The graph as text, from top to bottom."""
        return ascii_art(self)

    def print_ascii(self) -> None:
        print(self.draw_ascii())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.draw_ascii(), "image/svg+xml": svg(self)}

    def __repr__(self) -> str:
        return f"<Graph: {len(self.nodes)} nodes, {len(self.edges)} edges>"


class _End(NamedTuple):
    """A node whose output the next step takes, and what to write on the edge to that."""

    node: Node
    data: str | None = None
    conditional: bool = False


def graph_of(step: Runnable[Any, Any], config: RunnableConfig | None = None) -> Graph:
    """The graph of *step* as it is under *config*, between its input and its output."""
    graph = Graph()
    source = graph.add_node(step.get_input_schema(config))
    ends = _add(graph, step, [_End(source)], config)
    first = [edge for edge in graph.edges if edge.source == source.id]
    if len(first) == 1 and graph.nodes[first[0].target].is_schema:  # the input of a parallel step is shown
        del graph.nodes[source.id]
        graph.edges.remove(first[0])
    if len(ends) > 1 or not ends[0].node.is_schema:
        _link(graph, ends, graph.add_node(step.get_output_schema(config)))
    return graph


def prompts_in(step: Runnable[Any, Any], config: RunnableConfig | None = None) -> list[Runnable[Any, Any]]:
    """The prompts inside *step*, itself included."""
    return [inner for inner in _leaves(step, config) if inner.run_type == "prompt"]


def _leaves(step: Runnable[Any, Any], config: RunnableConfig | None) -> Iterator[Runnable[Any, Any]]:
    step = step._as_configured(config)
    inside = step._steps_inside()
    if not inside:
        yield step
    for inner in inside:
        yield from _leaves(inner, _with_bound(step, config))


def _with_bound(step: Runnable[Any, Any], config: RunnableConfig | None) -> RunnableConfig | None:
    return merge_configs(step.config, config) if isinstance(step, RunnableBinding) else config


def _add(
    graph: Graph,
    step: Runnable[Any, Any],
    ends: Sequence[_End],
    config: RunnableConfig | None,
    name: str | None = None,
) -> list[_End]:
    """Add the nodes of *step* after *ends*; returns the ends it leaves."""
    step = step._as_configured(config)
    if isinstance(step, RunnableSequence):
        for inner in step.steps:
            ends = _add(graph, inner, ends, config)
        return list(ends)
    if isinstance(step, RunnableParallel):
        return _add_branches(graph, step, step.steps, ends, config)
    if isinstance(step, RunnableAssign):
        branches = {"": RunnablePassthrough(), **step.mapper.steps}
        return _add_branches(graph, step.mapper, branches, ends, config)
    config = _with_bound(step, config)
    stand_ins = step._stand_ins()
    if len(stand_ins) == 1:
        return _add(graph, stand_ins[0], ends, config, name or step._alias())
    node = graph.add_node(step, name=name, metadata=step.metadata)
    _link(graph, ends, node)
    if not stand_ins:
        return [_End(node)]
    return [end for inner in stand_ins for end in _add(graph, inner, [_End(node, None, True)], config)]


def _add_branches(
    graph: Graph,
    step: RunnableParallel[Any],
    branches: Mapping[str, Runnable[Any, Any]],
    ends: Sequence[_End],
    config: RunnableConfig | None,
) -> list[_End]:
    fork = graph.add_node(step.get_input_schema(config), name=step.get_name("input"))
    _link(graph, ends, fork)
    outputs = [
        end
        for key, inner in branches.items()
        for end in _add(graph, inner, [_End(fork, key or None)], config)
    ]
    join = graph.add_node(step.get_output_schema(config), name=step.get_name("output"))
    _link(graph, outputs or [_End(fork)], join)
    return [_End(join)]


def _link(graph: Graph, ends: Sequence[_End], target: Node) -> None:
    for end in ends:
        graph.add_edge(end.node, target, end.data, end.conditional)


def _name_of(data: Any) -> str:
    if isinstance(data, Runnable):
        return data.get_name()
    return str(getattr(data, "__name__", None) or data)


def _plain(name: str) -> str:
    """A name on one line, without the prefix that says nothing in a picture of runnables."""
    name = " ".join(name.split())
    return name.removeprefix("Runnable") or name
