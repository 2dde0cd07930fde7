"""JSON in a model's answer: fences and prose, growing values, patches, pydantic models, asking again."""

import copy
from itertools import chain as joined

import jsonpatch
import pytest
from pydantic import BaseModel, Field

from workbench import (
    AIMessage,
    ChatPromptTemplate,
    FakeChatModel,
    JsonOutputParser,
    OutputFixingParser,
    OutputParserError,
    PydanticOutputParser,
    PydanticToolsParser,
    RetryOutputParser,
    RetryWithErrorOutputParser,
    SimpleJsonOutputParser,
)


class Joke(BaseModel):
    setup: str = Field(description="the question")
    rating: int = 0


FENCE = "```"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('\n {"a": 1} and more {"b": 2}', {"a": 1}),
        (f'Sure!\n{FENCE}json\n{{"a": 1}}\n{FENCE}\nDone.', {"a": 1}),
        (f'{FENCE}JSON {{"a": 1}}{FENCE}', {"a": 1}),
        (f"{FENCE}\n[1]\n{FENCE}", [1]),
        (f"{FENCE}json\n42\n{FENCE}", 42),
        ('"text"', "text"),
        (" null ", None),
        ('Use {name} and {"set"}, so: {"a": {"b": 1}}.', {"a": {"b": 1}}),
        ('[Note] see [1]: {"a": 1}', {"a": 1}),
        ("The numbers are:\n[1, 2]", [1, 2]),
        (f'For {{"q": 1}} it is {FENCE}json\n{{"a": 2}}{FENCE}', {"a": 2}),
        (f'It is {{"a": 2}}, as in {FENCE}python\nd = {{}}{FENCE}', {"a": 2}),
        (f'{{"a": "{FENCE}json"}}', {"a": f"{FENCE}json"}),
        ('{"a": "x\ny"}', {"a": "x\ny"}),
    ],
)
def test_the_json_is_found_wherever_it_stands(run_chain, text, value):
    assert run_chain(JsonOutputParser(), text) == value
    *_, last = JsonOutputParser().transform(iter(text))
    assert last == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected JSON, got an empty answer"),
        ("No idea.", "got an answer without any; the answer was 'No idea.'"),
        ("tru", "got an answer without any"),
        ('{"a": 1, b}', r"with a key in double quotes at character 9, where 'b\}' comes"),
        ('{"a": 1', "with the end of an object at character 7, where the answer ends"),
        ('So: {"a": "x', "with the end of a text at character 12"),
        ('See {"a": 1, b: {"c": 2}}', "with a key in double quotes at character 13"),
        ('{"a":' * 10_000, "no more than 200 objects and lists"),
    ],
)
def test_broken_json_is_an_error_that_says_where_and_keeps_the_answer(run_chain, text, message):
    with pytest.raises(OutputParserError, match=message) as caught:
        run_chain(JsonOutputParser(), text)
    assert caught.value.llm_output == text


def test_json_that_ends_early_is_taken_if_one_says_so(run_chain):
    assert run_chain(JsonOutputParser(partial=True), '{"a": [1, 2') == {"a": [1]}
    assert run_chain(JsonOutputParser(partial=True), 'So: {"a": "x') == {"a": "x"}
    with pytest.raises(OutputParserError, match="control character"):
        run_chain(JsonOutputParser(strict=True), '{"a": "x\ny"}')
    generation = [type("Generation", (), {"text": 'Here: {"a": "x'})]
    assert JsonOutputParser().parse_result(generation, partial=True) == {"a": "x"}
    generation[0].text = "Here"
    assert JsonOutputParser().parse_result(generation, partial=True) is None


def test_a_growing_object_comes_whenever_it_has_changed(collect):
    model = FakeChatModel(responses=['{"setup": "Why so", "tags": [1, {"a": 2}] }'])
    chunks = collect(model | SimpleJsonOutputParser(), "x")
    assert chunks == [
        {},
        {"setup": "Why"},
        {"setup": "Why "},
        {"setup": "Why so"},
        {"setup": "Why so", "tags": [1]},
        {"setup": "Why so", "tags": [1, {}]},
        {"setup": "Why so", "tags": [1, {"a": 2}]},
    ]


def test_patches_add_up_to_the_object(collect):
    model = FakeChatModel(responses=['So {x}: {"setup": "Why so", "tags": [1, {"a": 2}] }'])
    patches = collect(model | JsonOutputParser(diff=True), "x")
    assert patches[:4] == [
        [{"op": "replace", "path": "", "value": {}}],
        [{"op": "add", "path": "/setup", "value": "Why"}],
        [{"op": "replace", "path": "/setup", "value": "Why "}],
        [{"op": "replace", "path": "/setup", "value": "Why so"}],
    ]
    whole = jsonpatch.apply_patch(None, copy.deepcopy([*joined.from_iterable(patches)]))
    assert whole == {"setup": "Why so", "tags": [1, {"a": 2}]}


def test_what_was_given_out_does_not_change_later():
    text = '{"list": [1, "ab", {"c": "d"}], "more": "e"}'
    kept = [(chunk, copy.deepcopy(chunk)) for chunk in JsonOutputParser().transform(iter(text))]
    assert len(kept) > 5
    assert all(chunk == before for chunk, before in kept)


def test_a_stream_of_broken_json_gives_what_there_was_and_then_the_error():
    seen = []
    with pytest.raises(OutputParserError, match="a comma or } at character 8"):
        for chunk in JsonOutputParser().transform(iter(['{"a": 1', " ", "x", '"never"}'])):
            seen.append(chunk)
    assert seen == [{}, {"a": 1}]


# Pydantic


def test_a_model_s_answer_becomes_an_instance(run_chain):
    parser = PydanticOutputParser(pydantic_object=Joke)
    model = FakeChatModel(responses=['Sure: {"setup": "Why so?", "rating": 3}'])
    assert run_chain(model | parser, "x") == Joke(setup="Why so?", rating=3)
    assert run_chain(PydanticOutputParser[Joke](pydantic_object=Joke), '{"setup": "a"}') == Joke(setup="a")
    assert parser.get_output_schema().model_json_schema()["title"] == "Joke"


def test_instances_come_as_soon_as_there_is_enough_for_one(collect):
    model = FakeChatModel(responses=['{"setup": "Why so", "rating": 3}'])
    parser = PydanticOutputParser(pydantic_object=Joke)
    assert collect(model | parser, "x") == [
        Joke(setup="Why"),
        Joke(setup="Why "),
        Joke(setup="Why so"),
        Joke(setup="Why so", rating=3),
    ]
    patches = collect(model | PydanticOutputParser(pydantic_object=Joke, diff=True), "x")
    assert patches[-1] == [{"op": "replace", "path": "/rating", "value": 3}]


def test_what_does_not_fit_keeps_the_answer_and_says_what_is_missing(run_chain):
    text = 'So: {"rating": "many"}'
    with pytest.raises(OutputParserError, match=r'expected JSON that fits Joke, got \{"rating"') as caught:
        run_chain(PydanticOutputParser(pydantic_object=Joke), text)
    assert caught.value.llm_output == text
    assert "setup\n  Field required" in (caught.value.observation or "")


def test_the_format_instructions_have_the_schema():
    for parser in (PydanticOutputParser(pydantic_object=Joke), JsonOutputParser(pydantic_object=Joke)):
        told = parser.get_format_instructions()
        assert '"description": "the question"' in told
        assert "title" not in told.split(FENCE)[1].split('"properties"')[0]
        prompt = ChatPromptTemplate.from_template("{q}\n{form}").partial(form=told)
        assert "the question" in prompt.invoke({"q": "x"}).messages[0].content


# Asking again


def fixing(answer, **options):
    model = FakeChatModel(responses=[answer])
    return OutputFixingParser.from_llm(model, PydanticOutputParser(pydantic_object=Joke), **options)


def test_a_broken_answer_is_shown_to_the_model_again(run_chain, recorder):
    parser = fixing('{"setup": "Why so?"}')
    chain = FakeChatModel(responses=["no json"]) | parser
    assert run_chain(chain, "x", {"callbacks": [recorder]}) == Joke(setup="Why so?")
    inside = [
        (e.kind, e.run.path.removeprefix("RunnableSequence > OutputFixingParser > "))
        for e in recorder.events
        if " > OutputFixingParser > " in e.run.path and e.kind in ("start", "end", "error")
    ]
    assert [each for each in inside if ">" not in each[1]] == [
        ("start", "PydanticOutputParser"),
        ("error", "PydanticOutputParser"),
        ("start", "RunnableSequence"),
        ("end", "RunnableSequence"),
        ("start", "PydanticOutputParser"),
        ("end", "PydanticOutputParser"),
    ]
    asked = next(e.value for e in recorder.events if e.kind == "start" and e.run.type == "prompt")
    assert asked["completion"] == "no json"
    assert "without any" in asked["error"]
    assert '"setup"' in asked["instructions"]
    assert recorder.unended() == []


def test_a_right_answer_asks_nobody(run_chain, recorder):
    assert run_chain(fixing("no"), '{"setup": "a"}', {"callbacks": [recorder]}) == Joke(setup="a")
    assert "chat_model" not in [e.run.type for e in recorder.events]


def test_after_the_last_try_the_error_is_raised(run_chain, recorder):
    with pytest.raises(OutputParserError, match="without any; the answer was 'still no'"):
        run_chain(fixing("still no", max_retries=3), "no", {"callbacks": [recorder]})
    assert [e.run.type for e in recorder.events if e.kind == "start"].count("chat_model") == 3
    with pytest.raises(OutputParserError, match="'no'"):
        run_chain(fixing("unused", max_retries=0), "no")


def test_parse_asks_again_too():
    assert fixing('{"setup": "a"}').parse("no") == Joke(setup="a")
    assert (
        fixing("x").get_format_instructions()
        == PydanticOutputParser(pydantic_object=Joke).get_format_instructions()
    )
    assert fixing("x").get_output_schema().model_json_schema()["properties"]["rating"]["type"] == "integer"


def test_an_error_that_is_not_about_the_form_is_not_repeated(run_chain):
    def fail(value):
        raise KeyError("mine")

    parser = JsonOutputParser() | fail
    with pytest.raises(KeyError, match="mine"):
        run_chain(OutputFixingParser.from_llm(FakeChatModel(responses=["{}"]), parser), "{}")


def test_a_broken_tool_call_is_shown_by_its_arguments(run_chain, recorder):
    message = AIMessage("", invalid_tool_calls=[{"name": "Joke", "args": '{"setup"', "id": "1"}])
    tools = PydanticToolsParser(tools=[Joke])
    parser = OutputFixingParser.from_llm(FakeChatModel(responses=["x"]), tools)
    with pytest.raises(OutputParserError, match="expected a message of a chat model, got str: 'x'"):
        run_chain(parser, message, {"callbacks": [recorder]})
    asked = next(e.value for e in recorder.events if e.kind == "start" and e.run.type == "prompt")
    assert asked["completion"] == '{"setup"'


@pytest.mark.parametrize("kind", [RetryOutputParser, RetryWithErrorOutputParser])
def test_a_retry_shows_the_prompt(run_chain, recorder, kind):
    prompt = ChatPromptTemplate.from_template("a joke about {topic}")
    parser = kind.from_llm(FakeChatModel(responses=['{"a": 1}']), JsonOutputParser())
    chain = {"completion": prompt | FakeChatModel(responses=["no"]), "prompt_value": prompt} | parser
    assert run_chain(chain, "bears", {"callbacks": [recorder]}) == {"a": 1}
    ends = [e for e in recorder.events if e.kind == "end" and "Retry" in e.run.path]
    [asked] = [e.value.to_string() for e in ends if e.run.type == "prompt"]
    assert "Human: a joke about bears" in asked
    assert ("without any" in asked) == (kind is RetryWithErrorOutputParser)
    assert parser.parse_with_prompt("no", prompt.invoke("bears")) == {"a": 1}
    with pytest.raises(NotImplementedError, match="parse_with_prompt"):
        parser.parse("no")
    with pytest.raises(TypeError, match=r"expected \{'completion': ..., 'prompt_value': ...\}, got str"):
        run_chain(parser, "no")
