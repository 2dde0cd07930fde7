"""Users' overrides of the public methods: how the engine finds them, and what they replace."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ..engine.chunks import ChunkStream, Once, fold
from ..engine.modes import AnyScope
from .signatures import accepted

__all__ = ["resolve_overrides"]

_PUBLIC = ("invoke", "ainvoke", "stream", "astream", "transform", "atransform")


def resolve_overrides(cls: Any, base: Any) -> None:
    """Point the engine at the public methods of *base* that a class overrides, and remember what they
    replace."""
    names = frozenset(name for name in _PUBLIC if getattr(cls, name) is not getattr(base, name))
    cls._overrides = names
    if "_invoke" in cls.__dict__:
        cls._native_invoke = cls._invoke
    if "_transform" in cls.__dict__:
        cls._native_transform = cls._transform
    cls._has_native = (
        cls._native_invoke is not base._native_invoke,
        cls._native_transform is not base._native_transform,
    )
    if names and any(name in cls.__dict__ for name in _PUBLIC):
        if "_invoke" not in cls.__dict__:
            cls._invoke = _invoke_override
        if "_transform" not in cls.__dict__ and names - {"invoke", "ainvoke"}:
            cls._transform = _transform_override


def _pick(step: Any, scope: AnyScope, *forms: str) -> str | None:
    return next((form for form in forms if form in step._overrides), None)


async def _invoke_override(self: Any, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
    __tracebackhide__ = True
    form = _pick(self, scope, "invoke") if scope.blocking else _pick(self, scope, "ainvoke", "invoke")
    if form is not None:
        method, leaf = getattr(self, form), scope.leaf()
        return await leaf.call(method, form == "ainvoke", input, **accepted(method, leaf), **kwargs)
    if self._has_native[0]:
        return await self._native_invoke(input, scope, **kwargs)
    if _pick(self, scope, "stream", "transform") or (
        not scope.blocking and _pick(self, scope, "astream", "atransform")
    ):
        return await fold(self._transform(Once(input), scope, **kwargs))
    if self._has_native[1]:
        return await fold(self._native_transform(Once(input), scope, **kwargs))
    raise TypeError(
        f"{type(self).__name__} has no synchronous form: call ainvoke or astream, or override invoke"
    )


async def _transform_override(
    self: Any, source: ChunkStream, scope: AnyScope, **kwargs: Any
) -> AsyncGenerator[Any, None]:
    __tracebackhide__ = True
    if scope.blocking:
        form = _pick(self, scope, "transform", "stream")
    else:
        form = _pick(self, scope, "atransform", "astream", "transform", "stream")
    if form is not None:
        method, is_async, leaf = getattr(self, form), form[0] == "a", scope.leaf()
        extra = {**accepted(method, leaf), **kwargs}
        if form.endswith("transform"):
            chunks: Any = leaf.through(method, is_async, source, **extra)
        else:
            chunks = leaf.iterate(method, is_async, await fold(source), **extra)
    else:
        chunks = self._native_transform(source, scope, **kwargs)
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk
