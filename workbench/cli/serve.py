"""``workbench serve``: chains over HTTP, until Ctrl-C."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

__all__ = ["add_serve"]


def add_serve(commands: Any) -> None:
    serve = commands.add_parser(
        "serve",
        help="serve chains over HTTP, with a playground page each",
        description="The token that callers must send is read from --token-file or WORKBENCH_SERVE_TOKEN, so "
        "that no list of processes shows it.",
    )
    serve.add_argument("chains", nargs="+", metavar="MODULE:CHAIN", help="or FILE.py:CHAIN; served at /CHAIN")
    serve.add_argument("--host", default="127.0.0.1", help="another address needs --allow-remote")
    serve.add_argument("--port", type=int, default=8000, help="0: any free one")
    serve.add_argument("--allow-remote", action="store_true", help="let other machines in")
    serve.add_argument("--token-file", type=Path, metavar="PATH", help="a file with the token")
    serve.add_argument(
        "--config-key",
        action="append",
        metavar="KEY",
        help="a config key callers may set (configurable)",
    )
    serve.add_argument("--errors", choices=("typed", "hidden", "traceback"), default="typed")
    serve.add_argument(
        "--run-seconds", type=float, default=600.0, metavar="S", help="the longest a run may take (600)"
    )
    serve.add_argument(
        "--grace-seconds",
        type=float,
        default=5.0,
        metavar="S",
        help="what runs get to end at a stop (5)",
    )
    serve.add_argument("--no-playground", action="store_true")
    serve.add_argument(
        "--cors-origin", action="append", default=[], metavar="URL", help="whose pages may call"
    )
    serve.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    from ..serve.server.command import serve

    serve(options)
    return 0
