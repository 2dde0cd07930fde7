"""RemoteRunnable: a chain that is served over HTTP, as a runnable like any other.

    joke = RemoteRunnable("http://localhost:8000/joke")
    joke.invoke({"topic": "bears"})

It calls services of ``add_routes`` and of LangServe. Where the call is observed (by a live view, a log, a
callback handler), the runs inside the service are reported as runs below its own.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import unquote, urlsplit

from ...engine.chunks import ChunkStream, fold
from ...engine.config import RunnableConfig
from ...engine.modes import AnyScope, Blocking, EventLoop, drive_stream
from ...messages import AIMessageChunk, message_chunk_to_message
from ...runnables.base import Runnable
from ...tracing.events import StreamEvent, check_version
from ...tracing.log.patches import RunLog, RunLogPatch
from ..wire.extensions import WireFormat
from ..wire.values import from_wire
from .answers import body_of, chunks_of, data_of, observed_chunks, patches_of, schema_model, settings_of
from .transport import Transport

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["RemoteRunnable"]

Input = TypeVar("Input")
Output = TypeVar("Output")

MOST_AT_ONCE = 50
"""Inputs that are sent in one ``/batch``; more of them are sent one by one, side by side."""


class RemoteRunnable(Runnable[Input, Output]):
    """The chain that is served at *url* (the address without ``/invoke``).

    *token* is sent as ``Authorization: Bearer``, *headers* as they are. ``timeout``: seconds an answer in one
    piece may take, None for ever; ``stall_s``: seconds a stream may be silent (servers send a sign of life
    every 15); ``connect_s``: seconds to reach the server. ``retries``: further tries where the server cannot
    be reached or says that it has not begun. Other keyword arguments go to the ``httpx`` clients (``verify``,
    ``auth``, ``proxy``, ...).

    A service takes no call arguments (``bind``): make what should vary configurable in the served chain.

    >>> from workbench import RemoteRunnable, RunnableLambda, serve_chain
    >>> with serve_chain(str.upper, path="/upper") as service:
    ...     remote = RemoteRunnable(service.url)
    ...     (remote | (lambda text: f"{text}!")).batch(["hi", "there"])
    ['HI!', 'THERE!']
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = 600.0,
        stall_s: float = 60.0,
        connect_s: float = 10.0,
        retries: int = 2,
        name: str | None = None,
        **client_options: Any,
    ) -> None:
        self.name = name
        address, user = _without_user(_checked_url(url))
        if user is not None:  # addresses are shown, and the HTTP library logs them
            client_options = {"auth": user, **client_options}
        self._transport = Transport(
            address,
            headers=_checked_headers(headers, token),
            timeout=None if timeout is None else _seconds("timeout", timeout),
            stall_s=_seconds("stall_s", stall_s),
            connect_s=_seconds("connect_s", connect_s),
            retries=_count("retries", retries),
            client_options=client_options,
        )
        self._schemas: dict[str, dict[str, Any]] = {}

    @property
    def url(self) -> str:
        """Its address, without a password in it."""
        return self._transport.url

    def __repr__(self) -> str:
        return f"RemoteRunnable({self.url!r})"

    # Calls

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        _no_arguments(kwargs)
        if scope.observers:
            output = await fold(self._observed(input, scope))
            return message_chunk_to_message(output) if isinstance(output, AIMessageChunk) else output
        body = body_of(input, settings_of(scope))
        method: Any = self._transport.call if scope.blocking else self._transport.acall
        return self._output(await scope.call(method, not scope.blocking, "POST", "invoke", body, "values"))

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        _no_arguments(kwargs)
        input = await fold(source)
        if scope.observers:
            chunks: Any = self._observed(input, scope)
        else:
            body = body_of(input, settings_of(scope))
            chunks = chunks_of(self._stream(scope, "stream", body, "values"), self.url)
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    def _observed(self, input: Any, scope: AnyScope) -> AsyncGenerator[Any, None]:
        """The chunks, with the runs of the service reported below this one's."""
        body = body_of(input, settings_of(scope))
        return observed_chunks(self._stream(scope, "stream_log", body, "runs"), scope, self.url)

    def _stream(self, scope: AnyScope, name: str, body: dict[str, Any], wire: WireFormat) -> ChunkStream:
        method: Any = self._transport.events if scope.blocking else self._transport.aevents
        return scope.iterate(method, not scope.blocking, name, body, wire)

    def _output(self, answer: Any) -> Any:
        data, wire = answer
        return from_wire(data_of(data, "output", self.url), typed=wire != "")

    # Many inputs

    def batch(
        self,
        inputs: Sequence[Input],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Output]:
        """``Runnable.batch``; up to 50 inputs with one config, that nobody observes, are one request."""
        __tracebackhide__ = True
        if not return_exceptions and not kwargs and (body := _together(Blocking, inputs, config)):
            return self._output(self._transport.call("POST", "batch", body, "values"))  # type: ignore[no-any-return]
        return super().batch(inputs, config, return_exceptions=return_exceptions, **kwargs)

    async def abatch(
        self,
        inputs: Sequence[Input],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Output]:
        """``batch`` on the running event loop."""
        __tracebackhide__ = True
        if not return_exceptions and not kwargs and (body := _together(EventLoop, inputs, config)):
            return self._output(await self._transport.acall("POST", "batch", body, "values"))  # type: ignore[no-any-return]
        return await super().abatch(inputs, config, return_exceptions=return_exceptions, **kwargs)

    # The service's own log and events

    def astream_log(
        self,
        input: Input,
        config: RunnableConfig | None = None,
        *,
        diff: bool = True,
        with_streamed_output_list: bool = True,
        **options: Any,
    ) -> AsyncIterator[RunLogPatch] | AsyncIterator[RunLog]:
        """The log of the run inside the service, as if it were run here. *options*: ``include_names`` and the
        other filters."""
        scope = EventLoop.enter(config)
        return self._log(scope, input, diff, with_streamed_output_list, options)

    def stream_log(
        self,
        input: Input,
        config: RunnableConfig | None = None,
        *,
        diff: bool = True,
        with_streamed_output_list: bool = True,
        **options: Any,
    ) -> Iterator[RunLogPatch]:
        """``astream_log`` without an event loop."""
        scope = Blocking.enter(config)
        return drive_stream(self._log(scope, input, diff, with_streamed_output_list, options))

    def astream_events(
        self,
        input: Input,
        config: RunnableConfig | None = None,
        *,
        version: Literal["v1", "v2"] = "v2",
        **options: Any,
    ) -> AsyncIterator[StreamEvent]:
        """The events of the run inside the service, as if it were run here. LangServe's servers choose the
        version themselves. *options*: ``include_names`` and the other filters."""
        return self._events(EventLoop.enter(config), input, check_version(version), options)

    def stream_events(
        self,
        input: Input,
        config: RunnableConfig | None = None,
        *,
        version: Literal["v1", "v2"] = "v2",
        **options: Any,
    ) -> Iterator[StreamEvent]:
        """``astream_events`` without an event loop."""
        scope = Blocking.enter(config)
        return drive_stream(self._events(scope, input, check_version(version), options))

    async def _log(
        self, scope: AnyScope, input: Any, diff: bool, with_list: bool, options: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        body = body_of(input, settings_of(scope), options) | {"diff": True}
        if not with_list:
            body["with_streamed_output_list"] = False
        log: RunLog | None = None
        stream = self._stream(scope, "stream_log", body, "values")
        async with aclosing(patches_of(stream, self.url, with_list)) as patches:
            async for patch in patches:
                if diff:
                    yield patch
                else:
                    log = RunLog(*patch.ops) if log is None else log + patch
                    yield log

    async def _events(
        self, scope: AnyScope, input: Any, version: str, options: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        body = body_of(input, settings_of(scope), options) | {"version": version}
        stream = self._stream(scope, "stream_events", body, "values")
        async with aclosing(chunks_of(stream, self.url, whole=True)) as events:
            async for event in events:
                yield event

    # Schemas of input, output and config: the service is asked once

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """The service's input as a model, whose JSON schema is the service's own."""
        return schema_model(self._schema("input_schema"), self.get_name("input"))

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """The service's output as a model, whose JSON schema is the service's own."""
        return schema_model(self._schema("output_schema"), self.get_name("output"))

    def config_schema(self, *, include: Sequence[str] | None = None) -> type[BaseModel]:
        """The config that the service takes, as a model; it decides what is included."""
        return schema_model(self._schema("config_schema"), self.get_name("config"))

    def get_input_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """The JSON schema of the service's input."""
        return self._schema("input_schema")

    def get_output_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """The JSON schema of the service's output."""
        return self._schema("output_schema")

    def get_config_jsonschema(self, *, include: Sequence[str] | None = None) -> dict[str, Any]:
        """The JSON schema of the config that the service takes."""
        return self._schema("config_schema")

    def _schema(self, name: str) -> dict[str, Any]:
        if name not in self._schemas:
            schema, _ = self._transport.call("GET", name)
            data_of(schema, None, self.url)
            self._schemas[name] = schema
        return self._schemas[name]


def _together(mode: Any, inputs: Any, config: Any) -> dict[str, Any] | None:
    """The body of one request for all inputs; None where each has to be a request of its own."""
    if isinstance(config, (list, tuple)) or (config or {}).get("max_concurrency"):
        return None
    if not isinstance(inputs, (list, tuple)) or not 2 <= len(inputs) <= MOST_AT_ONCE:
        return None
    scope = mode.enter(config)
    return None if scope.observers else body_of(list(inputs), settings_of(scope), key="inputs")


def _no_arguments(kwargs: dict[str, Any]) -> None:
    if kwargs:
        raise TypeError(
            f"a service takes no call arguments, got {', '.join(kwargs)}: make them configurable fields "
            'of the chain that is served, and give config={"configurable": {...}}'
        )


def _checked_url(url: str) -> str:
    if not isinstance(url, str) or not _is_address(url):
        got = repr(url.rpartition("@")[2])[:100] if isinstance(url, str) else type(url).__name__
        raise ValueError(f"url: expected one such as 'http://localhost:8000/joke', got {got}")
    return url.rstrip("/")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:  # the error would quote the address, and so the password in it
        return False
    is_http = parts.scheme in ("http", "https") and has_host
    return is_http and not parts.query and not parts.fragment and url.isprintable()


def _without_user(url: str) -> tuple[str, tuple[str, str] | None]:
    """The address without user and password, and these."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, None
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host).geturl(), (
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


def _checked_headers(headers: Mapping[str, str] | None, token: str | None) -> dict[str, str]:
    """The headers of every request. Raises ValueError for text that could end a header; the error does not
    quote it."""
    given = dict(headers or {})
    if token is not None:
        if not isinstance(token, str):
            raise TypeError(f"token: expected text, got {type(token).__name__}")
        given["Authorization"] = f"Bearer {token}"
    for name, value in given.items():
        text = f"{name}{value}"
        if not isinstance(value, str) or not text.isprintable() or not text.isascii() or not name:
            what = "token" if token is not None and name == "Authorization" else f"headers[{name!r}]"
            raise ValueError(f"{what}: expected text of visible ASCII characters")
    return given


def _seconds(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ValueError(f"{name}: expected seconds above 0, got {value!r}")
    return float(value)


def _count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name}: expected 0 or more, got {value!r}")
    return value
