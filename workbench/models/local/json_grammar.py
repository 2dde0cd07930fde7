"""From a JSON schema to a grammar (GBNF) under which a small model can only write what fits the schema.

Texts, lists and numbers are bounded, so that an answer ends before its tokens run out: under a grammar, a
model writes on as long as the grammar lets it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ...patch.pointers import unescape
from .number_grammar import integer_grammar, number_grammar

__all__ = ["json_grammar"]

_LIMITS = ((240, 12), (160, 8), (100, 6), (60, 4), (40, 3), (24, 2))
"""Characters of a text and items of a list where the schema does not say: the most that fit are taken."""

_RECURSIONS = 2
_NUMBER = 14
_CHAR = r'[^"\\\x00-\x1F\x7F] | "\\" ["\\/nt]'
_FORMATS = {
    "date": '[12] [0-9] [0-9] [0-9] "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8])',
    "time": '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9]',
    "uuid": '[0-9a-f]{8} "-" [0-9a-f]{4} "-4" [0-9a-f]{3} "-" [89ab] [0-9a-f]{3} "-" [0-9a-f]{12}',
    "email": '[a-z] [a-z0-9._]{0,20} [a-z0-9] "@" [a-z] [a-z0-9]{0,20} "." ("com" | "org" | "net")',
    "uri": '"https://" [a-z] [a-z0-9]{0,20} "." ("com" | "org" | "net") ("/" [a-z0-9_-]{1,20}){0,3}',
}
_FORMATS["date-time"] = f'{_FORMATS["date"]} "T" {_FORMATS["time"]} "Z"'


class _Part(NamedTuple):
    """An expression, and the characters of the longest text that it lets through."""

    text: str
    longest: int


class _TooDeep(Exception):
    """A schema that contains itself was followed deep enough."""


def json_grammar(schema: Mapping[str, Any] | None = None, *, most: int = 1500) -> str:
    """The grammar of the JSON that *schema* describes; without one, of any object. Answers have *most*
    characters at most, if the schema can be kept to that.

    All properties are written, also those that may be left out. ValueError names what cannot be kept to:
    patterns, "not", a reference to elsewhere, and a schema that has itself in it without an end.

    >>> print(json_grammar({"type": "object", "properties": {"sure": {"type": "boolean"}}}))
    root ::= "{\\"sure\\": " ("true" | "false") "}"
    c ::= [^"\\\\\\x00-\\x1F\\x7F] | "\\\\" ["\\\\/nt]
    """
    schema = {"type": "object"} if schema is None else schema
    for text, items in _LIMITS:
        grammar = _Grammar(schema, text, items)
        try:
            root = grammar.part(schema)
        except _TooDeep as error:
            raise _cannot(f"a schema that always holds itself, {error}") from None
        if root.longest <= most:
            break
    rules = {root.text: "root", **grammar.rules, _CHAR: "c"}
    return "\n".join(f"{name} ::= {text}" for text, name in rules.items())


class _Grammar:
    def __init__(self, schema: Mapping[str, Any], text: int, items: int) -> None:
        self._schema = schema
        self._text = text
        self._items = items
        self._inside: list[str] = []
        self.rules: dict[str, str] = {}

    def part(self, schema: Any) -> _Part:
        if schema is True or schema == {}:
            return self._anything()
        if not isinstance(schema, Mapping):
            raise _cannot(repr(schema))
        if "$ref" in schema:
            return self._referred(schema["$ref"])
        if "const" in schema:
            return _one_of([schema["const"]])
        if "enum" in schema:
            return _one_of(schema["enum"])
        for name in ("anyOf", "oneOf"):
            if name in schema:
                return self._any_of(schema[name])
        if "allOf" in schema:
            return self.part(self._together(schema))
        if "not" in schema:
            raise _cannot('"not"')
        kind = schema.get("type") or ("object" if "properties" in schema else None)
        if isinstance(kind, list):
            return self._any_of([{**schema, "type": each} for each in kind])
        if kind is None:
            return self._anything()
        try:
            write = self._KINDS[kind]
        except KeyError:
            raise _cannot(f"the type {kind!r}") from None
        return write(self, schema)

    def _referred(self, name: str) -> _Part:
        if self._inside.count(name) > _RECURSIONS:
            raise _TooDeep(name)
        self._inside.append(name)
        try:
            return self.part(self._found(name))
        finally:
            self._inside.pop()

    def _found(self, name: str) -> Any:
        found: Any = self._schema
        for key in name.removeprefix("#").strip("/").split("/") if name != "#" else ():
            key = unescape(key)
            if not name.startswith("#") or not isinstance(found, Mapping) or key not in found:
                raise _cannot(f"the reference {name!r}, which is not in the schema")
            found = found[key]
        return found

    def _any_of(self, schemas: Iterable[Any]) -> _Part:
        parts = [part for part in map(self._unless_too_deep, schemas) if part is not None]
        if not parts:
            raise _TooDeep(self._inside[-1] if self._inside else "#")
        return _choice(dict.fromkeys(part.text for part in parts), max(part.longest for part in parts))

    def _unless_too_deep(self, schema: Any) -> _Part | None:
        try:
            return self.part(schema)
        except _TooDeep:
            return None

    def _together(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """One schema that joins those of ``allOf`` with the keys beside it."""
        whole: dict[str, Any] = {}
        for each in ({k: v for k, v in schema.items() if k != "allOf"}, *schema["allOf"]):
            while "$ref" in each:
                each = {**self._found(each["$ref"]), **{k: v for k, v in each.items() if k != "$ref"}}
            for key, value in each.items():
                if key == "properties":
                    whole[key] = {**whole.get(key, {}), **value}
                elif key == "required":
                    whole[key] = [*whole.get(key, ()), *value]
                else:
                    whole[key] = value
        return whole

    def _object(self, schema: Mapping[str, Any]) -> _Part:
        properties = schema.get("properties") or {}
        if not properties:
            return self._map(schema)
        required = schema.get("required", ())
        parts: list[tuple[str, _Part]] = []
        for name, each in properties.items():
            try:
                parts.append((name, self.part(each)))
            except _TooDeep:
                if name in required:
                    raise
        if not parts:
            return _Part('"{}"', 2)
        texts, longest = [], 2
        for at, (name, part) in enumerate(parts):
            key = f"{'{' if at == 0 else ', '}{_json(name)}: "
            texts.append(f"{_literal(key)} {_grouped(part.text)}")
            longest += len(key) + part.longest
        return _Part(f'{" ".join(texts)} "}}"', longest)

    def _map(self, schema: Mapping[str, Any]) -> _Part:
        try:
            value = self.part(schema.get("additionalProperties") or {})
        except _TooDeep:
            return _Part('"{}"', 2)
        if schema.get("additionalProperties") is False:
            return _Part('"{}"', 2)
        key = min(self._text, 30)
        pair = _Part(f'"\\"" c{{1,{key}}} "\\": " {_grouped(value.text)}', key + 6 + value.longest)
        least, most = schema.get("minProperties", 0), schema.get("maxProperties", self._items)
        return self._listed(pair, least, max(least, most), "{", "}")

    def _array(self, schema: Mapping[str, Any]) -> _Part:
        if fixed := schema.get("prefixItems"):
            parts = [self.part(each) for each in fixed]
            inner = ' ", " '.join(_grouped(part.text) for part in parts)
            return _Part(f'"[" {inner} "]"', sum(part.longest + 2 for part in parts) + 2)
        least = schema.get("minItems", 0)
        most = max(least, min(schema.get("maxItems", self._items), max(self._items, least)))
        try:
            return self._listed(self.part(schema.get("items", {})), least, most, "[", "]")
        except _TooDeep:
            if least:
                raise
            return _Part('"[]"', 2)

    def _string(self, schema: Mapping[str, Any]) -> _Part:
        if "pattern" in schema:
            raise _cannot(f"the pattern {schema['pattern']!r}")
        if form := _FORMATS.get(schema.get("format", "")):
            return _Part(f'"\\"" {form} "\\""', 80)
        least = schema.get("minLength", 0)
        most = max(least, min(schema.get("maxLength", self._text), max(self._text, least)))
        return _Part(f'"\\"" c{{{least},{most}}} "\\""', most + 2)

    def _integer(self, schema: Mapping[str, Any]) -> _Part:
        low, high = _bounds(schema)
        step = schema.get("multipleOf", 1)
        if step != 1:
            return self._multiples(step, low, high)
        return _Part(integer_grammar(low, high), _NUMBER)

    def _number(self, schema: Mapping[str, Any]) -> _Part:
        low, high = _bounds(schema)
        if "multipleOf" in schema:
            return self._multiples(schema["multipleOf"], low, high)
        return _Part(number_grammar(low, high), _NUMBER + 8)

    def _multiples(self, step: float, low: float | None, high: float | None) -> _Part:
        if low is None or high is None or (high - low) / step > 1000:
            raise _cannot("multipleOf without bounds that are a thousand steps apart at most")
        values = [round(at * step, 10) for at in range(math.ceil(low / step), math.floor(high / step) + 1)]
        return _one_of([int(value) if value == int(value) else value for value in values])

    def _anything(self) -> _Part:
        text = f'"\\"" c{{0,{self._text}}} "\\"" | {number_grammar(None, None)} | "true" | "false" | "null"'
        return _Part(text, self._text + 2)

    def _listed(self, part: _Part, least: int, most: int, begin: str, end: str) -> _Part:
        """From *least* to *most* of *part*, with commas between them."""
        if most == 0:
            return _Part(_literal(begin + end), 2)
        one = self._rule(part.text)
        more = f' (", " {one}){{{max(least - 1, 0)},{most - 1}}}' if most > 1 else ""
        inner = f"{one}{more}" if least else f"({one}{more})?"
        return _Part(f"{_literal(begin)} {inner} {_literal(end)}", most * (part.longest + 2) + 2)

    def _rule(self, text: str) -> str:
        """The name of a rule for *text*, which is needed twice."""
        return self.rules.setdefault(text, f"r{len(self.rules)}")

    _KINDS: Mapping[str, Callable[[_Grammar, Mapping[str, Any]], _Part]] = {
        "object": _object,
        "array": _array,
        "string": _string,
        "integer": _integer,
        "number": _number,
        "boolean": lambda self, schema: _Part('"true" | "false"', 5),
        "null": lambda self, schema: _Part('"null"', 4),
    }


def _bounds(schema: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The least and the greatest value; an exclusive bound is the number next to it."""
    lows = [schema["minimum"]] if "minimum" in schema else []
    highs = [schema["maximum"]] if "maximum" in schema else []
    whole = schema.get("type") == "integer"
    if "exclusiveMinimum" in schema:
        bound = schema["exclusiveMinimum"]
        lows.append(math.floor(bound) + 1 if whole else math.nextafter(bound, math.inf))
    if "exclusiveMaximum" in schema:
        bound = schema["exclusiveMaximum"]
        highs.append(math.ceil(bound) - 1 if whole else math.nextafter(bound, -math.inf))
    return max(lows, default=None), min(highs, default=None)


def _one_of(values: Iterable[Any]) -> _Part:
    texts = [_json(value) for value in values]
    if not texts:
        raise _cannot("an enum without values")
    return _choice(map(_literal, texts), max(map(len, texts)))


def _choice(texts: Iterable[str], longest: int) -> _Part:
    return _Part(" | ".join(texts), longest)


def _grouped(text: str) -> str:
    return f"({text})" if " " in text else text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _cannot(what: str) -> ValueError:
    return ValueError(
        f"the local model cannot be kept to {what}: leave it out of the schema and check the answer after"
    )
