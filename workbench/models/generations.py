"""Results of model calls: a generation for each answer, be it a message or a text, and the whole result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..messages import BaseMessage
from ..tracing.callbacks import Generation, LLMResult

__all__ = [
    "ChatGeneration",
    "ChatGenerationChunk",
    "ChatResult",
    "Generation",
    "GenerationChunk",
    "LLMResult",
    "ModelAnswer",
]


@dataclass
class ChatGeneration:
    """One answer of a model. ``generation_info`` goes into the message's ``response_metadata``.

    >>> from workbench import AIMessage, ChatGeneration
    >>> ChatGeneration(AIMessage("hello"), generation_info={"finish_reason": "stop"}).text
    'hello'
    """

    message: BaseMessage
    generation_info: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        return self.message.text


@dataclass
class ChatGenerationChunk(ChatGeneration):
    """A piece of an answer.

    >>> from workbench import AIMessageChunk, BaseChatModel, ChatGenerationChunk
    >>> class Counter(BaseChatModel):
    ...     @property
    ...     def _llm_type(self):
    ...         return "counter"
    ...     def _stream(self, messages, stop=None, run_manager=None, **kwargs):
    ...         for word in ("one ", "two"):
    ...             yield ChatGenerationChunk(AIMessageChunk(word))
    >>> [chunk.content for chunk in Counter().stream("count!")], Counter().invoke("count!").content
    (['one ', 'two', ''], 'one two')
    """


@dataclass
class ChatResult:
    """What ``_generate`` returns: one generation or more.

    >>> from workbench import AIMessage, ChatGeneration, ChatResult
    >>> result = ChatResult([ChatGeneration(AIMessage("hello"))], llm_output={"model_name": "echo"})
    >>> result.generations[0].message
    AIMessage(content='hello')
    """

    generations: list[ChatGeneration]
    llm_output: dict[str, Any] | None = field(default=None)


class GenerationChunk(Generation):
    """A piece of an answer of a model of text.

    >>> from workbench import LLM, GenerationChunk
    >>> class Counter(LLM):
    ...     @property
    ...     def _llm_type(self):
    ...         return "counter"
    ...     def _stream(self, prompt, stop=None, run_manager=None, **kwargs):
    ...         for word in ("one ", "two"):
    ...             yield GenerationChunk(text=word)
    >>> list(Counter().stream("count!")), Counter().invoke("count!")
    (['one ', 'two'], 'one two')
    """


@dataclass(slots=True)
class ModelAnswer:
    """All generations of one call: of messages, or of text."""

    generations: list[Any]
    llm_output: dict[str, Any] | None = None
