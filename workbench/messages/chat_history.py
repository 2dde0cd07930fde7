"""Chat history: where the messages of a conversation are kept, and a runnable that remembers them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from ..engine.chunks import ChunkStream, Fold, Once, fold
from ..engine.modes import AnyScope
from ..runnables.base import Runnable, coerce
from ..runnables.configurable_specs import ConfigurableFieldSpec, unique_specs
from ..runnables.signatures import is_async
from ..text.excerpts import short_repr, typed_repr
from . import AIMessage, BaseMessage, HumanMessage, convert_to_messages
from .chunks import whole_message

__all__ = ["BaseChatMessageHistory", "InMemoryChatMessageHistory", "RunnableWithMessageHistory"]

Input = TypeVar("Input")
Output = TypeVar("Output")

SESSION = ConfigurableFieldSpec(
    "session_id", str, "Session ID", "Unique identifier for a session.", "", is_shared=True
)


class BaseChatMessageHistory:
    """The messages of one conversation.

    A subclass gives ``messages`` (an attribute or property), ``add_messages`` and ``clear``; one that
    waits for a network overrides the ``a`` forms too, which otherwise call the plain ones.

    >>> from workbench import BaseChatMessageHistory
    >>> class Notebook(BaseChatMessageHistory):
    ...     def __init__(self):
    ...         self.messages = []
    ...     def add_messages(self, messages):
    ...         self.messages.extend(messages)
    ...     def clear(self):
    ...         self.messages = []
    >>> history = Notebook()
    >>> history.add_user_message("hi")
    >>> history.messages
    [HumanMessage(content='hi')]
    """

    messages: list[BaseMessage]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Add several messages at once. A subclass may override ``add_message`` instead."""
        if type(self).add_message is BaseChatMessageHistory.add_message:
            raise NotImplementedError(f"{type(self).__name__}: override add_messages, or add_message")
        for message in messages:
            self.add_message(message)

    def add_message(self, message: BaseMessage) -> None:
        self.add_messages([message])

    def add_user_message(self, message: HumanMessage | str) -> None:
        self.add_message(HumanMessage(content=message) if isinstance(message, str) else message)

    def add_ai_message(self, message: AIMessage | str) -> None:
        self.add_message(AIMessage(content=message) if isinstance(message, str) else message)

    def clear(self) -> None:
        raise NotImplementedError(f"{type(self).__name__}: override clear")

    async def aget_messages(self) -> list[BaseMessage]:
        return self.messages

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        self.add_messages(messages)

    async def aclear(self) -> None:
        self.clear()

    def __str__(self) -> str:
        return "\n".join(f"{message.type}: {message.text}" for message in self.messages)


class InMemoryChatMessageHistory(BaseChatMessageHistory):
    """Messages in a list; they are gone with the process.

    >>> from workbench import InMemoryChatMessageHistory
    >>> history = InMemoryChatMessageHistory()
    >>> history.add_user_message("hi")
    >>> history.add_ai_message("hello")
    >>> history.messages
    [HumanMessage(content='hi'), AIMessage(content='hello')]
    """

    def __init__(self, messages: Iterable[BaseMessage] = ()) -> None:
        self.messages = list(messages)

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        self.messages.extend(messages)

    def clear(self) -> None:
        self.messages = []

    def __repr__(self) -> str:
        return f"InMemoryChatMessageHistory({len(self.messages)} messages)"


class RunnableWithMessageHistory(Runnable[Input, Output]):
    """A runnable that gets the messages of earlier calls, and whose own messages are kept for later ones.

    *get_session_history* makes or finds a ``BaseChatMessageHistory`` from what the call gives as
    ``config["configurable"]["session_id"]`` (or other keys: *history_factory_config*). Where the
    runnable takes a dict, *input_messages_key* is what the user says and *history_messages_key* is where
    the earlier messages go; without the latter they are put before what the user says, as one list.
    Where it gives a dict, *output_messages_key* is the answer.

    A call that fails, or a stream that is closed early, leaves the history as it was.

    >>> from workbench import FakeChatModel, InMemoryChatMessageHistory, RunnableWithMessageHistory
    >>> histories = {}
    >>> def of_session(session_id):
    ...     return histories.setdefault(session_id, InMemoryChatMessageHistory())
    >>> talk = RunnableWithMessageHistory(FakeChatModel(responses=["hello", "still here"]), of_session)
    >>> config = {"configurable": {"session_id": "ada"}}
    >>> talk.invoke("hi", config), talk.invoke("are you there?", config)
    (AIMessage(content='hello'), AIMessage(content='still here'))
    >>> len(histories["ada"].messages)
    4
    """

    def __init__(
        self,
        runnable: Runnable[Input, Output],
        get_session_history: Callable[..., BaseChatMessageHistory],
        *,
        input_messages_key: str | None = None,
        output_messages_key: str | None = None,
        history_messages_key: str | None = None,
        history_factory_config: Sequence[ConfigurableFieldSpec] | None = None,
        name: str | None = None,
    ) -> None:
        if not callable(get_session_history):
            raise TypeError(
                "RunnableWithMessageHistory: expected get_session_history to be a function from a session "
                f"id to a history, got {short_repr(get_session_history)}"
            )
        self.runnable: Runnable[Any, Any] = coerce(runnable)
        self.get_session_history = get_session_history
        self.input_messages_key = input_messages_key
        self.output_messages_key = output_messages_key
        self.history_messages_key = history_messages_key
        self.history_factory_config = list(history_factory_config or [SESSION])
        self.name = name

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        return unique_specs([*self.history_factory_config, *self.runnable.config_specs])

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return [self.runnable]

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        turn = await _Turn.begin(self, input, scope)
        output = await self.runnable._call_step(turn.input, scope, **kwargs)
        await turn.remember(output, scope)
        return output

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        turn = await _Turn.begin(self, await fold(source), scope)
        total = Fold()
        async with aclosing(self.runnable._pipe(Once(turn.input), scope, **kwargs)) as chunks:
            async for chunk in chunks:
                total.add(chunk)
                yield chunk
        await turn.remember(total.value, scope)

    def _session(self, scope: AnyScope) -> dict[str, Any]:
        """The keys of the session, from the config of the call."""
        given, expected = scope.settings.configurable, [spec.id for spec in self.history_factory_config]
        if missing := [key for key in expected if key not in given]:
            example = ", ".join(f"{key!r}: ..." for key in expected)
            raise ValueError(
                f"{self.get_name()}: expected {', '.join(map(repr, missing))} in config['configurable'], got "
                f"{', '.join(map(repr, given)) or 'nothing'}; call with "
                f"config={{'configurable': {{{example}}}}}"
            )
        return {key: given[key] for key in expected}

    def __repr__(self) -> str:
        return f"RunnableWithMessageHistory({self.runnable!r})"


class _Turn:
    """One call: the history it belongs to, what the user said, and what the runnable is given."""

    def __init__(self, step: RunnableWithMessageHistory[Any, Any], history: BaseChatMessageHistory) -> None:
        self._step = step
        self._history = history
        self._said: list[BaseMessage] = []
        self.input: Any = None

    @classmethod
    async def begin(cls, step: RunnableWithMessageHistory[Any, Any], input: Any, scope: AnyScope) -> _Turn:
        __tracebackhide__ = True
        keys, find = step._session(scope), step.get_session_history
        args, by_name = ([*keys.values()], {}) if len(keys) == 1 else ([], keys)
        history = await scope.call(find, is_async(find), *args, **by_name)
        turn = cls(step, history)
        if scope.blocking:
            earlier = await scope.call(lambda: list(history.messages), False)
        else:
            earlier = list(await scope.call(history.aget_messages, True))
        turn._said = _as_messages(_entry(step, "input", step.input_messages_key, input), HumanMessage)
        if step.history_messages_key is not None:
            turn.input = {**_dict_for(step, input), step.history_messages_key: earlier}
        elif step.input_messages_key is not None and isinstance(input, Mapping):
            turn.input = {**input, step.input_messages_key: [*earlier, *turn._said]}
        else:
            turn.input = [*earlier, *turn._said]
        return turn

    async def remember(self, output: Any, scope: AnyScope) -> None:
        __tracebackhide__ = True
        answer = _as_messages(_entry(self._step, "output", self._step.output_messages_key, output), AIMessage)
        messages = [*self._said, *map(whole_message, answer)]
        add: Any = self._history.add_messages if scope.blocking else self._history.aadd_messages
        await scope.call(add, not scope.blocking, messages)


def _entry(step: Runnable[Any, Any], side: str, key: str | None, value: Any) -> Any:
    """The messages in an input or output: under *key* of a dict, or its only value."""
    if not isinstance(value, Mapping):
        return value
    if key is None and len(value) == 1:
        return next(iter(value.values()))
    key = key or side
    if key not in value:
        raise ValueError(
            f"{step.get_name()}: expected the {side} to have the key {key!r}, got "
            f"{', '.join(map(repr, value)) or 'an empty dict'}; see {side}_messages_key"
        )
    return value[key]


def _dict_for(step: RunnableWithMessageHistory[Any, Any], input: Any) -> Mapping[str, Any]:
    if not isinstance(input, Mapping):
        raise TypeError(
            f"{step.get_name()}: history_messages_key={step.history_messages_key!r} adds to a dict input; "
            f"expected a dict, got {typed_repr(input)}"
        )
    return input


def _as_messages(value: Any, kind: type[BaseMessage]) -> list[BaseMessage]:
    return [kind(content=value)] if isinstance(value, str) else convert_to_messages(value)
