"""Tools and formats of answers for a small local model: described in its prompt, enforced by a grammar.

Requests come in the form of OpenAI's API. Their tools and response format are taken out and replaced by a
grammar, under which the model cannot write anything else, and by a few lines in the prompt for the model to
read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from .json_grammar import json_grammar

__all__ = ["CALL", "constrained"]

CALL = '{"name": '
"""The beginning of an answer that calls a tool."""

_CHARS_PER_TOKEN = 2
"""A token of JSON is about three characters; two leaves room."""

_TEXT = "[^{] [^\\x00]*"


def constrained(request: dict[str, Any]) -> dict[str, Any]:
    """*request* with a grammar instead of ``response_format`` and ``tools``; unchanged if it has neither.

    Raises ValueError for what no grammar can enforce, and for a grammar beside them.
    """
    form, tools = request.pop("response_format", None), request.pop("tools", None)
    choice = request.pop("tool_choice", "auto")
    request.pop("parallel_tool_calls", None)  # it makes one call at a time
    request["messages"] = _plain(request["messages"])
    most = _CHARS_PER_TOKEN * request.get("max_tokens", 256)
    if tools and choice != "none":
        if form:
            raise ValueError("the local model takes tools or a form of the answer, not both at once")
        functions = [tool["function"] for tool in tools if "function" in tool]
        grammar = _tool_grammar(json.dumps(functions), _wanted(choice), most)
        request["messages"] = _with_system(request["messages"], _about_tools(functions, choice))
    elif form and form.get("type") != "text":
        schema = form.get("json_schema", {}).get("schema")
        grammar = _form_grammar(json.dumps(schema), most)
        if schema:
            request["messages"] = _with_system(request["messages"], _about_form(schema))
    else:
        return request
    body = dict(request.get("extra_body") or {})
    if "grammar" in body:
        raise ValueError(
            "the local model takes a grammar, or tools or a form of the answer, not both at once"
        )
    request["extra_body"] = {**body, "grammar": grammar}
    return request


@lru_cache(maxsize=64)
def _form_grammar(schema: str, most: int) -> str:
    return json_grammar(json.loads(schema), most=most)


@lru_cache(maxsize=64)
def _tool_grammar(tools: str, wanted: str | None, most: int) -> str:
    """A grammar for a call of a tool: of *wanted*, or of any tool for ""; for None, a call or any text."""
    definitions: dict[str, Any] = {}
    calls = []
    for number, tool in enumerate(json.loads(tools)):
        if wanted and tool["name"] != wanted:
            continue
        text = json.dumps(tool.get("parameters") or {"type": "object"})
        arguments = json.loads(text.replace('"#/$defs/', f'"#/$defs/{number}/'))
        definitions[str(number)] = arguments.pop("$defs", {})
        calls.append(
            {"type": "object", "properties": {"name": {"const": tool["name"]}, "arguments": arguments}}
        )
    grammar = json_grammar({"anyOf": calls, "$defs": definitions}, most=most)
    if wanted is None:
        grammar = grammar.replace("root ::=", "root ::= call | text\ncall ::=", 1) + f"\ntext ::= {_TEXT}"
    return grammar


def _wanted(choice: Any) -> str | None:
    if choice == "auto":
        return None
    return "" if choice == "required" else str(choice["function"]["name"])


def _about_tools(tools: Sequence[Mapping[str, Any]], choice: Any) -> str:
    lines = [
        'You can call a function by answering only with JSON: {"name": NAME, "arguments": {...}}. Functions:'
    ]
    for tool in tools:
        fields = (tool.get("parameters") or {}).get("properties", {})
        described = {
            name: field.get("description") or field.get("type", "any") for name, field in fields.items()
        }
        about = {"name": tool["name"], "description": tool.get("description", ""), "arguments": described}
        lines.append(json.dumps(about, ensure_ascii=False))
    if choice == "auto":
        lines.append("Answer in plain text if no function is needed.")
    return "\n".join(lines)


def _about_form(schema: Mapping[str, Any]) -> str:
    fields = schema.get("properties", {})
    described = [
        f"{name} ({field['description']})" if field.get("description") else name
        for name, field in fields.items()
    ]
    about = f" {schema['description']}" if schema.get("description") else ""
    return f"Answer with JSON.{about}" + (f" Its keys: {', '.join(described)}." if described else "")


def _with_system(messages: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    if messages and messages[0]["role"] == "system":
        first = {**messages[0], "content": f"{messages[0]['content']}\n\n{text}"}
        return [first, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


def _plain(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Calls of tools and their answers as text: the model's chat template knows neither."""
    names: dict[str, str] = {}
    plain: list[dict[str, Any]] = []
    for message in messages:
        if calls := message.get("tool_calls"):
            names |= {call["id"]: call["function"]["name"] for call in calls}
            functions = [call["function"] for call in calls]
            text = "\n".join(
                f'{CALL}{json.dumps(each["name"])}, "arguments": {each["arguments"]}}}' for each in functions
            )
            plain.append({"role": "assistant", "content": f"{message.get('content') or ''}{text}"})
        elif message["role"] == "tool":
            name = names.get(message["tool_call_id"], "the function")
            text = f"The answer of {name} is: {message['content']}\nAnswer my question with it."
            plain.append({"role": "user", "content": text})
        else:
            plain.append(dict(message))
    return plain
