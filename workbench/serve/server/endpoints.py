"""One chain's endpoints: invoke, batch, the streams, the schemas."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from starlette.types import Receive, Scope, Send

from ...engine.config import merge_configs
from ...engine.runs import RunEvent
from ...http.event_stream import event_bytes
from ...live.errors import error_data
from ...live.frames import frames_of
from ...runnables.base import Runnable
from ...tracing.mailboxes import Mailbox
from ..wire.extensions import HEADER, WireFormat, format_of
from ..wire.patches import PatchWriter
from ..wire.run_records import RunWriter
from ..wire.values import dumps, to_wire
from .faults import Fault, chain_error, invalid, shown_error
from .options import ActiveRuns, RouteOptions
from .requests import Call, read_body, read_call, read_calls
from .streaming import EventAnswer

__all__ = ["POSTS", "SCHEMAS", "Service", "answer_json", "header_of"]

POSTS = ("invoke", "batch", "stream", "stream_log", "stream_events")
SCHEMAS = ("input_schema", "output_schema", "config_schema")

_AHEAD = 256
"""How many events of runs may wait to be sent before the chain has to wait."""


class Service:
    """A chain at a path. ``endpoint(name)`` is an ASGI application that does what *name* says."""

    def __init__(
        self, chain: Runnable[Any, Any], path: str, options: RouteOptions, active: ActiveRuns
    ) -> None:
        self.chain = chain
        self.path = path
        self.options = options
        self.active = active

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2] or self.chain.get_name()

    def endpoint(self, name: str) -> Endpoint:
        return Endpoint(self, partial(self._schema, name) if name in SCHEMAS else getattr(self, f"_{name}"))

    def schema(self, name: str) -> dict[str, Any]:
        """The JSON schema of its input, output or config."""
        if name == "config_schema":
            keys = [key for key in self.options.config_keys if key != "configurable"]
            return self.chain.get_config_jsonschema(include=keys)
        if name == "input_schema":
            return self.chain.get_input_jsonschema()
        return self.chain.get_output_jsonschema()

    # The endpoints

    async def _schema(self, name: str, scope: Scope, receive: Receive, send: Send) -> None:
        await answer_json(send, 200, self.schema(name))

    async def _invoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = await self._call(scope, receive)
        output = await self._run(self.chain.ainvoke(call.input, call.config), receive)
        data = {"output": output, "metadata": {"run_id": call.run_id, "feedback_tokens": []}}
        await self._answer_output(scope, send, data)

    async def _batch(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(scope, receive, self.options.limits.body_bytes)
        calls = await read_calls(self.chain, self.options, body, scope)
        inputs, configs = [call.input for call in calls], [call.config for call in calls]
        outputs = await self._run(self.chain.abatch(inputs, configs), receive)
        ids = [call.run_id for call in calls]
        responses = [{"run_id": id, "feedback_tokens": []} for id in ids]
        data = {"output": outputs, "metadata": {"run_ids": ids, "responses": responses}}
        await self._answer_output(scope, send, data)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = await self._call(scope, receive)
        typed = format_of(header_of(scope, HEADER)) != ""
        answer = self._events(
            lambda: self.chain.astream(call.input, call.config),
            lambda chunks: b"".join(_chunk_event(chunk, typed) for chunk in chunks),
            head=event_bytes("metadata", dumps({"run_id": call.run_id})),
            wire="values" if typed else "",
        )
        await answer(receive, send)

    async def _stream_log(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = await self._call(scope, receive)
        wire = format_of(header_of(scope, HEADER))
        if wire == "runs":
            answer = self._runs(call)
        elif wire == "frames":
            answer = self._frames(call)
        else:
            answer = self._patches(call, wire)
        await answer(receive, send)

    def _patches(self, call: Call, wire: WireFormat) -> EventAnswer:
        filters = call.filters()
        with_list = call.body.get("with_streamed_output_list", True) is not False
        writer = PatchWriter(typed=wire == "values" and with_list)

        def event(ops: list[dict[str, Any]]) -> bytes:
            return event_bytes("data", dumps({"ops": ops})) if ops else b""

        return self._events(
            lambda: self.chain.astream_log(
                call.input, call.config, with_streamed_output_list=with_list, **filters
            ),
            lambda patches: event(writer.ops(patches)),
            rest=lambda: event(writer.rest()),
            wire="values" if wire == "values" and with_list else "",
        )

    def _runs(self, call: Call) -> EventAnswer:
        mailbox = Mailbox(_AHEAD)
        writer = RunWriter(lambda error: shown_error(error_data(error), self.options.errors))

        def observe(event: RunEvent) -> None:
            mailbox.put(event)

        observe.gate = mailbox.gate  # type: ignore[attr-defined]  # what observers may carry
        observe.wants_tokens = True  # type: ignore[attr-defined]
        config = merge_configs(call.config, {"callbacks": [observe]})
        return self._events(
            lambda: mailbox.while_running(lambda: self.chain.astream(call.input, config)),
            lambda events: event_bytes("data", dumps(writer.records(events))),
            wire="runs",
        )

    def _frames(self, call: Call) -> EventAnswer:
        def shown(data: Mapping[str, str]) -> dict[str, str]:
            return shown_error(data, self.options.errors)

        return self._events(
            lambda: frames_of(self.chain, call.input, call.config, shown_error=shown),
            lambda frames: b"".join(event_bytes("data", dumps(frame)) for frame in frames),
            wire="frames",
        )

    async def _stream_events(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = await self._call(scope, receive)
        filters = call.filters()
        version: Any = call.body.get("version") or "v2"
        if version not in ("v1", "v2"):
            raise invalid(["version"], "Input should be 'v1' or 'v2'", "literal_error")
        typed = format_of(header_of(scope, HEADER)) != ""

        def encode(events: Sequence[Any]) -> bytes:
            return b"".join(event_bytes("data", dumps(to_wire(event, typed=typed))) for event in events)

        answer = self._events(
            lambda: self.chain.astream_events(call.input, call.config, version=version, **filters),
            encode,
            wire="values" if typed else "",
        )
        await answer(receive, send)

    # What they share

    async def _call(self, scope: Scope, receive: Receive) -> Call:
        body = await read_body(scope, receive, self.options.limits.body_bytes)
        return await read_call(self.chain, self.options, body, scope)

    def _events(
        self,
        open_items: Callable[[], AsyncIterator[Any]],
        encode: Callable[[Sequence[Any]], bytes],
        *,
        head: bytes = b"",
        rest: Callable[[], bytes] = lambda: b"",
        wire: WireFormat,
    ) -> EventAnswer:
        return EventAnswer(
            open_items,
            encode,
            lambda error: chain_error(error, self.options.errors),
            active=self.active,
            run_s=self.options.limits.run_s,
            head=head,
            rest=rest,
            headers=[(HEADER.lower().encode(), wire.encode())] if wire else [],
        )

    async def _run(self, work: Any, receive: Receive) -> Any:
        """The outcome of *work*, which is stopped when the caller leaves, its time is over or the server
        shuts down. Raises Fault."""
        run = _WholeRun(work)
        self.active.runs.add(run)
        watch = asyncio.create_task(_gone(receive))
        try:
            limit = self.options.limits.run_s
            done, _ = await asyncio.wait(
                [run.task, watch], timeout=limit, return_when=asyncio.FIRST_COMPLETED
            )
            if run.stopped:
                raise Fault(503, {"detail": "the server is shutting down"})
            if run.task in done:
                return self._outcome(run.task)
            if watch in done:
                raise Fault(499, {"detail": "the client has left"})
            over = f"the run took longer than the {limit:g} s allowed here and was stopped"
            raise Fault(504, {"detail": over})
        finally:
            self.active.runs.discard(run)
            for task in (run.task, watch):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await asyncio.wait([run.task, watch])

    def _outcome(self, task: asyncio.Task[Any]) -> Any:
        if task.cancelled():
            raise Fault(500, {"detail": "the run was cancelled"})
        if (error := task.exception()) is not None:
            raise self._failure(error)
        return task.result()

    def _failure(self, error: BaseException) -> Fault:
        fields = chain_error(error, self.options.errors)
        return Fault(500, {"detail": fields["message"], "error": fields})

    async def _answer_output(self, scope: Scope, send: Send, data: dict[str, Any]) -> None:
        wire: WireFormat = "values" if format_of(header_of(scope, HEADER)) else ""
        try:
            text = dumps(to_wire(data, typed=wire != "", strict=True))
        except Exception as error:  # no JSON form, nested too deep, or raised by a user's key or serializer
            raise self._failure(error) from None
        headers: dict[str, str] = {HEADER.lower(): wire} if wire else {}
        await answer_text(send, 200, text, headers)


class Endpoint:
    """An ASGI application that checks tokens and the number of runs, and answers faults."""

    def __init__(self, service: Service, answer: Callable[[Scope, Receive, Send], Any]) -> None:
        self._service = service
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._admit(scope)
            await self._answer(scope, receive, send)
        except Fault as fault:
            await answer_json(send, fault.status, fault.body, fault.headers)

    def _admit(self, scope: Scope) -> None:
        service = self._service
        if not service.options.lets_in(header_of(scope, "authorization")):
            body = {"detail": "expected Authorization: Bearer and a token of this service"}
            raise Fault(401, body, {"www-authenticate": "Bearer"})
        if scope["method"] != "POST":
            return
        active = service.active
        if active.is_stopping or len(active.runs) >= service.options.limits.runs:
            why = "the server is shutting down" if active.is_stopping else "too many runs are under way"
            raise Fault(503, {"detail": f"{why}: try again"}, {"retry-after": "1"})


class _WholeRun:
    """A run that is answered as a whole, when it has ended."""

    def __init__(self, work: Any) -> None:
        self.task: asyncio.Task[Any] = asyncio.ensure_future(work)
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True
        self.task.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _chunk_event(chunk: Any, typed: bool) -> bytes:
    data = chunk if type(chunk) is str else to_wire(chunk, typed=typed, strict=True)
    return event_bytes("data", dumps(data))


def header_of(scope: Scope, name: str) -> str:
    wanted = name.lower().encode()
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == wanted), "")


async def answer_json(send: Send, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
    await answer_text(send, status, dumps(data), headers or {})


async def answer_text(send: Send, status: int, text: str, headers: dict[str, str]) -> None:
    body = text.encode()
    all_headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        **headers,
    }
    raw = [(key.encode(), value.encode("latin-1")) for key, value in all_headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
