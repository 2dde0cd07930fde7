"""Which step failed: an exception leaves a chain with a note such as ``in RunnableSequence > my_llm``. The
note is made from the traceback, so that it costs nothing until something fails."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..engine.scope import current
from .composed import ComposedStep

__all__ = ["explain", "failed_path"]

_ENTRIES = {
    **dict.fromkeys(("_call_step", "_invoke", "_transform", "_through", "_chunks", "_achunks"), "self"),
    **dict.fromkeys(("_invoke_override", "_transform_override", "_call_at", "_stream_at"), "self"),
    **dict.fromkeys(("observed", "called"), "step"),
}
"""Functions in whose frames a step works, and the local variable that holds it."""


def explain(error: Exception) -> None:
    """Add a note to an error, with the step it came from; only the outermost call does so, once."""
    if current.get() is not None or getattr(error, "_workbench_explained", False):
        return
    path = failed_path(error)
    if len(path) > 1:
        error.add_note("in " + " > ".join(path))
    with contextlib.suppress(AttributeError):  # some exceptions have slots
        error._workbench_explained = True  # type: ignore[attr-defined]


def failed_path(error: BaseException) -> list[str]:
    """Names of the steps an exception passed through, outermost first."""
    path: list[tuple[ComposedStep, str]] = []
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if (variable := _ENTRIES.get(frame.f_code.co_name)) is not None:
            step = frame.f_locals.get(variable)
            if step is not None and hasattr(type(step), "_call_step"):
                _push(path, step)
        traceback = traceback.tb_next
    return [name for _, name in path]


def _push(path: list[tuple[ComposedStep, str]], step: ComposedStep) -> None:
    if step._alias() is not None or any(step is seen for seen, _ in path):
        return
    name = step.get_name()
    # A later step of a sequence pulls its source from inside its own frames: it is no parent of it.
    for depth in range(len(path) - 1, -1, -1):
        found = next((alias for child, alias in _children(path[depth][0]) if child is step), None)
        if found is not None:
            del path[depth + 1 :]
            name = found or name
            break
    path.append((step, name))


def _children(step: ComposedStep, alias: str = "") -> Iterator[tuple[ComposedStep, str]]:
    """The steps inside, each with the name that a binding around it gives it."""
    for child in step._steps_inside():
        given = child._alias()
        if given is None:
            yield child, alias
        else:
            yield from _children(child, alias or given)
