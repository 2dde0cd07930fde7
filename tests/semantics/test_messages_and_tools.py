"""What people rely on: messages, prompts, tools and subclassing. The numbers are those of the project's
list of behaviours."""

import asyncio
from typing import Annotated

import pytest
from pydantic import ValidationError

from workbench import (
    LLM,
    AIMessage,
    AIMessageChunk,
    BaseChatModel,
    BaseOutputParser,
    BaseRetriever,
    BaseTool,
    ChatPromptTemplate,
    Document,
    FakeChatModel,
    HumanMessage,
    InjectedToolArg,
    MessagesPlaceholder,
    Runnable,
    RunnableGenerator,
    RunnableLambda,
    ToolException,
    ToolMessage,
    convert_to_openai_tool,
    tool,
)
from workbench.models.generations import ChatGeneration, ChatGenerationChunk, ChatResult

SYNC = ("invoke", "stream")


def piece(index, *, name=None, args="", id=None):
    return AIMessageChunk(
        content="", tool_call_chunks=[{"index": index, "name": name, "args": args, "id": id}]
    )


# Messages


def test_all_chunks_of_one_stream_share_an_id_and_the_last_one_says_so(collect):
    """behaviour 38"""
    chunks = collect(FakeChatModel(responses=["Hi you"]), "x")
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].id
    assert [chunk.chunk_position for chunk in chunks] == [None, None, None, "last"]


def test_two_streams_have_two_ids(collect):
    """behaviour 38"""
    model = FakeChatModel(responses=["Hi"])
    assert collect(model, "x")[0].id != collect(model, "x")[0].id


def test_pieces_of_tool_calls_merge_by_their_index():
    """behaviour 38"""
    total = (
        piece(0, name="add", args='{"x"', id="a")
        + piece(1, name="look", args="{", id="b")
        + piece(0, args=": 1}")
        + piece(1, args="}")
    )
    assert [(call["name"], call["args"], call["id"]) for call in total.tool_calls] == [
        ("add", {"x": 1}, "a"),
        ("look", {}, "b"),
    ]


def test_usage_adds_up():
    """behaviour 38"""
    first = AIMessageChunk("a", usage_metadata={"input_tokens": 3, "output_tokens": 0, "total_tokens": 3})
    second = AIMessageChunk("b", usage_metadata={"input_tokens": 0, "output_tokens": 2, "total_tokens": 2})
    total = first + second
    assert total.usage_metadata == {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    assert total.content == "ab"


# Prompts


def test_a_prompt_of_one_variable_takes_the_bare_value(run_chain):
    """behaviour 39"""
    prompt = ChatPromptTemplate.from_template("about {topic}")
    assert run_chain(prompt, "bears").messages == [HumanMessage("about bears")]
    assert run_chain(prompt, {"topic": "bears"}).messages == [HumanMessage("about bears")]


def test_a_missing_variable_is_a_key_error_that_names_both_sides(run_chain):
    """behaviour 39"""
    prompt = ChatPromptTemplate.from_template("{topic} in {language}")
    with pytest.raises(KeyError) as caught:
        run_chain(prompt, {"topic": "bears", "tone": "dry"})
    for name in ("language", "topic", "tone"):
        assert name in str(caught.value)


def test_an_optional_placeholder_may_be_left_out(run_chain):
    """behaviour 39"""
    prompt = ChatPromptTemplate.from_messages(
        [MessagesPlaceholder("history", optional=True), ("human", "{question}")]
    )
    assert run_chain(prompt, {"question": "q"}).messages == [HumanMessage("q")]
    given = run_chain(prompt, {"question": "q", "history": [AIMessage("a")]}).messages
    assert given == [AIMessage("a"), HumanMessage("q")]


# Tools


def call(name, **args):
    return {"type": "tool_call", "name": name, "args": args, "id": "call-1"}


@tool(response_format="content_and_artifact")
def search(query: str, user: Annotated[str, InjectedToolArg]) -> tuple[str, list[str]]:
    """Search."""
    return f"{query} for {user}", [query]


def test_a_tool_call_gives_a_tool_message_and_arguments_the_bare_value(run_chain):
    """behaviour 40"""
    request = call("search", query="x", user="me")
    message = run_chain(search, request)
    assert message == ToolMessage("x for me", artifact=["x"], name="search", tool_call_id="call-1")
    assert request == call("search", query="x", user="me")
    assert run_chain(search, {"query": "x", "user": "me"}) == "x for me"


@pytest.mark.parametrize(
    ("handler", "on_tool_error", "on_validation_error"),
    [
        (True, "bad", "Tool input validation error"),
        ("sorry", "sorry", "sorry"),
        (lambda error: type(error).__name__, "ToolException", "ValidationError"),
    ],
)
def test_a_tool_s_errors_are_handled_by_a_bool_a_text_or_a_function(
    run_chain, handler, on_tool_error, on_validation_error
):
    """behaviour 40"""

    def fails(x: int) -> int:
        """Fails."""
        raise ToolException("bad")

    handled = tool(fails, handle_tool_error=handler, handle_validation_error=handler)
    assert run_chain(handled, {"x": 1}) == on_tool_error
    assert run_chain(handled, {"x": "?"}) == on_validation_error
    message = run_chain(handled, call("fails", x=1))
    assert (message.content, message.status) == (on_tool_error, "error")
    with pytest.raises(ToolException):
        run_chain(tool(fails), {"x": 1})
    with pytest.raises(ValidationError, match="fails"):
        run_chain(tool(fails), {"x": "?"})


def test_injected_arguments_stay_out_of_what_the_model_is_told():
    """behaviour 40"""
    told = convert_to_openai_tool(search)["function"]["parameters"]
    assert (list(told["properties"]), told["required"]) == (["query"], ["query"])


# Subclasses


def result(text):
    return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


class Whole(BaseChatModel):
    @property
    def _llm_type(self):
        return "whole"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        return result(f"generate {messages[-1].content} {stop}")


class Streaming(Whole):
    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        for text in ("str", "eam"):
            yield ChatGenerationChunk(message=AIMessageChunk(text))


class Everything(Streaming):
    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        return result("agenerate")

    async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
        for text in ("astr", "eam"):
            yield ChatGenerationChunk(message=AIMessageChunk(text))


@pytest.mark.parametrize(
    ("model", "outputs"),
    [
        (Whole(), ["generate x None"] * 4),
        (Streaming(), ["generate x None", "stream", "generate x None", "stream"]),
        (Everything(), ["generate x None", "stream", "agenerate", "astream"]),
    ],
)
def test_a_chat_model_is_written_by_generate_and_stream_and_their_a_forms(run_chain, model, outputs):
    """behaviour 41"""
    expected = dict(zip(("invoke", "stream", "ainvoke", "astream"), outputs, strict=True))
    output = run_chain(model, "x")
    assert output.content == expected[run_chain.form]
    assert isinstance(output, AIMessage)


class Reversing(LLM):
    @property
    def _llm_type(self):
        return "reversing"

    def _call(self, prompt, stop=None, run_manager=None, **kwargs):
        return prompt[::-1]


class Spelling(Reversing):
    def _stream(self, prompt, stop=None, run_manager=None, **kwargs):
        yield from prompt[::-1]


def test_a_text_model_is_written_by_call_and_stream(run_chain, collect):
    """behaviour 41"""
    for model in (Reversing(), Spelling()):
        assert run_chain(model, "abc") == "cba"
        assert run_chain(RunnableLambda(str.upper) | model | str.lower, "abc") == "cba"
    assert [chunk for chunk in collect(Spelling(), "abc") if chunk] == ["c", "b", "a"]


class Shelf(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager=None):
        return [Document(page_content=f"about {query}")]


def test_a_retriever_is_written_by_get_relevant_documents(run_chain, recorder):
    """behaviour 41"""
    documents = run_chain(Shelf(), "bears", {"callbacks": [recorder]})
    assert [document.page_content for document in documents] == ["about bears"]
    assert {event.run.type for event in recorder.events} == {"retriever"}


class Repeat(BaseTool):
    name: str = "repeat"
    description: str = "Say it twice."

    def _run(self, text: str) -> str:
        return text * 2


def test_a_tool_is_written_by_run(run_chain):
    """behaviour 41"""
    assert run_chain(Repeat(), {"text": "a"}) == "aa"
    assert run_chain(Repeat(), call("repeat", text="a")).content == "aa"


class Numbers(BaseOutputParser[list[int]]):
    def parse(self, text):
        return [int(part) for part in text.split(",")]


class Words(BaseOutputParser[str]):
    def parse(self, text):
        return text.upper()

    def transform(self, input, config=None, **kwargs):
        for chunk in input:
            yield (chunk if isinstance(chunk, str) else chunk.text).upper()


def test_a_parser_is_written_by_parse(run_chain):
    """behaviour 41"""
    model = FakeChatModel(responses=["1,2"])
    assert run_chain(model | Numbers(), "x") == [1, 2]
    assert run_chain(Numbers(), "3") == [3]


def test_a_parser_that_writes_transform_streams(collect, run_chain):
    """behaviour 41"""
    chain = FakeChatModel(responses=["a b"]) | Words()
    assert collect(chain, "x") == ["A", " ", "B", ""]
    assert run_chain(chain, "x") == "A B"


class ByInvoke(Runnable):
    def invoke(self, input, config=None, **kwargs):
        return input + input


class ByStream(Runnable):
    def stream(self, input, config=None, **kwargs):
        yield from (input, input)


class ByTransform(Runnable):
    def transform(self, input, config=None, **kwargs):
        for chunk in input:
            yield chunk + chunk


class ByAinvoke(Runnable):
    async def ainvoke(self, input, config=None, **kwargs):
        return input + input


class ByAstream(Runnable):
    async def astream(self, input, config=None, **kwargs):
        for _ in range(2):
            yield input


class ByAtransform(Runnable):
    async def atransform(self, input, config=None, **kwargs):
        async for chunk in input:
            yield chunk + chunk


@pytest.mark.parametrize("cls", [ByInvoke, ByStream, ByTransform])
def test_a_runnable_is_written_by_any_one_method(run_chain, recorder, cls):
    """behaviour 41"""
    assert run_chain(cls(), "a") == "aa"
    assert run_chain(RunnableLambda(str.lower) | cls() | str.upper, "A", {"callbacks": [recorder]}) == "AA"
    assert recorder.kinds("start").count(("start", cls.__name__)) == 1
    assert recorder.unended() == []


@pytest.mark.parametrize("cls", [ByAinvoke, ByAstream, ByAtransform])
def test_a_runnable_is_written_by_any_one_asynchronous_method(run_chain, cls):
    """behaviour 41"""
    if run_chain.form in SYNC:
        with pytest.raises(TypeError, match="synchronous"):
            run_chain(cls(), "a")
    else:
        assert run_chain(cls(), "a") == "aa"


@pytest.mark.parametrize("cls", [ByTransform, ByAtransform])
def test_a_runnable_written_by_transform_streams(cls):
    """behaviour 41"""

    def letters(chunks):
        for chunk in chunks:
            yield from chunk

    async def main():
        return [chunk async for chunk in (RunnableGenerator(letters) | cls()).astream("abc")]

    assert asyncio.run(main()) == ["aa", "bb", "cc"]
