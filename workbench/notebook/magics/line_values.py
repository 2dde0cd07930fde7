"""Evaluating the texts of a magic's line in the user's namespace, and making a job of them and a chain."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import ChainCellError
from ...text.excerpts import typed_repr
from ...views.export import ENDINGS
from ..run import Job
from ..session import NamedChain
from .cell_inputs import check_variables, config_of, evaluate, inputs_of, names_in, value_of
from .cell_line import CellOptions

__all__ = ["LineValues"]


class LineValues:
    """The values of a line's texts. A text that refers to a name in *later*, which the cell's body will set,
    is evaluated by ``take_rest``, all others at once. Raises ChainCellError for what cannot be evaluated."""

    def __init__(
        self, options: CellOptions, namespace: Mapping[str, Any], later: set[str] | None = None
    ) -> None:
        self.options = options
        self.values: dict[str, Any] = {}
        self.given: dict[str, Any] = {}
        self._namespace = namespace
        self._take(later or set())

    def take_rest(self) -> None:
        """Evaluate what refers to names that the body has set."""
        self._take(set())

    def job(self, named: NamedChain, magic: str) -> Job:
        """What to run. Raises ChainCellError if the chain needs an input that was not given."""
        options = self.options
        is_batch = options.has("batch")
        if options.has_input or named.last is None or magic == "%%chain":
            input = self._input(named, magic)
        else:
            input, is_batch = named.last.input, named.last.is_batch
        config = self.given.get("config") or {}
        if "concurrency" in self.given:
            limit = {"max_concurrency": self.given["concurrency"]}
            config = [{**one, **limit} for one in config] if isinstance(config, list) else {**config, **limit}
        return Job(
            named.chain,
            input,
            options.name or "",
            is_batch=is_batch,
            config=config,
            timeout_s=self.given.get("timeout"),
            python=self._as_python(named, input, is_batch),
        )

    def _input(self, named: NamedChain, magic: str) -> Any:
        if "batch" in self.given:
            return self.given["batch"]
        if "input" in self.given:
            return self.given["input"]
        if remark := check_variables(named.chain, self.options, magic):
            print(f"note: {remark}", file=sys.stderr)
        return {key: self.values[key] for key in self.options.values}

    def _take(self, later: set[str]) -> None:
        for key, text in self.options.values.items():
            if key not in self.values and not names_in(text) & later:
                self.values[key] = value_of(text, self._namespace, f"{key}={text}")
        for name, text in self.options.given.items():
            if name not in self.given and (read := _READERS.get(name)) and not names_in(text) & later:
                self.given[name] = read(text, self._namespace)

    def _as_python(self, named: NamedChain, input: Any, is_batch: bool) -> str:
        """Code that makes the chain and runs it on this input."""
        options = self.options
        call = "batch" if is_batch else "invoke"
        if text := options.given.get("batch") or options.given.get("input"):
            argument = text
        elif options.values:
            pairs = (f"{key!r}: {_source(text, self.values[key])}" for key, text in options.values.items())
            argument = f"{{{', '.join(pairs)}}}"
        else:
            argument = repr(input)
        config = options.given.get("config", "")
        if "concurrency" in self.given:
            limit = f'"max_concurrency": {self.given["concurrency"]}'
            config = f"{{**({config}), {limit}}}" if config else f"{{{limit}}}"
        arguments = ", ".join(filter(None, [argument, config]))
        return "\n\n".join(filter(None, [named.python, f"{named.name}.{call}({arguments})"])) + "\n"


def _source(text: str, value: Any) -> str:
    """A value of key=value as Python: its own text where that is an expression, else the value."""
    if type(value) is str and (value == text or not names_in(text)):  # a bare word, or a literal
        return repr(value)
    return text[1:-1] if text.startswith("{") and not issubclass(type(value), dict | set) else text


def _concurrency(text: str, namespace: Mapping[str, Any]) -> int:
    value = evaluate(text, namespace, f"--concurrency {text}")
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ChainCellError(f"--concurrency: expected a number from 1, got {value!r}")
    return value


def _seconds(text: str, namespace: Mapping[str, Any]) -> float:
    value = evaluate(text, namespace, f"--timeout {text}")
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise ChainCellError(f"--timeout: expected seconds over 0, got {value!r}")
    return float(value)


def _repeats(text: str, namespace: Mapping[str, Any]) -> int:
    if not text:
        return 1
    if not text.isdigit() or int(text) < 1:
        raise ChainCellError(f"--time: expected a number from 1, or none, got {text!r}")
    return int(text)


def _path(text: str, namespace: Mapping[str, Any]) -> Path:
    """The file to write, checked before anything runs. A plain path, a name or an expression."""
    value = value_of(text, namespace, f"--save {text}")
    if not isinstance(value, str | Path):
        raise ChainCellError(f"--save: expected a path, got {typed_repr(value)}")
    path = Path(value).expanduser()
    if not path.name.endswith(ENDINGS):
        raise ChainCellError(f"--save {path}: expected a name that ends in {', '.join(ENDINGS)}")
    if not path.parent.is_dir():
        raise ChainCellError(f"--save {path}: there is no folder {path.parent}")
    return path


_READERS = {
    "input": lambda text, namespace: evaluate(text, namespace, f"--input {text}"),
    "batch": lambda text, namespace: inputs_of(evaluate(text, namespace, f"--batch {text}")),
    "concurrency": _concurrency,
    "config": lambda text, namespace: config_of(text, namespace, one_each=True),
    "timeout": _seconds,
    "time": _repeats,
    "save": _path,
}
