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
    body = {"type": "object", "properties": fields, "required": required}
    content = {"application/json": {"schema": body}}
    return {
        "summary": _SUMMARIES[name],
        "requestBody": {"required": True, "content": content},
        "responses": {"200": _success(name, parts["output_schema"]), **_faults(*_FAULTS)},
    }


def _success(name: str, output: dict[str, Any]) -> dict[str, Any]:
    if name.startswith("stream"):
        return {"description": "Events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    one = {
        "type": "object",
        "properties": {
            "run_id": {"type": "string", "format": "uuid"},
            "feedback_tokens": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["run_id"],
    }
    many = {
        "type": "object",
        "properties": {
            "run_ids": {"type": "array", "items": {"type": "string", "format": "uuid"}},
            "responses": {"type": "array", "items": one},
        },
        "required": ["run_ids", "responses"],
    }
    # Outputs are not checked against the output schema, which may know less than what comes.
    answer = {
        "type": "object",
        "properties": {
            "output": {"type": "array"} if name == "batch" else {},
            "metadata": many if name == "batch" else one,
        },
        "required": ["output", "metadata"],
    }
    described = "The outputs" if name == "batch" else f"The output: {output.get('title', 'any value')}"
    return {"description": described, "content": {"application/json": {"schema": answer}}}


def _get(name: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    responses = {"200": {"description": "A JSON schema", "content": content}, **_faults(401)}
    return {"summary": _SUMMARIES[name], "responses": responses}


def _health() -> dict[str, Any]:
    schema = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
    content = {"application/json": {"schema": schema}}
    return {
        "summary": "Whether runs are taken",
        "operationId": "health",
        "responses": {
            "200": {"description": "They are", "content": content},
            "503": {"description": "The server shuts down", "content": content},
        },
    }


def _faults(*statuses: int) -> dict[str, Any]:
    content = {"application/json": {"schema": _FAULT_REF}}
    return {str(status): {"description": _FAULTS[status], "content": content} for status in statuses}


_FAULT = {
    "type": "object",
    "properties": {
        "detail": {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "loc": {
                                "type": "array",
                                "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                            },
                            "msg": {"type": "string"},
                            "type": {"type": "string"},
                        },
                        "required": ["loc", "msg", "type"],
                    },
                },
            ]
        },
        "error": {"type": "object"},
    },
    "required": ["detail"],
}


def _identifier(service: Service) -> str:
    return re.sub(r"\W", "_", service.path.strip("/")) or "chain"


def _lifted(schema: dict[str, Any], prefix: str, schemas: dict[str, Any]) -> dict[str, Any]:
    """*schema* with its definitions among the document's, under names of the chain's own."""

    def rewritten(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: _ref(key, item) if key == "$ref" else rewritten(item) for key, item in value.items()}
        return [rewritten(item) for item in value] if isinstance(value, list) else value

    def _ref(key: str, item: Any) -> Any:
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
