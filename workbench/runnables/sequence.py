"""RunnableSequence: what ``|`` makes. Each step's output is the next one's input; chunks flow through."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from ..engine.chunks import ChunkStream, fold
from ..engine.modes import AnyScope
from ..tracing.tags import STEP
from .base import Runnable, coerce

if TYPE_CHECKING:
    from ..engine.config import RunnableConfig
    from .shapes import Shape

__all__ = ["RunnableSequence"]

Input = TypeVar("Input")
Output = TypeVar("Output")

LONG = 100
"""Steps from which a stream is arranged to spare Python's stack: steps that gather anyway run in a loop
instead of being pulled one through the other, and after every SEGMENT of others the upstream part runs in
a task or thread of its own."""

SEGMENT = 50


class RunnableSequence(Runnable[Input, Output]):
    """Steps one after another; nested sequences without a name of their own are flattened.

    >>> from workbench import FakeChatModel, PromptTemplate, StrOutputParser
    >>> prompt = PromptTemplate.from_template("about {topic}")
    >>> chain = prompt | FakeChatModel(responses=["a bear"]) | StrOutputParser()
    >>> [type(step).__name__ for step in chain.steps], chain.invoke({"topic": "bears"})
    (['PromptTemplate', 'FakeChatModel', 'StrOutputParser'], 'a bear')
    """

    def __init__(
        self, *steps: Any, first: Any = None, middle: Any = None, last: Any = None, name: str | None = None
    ) -> None:
        parts = steps if steps else [step for step in (first, *(middle or ()), last) if step is not None]
        flat: list[Runnable[Any, Any]] = []
        for part in parts:
            step = coerce(part)
            if type(step) is RunnableSequence and step.name is None:
                flat.extend(step.steps)
            else:
                flat.append(step)
        if len(flat) < 2:
            raise ValueError(f"RunnableSequence: expected two steps or more, got {len(flat)}")
        self.steps: list[Runnable[Any, Any]] = flat
        self.name = name
        self._tags = [f"{STEP}{number}" for number in range(1, len(flat) + 1)]

    @property
    def first(self) -> Runnable[Input, Any]:
        return self.steps[0]

    @property
    def middle(self) -> list[Runnable[Any, Any]]:
        return self.steps[1:-1]

    @property
    def last(self) -> Runnable[Any, Output]:
        return self.steps[-1]

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return self.steps

    def _stand_ins(self) -> Sequence[Runnable[Any, Any]]:
        return ()

    def _input_shape(self, config: RunnableConfig | None, wanted: Shape) -> Shape:
        from .input_output import input_of

        for step in reversed(self.steps):
            wanted = input_of(step, config, wanted)
        return wanted if wanted.title else wanted.titled(self.get_name("input"))

    def _output_shape(self, config: RunnableConfig | None, given: Shape) -> Shape:
        from .input_output import output_of

        for step in self.steps:
            given = output_of(step, config, given)
        return given

    def _with_in_place(self, inner: Runnable[Any, Any], wrapper: Runnable[Any, Any]) -> Runnable[Any, Any]:
        steps = [step._with_in_place(inner, wrapper) for step in self.steps]
        unchanged = all(new is old for new, old in zip(steps, self.steps, strict=True))
        if self is inner or unchanged or type(self) is not RunnableSequence:
            return super()._with_in_place(inner, wrapper)
        return RunnableSequence(*steps, name=self.name)

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if not scope.observers:
            for step in self.steps:
                input = await step._call_step(input, scope, None, **kwargs)
                kwargs = {}
            return input
        for step, tag in zip(self.steps, self._tags, strict=True):
            input = await step._call_step(input, scope, tag, **kwargs)
            kwargs = {}
        return input

    def _transform(self, source: ChunkStream, scope: AnyScope, **kwargs: Any) -> ChunkStream:
        if len(self.steps) > LONG:
            return self._long_transform(source, scope, kwargs)
        for step, tag in zip(self.steps, self._tags, strict=True):
            source = step._pipe(source, scope, tag, **kwargs)
            kwargs = {}
        return source

    def _long_transform(self, source: ChunkStream, scope: AnyScope, kwargs: dict[str, Any]) -> ChunkStream:
        group: list[tuple[Runnable[Any, Any], str]] = []
        depth = 0
        for step, tag in zip(self.steps, self._tags, strict=True):
            if step._gathers() and step is not self.steps[-1]:
                group.append((step, tag))
                continue
            if group:
                source = _one_by_one(group, source, scope, kwargs)
                group, kwargs = [], {}
            source = step._pipe(source, scope, tag, **kwargs)
            kwargs = {}
            depth += 1
            if depth % SEGMENT == 0:
                source = _on_its_own_stack(source, scope)
        return source

    def __repr__(self) -> str:
        if len(self.steps) > 12:
            return f"{self.steps[0]!r}\n| ... {len(self.steps) - 2} more steps\n| {self.steps[-1]!r}"
        return "\n| ".join(repr(step) for step in self.steps)


async def _one_by_one(
    steps: list[tuple[Runnable[Any, Any], str]], source: ChunkStream, scope: AnyScope, kwargs: dict[str, Any]
) -> AsyncGenerator[Any, None]:
    __tracebackhide__ = True
    value = await fold(source)
    for step, tag in steps:
        value = await step._call_step(value, scope, tag, **kwargs)
        kwargs = {}
    yield value


async def _on_its_own_stack(source: ChunkStream, scope: AnyScope) -> AsyncGenerator[Any, None]:
    __tracebackhide__ = True
    pairs = scope.merge([(None, lambda _: source)], own_stack=True)
    async with aclosing(source), aclosing(pairs):
        async for _, chunk in pairs:
            yield chunk
