"""What a page needs to show a view: one module and one style sheet, made once per process, and their hash.

Stack traces name ``workbench/run_view.js`` (or ``timeline.js``) and a line. ``python -m
workbench.views.web.bundle run_view 1234`` prints the file and the line that it comes from. With
``ANYWIDGET_HMR=1`` nothing is left out, and a source map shows the files in the browser's developer tools.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from .modules import imported_modules, join_modules
from .shrink import shrink_css, shrink_js

__all__ = ["WEB", "Bundle", "bundle", "is_hot", "loader", "make_bundle", "source_of"]

WEB = Path(__file__).parent
Name = Literal["run_view", "timeline"]

STYLES: dict[Name, tuple[str, ...]] = {
    "run_view": ("run_view", "stream", "tree"),
    "timeline": ("run_view", "timeline"),
}


@dataclass(frozen=True)
class Bundle:
    key: str
    """A hash of the rest: what a page keeps it under."""
    code: str
    css: str


def is_hot() -> bool:
    """Whether views follow changes of the files (see ``widgets.front_end``)."""
    return os.environ.get("ANYWIDGET_HMR") == "1"


@cache
def bundle(name: Name) -> Bundle:
    """The front end of a view, small."""
    return make_bundle(name)


def make_bundle(name: Name, *, folder: Path = WEB, readable: bool = False) -> Bundle:
    """The front end as the files of *folder* have it now; *readable*: with comments and a source map."""
    entry = folder / f"{name}.js"
    code = join_modules(entry, shrink=str if readable else shrink_js)
    code += f"\n//# sourceURL=workbench/{name}.js\n"
    if readable:
        code += f"//# sourceMappingURL=data:application/json;base64,{_source_map(entry)}\n"
    sheets = ((folder / f"styles/{sheet}.css").read_text(encoding="utf-8") for sheet in STYLES[name])
    css = "\n".join(sheet if readable else shrink_css(sheet) for sheet in sheets)
    return Bundle(hashlib.sha256(f"{code}\0{css}".encode()).hexdigest()[:16], code, css)


@cache
def loader() -> str:
    """The module that each view carries."""
    lines = shrink_js((WEB / "loader.js").read_text(encoding="utf-8")).splitlines()
    return "\n".join([*filter(None, lines), "//# sourceURL=workbench/loader.js"])


def source_of(name: Name, line: int) -> str:
    """The file and the line that a line of the joined module comes from; ValueError for a line it has not."""
    lines = bundle(name).code.splitlines()
    if not 1 <= line <= len(lines):
        raise ValueError(f"{name}.js: expected a line from 1 to {len(lines)}, got {line}")
    start, path = 0, ""
    for number, text in enumerate(lines[:line], 1):
        if text.startswith("// "):
            start, path = number, text.removeprefix("// ")
    return f"{path}:{line - start}"


def _source_map(entry: Path) -> str:
    """A source map (version 3) from the lines of the joined module to the files, with their contents."""
    modules = imported_modules(entry)
    lines: list[str] = []
    before = 0  # the line that the last mapping led to; each mapping says how far on the next one is
    for number, source in enumerate(modules.values()):
        for line in range(source.count("\n") + 1):
            # Column, source, line and column, each as its difference from the one before it.
            lines.append(f"A{'C' if number and not line else 'A'}{_digits(line - before)}A")
            before = line
        lines.insert(len(lines) - source.count("\n") - 1, "")  # the comment with the path
    about = {
        "version": 3,
        "sources": [f"workbench/{path.relative_to(entry.resolve().parent).as_posix()}" for path in modules],
        "sourcesContent": list(modules.values()),
        "names": [],
        "mappings": ";".join(lines),
    }
    return b64encode(json.dumps(about).encode()).decode()


def _digits(number: int) -> str:
    """A number in the digits of a source map: base 64, five bits each, the sign in the lowest."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    rest = abs(number) << 1 | (number < 0)
    text = ""
    while True:
        rest, digit = rest >> 5, rest & 31
        text += letters[digit | 32 if rest else digit]
        if not rest:
            return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The file and line that a line of a stack trace comes from.")
    parser.add_argument("view", type=lambda text: text.removesuffix(".js"), choices=list(STYLES))
    parser.add_argument("line", type=int)
    asked = parser.parse_args()
    try:
        print(source_of(asked.view, asked.line))
    except ValueError as error:
        parser.error(str(error))
