"""What a ``ChatServer`` answers with where its tokens will not do: failures, raw bytes, streams that stop."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

Reply = Callable[[Any, dict[str, Any]], None]
"""Answers one request, given the server's handler and the request's body."""

DONE = b"data: [DONE]\n\n"


def failing(status: int, message: str, **headers: str) -> Reply:
    """An error as the API has them; ``retry_after="1"`` is the header Retry-After."""
    error = {"message": message, "type": "test", "code": None, "param": None}

    def reply(handler: Any, body: dict[str, Any]) -> None:
        handler._json(
            status, {"error": error}, {name.replace("_", "-"): value for name, value in headers.items()}
        )

    return reply


def answering(completion: dict[str, Any], **headers: str) -> Reply:
    """This JSON, whole."""

    def reply(handler: Any, body: dict[str, Any]) -> None:
        handler._json(200, completion, {name.replace("_", "-"): value for name, value in headers.items()})

    return reply


def saying(text: str) -> Reply:
    """A good answer, streamed if that is asked for."""

    def reply(handler: Any, body: dict[str, Any]) -> None:
        handler.chat.script, script = (), handler.chat.script
        handler.chat.tokens = [text]
        try:
            handler._answer(body)
        finally:
            handler.chat.script = script

    return reply


def page(text: str, kind: str = "text/html") -> Reply:
    """What is no answer of an API."""

    def reply(handler: Any, body: dict[str, Any]) -> None:
        data = text.encode()
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return reply


def streaming(*pieces: bytes, end: str = "whole") -> Reply:
    """These bytes, each a network write of its own. Then *end*: "whole" ends the response, "cut" breaks the
    connection in its middle, "stall" sends nothing more until the client closes, and notes when."""

    def reply(handler: Any, body: dict[str, Any]) -> None:
        with contextlib.suppress(ConnectionError) if end == "stall" else contextlib.nullcontext():
            handler._begin()
            for piece in pieces:
                handler._write(piece)
        if end == "whole":
            handler._write(b"")
        elif end == "stall":
            stalling(handler, body)
        handler.close_connection = end != "whole"

    return reply


def stalling(handler: Any, body: dict[str, Any]) -> None:
    """Nothing, until the client closes."""
    handler.close_connection = True
    handler.connection.settimeout(10)
    with contextlib.suppress(ConnectionError):  # a client that closes with bytes unread resets
        while handler.connection.recv(1024):
            pass
    handler.chat.closings.put(time.monotonic())


def event(content: str | None = None, finish: str | None = None, **fields: Any) -> bytes:
    """An event of a streamed chat completion; *fields* of its delta, or of all of it where they are its."""
    delta = {} if content is None else {"content": content}
    whole = {
        name: fields.pop(name) for name in ("usage", "choices", "id", "system_fingerprint") if name in fields
    }
    extra = {"logprobs": fields.pop("logprobs")} if "logprobs" in fields else {}
    choice = {"index": fields.pop("index", 0), "delta": {**delta, **fields}, "finish_reason": finish, **extra}
    said = {"id": "chatcmpl-test", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return (
        b"data: " + json.dumps({**said, "choices": [choice], **whole}, ensure_ascii=False).encode() + b"\n\n"
    )
