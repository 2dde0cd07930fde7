"""What is known of a runnable's input and output before it runs, read off its structure.

Nothing here is worked out until somebody asks for a schema. ``input_of`` and ``output_of`` ask; a class
answers by overriding one of

- ``InputType``, ``OutputType``: it takes or gives one type;
- ``_input_shape``, ``_output_shape``: it depends on its parts. *wanted* is what must come out, *given* what
  goes in: passthrough, assign and pick, which do not change all values, hand them on;
- ``_stand_ins``: one of other runnables does its work, so that theirs are its shapes.

Otherwise the arguments of ``Runnable[..., ...]`` in its bases count, or the one runnable inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, reduce
from operator import or_
from typing import Any, TypeVar, get_args, get_origin

from ..engine.config import RunnableConfig
from .base import Runnable
from .schema import nested
from .shapes import ANY, Shape, merged

__all__ = ["input_of", "output_of", "stated_input", "stated_output"]


def input_of(step: Runnable[Any, Any], config: RunnableConfig | None = None, wanted: Shape = ANY) -> Shape:
    """What *step* takes under *config*, to give *wanted*."""
    return step._as_configured(config)._input_shape(config, wanted)


def output_of(
    step: Runnable[Any, Any], config: RunnableConfig | None = None, given: Shape | None = None
) -> Shape:
    """What *step* gives under *config* for what is *given* (without it, for its own input)."""
    step = step._as_configured(config)
    return step._output_shape(config, step._input_shape(config, ANY) if given is None else given)


def one_of(title: str, shapes: Iterable[Shape]) -> Shape:
    """The union of *shapes*."""
    each = list(shapes)
    if not all(shape.known for shape in each):
        return Shape(title)
    if all(shape.titled("") == each[0].titled("") for shape in each):
        return each[0]
    return Shape(title, reduce(or_, map(nested, each)))


def stated_input(step: Runnable[Any, Any], config: RunnableConfig | None, wanted: Shape) -> Shape:
    """The input that a class states, or that of its stand-ins."""
    title = step.get_name("input")
    if type(step).InputType is not Runnable.InputType:
        return Shape.of(title, step.InputType)
    stated = declared(type(step))[0]
    stand_ins = step._stand_ins()
    if not stand_ins or not _is_open(stated):
        return Shape.of(title, _filled(stated, Any))
    if isinstance(stated, TypeVar):
        if len(stand_ins) == 1:
            return input_of(stand_ins[0], config, wanted)
        inner = [input_of(each, config, wanted) for each in stand_ins]
        return inner[0] if _all_equal(inner) else merged(title, inner, alternatives=True)
    return Shape.of(title, _filled(stated, nested(input_of(stand_ins[0], config))))


def stated_output(step: Runnable[Any, Any], config: RunnableConfig | None, given: Shape) -> Shape:
    """The output that a class states, or that of its stand-ins."""
    title = step.get_name("output")
    if type(step).OutputType is not Runnable.OutputType:
        return Shape.of(title, step.OutputType)
    stated = declared(type(step))[1]
    stand_ins = step._stand_ins()
    if not stand_ins or not _is_open(stated):
        return Shape.of(title, _filled(stated, Any))
    if isinstance(stated, TypeVar):
        return one_of(title, [output_of(each, config, given) for each in stand_ins])
    return Shape.of(title, _filled(stated, nested(output_of(stand_ins[0], config))))


def declared(cls: Any) -> tuple[Any, Any]:
    """The two arguments of ``Runnable[..., ...]`` as the bases of *cls* give them, or type variables."""
    return _declared(cls)


@lru_cache(maxsize=1024)
def _declared(cls: type[Any]) -> tuple[Any, Any]:
    if cls is Runnable:
        return Runnable.__parameters__  # type: ignore[attr-defined,no-any-return]  # typing adds it
    pydantic_generic = cls.__dict__.get("__pydantic_generic_metadata__") or {}
    if (origin := pydantic_generic.get("origin")) is not None:
        names = origin.__pydantic_generic_metadata__["parameters"]
        return _substituted(declared(origin), names, pydantic_generic["args"])
    for base in cls.__dict__.get("__orig_bases__") or cls.__bases__:
        origin = get_origin(base) or base
        if isinstance(origin, type) and issubclass(origin, Runnable):
            return _substituted(declared(origin), getattr(origin, "__parameters__", ()), get_args(base))
    return Any, Any


def _substituted(pair: tuple[Any, Any], names: Sequence[Any], values: Sequence[Any]) -> tuple[Any, Any]:
    by_name = dict(zip(names, values, strict=False))  # a base without arguments leaves its variables open
    first, second = (_replaced(annotation, by_name) for annotation in pair)
    return first, second


def _replaced(annotation: Any, by_name: Mapping[Any, Any]) -> Any:
    if isinstance(annotation, TypeVar):
        return by_name.get(annotation, annotation)
    if names := getattr(annotation, "__parameters__", ()):
        return annotation[tuple(by_name.get(name, name) for name in names)]
    return annotation


def _filled(annotation: Any, value: Any) -> Any:
    if isinstance(annotation, TypeVar):
        return value
    return _replaced(annotation, dict.fromkeys(getattr(annotation, "__parameters__", ()), value))


def _is_open(annotation: Any) -> bool:
    return isinstance(annotation, TypeVar) or (
        not isinstance(annotation, type) and bool(getattr(annotation, "__parameters__", ()))
    )


def _all_equal(shapes: Sequence[Shape]) -> bool:
    return all(shape == shapes[0] for shape in shapes)
