"""Parsers of a function call as chat models made them before there were tool calls: a name and arguments
under ``additional_kwargs["function_call"]`` of the message, in a stream piece by piece."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from ..engine.chunks import MISSING
from ..errors import OutputParserError
from ..messages import BaseMessage
from ..text.partial_json import JsonReader, JsonTextError
from .base import BaseCumulativeTransformOutputParser, BaseGenerationOutputParser, GrowingReader
from .tool_calls import message_expected, message_to_parse

__all__ = [
    "JsonKeyOutputFunctionsParser",
    "JsonOutputFunctionsParser",
    "OutputFunctionsParser",
    "PydanticAttrOutputFunctionsParser",
    "PydanticOutputFunctionsParser",
]


class OutputFunctionsParser(BaseGenerationOutputParser[Any]):
    """The function call of a message as it came: the text of the arguments, or without *args_only* a dict
    of ``name`` and ``arguments``."""

    args_only: bool = True

    def parse_result(self, result: list[Any], *, partial: bool = False) -> Any:
        call = _call_of(self, message_to_parse(self, result[0].message or result[0].text))
        return call["arguments"] if self.args_only else call


class JsonOutputFunctionsParser(BaseCumulativeTransformOutputParser[Any]):
    """The arguments of a message's function call, as they grow in a stream; without *args_only* a dict of
    ``name`` and ``arguments``. *strict*: line ends inside a text are an error.

    >>> from workbench import AIMessage, JsonOutputFunctionsParser
    >>> call = {"name": "add", "arguments": '{"x": 1, "y": 2}'}
    >>> answer = AIMessage("", additional_kwargs={"function_call": call})
    >>> JsonOutputFunctionsParser().invoke(answer)
    {'x': 1, 'y': 2}
    """

    strict: bool = False
    args_only: bool = True

    def parse(self, text: str) -> Any:
        raise message_expected(self, text)

    def parse_result(self, result: list[Any], *, partial: bool = False) -> Any:
        """With *partial*, what is known so far; None if that is nothing."""
        if len(result) != 1:
            raise OutputParserError(f"{self.get_name()}: expected one generation, got {len(result)}")
        reader = _FunctionGrowth(self)
        reader.read(message_to_parse(self, result[0].message or result[0].text))
        if not partial:
            reader.check()
        value = reader.value
        return None if value is MISSING else value

    def get_format_instructions(self) -> str:
        return "Answer by calling a function."

    def _picked(self, call: dict[str, Any], partial: bool) -> Any:
        """The output for a call with these arguments; MISSING if there is none yet."""
        return call["arguments"] if self.args_only else call

    def _diff(self, prev: Any, next: Any) -> Any:
        import jsonpatch

        return jsonpatch.make_patch(prev, next).patch

    def _reader(self) -> GrowingReader | None:
        return _FunctionGrowth(self)


class JsonKeyOutputFunctionsParser(JsonOutputFunctionsParser):
    """One of the arguments: the one named *key_name*. OutputParserError if there is no such.

    >>> from workbench import AIMessage, JsonKeyOutputFunctionsParser
    >>> call = {"name": "add", "arguments": '{"x": 1, "y": 2}'}
    >>> answer = AIMessage("", additional_kwargs={"function_call": call})
    >>> JsonKeyOutputFunctionsParser(key_name="y").invoke(answer)
    2
    """

    key_name: str

    def _picked(self, call: dict[str, Any], partial: bool) -> Any:
        arguments = call["arguments"]
        if self.key_name in arguments or partial:
            return arguments.get(self.key_name, MISSING)
        raise OutputParserError(
            f"expected an argument {self.key_name!r}, got {', '.join(map(repr, arguments)) or 'none'}"
        )


class PydanticOutputFunctionsParser(OutputFunctionsParser):
    """The arguments of a message's function call as an instance of *pydantic_schema*: a model, or a dict of
    models by the name of the function.

    >>> from pydantic import BaseModel
    >>> from workbench import AIMessage, PydanticOutputFunctionsParser
    >>> class Joke(BaseModel):
    ...     setup: str
    >>> call = {"name": "Joke", "arguments": '{"setup": "Knock, knock."}'}
    >>> answer = AIMessage("", additional_kwargs={"function_call": call})
    >>> PydanticOutputFunctionsParser(pydantic_schema=Joke).invoke(answer)
    Joke(setup='Knock, knock.')
    """

    pydantic_schema: type[BaseModel] | dict[str, type[BaseModel]]

    @property
    def OutputType(self) -> Any:
        return self.pydantic_schema if isinstance(self.pydantic_schema, type) else Any

    def parse_result(self, result: list[Any], *, partial: bool = False) -> Any:
        call = _call_of(self, message_to_parse(self, result[0].message or result[0].text))
        schema = self.pydantic_schema
        if isinstance(schema, dict):
            if call["name"] not in schema:
                raise OutputParserError(
                    f"expected a call of {', '.join(schema)}, got one of {call['name']!r}"
                )
            schema = schema[call["name"]]
        try:
            return schema.model_validate_json(call["arguments"])
        except ValidationError as error:
            raise OutputParserError(
                f"expected arguments that fit {schema.__name__}, got {call['arguments']!r:.200}: {error}",
                observation=str(error),
                llm_output=call["arguments"],
            ) from error


class PydanticAttrOutputFunctionsParser(PydanticOutputFunctionsParser):
    """The attribute *attr_name* of that instance.

    >>> from pydantic import BaseModel
    >>> from workbench import AIMessage, PydanticAttrOutputFunctionsParser
    >>> class Joke(BaseModel):
    ...     setup: str
    >>> call = {"name": "Joke", "arguments": '{"setup": "Knock, knock."}'}
    >>> answer = AIMessage("", additional_kwargs={"function_call": call})
    >>> PydanticAttrOutputFunctionsParser(pydantic_schema=Joke, attr_name="setup").invoke(answer)
    'Knock, knock.'
    """

    attr_name: str

    @property
    def OutputType(self) -> Any:
        return Any

    def parse_result(self, result: list[Any], *, partial: bool = False) -> Any:
        return getattr(super().parse_result(result), self.attr_name)


def _call_of(parser: Any, message: BaseMessage) -> dict[str, Any]:
    call = message.additional_kwargs.get("function_call")
    if not call:
        raise _no_call(parser, message)
    return {"name": call.get("name") or "", "arguments": call.get("arguments") or ""}


def _no_call(parser: Any, message: BaseMessage | None) -> OutputParserError:
    text = message.text if message is not None else ""
    return OutputParserError(
        f"{parser.get_name()}: expected a message with a function call, got {text!r:.80}", llm_output=text
    )


class _FunctionGrowth:
    def __init__(self, parser: JsonOutputFunctionsParser) -> None:
        self._parser = parser
        self._json = JsonReader(strict=parser.strict)
        self._name = ""
        self._texts: list[str] = []
        self._last: Any = None
        self._message: BaseMessage | None = None
        self._called = False

    @property
    def value(self) -> Any:
        """The output so far; MISSING if there is none."""
        arguments = self._json.value
        if not isinstance(arguments, dict):
            return MISSING
        return self._parser._picked({"name": self._name, "arguments": arguments}, not self._json.done)

    def feed(self, chunk: Any) -> Any:
        self.read(message_to_parse(self._parser, chunk))
        return self._told() if self._json.changed else MISSING

    def finish(self) -> Any:
        self.check()
        return self._told()

    def read(self, message: BaseMessage) -> None:
        self._message = message
        self._json.changed = False
        call = message.additional_kwargs.get("function_call")
        if not call:
            return
        self._called = True
        self._name = self._name or call.get("name") or ""
        text = call.get("arguments") or ""
        self._texts.append(text)
        try:
            end = 0 if self._json.done else self._json.feed(text)
        except JsonTextError as error:
            raise self._failure(error.expected) from None
        if text[end:].strip():
            raise self._failure("nothing behind them")

    def check(self) -> None:
        """Raises OutputParserError if the call is not whole."""
        if not self._called:
            raise _no_call(self._parser, self._message)
        try:
            self._json.finish()
        except JsonTextError as error:
            raise self._failure(f"{error.expected}, where they end") from None
        if not isinstance(self._json.value, dict):
            raise self._failure("an object")

    def _told(self) -> Any:
        value = self.value
        if value is MISSING or (value == self._last and self._last is not None):
            return MISSING
        last, self._last = self._last, value
        return self._parser._diff(last, value) if self._parser.diff else value

    def _failure(self, expected: str) -> OutputParserError:
        text = "".join(self._texts)
        return OutputParserError(
            f"function call {self._name!r}: expected arguments as a JSON object, with {expected}; they are "
            f"{text!r:.200}",
            llm_output=text,
        )
