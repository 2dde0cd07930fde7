"""The file of a cassette: JSON that people read and compare, a line for each chunk.

``{"cassette": 1, "calls": [{"request": ..., "seconds": ..., "chunks": [[at_s, chunk], ...]}, ...]}``; in
place of ``chunks`` a call may have ``answer`` (generations) or ``vectors``, and besides them ``error``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from ...errors import CassetteError

__all__ = ["VERSION", "read_calls", "write_calls"]

VERSION = 1

_A_LINE_EACH = ("chunks", "vectors")


def write_calls(path: Path, calls: Sequence[dict[str, Any]]) -> None:
    """Write the file, whole or not at all; folders that are missing are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}-{uuid4().hex}.part")
    try:
        with part.open("x", encoding="utf-8") as file:
            file.write(_text(calls))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def read_calls(path: Path) -> list[dict[str, Any]]:
    """The calls in a file. CassetteError if there is none, or it is no cassette."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CassetteError(
            f'there is no cassette {path}: record one with cassette({str(path)!r}, mode="record")'
        ) from None
    except (OSError, ValueError) as error:
        raise CassetteError(f"{path} cannot be read as a cassette: {error}") from error
    calls = document.get("calls") if isinstance(document, dict) else None
    if not isinstance(calls, list) or not all(isinstance(c, dict) and "request" in c for c in calls):
        raise CassetteError(f'{path} is no cassette: expected {{"cassette": {VERSION}, "calls": [...]}}')
    if document.get("cassette") != VERSION:
        raise CassetteError(
            f"{path} is a cassette of version {document.get('cassette')!r}; this workbench reads {VERSION}: "
            "record it again"
        )
    return calls


def _text(calls: Sequence[dict[str, Any]]) -> str:
    """
    >>> call = {"request": {"asked": "hi"}, "seconds": 0.5, "chunks": [[0.1, "a"], [0.2, "b"]]}
    >>> print(_text([call]), end="")
    {
      "cassette": 1,
      "calls": [
        {
          "request": {
            "asked": "hi"
          },
          "seconds": 0.5,
          "chunks": [
            [0.1, "a"],
            [0.2, "b"]
          ]
        }
      ]
    }
    """
    listed = ",\n".join(_indented(_call_text(call), 4) for call in calls)
    return f'{{\n  "cassette": {VERSION},\n  "calls": [\n{listed}\n  ]\n}}\n'


def _call_text(call: dict[str, Any]) -> str:
    fields = []
    for key, value in call.items():
        if key in _A_LINE_EACH and value:
            lines = ",\n".join(f"  {json.dumps(item, ensure_ascii=False)}" for item in value)
            text = f"[\n{lines}\n]"
        else:
            text = json.dumps(value, ensure_ascii=False, indent=2)
        fields.append(_indented(f"{json.dumps(key)}: {text}", 2))
    return "{\n" + ",\n".join(fields) + "\n}"


def _indented(text: str, by: int) -> str:
    # Texts inside are JSON: their line breaks are escaped, and U+2028 is none to split("\n").
    return "\n".join(" " * by + line for line in text.split("\n"))
