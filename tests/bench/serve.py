"""Many streams of a served chain at once, beside LangServe serving the same chain, in one run.

``python -m tests.bench.serve`` (``--help``) starts a server of each kind in a process of its own and reads
its streams with the same bare reader, which shares the machine with it. Every stream is checked afterwards:
no token lost, none out of its place; and of the logs, that their operations build the state they should.

Exit code 1 if a token is missing or out of place, or the total is under the target.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import jsonpatch
import psutil

from .serve_app import SIDES, words

__all__ = ["Load", "load", "main"]

TARGET = 5.0
"""Our tokens a second over LangServe's, at least."""
LIMIT_S = 240.0

_END = b"event: end"
_FIRST = b"event: data"


@dataclass(frozen=True)
class Load:
    """What a load of streams came to. ``first_token_s``: the time to it within which 95 % had theirs."""

    tokens_per_s: float
    first_token_s: float
    peak_mb: float
    megabytes: float
    problems: int


class _Reader:
    """One request, and when its first data came. It parses nothing while the others are read."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.first_s = float("inf")

    async def read(self, port: int, name: str, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        body = json.dumps({"input": {"topic": str(number)}}).encode()
        head = f"POST /chain/{name} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        began = time.perf_counter()
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        tail = b""
        while piece := await reader.read(1 << 16):
            self.pieces.append(piece)
            tail = tail[-32:] + piece
            if self.first_s == float("inf") and _FIRST in tail:
                self.first_s = time.perf_counter() - began
            if _END in tail:
                break
        writer.close()

    def data(self) -> list[Any]:
        """The data of its events."""
        _, _, rest = b"".join(self.pieces).partition(b"\r\n\r\n")
        text = _unchunked(rest).decode()
        events = text.replace("\r\n", "\n").split("\n\n")
        lines = [event.split("\n") for event in events if event.startswith("event: data")]
        return [json.loads(line.removeprefix("data: ")) for one in lines for line in one[1:] if line]


def _unchunked(body: bytes) -> bytes:
    pieces = []
    while body:
        size, _, body = body.partition(b"\r\n")
        if not size or not (length := int(size, 16)):
            break
        pieces.append(body[:length])
        body = body[length + 2 :]
    return b"".join(pieces)


class _Server:
    def __init__(self, side: str, tokens: int) -> None:
        command = [sys.executable, "-m", "tests.bench.serve_app", side, str(tokens)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self._memory = psutil.Process(self._process.pid)
        self.peak = 0

    def __enter__(self) -> _Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    async def watch(self) -> None:
        while True:
            self.peak = max(self.peak, self._memory.memory_info().rss)
            await asyncio.sleep(0.1)


async def _all_streams(server: _Server, name: str, streams: int) -> tuple[list[_Reader], float]:
    readers = [_Reader() for _ in range(streams)]
    began = time.perf_counter()
    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(*(one.read(server.port, name, number) for number, one in enumerate(readers)))
    return readers, time.perf_counter() - began


def load(side: str, name: str, streams: int, tokens: int) -> Load:
    """*streams* at once of *tokens* each from ``/stream`` or ``/stream_log`` of a *side*."""

    async def run() -> Load:
        with _Server(side, tokens) as server:
            await _all_streams(server, name, 8)  # warm
            watch = asyncio.create_task(server.watch())
            readers, seconds = await _all_streams(server, name, streams)
            watch.cancel()
        expected = words(tokens)
        problems = sum(not _is_whole(name, reader.data(), expected) for reader in readers)
        firsts = sorted(reader.first_s for reader in readers)
        size = sum(len(piece) for reader in readers for piece in reader.pieces)
        first_s = firsts[int(0.95 * (len(firsts) - 1))]
        return Load(streams * tokens / seconds, first_s, server.peak / 1e6, size / 1e6, problems)

    return asyncio.run(run())


def _is_whole(name: str, data: list[Any], expected: list[str]) -> bool:
    """Whether every token came, in its place."""
    if name == "stream":
        return [token for token in data if token] == expected
    ops = [op for patch in data for op in patch["ops"]]
    state = jsonpatch.apply_patch(None, ops, in_place=True)
    tokens = [token for token in state["streamed_output"] if token]
    return tokens == expected and state["final_output"] == "".join(expected)


def _row(label: str, name: str, one: Load) -> str:
    lost = "none" if one.problems == 0 else f"{one.problems} streams"
    return (
        f"{label:10} {name:11} {one.tokens_per_s:12,.0f} {one.first_token_s * 1000:12,.0f} "
        f"{one.peak_mb:10,.0f} {one.megabytes:10,.1f}  {lost}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serve", description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--log-streams", type=int, default=40, help="streams of /stream_log, which is dearer")
    options = parser.parse_args()
    print(
        f"{options.streams} streams of {options.tokens} tokens at once; logs: {options.log_streams} streams"
    )
    columns = f"{'tokens/s':>12} {'first p95 ms':>12} {'peak MB':>10} {'sent MB':>10}"
    print(f"{'side':10} {'endpoint':11} {columns}  lost")
    results: dict[tuple[str, str], Load] = {}
    for name, streams in (("stream", options.streams), ("stream_log", options.log_streams)):
        for side in SIDES:
            one = results[side, name] = load(side, name, streams, options.tokens)
            print(_row(side, name, one), flush=True)
    ratios = {
        name: results["ours", name].tokens_per_s / results["langserve", name].tokens_per_s
        for name in ("stream", "stream_log")
    }
    shown = ", ".join(f"{name} {ratio:.1f} times" for name, ratio in ratios.items())
    print(f"our tokens a second over LangServe's: {shown} (target: stream at least {TARGET:g})")
    whole = all(one.problems == 0 for (side, _), one in results.items() if side == "ours")
    return 0 if whole and ratios["stream"] >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
