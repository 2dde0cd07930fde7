"""Runnables that hand values on: RunnablePassthrough (all), RunnableAssign (adds keys), RunnablePick (takes
some)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from ..engine.chunks import MISSING, AddableDict, ChunkStream, Fold, Once, replacing
from ..engine.modes import AnyScope, Tee
from ..text.excerpts import typed_repr
from .base import Runnable
from .parallel import RunnableParallel
from .signatures import accepted, is_async

if TYPE_CHECKING:
    from ..engine.config import RunnableConfig
    from .shapes import Shape

__all__ = ["RunnableAssign", "RunnablePassthrough", "RunnablePick"]

Other = TypeVar("Other")


class RunnablePassthrough(Runnable[Other, Other]):
    """The input, unchanged and chunk by chunk; ``func`` (or ``afunc``) is called with the whole input.

    >>> from workbench import RunnableParallel, RunnablePassthrough
    >>> RunnableParallel(question=RunnablePassthrough(), length=len).invoke("why?")
    {'question': 'why?', 'length': 4}
    """

    def __init__(
        self,
        func: Callable[..., Any] | None = None,
        afunc: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
    ) -> None:
        if func is not None and is_async(func):
            func, afunc = None, func
        self.func = func
        self.afunc = afunc
        self.name = name

    @classmethod
    def assign(cls, **steps: Any) -> RunnableAssign:  # type: ignore[override]  # starts a chain: a class method
        """The input dict with the outputs of *steps* (each given that dict) added."""
        return RunnableAssign(RunnableParallel(steps))

    def _input_shape(self, config: RunnableConfig | None, wanted: Shape) -> Shape:
        return wanted.titled("" if wanted.known else self.get_name("input"))

    def _output_shape(self, config: RunnableConfig | None, given: Shape) -> Shape:
        return given.titled(self.get_name("output"))

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if scope.blocking or self.afunc is None:
            fn: Any = self.func if self.func is not None else self.afunc
        else:
            fn = self.afunc
        if fn is not None:
            leaf = scope.leaf()
            await leaf.call(fn, fn is self.afunc, input, **accepted(fn, leaf), **kwargs)
        return input

    def _transform(self, source: ChunkStream, scope: AnyScope, **kwargs: Any) -> ChunkStream:
        if self.func is None and self.afunc is None:
            return source
        return self._watched(source, scope, kwargs)

    async def _watched(
        self, source: ChunkStream, scope: AnyScope, kwargs: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        total = Fold()
        async with aclosing(source):
            async for chunk in source:
                total.add(chunk)
                yield chunk
        await self._invoke(total.value, scope, **kwargs)


class RunnableAssign(Runnable[dict[str, Any], dict[str, Any]]):
    """The input dict with the mapper's outputs added; streams the input first, then each new key.

    >>> from workbench import RunnablePassthrough
    >>> RunnablePassthrough.assign(length=lambda given: len(given["text"])).invoke({"text": "hey"})
    {'text': 'hey', 'length': 3}
    """

    def __init__(self, mapper: RunnableParallel[Any] | Mapping[str, Any], *, name: str | None = None) -> None:
        self.mapper = mapper if isinstance(mapper, RunnableParallel) else RunnableParallel(mapper)
        self.name = name

    def _default_name(self) -> str:
        return f"RunnableAssign<{','.join(self.mapper.steps)}>"

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return [self.mapper]

    def _input_shape(self, config: RunnableConfig | None, wanted: Shape) -> Shape:
        from .input_output import input_of
        from .shapes import Shape, merged

        needed = input_of(self.mapper, config)
        handed_on = {
            key: field for key, field in (wanted.fields or {}).items() if key not in self.mapper.steps
        }
        title = "" if handed_on.keys() - (needed.fields or {}).keys() else needed.title
        # It takes nothing but dicts, whatever the mapper would.
        return merged(title, [Shape.keyed("", needed.fields or {}), Shape.keyed("", handed_on)])

    def _output_shape(self, config: RunnableConfig | None, given: Shape) -> Shape:
        from .input_output import output_of
        from .shapes import Shape

        added = output_of(self.mapper, config, given).fields or {}
        return Shape.keyed(self.get_name("output", name="RunnableAssign"), {**(given.fields or {}), **added})

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> dict[str, Any]:
        __tracebackhide__ = True
        _check_dict(self, input)
        return {**input, **await self.mapper._call_step(input, scope, None, **kwargs)}

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        if type(source) is Once and not source.taken:
            first, second = Once(source.value), Once(source.value)
        else:
            tee = Tee(scope, source, 2)
            first, second = tee.reader(0), tee.reader(1)  # type: ignore[assignment]
        async with aclosing(source), aclosing(second), aclosing(first):
            async for chunk in first:
                _check_dict(self, chunk)
                kept = {key: value for key, value in chunk.items() if key not in self.mapper.steps}
                if kept:
                    yield AddableDict.replacing(chunk, kept)
            if not self.mapper.steps:
                return
            async with aclosing(self.mapper._pipe(second, scope, None, **kwargs)) as chunks:
                async for chunk in chunks:
                    yield chunk

    def __repr__(self) -> str:
        return f"RunnableAssign({self.mapper!r})"


class RunnablePick(Runnable[dict[str, Any], Any]):
    """One value of a dict, or with a list of keys a dict of those it has.

    >>> from workbench import RunnablePassthrough
    >>> RunnablePassthrough().pick("answer").invoke({"answer": 42, "question": "?"})
    42
    """

    def __init__(self, keys: str | list[str], *, name: str | None = None) -> None:
        self.keys = keys
        self.name = name

    def _default_name(self) -> str:
        keys = [self.keys] if isinstance(self.keys, str) else self.keys
        return f"RunnablePick<{','.join(keys)}>"

    def _output_shape(self, config: RunnableConfig | None, given: Shape) -> Shape:
        from .shapes import Key, Shape

        title, fields = self.get_name("output"), given.fields or {}
        if isinstance(self.keys, str):
            return Shape.of(title, fields.get(self.keys, Key()).annotation)
        return Shape.keyed(title, {key: fields[key] for key in self.keys if key in fields})

    def _pick(self, input: Any) -> Any:
        _check_dict(self, input)
        if isinstance(self.keys, str):
            return input.get(self.keys)
        return {key: input[key] for key in self.keys if key in input} or None

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
        return self._pick(input)

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        last: Any = None  # of a dict without the key
        async with aclosing(source):
            async for chunk in source:
                if (picked := self._pick(chunk)) is None:
                    continue
                last = MISSING
                if not isinstance(self.keys, str):
                    yield AddableDict.replacing(chunk, picked)
                elif isinstance(chunk, AddableDict) and self.keys not in chunk.latest:
                    yield picked
                elif (grown := replacing(picked)) is not MISSING:
                    yield grown
                else:
                    last = picked
            if last is not MISSING:
                yield last


def _check_dict(step: Runnable[Any, Any], input: Any) -> None:
    if not isinstance(input, Mapping):
        raise TypeError(f"{step.get_name()}: expected a dict as input, got {typed_repr(input)}")
