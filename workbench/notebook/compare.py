"""Comparisons that people look on at: a live timeline while they run, a Stop that keeps what was measured.

``compare``, ``parallel_against_alone`` and ``batch_against_one_by_one`` are those of ``timing.compare`` under
a view: in a notebook the timeline widget, in a terminal a progress line. Under a view the work is done in a
thread of its own, so that a Stop button works in every kernel, and the calling thread waits; without one it
is done in place.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import Any

from ..engine.background import GRACE_S, SLICE_S
from ..engine.config import RunnableConfig
from ..engine.limits import Stop
from ..runnables.base import Runnable
from ..timing import compare as timing
from ..timing.comparison import Comparison
from ..timing.rounds import Progress
from ..timing.timeline import Timeline
from .display import View, in_kernel
from .session import settings

__all__ = ["batch_against_one_by_one", "compare", "parallel_against_alone", "under_a_view"]

Work = Callable[[Timeline | None, Stop], Comparison]


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
    chain. A verdict needs five repeats. *on_progress* is told what runs next.

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
    return under_a_view(
        lambda timeline, stop: timing.compare(
            chains,
            inputs,
            strategies=strategies,
            concurrency=concurrency,
            repeats=repeats,
            warmup=warmup,
            baseline=baseline,
            config=config,
            title=title,
            confidence=confidence,
            on_progress=on_progress,
            watcher=timeline,
            stop=stop,
        ),
        title=title,
        live=live,
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
    return under_a_view(
        lambda timeline, stop: timing.parallel_against_alone(
            branches,
            input,
            config=config,
            repeats=repeats,
            warmup=warmup,
            on_progress=on_progress,
            watcher=timeline,
            stop=stop,
        ),
        title="parallel against alone",
        live=live,
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
    return under_a_view(
        lambda timeline, stop: timing.batch_against_one_by_one(
            chain,
            inputs,
            max_concurrency=max_concurrency,
            config=config,
            repeats=repeats,
            warmup=warmup,
            on_progress=on_progress,
            watcher=timeline,
            stop=stop,
        ),
        title="batch against one by one",
        live=live,
    )


def under_a_view(
    work: Work, *, title: str = "", live: bool | None = None, timeline: Timeline | None = None
) -> Comparison:
    """Do *work* and return what it gives: in a thread under a live view, or in place if none is wanted.
    *timeline*: one that is to look on in any case.

    An interrupt stops it: what was measured by then is returned, and KeyboardInterrupt raised if that is
    nothing.
    """
    __tracebackhide__ = True
    stop = Stop()
    seen = timeline or Timeline()
    shown = _view(seen, stop, title, live)
    if shown is None:
        return work(timeline, stop)
    shown.show()
    status = "failed"
    try:
        comparison = _waited_for(lambda: work(seen, stop), stop)
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
