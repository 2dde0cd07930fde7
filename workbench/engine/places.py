"""Places under ``max_concurrency``: which leaf calls may work now.

The rule
--------
1. A leaf call (a function, a model's request, a step of a generator) works only while it has a *place*
   under every limit it runs under. It gets all of them at once or none.
2. Who waits does not use its place. A function that waits for a chain it called *parks* its place: it is kept
   for that chain's calls, which take it before any other, and returns to the function. So what has been begun
   comes to its end by its own place, whatever else is begun. A generator that waits for a chunk of its source
   gives its place back, as nobody knows who else reads that source.
3. A stream that has given a chunk is not at work until the next one is asked for. Its place is parked, too:
   kept for it, so that no other stream is begun in between, but lent to whoever it waits for: calls of its
   reader (the same thread or task, and what that waits for).
4. For whom a place is kept is not always known (a thread of the user's own, without the config, may read the
   stream), and may be busy with something else (the pause before a retry). A place that has been parked for
   ``PATIENCE_S`` goes to anybody who waits, and that stream or function keeps none from then on; unless a
   call of that function waits just for a place of another limit that somebody is at work with.
5. A synchronous call on a thread whose event loop is running counts on its own (see ``Scope.apart``): it
   holds up the loop, so it must not wait for what the loop would have to finish.

From 1 and 2 follows that the calls at work are never more than the limit; from 2, 3 and 4 that a call which
waits gets a place some time, as long as the code at work ends. A pool of threads of the user's own
(``run_in_executor(None, chain.invoke, x, config)``) is a limit that nobody here knows of; by 2 a job of it
needs no other place than that of the function it works for, unless it calls what is bound to a limit of its
own. What cannot be seen: a function that waits by means of its own (a lock, another thread) for a call that
does not know of it, or for a job that is queued behind one which waits for that function's place under such a
bound limit, is at work as far as anybody can tell. So hand the ``config`` on to threads, and do not share a
small pool between functions inside a bound limit and functions that call it.

``tests/engine/test_places.py`` explores all interleavings of small programs with these classes.
"""

from __future__ import annotations

import os
import threading
import time
from asyncio import CancelledError
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from . import threads
from .limits import Stop, Waiter

__all__ = ["PATIENCE_S", "Limiter", "Place", "nesting", "strand_of_thread", "waiting_for"]

T = TypeVar("T")

PATIENCE_S = 0.1
"""How long a place is kept for somebody who does something else while others wait for one."""

_LOOKS = 3
"""How often a place is seen parked in that time: a machine that is busy holds up those who look, too."""

Strand = Hashable
"""A thread or a task: what does one thing at a time, and so waits for one thing at a time."""


class _Nesting(threading.local):
    levels = 0


nesting = _Nesting()
"""In how many nested gathers the current thread works on items of its own: as such it is another strand than
as the one that waits for all the items."""


def strand_of_thread() -> Strand:
    return threading.get_ident(), nesting.levels


class Limiter:
    """At most *limit* leaf calls at work; first come, first served. ``stands_for``: the limiter in whose
    stead this one counts (see the fifth rule)."""

    __slots__ = ("__weakref__", "free", "limit", "parked", "stands_for", "waiting")

    def __init__(self, limit: int, stands_for: Limiter | None = None) -> None:
        self.limit = self.free = limit
        self.stands_for = stands_for
        self.parked: dict[Place, None] = {}
        self.waiting: dict[_Request, None] = {}

    def __reduce__(self) -> Any:  # a copy, or one in another process, counts for itself
        return Limiter, (self.limit,)

    def __repr__(self) -> str:
        return f"<Limiter {self.limit - self.free} of {self.limit} at work, {len(self.waiting)} waiting>"


class Place:
    """One leaf call's place under each of *limits*, and the work of a stream or function it is for. *around*:
    the kin of the call, as below; to the innermost work of them that waits the place goes when it is over.

    *strand* is the thread or task that asks; *kin*: those that wait for it, as a batch waits for its workers,
    and the places of functions that wait for it. ``strand``: the one that asked last. ``looks``: how often it
    has been seen parked; None while it is not.
    """

    __slots__ = (
        "_around",
        "_away",
        "_ended",
        "_home",
        "_is_patient",
        "_lent",
        "_limits",
        "_requests",
        "has_it",
        "looks",
        "reader",
        "strand",
    )

    def __init__(self, limits: tuple[Limiter, ...], around: tuple[Strand, ...] = ()) -> None:
        self._limits = limits
        self._around = around
        self.has_it = False
        self.looks: int | None = None
        self.reader: Strand = None
        self.strand: Strand = None
        self._is_patient = True
        self._home: Place | None = None  # the stream whose place this was, last
        self._lent = self._away = 0  # to how many; how many of these are not calls of its own
        self._ended = False
        self._requests: list[_Request] = []  # several where several threads of the same work want to go on

    def at_once(self, strand: Strand) -> bool:
        """Have the place, where nobody has to be asked; else False, and nothing has changed."""
        return _locked(self._at_once, strand)

    async def take(
        self,
        new_waiter: Callable[[], Waiter],
        strand: Strand,
        kin: tuple[Strand, ...] = (),
        stop: Stop | None = None,
    ) -> None:
        """Have the place, or wait for it. Raises CancelledError when *stop* is requested meanwhile."""
        __tracebackhide__ = True
        request = _locked(self._asked, new_waiter, strand, kin)
        if request is None:
            return
        withdraw = None if stop is None else stop.on_request(request.refuse)
        try:
            await request.waiter.wait()
            if request.is_refused:
                raise CancelledError("stopped")
        except BaseException:
            _locked(self._left_waiting, request)
            raise
        finally:
            if withdraw is not None:
                withdraw()

    def give_back(self) -> None:
        """The work is over. Called again, as after an interrupt in the middle of it, it does the rest."""
        if _lock._is_owned():  # type: ignore[attr-defined]  # as threading.Condition asks
            # The garbage collector has closed a stream, in this thread, in the middle of something here.
            _late.append(self)
        else:
            _locked(self._end)

    def park(self, reader: Strand) -> None:
        """The stream has given a chunk, and does not go on before *reader* asks for the next."""
        if self.has_it:
            _locked(self._park, reader)

    def lend(self, *, own: bool) -> None:
        """The work waits for other work; with *own* for calls of its own, which have this place among their
        kin."""
        _locked(self._lend, own)

    def is_back(self, *, own: bool, for_good: bool = False) -> None:
        """What the work waited for is over. ``take`` comes next, unless with *for_good*: the work has been
        told to stop, and is not held up any more."""
        _locked(self._is_back, own, for_good)

    # Under the lock

    def _at_once(self, strand: Strand) -> bool:
        if self.has_it or self._lent or self._ended:
            return False
        for limiter in self._limits:
            if limiter.free < 1 or limiter.parked:
                return False
        self.strand = strand
        self._grab()
        if self._requests:
            self._wake_all()
        return True

    def _asked(
        self, new_waiter: Callable[[], Waiter], strand: Strand, kin: tuple[Strand, ...]
    ) -> _Request | None:
        self.strand = strand
        if self._ended or self._lent:
            return None
        if self.has_it:
            self._unpark()
            return None
        request = _Request(self, strand, kin)
        if self._granted(request):
            self._wake_all()  # another thread of this work has asked before
            return None
        request.waiter = new_waiter()
        self._enqueue(request)
        return request

    def _left_waiting(self, request: _Request) -> None:
        if request in self._requests:
            self._dequeue(request)
        elif self.has_it and request.is_alone:
            self._let_go()

    def _end(self) -> None:
        was_interrupted = self._ended or self._lent > 0  # or may have been, in a call of this, or of lend
        self._ended = True
        if self._requests:
            self._wake_all()
        if self.has_it:
            self._let_go()
        elif was_interrupted:
            self._recover()
        self._home, self._around = None, ()

    def _recover(self) -> None:
        """Do what an interrupted call may have left: wake who has a place by now, give away what is free."""
        for limiter in self._limits:
            for request in list(limiter.waiting):
                if request.place.has_it and not request.place._wake_all():
                    request.place._let_go()
        _serve(self._limits)

    def _lend(self, own: bool) -> None:
        self._lent += 1
        self._away += not own
        self._wake_all()  # other threads of this work that ask for it go on as part of work that waits
        if not self.has_it:
            return
        if self._away:
            self._let_go()
        elif self.looks is None:
            self._keep()

    def _is_back(self, own: bool, for_good: bool) -> None:
        self._lent -= 1
        self._away -= not own
        if for_good:
            self._ended = True
            if self.has_it:
                self._let_go()

    def _park(self, reader: Strand) -> None:
        if self.has_it:
            self.reader = reader
            self._keep()

    def _keep(self) -> None:
        """Have the place for others."""
        if not self._is_patient:
            self._let_go()
            return
        self.looks = 0
        for limiter in self._limits:
            limiter.parked[self] = None
        _serve_strand(self.kept_for())
        self._watch_if_crowded()

    def kept_for(self) -> Strand:
        """Whose calls get a parked place."""
        return self if self._lent else _reader_of(self.reader)

    def _unpark(self) -> None:
        if self.looks is not None:
            for limiter in self._limits:
                limiter.parked.pop(self, None)
            self.looks = None  # not before: an interrupt must not leave it among the parked ones

    def _granted(self, request: _Request) -> bool:
        """Take all the places, first those that are kept for who asks; False if one is lacking."""
        lenders: dict[Place, None] = {}
        for limiter in self._limits:
            lender = request.lender_among(limiter.parked) if limiter.parked else None
            if lender is not None:
                lenders[lender] = None
            elif limiter.free < 1:
                return False
        for lender in lenders:
            lender._drop()
            if not lender._lent:
                self._home = lender
        self._grab()
        for lender in lenders:
            _serve(lender._limits)
        return True

    def _grab(self) -> None:
        # In an order in which an interrupt between two lines lets in one call too many and not one too few.
        self.has_it = True
        for limiter in self._limits:
            limiter.free -= 1

    def _drop(self) -> None:
        self._unpark()
        for limiter in self._limits:
            limiter.free = min(limiter.free + 1, limiter.limit)
        self.has_it = False

    def _let_go(self) -> None:
        self._drop()
        if self._home is None or not self._home._take_again():
            for work in self._around:
                if isinstance(work, Place) and (work._lent or work._requests) and work._take_again():
                    break
        _serve(self._limits)

    def _take_again(self) -> bool:
        """Have back what has been lent, if it is still wanted."""
        if self.has_it or self._ended:
            return False
        if self._requests:
            return self._requests[0].answer()
        if not self._is_patient or self._away or any(limiter.free < 1 for limiter in self._limits):
            return False
        self._grab()
        self._keep()
        return True

    def _enqueue(self, request: _Request) -> None:
        self._requests.append(request)
        for limiter in self._limits:
            limiter.waiting[request] = None
        for strand in request.strands:
            _requests.setdefault(strand, {})[request] = None
        self._watch_if_crowded()

    def _watch_if_crowded(self) -> None:
        for limiter in self._limits:
            if limiter.parked and limiter.waiting:
                _watch.over(limiter)

    def _wake_all(self) -> bool:
        """False if nobody is left to go on."""
        requests, woken = list(self._requests), False
        for request in requests:
            request.is_alone = len(requests) == 1
            woken = request.wake() or woken
            self._dequeue(request)  # not before: an interrupt must not keep it from being woken
        return woken

    def _dequeue(self, request: _Request) -> None:
        self._requests.remove(request)
        for limiter in self._limits:
            limiter.waiting.pop(request, None)
        for strand in request.strands:
            if (others := _requests.get(strand)) is not None:
                others.pop(request, None)
                if not others:
                    del _requests[strand]

    def look(self, patience: int) -> None:
        """Give the parked place to others, and keep none from now on, if it is kept in vain."""
        if self.looks is None:
            return
        self.looks += 1
        if self.looks < patience or any(request.waits_for_work(self) for request in _requests.get(self, ())):
            return
        self._is_patient = False
        self._drop()
        _serve(self._limits)


class _Request:
    """Somebody who waits for a place."""

    __slots__ = ("is_alone", "is_refused", "place", "strands", "waiter")

    def __init__(self, place: Place, strand: Strand, kin: tuple[Strand, ...]) -> None:
        self.place = place
        self.strands = (strand, *kin)
        self.waiter: Any = None
        self.is_alone = True
        self.is_refused = False

    def lender_among(self, parked: Iterable[Place]) -> Place | None:
        """The place among these that is kept for who asks; of several, that of the innermost work."""
        kept = [(place, kept_for) for place in parked if (kept_for := place.kept_for()) in self.strands]
        return min(kept, key=lambda pair: self.strands.index(pair[1]), default=(None,))[0]

    def waits_for_work(self, lender: Place) -> bool:
        """Whether, beside what *lender* keeps, it lacks a place that somebody is at work with."""
        return any(
            limiter.free < 1 and limiter not in lender._limits and len(limiter.parked) < limiter.limit
            for limiter in self.place._limits
        )

    def answer(self) -> bool:
        """Let the work go on, if its place can be had now."""
        place = self.place
        if self not in place._requests or place.has_it or not place._granted(self):
            return False  # it has been granted, and is being woken, if the place is had
        if not place._wake_all():
            place._let_go()
        return True

    def refuse(self) -> None:
        self.is_refused = True
        self.wake()

    def wake(self) -> bool:
        """False if its event loop is closed, so that nobody is left to use a place."""
        try:
            self.waiter.wake()
        except RuntimeError:
            return False
        return True


def _serve(limits: Iterable[Limiter]) -> None:
    """Give free places to those who wait longest."""
    for limiter in limits:
        while limiter.free > 0 and limiter.waiting:
            before = limiter.free
            next(iter(limiter.waiting)).answer()
            if limiter.free == before:  # that one lacks another place, too
                for request in list(limiter.waiting):
                    request.answer()
                    if limiter.free < 1:
                        break
                break


def _serve_strand(strand: Strand) -> None:
    """Give what is parked for a strand to requests of it."""
    for request in list(_requests.get(strand, ())):
        request.answer()


def _reader_of(strand: Strand) -> Strand:
    """Who is waited for in the end: a reader may itself wait for its reader."""
    for _ in range(_FAR):
        if (reader := _waits_for.get(strand)) is None:
            break
        strand = reader
    return strand


_FAR = 100
_waits_for: dict[Strand, Strand] = {}
_requests: dict[Strand, dict[_Request, None]] = {}


class waiting_for:
    """For a block in which *strand* waits until *reader* takes something: what it reads waits for that
    reader, too."""

    __slots__ = ("_reader", "_strand")

    def __init__(self, strand: Strand, reader: Strand) -> None:
        self._strand = strand
        self._reader = reader

    def __enter__(self) -> None:
        _locked(self._begin)

    def _begin(self) -> None:
        _waits_for[self._strand] = self._reader
        _serve_strand(_reader_of(self._strand))

    def __exit__(self, *_: object) -> None:
        _waits_for.pop(self._strand, None)


_lock = threading.RLock()
"""Around everything here, as a call takes its places under several limiters at once."""
_late: deque[Place] = deque()


def _locked(work: Callable[..., T], *args: Any) -> T:
    with _lock:
        result = work(*args)
        while _late:
            _late[0]._end()
            _late.popleft()
    return result


class _Watch:
    """Looks whether a place stays parked while somebody waits; in a thread, as long as that may be so."""

    def __init__(self) -> None:
        self._limiters: set[Limiter] = set()
        self._runs = False

    def over(self, limiter: Limiter) -> None:
        self._limiters.add(limiter)
        if not self._runs:
            threads.start(self._look_on)  # first: an interrupt in between must not leave it unwatched
            self._runs = True

    def _look_on(self) -> None:
        while True:
            time.sleep(PATIENCE_S / 2)
            if not _locked(self.look, _LOOKS):
                return

    def look(self, patience: int) -> bool:
        """Give what has been seen parked that often to those who wait; whether somebody still waits."""
        for place in {place: None for limiter in self._limiters for place in limiter.parked}:
            if any(limiter.waiting for limiter in place._limits):
                place.look(patience)
        for limiter in list(self._limiters):
            if not (limiter.parked and limiter.waiting):
                self._limiters.discard(limiter)
        self._runs = bool(self._limiters)
        return self._runs


_watch = _Watch()


def _after_fork() -> None:
    """In a forked child none of the others' threads goes on."""
    global _lock, _watch
    _lock, _watch = threading.RLock(), _Watch()
    _late.clear()
    _waits_for.clear()
    _requests.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
