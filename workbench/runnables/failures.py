"""Saying which step failed: an exception leaves a chain with a note such as
``in RunnableSequence > my_llm``, read off its traceback, so that nothing is paid until something fails."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from ..engine.scope import current

if TYPE_CHECKING:
    from .base import Runnable

__all__ = ["explain", "failed_path"]

_ENTRIES = {
    **dict.fromkeys(("_call", "_invoke", "_transform", "_through", "_chunks", "_achunks"), "self"),
    **dict.fromkeys(("_invoke_override", "_transform_override"), "self"),
    "_observed": "step",
}
"""Functions in whose frames a step works, and the local variable that holds it."""


def explain(error: Exception) -> None:
    """Note on an error the step it came from; the outermost call does so, once."""
    if current.get() is not None or getattr(error, "_workbench_explained", False):
        return
    path = failed_path(error)
    if len(path) > 1:
        error.add_note("in " + " > ".join(path))
    with contextlib.suppress(AttributeError):  # some exceptions have slots
        error._workbench_explained = True  # type: ignore[attr-defined]


def failed_path(error: BaseException) -> list[str]:
    """Names of the steps an exception passed through, outermost first."""
    from .base import Runnable

    stack: list[Runnable[Any, Any]] = []
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if (variable := _ENTRIES.get(frame.f_code.co_name)) is not None:
            step = frame.f_locals.get(variable)
            if isinstance(step, Runnable) and not any(step is seen for seen in stack):
                _push(stack, step)
        traceback = traceback.tb_next
    return _names(stack)


def _push(stack: list[Runnable[Any, Any]], step: Runnable[Any, Any]) -> None:
    """A later step of a sequence pulls its source from inside its own frames: it is no parent of it."""
    for depth in range(len(stack) - 1, -1, -1):
        if any(step is child for child in stack[depth]._steps_inside()):
            del stack[depth + 1 :]
            break
    stack.append(step)


def _names(stack: list[Runnable[Any, Any]]) -> list[str]:
    names: list[str] = []
    renamed: str | None = None
    for step in stack:
        alias = step._alias()
        if alias is not None:  # a binding: it lends its name to what it binds
            renamed = renamed or alias or None
            continue
        names.append(renamed or step.get_name())
        renamed = None
    return names
