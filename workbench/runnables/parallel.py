"""RunnableParallel: the same input to several branches at once, their outputs in one dict."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from ..engine.chunks import AddableDict, ChunkStream, Once
from ..engine.modes import AnyScope, Tee
from ..text.excerpts import short_repr
from ..tracing.tags import BRANCH
from .base import Runnable, coerce

if TYPE_CHECKING:
    from ..engine.config import RunnableConfig
    from .shapes import Shape

__all__ = ["RunnableMap", "RunnableParallel"]

Input = TypeVar("Input")


class RunnableParallel(Runnable[Input, dict[str, Any]]):
    """``RunnableParallel(joke=chain1, poem=chain2)``, or just a dict in a chain.

    ``invoke`` keeps the order of the keys; ``stream`` yields ``{key: chunk}`` as branches produce them.
    A branch that fails stops the others.

    >>> from workbench import RunnableParallel
    >>> RunnableParallel(loud=lambda text: text.upper(), long=len).invoke("hey")
    {'loud': 'HEY', 'long': 3}
    """

    def __init__(
        self, steps: Mapping[str, Any] | None = None, /, *, name: str | None = None, **branches: Any
    ) -> None:
        # A branch may be called "steps__" or anything else: only "name" is taken.
        if steps is not None and not isinstance(steps, Mapping):
            raise TypeError(f"RunnableParallel: expected a dict of runnables, got {short_repr(steps)}")
        given = {**(steps or {}), **branches}
        for key in given:
            if not isinstance(key, str):
                raise TypeError(f"RunnableParallel: expected text as keys, got {key!r}")
        self.steps = {key: coerce(step) for key, step in given.items()}
        self.name = name
        self._branches = [(key, step, f"{BRANCH}{key}") for key, step in self.steps.items()]

    def _default_name(self) -> str:
        return f"RunnableParallel<{','.join(self.steps)}>"

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return list(self.steps.values())

    def _stand_ins(self) -> Sequence[Runnable[Any, Any]]:
        return ()

    def _input_shape(self, config: RunnableConfig | None, wanted: Shape) -> Shape:
        from .input_output import input_of
        from .shapes import merged

        return merged(self.get_name("input"), [input_of(step, config) for step in self.steps.values()])

    def _output_shape(self, config: RunnableConfig | None, given: Shape) -> Shape:
        from .input_output import output_of
        from .schema import nested
        from .shapes import Key, Shape

        fields = {key: Key(nested(output_of(step, config, given))) for key, step in self.steps.items()}
        return Shape.keyed(self.get_name("output"), fields)

    def _with_in_place(self, inner: Runnable[Any, Any], wrapper: Runnable[Any, Any]) -> Runnable[Any, Any]:
        branches = {key: step._with_in_place(inner, wrapper) for key, step in self.steps.items()}
        unchanged = all(branches[key] is step for key, step in self.steps.items())
        if self is inner or unchanged or type(self) is not RunnableParallel:
            return super()._with_in_place(inner, wrapper)
        return RunnableParallel(branches, name=self.name)

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> dict[str, Any]:
        __tracebackhide__ = True

        async def branch(scope: AnyScope, item: tuple[str, Runnable[Any, Any], str]) -> Any:
            return await item[1]._call_step(input, scope, item[2], **kwargs)

        outputs = await scope.gather(branch, self._branches)
        return dict(zip(self.steps, outputs, strict=True))

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        if not self._branches:
            await source.aclose()
            yield AddableDict()
            return
        if type(source) is Once and not source.taken:
            sources: list[Any] = [Once(source.value) for _ in self._branches]
        else:
            tee = Tee(scope, source, len(self._branches))
            sources = [tee.reader(number) for number in range(len(self._branches))]

        def branch(step: Runnable[Any, Any], tag: str, own: ChunkStream) -> Any:
            return lambda scope: step._pipe(own, scope, tag, **kwargs)

        branches = [
            (key, branch(step, tag, own))
            for (key, step, tag), own in zip(self._branches, sources, strict=True)
        ]
        async with aclosing(source), aclosing(scope.merge(branches)) as pairs:
            async for key, chunk in pairs:
                yield AddableDict({key: chunk})

    def __repr__(self) -> str:
        inside = ", ".join(f"{key}: {step!r}" for key, step in self.steps.items())
        return "{" + inside.replace("\n", " ") + "}"


RunnableMap = RunnableParallel
