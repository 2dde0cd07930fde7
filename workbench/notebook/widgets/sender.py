"""Sending frames to the browser: when, on which thread, and how its answers get through while a cell runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ...engine import threads

__all__ = ["Sender", "answer_on_any_subshell"]

FRAME_S = 0.033
URGENT_FRAME_S = 0.016
RETRY_S = 0.1
LONGEST_RETRY_S = 5.0
IDLE_S = 2.0
"""A sender with nothing to send for so long ends; the next change starts another."""

_TOKEN, _URGENT = 1, 2
_log = logging.getLogger("workbench")


class Sender:
    """Calls *send* soon after ``changed``, on a worker thread that it has only while there are changes.
    Threads are used again: ipykernel opens a socket for each new one that sends.

    ``changed`` is called under the lock of the live state, for every token: it never blocks, and costs
    an attribute check while a frame is already due.
    """

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._due = 0
        self._closed = False
        self._work: _Work | None = None
        self._condition = threading.Condition()

    def changed(self, urgent: bool) -> None:
        due = _URGENT if urgent else _TOKEN
        if due <= self._due:
            return
        with self._condition:
            if self._closed:
                return
            self._due = due
            if self._work is None or self._work.over.is_set():
                work = _Work()
                threads.start(lambda: self._run(work))
                self._work = work  # not before: an interrupt may keep it from starting
            else:
                self._condition.notify()

    def close(self) -> None:
        """End the work and wait for it, unless this is its thread."""
        with self._condition:
            self._closed = True
            work = self._work
            self._condition.notify_all()
        if work is not None and work.thread != threading.get_ident():
            work.over.wait(timeout=5)

    def _run(self, work: _Work) -> None:
        work.thread = threading.get_ident()
        try:
            self._send_while_due(work)
        finally:
            work.over.set()

    def _send_while_due(self, work: _Work) -> None:
        last, failures = 0.0, 0
        while self._wait(last, work):
            last = time.monotonic()
            try:
                self._send()
                failures = 0
            except Exception:  # the connection, or what is shown; the next frame may pass
                if not failures:
                    _log.warning("a frame of a live view could not be sent; trying again", exc_info=True)
                last += min(RETRY_S * 2**failures, LONGEST_RETRY_S)
                failures = min(failures + 1, 16)
                self._due = _TOKEN

    def _wait(self, last: float, work: _Work) -> bool:
        """Until a frame is due after the one at *last*; False when this thread should end."""
        with self._condition:
            self._condition.wait_for(lambda: self._due or self._closed, timeout=IDLE_S)
            if self._closed or not self._due:
                work.over.set()  # within the lock: the next change starts other work
                return False
            while not self._closed:
                left = last + (URGENT_FRAME_S if self._due == _URGENT else FRAME_S) - time.monotonic()
                if left <= 0:
                    break
                self._condition.wait(left)
            self._due = 0
            return True


class _Work:
    """What a worker thread does for a sender, until there is nothing to send for a while."""

    def __init__(self) -> None:
        self.thread: int | None = None
        self.over = threading.Event()


def answer_on_any_subshell(comm: Any) -> None:
    """Let the browser's messages be handled while a cell runs.

    ipykernel 7.4 sends them to the shell that the last message came from, which for a view is the one
    that is busy with the cell.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default
