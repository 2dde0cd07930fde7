"""Parsers of JSON in a model's text: as plain data, or as instances of a pydantic model."""

from __future__ import annotations

import json
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ..engine.chunks import MISSING
from ..errors import OutputParserError
from .base import GrowingJsonParser, GrowingReader, Outputs, text_to_parse
from .json_in_text import JsonInText

__all__ = ["JsonOutputParser", "PydanticOutputParser", "SimpleJsonOutputParser"]

M = TypeVar("M", bound=BaseModel)


class JsonOutputParser(GrowingJsonParser):
    """The JSON in a model's text, which may be fenced or have prose around it (see ``json_in_text``).

    A stream gives the value as it grows: texts go on, numbers come when they are whole. Each output is a
    value of its own, but shares the parts that are finished with the later ones. *diff*: it gives lists of
    JSON Patch operations (RFC 6902) instead, which add up. *partial*: JSON that ends early is no error.
    *strict*: line ends inside a text are one. *pydantic_object* is for the format instructions only.

    >>> from workbench import FakeChatModel, JsonOutputParser
    >>> chain = FakeChatModel(responses=['Sure! {"animal": "bear", "legs": 4}']) | JsonOutputParser()
    >>> chain.invoke("a bear, as JSON")
    {'animal': 'bear', 'legs': 4}
    >>> list(JsonOutputParser().transform(['{"animal": "be', 'ar"}']))
    [{'animal': 'be'}, {'animal': 'bear'}]
    """

    pydantic_object: Any = None
    partial: bool = False
    strict: bool = False

    def parse(self, text: str) -> Any:
        """Raises OutputParserError, with the text as ``llm_output``."""
        reader = JsonInText(strict=self.strict, lenient=self.partial)
        reader.feed(text)
        reader.finish()
        return reader.value

    def parse_result(self, result: list[Any], *, partial: bool = False) -> Any:
        """With *partial*, what is known so far; None if that is nothing."""
        if not partial:
            return self.parse(result[0].text)
        reader = JsonInText(strict=self.strict, lenient=True)
        try:
            reader.feed(result[0].text)
            return None if reader.value is MISSING else reader.value
        except OutputParserError:
            return None

    def get_format_instructions(self) -> str:
        if self.pydantic_object is None:
            return "Answer with one JSON object, and nothing else."
        return instructions_for(self.pydantic_object)

    def _reader(self) -> GrowingReader | None:
        return _JsonGrowth(self)

    @property
    def _type(self) -> str:
        return "simple_json_output_parser"


SimpleJsonOutputParser = JsonOutputParser


class _JsonGrowth:
    def __init__(self, parser: JsonOutputParser) -> None:
        self._parser = parser
        self._answer = JsonInText(strict=parser.strict, lenient=parser.partial)

    def feed(self, chunk: Any) -> Any:
        self._answer.feed(text_to_parse(self._parser, chunk))
        return self._output()

    def finish(self) -> Any:
        self._answer.finish()
        return self._output()

    def _output(self) -> Any:
        if not self._answer.changed:
            return MISSING
        if self._parser.diff:
            return self._answer.changes() or MISSING
        return self._answer.value


class PydanticOutputParser(JsonOutputParser, Generic[M]):
    """An instance of *pydantic_object* from the JSON in a model's text.

    A stream gives an instance as soon as there is enough for one, and again when it has changed.
    OutputParserError carries the text as ``llm_output``, and as ``observation`` what the model should have
    written otherwise. With *diff* a stream gives the changes of the instance's JSON.

    >>> from pydantic import BaseModel
    >>> from workbench import PydanticOutputParser
    >>> class Animal(BaseModel):
    ...     name: str
    ...     legs: int
    >>> parser = PydanticOutputParser(pydantic_object=Animal)
    >>> parser.invoke('{"name": "bear", "legs": 4}')
    Animal(name='bear', legs=4)
    >>> "JSON schema" in parser.get_format_instructions()  # for the prompt
    True
    """

    pydantic_object: type[M]

    @property
    def OutputType(self) -> Any:
        return self.pydantic_object

    def parse(self, text: str) -> M:
        return self._validated(super().parse(text), text)

    def parse_result(self, result: list[Any], *, partial: bool = False) -> Any:
        if not partial:
            return self.parse(result[0].text)
        found = super().parse_result(result, partial=True)
        return None if found is None else self._tried(found)

    def _validated(self, found: Any, text: str) -> M:
        try:
            return self.pydantic_object.model_validate(found)
        except ValidationError as error:
            name = self.pydantic_object.__name__
            raise OutputParserError(
                f"expected JSON that fits {name}, got {_shown(found)}: {error}",
                observation=str(error),
                llm_output=text,
            ) from error

    def _tried(self, found: Any) -> M | None:
        try:
            return self.pydantic_object.model_validate(found)
        except ValidationError:
            return None

    def _diff(self, prev: Any, next: Any) -> Any:
        before, after = (None if each is None else each.model_dump(mode="json") for each in (prev, next))
        return super()._diff(before, after)

    def _reader(self) -> GrowingReader | None:
        return _ModelGrowth(self)

    @property
    def _type(self) -> str:
        return "pydantic"


class _ModelGrowth:
    def __init__(self, parser: PydanticOutputParser[Any]) -> None:
        self._parser = parser
        self._answer = JsonInText(strict=parser.strict, lenient=parser.partial)
        self._outputs = Outputs(parser)

    def feed(self, chunk: Any) -> Any:
        self._answer.feed(text_to_parse(self._parser, chunk))
        if not self._answer.changed or (found := self._answer.value) is MISSING:
            return MISSING
        return self._output(self._parser._tried(found))

    def finish(self) -> Any:
        self._answer.finish()
        return self._output(self._parser._validated(self._answer.value, self._answer.text))

    def _output(self, instance: Any) -> Any:
        return MISSING if instance is None else self._outputs.of(instance)


def instructions_for(model: Any) -> str:
    """Instructions for a model to write JSON that fits *model*."""
    schema = {key: part for key, part in model.model_json_schema().items() if key not in ("title", "type")}
    return (
        "Answer with one JSON object, and nothing else. It must fit this JSON schema, which describes the "
        "object and is not itself the answer: for the schema "
        '{"properties": {"tags": {"type": "array", "items": {"type": "string"}}}, "required": ["tags"]} '
        'the answer {"tags": ["a", "b"]} fits, and {"properties": {"tags": ["a", "b"]}} does not.\n\n'
        f"```\n{json.dumps(schema, ensure_ascii=False)}\n```"
    )


def _shown(found: Any) -> str:
    text = json.dumps(found, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}... ({len(text) - 200} more characters)"
