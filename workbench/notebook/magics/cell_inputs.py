"""From the text on a ``%%chain`` line to values, and from a chain to the inputs it needs.

A value is, in this order: a Python literal; ``{expr}``, any expression; a name of the user's namespace; an
expression of such names; else the text itself, in which ``{expr}`` stands for its value. Python's builtins,
modules, classes and functions are never meant by a bare name: ``topic=list`` is the text "list".
"""

from __future__ import annotations

import ast
import builtins
import inspect
import re
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from ...errors import ChainCellError
from ...runnables.base import Runnable
from ...text.excerpts import short_repr, typed_repr
from .cell_line import CellOptions
from .options import nearest

__all__ = ["check_variables", "config_of", "evaluate", "inputs_of", "names_in", "value_of", "variables"]

_BRACED = re.compile(r"\{([^{}]+)\}")


def value_of(text: str, namespace: Mapping[str, Any], what: str = "") -> Any:
    """What *text* in key=value stands for; *what* names it in errors. See the module.

    >>> who = {"who": "the polar bear"}
    >>> [value_of(text, who) for text in ("3", "'a b'", "who", "bears", "{who.upper()}")]
    [3, 'a b', 'the polar bear', 'bears', 'THE POLAR BEAR']
    >>> [value_of(text, who) for text in ("list", "2024-10-11", "polar-bears")]
    ['list', '2024-10-11', 'polar-bears']
    >>> value_of("not-{who}", who), value_of("{'a': 1}", who), value_of("[who]", who)
    ('not-the polar bear', {'a': 1}, ['the polar bear'])
    """
    what = what or text
    try:
        expression = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError) as error:
        if text[:1] in "\"'([{" and text[-1:] in "\"')]}":
            raise ChainCellError(f"{what}: {type(error).__name__}: {error.args[0]}") from None
        return _with_braces(text, namespace, what)
    try:
        return ast.literal_eval(expression)
    except (ValueError, TypeError, MemoryError, RecursionError):
        pass
    if isinstance(expression, ast.Set) and len(expression.elts) == 1:
        return evaluate(text[1:-1], namespace, what)
    if isinstance(expression, ast.Name):
        value = namespace.get(text, builtins)
        return text if _is_no_input(text, value) else value
    return _expression(text, expression, namespace, what)


def evaluate(text: str, namespace: Mapping[str, Any], what: str) -> Any:
    """The value of a Python expression in the user's namespace. Raises ChainCellError that begins with
    *what*."""
    try:
        return eval(text.strip(), dict(namespace))
    except Exception as error:
        raise ChainCellError(f"{what}: {type(error).__name__}: {error}") from error


def config_of(text: str, namespace: Mapping[str, Any], *, one_each: bool = False) -> Any:
    """The config that ``--config`` stands for; with *one_each* it may be a list of them, one an input."""
    value = evaluate(text, namespace, f"--config {text}")
    if all(isinstance(one, Mapping) for one in (value if one_each and isinstance(value, list) else [value])):
        return value
    raise ChainCellError(f"--config: expected a dict such as {{'tags': ['test']}}, got {short_repr(value)}")


def names_in(text: str) -> set[str]:
    """The names a text refers to, if it is an expression; ``{expr}`` in it counted.

    >>> sorted(names_in("a + b[0]")), names_in("two words {c}"), names_in("'a'")
    (['a', 'b'], {'c'}, set())
    """
    names: set[str] = set()
    for source in (text, *_BRACED.findall(text)):
        try:
            tree = ast.parse(source.strip(), mode="eval")
        except (SyntaxError, ValueError):
            continue
        names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names


def inputs_of(value: Any, option: str = "--batch") -> list[Any]:
    """The inputs that an option's value stands for. Raises ChainCellError for what is no list of inputs."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):  # a DataFrame: one input per row
        return list(value.to_dict("records"))
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
        raise ChainCellError(f"{option}: expected a list of inputs, got {typed_repr(value)}")
    inputs = list(value)
    if not inputs:
        raise ChainCellError(f"{option}: there is nothing to run, the {type(value).__name__} is empty")
    return inputs


def variables(chain: Runnable[Any, Any]) -> tuple[list[str], list[str]] | None:
    """The variables that a chain needs in its input dict, and those it also takes; None where that is
    not known, because something other than prompts reads its input."""
    first = _first(chain)
    if first.run_type == "prompt":
        return list(getattr(first, "input_variables", ())), list(getattr(first, "optional_variables", ()))
    steps = getattr(first, "steps", None)
    if not isinstance(steps, dict) or not steps:
        return None
    needed: dict[str, None] = {}
    optional: dict[str, None] = {}
    for step in steps.values():
        found = variables(step)
        if found is None:
            return None
        needed.update(dict.fromkeys(found[0]))
        optional.update(dict.fromkeys(found[1]))
    return list(needed), [name for name in optional if name not in needed]


def check_variables(chain: Runnable[Any, Any], options: CellOptions, magic: str) -> str | None:
    """A remark on keys that the chain does not use, None if there are none.

    Raises ChainCellError if the input is incomplete, as far as that can be known without running it.
    """
    found = variables(chain)
    unused: list[str] = []
    if found is not None:
        needed, optional = found
        missing = [name for name in needed if name not in options.values]
        unused = [name for name in options.values if name not in (*needed, *optional)]
        if missing:
            raise ChainCellError(_missing(missing, unused, options, magic))
    elif not options.values:
        raise ChainCellError(
            "the chain needs an input: give key=value pairs, or --input EXPR, or --no-run to only build it"
        )
    if not unused or found is None:
        return None
    uses = ", ".join([*found[0], *found[1]]) or "no variables"
    return f"the chain does not use {', '.join(unused)}: its prompts have {uses}"


def _missing(missing: list[str], unused: list[str], options: CellOptions, magic: str) -> str:
    pairs = " ".join(f"{name}=..." for name in missing)
    message = f"the chain needs {', '.join(missing)}: {magic} {options.name or 'NAME'} {pairs}"
    for name in unused:
        message += f" (it does not use {name}{nearest(name, missing)})"
    return message


def _first(chain: Runnable[Any, Any]) -> Runnable[Any, Any]:
    while (inside := chain._steps_inside()) and (chain._alias() is not None or hasattr(chain, "first")):
        chain = inside[0]
    return chain


def _expression(text: str, expression: ast.expr, namespace: Mapping[str, Any], what: str) -> Any:
    if text[0] not in "([{" and any(isinstance(node, ast.Set) for node in ast.walk(expression)):
        return _with_braces(text, namespace, what)  # not-{who}
    called = {id(node.func) for node in ast.walk(expression) if isinstance(node, ast.Call)}
    names = [node for node in ast.walk(expression) if isinstance(node, ast.Name)]
    bound = {
        node.id
        for node in names
        if isinstance(node.ctx, ast.Store)  # the variables of comprehensions
    }
    unknown = [
        node.id
        for node in names
        if node.id not in namespace
        and node.id not in bound
        and not (id(node) in called and hasattr(builtins, node.id))
    ]
    if names and not unknown:
        return evaluate(text, namespace, what)
    if not names or text[-1:] not in ")]}":
        return _with_braces(text, namespace, what)  # polar-bears, bears,cats, node.js, 2024-10-11
    raise ChainCellError(f"{what}: the name {unknown[0]!r} is not defined; quote the value if it is text")


def _is_no_input(name: str, value: Any) -> bool:
    """Whether nobody means *value* when they write its bare name as an input."""
    if value is builtins or value is getattr(builtins, name, None):
        return True
    if isinstance(value, ModuleType) or inspect.isclass(value) or inspect.isroutine(value):
        return True
    return type(value).__module__.startswith("IPython.")  # exit, quit


def _with_braces(text: str, namespace: Mapping[str, Any], what: str) -> str:
    return "".join(_pieces(text, namespace, what))


def _pieces(text: str, namespace: Mapping[str, Any], what: str) -> Iterator[str]:
    end = 0
    for match in _BRACED.finditer(text):
        yield text[end : match.start()]
        yield str(evaluate(match[1], namespace, what))
        end = match.end()
    yield text[end:]
