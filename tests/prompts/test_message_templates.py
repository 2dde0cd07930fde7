"""Chat prompts: their pieces in all forms, and how they are put together and taken apart."""

import asyncio

import pytest

from workbench import (
    AIMessage,
    AIMessagePromptTemplate,
    BaseMessagePromptTemplate,
    ChatMessage,
    ChatMessagePromptTemplate,
    ChatPromptTemplate,
    HumanMessage,
    HumanMessagePromptTemplate,
    MessagesPlaceholder,
    PromptTemplate,
    SystemMessage,
    SystemMessagePromptTemplate,
    ToolMessage,
    convert_to_openai_messages,
)


def messages(prompt, **values):
    return prompt.format_messages(**values)


# One message


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (SystemMessagePromptTemplate, SystemMessage("hi Bo")),
        (HumanMessagePromptTemplate, HumanMessage("hi Bo")),
        (AIMessagePromptTemplate, AIMessage("hi Bo")),
    ],
)
def test_a_message_template_fills_in_a_message_of_its_kind(template, message):
    made = template.from_template("hi {name}")
    assert made.input_variables == ["name"]
    assert made.prompt == PromptTemplate("hi {name}")
    assert made.format(name="Bo") == asyncio.run(made.aformat(name="Bo")) == message
    assert made.format_messages(name="Bo") == [message]
    assert asyncio.run(made.aformat_messages(name="Bo")) == [message]
    assert template(prompt=PromptTemplate("hi {name}")) == made


def test_a_message_template_in_a_role_of_one_s_own():
    made = ChatMessagePromptTemplate.from_template("hi {name}", role="critic", additional_kwargs={"x": 1})
    assert made.format(name="Bo") == ChatMessage("hi Bo", role="critic", additional_kwargs={"x": 1})
    assert ChatPromptTemplate([made]).invoke("Bo").to_string() == "critic: hi Bo"


def test_a_message_template_names_what_is_missing():
    with pytest.raises(
        KeyError, match=r"HumanMessagePromptTemplate is missing \['b'\]: expected \['a', 'b'\]"
    ):
        HumanMessagePromptTemplate.from_template("{a} {b}").format(a=1)
    with pytest.raises(KeyError, match=r"MessagesPlaceholder is missing \['history'\]"):
        MessagesPlaceholder("history").format_messages()


def test_a_message_template_has_partials_formats_and_files(tmp_path):
    made = HumanMessagePromptTemplate.from_template("{a}{b}", partial_variables={"b": "!"})
    assert ChatPromptTemplate([made]).invoke({"a": 1}).to_string() == "Human: 1!"
    assert ChatPromptTemplate([made]).invoke({"a": 1, "b": "?"}).to_string() == "Human: 1?"
    assert SystemMessagePromptTemplate.from_template("{{a}}", "mustache").format(a=1).content == "1"
    (tmp_path / "system.txt").write_text("be {how}", encoding="utf-8")
    assert SystemMessagePromptTemplate.from_template_file(tmp_path / "system.txt").format(
        how="kind"
    ).content == ("be kind")


def test_additional_kwargs_are_the_message_s_own():
    made = AIMessagePromptTemplate.from_template("a", additional_kwargs={"x": {"y": 1}})
    first = made.format()
    first.additional_kwargs["z"] = 2
    assert made.format().additional_kwargs == {"x": {"y": 1}}


def test_parts_of_a_message_are_templates_too(run_chain):
    prompt = ChatPromptTemplate(
        [
            (
                "human",
                [
                    "see {q}",
                    {"type": "text", "text": "{q}?"},
                    {"type": "image_url", "image_url": {"url": "data:{kind};base64,{data}", "detail": "low"}},
                    {"type": "image_url", "image_url": "{url}"},
                    {"type": "text", "text": "{q}", "cache_control": {"type": "ephemeral"}},
                    {"type": "file", "file": {"path": "/etc/{q}", "pages": [1, "{q}"]}},
                ],
            )
        ]
    )
    assert prompt.input_variables == ["q", "kind", "data", "url"]
    values = {"q": "{x}", "kind": "image/png", "data": "aGk=", "url": "https://x/y.png"}
    (message,) = run_chain(prompt, values).to_messages()
    assert message.content == [
        {"type": "text", "text": "see {x}"},
        {"type": "text", "text": "{x}?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        {"type": "text", "text": "{x}", "cache_control": {"type": "ephemeral"}},
        {"type": "file", "file": {"path": "/etc/{x}", "pages": [1, "{x}"]}},
    ]


def test_messages_share_no_part_with_the_prompt():
    prompt = ChatPromptTemplate([("human", [{"type": "image_url", "image_url": {"url": "u", "more": [1]}}])])
    prompt.invoke({}).messages[0].content[0]["image_url"]["more"].append(2)
    assert prompt.invoke({}).messages[0].content[0]["image_url"]["more"] == [1]


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ([7], "expected text or a dict as a part of a message, got int"),
        (7, "template: expected text or a list of parts, got int"),
        ([{"type": "text", "text": "{a.b}"}], "reaches into a value"),
        ([{"type": "image_url", "image_url": {"url": "{a[0]}"}}], "reaches into a value"),
    ],
)
def test_parts_that_are_none_are_refused(template, error):
    with pytest.raises((TypeError, ValueError), match=error):
        ChatPromptTemplate([("human", template)])


# A place for messages


def test_a_placeholder_takes_what_makes_messages(run_chain):
    prompt = ChatPromptTemplate([MessagesPlaceholder("history")])
    history = [("system", "a"), {"role": "user", "content": "b"}, AIMessage("c"), "d"]
    expected = [SystemMessage("a"), HumanMessage("b"), AIMessage("c"), HumanMessage("d")]
    assert run_chain(prompt, {"history": history}).messages == expected
    assert run_chain(prompt, history).messages == expected
    assert run_chain(prompt, {"history": ChatPromptTemplate(["x"]).invoke({})}).messages == [
        HumanMessage("x")
    ]


@pytest.mark.parametrize("value", ["text", HumanMessage("one"), 7, {"a": 1}, [7]])
def test_a_placeholder_names_the_variable_that_is_no_list_of_messages(value):
    with pytest.raises(TypeError, match="variable 'history': expected"):
        ChatPromptTemplate([MessagesPlaceholder("history")]).invoke({"history": value})


def test_a_placeholder_may_be_optional_and_keep_only_the_last(run_chain):
    last = ChatPromptTemplate([MessagesPlaceholder("history", n_messages=2)])
    assert [m.content for m in run_chain(last, {"history": ["a", "b", "c"]}).messages] == ["b", "c"]
    optional = ChatPromptTemplate([MessagesPlaceholder("history", optional=True), "hi"])
    assert (optional.input_variables, optional.optional_variables) == ([], ["history"])
    assert run_chain(optional, {}).messages == [HumanMessage("hi")]
    assert run_chain(optional, {"history": ["a"]}).messages == [HumanMessage("a"), HumanMessage("hi")]
    with pytest.raises(ValueError, match="n_messages"):
        MessagesPlaceholder("history", n_messages=0)


def test_a_variable_that_one_piece_needs_is_not_optional():
    prompt = ChatPromptTemplate([("placeholder", "{history}"), MessagesPlaceholder("history")])
    assert (prompt.input_variables, prompt.optional_variables) == (["history"], [])


@pytest.mark.parametrize(
    ("template", "placeholder"),
    [
        ("{history}", MessagesPlaceholder("history", optional=True)),
        ("{{ history }}", MessagesPlaceholder("history", optional=True)),
        (["{history}", False], MessagesPlaceholder("history")),
        (("{history}", True), MessagesPlaceholder("history", optional=True)),
    ],
)
def test_a_placeholder_as_a_pair(template, placeholder):
    assert ChatPromptTemplate([("placeholder", template)]).messages == [placeholder]


@pytest.mark.parametrize("template", ["history", "{a} {b}", "{}", 7, ["{a}", "yes"]])
def test_a_placeholder_that_names_no_variable_is_refused(template):
    with pytest.raises(ValueError, match=r"expected a variable's name in braces such as '\{history\}'"):
        ChatPromptTemplate([("placeholder", template)])


# Roles


@pytest.mark.parametrize(
    ("role", "message"),
    [
        ("user", HumanMessage("x")),
        ("assistant", AIMessage("x")),
        ("system", SystemMessage("x")),
        (AIMessage, AIMessage("x")),
        (SystemMessage, SystemMessage("x")),
    ],
)
def test_roles_by_name_and_by_class(role, message):
    assert messages(ChatPromptTemplate([(role, "{a}")]), a="x") == [message]
    assert messages(ChatPromptTemplate([(role, PromptTemplate("{a}"))]), a="x") == [message]


def test_a_developer_s_message_is_sent_as_one():
    sent = convert_to_openai_messages(messages(ChatPromptTemplate([("developer", "{a}")]), a="x"))
    assert sent == [{"role": "developer", "content": "x"}]


@pytest.mark.parametrize("role", ["wizard", "tool", ToolMessage, 7, None])
def test_a_role_that_no_template_has_is_refused_with_those_there_are(role):
    with pytest.raises(ValueError, match=r"expected one of human, user, ai, .* ChatMessagePromptTemplate"):
        ChatPromptTemplate([(role, "hi")])


# Put together and taken apart


def test_pieces_of_every_kind_add_up():
    prompt = SystemMessagePromptTemplate.from_template("{a}") + HumanMessage("b")
    prompt = prompt + "{c}" + [("ai", "{d}"), MessagesPlaceholder("e")] + {"role": "user", "content": "f"}
    prompt = (
        prompt + ChatPromptTemplate(["{g}"]).partial(g=7) + (HumanMessage("h"), AIMessage("i")) + ("ai", "j")
    )
    assert prompt.input_variables == ["a", "c", "d", "e"]
    said = messages(prompt, a=1, c=3, d=4, e=["5"])
    assert [m.content for m in said] == ["1", "b", "3", "4", "5", "f", "7", "h", "i", "j"]
    assert (HumanMessage("x") + ChatPromptTemplate(["{y}"])).input_variables == ["y"]


def test_adding_leaves_both_as_they_were_and_keeps_name_and_partials():
    first = ChatPromptTemplate(["{a}"], name="first", tags=["t"]).partial(a=1)
    second = ChatPromptTemplate(["{b}"]).partial(b=2)
    both = first + second
    assert (len(first), len(second), len(both)) == (1, 1, 2)
    assert (both.name, both.tags, both.partial_variables) == ("first", ["t"], {"a": 1, "b": 2})
    assert both.invoke({}).to_string() == "Human: 1\nHuman: 2"


def test_appending_and_extending_find_the_variables_anew():
    prompt = ChatPromptTemplate(["{a}"])
    prompt.append(("ai", "{b}"))
    prompt.extend([MessagesPlaceholder("c", optional=True), "{d}"])
    assert (prompt.input_variables, prompt.optional_variables) == (["a", "b", "d"], ["c"])
    assert len(messages(prompt, a=1, b=2, d=3)) == 3


def test_indexing_gives_a_piece_and_slicing_a_prompt():
    prompt = ChatPromptTemplate([("system", "{a}"), "{b}", AIMessage("c")]).partial(a=1)
    assert prompt[0].prompt.template == "{a}"
    assert prompt[-1] == AIMessage("c")
    tail = prompt[1:]
    assert isinstance(tail, ChatPromptTemplate)
    assert (len(tail), tail.input_variables) == (2, ["b"])
    assert prompt[:1].invoke({}).to_string() == "System: 1"
    with pytest.raises(IndexError):
        prompt[3]


def test_an_empty_prompt_is_a_prompt(run_chain):
    empty = ChatPromptTemplate([])
    assert (len(empty), bool(empty)) == (0, True)
    assert run_chain(empty, {}).to_messages() == []


def test_a_prompt_in_a_prompt_has_its_partials_and_shares_variables(run_chain):
    inner = ChatPromptTemplate([("system", "{tone} {topic}"), ("placeholder", "{history}")]).partial(
        tone="dry"
    )
    outer = ChatPromptTemplate([inner, "{topic}?"])
    assert (outer.input_variables, outer.optional_variables) == (["topic"], ["history"])
    assert run_chain(outer, {"topic": "bears"}).to_string() == "System: dry bears\nHuman: bears?"
    assert len(run_chain(outer, {"topic": "bears", "history": ["a"]}).messages) == 3


def test_a_piece_of_one_s_own_is_given_its_variables_in_every_form(run_chain):
    class Shout(BaseMessagePromptTemplate):
        word: str

        @property
        def input_variables(self):
            return [self.word]

        def format_messages(self, **kwargs):
            assert set(kwargs) == {self.word}
            return [HumanMessage(kwargs[self.word].upper())]

    prompt = ChatPromptTemplate([Shout(word="a"), "{b}"])
    assert prompt.input_variables == ["a", "b"]
    assert run_chain(prompt, {"a": "hey", "b": 1}).to_string() == "Human: HEY\nHuman: 1"
    assert "Shout" in prompt.pretty_repr()


def test_a_message_template_that_changes_format_is_asked_in_every_form(run_chain):
    class Loud(HumanMessagePromptTemplate):
        def format(self, **kwargs):
            return HumanMessage(super().format(**kwargs).content.upper())

    assert run_chain(ChatPromptTemplate([Loud.from_template("hey {a}")]), "x").to_string() == "Human: HEY X"


def test_a_message_template_that_awaits_is_awaited_on_the_event_loop():
    class Slow(HumanMessagePromptTemplate):
        async def aformat_messages(self, **kwargs):
            await asyncio.sleep(0)
            return [HumanMessage("awaited")]

    prompt = ChatPromptTemplate([Slow.from_template("{a}"), "b"])
    assert [m.content for m in prompt.invoke("x").messages] == ["x", "b"]
    assert [m.content for m in asyncio.run(prompt.ainvoke("x")).messages] == ["awaited", "b"]


def test_a_message_among_the_pieces_is_no_template():
    prompt = ChatPromptTemplate([HumanMessage("{a} {b.c} {"), "{a}"])
    assert [m.content for m in messages(prompt, a=1)] == ["{a} {b.c} {", "1"]
