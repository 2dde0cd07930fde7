"""Prompts: from values to messages."""

import pytest

from workbench import (
    AIMessage,
    ChatPromptTemplate,
    HumanMessage,
    MessagesPlaceholder,
    PromptTemplate,
    SystemMessage,
)


def test_templates_of_every_form_become_messages(run_chain):
    prompt = ChatPromptTemplate.from_messages(
        [
            ("system", "You are {who}"),
            MessagesPlaceholder("history"),
            ("placeholder", "{more}"),
            AIMessage("ready"),
            {"role": "user", "content": "{question}"},
            "and {who}",
        ]
    )
    value = run_chain(prompt, {"who": "Bo", "history": [("human", "hi"), AIMessage("yo")], "question": "why"})
    assert value.to_messages() == [
        SystemMessage("You are Bo"),
        HumanMessage("hi"),
        AIMessage("yo"),
        AIMessage("ready"),
        HumanMessage("why"),
        HumanMessage("and Bo"),
    ]
    assert prompt.input_variables == ["who", "history", "question"]
    assert prompt.optional_variables == ["more"]


def test_a_prompt_of_one_variable_takes_the_bare_value(run_chain):
    assert run_chain(ChatPromptTemplate.from_template("a {b}"), "c").to_string() == "Human: a c"


def test_a_missing_variable_names_what_was_expected_and_what_came(run_chain):
    with pytest.raises(KeyError, match=r"missing \['b'\]: expected \['a', 'b'\], received \['a', 'c'\]"):
        run_chain(ChatPromptTemplate.from_template("{a} {b}"), {"a": 1, "c": 2})


def test_a_bare_value_for_two_variables_is_refused(run_chain):
    with pytest.raises(TypeError, match=r"expected a dict with \['a', 'b'\], got str"):
        run_chain(ChatPromptTemplate.from_template("{a} {b}"), "c")


def test_partials_fill_in_values_and_functions():
    prompt = PromptTemplate.from_template("{a}-{b}").partial(b=lambda: "now")
    assert prompt.input_variables == ["a"]
    assert prompt.invoke("x").to_string() == "x-now"
    chat = ChatPromptTemplate.from_template("{a}-{b}").partial(b=2)
    assert chat.invoke({"a": 1}).to_messages() == [HumanMessage("1-2")]


def test_prompts_add_up():
    both = ChatPromptTemplate.from_template("{a}") + ("ai", "{b}")  # noqa: RUF005  # prompts add
    assert both.input_variables == ["a", "b"]
    assert len(both) == 2


@pytest.mark.parametrize("template", ["{user.name}", "{items[0]}", "{0}", "{}", "{a!r:{b}}"])
def test_access_into_values_is_refused(template):
    with pytest.raises(ValueError, match="template"):
        ChatPromptTemplate.from_template(template)


def test_an_unclosed_brace_says_how_to_write_one():
    with pytest.raises(ValueError, match=r"write \{\{ and \}\} for braces"):
        PromptTemplate.from_template('{"json": 1')
    assert PromptTemplate.from_template("{{a}}").invoke({}).to_string() == "{a}"


@pytest.mark.parametrize("messages", ["text", [7], [("wizard", "hi")]])
def test_what_is_no_message_is_refused(messages):
    with pytest.raises((TypeError, ValueError)):
        ChatPromptTemplate.from_messages(messages)


def test_values_are_not_templates_again():
    assert ChatPromptTemplate.from_template("{a}").invoke("{b} {{c}}").to_string() == "Human: {b} {{c}}"


def test_a_function_among_the_partials_is_called_once_for_a_prompt():
    calls = []
    prompt = ChatPromptTemplate.from_template("{day}: {topic}").partial(
        day=lambda: calls.append(1) or "Monday"
    )
    assert prompt.invoke({"topic": "bears"}).to_string() == "Human: Monday: bears"
    assert calls == [1]
    assert prompt.invoke({"topic": "bears", "day": "Sunday"}).to_string() == "Human: Sunday: bears"
    assert calls == [1]
