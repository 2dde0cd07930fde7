"""Make text from elsewhere safe to display: show control characters and those that change its direction."""

from __future__ import annotations

import re

__all__ = ["visible"]

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""*text* with visible signs for control characters and for those that change its direction.

    >>> visible("a\x1b[31m\x00 b")
    'a␛[31m␀ b'
    """
    return _INVISIBLE.sub(_sign, text) if _INVISIBLE.search(text) else text


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == 0x0D:
        return ""
    return chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else f"<U+{code:04X}>"
