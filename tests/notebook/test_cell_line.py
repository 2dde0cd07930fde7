"""A magic's line: how it is read, and what its texts are worth."""

import math

import pytest

from workbench import ChatPromptTemplate, MessagesPlaceholder
from workbench.errors import ChainCellError
from workbench.notebook.magics.cell_inputs import value_of, variables
from workbench.notebook.magics.cell_line import read_line
from workbench.notebook.magics.options import split_words
from workbench.runnables.function import RunnableLambda
from workbench.runnables.parallel import RunnableParallel
from workbench.runnables.passthrough import RunnablePassthrough

MINE = {
    "who": "the polar bear",
    "n": 3,
    "rows": [{"name": "Bo"}],
    "math": math,
    "load": lambda: 1,
    "list": list,
}


def test_words_are_split_outside_quotes_and_brackets():
    assert list(split_words("""a b="x y" --batch [{'t': 1}, 2] c='it\\'s'""")) == [
        "a",
        'b="x y"',
        "--batch",
        "[{'t': 1}, 2]",
        "c='it\\'s'",
    ]


def test_names_values_and_options_are_told_apart():
    options = read_line('joke topic="polar bears" n=3 --time --view=tree --concurrency 2')
    assert options.name == "joke"
    assert options.values == {"topic": '"polar bears"', "n": "3"}
    assert options.given == {"time": "", "view": "tree", "concurrency": "2"}
    assert read_line("joke --time 5 x=1").given == {"time": "5"}
    assert read_line("joke --time x=1").given == {"time": ""}
    assert read_line("expr=a==b").values == {"expr": "a==b"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("joke topic =bears", "write topic=bears, without spaces around ="),
        ("joke topic= bears", "write topic=bears, without spaces around ="),
        ("topic = bears", "write topic=bears, without spaces around ="),
        ("joke topic=", "topic= has no value"),
        ("joke topic=polar bears", 'topic="polar bears"'),
        ("joke -time", "did you mean --time?"),
        ("joke --time --time", "--time is given twice"),
        ("joke --quiet=1", "--quiet takes no value, got '1'"),
        ("joke --bg --main-thread", "--bg and --main-thread cannot go together"),
        ("joke --view", "--view needs a value: --view PANE"),
        ("joke topic='bears", "a quote is not closed"),
        ("joke --batch [1, 2", "a bracket is not closed"),
        ("joke a.b=3", "neither a name for the chain nor key=value"),
    ],
)
def test_a_line_that_is_wrong_says_how_it_is_written(line, message):
    with pytest.raises(ChainCellError) as caught:
        read_line(line)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("bears", "bears"),
        ("polar-bears", "polar-bears"),
        ("bear's", "bear's"),
        ("a,b", "a,b"),
        ("node.js", "node.js"),
        ("C++", "C++"),
        ("2024-10-11", "2024-10-11"),
        ("3", 3),
        ("-3", -3),
        ("1.5", 1.5),
        ("True", True),
        ("None", None),
        ("'who'", "who"),
        ('"{who}"', "{who}"),
        ("['a', 'b']", ["a", "b"]),
        ("{'a': n}", {"a": 3}),
        ("{}", {}),
        ("who", "the polar bear"),
        ("who.title()", "The Polar Bear"),
        ("rows[0]['name']", "Bo"),
        ("len(who)", 14),
        ("[x*2 for x in range(n)]", [0, 2, 4]),
        ("{n}", 3),
        ("{n*2}", 6),
        ("{math.floor(2.5)}", 2),
        ("young-{who}", "young-the polar bear"),
        ("list", "list"),
        ("print", "print"),
        ("math", "math"),
        ("load", "load"),
        ("{load}", MINE["load"]),
    ],
)
def test_what_a_value_stands_for(text, value):
    assert value_of(text, MINE) == value
    assert type(value_of(text, MINE)) is type(value)


@pytest.mark.parametrize("text", ["who.nope", "{1/0}", "nope(1)", "[nope]", "[1 2]", "rows[7]", "x-{nope}"])
def test_a_value_that_cannot_be_worked_out_is_an_error_that_names_it(text):
    with pytest.raises(ChainCellError) as caught:
        value_of(text, MINE, f"topic={text}")
    assert str(caught.value).startswith(f"topic={text}: ")


def test_the_variables_of_a_chain_are_those_of_the_prompts_it_begins_with():
    prompt = ChatPromptTemplate.from_template("{a} and {b}")
    model = RunnableLambda(str)
    assert variables(prompt | model) == (["a", "b"], [])
    other = ChatPromptTemplate.from_template("{b} and {c}")
    assert variables(RunnableParallel(x=prompt, y=other | model)) == (["a", "b", "c"], [])
    assert variables(prompt.with_config(tags=["t"]) | model) == (["a", "b"], [])
    assert variables({"a": RunnablePassthrough(), "b": model} | prompt) is None
    assert variables(model) is None
    history = ChatPromptTemplate.from_messages(
        [MessagesPlaceholder("history", optional=True), ("human", "{q}")]
    )
    assert variables(history) == (["q"], ["history"])
