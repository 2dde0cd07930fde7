"""``%%chain``: build a chain in a cell, run it, and watch it run. ``%chain``, ``%chains``, ``%runs``."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand

from ...engine.drive import drive
from ...errors import ChainCellError
from ...timing.runs.rows import Timings
from ...timing.runs.step_table import StepTable
from ...views.export import save
from ...views.panes import PaneOrNone
from ..compare import batch_against_one_by_one, compare
from ..display import show_table
from ..run import Job
from ..session import NamedChain, named_chains, runs, settings
from ..viewed_runs import run_job, show_run
from .cell_body import CellBody, awaited_cell
from .cell_line import CellOptions, check_name, read_line
from .chain_list import ChainList
from .chain_names import chain_called
from .help_text import HELP
from .line_values import LineValues
from .timechain import TimechainMagics

__all__ = ["ChainMagics", "load"]


def load(shell: Any) -> None:
    """What ``%load_ext workbench`` does: register the magics, the rewriting of cells that await, and Tab
    completion. Loading again adds nothing."""
    from .completion import install

    shell.register_magics(ChainMagics, TimechainMagics)
    transformers = shell.input_transformer_manager.cleanup_transforms
    if not any(getattr(transform, "_workbench", False) for transform in transformers):

        def awaited(lines: list[str]) -> list[str]:
            return awaited_cell(shell, lines)

        awaited._workbench = True  # type: ignore[attr-defined]  # loading again finds it by this
        # IPython leaves out transformers with this attribute when it checks whether a cell is complete. This
        # one gives a first line an empty body: a terminal would run the cell before its body is typed.
        awaited.has_side_effects = True  # type: ignore[attr-defined]  # the name is IPython's
        transformers.append(awaited)
    install(shell)


@magics_class
class ChainMagics(Magics):
    """The magics of ``%load_ext workbench``."""

    shell: Any  # registered with a shell, so never None

    @no_var_expand
    @line_cell_magic
    def chain(self, line: str, cell: str | None = None) -> Any:
        __tracebackhide__ = True
        options = read_line(line)
        if options.has("help"):
            print(HELP)
            return None
        if cell is None:
            return self._run_named(options)
        if options.name is not None:
            check_name(options.name)
        body = CellBody(self.shell, cell)
        # Mistakes on the line are errors before the cell runs; values that need the cell are read after it.
        values = LineValues(options, self.shell.user_ns, later=body.binds)
        if body.awaits:
            return self._awaited(body, values)
        return self._run_built(body, drive(body.value()), values)

    chain.__doc__ = HELP

    @line_magic
    def chains(self, line: str) -> None:
        """The chains that have a name, with their graphs."""
        if line.strip():
            raise ChainCellError(f"%chains takes no arguments, got {line.strip()!r}")
        for name in [name for name in named_chains if name not in self.shell.user_ns]:
            del named_chains[name]
        show_table(ChainList(list(named_chains.values())))

    @line_magic
    def runs(self, line: str) -> None:
        """The last 50 runs of this session, newest first. ``%runs 3`` shows run 3 in its view again."""
        word = line.strip()
        if not word:
            show_table(runs)
            return
        try:
            run = runs.numbered(int(word))
        except ValueError:
            raise ChainCellError(f"%runs: expected the number of a run, got {word!r}") from None
        except KeyError as error:
            raise ChainCellError(f"%runs: {error.args[0]}") from None
        show_run(run)

    async def _awaited(self, body: CellBody, values: LineValues) -> Any:
        __tracebackhide__ = True
        return self._run_built(body, await body.value(), values)

    def _run_built(self, body: CellBody, value: Any, values: LineValues) -> Any:
        """Run the chain that the body gave as *value*, unless the line has ``--no-run``. A name on the line
        is bound to it, and listed by ``%chains``."""
        __tracebackhide__ = True
        options = values.options
        chain = body.chain(value)
        name = options.name or body.result_name or "chain"
        named = NamedChain(name, chain, body.as_python(name, value))
        if options.name is not None:
            self.shell.user_ns[options.name] = chain
            named_chains[options.name] = named
        if options.has("no-run"):
            return None
        return self._run(named, values, "%%chain")

    def _run_named(self, options: CellOptions) -> Any:
        __tracebackhide__ = True
        if options.name is None:
            raise ChainCellError("which chain? %chain NAME key=value ... (%chains lists them, %chain --help)")
        chain = chain_called(options.name, self.shell.user_ns)
        named = named_chains.get(options.name)
        if named is None or named.chain is not chain:
            last = named.last if named is not None else None
            named = named_chains[options.name] = NamedChain(options.name, chain, last=last)
        if options.has("no-run"):
            return None
        return self._run(named, LineValues(options, self.shell.user_ns), "%chain")

    def _run(self, named: NamedChain, values: LineValues, magic: str) -> Any:
        __tracebackhide__ = True
        options = values.options
        values.take_rest()
        job = values.job(named, magic)
        named.last = job
        timings = Timings() if options.has("time") else None
        view = _pane(options)
        path = values.given.get("save")
        run = run_job(
            job,
            observers=[] if timings is None else [timings],
            view=view,
            in_background=options.has("bg"),
            main_thread=options.has("main-thread"),
            when_over=(lambda run: save(run, path, title=run.name)) if path is not None else None,
        )
        if options.has("bg"):
            return run
        if timings is not None:
            if run.status == "done":
                _time_again(job, values, live=False if view == "none" else None)
            show_table(StepTable(timings.rows))
        output = run.output
        if view == "none":
            return output
        # The view has shown it: `_` and Out get the value without printing it again.
        if output is not None:
            self.shell.displayhook.update_user_ns(output)
        return None


def _pane(options: CellOptions) -> PaneOrNone | None:
    if options.has("quiet"):
        return "none"
    if options.view is not None:
        return options.view
    return None if settings.auto else "none"


def _time_again(job: Job, values: LineValues, *, live: bool | None) -> None:
    """Time a batch against one by one, or a single run several times."""
    repeats = values.given["time"]
    config: Any = None  # a batch may have one an input, which invoke cannot take together
    if isinstance(job.config, dict):
        config = {key: value for key, value in job.config.items() if key != "max_concurrency"}
    how: dict[str, Any] = {"config": config, "repeats": repeats, "warmup": 0, "live": live}
    if job.is_batch:
        limit = values.given.get("concurrency")
        show_table(batch_against_one_by_one(job.chain, job.input, max_concurrency=limit, **how))
    elif repeats > 1:
        show_table(compare({job.title: job.chain}, [job.input], strategies="one by one", **how))
