"""Saved notebooks: what a reader without a kernel finds in them, and how that is like a fresh run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

__all__ = ["differences", "joined", "problems"]

WIDGET = "application/vnd.jupyter.widget-view+json"
MACHINE = re.compile(r"/(?:home|root|Users|work|wt|tmp|var/folders)/|\b[A-Z]:\\\\")
PICTURES = {"image/png", "image/jpeg"}
KEY = re.compile(r"\bsk-[\w-]{12,}|\bBearer [^\s'\"]{12,}")
TWIN = re.compile(r'<div class="wb-static-[^>]*>\s*\S.{200,}', re.DOTALL)


def joined(outputs: list[Any]) -> list[Any]:
    """The outputs with what was printed in pieces put together."""
    kept: list[Any] = []
    for output in outputs:
        last = kept[-1] if kept else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            kept.append(output)
    return kept


def problems(notebook: Any) -> list[str]:
    """What should not be in a saved notebook, or is missing, in words."""
    found = ["widget state is stored: converters then load scripts from the network"] * (
        "widgets" in notebook.metadata
    )
    for number, cell in _code(notebook):
        if cell.execution_count is None:
            found.append(f"cell {number} was not run")
        found += [f"cell {number}: {problem}" for problem in _cell_problems(cell)]
    return found


def differences(stored: Any, fresh: Any) -> list[str]:
    """Where the outputs of a fresh run have another form than the stored ones: kinds of output and their
    media types, cell by cell. What they say may differ, and so may remarks on stderr."""
    if len(stored.cells) != len(fresh.cells):
        return [f"{len(stored.cells)} cells are stored, {len(fresh.cells)} were run"]
    found = []
    for (number, before), (_, after) in zip(_code(stored), _code(fresh), strict=True):
        if before.source != after.source:
            found.append(f"cell {number} has another source")
        elif (was := _shape(before)) != (is_now := _shape(after)):
            found.append(f"cell {number}: stored {_told(was - is_now)}, fresh {_told(is_now - was)}")
    return found


def _code(notebook: Any) -> Iterator[tuple[int, Any]]:
    return ((number, cell) for number, cell in enumerate(notebook.cells) if cell.cell_type == "code")


def _cell_problems(cell: Any) -> Iterator[str]:
    may_fail = "raises-exception" in cell.metadata.get("tags", [])
    failed = any(output.output_type == "error" for output in cell.outputs)
    if failed != may_fail:
        yield "an error is stored" if failed else "it says that it fails, and does not"
    text = "\n".join(_texts(cell))
    if match := MACHINE.search(text):
        yield f"names a place on the machine it ran on: {text[match.start() - 20 : match.end() + 30]!r}"
    if KEY.search(text):
        yield "a key is stored"
    live = sum(WIDGET in output.get("data", {}) for output in cell.outputs)
    twins = sum(bool(TWIN.search(output.get("data", {}).get("text/html", ""))) for output in cell.outputs)
    if live > twins:
        yield f"{live} views but {twins} static twins"


def _texts(cell: Any) -> Iterator[str]:
    for output in cell.outputs:
        yield from output.get("traceback", ())
        yield output.get("text", "")
        # A picture's bytes are no text: any letters may come about in them.
        yield from (str(value) for kind, value in output.get("data", {}).items() if kind not in PICTURES)


def _shape(cell: Any) -> Counter[str]:
    """How many outputs of which form."""
    forms: Counter[str] = Counter()
    for output in joined(cell.outputs):
        if output.output_type == "stream":
            if output.name == "stdout":
                forms["stdout"] = 1  # in however many pieces it came
        elif output.output_type == "error":
            forms[f"error {output.ename}"] += 1
        else:
            forms[f"{output.output_type} of {', '.join(sorted(output.data))}"] += 1
    return forms


def _told(forms: Counter[str]) -> str:
    return " and ".join(f"{count} {form}" for form, count in forms.items()) or "nothing else"
