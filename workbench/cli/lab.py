"""``workbench lab``: JupyterLab on the tutorials.

In a checkout they are opened where they are. From an installed package they are copied first, to a folder
below the current one; a file that is already there is never replaced.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import MissingDependencyError, WorkbenchError

__all__ = ["add_lab"]

PACKAGED = Path(__file__).parents[1] / "tutorials"  # in a wheel
CHECKOUT = Path(__file__).parents[2] / "notebooks"
COPIES = "workbench-tutorials"
FIRST = "01_first_chain.ipynb"


def add_lab(commands: Any) -> None:
    lab = commands.add_parser(
        "lab",
        help="open the tutorial notebooks in JupyterLab",
        description="Other options are passed on to jupyter lab, say --port=9000 or --no-browser.",
    )
    lab.add_argument(
        "--copy",
        action=argparse.BooleanOptionalAction,
        help=f"copy the tutorials to ./{COPIES}, without asking; files that are there are kept "
        f"(--no-copy: open the current folder)",
    )
    lab.set_defaults(run=_lab)


def _lab(options: argparse.Namespace) -> int:
    if find_spec("jupyterlab") is None:
        raise MissingDependencyError.for_extra("workbench lab", "jupyterlab", "lab")
    folder = _folder(options.copy)
    shown = [FIRST] if not options.options and (folder / FIRST).exists() else []
    command = [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", *options.options, *shown]
    return subprocess.run(command, cwd=folder, check=False).returncode


def _folder(copy: bool | None) -> Path:
    """The folder to open. Copies the tutorials to it if *copy* says so, or if the reader does (None: ask)."""
    here = Path.cwd()
    copies = here / COPIES
    source = next((folder for folder in (PACKAGED, CHECKOUT) if (folder / FIRST).exists()), None)
    if copy is None:
        if source == CHECKOUT:
            return CHECKOUT
        if (here / FIRST).exists():
            return here
        if copies.is_dir():
            return copies
        copy = source is not None and _agreed(f"Copy the tutorials to {copies}? [Y/n] ")
    if not copy:
        return here
    if source is None:
        raise WorkbenchError("the tutorials are missing from this installation of chain-workbench")
    _copy(source, copies)
    return copies


def _agreed(question: str) -> bool:
    """Whether the reader says yes. Where nobody can answer, the command itself counts as a yes."""
    return not sys.stdin.isatty() or input(question).strip().lower() in ("", "y", "yes")


def _copy(source: Path, target: Path) -> None:
    """Copy what is not there yet; print what was copied, and what was kept although it differs."""
    copied, kept = 0, []
    try:
        target.mkdir(exist_ok=True)
        for path in sorted(source.glob("*.ipynb")):
            copy = target / path.name
            try:
                with copy.open("xb") as new:
                    new.write(path.read_bytes())
                copied += 1
            except FileExistsError:
                if not copy.is_file() or copy.read_bytes() != path.read_bytes():
                    kept.append(path.name)
    except OSError as error:
        raise WorkbenchError(f"the tutorials cannot be copied to {target}: {error}") from error
    print(f"copied {copied} tutorial{'' if copied == 1 else 's'} to {target}", flush=True)
    if kept:
        print(f"kept yours, which differ: {', '.join(kept)}", flush=True)
