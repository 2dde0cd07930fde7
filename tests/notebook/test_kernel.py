"""%%chain in a real kernel, through nbclient: what a notebook keeps of a run."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

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
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True).execute()
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
