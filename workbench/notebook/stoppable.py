"""Let other threads stop synchronous work in the current thread, as a Stop button does."""

from __future__ import annotations

import _thread
import contextlib
import signal
import threading
import time
from types import FrameType
from typing import Any

from ..engine.limits import Stop
from ..engine.modes import Blocking
from ..engine.scope import Scope, current

__all__ = ["Stoppable"]

_AGAIN_S = 0.1


class Stoppable:
    """A context manager around the work. ``stop()`` ends it at its next step and, where it is the main
    thread that is blocked, by an interrupt. ``asked``: whether it was called; ``timed_out``: by
    ``time_out()``.

    An interrupt may come when the block is just being left: call ``leave()`` after it in any case.
    """

    def __init__(self) -> None:
        self.asked = self.timed_out = False
        self._stop = Stop()
        self._lock = threading.Lock()
        self._inside = self._sent = self._noticed = False
        self._is_main = threading.current_thread() is threading.main_thread()
        self._before: Any = None
        self._entered = False
        self._outer: Scope | None = None

    def stop(self) -> None:
        """From any thread, any number of times; before and after the work it does nothing."""
        with self._lock:
            if not self._inside or self.asked:
                return
            self.asked = True
        self._stop.request()
        if self._is_main:
            threading.Thread(target=self._interrupt, name="workbench-stop", daemon=True).start()

    def time_out(self) -> None:
        """Stop it because its time is over."""
        with self._lock:
            self.timed_out = self._inside and not self.asked
        self.stop()

    def __enter__(self) -> None:
        self._outer = outer = current.get()
        scope = Blocking() if outer is None else Blocking().under(outer)
        self._entered = True
        current.set(scope.stopping_with(self._stop))
        if self._is_main:
            self._before = signal.signal(signal.SIGINT, self._on_interrupt)
        self._inside = True

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """What is after the block is not part of it. Does nothing the second time."""
        if not self._entered:
            return
        current.set(self._outer)
        with self._lock:
            self._inside = False
        if not self._is_main:
            self._entered = False
            return
        deadline = time.monotonic() + _AGAIN_S
        while self._sent and not self._noticed and time.monotonic() < deadline:
            # The signal is on its way: it belongs to this work, not to what comes after.
            with contextlib.suppress(KeyboardInterrupt):
                time.sleep(0.001)
        signal.signal(signal.SIGINT, self._before if self._before is not None else signal.default_int_handler)
        self._entered = False

    def _interrupt(self) -> None:
        """Again and again until it is noticed: a signal that comes just before the thread blocks in a
        system call does not wake it."""
        while True:
            with self._lock:
                if not self._inside or self._noticed:
                    return
                self._sent = True
                if hasattr(signal, "pthread_kill"):
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                else:
                    _thread.interrupt_main()
            time.sleep(_AGAIN_S)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        self._noticed = True
        if not self.asked and callable(self._before):  # a Ctrl-C
            self._before(number, frame)
        elif self._inside or not self.asked:
            raise KeyboardInterrupt
