"""Runnables as tools: what ``chain.as_tool()`` and ``tool("name", chain)`` make."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from ..engine.modes import AnyScope
from ..runnables.base import Runnable, coerce
from ..runnables.input_output import input_of
from ..runnables.schema import model_of, nested
from ..runnables.shapes import Key, Shape
from ..text.excerpts import short_repr
from .base import BaseTool
from .docstrings import function_doc

__all__ = ["tool_of_runnable"]


class _RunnableTool(BaseTool):
    """A runnable as a tool; with *key* it takes the value of this one argument, not a dict."""

    runnable: Any = Field(repr=False)
    key: str | None = Field(default=None, repr=False)

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return [self.runnable]

    def _has_function(self) -> bool:
        return False

    async def _perform(self, arguments: dict[str, Any], scope: AnyScope) -> Any:
        __tracebackhide__ = True
        return await self.runnable._call_step(arguments if self.key is None else arguments[self.key], scope)


def tool_of_runnable(
    runnable: Any,
    *,
    args_schema: type[BaseModel] | None = None,
    name: str | None = None,
    description: str | None = None,
    arg_types: Mapping[str, Any] | None = None,
    **options: Any,
) -> BaseTool:
    """See ``Runnable.as_tool``."""
    step = coerce(runnable)
    name = name or step.get_name()
    key = None
    if arg_types is not None:
        args_schema = model_of(Shape.keyed(name, {key: Key(hint) for key, hint in arg_types.items()}))
    elif args_schema is None:
        shape = input_of(step)
        annotation = nested(shape)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            args_schema = annotation
        elif shape.known and not (isinstance(annotation, type) and issubclass(annotation, dict)):
            key = "input"
            args_schema = model_of(Shape.keyed(name, {key: Key(annotation)}))
        else:
            raise TypeError(
                f"tool {name!r}: expected args_schema= or arg_types={{'name': type}}, since nothing is known "
                f"of the input of {short_repr(step)}"
            )
    doc = function_doc(getattr(step, "func", None)) or _own_doc(step)
    return _RunnableTool(
        name=name,
        description=description or doc or f"Takes {', '.join(args_schema.model_fields)}.",
        args_schema=args_schema,
        runnable=step,
        key=key,
        **options,
    )


def _own_doc(step: Runnable[Any, Any]) -> str:
    doc = vars(step).get("__doc__")
    return inspect.cleandoc(doc) if isinstance(doc, str) else ""
