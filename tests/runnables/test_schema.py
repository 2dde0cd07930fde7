"""What a runnable says of its input and output: as the seed page prints it, and as langchain-core says it."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, TypedDict, TypeVar

import pytest
from pydantic import BaseModel

import workbench
from workbench import (
    AIMessage,
    ChatOpenAI,
    ChatPromptTemplate,
    FakeChatModel,
    MessagesPlaceholder,
    PromptTemplate,
    Runnable,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    RunnableSerializable,
    StrOutputParser,
)
from workbench.messages import AnyMessage
from workbench.runnables.function_types import read_keys

Input = TypeVar("Input")
Output = TypeVar("Output")

PROMPT = ChatPromptTemplate.from_template("tell me a joke about {topic}")


def double(x: int) -> str:
    return str(2 * x)


def joined(x):  # type: ignore[no-untyped-def]  # unannotated on purpose
    return x["a"] + x["b"]


def chat_openai() -> ChatOpenAI:
    return ChatOpenAI(api_key="none", base_url="http://localhost:9/v1")


# The seed page


def seed_message(kind: str, title: str, description: str, **own: Any) -> dict[str, Any]:
    """A message's definition as the page prints it."""
    content = {
        "title": "Content",
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "object"}]}},
        ],
    }
    return {
        "title": title,
        "description": description,
        "type": "object",
        "properties": {
            "content": content,
            "additional_kwargs": {"title": "Additional Kwargs", "type": "object"},
            "type": {"title": "Type", "default": kind, "enum": [kind], "type": "string"},
            **own,
        },
        "required": ["content", *(name for name, field in own.items() if "default" not in field)],
    }


EXAMPLE = {"title": "Example", "default": False, "type": "boolean"}
SEED_MESSAGES = {
    "AIMessage": seed_message("ai", "AIMessage", "A Message from an AI.", example=EXAMPLE),
    "HumanMessage": seed_message("human", "HumanMessage", "A Message from a human.", example=EXAMPLE),
    "ChatMessage": seed_message(
        "chat",
        "ChatMessage",
        "A Message that can be assigned an arbitrary speaker (i.e. role).",
        role={"title": "Role", "type": "string"},
    ),
    "SystemMessage": seed_message(
        "system",
        "SystemMessage",
        "A Message for priming AI behavior, usually passed in as the first of a sequence\nof input messages.",
    ),
    "FunctionMessage": seed_message(
        "function",
        "FunctionMessage",
        "A Message for passing the result of executing a function back to a model.",
        name={"title": "Name", "type": "string"},
    ),
    "ToolMessage": seed_message(
        "tool",
        "ToolMessage",
        "A Message for passing the result of executing a tool back to a model.",
        tool_call_id={"title": "Tool Call Id", "type": "string"},
    ),
}
ANY_MESSAGE = [{"$ref": f"#/definitions/{name}"} for name in SEED_MESSAGES]
SEED_PROMPT_INPUT = {
    "title": "PromptInput",
    "type": "object",
    "properties": {"topic": {"title": "Topic", "type": "string"}},
}
SEED_MODEL_INPUT = {
    "title": "ChatOpenAIInput",
    "anyOf": [
        {"type": "string"},
        {"$ref": "#/definitions/StringPromptValue"},
        {"$ref": "#/definitions/ChatPromptValueConcrete"},
        {"type": "array", "items": {"anyOf": ANY_MESSAGE}},
    ],
    "definitions": {
        "StringPromptValue": {
            "title": "StringPromptValue",
            "description": "String prompt value.",
            "type": "object",
            "properties": {
                "text": {"title": "Text", "type": "string"},
                "type": {
                    "title": "Type",
                    "default": "StringPromptValue",
                    "enum": ["StringPromptValue"],
                    "type": "string",
                },
            },
            "required": ["text"],
        },
        **SEED_MESSAGES,
        "ChatPromptValueConcrete": {
            "title": "ChatPromptValueConcrete",
            "description": "Chat prompt value which explicitly lists out the message types it accepts.\n"
            "For use in external schemas.",
            "type": "object",
            "properties": {
                "messages": {"title": "Messages", "type": "array", "items": {"anyOf": ANY_MESSAGE}},
                "type": {
                    "title": "Type",
                    "default": "ChatPromptValueConcrete",
                    "enum": ["ChatPromptValueConcrete"],
                    "type": "string",
                },
            },
            "required": ["messages"],
        },
    },
}
SEED_MODEL_OUTPUT = {"title": "ChatOpenAIOutput", "anyOf": ANY_MESSAGE, "definitions": SEED_MESSAGES}

# Fields that messages have by now and the page does not know.
SINCE = {
    "response_metadata",
    "name",
    "id",
    "tool_calls",
    "invalid_tool_calls",
    "usage_metadata",
    "artifact",
    "status",
}


def as_pydantic_1(schema: Any) -> Any:
    """A schema in the spelling of pydantic 1, which the page was made with."""
    if isinstance(schema, list):
        return [as_pydantic_1(item) for item in schema]
    if not isinstance(schema, dict):
        return schema.replace("#/$defs/", "#/definitions/") if isinstance(schema, str) else schema
    spelled = {{"$defs": "definitions"}.get(key, key): as_pydantic_1(value) for key, value in schema.items()}
    if spelled.get("additionalProperties") is True:
        del spelled["additionalProperties"]
    if isinstance(spelled.get("const"), str):
        spelled["enum"] = [spelled.pop("const")]
    return spelled


def without_what_came_since(schema: dict[str, Any]) -> dict[str, Any]:
    definitions = {name: dict(schema["definitions"][name]) for name in schema["definitions"]}
    definitions.pop("ToolCall", None)
    for name, definition in definitions.items():
        own = SEED_MESSAGES.get(name, {"properties": {}})["properties"]
        definition["properties"] = {
            key: value for key, value in definition["properties"].items() if key in own or key not in SINCE
        }
    return {**schema, "definitions": definitions}


@pytest.mark.parametrize("part", ["chain", "prompt"])
def test_the_input_of_a_prompt_and_of_its_chain_are_as_the_seed_prints_them(part: str) -> None:
    runnable = PROMPT if part == "prompt" else PROMPT | chat_openai()
    # pydantic 2 also says that the topic has to be there, as the peer does
    assert runnable.input_schema.schema() == {**SEED_PROMPT_INPUT, "required": ["topic"]}


def test_the_input_of_a_chat_model_is_as_the_seed_prints_it() -> None:
    schema = as_pydantic_1(chat_openai().input_schema.schema())
    assert without_what_came_since(schema) == SEED_MODEL_INPUT


def test_the_output_of_a_chain_is_its_models_as_the_seed_prints_it() -> None:
    schema = as_pydantic_1((PROMPT | chat_openai()).output_schema.schema())
    assert without_what_came_since(schema) == SEED_MODEL_OUTPUT


def test_schema_works_without_a_warning_beside_model_json_schema() -> None:
    def text(message: AIMessage) -> str:
        return message.text

    chain = PROMPT | FakeChatModel() | RunnableLambda(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ResourceWarning)  # sockets of other tests, collected just now
        for step in (chain, *chain.steps):  # type: ignore[attr-defined]  # a sequence
            for model in (step.input_schema, step.output_schema):
                assert model.schema() == model.model_json_schema()


# Structure


def test_parallel_branches_merge_what_they_take_and_name_what_they_give() -> None:
    poem = ChatPromptTemplate.from_template("a poem about {topic} in {language}")
    chain = RunnableParallel(joke=PROMPT | StrOutputParser(), poem=poem | StrOutputParser())
    assert chain.input_schema.schema() == {
        "title": "RunnableParallel<joke,poem>Input",
        "type": "object",
        "properties": {
            "topic": {"title": "Topic", "type": "string"},
            "language": {"title": "Language", "type": "string"},
        },
        "required": ["topic", "language"],
    }
    assert chain.output_schema.schema() == {
        "title": "RunnableParallel<joke,poem>Output",
        "type": "object",
        "properties": {
            "joke": {"title": "Joke", "type": "string"},
            "poem": {"title": "Poem", "type": "string"},
        },
        "required": ["joke", "poem"],
    }


def test_assign_gives_what_it_takes_with_its_keys_added() -> None:
    step = RunnablePassthrough.assign(joke=PROMPT | StrOutputParser())
    assert step.get_input_jsonschema()["properties"] == {"topic": {"title": "Topic", "type": "string"}}
    output = step.get_output_jsonschema()
    assert output["title"] == "RunnableAssignOutput"
    assert list(output["properties"]) == ["topic", "joke"]


def test_an_assign_at_the_start_leaves_to_be_given_what_later_steps_need() -> None:
    context: Any = RunnablePassthrough.assign(context=lambda x: x["question"])
    chain = context | PromptTemplate.from_template("{context} {question} {language}")
    schema = chain.get_input_jsonschema()
    assert sorted(schema["required"]) == ["language", "question"]
    assert schema["title"] == "RunnableSequenceInput"


def test_deeply_nested_sequences_are_asked_once() -> None:
    asked = []

    class Asked(Runnable[int, int]):
        @property
        def InputType(self) -> Any:
            asked.append(self)
            return int

    chain: Any = Asked()
    for _ in range(12):
        chain = RunnableParallel(a=chain) | RunnablePassthrough()
    assert chain.InputType is int
    assert len(asked) == 1


def test_pick_and_passthrough_know_what_came_before_them() -> None:
    source = RunnableParallel(a=double, b=lambda x: x)
    assert (source | RunnablePick("a")).OutputType is str
    assert (source | RunnablePassthrough() | RunnablePick("a")).OutputType is str
    assert list((source | RunnablePick(["b"])).get_output_jsonschema()["properties"]) == ["b"]


def test_functions_tell_by_their_annotations() -> None:
    step = RunnableLambda(double)
    assert step.input_schema.schema() == {"title": "double_input", "type": "integer"}
    assert step.output_schema.schema() == {"title": "double_output", "type": "string"}


def test_generator_functions_tell_what_they_take_and_yield() -> None:
    def lengths(chunks: Iterator[str]) -> Iterator[int]:
        yield from map(len, chunks)

    step = RunnableGenerator(lengths)
    assert (step.InputType, step.OutputType) == (str, int)


class Asked(TypedDict, total=False):
    question: str


def test_a_typed_dict_is_known_by_its_keys() -> None:
    def ask(x: Asked) -> Asked:
        return x

    schema = RunnableLambda(ask).get_input_jsonschema()
    assert schema["properties"] == {"question": {"default": None, "title": "Question", "type": "string"}}


UNREAD = {"a": "b"}


@pytest.mark.parametrize(
    ("function", "keys"),
    [
        (lambda x: x["a"], ("a",)),
        (lambda x: x["a"] + x["b"] + x["a"], ("a", "b")),
        (lambda x: [x["a"] for _ in range(2)], ("a",)),
        (itemgetter("a"), ("a",)),
        (itemgetter("a", "b"), ("a", "b")),
        (itemgetter(0), ()),
        (lambda x: x[0], ()),
        (lambda x: x.get("a"), ()),
        (lambda x, y=UNREAD: y["a"], ()),
        (len, ()),
    ],
)
def test_an_unannotated_function_tells_by_the_keys_it_reads(function: Any, keys: tuple[str, ...]) -> None:
    assert read_keys(function) == keys
    schema = RunnableLambda(function).get_input_jsonschema()
    assert tuple(schema.get("properties", ())) == keys


def test_a_variable_that_is_set_anew_is_no_longer_the_input() -> None:
    def replaced(x):  # type: ignore[no-untyped-def]  # unannotated on purpose
        x = x.copy()
        return x["a"]

    assert read_keys(replaced) == ()


class Custom(Runnable[int, list[str]]):
    def invoke(self, input: int, config: Any = None, **kwargs: Any) -> list[str]:
        return [str(input)]


class Fielded(RunnableSerializable[dict[str, int], Output]):
    factor: int = 2


class Halved(Fielded[float]):
    pass


def test_a_subclass_tells_by_the_arguments_of_runnable_in_its_bases() -> None:
    assert Custom().input_schema.schema() == {"title": "CustomInput", "type": "integer"}
    assert Custom().OutputType == list[str]
    assert (Halved().InputType, Halved().OutputType) == (dict[str, int], float)


def test_a_subclass_may_state_its_types_itself() -> None:
    class Stated(Runnable[Any, Any]):
        InputType = int  # type: ignore[assignment]  # in place of the property

        @property
        def OutputType(self) -> Any:
            return str

    assert (Stated().input_schema.schema()["type"], Stated().output_schema.schema()["type"]) == (
        "integer",
        "string",
    )


class Wrapper(Runnable[Input, Output]):
    def __init__(self, *steps: Any) -> None:
        self.inside = steps

    def _steps_inside(self) -> Any:
        return self.inside


class Listed(Wrapper[list[Input], list[Output]]):
    pass


class Either(Wrapper[Input, Output]):
    def _stand_ins(self) -> Any:
        return self.inside


def test_a_wrapper_takes_and_gives_what_is_inside() -> None:
    chain = PROMPT | StrOutputParser()
    for wrapped in (Wrapper(chain), chain.with_config(run_name="joke"), chain.bind(stop=["."])):
        assert wrapped.input_schema is PROMPT.input_schema
        assert wrapped.OutputType is str


def test_a_wrapper_of_many_takes_and_gives_lists() -> None:
    schema = Listed(PROMPT | StrOutputParser()).get_input_jsonschema()
    assert (schema["type"], schema["items"]) == ("array", {"$ref": "#/$defs/PromptInput"})
    assert Listed(StrOutputParser()).OutputType == list[str]


def test_of_alternatives_what_only_some_need_is_not_required() -> None:
    other = ChatPromptTemplate.from_template("{topic} in {language}")
    either = Either(PROMPT | StrOutputParser(), other | RunnableLambda(len))
    schema = either.get_input_jsonschema()
    assert (list(schema["properties"]), schema["required"]) == (["topic", "language"], ["topic"])


def test_types_given_to_a_binding_count() -> None:
    typed = RunnableLambda(lambda x: x).with_types(input_type=int, output_type=list[str])
    assert (typed.InputType, typed.OutputType) == (int, list[str])


def test_placeholders_take_messages_and_an_optional_one_may_be_left_out() -> None:
    prompt = ChatPromptTemplate.from_messages(
        [MessagesPlaceholder("history"), MessagesPlaceholder("examples", optional=True), ("human", "{q}")]
    )
    schema = prompt.get_input_jsonschema()
    assert schema["properties"]["history"]["items"]["anyOf"] == [
        {"$ref": f"#/$defs/{name}"} for name in SEED_MESSAGES
    ]
    assert schema["required"] == ["history", "q"]


def test_values_of_a_partial_prompt_are_not_asked_for() -> None:
    prompt = ChatPromptTemplate.from_template("{topic} in {language}").partial(language="Korean")
    assert list(prompt.get_input_jsonschema()["properties"]) == ["topic"]


@pytest.mark.parametrize("name", ["schema", "copy", "model_config", "class", "_private", "field_0"])
def test_keys_may_have_any_name(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step = RunnableParallel({name: double, "two words": double})
        schema = step.get_output_jsonschema()
        model = step.output_schema.model_validate({name: "4", "two words": "4"})
    assert list(schema["properties"]) == [name, "two words"]
    assert model.model_dump(by_alias=True) == {name: "4", "two words": "4"}


class Opaque:
    pass


def test_types_without_a_json_form_are_anything() -> None:
    def opaque(x: Opaque) -> list[Opaque]:
        return [x]

    step = RunnableLambda(opaque)
    assert step.get_input_jsonschema() == {"title": "opaque_input"}
    assert step.output_schema.model_json_schema() == {"title": "opaque_output", "type": "array", "items": {}}


def test_a_name_that_is_not_defined_does_no_harm() -> None:
    def lost(x: Undefined) -> int:  # type: ignore[name-defined]  # noqa: F821  # on purpose
        return 1

    assert RunnableLambda(lost).get_input_jsonschema() == {"title": "lost_input"}


class Joke(BaseModel):
    setup: str


def test_a_pydantic_model_is_its_own_schema() -> None:
    def tell(joke: Joke) -> str:
        return joke.setup

    assert RunnableLambda(tell).input_schema is Joke


def test_models_are_made_once_and_follow_a_prompt_that_grows() -> None:
    prompt = ChatPromptTemplate.from_template("{a}")
    before = prompt.input_schema
    assert prompt.input_schema is before
    prompt.append("{b}")
    assert prompt.get_input_jsonschema()["required"] == ["a", "b"]


def test_unions_that_differ_in_order_keep_their_order() -> None:
    for union, types in ((int | str, ["integer", "string"]), (str | int, ["string", "integer"])):
        step = RunnableLambda(lambda x: x).with_types(input_type=union)
        assert [each["type"] for each in step.get_input_jsonschema()["anyOf"]] == types


def test_the_models_check_values() -> None:
    model = FakeChatModel().input_schema
    assert model.model_validate([AIMessage("hi")]).root == [AIMessage("hi")]
    with pytest.raises(ValueError, match="topic"):
        PROMPT.input_schema.model_validate({})


def test_the_config_schema_has_the_keys_one_includes() -> None:
    assert PROMPT.get_config_jsonschema() == {
        "properties": {},
        "title": "ChatPromptTemplateConfig",
        "type": "object",
    }
    schema = PROMPT.get_config_jsonschema(include=["tags", "max_concurrency"])
    assert list(schema["properties"]) == ["tags", "max_concurrency"]
    with pytest.raises(ValueError, match="unknown key 'tag'"):
        PROMPT.config_schema(include=["tag"])


def test_asking_for_no_schema_pays_for_none() -> None:
    code = (
        "import sys, workbench\n"
        "from workbench import RunnableParallel, RunnableLambda, RunnablePassthrough\n"
        "chain = RunnableParallel(a=len) | RunnablePassthrough.assign(b=len) | RunnableLambda(len)\n"
        "chain = chain.with_config(run_name='x')\n"
        "print([name for name in ('pydantic', 'workbench.runnables.shapes') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Beside the peer


def peer_and_ours() -> Iterator[Any]:
    """The same chains of the peer's classes and of ours."""
    try:
        from langchain_core import output_parsers as peer_parsers
        from langchain_core import prompts as peer_prompts
        from langchain_core import runnables as peer_runnables
    except ImportError:
        return

    def chains(kit: Any, prompt: Any, parser: Any) -> dict[str, Any]:
        first, second = prompt("about {topic}"), prompt("{topic} in {language}")
        return {
            "prompt": first,
            "chain": first | parser,
            "parser": parser,
            "parallel": kit.RunnableParallel(joke=first | parser, poem=second | parser),
            "reads": kit.RunnableLambda(joined),
            "itemgetter": kit.RunnableLambda(itemgetter("a", "b")),
            "function": kit.RunnableLambda(double),
            "unknown": kit.RunnableLambda(lambda x: x),
            "passthrough": kit.RunnablePassthrough(),
            "assign": kit.RunnablePassthrough.assign(x=first | parser),
            "pick": kit.RunnablePick("a"),
            "sources": {"context": itemgetter("q") | kit.RunnableLambda(double), "q": itemgetter("q")}
            | second
            | parser,
            "configured": (first | parser).with_config(tags=["t"]),
        }

    theirs = chains(
        peer_runnables, peer_prompts.ChatPromptTemplate.from_template, peer_parsers.StrOutputParser()
    )
    ours = chains(workbench, ChatPromptTemplate.from_template, StrOutputParser())
    for name in ours:
        yield pytest.param(theirs[name], ours[name], id=name)


def without_messages(schema: dict[str, Any]) -> dict[str, Any]:
    """Without what is the peer's own: its messages have chunks too, and a discriminator."""
    if "$defs" in schema:
        return {"title": schema["title"]}
    return schema


@pytest.mark.parametrize(("theirs", "ours"), list(peer_and_ours()))
@pytest.mark.parametrize("side", ["input", "output"])
def test_schemas_are_the_peers(theirs: Any, ours: Any, side: str) -> None:
    method = f"get_{side}_jsonschema"
    assert without_messages(getattr(ours, method)()) == without_messages(getattr(theirs, method)())


def test_any_message_is_the_union_the_seed_lists() -> None:
    assert [cls.__name__ for cls in AnyMessage.__args__] == list(SEED_MESSAGES)
