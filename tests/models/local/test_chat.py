"""The real local model, through the real client."""

import asyncio
import threading
import time
from contextlib import aclosing

import pytest

from workbench import (
    ChatPromptTemplate,
    LiveState,
    RunnableLambda,
    RunnableParallel,
    StrOutputParser,
    convert_to_messages,
    init_chat_model,
    trim_messages,
)
from workbench.models.local.server import get_server

QUESTION = "List the months of the year, one a line, each with a sentence about its weather."


@pytest.fixture(scope="module")
def model(local_model):
    # It would stop by itself after a sentence or two.
    return init_chat_model(local_model, temperature=0, max_tokens=400, model_kwargs={"ignore_eos": True})


@pytest.fixture
def server(model):
    model.invoke("hi", max_tokens=1)
    server = get_server("smollm2")
    wait_idle(server)
    return server


def wait_idle(server, timeout_s=3.0):
    end = time.monotonic() + timeout_s
    while server.busy():
        if time.monotonic() > end:
            raise TimeoutError(f"{server.busy()} slots still at work: {server.slot_states()}")
        time.sleep(0.05)


def test_it_answers_from_context_in_every_form(model, run_chain):
    prompt = ChatPromptTemplate.from_template(
        "Answer the question based only on the following context:\n{context}\n\nQuestion: {question}"
    )
    chain = prompt | model.bind(max_tokens=16) | StrOutputParser()
    asked = {"context": "harrison worked at kensho", "question": "where did harrison work?"}
    assert "kensho" in run_chain(chain, asked).lower()


def test_it_streams_token_by_token_with_usage(model):
    chunks = list(model.stream(QUESTION, max_tokens=40))
    assert len(chunks) > 30  # some tokens are only a part of a character
    assert chunks[-1].usage_metadata["output_tokens"] == 40
    assert len({chunk.id for chunk in chunks}) == 1


@pytest.mark.timed
def test_closing_a_stream_after_two_chunks_frees_the_slot(model, server):
    stream = (model | StrOutputParser()).stream(QUESTION)
    first = [next(stream), next(stream)]
    assert server.busy() == 1
    closed = time.perf_counter()
    stream.close()
    wait_idle(server, 1.0)
    assert time.perf_counter() - closed < 1.0
    assert first
    decoded = max(slot["next_token"][0]["n_decoded"] for slot in server.slot_states() if "next_token" in slot)
    assert decoded < 200  # of 400: it was not run to its end


@pytest.mark.timed
def test_cancelling_an_answer_that_does_not_stream_frees_the_slot(model, server):
    async def main():
        task = asyncio.create_task(model.ainvoke(QUESTION))
        while not await asyncio.to_thread(server.busy):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    wait_idle(server, 1.0)


@pytest.mark.timed
def test_cancelling_frees_the_slot_of_a_model_called_in_a_thread(model, server):
    """A synchronous function that calls the model cannot be cancelled, but its request can."""

    async def main():
        task = asyncio.create_task(RunnableLambda(lambda q: model.invoke(q)).ainvoke(QUESTION))
        while not await asyncio.to_thread(server.busy):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    wait_idle(server, 3.0)  # at the next token, which a busy machine takes its time for


@pytest.mark.timed
def test_breaking_out_of_a_parallel_stream_frees_every_slot(model, server):
    async def main():
        both = RunnableParallel(a=model, b=model)
        async with aclosing(both.astream(QUESTION)) as chunks:
            seen = set()
            async for chunk in chunks:
                seen.update(chunk)
                if seen == {"a", "b"}:
                    break

    asyncio.run(main())
    wait_idle(server, 1.0)


def test_a_batch_really_runs_side_by_side(model, server):
    peak = 0
    over = threading.Event()

    def watch():
        nonlocal peak
        while not over.is_set():
            peak = max(peak, server.busy())
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        answers = model.batch([f"{number}. {QUESTION}" for number in range(4)], max_tokens=60)
    finally:
        over.set()
        watcher.join()
    assert len(answers) == 4
    assert peak >= 3


def test_many_threads_that_ask_at_once_get_one_server(model):
    found, threads = [], []
    for _ in range(8):
        threads.append(threading.Thread(target=lambda: found.append(get_server("smollm2"))))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_the_live_state_has_tokens_usage_and_no_key(model, server):
    live = LiveState()
    model.invoke("Say hi.", {"callbacks": [live]}, max_tokens=5)
    (run,) = live.snapshot()["state"]["runs"]
    assert len(run["streamed_output"]) >= 2
    assert run["usage"]["output_tokens"] == 5
    assert server.api_key not in str(live.snapshot())
    assert server.api_key not in repr(model)


def test_names_of_models_are_read(local_model):
    assert init_chat_model("smollm2").model == "smollm2"
    assert init_chat_model("openai:gpt-4o", api_key="x").model == "gpt-4o"
    assert init_chat_model("gpt-4o", api_key="x").model == "gpt-4o"
    assert init_chat_model("ollama:llama3.2").base_url.endswith(":11434/v1")
    with pytest.raises(ValueError, match="unknown provider 'azure'"):
        init_chat_model("azure:gpt")
    with pytest.raises(ValueError, match="unknown local model"):
        init_chat_model("local:gpt")
    with pytest.raises(TypeError, match="expected a name"):
        init_chat_model(7)


def test_without_a_name_the_environment_decides_and_says_so(local_model, monkeypatch, capsys):
    from workbench.models import factory

    monkeypatch.setattr(factory, "_said", set())
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert init_chat_model().model == "smollm2"
    assert init_chat_model().model == "smollm2"
    assert capsys.readouterr().err.count("using the local model smollm2") == 1
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_MODEL", "gpt-5-mini")
    assert init_chat_model(temperature=0).model == "gpt-5-mini"
    said = capsys.readouterr().err
    assert "using gpt-5-mini" in said and "sk-secret" not in said


def test_its_own_tokenizer_counts_tokens(model):
    asked = [("system", "Be brief."), ("human", "Say hi.")]
    read = model.invoke(asked, max_tokens=1).usage_metadata["input_tokens"]
    assert model.get_num_tokens_from_messages(asked) == read
    assert model.get_num_tokens("hello world") == 2
    assert trim_messages(asked, max_tokens=read, token_counter=model) == convert_to_messages(asked)
