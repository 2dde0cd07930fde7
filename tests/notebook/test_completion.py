"""Tab in a real IPython shell, as a terminal and a kernel ask for it."""

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell


@pytest.fixture(scope="module")
def shell():
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "workbench")
    shell.run_line_magic("reload_ext", "workbench")  # again does no harm
    shell.run_cell(
        "from workbench import ChatPromptTemplate, RunnableLambda\n"
        "joke = ChatPromptTemplate.from_template('{mood} joke about {topic}') | RunnableLambda(str)\n"
        "some_inputs = [1]"
    )
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture
def complete(shell):
    """The texts a line or cell may become, the cursor at its end or at ``|``."""

    def ask(cell):
        position = cell.index("|") if "|" in cell else len(cell)
        code = cell.replace("|", "", 1)
        with provisionalcompleter():
            found = list(shell.Completer.completions(code, position))
        return [code[: one.start] + one.text for one in found]

    return ask


def test_options_are_completed(complete):
    assert complete("%%chain joke --vi") == ["%%chain joke --view"]
    assert complete("%chain joke --t") == ["%chain joke --time", "%chain joke --timeout"]
    assert "%%chain joke --bg --batch" in complete("%%chain joke --bg --b")
    assert "%%chain joke --bg --bg" not in complete("%%chain joke --bg --b")


def test_panes_are_completed_after_view(complete):
    assert complete("%%chain joke --view ") == [
        f"%%chain joke --view {pane}" for pane in ("stream", "tree", "time", "all", "none")
    ]
    assert complete("%%chain joke --view=st") == ["%%chain joke --view=stream"]


def test_names_of_chains_are_completed(complete):
    assert complete("%chain jo") == ["%chain joke"]


def test_variables_of_a_named_chain_are_completed(complete):
    assert complete("%chain joke ") == ["%chain joke mood=", "%chain joke topic="]
    assert complete("%chain joke topic=bears m") == ["%chain joke topic=bears mood="]
    given = complete("%chain joke topic=bears mood=dry ")
    assert not [text for text in given if text.endswith("=")]


def test_variables_of_the_cell_s_own_prompts_are_completed(complete):
    cell = "%%chain poem |\nChatPromptTemplate.from_template('about {animal}, not {{this}}') + f'{1+1}'"
    assert complete(cell) == ["%%chain poem animal="]


def test_inputs_are_names_of_the_namespace(complete):
    assert complete("%%chain joke --batch some") == ["%%chain joke --batch some_inputs"]


def test_the_body_of_a_cell_is_completed_as_ever(complete):
    assert any(text.endswith("some_inputs") for text in complete("%%chain joke topic=bears\nsome_in"))
    assert any(text.endswith("some_inputs") for text in complete("some_in"))


def test_numbers_of_runs_are_completed(shell, complete):
    shell.run_cell("%%chain one --input 1 --quiet\nRunnableLambda(lambda x: x)")
    import workbench

    number = workbench.runs[-1].number
    assert f"%runs {number}" in complete("%runs ")
