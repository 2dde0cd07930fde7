"""ChatOpenAI over real HTTP, against the tests' own server."""

import asyncio
import json
import socket
import traceback

import openai
import pytest

from tests.chat_server import ChatServer, _Handler
from workbench import (
    AIMessage,
    ChatOpenAI,
    ChatPromptTemplate,
    ConfigurableField,
    HumanMessage,
    LiveState,
    RunnableParallel,
    StrOutputParser,
    SystemMessage,
    ToolMessage,
)

KEY = "sk-a-secret-key"
ABOUT = {"finish_reason": "stop", "model_name": "m", "id": "chatcmpl-test"}


def chat(server, **options):
    return ChatOpenAI(model="m", base_url=server.base_url, api_key=KEY, **options)


def joke_chain(server, **options):
    prompt = ChatPromptTemplate.from_template("tell me a joke about {topic}")
    return prompt | chat(server, **options) | StrOutputParser()


def test_a_chain_gives_the_model_s_text_in_every_form(run_chain):
    with ChatServer(["Why", " not", "?"]) as server:
        assert run_chain(joke_chain(server), {"topic": "bears"}) == "Why not?"
        sent = server.requests[0]
        assert sent["messages"] == [{"role": "user", "content": "tell me a joke about bears"}]


def test_tokens_arrive_one_by_one(collect):
    with ChatServer(["a", "b", "c"]) as server:
        chunks = [chunk for chunk in collect(chat(server), "hi") if chunk.content]
    assert [chunk.content for chunk in chunks] == ["a", "b", "c"]


def test_all_chunks_share_an_id_and_the_last_one_says_so_and_carries_the_usage(collect):
    with ChatServer(["a", "b"]) as server:
        chunks = collect(chat(server), "hi")
    assert len({chunk.id for chunk in chunks}) == 1
    assert [chunk.chunk_position for chunk in chunks][-1] == "last"
    assert all(chunk.chunk_position is None for chunk in chunks[:-1])
    assert chunks[-1].usage_metadata == {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}


@pytest.mark.parametrize("stream_usage", [True, False])
def test_the_end_of_an_answer_and_its_usage_are_one_chunk(collect, stream_usage):
    with ChatServer(["a", "b"]) as server:
        chunks = collect(chat(server, stream_usage=stream_usage), "hi")
    assert [chunk.content for chunk in chunks] == ["", "a", "b", ""]  # the first has only the role
    assert chunks[-1].chunk_position == "last"
    assert chunks[-1].response_metadata == ABOUT
    assert bool(chunks[-1].usage_metadata) == stream_usage


def test_an_event_without_choices_before_the_answer_does_not_end_it(collect, monkeypatch):
    event = _Handler._event

    def preceded(self, body, delta, finish=None):
        if "role" in delta:  # as Azure sends what its filter says of the prompt
            self._send(
                {"id": "", "object": "chat.completion.chunk", "created": 0, "model": "", "choices": []}
            )
        event(self, body, delta, finish)

    monkeypatch.setattr(_Handler, "_event", preceded)
    with ChatServer(["a"]) as server:
        chunks = collect(chat(server), "hi")
    assert [(chunk.content, chunk.chunk_position) for chunk in chunks] == [
        ("", None),
        ("a", None),
        ("", "last"),
    ]


def test_a_message_s_repr_says_what_it_says_and_str_what_is_known_of_the_call():
    with ChatServer(["hi"]) as server:
        message = chat(server).invoke("hello")
    assert repr(message) == "AIMessage(content='hi')"
    assert "finish_reason" in str(message)
    assert "total_tokens" in str(message)


def test_an_answer_carries_usage_and_the_reason_it_ended(run_chain):
    with ChatServer(["a", "b"]) as server:
        message = run_chain(chat(server), "hi")
    assert message.content == "ab"
    assert message.usage_metadata["total_tokens"] == 9
    assert message.response_metadata == ABOUT


def test_parameters_reach_the_server_and_those_not_given_do_not():
    with ChatServer() as server:
        chat(server, temperature=0, max_tokens=5, seed=1, model_kwargs={"x_option": 2}).invoke("hi")
        chat(server).bind(stop=["\n"]).invoke("hi")
    assert server.requests[0] == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0,
        "max_tokens": 5,
        "seed": 1,
        "x_option": 2,
    }
    assert server.requests[1]["stop"] == ["\n"]
    assert "temperature" not in server.requests[1]


def test_messages_of_every_role_are_sent():
    call = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
    with ChatServer() as server:
        chat(server).invoke(
            [
                SystemMessage("be brief"),
                ("human", "hi"),
                AIMessage(content="", tool_calls=[call]),
                ToolMessage(content="2", tool_call_id="c1"),
                {"role": "user", "content": "thanks"},
            ]
        )
    sent = server.requests[0]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool", "user"]
    assert json.loads(sent[2]["tool_calls"][0]["function"]["arguments"]) == {"a": 1}
    assert sent[3]["tool_call_id"] == "c1"


def test_closing_a_stream_after_two_chunks_ends_the_request():
    with ChatServer([f"t{n} " for n in range(500)], token_delay_s=0.005) as server:
        stream = joke_chain(server).stream({"topic": "bears"})
        first = [next(stream), next(stream), next(stream)]
        stream.close()
        server.wait_idle()
        assert "".join(first).startswith("t0 ")
        assert server.sent[0] < 50


def test_cancelling_an_answer_ends_the_request():
    async def main(server):
        task = asyncio.create_task(
            joke_chain(server).ainvoke({"topic": "bears"}, {"callbacks": [LiveState()]})
        )
        while not server.sent or server.sent[0] < 2:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with ChatServer([f"t{n} " for n in range(500)], token_delay_s=0.005) as server:
        asyncio.run(main(server))
        server.wait_idle()
        assert server.sent[0] < 50


def test_leaving_a_parallel_stream_ends_all_its_requests():
    with ChatServer([f"t{n} " for n in range(500)], token_delay_s=0.005) as server:
        both = RunnableParallel(joke=chat(server), poem=chat(server))
        for _ in both.stream("hi"):
            break
        server.wait_idle()
        assert all(sent < 50 for sent in server.sent)


def test_the_server_s_message_reaches_the_user_with_the_step_that_failed():
    with ChatServer(fail_with=(400, "this model has no such knob")) as server:
        chain = ChatPromptTemplate.from_template("{t}") | chat(server).with_config(run_name="my_llm")
        with pytest.raises(openai.BadRequestError, match="no such knob") as caught:
            chain.invoke("bears")
    assert caught.value.__notes__ == [f"model 'm' at {server.base_url}/", "in RunnableSequence > my_llm"]


def test_an_invoked_model_streams_when_somebody_watches():
    with ChatServer(["a", "b", "c"]) as server:
        live = LiveState()
        chat(server).invoke("hi", {"callbacks": [live]})
        chat(server).invoke("hi")
    assert [bool(request.get("stream")) for request in server.requests] == [True, False]
    assert live.snapshot()["state"]["runs"][0]["streamed_output"] == ["a", "b", "c"]


def test_one_model_serves_several_event_loops_and_threads():
    with ChatServer(["ok"]) as server:
        model = chat(server)
        for _ in range(3):
            assert asyncio.run(model.ainvoke("hi")).content == "ok"
        assert [m.content for m in model.batch(["hi"] * 8)] == ["ok"] * 8


@pytest.mark.slow
def test_a_batch_runs_side_by_side_and_obeys_max_concurrency():
    with ChatServer(["ok"], delay_s=0.3) as server:  # long enough for all to arrive on a busy machine
        chat(server).batch(["hi"] * 12)
        assert server.peak == 12
        server.peak = 0
        chat(server).batch(["hi"] * 12, {"max_concurrency": 3})
        assert server.peak == 3
        server.peak = 0
        asyncio.run(chat(server).abatch(["hi"] * 12, {"max_concurrency": 3}))
        assert server.peak == 3


def test_the_key_is_sent_and_shown_nowhere():
    with ChatServer() as server:
        model = chat(server)
        live = LiveState()
        model.invoke("hi", {"callbacks": [live]})
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(model)
    assert KEY not in str(live.snapshot())
    assert KEY not in repr(ChatPromptTemplate.from_template("{t}") | model)


def test_secrets_among_options_are_shown_nowhere():
    secret = "shown-to-nobody"
    options = {
        "extra_headers": {"Authorization": secret},
        "extra_query": {"sig": secret},
        "extra_body": {"token": secret, "servers": [{"authorization": secret, "url": "u"}]},
    }
    model = ChatOpenAI(base_url=f"http://h/v1?key={secret}", api_key=KEY, model_kwargs=options)
    bound = model.bind(**options, api_key=secret)
    dynamic = ChatOpenAI(api_key=KEY, default_headers={"X": secret}).configurable_fields(
        default_headers=ConfigurableField(id="headers"), api_key=ConfigurableField(id="api_key")
    )
    configured = dynamic.with_config(configurable={"api_key": secret})
    for shown in (model, bound, bound | StrOutputParser(), configured):
        assert secret not in repr(shown) and "***" in repr(shown)
    assert secret not in str(dynamic.config_schema().model_json_schema())


def test_a_key_that_a_server_repeats_is_not_in_the_error(run_chain):
    with ChatServer() as server:
        for key in (KEY, "another-form-of-key"):
            server.fail_with = (401, f"there is no key {key} here")
            with pytest.raises(openai.AuthenticationError, match="there is no key \\*\\*\\* here") as caught:
                run_chain(ChatOpenAI(base_url=server.base_url, api_key=key), "hi")
            assert key not in str(caught.value.body)


def test_a_key_with_a_line_break_is_sent_without_it_and_one_with_a_break_inside_is_not_shown(
    run_chain, monkeypatch
):
    with ChatServer() as server:
        run_chain(ChatOpenAI(base_url=server.base_url, api_key="from-a-file\n"), "hi")
        monkeypatch.setenv("OPENAI_API_KEY", "from-a-shell\r\n")
        run_chain(ChatOpenAI(base_url=server.base_url), "hi")
        assert [sent["authorization"] for sent in server.headers] == [
            "Bearer from-a-file",
            "Bearer from-a-shell",
        ]
        model = ChatOpenAI(base_url=server.base_url, api_key="two-keys\ntwo-keys", max_retries=0)
        with pytest.raises(ValueError, match="no header may") as caught:
            run_chain(model, "hi")
    assert "two-keys" not in "".join(traceback.format_exception(caught.value))


def test_an_unknown_parameter_is_refused_with_its_name():
    with pytest.raises(ValueError, match="temprature"):
        ChatOpenAI(temprature=1)


def test_making_a_model_does_no_io(monkeypatch):
    asked = []
    for place, name in ((socket.socket, "connect"), (socket, "create_connection"), (socket, "getaddrinfo")):
        monkeypatch.setattr(place, name, lambda *args, **kwargs: asked.append(args))
    ChatOpenAI(base_url="http://127.0.0.1:9/v1", api_key="x")
    assert asked == []


def test_what_is_no_message_is_refused_with_what_came():
    with pytest.raises(TypeError, match="expected text, a list of messages or a PromptValue, got int"):
        ChatOpenAI(api_key="x").invoke(7)
    with pytest.raises(ValueError, match="unknown role 'wizard'"):
        ChatOpenAI(api_key="x").invoke([("wizard", "hi")])
    assert HumanMessage("hi").text == "hi"


def test_a_server_that_does_not_answer_is_named():
    model = ChatOpenAI(base_url="http://user:secret@127.0.0.1:9/v1", api_key=KEY, max_retries=0)
    assert "secret" not in repr(model) and "127.0.0.1:9" in repr(model)
    for call in (
        lambda: model.invoke("hi"),
        lambda: list(model.stream("hi")),
        lambda: asyncio.run(model.ainvoke("hi")),
    ):
        with pytest.raises(openai.APIConnectionError) as caught:
            call()
        notes = " ".join(caught.value.__notes__)
        assert "no answer from http://127.0.0.1:9/v1" in notes
        assert "secret" not in notes


def test_a_key_in_the_wrong_place_does_not_get_into_the_error():
    for wrong in ({"api_kye": KEY}, {"api_key": [KEY]}):
        with pytest.raises(ValueError) as caught:
            ChatOpenAI(**wrong)
        assert KEY not in str(caught.value)
