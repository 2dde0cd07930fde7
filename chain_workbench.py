"""Start chain-workbench, or say in one line why it cannot start.

Another distribution on the package index is called ``workbench``; it installs a package and a command of that
name. Where both are in one environment, the later one has replaced files of the earlier one. The commands
``chain-workbench`` and ``workbench`` start here, outside the package, because either project's
``workbench/__init__.py`` may be the one that is left; so does ``%load_ext chain_workbench``.

``import workbench`` does not import this module and checks nothing.
"""

from __future__ import annotations

import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["conflict", "load_ipython_extension", "main"]

REINSTALL = "pip install --force-reinstall --no-deps chain-workbench"


def conflict() -> str | None:
    """One line on what keeps chain-workbench from running here, and what to do; None where nothing does."""
    found = find_spec("workbench")
    init = Path(found.origin) if found and found.origin else None
    folders = [Path(folder) for folder in (found and found.submodule_search_locations) or ()]
    other = _other_distribution()
    ours = init is not None and init.name == "__init__.py" and b"chain-workbench" in init.read_bytes()
    beside_it = Path(__file__).with_name("workbench")
    if other and (not ours or _in(Path(str(other.locate_file("workbench"))), folders)):
        return (
            f"another project, the distribution 'workbench' {other.version}, is in this environment too, "
            f"and its package has the same name as ours. Use an environment for each, or remove the other: "
            f"pip uninstall -y workbench && {REINSTALL}"
        )
    if ours:
        return None
    if init is None or _in(beside_it, folders):
        return f"{beside_it / '__init__.py'} is missing or not ours. Install this project again: {REINSTALL}"
    return f"{init} is found in place of our package workbench: rename it, or take its folder off sys.path"


def main() -> int:
    """The commands ``chain-workbench`` and ``workbench``; returns the exit code."""
    problem = conflict()
    if problem is not None:
        print(f"chain-workbench: {problem}", file=sys.stderr)
        return 1
    from workbench.cli.main import main as command_line

    return command_line()


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext chain_workbench``: as ``%load_ext workbench``, also where that finds the other project.

    Raises UsageError, which IPython shows as one line without a traceback.
    """
    problem = conflict()
    if problem is not None:
        from IPython.core.error import UsageError

        raise UsageError(problem)
    from workbench.notebook.magics.chain import load

    load(shell)


def _other_distribution() -> Distribution | None:
    try:
        return distribution("workbench")
    except PackageNotFoundError:
        return None


def _in(folder: Path, folders: list[Path]) -> bool:
    return folder.resolve() in [one.resolve() for one in folders]
