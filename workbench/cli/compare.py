"""``workbench compare``: chains timed on the inputs of a file, with progress, a table and a page."""

from __future__ import annotations

import json
import sys
import traceback
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from ..errors import WorkbenchError
from ..notebook.compare import run_under_a_view
from ..notebook.magics.timing_line import TimingLine
from ..timing.comparison import Comparison
from ..timing.experiment import experiment_on
from ..timing.page import save_page
from ..timing.timeline.timeline import Timeline

__all__ = ["compare_command", "read_inputs"]

INTERRUPTED = 130
_OURS = Path(__file__).resolve().parent.parent


def compare_command(chains: Mapping[str, Any], options: Namespace) -> int:
    """Compare, print, write; the exit code. Raises WorkbenchError for wrong arguments, before anything
    runs."""
    out = _checked_out(options.out)
    inputs = read_inputs(options.inputs)
    given = _arguments(options, len(chains), len(inputs))
    count = f"{len(inputs)} input{'' if len(inputs) == 1 else 's'}"
    title = f"{', '.join(chains)}: {count} of {options.inputs}"
    timeline = Timeline()
    try:
        experiment = experiment_on(chains, inputs, baseline=options.baseline, title=title, **given)
        found = run_under_a_view(
            experiment,
            live=not options.quiet,
            timeline=timeline,
            repeats=options.repeat,
            warmup=options.warmup,
        )
    except ValueError as error:
        if str(error).startswith(("baseline:", "repeats:", "warmup:")):
            raise WorkbenchError(f"--{error}") from None
        raise WorkbenchError(_told(error)) from error
    except Exception as error:
        if isinstance(error, WorkbenchError) or type(error).__module__.startswith("openai"):
            raise  # what they say is enough, or is shown by who calls this
        raise WorkbenchError(_told(error)) from error
    console = Console()
    if console.is_terminal:
        console.print(found)
    else:
        print(found)  # a file has room for every column
    if out is not None:
        _write(found, out, timeline)
        print(f"written: {out}", file=sys.stderr)
    return INTERRUPTED if found.interrupted else 0


def _told(error: Exception) -> str:
    """What a chain raised: the user's own frames, and what is known of where it was."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not Path(frame.filename).is_relative_to(_OURS) and not frame.filename.startswith("<")
    ]
    lines = [f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]
    return "\n  ".join([*lines, *"".join(traceback.format_list(frames)).rstrip().split("\n")])


def read_inputs(source: str) -> list[Any]:
    """The inputs of a file, or of standard input for ``-``. WorkbenchError says which line is wrong."""
    if source == "-":
        return _lines(sys.stdin.read(), "standard input")
    path = Path(source).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise WorkbenchError(f"--inputs {source}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WorkbenchError(f"--inputs {source}: it is no UTF-8 text ({error.reason})") from error
    if path.suffix != ".json":
        return _lines(text, source)
    try:
        found = json.loads(text)
    except ValueError as error:
        raise WorkbenchError(f"--inputs {source}: it is no JSON: {error}") from error
    if not isinstance(found, list) or not found:
        raise WorkbenchError(
            f"--inputs {source}: expected a list of inputs, got {type(found).__name__}: {found!r:.80}"
        )
    return found


def _lines(text: str, source: str) -> list[Any]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(json.loads(line))
        except ValueError as error:
            raise WorkbenchError(
                f"--inputs {source}, line {number}: expected JSON, got {line.strip()!r:.60}: {error} "
                '(a text is written in quotes: "bears")'
            ) from error
    if not found:
        raise WorkbenchError(f"--inputs {source}: there is nothing in it")
    return found


def _arguments(options: Namespace, chains: int, inputs: int) -> dict[str, Any]:
    """Strategies and concurrency as ``compare`` takes them; the numbers are checked."""
    texts = {"strategies": options.strategies, "concurrency": options.concurrency}
    line = TimingLine(given={name: text for name, text in texts.items() if text is not None})
    given = line.options({}, chains=chains, inputs=inputs)
    for name, value, least in (("repeat", options.repeat, 1), ("warmup", options.warmup, 0)):
        if value < least:
            raise WorkbenchError(f"--{name}: expected a number from {least}, got {value}")
    return {"strategies": given["strategies"], "concurrency": given["concurrency"]}


def _checked_out(out: Path | None) -> Path | None:
    if out is None:
        return None
    out = out.expanduser()
    if out.suffix not in (".html", ".json"):
        raise WorkbenchError(f"--out {out}: expected a name that ends in .html or .json")
    if not out.parent.is_dir():
        raise WorkbenchError(f"--out {out}: there is no folder {out.parent}")
    return out


def _write(found: Comparison, out: Path, timeline: Timeline) -> None:
    try:
        if out.suffix == ".json":
            told = {"title": found.title, "verdicts": found.verdicts, "repeats": found.records()}
            told["advice"] = [{"says": one.says, "evidence": one.evidence} for one in found.advice]
            out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        else:
            save_page(found, out, timeline=timeline.snapshot())
    except OSError as error:
        raise WorkbenchError(f"--out {out}: {error.strerror}") from error
