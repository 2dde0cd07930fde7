"""What the running chains have written so far, section by section, from the document of ``LiveState``.

A *section* is one text that grows: the output of a root run, or of one parallel branch of it. What is no
text is shown as the value it is so far. While a root that streams nothing itself is still running, the
models inside it are shown in its place, each under its own name. ``Outputs.read`` looks only at what is new.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

from ...engine.runs import MODEL_TYPES
from ...tracing.tags import branches_in
from ..document import places_in_name, root_numbers
from .text import Tail, clean, one_line

__all__ = ["Outputs", "Section", "shown"]

_TAIL = 20_000
"""Characters of a section that are kept, to wrap them again when the width changes."""


class Section:
    """One growing text. ``root`` is the place of the root run in the document, ``branches`` the keys of the
    branches it is of, ``label`` what to call it. With *whole*, all of the text is kept, else its tail."""

    def __init__(
        self, root: int, branches: tuple[str, ...], label: str, *, encoding: str, whole: bool
    ) -> None:
        self.root = root
        self.branches = branches
        self.label = label
        self.replaced = False
        self._encoding = encoding
        self._whole = whole
        self._parts: list[str] = []
        self._size = 0
        self._fresh: list[str] = []
        self._value: Any = None
        self._seen = ""
        self._tail: Tail | None = None

    def add(self, text: str) -> None:
        text = clean(text, self._encoding)
        self._parts.append(text)
        self._fresh.append(text)
        self._size += len(text)
        if not self._whole and self._size > 2 * _TAIL:
            kept = "".join(self._parts)[-_TAIL:]
            self._parts, self._size = [kept], len(kept)
            self._fresh = ["".join(self._fresh)[-_TAIL:]]

    def grow(self, text: str) -> None:
        """Take in the whole text so far: add what is new, or replace a text that does not go on."""
        if self.replaced or not text.startswith(self._seen):
            self.set(text)
        else:
            self.add(text[len(self._seen) :])
            self._seen = text

    def set(self, value: Any) -> None:
        """Replace the text by a value, which is formatted only when it is shown."""
        self.replaced, self._value, self._tail = True, value, None

    @property
    def text(self) -> str:
        if self.replaced:
            return clean(shown(self._value), self._encoding)
        return "".join(self._parts)

    def take(self) -> str:
        """The text that was added since the last call."""
        if self.replaced:
            self._fresh, self._parts, self.replaced = [], [self.text], False
            return self._parts[0]
        fresh, self._fresh = "".join(self._fresh), []
        return fresh

    def lines(self, width: int, most: int) -> list[str]:
        """The last lines, wrapped to that many cells."""
        if self._tail is None or self._tail.width != width:
            self._tail = Tail(width)
            self._tail.feed(self.text[-_TAIL:])
            self._fresh = []
        else:
            fresh, self._fresh = "".join(self._fresh), []
            self._tail.feed(fresh)
        return self._tail.lines(most)


class _Root:
    """How far a root run was read."""

    def __init__(self) -> None:
        self.chunks = self.entries = 0
        self.branches: dict[str, int] = {}  # key: its place among those that began
        self.named: dict[str, int] = {}  # key: its place in the name of its parallel step
        self.models: list[tuple[str, tuple[str, ...]]] = []  # (key, branches around it)
        self.model_chunks: dict[str, int] = {}
        self.over = False

    def place(self, key: str) -> int:
        """Among the branches, as they stand in the chain; other keys of an output come last."""
        return self.named.get(key, len(self.named) + self.branches.get(key, len(self.branches)))


class Outputs:
    """The sections of a document, in their order. *inner*: show models inside silent roots meanwhile."""

    def __init__(self, *, encoding: str = "utf-8", inner: bool = True, whole: bool = False) -> None:
        self._encoding = encoding
        self._inner = inner
        self._whole = whole
        self._roots: list[_Root] = []
        # By root, branches and, of a model inside, its key.
        self._sections: dict[tuple[int, tuple[str, ...], str | None], Section] = {}
        self._labels: list[str] = []
        self._numbers: list[int] = []

    @property
    def sections(self) -> list[Section]:
        """By root, in each by branch."""

        def place(section: Section) -> tuple[int, list[int]]:
            root = self._roots[section.root]
            return self._numbers[section.root], [root.place(key) for key in section.branches]

        return sorted(self._sections.values(), key=place)

    @property
    def finished_roots(self) -> set[int]:
        return {number for number, root in enumerate(self._roots) if root.over}

    def read(self, document: Mapping[str, Any]) -> None:
        """Take in what came since the last time. Meant to be called under the document's lock."""
        self._numbers = root_numbers(document)
        for number, run in enumerate(document["runs"]):
            if number == len(self._roots):
                self._roots.append(_Root())
                self._labels.append(one_line(_brief(run["input"]), self._encoding))
            root = self._roots[number]
            if not root.over:
                self._read_root(number, root, run)

    @property
    def roots(self) -> int:
        return len(self._roots)

    def heading(self, section: Section, many: bool) -> str:
        """What to write over a section: its branch and, with *many*, its root's number and input."""
        root = f"{self._numbers[section.root]} {self._labels[section.root]}".rstrip() if many else ""
        return ": ".join(filter(None, [root, section.label]))

    def _read_root(self, number: int, root: _Root, run: Mapping[str, Any]) -> None:
        logs = run["logs"]
        if not root.entries:
            root.named |= places_in_name(run["name"])
        for key, entry in islice(logs.items(), root.entries, None) if len(logs) > root.entries else ():
            root.named |= places_in_name(entry["name"])
            for branch in branches_in(entry["tags"]):
                root.branches.setdefault(branch, len(root.branches))
            if entry["type"] in MODEL_TYPES:
                root.models.append((key, tuple(_branches_around(logs, key))))
        root.entries = len(logs)
        chunks = run["streamed_output"]
        if chunks and root.chunks == 0:
            self._forget_inner(number)
        if chunks and isinstance(chunks[0], str):
            if len(chunks) > root.chunks:
                self._section(number, (), "").add("".join(chunks[root.chunks :]))
        elif chunks:
            self._feed(number, root, (), chunks[-1])
        root.chunks = len(chunks)
        root.over = run["end_time"] is not None
        if root.chunks == 0 and run["final_output"] not in (None, ""):
            self._forget_inner(number)
            self._feed(number, root, (), _content(run["final_output"]))
        elif root.chunks == 0 and (self._inner or root.over):  # at the end: the partial output of what failed
            self._read_models(number, root, logs)

    def _read_models(self, number: int, root: _Root, logs: Mapping[str, Any]) -> None:
        for key, branches in root.models:
            entry, read = logs[key], root.model_chunks.get(key, 0)
            if len(entry["streamed_output"]) == read:
                continue
            if read == 0:  # it takes the place of those before it in its branch
                for other, its in root.models:
                    if its == branches and logs[other]["end_time"] is not None and other != key:
                        self._sections.pop((number, its, other), None)
            name = str(entry["name"])
            label = f"{'.'.join(branches)} ({name})" if branches else name
            section = self._section(number, branches, label, inner=key)
            chunks = entry["streamed_output"][read:]
            if all(isinstance(chunk, str) for chunk in chunks):
                section.add("".join(chunks))
            else:
                section.set(copy.deepcopy(chunks[-1]))
            root.model_chunks[key] = len(entry["streamed_output"])

    def _feed(self, number: int, root: _Root, path: tuple[str, ...], value: Any) -> None:
        """The value so far into its section, or, with keys of branches, into theirs."""
        value = _content(value)
        if isinstance(value, Mapping) and any(key in root.branches for key in value):
            for key, part in value.items():
                self._feed(number, root, (*path, key), part)
        elif value is not None and value != "":
            section = self._section(number, path, ".".join(path))
            if isinstance(value, str):
                section.grow(value)
            else:
                section.set(copy.deepcopy(value))  # it goes on changing

    def _section(
        self, number: int, branches: tuple[str, ...], label: str, inner: str | None = None
    ) -> Section:
        section = self._sections.get((number, branches, inner))
        if section is None:
            section = self._sections[number, branches, inner] = Section(
                number,
                branches,
                one_line(label, self._encoding),
                encoding=self._encoding,
                whole=self._whole,
            )
        return section

    def _forget_inner(self, number: int) -> None:
        for place in [place for place in self._sections if place[0] == number and place[2] is not None]:
            del self._sections[place]


def shown(value: Any) -> str:
    """JSON data as people read it: text as it is, messages and documents as their content, the items of
    a list a line each."""
    value = _content(value)
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value:
        return "\n".join(_line_of(item) for item in value)
    return _line_of(value)


def _line_of(value: Any) -> str:
    value = _content(value)
    if isinstance(value, str):
        return value
    line = json.dumps(value, ensure_ascii=False)
    return line if len(line) <= 72 else json.dumps(value, ensure_ascii=False, indent=2)


def _content(value: Any) -> Any:
    """The text of what was a message before it became data, else the value."""
    if isinstance(value, Mapping) and isinstance(value.get("content"), str) and "type" in value:
        return value["content"]
    return value


def _brief(value: Any) -> str:
    """An input in a few words, by which the items of a batch are recognised."""
    while isinstance(value, Mapping) and len(value) == 1:
        (value,) = value.values()
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return text[:200]


def _branches_around(logs: Mapping[str, Any], key: str | None) -> list[str]:
    """Keys of the parallel branches a run is in, outermost first."""
    keys: list[str] = []
    while key is not None:
        entry = logs[key]
        keys += branches_in(entry["tags"])
        key = entry["parent"]
    return keys[::-1]
