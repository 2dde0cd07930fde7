"""The OpenAPI 3.1 document of the served chains, made from their schemas."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ... import __version__
from ..wire.extensions import FILTERS
from .endpoints import POSTS, SCHEMAS, Service

__all__ = ["openapi_document"]

_SUMMARIES = {
    "invoke": "The output for one input",
    "batch": "The outputs for many inputs, side by side",
    "stream": "The output in chunks, as server-sent events: metadata, data, error, end",
    "stream_log": "The run as JSON Patch operations (RFC 6902), as server-sent events",
    "stream_events": "The run as events, as server-sent events",
    "input_schema": "The JSON schema of the input",
    "output_schema": "The JSON schema of the output",
    "config_schema": "The JSON schema of the config",
}
_FAULT_REF = {"$ref": "#/components/schemas/Fault"}
_FAULTS = {
    400: "The request was not complete",
    401: "No token of this service",
    413: "The body is too large",
    415: "The body is no JSON",
    422: "What was sent is not what is expected; loc has the path of the fault",
    500: "The chain failed",
    503: "Too many runs are under way, or the server shuts down",
    504: "The run took too long",
}


def openapi_document(services: Sequence[Service]) -> dict[str, Any]:
    """The document of *services*."""
    schemas: dict[str, Any] = {"Fault": _FAULT}
    paths: dict[str, Any] = {"/health": {"get": _health()}}
    for service in services:
        prefix = _identifier(service)
        parts = {name: _lifted(service.schema(name), prefix, schemas) for name in SCHEMAS}
        for name in (*POSTS, *SCHEMAS):
            method = "post" if name in POSTS else "get"
            operation = _post(name, parts) if name in POSTS else _get(name)
            operation |= {"operationId": f"{prefix}_{name}", "tags": [service.name]}
            if service.options.tokens:
                operation["security"] = [{"bearer": []}]
            paths[f"{service.path}/{name}"] = {method: operation}
    components: dict[str, Any] = {"schemas": schemas}
    if any(service.options.tokens for service in services):
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    info = {"title": "chains", "version": __version__, "description": "Chains served by chain-workbench."}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def _post(name: str, parts: dict[str, Any]) -> dict[str, Any]:
    config = {"anyOf": [parts["config_schema"], {"type": "null"}]}
    kwargs = {"type": "object", "maxProperties": 0}
    if name == "batch":
        configs = {"type": "array", "items": parts["config_schema"]}
        fields: dict[str, Any] = {
            "inputs": {"type": "array", "items": parts["input_schema"]},
            "config": {"anyOf": [parts["config_schema"], configs, {"type": "null"}]},
            "kwargs": kwargs,
        }
    else:
        fields = {"input": parts["input_schema"], "config": config, "kwargs": kwargs}
    if name in ("stream_log", "stream_events"):
        names = {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}
        fields |= dict.fromkeys(FILTERS, names)
    required = ["inputs" if name == "batch" else "input"]
    return {
        "summary": _SUMMARIES[name],
        "requestBody": {"required": True, "content": _json(_object(required, **fields))},
        "responses": {"200": _success(name, parts["output_schema"]), **_faults(*_FAULTS)},
    }


def _success(name: str, output: dict[str, Any]) -> dict[str, Any]:
    if name.startswith("stream"):
        return {"description": "Events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    id, tokens = {"type": "string", "format": "uuid"}, {"type": "array", "items": {"type": "object"}}
    one = _object(["run_id"], run_id=id, feedback_tokens=tokens)
    many = _object(
        ["run_ids", "responses"],
        run_ids={"type": "array", "items": id},
        responses={"type": "array", "items": one},
    )
    # Outputs are not checked against the output schema, which may know less than what comes.
    answer = _object(
        ["output", "metadata"],
        output={"type": "array"} if name == "batch" else {},
        metadata=many if name == "batch" else one,
    )
    described = "The outputs" if name == "batch" else f"The output: {output.get('title', 'any value')}"
    return {"description": described, "content": _json(answer)}


def _get(name: str) -> dict[str, Any]:
    content = _json({"type": "object"})
    responses = {"200": {"description": "A JSON schema", "content": content}, **_faults(401)}
    return {"summary": _SUMMARIES[name], "responses": responses}


def _health() -> dict[str, Any]:
    content = _json(_object(["status"], status={"type": "string"}))
    return {
        "summary": "Whether runs are taken",
        "operationId": "health",
        "responses": {
            "200": {"description": "They are", "content": content},
            "503": {"description": "The server shuts down", "content": content},
        },
    }


def _faults(*statuses: int) -> dict[str, Any]:
    content = _json(_FAULT_REF)
    return {str(status): {"description": _FAULTS[status], "content": content} for status in statuses}


def _object(required: Sequence[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


_PLACE = {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}
_DETAIL = _object(["loc", "msg", "type"], loc=_PLACE, msg={"type": "string"}, type={"type": "string"})
_FAULT = _object(
    ["detail"],
    detail={"anyOf": [{"type": "string"}, {"type": "array", "items": _DETAIL}]},
    error={"type": "object"},
)


def _identifier(service: Service) -> str:
    return re.sub(r"\W", "_", service.path.strip("/")) or "chain"


def _lifted(schema: dict[str, Any], prefix: str, schemas: dict[str, Any]) -> dict[str, Any]:
    """*schema* with its definitions among the document's, under names of the chain's own."""

    def rewritten(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: ref(item) if key == "$ref" else rewritten(item) for key, item in value.items()}
        return [rewritten(item) for item in value] if isinstance(value, list) else value

    def ref(item: Any) -> Any:
        if isinstance(item, str) and item.startswith("#/$defs/"):
            return f"#/components/schemas/{prefix}_{item.removeprefix('#/$defs/')}"
        return item

    for name, definition in schema.get("$defs", {}).items():
        schemas[f"{prefix}_{name}"] = _without_mapping(rewritten(definition))
    return _without_mapping(rewritten({key: value for key, value in schema.items() if key != "$defs"}))  # type: ignore[no-any-return]  # a dict's


def _without_mapping(value: Any) -> Any:
    """*value* without discriminator mappings: their references are not rewritten, and they are only hints."""
    if isinstance(value, dict):
        return {key: _without_mapping(item) for key, item in value.items() if key != "discriminator"}
    return [_without_mapping(item) for item in value] if isinstance(value, list) else value
