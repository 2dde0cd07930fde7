"""Output parsers: from a model's message or text to what the program wants.

Three bases to subclass. ``BaseOutputParser``: define ``parse(text)``; it gathers a stream first.
``BaseTransformOutputParser``: it parses every chunk of a stream by itself.
``BaseCumulativeTransformOutputParser``: define ``parse_result(generations, partial=...)``; it is called
again for every chunk, with all that has come; what it returns is given out if it is new and not None.

The parsers of the workbench read each chunk once: see ``GrowingReader``. They do their work where they are
called; the methods of subclasses run in a worker thread under an event loop, since they may block.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from ..engine.chunks import MISSING, ChunkStream, Fold, replacing
from ..engine.modes import AnyScope
from ..errors import OutputParserError
from ..messages import AnyMessage, BaseMessage
from ..runnables.serializable import RunnableSerializable
from ..text.excerpts import typed_repr
from ..tracing.callbacks import Generation

__all__ = [
    "BaseCumulativeTransformOutputParser",
    "BaseGenerationOutputParser",
    "BaseLLMOutputParser",
    "BaseOutputParser",
    "BaseTransformOutputParser",
    "GrowingJsonParser",
    "GrowingReader",
    "Outputs",
    "StrOutputParser",
    "text_to_parse",
]

T = TypeVar("T")

_PARSING = ("parse", "aparse", "parse_result", "aparse_result", "_diff")


class BaseLLMOutputParser(RunnableSerializable[Any, T], Generic[T]):
    """Subclass and define ``parse_result(generations)``: a list of one generation, with the ``text`` and the
    ``message`` (None if text came). ``partial=True`` asks for what is known before the end.

    >>> from workbench import AIMessage, BaseLLMOutputParser
    >>> class Length(BaseLLMOutputParser):
    ...     def parse_result(self, result, *, partial=False):
    ...         return len(result[0].text)
    >>> Length().invoke(AIMessage("hello"))
    5
    """

    run_type = "parser"

    _blocks: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = __name__.partition(".")[0]
        methods = [getattr(cls, name, None) for name in _PARSING]
        cls._blocks = any(m is not None and m.__module__.partition(".")[0] != own for m in methods)

    @property
    def InputType(self) -> Any:
        return str | AnyMessage

    def parse_result(self, result: list[Any], *, partial: bool = False) -> T:
        raise NotImplementedError(f"{type(self).__name__} must define parse_result(generations)")

    async def aparse_result(self, result: list[Any], *, partial: bool = False) -> T:
        """``parse_result``, for subclasses whose parsing can await."""
        return self.parse_result(result, partial=partial)

    def get_format_instructions(self) -> str:
        """Instructions for a prompt: the form that the model's answer must have."""
        raise NotImplementedError(f"{type(self).__name__} has no format instructions")

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> T:
        __tracebackhide__ = True
        return await self._parsed(input, scope)

    async def _parsed(self, input: Any, scope: AnyScope, **partial: bool) -> T:
        """The parsed form of the whole input, or with ``partial=True`` of what has come so far."""
        __tracebackhide__ = True
        result = [generation_of(self, input)]
        if not self._blocks:
            return self.parse_result(result, **partial)
        if not scope.blocking and self._awaits():
            return await scope.call(self.aparse_result, True, result, **partial)  # type: ignore[no-any-return]
        return await scope.call(self.parse_result, False, result, **partial)  # type: ignore[no-any-return]

    def _awaits(self) -> bool:
        return type(self).aparse_result is not BaseLLMOutputParser.aparse_result


class BaseGenerationOutputParser(BaseLLMOutputParser[T], Generic[T]):
    """For parsers of messages rather than of their text.

    >>> from workbench import AIMessage, BaseGenerationOutputParser
    >>> class Tokens(BaseGenerationOutputParser):
    ...     def parse_result(self, result, *, partial=False):
    ...         return result[0].message.usage_metadata["total_tokens"]
    >>> usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    >>> Tokens().invoke(AIMessage("hi", usage_metadata=usage))
    3
    """


class BaseOutputParser(BaseLLMOutputParser[T], Generic[T]):
    """Subclass and define ``parse(text)``; raise OutputParserError for text that does not have the form. It
    takes a message or text, and gathers a stream first.

    >>> from workbench import BaseOutputParser, FakeChatModel, OutputParserError
    >>> class YesOrNo(BaseOutputParser):
    ...     def parse(self, text):
    ...         if text.strip().lower() not in ("yes", "no"):
    ...             raise OutputParserError(f"expected yes or no, got {text!r}", llm_output=text)
    ...         return text.strip().lower() == "yes"
    >>> (FakeChatModel(responses=["Yes"]) | YesOrNo()).invoke("Do bears sleep in winter?")
    True
    """

    def parse(self, text: str) -> T:
        """The parsed form of a model's whole text. Raises OutputParserError if it has none."""
        raise NotImplementedError(f"{type(self).__name__} must define parse(text)")

    async def aparse(self, text: str) -> T:
        """``parse``, for subclasses whose parsing can await."""
        return self.parse(text)

    def parse_result(self, result: list[Any], *, partial: bool = False) -> T:
        return self.parse(result[0].text)

    async def aparse_result(self, result: list[Any], *, partial: bool = False) -> T:
        if type(self).aparse is not BaseOutputParser.aparse:
            return await self.aparse(result[0].text)
        return self.parse_result(result, partial=partial)

    def parse_with_prompt(self, completion: str, prompt: Any) -> T:
        """``parse``; a parser that asks the model again needs the prompt for it."""
        return self.parse(completion)

    def _awaits(self) -> bool:
        cls = type(self)
        return (
            cls.aparse is not BaseOutputParser.aparse
            or cls.aparse_result is not BaseOutputParser.aparse_result
        )


class BaseTransformOutputParser(BaseOutputParser[T], Generic[T]):
    """A parser whose outputs for the chunks of a stream add up to that for the whole.

    >>> from workbench import BaseTransformOutputParser
    >>> class Shout(BaseTransformOutputParser):
    ...     def parse(self, text):
    ...         return text.upper()
    >>> list(Shout().transform(["hel", "lo"]))
    ['HEL', 'LO']
    """

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        async with aclosing(source):
            async for chunk in source:
                yield await self._parsed(chunk, scope)


class GrowingReader(Protocol):
    """Reads the chunks of one stream, each once. Both return the output so far, or MISSING if there is none
    or it is the same as before; ``finish`` raises OutputParserError if the whole is not what was expected."""

    def feed(self, chunk: Any) -> Any: ...
    def finish(self) -> Any: ...


class BaseCumulativeTransformOutputParser(BaseOutputParser[T], Generic[T]):
    """A parser whose output grows with the stream; the last is that for the whole. *diff*: a stream
    gives the difference of each output to the one before (``_diff``) in its place.

    >>> from workbench import BaseCumulativeTransformOutputParser
    >>> class Words(BaseCumulativeTransformOutputParser):
    ...     def parse(self, text):
    ...         return text.split()
    >>> list(Words().transform(["one ", "two"]))
    [['one'], ['one', 'two']]
    """

    diff: bool = False

    def _diff(self, prev: Any, next: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define _diff(prev, next) for diff=True")

    def _reader(self) -> GrowingReader | None:
        """The reader of one stream; None to call ``parse_result`` again for every chunk."""
        return None

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        reader = None if self._blocks else self._reader()
        chunks = self._read(reader, source) if reader is not None else self._asked_again(source, scope)
        last: Any = MISSING
        async with aclosing(chunks):
            async for chunk in chunks:
                grown = chunk if self.diff else replacing(chunk)
                if grown is MISSING:
                    last = chunk
                else:
                    last = MISSING
                    yield grown
            if last is not MISSING:
                yield last

    async def _read(self, reader: GrowingReader, source: ChunkStream) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        async with aclosing(source):
            async for chunk in source:
                if (value := reader.feed(chunk)) is not MISSING:
                    yield value
            if (value := reader.finish()) is not MISSING:
                yield value

    async def _asked_again(self, source: ChunkStream, scope: AnyScope) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        total, outputs = Fold(), Outputs(self)
        async with aclosing(source):
            async for chunk in source:
                total.add(chunk)
                value: Any = await self._parsed(total.value, scope, partial=True)
                if value is not None and (output := outputs.of(value)) is not MISSING:
                    yield output
            value = await self._parsed(total.value, scope)
            if value is not None and (output := outputs.of(value)) is not MISSING:
                yield output


class GrowingJsonParser(BaseCumulativeTransformOutputParser[Any]):
    """A parser whose output is JSON: *diff* gives lists of JSON Patch operations (RFC 6902)."""

    def _diff(self, prev: Any, next: Any) -> Any:
        import jsonpatch

        return jsonpatch.make_patch(prev, next).patch


class Outputs:
    """What a parser gives for the values of one stream: those that have changed, or with *diff* the
    changes."""

    def __init__(self, parser: BaseCumulativeTransformOutputParser[Any]) -> None:
        self._parser = parser
        self._last: Any = None

    def of(self, value: Any) -> Any:
        """The output for the value so far; MISSING if it is the same as before."""
        last = self._last
        if last is not None and _same(value, last):
            return MISSING
        self._last = value
        return self._parser._diff(last, value) if self._parser.diff else value


def _same(value: Any, other: Any) -> bool:
    """False also for what cannot be compared, such as arrays."""
    try:
        return bool(value == other)
    except Exception:
        return False


class StrOutputParser(BaseTransformOutputParser[str]):
    """The text of a message, chunk by chunk in a stream.

    >>> from workbench import FakeChatModel, StrOutputParser
    >>> chain = FakeChatModel(responses=["a bear"]) | StrOutputParser()
    >>> chain.invoke("What is this?"), list(chain.stream("What is this?"))
    ('a bear', ['a', ' ', 'bear', ''])
    """

    def parse(self, text: str) -> str:
        return text

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> str:
        if self._blocks:
            return await self._parsed(input, scope)
        return text_to_parse(self, input)

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[str, None]:
        __tracebackhide__ = True
        async with aclosing(source):
            async for chunk in source:
                yield await self._parsed(chunk, scope) if self._blocks else text_to_parse(self, chunk)


def text_to_parse(parser: Any, input: Any) -> str:
    """The text of a message, or the text itself. OutputParserError for anything else."""
    if isinstance(input, BaseMessage):
        content = input.content
        return content if isinstance(content, str) else input.text
    if isinstance(input, str):
        return input
    raise OutputParserError(f"{parser.get_name()}: expected a message or text, got {typed_repr(input)}")


def generation_of(parser: Any, input: Any) -> Generation:
    """What ``parse_result`` is given for a message or text."""
    text = text_to_parse(parser, input)
    return Generation(text, input if isinstance(input, BaseMessage) else None)
