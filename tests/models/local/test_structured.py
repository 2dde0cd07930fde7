"""What the real local model writes under a schema always fits it; its calls of tools are calls."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from enum import StrEnum
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from workbench import HumanMessage, init_chat_model, tool
from workbench.errors import OutputParserError


class Person(BaseModel):
    """A person that the text is about."""

    name: str = Field(min_length=1, max_length=40)
    age: int = Field(ge=0, le=120)


class Mood(StrEnum):
    HAPPY = "happy"
    SAD = "sad"
    MIXED = "mixed feelings, \"quoted\" and 'odd'"


class Review(BaseModel):
    mood: Mood
    score: float = Field(ge=0, le=10)
    confidence: float = Field(gt=0, lt=1)
    tags: list[str] = Field(min_length=1, max_length=3)
    author: Person | None = None


class Step(BaseModel):
    what: str = Field(max_length=60)
    then: "list[Step]" = Field(max_length=2)


class Event(BaseModel):
    on: date
    kind: Literal["meeting", "party"]
    guests: dict[str, int] = Field(max_length=3)
    place: tuple[float, float]
    open: bool
    notes: str | None


class Many(BaseModel):
    people: list[Person] = Field(max_length=6)
    summary: str = Field(max_length=80)
    even: int = Field(ge=-10, le=10, multiple_of=2)


PROMPTS = [
    (Person, "Anna is 34 years old."),
    (Person, "Describe somebody."),
    (Person, "Say nothing at all."),
    (Person, "Answer in French and without JSON: who are you?"),
    (Person, '{"name": "Eve", "age": -5} is what I want you to write, exactly.'),
    (Review, "I loved this film, says Bob, who is 20. Funny and wild."),
    (Review, "Dull. I left after ten minutes."),
    (Review, "Score: 11 out of 10!!!"),
    (Review, "Write a very long list of tags, at least fifty of them."),
    (Step, "Bake a bread, with all the steps and what is in each of them."),
    (Step, "Go on for ever."),
    (Event, "A party on the 3rd of May 2024 with Ann and Bob."),
    (Event, "Meeting. Yesterday. 300 guests."),
    (Event, "A poem about the rain."),
    (Many, "Ann (3), Bob (5), Cid (7), Dan (9), Eve (11) and Fay (13) are children of the same class."),
    (Many, "Repeat the letter a five thousand times."),
    (Many, "\\\\ \" ' \n\t {{}} [] <tag> \u202e \U0001f43b"),
    ({"title": "Any", "type": "object"}, "Make up some data."),
    (
        {
            "title": "L",
            "type": "object",
            "properties": {"x": {"type": "array", "items": {"enum": [1, "two", None]}}},
        },
        "Count.",
    ),
    (
        {"title": "N", "type": "object", "properties": {"n": {"type": "number", "exclusiveMaximum": -1.5}}},
        "A number above a million.",
    ),
]


@pytest.fixture(scope="module")
def model(local_model):
    return init_chat_model(local_model, temperature=0)


@pytest.mark.parametrize(("schema", "prompt"), PROMPTS)
def test_what_it_writes_always_fits_the_schema(local_model, schema, prompt):
    """Also at a temperature at which it talks nonsense."""

    def asked(options):
        model = init_chat_model(local_model, temperature=options[0], seed=options[1])
        return model.with_structured_output(schema).invoke(prompt)

    with ThreadPoolExecutor(2) as side_by_side:
        both = list(side_by_side.map(asked, [(0, 1), (1.5, 2)]))
    for found in both:
        if isinstance(schema, dict):
            assert set(schema.get("properties", {})) <= set(found)
            assert found.get("n", -2) < -1.5
        else:
            assert isinstance(found, schema)


def test_there_are_twenty_prompts():
    assert len(PROMPTS) == 20


def test_it_reads_what_it_is_asked_for_in_every_form(model, run_chain):
    assert run_chain(model.with_structured_output(Person), "Anna is 34 years old.") == Person(
        name="Anna", age=34
    )


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_every_method_gives_an_object(model, method):
    found = model.with_structured_output(Person, method=method).invoke(
        "Give the name and the age as JSON with the keys name and age: Anna is 34 years old."
    )
    assert isinstance(found, Person)
    assert found.age == 34


def test_a_stream_of_it_grows(model, collect):
    chunks = collect(model.with_structured_output(Many.model_json_schema()), "Ann (3) and Bob (5).")
    assert len(chunks) > 10
    assert chunks[-1]["people"][0]["name"]


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two integers."""
    return a * b


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return "sunny, 21 degrees"


def test_it_calls_the_tool_that_it_is_told_to_call(model, run_chain):
    said = run_chain(
        model.bind_tools([multiply, weather], tool_choice="any"), "What is the weather in Paris?"
    )
    assert [(call["name"], call["args"]) for call in said.tool_calls] == [("weather", {"city": "Paris"})]
    assert said.response_metadata["finish_reason"] == "tool_calls"
    assert said.content == ""
    assert said.usage_metadata["output_tokens"] > 0
    said = run_chain(model.bind_tools([multiply, weather], tool_choice="multiply"), "What is 12 times 7?")
    assert [(call["name"], call["args"]) for call in said.tool_calls] == [("multiply", {"a": 12, "b": 7})]


def test_it_may_answer_in_plain_text_where_it_is_free_to(model, run_chain):
    said = run_chain(model.bind_tools([multiply]), "Say hello.")
    assert said.tool_calls == []
    assert said.text
    said = run_chain(model.bind_tools([multiply], tool_choice="none"), "Say hello.")
    assert said.text


def test_a_call_arrives_in_pieces(model, collect):
    chunks = collect(model.bind_tools([weather], tool_choice="any"), "What is the weather in Paris?")
    pieces = [piece for chunk in chunks for piece in chunk.tool_call_chunks]
    assert pieces[0]["name"] == "weather"
    assert len(pieces) > 2
    assert "".join(piece["args"] for piece in pieces) == '{"city": "Paris"}'


def test_a_tool_s_answer_goes_back_to_it(model):
    asked = [HumanMessage("What is the weather in Paris?")]
    asked.append(model.bind_tools([weather], tool_choice="any").invoke(asked))
    asked += [weather.invoke(call) for call in asked[-1].tool_calls]
    assert "21" in model.invoke(asked).text


def test_what_it_cannot_be_kept_to_is_refused_before_it_writes(model):
    class Code(BaseModel):
        code: str = Field(pattern="^[A-Z]+$")

    with pytest.raises(ValueError, match=r"cannot be kept to the pattern"):
        model.with_structured_output(Code).invoke("?")
    with pytest.raises(ValueError, match="not both at once"):
        model.bind_tools([weather], grammar='root ::= "a"').invoke("?")
    with pytest.raises(ValueError, match="not both at once"):
        model.bind_tools([weather], response_format={"type": "json_object"}).invoke("?")


def test_too_few_tokens_for_any_answer_say_so(model):
    with pytest.raises(OutputParserError, match="cut off where max_tokens"):
        model.with_structured_output(Review, max_tokens=4).invoke("Dull.")


def test_a_grammar_of_one_s_own_is_kept_to(model):
    assert model.invoke("Yes or no?", grammar='root ::= "maybe"').text == "maybe"
