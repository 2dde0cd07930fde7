"""Parts of a message's content that are not text, in the forms in use.

An image may be ``{"type": "image_url", "image_url": {"url": ...}}``, as OpenAI's API has it, or an "image"
with a ``url``, with its ``base64`` (or ``data``) and ``mime_type``, or with a ``source`` of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["image_url", "openai_part"]


def image_url(part: Mapping[str, Any]) -> str | None:
    """Where the image of a part is, or a ``data:`` URL of its bytes; None if the part is no image.

    >>> image_url({"type": "image", "base64": "aGk=", "mime_type": "image/png"})
    'data:image/png;base64,aGk='
    """
    if part.get("type") == "image_url":
        given = part.get("image_url")
        return str((given.get("url") if isinstance(given, Mapping) else given) or "")
    if part.get("type") != "image":
        return None
    source = part.get("source")
    held: Mapping[str, Any] = source if isinstance(source, Mapping) else part
    if url := held.get("url"):
        return str(url)
    if data := held.get("base64") or held.get("data"):
        kind = held.get("mime_type") or held.get("media_type") or "image/png"
        return f"data:{kind};base64,{data}"
    return None


def openai_part(part: str | Mapping[str, Any]) -> dict[str, Any]:
    """A part as the chat completions API takes it; what is neither text nor an image goes through as it is.

    >>> openai_part({"type": "image", "url": "https://example.org/a.png"})
    {'type': 'image_url', 'image_url': {'url': 'https://example.org/a.png'}}
    """
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if part.get("type") == "image" and (url := image_url(part)):
        detail = {"detail": part["detail"]} if "detail" in part else {}
        return {"type": "image_url", "image_url": {"url": url, **detail}}
    return dict(part)
