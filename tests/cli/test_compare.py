"""``workbench compare``, as people run it: a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHAINS = """
import time
from workbench import RunnableLambda, FakeChatModel, StrOutputParser

def nap(value):
    time.sleep(0.02)
    return value

joke = RunnableLambda(nap) | FakeChatModel(responses=["ha"], delay_s=0.01) | StrOutputParser()
poem = RunnableLambda(nap)
slow = RunnableLambda(lambda value: time.sleep(0.3))
broken = RunnableLambda(lambda value: value / 0)
three = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "chains.py").write_text(CHAINS)
    (tmp_path / "topics.jsonl").write_text('"bears"\n\n"cats"\n"owls"\n')
    (tmp_path / "topics.json").write_text('["bears", "cats"]')
    (tmp_path / "wrong.jsonl").write_text('"bears"\nbears\n')
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "dict.json").write_text('{"a": 1}')
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe")
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "workbench", "compare", *arguments]


def run(folder: Path, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment,
        input=input,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.slow
def test_it_prints_a_table_tells_its_progress_and_writes_a_page(folder: Path):
    done = run(
        folder,
        *("chains:joke", "chains.py:poem", "--inputs", "topics.jsonl"),
        *("--strategies", "one-by-one,batch,abatch", "--concurrency", "1,3", "--out", "report.html"),
    )
    assert done.returncode == 0, done.stderr
    assert "joke, poem: 3 inputs of topics.jsonl" in done.stdout
    assert "joke, abatch (max_concurrency=3)" in done.stdout
    assert "no difference seen" in done.stdout or "faster" in done.stdout
    assert "round 5 of 5" in done.stderr and "left)" in done.stderr
    page = (folder / "report.html").read_text()
    assert "<script" not in page and "Verdicts" in page and "Calls, in the places they had" in page


def test_figures_are_written_as_json_and_inputs_may_come_from_standard_input(folder: Path):
    done = run(
        folder,
        *("chains:poem", "--inputs", "-", "--repeat", "2", "--warmup", "0", "--out", "r.json", "--quiet"),
        input='"a"\n"b"\n',
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((folder / "r.json").read_text())
    assert [one["case"] for one in told["repeats"]] == ["one by one", "one by one", "batch", "batch"]
    assert done.stderr == "written: r.json\n"


def test_one_input_and_several_chains_are_compared_in_parallel(folder: Path):
    done = run(folder, "chains:joke", "chains:poem", "--inputs", "-", "--repeat", "1", input='"a"\n')
    assert "together, parallel" in done.stdout


@pytest.mark.timed
def test_an_interrupt_keeps_what_was_measured(folder: Path):
    arguments = ("chains:slow", "--inputs", "topics.json", "--repeat", "50", "--out", "report.html")
    process = subprocess.Popen(
        command(*arguments, "--strategies", "batch", "--warmup", "0"),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "round 3 of 50" in line:
            break
    process.send_signal(signal.SIGINT)
    pressed = time.monotonic()
    out, _ = process.communicate(timeout=20)
    assert time.monotonic() - pressed < 10
    assert process.returncode == 130
    assert "interrupted" in out and "medians of" in out
    assert "interrupted" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chains:jok", "--inputs", "topics.jsonl"], "chains has no 'jok'; it has"),
        (["chains:three", "--inputs", "topics.jsonl"], "chains:three is no chain"),
        (["nothing:joke", "--inputs", "topics.jsonl"], "there is no module 'nothing' here"),
        (["joke", "--inputs", "topics.jsonl"], "expected MODULE:CHAIN"),
        (["chains:joke", "chains:joke", "--inputs", "topics.jsonl"], "two chains have the same name"),
        (["chains:joke"], "--inputs"),
        (["chains:joke", "--inputs", "no.jsonl"], "--inputs no.jsonl: No such file"),
        (["chains:joke", "--inputs", "wrong.jsonl"], "line 2: expected JSON, got 'bears'"),
        (["chains:joke", "--inputs", "empty.jsonl"], "there is nothing in it"),
        (["chains:joke", "--inputs", "dict.json"], "expected a list of inputs, got dict"),
        (["chains:joke", "--inputs", "bytes.jsonl"], "it is no UTF-8 text"),
        (["chains:joke", "--inputs", "topics.jsonl", "--strategies", "bacth"], "did you mean 'batch'"),
        (
            ["chains:joke", "--inputs", "topics.jsonl", "--concurrency", "x"],
            "--concurrency: expected numbers",
        ),
        (["chains:joke", "--inputs", "topics.jsonl", "--repeat", "0"], "--repeat: expected a number from 1"),
        (["chains:joke", "--inputs", "topics.jsonl", "--repeat", "x"], "invalid int value: 'x'"),
        (["chains:joke", "--inputs", "topics.jsonl", "--warmup", "-1"], "--warmup: expected a number from 0"),
        (["chains:joke", "--inputs", "topics.jsonl", "--baseline", "b"], "--baseline: expected one of"),
        (["chains:joke", "--inputs", "topics.jsonl", "--out", "r.txt"], "ends in .html or .json"),
        (["chains:joke", "--inputs", "topics.jsonl", "--out", "/no/r.html"], "there is no folder /no"),
    ],
)
def test_every_wrong_argument_is_told_in_one_line(
    folder: Path,
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    from workbench.cli.main import main

    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.modules.pop("chains", None)
    try:
        code = main(["compare", *arguments])
    except SystemExit as error:  # argparse's own
        code = int(error.code or 0)
    told = capsys.readouterr().err
    assert code in (1, 2)
    assert says in told
    assert "Traceback" not in told


def test_what_a_chain_raises_comes_with_its_case_and_input(folder: Path):
    done = run(folder, "chains:broken", "--inputs", "topics.jsonl", "--quiet")
    assert done.returncode == 1
    assert "while timing the case 'one by one'" in done.stderr
    assert "on input 1 of 3: 'bears'" in done.stderr
    assert "chains.py" in done.stderr and "value / 0" in done.stderr
    assert "engine/" not in done.stderr and len(done.stderr.splitlines()) < 12
