"""The body of a ``%%chain`` cell: its statements run in the user's namespace, the last one gives the chain.

A body that awaits at its top level runs on the loop of whoever awaits ``value()``: in a cell that is the
notebook's own, since ``awaited_cell`` rewrites such a cell so that IPython awaits it.
"""

from __future__ import annotations

import ast
import inspect
import re
from contextlib import nullcontext
from typing import Any

from ...errors import ChainCellError
from ...runnables.base import Runnable, coerce
from ...text.excerpts import typed_repr

__all__ = ["CellBody", "awaited_cell"]

_MAGIC = re.compile(r"%%(?P<magic>chain|timechain)(?P<line>[^\n]*)\n?(?P<body>.*)\Z", re.S)
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_OWN_SCOPE = _FUNCTIONS | ast.Lambda | ast.ClassDef
_SHOWN = 60


class CellBody:
    """*cell*, read in the shell it will run in. Raises SyntaxError, and ChainCellError where the last
    statement can give no chain. ``awaits``: whether it awaits at its top level; ``binds``: names it sets."""

    def __init__(self, shell: Any, cell: str) -> None:
        self._shell = shell
        self._cell = cell
        self._source = shell.transform_cell(cell)
        number = max(1, len(shell.user_ns.get("In", ())) - 1)  # of the cell that runs; the next has its count
        self._file = shell.compile.cache(self._source, number, raw_code=cell)
        tree = ast.parse(self._source, self._file)
        if not tree.body:
            raise ChainCellError(
                "the cell is empty: its last expression must be the chain, as in `prompt | model`"
            )
        self._last = tree.body[-1]
        self.result_name = _assigned(self._last)
        if not isinstance(self._last, ast.Expr) and self.result_name is None:
            raise ChainCellError(
                "the cell's last line must be the chain, as in `prompt | model`; it is "
                f"`{_cut(ast.unparse(self._last))}`"
            )
        self.awaits = _awaits(tree)
        self.binds = _bound(tree)
        self._tree = tree

    async def value(self) -> Any:
        """Run the statements; what the last one gives."""
        __tracebackhide__ = True
        namespace = self._shell.user_ns
        *before, last = self._tree.body
        await self._run(ast.Module(before, []), "exec")
        if isinstance(last, ast.Expr):
            return await self._run(ast.Expression(last.value), "eval")
        await self._run(ast.Module([last], []), "exec")
        return namespace[self.result_name]

    def chain(self, value: Any) -> Runnable[Any, Any]:
        """The chain that *value* is. Raises ChainCellError, with what it is instead."""
        try:
            return coerce(value)
        except TypeError as error:
            what = f"it is {typed_repr(value)}"
            if isinstance(value, dict):  # a dict of what is no runnable
                what = str(error)
            raise ChainCellError(
                f"the cell's last expression, `{_cut(ast.unparse(self._last))}`, must be a chain "
                f"(a Runnable, a function or a dict of these); {what}"
            ) from None

    def as_python(self, name: str, value: Any) -> str:
        """The cell as plain Python that binds the chain to *name*."""
        source = self._cell if _is_plain(self._cell) else self._source
        lines = source.rstrip().encode().split(b"\n")
        binding = name
        if isinstance(self._last, ast.Expr):
            line, column = self._last.lineno - 1, self._last.col_offset
            lines[line] = lines[line][:column] + f"{name} = ".encode() + lines[line][column:]
        elif self.result_name != name:
            binding = self.result_name or name
        text = b"\n".join(lines).decode()
        if not isinstance(value, Runnable):
            kind = "RunnableParallel" if isinstance(value, dict) else "RunnableLambda"
            text += f"\n\nfrom workbench import {kind}\n{name} = {kind}({binding})"
        elif binding != name:
            text += f"\n{name} = {binding}"
        return text

    async def _run(self, tree: ast.Module | ast.Expression, mode: str) -> Any:
        __tracebackhide__ = True
        compile = self._shell.compile
        allow = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        with compile.extra_flags(allow) if self.awaits else nullcontext():
            code = compile(tree, self._file, mode)
        result = eval(code, self._shell.user_ns)
        return await result if code.co_flags & inspect.CO_COROUTINE else result


def awaited_cell(shell: Any, lines: list[str]) -> list[str]:
    """An input transformer: a ``%%chain`` or ``%%timechain`` cell that awaits becomes one that IPython
    awaits. A cell that has only its first line gets a body, so that the magic can say what is missing."""
    match = _MAGIC.match("".join(lines))
    if match is None or match["line"][:1] not in ("", " ", "\t"):
        return lines
    line, body = match["line"].strip(), match["body"]
    if not body.strip():
        return [f"%%{match['magic']} {line}\n", "\n"]
    try:
        awaits = _awaits(ast.parse(shell.transform_cell(body)))
    except (SyntaxError, ValueError):
        return lines  # the magic raises the error
    if not awaits:
        return lines
    return [f"await get_ipython().run_cell_magic({match['magic']!r}, {line!r}, {body!r})\n"]


def _awaits(tree: ast.Module) -> bool:
    """Whether the cell awaits at its top level (inside functions it may)."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            return True
        if isinstance(node, ast.comprehension) and node.is_async:
            return True
        if not isinstance(node, _OWN_SCOPE):
            pending.extend(ast.iter_child_nodes(node))
    return False


def _bound(tree: ast.Module) -> set[str]:
    """Names that the statements set."""
    names: set[str] = set()
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, _OWN_SCOPE):
            names.add(getattr(node, "name", ""))
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        pending.extend(ast.iter_child_nodes(node))
    return names


def _assigned(statement: ast.stmt) -> str | None:
    target: Any = None
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign) and statement.value is not None:
        target = statement.target
    elif isinstance(statement, _FUNCTIONS):
        return statement.name
    return target.id if isinstance(target, ast.Name) else None


def _is_plain(cell: str) -> bool:
    """Whether the cell is Python as it stands, without magics."""
    try:
        ast.parse(cell)
    except SyntaxError:
        return False
    return True


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
