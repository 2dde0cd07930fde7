"""``workbench demo``: two chains, alone and in parallel, one by one and in a batch, in the terminal."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import WorkbenchError

if TYPE_CHECKING:
    from ..timing.comparison import Comparison

__all__ = ["add_demo"]

TOPICS = ("bears", "cats", "ducks", "owls")


def add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="stream two chains, show their run trees, time parallel and batch against one by one",
        description="On OPENAI_API_KEY's model if it is set, else on the local one.",
    )
    demo.add_argument("topic", nargs="?", default="bears", metavar="TOPIC", help="what the joke is about")
    demo.add_argument("--model", help='such as "local:smollm2" or "openai:gpt-4o-mini"')
    demo.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    from rich.console import Console

    from ..models.factory import init_chat_model
    from ..models.local.chat import ChatLocal
    from ..notebook.compare import batch_against_one_by_one, parallel_against_alone
    from ..notebook.view import view
    from ..parsers.base import StrOutputParser
    from ..prompts.chat import ChatPromptTemplate
    from ..runnables.parallel import RunnableParallel

    console = Console()
    topic = {"topic": options.topic}
    try:
        # One temperature and a bound on the answers' length, so that timings compare like with like.
        model = init_chat_model(options.model, temperature=0, max_tokens=64)
    except ValueError as error:
        raise WorkbenchError(str(error)) from error
    answer = model | StrOutputParser()
    joke = ChatPromptTemplate.from_template("Tell me a short joke about {topic}.") | answer
    poem = ChatPromptTemplate.from_template("Write a short poem, two lines, about {topic}.") | answer
    both: RunnableParallel[Any] = RunnableParallel(joke=joke, poem=poem)

    def heading(text: str) -> None:
        console.print()
        console.rule(f"[bold]{text}", align="left")

    def measured(measure: Callable[..., Comparison], *what: Any) -> Comparison:
        with console.status("measuring") as status:
            found = measure(
                *what,
                repeats=2,
                warmup=0,
                on_progress=lambda progress: status.update(str(progress)),
                live=False,
            )
        console.print(found)
        if found.interrupted:  # it keeps what it measured; the interrupt is meant for the whole command
            raise KeyboardInterrupt
        return found

    if isinstance(model, ChatLocal):  # or the first chain's time would be that of fetching and loading it
        model.invoke("hi", max_tokens=1)
    heading("1. A chain, live:  prompt | model | StrOutputParser()")
    view(joke, topic, title="joke")
    heading("2. Two chains in parallel:  RunnableParallel(joke=joke, poem=poem)")
    view(both, topic, title="joke and poem")
    heading("3. Parallel against alone")
    alone = measured(parallel_against_alone, {"joke": joke, "poem": poem}, topic)
    topics = [{"topic": name} for name in dict.fromkeys([options.topic, *TOPICS])][: len(TOPICS)]
    heading(f"4. Batch against one by one:  joke.batch of {len(topics)} topics")
    many = measured(batch_against_one_by_one, joke, topics)
    console.print()
    faster = alone.speed_up("in parallel"), many.speed_up("batch")
    console.print(
        f"In parallel {faster[0]:.2f} times as fast as one after another, in a batch {faster[1]:.2f} times "
        "as fast as one by one."
    )
    console.print("Next: workbench lab, and a cell that begins with %%chain.")
    return 0
