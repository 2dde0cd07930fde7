"""A process that answers every request with the same streamed chat completion, as fast as sockets take it.

Every event is an HTTP chunk of its own, as servers send them, but many are written at once: a client that
reads, not the server, is what takes the time. ``python -m tests.bench.event_server TOKENS`` prints its port.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import subprocess
import sys
from functools import cache
from typing import Any

__all__ = ["address"]

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_WRITE_BYTES = 1 << 16


@cache
def address(tokens: int) -> str:
    """The base URL of such a process, which ends with this one."""
    command = [sys.executable, "-m", "tests.bench.event_server", str(tokens)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(_end, server)
    assert server.stdout is not None
    return f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"


def _end(server: subprocess.Popen[str]) -> None:
    server.terminate()
    server.communicate()


def _answer(tokens: int) -> bytes:
    parts = [_HEAD, _event({"role": "assistant", "content": ""})]
    parts += [_event({"content": f"token{number} "}) for number in range(tokens)]
    parts += [_event({}, "stop"), _chunk(b"data: [DONE]\n\n"), b"0\r\n\r\n"]
    return b"".join(parts)


def _event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    event = {
        "id": "chatcmpl-9f3kq0Zb1c8dTtYw2v5x",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default",
        "system_fingerprint": "fp_0aa8d3e20b",
        "choices": [choice],
        "usage": None,
    }
    return _chunk(b"data: " + json.dumps(event).encode() + b"\n\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def _serve(tokens: int) -> None:
    answer = _answer(tokens)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.split(b":")[1]))
                for start in range(0, len(answer), _WRITE_BYTES):
                    writer.write(answer[start : start + _WRITE_BYTES])
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
