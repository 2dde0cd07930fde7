"""The state of a comparison while it runs, for live views: calls as bars in lanes, progress, figures.

``Timeline`` is a ``Watcher``. A view calls ``take()``, about thirty times a second, for a frame of what
changed; ``picture`` says what lanes and bars are.

A document, and a frame of what changed in it since the last one, are plain JSON data:

- ``cases``: ``{label, chain, strategy, max_concurrency, items, samples, ideal_s, peak, efficiency}`` each;
- ``pictures``: by the case's index ``{round, steps, bars, left_out, open, at, lanes, ideal_s}``, its bars
  ``[lane, item, step, start_ms, first_token_ms, end_ms, status]`` with None for what is not yet known;
- ``progress``: ``{done, total, doing, elapsed_s, left_s}``, and ``status``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from ...engine.runs import Observer
from ..measuring.measurement import Sample, middle_facts
from ..measuring.rounds import Progress
from ..measuring.strategies import Case
from .picture import Picture, StepNames

__all__ = ["Timeline"]


class Timeline:
    """See the module. *changed* is called, often and from any thread, when there is something new to draw:
    with True for what should be seen at once."""

    def __init__(self, changed: Callable[[bool], None] = lambda urgent: None) -> None:
        self.changed = changed
        self.cases: list[dict[str, Any]] = []
        self.pictures: dict[int, Picture] = {}
        self.status = "waiting"
        self.seq = 0
        self._numbers: dict[str, int] = {}
        self._steps = StepNames()
        self._progress: dict[str, Any] = {}
        self._now: int | None = None
        self._news: set[str] = set()
        self._new_cases: set[int] = set()
        self._samples: dict[int, list[Sample]] = {}
        self._new_picture: dict[int, bool] = {}
        """Pictures that changed, and whether they are drawn anew."""
        self._lock = threading.RLock()

    def plan(self, cases: Sequence[Case]) -> None:
        with self._lock:
            self.status = "running"
            self.cases = [_case(case) for case in cases]
            self._numbers = {case.label: number for number, case in enumerate(cases)}
            self._new_cases = set(range(len(cases)))
            self._news.add("status")
        self.changed(True)

    def begin(self, case: Case, round: int | None) -> Observer:
        picture = Picture(case, round, self._steps)
        with self._lock:
            self._now = number = self._numbers[case.label]
            self.pictures[number] = picture
            self._new_picture[number] = True
            self._news.add("now")
        self.changed(True)
        return picture.observer(lambda: self.changed(False))

    def end(self, case: Case, sample: Sample | None) -> None:
        with self._lock:
            number = self._numbers[case.label]
            picture = self.pictures[number]
            picture.close(None if sample is None else sample.seconds)
            about = self.cases[number]
            if sample is not None and picture.round is not None:
                about["samples"].append(sample.seconds)
            if sample is not None and sample.facts is not None:
                picture.ideal_s = sample.facts.ideal_s
                self._take_facts(number, picture.round is not None, sample)
            self._new_cases.add(number)
            self._new_picture.setdefault(number, False)
        self.changed(True)

    def _take_facts(self, number: int, counts: bool, sample: Sample) -> None:
        """A case's facts are those of the sample in the middle; of the warm-up until there is one."""
        known = self._samples.setdefault(number, [])
        if counts:
            known.append(sample)
        if (facts := middle_facts(known) or sample.facts) is not None:
            self.cases[number].update(ideal_s=facts.ideal_s, peak=facts.peak, efficiency=facts.efficiency)

    def progress(self, progress: Progress) -> None:
        with self._lock:
            self._progress = {
                "done": progress.done,
                "total": progress.total,
                "doing": progress.doing,
                "elapsed_s": progress.elapsed_s,
                "left_s": progress.left_s,
            }
            self._news.add("progress")
        self.changed(True)

    def finish(self, status: str) -> None:
        """The comparison is over; *status*: done, stopped or failed."""
        with self._lock:
            self.status = status
            if status == "done" and self._progress:
                self._progress = {**self._progress, "done": self._progress["total"], "left_s": 0.0}
            self._news |= {"status", "progress"}
        self.changed(True)

    def take(self) -> dict[str, Any] | None:
        """A frame: what changed since the last one, and ``a`` and ``b``, the numbers of the frame before it
        and its own. None if nothing changed."""
        with self._lock:
            self._update()
            if not (self._news or self._new_cases or self._new_picture):
                return None
            frame: dict[str, Any] = {"a": self.seq, "b": self.seq + 1}
            self.seq += 1
            if "status" in self._news:
                frame["status"] = self.status
            if "now" in self._news:
                frame["now"] = self._now
            if "progress" in self._news:
                frame["progress"] = self._progress
            if self._new_cases:
                frame["cases"] = {
                    str(number): _copy(self.cases[number]) for number in sorted(self._new_cases)
                }
            if self._new_picture:
                frame["pictures"] = {
                    str(number): {**self.pictures[number].changes(), "anew": anew}
                    for number, anew in self._new_picture.items()
                }
            self._news.clear()
            self._new_cases.clear()
            self._new_picture.clear()
            return frame

    def snapshot(self) -> dict[str, Any]:
        """The whole document, after the last frame that was taken and what happened since."""
        with self._lock:
            self._update()
            return {
                "seq": self.seq,
                "status": self.status,
                "now": self._now,
                "progress": self._progress,
                "cases": [_copy(case) for case in self.cases],
                "pictures": {str(number): picture.whole() for number, picture in self.pictures.items()},
            }

    def _update(self) -> None:
        if self._now is not None and self.pictures[self._now].is_open:
            picture = self.pictures[self._now]
            picture.update()
            if picture.has_changes:
                self._new_picture.setdefault(self._now, False)


def _case(case: Case) -> dict[str, Any]:
    return {
        "label": case.label,
        "chain": case.chain,
        "strategy": case.strategy,
        "max_concurrency": case.max_concurrency,
        "items": case.items,
        "samples": [],
        "ideal_s": None,
        "peak": None,
        "efficiency": None,
    }


def _copy(case: dict[str, Any]) -> dict[str, Any]:
    return {**case, "samples": list(case["samples"])}
