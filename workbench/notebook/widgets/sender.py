"""Sending frames to the browser: when, on which thread, and how its answers get through while a cell runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

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
    """Calls *send* soon after ``changed``, on a thread that lives only while there are changes.

    ``changed`` is called under the lock of the live state, for every token: it never blocks, and costs
    an attribute check while a frame is already due.
    """

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._due = 0
        self._closed = False
        self._thread: threading.Thread | None = None
        self._condition = threading.Condition()

    def changed(self, urgent: bool) -> None:
        due = _URGENT if urgent else _TOKEN
        if due <= self._due:
            return
        with self._condition:
            if self._closed:
                return
            self._due = due
            if self._thread is None or self._thread.ident is None:  # an interrupt kept it from starting
                self._thread = threading.Thread(target=self._run, name="workbench-view", daemon=True)
                self._thread.start()
            else:
                self._condition.notify()

    def close(self) -> None:
        """End the thread and wait for it, unless this is it."""
        with self._condition:
            self._closed = True
            thread = self._thread
            self._condition.notify()
        if thread is not None and thread.ident is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _run(self) -> None:
        last, failures = 0.0, 0
        while self._wait(last):
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

    def _wait(self, last: float) -> bool:
        """Until a frame is due after the one at *last*; False when this thread should end."""
        with self._condition:
            self._condition.wait_for(lambda: self._due or self._closed, timeout=IDLE_S)
            if self._closed or not self._due:
                self._thread = None
                return False
            while not self._closed:
                left = last + (URGENT_FRAME_S if self._due == _URGENT else FRAME_S) - time.monotonic()
                if left <= 0:
                    break
                self._condition.wait(left)
            self._due = 0
            return True


def answer_on_any_subshell(comm: Any) -> None:
    """Let the browser's messages be handled while a cell runs.

    ipykernel 7.4 sends them to the shell that the last message came from, which for a view is the one
    that is busy with the cell.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default
