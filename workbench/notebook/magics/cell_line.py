"""Reading the line of ``%%chain`` and ``%chain``: a name, ``key=value`` pairs, options.

Values stay text here; ``cell_inputs`` evaluates them. Every mistake on a line raises an error that shows how
it is written.
"""

from __future__ import annotations

import builtins
import keyword
from dataclasses import dataclass, field

from ...errors import ChainCellError
from ...views.panes import PaneOrNone
from .options import Option, add_pair, nearest, other_words

__all__ = ["OPTIONS", "CellOptions", "check_name", "read_line"]

OPTIONS = (
    Option("input", "EXPR", "any input that is no dict of key=value, as a Python expression"),
    Option("batch", "EXPR", "inputs that run side by side: a list, a generator, a DataFrame (one a row)"),
    Option("concurrency", "N", "at most N calls at once"),
    Option("config", "EXPR", "a config dict: tags, metadata, configurable, callbacks, ..."),
    Option("view", "PANE", "what to show: stream, tree, time, all or none"),
    Option("time", "[N]", "afterwards where the time went; the run N times more, a batch against one by one"),
    Option("bg", "", "the cell returns at once; the run is workbench.runs[-1]"),
    Option("main-thread", "", "run synchronously in the main thread, for objects that are bound to it"),
    Option("timeout", "S", "stop after S seconds and say how far it came; what was written is kept"),
    Option("save", "PATH", "keep the run in a file: .json (state), .patch.json or .jsonl (patches), .html"),
    Option("no-run", "", "only build the chain and bind NAME"),
    Option("quiet", "", "no view: the output is the cell's value"),
    Option("help", "", "this page"),
)
_BY_NAME = {option.name: option for option in OPTIONS}


@dataclass
class CellOptions:
    """A line, read. ``values`` are the key=value pairs and ``given`` the options that stand on the line,
    both as text; a flag is ""."""

    name: str | None = None
    values: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)

    def has(self, option: str) -> bool:
        return option in self.given

    @property
    def view(self) -> PaneOrNone | None:
        return self.given.get("view")  # type: ignore[return-value]  # checked when it was read

    @property
    def has_input(self) -> bool:
        return bool(self.values) or "input" in self.given or "batch" in self.given


def read_line(line: str) -> CellOptions:
    """Read a magic's line. Raises ChainCellError, with what was not understood and how it is written."""
    options = CellOptions()
    for word, following in other_words(line, _BY_NAME, options.given, "%chain"):
        key, equals, value = word.partition("=")
        if equals and key.isidentifier() and not value.startswith("="):
            if not value:
                raise ChainCellError(_spaces_hint(key, following[:1]))
            add_pair(options.values, key, value)
        elif word.isidentifier() and options.name is None and not options.values:
            if following and following[0].startswith("="):
                raise ChainCellError(_spaces_hint(word, following))
            options.name = word
        else:
            raise ChainCellError(_odd_word(options, word, following))
    _check_together(options)
    return options


def check_name(name: str) -> None:
    """Raises ChainCellError if a cell should not bind its chain to *name*."""
    if keyword.iskeyword(name):
        raise ChainCellError(
            f"{name!r} is a word of Python's own and cannot name a chain: say my_{name.lower()}"
        )
    if hasattr(builtins, name):
        raise ChainCellError(
            f"{name!r} is a builtin of Python, which a chain of that name would hide: say my_{name}"
        )


def _check_together(options: CellOptions) -> None:
    """Raises ChainCellError for options that contradict each other."""
    inputs = ["key=value pairs"] * bool(options.values)
    inputs += [f"--{name}" for name in ("input", "batch") if name in options.given]
    if len(inputs) > 1:
        raise ChainCellError(f"give the input once: got {' and '.join(inputs)}")
    for one, other in (("bg", "main-thread"), ("bg", "time"), ("no-run", "bg"), ("no-run", "save")):
        if one in options.given and other in options.given:
            raise ChainCellError(f"--{one} and --{other} cannot go together")


def _spaces_hint(key: str, following: list[str]) -> str:
    value = next((word.lstrip("=") for word in reversed(following) if word.lstrip("=")), "")
    if not value or value.startswith("--"):
        return f"{key}= has no value: {key}=bears, or {key}='' for an empty text"
    return f"write {key}={value}, without spaces around ="


def _odd_word(options: CellOptions, word: str, following: list[str]) -> str:
    if options.values:
        key, value = list(options.values.items())[-1]
        if word.isidentifier() or not word.startswith(("=", "-")):
            if not value.startswith(("'", '"')):
                quoted = f'{key}="{value} {word}"'
                return f"{word!r} belongs to nothing: quote a value with spaces, {quoted}, and put NAME first"
            return f"{word!r} belongs to nothing: NAME goes first, then key=value pairs"
    elif following[:1] and following[0].startswith("="):
        return _spaces_hint(word, following)
    elif options.name is not None and word.isidentifier():
        return f"two names, {options.name!r} and {word!r}: an input is given as key=value, as in topic={word}"
    if word.startswith("-"):
        return f"options begin with two dashes{nearest(word.lstrip('-'), _BY_NAME, '--{}')}: got {word!r}"
    return (
        f"{word!r} is neither a name for the chain nor key=value "
        '(quote values with spaces: topic="polar bears")'
    )
