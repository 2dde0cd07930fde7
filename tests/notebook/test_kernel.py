"""%%chain in a real kernel: what a notebook keeps of a run (through nbclient); what the buttons, the
interrupt and the Tab key do (through a client)."""

import re
import time

import pytest
from jupyter_client.manager import start_new_kernel

from tests.chat_server import ChatServer
from tests.notebook_files import new_notebook, run_notebook

pytestmark = pytest.mark.slow

SETUP = """
%load_ext workbench
from workbench import *
model = FakeChatModel(responses=["Why do bears <b>not</b> wear shoes?"], token_delay_s=0.002)
prompt = ChatPromptTemplate.from_template("tell me a joke about {topic}")
"""
CHAIN = "%%chain joke topic=bears\nprompt | model.with_config(run_name='my_llm') | StrOutputParser()"


@pytest.fixture(scope="module")
def executed():
    cells = [
        SETUP,
        CHAIN,
        "_",
        "joke.batch(['a', 'b'])",
        "await joke.ainvoke('cats')",
        "%%chain both topic=bears --time\n{'joke': joke, 'poem': joke}",
        "def boom(x): raise ZeroDivisionError('boom')",
        "%%chain bad --input 1\nRunnableLambda(lambda x: x) | boom",
        "1 + 1",
    ]
    notebook = new_notebook(cells)
    run_notebook(notebook, allow_errors=True)
    return notebook


def bundle(cell, kind):
    return [output.data[kind] for output in cell.outputs if kind in output.get("data", {})]


def test_the_widget_and_its_static_twin_are_kept(executed):
    cell = executed.cells[1]
    assert bundle(cell, "application/vnd.jupyter.widget-view+json")
    twin = "".join(bundle(cell, "text/html"))
    assert "Why do bears" in twin and "my_llm" in twin and "StrOutputParser" in twin
    assert "<script" not in twin
    assert "&lt;b&gt;not&lt;/b&gt;" in twin and "<b>not</b>" not in twin
    assert "Why do bears" in "".join(bundle(cell, "text/plain"))


def test_underscore_in_the_next_cell_is_the_output(executed):
    assert bundle(executed.cells[2], "text/plain") == ["'Why do bears <b>not</b> wear shoes?'"]


def test_a_chain_made_by_the_magic_is_an_ordinary_one(executed):
    assert "Why do bears" in bundle(executed.cells[3], "text/plain")[0]
    assert "Why do bears" in bundle(executed.cells[4], "text/plain")[0]


def test_the_step_table_is_a_table(executed):
    assert any("first token" in html and "<table" in html for html in bundle(executed.cells[5], "text/html"))


def test_an_error_ends_in_the_user_s_code_and_the_kernel_goes_on(executed):
    (error,) = [output for output in executed.cells[7].outputs if output.output_type == "error"]
    assert error.ename == "ZeroDivisionError"
    shown = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    assert "in RunnableSequence > boom" in shown
    assert "def boom" in shown
    assert "workbench/" not in shown and "futures" not in shown  # frames that are not the user's are hidden
    assert bundle(executed.cells[8], "text/plain") == ["2"]


class Kernel:
    """A kernel and the widgets it has opened, newest last."""

    def __init__(self):
        self.manager, self.client = start_new_kernel(kernel_name="python3")
        self.views = []
        self.subshell = self._new_subshell()
        self.run("%load_ext workbench\nimport workbench\nfrom workbench import *")

    def _new_subshell(self):
        """None where the kernel has none (before ipykernel 7): there the front end interrupts."""
        features = self.client.kernel_info(reply=True, timeout=30)["content"].get("supported_features", ())
        if "kernel subshells" not in features:
            return None
        self.client.control_channel.send(self.client.session.msg("create_subshell_request"))
        return self.client.get_control_msg(timeout=30)["content"]["subshell_id"]

    def send(self, code):
        return self.client.execute(code)

    def run(self, code, timeout=60):
        """The text that a cell printed or gave; AssertionError if it failed."""
        texts, error = self.finish(self.send(code), timeout)
        assert error is None, error
        return texts

    def finish(self, message_id, timeout=60):
        """Read what a cell sends until it is over: its texts, and its error or None."""
        texts, error, deadline = "", None, time.monotonic() + timeout
        while time.monotonic() < deadline:
            message = self.client.get_iopub_msg(timeout=timeout)
            kind, content = message["msg_type"], message["content"]
            if kind == "comm_open" and "run_id" in content["data"].get("state", {}):
                self.views.append(content["comm_id"])
            if message["parent_header"].get("msg_id") != message_id:
                continue
            if kind == "stream":
                texts += content["text"]
            elif kind == "execute_result":
                texts += content["data"]["text/plain"]
            elif kind == "error":
                error = content
            elif kind == "status" and content["execution_state"] == "idle":
                return texts, error
        raise AssertionError(f"the cell did not end within {timeout} s")

    def press(self, button):
        """What the front end of the newest view sends for a button."""
        data = {"method": "custom", "content": {"k": button}}
        message = self.client.session.msg("comm_msg", {"comm_id": self.views[-1], "data": data})
        if self.subshell is not None:  # as JupyterLab sends them, past a cell that is busy
            message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)

    def until_view(self):
        """Read until the view of a cell that runs is there."""
        seen = len(self.views)
        while len(self.views) == seen:
            message = self.client.get_iopub_msg(timeout=30)
            if message["msg_type"] == "comm_open" and "run_id" in message["content"]["data"].get("state", {}):
                self.views.append(message["content"]["comm_id"])


@pytest.fixture(scope="module")
def kernel():
    started = Kernel()
    yield started
    started.client.stop_channels()
    started.manager.shutdown_kernel(now=True)


@pytest.fixture
def server(kernel):
    with ChatServer([f"t{n} " for n in range(2000)], token_delay_s=0.005) as server:
        kernel.run(f"model = ChatOpenAI(model='m', base_url={server.base_url!r}, api_key='x')")
        yield server


CELL = (
    "%%chain joke topic=bears {}\n"
    "ChatPromptTemplate.from_template('on {{topic}}') | model | StrOutputParser()"
)


def seconds_until_idle(server):
    started = time.monotonic()
    server.wait_idle()
    return time.monotonic() - started


def wait_for_tokens(server):
    deadline = time.monotonic() + 20
    while not server.sent or server.sent[-1] < 10:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def check_stopped(kernel, server):
    assert seconds_until_idle(server) < 1
    assert server.sent[-1] < 1500
    kernel.run("run = workbench.runs[-1]")
    assert kernel.run("run.status") == "'cancelled'"
    assert kernel.run("run.output").startswith("'t0 t1 ")
    assert kernel.run("1 + 1") == "2"


@pytest.mark.timed
@pytest.mark.parametrize("option", ["", "--main-thread"])
def test_the_interrupt_ends_the_run_and_its_request(kernel, server, option):
    cell = kernel.send(CELL.format(option))
    wait_for_tokens(server)
    kernel.manager.interrupt_kernel()
    _, error = kernel.finish(cell)
    assert error["ename"] == "KeyboardInterrupt"
    check_stopped(kernel, server)


@pytest.mark.timed
def test_a_background_cell_returns_and_its_stop_button_ends_the_run(kernel, server):
    assert "<ChainRun" in kernel.run(CELL.format("--bg"))
    wait_for_tokens(server)
    assert kernel.run("workbench.runs[-1].status") == "'streaming'"
    kernel.press("stop")
    check_stopped(kernel, server)
    kernel.run("import concurrent.futures")
    asked = "try:\n    await run\nexcept concurrent.futures.CancelledError as error:\n    print(error)"
    assert "of joke was stopped" in kernel.run(asked)


@pytest.mark.timed
def test_the_stop_button_ends_the_run_of_a_cell_that_waits_for_it(kernel, server):
    """The kernel answers messages during a cell on ipykernel 7; the front end interrupts others."""
    cell = kernel.send(CELL.format(""))
    kernel.until_view()
    wait_for_tokens(server)
    kernel.press("stop")
    if kernel.subshell is None:
        kernel.manager.interrupt_kernel()
    _, error = kernel.finish(cell)
    assert error is None or kernel.subshell is None
    check_stopped(kernel, server)


def test_run_again_is_a_run_of_the_session_in_the_same_view(kernel):
    kernel.run("%%chain count topic=bears\nseen = []\nRunnableLambda(lambda x: seen.append(x) or len(seen))")
    number = int(kernel.run("workbench.runs[-1].number"))
    views = len(kernel.views)
    kernel.press("rerun")
    deadline = time.monotonic() + 20
    while kernel.run("workbench.runs[-1].number, workbench.runs[-1].done()") != f"({number + 1}, True)":
        assert time.monotonic() < deadline
    assert kernel.run("workbench.runs[-1].output, seen") == "(2, [{'topic': 'bears'}, {'topic': 'bears'}])"
    assert len(kernel.views) == views


@pytest.mark.timed
def test_stop_ends_the_run_that_run_again_began(kernel, server):
    cell = kernel.send(CELL.format(""))
    wait_for_tokens(server)
    kernel.manager.interrupt_kernel()
    kernel.finish(cell)
    server.wait_idle()
    kernel.press("rerun")
    deadline = time.monotonic() + 20
    while len(server.sent) < 2 or server.sent[-1] < 10:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    kernel.press("stop")
    check_stopped(kernel, server)


def test_many_short_runs_open_no_files(kernel):
    """ipykernel opens a socket for each new thread that sends; those of ended ones are closed later."""
    kernel.run(
        "import gc, os\ngc.disable()\nshort = FakeChatModel(responses=['a b']) | StrOutputParser()\n"
        "short.view('q')\nbefore = len(os.listdir('/proc/self/fd'))"
    )
    for _ in range(3):
        kernel.run("for number in range(20): short.view('q')")
    shown = kernel.run("print('files', len(os.listdir('/proc/self/fd')) - before)\ngc.enable()")
    assert int(re.search(r"files (-?\d+)", str(shown))[1]) < 25


def test_a_body_that_awaits_lets_the_kernel_s_loop_go_on(kernel):
    kernel.run("import asyncio, threading\nticks = []")
    kernel.run(
        "async def tick():\n    ticks.append(1)\ntask = asyncio.get_running_loop().create_task(tick())"
    )
    body = "await asyncio.sleep(0.01)\nwhere = threading.current_thread().name\nRunnableLambda(lambda x: x)"
    kernel.run(f"%%chain echo --input 1\n{body}")
    assert kernel.run("where, ticks, _") == "('MainThread', [1], 1)"


def test_a_background_run_can_be_awaited_in_the_next_cell(kernel):
    kernel.run("async def later(x):\n    await asyncio.sleep(0.05)\n    return x + 1\nimport asyncio")
    kernel.run("%%chain later_chain --input 41 --bg\nRunnableLambda(later)")
    assert kernel.run("await workbench.runs[-1]") == "42"


def test_tab_works_through_the_kernel(kernel):
    def complete(code):
        reply = kernel.client.complete(code, len(code), reply=True, timeout=20)["content"]
        return [code[: reply["cursor_start"]] + text for text in reply["matches"]]

    assert complete("%%chain joke --vi") == ["%%chain joke --view"]
    kernel.run("%%chain named --no-run\nChatPromptTemplate.from_template('on {topic}')")
    assert complete("%chain named to") == ["%chain named topic="]


def test_the_tables_are_html_too(kernel):
    kernel.run("%%chain joke topic=bears\nRunnableLambda(str)")
    kernel.run("%%chain named --no-run\nChatPromptTemplate.from_template('on {topic}')")
    message_id = kernel.send("%runs\n%chains")
    found = []
    while True:
        message = kernel.client.get_iopub_msg(timeout=20)
        if message["parent_header"].get("msg_id") != message_id:
            continue
        if message["msg_type"] == "display_data":
            found.append(message["content"]["data"])
        if message["content"].get("execution_state") == "idle":
            break
    runs, chains = found
    assert "<table>" in runs["text/html"] and "joke" in runs["text/plain"]
    assert "<svg" in chains["text/html"] and "named" in chains["text/plain"]
