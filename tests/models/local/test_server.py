"""The real model, in the real server, asked by the real client."""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest

from workbench.errors import MissingDependencyError, ModelNotInstalledError, ModelServerError
from workbench.models.local import server as server_module
from workbench.models.local import weights
from workbench.models.local.server import REQUEST_OPTIONS, LocalServer, get_server

openai = pytest.importorskip("openai")
if importlib.util.find_spec("xllamacpp") is None:
    pytest.skip("xllamacpp is not installed", allow_module_level=True)

NO_END = {"ignore_eos": True, **REQUEST_OPTIONS}
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and fork")


@pytest.fixture(scope="module")
def installed(local_model: str) -> None:
    if os.environ.get("WORKBENCH_TEST_PULL") == "1":
        weights.ensure("smollm2")
    elif weights.installed()[0].state != "ok":
        pytest.skip("the local model is not installed: workbench models pull")


@pytest.fixture
def server(installed: None) -> LocalServer:
    return get_server(say=None)


@pytest.fixture
def client(server: LocalServer) -> Iterator["openai.OpenAI"]:
    with openai.OpenAI(base_url=server.base_url, api_key=server.api_key, max_retries=0) as client:
        yield client


def stream(client: "openai.OpenAI", text: str, max_tokens: int = 1500) -> "openai.Stream":  # type: ignore[type-arg]  # chunks
    return client.chat.completions.create(
        model="smollm2",
        messages=[{"role": "user", "content": text}],
        max_tokens=max_tokens,
        stream=True,
        extra_body=NO_END,
    )


def tokens(chunks: Iterator[object]) -> Iterator[str]:
    for chunk in chunks:
        if chunk.choices and chunk.choices[0].delta.content:  # type: ignore[attr-defined]  # a chat chunk
            yield chunk.choices[0].delta.content  # type: ignore[attr-defined]  # a chat chunk


def wait_until(true: Callable[[], bool], within_s: float) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False


def test_it_answers_from_the_context_it_is_given(client: "openai.OpenAI") -> None:
    context = "harrison worked at kensho"
    question = f"Answer from the context only. Context: {context}.\nQuestion: where did harrison work?"
    answer = client.chat.completions.create(
        model="smollm2", messages=[{"role": "user", "content": question}], max_tokens=40, temperature=0
    )
    assert "kensho" in (answer.choices[0].message.content or "").lower()
    assert [model.id for model in client.models.list()] == ["smollm2"]


def test_every_caller_gets_the_same_server_and_one_line_is_said(installed: None) -> None:
    get_server(say=None).stop()
    said: list[str] = []
    with ThreadPoolExecutor(8) as pool:
        servers = list(pool.map(lambda _: get_server(say=said.append), range(8)))
    assert len({id(server) for server in servers}) == 1
    line = "".join(said)
    assert line.startswith("starting smollm2 in this process ... ready in ")
    assert line.count("\n") == 1


def test_the_key_is_required_and_never_shown(server: LocalServer) -> None:
    stranger = openai.OpenAI(base_url=server.base_url, api_key="guess", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError):
        stream(stranger, "hello", max_tokens=1)
    assert server.api_key not in repr(server)
    assert len(server.api_key) >= 32


def test_four_requests_run_side_by_side(server: LocalServer, client: "openai.OpenAI") -> None:
    streams = [stream(client, f"Story number {number}:") for number in range(4)]
    readers = [tokens(iter(each)) for each in streams]
    assert [bool(next(reader)) for reader in readers] == [True] * 4
    assert server.busy() == server.slots == 4
    for each in streams:
        each.close()
    assert wait_until(lambda: server.busy() == 0, within_s=10)


@pytest.mark.timed
def test_closing_a_stream_frees_its_slot(server: LocalServer, client: "openai.OpenAI") -> None:
    chunks = stream(client, "Tell me a very long story.")
    assert len(list(islice(tokens(iter(chunks)), 3))) == 3
    assert server.busy() == 1
    chunks.close()
    assert wait_until(lambda: server.busy() == 0, within_s=2)


@pytest.mark.timed
def test_closing_a_stream_whose_prompt_is_being_read_frees_its_slot_before_it_has_been_read(
    server: LocalServer, client: "openai.OpenAI"
) -> None:
    chunks = stream(client, f"{time.time()} " + "word " * 1500)
    progress = next(iter(chunks)).model_extra["prompt_progress"]
    assert progress["processed"] < progress["total"]
    chunks.close()
    assert wait_until(lambda: server.busy() == 0, within_s=10)
    read = max(state.get("n_prompt_tokens_processed", 0) for state in server.slot_states())
    assert read < progress["total"]


def test_a_client_that_gave_up_waiting_for_a_slot_never_holds_one(
    server: LocalServer, client: "openai.OpenAI"
) -> None:
    running = [stream(client, f"Story number {number}:") for number in range(server.slots)]
    for each in running:
        next(tokens(iter(each)))
    with pytest.raises(openai.APITimeoutError):
        stream(client.with_options(timeout=0.3), "waits")
    for each in running:
        each.close()
    assert wait_until(lambda: server.busy() == 0, within_s=5)


@pytest.mark.timed
def test_a_request_that_is_not_streamed_stops_soon_after_its_client_left(
    server: LocalServer, client: "openai.OpenAI"
) -> None:
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(
            model="smollm2", messages=[{"role": "user", "content": "hi"}], max_tokens=1900, extra_body=NO_END
        )
    # Nobody may ask for the states in between: every answer postpones the look at the connection.
    time.sleep(2.2)
    assert server.busy() == 0


@pytest.mark.timed
def test_python_threads_run_while_it_generates(client: "openai.OpenAI") -> None:
    gaps: list[float] = []
    done = threading.Event()

    def tick() -> None:
        last = time.perf_counter()
        while not done.wait(0.001):
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    ticker = threading.Thread(target=tick)
    ticker.start()
    assert len(list(tokens(iter(stream(client, "Tell me a story.", max_tokens=60))))) > 30
    done.set()
    ticker.join()
    assert sorted(gaps)[len(gaps) // 2] < 0.02


def test_a_stopped_server_says_so_and_the_next_one_is_new(server: LocalServer) -> None:
    server.stop()
    server.stop()
    assert not server.alive()
    assert "stopped" in repr(server)
    for ask in (server.busy, server.slot_states, lambda: server.base_url):
        with pytest.raises(ModelServerError, match=r"get_server\('smollm2'\)"):
            ask()
    fresh = get_server(say=None)
    assert fresh is not server
    assert fresh.busy() == 0


def test_a_server_that_died_is_replaced(server: LocalServer) -> None:
    server_module._hang_up(server._port)
    assert wait_until(lambda: not server.alive(), within_s=5)
    with pytest.raises(ModelServerError):
        server.slot_states()
    assert get_server(say=None).busy() == 0


def test_stopping_at_once_after_the_start_does_not_hang(installed: None) -> None:
    for _ in range(3):
        server = LocalServer("smollm2", weights.path("smollm2"), slots=1, context_tokens=256)
        server.start()
        assert len(server.slot_states()) == 1
        server.stop()


def test_a_file_that_is_no_model_is_a_server_error(tmp_path: Path) -> None:
    (tmp_path / "noise.gguf").write_bytes(b"noise" * 1000)
    with pytest.raises(ModelServerError, match=r"could not serve .*noise\.gguf"):
        LocalServer("noise", tmp_path / "noise.gguf").start()


@pytest.mark.parametrize("name", ["slots", "threads"])
def test_the_numbers_of_slots_and_threads_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for both in ("SLOTS", "THREADS"):
        monkeypatch.delenv(f"WORKBENCH_{both}", raising=False)
    assert server_module._options_wanted() == {}
    monkeypatch.setenv(f"WORKBENCH_{name.upper()}", "7")
    assert server_module._options_wanted() == {name: 7}
    for bad in ("0", "many", "-1", "1.5"):
        monkeypatch.setenv(f"WORKBENCH_{name.upper()}", bad)
        with pytest.raises(ValueError, match=f"WORKBENCH_{name.upper()} .* got '{bad}'"):
            server_module._options_wanted()


def test_a_server_has_the_slots_and_threads_it_is_told_to_have(
    installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_server(say=None).stop()
    monkeypatch.setenv("WORKBENCH_SLOTS", "2")
    monkeypatch.setenv("WORKBENCH_THREADS", "3")
    server = get_server(say=None)
    try:
        assert (server.threads, len(server.slot_states())) == (3, 2)
    finally:
        server.stop()


def test_offline_nothing_is_pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_servers", {})
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("WORKBENCH_OFFLINE", "1")
    with pytest.raises(ModelNotInstalledError, match="workbench models pull smollm2"):
        get_server(say=None)


def test_without_xllamacpp_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_servers", {})
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(MissingDependencyError, match=r"chain-workbench\[local\]"):
        get_server(say=None)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="known: smollm2"):
        get_server("smollm3")


def test_the_compute_threads_sleep_while_they_wait_unless_the_user_chose(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "xllamacpp", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    with server_module._waiting_threads_sleep():
        assert os.environ["OMP_WAIT_POLICY"] == "passive"
    assert "OMP_WAIT_POLICY" not in os.environ
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    with server_module._waiting_threads_sleep():
        assert os.environ["OMP_WAIT_POLICY"] == "active"


PRELUDE = """
import http.client, json, os, signal, sys, threading, time
from workbench.models.local.server import get_server
server = get_server(say=None)
begun = threading.Event()
def ask(stream):
    options = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1900, "ignore_eos": True}
    headers = {"Authorization": "Bearer " + server.api_key, "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(server.base_url.split("/")[2])
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps({**options, "stream": stream}), headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        while stream and (line := answer.readline()).strip() != b"data: [DONE]":
            if not line:
                raise ConnectionError
            begun.set()
        answer.read()
    except (http.client.HTTPException, OSError):
        print("hung up")
def in_flight(stream, daemon):
    threading.Thread(target=ask, args=(stream,), daemon=daemon).start()
    if stream:
        begun.wait()
    while not server.busy():
        time.sleep(0.05)
"""


def run(script: str, within_s: float = 20) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + script], capture_output=True, text=True, timeout=within_s
    )


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("daemon", [True, False], ids=["daemon", "waited-for"])
def test_the_process_ends_promptly_with_a_request_in_flight(
    installed: None, stream: bool, daemon: bool
) -> None:
    ended = run(f"in_flight({stream}, {daemon})\n")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert daemon or ended.stdout == "hung up\n"


def test_the_process_ends_cleanly_when_nothing_runs(installed: None) -> None:
    ended = run("server.busy()\n")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@posix
def test_an_interrupt_reaches_python_and_leaves_the_server_running(installed: None) -> None:
    ended = run(
        "in_flight(True, True)\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT); time.sleep(10)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', server.alive(), server.busy(), get_server() is server)\n"
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "interrupted True 1 True\n" in ended.stdout


@posix
def test_an_interrupt_nobody_catches_ends_the_process_as_usual(installed: None) -> None:
    ended = run("in_flight(True, False)\nos.kill(os.getpid(), signal.SIGINT); time.sleep(10)\n")
    assert ended.returncode == -signal.SIGINT
    assert ended.stderr.splitlines()[-1] == "KeyboardInterrupt"


@posix
def test_an_interrupt_while_it_loads_leaves_a_process_that_can_go_on(installed: None) -> None:
    ended = run(
        "server.stop()\n"
        "threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "try:\n"
        "    get_server(say=None); time.sleep(10)\n"
        "except KeyboardInterrupt:\n"
        "    print(get_server(say=None).busy())\n"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "0\n", "")


@posix
def test_a_termination_ends_the_process_at_once_and_quietly(installed: None) -> None:
    ended = run("in_flight(True, False)\nos.kill(os.getpid(), signal.SIGTERM); time.sleep(10)\n")
    assert (ended.returncode, ended.stderr) == (-signal.SIGTERM, "")
    handled = run(
        "in_flight(True, False)\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "os.kill(os.getpid(), signal.SIGTERM); time.sleep(10)\n"
    )
    assert (handled.returncode, handled.stdout, handled.stderr) == (0, "hung up\n", "")


@posix
@pytest.mark.parametrize("leave", ["sys.exit(0)", "os._exit(0)"])
def test_a_forked_child_starts_its_own_server_and_leaves_the_parents_alone(
    installed: None, leave: str
) -> None:
    ended = run(
        "address = server.base_url\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    signal.alarm(15)\n"
        "    assert not server.alive()\n"
        "    own = get_server(say=None)\n"
        "    assert own is not server and own.base_url != address and own.busy() == 0\n"
        f"    {leave}\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), server.alive(), server.busy())\n"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "0 True 0\n", "")


@posix
def test_a_forked_child_that_never_asks_exits_cleanly(installed: None) -> None:
    ended = run(
        "child = os.fork()\n"
        "if child == 0:\n"
        "    signal.alarm(15)\n"
        "    sys.exit(0)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), server.busy())\n"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "0 0\n", "")
