"""``workbench serve``: chains found by name, served to the end, and errors that say what to do."""

import contextlib
import os
import signal
import subprocess
import sys

import httpx
import pytest

from workbench.cli.main import main
from workbench.errors import WorkbenchError
from workbench.serve.server.command import load_chain

CHAINS = """
from workbench import RunnableLambda
upper = RunnableLambda(str.upper)
def shout(text: str) -> str:
    return text + "!"
number = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "some_chains.py").write_text(CHAINS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "some_chains", raising=False)
    return tmp_path


@contextlib.contextmanager
def serving(*arguments, **environment):
    """The process, and the lines that it begins with."""
    command = [sys.executable, "-m", "workbench", "serve", *arguments, "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_chains_are_served_under_their_names_until_an_interrupt(here):
    with serving("some_chains:upper", "some_chains.py:shout") as process:
        urls = [process.stdout.readline().split()[0] for _ in range(2)]
        assert [url.rpartition("/")[2] for url in urls] == ["upper", "shout"]
        answers = [httpx.post(f"{url}/invoke", json={"input": "hi"}).json()["output"] for url in urls]
        assert answers == ["HI", "hi!"]
        assert httpx.get(f"{urls[0]}/playground/").status_code == 200
        process.send_signal(signal.SIGINT)
        process.wait(5)


def test_the_token_comes_from_a_file_or_the_environment_and_is_not_printed(here):
    (here / "token").write_text("token-of-a-file\n")
    for arguments, environment, token in (
        (["--token-file", "token"], {}, "token-of-a-file"),
        ([], {"WORKBENCH_SERVE_TOKEN": "token-of-the-environment"}, "token-of-the-environment"),
    ):
        with serving("some_chains:upper", "--no-playground", *arguments, **environment) as process:
            line = process.stdout.readline()
            url = line.split()[0]
            assert httpx.post(f"{url}/invoke", json={"input": "hi"}).status_code == 401
            headers = {"authorization": f"Bearer {token}"}
            assert httpx.post(f"{url}/invoke", json={"input": "hi"}, headers=headers).status_code == 200
            assert httpx.get(f"{url}/playground/").status_code == 404
            process.terminate()
            process.wait(5)
            assert token not in line + process.stderr.read()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("some_chains", "expected MODULE:CHAIN"),
        ("some_chains:", "expected MODULE:CHAIN"),
        ("some_chains:a.b", "expected MODULE:CHAIN"),
        ("no_such_module:joke", "there is no module 'no_such_module'"),
        ("no_file.py:joke", "there is no file no_file.py"),
        ("some_chains:joke", r"some_chains has no 'joke'; it has .*upper"),
        ("some_chains:number", "some_chains:number is no chain: expected a Runnable"),
    ],
)
def test_what_cannot_be_served_is_told(here, target, message):
    with pytest.raises(WorkbenchError, match=message):
        load_chain(target)


def test_an_error_of_the_module_is_raised_as_it_is(here):
    (here / "broken_chains.py").write_text("import no_such_package\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        load_chain("broken_chains:joke")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "--allow-remote"),
        (["--token-file", "missing"], "--token-file missing: No such file"),
        (["--config-key", "callbacks"], "config_keys"),
        (["--run-seconds", "0"], "run_s"),
    ],
)
def test_options_that_cannot_be_are_told(here, capsys, arguments, message):
    assert main(["serve", "some_chains:upper", "--port", "0", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_two_chains_of_one_name_are_told(here, capsys):
    assert main(["serve", "some_chains:upper", "some_chains.py:upper", "--port", "0"]) == 1
    assert "two chains have the same name" in capsys.readouterr().err
