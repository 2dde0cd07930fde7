"""Callback handlers: objects with a method for each thing that happens in a run.

Subclass ``BaseCallbackHandler`` (or ``AsyncCallbackHandler``), override what you need and pass it in
``config={"callbacks": [handler]}``. Handlers see the same RunEvents as everything else here.

Asynchronous methods run one after the other in the order of the events. Under ``ainvoke`` and ``astream``
they run on the caller's event loop, and a run does not return before they are done; under ``invoke`` and
``stream`` they run to completion, on an event loop in a thread of its own.

A handler that raises does not fail the run: a ``RuntimeWarning`` says which handler raised what, and where.
With ``raise_error = True`` it fails the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import iscoroutine
from typing import Any
from uuid import UUID

from ..engine.chunks import MISSING
from ..engine.limits import running_loop
from ..engine.runs import Run, RunEvent
from ..text.excerpts import short_repr
from .encode import entries, raw_text, short_error, text_of
from .events import model_input, shown_input, tool_call_id
from .handler_work import HandlerQueue, run_apart

__all__ = [
    "AsyncCallbackHandler",
    "BaseCallbackHandler",
    "Generation",
    "LLMResult",
    "StdOutCallbackHandler",
    "UsageMetadataCallbackHandler",
]


@dataclass
class Generation:
    """An answer of a model or a piece of one; ``message`` is None for models of plain text.

    >>> from workbench import FakeListLLM
    >>> FakeListLLM(responses=["yes"]).generate(["Is it?"]).generations[0][0].text
    'yes'
    """

    text: str
    message: Any = None
    generation_info: dict[str, Any] | None = None


@dataclass
class LLMResult:
    """What a model answered: a list of generations for each input.

    >>> from workbench import FakeChatModel
    >>> model = FakeChatModel(responses=["yes", "no"])
    >>> result = model.generate([[("human", "Is it?")], [("human", "Is it not?")]])
    >>> [answers[0].text for answers in result.generations]
    ['yes', 'no']
    """

    generations: list[list[Generation]]
    llm_output: dict[str, Any] | None = None


class BaseCallbackHandler:
    """See the module. ``ignore_*`` leaves out a kind of run (``ignore_agent``: tools).

    >>> from workbench import BaseCallbackHandler, FakeChatModel
    >>> class Tokens(BaseCallbackHandler):
    ...     def __init__(self):
    ...         self.seen = []
    ...     def on_llm_new_token(self, token, **kwargs):
    ...         self.seen.append(token)
    >>> tokens = Tokens()
    >>> for chunk in FakeChatModel(responses=["a bear"]).stream("What is this?", {"callbacks": [tokens]}):
    ...     pass
    >>> tokens.seen
    ['a', ' ', 'bear', '']
    """

    raise_error: bool = False
    ignore_llm: bool = False
    ignore_chat_model: bool = False
    ignore_chain: bool = False
    ignore_agent: bool = False
    ignore_retriever: bool = False
    ignore_retry: bool = False
    ignore_custom_event: bool = False

    def on_chain_start(
        self,
        serialized: dict[str, Any],
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """*inputs* is ``{"input": ""}`` while it still streams in; ``on_chain_end`` is given ``inputs``."""

    def on_chain_end(
        self, outputs: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any
    ) -> Any: ...

    def on_chain_error(
        self, error: BaseException, *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any
    ) -> Any: ...

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[Any]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Where this is not overridden, ``on_llm_start`` is called with the messages as text."""

    def on_llm_start(
        self,
        serialized: dict[str, Any],
        prompts: list[str],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any: ...

    def on_llm_new_token(
        self,
        token: str,
        *,
        chunk: Generation | None = None,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> Any: ...

    def on_llm_end(
        self, response: LLMResult, *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any
    ) -> Any: ...

    def on_llm_error(
        self, error: BaseException, *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any
    ) -> Any:
        """``kwargs["response"]`` has what came before the error."""

    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        inputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any: ...

    def on_tool_end(
        self, output: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any
    ) -> Any: ...

    def on_tool_error(
        self, error: BaseException, *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any
    ) -> Any: ...

    def on_retriever_start(
        self,
        serialized: dict[str, Any],
        query: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any: ...

    def on_retriever_end(
        self, documents: Sequence[Any], *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any
    ) -> Any: ...

    def on_retriever_error(
        self, error: BaseException, *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any
    ) -> Any: ...

    def on_custom_event(
        self,
        name: str,
        data: Any,
        *,
        run_id: UUID,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any: ...

    def on_retry(
        self, retry_state: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any
    ) -> Any:
        """Never called: each attempt is a run of its own, with the tag ``retry:attempt:N``."""

    def on_text(self, text: str, *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any) -> Any:
        """Never called: nothing reports loose text."""

    def __observer__(self) -> Any:
        return _Reporter(self)


class AsyncCallbackHandler(BaseCallbackHandler):
    """A handler whose methods may be ``async def``, every one or some; see the module.

    >>> import asyncio
    >>> from workbench import AsyncCallbackHandler, RunnableLambda
    >>> class Show(AsyncCallbackHandler):
    ...     async def on_chain_end(self, outputs, **kwargs):
    ...         print("ended with", outputs)
    >>> asyncio.run(RunnableLambda(str.upper).ainvoke("hey", {"callbacks": [Show()]}))
    ended with HEY
    'HEY'
    """


class StdOutCallbackHandler(BaseCallbackHandler):
    """Prints when chains start and end.

    >>> from workbench import RunnableLambda, StdOutCallbackHandler
    >>> RunnableLambda(str.upper, name="shout").invoke("hey", {"callbacks": [StdOutCallbackHandler()]})
    > shout started
    > finished
    'HEY'
    """

    def on_chain_start(self, serialized: dict[str, Any], inputs: Any, **kwargs: Any) -> None:
        print(f"> {serialized['name']} started")

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        print("> finished")

    def on_chain_error(self, error: BaseException, **kwargs: Any) -> None:
        print(f"> failed: {type(error).__name__}: {error}")


class UsageMetadataCallbackHandler(BaseCallbackHandler):
    """Adds up the tokens that models report, in ``usage_metadata``, by the name of the model.

    >>> from workbench import AIMessage, FakeChatModel, UsageMetadataCallbackHandler
    >>> usage = {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14}
    >>> answer = AIMessage("yes", usage_metadata=usage, response_metadata={"model_name": "tiny"})
    >>> counted = UsageMetadataCallbackHandler()
    >>> _ = FakeChatModel(responses=[answer]).batch(["Is it?", "Is it not?"], {"callbacks": [counted]})
    >>> counted.usage_metadata["tiny"]["total_tokens"]
    28
    """

    def __init__(self) -> None:
        self.usage_metadata: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        message = response.generations[0][0].message
        usage = getattr(message, "usage_metadata", None)
        if usage:
            name = message.response_metadata.get("model_name") or "unknown model"
            with self._lock:
                self.usage_metadata[name] = _added(self.usage_metadata.get(name, {}), usage)

    def __repr__(self) -> str:
        return f"UsageMetadataCallbackHandler({self.usage_metadata})"


def _added(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    total = dict(left)
    for key, value in right.items():
        if isinstance(value, Mapping):
            total[key] = _added(total.get(key) or {}, value)
        else:
            total[key] = (total.get(key) or 0) + (value or 0)
    return total


# From RunEvents to method calls


_METHODS = [name for name in vars(BaseCallbackHandler) if name.startswith("on_")]
_FAMILIES = {"chat_model": "llm", "llm": "llm", "tool": "tool", "retriever": "retriever"}
_IGNORES = {"llm": "ignore_llm", "tool": "ignore_agent", "retriever": "ignore_retriever"}

Call = tuple[str, tuple[Any, ...], dict[str, Any]]


class _Reporter:
    """The observer for one handler. All observers of one handler are equal, so that a handler that is given
    both to a chain and to a step in it is called once for each event."""

    def __init__(self, handler: BaseCallbackHandler) -> None:
        self.handler = handler
        self._wanted = {name for name in _METHODS if _overrides(handler, name)}
        self._ids: dict[Run, UUID] = {}
        self._queues: dict[asyncio.AbstractEventLoop, HandlerQueue] = {}

    def __call__(self, event: RunEvent) -> None:
        run = event.run
        call = self._call(event)
        if call is not None:
            method, args, kwargs = call
            kwargs["run_id"] = self._id(run)
            if event.kind != "custom":
                kwargs["parent_run_id"] = None if run.parent is None else self._id(run.parent)
            try:
                self._deliver(run, method, args, kwargs)
            finally:
                if event.kind in ("end", "error"):
                    self._ids.pop(run, None)

    def _call(self, event: RunEvent) -> Call | None:
        kind, run, value, _ = event
        if kind == "custom":
            if self._ignored("ignore_custom_event", "on_custom_event"):
                return None
            tags = run.tags[: run.inherited]
            return "on_custom_event", value, {"tags": tags, "metadata": run.metadata}
        family = _FAMILIES.get(run.type, "chain")
        if kind == "chunk":
            if family != "llm" or self._ignored("ignore_llm", "on_llm_new_token"):
                return None
            piece = _generation(run, value)
            return "on_llm_new_token", (piece.text,), {"chunk": piece, "tags": run.tags}
        chat = kind == "start" and run.type == "chat_model" and "on_chat_model_start" in self._wanted
        method = "on_chat_model_start" if chat else f"on_{family}_{kind}"
        ignore = "ignore_chat_model" if chat else _IGNORES.get(family, "ignore_chain")
        if self._ignored(ignore, method):
            return None
        if kind == "start":
            args, kwargs = _STARTS[method](run)
            return method, (_serialized(run), *args), {**kwargs, **_about(run)}
        extra = _extra(run, family, kind)
        given = _result(run) if family == "llm" and kind == "end" else value
        return method, (given,), {**extra, "tags": run.tags}

    def _ignored(self, flag: str, method: str) -> bool:
        return method not in self._wanted or bool(getattr(self.handler, flag))

    def _id(self, run: Run) -> UUID:
        id = self._ids.get(run)
        if id is None:
            id = self._ids[run] = UUID(run.id)
        return id

    def _deliver(self, run: Run, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            result = getattr(self.handler, method)(*args, **kwargs)
        except Exception as error:
            self.failed(method, error)
            return
        if not iscoroutine(result):
            return
        loop = None if run.pending is None else running_loop()
        if loop is None:
            try:
                run_apart(result)
            except Exception as error:
                self.failed(method, error)
            return
        queue = self._queues.get(loop)
        if queue is None:
            queue = self._queues[loop] = HandlerQueue(repr(self), loop, self.failed)
        queue.put(method, result)
        if run.pending is not None and queue not in run.pending:
            run.pending = (*run.pending, queue)

    def failed(self, method: str, error: Exception) -> None:
        """Warn of what a handler raised, or raise it if it is to fail the run."""
        if self.handler.raise_error:
            raise error
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})" if trace is not None else ""
        warnings.warn(
            f"{type(self.handler).__name__}.{method} raised {short_error(error)}{where}; the run "
            "goes on. Set raise_error = True on the handler to let it fail the run",
            RuntimeWarning,
            stacklevel=2,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reporter) and other.handler is self.handler

    def __hash__(self) -> int:
        return id(self.handler)

    def __repr__(self) -> str:
        return f"<{type(self.handler).__name__}>"


def _overrides(handler: BaseCallbackHandler, name: str) -> bool:
    method = getattr(handler, name)
    return getattr(method, "__func__", method) is not getattr(BaseCallbackHandler, name)


def _about(run: Run) -> dict[str, Any]:
    return {"tags": run.tags, "metadata": run.metadata, "name": run.name}


def _serialized(run: Run) -> dict[str, Any]:
    kind = type(run.step)
    return {"name": run.name, "id": [*kind.__module__.split("."), kind.__name__]}


def _chain_start(run: Run) -> tuple[tuple[Any, ...], dict[str, Any]]:
    inputs = {"input": ""} if run.input is MISSING else run.input
    return (inputs,), {"run_type": None if run.type == "chain" else run.type}


def _chat_model_start(run: Run) -> tuple[tuple[Any, ...], dict[str, Any]]:
    request = model_input(run)
    return (entries(request, "messages").get("messages", [[request]]),), {}


def _llm_start(run: Run) -> tuple[tuple[Any, ...], dict[str, Any]]:
    request = model_input(run)
    given = entries(request, "messages", "prompts")
    try:
        if "messages" in given:
            return (["\n".join(map(_line, messages)) for messages in given["messages"]],), {}
    except Exception:  # no messages, but an input of the user's that looks like it
        given = {}
    return (given.get("prompts", [_as_text(request)]),), {}


def _line(message: Any) -> str:
    speaker = "AI" if message.type == "ai" else message.type.title()
    return f"{speaker}: {text_of(message)}"


def _tool_start(run: Run) -> tuple[tuple[Any, ...], dict[str, Any]]:
    inputs, as_dict = shown_input(run), None
    if issubclass(type(inputs), Mapping):
        with contextlib.suppress(Exception):  # whatever a mapping of the user's raises
            as_dict = dict(inputs)
    return (_as_text(inputs),), {"inputs": as_dict, "tool_call_id": tool_call_id(run.input)}


def _retriever_start(run: Run) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (run.input,), {}


_STARTS: dict[str, Callable[[Run], tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "on_chain_start": _chain_start,
    "on_chat_model_start": _chat_model_start,
    "on_llm_start": _llm_start,
    "on_tool_start": _tool_start,
    "on_retriever_start": _retriever_start,
}


def _extra(run: Run, family: str, kind: str) -> dict[str, Any]:
    """What ends and errors are given besides their value."""
    if family == "llm" and kind == "error":
        return {"response": _result(run) if run.output is not None else None}
    if family == "tool":
        return {"name": run.name} if kind == "end" else {"tool_call_id": tool_call_id(run.input)}
    if family == "chain" and run.streams and run.input is not MISSING:
        return {"inputs": run.input}
    return {}


def _as_text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # a user's __str__
        return short_repr(value)


def _generation(run: Run, output: Any) -> Generation:
    return Generation(raw_text(output) or "", output if run.type == "chat_model" else None)


def _result(run: Run) -> LLMResult:
    return LLMResult([[_generation(run, run.output)]])
