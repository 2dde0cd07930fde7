"""Cassettes: real model calls recorded once to a readable file, and replayed offline.

::

    with workbench.cassette("jokes.json"):          # no such file yet: records; else replays
        chain.invoke("bears")

While a cassette is open, every model call of the process goes through it (through the innermost one, where
several are open). A *call* on it is the request without secrets, and what came back: the chunks of a stream
with their times, or a whole answer, or an error. A call is found by its request, so keys, addresses and the
method do not matter: a recording made by ``invoke`` can be replayed by ``astream``. Equal requests are
answered in the order in which they were recorded, then again from the first.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, Self
from uuid import uuid4

from ...engine.chunks import ChunkStream, Fold
from ...engine.modes import AnyScope
from ...errors import CassetteError
from ...retrieval.embeddings import Embeddings
from .call_data import (
    RecordedModel,
    chunk_data,
    chunk_of,
    generation_data,
    generation_of,
    request_data,
    secrets_of,
    without_secrets,
)
from .cassette_file import read_calls, write_calls
from .errors import error_data, error_of
from .search import Shelf

__all__ = ["Cassette", "Mode", "Timing", "Vectors", "cassette", "current_cassette"]

Mode = Literal["auto", "record", "replay"]
Timing = Literal["original", "none"]
Vectors = list[list[float]]

_SAVE_EVERY_S = 1.0

_open: list[Cassette] = []


def current_cassette() -> Cassette | None:
    """The innermost cassette that is open in this process."""
    return _open[-1] if _open else None


def cassette(path: str | PathLike[str], mode: Mode = "auto", timing: Timing = "original") -> Cassette:
    """A cassette, to be opened by ``with`` or ``async with`` (or ``start`` and ``stop``).

    *mode*: "record" makes the file anew, "replay" never calls a model, "auto" replays if there is a file and
    records if not. *timing*: replayed tokens come after the times that were recorded, or all at once
    ("none"). A recording is saved at the end and every second or so before; no key, header or password gets
    into it.

    >>> import os, tempfile
    >>> from workbench import FakeChatModel, cassette
    >>> tape = os.path.join(tempfile.mkdtemp(), "joke.json")
    >>> model = FakeChatModel(responses=["knock, knock", "another one"])
    >>> with cassette(tape):  # there is no such file yet: it calls the model, and records
    ...     first = model.invoke("a joke")
    >>> with cassette(tape):  # now there is: it replays
    ...     second = model.invoke("a joke")
    >>> first.content, second.content
    ('knock, knock', 'knock, knock')
    """
    return Cassette(path, mode, timing)


class Cassette:
    """See ``cassette``. ``unused``: the requests of the file that have not been replayed so far."""

    def __init__(self, path: str | PathLike[str], mode: Mode = "auto", timing: Timing = "original") -> None:
        for name, value, known in (("mode", mode, Mode), ("timing", timing, Timing)):
            if value not in known.__args__:  # type: ignore[attr-defined]  # a Literal's
                raise ValueError(f"{name}: expected one of {', '.join(known.__args__)}, got {value!r}")  # type: ignore[attr-defined]
        self.path = Path(fspath(path)).expanduser().absolute()  # wherever the process goes
        self.mode = mode
        self.timing = timing
        self.recording = False
        self._shelf = Shelf([])
        self._calls: list[dict[str, Any]] = []
        self._saved_at = 0.0
        self._lock = threading.Lock()

    # Opening and closing

    def start(self) -> Self:
        """Open it, until ``stop``. CassetteError if it is to be replayed and cannot be read."""
        if self in _open:
            raise RuntimeError(f"{self!r} is open already")
        self.recording = self.mode == "record" or (self.mode == "auto" and not self.path.exists())
        self._calls, self._saved_at = [], time.monotonic()
        if not self.recording:
            self._calls = read_calls(self.path)
        self._shelf = Shelf(self._calls)
        _open.append(self)
        return self

    def stop(self) -> None:
        """Close it; a recording is saved, also if nothing was recorded."""
        if self in _open:
            _open.remove(self)
            if self.recording:
                with self._lock:
                    write_calls(self.path, self._calls)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(self, *_: object) -> None:
        self.stop()

    @property
    def calls(self) -> int:
        """How many calls are on it."""
        return len(self._calls)

    @property
    def unused(self) -> list[dict[str, Any]]:
        return self._shelf.unused

    def __repr__(self) -> str:
        state = "closed" if self not in _open else "recording" if self.recording else "replaying"
        return f"<Cassette {str(self.path)!r}, {state}, {self.calls} calls>"

    # Calls of models

    async def answer(
        self,
        model: RecordedModel,
        request: Any,
        kwargs: dict[str, Any],
        scope: AnyScope,
        real: Callable[[], Awaitable[Any]],
    ) -> list[Any]:
        """The generations of a whole answer: recorded, or those of *real*."""
        __tracebackhide__ = True
        asked = _asked(model, request, kwargs)
        if not self.recording:
            call = self._shelf.take(asked, self.path)
            await self._pause(scope, time.perf_counter(), call.get("seconds", 0.0))
            return _generations(model, call, self.path)
        with self._noting(model, asked) as came:
            came["answer"] = answer = await real()
        return answer.generations  # type: ignore[no-any-return]  # a ModelAnswer's

    async def chunks(
        self,
        model: RecordedModel,
        request: Any,
        kwargs: dict[str, Any],
        scope: AnyScope,
        real: Callable[[], ChunkStream],
    ) -> AsyncGenerator[Any, None]:
        """The chunks of a stream: recorded, or those of *real*."""
        __tracebackhide__ = True
        asked = _asked(model, request, kwargs)
        if not self.recording:
            async with aclosing(self._replayed(model, self._shelf.take(asked, self.path), scope)) as replayed:
                async for chunk in replayed:
                    yield chunk
            return
        begun = time.perf_counter()
        came: list[tuple[float, Any]] = []
        try:
            async with aclosing(real()) as stream:
                async for chunk in stream:
                    came.append((time.perf_counter() - begun, chunk))
                    yield chunk
        except Exception as error:
            self._add(model, asked, begun, chunks=_noted(came), error=error_data(error))
            raise
        except BaseException:  # closed early or cancelled: only these chunks can be replayed
            if came:
                self._add(model, asked, begun, chunks=_noted(came), cut=True)
            raise
        self._add(model, asked, begun, chunks=_noted(came))

    async def _replayed(
        self, model: RecordedModel, call: dict[str, Any], scope: AnyScope
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        begun = time.perf_counter()
        id = f"run-{scope.run.id if scope.run is not None else uuid4()}"
        if "answer" in call:
            await self._pause(scope, begun, call.get("seconds", 0.0))
            yield model._chunk_of_whole(model._output_of(_generations(model, call, self.path)[0]))
            return
        for at_s, data in call.get("chunks", ()):
            await self._pause(scope, begun, at_s)
            yield _with_id(chunk_of(data, model.run_type), id)
        await self._pause(scope, begun, call.get("seconds", 0.0))
        _raise_recorded(call, self.path)

    async def _pause(self, scope: AnyScope, begun: float, until_s: float) -> None:
        if self.timing == "original" and (left_s := begun + until_s - time.perf_counter()) > 0:
            await scope.sleep(left_s)

    # Calls of embeddings

    def vectors(self, model: Embeddings, texts: list[str], real: Callable[[list[str]], Vectors]) -> Vectors:
        """The vectors of *texts*: recorded, or those of *real*."""
        asked = _embedding_asked(model, texts)
        if not self.recording:
            call = self._shelf.take(asked, self.path)
            if self.timing == "original":
                time.sleep(call.get("seconds", 0.0))
            return _vectors(call, self.path)
        with self._noting(model, asked) as came:
            came["vectors"] = vectors = real(texts)
        return vectors

    async def avectors(
        self, model: Embeddings, texts: list[str], real: Callable[[list[str]], Awaitable[Vectors]]
    ) -> Vectors:
        """``vectors`` on the running event loop."""
        asked = _embedding_asked(model, texts)
        if not self.recording:
            call = self._shelf.take(asked, self.path)
            if self.timing == "original":
                await asyncio.sleep(call.get("seconds", 0.0))
            return _vectors(call, self.path)
        with self._noting(model, asked) as came:
            came["vectors"] = vectors = await real(texts)
        return vectors

    @contextmanager
    def _noting(self, model: Any, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Record a call: what is put into the dict (vectors, or an answer), or the error."""
        begun = time.perf_counter()
        came: dict[str, Any] = {}
        try:
            yield came
        except Exception as error:
            self._add(model, asked, begun, error=error_data(error))
            raise
        if "answer" in came:
            came["answer"] = [generation_data(one) for one in came["answer"].generations]
        self._add(model, asked, begun, **came)

    def _add(self, model: Any, asked: dict[str, Any], begun: float, **came: Any) -> None:
        call = {"request": asked, "seconds": round(time.perf_counter() - begun, 4), **came}
        call = without_secrets(call, secrets_of(model))
        with self._lock:
            self._calls.append(call)
            if time.monotonic() - self._saved_at >= _SAVE_EVERY_S and self in _open:
                write_calls(self.path, self._calls)
                self._saved_at = time.monotonic()


def _asked(model: Any, request: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    return request_data(model, request, kwargs, with_address=False)


def _embedding_asked(model: Any, texts: list[str]) -> dict[str, Any]:
    name = getattr(model, "model", None) or type(model).__name__
    asked = {"kind": "embeddings", "model": str(name), "asked": list(texts)}
    if (dimensions := getattr(model, "dimensions", None)) is not None:
        asked["dimensions"] = dimensions
    return without_secrets(asked, secrets_of(model))  # type: ignore[no-any-return]


def _vectors(call: dict[str, Any], path: Path) -> Vectors:
    _raise_recorded(call, path)
    return call["vectors"]  # type: ignore[no-any-return]  # as they were written


def _noted(came: list[tuple[float, Any]]) -> list[Any]:
    return [[round(at_s, 4), chunk_data(chunk)] for at_s, chunk in came]


def _generations(model: RecordedModel, call: dict[str, Any], path: Path) -> list[Any]:
    """The generations of a recorded call: of a whole answer, or the sum of its chunks."""
    _raise_recorded(call, path)
    if "answer" in call:
        return [generation_of(one) for one in call["answer"]]
    total = Fold()
    id = f"run-{uuid4()}"
    for _, data in call.get("chunks", ()):
        total.add(_with_id(chunk_of(data, model.run_type), id))
    return model._answer_of_chunks(total.value).generations


def _with_id(chunk: Any, id: str) -> Any:
    if not isinstance(chunk, str):
        chunk.id = id
    return chunk


def _raise_recorded(call: dict[str, Any], path: Path) -> None:
    if "error" in call:
        raise error_of(call["error"])
    if call.get("cut"):
        raise CassetteError(
            f"the recording of this answer in {path} ends here: its stream was closed when it was recorded; "
            'record it to its end with mode="record"'
        )
