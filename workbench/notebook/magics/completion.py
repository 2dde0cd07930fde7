"""Tab completion for ``%%chain`` and ``%timechain``: options, panes, names, the chain's variables."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterable, Iterator
from typing import Any

from ...runnables.base import Runnable
from ...timing.measuring.strategies import STRATEGIES
from ...views.panes import CHOICES
from ..session import named_chains, runs
from .cell_inputs import variables
from .cell_line import OPTIONS
from .options import Option
from .timing_line import TIMING_OPTIONS

__all__ = ["candidates", "install"]

_LINE = re.compile(r"\s*(?P<magic>%%?chains?|%runs|%%?timechain)(?P<rest>\s.*)\Z")


def install(shell: Any) -> None:
    """Add ours to the shell's completer; a second call changes nothing."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    completer = shell.Completer
    if any(getattr(matcher, "_workbench", False) for matcher in completer.custom_matchers):
        return

    @context_matcher(identifier="workbench.chain")  # type: ignore[untyped-decorator]  # IPython's
    def chain_matcher(context: Any) -> dict[str, Any]:
        if context.cursor_line != 0 and "%%" in context.full_text.split("\n")[0]:
            return {"completions": []}
        before = context.full_text.split("\n")[context.cursor_line][: context.cursor_position]
        found = candidates(before, context.full_text, shell.user_ns)
        if found is None:
            return {"completions": []}
        fragment, texts = found
        return {
            "completions": [SimpleCompletion(text=text, type="keyword") for text in texts],
            "matched_fragment": fragment,
            "suppress": bool(texts),
            "ordered": True,
        }

    chain_matcher._workbench = True
    completer.custom_matchers.append(chain_matcher)


def candidates(before: str, cell: str, namespace: dict[str, Any]) -> tuple[str, list[str]] | None:
    """The word that is being typed and what it may become; None where *before* is no line of ours.

    >>> candidates("%%chain joke --vi", "", {})
    ('--vi', ['--view'])
    >>> candidates("%%chain joke --view t", "", {})
    ('t', ['tree', 'time'])
    >>> candidates("%%chain joke to", "%%chain joke to\\nprompt('about {topic}')", {})
    ('to', ['topic='])
    """
    match = _LINE.match(before)
    if match is None:
        return None
    words = match["rest"].split(" ")
    word, previous = words[-1], next((word for word in reversed(words[:-1]) if word), "")
    earlier = [word for word in words[:-1] if word]
    if match["magic"].endswith("chains"):
        return None
    if match["magic"] == "%runs":
        texts: Iterable[str] = [str(run.number) for run in runs]
    elif match["magic"].endswith("timechain"):
        texts = _timing_texts(word, previous, earlier, match["magic"], namespace)
    else:
        texts = _texts(word, previous, earlier, match["magic"], cell, namespace)
    return word, [text for text in texts if text.startswith(word)]


def _texts(
    word: str, previous: str, earlier: list[str], magic: str, cell: str, namespace: dict[str, Any]
) -> Iterator[str]:
    if word.startswith("--view="):
        yield from (f"--view={pane}" for pane in CHOICES)
    elif word.startswith("-"):
        yield from _options_left(OPTIONS, earlier)
    elif previous == "--view":
        yield from CHOICES
    elif previous in ("--input", "--batch", "--config"):
        yield from _public(namespace)
    elif "=" not in word:
        name = next((text for text in earlier if text.isidentifier()), None)
        if not earlier:
            yield from _names(namespace)
        body = cell.partition("\n")[2] if magic == "%%chain" else ""
        yield from _keys_left(_variables(name, body, namespace), earlier)


def _timing_texts(
    word: str, previous: str, earlier: list[str], magic: str, namespace: dict[str, Any]
) -> Iterator[str]:
    if word.startswith("-"):
        yield from _options_left(TIMING_OPTIONS, earlier)
    elif previous == "--strategies":
        *listed, _ = word.split(",")
        before = "".join(f"{name}," for name in listed)
        names = (name.replace(" ", "-") for name in STRATEGIES)
        yield from (before + name for name in names if name not in listed)
    elif previous in ("--inputs", "--config"):
        yield from _public(namespace)
    elif "=" not in word:
        named = [text for text in earlier if text.isidentifier()]
        if magic == "%timechain":
            yield from (name for name in _names(namespace) if name not in named)
        yield from _keys_left([key for name in named for key in _variables(name, "", namespace)], earlier)


def _options_left(options: Iterable[Option], earlier: list[str]) -> Iterator[str]:
    given = {text[2:].partition("=")[0] for text in earlier if text.startswith("--")}
    return (f"--{option.name}" for option in options if option.name not in given)


def _keys_left(keys: Iterable[str], earlier: list[str]) -> Iterator[str]:
    given = {text.partition("=")[0] for text in earlier}
    return (f"{key}=" for key in dict.fromkeys(keys) if key not in given)


def _public(names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if not name.startswith("_"))


def _names(namespace: dict[str, Any]) -> Iterator[str]:
    yield from named_chains
    for name in _public(namespace):
        if isinstance(namespace[name], Runnable) and name not in named_chains:
            yield name


def _variables(name: str | None, body: str, namespace: dict[str, Any]) -> list[str]:
    """Of the cell's body if there is one, else of the chain of that name."""
    if body.strip():
        return list(dict.fromkeys(_in_templates(body)))
    chain = namespace.get(name or "")
    found = variables(chain) if isinstance(chain, Runnable) else None
    return [*found[0], *found[1]] if found is not None else []


def _in_templates(body: str) -> Iterator[str]:
    """Names in braces in the body's string literals: what its prompts will ask for."""
    try:
        tree = ast.parse(body)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                fields = [field for _, field, _, _ in string.Formatter().parse(node.value) if field]
            except ValueError:
                continue
            yield from (field for field in fields if field.isidentifier())
