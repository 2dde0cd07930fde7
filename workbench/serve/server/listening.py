"""A server for chains: in the background of a notebook (``serve_chain``), or in the foreground for the CLI.

It listens on this machine only, unless *host* says otherwise. A server on a loopback address answers only
requests whose Host header names this machine, so that a page elsewhere cannot reach it by pointing a name of
its own here (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import socket
import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ...errors import MissingDependencyError, WorkbenchError
from ..client.remote import RemoteRunnable

try:
    import uvicorn
except ImportError as error:
    raise MissingDependencyError.for_extra("serving a chain", "uvicorn", "serve") from error

from .app import active_runs_of, create_app
from .endpoints import answer_json, header_of
from .options import as_tokens, checked_path

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["ServedChain", "listen", "run_server", "serve_chain"]

LOOPBACK = "127.0.0.1"
GRACE_S = 5.0
_START_S = 10.0


class ServedChain:
    """A chain that is served until ``stop``, or to the end of a ``with`` block. ``url`` is its address.

    >>> from workbench import ServedChain, serve_chain
    >>> with serve_chain(str.upper, path="/upper") as service:
    ...     assert isinstance(service, ServedChain)
    ...     service.remote().invoke("hi"), service.playground.endswith("/upper/playground/")
    ('HI', True)
    >>> service.is_running
    False
    """

    def __init__(self, server: _Server, listener: socket.socket, url: str, token: str | None) -> None:
        self.url = url
        self._token = token
        self._server = server
        self._listener = listener
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="workbench-serve", daemon=True)
        self._thread.start()
        self._wait_started()

    @property
    def playground(self) -> str:
        """The address of its playground."""
        return f"{self.url}/playground/"

    def remote(self, **options: Any) -> RemoteRunnable[Any, Any]:
        """A ``RemoteRunnable`` of it."""
        return RemoteRunnable(self.url, **{"token": self._token, **options})

    def stop(self) -> None:
        """Let active runs come to their end, for *grace_s* seconds, and end the server. Calling it again does
        nothing."""
        self._server.should_exit = True
        if threading.current_thread() is not self._thread:
            self._thread.join()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<ServedChain {self.url}: {'running' if self.is_running else 'stopped'}>"

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        except BaseException as error:  # raised by _wait_started
            self._error = error
        finally:
            self._listener.close()
            self._server.on_started()

    def _wait_started(self) -> None:
        if not self._server.has_started.wait(_START_S) or self._error is not None or not self._server.started:
            self._server.should_exit = True
            raise WorkbenchError(f"the server of {self.url} did not start: {self._error!r}") from self._error


def serve_chain(
    chain: Any,
    *,
    path: str = "/chain",
    host: str = LOOPBACK,
    port: int = 0,
    token: str | None = None,
    allow_remote: bool = False,
    grace_s: float = GRACE_S,
    **options: Any,
) -> ServedChain:
    """Serve a chain in the background: ``service = serve_chain(joke, path="/joke")``.

    Port 0 is any free one. An address other than this machine's own needs *allow_remote*, and should have a
    *token* too. At ``service.stop()`` runs get *grace_s* seconds to end. *options* are those of
    ``add_routes``.

    >>> from workbench import FakeChatModel, serve_chain
    >>> service = serve_chain(FakeChatModel(responses=["Knock, knock."]), path="/model")
    >>> list(service.remote().stream("a joke"))[0]
    AIMessageChunk(content='Knock,')
    >>> service.stop()
    """
    where = checked_path(path)
    listener = listen(host, port, allow_remote=allow_remote)
    try:
        if not is_loopback(host) and not token:
            warn_open(host)
        app = create_app({where: chain}, tokens=as_tokens(token), **options)
        server = _Server(app, host, grace_s, log_level="error")
    except BaseException:
        listener.close()
        raise
    address = f"http://{_shown_host(host)}:{listener.getsockname()[1]}"
    return ServedChain(server, listener, f"{address}{where}", token)


def run_server(app: Any, listener: socket.socket, host: str, *, grace_s: float = GRACE_S) -> None:
    """Serve *app* until Ctrl-C or a termination signal; a second one does not wait for what runs."""
    _Server(app, host, grace_s, log_level="info").run(sockets=[listener])


def listen(host: str, port: int, *, allow_remote: bool = False) -> socket.socket:
    """A socket that listens there. WorkbenchError if it cannot, or must not."""
    if not is_loopback(host) and not allow_remote:
        raise WorkbenchError(
            f"{host} can be reached from other machines: say so with --allow-remote (allow_remote=True), "
            f"or take {LOOPBACK}"
        )
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise WorkbenchError(f"cannot listen on {host}: {error.strerror or error}") from error
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or error
        raise WorkbenchError(f"cannot listen on {host}:{port}: {why}; port 0 is any free one") from error
    listener.set_inheritable(False)
    return listener


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def warn_open(host: str) -> None:
    """Say that everyone can call what is served."""
    print(f"workbench: warning: everyone who reaches {host} can run this chain: set a token", file=sys.stderr)


class _Server(uvicorn.Server):
    """uvicorn, with a shutdown that gives runs a fixed time to end."""

    def __init__(self, app: Any, host: str, grace_s: float, *, log_level: str) -> None:
        guarded = _LoopbackNames(app) if is_loopback(host) else app
        super().__init__(
            uvicorn.Config(
                guarded,
                log_level=log_level,
                lifespan="off",
                timeout_graceful_shutdown=2,
                server_header=False,
                backlog=2048,
            )
        )
        self.has_started = threading.Event()
        self._active = active_runs_of(app)
        self._grace_s = grace_s

    def on_started(self) -> None:
        self.has_started.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._active.shut_down(self._grace_s, lambda: self.force_exit)
        await super().shutdown(sockets)


class _LoopbackNames:
    """Refuses requests that were made under another machine's name (DNS rebinding)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = header_of(scope, "host")
            if not _names_loopback(host):
                text = f"this server answers to localhost and {LOOPBACK} only, not to {host[:80]!r}"
                await answer_json(send, 421, {"detail": text})
                return
        await self._app(scope, receive, send)


def _names_loopback(host: str) -> bool:
    """Whether a ``Host`` header means this machine.

    >>> [_names_loopback(host) for host in ("localhost:8000", "[::1]:80", "evil.example", "127.0.0.1")]
    [True, True, False, True]
    """
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return is_loopback(name.lower())


def _shown_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
