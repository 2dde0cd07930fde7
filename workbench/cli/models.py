"""``workbench models``: which local models there are, pull one, remove one."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import WorkbenchError

__all__ = ["add_models"]


def add_models(commands: Any) -> None:
    models = commands.add_parser("models", help="the local models: what there is, pull, remove")
    actions = models.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the models there are, and which are on this machine")
    listing.set_defaults(run=_list)
    pull = actions.add_parser("pull", help="fetch a model's weights")
    pull.add_argument("name", nargs="?", default="smollm2", metavar="NAME")
    pull.add_argument("--force", action="store_true", help="fetch them even if they are here")
    pull.set_defaults(run=_pull)
    remove = actions.add_parser("remove", help="delete a model's weights")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=_remove)


def _list(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.table import Table

    from ..models.local.weights import installed

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("name", "state", "size", "licence", "what it is"):
        table.add_column(column)
    for one in installed():
        table.add_row(
            f"local:{one.name}", one.state, f"{one.bytes / 1e6:.0f} MB", one.licence, one.description
        )
    Console().print(table)
    return 0


def _pull(options: argparse.Namespace) -> int:
    from ..models.local.weights import pull

    print(pull(_known(options.name), force=options.force))
    return 0


def _remove(options: argparse.Namespace) -> int:
    from ..models.local.weights import remove

    name = _known(options.name)
    print(f"removed {name}" if remove(name) else f"{name} is not on this machine")
    return 0


def _known(name: str) -> str:
    """The name without its provider. Raises WorkbenchError that lists the models there are."""
    from ..models.local.weights import KNOWN

    name = name.removeprefix("local:")
    if name not in KNOWN:
        raise WorkbenchError(f"unknown local model {name!r}: expected one of {', '.join(KNOWN)}")
    return name
