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
from typing import Any, ClassVar, Literal, Self, overload

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, field_validator
from typing_extensions import is_typeddict  # typing's knows only its own TypedDict

from ..engine.config import KEYS, RunnableConfig, merge_configs
from ..engine.modes import AnyScope
from ..engine.scope import Callbacks
from ..errors import ToolException
from ..runnables.base import Runnable, coerce
from ..runnables.schema import model_of
from ..runnables.serializable import RunnableSerializable
from ..runnables.shapes import Key, Shape, input_of, nested
from ..runnables.signatures import is_async, is_generator
from .step_runs import StepRun
from .tool_calls import Request, without_hidden
from .tool_schema import (
    Arguments,
    InjectedToolArg,
    InjectedToolCallId,
    Parameters,
    arguments_model,
    described_arguments,
    function_doc,
    function_name,
    told_model,
    typed_dict_model,
)

__all__ = [
    "ArgsSchema",
    "BaseTool",
    "InjectedToolArg",
    "InjectedToolCallId",
    "ResponseFormat",
    "StructuredTool",
    "ToolException",
    "extras_of",
    "tool",
    "tool_of_runnable",
]

ArgsSchema = type[BaseModel] | dict[str, Any]
"""A pydantic model, or a JSON schema (then the arguments are not checked, save that none is missing). A tool
of a function also takes a TypedDict, of which it makes a model."""

ResponseFormat = Literal["content", "content_and_artifact"]


class BaseTool(RunnableSerializable[Any, Any]):
    """Subclass it with ``name``, ``description`` and ``_run``, or ``_arun``, or both.

    The arguments are *args_schema*, or read off ``_run``. ``response_format="content_and_artifact"``: the
    function returns a pair, what the model reads and what the program gets as ``ToolMessage.artifact``.
    ``return_direct`` says that the output is the answer; it is for whoever runs the loop.

    ``handle_tool_error`` is for a ToolException, ``handle_validation_error`` for arguments that do not fit:
    False raises them; otherwise they become the output: True a short text, a text itself, a function what
    it makes of the error. Every other exception is raised.
    """

    run_type: ClassVar[str] = "tool"

    name: str
    description: str
    args_schema: ArgsSchema | None = Field(default=None, repr=False)
    return_direct: bool = Field(default=False, repr=False)
    response_format: ResponseFormat = Field(default="content", repr=False)
    handle_tool_error: bool | str | Callable[[ToolException], Any] = Field(default=False, repr=False)
    handle_validation_error: bool | str | Callable[[ValidationError], Any] = Field(default=False, repr=False)

    # Kept with what they were made of: copies of a tool share them and may differ in that.
    _parameters: dict[bool, tuple[Any, Parameters]] = PrivateAttr(default_factory=dict)
    _kept_arguments: dict[Any, tuple[Arguments, Any, Any]] = PrivateAttr(default_factory=dict)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define _run, or _arun")

    async def _arun(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define _run, or _arun")

    @property
    def args(self) -> dict[str, Any]:
        """The JSON schemas of the arguments that a model gives, by name."""
        schema = self.tool_call_schema
        whole = schema if isinstance(schema, dict) else model_of(Shape.of("", schema)).model_json_schema()
        return dict(whole.get("properties", {}))

    @property
    def tool_call_schema(self) -> ArgsSchema:
        """What a model is told of the arguments: all but the injected ones."""
        return self.args_schema if isinstance(self.args_schema, dict) else told_model(self._model())

    def _model(self) -> type[BaseModel]:
        """The model of all arguments. Not for a tool whose args_schema is a dict."""
        return self.args_schema if isinstance(self.args_schema, type) else self._arguments().model

    def _arguments(self) -> Arguments:
        fn = self._form(True)[0] if self._has_function() else None
        fn, schema = getattr(fn, "__func__", fn), self.args_schema
        key = (self.name, id(schema), id(fn))
        have = self._kept_arguments.get(key)
        if have is None:
            own = None if fn is None else self._own_parameters()
            made = Arguments.of(self.name, schema or arguments_model(self.name, own or Parameters()), own)
            have = self._kept_arguments[key] = (made, schema, fn)
        return have[0]

    def _input_shape(self, config: RunnableConfig | None, wanted: Shape) -> Shape:
        title = self.get_name("input")
        if not isinstance(self.args_schema, dict):
            return Shape(title, self._model())
        required = self.args_schema.get("required", ())
        keys = {key: Key(required=key in required) for key in self.args_schema.get("properties", ())}
        return Shape.keyed(title, keys)

    def _output_shape(self, config: RunnableConfig | None, given: Shape) -> Shape:
        return Shape(self.get_name("output"))  # the function's, or a ToolMessage

    def _recorded_input(self, input: Any) -> Any:
        try:
            arguments = self._arguments()
        except Exception:  # its schema cannot be made, as the call itself will say
            return type(input).__name__
        return without_hidden(input, arguments.injected, arguments.secret)

    def run(
        self,
        tool_input: Any,
        config: RunnableConfig | None = None,
        *,
        tool_call_id: str | None = None,
        **options: Any,
    ) -> Any:
        """``invoke``; with *tool_call_id* as a tool call. *options*: other keys of the config (callbacks,
        tags, metadata, run_name, run_id), and arguments beyond the input."""
        __tracebackhide__ = True
        given, kwargs = _config_of(config, options)
        return self.invoke(self._as_call(tool_input, tool_call_id), given, **kwargs)

    async def arun(
        self,
        tool_input: Any,
        config: RunnableConfig | None = None,
        *,
        tool_call_id: str | None = None,
        **options: Any,
    ) -> Any:
        """``run`` on the running event loop."""
        __tracebackhide__ = True
        given, kwargs = _config_of(config, options)
        return await self.ainvoke(self._as_call(tool_input, tool_call_id), given, **kwargs)

    def _as_call(self, tool_input: Any, tool_call_id: str | None) -> Any:
        if tool_call_id is None:
            return tool_input
        return {"type": "tool_call", "name": self.name, "args": tool_input, "id": tool_call_id}

    # One call

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        request = Request.of(self, input, kwargs)
        try:
            arguments = self._arguments().checked(request.arguments, request.call_id)
        except ValidationError as error:
            if self.handle_validation_error is False:
                raise
            text = await _handled(self.handle_validation_error, error, "Tool input validation error", scope)
            return request.answer(text, None, failed=True)
        try:
            output = await self._perform(arguments, scope)
        except ToolException as error:
            if self.handle_tool_error is False:
                raise
            default = str(error.args[0]) if error.args else "Tool execution error"
            return request.answer(
                await _handled(self.handle_tool_error, error, default, scope), None, failed=True
            )
        if self.response_format == "content":
            return request.answer(output, None)
        if not isinstance(output, tuple) or len(output) != 2:
            raise ValueError(
                f"tool {self.name!r}: response_format='content_and_artifact' expected a pair (content, "
                f"artifact), got {type(output).__name__}: {output!r:.80}"
            )
        return request.answer(*output)

    async def _perform(self, arguments: dict[str, Any], scope: AnyScope) -> Any:
        """The work, with checked arguments."""
        __tracebackhide__ = True
        fn, asynchronous = self._checked_form(scope)
        extras = extras_of(self._parameters_of(fn, asynchronous), scope)
        return await scope.call(partial(fn, **{**arguments, **extras}), asynchronous)

    def _checked_form(self, scope: AnyScope) -> tuple[Callable[..., Any], bool]:
        fn, asynchronous = self._form(scope.blocking)
        if asynchronous and scope.blocking:
            raise TypeError(
                f"tool {self.name!r} is asynchronous and has no synchronous form: call ainvoke or astream, "
                "or give a synchronous function"
            )
        return fn, asynchronous

    def _has_function(self) -> bool:
        return True

    def _form(self, blocking: bool) -> tuple[Callable[..., Any], bool]:
        """The function for a driver, and whether it is asynchronous."""
        cls = type(self)
        has_sync, has_async = cls._run is not BaseTool._run, cls._arun is not BaseTool._arun
        fn = self._arun if has_async and not (blocking and has_sync) else self._run
        return fn, is_async(fn) if has_sync or has_async else False

    def _own_parameters(self) -> Parameters:
        return self._parameters_of(*self._form(True))

    def _parameters_of(self, fn: Callable[..., Any], asynchronous: bool) -> Parameters:
        have = self._parameters.get(asynchronous)
        if have is None or have[0] != fn:
            parameters = Parameters.of(fn, self.name, has_schema=self.args_schema is not None)
            have = self._parameters[asynchronous] = (fn, parameters)
        return have[1]


class StructuredTool(BaseTool):
    """A function as a tool; *coroutine* is its asynchronous form."""

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


def extras_of(parameters: Parameters, scope: AnyScope) -> dict[str, Any]:
    """What the engine gives a function besides its arguments."""
    if not parameters.config and not parameters.engine:
        return {}
    extras: dict[str, Any] = {}
    for name in parameters.config:
        extras[name] = scope.as_config()
    for name in parameters.engine:
        extras[name] = StepRun(scope) if name == "run_manager" else Callbacks(scope)
    return extras


async def _handled(handler: Any, error: Exception, default: str, scope: AnyScope) -> Any:
    __tracebackhide__ = True
    if callable(handler):
        return await scope.call(handler, is_async(handler), error)
    return handler if isinstance(handler, str) else default


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
    from .single_tools import Tool

    name = options.pop("name", None) or function_name(fn)
    description = options.pop("description", None) or function_doc(fn)
    if not name or not description:
        missing = "name=" if not name else "a docstring or description="
        raise ValueError(f"tool {name or fn!r}: expected {missing}, got none")
    func, coroutine = (None, fn) if is_async(fn) else (fn, None)
    return Tool(name, func, description, coroutine=coroutine, **options)


def _config_of(
    config: RunnableConfig | None, options: dict[str, Any]
) -> tuple[RunnableConfig | None, dict[str, Any]]:
    """The config with the keys of one among *options*, and the other options."""
    keys = {key: value for key, value in options.items() if key in KEYS}
    rest = {key: value for key, value in options.items() if key not in KEYS}
    return (merge_configs(config, keys) if keys else config), rest  # type: ignore[arg-type]  # keys of one


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
