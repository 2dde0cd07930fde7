"""Tools of one value and of retrievers, TypedDicts, strict schemas, tools as text, what runs keep."""

import asyncio
from typing import Annotated, Any, NotRequired

import pytest
from pydantic import BaseModel, SecretStr, ValidationError
from typing_extensions import TypedDict

from tests.tracing.event_steps import events_of
from workbench import (
    BaseRetriever,
    BaseTool,
    Document,
    InjectedToolArg,
    InjectedToolCallId,
    PromptTemplate,
    RunnableLambda,
    StructuredTool,
    Tool,
    ToolException,
    ToolMessage,
    convert_to_openai_function,
    convert_to_openai_tool,
    create_retriever_tool,
    render_text_description,
    render_text_description_and_args,
    tool,
)


def call(name: str, **args: Any) -> dict[str, Any]:
    return {"type": "tool_call", "name": name, "args": args, "id": "call-1"}


def test_a_tool_of_one_value_takes_a_text_or_a_dict_of_one_key(run_chain):
    upper = Tool("upper", str.upper, "Louder.")
    assert run_chain(upper, "a") == "A"
    assert run_chain(upper, {"tool_input": "a"}) == "A"
    assert run_chain(upper, {"__arg1": "a"}) == "A"
    assert run_chain(upper, call("upper", text="a")) == ToolMessage("A", name="upper", tool_call_id="call-1")
    assert convert_to_openai_function(upper)["parameters"] == {
        "type": "object",
        "properties": {"tool_input": {"type": "string"}},
        "required": ["tool_input"],
    }
    assert list(upper.args) == ["tool_input"]
    for given in ({"a": "1", "b": "2"}, {}):
        with pytest.raises(TypeError, match=rf"tool 'upper' takes one argument: .* got {len(given)}"):
            run_chain(upper, given)


def test_a_tool_of_one_value_may_say_more_of_it(run_chain):
    class Number(BaseModel):
        number: int

    def double(n: int, callbacks: Any = None) -> int:
        return n * 2

    made = Tool.from_function(double, "double", "Twice.", args_schema=Number)
    assert run_chain(made, {"number": "2"}) == 4
    assert run_chain(made, "3") == 6
    with pytest.raises(ValidationError, match="for double\nnumber"):
        run_chain(made, "x")


def test_a_tool_of_one_value_may_be_asynchronous():
    async def shout(text: str) -> str:
        await asyncio.sleep(0)
        return text.upper()

    made = Tool("shout", None, "Louder.", coroutine=shout)
    assert asyncio.run(made.ainvoke("a")) == "A"
    with pytest.raises(TypeError, match="no synchronous form"):
        made.invoke("a")


def test_without_a_schema_from_the_signature_it_is_a_tool_of_one_value(run_chain):
    @tool(infer_schema=False)
    def find(whatever):
        "Find it."
        return f"found {whatever}"

    assert type(find) is Tool
    assert run_chain(find, "x") == "found x"
    with pytest.raises(ValueError, match=r"tool 'f': expected a docstring or description="):
        tool("f", infer_schema=False)(lambda x: x)
    with pytest.raises(ValueError, match=r"infer_schema=False expects args_schema="):
        StructuredTool.from_function(lambda x: x, name="f", description="d", infer_schema=False)


def test_a_docstring_without_args_is_refused_where_they_are_asked_for():
    def bare(x: int) -> int:
        "No more than this."
        return x

    with pytest.raises(ValueError, match="tool 'bare': parse_docstring=True expected an 'Args:' section"):
        tool(bare, parse_docstring=True)
    lenient = tool(bare, parse_docstring=True, error_on_invalid_docstring=False)
    assert lenient.description == "No more than this."
    assert StructuredTool.from_function(bare, parse_docstring=True).description == "No more than this."


class Place(TypedDict):
    """Where to look.

    Args:
        city: a city
    """

    city: str
    zoom: Annotated[int, 3, "how near"]
    country: NotRequired[Annotated[str, "a country"]]


class Trip(TypedDict):
    """A trip."""

    stops: list[Place]


def test_typed_dicts_describe_arguments(run_chain):
    @tool(args_schema=Place)
    def look(city: str, zoom: int, country: str = "Korea") -> str:
        return f"{city} {zoom} {country}"

    assert look.description == "Where to look."
    assert run_chain(look, {"city": "Seoul"}) == "Seoul 3 Korea"
    assert convert_to_openai_function(Place) == {
        "name": "Place",
        "description": "Where to look.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "a city"},
                "zoom": {"type": "integer", "default": 3, "description": "how near"},
                "country": {"type": "string", "description": "a country"},
            },
            "required": ["city"],
        },
    }
    stops = convert_to_openai_function(Trip)["parameters"]
    assert stops["properties"]["stops"] == {"type": "array", "items": {"$ref": "#/$defs/Place"}}
    assert stops["$defs"]["Place"]["properties"]["city"]["description"] == "a city"


def test_what_the_server_knows_itself_and_what_others_say_is_understood():
    assert convert_to_openai_tool({"type": "web_search"}) == {"type": "web_search"}
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    theirs = {"name": "f", "description": "F.", "input_schema": schema}
    assert convert_to_openai_function(theirs) == {"name": "f", "description": "F.", "parameters": schema}
    whole = convert_to_openai_tool(theirs)
    assert convert_to_openai_function(whole) == whole["function"]


def test_strict_asks_for_every_key_of_every_object():
    class Inner(BaseModel):
        a: int = 1

    class Outer(BaseModel):
        """Outer."""

        inner: list[Inner]
        b: str | None = None

    function = convert_to_openai_function(Outer, strict=True)
    assert function["strict"] is True
    parameters = function["parameters"]
    assert (parameters["required"], parameters["additionalProperties"]) == (["inner", "b"], False)
    assert parameters["$defs"]["Inner"] == {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert parameters["properties"]["b"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert convert_to_openai_function(Outer, strict=False)["parameters"]["required"] == ["inner"]
    assert convert_to_openai_tool({"name": "now"}, strict=True)["function"]["parameters"]["required"] == []


def test_tools_are_told_as_text():
    @tool
    def add(x: int, y: int = 0) -> int:
        "The sum."
        return x + y

    class Own(BaseTool):
        name: str = "own"
        description: str = "Its own."

        def _run(self, q: str) -> str:
            return q

    tools = [add, Own(), Tool("max", max, "The most.")]
    assert render_text_description(tools) == (
        "add(x: int, y: int = 0) -> int - The sum.\nown - Its own.\nmax - The most."
    )
    assert render_text_description_and_args([Own()]) == (
        "own - Its own., args: {'q': {'title': 'Q', 'type': 'string'}}"
    )


# Retrievers


class Library(BaseRetriever):
    def _get_relevant_documents(self, query: str, run_manager: Any = None) -> list[Document]:
        assert (run_manager.run is None) == (run_manager.run_id is None)
        return [Document(f"{query} {n}", metadata={"n": n}) for n in (1, 2)]


def test_a_retriever_becomes_a_tool(run_chain, recorder):
    search = create_retriever_tool(Library(), "search", "Look it up.")
    assert run_chain(search, {"query": "bears"}, {"callbacks": [recorder]}) == "bears 1\n\nbears 2"
    starts = [(e.run.path, e.run.type) for e in recorder.events if e.kind == "start"]
    assert starts == [("search", "tool"), ("search > Library", "retriever")]
    assert search.args["query"]["description"] == "what to look for"


def test_a_retriever_s_tool_gives_documents_as_one_says(run_chain):
    search = create_retriever_tool(
        Library(),
        "search",
        "Look it up.",
        document_prompt=PromptTemplate.from_template("[{n}] {page_content}"),
        document_separator="; ",
        response_format="content_and_artifact",
    )
    message = run_chain(search, call("search", query="bears"))
    assert message.content == "[1] bears 1; [2] bears 2"
    assert [document.metadata for document in message.artifact] == [{"n": 1}, {"n": 2}]
    wrong = create_retriever_tool(
        Library(), "s", "S.", document_prompt=PromptTemplate.from_template("{author}")
    )
    with pytest.raises(KeyError, match="document_prompt: expected 'author' in the metadata"):
        run_chain(wrong, {"query": "x"})


# What runs keep


@tool
def secretive(
    x: int,
    key: SecretStr,
    user: Annotated[str, InjectedToolArg],
    id: Annotated[str | None, InjectedToolCallId] = None,
) -> str:
    "Secretive."
    assert (key.get_secret_value(), user) == ("hush", "hidden")
    if x < 0:
        raise ToolException("too small")
    return f"{x}"


def everything_told(recorder):
    return " ".join(
        f"{e.value!r} {e.run.input!r} {e.run.output!r} {e.run.error!r} {getattr(e.value, '__notes__', '')}"
        for e in recorder.events
    )


@pytest.mark.parametrize("x", [1, -1, "no number"])
def test_injected_and_secret_arguments_are_in_no_run(run_chain, recorder, x):
    request = call("secretive", x=x, key="hush", user="hidden")
    made = RunnableLambda(lambda _: request) | secretive.with_config(callbacks=[recorder])
    try:
        run_chain(made, 0)
    except (ToolException, ValidationError) as error:
        assert "hush" not in str(error) and "hidden" not in str(error)
    starts = [e.run.input for e in recorder.events if e.kind == "start"]
    assert starts == [{**request, "args": {"x": x, "key": "**********"}}]
    assert "hush" not in everything_told(recorder)
    assert "hidden" not in everything_told(recorder)
    assert request["args"] == {"x": x, "key": "hush", "user": "hidden"}


def test_injected_and_secret_arguments_are_in_no_event_nor_log():
    request = call("secretive", x=1, key="hush", user="hidden")
    events = events_of(secretive, request)
    assert [event["event"] for event in events] == ["on_tool_start", "on_tool_end"]
    assert "hush" not in str(events) and "hidden" not in str(events)

    async def log():
        return [patch async for patch in secretive.astream_log(request)]

    assert "hush" not in str(asyncio.run(log()))


def test_a_secret_inside_a_model_is_masked_as_a_whole(recorder):
    class Login(BaseModel):
        user: str
        password: SecretStr
        again: "Login | None" = None

    @tool
    def enter(login: Login, text: str = "") -> str:
        "Enter."
        return login.password.get_secret_value()

    arguments = {"login": {"user": "me", "password": "hush"}}
    assert enter.invoke(arguments, {"callbacks": [recorder]}) == "hush"
    assert recorder.events[0].run.input == {"login": "**********"}
    only = Tool("t", len, "T.", args_schema=Login)
    assert only._recorded_input("hush") == "**********"


def test_the_input_of_other_tools_is_kept_as_it_came(recorder):
    @tool
    def plain(x: int) -> int:
        "Plain."
        return x

    given = {"x": "1"}
    plain.invoke(given, {"callbacks": [recorder]})
    assert recorder.events[0].run.input is given


# run and arun


def test_run_is_invoke_with_the_config_in_keywords(recorder):
    @tool
    def add(x: int, y: int = 0) -> int:
        "Add."
        return x + y

    assert add.run({"x": 1}, callbacks=[recorder], run_name="mine", tags=["t"]) == 1
    assert (recorder.events[0].run.name, recorder.events[0].run.tags) == ("mine", ["t"])
    assert add.run({"x": 1}, tool_call_id="c") == ToolMessage("1", name="add", tool_call_id="c")
    assert asyncio.run(add.arun({"x": 1}, y=2)) == 3
