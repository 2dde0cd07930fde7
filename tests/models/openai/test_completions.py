"""OpenAI, the models of text, over real HTTP."""

import openai
import pytest

from tests.chat_script import DONE, answering, streaming
from tests.chat_server import ChatServer
from workbench import LiveState, OpenAI, PromptTemplate
from workbench.errors import ModelAnswerError


def llm(server, **options):
    return OpenAI(**{"model": "m", "base_url": server.base_url, "api_key": "k", "max_retries": 0, **options})


def test_a_text_is_continued_in_every_form(run_chain):
    with ChatServer([" upon", " a", " time"]) as server:
        chain = PromptTemplate.from_template("Once{more}") | llm(server)
        assert run_chain(chain, {"more": ""}) == " upon a time"
        assert server.paths == ["/v1/completions"]
        sent = server.requests[0]
    assert (sent["prompt"], sent["max_tokens"], sent["temperature"]) == ("Once", 256, 0.7)


def test_texts_arrive_one_by_one(collect):
    with ChatServer(["a", "b", "c"]) as server:
        assert [text for text in collect(llm(server), "hi") if text] == ["a", "b", "c"]


def test_what_is_known_of_the_call_is_kept_in_its_run(run_chain, recorder):
    with ChatServer(["a", "b"]) as server:
        run_chain(llm(server), "hi", {"callbacks": [recorder]})
    run = recorder.events[-1].run
    about = run.metadata["response_metadata"]
    assert about["finish_reason"] == "stop"
    assert about["usage_metadata"]["total_tokens"] == 9


def test_all_parameters_and_those_of_a_call_are_sent():
    given = {
        "temperature": 0.0,
        "max_tokens": 3,
        "top_p": 0.5,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "n": 2,
        "best_of": 3,
        "seed": 4,
        "stop": ["x"],
        "logprobs": 1,
        "logit_bias": {"1": 2.0},
        "user": "u",
    }
    with ChatServer() as server:
        llm(server, **given, model_kwargs={"suffix": "end"}).bind(top_k=3).invoke("hi")
        sent = server.requests[0]
    assert {name: sent[name] for name in given} == given
    assert (sent["suffix"], sent["top_k"]) == ("end", 3)


def test_all_continuations_of_all_prompts_are_kept():
    def choices(texts):
        return [{"index": n, "text": text, "finish_reason": "stop"} for n, text in enumerate(texts)]

    completion = {"id": "c", "model": "m", "choices": choices(["a1", "a2", "b1", "b2"])}
    with ChatServer(script=[answering(completion)]) as server:
        result = llm(server, n=2)._generate(["a", "b"])
        assert server.requests[0]["prompt"] == ["a", "b"]
        kept = llm(server, n=4).generate(["a"])
    assert [[one.text for one in each] for each in result.generations] == [["a1", "a2"], ["b1", "b2"]]
    assert [one.text for one in kept.generations[0]] == ["a1", "a2", "b1", "b2"]


def test_a_cut_stream_is_an_error(run_chain):
    cut = streaming(b'data: {"choices": [{"index": 0, "text": "a", "finish_reason": null}]}\n\n')
    with (
        ChatServer(script=[cut]) as server,
        pytest.raises(ModelAnswerError, match="cut off after 1 events"),
    ):
        run_chain(llm(server), "hi", {"callbacks": [LiveState()]})


def test_a_malformed_event_is_shown(collect):
    with (
        ChatServer(script=[streaming(b'data: {"choices": [{"index": 0}]}\n\n', DONE)]) as server,
        pytest.raises(ModelAnswerError, match="no event of a chat or text completion"),
    ):
        collect(llm(server), "hi")


def test_errors_of_the_server_pass_through_and_name_model_and_address(run_chain):
    with (
        ChatServer(fail_with=(404, "This is a chat model")) as server,
        pytest.raises(openai.NotFoundError, match="This is a chat model") as caught,
    ):
        run_chain(llm(server), "hi")
    assert f"model 'm' at {server.base_url}" in " ".join(caught.value.__notes__)


def test_a_completion_without_choices_is_shown():
    with (
        ChatServer(script=[answering({"id": "c", "choices": []})]) as server,
        pytest.raises(ModelAnswerError, match=r"did not answer with a completion but with .*choices"),
    ):
        OpenAI(base_url=server.base_url, api_key="k").invoke("hi")
