"""Applications that serve chains: ``add_routes`` for one of your own, ``create_app`` for one of ours.

    app = Starlette()                    # or FastAPI()
    add_routes(app, chain, path="/joke")

serves ``/joke/invoke``, ``/joke/batch``, ``/joke/stream``, ``/joke/stream_log``, ``/joke/stream_events``, the
three schemas and ``/joke/playground``, and for the whole application ``/health`` and ``/openapi.json``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import MissingDependencyError
from ...runnables.base import coerce

try:
    from starlette.applications import Starlette
    from starlette.routing import Route
except ImportError as error:
    raise MissingDependencyError.for_extra("serving a chain", "starlette", "serve") from error

from .endpoints import POSTS, SCHEMAS, Service, answer_json, header_of
from .openapi import openapi_document
from .options import ActiveRuns, ConfigModifier, ErrorDetail, Limits, RouteOptions, as_tokens, checked_path
from .playground import playground_routes

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["Limits", "active_runs_of", "add_routes", "create_app"]

T = TypeVar("T")


def add_routes(
    app: Any,
    chain: Any,
    *,
    path: str = "",
    config_keys: Sequence[str] = ("configurable",),
    limits: Limits | None = None,
    tokens: str | Sequence[str] | None = None,
    errors: ErrorDetail = "typed",
    playground: bool = True,
    per_req_config_modifier: ConfigModifier | None = None,
) -> None:
    """Serve *chain* (or what becomes one with ``|``) at *path* of a Starlette or FastAPI application.

    *config_keys* of a caller's config count, the others are dropped. With *tokens* callers must send one of
    them: ``Authorization: Bearer ...``. *errors* says what they learn of a failure of the chain: "typed" (its
    type and message), "hidden" or "traceback". *per_req_config_modifier* is given the allowed config and the
    request, and returns the config to run with. ValueError for a path that is taken or is none.

    >>> from starlette.applications import Starlette
    >>> from workbench import add_routes
    >>> app = Starlette()
    >>> add_routes(app, str.upper, path="/upper")
    >>> [route.path for route in app.routes][:3]
    ['/upper/invoke', '/upper/batch', '/upper/stream']
    """
    options = RouteOptions(
        tuple(config_keys),
        Limits() if limits is None else limits,
        as_tokens(tokens),
        errors,
        per_req_config_modifier,
        playground,
    )
    where = checked_path(path)
    if not hasattr(app, "state") or not hasattr(app, "router"):
        kind = type(app).__name__
        raise TypeError(f"add_routes: expected an application of Starlette or FastAPI, got {kind}")
    services: list[Service] = _kept(app, "workbench_services", list)
    if any(service.path == where for service in services):
        raise ValueError(f"add_routes: the path {where or '/'!r} is taken by another chain")
    service = Service(coerce(chain), where, options, active_runs_of(app))
    services.append(service)
    routes: list[Any] = [
        *(Route(f"{where}/{name}", service.endpoint(name), methods=["POST"]) for name in POSTS),
        *(Route(f"{where}/{name}", service.endpoint(name), methods=["GET"]) for name in SCHEMAS),
        *(playground_routes(service) if playground else ()),
    ]
    app.router.routes.extend(routes)
    known = {getattr(route, "path", None) for route in app.router.routes}
    if "/health" not in known:
        app.router.routes.append(Route("/health", _Health(active_runs_of(app)), methods=["GET"]))
    if "/openapi.json" not in known:
        app.router.routes.append(Route("/openapi.json", _OpenAPI(services), methods=["GET"]))


def create_app(chains: Mapping[str, Any], *, cors_origins: Sequence[str] = (), **options: Any) -> Starlette:
    """An application of *chains* by path, each with the *options* of ``add_routes``. Pages of *cors_origins*
    may call it; without, browsers keep all other sites out."""
    app = Starlette()
    if cors_origins:
        from starlette.middleware.cors import CORSMiddleware

        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Workbench-Wire"],
        )
    for path, chain in chains.items():
        add_routes(app, chain, path=path, **options)
    return app


def active_runs_of(app: Any) -> ActiveRuns:
    """The active runs of an application, of all its chains."""
    return _kept(app, "workbench_active_runs", ActiveRuns)


def _kept(app: Any, name: str, make: Callable[[], T]) -> T:
    """What an application has under a name of ours, made when it is first asked for."""
    if not hasattr(app.state, name):
        setattr(app.state, name, make())
    return getattr(app.state, name)  # type: ignore[no-any-return]  # what was made


class _Health:
    """Whether new runs are accepted."""

    def __init__(self, active: ActiveRuns) -> None:
        self._active = active

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._active.is_stopping:
            await answer_json(send, 503, {"status": "stopping"})
        else:
            await answer_json(send, 200, {"status": "ok", "runs": len(self._active.runs)})


class _OpenAPI:
    """The OpenAPI document of the chains that a caller's token gives access to."""

    def __init__(self, services: list[Service]) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        authorization = header_of(scope, "authorization")
        seen = [service for service in self._services if service.options.lets_in(authorization)]
        if self._services and not seen:
            body = {"detail": "expected Authorization: Bearer and a token of this service"}
            await answer_json(send, 401, body, {"www-authenticate": "Bearer"})
        else:
            await answer_json(send, 200, openapi_document(seen))
