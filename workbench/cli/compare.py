"""``workbench compare``: chains timed on the inputs of a file, with progress, a table and a page."""

from __future__ import annotations

import json
import sys
import traceback
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import WorkbenchError
from ..text.excerpts import typed_repr

if TYPE_CHECKING:
    from ..timing.comparison import Comparison
    from ..timing.timeline.timeline import Timeline

__all__ = ["add_compare", "read_inputs"]

INTERRUPTED = 130
_OURS = Path(__file__).resolve().parent.parent


def add_compare(commands: Any) -> None:
    compare = commands.add_parser(
        "compare",
        help="time chains on the inputs of a file under several strategies",
        description="Each case is timed in turn, several times. Ctrl-C ends it; what was measured is kept.",
    )
    compare.add_argument("chains", nargs="+", metavar="MODULE:CHAIN", help="or FILE.py:CHAIN")
    compare.add_argument(
        "--inputs",
        required=True,
        metavar="PATH",
        help="a JSON value a line (.jsonl), or a list of them (.json); - for standard input",
    )
    compare.add_argument(
        "--strategies",
        metavar="LIST",
        help="some of one-by-one, batch, abatch, parallel, with commas between (one-by-one,batch)",
    )
    compare.add_argument("--concurrency", metavar="LIST", help="max_concurrency to try, such as 1,2,4,8")
    compare.add_argument("--repeat", type=int, default=5, metavar="N", help="of each case (5)")
    compare.add_argument("--warmup", type=int, default=1, metavar="N", help="rounds that do not count (1)")
    compare.add_argument("--baseline", metavar="LABEL", help="the case that speed-ups refer to")
    compare.add_argument(
        "--out", type=Path, metavar="PATH", help="a page (.html), or the figures of each repeat (.json)"
    )
    compare.add_argument("--quiet", action="store_true", help="no progress on standard error")
    compare.set_defaults(run=_compare)


def _compare(options: Namespace) -> int:
    """Load, compare, print, write; the exit code. Raises WorkbenchError for wrong arguments, before anything
    runs."""
    from rich.console import Console

    from ..notebook.compare import run_under_a_view
    from ..serve.server.command import load_chains
    from ..timing.experiment import experiment_of_chains
    from ..timing.timeline.timeline import Timeline

    chains = load_chains(options.chains)
    out = _checked_out(options.out)
    inputs = read_inputs(options.inputs)
    given = _arguments(options, len(chains), len(inputs))
    count = f"{len(inputs)} input{'' if len(inputs) == 1 else 's'}"
    title = f"{', '.join(chains)}: {count} of {options.inputs}"
    timeline = Timeline()
    try:
        experiment = experiment_of_chains(chains, inputs, baseline=options.baseline, title=title, **given)
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
        raise WorkbenchError(_explained(error)) from error
    except Exception as error:
        if isinstance(error, WorkbenchError) or type(error).__module__.startswith("openai"):
            raise  # their message is enough; ``main`` prints it
        raise WorkbenchError(_explained(error)) from error
    console = Console()
    if console.is_terminal:
        console.print(found)
    else:
        print(found)  # a file has room for every column
    if out is not None:
        _write(found, out, timeline)
        print(f"written: {out}", file=sys.stderr)
    return INTERRUPTED if found.interrupted else 0


def _explained(error: Exception) -> str:
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
        raise WorkbenchError(f"--inputs {source}: expected a list of inputs, got {typed_repr(found)}")
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
    from ..notebook.magics.timing_line import TimingLine

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
    from ..timing.page import save_page

    try:
        if out.suffix == ".json":
            document = {"title": found.title, "verdicts": found.verdicts, "repeats": found.records()}
            document["advice"] = [{"says": one.says, "evidence": one.evidence} for one in found.advice]
            out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        else:
            save_page(found, out, timeline=timeline.snapshot())
    except OSError as error:
        raise WorkbenchError(f"--out {out}: {error.strerror}") from error
