"""Reading the line of ``%timechain``: names of chains, options, ``key=value`` pairs that make one input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import ChainCellError
from ...timing.measuring.strategies import STRATEGIES, checked_strategies
from .cell_inputs import config_of, evaluate, inputs_of, names_in, value_of
from .options import Option, add_pair, options_text, other_words

__all__ = ["HELP", "TIMING_OPTIONS", "TimingLine", "read_timing_line"]

TIMING_OPTIONS = (
    Option("inputs", "EXPR", "the inputs: a list, a generator, a DataFrame (one a row)"),
    Option("strategies", "LIST", "some of one-by-one, batch, abatch, parallel, with commas between"),
    Option("concurrency", "LIST", "values of max_concurrency to try, such as 1,2,4,8; none: without a limit"),
    Option("repeat", "N", "how often each case is timed (5; fewer are not enough for a verdict)"),
    Option("warmup", "N", "rounds before that, which do not count (1)"),
    Option("baseline", "LABEL", "the case that speed-ups refer to, by its label in the table"),
    Option("config", "EXPR", "a config dict: tags, metadata, configurable, callbacks, ..."),
    Option("save", "PATH", "write a page with table, pictures and steps: a name that ends in .html"),
    Option("no-charts", "", "the table without the pictures below it"),
    Option("quiet", "", "no live timeline and no table: the comparison is the cell's value"),
    Option("help", "", "this page"),
)
_BY_NAME = {option.name: option for option in TIMING_OPTIONS}

_HEAD = """%timechain NAME [NAME ...] --inputs EXPR [options]

%%timechain --inputs EXPR [options]
<Python; the last expression is a chain or a dict of chains by name>

Times the chains on the inputs under every strategy, in turn, while a timeline shows the calls in their
places; then a table with verdicts, what follows from it, and pictures. `_` is the comparison: `_.verdicts`,
`_.to_pandas()`, `_.waterfall_chart(label)`, `_.steps(label)`, `_.save("report.html")`.

  one-by-one   invoke for each input          abatch     one abatch of them all, in tasks
  batch        one batch, in threads          parallel   all the chains in one RunnableParallel, or, of one
                                                         chain, a branch for each input

Instead of --inputs, key=value pairs make one input. Without --strategies it is one-by-one and batch; for
several chains on one input, one-by-one and parallel.

options
"""

_TAIL = """
examples
  %timechain joke --inputs topics --strategies one-by-one,batch,abatch --concurrency 1,2,4,8
  %timechain joke poem topic=bears --repeat 7

  %%timechain --inputs topics --concurrency 4
  {"short": prompt | model.bind(max_tokens=16), "long": prompt | model.bind(max_tokens=64)}

The Stop button, the kernel's interrupt and Ctrl-C end it; what was measured is kept.
"""

HELP = _HEAD + options_text(TIMING_OPTIONS) + _TAIL


@dataclass
class TimingLine:
    """A line, read: names of chains, and texts of inputs and options."""

    names: list[str] = field(default_factory=list)
    pairs: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)

    def has(self, option: str) -> bool:
        return option in self.given

    @property
    def refers_to(self) -> set[str]:
        """Names of the namespace that its texts refer to."""
        texts = [*self.pairs.values(), self.given.get("inputs", ""), self.given.get("config", "")]
        return {name for text in texts for name in names_in(text)}

    def inputs(self, namespace: Mapping[str, Any]) -> list[Any] | None:
        """What to run on; None if the line does not say."""
        if self.pairs:
            return [{key: value_of(text, namespace, f"{key}={text}") for key, text in self.pairs.items()}]
        if (text := self.given.get("inputs")) is None:
            return None
        return inputs_of(evaluate(text, namespace, f"--inputs {text}"), "--inputs")

    def options(self, namespace: Mapping[str, Any], *, chains: int, inputs: int) -> dict[str, Any]:
        """The keyword arguments for ``compare``. ChainCellError for what cannot be."""
        given = self.given
        options: dict[str, Any] = {
            "repeats": self._number("repeat", 5, 1),
            "warmup": self._number("warmup", 1, 0),
        }
        if inputs:
            options["strategies"] = _strategies(given.get("strategies"), chains, inputs)
            options["concurrency"] = _concurrency(given.get("concurrency"))
        if (text := given.get("config")) is not None:
            options["config"] = config_of(text, namespace)
        if (label := given.get("baseline")) is not None:
            options["baseline"] = str(value_of(label, {}, f"--baseline {label}"))
        return options

    def path(self, namespace: Mapping[str, Any]) -> Path | None:
        """The file to write, checked before anything runs."""
        if (text := self.given.get("save")) is None:
            return None
        path = Path(str(value_of(text, namespace, f"--save {text}"))).expanduser()
        if path.suffix not in (".html", ".htm"):
            raise ChainCellError(f"--save {path}: expected a name that ends in .html")
        if not path.parent.is_dir():
            raise ChainCellError(f"--save {path}: there is no folder {path.parent}")
        return path

    def _number(self, name: str, usual: int, least: int) -> int:
        text = self.given.get(name)
        if text is None:
            return usual
        if not text.isdigit() or int(text) < least:
            raise ChainCellError(f"--{name}: expected a number from {least}, got {text!r}")
        return int(text)


def read_timing_line(line: str) -> TimingLine:
    """Read a line. ChainCellError says what was not understood and how it is written."""
    read = TimingLine()
    for word, _ in other_words(line, _BY_NAME, read.given, "%timechain"):
        key, equals, value = word.partition("=")
        if equals and key.isidentifier() and value and not value.startswith("="):
            add_pair(read.pairs, key, value)
        elif word.isidentifier():
            if word in read.names:
                raise ChainCellError(f"{word} is named twice")
            read.names.append(word)
        elif word.startswith("-"):
            raise ChainCellError(
                f"options begin with two dashes: got {word!r} (%timechain --help has them all)"
            )
        else:
            raise ChainCellError(
                f"{word!r} is neither the name of a chain nor key=value (lists after options have no spaces)"
            )
    if read.pairs and "inputs" in read.given:
        raise ChainCellError("give the inputs once: got key=value pairs and --inputs")
    return read


def _strategies(text: str | None, chains: int, inputs: int) -> list[str]:
    if text is None:
        return ["one by one", "parallel" if chains > 1 and inputs == 1 else "batch"]
    try:
        return checked_strategies(text.strip("'\""))
    except (TypeError, ValueError) as error:
        names = ",".join(name.replace(" ", "-") for name in STRATEGIES)
        raise ChainCellError(f"--{error} (as in --strategies {names})") from None


def _concurrency(text: str | None) -> list[int | None]:
    if text is None:
        return [None]
    limits: list[int | None] = []
    for part in text.strip("'\"[]()").split(","):
        part = part.strip()
        if part.lower() == "none":
            limits.append(None)
        elif part.isdigit() and int(part) >= 1:
            limits.append(int(part))
        else:
            raise ChainCellError(f"--concurrency: expected numbers from 1 such as 1,2,4,8, got {text!r}")
    return limits
