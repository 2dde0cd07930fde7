"""The two drivers: scopes whose verbs run user code in place (``Blocking``) or on an event loop
(``EventLoop``). A combinator is written once, against the verbs they share:

``call`` a function, ``iterate`` over what a function yields, put a stream ``through`` a generator function,
``gather`` outputs and ``merge`` streams of branches that run side by side, ``sleep``, ``lock``.
"""

from __future__ import annotations

from .blocking import BATCH_WIDTH, Blocking
from .drive import drive, drive_stream
from .event_loop import EventLoop
from .tee import Tee

__all__ = ["BATCH_WIDTH", "AnyScope", "Blocking", "EventLoop", "Tee", "drive", "drive_stream"]

AnyScope = Blocking | EventLoop
