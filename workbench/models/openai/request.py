"""From a model's fields to the arguments of an ``openai`` method, and from its raw response to a result."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeVar

from ...errors import ModelAnswerError
from .stream import server_error

__all__ = ["as_body", "given_fields", "parsed"]

Result = TypeVar("Result")

_SHOWN = 200
"""Characters of what came that an error shows."""


def given_fields(model: Any, names: Iterable[str]) -> dict[str, Any]:
    """The fields that are set: a server's own defaults are left to it."""
    return {name: value for name in names if (value := getattr(model, name)) is not None}


def as_body(request: dict[str, Any], resource: str) -> dict[str, Any]:
    """*request* as keyword arguments of the resource's ``create``: what the SDK does not know (other
    servers' options) goes into the body as it is."""
    known = _known_parameters(resource)
    others = {name: value for name, value in request.items() if name not in known}
    if not others:
        return request
    body = {**(request.get("extra_body") or {}), **others}
    return {name: value for name, value in request.items() if name in known} | {"extra_body": body}


@cache
def _known_parameters(resource: str) -> frozenset[str]:
    from openai.resources import chat, completions

    create: Callable[..., Any] = (
        chat.Completions.create if resource == "chat.completions" else completions.Completions.create
    )
    return frozenset(inspect.signature(create).parameters)


def parsed(http: Any, label: str, result_of: Callable[[dict[str, Any]], Result]) -> Result:
    """A response's JSON as a result. ModelAnswerError, with the beginning of what came, if it is none; the
    SDK's APIError if it is an error under status 200."""
    try:
        answer = json.loads(http.content)
        if "choices" not in answer and (error := server_error(answer, http)) is not None:
            raise error
        return result_of(answer)
    except (AttributeError, KeyError, TypeError, IndexError, ValueError) as error:
        text = http.content.decode("utf-8", "replace")
        start = repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
        raise ModelAnswerError(
            f"{label} did not answer with a completion but with {start}: "
            "is the address right (most end in /v1)?"
        ) from error
