"""Functions and generator functions as runnables."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from ..engine.chunks import ChunkStream, Once, fold
from ..engine.modes import AnyScope
from ..engine.scope import RECURSION_LIMIT
from .base import Runnable
from .signatures import accepts, is_async, is_generator

if TYPE_CHECKING:
    from ..engine.config import RunnableConfig
    from .shapes import Shape

__all__ = ["RunnableGenerator", "RunnableLambda"]

Input = TypeVar("Input")
Output = TypeVar("Output")


class _Form:
    """A function, and how it is called."""

    __slots__ = ("_takes_config", "fn", "is_async")

    def __init__(self, fn: Callable[..., Any], is_async: bool) -> None:
        self.fn = fn
        self.is_async = is_async
        self._takes_config: bool | None = None

    def extra(self, scope: AnyScope) -> dict[str, Any]:
        """The engine's extra arguments for it: its config, if it has a ``config`` parameter."""
        if (takes := self._takes_config) is None:
            takes = self._takes_config = accepts(self.fn, "config")
        return {"config": scope.as_config()} if takes else {}


class _Function(Runnable[Input, Output]):
    """A synchronous form, an asynchronous one, or both, and which of them a driver can use."""

    def __init__(self, fn: Callable[..., Any], afn: Callable[..., Any] | None, name: str | None) -> None:
        if not callable(fn) or (afn is not None and not callable(afn)):
            raise TypeError(f"{type(self).__name__}: expected a function, got {fn if afn is None else afn!r}")
        if afn is not None and (not is_async(afn) or is_async(fn)):
            raise TypeError(f"{type(self).__name__}: of two functions the second must be the async one")
        self.func = fn
        self.afunc = afn
        self.name = name
        self._sync_form = _Form(fn, is_async(fn))
        self._async_form = self._sync_form if afn is None else _Form(afn, True)

    def _default_name(self) -> str:
        name = getattr(self.func, "__name__", None)
        return type(self).__name__ if name in (None, "<lambda>") else str(name)

    def _input_shape(self, config: RunnableConfig | None, wanted: Shape) -> Shape:
        from .function_types import input_annotation, read_keys
        from .shapes import Key, Shape

        title = self.get_name("input")
        annotation = input_annotation(self.func, streams=isinstance(self, RunnableGenerator))
        if annotation is Any and (keys := read_keys(self.func)):
            return Shape.keyed(title, dict.fromkeys(keys, Key()))
        return Shape.of(title, annotation)

    def _output_shape(self, config: RunnableConfig | None, given: Shape) -> Shape:
        from .function_types import output_annotation
        from .shapes import Shape

        annotation = output_annotation(self.func, streams=is_generator(self.func))
        return Shape.of(self.get_name("output"), annotation)

    def _form(self, scope: AnyScope) -> _Form:
        return self._sync_form if scope.blocking else self._async_form

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._default_name() if self.name is None else self.name})"


class RunnableLambda(_Function[Input, Output]):
    """A function as a runnable; ``afunc`` is its asynchronous form where it has both.

    The function may take ``config`` besides its input. If it returns a runnable, that is run on the same
    input (``recursion_limit`` bounds how often). In a stream it gathers its input; a generator function
    yields chunks, which ``invoke`` adds up.

    >>> from workbench import RunnableLambda
    >>> chain = RunnableLambda(lambda text: text.split()) | len  # a function after | needs no wrapping
    >>> chain.invoke("to be or not to be"), chain.batch(["to be", "or"])
    (6, [2, 1])
    """

    def __init__(
        self, func: Callable[..., Any], afunc: Callable[..., Any] | None = None, name: str | None = None
    ) -> None:
        super().__init__(func, afunc, name)
        self._generates = is_generator(func)

    def _gathers(self) -> bool:
        return not self._generates

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if self._generates:
            return await fold(self._generate(input, scope, kwargs))
        form, leaf = self._form(scope), scope.leaf()
        output = await leaf.call(form.fn, form.is_async, input, **form.extra(leaf), **kwargs)
        if issubclass(type(output), Runnable):
            return await output._call_step(input, _deeper(scope, self))
        return output

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        input = await fold(source)
        if self._generates:
            chunks = self._generate(input, scope, kwargs)
        else:
            form, leaf = self._form(scope), scope.leaf()
            output = await leaf.call(form.fn, form.is_async, input, **form.extra(leaf), **kwargs)
            if not issubclass(type(output), Runnable):
                yield output
                return
            chunks = output._pipe(Once(input), _deeper(scope, self))
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    def _generate(self, input: Any, scope: AnyScope, kwargs: dict[str, Any]) -> Any:
        form, leaf = self._form(scope), scope.leaf()
        return leaf.iterate(form.fn, form.is_async, input, **form.extra(leaf), **kwargs)


class RunnableGenerator(_Function[Input, Output]):
    """A generator function from an iterator over input chunks to output chunks.

    >>> from workbench import RunnableGenerator
    >>> def shouted(chunks):
    ...     for chunk in chunks:
    ...         yield chunk.upper()
    >>> shout = RunnableGenerator(shouted)
    >>> list(shout.transform(["hel", "lo"])), shout.invoke("hello")
    (['HEL', 'LO'], 'HELLO')
    """

    def __init__(
        self,
        transform: Callable[..., Any],
        atransform: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
    ) -> None:
        for fn in (transform, atransform):
            if fn is not None and callable(fn) and not is_generator(fn):
                raise TypeError(
                    f"RunnableGenerator: expected a generator function (one that yields), got {fn!r}; "
                    "for a plain function use RunnableLambda"
                )
        super().__init__(transform, atransform, name)

    def _transform(self, source: ChunkStream, scope: AnyScope, **kwargs: Any) -> ChunkStream:
        form, leaf = self._form(scope), scope.leaf()
        chunks = leaf.through(form.fn, form.is_async, source, **form.extra(leaf), **kwargs)
        return self._through(chunks, source)

    async def _through(self, chunks: Any, source: ChunkStream) -> ChunkStream:
        __tracebackhide__ = True
        async with aclosing(source), aclosing(chunks):
            async for chunk in chunks:
                yield chunk


def _deeper(scope: AnyScope, step: Runnable[Any, Any]) -> AnyScope:
    limit = scope.settings.recursion_limit or RECURSION_LIMIT
    if limit <= 1:
        raise RecursionError(
            f"{step.get_name()} returned another runnable too often: raise config['recursion_limit'] "
            "if that is intended"
        )
    return scope.configured({"recursion_limit": limit - 1})
