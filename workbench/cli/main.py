"""The command line: ``workbench demo``, ``compare``, ``serve``, ``models``, ``lab``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .. import __version__
from ..errors import WorkbenchError
from .compare import add_compare
from .demo import add_demo
from .lab import add_lab
from .models import add_models
from .serve import add_serve

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    parser = _parser()
    options, others = parser.parse_known_args(arguments)
    if options.command == "lab":
        options.options = others
    elif others:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    if options.command is None:
        parser.print_help()
        return 2
    try:
        return options.run(options)  # type: ignore[no-any-return]
    except WorkbenchError as error:
        print(f"workbench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nworkbench: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `workbench ... | head`
        sys.stderr.close()
        return 0
    except Exception as error:
        if not type(error).__module__.startswith("openai"):
            raise
        # The server's error, or a failed connection: its message is of more use than our frames.
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        print(f"workbench: {type(error).__name__}: {error}{notes}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="workbench", description="Compose LLM chains, run them and see them run."
    )
    parser.add_argument("--version", action="version", version=f"chain-workbench {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for add in (add_demo, add_lab, add_compare, add_serve, add_models):
        add(commands)
    return parser
