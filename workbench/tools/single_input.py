"""Tool: a function of one text (or of one value) as a tool, as agents of the first kind called them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Self

from pydantic import BaseModel, WithJsonSchema

from ..engine.modes import AnyScope
from .base import ArgsSchema, extras_of
from .calls import is_tool_call
from .schema import Parameters
from .structured import StructuredTool

__all__ = ["Tool"]

_KEY = "tool_input"


class ToolInput(BaseModel):
    """The one argument of a tool that does not say more of it."""

    tool_input: Annotated[Any, WithJsonSchema({"type": "string"})]


class Tool(StructuredTool):
    """``Tool(name, func, description)``: *func* is given one value, whatever it calls it. The tool is called
    with that value if it is a text, or with a dict of one key. TypeError for more than one.

    >>> from workbench import Tool
    >>> Tool("shout", str.upper, "Makes a text loud.").invoke("hello")
    'HELLO'
    """

    def __init__(
        self, name: str, func: Callable[..., Any] | None = None, description: str = "", **fields: Any
    ) -> None:
        if fields.get("args_schema") is None:
            fields["args_schema"] = ToolInput
        super().__init__(name=name, func=func, description=description, **fields)

    @classmethod
    def from_function(  # type: ignore[override]  # the order of arguments that people know
        cls,
        func: Callable[..., Any] | None,
        name: str,
        description: str,
        return_direct: bool = False,
        args_schema: ArgsSchema | None = None,
        coroutine: Callable[..., Any] | None = None,
        **options: Any,
    ) -> Self:
        return cls(
            name,
            func,
            description,
            return_direct=return_direct,
            args_schema=args_schema,
            coroutine=coroutine,
            **options,
        )

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        called = is_tool_call(input)
        keyed = self._keyed(input["args"] if called else input)
        return await super()._invoke({**input, "args": keyed} if called else keyed, scope, **kwargs)

    def _keyed(self, arguments: Any) -> Any:
        if not isinstance(arguments, Mapping):
            return arguments if isinstance(arguments, str) else {_KEY: arguments}
        if len(arguments) != 1:
            raise TypeError(
                f"tool {self.name!r} takes one argument: expected a text or a dict of one key, got "
                f"{len(arguments)}; use StructuredTool for more"
            )
        return {_KEY: next(iter(arguments.values()))} if self.args_schema is ToolInput else arguments

    async def _perform(self, arguments: dict[str, Any], scope: AnyScope) -> Any:
        __tracebackhide__ = True
        fn, asynchronous = self._checked_form(scope)
        extras = extras_of(self._parameters_of(fn, asynchronous), scope)
        return await scope.call(partial(fn, *arguments.values(), **extras), asynchronous)

    def _parameters_of(self, fn: Callable[..., Any], asynchronous: bool) -> Parameters:
        try:
            known = super()._parameters_of(fn, asynchronous)
        except (TypeError, ValueError):  # a builtin, whose parameters have no names
            return Parameters()
        return Parameters({}, known.config, known.engine)
