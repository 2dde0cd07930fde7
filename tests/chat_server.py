"""A small OpenAI-compatible HTTP server for tests: it streams given tokens after given delays, over real
sockets, and records what it was asked, how many calls were in flight and which were cut off. It embeds, too:
texts that share words get vectors that are near."""

from __future__ import annotations

import base64
import hashlib
import json
import queue
import re
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DIMENSIONS = 32
"""Length of a vector, unless the request says another."""


class ChatServer:
    """``with ChatServer(tokens, delay_s=...) as server: ChatOpenAI(base_url=server.base_url, ...)``

    *tokens*: a list, or a function from the request's body to a list. ``delay_s`` passes before the first
    token, ``token_delay_s`` before each further one. ``fail_with`` is ``(status, message)`` to answer with.
    *script*: what answers each request in turn instead, the last one all further ones (see ``chat_script``).
    """

    def __init__(
        self,
        tokens: Sequence[str] | Callable[[dict[str, Any]], Sequence[str]] = ("Hello", " world"),
        *,
        delay_s: float = 0.0,
        token_delay_s: float = 0.0,
        fail_with: tuple[int, str] | None = None,
        script: Sequence[Callable[[Any, dict[str, Any]], None]] = (),
    ) -> None:
        self.tokens = tokens
        self.delay_s = delay_s
        self.token_delay_s = token_delay_s
        self.fail_with = fail_with
        self.script = script
        self.paths: list[str] = []
        self.times: list[float] = []  # of each request's arrival, by time.monotonic()
        self.closings: queue.Queue[float] = queue.Queue()  # when the client was seen to close a connection
        self.connections = 0
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.sent: list[int] = []  # tokens sent, a request each
        self.cut = 0
        self.in_flight = 0
        self.peak = 0
        self._lock = threading.Lock()

    def __enter__(self) -> ChatServer:
        handler = type("Handler", (_Handler,), {"chat": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def entered(self) -> None:
        with self._lock:
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)

    def left(self) -> None:
        with self._lock:
            self.in_flight -= 1

    def wait_idle(self, timeout_s: float = 5.0) -> None:
        """Until no call is in flight; raises TimeoutError."""
        end = time.monotonic() + timeout_s
        while self.in_flight:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.in_flight} calls still in flight")
            time.sleep(0.005)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # connections that arrive at once are not made to retry

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # clients may close when they like
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    chat: ChatServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a token must not wait for the client to acknowledge the one before

    def log_message(self, *_: object) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        self.chat.connections += 1

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        chat = self.chat
        chat.times.append(time.monotonic())
        chat.paths.append(self.path)
        chat.requests.append(body)
        chat.headers.append({name.lower(): value for name, value in self.headers.items()})
        chat.entered()
        try:
            self._answer(body)
        except (BrokenPipeError, ConnectionResetError):
            chat.cut += 1
            self.close_connection = True
        finally:
            chat.left()

    def _answer(self, body: dict[str, Any]) -> None:
        chat = self.chat
        if chat.script:
            chat.script[min(len(chat.requests), len(chat.script)) - 1](self, body)
            return
        if chat.fail_with is not None:
            status, message = chat.fail_with
            self._json(status, {"error": {"message": message, "type": "test", "code": None, "param": None}})
            return
        if "/embeddings" in self.path:  # Azure's has a query behind it
            self._embed(body)
            return
        is_text = "/chat/completions" not in self.path
        tokens = list(chat.tokens(body) if callable(chat.tokens) else chat.tokens)
        usage = {"prompt_tokens": 7, "completion_tokens": len(tokens), "total_tokens": 7 + len(tokens)}
        if not body.get("stream"):
            time.sleep(chat.delay_s + chat.token_delay_s * max(len(tokens) - 1, 0))
            message = {"role": "assistant", "content": "".join(tokens)}
            said = {"text": "".join(tokens)} if is_text else {"message": message}
            choice = {"index": 0, **said, "finish_reason": "stop"}
            self._json(200, {**_base("chat.completion", body), "choices": [choice], "usage": usage})
            return
        self._begin()
        chat.sent.append(0)
        number = len(chat.sent) - 1
        self._event(body, {"role": "assistant", "content": ""})
        for index, token in enumerate(tokens):
            time.sleep(chat.token_delay_s if index else chat.delay_s)
            self._event(body, {"content": token})
            chat.sent[number] += 1
        self._event(body, {}, finish="stop")
        if (body.get("stream_options") or {}).get("include_usage"):
            self._send({**_base("chat.completion.chunk", body), "choices": [], "usage": usage})
        self._write(b"data: [DONE]\n\n")
        self._write(b"")

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _embed(self, body: dict[str, Any]) -> None:
        time.sleep(self.chat.delay_s)
        size = body.get("dimensions") or DIMENSIONS
        vectors = [word_vector(text, size) for text in body["input"]]
        if body.get("encoding_format") == "base64":
            given: list[Any] = [base64.b64encode(struct.pack(f"<{size}f", *v)).decode() for v in vectors]
        else:
            given = vectors
        data = [{"object": "embedding", "index": n, "embedding": each} for n, each in enumerate(given)]
        usage = {"prompt_tokens": 7, "total_tokens": 7}
        data.reverse()  # a client must go by the index
        self._json(200, {"object": "list", "model": body["model"], "data": data, "usage": usage})

    def _event(self, body: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> None:
        said = {"delta": delta}
        if "/chat/completions" not in self.path:
            said = {"text": delta.get("content", "")}
        choice = {"index": 0, **said, "finish_reason": finish}
        self._send({**_base("chat.completion.chunk", body), "choices": [choice]})

    def _send(self, event: dict[str, Any]) -> None:
        self._write(b"data: " + json.dumps(event).encode() + b"\n\n")

    def _write(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _json(self, status: int, body: dict[str, Any], headers: Mapping[str, str] = {}) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def word_vector(text: str, size: int) -> list[float]:
    """How often words of each of *size* kinds are in the text."""
    counts = [0.0] * size
    for word in re.findall(r"\w+", text.lower()):
        counts[hashlib.sha256(word.encode()).digest()[0] % size] += 1.0
    return counts


def _base(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"id": "chatcmpl-test", "object": kind, "created": 0, "model": body.get("model", "test")}
