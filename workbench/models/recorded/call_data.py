"""Requests and answers of models as JSON data: what caches and cassettes keep.

A request is everything that decides the answer: the model's identifying parameters, what it is asked, and the
arguments of the call. Keys, headers and ids of messages are not part of it. ``without_secrets`` also removes
text that only looks like a secret, wherever it occurs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, SecretStr

from ...engine.secrets import is_secret_name, masked
from ...messages import AIMessage, AIMessageChunk, BaseMessage, message_class
from ..generations import ChatGeneration, Generation, ModelAnswer

__all__ = [
    "RecordedModel",
    "chunk_data",
    "chunk_of",
    "generation_data",
    "generation_of",
    "message_data",
    "message_of",
    "request_data",
    "secrets_of",
    "without_secrets",
]

_ADDRESSES = frozenset({"base_url", "organization", "project", "azure_endpoint", "api_version"})
_HEADERS = frozenset({"extra_headers", "default_headers", "extra_query", "timeout", "run_manager"})
_SECRET_TEXTS = re.compile(r"\bsk-[\w-]{8,}|\b(?<=Bearer )[\w.~+/=-]{8,}")
_PASSWORD_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s\"']*@")
_NOT_ASKED = ("id", "response_metadata", "usage_metadata", "chunk_position", "tool_call_chunks")


class RecordedModel(Protocol):
    """What caches and cassettes use of a ``BaseLanguageModel``."""

    run_type: ClassVar[str]

    @property
    def cache(self) -> Any: ...

    @property
    def _llm_type(self) -> str: ...

    @property
    def _identifying_params(self) -> Mapping[str, Any]: ...

    def _answer_of_chunks(self, total: Any) -> ModelAnswer: ...

    def _output_of(self, generation: Any) -> Any: ...

    def _chunk_of_whole(self, output: Any) -> Any: ...


def request_data(
    model: RecordedModel, request: Any, kwargs: Mapping[str, Any], *, with_address: bool
) -> dict[str, Any]:
    """A request as JSON data without secrets: ``kind``, ``model``, ``asked`` and, if there are any,
    ``arguments``. *with_address*: the address of the model is part of it."""
    about = {
        key: value
        for key, value in model._identifying_params.items()
        if with_address or key not in _ADDRESSES
    }
    arguments = {key: value for key, value in kwargs.items() if value is not None}
    asked = request if isinstance(request, str) else [_asked(one) for one in request]
    data = {"kind": model._llm_type, "model": _without_named_secrets(_plain(about)), "asked": asked}
    if arguments := _without_named_secrets(_plain(arguments)):
        data["arguments"] = arguments
    return without_secrets(data, secrets_of(model))  # type: ignore[no-any-return]  # a dict like the one given


def _asked(one: Any) -> Any:
    if not isinstance(one, BaseMessage):
        return _plain(one)
    return {key: value for key, value in message_data(one).items() if key not in _NOT_ASKED}


def message_data(message: BaseMessage) -> dict[str, Any]:
    """A message as JSON data: its type, its content, and the other fields that are not empty.

    >>> message_data(AIMessage("hi", id="1"))
    {'type': 'ai', 'content': 'hi', 'id': '1'}
    """
    fields = type(message).model_fields
    values = {name: getattr(message, name) for name in fields} | (message.model_extra or {})
    kind = "ai" if isinstance(message, AIMessage) else message.type
    return {"type": kind, "content": _plain(values.pop("content"))} | {
        name: _plain(value)
        for name, value in values.items()
        if name != "type" and value not in (None, [], {}) and not _is_default(fields.get(name), value)
    }


def _is_default(field: Any, value: Any) -> bool:
    return field is not None and field.default == value


def message_of(data: Mapping[str, Any]) -> BaseMessage:
    """The message of which ``message_data`` made *data*."""
    fields = dict(data)
    kind = fields.pop("type")
    return message_class(kind)(**fields)


def chunk_data(chunk: Any) -> Any:
    """A chunk as data: only its text, if it has nothing else."""
    if isinstance(chunk, str):
        return chunk
    data = message_data(chunk)
    del data["type"]
    # Its tool calls are computed when chunks are added up, and it gets a new id.
    for name in ("id", "tool_calls", "invalid_tool_calls"):
        data.pop(name, None)
    return data["content"] if data.keys() == {"content"} and isinstance(data["content"], str) else data


def chunk_of(data: Any, kind: str) -> Any:
    """The chunk of which ``chunk_data`` made *data*; *kind* is the type of the run."""
    if kind == "llm":
        return data
    return AIMessageChunk(**(data if isinstance(data, Mapping) else {"content": data}))


def generation_data(generation: Any) -> dict[str, Any]:
    """A generation of text or of a message as data."""
    message = getattr(generation, "message", None)
    data: dict[str, Any] = (
        {"text": generation.text} if message is None else {"message": message_data(message)}
    )
    if generation.generation_info:
        data["generation_info"] = _plain(generation.generation_info)
    return data


def generation_of(data: Mapping[str, Any]) -> Any:
    """The generation of which ``generation_data`` made *data*."""
    info = data.get("generation_info")
    if "message" not in data:
        return Generation(data["text"], generation_info=info)
    return ChatGeneration(message_of(data["message"]), info)


def _plain(value: Any) -> Any:
    """A value as JSON data; classes and functions as their names, secrets not at all."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, SecretStr):
        return "***"
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, BaseMessage):
        return message_data(value)
    if isinstance(value, BaseModel):
        return _plain(value.model_dump())
    if isinstance(value, type) and issubclass(value, BaseModel):
        return _plain(value.model_json_schema())
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(one) for one in value), key=repr)
    name = getattr(value, "__qualname__", None) or type(value).__qualname__
    return f"<{name}>"  # not its repr, whose address differs from process to process


def _without_named_secrets(options: Any) -> Any:
    """Options without headers, and with secrets masked, at any depth.

    >>> _without_named_secrets({"a": [{"api_key": "x"}], "extra_headers": {"b": "c"}})
    {'a': [{'api_key': '***'}]}
    """
    return masked(_without_headers(options))


def _without_headers(options: Any) -> Any:
    if not isinstance(options, dict):
        return options
    return {key: _without_headers(value) for key, value in options.items() if key not in _HEADERS}


def secrets_of(model: Any) -> set[str]:
    """Secrets that must not be written: the model's, and those of the environment."""
    found: set[str] = set()
    for name in getattr(type(model), "model_fields", ()):
        value = getattr(model, name)
        if isinstance(value, SecretStr):
            found.add(value.get_secret_value())
        elif name in _HEADERS and isinstance(value, Mapping):
            found.update(str(one) for one in value.values())
    found.update(value for name, value in os.environ.items() if is_secret_name(name))
    return {secret for secret in found if len(secret) >= 8}


def without_secrets(value: Any, secrets: Iterable[str] = ()) -> Any:
    """JSON data with *secrets*, what looks like one, and passwords in addresses replaced.

    >>> without_secrets({"a": ["key sk-abcdefghij", "http://me:pw@host/"]})
    {'a': ['key ***', 'http://host/']}
    """
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
        return _PASSWORD_IN_ADDRESS.sub("", _SECRET_TEXTS.sub("***", value))
    if isinstance(value, Mapping):
        return {key: without_secrets(one, secrets) for key, one in value.items()}
    if isinstance(value, list):
        return [without_secrets(one, secrets) for one in value]
    return value
