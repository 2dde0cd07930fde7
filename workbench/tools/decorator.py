"""``@tool``: a tool of a function, or of a runnable."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, overload

from ..runnables.base import Runnable
from ..runnables.signatures import is_async
from ..text.excerpts import short_repr
from .base import ArgsSchema, BaseTool
from .docstrings import function_doc, function_name
from .function_tools import StructuredTool, Tool
from .runnable_tools import tool_of_runnable

__all__ = ["tool"]


@overload
def tool(name_or_callable: Callable[..., Any], runnable: None = None, **options: Any) -> StructuredTool: ...
@overload
def tool(name_or_callable: str, runnable: Runnable[Any, Any], **options: Any) -> BaseTool: ...
@overload
def tool(
    name_or_callable: str | None = None, runnable: None = None, **options: Any
) -> Callable[[Callable[..., Any]], StructuredTool]: ...
def tool(
    name_or_callable: str | Callable[..., Any] | None = None,
    runnable: Runnable[Any, Any] | None = None,
    **options: Any,
) -> Any:
    """Make a tool of a function: ``@tool``, ``@tool("name")`` or ``@tool(return_direct=True, ...)``; or of a
    runnable: ``tool("name", runnable)``.

    *options* are those of ``StructuredTool.from_function``: name, description, args_schema, return_direct,
    response_format, infer_schema, parse_docstring, error_on_invalid_docstring (here true without saying so),
    handle_tool_error, handle_validation_error. ``infer_schema=False`` without args_schema makes a ``Tool``.

    >>> @tool
    ... def add(x: int, y: int) -> int:
    ...     "The sum of two numbers."
    ...     return x + y
    >>> add.invoke({"x": 1, "y": 2})
    3
    """
    if isinstance(runnable, Runnable):
        return tool_of_runnable(runnable, name=name_or_callable, **options)  # type: ignore[arg-type]  # a name
    if callable(name_or_callable):
        return _of_function(name_or_callable, **options)
    if name_or_callable is not None and not isinstance(name_or_callable, str):
        raise TypeError(f"tool: expected a function or a name, got {short_repr(name_or_callable)}")
    if name_or_callable is not None:
        options["name"] = name_or_callable
    return partial(_of_function, **options)


def _of_function(
    fn: Callable[..., Any],
    *,
    infer_schema: bool = True,
    args_schema: ArgsSchema | None = None,
    error_on_invalid_docstring: bool = True,
    **options: Any,
) -> StructuredTool:
    if infer_schema or args_schema is not None:
        return StructuredTool.from_function(
            fn, args_schema=args_schema, error_on_invalid_docstring=error_on_invalid_docstring, **options
        )
    name = options.pop("name", None) or function_name(fn)
    description = options.pop("description", None) or function_doc(fn)
    if not name or not description:
        missing = "name=" if not name else "a docstring or description="
        raise ValueError(f"tool {name or fn!r}: expected {missing}, got none")
    func, coroutine = (None, fn) if is_async(fn) else (fn, None)
    return Tool(name, func, description, coroutine=coroutine, **options)
