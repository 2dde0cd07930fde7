"""``%timechain`` and ``%%timechain``: time chains against each other, and ways to run them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from ...engine.drive import drive
from ...errors import ChainCellError
from ...runnables.base import Runnable, coerce
from ...text.excerpts import typed_repr
from ..compare import compare
from ..display import in_kernel, show_table
from ..session import settings
from .cell_body import CellBody
from .chain_names import as_chain, chain_called
from .timing_line import HELP, TimingLine, read_timing_line

__all__ = ["TimechainMagics"]


@magics_class
class TimechainMagics(Magics):
    """The magics that time."""

    shell: Any  # registered with a shell, so never None

    @no_var_expand
    @line_cell_magic
    def timechain(self, line: str, cell: str | None = None) -> Any:
        __tracebackhide__ = True
        read = read_timing_line(line)
        if read.has("help"):
            print(HELP)
            return None
        namespace = self.shell.user_ns
        if cell is None:
            if not read.names:
                raise ChainCellError(
                    "which chains? %timechain NAME [NAME ...] --inputs EXPR (%chains lists them)"
                )
            return self._time({name: chain_called(name, namespace) for name in read.names}, read)
        if read.names:
            raise ChainCellError(
                f"%%timechain takes no names, got {', '.join(read.names)}: the cell's last expression says "
                'what to time, as in {"joke": joke, "poem": poem}'
            )
        body = CellBody(self.shell, cell)
        self._check(read, body)
        if body.awaits:
            return self._awaited(body, read)
        return self._time(_chains(drive(body.value())), read)

    timechain.__doc__ = HELP

    async def _awaited(self, body: CellBody, read: TimingLine) -> Any:
        __tracebackhide__ = True
        return self._time(_chains(await body.value()), read)

    def _check(self, read: TimingLine, body: CellBody) -> None:
        """Report mistakes in the line before any of the cell runs, where they do not depend on the cell."""
        namespace = self.shell.user_ns
        read.path(namespace)
        if not read.refers_to & body.binds:
            found = read.inputs(namespace)
            read.options(namespace, chains=1, inputs=1 if found is None else len(found))

    def _time(self, chains: dict[str, Any], read: TimingLine) -> Any:
        __tracebackhide__ = True
        namespace = self.shell.user_ns
        inputs = read.inputs(namespace)
        path = read.path(namespace)
        if inputs is None and any(isinstance(chain, Runnable) for chain in chains.values()):
            raise ChainCellError(
                f"{', '.join(chains)}: on what? give --inputs EXPR, such as --inputs [{{'topic': 'bears'}}], "
                "or key=value pairs for one input"
            )
        if inputs is None and (given := {"strategies", "concurrency"} & set(read.given)):
            raise ChainCellError(
                f"--{min(given)} needs --inputs: without them functions are called as they are"
            )
        options = read.options(namespace, chains=len(chains), inputs=len(inputs or ()))
        quiet = read.has("quiet")
        try:
            found = compare(
                chains,
                inputs,
                title=_title(chains, inputs),
                live=False if quiet else None,
                **options,
            )
        except ValueError as error:
            if str(error).startswith("baseline:"):
                raise ChainCellError(f"--{error}") from None
            raise
        if path is not None:
            found.save(path)
        if quiet:
            return found
        show_table(found)
        if in_kernel() and settings.auto and not read.has("no-charts"):
            found.charts._ipython_display_()
        # It is shown already, so it is not printed again; `_` and Out get it all the same.
        self.shell.displayhook.update_user_ns(found)
        return None


def _chains(value: Any) -> dict[str, Any]:
    """Chains or functions without arguments, by name, from the value of a cell's last expression."""
    if isinstance(value, Mapping):
        if not value:
            raise ChainCellError('the dict of chains is empty: as in {"joke": joke, "poem": poem}')
        for name, chain in value.items():
            as_chain(chain, repr(name))
        return {str(name): chain for name, chain in value.items()}
    try:
        chain = coerce(value)
    except TypeError:
        raise ChainCellError(
            "the cell's last expression must be a chain or a dict of chains by name; it is "
            f"{typed_repr(value)}"
        ) from None
    return {chain.get_name(): chain}


def _title(chains: Mapping[str, Any], inputs: list[Any] | None) -> str:
    names = ", ".join(chains)
    if inputs is None:
        return names
    return f"{names}: {len(inputs)} input{'' if len(inputs) == 1 else 's'}"
