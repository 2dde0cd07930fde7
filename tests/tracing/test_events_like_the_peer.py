"""The same chains on langchain-core and here give the same events. Development only: skips without it."""

import asyncio
import re
import warnings
from types import SimpleNamespace

import pytest

import workbench
from tests.tracing.event_steps import plain

lc = pytest.importorskip("langchain_core", reason="langchain-core is not installed")

SHARED = [
    "ChatPromptTemplate",
    "RunnableLambda",
    "RunnableParallel",
    "RunnablePassthrough",
    "StrOutputParser",
    "adispatch_custom_event",
    "dispatch_custom_event",
]


@pytest.fixture(params=["v2", "v1"])
def version(request):
    return request.param


def ours():
    side = SimpleNamespace(**{name: getattr(workbench, name) for name in SHARED})
    side.model = lambda text: workbench.FakeChatModel(responses=[text]).with_config(run_name="my_llm")
    return side


def peer():
    from langchain_core import callbacks, output_parsers, prompts, runnables

    homes = (callbacks, output_parsers, prompts, runnables)
    side = SimpleNamespace(
        **{name: next(getattr(home, name) for home in homes if hasattr(home, name)) for name in SHARED}
    )

    side.model = lambda text: _peer_model(text).with_config(run_name="my_llm")
    return side


def _peer_model(text):
    """What FakeChatModel is here: words and spaces as tokens, none of them marked as the last."""
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, AIMessageChunk
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

    class Fake(BaseChatModel):
        _llm_type = "fake"

        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

        def _stream(self, messages, stop=None, run_manager=None, **kwargs):
            for token in re.split(r"(\s)", text):
                chunk = ChatGenerationChunk(message=AIMessageChunk(content=token))
                if run_manager:
                    run_manager.on_llm_new_token(token, chunk=chunk)
                yield chunk

    return Fake()


def shout(text):
    return text + "!"


def boom(text):
    raise ValueError("boom")


def joke(side):
    prompt = side.ChatPromptTemplate.from_template("tell me about {topic}")
    return prompt | side.model("one two") | side.StrOutputParser()


def model_first(side):
    return side.model("one two") | side.StrOutputParser()


def model_last(side):
    return side.ChatPromptTemplate.from_template("{topic}") | side.model("one two")


def functions(side):
    return side.RunnableLambda(shout) | (lambda text: [text])


def bound_tags(side):
    return side.RunnableLambda(shout).with_config(tags=["mine"], metadata={"m": 1}) | side.RunnableLambda(
        shout
    )


def parallel(side):
    return {"a": side.RunnableLambda(shout), "b": side.RunnablePassthrough()} | side.RunnableLambda(len)


def assign(side):
    return side.RunnablePassthrough.assign(b=lambda given: given["topic"]) | side.RunnableLambda(len)


def failing(side):
    return side.RunnableLambda(shout) | boom | shout


def model_in_a_function(side):
    model = side.model("one two")

    async def asks(text):
        await side.adispatch_custom_event("asking", {"about": text})
        return (await model.ainvoke(text)).content

    return side.RunnableLambda(asks) | shout


def model_in_a_synchronous_function(side):
    model = side.model("one two")

    def asks(text):
        side.dispatch_custom_event("asking", {"about": text})
        return model.invoke(text).content

    return side.RunnableLambda(asks) | shout


def chain_from_a_function(side):
    model = side.model("one two")
    return side.RunnableLambda(lambda text: model | side.StrOutputParser()) | shout


def generator(side):
    async def words(chunks):
        async for chunk in chunks:
            for word in chunk.split():
                yield word

    return side.RunnableLambda(shout) | words | side.RunnablePassthrough()


CASES = {
    joke: {"topic": "bears"},
    model_first: "hello",
    model_last: {"topic": "bears"},
    functions: "x",
    bound_tags: "x",
    parallel: "x",
    assign: {"topic": "bears"},
    failing: "x",
    model_in_a_function: "x",
    model_in_a_synchronous_function: "x",
    chain_from_a_function: "x",
    generator: "one two",
}


def collected(chain, input, version, options):
    async def main():
        seen = []
        try:
            async for event in chain.astream_events(input, version=version, **options):
                seen.append(event)
        except Exception as error:
            seen.append({"raised": error})
        return seen

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return asyncio.run(main())


def normalised(events):
    """Ids as numbers, tags sorted, metadata without the peer's own, messages as text."""
    ids: dict[str, int] = {}
    seen = []
    for event in events:
        if "raised" in event:
            seen.append(("raised", repr(event["raised"])))
            continue
        number = ids.setdefault(event["run_id"], len(ids))
        metadata = {
            key: value for key, value in event["metadata"].items() if not key.startswith(("ls_", "lc_"))
        }
        parents = [ids.get(parent) for parent in event["parent_ids"]]
        head = (event["event"], event["name"], number, parents, sorted(event["tags"]), metadata)
        seen.append((*head, plain(event["data"])))
    return seen


@pytest.mark.parametrize("build", CASES, ids=lambda build: build.__name__)
def test_the_events_are_those_of_the_peer(build, version):
    options = {"config": {"tags": ["root"], "metadata": {"r": 1}}}
    mine = normalised(collected(build(ours()), CASES[build], version, options))
    theirs = normalised(collected(build(peer()), CASES[build], version, options))
    if build in (parallel, assign):  # branches run side by side: their events come in any order
        mine, theirs = in_any_order(mine), in_any_order(theirs)
    assert mine == theirs


def in_any_order(events):
    return sorted(
        ((event, name, *rest) for event, name, _, _, *rest in events),
        key=lambda event: (*event[:2], repr(event[-1])),
    )
