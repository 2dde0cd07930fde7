"""Steps that block an event loop: found by looking at the stack of its thread, and noted on their runs.

``LoopWatch`` looks only while there is work on the loop. Twenty times a second it asks the loop for an
answer; one that takes more than ``NOTED_S`` means that something blocks it.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from .runs import Run
from .scope import Scope

__all__ = ["NOTED_S", "BlockedStep", "LoopWatch"]

BEAT_S = 0.05
NOTED_S = 0.2
"""A step that blocks the loop for longer is noted."""

_OWN = str(Path(__file__).resolve().parent.parent)


@dataclass(frozen=True)
class BlockedStep:
    """The step whose code a thread is just running: its run, if somebody observes it, and where it is."""

    run: Run | None
    where: str

    @property
    def shown(self) -> str:
        return self.where if self.run is None else f"{self.run.path} ({self.where})"

    @classmethod
    def of(cls, thread: threading.Thread | None) -> BlockedStep | None:
        """None if the thread runs no code of a user's."""
        frame = None if thread is None else sys._current_frames().get(thread.ident or 0)
        where, run = "", None
        while frame is not None:
            if frame.f_code.co_filename.startswith(_OWN):
                if where and (run := _run_of(frame)) is not None:
                    break
            elif not where and not _is_library(frame):
                where = f"{frame.f_code.co_qualname}, line {frame.f_lineno}"
            frame = frame.f_back
        return cls(run, where) if where else None


def _is_library(frame: FrameType) -> bool:
    """Whether a frame is the interpreter's own, which blocks in the name of whoever called it."""
    name = frame.f_code.co_filename
    return name.startswith(_STDLIB) and "site-packages" not in name


_STDLIB = str(Path(asyncio.__file__).resolve().parent.parent)


def _run_of(frame: FrameType) -> Run | None:
    scope = frame.f_locals.get("scope", frame.f_locals.get("self"))
    return scope.run if isinstance(scope, Scope) else None


class LoopWatch:
    """The work on the background loops, and a thread that watches them as long as there is any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._work: dict[Any, asyncio.AbstractEventLoop] = {}
        self._thread: threading.Thread | None = None

    def add(self, work: Any, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            self._work[work] = loop
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._look_on, name="workbench-watch-loop", daemon=True
                )
                self._thread.start()

    def remove(self, work: Any) -> None:
        with self._lock:
            self._work.pop(work, None)

    def of(self, loop: asyncio.AbstractEventLoop) -> list[Any]:
        with self._lock:
            return [work for work, its in self._work.items() if its is loop]

    def _look_on(self) -> None:
        while True:
            time.sleep(BEAT_S)
            with self._lock:
                loops = set(self._work.values())
                if not loops:
                    self._thread = None
                    return
            for loop in loops:
                self._look_at(loop)

    def _look_at(self, loop: asyncio.AbstractEventLoop) -> None:
        answered = threading.Event()
        asked = time.perf_counter()
        try:
            loop.call_soon_threadsafe(answered.set)
        except RuntimeError:  # closed
            return
        if answered.wait(NOTED_S):
            return
        thread = next((t for t in threading.enumerate() if getattr(t, "workbench_loop", None) is loop), None)
        step = BlockedStep.of(thread)
        while not answered.wait(BEAT_S) and self.of(loop):
            step = step or BlockedStep.of(thread)
        if step is not None and step.run is not None:
            _note(step, time.perf_counter() - asked)


def _note(step: BlockedStep, seconds: float) -> None:
    """Tell who observes the run, if they take notes; it may be over by now."""
    for observer in step.run.observers if step.run is not None else ():
        if (note := getattr(observer, "note", None)) is not None:
            note(step.run, f"blocked the loop for {seconds:.1f} s", step.where)
