"""``%%chain``: build a chain in a cell, run it, and watch it run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class

from ..errors import ChainCellError
from ..runnables.base import Runnable, coerce
from .display import run_batch, run_chain

__all__ = ["ChainMagics"]

USAGE = """%%chain [NAME] [key=value ...] [options]
<Python; the last expression is the chain>

Runs the cell's Python in your namespace, binds the chain to NAME and runs it on the input, live.
`_` is then its output. `%chain NAME key=value ...` runs a chain that already has a name.

input
  key=value ...    the input dict. A value is a Python expression, or a plain word: topic=bears
  --input EXPR     any other input, as one Python expression (no spaces outside quotes and brackets)
  --batch EXPR     a list of inputs, run side by side
options
  --concurrency N  at most N calls at once
  --time           afterwards, where the time went; with --batch, also one by one against batch, for which
                   the inputs are run twice more
  --no-run         only build and bind
  --quiet          no view: only the output
"""

_FLAGS = ("time", "no-run", "quiet", "help")
_VALUED = ("input", "batch", "concurrency")


@dataclass
class CellOptions:
    """A ``%%chain`` line, read. Expressions are still text."""

    name: str | None = None
    values: dict[str, str] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    given: dict[str, str] = field(default_factory=dict)


@magics_class
class ChainMagics(Magics):
    """The magics of ``%load_ext workbench``."""

    shell: Any  # registered with a shell, so never None

    @line_cell_magic
    def chain(self, line: str, cell: str | None = None) -> Any:
        __tracebackhide__ = True
        options = read_line(line)
        if "help" in options.flags:
            print(USAGE)
            return None
        chain = self._named(options) if cell is None else self._built(cell)
        if options.name is not None and cell is not None:
            self.shell.user_ns[options.name] = chain
        if "no-run" in options.flags:
            return None
        output = self._run(chain, options)
        if "quiet" in options.flags:
            return output
        # The view has shown it: `_` and Out get the value without printing it again.
        if output is not None:
            self.shell.displayhook.update_user_ns(output)
        return None

    chain.__doc__ = USAGE

    def _run(self, chain: Runnable[Any, Any], options: CellOptions) -> Any:
        __tracebackhide__ = True
        quiet = "quiet" in options.flags
        timings = None
        if "time" in options.flags:
            from ..timing.report import StepTable
            from ..timing.rows import Timings

            timings = Timings()
        observers = [timings] if timings is not None else []
        title = options.name or chain.get_name()
        concurrency = self._concurrency(options)
        if "batch" in options.given:
            inputs = self._batch(options)
            output = run_batch(
                chain, inputs, title=title, quiet=quiet, max_concurrency=concurrency, observers=observers
            )
            if timings is not None and output is not None:
                self._show_batch_against_one_by_one(chain, inputs, concurrency)
        else:
            input = self._input(chain, options)
            output = run_chain(
                chain, input, title=title, quiet=quiet, max_concurrency=concurrency, observers=observers
            )
        if timings is not None:
            _show(StepTable(timings.rows))
        return output

    def _show_batch_against_one_by_one(
        self, chain: Runnable[Any, Any], inputs: list[Any], concurrency: int | None
    ) -> None:
        from ..timing.compare import batch_against_one_by_one

        _show(batch_against_one_by_one(chain, inputs, max_concurrency=concurrency, repeats=1, warmup=0))

    def _built(self, cell: str) -> Runnable[Any, Any]:
        """Run the cell's statements in the user's namespace; the chain that its last one gives."""
        __tracebackhide__ = True
        source = self.shell.transform_cell(cell)
        name = self.shell.compile.cache(source, self.shell.execution_count, raw_code=cell)
        tree = ast.parse(source, name)
        if not tree.body:
            raise ChainCellError(f"the cell is empty: its last expression must be a chain\n\n{USAGE}")
        if _awaits(tree):
            raise ChainCellError(
                "a %%chain cell cannot await: build what needs it in a cell above (its chain is then run "
                "asynchronously all the same)"
            )
        last = tree.body.pop()
        namespace = self.shell.user_ns
        exec(compile(tree, name, "exec"), namespace)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
        else:
            exec(compile(ast.Module([last], []), name, "exec"), namespace)
            value = namespace.get(_assigned(last) or "")
            if value is None:
                raise ChainCellError(
                    "the cell's last line must be the chain, as in `prompt | model`; it is "
                    f"`{ast.unparse(last)[:60]}`"
                )
        try:
            return coerce(value)
        except TypeError:
            raise ChainCellError(
                "the cell's last expression must be a chain (a Runnable, a function or a dict of these); "
                f"it is {type(value).__name__}: {value!r:.80}"
            ) from None

    def _named(self, options: CellOptions) -> Runnable[Any, Any]:
        if options.name is None:
            raise ChainCellError(f"which chain? %chain NAME key=value ...\n\n{USAGE}")
        try:
            return coerce(self.shell.user_ns[options.name])
        except KeyError:
            raise ChainCellError(
                f"there is no chain called {options.name!r} yet: make one with %%chain {options.name}"
            ) from None

    def _input(self, chain: Runnable[Any, Any], options: CellOptions) -> Any:
        if "input" in options.given:
            if options.values:
                raise ChainCellError("give either key=value pairs or --input, not both")
            return self._evaluate(options.given["input"], "--input")
        missing = [name for name in _variables(chain) if name not in options.values]
        if missing:
            pairs = " ".join(f"{name}=..." for name in missing)
            raise ChainCellError(
                f"the chain needs {', '.join(missing)}: %%chain {options.name or 'NAME'} {pairs}"
            )
        if not options.values and not _is_prompt(chain):
            raise ChainCellError(
                "the chain needs an input: give key=value pairs, or --input EXPR, "
                "or --no-run to only build it"
            )
        return {key: self._value(text) for key, text in options.values.items()}

    def _batch(self, options: CellOptions) -> list[Any]:
        if options.values or "input" in options.given:
            raise ChainCellError("--batch has the inputs: give no key=value pairs or --input beside it")
        inputs = self._evaluate(options.given["batch"], "--batch")
        if isinstance(inputs, str | bytes | dict) or not hasattr(inputs, "__iter__"):
            raise ChainCellError(
                f"--batch: expected a list of inputs, got {type(inputs).__name__}: {inputs!r:.80}"
            )
        return list(inputs)

    def _concurrency(self, options: CellOptions) -> int | None:
        if "concurrency" not in options.given:
            return None
        value = self._evaluate(options.given["concurrency"], "--concurrency")
        if not isinstance(value, int) or value < 1:
            raise ChainCellError(f"--concurrency: expected a number from 1, got {value!r}")
        return value

    def _evaluate(self, text: str, what: str) -> Any:
        try:
            return eval(text, self.shell.user_ns)
        except Exception as error:
            raise ChainCellError(f"{what} {text}: {type(error).__name__}: {error}") from None

    def _value(self, text: str) -> Any:
        """A value in key=value: a Python expression in the user's namespace, else the text itself."""
        try:
            return eval(text, self.shell.user_ns)
        except (SyntaxError, NameError):
            return text


def read_line(line: str) -> CellOptions:
    """Read a magic's line. ChainCellError says what was not understood, with the usage."""
    options = CellOptions()
    words = split_words(line)
    for word in words:
        if word.startswith("--"):
            option, equals, value = word[2:].partition("=")
            if option in _FLAGS and not equals:
                options.flags.add(option)
            elif option in _VALUED:
                options.given[option] = value if equals else next(words, "")
                if not options.given[option]:
                    raise ChainCellError(f"--{option} needs a value\n\n{USAGE}")
            else:
                raise ChainCellError(f"unknown option {word}\n\n{USAGE}")
            continue
        key, equals, value = word.partition("=")
        if equals and key.isidentifier():
            options.values[key] = value
        elif word.isidentifier() and options.name is None and not options.values:
            options.name = word
        else:
            raise ChainCellError(
                f"{word!r} is neither a name for the chain nor key=value "
                f'(quote values with spaces: topic="polar bears")\n\n{USAGE}'
            )
    return options


def split_words(line: str) -> Iterator[str]:
    """Words of a line, split at spaces outside quotes and brackets; quotes stay.

    >>> list(split_words('joke topic="polar bears" --batch [1, 2]'))
    ['joke', 'topic="polar bears"', '--batch', '[1, 2]']
    """
    word, quote, depth, escaped = "", "", 0, False
    for character in line.strip():
        if quote:
            if not escaped and character == quote:
                quote = ""
            escaped = character == "\\" and not escaped
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character.isspace() and depth <= 0:
            if word:
                yield word
            word = ""
            continue
        word += character
    if quote or depth > 0:
        raise ChainCellError(f"a {'quote' if quote else 'bracket'} is not closed: {word[:60]}")
    if word:
        yield word


def _awaits(tree: ast.Module) -> bool:
    """Whether the cell awaits at its top level (inside functions it may)."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            pending.extend(ast.iter_child_nodes(node))
    return False


def _assigned(statement: ast.stmt) -> str | None:
    target: Any = None
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return statement.name
    return target.id if isinstance(target, ast.Name) else None


def _first(chain: Runnable[Any, Any]) -> Runnable[Any, Any]:
    while (inside := chain._steps_inside()) and (chain._alias() is not None or hasattr(chain, "first")):
        chain = inside[0]
    return chain


def _is_prompt(chain: Runnable[Any, Any]) -> bool:
    return _first(chain).run_type == "prompt"


def _variables(chain: Runnable[Any, Any]) -> list[str]:
    """Variables of the prompts that a chain begins with."""
    first = _first(chain)
    if first.run_type == "prompt":
        return list(getattr(first, "input_variables", ()))
    steps = getattr(first, "steps", None)
    if isinstance(steps, dict):
        return list(dict.fromkeys(name for step in steps.values() for name in _variables(step)))
    return []


def _show(thing: Any) -> None:
    """A table: as HTML in a notebook, as text in a terminal."""
    from .display import in_kernel

    if in_kernel():
        from IPython.display import display

        bundle = {"text/html": thing._repr_html_(), "text/plain": str(thing)}
        display(bundle, raw=True)  # type: ignore[no-untyped-call]  # IPython's
    elif hasattr(thing, "__rich__") or hasattr(thing, "__rich_console__"):
        from rich.console import Console

        Console().print(thing)
    else:
        print(thing)
