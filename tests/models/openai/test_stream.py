"""Server-sent events however the network cuts them, and what a stream that is none says."""

import json

import openai
import pytest

from tests.chat_script import DONE, event, page, streaming
from tests.chat_server import ChatServer
from workbench import ChatOpenAI
from workbench.errors import ModelAnswerError


def chat(server, **options):
    return ChatOpenAI(model="m", base_url=server.base_url, api_key="k", max_retries=0, **options)


def texts(chunks):
    return [chunk.content for chunk in chunks if chunk.content]


def test_text_cut_within_a_character_arrives_whole(collect):
    said = event("Grüße 🐻")
    cut = said.index("🐻".encode()) + 2
    with ChatServer(script=[streaming(said[:cut], said[cut:], event(finish="stop"), DONE)]) as server:
        assert texts(collect(chat(server), "hi")) == ["Grüße 🐻"]


def test_events_of_one_write_and_events_in_pieces_are_the_same_answer(collect):
    everything = event("a") + event("b") + event("c", finish="stop") + DONE
    with ChatServer(script=[streaming(everything), streaming(*(bytes([b]) for b in everything))]) as server:
        assert [texts(collect(chat(server), "hi")) for _ in range(2)] == [["a", "b", "c"]] * 2


def test_carriage_returns_comments_and_data_on_several_lines(collect):
    pretty = json.dumps(json.loads(event("a")[6:]), indent=1).splitlines()
    split = "".join(f"data: {line}\r\n" for line in pretty).encode() + b"\r\n"
    with ChatServer(script=[streaming(b": keep-alive\r\n\r\n", split, b"event: x\r\n\r\n", DONE)]) as server:
        assert texts(collect(chat(server), "hi")) == ["a"]


def test_an_answer_without_done_is_whole_if_the_model_said_why_it_ended(collect):
    with ChatServer(script=[streaming(event("a"), event(finish="stop").removesuffix(b"\n"))]) as server:
        chunks = collect(chat(server), "hi")
    assert texts(chunks) == ["a"]
    assert chunks[-1].response_metadata["finish_reason"] == "stop"


def test_an_end_without_a_delta_is_an_end(collect):
    end = {"id": "c", "choices": [{"index": 0, "delta": None, "finish_reason": "stop"}]}
    ended = b"data: " + json.dumps(end).encode() + b"\n\n"
    with ChatServer(script=[streaming(event("Why"), ended, DONE)]) as server:
        chunks = collect(chat(server), "hi")
    assert texts(chunks) == ["Why"]
    assert chunks[-1].response_metadata["finish_reason"] == "stop"


def test_an_answer_is_whole_if_only_what_follows_its_end_was_cut(collect):
    usage = event(choices=[], usage={"prompt_tokens": 1})
    with ChatServer(script=[streaming(event("a"), event(finish="stop"), usage[:-9], end="cut")]) as server:
        assert texts(collect(chat(server), "hi")) == ["a"]


def test_half_of_a_character_pair_is_no_malformed_event(collect):
    said = event("X").replace(b'"X"', b'"\\ud83d"')
    with ChatServer(script=[streaming(said, DONE)]) as server:
        assert texts(collect(chat(server), "hi")) == ["\ud83d"]


def test_a_stream_that_ends_too_early_is_an_error_and_says_how_far_it_came(collect):
    with (
        ChatServer(script=[streaming(event("a"), event("b"))]) as server,
        pytest.raises(ModelAnswerError, match=r"'m' at http://.* was cut off after 2 events"),
    ):
        collect(chat(server), "hi")


def test_a_stream_cut_within_an_event_is_cut_off_not_malformed(collect):
    with (
        ChatServer(script=[streaming(event("a"), event("b")[:-20])]) as server,
        pytest.raises(ModelAnswerError, match="cut off after 1 events"),
    ):
        collect(chat(server), "hi")


@pytest.mark.parametrize("malformed", ["{not json", '"text"', "[1]", "null", '{"choices": [7]}'])
def test_a_malformed_event_is_shown_after_the_chunks_before_it(collect, malformed):
    with ChatServer(script=[streaming(event("a"), f"data: {malformed}\n\n".encode(), DONE)]) as server:
        model, seen = chat(server), []
        with pytest.raises(ModelAnswerError, match="no event of a chat") as caught:
            for chunk in model.stream("hi"):
                seen.append(chunk)
        with pytest.raises(ModelAnswerError):
            collect(model, "hi")
    assert texts(seen) == ["a"]
    assert repr(malformed) in str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        b'data: {"error": {"message": "out of memory", "type": "server_error"}}\n\n',
        b'event: error\ndata: {"error": "out of memory"}\n\n',
        b'data: {"object": "error", "message": "out of memory", "code": 500}\n\n',
    ],
)
def test_an_error_in_the_stream_is_raised_with_the_server_s_message(collect, written):
    with (
        ChatServer(script=[streaming(event("a"), written)]) as server,
        pytest.raises(openai.APIError, match="out of memory") as caught,
    ):
        collect(chat(server), "hi")
    assert caught.value.__notes__[0] == f"model 'm' at {server.base_url}/"


def test_what_a_server_wrote_beside_the_events_is_shown(collect):
    with (
        ChatServer(script=[streaming(event("a"), b'error: {"message": "slot lost"}\n\n')]) as server,
        pytest.raises(ModelAnswerError, match="slot lost"),
    ):
        collect(chat(server), "hi")


def test_a_web_page_instead_of_an_answer_hints_at_the_address(run_chain):
    with (
        ChatServer(script=[page("<!doctype html><title>Hello</title>")]) as server,
        pytest.raises(ModelAnswerError, match=r"<!doctype html>.*is the address right"),
    ):
        run_chain(chat(server), "hi")


def test_a_connection_is_used_again_after_a_stream():
    with ChatServer(["a"]) as server:
        model = chat(server)
        for _ in range(3):
            assert texts(model.stream("hi")) == ["a"]
        assert server.connections == 1
