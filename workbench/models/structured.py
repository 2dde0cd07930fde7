"""Tools and structured output, for models that take requests in the format of OpenAI's API.

``bind_tools`` gives a model tools to call. ``with_structured_output`` makes a chain of the model and a
parser: the model is given a schema, as a tool to call or as the format of its text, and the parser reads its
answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal, get_args

from pydantic import BaseModel

from ..engine.chunks import AddableDict, ChunkStream, Fold
from ..engine.config import RunnableConfig
from ..engine.modes import AnyScope
from ..parsers.json import JsonOutputParser, PydanticOutputParser
from ..parsers.structured_answer import AnswerParser
from ..parsers.tool_calls import JsonOutputKeyToolsParser, PydanticToolsParser
from ..runnables.base import Runnable
from ..runnables.parallel import RunnableParallel
from ..runnables.shapes import Key, Shape
from ..text.excerpts import typed_repr
from ..tools.openai_format import convert_to_openai_function, convert_to_openai_tool

__all__ = ["Method", "structured", "tool_arguments"]

Method = Literal["function_calling", "json_schema", "json_mode"]

_WORDS = ("auto", "none", "required")
_SERVER_TOOLS = ("file_search", "web_search", "web_search_preview", "code_interpreter", "image_generation")


def tool_arguments(
    tools: Sequence[Any],
    tool_choice: Any = None,
    *,
    strict: bool | None = None,
    parallel_tool_calls: bool | None = None,
) -> dict[str, Any]:
    """The arguments of a call that offer tools to the model. *tool_choice*: "auto", "none", "any" (or
    "required", or True), the name of a tool, or what the API takes. ValueError for a name that no tool has,
    or two have.

    >>> tool_arguments([{"name": "f"}], "f")["tool_choice"]
    {'type': 'function', 'function': {'name': 'f'}}
    """
    if isinstance(tools, str | Mapping) or not isinstance(tools, Sequence):
        raise TypeError(f"bind_tools: expected a list of tools, got {typed_repr(tools)}")
    offered = [convert_to_openai_tool(each, strict=strict) for each in tools]
    names = [each["function"]["name"] for each in offered if "function" in each]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"bind_tools: expected tools of different names, got two called {min(twice)!r}")
    arguments: dict[str, Any] = {"tools": offered}
    if (choice := _choice(tool_choice, names)) is not None:
        arguments["tool_choice"] = choice
    if parallel_tool_calls is not None:
        arguments["parallel_tool_calls"] = parallel_tool_calls
    return arguments


def _choice(given: Any, names: list[str]) -> Any:
    if given is None or given is False or given == "":
        return None
    if given is True or given == "any":
        return "required"
    if isinstance(given, str):
        if given in names:
            return {"type": "function", "function": {"name": given}}
        if given in _WORDS:
            return given
        if given in _SERVER_TOOLS:
            return {"type": given}
    elif isinstance(given, Mapping):
        wanted = (given.get("function") or {}).get("name")
        if wanted is None or wanted in names:
            return dict(given)
        given = wanted
    else:
        raise TypeError(f"tool_choice: expected text, a bool or a dict, got {typed_repr(given)}")
    raise ValueError(
        f'tool_choice: expected "auto", "none", "any" or one of {", ".join(names) or "no tools"}, '
        f"got {given!r}"
    )


def structured(
    model: Any,
    schema: Any,
    method: Method,
    *,
    include_raw: bool = False,
    strict: bool | None = None,
    **bound: Any,
) -> Runnable[Any, Any]:
    """The chain of ``with_structured_output``; see ``ChatOpenAI``. *bound* are arguments of every call."""
    if method not in get_args(Method):
        raise ValueError(
            f"with_structured_output: method: expected one of {', '.join(get_args(Method))}, got {method!r}"
        )
    if schema is None and method != "json_mode":
        raise ValueError(f"with_structured_output: method {method!r} needs a schema; only json_mode does not")
    is_model = isinstance(schema, type) and issubclass(schema, BaseModel)
    if method == "json_mode":
        if strict is not None:
            raise ValueError('with_structured_output: strict is for "function_calling" and "json_schema"')
        asked = model.bind(response_format={"type": "json_object"}, **bound)
        parser = _text_parser(schema if is_model else None, None)
    elif method == "json_schema":
        form = _response_form(schema, is_model if strict is None else strict)
        asked = model.bind(response_format={"type": "json_schema", "json_schema": form}, **bound)
        parser = _text_parser(schema if is_model else None, form["name"])
    else:
        name = convert_to_openai_function(schema)["name"]
        options = {} if strict is None else {"strict": strict}
        asked = model.bind_tools([schema], tool_choice=name, parallel_tool_calls=False, **options, **bound)
        parser = tool_answer_parser(schema, name)
    if include_raw:
        return RunnableParallel({"raw": asked}) | ParsedBeside(parser)
    chain: Runnable[Any, Any] = asked | parser
    return chain


def _response_form(schema: Any, strict: bool) -> dict[str, Any]:
    """A schema as ``response_format`` takes it."""
    if isinstance(schema, Mapping) and schema.get("type") == "json_schema" and "json_schema" in schema:
        schema = schema["json_schema"]
    if isinstance(schema, Mapping) and "name" in schema and "schema" in schema:
        return dict(schema)
    function = convert_to_openai_function(schema, strict=strict or None)
    form = {"name": function["name"], "schema": function["parameters"], "strict": strict}
    return {**form, "description": function["description"]} if function.get("description") else form


def _text_parser(model: type[BaseModel] | None, name: str | None) -> AnswerParser:
    reader: JsonOutputParser = (
        JsonOutputParser() if model is None else PydanticOutputParser(pydantic_object=model)
    )
    return AnswerParser(reader=reader, output_type=model or dict[str, Any], wanted=name)


def tool_answer_parser(schema: Any, name: str) -> AnswerParser:
    """The parser of an answer that calls the tool *name*."""
    is_model = isinstance(schema, type) and issubclass(schema, BaseModel)
    if is_model:
        reader: Any = PydanticToolsParser(tools=[schema], first_tool_only=True)
    else:
        reader = JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)
    kind = schema if is_model else dict[str, Any]
    return AnswerParser(reader=reader, output_type=kind, wanted=name, calls=True)


class ParsedBeside(Runnable[Any, Any]):
    """Adds to ``{"raw": message}`` the parsed message as ``parsed``, or the parser's error as
    ``parsing_error``; the other of the two is None. A stream gives the message first."""

    def __init__(self, parser: Runnable[Any, Any]) -> None:
        self.parser = parser
        self.name = None

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return [self.parser]

    def _output_shape(self, config: RunnableConfig | None, given: Shape) -> Shape:
        fields = dict(given.fields or {})
        fields["parsed"] = Key(getattr(self.parser, "OutputType", Any) | None)
        fields["parsing_error"] = Key(Any)
        return Shape.keyed(self.get_name("output"), fields)

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return {**input, **await self._parsed(input["raw"], scope)}

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        total = Fold()
        async with aclosing(source):
            async for chunk in source:
                total.add(chunk)
                yield AddableDict.replacing(chunk, chunk)
        yield AddableDict(await self._parsed(total.value["raw"], scope))

    async def _parsed(self, raw: Any, scope: AnyScope) -> dict[str, Any]:
        __tracebackhide__ = True
        try:
            parsed = await self.parser._call_step(raw, scope)
        except Exception as error:  # never a cancellation
            return {"parsed": None, "parsing_error": error}
        return {"parsed": parsed, "parsing_error": None}
