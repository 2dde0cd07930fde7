"""Output parsers: from a model's message or text to what the program wants."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Generic, TypeVar

from ..engine.chunks import ChunkStream
from ..engine.modes import AnyScope
from ..errors import OutputParserError
from ..runnables.serializable import RunnableSerializable
from .messages import AnyMessage, BaseMessage

__all__ = ["BaseOutputParser", "StrOutputParser"]

T = TypeVar("T")


class BaseOutputParser(RunnableSerializable[Any, T], Generic[T]):
    """Subclass and define ``parse(text)``. It takes a message or text, and gathers a stream first."""

    run_type = "parser"

    @property
    def InputType(self) -> Any:
        return str | AnyMessage

    def parse(self, text: str) -> T:
        """The parsed form of a model's whole text. Raise OutputParserError if it has none."""
        raise NotImplementedError(f"{type(self).__name__} must define parse(text)")

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> T:
        __tracebackhide__ = True
        return await scope.call(self.parse, False, text_to_parse(self, input))  # type: ignore[no-any-return]


class StrOutputParser(BaseOutputParser[str]):
    """The text of a message, chunk by chunk in a stream."""

    def parse(self, text: str) -> str:
        return text

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> str:
        return text_to_parse(self, input)

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[str, None]:
        __tracebackhide__ = True
        async with aclosing(source):
            async for chunk in source:
                yield text_to_parse(self, chunk)


def text_to_parse(parser: Any, input: Any) -> str:
    """The text of a message or the text itself. OutputParserError says what came otherwise."""
    if isinstance(input, BaseMessage):
        content = input.content
        return content if isinstance(content, str) else input.text
    if isinstance(input, str):
        return input
    raise OutputParserError(
        f"{parser.get_name()}: expected a message or text, got {type(input).__name__}: {input!r:.80}"
    )
