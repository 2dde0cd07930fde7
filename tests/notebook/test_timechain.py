"""%timechain and %%timechain in a real IPython shell."""

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import ChainCellError
from workbench.notebook.magics.completion import candidates
from workbench.notebook.magics.timing_line import HELP, read_timing_line
from workbench.timing.comparison import Comparison

SETUP = """from workbench import *
import time, asyncio
model = FakeChatModel(responses=['Hi there'], delay_s=0.01)
joke = ChatPromptTemplate.from_template('a joke about {topic}') | model | StrOutputParser()
poem = ChatPromptTemplate.from_template('a poem about {topic}') | model | StrOutputParser()
topics = [{'topic': 'bears'}, {'topic': 'cats'}, {'topic': 'owls'}]
three = 3"""


@pytest.fixture
def run(shell):
    shell.user_ns.clear()
    shell.init_user_ns()
    shell.run_cell(SETUP)

    def run_cell(source: str) -> str:
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            result = shell.run_cell(source, store_history=True)
        run_cell.result = result.result
        error = result.error_in_exec or result.error_before_exec
        if error is not None:
            raise error
        return out.getvalue()

    return run_cell


def labels(found: Any) -> list[str]:
    assert isinstance(found, Comparison)
    return [row.label for row in found.rows]


def test_a_chain_is_timed_under_every_strategy_at_every_concurrency(run, shell):
    shown = run(
        "%timechain joke --inputs topics --strategies one-by-one,batch,abatch --concurrency 1,3 --repeat 5"
    )
    found = shell.user_ns["_"]
    assert labels(found) == [
        "one by one",
        "batch (max_concurrency=1)",
        "batch (max_concurrency=3)",
        "abatch (max_concurrency=1)",
        "abatch (max_concurrency=3)",
    ]
    assert all(len(row.samples) == 5 for row in found.rows)
    assert "joke: 3 inputs" in shown and "faster" in shown and "medians of 5 repeats" in shown


def test_several_chains_on_one_input_are_one_by_one_and_in_parallel(run, shell):
    run("%timechain joke poem topic=bears --repeat 1 --warmup 0")
    assert labels(shell.user_ns["_"]) == [
        "joke, one by one",
        "poem, one by one",
        "one after another",
        "together, parallel",
    ]


def test_a_cell_that_ends_in_a_dict_of_chains(run, shell):
    run(
        "%%timechain --inputs topics[:two] --repeat 1\ntwo = 2\n"
        "{'short': prompt | model, 'upper': joke | str.upper}".replace("prompt | model", "joke")
    )
    found = shell.user_ns["_"]
    assert labels(found) == ["short, one by one", "upper, one by one", "short, batch", "upper, batch"]
    assert found.rows[0].items == 2


def test_a_cell_may_end_in_a_chain_and_may_await(run, shell):
    run("%%timechain topic=bears --repeat 1 --strategies batch\nawait asyncio.sleep(0)\njoke")
    assert labels(shell.user_ns["_"]) == ["batch"]


def test_a_dict_of_functions_is_timed_as_it_is(run, shell):
    run("%%timechain --repeat 2\n{'slow': lambda: time.sleep(0.02), 'quick': lambda: None}")
    assert labels(shell.user_ns["_"]) == ["slow", "quick"]


def test_quiet_gives_the_comparison_as_the_value(run):
    shown = run("%timechain joke --inputs topics --repeat 1 --quiet")
    assert shown.startswith("Out[") and "Measurement(" not in shown
    assert labels(run.result) == ["one by one", "batch"]


def test_the_page_is_written(run, tmp_path: Path):
    run(f"%timechain joke --inputs topics --repeat 1 --save {tmp_path}/report.html")
    assert "one by one" in (tmp_path / "report.html").read_text()


def test_a_config_and_a_baseline_are_taken(run, shell):
    run(
        "%timechain joke --inputs topics --repeat 1 --baseline batch --config {'tags':['mine'],'metadata':{}}"
    )
    found = shell.user_ns["_"]
    assert found.baseline_of("one by one") == "batch"
    assert "mine" in found.live("batch").snapshot()["state"]["runs"][0]["tags"]


def test_the_help_page_has_every_option(run):
    shown = run("%timechain --help")
    assert shown.strip() == HELP.strip()
    for word in ("--inputs EXPR", "--strategies LIST", "--repeat N", "%%timechain --inputs"):
        assert word in HELP


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "which"),
        ("jok --inputs topics", "there is no chain called 'jok' yet; did you mean joke?"),
        ("three --inputs topics", "three is no chain: it is int"),
        ("joke", "joke: on what\\? give --inputs EXPR"),
        ("joke joke --inputs topics", "joke is named twice"),
        ("joke topic=bears --inputs topics", "give the inputs once"),
        ("joke topic=a topic=b", "topic is given twice"),
        ("joke --input topics", "unknown option --input; did you mean --inputs\\? .%timechain --help"),
        ("joke --inputs", "--inputs needs a value: --inputs EXPR"),
        ("joke --inputs nothing", "--inputs nothing: NameError"),
        ("joke --inputs 'bears'", "--inputs: expected a list of inputs, got str"),
        ("joke --inputs []", "--inputs: there is nothing to run"),
        ("joke --inputs topics --strategies bacth", "did you mean 'batch'.*as in --strategies one-by-one"),
        ("joke --inputs topics --concurrency 1,0", "--concurrency: expected numbers from 1 such as 1,2,4,8"),
        ("joke --inputs topics --repeat many", "--repeat: expected a number from 1, got 'many'"),
        ("joke --inputs topics --warmup -1", "--warmup: expected a number from 0, got '-1'"),
        ("joke --inputs topics --config three", "--config: expected a dict"),
        ("joke --inputs topics --baseline none", "--baseline: expected one of \\['one by one', 'batch'\\]"),
        ("joke --inputs topics --save report.txt", "ends in .html"),
        ("joke --inputs topics --save /no/such/folder/r.html", "there is no folder"),
        ("joke -inputs topics", "options begin with two dashes"),
        ("joke --inputs topics 3", "'3' is neither the name of a chain nor key=value"),
    ],
)
def test_every_wrong_line_is_told(run, line: str, says: str):
    with pytest.raises(ChainCellError, match=says):
        run(f"%timechain {line}")


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("joke --inputs topics\njoke", "%%timechain takes no names, got joke"),
        ("--inputs topics\n{}", "the dict of chains is empty"),
        ("--inputs topics\n{'a': 3}", "'a' is no chain: it is int: 3"),
        ("--inputs topics\n3", "must be a chain or a dict of chains by name; it is int: 3"),
        ("--inputs topics --repeat x\n1/0", "--repeat"),
        ("--inputs nothing\n1/0", "NameError"),
        ("--save x.txt\n1/0", "ends in .html"),
        ("\njoke", "on what"),
        ("--strategies batch\n{'f': lambda: 1}", "--strategies needs --inputs"),
        ("", "the cell is empty"),
    ],
)
def test_every_wrong_cell_is_told_and_before_it_runs_where_that_can_be(run, cell: str, says: str):
    with pytest.raises(ChainCellError, match=says):
        run(f"%%timechain {cell}")


def test_an_error_in_a_chain_is_the_cell_s(run):
    with pytest.raises(ZeroDivisionError) as caught:
        run("%%timechain --inputs [1]\nRunnableLambda(lambda value: value / 0)")
    assert any("while timing the case 'one by one'" in note for note in caught.value.__notes__)


def test_time_runs_a_single_chain_again_n_times(run):
    shown = run("%chain joke topic=bears --time 3")
    assert "medians of 3 repeats" in shown and "first token" in shown


def test_a_bare_time_runs_it_once(run):
    shown = run("%chain joke topic=bears --time")
    assert "medians" not in shown and "first token" in shown


def test_tab_completes_options_strategies_chains_and_variables(run, shell):
    namespace = shell.user_ns
    assert candidates("%timechain jo", "", namespace) == ("jo", ["joke"])
    assert candidates("%timechain joke po", "", namespace) == ("po", ["poem"])
    assert candidates("%timechain joke to", "", namespace) == ("to", ["topic="])
    assert candidates("%%timechain --st", "", namespace) == ("--st", ["--strategies"])
    assert candidates("%timechain joke --strategies batch,ab", "", namespace) == (
        "batch,ab",
        ["batch,abatch"],
    )
    found = candidates("%timechain joke --inputs top", "", namespace)
    assert found is not None and found[1] == ["topics"]


def test_lines_are_read_into_names_pairs_and_options():
    read = read_timing_line('joke poem topic="polar bears" --concurrency 1,2 --quiet')
    assert (read.names, read.pairs, read.given) == (
        ["joke", "poem"],
        {"topic": '"polar bears"'},
        {"concurrency": "1,2", "quiet": ""},
    )
