"""Mustache templates (mustache(5)): sections depend on the values.

``{{name}}``, ``{{{name}}}`` and ``{{&name}}`` put a value in (as it is: a prompt is no HTML, nothing is
escaped). ``{{#name}}...{{/name}}`` is repeated for each item of a list, or appears once for a true value;
``{{^name}}...{{/name}}`` appears for an empty or false one. ``{{.}}`` is the item itself, ``{{a.b}}`` the
``b`` of the dict ``a``, ``{{a.0}}`` the first of a list. ``{{! ... }}`` is a comment, ``{{=<% %>=}}`` sets
other braces.

Names are looked up in dicts and positions in lists only, never as attributes, and a function among the
values is never called. A missing value is empty. Partials (``{{> name}}``) are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...text.excerpts import short_repr
from .base import Template, refusal

__all__ = ["MustacheTemplate"]

_DEEPEST = 50
"""Sections in sections."""
_BLANK_AFTER = re.compile(r"[ \t]*(?:\r?\n|\Z)")
_NAME = re.compile(r"[^{}\"\n]+")

Path = tuple[str, ...]


class _Tag(NamedTuple):
    kind: str
    """One of ``# ^ / ! = >``, or "" for a value."""
    name: str
    at: int


@dataclass
class _Section:
    path: Path
    inverted: bool
    tag: _Tag
    inside: list[_Node] = field(default_factory=list)


@dataclass(frozen=True)
class _Value:
    path: Path


_Node = str | _Value | _Section


class MustacheTemplate(Template):
    """See the module. ``variables`` are the names outside of sections, and the sections' own: inside, a name
    may be one of the item's. Sections in sections take as long as their lists are long, multiplied."""

    template_format = "mustache"

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self._nodes = _parse(source)
        named = [node for node in self._nodes if not isinstance(node, str) and node.path]
        self.variables = tuple(dict.fromkeys(node.path[0] for node in named))
        self.structured = frozenset(
            node.path[0] for node in named if isinstance(node, _Section) or len(node.path) > 1
        )

    def format(self, values: Mapping[str, Any]) -> str:
        return "".join(_rendered(self._nodes, (values,)))


def _rendered(nodes: Sequence[_Node], scopes: tuple[Any, ...]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, str):
            yield node
            continue
        value = _look_up(node.path, scopes)
        if isinstance(node, _Value):
            yield value if isinstance(value, str) else "" if value is None else str(value)
        elif node.inverted:
            if not value:
                yield from _rendered(node.inside, scopes)
        elif value:
            for item in value if _is_list(value) else (value,):
                yield from _rendered(node.inside, (*scopes, item))


def _look_up(path: Path, scopes: tuple[Any, ...]) -> Any:
    if not path:
        return scopes[-1]
    for scope in reversed(scopes):
        if isinstance(scope, Mapping) and path[0] in scope:
            value: Any = scope[path[0]]
            break
    else:
        return None
    for name in path[1:]:
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list | tuple) and name.isdecimal() and len(name) < 10:
            value = value[int(name)] if int(name) < len(value) else None
        else:
            return None
    return value


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence | Iterator) and not isinstance(value, str | bytes)


def _parse(source: str) -> list[_Node]:
    nodes: list[_Node] = []
    open_sections: list[_Section] = []
    for token in _tokens(source):
        into = open_sections[-1].inside if open_sections else nodes
        if isinstance(token, str):
            if token:
                into.append(token)
        elif token.kind == "":
            into.append(_Value(_path(source, token)))
        elif token.kind in "#^":
            section = _Section(_path(source, token), token.kind == "^", token)
            into.append(section)
            open_sections.append(section)
            if len(open_sections) > _DEEPEST:
                raise refusal(source, token.at, f"more than {_DEEPEST} sections inside each other")
        elif token.kind == "/":
            opened = open_sections.pop() if open_sections else None
            if opened is None or opened.tag.name != token.name:
                expected = f"expected {{{{/{opened.tag.name}}}}}" if opened else "no section is open"
                raise refusal(source, token.at, f"{{{{/{token.name}}}}} closes nothing: {expected}")
    if open_sections:
        tag = open_sections[-1].tag
        raise refusal(source, tag.at, f"the section {tag.name!r} is never closed with {{{{/{tag.name}}}}}")
    return nodes


def _tokens(source: str) -> Iterator[str | _Tag]:
    """Texts and tags in turn; a line with nothing but one tag that puts in nothing is left out."""
    opening, closing = "{{", "}}"
    at = 0
    while (start := source.find(opening, at)) >= 0:
        tag, end = _tag(source, start, opening, closing)
        text_end = start
        if tag.kind and (blank := _BLANK_AFTER.match(source, end)):
            line = max(source.rfind("\n", at, start) + 1, at)
            if (line == 0 or source[line - 1] == "\n") and not source[line:start].strip(" \t"):
                text_end, end = line, blank.end()
        yield source[at:text_end]
        if tag.kind == "=":
            opening, closing = _delimiters(source, tag)
        elif tag.kind != "!":
            yield tag
        at = end
    yield source[at:]


def _tag(source: str, start: int, opening: str, closing: str) -> tuple[_Tag, int]:
    inside = start + len(opening)
    while source[inside : inside + 1].isspace():
        inside += 1
    sigil = source[inside : inside + 1]
    ending = {"{": "}" + closing, "=": "=" + closing}.get(sigil, closing)
    if sigil and sigil in "#^/!=>&{":
        inside += 1
    else:
        sigil = ""
    end = source.find(ending, inside)
    if end < 0:
        raise refusal(source, start, f"a {opening} that is never closed with {ending}")
    if sigil == ">":
        raise refusal(source, start, "partials are not supported: put the text in, or in a variable")
    name = source[inside:end].strip()
    if not name and sigil != "!":
        raise refusal(source, start, "a tag without a name")
    return _Tag("" if sigil in ("&", "{") else sigil, name, start), end + len(ending)


def _delimiters(source: str, tag: _Tag) -> tuple[str, str]:
    both = tag.name.split()
    if len(both) != 2 or "=" in tag.name:
        raise refusal(source, tag.at, "expected two delimiters, such as {{=<% %>=}}")
    return both[0], both[1]


def _path(source: str, tag: _Tag) -> Path:
    if tag.name == ".":
        return ()
    path = tuple(tag.name.split("."))
    if not _NAME.fullmatch(tag.name) or not all(part.strip() for part in path):
        raise refusal(
            source, tag.at, f"{short_repr(tag.name, 60)} is no name; expected one such as {{{{topic}}}}"
        )
    return path
