"""Chat models: what a subclass defines, what it is given, and what is said of one that is wrong."""

import asyncio

import pytest

from workbench import (
    AIMessage,
    AIMessageChunk,
    BaseChatModel,
    ChatGeneration,
    ChatGenerationChunk,
    ChatOpenAI,
    ChatPromptTemplate,
    ChatResult,
    FakeChatModel,
    LLMResult,
    RunnableLambda,
    RunnableParallel,
    SimpleChatModel,
    StrOutputParser,
)


def answer(text, **fields):
    return ChatResult([ChatGeneration(AIMessage(text, **fields))])


class Whole(BaseChatModel):
    """Gives its answer at once."""

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        return answer(f"{messages[-1].text}!")


class Pieces(BaseChatModel):
    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        for text in ("a", "b"):
            yield ChatGenerationChunk(AIMessageChunk(content=text), {"piece": text})


class Both(Pieces, Whole):
    pass


def test_a_subclass_needs_only_generate_or_only_stream(run_chain):
    assert run_chain(Whole() | StrOutputParser(), "hi") == "hi!"
    assert run_chain(Pieces() | StrOutputParser(), "hi") == "ab"


def test_one_that_only_awaits_works_in_the_asynchronous_forms_and_says_so_in_the_others(run_chain):
    class Awaits(BaseChatModel):
        async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
            return answer("awaited")

    if run_chain.form.startswith("a"):
        assert run_chain(Awaits(), "hi").content == "awaited"
    else:
        with pytest.raises(
            TypeError, match=r"Awaits\._agenerate is asynchronous and has no synchronous form"
        ):
            run_chain(Awaits(), "hi")


def test_one_without_a_method_says_which_to_define(run_chain):
    class Nothing(BaseChatModel):
        pass

    with pytest.raises(NotImplementedError, match="Nothing must define _generate, or _stream"):
        run_chain(Nothing(), "hi")


def test_a_simple_chat_model_returns_text(run_chain):
    class Simple(SimpleChatModel):
        def _call(self, messages, stop=None, run_manager=None, **kwargs):
            return f"{len(messages)} {stop}"

    chain = ChatPromptTemplate.from_messages([("system", "s"), ("human", "{x}")]) | Simple().bind(stop=["."])
    assert run_chain(chain, {"x": 1}).content == "2 ['.']"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("just text", r"Wrong\._generate: expected a ChatResult with at least one ChatGeneration, got str"),
        (ChatResult([]), r"Wrong\._generate: expected a ChatResult .* got one without generations"),
        (None, "got NoneType"),
        (ChatResult([ChatGeneration("hi")]), r"expected ChatGeneration\(message=AIMessage.* got str: 'hi'"),
    ],
)
def test_a_generate_that_returns_something_else_is_told_what_it_returned(run_chain, given, told):
    class Wrong(BaseChatModel):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            return given

    with pytest.raises(TypeError, match=told):
        run_chain(Wrong(), "hi")


def test_a_stream_of_something_else_is_told_what_it_yielded(collect):
    class Wrong(BaseChatModel):
        def _stream(self, messages, stop=None, run_manager=None, **kwargs):
            yield "text"

    with pytest.raises(TypeError, match=r"Wrong\._stream: expected chunks of type .* got str: 'text'"):
        collect(Wrong(), "hi")


def test_a_simple_chat_model_that_returns_no_text_is_told_so():
    class Wrong(SimpleChatModel):
        def _call(self, messages, stop=None, run_manager=None, **kwargs):
            return 7

    with pytest.raises(TypeError, match=r"Wrong\._call: expected text, got int: 7"):
        Wrong().invoke("hi")


def test_what_is_known_of_a_generation_goes_into_its_message(run_chain):
    class Informed(BaseChatModel):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            return ChatResult([ChatGeneration(AIMessage("x"), {"finish_reason": "stop"})])

    assert run_chain(Informed(), "hi").response_metadata == {"finish_reason": "stop"}
    assert Pieces().invoke("hi").response_metadata == {"piece": "b"}


# Run managers


class Reports(BaseChatModel):
    """Tells its tokens while it makes a whole answer."""

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        assert run_manager is not None
        for token in ("one", "two"):
            run_manager.on_llm_new_token(token)
        return answer("onetwo")


class ReportsToo(Reports):
    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        for token in ("one", "two"):
            await run_manager.on_llm_new_token(
                token, chunk=ChatGenerationChunk(AIMessageChunk(content=token))
            )
        return answer("onetwo")


@pytest.mark.parametrize("model", [Reports(), ReportsToo()])
def test_tokens_told_to_the_run_manager_are_chunks_of_the_run(run_chain, recorder, model):
    assert run_chain(model, "hi", {"callbacks": [recorder]}).content == "onetwo"
    chunks = [event.value.content for event in recorder.events if event.kind == "chunk"]
    whole = run_chain.form in ("invoke", "ainvoke")
    assert chunks == (["one", "two"] if whole else ["onetwo"])  # never twice


@pytest.mark.parametrize("model", [Reports(), ReportsToo()])
def test_a_run_manager_is_there_when_nobody_watches(run_chain, model):
    assert run_chain(model, "hi").content == "onetwo"


def test_tokens_that_are_told_and_yielded_come_once(run_chain, recorder):
    class Twice(BaseChatModel):
        def _stream(self, messages, stop=None, run_manager=None, **kwargs):
            for text in ("a", "b"):
                chunk = ChatGenerationChunk(AIMessageChunk(content=text))
                run_manager.on_llm_new_token(text, chunk=chunk)
                yield chunk

    recorder.wants_tokens = True
    run_chain(Twice(), "hi", {"callbacks": [recorder]})
    said = [event.value.content for event in recorder.events if event.kind == "chunk"]
    assert said == ["a", "b", ""]


def test_what_a_model_calls_with_its_run_manager_joins_its_run(run_chain, recorder):
    inner = RunnableLambda(lambda x: x.upper()).with_config(run_name="inner")

    class Nests(BaseChatModel):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            assert str(run_manager.run_id) == run_manager.run.id
            text = inner.invoke(messages[0].text, {"callbacks": run_manager.get_child()})
            return answer(text)

    assert run_chain(Nests(), "hi", {"callbacks": [recorder]}).content == "HI"
    child = next(event.run for event in recorder.events if event.run.name == "inner")
    assert child.parent.name == "Nests"


def test_a_method_that_takes_no_run_manager_is_given_none(run_chain):
    class Plain(BaseChatModel):
        def _generate(self, messages, stop=None, **kwargs):
            assert "run_manager" not in kwargs
            return answer("x")

    assert run_chain(Plain(), "hi").content == "x"


# Streaming that is not wanted


def test_disabled_streaming_gives_the_answer_at_once(collect):
    assert [chunk.content for chunk in collect(Both(), "hi")][:2] == ["a", "b"]
    assert [chunk.content for chunk in collect(Both(disable_streaming=True), "hi")] == ["hi!"]


def test_streaming_can_be_disabled_where_there_are_tools(collect):
    model = Both(disable_streaming="tool_calling")
    assert len(collect(model, "hi")) == 3
    assert [chunk.content for chunk in collect(model.bind(tools=[{"type": "function"}]), "hi")] == ["hi!"]


def test_disabled_streaming_holds_where_somebody_wants_tokens(run_chain, recorder):
    recorder.wants_tokens = True
    assert run_chain(Both(disable_streaming=True), "hi", {"callbacks": [recorder]}).content == "hi!"


# Many generations


class Three(BaseChatModel):
    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        said = [f"{messages[0].text} {n}" for n in range(3)]
        return ChatResult([ChatGeneration(AIMessage(one)) for one in said], {"tokens": len(messages)})


def texts(result):
    return [[one.text for one in generations] for generations in result.generations]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_generate_gives_all_generations_of_every_list(recorder, asynchronous):
    lists = [["a"], [("human", "b")]]
    options = {"callbacks": [recorder], "tags": ["t"], "metadata": {"m": 1}}
    if asynchronous:
        result = asyncio.run(Three().agenerate(lists, **options))
    else:
        result = Three().generate(lists, **options)
    assert isinstance(result, LLMResult)
    assert texts(result) == [["a 0", "a 1", "a 2"], ["b 0", "b 1", "b 2"]]
    assert result.llm_output == {"tokens": 1}
    runs = [event.run for event in recorder.events if event.kind == "start"]
    assert len(runs) == 2
    assert all(run.tags == ["t"] and run.metadata["m"] == 1 for run in runs)


def test_generate_prompt_takes_prompt_values():
    prompt = ChatPromptTemplate.from_template("{x}")
    assert texts(Three().generate_prompt([prompt.invoke("p")])) == [["p 0", "p 1", "p 2"]]
    assert texts(asyncio.run(Three().agenerate_prompt([prompt.invoke("p")])))[0][2] == "p 2"


def test_generate_of_one_list_of_messages_says_what_it_expected():
    with pytest.raises(TypeError, match="expected a list of lists of messages, got a list with a str: 'hi'"):
        Three().generate(["hi"])
    assert Three().generate([]).generations == []


def test_generate_passes_stop_on_and_works_for_one_that_overrides_invoke():
    class Own(BaseChatModel):
        def invoke(self, input, config=None, **kwargs):
            return AIMessage(f"{kwargs['stop']}")

    assert texts(Own().generate([["x"]], stop=["."])) == [["['.']"]]


# What its runs say of it


class Named(Whole):
    model: str = "m-1"
    temperature: float = 0.5
    api_key: str = "k"


def test_a_run_s_metadata_names_the_model_and_the_caller_s_own_entries_stay(run_chain, recorder):
    chain = RunnableLambda(lambda x: x) | Named().bind(stop=["."]) | StrOutputParser()
    run_chain(chain, "hi", {"callbacks": [recorder], "metadata": {"mine": 1, "ls_temperature": 9}})
    by_name = {event.run.name: event.run.metadata for event in recorder.events}
    assert by_name["Named"] == {
        "ls_provider": "named",
        "ls_model_name": "m-1",
        "ls_model_type": "chat",
        "ls_temperature": 9,
        "ls_stop": ["."],
        "mine": 1,
    }
    assert by_name["StrOutputParser"] == {"mine": 1, "ls_temperature": 9}


def test_identifying_parameters_are_what_changes_the_answer():
    model = ChatOpenAI(name="x", api_key="sk-secret", timeout=3, max_retries=7, seed=1, cache=False)
    assert model._identifying_params == {"model": "gpt-4o-mini", "seed": 1}


def test_batches_keep_their_order():
    model = Whole()
    assert [one.content for one in model.batch(["a", "b", "c"])] == ["a!", "b!", "c!"]
    both = RunnableParallel(x=model, y=model).invoke("q")
    assert both["x"].id != both["y"].id


def test_callbacks_of_a_model_observe_its_calls_and_no_others(run_chain, recorder):
    watched = FakeChatModel(responses=["a b"], callbacks=[recorder])
    run_chain(watched, "hi")
    run_chain(RunnableLambda(lambda x: x) | watched | StrOutputParser(), "hi")
    assert recorder.kinds("start", "end") == [("start", "FakeChatModel"), ("end", "FakeChatModel")] * 2
    assert "callbacks" not in repr(watched) + str(watched.model_dump())


def test_tokens_of_texts_messages_and_tools_are_estimated():
    model = Whole()
    assert model.get_num_tokens("a text of twenty six chars") in range(6, 9)
    alone = model.get_num_tokens_from_messages([("human", "hi")])
    assert alone < model.get_num_tokens_from_messages([("human", "hi")], tools=[{"name": "f"}])
