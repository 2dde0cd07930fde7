"""Reading the document of a ``LiveState``: the order of its runs, their status, times, tokens and cost.

Every view in Python reads a document through this module, so that all show the same. ``rows_of`` gives one
``StepRow`` a run, each before those in it: the roots as they started, but those of one batch by their
items; the steps in a run as they started, but the branches of a parallel step as they stand in the chain.
``figures`` gives the sums. How they are shown is decided elsewhere (see ``words`` and ``values``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from ..engine.runs import MODEL_TYPES
from ..live.state import OVER, outcome
from ..tracing.tags import branches_in

__all__ = [
    "Document",
    "Figures",
    "Run",
    "StepRow",
    "branch_places",
    "figures",
    "figures_of",
    "places_in_name",
    "reached",
    "root_numbers",
    "rows_of",
    "seconds",
    "status_of",
]

Document = Mapping[str, Any]
Run = Mapping[str, Any]

_AT_ONCE_S = 0.002


class StepRow(NamedTuple):
    """One run, root or step, as it was when the row was made. Times are seconds since the epoch, None where
    they are not known yet. ``run`` is the document's own entry, which may go on changing."""

    run: Run
    root: int
    """The place of its root among the ``runs`` of the document."""
    number: int | None
    """The number by which that root is shown, from 1; None where there is only one."""
    around: StepRow | None
    """The run that it is in."""
    level: int
    name: str
    type: str
    status: str
    branches: tuple[str, ...]
    """The keys of the branches that it is."""
    start: float
    first: float | None
    """When its first chunk came."""
    end: float | None
    chunks: int
    streams: bool
    """Whether its output came in pieces: several tokens, or a value that went on growing for a while."""
    call: Mapping[str, Any]
    """What is known of a model's call, at least its usage."""
    error: Mapping[str, Any] | None

    def __repr__(self) -> str:
        return f"<StepRow {' > '.join(row.name for row in self.path())[:200]!r}: {self.status}>"

    @property
    def is_over(self) -> bool:
        return self.end is not None

    @property
    def is_model(self) -> bool:
        return self.type in MODEL_TYPES

    @property
    def duration_s(self) -> float | None:
        return None if self.end is None else self.end - self.start

    @property
    def tokens(self) -> int:
        """How many tokens it wrote: from its usage where there is one, else the number of its chunks."""
        counted = self.call.get("output_tokens")
        return counted if isinstance(counted, int) else self.chunks

    @property
    def cost_usd(self) -> float | None:
        cost = self.call.get("cost_usd")
        return cost if isinstance(cost, int | float) else None

    @property
    def title(self) -> str:
        """The name, after the keys of the branches that it is: ``joke: my_llm``."""
        return ": ".join([*self.branches, self.name]) if self.around is not None else self.name

    def path(self) -> list[StepRow]:
        """The rows from the root to this one."""
        rows, row = [self], self.around
        while row is not None:
            rows.append(row)
            row = row.around
        return rows[::-1]


def rows_of(document: Document) -> list[StepRow]:
    """All runs of the document in the order of the module. A step whose parent is unknown stands in its
    root."""
    rows: list[StepRow] = []
    runs = document["runs"]
    numbers = root_numbers(document)
    for place in _in_item_order(runs):
        run = runs[place]
        root = _row(run, place, numbers[place] if len(runs) > 1 else None, None)
        rows.append(root)
        logs = run.get("logs") or {}
        inside: dict[str | None, list[str]] = {}
        for key, entry in logs.items():
            parent = entry.get("parent")
            inside.setdefault(parent if parent in logs else None, []).append(key)
        waiting = [(key, root) for key in reversed(_in_branch_order(inside.get(None, []), logs, run))]
        while waiting:
            key, around = waiting.pop()
            row = _row(logs[key], place, root.number, around)
            rows.append(row)
            if key in inside:
                keys = _in_branch_order(inside[key], logs, logs[key])
                waiting += [(one, row) for one in reversed(keys)]
    return rows


def root_numbers(document: Document) -> list[int]:
    """The numbers by which the root runs are shown, from 1: their places in the batch if they are one batch,
    else in the order in which they are shown.

    >>> root_numbers({"runs": [{"item": 1}, {"item": 0}]}), root_numbers({"runs": [{}, {"item": 0}]})
    ([2, 1], [1, 2])
    """
    items = [run.get("item") for run in document["runs"]]
    if None not in items and len(set(items)) == len(items):
        return [item + 1 for item in items]
    numbers = {place: number for number, place in enumerate(_in_item_order(document["runs"]), 1)}
    return [numbers[place] for place in range(len(items))]


def branch_places(root: Run) -> dict[str, int]:
    """The keys of all branches in a root run with their places, as they stand in the chain; those of a
    parallel step with a name of its own come after them."""
    entries = list((root.get("logs") or {}).values())
    tagged = [key for entry in entries for key in branches_in(entry["tags"])]
    places = dict.fromkeys(tagged, len(tagged))
    for run in (root, *entries):
        places |= {key: place for key, place in places_in_name(run["name"]).items() if key in places}
    return places


def places_in_name(name: str) -> dict[str, int]:
    """The keys in the name of a parallel step, with their places.

    >>> places_in_name("RunnableParallel<joke,poem>"), places_in_name("mine")
    ({'joke': 0, 'poem': 1}, {})
    """
    match = _KEYS.search(name) if name.endswith(">") else None
    return {key: place for place, key in enumerate(match[1].split(","))} if match else {}


_KEYS = re.compile(r"<([^<>]+)>$")


def status_of(document: Document) -> str:
    """The status of the whole; where nobody has set it at the end, that of the runs."""
    status, runs = document["status"], document["runs"]
    if status in OVER or not runs or any(run["end_time"] is None for run in runs):
        return str(status)
    return outcome(document)


class Figures(NamedTuple):
    """Sums over all runs. ``tokens`` are those the models wrote; each is None where it is not known."""

    start: float | None
    """When the first root began, in seconds since the epoch, ..."""
    end: float | None
    """... and when the last of those that are over ended."""
    duration_s: float | None
    """From one to the other; None before all are over."""
    first_token_s: float | None
    """From the start to the first token of an output; of a batch, whose items do not stream, of a model."""
    tokens: int | None
    cost_usd: float | None
    calls: int
    """How many calls of models there were, ..."""
    priced_calls: int
    """... and of how many the cost is known."""


def figures(document: Document) -> Figures:
    """Sums over all runs of a document."""
    return figures_of(rows_of(document))


def figures_of(rows: Iterable[StepRow]) -> Figures:
    """Sums over *rows*, which hold all runs of a document."""
    rows = list(rows)
    roots = [row for row in rows if row.around is None]
    models = [row for row in rows if row.is_model]
    start = min((row.start for row in roots), default=None)
    ends = [row.end for row in roots if row.end is not None]
    end = max(ends, default=None)
    is_over = len(ends) == len(roots)
    firsts = _firsts(roots) or _firsts(models)
    costs = [row.cost_usd for row in models if row.cost_usd is not None]
    return Figures(
        start,
        end,
        end - start if is_over and start is not None and end is not None else None,
        min(firsts) - start if start is not None and firsts else None,
        sum(row.tokens for row in models) if models else None,
        sum(costs) if costs else None,
        len(models),
        len(costs),
    )


def _firsts(rows: Iterable[StepRow]) -> list[float]:
    return [row.first for row in rows if row.first is not None]


def reached(document: Document) -> str:
    """Which steps the unfinished runs were at, in words: ``RunnableSequence > my_llm (37 tokens so far)``."""
    unfinished: dict[int, list[StepRow]] = {}
    for row in rows_of(document):
        if row.status not in ("done", "failed"):
            unfinished.setdefault(row.root, []).append(row)
    open_roots = [rows for rows in unfinished.values() if rows[0].around is None]
    places = list(dict.fromkeys(place for rows in open_roots for place in _places(rows)))
    shown = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
    count = len(document["runs"])
    if count > 1:
        return f"{count - len(open_roots)} of {count} inputs were done, the others in {shown}"
    return shown or "nothing had begun"


def _places(unfinished: list[StepRow]) -> Iterator[str]:
    """The innermost unfinished runs of a root, which is the first of them, by their paths."""
    outer = {id(row.around) for row in unfinished}
    root, *steps = unfinished
    if not steps:
        yield root.name
    for row in steps:
        if id(row) in outer:
            continue
        path = " > ".join(step.name for step in row.path())
        if row.is_model:
            yield f"{path} ({row.chunks} token{'s' * (row.chunks != 1)} so far)"
        elif row.chunks:
            yield path


@lru_cache(maxsize=20_000)
def seconds(iso: str | None) -> float | None:
    """A time of the document in seconds since the epoch."""
    return datetime.fromisoformat(iso).timestamp() if iso else None


def _row(run: Run, root: int, number: int | None, around: StepRow | None) -> StepRow:
    first, end = seconds(run["first_chunk_time"]), seconds(run["end_time"])
    return StepRow(
        run,
        root,
        number,
        around,
        0 if around is None else around.level + 1,
        run["name"],
        run["type"],
        run["status"],
        tuple(branches_in(run["tags"])) if run["tags"] else (),
        seconds(run["start_time"]) or 0.0,
        first,
        end,
        len(run["streamed_output"]),
        _streams(run["streamed_output"], first, end),
        run.get("call") or run["usage"] or {},
        run["error"],
    )


def _streams(chunks: list[Any], first: float | None, end: float | None) -> bool:
    if len(chunks) != 1 or isinstance(chunks[0], str):
        return len(chunks) > 1
    return first is not None and (end is None or end - first > _AT_ONCE_S)


def _in_item_order(runs: list[Run]) -> list[int]:
    """The places of the roots: as they started, but those of one batch by their items."""
    groups: list[list[int]] = []
    items: set[int] | None = None
    for place, run in enumerate(runs):
        item = run.get("item")
        if item is None or items is None or item in items:
            groups.append([])
            items = None if item is None else set()
        if items is not None and item is not None:
            items.add(item)
        groups[-1].append(place)
    return [
        place for group in groups for place in sorted(group, key=lambda place: runs[place].get("item") or 0)
    ]


def _in_branch_order(keys: list[str], logs: Mapping[str, Run], around: Run) -> list[str]:
    order = places_in_name(around["name"]) if len(keys) > 1 else None
    if not order:
        return keys
    return sorted(
        keys, key=lambda key: min((order.get(b, 0) for b in branches_in(logs[key]["tags"])), default=0)
    )
