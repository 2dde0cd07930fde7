"""Reading requests: the body within its limits; its input and config checked against the chain's schemas."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

from pydantic import BaseModel, RootModel, ValidationError
from starlette.requests import Request
from starlette.types import Receive, Scope

from ...engine.config import RunnableConfig, check_config
from ...runnables.base import Runnable
from ...runnables.binding import RunnableBinding
from ...runnables.function import RunnableGenerator, RunnableLambda
from ...runnables.schema import Keyed
from ...runnables.sequence import RunnableSequence
from ..wire.extensions import FILTERS
from ..wire.values import from_wire
from .faults import Fault, invalid, of_validation
from .options import RouteOptions

__all__ = ["Call", "read_body", "read_call", "read_calls"]


_CONFIGURABLE = ("config", "configurable")
"""Where faults of configurable fields are, which show only when the chain's schema is made."""


@dataclass(frozen=True)
class Call:
    """One checked input and the config to run it with, which has a ``run_id``."""

    input: Any
    config: RunnableConfig
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        return str(self.config["run_id"])

    def filters(self) -> dict[str, Any]:
        """The caller's filters for the runs of a log or an event stream. Raises Fault."""
        found = {}
        for name in FILTERS:
            names = self.body.get(name)
            if names is None:
                continue
            if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
                raise invalid([name], "Input should be a list of texts", "list_type")
            found[name] = names
        return found


async def read_body(scope: Scope, receive: Receive, most_bytes: int) -> dict[str, Any]:
    """The JSON object that a request carries. Raises Fault: 413, 415, 422."""
    headers = dict(scope["headers"])
    kind = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        # This also keeps other sites' pages out: a browser asks for permission before it sends JSON to
        # another origin.
        raise Fault(415, {"detail": f"expected Content-Type: application/json, got {kind[:80]!r}"})
    too_large = Fault(413, {"detail": f"the body is larger than the {most_bytes:,} bytes allowed here"})
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > most_bytes:
        raise too_large
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Fault(400, {"detail": "the client left before its request was complete"})
        piece = message.get("body", b"")
        size += len(piece)
        if size > most_bytes:
            raise too_large
        pieces.append(piece)
        if not message.get("more_body"):
            break
    return _object(b"".join(pieces))


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw.decode(), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise invalid([], "the body is not UTF-8", "json_invalid") from None
    except RecursionError:
        raise invalid([], "the JSON is nested too deeply", "json_invalid") from None
    except ValueError as error:
        raise invalid([], f"no JSON: {error}", "json_invalid") from None
    if not isinstance(body, dict):
        raise invalid([], "Input should be an object", "dict_type")
    return body


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


async def read_call(
    chain: Runnable[Any, Any], options: RouteOptions, body: dict[str, Any], scope: Scope
) -> Call:
    """The call that a body of one ``input`` asks for. Raises Fault."""
    _no_arguments(body)
    if "input" not in body:
        raise invalid(["input"], "Field required", "missing")
    config = _config(chain, options, body.get("config"), ["config"])
    config = await _modified(options, config, scope)
    return Call(_input(chain, body["input"], config, ["input"]), _with_id(config), body)


async def read_calls(
    chain: Runnable[Any, Any], options: RouteOptions, body: dict[str, Any], scope: Scope
) -> list[Call]:
    """The calls of a ``/batch``. Raises Fault."""
    _no_arguments(body)
    if "inputs" not in body:
        raise invalid(["inputs"], "Field required", "missing")
    inputs = body["inputs"]
    if not isinstance(inputs, list):
        raise invalid(["inputs"], "Input should be a list", "list_type")
    if len(inputs) > options.limits.batch_size:
        most = options.limits.batch_size
        raise invalid(["inputs"], f"at most {most} inputs are taken at once, got {len(inputs)}", "too_long")
    given = body.get("config")
    if not isinstance(given, list):
        shared = _config(chain, options, given, ["config"])
        configs = [shared] * len(inputs)
    elif len(given) != len(inputs):
        raise invalid(["config"], f"expected one config or {len(inputs)}, got {len(given)}", "value_error")
    else:
        configs = [_config(chain, options, one, ["config", index]) for index, one in enumerate(given)]
    calls = []
    for index, (input, config) in enumerate(zip(inputs, configs, strict=True)):
        config = await _modified(options, config, scope)
        own_id = _with_id({**config, "run_id": None} if index and not isinstance(given, list) else config)
        calls.append(Call(_input(chain, input, config, ["inputs", index]), own_id))
    return calls


def _no_arguments(body: dict[str, Any]) -> None:
    kwargs = body.get("kwargs")
    if kwargs is not None and not isinstance(kwargs, dict):
        raise invalid(["kwargs"], "Input should be an object", "dict_type")
    if kwargs:
        raise invalid(["kwargs"], "call arguments are not taken here: make them configurable fields")


def _config(
    chain: Runnable[Any, Any], options: RouteOptions, given: Any, place: Sequence[str | int]
) -> dict[str, Any]:
    """The part of a caller's config that is allowed, checked."""
    if given is None or given == {}:
        return {}
    if not isinstance(given, dict):
        raise invalid(place, "Input should be an object", "dict_type")
    keys = options.config_keys
    if given.get("configurable") and "configurable" not in keys:
        raise invalid([*place, "configurable"], "nothing is configurable from outside here", "forbidden")
    allowed = {key: given[key] for key in keys if given.get(key) is not None}
    if not allowed:
        return {}
    model = chain.config_schema(include=[key for key in keys if key != "configurable"])
    try:
        checked = model.model_validate(allowed)
    except ValidationError as error:
        raise of_validation(error, place) from None
    config: dict[str, Any] = checked.model_dump(mode="json", by_alias=True, exclude_unset=True)
    try:
        return check_config({key: value for key, value in config.items() if value is not None})
    except (TypeError, ValueError) as error:
        raise invalid(place, str(error)) from None


async def _modified(options: RouteOptions, config: dict[str, Any], scope: Scope) -> dict[str, Any]:
    if options.config_modifier is None:
        return config
    modified = options.config_modifier(dict(config), Request(scope))
    modified = await modified if inspect.isawaitable(modified) else modified
    if not isinstance(modified, dict):
        kind = type(modified).__name__
        raise TypeError(f"per_req_config_modifier: expected it to return the config, a dict, got {kind}")
    return modified


def _with_id(config: dict[str, Any]) -> RunnableConfig:
    return cast(RunnableConfig, {**config, "run_id": config.get("run_id") or str(uuid4())})


def _input(
    chain: Runnable[Any, Any],
    raw: Any,
    config: dict[str, Any],
    place: Sequence[str | int],
) -> Any:
    try:
        schema = chain.get_input_schema(config or None)  # type: ignore[arg-type]  # a checked config
    except ValidationError as error:  # a configurable field does not take what it is set to
        raise of_validation(error, _CONFIGURABLE) from None
    except (ValueError, TypeError, LookupError) as error:
        raise invalid(_CONFIGURABLE, str(error)) from None
    try:
        value = from_wire(raw)
        validated = schema.model_validate(value)
    except ValidationError as error:
        raise of_validation(error, place) from None
    except RecursionError:
        raise invalid(place, "the JSON is nested too deeply") from None
    return _unpacked(validated, value, _begins_with_function(chain))


def _unpacked(validated: Any, given: Any, keep: bool) -> Any:
    """A value as chains take it: models that only describe dicts become dicts again, with the keys that the
    schema does not have unchanged. With *keep*, models of the user's own stay, because a function takes
    them."""
    if isinstance(validated, RootModel):
        return _unpacked(validated.root, given, keep)
    if isinstance(validated, list) and isinstance(given, list) and len(validated) == len(given):
        return [_unpacked(one, raw, keep) for one, raw in zip(validated, given, strict=True)]
    if not isinstance(validated, BaseModel) or not isinstance(given, dict):
        return validated
    kind = type(validated)
    is_ours = kind.__module__.startswith("workbench.")
    is_made = isinstance(validated, Keyed)
    if not is_made and (keep or is_ours):  # as it is: also a message, a document or a prompt value
        return validated
    values = dict(given)
    for name, info in kind.model_fields.items():
        key = info.alias or name
        if key in given:
            values[key] = _unpacked(getattr(validated, name), given[key], keep)
        elif not is_made and not info.is_required():
            values[key] = getattr(validated, name)
    return values


def _begins_with_function(chain: Any) -> bool:
    while True:
        if isinstance(chain, RunnableSequence):
            chain = chain.steps[0]
        elif isinstance(chain, RunnableBinding):
            if chain.custom_input_type is not None:
                return False
            chain = chain.bound
        else:
            return isinstance(chain, RunnableLambda | RunnableGenerator)
