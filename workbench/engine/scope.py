"""The scope of a call: who observes it, under which limits and settings, and in which run.

A scope is handed down from step to step. Observing, limiting or configuring a call makes a new scope;
a call nobody observes, with no config, uses one shared *plain* scope and pays nothing. ``current`` holds
the scope while user code runs, so that a chain called from a function joins the run around it.

The verbs of a scope (call, iterate, gather, merge, ...) come in two kinds: see ``modes``.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from threading import get_ident
from time import perf_counter
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypeVar

from .chunks import MISSING, Branch, ChunkStream
from .config import KEYS, RunnableConfig, as_list, check_config, merge_configs, unique
from .limits import Gate, Stop, Waiter, running_loop
from .places import Limiter, Place
from .runs import Observer, Run, run_id

T = TypeVar("T")

__all__ = ["CallSettings", "Callbacks", "Scope", "Step", "current", "ensure_config", "stopped_step"]


class Step(Protocol):
    """What a scope needs to know of a runnable to open a run for it."""

    run_type: ClassVar[str]
    tags: Any
    metadata: Any

    def get_name(self) -> str: ...


class CallSettings(NamedTuple):
    """What nested calls inherit besides observers and limits."""

    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = {}
    configurable: Mapping[str, Any] = {}
    max_concurrency: int | None = None
    recursion_limit: int | None = None
    extras: Mapping[str, Any] = {}


_DEFAULTS = CallSettings()

RECURSION_LIMIT = 25
"""How often a function may return another runnable, where no recursion_limit says otherwise."""


class Callbacks:
    """What a function finds under ``config["callbacks"]``: the run it works in, to be passed on."""

    __slots__ = ("scope",)

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def __repr__(self) -> str:
        return f"<Callbacks of {self.scope.run!r}>"


class Apart:
    """What a synchronous call and all that it calls share where it holds up an event loop: it waits neither
    for places that work on the loop may have nor for readers on it."""

    __slots__ = ("_limiters", "thread")

    def __init__(self) -> None:
        self.thread = get_ident()
        self._limiters: dict[Limiter, Limiter] = {}

    def limiter_for(self, limiter: Limiter) -> Limiter:
        """What counts here in the stead of a limiter."""
        if limiter.stands_for is not None:
            return limiter
        return self._limiters.setdefault(limiter, Limiter(limiter.limit, limiter))


class Scope:
    """See the module. ``run`` is the innermost open run; ``run_name``, ``run_id`` and ``item`` are for the
    next one.

    ``limits`` are those that its leaf calls work under (see ``places``). ``held`` is the place of the
    function that runs in it, ``lent`` that of the function that made this public call. ``kin``: the threads
    or tasks that wait for its work. ``apart`` is set where a synchronous call holds up an event loop.
    ``within``: a runnable whose override called ``super()``, and which of its overrides wait for that."""

    __slots__ = (
        "apart",
        "gate",
        "held",
        "item",
        "kin",
        "lent",
        "limits",
        "observers",
        "plain",
        "run",
        "run_id",
        "run_name",
        "settings",
        "stop",
        "wants_tokens",
        "within",
    )

    blocking: ClassVar[bool] = True
    new_waiter: ClassVar[type[Waiter]]
    apart: Apart | None
    gate: Gate | None
    held: Place | None
    item: int | None
    kin: tuple[Hashable, ...]
    lent: Place | None
    limits: tuple[Limiter, ...]
    observers: tuple[Observer, ...]
    plain: bool
    run: Run | None
    run_id: str | None
    run_name: str | None
    settings: CallSettings
    stop: Stop | None
    wants_tokens: bool
    within: tuple[Any, frozenset[str]] | None

    def __init__(self) -> None:
        self.observers = ()
        self.run = self.run_name = self.run_id = None
        self.settings = _DEFAULTS
        self.limits = self.kin = ()
        self.apart = self.stop = self.held = self.lent = self.gate = self.item = self.within = None
        self.wants_tokens = False
        self.plain = True

    def copy(self) -> Self:
        new = self.__class__.__new__(self.__class__)
        new.observers = self.observers
        new.run = self.run
        new.run_name = self.run_name
        new.run_id = self.run_id
        new.settings = self.settings
        new.limits = self.limits
        new.stop = self.stop
        new.held = self.held
        new.item = self.item
        new.lent = self.lent
        new.kin = self.kin
        new.apart = self.apart
        new.within = self.within
        new.gate = self.gate
        new.wants_tokens = self.wants_tokens
        new.plain = False
        return new

    @classmethod
    def enter(cls, config: Any = None) -> Self:
        """The scope of a public call: the config over what the calling user code runs in, if any."""
        outer = current.get()
        if outer is not None and outer.stop is not None and outer.stop.requested:
            raise CancelledError("stopped")  # the work around it is over: nothing new begins in it
        if config is None or not config:
            if outer is None:
                return _plain(cls)  # type: ignore[no-any-return]  # one of this class
            return cls().under(outer)
        config = check_config(config)
        if outer is None:  # in a thread of the user's own, say: the config is all that leads back
            handed_on = (c for c in as_list(config.get("callbacks")) if isinstance(c, Callbacks))
            outer = next((callbacks.scope for callbacks in handed_on), None)
        scope = cls() if outer is None else cls().under(outer)
        return scope.configured(config)

    def under(self, outer: Scope) -> Self:
        """This new scope as one of a public call made by the user code that runs in *outer*."""
        self.observers = outer.observers
        self.run = outer.run
        self.settings = outer.settings
        self.stop = outer.stop
        self.wants_tokens = outer.wants_tokens
        self.plain = False
        if outer.limits:
            self.limits = outer.limits
            self.kin = outer.kin
            if (place := outer.held) is not None:
                self.lent = place
                self.kin = (place, place.strand, *outer.kin)
        self.apart = outer.apart if self.blocking else None
        if self.blocking and not outer.blocking and running_loop() is not None:
            # It holds up the loop, so it waits for no place: the function's place stands for it.
            self.apart = apart = Apart()
            self.lent = None
            self.limits = tuple(map(apart.limiter_for, outer.limits))
        if outer.gate is not None:
            self.gate = self._gate_to_wait_at(outer.gate)
        return self

    def _gate_to_wait_at(self, gate: Gate | None) -> Gate | None:
        """None if this work holds up the thread of the gate's reader."""
        if not self.blocking or gate is None:
            return gate
        if self.apart is None and gate.reader == get_ident():
            self.apart = Apart()
        return None if self.apart is not None and self.apart.thread == gate.reader else gate

    def configured(self, config: Mapping[str, Any], *, keep: bool = False) -> Self:
        """A copy with a (checked) config on top; with *keep*, what is already set wins, as a caller's
        config does over a bound one."""
        new = self.copy()
        if callbacks := config.get("callbacks"):
            new.observers = _observers(self.observers, callbacks)
            new.wants_tokens = any(getattr(o, "wants_tokens", False) is True for o in new.observers)
            gates = (getattr(observe, "gate", None) for observe in new.observers)
            gate = next((gate for gate in gates if isinstance(gate, Gate)), self.gate)
            new.gate = new._gate_to_wait_at(gate)
        new.settings = old = self.settings
        if changes := _changes(old, config, keep):
            new.settings = old._replace(**changes)
            limit = changes.get("max_concurrency")
            if limit is not None and all(limit < limiter.limit for limiter in self.limits):
                new.limits = (*self.limits, Limiter(limit))  # a wider one around it would change nothing
        name, id = config.get("run_name"), run_id(config.get("run_id"))
        new.run_name = (new.run_name or name) if keep else (name or new.run_name)
        new.run_id = (new.run_id or id) if keep else (id or new.run_id)
        return new

    def limited(self, limiter: Limiter) -> Self:
        """A copy under one more limiter, which others share. Around what it is under already it changes
        nothing."""
        if limiter in self.limits or any(own.stands_for is limiter for own in self.limits):
            return self
        new = self.copy()
        if self.blocking and self.apart is None and running_loop() is not None:
            new.apart = Apart()
        own = limiter if new.apart is None else new.apart.limiter_for(limiter)
        new.limits = (*self.limits, own)
        return new

    def unnamed(self) -> Self:
        """A copy without the name and the id of the next run: nobody observes the step they were for."""
        new = self.copy()
        new.run_name = new.run_id = None
        return new

    def open(self, step: Step, tag: str | None, input: Any = MISSING) -> Self:
        """The scope inside a new run of *step*. ``tag`` says where it stands in its parent; it is not
        inherited. The run is made, not started."""
        settings = self.settings
        tags = list(settings.tags)
        if tag is not None:
            tags.append(tag)
        if (own := step.tags) is not None:
            tags.extend(own)
        metadata = dict(settings.metadata)
        if (about := step.metadata) is not None:
            metadata.update(about)
        run = Run(
            self.run_name or step.get_name(),
            step.run_type,
            self.observers,
            self.run,
            self.run_id,
            tags,
            metadata,
            input,
            step,
            len(settings.tags),
            None if self.blocking else (),
        )
        run.item = self.item
        # A copy, without what was for this run or for the step around it.
        inner = self.__class__.__new__(self.__class__)
        inner.observers = self.observers
        inner.run = run
        inner.settings = settings
        inner.limits = self.limits
        inner.stop = self.stop
        inner.lent = self.lent
        inner.kin = self.kin
        inner.apart = self.apart
        inner.gate = self.gate
        inner.wants_tokens = self.wants_tokens
        inner.plain = False
        inner.run_name = inner.run_id = inner.item = inner.held = inner.within = None
        return inner

    def as_config(self) -> dict[str, Any]:
        """The scope as the config dict that user functions receive and pass on."""
        settings = self.settings
        config: dict[str, Any] = {
            "tags": list(settings.tags),
            "metadata": dict(settings.metadata),
            "callbacks": None if self.plain else Callbacks(self),
            "recursion_limit": settings.recursion_limit or RECURSION_LIMIT,
            "configurable": dict(settings.configurable),
        }
        if settings.max_concurrency is not None:
            config["max_concurrency"] = settings.max_concurrency
        config.update(settings.extras)
        return config

    def strand(self) -> Hashable:
        """The thread or task that works in it: what waits for a place, and what a stream's reader is."""
        raise NotImplementedError("each driver has its own")

    async def wait_for(
        self, place: Place, new_waiter: type[Waiter] | None = None, strand: Hashable = None
    ) -> None:
        """Take the place of a call of this scope's run, and add the time that took to ``run.waited_s``."""
        __tracebackhide__ = True
        run, new_waiter, strand = self.run, new_waiter or self.new_waiter, strand or self.strand()
        if place.at_once(strand):
            if run is not None:
                run.got_place = perf_counter()
            return
        if run is None or place.has_it:
            await place.take(new_waiter, strand, self.kin, self.stop)
            return
        asked = perf_counter()
        try:
            await place.take(new_waiter, strand, self.kin, self.stop)
        finally:
            run.got_place = perf_counter()
            run.waited_s += run.got_place - asked

    def give_back(self, place: Place) -> None:
        if self.run is not None:
            self.run.left_place = perf_counter()
        place.give_back()

    async def called_from(self, place: Place | None, work: Awaitable[T], *, own: bool = True) -> T:
        """Do *work* that the function of *place* waits for; with *own* its calls may use the place meanwhile,
        else anybody's."""
        __tracebackhide__ = True
        if place is None:
            try:
                return await work
            except StopAsyncIteration as error:
                raise stopped_step() from error
        place.lend(own=own)
        try:
            result = await work
        except BaseException as error:
            await self._back_in(place, own, for_good=not isinstance(error, Exception))
            raise
        await self._back_in(place, own)
        return result

    async def _back_in(self, place: Place, own: bool, for_good: bool = False) -> None:
        place.is_back(own=own, for_good=for_good)
        if not for_good:
            await place.take(self.new_waiter, self.strand(), self.kin, self.stop)

    def read_from(self, place: Place | None, chunks: ChunkStream, *, own: bool = True) -> ChunkStream:
        """The chunks of a stream that the function of *place* reads; *own*: see ``called_from``."""
        return chunks if place is None else self._pulled_from(place, chunks, own)

    async def _pulled_from(self, place: Place, chunks: ChunkStream, own: bool) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        async with aclosing(chunks):
            while (chunk := await self.called_from(place, anext(chunks, MISSING), own=own)) is not MISSING:
                yield chunk

    def iterate(self, fn: Callable[..., Any], is_async: bool, *args: Any, **kwargs: Any) -> ChunkStream:
        """Yield what user code yields, as a leaf: with a place while it works, see ``places``."""
        return self.leaf()._steps(fn, is_async, args, kwargs)

    def _steps(
        self, fn: Callable[..., Any], is_async: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> ChunkStream:
        raise NotImplementedError("each driver has its own")

    def merge(
        self, branches: Sequence[tuple[Any, Branch]], limit: int | None = None, *, own_stack: bool = False
    ) -> AsyncGenerator[tuple[Any, Any], None]:
        """``(key, chunk)`` of several streams, each opened by ``branch(scope)``, as chunks arrive. A single
        stream is pulled directly, unless it is to have a thread (or task) and so a stack of its own."""
        if len(branches) == 1 and not own_stack:
            return self._only(*branches[0])
        return self._merge(branches, limit)

    async def _only(self, key: Any, branch: Branch) -> AsyncGenerator[tuple[Any, Any], None]:
        __tracebackhide__ = True
        async with aclosing(branch(self)) as stream:
            async for chunk in stream:
                yield key, chunk

    def _merge(
        self, branches: Sequence[tuple[Any, Branch]], limit: int | None
    ) -> AsyncGenerator[tuple[Any, Any], None]:
        raise NotImplementedError("each driver has its own")

    def leaf(self) -> Self:
        """The scope to run one leaf call in: a copy that has a place, where there are limits. What is handed
        to user code (its config, a run manager) is made of this one, so that chains which it calls with that,
        in other threads too, know which place waits for them."""
        if not self.limits or self.held is not None:
            return self
        new = self.copy()
        new.held = Place(self.limits, self.kin)
        return new

    def stopping_with(self, stop: Stop) -> Self:
        new = self.copy()
        new.stop = stop
        return new

    def for_workers(self, stop: Stop) -> Self:
        """The scope of work in other threads that this thread waits for."""
        new = self.stopping_with(stop)
        if self.limits:
            new.kin = (self.strand(), *self.kin)
        if self.apart is None and running_loop() is not None:
            new.apart = Apart()
        return new


def stopped_step() -> RuntimeError:
    """An error for StopAsyncIteration from a step: to whoever waits it would mean that a stream is over."""
    return RuntimeError("a step raised StopAsyncIteration")


current: ContextVar[Scope | None] = ContextVar("workbench_scope", default=None)
"""The scope of the user code that is running; None outside."""


def ensure_config(config: RunnableConfig | None = None) -> RunnableConfig:
    """The config that a call made here with *config* runs under: complete, and with what it inherits from
    the function it is called from.

    >>> from workbench import ensure_config
    >>> ensure_config({"tags": ["a"]})["recursion_limit"]
    25
    """
    outer = current.get() or Scope()
    ensured = merge_configs(outer.as_config(), config)  # type: ignore[arg-type]  # a config's keys
    ensured.setdefault("callbacks", None)
    return ensured


_plain_scopes: dict[type, Any] = {}


def _plain(cls: type[Any]) -> Any:
    try:
        return _plain_scopes[cls]
    except KeyError:
        return _plain_scopes.setdefault(cls, cls())


def _changes(old: CallSettings, config: Mapping[str, Any], keep: bool) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if tags := config.get("tags"):
        changes["tags"] = tuple(unique([*old.tags, *tags]))
    given = {key: config.get(key) for key in ("metadata", "configurable")}
    given["extras"] = {key: value for key, value in config.items() if key not in KEYS}
    for key, mapping in given.items():
        if mapping:
            have = getattr(old, key)
            changes[key] = {**mapping, **have} if keep else {**have, **mapping}
    for key in ("max_concurrency", "recursion_limit"):
        value, have = config.get(key), getattr(old, key)
        if value is not None and not (keep and have != getattr(_DEFAULTS, key)):
            changes[key] = value
    return changes


def _observers(have: tuple[Observer, ...], callbacks: Any) -> tuple[Observer, ...]:
    observers = list(have)
    for item in as_list(callbacks):
        if isinstance(item, Callbacks):
            found = item.scope.observers
        elif hasattr(item, "__observer__"):
            found = (item.__observer__(),)
        elif callable(item):
            found = (item,)
        else:
            raise TypeError(
                "config['callbacks']: expected callables that take a RunEvent, or callback handlers, "
                f"got {item!r}"
            )
        observers.extend(new for new in found if not any(_same(new, have) for have in observers))
    return tuple(observers)


def _same(observer: Observer, other: Observer) -> bool:
    try:
        return observer is other or (observer == other) is True
    except Exception:  # a user's own comparison
        return False
