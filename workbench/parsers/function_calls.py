"""Parsers of a function call as chat models made them before there were tool calls: a name and arguments
under ``additional_kwargs["function_call"]`` of the message, in a stream piece by piece."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from ..engine.chunks import MISSING
from ..errors import OutputParserError
from ..messages import BaseMessage
from ..text.excerpts import short_repr
from .base import BaseGenerationOutputParser, GrowingReader, Outputs
from .call_arguments import ArgumentsReader, CallParser, arguments_misfit, message_to_parse

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


class JsonOutputFunctionsParser(CallParser):
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

    def _reader(self) -> GrowingReader | None:
        return _FunctionGrowth(self)


class JsonKeyOutputFunctionsParser(JsonOutputFunctionsParser):
    """One of the arguments: the one named *key_name*. OutputParserError if it is missing.

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
            raise arguments_misfit(schema.__name__, call["arguments"], error) from error


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
        f"{parser.get_name()}: expected a message with a function call, got {short_repr(text)}",
        llm_output=text,
    )


class _FunctionGrowth:
    def __init__(self, parser: JsonOutputFunctionsParser) -> None:
        self._parser = parser
        self._arguments = ArgumentsReader("function call", strict=parser.strict)
        self._outputs = Outputs(parser)
        self._message: BaseMessage | None = None
        self._called = False

    @property
    def value(self) -> Any:
        """The output so far; MISSING if there is none."""
        arguments = self._arguments.value
        if not isinstance(arguments, dict):
            return MISSING
        call = {"name": self._arguments.name, "arguments": arguments}
        return self._parser._picked(call, not self._arguments.done)

    def feed(self, chunk: Any) -> Any:
        return self._output() if self.read(message_to_parse(self._parser, chunk)) else MISSING

    def finish(self) -> Any:
        self.check()
        return self._output()

    def read(self, message: BaseMessage) -> bool:
        """Whether the message changes the arguments."""
        self._message = message
        call = message.additional_kwargs.get("function_call")
        if not call:
            return False
        self._called = True
        self._arguments.name = self._arguments.name or call.get("name") or ""
        return self._arguments.add(call.get("arguments") or "")

    def check(self) -> None:
        """Raises OutputParserError if the call is not whole."""
        if not self._called:
            raise _no_call(self._parser, self._message)
        self._arguments.check()

    def _output(self) -> Any:
        value = self.value
        return MISSING if value is MISSING else self._outputs.of(value)
