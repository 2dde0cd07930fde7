"""Callback handlers: what they hear, in which order, and what happens when they raise."""

import asyncio
import contextlib
import threading
import warnings
from contextlib import aclosing
from contextvars import ContextVar
from uuid import UUID

import pytest

from tests.tracing.event_steps import FakeLLM, FakeRetriever, FakeTool, joke_chain, plain
from workbench import (
    AIMessage,
    AsyncCallbackHandler,
    BaseCallbackHandler,
    BaseChatModel,
    FakeChatModel,
    RunnableLambda,
    RunnableParallel,
    StdOutCallbackHandler,
    UsageMetadataCallbackHandler,
)
from workbench.models.generations import ChatGeneration, ChatResult

METHODS = [name for name in dir(BaseCallbackHandler) if name.startswith("on_")]


def hears_all(base=BaseCallbackHandler):
    """A handler that keeps (method, args, kwargs) of every call."""

    def method(name):
        def hear(self, *args, **kwargs):
            self.heard.append((name, args, kwargs))

        async def ahear(self, *args, **kwargs):
            await asyncio.sleep(0)
            self.heard.append((name, args, kwargs))

        return hear if base is BaseCallbackHandler else ahear

    handler = type("Hears", (base,), {name: method(name) for name in METHODS})()
    handler.heard = []
    return handler


def names(handler):
    return [name for name, _, _ in handler.heard]


def test_a_chain_is_heard_as_handler_authors_know_it():
    handler = hears_all()
    config = {"callbacks": [handler], "tags": ["mine"], "metadata": {"m": 1}}
    joke_chain().invoke({"topic": "bears"}, config)
    assert names(handler) == [
        "on_chain_start",
        "on_chain_start",
        "on_chain_end",
        "on_chat_model_start",
        "on_llm_end",
        "on_chain_start",
        "on_chain_end",
        "on_chain_end",
    ]
    root, prompt, _, model, answer, parser, *_ = handler.heard
    root_id = root[2]["run_id"]
    assert isinstance(root_id, UUID)
    assert (root[1][0]["name"], root[1][1]) == ("RunnableSequence", {"topic": "bears"})
    assert root[2] == {
        "run_id": root_id,
        "parent_run_id": None,
        "tags": ["mine"],
        "metadata": {"m": 1},
        "name": "RunnableSequence",
        "run_type": None,
    }
    assert (prompt[2]["parent_run_id"], prompt[2]["run_type"]) == (root_id, "prompt")
    assert sorted(prompt[2]["tags"]) == ["mine", "seq:step:1"]
    assert plain(model[1][1]) == [["HumanMessage('tell me about bears')"]]
    assert (model[2]["name"], model[1][0]["id"][-1]) == ("my_llm", "FakeChatModel")
    response = answer[1][0]
    assert (response.generations[0][0].text, response.llm_output) == ("Hi you", None)
    assert response.generations[0][0].message.content == "Hi you"
    assert parser[2]["run_type"] == "parser"
    assert handler.heard[-1][1] == ("Hi you",)


def test_a_streamed_chain_gives_tokens_and_its_inputs_at_the_end():
    handler = hears_all()
    list(joke_chain().stream({"topic": "bears"}, {"callbacks": [handler]}))
    tokens = [(args, kwargs) for name, args, kwargs in handler.heard if name == "on_llm_new_token"]
    assert [args for args, _ in tokens] == [("Hi",), (" ",), ("you",), ("",)]
    assert tokens[0][1]["chunk"].message.content == "Hi"
    starts = [args[1] for name, args, _ in handler.heard if name == "on_chain_start"]
    assert starts[-1] == {"input": ""}
    ends = [kwargs for name, _, kwargs in handler.heard if name == "on_chain_end"]
    assert plain(ends[-2]["inputs"]) == "AIMessageChunk('Hi you')"


def test_tools_retrievers_and_llms_have_methods_of_their_own():
    handler = hears_all()
    config = {"callbacks": [handler]}
    call = {"name": "t", "args": {"bad": 1}, "id": "call_1", "type": "tool_call"}
    FakeTool().bind().invoke({"x": 1}, config)  # bound: a plain call of an overridden invoke is nobody's run
    with pytest.raises(ValueError, match="bad"):
        FakeTool().bind().invoke(call, config)
    FakeRetriever().bind().invoke("q", config)
    FakeLLM().bind().invoke("hello", config)
    heard = [(name, plain(args[1:] if name.endswith("start") else args)) for name, args, _ in handler.heard]
    assert heard[:6] == [
        ("on_tool_start", ["{'x': 1}"]),
        ("on_tool_end", [{"x": 1}]),
        ("on_tool_start", ["{'bad': 1}"]),
        ("on_tool_error", ["ValueError('bad')"]),
        ("on_retriever_start", ["q"]),
        ("on_retriever_end", [["about q"]]),
    ]
    assert heard[6] == ("on_llm_start", [["hello"]])
    assert handler.heard[-1][1][0].generations[0][0].text == "Hello"
    assert handler.heard[0][2]["inputs"] == {"x": 1}
    assert handler.heard[3][2]["tool_call_id"] == "call_1"


def test_errors_reach_on_chain_error_and_on_llm_error(run_chain):
    handler = hears_all()
    with pytest.raises(ZeroDivisionError):
        run_chain(RunnableLambda(lambda x: 1 / 0), 1, {"callbacks": [handler]})
    assert names(handler) == ["on_chain_start", "on_chain_error"]
    handler.heard.clear()
    with pytest.raises(ConnectionError):
        run_chain(FakeChatModel(responses=[ConnectionError("gone")]), "x", {"callbacks": [handler]})
    assert names(handler) == ["on_chat_model_start", "on_llm_error"]


def test_without_on_chat_model_start_a_handler_hears_on_llm_start_with_text():
    prompts = []

    class Old(BaseCallbackHandler):
        def on_llm_start(self, serialized, prompts_given, **kwargs):
            prompts.extend(prompts_given)

    FakeChatModel().invoke([("system", "be brief"), ("human", "hi")], {"callbacks": [Old()]})
    assert prompts == ["System: be brief\nHuman: hi"]


def test_ignored_kinds_are_not_heard():
    handler = hears_all()
    handler.ignore_chain = True
    handler.ignore_llm = True
    joke_chain().invoke({"topic": "bears"}, {"callbacks": [handler]})
    assert names(handler) == ["on_chat_model_start"]


def test_a_handler_given_twice_hears_everything_once(run_chain):
    handler = hears_all()
    inner = RunnableLambda(lambda x: x).with_config(callbacks=[handler])
    run_chain(RunnableLambda(lambda x: x) | inner, 1, {"callbacks": [handler]})
    assert names(handler).count("on_chain_start") == 3


def test_a_handler_bound_to_a_step_hears_that_step_only(run_chain):
    handler = hears_all()
    bound = RunnableLambda(lambda x: x).with_config(callbacks=[handler], run_name="bound")
    run_chain(RunnableLambda(lambda x: x) | bound, 1)
    assert [kwargs.get("name") for _, _, kwargs in handler.heard][:1] == ["bound"]
    assert names(handler) == ["on_chain_start", "on_chain_end"]


class SlowHandler(AsyncCallbackHandler):
    def __init__(self):
        self.heard = []
        self.inside = 0

    async def _hear(self, what):
        self.inside += 1
        assert self.inside == 1, "one at a time"
        await asyncio.sleep(0.002)
        self.heard.append(what)
        self.inside -= 1

    async def on_chain_start(self, serialized, inputs, *, name, **kwargs):
        await self._hear(f"start {name}")

    async def on_llm_new_token(self, token, **kwargs):
        await self._hear(token)

    async def on_llm_end(self, response, **kwargs):
        await self._hear("model end")

    async def on_chain_end(self, outputs, **kwargs):
        await self._hear("end")

    async def on_chain_error(self, error, **kwargs):
        await self._hear(f"error {type(error).__name__}")


def test_asynchronous_methods_are_all_done_in_order_when_the_call_returns(run_chain):
    handler = SlowHandler()
    run_chain(joke_chain(), {"topic": "bears"}, {"callbacks": [handler]})
    streamed = run_chain.form in ("stream", "astream")
    model = [*(["Hi", "start StrOutputParser", " ", "you", ""] if streamed else []), "model end"]
    assert handler.heard == [
        "start RunnableSequence",
        "start ChatPromptTemplate",
        "end",
        *model,
        *([] if streamed else ["start StrOutputParser"]),
        "end",
        "end",
    ]


def test_none_is_lost_under_parallel_branches_that_many_times_over():
    async def main():
        chain = RunnableParallel({str(n): RunnableLambda(lambda x: x) for n in range(5)})
        for _ in range(20):
            handler = hears_all(AsyncCallbackHandler)
            await chain.ainvoke(1, {"callbacks": [handler]})
            assert sorted(names(handler)) == ["on_chain_end"] * 6 + ["on_chain_start"] * 6
            assert names(handler)[0] == "on_chain_start"
            assert handler.heard[-1][2]["parent_run_id"] is None

    asyncio.run(main())


def test_asynchronous_methods_hear_of_an_error_and_of_a_cancellation():
    async def main():
        handler = SlowHandler()

        async def forever(x):
            await asyncio.sleep(60)

        task = asyncio.create_task(RunnableLambda(forever).ainvoke(1, {"callbacks": [handler]}))
        await asyncio.sleep(0.05)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return handler.heard

    assert asyncio.run(main()) == ["start forever", "error CancelledError"]


def test_closing_a_stream_early_still_tells_asynchronous_handlers():
    handler = SlowHandler()

    async def main():
        async with aclosing(joke_chain().astream({"topic": "bears"}, {"callbacks": [handler]})) as chunks:
            async for _ in chunks:
                break

    asyncio.run(main())
    assert handler.heard[-1] == "end"
    assert handler.heard.count("end") == 3


def test_asynchronous_methods_run_on_the_caller_s_loop_under_asyncio():
    seen = []

    class Handler(AsyncCallbackHandler):
        async def on_chain_start(self, *args, **kwargs):
            seen.append((asyncio.get_running_loop(), threading.current_thread()))

    async def main():
        await RunnableLambda(areturn).ainvoke(1, {"callbacks": [Handler()]})
        return asyncio.get_running_loop(), threading.current_thread()

    assert asyncio.run(main()) == seen[0]


async def areturn(x):
    return x


def test_a_synchronous_call_on_a_running_loop_completes_asynchronous_methods():
    """As in every notebook cell: the loop is running and cannot be awaited."""
    handler = SlowHandler()

    async def cell():
        return RunnableLambda(lambda x: x).invoke(1, {"callbacks": [handler]})

    assert asyncio.run(cell()) == 1
    assert handler.heard == ["start RunnableLambda", "end"]


def test_a_handler_may_call_a_chain_that_it_watches_itself(run_chain):
    calls = []

    class Handler(AsyncCallbackHandler):
        async def on_chain_start(self, serialized, inputs, **kwargs):
            calls.append(inputs)
            if inputs < 3:
                both = RunnableParallel(a=RunnableLambda(lambda x: x), b=RunnableLambda(lambda x: x))
                both.invoke(inputs + 1, {"callbacks": [self], "max_concurrency": 2})

    run_chain(RunnableLambda(lambda x: x), 0, {"callbacks": [Handler()]})
    assert set(calls) == {0, 1, 2, 3}


def test_chains_a_handler_calls_are_no_part_of_the_run(run_chain):
    inside = []

    class Handler(AsyncCallbackHandler):
        async def on_chain_start(self, serialized, inputs, **kwargs):
            if inputs == 0:
                await RunnableLambda(areturn).ainvoke(9, {"callbacks": [inside.append]})

    run_chain(RunnableLambda(lambda x: x), 0, {"callbacks": [Handler()]})
    assert {event.run.parent for event in inside} == {None}


def test_asynchronous_methods_see_the_caller_s_context_variables(run_chain):
    user = ContextVar("user", default="nobody")
    seen = []

    class Handler(AsyncCallbackHandler):
        async def on_chain_start(self, *args, **kwargs):
            seen.append(user.get())

    token = user.set("ada")
    try:
        run_chain(RunnableLambda(lambda x: x), 0, {"callbacks": [Handler()]})
    finally:
        user.reset(token)
    assert seen == ["ada"]


def raising(base, raise_error):
    class Raises(base):
        if base is AsyncCallbackHandler:

            async def on_chain_start(self, *args, **kwargs):
                raise LookupError("handler is broken")
        else:

            def on_chain_start(self, *args, **kwargs):
                raise LookupError("handler is broken")

    handler = Raises()
    handler.raise_error = raise_error
    return handler


@pytest.mark.parametrize("base", [BaseCallbackHandler, AsyncCallbackHandler])
def test_a_handler_that_raises_is_told_about_and_does_not_fail_the_run(run_chain, base):
    with pytest.warns(
        RuntimeWarning, match=r"Raises.on_chain_start raised LookupError: handler is broken \(.*py:\d+"
    ):
        assert run_chain(RunnableLambda(lambda x: x + 1), 1, {"callbacks": [raising(base, False)]}) == 2


@pytest.mark.parametrize("base", [BaseCallbackHandler, AsyncCallbackHandler])
def test_with_raise_error_it_fails_the_run(run_chain, base):
    with pytest.raises(LookupError, match="handler is broken"):
        run_chain(RunnableLambda(lambda x: x + 1), 1, {"callbacks": [raising(base, True)]})


@pytest.mark.parametrize("base", [BaseCallbackHandler, AsyncCallbackHandler])
def test_a_handler_s_error_never_hides_the_run_s(run_chain, base):
    class Raises(base):
        raise_error = True

        def on_chain_error(self, error, **kwargs):
            raise LookupError("handler is broken")

    class ARaises(base):
        raise_error = True

        async def on_chain_error(self, error, **kwargs):
            raise LookupError("handler is broken")

    for handler in (Raises(), ARaises()):
        with pytest.raises(ZeroDivisionError) as caught:
            run_chain(RunnableLambda(lambda x: 1 / 0), 1, {"callbacks": [handler]})
        assert any("handler is broken" in note for note in caught.value.__notes__)


def test_a_handler_that_is_silent_costs_no_warning(run_chain):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run_chain(RunnableLambda(lambda x: x), 1, {"callbacks": [AsyncCallbackHandler()]}) == 1


def test_usage_adds_up_by_model(run_chain):
    class Counts(FakeChatModel):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            usage = {"input_tokens": 2, "output_tokens": 3, "input_token_details": {"cached": 1}}
            message = AIMessage("x", usage_metadata=usage, response_metadata={"model_name": "m1"})
            return ChatResult([ChatGeneration(message)])

        _agenerate = BaseChatModel._agenerate
        _stream = BaseChatModel._stream
        _astream = BaseChatModel._astream

    handler = UsageMetadataCallbackHandler()
    chain = RunnableParallel(a=Counts(), b=Counts())
    run_chain(chain, "hi", {"callbacks": [handler]})
    assert handler.usage_metadata == {
        "m1": {"input_tokens": 4, "output_tokens": 6, "input_token_details": {"cached": 2}}
    }


def test_the_printing_handler_prints_starts_and_ends(capsys):
    RunnableLambda(lambda x: x).with_config(run_name="mine").invoke(
        1, {"callbacks": [StdOutCallbackHandler()]}
    )
    assert capsys.readouterr().out == "> mine started\n> finished\n"
