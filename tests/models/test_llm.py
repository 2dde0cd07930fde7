"""Models of text: what a subclass defines, and what its runs report."""

import asyncio

import pytest

from tests.tracing.event_steps import events_of
from workbench import (
    LLM,
    BaseLLM,
    CallMeter,
    ChatPromptTemplate,
    Generation,
    GenerationChunk,
    HumanMessage,
    LLMResult,
    PromptTemplate,
    StrOutputParser,
)


class Echo(LLM):
    prefix: str = "you said: "

    def _call(self, prompt, stop=None, run_manager=None, **kwargs):
        if stop:
            prompt = prompt.split(stop[0])[0]
        return self.prefix + prompt


class Streaming(Echo):
    def _stream(self, prompt, stop=None, run_manager=None, **kwargs):
        yield "streamed "
        yield prompt


class Awaiting(Streaming):
    async def _acall(self, prompt, stop=None, run_manager=None, **kwargs):
        await asyncio.sleep(0)
        return "awaited " + prompt

    async def _astream(self, prompt, stop=None, run_manager=None, **kwargs):
        yield "awaited "
        yield prompt


def test_a_subclass_needs_only_call(run_chain):
    chain = PromptTemplate.from_template("a {b}") | Echo() | StrOutputParser()
    assert run_chain(chain, {"b": "c"}) == "you said: a c"


def test_each_form_is_used_where_it_is_defined(run_chain):
    expected = {
        "invoke": "you said: x",
        "stream": "streamed x",
        "ainvoke": "awaited x",
        "astream": "awaited x",
    }
    assert run_chain(Awaiting(), "x") == expected[run_chain.form]


def test_one_that_only_streams_can_be_invoked(run_chain):
    class OnlyStreams(LLM):
        def _stream(self, prompt, stop=None, run_manager=None, **kwargs):
            yield "a"
            yield "b"

    assert run_chain(OnlyStreams(), "x") == "ab"


def test_it_takes_text_messages_and_prompt_values():
    assert Echo().invoke([HumanMessage("hi"), ("ai", "hello")]) == "you said: Human: hi\nAI: hello"
    assert Echo().invoke(ChatPromptTemplate.from_template("{t}").invoke("hi")) == "you said: Human: hi"
    with pytest.raises(TypeError, match="expected text, a list of messages or a PromptValue, got int"):
        Echo().invoke(7)


def test_arguments_of_a_call_reach_it():
    assert Echo().bind(stop=["|"]).invoke("a|b") == "you said: a"
    assert Echo().batch(["a", "b"], stop=["|"]) == ["you said: a", "you said: b"]


def test_its_methods_can_be_called_and_overridden_by_their_names():
    class Louder(Echo):
        def _call(self, prompt, stop=None, run_manager=None, **kwargs):
            return super()._call(prompt, stop).upper()

    assert Louder()._call("x") == "YOU SAID: X"
    assert (Louder() | StrOutputParser()).invoke("x") == "YOU SAID: X"


def test_one_without_a_method_says_which_is_missing():
    class Nothing(LLM):
        pass

    with pytest.raises(NotImplementedError):
        Nothing().invoke("x")


def test_events_show_its_prompts_and_tokens():
    chain = PromptTemplate.from_template("{x}") | Streaming()
    events = events_of(chain, {"x": "hi"}, version="v1", include_types=["llm"])
    prompts = {"prompts": ["hi"]}
    assert [(event["event"], event["data"]) for event in events[:-1]] == [
        ("on_llm_start", {"input": prompts}),
        ("on_llm_stream", {"chunk": "streamed "}),
        ("on_llm_stream", {"chunk": "hi"}),
    ]
    data = events[-1]["data"]
    assert data["input"] == prompts
    assert data["output"]["generations"][0][0]["text"] == "streamed hi"
    assert data["output"]["llm_output"] is None


def test_an_invoked_one_streams_when_somebody_watches(recorder):
    recorder.wants_tokens = True
    assert Streaming().invoke("x", {"callbacks": [recorder]}) == "streamed x"
    assert len(recorder.kinds("chunk")) == 2


def test_a_stream_that_is_closed_closes_its_source():
    closed = []

    class Endless(LLM):
        def _stream(self, prompt, stop=None, run_manager=None, **kwargs):
            try:
                while True:
                    yield "x"
            finally:
                closed.append(True)

    stream = (Endless() | StrOutputParser()).stream("go")
    next(stream)
    stream.close()
    assert closed == [True]


def test_it_says_what_it_takes_and_gives():
    assert Echo().output_schema.schema() == {"title": "EchoOutput", "type": "string"}
    assert {"type": "string"} in Echo().input_schema.schema()["anyOf"]


class Many(BaseLLM):
    """Takes prompts, gives two generations for each, and tells its usage."""

    model: str = "gpt-4o"

    def _generate(self, prompts, stop=None, run_manager=None, **kwargs):
        assert run_manager is not None
        info = {"model_name": "gpt-4o", "usage_metadata": {"input_tokens": 1_000_000, "output_tokens": 0}}
        return LLMResult([[Generation(f"{p} {n}", generation_info=info) for n in "ab"] for p in prompts])


def test_a_model_may_take_prompts_and_give_many_generations(run_chain):
    assert run_chain(Many() | StrOutputParser(), "x") == "x a"
    result = Many().generate(["x", "y"])
    assert [[one.text for one in each] for each in result.generations] == [["x a", "x b"], ["y a", "y b"]]
    result = asyncio.run(Awaiting().agenerate(["x", "y"]))
    assert [[one.text for one in each] for each in result.generations] == [["awaited x"], ["awaited y"]]
    assert (
        Many().generate_prompt([PromptTemplate.from_template("{x}").invoke("p")]).generations[0][0].text
        == "p a"
    )
    with pytest.raises(TypeError, match="expected a list of prompts, got the text 'x'"):
        Many().generate("x")


def test_what_is_known_of_a_call_is_with_its_run(run_chain):
    meter = CallMeter()
    run_chain(Many(), "x", {"callbacks": [meter]})
    (call,) = meter.calls
    assert (call.model, call.input_tokens, call.cost_usd) == ("gpt-4o", 1_000_000, 2.5)


def test_chunks_may_tell_of_the_call(run_chain):
    class Tells(LLM):
        def _stream(self, prompt, stop=None, run_manager=None, **kwargs):
            yield GenerationChunk("a")
            yield GenerationChunk(
                "b", generation_info={"usage_metadata": {"input_tokens": 3, "output_tokens": 9}}
            )

    meter = CallMeter()
    assert run_chain(Tells(), "x", {"callbacks": [meter]}) == "ab"
    assert (meter.calls[0].input_tokens, meter.calls[0].output_tokens) == (3, 9)


def test_one_that_returns_or_yields_something_else_is_told_so(run_chain):
    class Wrong(LLM):
        def _call(self, prompt, stop=None, run_manager=None, **kwargs):
            return 7

    class WrongStream(LLM):
        def _stream(self, prompt, stop=None, run_manager=None, **kwargs):
            yield 7

    with pytest.raises(TypeError, match=r"Wrong\._call: expected text, got int: 7"):
        run_chain(Wrong(), "x")
    with pytest.raises(TypeError, match=r"WrongStream\._stream: expected chunks of text, .* got int: 7"):
        run_chain(WrongStream(), "x")


def test_tokens_told_to_the_run_manager_are_chunks_of_the_run(recorder):
    class Reports(LLM):
        def _call(self, prompt, stop=None, run_manager=None, **kwargs):
            for token in ("a", "b"):
                run_manager.on_llm_new_token(token)
            return "ab"

    assert Reports().invoke("x", {"callbacks": [recorder]}) == "ab"
    assert [event.value for event in recorder.events if event.kind == "chunk"] == ["a", "b"]


def test_disabled_streaming_gives_the_text_at_once(collect):
    assert len(collect(Awaiting(), "x")) == 2
    assert len(collect(Awaiting(disable_streaming=True), "x")) == 1
