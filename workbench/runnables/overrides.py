"""Users' overrides of the public methods: how the engine finds them, and what ``super()`` means in one.

A class may override any of the six forms, ``invoke`` to ``atransform``; the others follow from what there is.
A *level* is what there is to do the work: the forms that are overridden, and the coroutine and the async
generator of a combinator (``_invoke``, ``_transform``).

``super().ainvoke(...)`` does what ``ainvoke`` would do if the classes above were all there is. Where they
define nothing, it does what the other forms of the class itself do: ``ainvoke`` calls its own ``invoke``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import lru_cache
from typing import Any, NamedTuple

from ..engine.chunks import ChunkStream, Once, fold
from ..engine.modes import AnyScope
from ..engine.scope import current
from .signatures import accepted

__all__ = ["call_above", "resolve_overrides", "stream_above"]

_STREAMS = ("stream", "astream", "transform", "atransform")
_PUBLIC = ("invoke", "ainvoke", *_STREAMS)


_bases: set[Any] = set()
"""Runnable, which is built on this module."""


class Level(NamedTuple):
    """See the module."""

    forms: frozenset[str]
    invoke: Any
    transform: Any

    def form(self, *forms: str) -> str | None:
        """The first of *forms* that there is."""
        return next((form for form in forms if form in self.forms), None)

    def call_form(self, scope: AnyScope) -> str | None:
        return self.form("invoke") if scope.blocking else self.form("ainvoke", "invoke")

    def stream_form(self, scope: AnyScope) -> str | None:
        if scope.blocking:
            return self.form("transform", "stream")
        return self.form("atransform", "astream", "transform", "stream")

    def does_something(self, scope: AnyScope) -> bool:
        has_form = self.call_form(scope) or self.stream_form(scope)
        return has_form is not None or self.invoke is not None or self.transform is not None


def resolve_overrides(cls: Any, base: Any) -> None:
    """Point the engine at the public methods of *base* that a class overrides."""
    _bases.add(base)
    cls._overrides = frozenset(name for name in _PUBLIC if getattr(cls, name) is not getattr(base, name))
    if cls._overrides and any(name in cls.__dict__ for name in _PUBLIC):
        if "_invoke" not in cls.__dict__:
            cls._invoke = _invoke_override
        if "_transform" not in cls.__dict__ and cls._overrides & {*_STREAMS}:
            cls._transform = _transform_override


async def call_above(self: Any, method: str, input: Any, scope: AnyScope, kwargs: dict[str, Any]) -> Any:
    """What ``super().<method>`` does in an override of *method*, for one input."""
    __tracebackhide__ = True
    level, scope = _above(self, method, scope)
    return await _call_at(level, self, input, scope, kwargs)


async def stream_above(
    self: Any, method: str, source: ChunkStream, scope: AnyScope, kwargs: dict[str, Any]
) -> AsyncGenerator[Any, None]:
    """What ``super().<method>`` does in an override of *method*, for a stream."""
    __tracebackhide__ = True
    level, scope = _above(self, method, scope)
    async with aclosing(_stream_at(level, self, source, scope, kwargs)) as chunks:
        async for chunk in chunks:
            yield chunk


def _above(self: Any, method: str, scope: AnyScope) -> tuple[Level, AnyScope]:
    """The level that is left for a call through ``super()``, and its scope, which says which overrides wait
    for it: they must not be called again for the same input."""
    outer = current.get()
    waiting = frozenset([method])
    if outer is not None and outer.within is not None and outer.within[0] is self:
        waiting |= outer.within[1]
    level = _level_above(type(self), method)  # type: ignore[arg-type]  # classes are hashable
    level = level._replace(forms=level.forms - waiting)
    if not level.does_something(scope):
        level = _level(type(self).__mro__)
        level = level._replace(forms=level.forms - waiting)
    scope = scope.copy()
    scope.within = (self, waiting)
    return level, scope


@lru_cache(maxsize=4096)
def _level_above(cls: type[Any], method: str) -> Level:
    """What the classes above the last one that overrides *method* have: the chain of ``super()`` has come to
    the base by then."""
    mro = cls.__mro__
    last = max(index for index, each in enumerate(mro[: _base_at(mro)]) if method in each.__dict__)
    return _level(mro[last + 1 :])


@lru_cache(maxsize=4096)
def _level(classes: tuple[type[Any], ...]) -> Level:
    own = classes[: _base_at(classes)]
    forms = frozenset(name for name in _PUBLIC if any(name in each.__dict__ for each in own))
    natives = []
    for method, override in (("_invoke", _invoke_override), ("_transform", _transform_override)):
        defined = (
            each.__dict__[method] for each in own if each.__dict__.get(method, override) is not override
        )
        natives.append(next(defined, None))
    return Level(forms, *natives)


def _base_at(classes: tuple[type[Any], ...]) -> int:
    return next(place for place, each in enumerate(classes) if each in _bases)


async def _invoke_override(self: Any, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
    __tracebackhide__ = True
    return await _call_at(_level(type(self).__mro__), self, input, scope, kwargs)


async def _transform_override(
    self: Any, source: ChunkStream, scope: AnyScope, **kwargs: Any
) -> AsyncGenerator[Any, None]:
    __tracebackhide__ = True
    async with aclosing(_stream_at(_level(type(self).__mro__), self, source, scope, kwargs)) as chunks:
        async for chunk in chunks:
            yield chunk


async def _call_at(level: Level, self: Any, input: Any, scope: AnyScope, kwargs: dict[str, Any]) -> Any:
    __tracebackhide__ = True
    if (form := level.call_form(scope)) is not None:
        method, leaf = getattr(self, form), scope.leaf()
        leaf = _within(leaf, self, form)
        return await leaf.call(method, form == "ainvoke", input, **accepted(method, leaf), **kwargs)
    if level.invoke is not None:
        return await level.invoke(self, input, scope, **kwargs)
    if level.transform is None and level.stream_form(scope) is None:
        raise _nothing_to_do(self, level)
    return await fold(_stream_at(level, self, Once(input), scope, kwargs))


async def _stream_at(
    level: Level, self: Any, source: ChunkStream, scope: AnyScope, kwargs: dict[str, Any]
) -> AsyncGenerator[Any, None]:
    __tracebackhide__ = True
    form = level.stream_form(scope)
    if form is None and level.transform is None:
        yield await _call_at(level, self, await fold(source), scope, kwargs)
        return
    if form is not None:
        method, is_async = getattr(self, form), form[0] == "a"
        leaf = _within(scope.leaf(), self, form)
        extra = {**accepted(method, leaf), **kwargs}
        if form.endswith("transform"):
            chunks: Any = leaf.through(method, is_async, source, **extra)
        else:
            chunks = leaf.iterate(method, is_async, await fold(source), **extra)
    else:
        chunks = level.transform(self, source, scope, **kwargs)
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk


def _nothing_to_do(self: Any, level: Level) -> TypeError:
    name = type(self).__name__
    if level.forms:  # asynchronous ones
        return TypeError(f"{name} has no synchronous form: call ainvoke or astream, or override invoke")
    return TypeError(f"{name} does nothing yet: override invoke, stream, transform or one of their a-forms")


def _within(scope: AnyScope, self: Any, form: str) -> AnyScope:
    """The scope for an override that a call through ``super()`` comes to."""
    if scope.within is not None and scope.within[0] is self:
        scope.within = (self, scope.within[1] | {form})
    return scope
