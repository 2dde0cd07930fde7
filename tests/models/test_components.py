"""Every component is a step like any other: the same value in every form, one run of its type, and schemas
that its input and its output fit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from tests.chat_server import ChatServer
from workbench import (
    LLM,
    AIMessage,
    BaseChatModel,
    BaseOutputParser,
    BaseRetriever,
    BaseTool,
    ChatGeneration,
    ChatOpenAI,
    ChatPromptTemplate,
    ChatResult,
    CommaSeparatedListOutputParser,
    DeterministicFakeEmbedding,
    DictPromptTemplate,
    Document,
    FakeChatModel,
    FakeListLLM,
    FewShotChatMessagePromptTemplate,
    FewShotPromptTemplate,
    InMemoryVectorStore,
    JsonKeyOutputFunctionsParser,
    JsonOutputFunctionsParser,
    JsonOutputKeyToolsParser,
    JsonOutputParser,
    JsonOutputToolsParser,
    MarkdownListOutputParser,
    NumberedListOutputParser,
    OpenAI,
    OutputFixingParser,
    PromptTemplate,
    PydanticOutputFunctionsParser,
    PydanticOutputParser,
    PydanticToolsParser,
    RegexParser,
    Runnable,
    StrOutputParser,
    Tool,
    XMLOutputParser,
    tool,
)
from workbench.messages import HumanMessage, SystemMessage
from workbench.prompts.values import ChatPromptValue, StringPromptValue


class Joke(BaseModel):
    """A joke to tell."""

    setup: str
    punchline: str = "?"


@tool
def add(x: int, y: int = 1) -> int:
    """The sum of two numbers."""
    return x + y


class Shouted(BaseTool):
    name: str = "shouted"
    description: str = "The text in capitals."

    def _run(self, text: str) -> str:
        return text.upper()


class Echo(BaseRetriever):
    def _get_relevant_documents(self, query: str) -> list[Document]:
        return [Document(query)]


class Shout(LLM):
    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        return prompt.upper()


class Parrot(BaseChatModel):
    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return ChatResult([ChatGeneration(AIMessage(messages[-1].text))])


class YesNo(BaseOutputParser[bool]):
    def parse(self, text: str) -> bool:
        return text == "yes"


class Kind(NamedTuple):
    """A component, what it is given and what it gives; *made* may take the address of a server."""

    type: str
    name: str
    made: Callable[[str], Runnable[Any, Any]]
    given: Any
    gives: Any


CALL = AIMessage("", tool_calls=[{"name": "Joke", "args": {"setup": "a"}, "id": "c1", "type": "tool_call"}])
FUNCTION = AIMessage("", additional_kwargs={"function_call": {"name": "Joke", "arguments": '{"setup": "a"}'}})
JOKE = Joke(setup="a")
A_B = ["a", "b"]
CHAT = ChatPromptTemplate([("system", "s"), ("human", "{q}")])
ONE = PromptTemplate.from_template("{i}")
STORE = InMemoryVectorStore.from_texts(["kensho"], DeterministicFakeEmbedding(size=8))

FOUND = STORE.similarity_search("x")
KINDS = [
    Kind("prompt", "PromptTemplate", lambda _: ONE, {"i": "1"}, StringPromptValue(text="1")),
    Kind(
        "prompt",
        "ChatPromptTemplate",
        lambda _: CHAT,
        {"q": "x"},
        ChatPromptValue(messages=[SystemMessage("s"), HumanMessage("x")]),
    ),
    Kind(
        "prompt",
        "FewShotPromptTemplate",
        lambda _: FewShotPromptTemplate(examples=[{"i": "1"}], example_prompt=ONE, suffix="{q}"),
        {"q": "x"},
        StringPromptValue(text="1\n\nx"),
    ),
    Kind(
        "prompt",
        "FewShotChatMessagePromptTemplate",
        lambda _: FewShotChatMessagePromptTemplate(
            examples=[{"i": "1"}], example_prompt=ChatPromptTemplate.from_template("{i}")
        ),
        {},
        ChatPromptValue(messages=[HumanMessage("1")]),
    ),
    Kind(
        "prompt",
        "DictPromptTemplate",
        lambda _: DictPromptTemplate({"a": "{q}"}, "f-string"),
        {"q": "x"},
        {"a": "x"},
    ),
    Kind("parser", "StrOutputParser", lambda _: StrOutputParser(), AIMessage("hi there"), "hi there"),
    Kind("parser", "JsonOutputParser", lambda _: JsonOutputParser(), '{"a": [1, 2]}', {"a": [1, 2]}),
    Kind(
        "parser",
        "PydanticOutputParser",
        lambda _: PydanticOutputParser(pydantic_object=Joke),
        '{"setup": "a"}',
        JOKE,
    ),
    Kind("parser", "CommaSeparatedListOutputParser", lambda _: CommaSeparatedListOutputParser(), "a, b", A_B),
    Kind("parser", "NumberedListOutputParser", lambda _: NumberedListOutputParser(), "1. a\n2. b", A_B),
    Kind("parser", "MarkdownListOutputParser", lambda _: MarkdownListOutputParser(), "- a\n- b", A_B),
    Kind("parser", "XMLOutputParser", lambda _: XMLOutputParser(), "<a><b>c</b></a>", {"a": [{"b": "c"}]}),
    Kind(
        "parser",
        "RegexParser",
        lambda _: RegexParser(regex=r"(\d+)", output_keys=["n"]),
        "it is 42",
        {"n": "42"},
    ),
    Kind("parser", "YesNo", lambda _: YesNo(), AIMessage("yes"), True),
    Kind(
        "parser",
        "JsonOutputToolsParser",
        lambda _: JsonOutputToolsParser(),
        CALL,
        [{"type": "Joke", "args": {"setup": "a"}}],
    ),
    Kind(
        "parser",
        "JsonOutputKeyToolsParser",
        lambda _: JsonOutputKeyToolsParser(key_name="Joke", first_tool_only=True),
        CALL,
        {"setup": "a"},
    ),
    Kind("parser", "PydanticToolsParser", lambda _: PydanticToolsParser(tools=[Joke]), CALL, [JOKE]),
    Kind(
        "parser", "JsonOutputFunctionsParser", lambda _: JsonOutputFunctionsParser(), FUNCTION, {"setup": "a"}
    ),
    Kind(
        "parser",
        "JsonKeyOutputFunctionsParser",
        lambda _: JsonKeyOutputFunctionsParser(key_name="setup"),
        FUNCTION,
        "a",
    ),
    Kind(
        "parser",
        "PydanticOutputFunctionsParser",
        lambda _: PydanticOutputFunctionsParser(pydantic_schema=Joke),
        FUNCTION,
        JOKE,
    ),
    Kind(
        "parser",
        "OutputFixingParser",
        lambda _: OutputFixingParser.from_llm(FakeChatModel(responses=['{"a": 1}']), JsonOutputParser()),
        "no JSON",
        {"a": 1},
    ),
    Kind("tool", "add", lambda _: add, {"x": 1}, 2),
    Kind("tool", "shouted", lambda _: Shouted(), {"text": "hi"}, "HI"),
    Kind(
        "tool",
        "t",
        lambda _: Tool(name="t", func=str.upper, description="capitals"),
        {"tool_input": "hi"},
        "HI",
    ),
    Kind("retriever", "Echo", lambda _: Echo(), "bears", [Document("bears")]),
    Kind("retriever", "VectorStoreRetriever", lambda _: STORE.as_retriever(), "bears", FOUND),
    Kind("chat_model", "FakeChatModel", lambda _: FakeChatModel(responses=["hello you"]), "hi", "hello you"),
    Kind("chat_model", "Parrot", lambda _: Parrot(), "hi", "hi"),
    Kind("chat_model", "ChatOpenAI", lambda at: ChatOpenAI(base_url=at, api_key="k"), "hi", "Hello world"),
    Kind("llm", "FakeListLLM", lambda _: FakeListLLM(responses=["hello"]), "hi", "hello"),
    Kind("llm", "Shout", lambda _: Shout(), "hi", "HI"),
    Kind("llm", "OpenAI", lambda at: OpenAI(base_url=at, api_key="k"), "hi", "Hello world"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ChatServer() as server:
        yield server.base_url


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def plain(value: Any) -> Any:
    """A message by what it says: its id differs from call to call."""
    return value.content if isinstance(value, AIMessage) else value


def as_data(value: Any) -> Any:
    """A prompt's value as its schema has it: by its fields, whatever its class."""
    return {"messages": value.messages} if isinstance(value, ChatPromptValue) else value


def test_it_gives_the_same_in_every_form_as_one_run_of_its_type(
    kind: Kind, address: str, run_chain: Any, recorder: Any
) -> None:
    step = kind.made(address)
    out = run_chain(step, kind.given, {"callbacks": [recorder], "tags": ["mine"]})
    assert plain(out) == kind.gives
    started = [event.run for event in recorder.events if event.kind == "start"]
    assert (started[0].type, started[0].name, started[0].tags[:1]) == (kind.type, kind.name, ["mine"])
    assert recorder.unended() == []
    assert plain(recorder.values("end")[kind.name]) == kind.gives


def test_inside_a_chain_its_events_are_named_by_its_type(kind: Kind, address: str) -> None:
    chain = (lambda given: given) | kind.made(address).with_config(tags=["it"])

    async def seen() -> list[str]:
        events = chain.astream_events(kind.given, version="v2", include_tags=["it"])
        return [event["event"] async for event in events if "it" in event["tags"]]

    said = asyncio.run(seen())
    assert said[0] == f"on_{kind.type}_start"
    assert said[-1] == f"on_{kind.type}_end"


def test_a_batch_gives_each_input_its_value(kind: Kind, address: str) -> None:
    step = kind.made(address)
    assert [plain(out) for out in step.batch([kind.given] * 3)] == [kind.gives] * 3
    assert [plain(out) for out in asyncio.run(step.abatch([kind.given] * 3))] == [kind.gives] * 3


def test_its_input_and_output_fit_its_schemas(kind: Kind, address: str) -> None:
    step = kind.made(address)
    step.get_input_schema().model_validate(kind.given)
    step.get_output_schema().model_validate(as_data(step.invoke(kind.given)))
    for schema in (step.get_input_jsonschema(), step.get_output_jsonschema()):
        assert schema["title"]
    assert step.get_name() == kind.name
