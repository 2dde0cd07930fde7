"""Parsers of the tool calls in a chat model's messages: as data, or as instances of pydantic models.

A stream gives the calls as their arguments grow (see ``partial_json``). A call whose arguments are no JSON
object in the end raises OutputParserError, with the text of the arguments as ``llm_output``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from ..engine.chunks import MISSING
from ..errors import OutputParserError
from ..messages import BaseMessage
from ..messages.chunks import begins_another_call
from .base import GrowingReader, Outputs
from .call_arguments import (
    ArgumentsReader,
    CallParser,
    arguments_expected,
    arguments_misfit,
    message_to_parse,
)

__all__ = ["JsonOutputKeyToolsParser", "JsonOutputToolsParser", "PydanticToolsParser"]


class JsonOutputToolsParser(CallParser):
    """The tool calls of a message as a list of ``{"args": {...}, "type": name}``, with ``"id"`` if
    *return_id*; with *first_tool_only* the first of them, or None.

    *strict*: line ends inside a text of the arguments are an error.

    >>> from workbench import AIMessage, JsonOutputToolsParser
    >>> answer = AIMessage("", tool_calls=[{"name": "add", "args": {"x": 1, "y": 2}, "id": "call-1"}])
    >>> JsonOutputToolsParser().invoke(answer)
    [{'args': {'x': 1, 'y': 2}, 'type': 'add'}]
    """

    strict: bool = False
    return_id: bool = False
    first_tool_only: bool = False

    def parse_result(self, result: list[Any], *, partial: bool = False) -> Any:
        """With *partial*, calls as far as they are known."""
        reader = _CallsGrowth(self)
        reader.read(message_to_parse(self, result[0].message or result[0].text))
        if not partial:
            reader.check()
        return self._picked([call for call in reader.calls if call.name], partial)

    def get_format_instructions(self) -> str:
        return "Answer by calling a tool."

    def _picked(self, calls: list[_Call], partial: bool) -> Any:
        """The output for these calls."""
        outputs = [self._one(call) for call in calls]
        return outputs if not self.first_tool_only else outputs[0] if outputs else None

    def _one(self, call: _Call) -> Any:
        id = {"id": call.id} if self.return_id else {}
        return {"args": call.value, **id, "type": call.name}

    def _reader(self) -> GrowingReader | None:
        return _CallsGrowth(self)


class JsonOutputKeyToolsParser(JsonOutputToolsParser):
    """The arguments of the calls of the tool *key_name*; with *return_id* the calls themselves.

    >>> from workbench import AIMessage, JsonOutputKeyToolsParser
    >>> answer = AIMessage("", tool_calls=[{"name": "add", "args": {"x": 1, "y": 2}, "id": "call-1"}])
    >>> JsonOutputKeyToolsParser(key_name="add", first_tool_only=True).invoke(answer)
    {'x': 1, 'y': 2}
    """

    key_name: str

    def _picked(self, calls: list[_Call], partial: bool) -> Any:
        return super()._picked([call for call in calls if call.name == self.key_name], partial)

    def _one(self, call: _Call) -> Any:
        return super()._one(call) if self.return_id else call.value


class PydanticToolsParser(JsonOutputToolsParser):
    """The tool calls of a message as instances of the models in *tools*, which go by their names (or by
    the title in their config). A stream gives an instance as soon as there is enough for one.

    Raises OutputParserError for a tool that is not among them and for arguments that do not fit.

    >>> from pydantic import BaseModel
    >>> from workbench import AIMessage, PydanticToolsParser
    >>> class Add(BaseModel):
    ...     x: int
    ...     y: int
    >>> answer = AIMessage("", tool_calls=[{"name": "Add", "args": {"x": 1, "y": 2}, "id": "call-1"}])
    >>> PydanticToolsParser(tools=[Add]).invoke(answer)
    [Add(x=1, y=2)]
    """

    tools: list[type[BaseModel]]

    def _picked(self, calls: list[_Call], partial: bool) -> Any:
        calls = calls[:1] if self.first_tool_only else calls
        made = [self._instance(call, partial) for call in calls]
        instances = [each for each in made if each is not None]
        return instances if not self.first_tool_only else instances[0] if instances else None

    def _instance(self, call: _Call, partial: bool) -> Any:
        if call.instance is not None:
            return call.instance
        by_name = {tool.model_config.get("title") or tool.__name__: tool for tool in self.tools}
        if call.name not in by_name:
            raise OutputParserError(
                f"expected a call of {', '.join(by_name) or '(no tools)'}, got one of {call.name!r}",
                llm_output=call.text,
            )
        try:
            instance = by_name[call.name].model_validate(call.value)
        except ValidationError as error:
            if partial:
                return None
            raise arguments_misfit(call.name, call.text, error) from error
        if call.whole:
            call.instance = instance
        return instance

    def _diff(self, prev: Any, next: Any) -> Any:
        return super()._diff(_dumped(prev), _dumped(next))


def _dumped(instances: Any) -> Any:
    if isinstance(instances, BaseModel):
        return instances.model_dump(mode="json")
    return None if instances is None else [each.model_dump(mode="json") for each in instances]


class _Call:
    """A tool call that is being read."""

    def __init__(self, strict: bool) -> None:
        self.name = ""
        self.id: str | None = None
        self.instance: Any = None
        self._arguments = ArgumentsReader("tool call", strict=strict)
        self._given: Any = MISSING

    @classmethod
    def given(cls, call: Mapping[str, Any]) -> _Call:
        """A call that came whole."""
        made = cls(False)
        made.name, made.id, made._given = call["name"], call.get("id"), call["args"]
        return made

    @property
    def text(self) -> str:
        return self._arguments.text if self._given is MISSING else str(self._given)

    @property
    def value(self) -> Any:
        if self._given is not MISSING:
            return self._given
        value = self._arguments.value
        return {} if value is MISSING else value

    @property
    def whole(self) -> bool:
        return self._given is not MISSING or self._arguments.done

    def grow(self, piece: Mapping[str, Any]) -> bool:
        """Add a piece of the call. Returns whether its name or its arguments have changed."""
        named = False
        if not self.name and (name := piece.get("name")):
            self._arguments.name = self.name = name  # the reader's errors show it
            named = True
        self.id = self.id or piece.get("id")
        return self._arguments.add(piece.get("args") or "") or named

    def check(self) -> None:
        """Raises OutputParserError if the arguments are no JSON object; a call may have none."""
        if self._given is MISSING and self._arguments.text.strip():
            self._arguments.check()
        elif not isinstance(self.value, dict):
            raise arguments_expected("tool call", self.name, self.text, "an object")


class _CallsGrowth:
    """The calls of a message that comes in chunks, or whole."""

    def __init__(self, parser: JsonOutputToolsParser) -> None:
        self.calls: list[_Call] = []
        self._parser = parser
        self._at: dict[Any, _Call] = {}
        self._outputs = Outputs(parser)

    def feed(self, chunk: Any) -> Any:
        if not self.read(message_to_parse(self._parser, chunk)):
            return MISSING
        return self._output(True)

    def finish(self) -> Any:
        self.check()
        return self._output(False)

    def read(self, message: BaseMessage) -> bool:
        """Whether the message changes the calls."""
        changed = False
        for index, piece in _pieces(message):
            call = self._at.get(index) if index is not None else None
            if call is None or begins_another_call(piece, call.id):
                call = _Call(self._parser.strict)
                self.calls.append(call)
                if index is not None:
                    self._at[index] = call
            changed = call.grow(piece) or changed
        if not getattr(message, "tool_call_chunks", None):
            whole = [_Call.given(call) for call in getattr(message, "tool_calls", ())]
            self.calls.extend(whole)
            changed = changed or bool(whole)
        return changed

    def check(self) -> None:
        """Raises OutputParserError if a call is not whole."""
        for call in self.calls:
            call.check()

    def _output(self, partial: bool) -> Any:
        value = self._parser._picked([call for call in self.calls if call.name], partial)
        if value is None or (partial and value == []):
            return MISSING
        return self._outputs.of(value)


def _pieces(message: BaseMessage) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """The pieces of calls in a message, each with the index of its call: chunks, calls whose arguments are no
    JSON, or those of a message that nobody has parsed."""
    chunks = getattr(message, "tool_call_chunks", None)
    if chunks:
        for chunk in chunks:
            yield chunk.get("index"), chunk
        return
    for call in getattr(message, "invalid_tool_calls", ()):
        yield None, call
    if not getattr(message, "tool_calls", ()) and not getattr(message, "invalid_tool_calls", ()):
        for number, raw in enumerate(message.additional_kwargs.get("tool_calls") or ()):
            function = raw.get("function") or {}
            piece = {"name": function.get("name"), "args": function.get("arguments"), "id": raw.get("id")}
            yield raw.get("index", number), piece
