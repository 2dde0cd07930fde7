"""The list of ``%chains``: each chain that has a name, how it was run last, and its graph."""

from __future__ import annotations

import html
import sys
from collections.abc import Sequence

from ...runnables.graph import Graph
from ...text.excerpts import short_repr
from ...views.terminal.text import clean, one_line
from ..run_table import brief
from ..session import NamedChain

__all__ = ["ChainList"]

_NONE = "no chain has a name yet: %%chain NAME key=value ... gives it one"


class ChainList:
    """Shows itself as text, and as HTML with drawings in a notebook."""

    def __init__(self, chains: Sequence[NamedChain]) -> None:
        self._chains = list(chains)

    def __str__(self) -> str:
        if not self._chains:
            return _NONE
        return "\n\n".join(f"{_heading(one)}\n{_indented(_graph_text(one))}" for one in self._chains)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self._chains:
            return f"<p>{_NONE}</p>"
        return "".join(_html(one) for one in self._chains)


def _heading(one: NamedChain) -> str:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return one_line(" ".join(filter(None, [one.name, _last(one)])), encoding)


def _last(one: NamedChain) -> str:
    return f"(last: {brief(one.last.input, one.last.is_batch)[:80]})" if one.last is not None else ""


def _graph_text(one: NamedChain) -> str:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        graph = one.chain.get_graph()
        drawing = _line(graph) or graph.draw_ascii()
        drawing.encode(encoding)
        return clean(drawing, encoding)
    except UnicodeEncodeError:  # boxes and arrows that the terminal has not
        return one_line(repr(one.chain), encoding)
    except Exception as error:  # a schema of the user's own that raises: the list goes on
        return one_line(f"no graph: {type(error).__name__}: {error}", encoding)


def _line(graph: Graph) -> str:
    """A graph without branches in a line; "" for others.

    >>> from workbench import RunnableLambda
    >>> _line((RunnableLambda(str, name="a") | RunnableLambda(len, name="b")).get_graph())
    'a_input -> a -> b -> b_output'
    """
    following = {edge.source: edge.target for edge in graph.edges}
    first = graph.first_node()
    if first is None or len(graph.edges) != len(graph.nodes) - 1 or len(following) != len(graph.edges):
        return ""
    at, names = first.id, [first.name]
    while (after := following.get(at)) is not None:
        at = after
        names.append(graph.nodes[at].name)
    return " -> ".join(names)


def _html(one: NamedChain) -> str:
    from ...runnables.drawing import svg

    try:
        drawing = svg(one.chain.get_graph())
    except Exception:  # as above
        drawing = ""
    about = html.escape(f"{short_repr(one.chain, 200)}")
    # The drawing is left out by viewers that trust nothing; the text beside it stays.
    return (
        f'<details open><summary><b>{html.escape(one.name)}</b> <span style="opacity:.7">'
        f"{html.escape(_last(one))}</span></summary>"
        f'<div style="display:inline-block;max-width:100%;overflow:auto;margin:4px 16px">'
        f'<div style="max-height:260px;overflow:auto">{drawing}</div></div>'
        f'<pre style="margin:0 16px;white-space:pre-wrap;opacity:.8">{about}</pre>'
        "</details>"
    )


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
