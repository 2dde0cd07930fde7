r"""Take comments and indentation out of JavaScript and CSS, and keep the number of lines.

This is no parser: it finds strings, templates and regular expressions, so that what looks like a comment or
like indentation in them stays.

>>> shrink_js("const a = 1; // one\n/* two\n lines */\n  call(`  // ${ `a` } no comment`);\n")
'const a = 1;\n\n\ncall(`  // ${ `a` } no comment`);\n'
>>> shrink_css("a {\n  color: red; /* why */\n}\n")
'a {\ncolor: red;\n}\n'
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["shrink_css", "shrink_js"]

_CODE = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
      | (?P<mark>[`{}/])""",
    re.S | re.X,
)
_TEMPLATE = re.compile(r"(?:\\.|\$(?!\{)|[^`\\$])*(?P<end>`|\$\{)", re.S)
_REGEX = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/[a-z]*")
_BEFORE_REGEX = re.compile(
    r"(?:^|[(,=:\[!&|?{};+*%<>~^-]|\b(?:return|typeof|case|in|of|throw|await|else))\s*$"
)
_SPACE = re.compile(r"[ \t]*\n[ \t]*")
_CSS = re.compile(r"""(?P<comment>/\*.*?\*/)|(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""", re.S)


def shrink_js(source: str) -> str:
    return _without_space(_pieces(source))


def shrink_css(source: str) -> str:
    return _without_space(_css_pieces(source))


def _without_space(pieces: Iterator[tuple[str, bool]]) -> str:
    """Join pieces; runs of those that are code (True) lose the space around their line ends."""
    kept: list[str] = []
    code = ""
    for text, is_code in pieces:
        if is_code:
            code += text
            continue
        kept += [_tidy(code, is_first=not kept), text]
        code = ""
    return "".join([*kept, _tidy(code, is_first=not kept)])


def _tidy(code: str, *, is_first: bool) -> str:
    return _SPACE.sub("\n", code.lstrip(" \t") if is_first else code)


def _css_pieces(source: str) -> Iterator[tuple[str, bool]]:
    at = 0
    for match in _CSS.finditer(source):
        yield source[at : match.start()], True
        yield _blank(match[0]) if match["comment"] else match[0], match["comment"] is not None
        at = match.end()
    yield source[at:], True


def _blank(comment: str) -> str:
    """What stays of a comment: its line ends, or one space, since it parts words."""
    return "\n" * comment.count("\n") or " "


def _pieces(source: str) -> Iterator[tuple[str, bool]]:
    at, length = 0, len(source)
    open_braces = [0]  # one count for the module, and one for each ${ that is open
    while at < length:
        match = _CODE.search(source, at)
        if match is None:
            yield source[at:], True
            return
        yield source[at : match.start()], True
        at, text = match.end(), match[0]
        if match["comment"]:
            yield _blank(text), True
        elif match["string"]:
            yield text, False
        elif text == "/":
            regex = _REGEX.match(source, match.start())
            if regex and _BEFORE_REGEX.search(source, max(0, match.start() - 40), match.start()):
                at, text = regex.end(), regex[0]
            yield text, regex is None
        elif text == "`" or (text == "}" and open_braces[-1] == 0 and len(open_braces) > 1):
            if text == "}":
                open_braces.pop()
            end = _TEMPLATE.match(source, at)
            if end is None:
                raise ValueError(f"a template does not end: {source[match.start() : at + 40]!r}")
            if end["end"] == "${":
                open_braces.append(0)
            yield text + end[0], False
            at = end.end()
        else:
            open_braces[-1] += 1 if text == "{" else -1
            yield text, True
