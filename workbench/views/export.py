"""A run as a file: its state as JSON, the JSON Patch operations that made it, a page that stands by itself.

The files hold the document as the views have it (see ``live.state``): of long texts only head and tail, with
secrets masked. The page has no scripts and loads nothing; it is light or dark as the reader's screen is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from ..live.state import LiveState
from ..patch.operations import Op
from ..patch.plain import plain_operations
from ..text.visible import visible
from ..tracing.encode import cut
from .static.html import static_html

__all__ = ["EMPTY", "ENDINGS", "export_file", "html_page", "patch_log", "save", "state_json"]

EMPTY: Mapping[str, Any] = {"status": "waiting", "runs": []}
"""The document that a patch log begins with."""


def save(source: Any, path: str | Path, *, title: str = "") -> Path:
    """Write a run (a LiveState, or what has one as ``live``) to *path*. The ending of its name decides the
    form: ``.json`` the state, ``.patch.json`` the operations as one list, ``.jsonl`` the same with one per
    line, ``.html`` the page. An existing file is replaced. Returns the path; raises ValueError for another
    ending."""
    live = live_of(source)
    path = Path(path).expanduser()
    ending = _ending(path)
    if ending is None:
        raise ValueError(f"{path.name}: expected a name that ends in {', '.join(_WRITERS)}")
    path.write_text(_WRITERS[ending](live, cut(title or path.name.removesuffix(ending))), encoding="utf-8")
    return path


def export_file(source: Any, what: str, *, title: str = "") -> dict[str, str]:
    """The file ``what`` ("state", "patches" or "html") as ``{"name", "mime", "text"}``."""
    if not isinstance(what, str) or what not in _KINDS:
        raise ValueError(f"export: expected one of {', '.join(_KINDS)}, got {what!r}")
    ending, mime = _KINDS[what]
    name = re.sub(r"[^\w.-]+", "-", title).strip("-.")[:60] or "run"
    text = _WRITERS[ending](live_of(source), cut(title or "run"))
    return {"name": f"{name}{ending}", "mime": mime, "text": text}


def live_of(source: Any) -> LiveState:
    live = getattr(source, "live", source)
    if not isinstance(live, LiveState):
        raise TypeError(f"expected a run or a LiveState to save, got {type(source).__name__}")
    return live


def state_json(live: LiveState) -> str:
    """The document, all of it."""
    return _json(live.snapshot()["state"], indent=1)


def patch_log(live: LiveState) -> list[Op]:
    """Plain JSON Patch (RFC 6902) that makes the document of ``EMPTY``.

    A growing text is written again each time it has grown by a quarter (see ``plain_operations``).
    """
    frame = live.since(0)
    ops = plain_operations(frame["ops"] if frame else [], EMPTY)
    return [{key: op[key] for key in ("op", "path", "value") if key in op} for op in ops]


def html_page(document: Mapping[str, Any], *, title: str) -> str:
    """A page of its own around the static twin."""
    body = static_html(document, id="page", in_notebook=False)
    return _PAGE.substitute(title=escape(visible(title)), body=body)


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)


def _ending(path: Path) -> str | None:
    name = path.name.lower()
    return next((ending for ending in _WRITERS if name.endswith(ending)), None)


# The longer ending of two first.
_WRITERS: dict[str, Callable[[LiveState, str], str]] = {
    ".patch.json": lambda live, title: _json(patch_log(live)),
    ".json": lambda live, title: state_json(live),
    ".jsonl": lambda live, title: "".join(f"{_json(op)}\n" for op in patch_log(live)),
    ".html": lambda live, title: html_page(live.snapshot()["state"], title=title),
}
ENDINGS = tuple(_WRITERS)
"""What the name of a saved file may end in."""
_KINDS = {
    "state": (".json", "application/json"),
    "patches": (".patch.json", "application/json-patch+json"),
    "html": (".html", "text/html"),
}

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
  background: #ffffff; color: #1f2328; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
pre { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-size: 13px; margin: 1rem 0; table-layout: fixed; }
th, td { padding: 2px 6px; text-align: right; vertical-align: top; border-bottom: 1px solid #8a97a655; }
summary { cursor: pointer; overflow-wrap: anywhere; }
details > div, details > pre, details > details { margin-left: 1rem !important; }
@media (prefers-color-scheme: dark) { body { background: #14181d; color: #e3e8ee; } }
</style>
</head>
<body>
<h1>$title</h1>
$body
</body>
</html>
""")
