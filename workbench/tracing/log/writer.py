"""RunEvents as the patches of a log."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ...engine.limits import Gate
from ...engine.runs import MODEL_TYPES, OnChunk, Run, RunEvent, clock_epoch, timestamp
from ...patch.operations import Op
from ...patch.pointers import escape
from ..encode import result, short_error, text_of
from ..filters import Filter, log_type
from ..free_keys import FreeKeys
from .output import OutputOperations
from .patches import RunLogPatch

__all__ = ["LogWriter"]

_EVERY_RUN = Filter()


class LogWriter:
    """An observer that writes patches; ``on_patch`` is called with each, in the thread of the event.

    Every run that started is ended in the log, failed ones with the output they had.
    """

    wants_tokens = True

    def __init__(
        self,
        on_patch: Callable[[RunLogPatch], None],
        *,
        keep: Callable[[Run], bool] = _EVERY_RUN,
        with_streamed_output_list: bool = True,
        gate: Gate | None = None,
    ) -> None:
        self._on_patch = on_patch
        self._keep = keep
        self._with_list = with_streamed_output_list
        self._root: Run | None = None
        self._epoch = clock_epoch()
        self._output = OutputOperations()
        self._keys: dict[Run, str] = {}
        self._chunk_paths: dict[Run, tuple[str, str | None]] = {}
        self._free_keys = FreeKeys()
        self._lock = threading.Lock()
        self.gate = gate

    def chunks_of(self, run: Run) -> OnChunk | None:
        """What is called with each chunk of a run; None where they are no part of the log. One run's chunks
        come one after another, and so need no lock."""
        if run is self._root:
            return self._root_on_chunk
        return self._entry_on_chunk(*paths) if (paths := self._chunk_paths.get(run)) is not None else None

    def __call__(self, event: RunEvent) -> None:
        kind, run, value, at = event
        if kind == "chunk":
            if (on_chunk := self.chunks_of(run)) is not None:
                on_chunk(value, at)
            return
        with self._lock:
            self._put(self._ops(event))

    def _put(self, ops: list[Op]) -> None:
        if ops:
            patch = _new_patch(RunLogPatch)
            patch.ops = ops
            self._on_patch(patch)

    def _root_on_chunk(self, chunk: Any, at: float) -> None:
        ops: list[Op] = [{"op": "add", "path": _LAST, "value": chunk}] if self._with_list else []
        self._output.add(chunk, ops)
        self._put(ops)

    def _entry_on_chunk(self, path: str, text_path: str | None) -> OnChunk:
        """What writes a nested run's chunks to *path*, and their texts to *text_path*."""
        on_patch = self._on_patch

        def write(chunk: Any, at: float) -> None:
            patch = _new_patch(RunLogPatch)
            op = {"op": "add", "path": path, "value": chunk}
            if text_path is None:
                patch.ops = [op]
            else:
                patch.ops = [{"op": "add", "path": text_path, "value": text_of(chunk) or ""}, op]
            on_patch(patch)

        return write

    def _ops(self, event: RunEvent) -> list[Op]:
        kind, run, value, _ = event
        if self._root is None and kind == "start":
            self._root, self._epoch = run, clock_epoch()
            return [_op("replace", "", _root_state(run))]
        if run is self._root:
            if kind == "end" and not run.streams:  # its output is its one chunk
                self._root_on_chunk(value, event.at)
            return []
        if kind == "start":
            return self._enter(run)
        key = self._keys.get(run)
        if key is None:
            return []
        if kind in ("end", "error"):
            output = result(run.type, run.output)
            return [
                _op("add", f"/logs/{key}/final_output", output),
                *([_op("add", f"/logs/{key}/error", short_error(value))] if kind == "error" else ()),
                _op("add", f"/logs/{key}/end_time", timestamp(event.at, self._epoch)),
            ]
        return []

    def _enter(self, run: Run) -> list[Op]:
        if not self._keep(run):
            return []
        key = escape(self._free_keys.take(str(run.name)))
        self._keys[run] = key
        streams_text = run.type in MODEL_TYPES
        self._chunk_paths[run] = (
            f"/logs/{key}/streamed_output/-",
            f"/logs/{key}/streamed_output_str/-" if streams_text else None,
        )
        return [_op("add", f"/logs/{key}", _entry(run, self._epoch))]


_new_patch = RunLogPatch.__new__
_LAST = "/streamed_output/-"


def _op(op: str, path: str, value: Any) -> Op:
    return {"op": op, "path": path, "value": value}


def _root_state(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "type": log_type(run),
        "streamed_output": [],
        "final_output": None,
        "logs": {},
    }


def _entry(run: Run, epoch: float) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "type": log_type(run),
        "tags": run.tags,
        "metadata": run.metadata,
        "start_time": timestamp(run.started or 0.0, epoch),
        "streamed_output": [],
        "streamed_output_str": [],
        "final_output": None,
        "end_time": None,
    }
