"""Tools as text, for the prompts of models that cannot be given tools in another way."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .base import BaseTool

__all__ = ["render_text_description", "render_text_description_and_args"]


def render_text_description(tools: Sequence[BaseTool]) -> str:
    """A line for each tool: its name, the signature of its function, and its description.

    >>> from workbench import tool
    >>> @tool
    ... def add(x: int, y: int) -> int:
    ...     "The sum of two numbers."
    ...     return x + y
    >>> print(render_text_description([add]))
    add(x: int, y: int) -> int - The sum of two numbers.
    """
    return "\n".join(map(_line, tools))


def render_text_description_and_args(tools: Sequence[BaseTool]) -> str:
    """The same with the JSON schemas of the arguments that a model gives.

    >>> from workbench import render_text_description_and_args, tool
    >>> @tool
    ... def shout(text: str) -> str:
    ...     "Makes a text loud."
    ...     return text.upper()
    >>> print(render_text_description_and_args([shout]))
    shout(text: str) -> str - Makes a text loud., args: {'text': {'title': 'Text', 'type': 'string'}}
    """
    return "\n".join(f"{_line(tool)}, args: {tool.args}" for tool in tools)


def _line(tool: BaseTool) -> str:
    fn = getattr(tool, "func", None) or getattr(tool, "coroutine", None)
    return f"{tool.name}{_signature(fn) if fn is not None else ''} - {tool.description}"


def _signature(fn: Callable[..., Any]) -> str:
    try:
        return str(inspect.signature(fn, eval_str=True))
    except ValueError:  # some builtins have none
        return ""
    except Exception:  # whatever evaluating an annotation raises
        return str(inspect.signature(fn))
