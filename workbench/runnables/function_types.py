"""What can be known of a function's input and output: its annotations, and the keys its code reads."""

from __future__ import annotations

import dis
import inspect
import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from operator import itemgetter
from types import CodeType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from .base import Runnable
from .signatures import with_annotations

__all__ = ["input_annotation", "output_annotation", "read_keys"]

_LOCAL = re.compile("(LOAD|STORE)_(?:FAST|DEREF)")
_STREAMS = (Iterator, Iterable, Generator, AsyncIterator, AsyncIterable, AsyncGenerator)


def input_annotation(fn: Callable[..., Any], *, streams: bool = False) -> Any:
    """The type of its first argument, or with *streams* of what that iterates over. Any if unknown.

    >>> def double(x: int) -> int: ...
    >>> input_annotation(double)
    <class 'int'>
    """
    name = None if isinstance(fn, type) else _first_parameter(fn)
    return _useful(_hints(fn).get(name) if name else None, streams)


def output_annotation(fn: Callable[..., Any], *, streams: bool = False) -> Any:
    """The type it returns, or with *streams* of what it yields. Any if unknown."""
    return fn if isinstance(fn, type) else _useful(_hints(fn).get("return"), streams)


def read_keys(fn: Callable[..., Any]) -> tuple[str, ...]:
    """The keys it reads from its first argument with ``[]``; none if it does something else with them.

    They are read from the bytecode, which lambdas and functions of notebook cells have too, while their
    source may be missing.

    >>> read_keys(lambda x: x["question"].strip() + x["language"])
    ('question', 'language')
    >>> read_keys(itemgetter("a", "b"))
    ('a', 'b')
    """
    if isinstance(fn, itemgetter):
        keys = list(fn.__reduce__()[1])  # the class and its arguments
    else:
        code = getattr(fn, "__code__", None)
        name = _first_parameter(fn)
        if not isinstance(code, CodeType) or name is None:
            return ()
        keys = _subscripts(code, name)
    return tuple(dict.fromkeys(keys)) if all(isinstance(key, str) for key in keys) else ()


def _subscripts(code: CodeType, name: str) -> list[Any]:
    """The constants that ``name[...]`` is read with, inner functions included; [None] if *name* is
    assigned again, so that later reads are of something else."""
    keys: list[Any] = []
    steps = [step for step in dis.get_instructions(code) if step.opname != "NOP"]
    for index, step in enumerate(steps):
        if ("STORE", name) in _accesses(step):
            return [None]
        if index < 2 or not (step.opname == "BINARY_SUBSCR" or step.argrepr == "[]"):
            continue
        variable, constant = steps[index - 2], steps[index - 1]
        is_ours = _accesses(variable)[-1:] == [("LOAD", name)]
        if is_ours and constant.opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
            keys.append(constant.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and name in constant.co_freevars:
            keys.extend(_subscripts(constant, name))
    return keys


def _accesses(step: dis.Instruction) -> list[tuple[str, str]]:
    """What an instruction does with local variables; some are two in one, as STORE_FAST_LOAD_FAST."""
    names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
    return list(zip(_LOCAL.findall(step.opname), names, strict=False))


def _first_parameter(fn: Callable[..., Any]) -> str | None:
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):  # some builtins have none
        return None
    first = next(iter(parameters), None)
    if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
        return None
    return first.name


def _hints(fn: Callable[..., Any]) -> dict[str, Any]:
    fn = with_annotations(fn)
    try:
        return get_type_hints(fn)
    except Exception:  # annotations are any expression: those that evaluate count
        raw = getattr(fn, "__annotations__", {})
        return {name: hint for name, hint in raw.items() if not isinstance(hint, str)}


def _useful(annotation: Any, streams: bool) -> Any:
    if streams and get_origin(annotation) in _STREAMS:
        annotation = (get_args(annotation) or (Any,))[0]
    elif streams:
        return Any
    if annotation is None or annotation is object or isinstance(annotation, TypeVar):
        return Any
    kind = get_origin(annotation) or annotation
    if isinstance(kind, type) and issubclass(kind, Runnable):
        return Any  # it is run in turn: the output is its output
    return annotation
