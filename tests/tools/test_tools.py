"""Tools: arguments from signatures, tool calls, errors that a model hears of, injected arguments."""

import asyncio
from functools import partial
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError
from typing_extensions import TypedDict

from tests.tracing.event_steps import events_of, told
from workbench import (
    BaseTool,
    InjectedToolArg,
    InjectedToolCallId,
    RunnableConfig,
    RunnableLambda,
    RunnableParallel,
    StructuredTool,
    ToolException,
    ToolMessage,
    chain,
    convert_to_openai_tool,
    tool,
)


@tool
def multiply(a: int, b: int = 2) -> int:
    """The product of two numbers."""
    return a * b


def call(name: str, **args: Any) -> dict[str, Any]:
    return {"type": "tool_call", "name": name, "args": args, "id": "call-1"}


def parameters_of(thing: Any) -> Any:
    return convert_to_openai_tool(thing)["function"]["parameters"]


# Making one


def test_a_function_s_name_docstring_and_signature_make_a_tool():
    assert (multiply.name, multiply.description) == ("multiply", "The product of two numbers.")
    assert multiply.args == {
        "a": {"title": "A", "type": "integer"},
        "b": {"default": 2, "title": "B", "type": "integer"},
    }
    assert repr(multiply) == "StructuredTool(name='multiply', description='The product of two numbers.')"


def test_the_decorator_takes_a_name_and_options():
    @tool("search", return_direct=True, description="Look it up.")
    def find(query: str) -> str:
        return f"found {query}"

    assert (find.name, find.description, find.return_direct) == ("search", "Look it up.", True)
    assert find.invoke({"query": "x"}) == "found x"


def test_the_arguments_may_be_a_pydantic_model():
    class Place(BaseModel):
        """Where to look."""

        city: str = Field(description="a city")
        country: str = "Korea"

    @tool(args_schema=Place)
    def weather(city: str, country: str) -> str:
        return f"{city}, {country}: sun"

    assert weather.description == "Where to look."
    assert weather.args["city"] == {"description": "a city", "title": "City", "type": "string"}
    assert weather.invoke({"city": "Seoul"}) == "Seoul, Korea: sun"
    with pytest.raises(ValidationError, match="1 validation error for weather"):
        weather.invoke({})


def test_the_arguments_may_be_a_json_schema():
    schema = {
        "title": "x",
        "description": "Say it.",
        "type": "object",
        "properties": {"x": {"type": "integer"}},
        "required": ["x"],
    }

    @tool(args_schema=schema)
    def say(x):
        return x

    assert (say.description, say.args, say.invoke({"x": 1})) == ("Say it.", {"x": {"type": "integer"}}, 1)
    assert parameters_of(say) == {key: schema[key] for key in ("type", "properties", "required")}
    with pytest.raises(ValidationError, match="for say\nx\n  Field required"):
        say.invoke({})


def test_a_docstring_s_args_section_describes_the_arguments():
    @tool(parse_docstring=True)
    def book(city: str, nights: Annotated[int, "how many"] = 1) -> str:
        """Book a room.

        Only in hotels.

        Args:
            city: where,
                by name
            nights: not this one

        Returns:
            A number.
        """
        return city

    assert book.description == "Book a room.\n\nOnly in hotels."
    assert parameters_of(book)["properties"] == {
        "city": {"type": "string", "description": "where, by name"},
        "nights": {"type": "integer", "default": 1, "description": "how many"},
    }


def test_a_docstring_that_describes_no_argument_of_the_function_is_refused():
    def f(a: int):
        """F.

        Args:
            b: what?
        """

    with pytest.raises(ValueError, match="describes 'b'; expected one of the arguments 'a'"):
        tool(f, parse_docstring=True)


def test_what_cannot_be_a_tool_is_refused_with_what_came():
    def undocumented(x: int): ...

    def generator(x: int):
        "Yields."
        yield x

    def positional(x, /):
        "Positional."

    with pytest.raises(ValueError, match=r"tool 'undocumented': expected a docstring or description="):
        tool(undocumented)
    with pytest.raises(TypeError, match="got a generator"):
        tool(generator)
    with pytest.raises(TypeError, match="can be given by name"):
        tool(positional)
    with pytest.raises(ValueError, match="expected name="):
        tool(lambda x: x)
    with pytest.raises(TypeError, match="expected a function or a name, got 3"):
        tool(3)
    with pytest.raises(TypeError, match=r"expected func= or coroutine=, got neither"):
        StructuredTool(name="t", description="d")


def test_an_annotation_that_cannot_be_evaluated_says_so():
    def f(x: "Unheard"): ...  # noqa: F821

    with pytest.raises(TypeError, match="name 'Unheard' is not defined"):
        tool(f, description="d")

    class Args(BaseModel):
        x: int

    assert tool(f, description="d", args_schema=Args).invoke({"x": 1}) is None


def test_functions_of_every_kind_are_tools(run_chain):
    class Adder:
        def __call__(self, x: int) -> int:
            return x + 1

    def add(y: int, x: int) -> int:
        return x + y

    made = [
        tool("a", description="d")(Adder()),
        StructuredTool.from_function(partial(add, y=1), description="d"),
        StructuredTool.from_function(add, name="open", description="d", args_schema=_Open),
    ]
    assert [run_chain(each, {"x": "2", "y": 1}) for each in made] == [3, 3, 3]


class _Open(BaseModel, extra="allow"):
    x: int


def test_keyword_arguments_beyond_the_signature_come_in_where_there_are_any(run_chain):
    @tool
    def anything(first: int, **rest: Any) -> Any:
        "Anything."
        return first, rest

    assert run_chain(anything, {"first": 1, "second": 2}) == (1, {"second": 2})


def test_arguments_may_have_any_name(run_chain):
    @tool
    def odd(schema: int, copy: int, fn: int, self: int, is_async: int, _x: int) -> int:
        "Odd names."
        return schema + copy + fn + self + is_async + _x

    args = dict.fromkeys(("schema", "copy", "fn", "self", "is_async", "_x"), 1)
    assert run_chain(odd, args) == 6
    assert list(odd.args) == list(args)


# Calling one


def test_with_arguments_it_gives_the_bare_value(run_chain):
    assert run_chain(multiply, {"a": "3"}) == 6  # checked and converted
    assert run_chain(multiply, {"a": 3, "b": 4}) == 12


def test_with_a_tool_call_it_gives_a_message(run_chain):
    message = run_chain(multiply, call("multiply", a=3))
    assert message == ToolMessage("6", name="multiply", tool_call_id="call-1")
    assert message.status == "success"


def test_a_bare_text_is_the_only_required_argument(run_chain):
    assert run_chain(multiply, "3") == 6

    @tool
    def two(a: int, b: int) -> int:
        "Two."
        return a

    with pytest.raises(TypeError, match=r"expected a dict of arguments \{'a': ..., 'b': ...\}.* got str"):
        run_chain(two, "3")


def test_what_is_no_arguments_says_so():
    with pytest.raises(TypeError, match=r"tool 'multiply': expected a dict of arguments .* got int: 3"):
        multiply.invoke(3)
    with pytest.raises(TypeError, match="expected 'args' to be a dict, got list"):
        multiply.invoke({**call("multiply"), "args": [1]})


def test_a_tool_call_without_an_id_is_answered_by_a_message_too():
    assert multiply.invoke({**call("multiply", a=1), "id": None}).tool_call_id == ""


@pytest.mark.parametrize(
    ("output", "content"),
    [
        ("text", "text"),
        (1.5, "1.5"),
        (None, "null"),
        ({"city": "서울"}, '{"city": "서울"}'),
        (["a", "b"], '["a", "b"]'),
        ([], "[]"),
        ([_Open(x=1)], '[{"x": 1}]'),
        ([{"type": "text", "text": "x"}, "y"], [{"type": "text", "text": "x"}, "y"]),
        ({1j: 1}, "{1j: 1}"),
    ],
)
def test_outputs_become_text_that_a_model_can_read(output, content):
    made = StructuredTool.from_function(lambda: output, name="t", description="d")
    assert made.invoke(call("t")).content == content
    assert made.invoke({}) is output


def test_a_message_that_the_tool_made_itself_is_the_output(run_chain):
    @tool
    def own(id: Annotated[str, InjectedToolCallId]) -> ToolMessage:
        "Its own message."
        return ToolMessage("mine", tool_call_id=id, name="other")

    assert run_chain(own, call("own")) == ToolMessage("mine", tool_call_id="call-1", name="other")


def test_content_and_artifact_are_for_the_model_and_for_the_program(run_chain):
    @tool(response_format="content_and_artifact")
    def search(query: str) -> tuple[str, list[int]]:
        "Search."
        return f"2 hits for {query}", [1, 2]

    message = run_chain(search, call("search", query="x"))
    assert (message.content, message.artifact) == ("2 hits for x", [1, 2])
    assert run_chain(search, {"query": "x"}) == "2 hits for x"

    @tool(response_format="content_and_artifact")
    def single(query: str) -> str:
        "No pair."
        return query

    with pytest.raises(ValueError, match=r"tool 'single': .* expected a pair .* got str: 'x'"):
        run_chain(single, {"query": "x"})


def test_what_a_tool_does_to_its_arguments_does_not_show_in_the_input(run_chain):
    @tool
    def greedy(items: list[Any], more: Any) -> int:
        "Changes its arguments."
        items.append(0)
        items[0]["x"] = 1
        more["k"].append(0)
        return len(items)

    request = call("greedy", items=[{}], more={"k": []})
    run_chain(greedy, request)
    assert request == call("greedy", items=[{}], more={"k": []})


def test_bound_arguments_join_the_others(run_chain):
    assert run_chain(multiply.bind(b=10), {"a": 3}) == 30


def test_the_config_comes_under_any_name_that_is_annotated_so(run_chain):
    @tool
    def look(x: int, settings: RunnableConfig) -> list[str]:
        "Look."
        return settings["tags"]

    @tool
    def plain(x: int, config, run_manager=None, callbacks=None) -> list[str]:
        "Look."
        return config["tags"]

    for each in (look, plain):
        assert list(each.args) == ["x"]
        assert run_chain(each, {"x": 1}, {"tags": ["t"]}) == ["t"]


def test_a_run_manager_and_callbacks_let_chains_join_the_tool_s_run(run_chain, recorder):
    inner = RunnableLambda(lambda x: x + 1, name="inner")

    @tool
    def work(x: int, run_manager: Any = None, callbacks: Any = None) -> int:
        "Work."
        return inner.invoke(x, {"callbacks": run_manager.get_child()}) + inner.invoke(
            x, {"callbacks": callbacks}
        )

    assert list(work.args) == ["x"]
    assert run_chain(work, {"x": 1}) == 4
    assert run_chain(work, {"x": 1}, {"callbacks": [recorder]}) == 4
    assert [e.run.path for e in recorder.events if e.kind == "start"] == ["work", *["work > inner"] * 2]


def test_an_async_function_serves_the_async_forms_and_is_refused_by_the_others():
    @tool
    async def fetch(x: int) -> int:
        "Fetch."
        await asyncio.sleep(0)
        return x

    assert asyncio.run(fetch.ainvoke({"x": 1})) == 1
    with pytest.raises(TypeError, match="tool 'fetch' is asynchronous and has no synchronous form"):
        fetch.invoke({"x": 1})


def test_of_two_functions_the_one_that_fits_is_called(run_chain):
    async def aword() -> str:
        return "async"

    both = StructuredTool.from_function(lambda: "sync", aword, name="both", description="d")
    assert run_chain(both, {}) == ("sync" if run_chain.form in ("invoke", "stream") else "async")


def test_tools_are_steps_like_any_other(run_chain):
    steps = RunnableLambda(lambda x: {"a": x}) | multiply | {"double": lambda x: x * 2, "same": lambda x: x}
    assert run_chain(steps, 2) == {"double": 8, "same": 4}
    assert multiply.batch([{"a": 1}, {"a": 2}]) == [2, 4]


# Subclasses


class Repeat(BaseTool):
    name: str = "repeat"
    description: str = "Say it again."
    times: int = 2

    def _run(self, text: str, config: RunnableConfig, run_manager: Any = None) -> str:
        return text * self.times


class Slow(BaseTool):
    name: str = "slow"
    description: str = "Takes its time."

    def _run(self, x: int) -> str:
        return f"sync {x}"

    async def _arun(self, x: int) -> str:
        await asyncio.sleep(0)
        return f"async {x}"


def test_a_subclass_defines_run(run_chain):
    assert Repeat.model_fields["name"].default == "repeat"
    assert list(Repeat().args) == ["text"]
    assert run_chain(Repeat(times=3), {"text": "a"}) == "aaa"
    assert run_chain(Repeat(), call("repeat", text="b")).content == "bb"


def test_a_subclass_may_define_both_forms(run_chain):
    assert run_chain(Slow(), {"x": "1"}).split()[0] == (
        "sync" if run_chain.form in ("invoke", "stream") else "async"
    )


def test_a_subclass_that_defines_neither_says_what_to_do(run_chain):
    class Nothing(BaseTool):
        name: str = "nothing"
        description: str = "Does nothing."

    with pytest.raises(NotImplementedError, match="Nothing must define _run, or _arun"):
        run_chain(Nothing(), {})


def test_a_copy_with_another_name_goes_by_it():
    multiply.invoke({"a": 1})
    renamed = multiply.model_copy(update={"name": "times"})
    with pytest.raises(ValidationError, match="for times"):
        renamed.invoke({})
    with pytest.raises(ValidationError, match="for multiply"):
        multiply.invoke({})


# Injected arguments


@tool
def remember(
    what: str, user: Annotated[str, InjectedToolArg], id: Annotated[str | None, InjectedToolCallId]
) -> str:
    "Keep it."
    return f"{user}/{id}: {what}"


def test_injected_arguments_are_not_told_to_the_model():
    assert list(remember.args) == ["what"]
    assert parameters_of(remember) == {
        "type": "object",
        "properties": {"what": {"type": "string"}},
        "required": ["what"],
    }
    assert set(remember.get_input_schema().model_fields) == {"what", "user", "id"}


def test_injected_arguments_are_given_by_the_program(run_chain):
    message = run_chain(remember, call("remember", what="x", user="me"))
    assert message.content == "me/call-1: x"
    assert run_chain(remember.bind(user="you"), call("remember", what="x")).content == "you/call-1: x"
    with pytest.raises(ValidationError, match="for remember\nuser"):
        run_chain(remember, call("remember", what="x"))
    with pytest.raises(ValueError, match=r"takes the id of its tool call \('id'\).*got bare arguments"):
        run_chain(remember, {"what": "x", "user": "me"})


def test_injected_objects_come_as_they_are(run_chain):
    class Store: ...

    store, state = Store(), {"seen": []}

    @tool
    def keep(
        x: int,
        store: Annotated[Store, InjectedToolArg],
        state: Annotated[dict[str, Any] | None, InjectedToolArg],
    ) -> Any:
        "Keep."
        state["seen"].append(x)
        return store

    assert run_chain(keep, {"x": 1, "store": store, "state": state}) is store
    assert state == {"seen": [1]}


def test_the_function_alone_may_mark_what_is_injected(run_chain):
    class Args(BaseModel):
        x: int

    marker = object()

    @tool(args_schema=Args)
    def f(x: int, extra: Annotated[Any, InjectedToolArg]) -> Any:
        "F."
        return extra

    assert list(f.args) == ["x"]
    assert run_chain(f, {"x": 1, "extra": marker}) is marker


def test_injected_arguments_of_a_tool_with_a_json_schema_come_as_they_are_too(run_chain):
    state = {"seen": []}

    @tool(args_schema={"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]})
    def f(x, state: Annotated[Any, InjectedToolArg], id: Annotated[str, InjectedToolCallId]) -> str:
        "F."
        state["seen"].append(x)
        return id

    assert run_chain(f, call("f", x=1, state=state)).content == "call-1"
    assert state == {"seen": [1]}
    assert list(f.args) == ["x"]


def test_injected_arguments_are_not_shown_by_events_of_a_chain():
    @tool
    def secretive(x: int, key: Annotated[str, InjectedToolArg]) -> int:
        "Secretive."
        return x

    for given in ({"x": 1, "key": "secret"}, call("secretive", x=1, key="secret")):
        events = events_of(
            RunnableLambda(lambda _, given=given: given) | secretive, 0, include_types=["tool"]
        )
        assert [event["data"]["input"] for event in events] == [{"x": 1}, {"x": 1}]


def test_injected_arguments_are_not_in_the_text_of_an_error(run_chain):
    @tool(handle_validation_error=str)
    def secretive(x: int, key: Annotated[str, InjectedToolArg]) -> int:
        "Secretive."
        return x

    message = run_chain(secretive, call("secretive", key="secret"))
    assert "1 validation error for secretive\nx\n  Field required" in message.content
    assert "secret'" not in message.content


def test_schemas_are_made_once():
    repeat = Repeat()
    assert repeat.get_input_schema() is repeat.get_input_schema()
    assert remember.tool_call_schema is remember.tool_call_schema


# Errors


@tool
def fails(x: int) -> str:
    "Fails."
    if x == 0:
        raise KeyError("mine")
    raise ToolException("no such city")


HANDLERS = [
    (True, "no such city", "Tool input validation error"),
    ("try again", "try again", "try again"),
    (lambda error: f"{type(error).__name__}!", "ToolException!", "ValidationError!"),
]


@pytest.mark.parametrize(("handler", "on_tool_error", "on_validation_error"), HANDLERS)
def test_errors_that_are_handled_become_the_output(run_chain, handler, on_tool_error, on_validation_error):
    handled = fails.model_copy(update={"handle_tool_error": handler, "handle_validation_error": handler})
    assert run_chain(handled, {"x": 1}) == on_tool_error
    assert run_chain(handled, {"x": "?"}) == on_validation_error
    message = run_chain(handled, call("fails", x=1))
    assert (message.content, message.status, message.tool_call_id) == (on_tool_error, "error", "call-1")
    assert run_chain(handled, call("fails", x="?")).status == "error"
    with pytest.raises(KeyError, match="mine"):
        run_chain(handled, {"x": 0})


def test_a_handler_may_be_asynchronous():
    async def ask(error):
        await asyncio.sleep(0)
        return f"asked about {error}"

    handled = fails.model_copy(update={"handle_tool_error": ask})
    assert asyncio.run(handled.ainvoke({"x": 1})) == "asked about no such city"


def test_errors_are_raised_where_nothing_handles_them(run_chain):
    with pytest.raises(ToolException, match="no such city"):
        run_chain(fails, call("fails", x=1))
    with pytest.raises(ValidationError, match="1 validation error for fails\nx\n"):
        run_chain(fails, call("fails", x="?"))


def test_a_validation_error_of_the_tool_s_own_code_is_not_taken_for_its_arguments(run_chain):
    @tool(handle_validation_error=True)
    def parse(x: int) -> Any:
        "Parses."
        return _Open.model_validate({})

    with pytest.raises(ValidationError, match="_Open"):
        run_chain(parse, {"x": 1})


def test_a_failing_tool_is_named_and_its_run_ends(run_chain, recorder):
    with pytest.raises(KeyError) as caught:
        run_chain(RunnableLambda(lambda x: {"x": x}) | fails, 0, {"callbacks": [recorder]})
    assert caught.value.__notes__ == ["in RunnableSequence > fails"]
    assert recorder.unended() == []


# Events


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_events_of_a_tool_inside_a_chain_show_its_arguments(version):
    events = events_of(RunnableLambda(lambda _: call("multiply", a=1)) | multiply, 0, version=version)
    of_tool = [(event, data) for event, name, _, data in told(events) if name == "multiply"]
    assert of_tool == [
        ("on_tool_start", {"input": {"a": 1}}),
        ("on_tool_end", {"input": {"a": 1}, "output": "ToolMessage('2')"}),
    ]


def test_a_tool_at_the_root_streams_in_v1_only():
    kinds = {
        version: [e["event"] for e in events_of(multiply, {"a": 1}, version=version)]
        for version in ("v1", "v2")
    }
    assert kinds == {
        "v1": ["on_tool_start", "on_tool_stream", "on_tool_end"],
        "v2": ["on_tool_start", "on_tool_end"],
    }


def test_the_error_event_has_the_id_of_the_call():
    failed = next(e for e in events_of(fails, call("fails", x=1)) if e.get("event") == "on_tool_error")
    assert failed["data"]["tool_call_id"] == "call-1"
    assert failed["data"]["input"] == {"x": 1}
    assert repr(failed["data"]["error"]) == "ToolException('no such city')"


def test_chains_that_a_tool_calls_are_runs_inside_its_own(run_chain, recorder):
    inner = RunnableLambda(lambda x: x + 1, name="inner")

    @tool
    def outer(x: int) -> int:
        "Calls a chain."
        return inner.invoke(x)

    assert run_chain(outer, {"x": 1}, {"callbacks": [recorder]}) == 2
    assert [e.run.path for e in recorder.events if e.kind == "start"] == ["outer", "outer > inner"]


# Runnables as tools


class Question(TypedDict):
    """A question."""

    text: str
    tries: int


def test_a_chain_becomes_a_tool_by_what_it_takes(run_chain):
    def ask(question: Question) -> str:
        return question["text"] * question["tries"]

    made = (RunnableLambda(ask) | str.upper).as_tool(name="ask", description="Ask.")
    assert list(made.args) == ["text", "tries"]
    assert run_chain(made, {"text": "a", "tries": "2"}) == "AA"
    assert run_chain(made, call("ask", text="b", tries=1)).content == "B"


def test_a_chain_of_texts_becomes_a_tool_of_one_argument(run_chain, recorder):
    @chain
    def shout(text: str) -> str:
        """Louder."""
        return text.upper()

    made = shout.as_tool()
    assert (made.name, made.description, list(made.args)) == ("shout", "Louder.", ["input"])
    assert run_chain(made, {"input": "a"}, {"callbacks": [recorder]}) == "A"
    assert run_chain(made, "b") == "B"
    assert [(e.run.path, e.run.type) for e in recorder.events if e.kind == "start"] == [
        ("shout", "tool"),
        ("shout > shout", "chain"),
    ]


def test_the_types_of_its_arguments_can_be_stated(run_chain):
    made = RunnableParallel(sum=lambda d: d["a"] + d["b"]).as_tool(name="add", arg_types={"a": int, "b": int})
    assert run_chain(made, {"a": "1", "b": 2}) == {"sum": 3}
    assert made.description == "Takes a, b."
    with pytest.raises(TypeError, match="nothing is known of the input"):
        RunnableLambda(print).as_tool()


def test_tool_takes_a_name_and_a_runnable(run_chain):
    made = tool("upper", RunnableLambda(lambda x: x["text"].upper()), description="Louder.")
    assert (made.name, made.description) == ("upper", "Louder.")
    assert run_chain(made, {"text": "a"}) == "A"


# What models are told


def test_functions_models_and_dicts_convert_to_openai_s_form():
    def weather(city: str, unit: Literal["C", "F"] = "C") -> str:
        """The weather.

        Args:
            city: where
        """

    parameters = {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "where"},
            "unit": {"type": "string", "enum": ["C", "F"], "default": "C"},
        },
        "required": ["city"],
    }
    converted = convert_to_openai_tool(weather)
    assert converted == {
        "type": "function",
        "function": {"name": "weather", "description": "The weather.", "parameters": parameters},
    }
    assert convert_to_openai_tool(converted) == converted
    assert convert_to_openai_tool(converted["function"]) == converted
    assert (
        convert_to_openai_tool({"title": "weather", "description": "The weather.", **parameters}) == converted
    )
    assert convert_to_openai_tool(Question)["function"]["parameters"]["required"] == ["text", "tries"]
    with pytest.raises(TypeError, match=r"convert_to_openai_tool: expected a tool, a function .* got int: 3"):
        convert_to_openai_tool(3)


def test_an_argument_called_title_keeps_its_name():
    class Book(BaseModel):
        title: str
        author: "Author"

    class Author(BaseModel):
        title: str | None = None

    Book.model_rebuild(_types_namespace={"Author": Author})
    parameters = parameters_of(Book)
    assert parameters["properties"]["title"] == {"type": "string"}
    assert list(parameters["$defs"]["Author"]["properties"]) == ["title"]


def test_strict_closes_every_object():
    function = convert_to_openai_tool(multiply, strict=True)["function"]
    assert function["strict"] is True
    assert function["parameters"]["additionalProperties"] is False
