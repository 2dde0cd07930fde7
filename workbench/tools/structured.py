"""Tools: functions that a model may ask to have called.

``@tool`` makes one of a function, with its signature as the arguments and its docstring as the description;
``BaseTool`` is subclassed with ``_run`` (or ``_arun``); ``Runnable.as_tool`` makes one of a chain. A tool is
given its arguments and returns what the function returns; given a *tool call* of a model (a dict with
``"type": "tool_call"``) it returns a ``ToolMessage`` to send back. Running the loop of model and tools is not
done here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Self, overload

from pydantic import BaseModel, Field, field_validator
from typing_extensions import is_typeddict  # typing's knows only its own TypedDict

from ..engine.modes import AnyScope
from ..errors import ToolException
from ..runnables.base import Runnable, coerce
from ..runnables.schema import model_of
from ..runnables.shapes import Key, Shape, input_of, nested
from ..runnables.signatures import is_async, is_generator
from .base import ArgsSchema, BaseTool, ResponseFormat
from .docstrings import described_arguments, function_doc, function_name
from .schema import InjectedToolArg, InjectedToolCallId, Parameters, arguments_model
from .typed_dicts import typed_dict_model

__all__ = [
    "ArgsSchema",
    "BaseTool",
    "InjectedToolArg",
    "InjectedToolCallId",
    "ResponseFormat",
    "StructuredTool",
    "ToolException",
    "tool",
    "tool_of_runnable",
]


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
        arguments are not taken from the signature: *args_schema* must say them. *options* are other fields.
        ValueError if there is nothing to tell a model.
        """
        fn = func if func is not None else coroutine
        if not callable(fn):
            raise TypeError(f"StructuredTool: expected a function, got {fn!r:.80}")
        if (name := name or function_name(fn)) is None:
            raise ValueError(f"StructuredTool: expected name= for {fn!r:.80}, which has none")
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


def _as_schema(schema: Any) -> Any:
    return typed_dict_model(schema) if is_typeddict(schema) else schema


def _schema_doc(schema: Any) -> str:
    if isinstance(schema, dict):
        return str(schema.get("description") or "")
    return function_doc(schema) if schema is not None else ""


# From functions and runnables


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
        raise TypeError(f"tool: expected a function or a name, got {name_or_callable!r:.80}")
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
    from .single_input import Tool

    name = options.pop("name", None) or function_name(fn)
    description = options.pop("description", None) or function_doc(fn)
    if not name or not description:
        missing = "name=" if not name else "a docstring or description="
        raise ValueError(f"tool {name or fn!r}: expected {missing}, got none")
    func, coroutine = (None, fn) if is_async(fn) else (fn, None)
    return Tool(name, func, description, coroutine=coroutine, **options)


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
                f"of the input of {step!r:.80}"
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
