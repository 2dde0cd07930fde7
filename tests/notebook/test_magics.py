"""%%chain in a real IPython shell."""

import ast
import concurrent.futures
import io
import json
import re
import signal
import threading
import time
from contextlib import redirect_stderr, redirect_stdout

import pytest

import workbench
from tests.chat_server import ChatServer
from workbench.errors import ChainCellError
from workbench.runnables.function import RunnableLambda

JOKE = (
    "%%chain {line}\nChatPromptTemplate.from_template('a joke about {{topic}}') | model | StrOutputParser()"
)


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
        ("%%chain joke a b\nmodel", "an input is given as key=value, as in topic=a"),
        ("%%chain joke topic='bears\nmodel", "a quote is not closed"),
        ("%%chain joke --input nope\nmodel", "--input nope: NameError"),
        ("%%chain joke --batch 7\nmodel", "expected a list of inputs, got int"),
        ("%%chain joke --batch [1] x=1\nmodel", "give the input once: got key=value pairs and --batch"),
        ("%%chain joke --batch []\nmodel", "there is nothing to run, the list is empty"),
        ("%%chain class topic=bears\nmodel", "'class' is a word of Python's own"),
        ("%%chain list topic=bears\nmodel", "'list' is a builtin of Python"),
        ("%%chain joke topic = bears\nmodel", "write topic=bears, without spaces around ="),
        ("%%chain joke topic=bears topic=cats\nmodel", "topic is given twice"),
        ("%%chain joke topic=nope(1)\nmodel", "topic=nope(1): the name 'nope' is not defined"),
        ("%%chain joke topic={1/0}\nmodel", "topic={1/0}: ZeroDivisionError"),
        ("%%chain joke topic=bears --timeout 0\nmodel", "--timeout: expected seconds over 0, got 0"),
        ("%%chain joke topic=bears --config 3\nmodel", "--config: expected a dict"),
        ("%%chain joke topic=bears --save run.txt\nmodel", "expected a name that ends in .patch.json"),
        ("%%chain joke topic=bears --save /no/such/run.json\nmodel", "there is no folder /no/such"),
        ("%%chain joke topic=bears --view tre\nmodel", "did you mean tree?"),
        ("%%chain joke topic=bears --concurency 2\nmodel", "did you mean --concurrency?"),
        ("%%chain joke\n'a text'", "it is str: 'a text'"),
        ("%%chain joke\n{'a': 1}", "expected a Runnable, a function, a generator function or a dict"),
        ("%%chain joke\nmodel", "needs an input"),
        ("%%chain joke --batch [1] --concurrency 0\nmodel", "--concurrency: expected a number from 1"),
        ("%chain nobody x=1", "no chain called 'nobody'"),
        ("%chain", "which chain?"),
    ],
)
def test_what_cannot_be_run_says_why(run, cell, message):
    run(cell, fail=True)
    assert isinstance(run.error, ChainCellError)
    assert message in str(run.error)


def test_an_error_of_the_line_is_shown_without_any_code(run):
    shown = run("%%chain joke topic=bears --loud\nmodel", fail=True)
    assert shown.strip() == "ChainCellError: unknown option --loud (%chain --help has them all)"


def test_a_prompt_s_missing_variable_is_named_before_anything_runs(run):
    run(JOKE.format(line="joke"), fail=True)
    assert "the chain needs topic: %%chain joke topic=..." in str(run.error)


@pytest.mark.parametrize("cell", ["%%chain --help\n1", "%%chain --help", "%chain --help", "%%chain?"])
def test_help_shows_a_page_with_examples(run, shell, cell):
    shown = run(cell)
    for line in ("%%chain joke topic=bears", "--main-thread", "%runs [N]", "workbench.display(auto=False)"):
        assert line in shown


def test_what_is_wrong_on_the_line_is_said_before_the_cell_s_body_runs(run, shell):
    for line in ("joke topic=nope(1)", "joke --input nope", "joke --batch []", "joke --save run.txt"):
        run(f"%%chain {line}\nran = 1\nmodel", fail=True)
        assert isinstance(run.error, ChainCellError)
    run("%%chain joke topic=bears\nran = 1\nimport math", fail=True)
    assert "ran" not in shell.user_ns


def test_the_line_may_use_what_the_body_sets(run, shell):
    run("%%chain twice --input start + 1\nstart = 20\nRunnableLambda(lambda x: 2 * x)".replace(" + ", "+"))
    assert shell.user_ns["_"] == 42
    run("%%chain show topic=who --quiet\nwho = 'the polar bear'\nRunnableLambda(lambda x: x)")
    assert run.result == {"topic": "the polar bear"}


def test_the_body_s_lines_have_the_cell_s_number(run, shell):
    shown = run("%%chain bad topic=bears\nnope | model", fail=True)
    numbers = re.findall(r"In\[(\d+)\]", re.sub(r"\x1b\[[0-9;]*m", "", shown))
    assert len(set(numbers)) == 1
    assert shell.user_ns["In"][int(numbers[0])].startswith("get_ipython().run_cell_magic('chain', 'bad")


def test_the_first_line_alone_is_no_complete_cell(shell):
    assert shell.check_complete("%%chain joke topic=bears")[0] == "incomplete"
    assert shell.check_complete("%%chain joke topic=bears\nawait make()\n\n")[0] == "complete"


def test_braces_in_the_body_stay_as_they_are(run, shell):
    run("topic = 'of the namespace'")
    run(JOKE.format(line="joke topic=bears"))
    assert shell.user_ns["joke"].get_prompts()[0].input_variables == ["topic"]


def test_a_key_that_the_chain_does_not_use_is_said(run):
    shown = run(JOKE.format(line="joke topic=bears tone=dry"))
    assert "the chain does not use tone: its prompts have topic" in shown
    run(JOKE.format(line="joke topik=bears"), fail=True)
    assert "it does not use topik; did you mean topic?" in str(run.error)


def test_a_body_may_await(run, shell):
    run("import asyncio, threading")
    body = "await asyncio.sleep(0)\nwhere = threading.current_thread().name\nRunnableLambda(lambda x: x + 1)"
    run(f"%%chain plus --input 1\n{body}")
    assert shell.user_ns["_"] == 2
    assert shell.user_ns["where"] == "MainThread"
    run("async def make(): return RunnableLambda(lambda x: x * 2)")
    run("%%chain twice --input 4 --quiet\nawait make()")
    assert run.result == 8
    run("async def numbers():\n    yield lambda x: -x")
    run("%%chain minus --input 5 --quiet\n[each async for each in numbers()][0]")
    assert run.result == -5


def test_an_in_place_operator_may_be_the_last_line(run, shell):
    run("chain_of_two = RunnableLambda(lambda x: x + 1)")
    run("%%chain --input 1\nchain_of_two |= (lambda x: x * 10)")
    assert shell.user_ns["_"] == 20


def test_a_bare_model_gives_a_whole_message(run, shell):
    run("%%chain ask --input 'hello' --quiet\nmodel")
    assert type(run.result).__name__ == "AIMessage"
    assert run.result.content == "Hi there"


def test_a_config_reaches_the_run(run, shell):
    run("seen = []\ndef look(x, config): seen.append(config)")
    run(
        "%%chain look --input 1 --config {'tags':['mine'],'metadata':{'a':1}} --concurrency 3\n"
        "RunnableLambda(look)"
    )
    (config,) = shell.user_ns["seen"]
    assert (config["tags"], config["metadata"], config["max_concurrency"]) == (["mine"], {"a": 1}, 3)


def test_a_batch_takes_generators_and_tables(run, shell):
    run(
        "class Table:\n columns = ['topic']\n"
        " def to_dict(self, how): return [{'topic': 'bears'}, {'topic': 'owls'}]"
    )
    run("%%chain pick --batch (n for n in range(3)) --quiet\nRunnableLambda(lambda x: x)")
    assert run.result == [0, 1, 2]
    run("%%chain rows --batch Table() --quiet\nRunnableLambda(lambda x: x['topic'])")
    assert run.result == ["bears", "owls"]


def test_a_named_chain_alone_runs_with_its_last_inputs(run, shell):
    run("%%chain echo topic=bears --quiet\nRunnableLambda(lambda x: x)")
    run("%chain echo topic=owls --quiet")
    assert run.result == {"topic": "owls"}
    run("%chain echo --quiet")
    assert run.result == {"topic": "owls"}


def test_chains_are_listed_with_their_graphs(run, shell):
    run(JOKE.format(line="joke topic=bears --quiet"))
    shown = run("%chains")
    assert "joke (last: topic=bears)" in shown
    assert "ChatPromptTemplate" in shown and "StrOutputParser" in shown
    run("del joke")
    assert "joke" not in run("%chains")


def test_runs_are_listed_and_shown_again(run, shell):
    run(JOKE.format(line="joke topic=bears --quiet"))
    run("def boom(x): raise ValueError('boom')")
    run("%%chain bad --input 3\nRunnableLambda(boom)", fail=True)
    number = workbench.runs[-1].number
    lines = run("%runs").splitlines()
    assert lines[0].split() == ["chain", "when", "input", "status", "time", "tokens", "cost"]
    assert "bad" in lines[1] and "failed" in lines[1]
    assert "joke" in lines[2] and "topic=bears" in lines[2] and "done" in lines[2]
    assert "Hi there" in run(f"%runs {number - 1}")
    assert "boom" in run(f"%runs {number}")
    run("%runs 100000", fail=True)
    assert "no run 100000: there are" in str(run.error)
    run("%runs all", fail=True)
    assert "expected the number of a run, got 'all'" in str(run.error)


def test_only_the_last_fifty_runs_are_kept(run, shell):
    for _ in range(52):
        workbench.view(RunnableLambda(lambda x: x), 1, view="none")
    assert len(workbench.runs) == 50
    assert [run.number for run in workbench.runs] == list(
        range(workbench.runs[-1].number - 49, workbench.runs[-1].number + 1)
    )


def test_a_run_is_saved_by_the_name_s_ending_also_one_that_fails(run, shell, tmp_path):
    run(JOKE.format(line=f"joke topic=bears --quiet --save {tmp_path}/run.json"))
    state = json.loads((tmp_path / "run.json").read_text())
    assert state["status"] == "done" and state["runs"][0]["name"] == "RunnableSequence"
    run(f"path = {str(tmp_path / 'run.html')!r}\ndef boom(x): raise ValueError('boom')")
    run("%%chain bad --input 3 --save path\nRunnableLambda(boom)", fail=True)
    assert "boom" in (tmp_path / "run.html").read_text()
    run(JOKE.format(line=f"joke topic=bears --bg --view none --save {tmp_path}/run.patch.json"))
    assert run.result.result(10) == "Hi there"
    assert json.loads((tmp_path / "run.patch.json").read_text())[0]["path"].startswith("/")


def test_views_can_be_switched_off_and_asked_for(run, shell):
    workbench.display(auto=False)
    try:
        assert "FakeChatModel" not in run(JOKE.format(line="joke topic=bears"))
        assert run.result == "Hi there"
        assert "FakeChatModel" in run(JOKE.format(line="joke topic=bears --view all"))
    finally:
        workbench.display(auto=True)
    assert "FakeChatModel" not in run(JOKE.format(line="joke topic=bears --view none"))


def test_a_star_import_leaves_display_working(run, shell):
    assert "4242" in run("display(4242)")


def test_in_the_background_the_cell_returns_at_once(run, shell):
    run("import threading\ngo = threading.Event()\ndef wait(x):\n    go.wait(10)\n    return x + 1")
    run("%%chain later --input 1 --bg --view none\nRunnableLambda(wait)")
    handle = run.result
    assert handle is workbench.runs[-1]
    assert handle.status in ("waiting", "streaming") and not handle.done()
    assert repr(handle).startswith(f"<ChainRun {handle.number} 'later': ")
    run("go.set()")
    assert handle.result(10) == 2
    assert (handle.status, handle.output) == ("done", 2)
    run("import workbench\nawaited = await workbench.runs[-1]")
    assert shell.user_ns["awaited"] == 2


def test_a_background_run_that_fails_tells_those_who_ask(run, shell):
    run("def boom(x): raise ZeroDivisionError('boom')")
    run("%%chain later --input 1 --bg --view none\nRunnableLambda(lambda x: x) | boom")
    handle = run.result
    with pytest.raises(ZeroDivisionError):
        handle.result(10)
    assert handle.status == "failed" and isinstance(handle.error, ZeroDivisionError)


def test_a_stopped_run_keeps_its_partial_output(run, shell):
    with ChatServer([f"t{n} " for n in range(1000)], token_delay_s=0.005) as server:
        run(f"model = ChatOpenAI(model='m', base_url={server.base_url!r}, api_key='x')")
        run(JOKE.format(line="joke topic=bears --bg --view none"))
        handle = run.result
        while not handle.output:
            time.sleep(0.005)
        handle.stop()
        with pytest.raises(concurrent.futures.CancelledError, match="joke was stopped"):
            handle.result(10)
        server.wait_idle()
        assert server.sent[0] < 900
    assert handle.status == "cancelled"
    assert handle.output.startswith("t0 ")
    handle.stop()  # again does nothing
    assert handle.status == "cancelled"


def test_a_timeout_says_how_far_it_came_and_keeps_that(run, shell):
    run("model = FakeChatModel(responses=['one two ' * 500], token_delay_s=0.01)")
    run(JOKE.format(line="joke topic=bears --timeout 0.3"), fail=True)
    assert type(run.error) is not TimeoutError and isinstance(run.error, TimeoutError)
    assert "joke took longer than 0.3 s and was stopped: RunnableSequence > FakeChatModel (" in str(run.error)
    assert workbench.runs[-1].status == "cancelled"
    assert workbench.runs[-1].output.startswith("one two")
    run("def slow(x):\n    import time\n    time.sleep(0.05)\n    raise TimeoutError('the chain\\'s own')")
    run("%%chain slow --input 1 --timeout 5\nRunnableLambda(slow)", fail=True)
    assert str(run.error) == "the chain's own" and workbench.runs[-1].status == "failed"


def test_a_batch_that_is_stopped_keeps_what_was_done(run, shell):
    run("import time\ndef work(x):\n    time.sleep(0 if x < 2 else 5)\n    return x")
    run("%%chain many --batch [0,1,2,3] --timeout 0.4\nRunnableLambda(work)", fail=True)
    assert "2 of 4 inputs were done, the others in work" in str(run.error)
    assert sorted(workbench.runs[-1].output) == [0, 1]


def test_main_thread_runs_in_it(run, shell):
    run(
        "import threading\nnames = []\n"
        "def look(x):\n    names.append(threading.current_thread().name)\n    return x"
    )
    shown = run("%%chain here --input 7 --main-thread\nRunnableLambda(look) | look")
    assert shell.user_ns["names"] == ["MainThread"] * 2
    assert shell.user_ns["_"] == 7
    assert "look" in shown and "done" in shown
    run("%%chain here --batch [1, 2] --main-thread --quiet\nRunnableLambda(look)")
    assert run.result == [1, 2]
    assert set(shell.user_ns["names"]) == {"MainThread"}


def test_a_failure_in_the_main_thread_names_its_step(run, shell):
    run("def boom(x): raise ZeroDivisionError('boom')")
    run("%%chain here --input 7 --main-thread --quiet\nRunnableLambda(lambda x: x) | boom", fail=True)
    assert run.error.__notes__ == ["in RunnableSequence > boom"]
    assert workbench.runs[-1].status == "failed"


@pytest.mark.timed
def test_a_blocked_main_thread_is_stopped_within_a_second(run, shell):
    run(
        "import time, threading\nbegun = threading.Event()\n"
        "def block(x):\n    begun.set()\n    time.sleep(30)"
    )

    def stop():
        shell.user_ns["begun"].wait(10)
        workbench.runs[-1].stop()

    threading.Thread(target=stop, daemon=True).start()
    started = time.perf_counter()
    run("%%chain here --input 7 --main-thread\nRunnableLambda(block)")
    assert time.perf_counter() - started < 5
    assert workbench.runs[-1].status == "cancelled"
    run("%%chain here --input 7 --main-thread --timeout 0.2\nRunnableLambda(block)", fail=True)
    assert isinstance(run.error, TimeoutError)
    run("alive = 1 + 1")
    assert shell.user_ns["alive"] == 2


def test_exit_in_a_chain_ends_the_run_and_not_the_loop(run, shell):
    run("def leave(x): raise SystemExit(3)")
    run("%%chain gone --input 1 --bg --view none\nRunnableLambda(leave)")
    with pytest.raises(SystemExit):
        run.result.result(10)
    assert workbench.runs[-1].status == "failed"
    run("%%chain alive --input 1 --quiet\nRunnableLambda(lambda x: x)")
    assert run.result == 1


def test_the_cell_as_python_does_the_same(run, shell):
    run("who = 'the polar bear'\nfrom workbench import *")
    run(
        "%%chain shout topic=who n=3 tone=dry --quiet\nupper = str.upper\n"
        "RunnableLambda(lambda x: upper(x['topic']))"
    )
    python = workbench.runs[-1].job.python
    assert python.endswith("shout.invoke({'topic': who, 'n': 3, 'tone': 'dry'})\n")
    assert eval_last(python, shell.user_ns) == "THE POLAR BEAR"
    run("%%chain both --batch [1, 2] --concurrency 2 --quiet\n{'a': lambda x: x, 'b': lambda x: -x}")
    python = workbench.runs[-1].job.python
    assert 'both.batch([1, 2], {"max_concurrency": 2})' in python
    assert eval_last(python, shell.user_ns) == [{"a": 1, "b": -1}, {"a": 2, "b": -2}]


def eval_last(source, namespace):
    """Run Python; the value of its last expression."""
    *before, last = ast.parse(source).body
    names = dict(namespace)
    exec(compile(ast.Module(before, []), "copied", "exec"), names)
    return eval(compile(ast.Expression(last.value), "copied", "eval"), names)


@pytest.mark.timed
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
