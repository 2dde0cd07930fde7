"""Which way of running something is faster: time each a few times, in turn, and see how sure that is.

``compare`` times chains on inputs under the strategies there are (one by one, batch, abatch, parallel), or
plain functions; ``parallel_against_alone`` and ``batch_against_one_by_one`` are the two questions people ask
most. A *case* is one way to run; a *round* runs every case once, and each round begins with another case, so
that a machine that slows down or warms up favours none.

Runs of chains are observed while they are timed (what that costs is in the bench: well below a percent of
any call of a model), and chat models stream, so that there is a first token to time. A timeline shows the
calls meanwhile: in a notebook as a widget, in a terminal as a progress line. Under such a view the work is
done in a thread of its own, so that a Stop button works in every kernel, and the calling thread waits;
without one it is done in place.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import Any

from ..engine.config import RunnableConfig
from ..engine.limits import Stop
from ..engine.loop_thread import GRACE_S, SLICE_S
from ..runnables.base import Runnable
from ..timing.comparison import Comparison
from ..timing.experiment import Experiment, experiment_of_branches, experiment_of_chains
from ..timing.measuring.rounds import Progress, check_number
from ..timing.timeline.timeline import Timeline
from .display import View, in_kernel
from .session import settings

__all__ = ["batch_against_one_by_one", "compare", "parallel_against_alone", "run_under_a_view"]


def compare(
    chains: Any,
    inputs: Sequence[Any] | None = None,
    *,
    strategies: Sequence[str] | str = ("one by one", "batch"),
    concurrency: Sequence[int | None] | int | None = None,
    repeats: int = 5,
    warmup: int = 1,
    baseline: str | None = None,
    config: RunnableConfig | None = None,
    title: str = "",
    confidence: float = 0.95,
    on_progress: Callable[[Progress], Any] | None = None,
    live: bool | None = None,
) -> Comparison:
    """Time chains on inputs, each strategy *repeats* times, in turn, after *warmup* untimed rounds.

    chains: a chain, or a dict of chains by name; without *inputs*, a dict of functions without arguments.
    strategies: some of "one by one", "batch", "abatch", "parallel". concurrency: values of
    ``max_concurrency`` to try (None: no limit). baseline: the label of the case that speed-ups refer to;
    without it each chain refers to its own first strategy, and chains under one strategy to the first
    chain. A verdict needs five repeats. *on_progress* is called with what runs next.

    live: whether to show the timeline while it runs; by default in notebooks and terminals. Its Stop button,
    the kernel's stop and Ctrl-C end the comparison, and what was measured so far is returned; a case that
    fails ends it with the case's own exception. TypeError and ValueError say which argument is wrong.

    >>> from workbench import FakeChatModel, compare
    >>> model = FakeChatModel(delay_s=0.01)
    >>> result = compare(model, ["a", "b", "c", "d"], repeats=2, live=False)
    >>> [row.label for row in result.rows], result.speed_up("batch") > 1
    (['one by one', 'batch'], True)
    """
    __tracebackhide__ = True
    experiment = experiment_of_chains(
        chains,
        inputs,
        strategies=strategies,
        concurrency=concurrency,
        baseline=baseline,
        title=title,
        confidence=confidence,
    )
    return run_under_a_view(
        experiment, title, live, repeats=repeats, warmup=warmup, config=config, on_progress=on_progress
    )


def parallel_against_alone(
    branches: Mapping[str, Any],
    input: Any,
    *,
    config: RunnableConfig | None = None,
    repeats: int = 5,
    warmup: int = 1,
    on_progress: Callable[[Progress], Any] | None = None,
    live: bool | None = None,
) -> Comparison:
    """Each branch alone, all of them one after another, and a RunnableParallel of them, on one input.

    branches: what a dict in a chain may hold. The row "one after another" is the sum of the branches
    alone, round by round, and the baseline. *live*: see ``compare``.

    >>> from workbench import FakeChatModel, parallel_against_alone
    >>> joke, poem = FakeChatModel(delay_s=0.01), FakeChatModel(delay_s=0.01)
    >>> result = parallel_against_alone({"joke": joke, "poem": poem}, "bears", repeats=2, live=False)
    >>> [row.label for row in result.rows], result.speed_up("in parallel") > 1
    (['joke alone', 'poem alone', 'one after another', 'in parallel'], True)
    """
    __tracebackhide__ = True
    experiment = experiment_of_branches(branches, input)
    return run_under_a_view(
        experiment,
        experiment.title,
        live,
        repeats=repeats,
        warmup=warmup,
        config=config,
        on_progress=on_progress,
    )


def batch_against_one_by_one(
    chain: Runnable[Any, Any],
    inputs: Sequence[Any],
    *,
    max_concurrency: int | None = None,
    config: RunnableConfig | None = None,
    repeats: int = 5,
    warmup: int = 1,
    on_progress: Callable[[Progress], Any] | None = None,
    live: bool | None = None,
) -> Comparison:
    """``invoke`` for each of the inputs against one ``batch`` of them all. *live*: see ``compare``.

    >>> from workbench import FakeChatModel, batch_against_one_by_one
    >>> model = FakeChatModel(delay_s=0.01)
    >>> result = batch_against_one_by_one(model, ["a", "b", "c", "d"], repeats=2, live=False)
    >>> result.speed_up("batch") > 1
    True
    """
    __tracebackhide__ = True
    if max_concurrency is not None:
        check_number("max_concurrency", max_concurrency, 1)
    experiment = experiment_of_chains(chain, inputs, concurrency=max_concurrency)
    title = "batch against one by one"
    return run_under_a_view(
        experiment, title, live, repeats=repeats, warmup=warmup, config=config, on_progress=on_progress
    )


def run_under_a_view(
    experiment: Experiment,
    title: str = "",
    live: bool | None = None,
    *,
    timeline: Timeline | None = None,
    **rounds: Any,
) -> Comparison:
    """Run *experiment*: in a thread of its own under a live view, or in place if no view is wanted.

    *timeline*: one to fill with or without a view. *rounds*: arguments for ``Experiment.run``. An interrupt
    ends it: what was measured by then is returned; KeyboardInterrupt is raised if that is nothing.
    """
    __tracebackhide__ = True
    stop = Stop()
    seen = timeline or Timeline()
    shown = _view(seen, stop, title, live)
    if shown is None:
        return experiment.run(watcher=timeline, stop=stop, **rounds)
    shown.show()
    status = "failed"
    try:
        comparison = _waited_for(lambda: experiment.run(watcher=seen, stop=stop, **rounds), stop)
        status = "stopped" if comparison.interrupted else "done"
    except KeyboardInterrupt:
        status = "stopped"
        raise
    finally:
        seen.finish(status)
        shown.finish()
    return comparison


def _waited_for(work: Callable[[], Comparison], stop: Stop) -> Comparison:
    __tracebackhide__ = True
    future: Future[Comparison] = Future()
    context = copy_context()

    def run() -> None:
        try:
            future.set_result(context.run(work))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="workbench-compare", daemon=True).start()
    interrupted = False
    try:
        while not future.done():
            wait([future], SLICE_S)
    except KeyboardInterrupt:
        interrupted = True
        stop.request()
        wait([future], GRACE_S)
    if not future.done():  # a plain function that nobody can end
        raise KeyboardInterrupt
    # Not result(): the traceback should show the user's frames, and none of concurrent.futures.
    error = future.exception()
    if error is not None:
        raise error
    comparison = future.result()
    if interrupted and not any(row.samples for row in comparison.rows):
        raise KeyboardInterrupt
    return comparison


def _view(timeline: Timeline, stop: Stop, title: str, live: bool | None) -> View | None:
    if live is False or (live is None and not settings.auto):
        return None
    if in_kernel():
        from .widgets.timeline import TimelineView

        return TimelineView(timeline, on_stop=stop.request, title=title)
    if live is None and not (sys.stderr is not None and sys.stderr.isatty()):
        return None
    from ..views.terminal.timeline import TerminalTimeline

    return TerminalTimeline(timeline, title=title)
