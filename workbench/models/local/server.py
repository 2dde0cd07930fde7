"""llama.cpp's server in this process: one per local model, on a loopback port, started on first use.

Ordinary clients of an OpenAI-compatible HTTP API talk to it (`LocalServer.base_url`, `LocalServer.api_key`).
It answers as many requests at once as it has *slots*, each with a context of its own, and batches their
tokens; more requests than that queue. Its threads are C++ threads: generating does not hold the GIL.
Loading does, for about a second.

Cancelling is closing the connection, as with any such API. How soon the slot is free is up to llama.cpp:

- a *streamed* answer: at the next token, a few hundredths of a second. While its prompt is still being read:
  after the batch being read (`REQUEST_OPTIONS` in the request's body, about a second), without those only
  when the prompt has been read. While it waits for a slot: when it gets one.
- an answer that is *not* streamed: within about two seconds if nothing else runs, else possibly only at its
  end. llama.cpp checks the connection when no slot has produced anything for one second. So stream, even
  when you want the whole answer, and do not call `slot_states` in a tight loop: it counts as producing.

The server ends with the process, and with it the requests that are still running. A forked child does not
inherit it; it starts its own. This module does not build prompts or parse answers.
"""

import atexit
import contextlib
import ctypes
import http.client
import json
import os
import secrets
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ...errors import MissingDependencyError, ModelServerError
from . import weights

__all__ = ["REQUEST_OPTIONS", "LocalServer", "Say", "get_server", "say_on_stderr"]

Say = Callable[[str], None]
"""Called with pieces of text, as ``sys.stderr.write`` is; one line in all, its newline included."""

REQUEST_OPTIONS: Mapping[str, Any] = MappingProxyType({"return_progress": True})
"""What a streamed request should have in ``extra_body`` so that it can be cancelled while its prompt is read.

The chunks before the first token then report the progress of that: they have an empty delta and, beside the
choices, ``prompt_progress`` with ``total``, ``cache`` and ``processed`` tokens and ``time_ms``.
"""

_HOST = "127.0.0.1"
_SLOTS = 4
_CONTEXT_TOKENS = 2048
_MAX_THREADS = 2
_STATE_TIMEOUT_S = 30.0


def say_on_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


class LocalServer:
    """A model served from this process; `start` loads it, `stop` frees it.

    *context_tokens* is for each slot: prompt and answer together. *threads* compute (default: two, or the
    one the machine has).
    """

    def __init__(
        self,
        model: str,
        path: Path,
        *,
        slots: int = _SLOTS,
        context_tokens: int = _CONTEXT_TOKENS,
        threads: int | None = None,
    ) -> None:
        self.model = model
        self.path = path
        self.slots = slots
        self.context_tokens = context_tokens
        self.threads = threads or min(_MAX_THREADS, os.cpu_count() or 1)
        self.load_s: float | None = None
        """Seconds the last start took."""
        self._api_key = secrets.token_urlsafe(24)
        self._native: Any = None
        self._port = 0
        self._pid = 0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        where = f"at {self.base_url}" if self._native is not None else "stopped"
        return f"<LocalServer {self.model} {where}, {self.slots} slots>"

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:PORT/v1``, for an OpenAI client. Raises ModelServerError if it is stopped."""
        self._port_or_raise()
        return f"http://{_HOST}:{self._port}/v1"

    @property
    def api_key(self) -> str:
        """Made for this server, required by it, and shown nowhere."""
        return self._api_key

    def start(self) -> None:
        """Load the model and listen; nothing if it already does. Raises ModelServerError."""
        xllamacpp = _xllamacpp()
        with self._lock:
            if self._native is not None:
                return
            began = time.perf_counter()
            try:
                self._native = xllamacpp.Server(self._parameters(xllamacpp))
                self._port = int(self._native.listening_address.rpartition(":")[2])
            except (RuntimeError, ValueError, AttributeError) as error:
                self._native = None
                raise ModelServerError(
                    f"llama.cpp could not serve {self.path} ({error}); is there memory for the model, and is "
                    f"xllamacpp up to date? To fetch the weights again: workbench models pull {self.model}"
                ) from error
            self._pid = os.getpid()
            try:
                # Answered by its main loop: until that runs, stopping it would be lost and wait for ever.
                self.slot_states()
            finally:
                self.load_s = time.perf_counter() - began

    def stop(self) -> None:
        """Free the model; requests that are running end with a connection error."""
        with self._lock:
            native, self._native = self._native, None
            if native is None:
                return
            if self._pid == os.getpid():
                _hang_up(self._port)
            if _forked:
                _leak(native)
            del native

    def alive(self) -> bool:
        """Whether this process runs it and it takes connections."""
        if self._native is None or self._pid != os.getpid():
            return False
        try:
            socket.create_connection((_HOST, self._port), timeout=5).close()
        except OSError:
            return False
        return True

    def slot_states(self) -> list[dict[str, Any]]:
        """One dict a slot, as llama.cpp reports it: ``id``, ``is_processing``, ``n_ctx``, ...

        Answered between two batches of tokens. Raises ModelServerError if the server is stopped or dead.
        """
        connection = http.client.HTTPConnection(_HOST, self._port_or_raise(), timeout=_STATE_TIMEOUT_S)
        try:
            connection.request("GET", "/slots", headers={"Authorization": f"Bearer {self._api_key}"})
            response = connection.getresponse()
            body = response.read()
            if response.status != 200:
                raise ModelServerError(f"the local model server answered /slots with {response.status}")
            states: list[dict[str, Any]] = json.loads(body)
            return states
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ModelServerError(
                f"the local model server does not answer ({error!r}): get_server({self.model!r})"
            ) from error
        finally:
            connection.close()

    def busy(self) -> int:
        """How many slots are at work on a request."""
        return sum(bool(state["is_processing"]) for state in self.slot_states())

    def _port_or_raise(self) -> int:
        if self._native is None or self._pid != os.getpid():
            raise ModelServerError(
                f"the local model {self.model!r} is not running in this process: get_server({self.model!r})"
            )
        return self._port

    def _parameters(self, xllamacpp: Any) -> Any:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(self.path)
        parameters.model_alias = {self.model}
        parameters.hostnames = [_HOST]
        parameters.port = 0
        parameters.api_keys = [self._api_key]
        parameters.cors_origins = ""
        parameters.ui = False
        parameters.endpoint_slots = True
        parameters.verbosity = -1
        parameters.n_parallel = self.slots
        parameters.n_ctx = self.slots * self.context_tokens
        parameters.cont_batching = True
        parameters.cpuparams.n_threads = self.threads
        parameters.cpuparams_batch.n_threads = self.threads
        # Between two batches other requests get their tokens and a cancelled prompt is dropped; smaller is
        # slower.
        parameters.n_batch = parameters.n_ubatch = 128
        # Finding out what fits the device doubles the load time, and the values above are known to be small.
        parameters.fit_params = False
        # A slot still remembers its last prompt; beyond that, up to 8 GB would pile up in this process.
        parameters.cache_ram_mib = 0
        # Seconds; a request that waits also checks this often whether its client is still connected.
        parameters.sse_ping_interval = 1
        return parameters


# The servers of this process by model name, and their locks. The outer lock lets one thread at a time fetch,
# load and report on it; the inner one is held while the native server is used.
_servers: dict[str, LocalServer] = {}
_lock = threading.Lock()
_native_lock = threading.Lock()
_watched = False
_exiting = False
_forked = False
"""Whether this process was forked from one that ran a server."""


def get_server(
    name: str = "smollm2", *, say: Say | None = say_on_stderr, progress: weights.Progress | None = None
) -> LocalServer:
    """The server of *name* in this process, started if there is none, or none that is alive.

    Blocks: about a second to load, longer where the weights are pulled first (not with WORKBENCH_OFFLINE=1,
    which raises ModelNotInstalledError). *say* gets the line about loading, in two pieces, *progress* the
    messages about pulling; ``say=None`` silences both. WORKBENCH_SLOTS and WORKBENCH_THREADS
    set the numbers of slots and of threads that compute. Safe from any number of threads. Raises
    MissingDependencyError, ModelDownloadError, ModelServerError.
    """
    server = _servers.get(name)
    if server is not None and server.alive():
        return server
    weights.known(name)  # or ValueError
    with _lock:
        server = _servers.get(name)
        if server is not None and server.alive():
            return server
        options = _options_wanted()
        _xllamacpp()
        if say is None:
            progress = progress or (lambda *_: None)
        offline = os.environ.get("WORKBENCH_OFFLINE", "") not in ("", "0")
        file = weights.path(name) if offline else weights.ensure(name, progress=progress)
        return _start(name, file, options, say or (lambda _: None))


def _start(name: str, file: Path, options: dict[str, int], say: Say) -> LocalServer:
    """Start in a thread of its own, so that an interrupt never leaves a server half started.

    A native server that is dropped right after it was made cannot be stopped any more (see `start`).
    """
    outcome: list[LocalServer | BaseException] = []

    def run() -> None:
        try:
            outcome.append(_start_and_register(name, file, options))
        except BaseException as error:
            outcome.append(error)

    say(f"starting {name} in this process ... ")
    thread = threading.Thread(target=run, name=f"workbench-start-{name}", daemon=True)
    try:
        thread.start()
        thread.join()
    except BaseException:
        say("interrupted\n")
        raise
    result = outcome[0]
    if isinstance(result, BaseException):
        say("failed\n")
        raise result
    say(f"ready in {result.load_s:.1f} s\n")
    return result


def _start_and_register(name: str, file: Path, options: dict[str, int]) -> LocalServer:
    with _native_lock:
        if _exiting:
            raise ModelServerError("the interpreter is exiting: no model is started any more")
        before = _servers.get(name)
        if before is not None:
            if before.alive():
                return before
            before.stop()
        server = LocalServer(name, file, **options)
        _stop_with_the_process()
        server.start()
        _servers[name] = server
        return server


def _options_wanted() -> dict[str, int]:
    """What the environment says of a server's ``slots`` and ``threads``. ValueError if it is no number."""
    options = {}
    for name in ("slots", "threads"):
        variable = f"WORKBENCH_{name.upper()}"
        asked = os.environ.get(variable, "").strip()
        if asked and (not asked.isdecimal() or int(asked) < 1):
            raise ValueError(f"{variable} must be a whole number from 1, got {asked!r}")
        if asked:
            options[name] = int(asked)
    return options


def _xllamacpp() -> Any:
    try:
        with _waiting_threads_sleep():
            import xllamacpp
    except ImportError as error:
        raise MissingDependencyError.for_extra("the local model", "xllamacpp", "local") from error
    return xllamacpp


@contextlib.contextmanager
def _waiting_threads_sleep() -> Iterator[None]:
    """Have the OpenMP runtime that is loaded in here sleep while it waits, unless the user chose otherwise.

    By default its threads spin for each other at every step. With a browser on the same two cores that took
    the model from 60 tokens a second to 2. The runtime reads the variable once, when it is loaded.
    """
    if "OMP_WAIT_POLICY" in os.environ or "xllamacpp" in sys.modules:
        yield
        return
    os.environ["OMP_WAIT_POLICY"] = "passive"
    try:
        yield
    finally:
        os.environ.pop("OMP_WAIT_POLICY", None)


def _stop_with_the_process() -> None:
    """Arrange for `_shut_down`, as soon as the main thread has ended.

    At exit the interpreter first waits for threads, among them those whose request is still being answered,
    and only then calls the atexit functions: the watching thread hangs up on them before.
    """
    global _watched
    if not _watched:
        _watched = True
        atexit.register(_shut_down)
        threading.Thread(target=_watch_main_thread, name="workbench-server-watch", daemon=True).start()


def _watch_main_thread() -> None:
    threading.main_thread().join()
    _shut_down()


def _shut_down() -> None:
    global _exiting
    with _native_lock:
        _exiting = True
        for server in _servers.values():
            server.stop()
        _servers.clear()


def _hang_up(port: int) -> None:
    """Shut the server's own side of every connection at *port*, and its listening socket first.

    llama.cpp waits at its end for the requests that run, and for one that is not streamed it would wait for
    ever; a connection that is gone makes it give up. The sockets are descriptors of this very process.
    """
    listening: list[socket.socket] = []
    accepted: list[socket.socket] = []
    for descriptor in _socket_descriptors():
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as ours:
            if ours.family != socket.AF_INET or ours.getsockname() != (_HOST, port):
                continue
            keep = ours.dup()
            accept = ours.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            (listening if accept else accepted).append(keep)
    for connection in (*listening, *accepted):
        with contextlib.suppress(OSError), connection:
            connection.shutdown(socket.SHUT_RDWR)


def _socket_descriptors() -> list[int]:
    """Descriptors of this process that are sockets; on Windows sockets are not descriptors, so none."""
    try:
        descriptors = [int(entry) for entry in os.listdir("/dev/fd")]
    except OSError:
        return []
    sockets = []
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                sockets.append(descriptor)
    return sockets


def _leak(native: Any) -> None:
    """Never destroy *native*: after a fork it would wait for threads that only the parent has.

    That holds for a server the child started, too: it shares llama.cpp's globals with the parent's.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(native))


def _after_fork_in_child() -> None:
    global _lock, _native_lock, _watched, _forked
    _lock, _native_lock = threading.Lock(), threading.Lock()
    _watched = False
    if _servers:
        _forked = True
        _skip_native_teardown()
    for server in _servers.values():
        server._lock = threading.Lock()
        server.stop()
    _servers.clear()


def _skip_native_teardown() -> None:
    """Have this forked process skip the destructors of llama.cpp's globals at its exit: they would abort or
    hang, since they join threads that only the parent has.

    What is registered by glibc's ``on_exit`` is called with the exit status after Python has shut down, and
    before those destructors; here it is ``_exit``. Other C libraries have no ``on_exit``: there, a child
    forked from a process with a server should end by ``os._exit``.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "on_exit"):
        libc.on_exit(ctypes.cast(libc._exit, ctypes.c_void_p), None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
