"""What is done to histories before a model reads them: trim, filter, merge, count.

``trim_messages``, ``filter_messages`` and ``merge_message_runs`` without messages are steps of chains.
"""

from __future__ import annotations

import inspect
import math
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Literal

from ..runnables.function import RunnableLambda
from ..text.excerpts import typed_repr
from .chunks import BaseMessageChunk, message_chunk_to_message
from .conversion import convert_to_messages, message_class
from .types import AIMessage, BaseMessage, Content, SystemMessage, ToolMessage

__all__ = ["count_tokens_approximately", "filter_messages", "merge_message_runs", "trim_messages"]

Kind = str | type[BaseMessage]
Kinds = Kind | Sequence[Kind]
Messages = list[BaseMessage]
Counter = Callable[[Messages], int]

_TOKENS_PER_IMAGE = 85
"""What OpenAI bills for an image in low detail (https://platform.openai.com/docs/guides/images-vision)."""


def trim_messages(
    messages: Any = None,
    *,
    max_tokens: int,
    token_counter: Any = "approximate",
    strategy: Literal["first", "last"] = "last",
    allow_partial: bool = False,
    end_on: Kinds | None = None,
    start_on: Kinds | None = None,
    include_system: bool = False,
    text_splitter: Callable[[str], list[str]] | None = None,
) -> Any:
    """The last (or first) messages that together have at most *max_tokens* tokens.

    token_counter: the tokens of a list of messages (or of one, if its parameter is annotated so), or a model,
    which counts its own; ``len`` counts messages; "approximate" is ``count_tokens_approximately``.
    allow_partial: also the part that fits of the message at the cut, by *text_splitter* (default: lines).
    end_on, start_on: kinds of message to end or start on; others there are left out. include_system: keep
    the system message that comes first. The last two only with "last".

    >>> trim_messages([("human", "a"), ("ai", "b"), ("human", "c")], max_tokens=2, token_counter=len,
    ...               start_on="human")
    [HumanMessage(content='c')]
    """
    count = _checked_counter(token_counter)
    if strategy not in ("first", "last"):
        raise ValueError(f'trim_messages: strategy: expected "first" or "last", got {strategy!r}')
    if strategy == "first" and (start_on is not None or include_system):
        raise ValueError('trim_messages: start_on and include_system go with strategy="last" only')
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 0:
        raise ValueError(f"trim_messages: max_tokens: expected a number from 0 on, got {max_tokens!r}")
    ends, starts = _checked_kinds("end_on", end_on), _checked_kinds("start_on", start_on)
    split = (text_splitter or _lines) if allow_partial else None

    def trim(given: Any) -> Messages:
        found = convert_to_messages(given)
        if strategy == "first":
            kept = _longest_start(found, max_tokens, count, split, last=False)
            return kept[: _last_of(kept, ends)]
        system = found[:1] if include_system and found and isinstance(found[0], SystemMessage) else []
        rest = found[len(system) :]
        rest = rest[: _last_of(rest, ends)]
        kept = _longest_start(
            rest[::-1], max_tokens, lambda some: count(system + some[::-1]), split, last=True
        )[::-1]
        first = next((at for at, message in enumerate(kept) if _is(message, starts)), len(kept))
        return system + (kept[first:] if starts is not None else kept)

    return trim(messages) if messages is not None else RunnableLambda(trim, name="trim_messages")


def filter_messages(
    messages: Any = None,
    *,
    include_names: Collection[str] | None = None,
    exclude_names: Collection[str] | None = None,
    include_types: Kinds | None = None,
    exclude_types: Kinds | None = None,
    include_ids: Collection[str] | None = None,
    exclude_ids: Collection[str] | None = None,
    exclude_tool_calls: bool | Collection[str] | None = None,
) -> Any:
    """The messages that match no *exclude* and, if there is an *include*, match at least one of them.

    exclude_tool_calls: True leaves out requests to call tools and the tools' answers; ids only those calls.

    >>> filter_messages([("human", "a"), ("ai", "b")], include_types="ai")
    [AIMessage(content='b')]
    """
    by_name = {"include_names": include_names, "exclude_names": exclude_names}
    by_id = {"include_ids": include_ids, "exclude_ids": exclude_ids}
    for option, given in {**by_name, **by_id}.items():
        if isinstance(given, str):
            raise TypeError(f"filter_messages: {option}: expected a list, got {given!r}; write [{given!r}]")
    included = _checked_kinds("include_types", include_types)
    excluded = _checked_kinds("exclude_types", exclude_types)
    includes_any = not (include_names is None and include_ids is None and included is None)

    def choose(given: Any) -> Iterator[BaseMessage]:
        for message in convert_to_messages(given):
            if _is_among(message, exclude_names, exclude_ids, excluded):
                continue
            if includes_any and not _is_among(message, include_names, include_ids, included):
                continue
            if left := _without_calls(message, exclude_tool_calls):
                yield left

    def chosen(given: Any) -> Messages:
        return list(choose(given))

    return chosen(messages) if messages is not None else RunnableLambda(chosen, name="filter_messages")


def merge_message_runs(messages: Any = None, *, chunk_separator: str = "\n") -> Any:
    """Neighbours of the same kind as one message, their texts joined by *chunk_separator*. Answers of tools
    stay apart: each belongs to its call.

    >>> merge_message_runs([("human", "a"), ("human", "b"), ("ai", "c")])
    [HumanMessage(content='a\\nb'), AIMessage(content='c')]
    """

    def merge(given: Any) -> Messages:
        merged: Messages = []
        for message in convert_to_messages(given):
            message = message_chunk_to_message(message)
            last = merged[-1] if merged else None
            if last is None or isinstance(message, ToolMessage) or not _same_speaker(last, message):
                merged.append(message)
            else:
                merged[-1] = _merged(last, message, chunk_separator)
        return merged

    return merge(messages) if messages is not None else RunnableLambda(merge, name="merge_message_runs")


def count_tokens_approximately(
    messages: Any,
    *,
    chars_per_token: float = 4.0,
    extra_tokens_per_message: float = 3.0,
    count_name: bool = True,
) -> int:
    """Tokens of messages by their length, without a tokenizer: near enough to keep a history in bounds.

    >>> count_tokens_approximately([("human", "x" * 40)])
    15
    """
    if chars_per_token <= 0:
        raise ValueError(f"chars_per_token: expected more than 0, got {chars_per_token!r}")
    tokens = 0
    for message in convert_to_messages(messages):
        characters = len(message.text) + len(message.type)
        if isinstance(message, AIMessage) and message.tool_calls:
            characters += len(repr(message.tool_calls))
        if isinstance(message, ToolMessage):
            characters += len(message.tool_call_id)
        if count_name and message.name:
            characters += len(message.name)
        tokens += math.ceil(characters / chars_per_token + extra_tokens_per_message)
        tokens += _TOKENS_PER_IMAGE * _images(message.content)
    return tokens


def _longest_start(
    messages: Messages, limit: int, count: Counter, split: Callable[[str], list[str]] | None, *, last: bool
) -> Messages:
    """As many messages from the start as *limit* allows; with *split* also a part of the next one."""
    fits = bisect_right(range(1, len(messages) + 1), limit, key=lambda many: count(messages[:many]))
    kept = messages[:fits]
    if split is not None and fits < len(messages):
        parts = _parts(messages[fits], split, last=last)
        for part in parts:
            if count([*kept, part]) <= limit:
                return [*kept, part]
    return kept


def _parts(message: BaseMessage, split: Callable[[str], list[str]], *, last: bool) -> Iterator[BaseMessage]:
    """The message with less and less of its content, from its start or (*last*) from its end."""
    content = message.content
    pieces: list[Any] = split(content) if isinstance(content, str) else list(content)
    for many in range(len(pieces) - 1, 0, -1):
        left = pieces[-many:] if last else pieces[:many]
        yield message.model_copy(update={"content": "".join(left) if isinstance(content, str) else left})


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _last_of(messages: Messages, kinds: tuple[type[BaseMessage], ...] | None) -> int:
    """How many messages there are up to the last of those kinds."""
    if kinds is None:
        return len(messages)
    return next((at for at in range(len(messages), 0, -1) if _is(messages[at - 1], kinds)), 0)


def _is(message: BaseMessage, kinds: tuple[type[BaseMessage], ...] | None) -> bool:
    return kinds is not None and isinstance(message, kinds)


def _is_among(
    message: BaseMessage,
    names: Collection[str] | None,
    ids: Collection[str] | None,
    kinds: tuple[type[BaseMessage], ...] | None,
) -> bool:
    return message.name in (names or ()) or message.id in (ids or ()) or _is(message, kinds)


def _checked_counter(counter: Any) -> Counter:
    if isinstance(counter, str) and counter == "approximate":
        return count_tokens_approximately
    if (of_model := getattr(counter, "get_num_tokens_from_messages", None)) is not None:
        counter = of_model
    if not callable(counter) or isinstance(counter, type):
        raise TypeError(
            "trim_messages: token_counter: expected a function of a list of messages, a model or "
            f'"approximate", got {typed_repr(counter)}'
        )
    if _counts_one(counter):
        return lambda messages: sum(map(counter, messages))
    return counter  # type: ignore[no-any-return]  # any function


def _counts_one(counter: Callable[..., Any]) -> bool:
    """Whether a counter's first parameter says that it takes one message, and no list."""
    try:
        parameters = list(inspect.signature(counter, eval_str=True).parameters.values())
    except (TypeError, ValueError, NameError):  # a built-in one, such as len
        return False
    return bool(parameters) and parameters[0].annotation is BaseMessage


def _checked_kinds(option: str, kinds: Kinds | None) -> tuple[type[BaseMessage], ...] | None:
    if kinds is None:
        return None
    some = [kinds] if isinstance(kinds, str | type) else kinds
    try:
        return tuple(kind if isinstance(kind, type) else message_class(kind) for kind in some)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{option}: expected kinds of messages such as 'human' or HumanMessage: {error}"
        ) from None


def _without_calls(message: BaseMessage, which: bool | Collection[str] | None) -> BaseMessage | None:
    """The message without those tool calls; None if nothing is left of it."""
    if which is None or which is False:
        return message
    if isinstance(message, ToolMessage):
        return None if which is True or message.tool_call_id in which else message
    if not isinstance(message, AIMessage) or not message.tool_calls:
        return message
    left = [] if which is True else [call for call in message.tool_calls if call["id"] not in which]
    if len(left) == len(message.tool_calls):
        return message
    return message.model_copy(update={"tool_calls": left}) if left else None


def _same_speaker(one: BaseMessage, other: BaseMessage) -> bool:
    return type(one) is type(other) and getattr(one, "role", None) == getattr(other, "role", None)


def _merged(one: BaseMessage, other: BaseMessage, separator: str) -> BaseMessage:
    """Two messages as one, as their chunks add up, with *separator* between texts."""
    kind = next(chunk for chunk in BaseMessageChunk.__subclasses__() if issubclass(chunk, type(one)))
    content: Content = other.content
    if isinstance(one.content, str) and isinstance(content, str) and one.content and content:
        content = separator + content
    first: BaseMessageChunk = kind(**_fields(one))
    return message_chunk_to_message(first + kind(**{**_fields(other), "content": content}))


def _fields(message: BaseMessage) -> dict[str, Any]:
    return {name: getattr(message, name) for name in type(message).model_fields if name != "type"}


def _images(content: Content) -> int:
    if isinstance(content, str):
        return 0
    return sum(isinstance(part, dict) and "image" in str(part.get("type")) for part in content)
