"""Functions as tools: StructuredTool, whose arguments have names, and Tool, which takes one text (or value)
as agents of the first kind called their tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, WithJsonSchema, field_validator
from typing_extensions import is_typeddict  # typing's knows only its own TypedDict

from ..engine.modes import AnyScope
from ..runnables.signatures import is_async, is_generator
from ..text.excerpts import short_repr
from .arguments import Parameters, arguments_model
from .base import ArgsSchema, BaseTool, extras_of
from .calls import is_tool_call
from .docstrings import described_arguments, function_doc, function_name
from .typed_dicts import typed_dict_model

__all__ = ["StructuredTool", "Tool"]


class StructuredTool(BaseTool):
    """A function as a tool; *coroutine* is its asynchronous form.

    >>> from workbench import StructuredTool
    >>> def add(x: int, y: int) -> int:
    ...     "The sum of two numbers."
    ...     return x + y
    >>> StructuredTool.from_function(add, name="plus").invoke({"x": 1, "y": 2})
    3
    """

    func: Callable[..., Any] | None = Field(default=None, repr=False)
    coroutine: Callable[..., Any] | None = Field(default=None, repr=False)

    @field_validator("args_schema", mode="before")
    @classmethod
    def _model_of_typed_dict(cls, schema: Any) -> Any:
        return _as_schema(schema)

    def model_post_init(self, context: Any) -> None:
        super().model_post_init(context)
        given = [fn for fn in (self.func, self.coroutine) if fn is not None]
        if not given:
            raise TypeError(f"tool {self.name!r}: expected func= or coroutine=, got neither")
        for fn in given:
            if is_generator(fn):
                raise TypeError(
                    f"tool {self.name!r}: expected a function that returns, got a generator {fn!r}"
                )
        if self.func is not None and is_async(self.func):
            if self.coroutine is not None:
                raise TypeError(f"tool {self.name!r}: expected func= to be synchronous, got {self.func!r}")
            self.func, self.coroutine = None, self.func

    @classmethod
    def from_function(
        cls,
        func: Callable[..., Any] | None = None,
        coroutine: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        args_schema: ArgsSchema | None = None,
        infer_schema: bool = True,
        parse_docstring: bool = False,
        error_on_invalid_docstring: bool = False,
        **options: Any,
    ) -> Self:
        """A tool of a function, synchronous or not, or of one of each.

        Without *name* and *description* they are the function's name and docstring (or the schema's).
        *parse_docstring* takes what the arguments are from its ``Args:`` section (Google's style); without
        such a section that is a ValueError if *error_on_invalid_docstring*. Without *infer_schema* the
        arguments are not taken from the signature: they are those of *args_schema*. *options* are other
        fields. ValueError if there is no description for a model.
        """
        fn = func if func is not None else coroutine
        if not callable(fn):
            raise TypeError(f"StructuredTool: expected a function, got {short_repr(fn)}")
        if (name := name or function_name(fn)) is None:
            raise ValueError(f"StructuredTool: expected name= for {short_repr(fn)}, which has none")
        if not infer_schema and args_schema is None:
            raise ValueError(f"tool {name!r}: infer_schema=False expects args_schema=, or Tool for one text")
        args_schema = _as_schema(args_schema)
        doc = function_doc(fn)
        parameters = None if args_schema is not None else Parameters.of(fn, name)
        described: dict[str, str] = {}
        if parse_docstring and parameters is not None:
            strictly = error_on_invalid_docstring
            doc, described = described_arguments(doc, parameters.fields, name, required=strictly)
        description = description or doc or _schema_doc(args_schema)
        if not description:
            raise ValueError(
                f"tool {name!r}: expected a docstring or description=, got neither; it tells a model what "
                "the tool is for"
            )
        if parameters is not None:
            args_schema = arguments_model(name, parameters, described, description)
        return cls(
            name=name,
            description=description,
            args_schema=args_schema,
            func=func,
            coroutine=coroutine,
            **options,
        )

    def _form(self, blocking: bool) -> tuple[Callable[..., Any], bool]:
        fn = self.func if self.coroutine is None or (blocking and self.func is not None) else self.coroutine
        assert fn is not None  # one of the two is there, see model_post_init
        return fn, fn is self.coroutine


_KEY = "tool_input"


class ToolInput(BaseModel):
    """The one argument of a tool that does not describe it."""

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
        leaf = scope.leaf()
        extras = extras_of(self._parameters_of(fn, asynchronous), leaf)
        return await leaf.call(partial(fn, *arguments.values(), **extras), asynchronous)

    def _parameters_of(self, fn: Callable[..., Any], asynchronous: bool) -> Parameters:
        try:
            known = super()._parameters_of(fn, asynchronous)
        except (TypeError, ValueError):  # a builtin, whose parameters have no names
            return Parameters()
        return Parameters({}, known.config, known.engine)


def _as_schema(schema: Any) -> Any:
    return typed_dict_model(schema) if is_typeddict(schema) else schema


def _schema_doc(schema: Any) -> str:
    if isinstance(schema, dict):
        return str(schema.get("description") or "")
    return function_doc(schema) if schema is not None else ""
