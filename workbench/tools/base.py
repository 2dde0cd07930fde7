"""BaseTool: what a tool is, how it is called, and how its errors are handled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field, PrivateAttr, ValidationError

from ..engine.config import KEYS, RunnableConfig, merge_configs
from ..engine.modes import AnyScope
from ..engine.scope import Callbacks
from ..errors import ToolException
from ..runnables.run_manager import StepRun
from ..runnables.schema import model_of
from ..runnables.serializable import RunnableSerializable
from ..runnables.shapes import Key, Shape
from ..runnables.signatures import is_async
from ..text.excerpts import typed_repr
from .arguments import Arguments, Parameters, arguments_model, seen_by_models
from .calls import ToolRequest, without_hidden

__all__ = ["ArgsSchema", "BaseTool", "ResponseFormat", "extras_of"]

ArgsSchema = type[BaseModel] | dict[str, Any]
"""A pydantic model, or a JSON schema (then the arguments are not checked, except that none is missing). A
tool of a function also takes a TypedDict, of which it makes a model."""

ResponseFormat = Literal["content", "content_and_artifact"]


class BaseTool(RunnableSerializable[Any, Any]):
    """Subclass it with ``name``, ``description`` and ``_run``, or ``_arun``, or both.

    The arguments are *args_schema*, or read off ``_run``. ``response_format="content_and_artifact"``: the
    function returns a pair, what the model reads and what the program gets as ``ToolMessage.artifact``.
    ``return_direct``: the output is the answer, for the code that runs the loop of model and tools.

    ``handle_tool_error`` is for a ToolException, ``handle_validation_error`` for arguments that do not fit:
    False raises them; otherwise they become the output: True a short text, a text itself, a function what
    it makes of the error. Every other exception is raised.

    >>> from workbench import BaseTool
    >>> class Add(BaseTool):
    ...     name: str = "add"
    ...     description: str = "The sum of two numbers."
    ...     def _run(self, x: int, y: int) -> int:
    ...         return x + y
    >>> Add().invoke({"x": 1, "y": 2})
    3
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
        """The arguments that a model gives: all except the injected ones."""
        return self.args_schema if isinstance(self.args_schema, dict) else seen_by_models(self._model())

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
        except Exception:  # its schema cannot be made: the call itself will raise that
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
        request = ToolRequest.of(self, input, kwargs)
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
            text = await _handled(self.handle_tool_error, error, default, scope)
            return request.answer(text, None, failed=True)
        if self.response_format == "content":
            return request.answer(output, None)
        if not isinstance(output, tuple) or len(output) != 2:
            raise ValueError(
                f"tool {self.name!r}: response_format='content_and_artifact' expected a pair (content, "
                f"artifact), got {typed_repr(output)}"
            )
        return request.answer(*output)

    async def _perform(self, arguments: dict[str, Any], scope: AnyScope) -> Any:
        """The work, with checked arguments."""
        __tracebackhide__ = True
        fn, asynchronous = self._checked_form(scope)
        leaf = scope.leaf()
        extras = extras_of(self._parameters_of(fn, asynchronous), leaf)
        return await leaf.call(partial(fn, **{**arguments, **extras}), asynchronous)

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


def _config_of(
    config: RunnableConfig | None, options: dict[str, Any]
) -> tuple[RunnableConfig | None, dict[str, Any]]:
    """The config with the keys of one among *options*, and the other options."""
    keys = {key: value for key, value in options.items() if key in KEYS}
    rest = {key: value for key, value in options.items() if key not in KEYS}
    return (merge_configs(config, keys) if keys else config), rest  # type: ignore[arg-type]  # keys of one
