"""Cost and speed of a model's call: tokens, time to the first one, gaps between them, price.

``CallClock`` takes the chunks of one model run, ``CallStats`` are its results at the end. ``CallMeter`` is an
observer that does this for every call it sees::

    meter = CallMeter()
    chain.invoke(question, {"callbacks": [meter]})
    meter.calls[0].first_token_s, meter.total.cost_usd

What is not known is None: a prompt's tokens are never guessed, and a model without a price has no cost.
"""

from __future__ import annotations

import html
import threading
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from ..engine.chunks import is_text_empty
from ..engine.runs import MODEL_TYPES, Run, RunEvent
from ..text.units import cost, count, duration, per_second
from .encode import attribute, counts_in, entries, raw_text, usage_of
from .prices import cost as cost_of

__all__ = ["CallClock", "CallMeter", "CallStats", "CallTotal", "GapStats"]


_FACTS = ("cached", "model_name", "usage_metadata")
"""What is read of the metadata of an answer."""


@dataclass(frozen=True, slots=True)
class GapStats:
    """Seconds between one token and the next; p50 and p95 are gaps that occurred (nearest rank)."""

    p50: float
    p95: float
    max: float


@dataclass(frozen=True, slots=True)
class CallStats:
    """Cost and speed of one call; None where unknown.

    ``input_tokens`` and ``total_tokens`` come from the model's usage, and so do ``output_tokens``; without
    usage these are the number of chunks of a streamed answer. ``first_token_s`` counts from the run's start,
    ``tokens_per_s`` from the first token on. ``cost_usd`` is 0.0 for answers out of a cache (``cached``),
    whose tokens are those of the call that was paid.

    >>> from workbench import CallMeter, FakeChatModel
    >>> meter = CallMeter()
    >>> _ = FakeChatModel(delay_s=0.01).invoke("hi", {"callbacks": [meter]})
    >>> stats = meter.calls[0]
    >>> stats.first_token_s >= 0.01, stats.cost_usd
    (True, None)
    """

    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    first_token_s: float | None = None
    tokens_per_s: float | None = None
    gap_s: GapStats | None = None
    cost_usd: float | None = None
    cached: bool = False

    def as_data(self) -> dict[str, Any]:
        """The same as JSON data."""
        return asdict(self)


class CallClock:
    """Reads the clock at each chunk of one model run: O(1) a chunk, four bytes of memory for each."""

    __slots__ = ("_first", "_gaps", "_last", "_only_whole", "_run")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._first: float | None = None
        self._last = 0.0
        self._gaps = array("f")  # seconds; a gap is known to seven digits
        self._only_whole = False

    @property
    def tokens(self) -> int:
        """Chunks with content so far."""
        return 0 if self._first is None else len(self._gaps) + 1

    def chunk(self, at: float, chunk: Any) -> None:
        """A chunk came at *at*, on the clock of ``time.perf_counter``. One without content is no token."""
        if not _has_content(chunk):
            return
        if self._first is None:
            self._first = at
            self._only_whole = raw_text(attribute(chunk, "chunk_position")) == "last"
        else:
            self._gaps.append(at - self._last)
        self._last = at

    def stats(self, run: Run | None = None) -> CallStats:
        """What is known by now; complete once the run has ended."""
        run = run or self._run
        # A message has the facts of its call; for a model of plain text, the run's metadata has them.
        of_message = entries(attribute(run.output, "response_metadata"), *_FACTS)
        about = of_message or entries(run.metadata.get("response_metadata"), *_FACTS)
        usage = usage_of(run.output) or counts_in(about.get("usage_metadata"))
        model = _model_name(run, about)
        cached = about.get("cached") is True
        written = _tokens(usage, "output_tokens")
        first_s = None if self._first is None or run.started is None else self._first - run.started
        return CallStats(
            model=model,
            input_tokens=_tokens(usage, "input_tokens"),
            output_tokens=self._counted(run) if written is None else written,
            total_tokens=_tokens(usage, "total_tokens"),
            first_token_s=first_s,
            tokens_per_s=self._speed(written),
            gap_s=_gap_stats(self._gaps),
            cost_usd=0.0 if cached or _is_free(run) else cost_of(model, usage),
            cached=cached,
        )

    def _counted(self, run: Run) -> int | None:
        """Tokens of a model that reports none. A whole answer in one piece is not one token."""
        whole = self.tokens == 1 and (self._only_whole or run.type == "llm")
        return None if whole else self.tokens or None

    def _speed(self, written: int | None) -> float | None:
        if self._first is None or not self._gaps:
            return None
        tokens = self.tokens if written is None else written
        return per_second(tokens, self._last - self._first)


def _has_content(chunk: Any) -> bool:
    """Whether a chunk is a token. By types alone: nothing of the user's is compared or tested."""
    if _is_nothing(chunk):
        return False
    try:
        content = chunk.content
    except Exception:  # a text, or whatever a model of the user's own gives
        return True
    return not (_is_nothing(content) and _is_nothing(attribute(chunk, "tool_call_chunks")))


def _is_nothing(value: Any) -> bool:
    return value is None or is_text_empty(value) or (type(value) in (list, dict) and not value)


def _gap_stats(gaps: Iterable[float]) -> GapStats | None:
    """
    >>> _gap_stats([0.1, 0.3, 0.2, 4.0]), _gap_stats([])
    (GapStats(p50=0.2, p95=4.0, max=4.0), None)
    """
    ordered = sorted(gaps)
    if not ordered:
        return None
    at = {share: ordered[ceil(share * len(ordered)) - 1] for share in (0.5, 0.95)}
    return GapStats(at[0.5], at[0.95], ordered[-1])


def _tokens(usage: Mapping[str, Any], key: str) -> int | None:
    count = usage.get(key)
    return None if type(count) is dict else count


def _model_name(run: Run, about: Mapping[str, Any]) -> str | None:
    named = [about.get("model_name"), run.metadata.get("ls_model_name")]
    named += [attribute(run.step, name) for name in ("model", "model_name")]
    texts = (raw_text(name) for name in named if issubclass(type(name), str))
    return next(filter(None, texts), None)


def _is_free(run: Run) -> bool:
    """Whether the model declares that its calls cost nothing."""
    return attribute(run.step, "_is_free") is True


@dataclass(frozen=True, slots=True)
class CallTotal:
    """Sums over calls; None where it is known of none of them. Tokens and cost of answers out of a cache were
    paid before and are left out. ``unpriced`` calls have no known cost: with any, the cost is a lower
    bound."""

    calls: int
    cached: int
    unpriced: int
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    cost_usd: float | None

    @classmethod
    def of(cls, calls: Iterable[CallStats]) -> CallTotal:
        calls = list(calls)
        paid = [call for call in calls if not call.cached]
        return cls(
            calls=len(calls),
            cached=len(calls) - len(paid),
            unpriced=sum(call.cost_usd is None for call in paid),
            input_tokens=_sum(call.input_tokens for call in paid),
            output_tokens=_sum(call.output_tokens for call in paid),
            total_tokens=_sum(call.total_tokens for call in paid),
            cost_usd=_sum(call.cost_usd for call in calls),
        )


def _sum(values: Iterable[Any]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


class CallMeter:
    """See the module. Safe to observe from any thread, and for any number of runs.

    With *wants_tokens* (the default) models stream even when they are invoked, so that there is a time to
    the first token. ``calls`` has those that have ended, in that order; failed ones too, with what is known
    of them.

    >>> from workbench import AIMessage, CallMeter, FakeChatModel
    >>> usage = {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14}
    >>> meter = CallMeter()
    >>> model = FakeChatModel(responses=[AIMessage("yes", usage_metadata=usage)])
    >>> _ = model.invoke("Is it?", {"callbacks": [meter]})
    >>> [call.output_tokens for call in meter.calls], meter.total.total_tokens
    ([5], 14)
    """

    def __init__(self, *, wants_tokens: bool = True) -> None:
        self.wants_tokens = wants_tokens
        self._clocks: dict[Run, CallClock] = {}
        self._calls: list[CallStats] = []
        self._lock = threading.Lock()

    def __call__(self, event: RunEvent) -> None:
        kind, run, value, at = event
        if run.type not in MODEL_TYPES:
            return
        if kind == "chunk":
            if (clock := self._clocks.get(run)) is not None:
                clock.chunk(at, value)
        elif kind == "start":
            self._clocks[run] = CallClock(run)
        elif kind != "custom" and (clock := self._clocks.pop(run, None)) is not None:
            stats = clock.stats(run)
            with self._lock:
                self._calls.append(stats)

    @property
    def calls(self) -> list[CallStats]:
        with self._lock:
            return list(self._calls)

    @property
    def total(self) -> CallTotal:
        return CallTotal.of(self.calls)

    def __repr__(self) -> str:
        total = self.total
        said = [f"{total.calls} {'call' if total.calls == 1 else 'calls'}"]
        if total.cached:
            said.append(f"{total.cached} from the cache")
        for what, tokens in (("read", total.input_tokens), ("written", total.output_tokens)):
            if tokens is not None:
                said.append(f"{tokens:,} tokens {what}")
        said.append(_cost(total.cost_usd, bool(total.unpriced)) or "cost unknown")
        return f"CallMeter({', '.join(said)})"

    def __str__(self) -> str:
        lines = self._table()
        widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if column else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        head, *lines = self._table()
        heads = "".join(f'<th scope="col">{html.escape(heading)}</th>' for heading in head)
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{html.escape(first)}</th>'
            + "".join(f'<td style="text-align:right">{html.escape(cell)}</td>' for cell in cells)
            + "</tr>"
            for first, *cells in lines
        )
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"

    def _table(self) -> list[list[str]]:
        calls = self.calls
        total = CallTotal.of(calls)
        last = [
            f"total of {total.calls}",
            _count(total.input_tokens),
            _count(total.output_tokens),
            *[""] * 4,
            _cost(total.cost_usd, bool(total.unpriced)),
        ]
        return [list(_HEADINGS), *(_cells(call) for call in calls), last]


_HEADINGS = ("model", "read", "written", "first token", "tokens/s", "gap p50", "gap p95", "cost")


def _cells(call: CallStats) -> list[str]:
    gaps = call.gap_s
    return [
        (call.model or "?") + (" (cached)" if call.cached else ""),
        _count(call.input_tokens),
        _count(call.output_tokens),
        _seconds(call.first_token_s),
        "" if call.tokens_per_s is None else f"{call.tokens_per_s:,.1f}",
        "" if gaps is None else _seconds(gaps.p50),
        "" if gaps is None else _seconds(gaps.p95),
        _cost(call.cost_usd),
    ]


def _count(tokens: int | None) -> str:
    return "" if tokens is None else count(tokens)


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else duration(seconds)


def _cost(usd: float | None, at_least: bool = False) -> str:
    return "" if usd is None else f"{'≥ ' if at_least else ''}{cost(usd)}"
