"""RunnableBranch: the first branch whose condition is true."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from ..engine.chunks import ChunkStream, Once, fold
from ..engine.modes import AnyScope
from ..text.excerpts import short_repr, typed_repr
from .base import Runnable, coerce

__all__ = ["RunnableBranch"]

Input = TypeVar("Input")
Output = TypeVar("Output")


class RunnableBranch(Runnable[Input, Output]):
    """``RunnableBranch((is_question, answer), (is_order, confirm), smalltalk)``: pairs of a condition and
    a branch, then the default.

    Conditions are called in order, up to the first that is true; each gets the whole input, so a stream is
    gathered before them. The chosen branch streams.

    >>> from workbench import RunnableBranch
    >>> answer = RunnableBranch(
    ...     (lambda text: text.endswith("?"), lambda text: "a question"),
    ...     lambda text: "a statement",
    ... )
    >>> answer.invoke("why?"), answer.invoke("because.")
    ('a question', 'a statement')
    """

    def __init__(self, *branches: Any, name: str | None = None) -> None:
        if len(branches) < 2:
            raise ValueError(
                f"RunnableBranch: expected (condition, branch) pairs and a default, got {len(branches)} "
                "argument" + "s" * (len(branches) != 1)
            )
        *pairs, default = branches
        self.branches: list[tuple[Runnable[Input, Any], Runnable[Input, Output]]] = []
        for number, pair in enumerate(pairs, 1):
            _check_pair(pair, number)
            self.branches.append((coerce(pair[0]), coerce(pair[1])))
        if isinstance(default, (tuple, list)):
            raise TypeError(
                "RunnableBranch: expected a default as the last argument (a runnable, function or dict), "
                f"got a {type(default).__name__}; add what to do where no condition holds"
            )
        self.default: Runnable[Input, Output] = coerce(default)
        self.name = name

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return [*(step for pair in self.branches for step in pair), self.default]

    def _stand_ins(self) -> Sequence[Runnable[Any, Any]]:
        return [*(branch for _, branch in self.branches), self.default]

    async def _choose(self, input: Any, scope: AnyScope) -> tuple[Runnable[Any, Any], str]:
        """The branch for an input, and its tag."""
        __tracebackhide__ = True
        for number, (condition, branch) in enumerate(self.branches, 1):
            if await condition._call_step(input, scope, f"condition:{number}"):
                return branch, f"branch:{number}"
        return self.default, "branch:default"

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        branch, tag = await self._choose(input, scope)
        return await branch._call_step(input, scope, tag, **kwargs)

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        input = await fold(source)
        branch, tag = await self._choose(input, scope)
        async with aclosing(branch._pipe(Once(input), scope, tag, **kwargs)) as chunks:
            async for chunk in chunks:
                yield chunk

    def __repr__(self) -> str:
        pairs = "".join(f"({condition!r}, {branch!r}), " for condition, branch in self.branches)
        return f"RunnableBranch({pairs}{self.default!r})".replace("\n", " ")


def _check_pair(pair: object, number: int) -> None:
    expected = f"RunnableBranch: expected a (condition, branch) pair as argument {number}, got "
    if not isinstance(pair, (tuple, list)):
        raise TypeError(f"{expected}{typed_repr(pair)}")
    if len(pair) != 2:
        raise ValueError(f"{expected}{len(pair)} value{'s' * (len(pair) != 1)}: {short_repr(pair)}")
