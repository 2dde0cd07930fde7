"""Parsers that ask a model again when its output does not have the form: each try is a nested run.

``OutputFixingParser`` shows the model what it wrote, what was expected and the error. ``RetryOutputParser``
shows it the prompt and what it wrote; ``RetryWithErrorOutputParser`` the error too. Both of these take
``{"completion": ..., "prompt_value": ...}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from pydantic import Field

from ..engine.modes import AnyScope
from ..errors import OutputParserError
from ..messages import BaseMessage
from ..runnables.base import Runnable
from ..runnables.input_output import output_of
from ..runnables.shapes import Shape
from ..text.excerpts import typed_repr
from .base import BaseOutputParser, StrOutputParser

if TYPE_CHECKING:
    from ..engine.config import RunnableConfig

__all__ = ["OutputFixingParser", "RetryOutputParser", "RetryWithErrorOutputParser"]

T = TypeVar("T")

_FIX = """What you wrote does not have the form that was asked for. Write it again in that form, and nothing \
else.

The form that was asked for:
{instructions}

What you wrote:
{completion}

What is wrong with it:
{error}
"""
_RETRY = """{prompt}

An earlier answer was:
{completion}

It does not have the form that is asked for. Answer again, in that form and with nothing else.
"""
_RETRY_WITH_ERROR = """{prompt}

An earlier answer was:
{completion}

It does not have the form that is asked for: {error}
Answer again, in that form and with nothing else.
"""


class _AskingAgain(BaseOutputParser[T], Generic[T]):
    """*parser* parses; where it fails, *retry_chain* gives another text, up to *max_retries* times."""

    parser: Any = Field(repr=False)
    retry_chain: Any = Field(repr=False)
    max_retries: int = 1

    @classmethod
    def _asking(cls, llm: Any, parser: Any, prompt: Any, template: str, max_retries: int) -> Self:
        from ..prompts.string import PromptTemplate

        prompt = prompt if prompt is not None else PromptTemplate.from_template(template)
        return cls(parser=parser, retry_chain=prompt | llm | StrOutputParser(), max_retries=max_retries)

    def get_format_instructions(self) -> str:
        return str(self.parser.get_format_instructions())

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return [self.parser, self.retry_chain]

    def _stand_ins(self) -> Sequence[Runnable[Any, Any]]:
        return ()

    def _output_shape(self, config: RunnableConfig | None, given: Shape) -> Shape:
        return output_of(self.parser, config).titled(self.get_name("output"))

    async def _tried(self, completion: Any, scope: AnyScope, about: dict[str, Any]) -> T:
        """The parsed completion, or that of a later one. Raises the last error."""
        __tracebackhide__ = True
        for retries in range(self.max_retries + 1):
            try:
                return await self.parser._call_step(completion, scope)  # type: ignore[no-any-return]  # T
            except OutputParserError as error:
                if retries == self.max_retries:
                    raise
                request = {**about, "completion": _written(completion, error), "error": str(error)}
            completion = await self.retry_chain._call_step(request, scope)
        raise ValueError(f"{self.get_name()}: expected max_retries >= 0, got {self.max_retries}")


class OutputFixingParser(_AskingAgain[T], Generic[T]):
    """Parses as *parser* does. Where that fails, it parses the text that *retry_chain* gives for
    ``instructions``, ``completion`` and ``error``.

    A stream is gathered. Raises the last OutputParserError.

    >>> from workbench import FakeChatModel, JsonOutputParser, OutputFixingParser
    >>> model = FakeChatModel(responses=['{"setup": "Knock, knock."}'])
    >>> OutputFixingParser.from_llm(model, JsonOutputParser()).invoke("A joke: Knock, knock.")
    {'setup': 'Knock, knock.'}
    """

    @classmethod
    def from_llm(cls, llm: Any, parser: Any, prompt: Any = None, max_retries: int = 1) -> Self:
        """*prompt*: a template that may use these three variables."""
        return cls._asking(llm, parser, prompt, _FIX, max_retries)

    def parse(self, text: str) -> T:
        return self.invoke(text)

    async def aparse(self, text: str) -> T:
        return await self.ainvoke(text)

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> T:
        __tracebackhide__ = True
        return await self._tried(input, scope, {"instructions": _instructions(self.parser)})


class RetryOutputParser(_AskingAgain[T], Generic[T]):
    """Parses as *parser* does. Where that fails, it parses the text that *retry_chain* gives for
    ``prompt``, ``completion`` and ``error``. In a chain:
    ``{"completion": chain, "prompt_value": prompt} | retry_parser``.

    A stream is gathered. Raises the last OutputParserError.

    >>> from workbench import DatetimeOutputParser, FakeChatModel, PromptTemplate, RetryOutputParser
    >>> model = FakeChatModel(responses=["1969-07-20"])
    >>> parser = RetryOutputParser.from_llm(model, DatetimeOutputParser(format="%Y-%m-%d"))
    >>> prompt = PromptTemplate.from_template("When was {event}?").invoke("the moon landing")
    >>> parser.parse_with_prompt("In July 1969.", prompt)
    datetime.datetime(1969, 7, 20, 0, 0)
    """

    _template: ClassVar[str] = _RETRY

    @property
    def InputType(self) -> Any:
        return dict[str, Any]

    @classmethod
    def from_llm(cls, llm: Any, parser: Any, prompt: Any = None, max_retries: int = 1) -> Self:
        """*prompt*: a template that may use these three variables."""
        return cls._asking(llm, parser, prompt, cls._template, max_retries)

    def parse(self, text: str) -> T:
        raise NotImplementedError(f"{type(self).__name__}: call parse_with_prompt(completion, prompt_value)")

    def parse_with_prompt(self, completion: Any, prompt_value: Any) -> T:
        return self.invoke({"completion": completion, "prompt_value": prompt_value})

    async def aparse_with_prompt(self, completion: Any, prompt_value: Any) -> T:
        return await self.ainvoke({"completion": completion, "prompt_value": prompt_value})

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> T:
        __tracebackhide__ = True
        if not isinstance(input, Mapping) or not {"completion", "prompt_value"} <= set(input):
            raise TypeError(
                f"{self.get_name()}: expected {{'completion': ..., 'prompt_value': ...}}, "
                f"got {typed_repr(input)}"
            )
        prompt = input["prompt_value"]
        text = prompt.to_string() if hasattr(prompt, "to_string") else str(prompt)
        return await self._tried(input["completion"], scope, {"prompt": text})


class RetryWithErrorOutputParser(RetryOutputParser[T], Generic[T]):
    """A RetryOutputParser whose default prompt shows the error too.

    >>> from workbench import DatetimeOutputParser, FakeChatModel, PromptTemplate, RetryWithErrorOutputParser
    >>> model = FakeChatModel(responses=["1969-07-20"])
    >>> parser = RetryWithErrorOutputParser.from_llm(model, DatetimeOutputParser(format="%Y-%m-%d"))
    >>> parser.parse_with_prompt("In July 1969.", PromptTemplate.from_template("When?").invoke({}))
    datetime.datetime(1969, 7, 20, 0, 0)
    """

    _template: ClassVar[str] = _RETRY_WITH_ERROR


def _instructions(parser: Any) -> str:
    try:
        return str(parser.get_format_instructions())
    except (AttributeError, NotImplementedError):  # a parser that has none; the error is enough
        return "(not said)"


def _written(completion: Any, error: OutputParserError) -> str:
    """What the model wrote, for the model: text, or the arguments of a call."""
    text = completion.text if isinstance(completion, BaseMessage) else str(completion)
    return text or error.llm_output or ""
