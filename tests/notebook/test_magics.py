"""%%chain in a real IPython shell."""

import io
import signal
import threading
import time
from contextlib import redirect_stderr, redirect_stdout

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tests.chat_server import ChatServer
from workbench.errors import ChainCellError
from workbench.notebook.magics import read_line, split_words

JOKE = (
    "%%chain {line}\nChatPromptTemplate.from_template('a joke about {{topic}}') | model | StrOutputParser()"
)


@pytest.fixture(scope="module")
def shell():
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "workbench")
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture
def run(shell):
    """Run a cell; gives the result and what was printed. The shell's own traceback is kept off."""
    shell.user_ns.clear()
    shell.init_user_ns()
    shell.run_cell("from workbench import *\nmodel = FakeChatModel(responses=['Hi there'])")

    def run_cell(source, fail=False):
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            result = shell.run_cell(source, store_history=True)
        if not fail and result.error_in_exec is not None:
            raise result.error_in_exec
        run_cell.error = result.error_in_exec
        run_cell.result = result.result
        return out.getvalue()

    return run_cell


def test_a_cell_builds_runs_and_shows_its_chain(run, shell):
    shown = run(JOKE.format(line="joke topic=bears"))
    assert "Hi there" in shown
    assert "FakeChatModel" in shown  # the run tree
    assert shell.user_ns["joke"].invoke("cats") == "Hi there"


def test_underscore_is_the_chain_s_output(run, shell):
    run(JOKE.format(line="joke topic=bears"))
    assert shell.user_ns["_"] == "Hi there"


def test_quiet_gives_only_the_value(run):
    shown = run(JOKE.format(line="joke topic=bears --quiet"))
    assert run.result == "Hi there"
    assert "FakeChatModel" not in shown


def test_no_run_only_binds(run, shell):
    assert run(JOKE.format(line="joke --no-run")) == ""
    assert "joke" in shell.user_ns


def test_names_in_the_cell_land_in_the_namespace(run, shell):
    run("%%chain joke --input 1\nfactor = 3\ntimes = RunnableLambda(lambda x: x * factor)\ntimes | times")
    assert shell.user_ns["factor"] == 3
    assert shell.user_ns["_"] == 9


def test_an_assignment_may_be_the_last_line(run, shell):
    run("%%chain --input 1\nmine = RunnableLambda(lambda x: x + 1)")
    assert shell.user_ns["_"] == 2


def test_values_are_expressions_of_the_namespace_or_plain_words(run, shell):
    run("seen = []\nwho = 'the polar bear'")
    run('%%chain show a=who b=bears c="two words" d=3 e=[1, 2]\nRunnableLambda(seen.append)')
    assert shell.user_ns["seen"] == [
        {"a": "the polar bear", "b": "bears", "c": "two words", "d": 3, "e": [1, 2]}
    ]


def test_a_named_chain_runs_again_with_another_input(run, shell):
    run(JOKE.format(line="joke topic=bears --quiet"))
    assert "Hi there" in run("%chain joke topic=cats")
    assert shell.user_ns["_"] == "Hi there"


def test_a_batch_gives_the_list_of_outputs(run, shell):
    run('topics = [{"topic": "bears"}, {"topic": "cats"}]')
    shown = run(JOKE.format(line="joke --batch topics --time"))
    assert shell.user_ns["_"] == ["Hi there", "Hi there"]
    assert "one by one" in shown and "batch" in shown


def test_concurrency_bounds_a_single_run_too(run, shell):
    run("import time, threading\nnow, peak, lock = [0], [0], threading.Lock()")
    run(
        "def work(x):\n    with lock: now[0] += 1; peak[0] = max(peak[0], now[0])\n"
        "    time.sleep(0.03)\n    with lock: now[0] -= 1"
    )
    run("%%chain many --input 1 --concurrency 2 --quiet\nRunnableParallel(a=work, b=work, c=work, d=work)")
    assert shell.user_ns["peak"] == [2]


def test_time_shows_where_it_went(run):
    shown = run(JOKE.format(line="joke topic=bears --time"))
    assert "first token" in shown and "StrOutputParser" in shown


def test_the_run_happens_off_the_main_thread_with_its_context(run, shell):
    run("import threading\nnames = []")
    run("%%chain --input 1\nasync def look(x):\n    names.append(threading.current_thread().name)\nlook")
    assert shell.user_ns["names"] == ["workbench-loop"]


def test_an_error_in_the_chain_is_the_cell_s_error_and_names_the_step(run):
    run("def boom(x): raise ZeroDivisionError('boom')")
    shown = run("%%chain --input 1\nRunnableLambda(lambda x: x) | boom", fail=True)
    assert isinstance(run.error, ZeroDivisionError)
    assert run.error.__notes__ == ["in RunnableSequence > boom"]
    assert "failed" in shown


def test_an_error_in_the_cell_points_at_its_line(run):
    shown = run("%%chain joke topic=bears\nfine = 1\nundefined_name | model", fail=True)
    assert isinstance(run.error, NameError)
    assert "undefined_name | model" in shown


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%%chain joke topic=bears\n42", "it is int: 42"),
        ("%%chain joke topic=bears\n# later", "the cell is empty"),
        ("%%chain joke topic=bears\nimport math", "last line must be the chain"),
        ("%%chain joke topic=bears --loud\nmodel", "unknown option --loud"),
        ("%%chain joke topic=bears --input\nmodel", "--input needs a value"),
        ("%%chain joke a b\nmodel", "neither a name for the chain nor key=value"),
        ("%%chain joke topic='bears\nmodel", "a quote is not closed"),
        ("%%chain joke --input nope\nmodel", "--input nope: NameError"),
        ("%%chain joke --batch 7\nmodel", "expected a list of inputs, got int"),
        ("%%chain joke --batch [1] x=1\nmodel", "no key=value pairs"),
        ("%%chain joke\nmodel", "needs an input"),
        ("%%chain joke --batch [1] --concurrency 0\nmodel", "--concurrency: expected a number from 1"),
        ("%%chain joke x=1\nawait model", "cannot await"),
        ("%chain nobody x=1", "no chain called 'nobody'"),
        ("%chain", "which chain?"),
    ],
)
def test_what_cannot_be_run_says_why(run, cell, message):
    run(cell, fail=True)
    assert isinstance(run.error, ChainCellError)
    assert message in str(run.error)


def test_a_prompt_s_missing_variable_is_named_before_anything_runs(run):
    run(JOKE.format(line="joke"), fail=True)
    assert "the chain needs topic: %%chain joke topic=..." in str(run.error)


def test_help_shows_the_usage(run):
    assert "key=value" in run("%%chain --help\n1")


def test_an_interrupt_cancels_the_request(run, shell):
    """Ctrl-C, as the main thread gets it: the run and its HTTP request end, the shell goes on."""
    with ChatServer([f"t{n} " for n in range(1000)], token_delay_s=0.005) as server:
        shell.user_ns["model"] = None
        run(f"model = ChatOpenAI(model='m', base_url={server.base_url!r}, api_key='x')")

        def interrupt():
            while not server.sent or server.sent[0] < 3:
                time.sleep(0.005)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        started = time.perf_counter()
        run(JOKE.format(line="joke topic=bears"), fail=True)
        assert time.perf_counter() - started < 4
        server.wait_idle()
        assert server.sent[0] < 500
    assert isinstance(run.error, KeyboardInterrupt)
    run("alive = 1 + 1")
    assert shell.user_ns["alive"] == 2


def test_words_are_split_outside_quotes_and_brackets():
    assert list(split_words("""a b="x y" --batch [{'t': 1}, 2] c='it\\'s'""")) == [
        "a",
        'b="x y"',
        "--batch",
        "[{'t': 1}, 2]",
        "c='it\\'s'",
    ]
    assert read_line('joke topic="polar bears" --time').values == {"topic": '"polar bears"'}
