"""Faults of servers and networks, and calls that are left early: over real sockets, in every form."""

import asyncio
import gc
import signal
import socket
import threading
import time
import warnings

import openai
import pytest

from tests.chat_script import DONE, event, failing, page, saying, stalling, streaming
from tests.chat_server import ChatServer
from workbench import ChatOpenAI, LiveState, OpenAIEmbeddings, RunnableLambda, RunnableParallel
from workbench.errors import ModelAnswerError

KEY = "sk-a-secret-key"


def chat(server, **options):
    return ChatOpenAI(
        **{"model": "m", "base_url": server.base_url, "api_key": KEY, "max_retries": 0, **options}
    )


def notes(caught):
    return " ".join(caught.value.__notes__)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_a_refused_connection_names_the_address_in_every_form(run_chain):
    address = f"http://127.0.0.1:{free_port()}/v1"
    with pytest.raises(openai.APIConnectionError) as caught:
        run_chain(ChatOpenAI(model="m", base_url=address, api_key=KEY, max_retries=0), "hi")
    assert f"no answer from {address}" in notes(caught)


def test_embeddings_name_their_model_and_address_too():
    with (
        ChatServer(fail_with=(404, "no such model")) as server,
        pytest.raises(openai.NotFoundError, match="no such model") as caught,
    ):
        OpenAIEmbeddings(model="e", base_url=server.base_url, api_key=KEY).embed_query("hi")
    assert f"model 'e' at {server.base_url}" in notes(caught)


@pytest.mark.parametrize("given", ["argument", "environment", "nothing"])
def test_a_wrong_key_says_where_the_key_came_from_and_never_the_key(run_chain, monkeypatch, given):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if given == "environment":
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with (
        ChatServer(fail_with=(401, "Incorrect API key provided")) as server,
        pytest.raises(openai.AuthenticationError, match="Incorrect API key provided") as caught,
    ):
        run_chain(chat(server, api_key=KEY if given == "argument" else None), "hi")
    assert {
        "argument": "given as api_key",
        "environment": "environment variable OPENAI_API_KEY",
        "nothing": "no key was given: set OPENAI_API_KEY",
    }[given] in notes(caught)
    assert KEY not in notes(caught) + str(caught.value)


def test_an_unknown_model_is_named_with_its_address(run_chain):
    with (
        ChatServer(fail_with=(404, "The model `m` does not exist")) as server,
        pytest.raises(openai.NotFoundError, match="does not exist") as caught,
    ):
        run_chain(chat(server), "hi")
    assert f"model 'm' at {server.base_url}" in notes(caught)


@pytest.mark.slow
def test_retry_after_is_waited_for_by_the_server_s_clock(run_chain):
    with ChatServer(script=[failing(429, "slow down", retry_after="1"), saying("fine")]) as server:
        assert run_chain(chat(server, max_retries=1), "hi").content == "fine"
        first, second = server.times
    assert 1.0 <= second - first < 3.0


def test_a_limit_that_stays_is_raised_with_the_server_s_message_after_the_retries(run_chain):
    with (
        ChatServer(script=[failing(429, "quota used up", retry_after="0.01")]) as server,
        pytest.raises(openai.RateLimitError, match="quota used up"),
    ):
        run_chain(chat(server, max_retries=2), "hi")
    assert len(server.requests) == 3


def test_a_server_that_fails_once_is_asked_again(run_chain):
    with ChatServer(script=[failing(500, "oops", retry_after="0.01"), saying("fine")]) as server:
        assert run_chain(chat(server, max_retries=2), "hi").content == "fine"
    assert len(server.requests) == 2


@pytest.mark.parametrize("end", ["whole", "cut"])
def test_a_stream_cut_in_the_middle_is_an_error_and_its_run_keeps_what_came(run_chain, recorder, end):
    with (
        ChatServer(script=[streaming(event("Once "), event("upon"), end=end)]) as server,
        pytest.raises(ModelAnswerError, match="cut off after 2 events"),
    ):
        run_chain(chat(server), "hi", {"callbacks": [recorder, LiveState()]})  # which wants tokens
    run = next(event.run for event in recorder.events if event.kind == "error")
    assert run.output.content == "Once upon"
    assert recorder.unended() == []


def test_an_error_in_mid_stream_keeps_what_came_in_the_run(collect, recorder):
    failure = b'data: {"error": {"message": "out of memory"}}\n\n'
    with (
        ChatServer(script=[streaming(event("Once "), event("upon") + failure)]) as server,
        pytest.raises(openai.APIError, match="out of memory"),
    ):
        collect(chat(server), "hi", {"callbacks": [recorder]})
    run = next(event.run for event in recorder.events if event.kind == "error")
    assert run.output.content == "Once upon"


def test_a_stalled_stream_ends_with_its_timeout_and_says_what_to_raise(collect):
    with ChatServer(script=[streaming(event("a"), end="stall")]) as server:
        with pytest.raises(openai.APITimeoutError, match=r"sent nothing for 0.3 s.*longer timeout="):
            collect(chat(server, timeout=0.3), "hi")
        server.closings.get(timeout=1)


def test_a_server_that_never_answers_ends_with_the_timeout(run_chain):
    with ChatServer(script=[stalling]) as server:
        with pytest.raises(openai.APITimeoutError) as caught:
            run_chain(chat(server, timeout=(5, 0.3)), "hi")
        assert "read 0.3 s" in notes(caught)
        server.closings.get(timeout=1)


def test_closing_a_stream_closes_the_connection_within_a_second():
    with ChatServer(script=[streaming(event("a"), end="stall")]) as server:
        stream = chat(server).stream("hi")
        assert next(stream).content == "a"
        stream.close()
        assert server.closings.get(timeout=1)


def test_leaving_an_asynchronous_stream_closes_the_connection_within_a_second():
    async def main(server):
        stream = chat(server).astream("hi")
        assert (await anext(stream)).content == "a"
        await stream.aclose()
        await asyncio.to_thread(server.closings.get, timeout=1)

    with ChatServer(script=[streaming(event("a"), end="stall")]) as server:
        asyncio.run(main(server))


@pytest.mark.parametrize("form", ["ainvoke", "astream"])
def test_cancelling_a_waiting_call_closes_the_connection_within_a_second(form):
    async def call(model):
        if form == "ainvoke":
            await model.ainvoke("hi")
        async for _ in model.astream("hi"):
            pass

    async def main(server):
        task = asyncio.create_task(call(chat(server)))
        while not server.requests:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(server.closings.get, timeout=1)

    with ChatServer(script=[stalling if form == "ainvoke" else streaming(event("a"), end="stall")]) as server:
        asyncio.run(main(server))


@pytest.mark.parametrize("form", ["invoke", "stream"])
def test_ctrl_c_closes_the_connection_within_a_second(form):
    def interrupt(server):
        while not server.requests:
            time.sleep(0.005)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    reply = stalling if form == "invoke" else streaming(event("a"), end="stall")
    with ChatServer(script=[reply]) as server:
        model = chat(server)
        threading.Thread(target=interrupt, args=(server,)).start()
        with pytest.raises(KeyboardInterrupt):
            model.invoke("hi") if form == "invoke" else list(model.stream("hi"))
        assert server.closings.get(timeout=1)


def test_a_failing_sibling_ends_a_synchronous_stream_that_waits():
    def fail(_):
        while not server.requests:
            time.sleep(0.005)
        raise LookupError("the sibling")

    with ChatServer(script=[streaming(event("a"), end="stall")]) as server:
        both = RunnableParallel(model=chat(server), other=RunnableLambda(fail))
        with pytest.raises(LookupError, match="the sibling"):
            list(both.stream("hi"))
        assert server.closings.get(timeout=1)


def test_a_response_that_does_not_end_after_done_does_not_hold_up_its_reader(collect):
    with ChatServer(script=[streaming(event("a"), event(finish="stop") + DONE, end="stall")]) as server:
        started = time.monotonic()
        assert [chunk.content for chunk in collect(chat(server), "hi")] == ["a", ""]
        assert time.monotonic() - started < 5  # the timeout is ten minutes
        server.closings.get(timeout=1)


@pytest.mark.parametrize("said", ['{"detail": "Not Found"}', '{"id": "Not Found", "choices": []}'])
def test_a_whole_answer_that_is_none_is_shown(said):
    with (
        ChatServer(script=[page(said, "application/json")]) as server,
        pytest.raises(ModelAnswerError, match=r"'m' at http://.*Not Found"),
    ):
        chat(server).invoke("hi")


def test_an_error_under_status_200_is_an_error(run_chain):
    said = '{"error": {"message": "no provider has room", "code": 502}}'
    written = f"data: {said}\n\n".encode()
    reply = streaming(written) if "stream" in run_chain.form else page(said, "application/json")
    with (
        ChatServer(script=[reply]) as server,
        pytest.raises(openai.APIError, match="no provider has room") as caught,
    ):
        run_chain(chat(server), "hi")
    assert notes(caught) == f"model 'm' at {server.base_url}/"


def test_clients_are_closed_with_their_loop_and_their_model(monkeypatch):
    async def call(model):
        await model.ainvoke("hi")
        return await model._async_connected()

    gc.collect()  # what other tests left is not this one's
    complaints = []
    monkeypatch.setattr("sys.unraisablehook", complaints.append)
    with ChatServer(["a"]) as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        model = chat(server)
        assert all(asyncio.run(call(model)).is_closed() for _ in range(2))
        model.invoke("hi")
        client = model._connected()
        del model
        gc.collect()
        assert client.is_closed()
    assert complaints == []


def test_a_model_that_is_dropped_closes_its_client_on_a_loop_that_goes_on():
    async def main(server):
        model = chat(server)
        await model.ainvoke("hi")
        client = await model._async_connected()
        del model
        gc.collect()
        for _ in range(200):
            if client.is_closed():
                return
            await asyncio.sleep(0.005)
        raise AssertionError("still open")

    with ChatServer(["a"]) as server:
        asyncio.run(main(server))


def test_a_client_of_the_user_s_is_used_and_left_open():
    with ChatServer(["a"]) as server:
        own = openai.DefaultHttpxClient(headers={"x-own": "1"})
        model = chat(server, http_client=own)
        model.invoke("hi")
        del model
        gc.collect()
        assert server.headers[0]["x-own"] == "1"
        assert not own.is_closed
        own.close()
