"""The playground: a page with a form made of the input schema, and the live view of a notebook below it.

Its files are the modules and styles of the notebook's view, and a few of its own, as they stand in their
folders. Only these are served. The page loads nothing from elsewhere and has no inline script or style, which
its content security policy makes sure of.
"""

from __future__ import annotations

from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from .endpoints import Service

__all__ = ["playground_routes"]

_OWN = Path(__file__).parent / "pages"
_WIDGETS = Path(__file__).parents[2] / "views" / "web"
_TYPES = {".js": "text/javascript", ".css": "text/css"}

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}


def playground_routes(service: Service) -> list[Any]:
    """The routes of a chain's playground."""

    async def page(request: Request) -> Response:
        return Response(_page(service), media_type="text/html", headers=_HEADERS)

    async def to_page(request: Request) -> Response:
        return RedirectResponse("playground/", status_code=307)

    async def file(request: Request) -> Response:
        path = _files().get(request.path_params["name"])
        if path is None:
            return Response("not found", status_code=404, media_type="text/plain", headers=_HEADERS)
        return Response(path.read_bytes(), media_type=_TYPES[path.suffix], headers=_HEADERS)

    return [
        Route(f"{service.path}/playground", to_page, methods=["GET"]),
        Route(f"{service.path}/playground/", page, methods=["GET"]),
        Route(f"{service.path}/playground/{{name:path}}", file, methods=["GET"]),
    ]


@lru_cache(maxsize=1)
def _files() -> dict[str, Path]:
    """The files there are, by their paths below the page."""
    return {
        path.relative_to(folder).as_posix(): path
        for folder in (_WIDGETS, _OWN)
        for path in folder.rglob("*")
        if path.suffix in _TYPES
    }


def _page(service: Service) -> str:
    styles = [name for name in sorted(_files()) if name.endswith(".css")]
    links = "\n".join(f'<link rel="stylesheet" href="{name}">' for name in styles)
    title = escape(service.name)
    needs_token = "true" if service.options.tokens else "false"
    return f"""<!doctype html>
<html lang="en" data-name="{title}" data-needs-token="{needs_token}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}: playground</title>
<link rel="icon" href="data:,">
{links}
<script type="module" src="playground.js"></script>
</head>
<body>
<noscript>The playground needs JavaScript.</noscript>
</body>
</html>
"""
