"""Errors as JSON data, and back: a replayed call fails as the recorded one did.

An exception comes back as its own class if it is a built-in one, the workbench's or the ``openai``
package's; as ``CassetteError`` that names the class otherwise. Nothing is imported because a file says so.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ... import errors
from ...errors import CassetteError

__all__ = ["error_data", "error_of"]


def error_data(error: BaseException) -> dict[str, Any]:
    """
    >>> error_data(ValueError("no", 3))
    {'type': 'builtins.ValueError', 'message': "('no', 3)", 'args': ['no', 3]}
    """
    kind = type(error)
    module = "openai" if kind.__module__.startswith("openai") else kind.__module__
    data: dict[str, Any] = {"type": f"{module}.{kind.__name__}", "message": str(error)}
    if module == "openai":
        if (status := getattr(error, "status_code", None)) is not None:
            data["status"] = status
        if isinstance(body := getattr(error, "body", None), Mapping | str):
            data["body"] = dict(body) if isinstance(body, Mapping) else body
    elif all(isinstance(one, str | int | float | bool | None) for one in error.args):
        data["args"] = list(error.args)
    return data


def error_of(data: Mapping[str, Any]) -> Exception:
    """
    >>> error_of({"type": "builtins.ValueError", "message": "no", "args": ["no"]})
    ValueError('no')
    >>> error_of({"type": "os.system", "message": "no", "args": ["no"]})
    CassetteError('the recorded call failed with os.system: no')
    """
    module, _, name = str(data["type"]).rpartition(".")
    message = str(data.get("message", ""))
    if module == "openai":
        return _openai_error(name, message, data)
    homes = {"builtins": builtins, "workbench.errors": errors}
    kind = getattr(homes.get(module), name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(*data.get("args", [message]))
        except TypeError:  # one that takes other arguments
            pass
    return CassetteError(f"the recorded call failed with {data['type']}: {message}")


def _openai_error(name: str, message: str, data: Mapping[str, Any]) -> Exception:
    import openai

    # httpx, or what the SDK has in its place.
    http: Any = import_module(openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0])
    kind = getattr(openai, name, None)
    request = http.Request("POST", "http://cassette.invalid/")
    if isinstance(kind, type):
        if issubclass(kind, openai.APIStatusError):
            response = http.Response(int(data.get("status", 500)), request=request)
            return kind(message, response=response, body=data.get("body"))
        if issubclass(kind, openai.APITimeoutError):
            return kind(request=request)
        if issubclass(kind, openai.APIConnectionError):
            return kind(message=message, request=request)
        if kind is openai.APIError:
            return openai.APIError(message, request, body=data.get("body"))
        if issubclass(kind, openai.OpenAIError):
            return openai.OpenAIError(message)
    return CassetteError(f"the recorded call failed with openai.{name}: {message}")
