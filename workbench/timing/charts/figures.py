"""The figures behind the pictures of a comparison, as plain records: no chart library, no markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...engine.runs import MODEL_TYPES
from ...tracing.tags import branch_key, step_number
from ..measuring.measured_cases import MeasuredCases
from ..measuring.measurement import Measurement
from ..runs.critical_path import children_of
from ..runs.rows import TimingRow

__all__ = ["ComparedStep", "Latencies", "SpeedUp", "aligned_steps", "latencies", "speed_ups"]

NO_LIMIT = "no limit"
MOST_LATENCIES = 400
"""Of one case; of more, as many at even distances in their order, so that the distribution stays."""
MOST_STEPS = 60


@dataclass(frozen=True)
class SpeedUp:
    """How many times faster than its baseline a series is at one ``max_concurrency``, with the interval
    where there is one, and how fast it could be at best (None where no runs were seen)."""

    series: str
    concurrency: int | None
    value: float
    low: float | None
    high: float | None
    ideal: float | None

    @property
    def at(self) -> str:
        return NO_LIMIT if self.concurrency is None else str(self.concurrency)


@dataclass(frozen=True)
class Latencies:
    """Seconds from the start to the end of each input, of all repeats of a case, in order of size."""

    case: str
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class ComparedStep:
    """One step of two runs, or of one of them: from when to when, in seconds since each run began.

    ``level``: how deep it stands in the tree; ``first_token_s`` are those of models.
    """

    name: str
    level: int
    type: str
    spans: tuple[tuple[float, float] | None, tuple[float, float] | None]
    first_tokens_s: tuple[float | None, float | None] = (None, None)


def speed_ups(comparison: MeasuredCases) -> list[SpeedUp]:
    """One record for every case that may have a limit: batch, abatch and parallel."""
    several = len({row.chain for row in comparison.rows if row.strategy in _LIMITED}) > 1
    found = []
    for row in comparison.rows:
        if row.strategy not in _LIMITED or not comparison.has_speed_up(row):
            continue
        measured = comparison.ratio(row.label)
        base = comparison[comparison.baseline_of(row.label)]
        ideal_s = row.facts.ideal_s if row.facts is not None else None
        found.append(
            SpeedUp(
                f"{row.chain}, {row.strategy}" if several else row.strategy,
                row.max_concurrency,
                measured.value,
                measured.low if measured.tells else None,
                measured.high if measured.tells else None,
                base.median / ideal_s if ideal_s else None,
            )
        )
    return sorted(found, key=lambda one: (one.series, one.concurrency is None, one.concurrency or 0))


def latencies(comparison: MeasuredCases) -> list[Latencies]:
    """Those of every case whose runs were seen."""
    return [
        Latencies(row.label, _thinned(sorted(row.latencies_s)))
        for row in comparison.rows
        if row.latencies_s and not row.is_part
    ]


def aligned_steps(one: Measurement, other: Measurement, item: int = 0) -> list[ComparedStep]:
    """The steps of the run on input number *item* in the last repeat of both, the same steps side by side.

    Steps are the same if they stand at the same place: by their number in a sequence, their key in a
    parallel, their name and turn elsewhere. ValueError if one of the two has no such run.
    """
    trees = [_tree(measurement, item) for measurement in (one, other)]
    keys = list(trees[0])
    for key in trees[1]:
        if key not in trees[0]:
            # After the last one of what it stands under, so that branches stay together.
            under = [at for at, have in enumerate(keys) if have[: len(key) - 1] == key[:-1]]
            keys.insert(under[-1] + 1 if under else len(keys), key)
    return [_step(key, trees[0].get(key), trees[1].get(key)) for key in keys[:MOST_STEPS]]


_LIMITED = ("batch", "abatch", "parallel")
_Key = tuple[tuple[str, int], ...]
_Found = tuple[TimingRow, float]


def _step(key: _Key, first: _Found | None, second: _Found | None) -> ComparedStep:
    row = (first or second or (None,))[0]
    spans = tuple(_span(found) for found in (first, second))
    tokens = tuple(_first_token(found) for found in (first, second))
    name = row.name if row is not None else key[-1][0]
    branch = branch_key(row.place) if row is not None else None
    if branch is not None and branch != name:
        name = f"{branch}: {name}"
    return ComparedStep(
        name, len(key) - 1, row.type if row else "", (spans[0], spans[1]), (tokens[0], tokens[1])
    )


def _span(found: _Found | None) -> tuple[float, float] | None:
    if found is None:
        return None
    row, zero = found
    return row.start_s - zero, row.start_s - zero + (row.wall_s or 0.0)


def _first_token(found: _Found | None) -> float | None:
    if found is None or found[0].first_token_s is None or found[0].type not in MODEL_TYPES:
        return None
    row, zero = found
    return row.start_s - zero + (row.first_token_s or 0.0)


def _tree(measurement: Measurement, item: int) -> dict[_Key, _Found]:
    """The runs of one input, by their places, in the order of the tree."""
    rows = measurement.rows
    children = children_of(rows)
    roots = sorted(
        children.get(None, []),
        key=lambda index: (rows[index].item is None, rows[index].item or 0, rows[index].start_s),
    )
    if not 0 <= item < len(roots):
        have = f"it has runs of {len(roots)} inputs" if roots else "it has no runs"
        raise ValueError(f"{measurement.label!r}: no run on input number {item}, {have}")
    found: dict[_Key, _Found] = {}
    zero = rows[roots[item]].start_s

    def visit(index: int, key: _Key) -> None:
        found[key] = rows[index], zero
        seen: dict[str, int] = {}
        for child in _in_order(rows, children.get(index, [])):
            name = rows[child].place or rows[child].name
            seen[name] = seen.get(name, 0) + 1
            visit(child, (*key, (name, seen[name])))

    visit(roots[item], (("", 1),))
    return found


def _in_order(rows: Sequence[TimingRow], children: Sequence[int]) -> list[int]:
    def key(child: int) -> tuple[int, float]:
        return step_number(rows[child].place) or 0, rows[child].start_s

    return sorted(children, key=key)


def _thinned(values: Sequence[float]) -> tuple[float, ...]:
    if len(values) <= MOST_LATENCIES:
        return tuple(values)
    last = len(values) - 1
    return tuple(values[round(at * last / (MOST_LATENCIES - 1))] for at in range(MOST_LATENCIES))
