"""The command line: ``workbench demo``, ``compare``, ``serve``, ``models``, ``lab``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import WorkbenchError
from .lab import add_lab

if TYPE_CHECKING:
    from ..timing.comparison import Comparison

__all__ = ["main"]

TOPICS = ("bears", "cats", "ducks", "owls")


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
        # An answer of the server, or none: what it says is of more use than our frames.
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        print(f"workbench: {type(error).__name__}: {error}{notes}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="workbench", description="Compose LLM chains, run them and see them run."
    )
    parser.add_argument("--version", action="version", version=f"chain-workbench {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        help="stream two chains, show their run trees, time parallel and batch against one by one",
        description="On OPENAI_API_KEY's model if it is set, else on the local one.",
    )
    demo.add_argument("topic", nargs="?", default="bears", metavar="TOPIC", help="what the joke is about")
    demo.add_argument("--model", help='such as "local:smollm2" or "openai:gpt-4o-mini"')
    demo.set_defaults(run=_demo)

    add_lab(commands)
    _add_compare(commands)
    _add_serve(commands)

    models = commands.add_parser("models", help="the local models: what there is, pull, remove")
    actions = models.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the models there are, and which are on this machine")
    listing.set_defaults(run=_models_list)
    pull = actions.add_parser("pull", help="fetch a model's weights")
    pull.add_argument("name", nargs="?", default="smollm2", metavar="NAME")
    pull.add_argument("--force", action="store_true", help="fetch them even if they are here")
    pull.set_defaults(run=_models_pull)
    remove = actions.add_parser("remove", help="delete a model's weights")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=_models_remove)
    return parser


def _add_compare(commands: Any) -> None:
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


def _compare(options: argparse.Namespace) -> int:
    from ..serve.server.command import load_chain
    from .compare import compare_command

    named = [load_chain(target) for target in options.chains]
    if len(dict(named)) < len(named):
        raise WorkbenchError("two chains have the same name: give one of them another")
    return compare_command(dict(named), options)


def _add_serve(commands: Any) -> None:
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
    serve.add_argument("--run-seconds", type=float, default=600.0, metavar="S", help="a run's most")
    serve.add_argument(
        "--grace-seconds", type=float, default=5.0, metavar="S", help="what runs get to end in"
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


def _demo(options: argparse.Namespace) -> int:
    from rich.console import Console

    from ..models.factory import init_chat_model
    from ..models.local.chat import ChatLocal
    from ..notebook.compare import batch_against_one_by_one, parallel_against_alone
    from ..notebook.display import run_chain
    from ..parsers.base import StrOutputParser
    from ..prompts import ChatPromptTemplate
    from ..runnables.parallel import RunnableParallel

    console = Console()
    topic = {"topic": options.topic}
    try:
        # One temperature and a bound on the answers' length, so that timings compare like with like.
        model = init_chat_model(options.model, temperature=0, max_tokens=64)
    except ValueError as error:
        raise WorkbenchError(str(error)) from error
    joke = ChatPromptTemplate.from_template("Tell me a short joke about {topic}.") | model | StrOutputParser()
    poem = (
        ChatPromptTemplate.from_template("Write a short poem, two lines, about {topic}.")
        | model
        | StrOutputParser()
    )
    both: RunnableParallel[Any] = RunnableParallel(joke=joke, poem=poem)

    def heading(text: str) -> None:
        console.print()
        console.rule(f"[bold]{text}", align="left")

    if isinstance(model, ChatLocal):  # or the first chain's time would be that of fetching and loading it
        model.invoke("hi", max_tokens=1)
    heading("1. A chain, live:  prompt | model | StrOutputParser()")
    run_chain(joke, topic, title="joke")
    heading("2. Two chains in parallel:  RunnableParallel(joke=joke, poem=poem)")
    run_chain(both, topic, title="joke and poem")
    heading("3. Parallel against alone")
    with console.status("measuring") as status:
        alone = parallel_against_alone(
            {"joke": joke, "poem": poem},
            topic,
            repeats=2,
            warmup=0,
            on_progress=lambda progress: status.update(str(progress)),
            live=False,
        )
    console.print(alone)
    _go_on(alone)
    topics = [{"topic": name} for name in dict.fromkeys([options.topic, *TOPICS])][: len(TOPICS)]
    heading(f"4. Batch against one by one:  joke.batch of {len(topics)} topics")
    with console.status("measuring") as status:
        many = batch_against_one_by_one(
            joke,
            topics,
            repeats=2,
            warmup=0,
            on_progress=lambda progress: status.update(str(progress)),
            live=False,
        )
    console.print(many)
    _go_on(many)
    console.print()
    faster = alone.speed_up("in parallel"), many.speed_up("batch")
    console.print(
        f"In parallel {faster[0]:.2f} times as fast as one after another, in a batch {faster[1]:.2f} times "
        "as fast as one by one."
    )
    console.print("Next: workbench lab, and a cell that begins with %%chain.")
    return 0


def _go_on(comparison: Comparison) -> None:
    """An interrupted comparison keeps what it measured; the interrupt is meant for the whole command."""
    if comparison.interrupted:
        raise KeyboardInterrupt


def _models_list(options: argparse.Namespace) -> int:
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


def _models_pull(options: argparse.Namespace) -> int:
    from ..models.local.weights import pull

    print(pull(_known(options.name), force=options.force))
    return 0


def _models_remove(options: argparse.Namespace) -> int:
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
