"""What the patches of a run build, as types."""

from __future__ import annotations

from typing import Any, TypedDict

__all__ = ["LogEntry", "RunState"]


class LogEntry(TypedDict):
    """A nested run in the log.

    >>> from workbench import RunnableLambda
    >>> chain = RunnableLambda(str.upper, name="shout") | RunnableLambda(len, name="count")
    >>> patches = list(chain.stream_log("hey"))
    >>> entry = sum(patches[1:], patches[0]).state["logs"]["shout"]
    >>> entry["name"], entry["type"], entry["tags"], entry["final_output"]
    ('shout', 'chain', ['seq:step:1'], {'output': 'HEY'})
    """

    id: str
    name: str
    type: str
    tags: list[str]
    metadata: dict[str, Any]
    start_time: str
    streamed_output: list[Any]
    streamed_output_str: list[str]
    final_output: Any
    end_time: str | None


class RunState(TypedDict):
    """What the patches of one run build. ``logs`` has the nested runs by name (``Name``, ``Name:2``).

    >>> from workbench import RunnableLambda
    >>> patches = list(RunnableLambda(str.upper, name="shout").stream_log("hey"))
    >>> state = sum(patches[1:], patches[0]).state
    >>> state["name"], state["streamed_output"], state["final_output"], state["logs"]
    ('shout', ['HEY'], 'HEY', {})
    """

    id: str
    name: str
    type: str
    streamed_output: list[Any]
    final_output: Any
    logs: dict[str, LogEntry]
