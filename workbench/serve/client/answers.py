"""What a client sends to a service (bodies) and gets from it: chunks, patches, events and runs of streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

from ...engine.chunks import AddableDict, ChunkStream
from ...engine.modes import AnyScope
from ...errors import RemoteChainError, RemoteStreamError
from ...live.replay import PatchReplay
from ...runnables.schema import Described
from ...text.excerpts import short_repr
from ...tracing.log.patches import RunLogPatch
from ..wire.extensions import FILTERS
from ..wire.patches import PatchReader
from ..wire.run_records import RunReader
from ..wire.values import from_wire, to_wire
from .transport import ServedBatch

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "body_of",
    "chunks_of",
    "data_of",
    "observed_chunks",
    "patches_of",
    "schema_model",
    "settings_of",
]


def settings_of(scope: AnyScope) -> dict[str, Any]:
    """The part of a call's config that a service may take. It decides what counts."""
    settings = scope.settings
    config: dict[str, Any] = {}
    if settings.tags:
        config["tags"] = list(settings.tags)
    for name in ("metadata", "configurable"):
        if kept := _with_json_form(getattr(settings, name)):
            config[name] = kept
    for name in ("max_concurrency", "recursion_limit"):
        if (value := getattr(settings, name)) is not None:
            config[name] = value
    return config


def _with_json_form(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that have a JSON form. Others, such as objects given as configurable, mean something only in
    this process."""
    kept = {}
    for key, value in values.items():
        if isinstance(value, str | int | float | bool | list | tuple | dict):
            kept[str(key)] = to_wire(value)
    return kept


def body_of(
    input: Any, config: dict[str, Any], options: Mapping[str, Any] | None = None, *, key: str = "input"
) -> dict[str, Any]:
    """The body of a request. Raises TypeError for options that are not filters, ValueError for an input
    without a JSON form."""
    for name in options or ():
        if name not in FILTERS:
            raise TypeError(f"expected one of {', '.join(FILTERS)}, got {name!r}: a service takes no other")
    chosen = {name: list(value) for name, value in (options or {}).items() if value is not None}
    return {key: _as_input(to_wire(input, strict=True)), "config": config, "kwargs": {}, **chosen}


def _as_input(value: Any) -> Any:
    """A prompt's value under the type name that schemas of models know."""
    if isinstance(value, dict) and value.get("type") == "ChatPromptValue":
        return {**value, "type": "ChatPromptValueConcrete"}
    return value


def data_of(answer: Any, key: str | None, label: str) -> Any:
    """A member of the JSON object that a service answered, or that object."""
    if not isinstance(answer, dict) or (key is not None and key not in answer):
        expected = "an object" if key is None else f"an object with {key!r}"
        raise RemoteStreamError(f"{label}: expected {expected} as its answer, got {short_repr(answer, 200)}")
    return answer if key is None else answer[key]


@contextmanager
def _reading(label: str) -> Iterator[None]:
    """Turn errors of reading an answer into RemoteStreamError."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise RemoteStreamError(
            f"{label} sent something that is no event of a served chain: {type(error).__name__}: {error}"
        ) from error


async def chunks_of(batches: ChunkStream, label: str, *, whole: bool = False) -> AsyncGenerator[Any, None]:
    """The chunks of ``/stream``; with *whole*, the events of ``/stream_events``, dicts that do not add up."""
    __tracebackhide__ = True
    async with aclosing(batches):
        async for batch in batches:
            for data in _data(batch):
                with _reading(label):
                    chunk = from_wire(json.loads(data), typed=batch.wire != "")
                if type(chunk) is dict and batch.wire == "" and not whole:
                    chunk = AddableDict(chunk)  # as LangServe's clients take it
                yield chunk


async def patches_of(
    batches: ChunkStream, label: str, with_list: bool = True
) -> AsyncGenerator[RunLogPatch, None]:
    """The patches of ``/stream_log``, as the log at the server made them."""
    __tracebackhide__ = True
    reader: PatchReader | None = None
    async with aclosing(batches):
        async for batch in batches:
            reader = reader or PatchReader(typed=batch.wire != "")
            for data in _data(batch):
                with _reading(label):
                    patches = reader.patches(json.loads(data)["ops"])
                for patch in patches:
                    yield patch


async def observed_chunks(batches: ChunkStream, scope: AnyScope, label: str) -> AsyncGenerator[Any, None]:
    """The chunks of a run, whose nested runs are reported to the observers of the call."""
    __tracebackhide__ = True
    reader: RunReader | _Patches | None = None
    error: BaseException | None = None
    try:
        async with aclosing(batches):
            async for batch in batches:
                if reader is None:
                    reader = (
                        RunReader(scope.observers, scope.run, _error_of, blocking=scope.blocking)
                        if batch.wire == "runs"
                        else _Patches(scope)
                    )
                for data in _data(batch):
                    with _reading(label):
                        chunks = reader.take(json.loads(data))
                    await reader.settle()
                    for chunk in chunks:
                        yield chunk
    except GeneratorExit:  # closed early: runs end with the output they have so far
        raise
    except BaseException as raised:
        error = raised
        raise
    finally:
        if reader is not None:
            reader.end(error)


def _error_of(data: dict[str, Any]) -> BaseException:
    """The error of a nested run from its data."""
    kind, message = data.get("type"), data.get("message")
    if kind == "CancelledError":
        return asyncio.CancelledError(message)
    return RemoteChainError(f"{kind}: {message}", type=kind, traceback=data.get("traceback"))


class _Patches:
    """Reads the patches of a log, which LangServe sends; they do not say which run is nested in which."""

    def __init__(self, scope: AnyScope) -> None:
        self._replay = PatchReplay(*scope.observers, parent=scope.run)

    def take(self, data: Any) -> list[Any]:
        ops = [{**op, "value": from_wire(op["value"])} if "value" in op else op for op in data["ops"]]
        self._replay.take(ops)
        chunks = [op["value"] for op in ops if op["path"] == "/streamed_output/-"]
        return [AddableDict(chunk) if type(chunk) is dict else chunk for chunk in chunks]

    async def settle(self) -> None:
        """Nothing to wait for: its runs report as they are read."""

    def end(self, error: BaseException | None) -> None:
        self._replay.end(error)


def schema_model(schema: dict[str, Any], title: str) -> type[BaseModel]:
    """A model that takes anything and has *schema* as its JSON schema."""

    class RemoteSchema(Described):
        @classmethod
        def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
            return json.loads(json.dumps(schema))  # type: ignore[no-any-return]  # a dict's

    RemoteSchema.__name__ = RemoteSchema.__qualname__ = str(schema.get("title") or title)
    return RemoteSchema


def _data(batch: ServedBatch) -> Iterator[str]:
    """The data of a batch's data events. ``metadata`` and events of later versions are left out."""
    return (data for name, data in batch.events if name == "data")
