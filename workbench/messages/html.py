"""A message as a notebook shows it: the speaker, the content, the tool calls, the tokens used.

Everything in a message is data: text is escaped, an image is drawn only from its own bytes (a
``data:`` URL of a raster format), never fetched.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..text.visible import visible
from ..tracing.encode import cut
from .content import image_url

__all__ = ["message_html", "messages_html"]

_HUES = {"system": "#8250df", "human": "#0969da", "ai": "#1a7f37", "tool": "#9a6700", "function": "#9a6700"}
_RASTER = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")
_MOST = 20_000
"""Characters of one text that are shown."""

_FRAME = "border-left:3px solid {hue};padding:2px 0 2px 10px;margin:6px 0;max-width:72em"
_HEAD = "color:{hue};font-weight:600;font-size:.85em;margin-bottom:2px"
_TEXT = "white-space:pre-wrap;overflow-wrap:anywhere"
_CODE = f"{_TEXT};margin:4px 0 0;padding:4px 8px;background:rgba(127,127,127,.12)"
_NOTE = "opacity:.7;font-size:.85em;margin-top:2px"


def message_html(message: Any) -> str:
    """A ``BaseMessage`` as HTML without scripts, for light and dark pages."""
    hue = _HUES.get(message.type, "#57606a")
    parts = [f'<div style="{_HEAD.format(hue=hue)}">{_escaped(_speaker(message))}</div>']
    if message.content:
        parts.append(_content(message.content))
    calls = (*(_field(message, "tool_calls") or ()), *(_field(message, "invalid_tool_calls") or ()))
    parts += map(_call, calls)
    parts.append(_usage(_field(message, "usage_metadata")))
    if (artifact := _field(message, "artifact")) is not None:
        parts.append(f'<div style="{_NOTE}">with an artifact: {_escaped(type(artifact).__name__)}</div>')
    return f'<div style="{_FRAME.format(hue=hue)}">{"".join(parts)}</div>'


def messages_html(messages: Sequence[Any]) -> str:
    """Messages one below the other."""
    return "".join(map(message_html, messages))


def _field(message: Any, name: str) -> Any:
    """A field that only some kinds of messages have; None for the others, whatever extra keys they carry."""
    return getattr(message, name) if name in type(message).model_fields else None


def _speaker(message: Any) -> str:
    if message.type == "remove":
        return f"remove {message.id}"
    role = _field(message, "role")
    who = message.type if role is None else str(role)
    if message.name:
        who += f" · {message.name}"
    if (call_id := _field(message, "tool_call_id")) is not None:
        who += f" · answer to {call_id}" + (" · error" if message.status == "error" else "")
    return who


def _content(content: str | Sequence[str | Mapping[str, Any]]) -> str:
    if isinstance(content, str):
        return f'<div style="{_TEXT}">{_escaped(content)}</div>'
    return "".join(map(_part, content))


def _part(part: str | Mapping[str, Any]) -> str:
    if isinstance(part, str) or part.get("type", "text") == "text":
        return _content(part if isinstance(part, str) else str(part.get("text", "")))
    url = image_url(part) or ""
    if _RASTER.fullmatch(url):
        return f'<img alt="image" style="max-width:320px;max-height:240px" src="{html.escape(url)}">'
    shown = url if url and not url.startswith("data:") else ""
    return f'<div style="{_NOTE}">[{_escaped(str(part.get("type")))}] {_escaped(shown)}</div>'


def _call(call: Mapping[str, Any]) -> str:
    args = call.get("args")
    text = args if isinstance(args, str) else json.dumps(args, indent=2, ensure_ascii=False, default=str)
    wrong = f"\n{call['error']}" if call.get("error") else ""
    shown = _escaped(f"{call.get('name')}({text}){wrong}")
    return f'<pre style="{_CODE}">{shown}</pre>'


def _usage(usage: Mapping[str, Any] | None) -> str:
    if not usage:
        return ""
    return (
        f'<div style="{_NOTE}">{_escaped(str(usage.get("input_tokens", "?")))} tokens read, '
        f"{_escaped(str(usage.get('output_tokens', '?')))} written</div>"
    )


def _escaped(text: str) -> str:
    return html.escape(visible(cut(text, _MOST)))
