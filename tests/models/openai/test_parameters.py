"""What ChatOpenAI sends, what it makes of what comes back, and what it refuses."""

import asyncio
import copy
import pickle

import httpx
import pytest

from tests.chat_script import DONE, answering, event, streaming
from tests.chat_server import ChatServer
from workbench import (
    AIMessage,
    ChatMessage,
    ChatOpenAI,
    FunctionMessage,
    HumanMessage,
    OpenAIEmbeddings,
    SystemMessage,
)
from workbench.errors import ModelError

PARAMETERS = {
    "temperature": 0.5,
    "max_tokens": 5,
    "max_completion_tokens": 6,
    "top_p": 0.9,
    "n": 1,
    "seed": 1,
    "stop": ["x"],
    "presence_penalty": 0.1,
    "frequency_penalty": 0.2,
    "logprobs": True,
    "top_logprobs": 2,
    "logit_bias": {"50256": -100.0},
    "reasoning_effort": "low",
    "verbosity": "low",
    "modalities": ["text"],
    "audio": {"voice": "alloy", "format": "wav"},
    "prediction": {"type": "content", "content": "x"},
    "prompt_cache_key": "bears",
    "safety_identifier": "s1",
    "service_tier": "flex",
    "store": True,
    "user": "u1",
}


def chat(server, **options):
    return ChatOpenAI(**{"model": "m", "base_url": server.base_url, "api_key": "k", **options})


def completion(**fields):
    message = fields.pop("message", {"role": "assistant", "content": "hello"})
    choice = {"index": 0, "message": message, "finish_reason": "stop", **fields.pop("choice", {})}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 0,
        "model": "m-1",
        "choices": [choice],
        **fields,
    }


def test_every_parameter_reaches_the_server_as_it_was_given(run_chain):
    extra = {"model_kwargs": {"metadata": {"team": "a"}}, "extra_body": {"top_k": 3}}
    with ChatServer() as server:
        run_chain(chat(server, **PARAMETERS, **extra), "hi")
        sent = server.requests[0]
    assert {name: sent[name] for name in PARAMETERS} == PARAMETERS
    assert sent["metadata"] == {"team": "a"}
    assert sent["top_k"] == 3


def test_options_of_a_call_pass_into_the_request_and_win(run_chain):
    given = {
        "temperature": 1,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "response_format": {"type": "json_object"},
        "min_p": 0.1,  # unknown to the SDK
    }
    with ChatServer() as server:
        run_chain(chat(server, temperature=0).bind(**given), "hi")
        sent = server.requests[0]
    assert {name: sent[name] for name in given} == given


def test_headers_query_organization_and_project_are_sent(run_chain):
    with ChatServer() as server:
        model = chat(
            server,
            organization="org-1",
            project="proj-1",
            default_headers={"x-own": "1"},
            default_query={"version": "2"},
        )
        run_chain(model, "hi")
        headers = server.headers[0]
        assert server.paths[0] == "/v1/chat/completions?version=2"
    assert (headers["openai-organization"], headers["openai-project"]) == ("org-1", "proj-1")
    assert headers["x-own"] == "1"


def test_requests_go_through_a_proxy(run_chain):
    with ChatServer() as proxy:
        address = proxy.base_url.removesuffix("/v1")
        model = ChatOpenAI(model="m", base_url="http://models.invalid/v1", api_key="k", openai_proxy=address)
        assert run_chain(model, "hi").content == "Hello world"
        assert proxy.paths == ["http://models.invalid/v1/chat/completions"]


@pytest.mark.parametrize("timeout", [3, 3.0, (1, 3), [1, 3.0, None], httpx.Timeout(3)])
def test_a_timeout_is_a_number_a_pair_or_what_httpx_has(timeout):
    model = ChatOpenAI(api_key="k", timeout=timeout)
    given = model._connected().timeout
    assert getattr(given, "read", given) == 3


@pytest.mark.parametrize("timeout", [0, -1, "5", True, (1,), {"read": 1}])
def test_what_is_no_timeout_is_refused_with_what_is(timeout):
    with pytest.raises(ValueError, match=r"expected seconds above 0, \(connect, read\) or an httpx.Timeout"):
        ChatOpenAI(api_key="k", timeout=timeout)


@pytest.mark.parametrize(("wrong", "meant"), [("temprature", "temperature"), ("max_token", "max_tokens")])
def test_an_unknown_parameter_is_refused_with_the_nearest_one(wrong, meant):
    with pytest.raises(ValueError, match=f"ChatOpenAI has no parameter '{wrong}': did you mean '{meant}'"):
        ChatOpenAI(**{wrong: 1})
    with pytest.raises(ValueError, match="OpenAIEmbeddings has no parameter 'dimension': did you mean"):
        OpenAIEmbeddings(dimension=3)


def test_names_of_parameters_that_users_know_are_understood():
    model = ChatOpenAI(
        model_name="m",
        openai_api_key="k",
        openai_api_base="http://localhost:1/v1",
        openai_organization="o",
        request_timeout=3,
        stop_sequences=["x"],
    )
    assert (model.model, model.base_url, model.organization) == ("m", "http://localhost:1/v1", "o")
    assert (model.timeout, model.stop) == (3, ["x"])


def test_without_a_key_the_error_says_what_to_set(run_chain, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ModelError, match="no key: set OPENAI_API_KEY or give api_key=") as caught:
        run_chain(ChatOpenAI(), "hi")
    assert "local:smollm2" in str(caught.value)


def test_a_server_with_an_address_of_its_own_needs_no_key(run_chain, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with ChatServer() as server:
        assert run_chain(ChatOpenAI(model="m", base_url=server.base_url), "hi").content == "Hello world"


def test_a_copy_of_a_model_that_leads_elsewhere_goes_there():
    with ChatServer(["first"]) as first, ChatServer(["second"]) as second:
        model = chat(first)
        assert model.invoke("hi").content == "first"
        assert model.model_copy(update={"base_url": second.base_url}).invoke("hi").content == "second"
        assert model.invoke("hi").content == "first"


def test_a_model_that_was_used_can_be_copied_and_pickled():
    with ChatServer(["a"]) as server:
        model = chat(server)
        model.invoke("hi")
        for other in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert other.invoke("hi").content == "a"


def test_several_answers_are_all_kept_and_the_first_is_the_output(run_chain):
    choices = [
        {"index": number, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for number, text in enumerate(["one", "two"])
    ]
    with ChatServer(script=[answering(completion(choices=choices))]) as server:
        model = chat(server, n=2)
        result = model._generate([HumanMessage("hi")])
        assert run_chain(model, "hi").content == "one"
    assert [generation.text for generation in result.generations] == ["one", "two"]
    assert [request.get("stream") for request in server.requests] == [None, None]


def test_of_several_streamed_answers_the_first_is_given(collect):
    mixed = [event("a"), event("x", index=1), event("b"), event(finish="stop"), event("y", index=1)]
    with ChatServer(script=[streaming(*mixed, DONE)]) as server:
        chunks = collect(chat(server).bind(n=2), "hi")
    assert "".join(chunk.content for chunk in chunks) == "ab"


def test_log_probabilities_are_merged_over_a_stream_as_in_a_whole_answer(run_chain):
    tokens = [{"token": text, "logprob": -0.5, "top_logprobs": []} for text in "ab"]
    whole = completion(choice={"logprobs": {"content": tokens, "refusal": None}})
    events = [event(t["token"], logprobs={"content": [t], "refusal": None}) for t in tokens]
    streams = "stream" in run_chain.form
    reply = streaming(*events, event(finish="stop"), DONE) if streams else answering(whole)
    with ChatServer(script=[reply]) as server:
        message = run_chain(chat(server, logprobs=True), "hi")
    assert message.response_metadata["logprobs"]["content"] == tokens


USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 6,
    "total_tokens": 16,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 0},
}


def test_usage_tells_cached_and_reasoning_tokens(run_chain):
    # In every event, as some servers count along: what counts is the last one.
    half = {**USAGE, "completion_tokens": 3, "total_tokens": 13}
    events = [event("a", usage=half), event(finish="stop", usage=USAGE), event(choices=[], usage=USAGE)]
    reply = streaming(*events, DONE) if "stream" in run_chain.form else answering(completion(usage=USAGE))
    with ChatServer(script=[reply]) as server:
        message = run_chain(chat(server), "hi")
    assert message.usage_metadata == {
        "input_tokens": 10,
        "output_tokens": 6,
        "total_tokens": 16,
        "input_token_details": {"cache_read": 4, "audio": 0},
        "output_token_details": {"reasoning": 5, "audio": 0},
    }


def test_what_is_known_of_the_call_is_the_same_streamed_and_whole(run_chain):
    about = {"id": "c1", "system_fingerprint": "fp_1"}
    if "stream" in run_chain.form:
        reply = streaming(event("a", **about), event(finish="length", **about), DONE)
    else:
        reply = answering({**completion(choice={"finish_reason": "length"}), **about, "model": "m"})
    with ChatServer(script=[reply]) as server:
        message = run_chain(chat(server), "hi")
    assert message.response_metadata == {"finish_reason": "length", "model_name": "m", **about}
    assert message.id == "c1"


def test_headers_of_the_response_are_there_if_asked_for(run_chain):
    with ChatServer() as server:
        message = run_chain(chat(server, include_response_headers=True), "hi")
        assert "content-type" in message.response_metadata["headers"]
        assert "headers" not in run_chain(chat(server), "hi").response_metadata


def test_a_refusal_is_kept(run_chain):
    said = {"role": "assistant", "content": None, "refusal": "I will not."}
    streams = "stream" in run_chain.form
    events = streaming(event(refusal="I will not."), event(finish="stop"), DONE)
    with ChatServer(script=[events if streams else answering(completion(message=said))]) as server:
        message = run_chain(chat(server), "hi")
    assert message.content == ""
    assert message.additional_kwargs["refusal"] == "I will not."


def test_tool_calls_come_in_pieces_or_whole(run_chain):
    function = {"name": "add", "arguments": '{"a": 1}'}
    whole = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": function}],
    }
    pieces = [
        event(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "add", "arguments": ""}}]),
        event(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]),
        event(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
        event(finish="tool_calls"),
    ]
    reply = streaming(*pieces, DONE) if "stream" in run_chain.form else answering(completion(message=whole))
    with ChatServer(script=[reply]) as server:
        message = run_chain(chat(server), "hi")
    assert message.tool_calls == [{"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}]


def test_messages_with_images_names_and_other_roles_go_through_as_they_are():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    invalid = {"name": "add", "args": "{oops", "id": "c1", "error": None, "type": "invalid_tool_call"}
    with ChatServer() as server:
        chat(server).invoke(
            [
                ChatMessage(role="developer", content="be brief"),
                SystemMessage("more", additional_kwargs={"__openai_role__": "developer"}),
                HumanMessage(["what is this?", image], name="ann"),
                AIMessage(content="", invalid_tool_calls=[invalid]),
                AIMessage(content="", additional_kwargs={"function_call": {"name": "f", "arguments": "{}"}}),
                FunctionMessage(content="1", name="f"),
            ]
        )
    sent = server.requests[0]["messages"]
    assert sent == [
        {"role": "developer", "content": "be brief"},
        {"role": "developer", "content": "more"},
        {"role": "user", "content": [{"type": "text", "text": "what is this?"}, image], "name": "ann"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{oops"}}
            ],
        },
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "content": "1", "name": "f"},
    ]


def test_a_model_that_may_not_stream_does_not(collect):
    with ChatServer(["a", "b"]) as server:
        assert [chunk.content for chunk in collect(chat(server, streaming=False), "hi")] == ["ab"]
        assert "stream" not in server.requests[0]


def test_an_asynchronous_client_of_the_user_s_is_used():
    import openai

    async def main(server):
        own = openai.DefaultAsyncHttpxClient(headers={"x-own": "1"})
        model = chat(server, http_async_client=own)
        assert (await model.ainvoke("hi")).content == "Hello world"
        del model
        assert not own.is_closed
        await own.aclose()

    with ChatServer() as server:
        asyncio.run(main(server))
        assert server.headers[0]["x-own"] == "1"


def test_a_class_that_names_the_api_again_sends_the_parameters_too():
    class Again(ChatOpenAI):
        _resource = "chat.completions"

    with ChatServer(["a"]) as server:
        Again(model="m", base_url=server.base_url, api_key="x", temperature=0.5).invoke("hi")
    assert server.requests[-1]["temperature"] == 0.5
