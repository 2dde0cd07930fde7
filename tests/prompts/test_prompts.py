"""Prompts: from values to a text or messages, what is missing, what they look like."""

import asyncio
import copy
import pickle

import pytest
from pydantic import ValidationError

from workbench import (
    AIMessage,
    BaseChatPromptTemplate,
    ChatPromptTemplate,
    ChatPromptValue,
    ConfigurableField,
    DictPromptTemplate,
    Document,
    HumanMessage,
    MessagesPlaceholder,
    PromptTemplate,
    StringPromptTemplate,
    StringPromptValue,
    SystemMessage,
    aformat_document,
    format_document,
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


# A prompt that is one text


def test_a_text_prompt_gives_a_value_for_models_of_text_and_of_messages(run_chain):
    value = run_chain(PromptTemplate.from_template("about {topic}"), {"topic": "bears", "more": 1})
    assert value == StringPromptValue(text="about bears")
    assert value.to_string() == "about bears"
    assert value.to_messages() == [HumanMessage("about bears")]


def test_a_text_prompt_formats_to_text_in_both_worlds():
    prompt = PromptTemplate(template="{a}{b}", partial_variables={"b": "!"})
    assert prompt.format(a="hi") == asyncio.run(prompt.aformat(a="hi")) == "hi!"
    assert prompt.format(a="hi", b="?") == "hi?"
    with pytest.raises(KeyError, match=r"missing \['a'\]"):
        prompt.format()


@pytest.mark.parametrize("encoding", [None, "utf-16"])
def test_a_prompt_from_a_file(tmp_path, encoding):
    path = tmp_path / "prompt.txt"
    path.write_text("größer als {x}", encoding=encoding or "utf-8")
    assert PromptTemplate.from_file(path, encoding).format(x=1) == "größer als 1"
    assert (
        PromptTemplate.from_file(str(path), encoding, partial_variables={"x": 2}).format() == "größer als 2"
    )


def test_a_prompt_from_examples_has_them_between_prefix_and_suffix():
    prompt = PromptTemplate.from_examples(
        ["a: {x}", "b"], "{y}?", ["x", "y"], prefix="Say", example_separator="|"
    )
    assert prompt.format(x=1, y=2) == "Say|a: 1|b|2?"


def test_text_prompts_add_up_with_their_partials():
    first = PromptTemplate.from_template("{a} ", partial_variables={"a": 1})
    both = first + PromptTemplate.from_template("{b} ").partial(b=2) + "{c}"
    assert both.input_variables == ["c"]
    assert both.format(c=3) == "1 2 3"
    with pytest.raises(ValueError, match=r"both prompts have the partial variables \['a'\]"):
        first + first
    with pytest.raises(ValueError, match="expected templates in one format, got f-string and mustache"):
        first + PromptTemplate.from_template("{{b}}", template_format="mustache")
    with pytest.raises(TypeError, match="unsupported operand"):
        first + 7


def test_declared_variables_are_those_of_the_template_unless_validation_is_asked_for():
    assert PromptTemplate(template="{a}", input_variables=["a", "b"]).input_variables == ["a"]
    with pytest.raises(ValueError, match=r"the template has \['a'\], got \['a', 'b'\]"):
        PromptTemplate(template="{a}", input_variables=["a", "b"], validate_template=True)
    with pytest.raises(ValueError, match=r"the template has \['a'\], got \['b'\]"):
        ChatPromptTemplate(["{a}"], input_variables=["b"], validate_template=True)


def test_an_option_there_is_none_of_is_refused():
    with pytest.raises(ValidationError, match="templat"):
        PromptTemplate("{a}", templat="x")


def test_a_template_that_is_set_anew_counts():
    prompt = PromptTemplate.from_template("{a}")
    prompt.template = "{b}!"
    assert (prompt.input_variables, prompt.format(b=1)) == (["b"], "1!")
    assert prompt.model_copy(update={"template": "{c}?"}).invoke(2).to_string() == "2?"
    with pytest.raises(ValueError, match="never closed"):
        prompt.template = "{"


def test_a_template_can_be_configured_by_a_call(run_chain):
    prompt = PromptTemplate.from_template("Hello {name}").configurable_fields(
        template=ConfigurableField(id="greeting")
    )
    assert run_chain(prompt, {"name": "Bo"}).to_string() == "Hello Bo"
    config = {"configurable": {"greeting": "Ahoi {name}"}}
    assert run_chain(prompt, {"name": "Bo"}, config).to_string() == "Ahoi Bo"


def test_a_document_as_text_names_the_metadata_it_lacks():
    prompt = PromptTemplate.from_template("[{page}] {page_content}")
    document = Document("bears", metadata={"page": 3, "author": "Bo"})
    assert format_document(document, prompt) == asyncio.run(aformat_document(document, prompt)) == "[3] bears"
    with pytest.raises(ValueError, match=r"lacks \['page'\]: .* the metadata has \['author'\]"):
        format_document(Document("bears", metadata={"author": "Bo"}), prompt)


def test_a_dict_of_templates_fills_in_texts_however_deep(run_chain):
    prompt = DictPromptTemplate(
        {"type": "input_audio", "{k}": [{"data": "{audio}"}, 7, None], "note": "{{x}}"},
        template_format="f-string",
    )
    assert prompt.input_variables == ["audio"]
    assert run_chain(prompt, {"audio": "aGk="}) == {
        "type": "input_audio",
        "{k}": [{"data": "aGk="}, 7, None],
        "note": "{x}",
    }
    with pytest.raises(TypeError, match=r"expected a dict with \['audio'\], got str"):
        prompt.invoke("aGk=")


# Prompts as runnables


@pytest.mark.parametrize(
    "prompt", [PromptTemplate("{a}"), ChatPromptTemplate.from_template("{a}")], ids=["text", "chat"]
)
def test_prompts_are_runs_of_type_prompt_with_their_tags_and_metadata(run_chain, recorder, prompt):
    named = prompt.model_copy(update={"name": "asker", "tags": ["t"], "metadata": {"version": 2}})
    value = run_chain(named, {"a": 1}, {"callbacks": [recorder]})
    (run,) = {event.run for event in recorder.events}
    assert (run.type, run.name, run.tags, run.metadata["version"]) == ("prompt", "asker", ["t"], 2)
    assert recorder.values("end") == {"asker": value}
    assert recorder.unended() == []


def test_what_is_missing_is_an_error_in_every_form_with_the_hint_about_braces(run_chain):
    prompt = ChatPromptTemplate.from_template('Answer in JSON: {answer} {{"a": 1}} {question}')
    with pytest.raises(KeyError, match=r"if \{answer\} is text and no variable, write \{\{answer\}\}"):
        run_chain(prompt, {"question": "why"})


def test_mustache_and_jinja2_prompts_say_what_is_missing_without_that_hint():
    for template_format in ("mustache", "jinja2"):
        prompt = ChatPromptTemplate.from_messages(["{{a}} {{b}}"], template_format=template_format)
        with pytest.raises(KeyError, match=r"missing \['b'\]") as caught:
            prompt.invoke({"a": 1})
        assert "write" not in str(caught.value)


@pytest.mark.parametrize("template_format", ["f-string", "mustache", "jinja2"])
def test_chat_prompts_come_in_every_format(run_chain, template_format):
    place = "{a}" if template_format == "f-string" else "{{a}}"
    prompt = ChatPromptTemplate([("system", place), place], template_format=template_format)
    assert run_chain(prompt, "<&>").to_messages() == [SystemMessage("<&>"), HumanMessage("<&>")]


def test_the_input_schema_tells_types_and_what_is_optional():
    prompt = ChatPromptTemplate(
        ["{who} {count}", ("placeholder", "{history}"), MessagesPlaceholder("more")],
        input_types={"count": int},
    )
    schema = prompt.get_input_jsonschema()
    assert schema["required"] == ["who", "count", "more"]
    kinds = {name: about.get("type") for name, about in schema["properties"].items()}
    assert kinds == {"who": "string", "count": "integer", "more": "array", "history": "array"}
    assert prompt.partial(who="Bo").get_input_jsonschema()["required"] == ["count", "more"]
    titles = [choice["$ref"].rpartition("/")[2] for choice in prompt.get_output_jsonschema()["anyOf"]]
    assert titles == ["StringPromptValue", "ChatPromptValueConcrete"]


def test_variables_of_sections_and_loops_may_be_of_any_type():
    for template, template_format in [("{{#xs}}{{.}}{{/xs}}", "mustache"), ("{{ xs[0] }}", "jinja2")]:
        for prompt in (
            PromptTemplate(template, template_format=template_format),
            ChatPromptTemplate.from_template(template, template_format=template_format),
        ):
            assert prompt.input_schema.model_validate({"xs": [1]}).xs == [1]


def test_a_failing_partial_is_the_error_of_the_prompt(run_chain):
    def fails():
        raise LookupError("no clock")

    with pytest.raises(LookupError, match="no clock"):
        run_chain(ChatPromptTemplate.from_template("{a} {now}").partial(now=fails), {"a": 1})


@pytest.mark.parametrize("value", [None, 7, ["x"], "x"])
def test_a_prompt_without_variables_takes_a_dict_only(run_chain, value):
    prompt = ChatPromptTemplate.from_template("hi")
    assert run_chain(prompt, {}).to_messages() == [HumanMessage("hi")]
    with pytest.raises(TypeError, match=r"expected a dict with \[\], got"):
        run_chain(prompt, value)


def test_a_variable_may_have_any_name_even_one_of_python_s():
    for prompt in (ChatPromptTemplate.from_template("{self} {class}"), PromptTemplate("{self} {class}")):
        assert prompt.invoke({"self": 1, "class": 2}).to_messages()[0].content == "1 2"


# Prompts of one's own


def test_a_text_prompt_of_one_s_own_needs_only_format(run_chain):
    class Shout(StringPromptTemplate):
        mark: str = "!"

        def format(self, **kwargs):
            return kwargs["word"].upper() + self.mark + kwargs["more"]

    prompt = Shout(input_variables=["word", "more"], mark="?").partial(more="...")
    assert run_chain(prompt, "hey").to_string() == "HEY?..."
    assert prompt.get_input_jsonschema()["required"] == ["word"]


def test_a_chat_prompt_of_one_s_own_needs_only_format_messages(run_chain):
    class Twice(BaseChatPromptTemplate):
        def format_messages(self, **kwargs):
            return [HumanMessage(kwargs["word"])] * 2

    prompt = Twice(input_variables=["word"])
    assert run_chain(prompt, "hey") == ChatPromptValue(messages=[HumanMessage("hey"), HumanMessage("hey")])
    inside = ChatPromptTemplate(["first", prompt])
    assert [m.content for m in run_chain(inside, "hey").messages] == ["first", "hey", "hey"]


def test_a_subclass_that_changes_format_messages_is_asked_in_every_form(run_chain):
    class Polite(ChatPromptTemplate):
        def format_messages(self, **kwargs):
            return [*super().format_messages(**kwargs), HumanMessage("please")]

    assert run_chain(Polite(["{a}"]), "x").to_string() == "Human: x\nHuman: please"


# Equality, copies, what one sees


def test_prompts_with_the_same_fields_are_equal():
    def made(text="{a}"):
        return ChatPromptTemplate([("system", text), MessagesPlaceholder("h")]).partial(a=1)

    assert made() == made()
    assert made() != made("{a}!")
    assert made() != made().partial(h=[])
    assert PromptTemplate("{a}") == PromptTemplate.from_template("{a}")
    assert PromptTemplate("{{a}}") != PromptTemplate("{{a}}", template_format="mustache")


def test_chat_prompts_survive_copies_and_pickles():
    prompt = ChatPromptTemplate([("system", "{a}"), ("human", [{"type": "image_url", "image_url": "{u}"}])])
    for again in (copy.deepcopy(prompt), pickle.loads(pickle.dumps(prompt)), prompt.model_copy(deep=True)):
        assert again == prompt
        assert again.invoke({"a": 1, "u": "x"}) == prompt.invoke({"a": 1, "u": "x"})


def test_a_repr_reads_as_it_was_written_and_tells_of_partials_only_the_names():
    prompt = ChatPromptTemplate(
        [("system", "{key} {a}"), MessagesPlaceholder("h", optional=True, n_messages=3), AIMessage("ok")]
    ).partial(key="sk-secret")
    assert str(prompt) == repr(prompt)
    assert repr(prompt) == (
        "ChatPromptTemplate([('system', '{key} {a}'), MessagesPlaceholder('h', optional=True, n_messages=3), "
        "AIMessage(content='ok')], partial_variables=['key'])"
    )
    text = PromptTemplate("{key}", partial_variables={"key": "sk-secret"})
    assert repr(text) == "PromptTemplate('{key}', partial_variables=['key'])"
    for shown in (prompt, text):
        assert "sk-secret" not in repr(shown) + shown._repr_html_() + shown.pretty_repr()


def test_a_repr_of_much_text_is_short():
    assert len(repr(PromptTemplate("x" * 100_000))) < 300
    assert len(repr(ChatPromptTemplate(["x" * 100_000] * 500))) < 6000
    assert "480 more" in repr(ChatPromptTemplate(["x"] * 500))


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.mark.parametrize(
    "shown",
    [
        PromptTemplate(HOSTILE),
        ChatPromptTemplate([("system", HOSTILE), AIMessage(HOSTILE), MessagesPlaceholder(HOSTILE)]),
        ChatPromptTemplate([("human", [HOSTILE, {"image_url": {"url": HOSTILE}}, {"type": HOSTILE}])]),
        PromptTemplate("{a}").invoke(HOSTILE),
        ChatPromptTemplate([("system", "{a}"), "{a}"]).invoke(HOSTILE),
    ],
    ids=["text prompt", "chat prompt", "parts", "text", "messages"],
)
def test_prompts_and_their_values_are_escaped_in_notebooks(shown):
    html = shown._repr_html_()
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert "<img" not in html


def test_a_chat_prompt_prints_each_message_under_a_heading(capsys):
    prompt = ChatPromptTemplate([("system", "Be {how}."), MessagesPlaceholder("history"), AIMessage("ok")])
    prompt.pretty_print()
    lines = capsys.readouterr().out.splitlines()
    assert [line.strip("= ") for line in lines if "====" in line] == [
        "System Message",
        "Messages Placeholder",
        "Ai Message",
    ]
    assert [line for line in lines if line and "====" not in line] == ["Be {how}.", "{history}", "ok"]
    assert "\033[1m" in prompt.pretty_repr(html=True)
    PromptTemplate("Hi {a}, {{b}}").pretty_print()
    assert capsys.readouterr().out == "Hi {a}, {{b}}\n"
