"""What a method of a runnable made, as what the same method of a wrapper around it makes.

``model.bind(stop=["."]).bind_tools(tools)`` calls the model's ``bind_tools``, which knows nothing of the
binding and makes a chain around the model alone. ``made_of`` puts the binding in the model's place in it.
"""

from __future__ import annotations

from typing import Any

from .base import Runnable

__all__ = ["made_of", "makes_runnables"]


def makes_runnables(attribute: Any, owner: Any) -> bool:
    """Whether an attribute of *owner* is a method of it, which may return a new runnable."""
    return getattr(attribute, "__self__", None) is owner and hasattr(attribute, "__func__")


def made_of(made: Any, inner: Runnable[Any, Any], wrapper: Runnable[Any, Any]) -> Runnable[Any, Any] | None:
    """*made* with *wrapper* in the place of *inner*; None if *inner* is not found in it."""
    new = _replaced(made, inner, wrapper)
    return None if new is made else new


def _replaced(step: Any, inner: Any, wrapper: Any) -> Any:
    from .binding import RunnableBinding
    from .parallel import RunnableParallel
    from .sequence import RunnableSequence

    if step is inner:
        return wrapper
    if type(step) is RunnableBinding:
        if step.bound is inner and isinstance(wrapper, RunnableBinding):
            return wrapper._and(step)
        bound = _replaced(step.bound, inner, wrapper)
        return step if bound is step.bound else step._with(bound=bound)
    if type(step) is RunnableSequence:
        steps = [_replaced(each, inner, wrapper) for each in step.steps]
        return step if _same(steps, step.steps) else RunnableSequence(*steps, name=step.name)
    if type(step) is RunnableParallel:
        branches = {key: _replaced(each, inner, wrapper) for key, each in step.steps.items()}
        same = _same([*branches.values()], [*step.steps.values()])
        return step if same else RunnableParallel(branches, name=step.name)
    return step


def _same(new: list[Any], old: list[Any]) -> bool:
    return all(one is other for one, other in zip(new, old, strict=True))
