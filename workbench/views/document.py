"""What a run came to, read from the document of its ``LiveState``: time, tokens, cost, how far it got."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ..engine.runs import MODEL_TYPES

__all__ = ["Figures", "figures", "reached", "root_numbers"]


class Figures(NamedTuple):
    """``tokens`` are those the models wrote; each is None where it is not known."""

    duration_s: float | None
    tokens: int | None
    cost_usd: float | None


def figures(document: Mapping[str, Any]) -> Figures:
    """Sums over all runs of a document."""
    runs = document["runs"]
    starts = [_seconds(run["start_time"]) for run in runs]
    ends = [_seconds(run["end_time"]) for run in runs if run["end_time"] is not None]
    duration_s = max(ends) - min(starts) if starts and len(ends) == len(starts) else None
    models = [entry for run in runs for entry in _entries(run) if entry["type"] in MODEL_TYPES]
    costs = [cost for entry in models if (cost := (entry.get("call") or {}).get("cost_usd")) is not None]
    return Figures(duration_s, sum(map(_tokens, models)) if models else None, sum(costs) if costs else None)


def root_numbers(document: Mapping[str, Any]) -> list[int]:
    """What to call the root runs, from 1: their places in the batch that they are, else in the document.

    >>> root_numbers({"runs": [{"item": 1}, {"item": 0}]}), root_numbers({"runs": [{}, {"item": 0}]})
    ([2, 1], [1, 2])
    """
    items = [run.get("item") for run in document["runs"]]
    is_batch = None not in items and len(set(items)) == len(items)
    return [item + 1 for item in items] if is_batch else list(range(1, len(items) + 1))


def reached(document: Mapping[str, Any]) -> str:
    """Where unfinished runs were, in words: ``RunnableSequence > my_llm (37 tokens so far)``."""
    runs = document["runs"]
    open_runs = [run for run in runs if run["status"] not in ("done", "failed")]
    places = list(dict.fromkeys(place for run in open_runs for place in _places(run)))
    shown = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
    if len(runs) > 1:
        return f"{len(runs) - len(open_runs)} of {len(runs)} inputs were done, the others in {shown}"
    return shown or "nothing had begun"


def _places(run: Mapping[str, Any]) -> Iterator[str]:
    logs = run["logs"]
    unfinished = {key: entry for key, entry in logs.items() if entry["status"] not in ("done", "failed")}
    outer = {entry["parent"] for entry in unfinished.values()}
    if not unfinished:
        yield str(run["name"])
    for key, entry in unfinished.items():
        if key in outer:
            continue
        names, parent = [str(entry["name"])], entry["parent"]
        while parent is not None:
            names.append(str(logs[parent]["name"]))
            parent = logs[parent]["parent"]
        path = " > ".join([str(run["name"]), *reversed(names)])
        written = len(entry["streamed_output"])
        if entry["type"] in MODEL_TYPES:
            yield f"{path} ({written} token{'s' * (written != 1)} so far)"
        elif written:
            yield path


def _entries(run: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield run
    yield from run["logs"].values()


def _tokens(entry: Mapping[str, Any]) -> int:
    told = (entry.get("call") or entry.get("usage") or {}).get("output_tokens")
    return told if isinstance(told, int) else len(entry["streamed_output"])


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()
