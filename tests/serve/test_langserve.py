"""The official LangServe beside ours: its client calls our server, our client calls its server."""

from __future__ import annotations

import asyncio
import warnings

import httpx
import jsonpatch
import pytest
from langchain_core.messages import AIMessage as PeerAIMessage
from langchain_core.messages import AIMessageChunk as PeerAIMessageChunk
from langchain_core.messages import HumanMessage as PeerHumanMessage

from workbench import (
    AIMessage,
    AIMessageChunk,
    ChatPromptTemplate,
    HumanMessage,
    RemoteRunnable,
    RunLogPatch,
    StrOutputParser,
)
from workbench.errors import RemoteChainError, RemoteStatusError

from .servers import ANSWER

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from langserve import RemoteRunnable as PeerRemote
    from langserve import client as peer_client

# What collects one closes its connections on a loop that is gone, and fails.
peer_client._close_clients = lambda *clients: None

BEARS = {"topic": "bears"}


async def collected(stream):
    return [item async for item in stream]


# Its client, our server


def test_its_client_invokes_ours(ours):
    assert PeerRemote(f"{ours}/joke").invoke(BEARS) == ANSWER
    assert asyncio.run(PeerRemote(f"{ours}/joke/").ainvoke(BEARS)) == ANSWER


def test_its_client_batches_ours(ours):
    remote = PeerRemote(f"{ours}/both")
    expected = [{"joke": ANSWER, "topic": name} for name in ("bears", "cats")]
    assert remote.batch([BEARS, {"topic": "cats"}]) == expected
    assert asyncio.run(remote.abatch([BEARS, {"topic": "cats"}])) == expected
    assert remote.batch([BEARS, {"topic": "cats"}], [{"tags": ["a"]}, {"tags": ["b"]}]) == expected


def test_its_client_streams_ours(ours):
    remote = PeerRemote(f"{ours}/joke")
    chunks = list(remote.stream(BEARS))
    assert len(chunks) > 5 and "".join(chunks) == ANSWER
    assert asyncio.run(collected(remote.astream(BEARS))) == chunks
    both = list(PeerRemote(f"{ours}/both").stream(BEARS))
    total = both[0]
    for chunk in both[1:]:
        total = total + chunk
    assert total == {"joke": ANSWER, "topic": "bears"}


def test_messages_arrive_at_its_client_as_messages_and_from_there_at_ours(ours):
    remote = PeerRemote(f"{ours}/model")
    answer = remote.invoke([PeerHumanMessage(content="hi"), PeerAIMessage(content="there")])
    assert type(answer) is PeerAIMessage and answer.content == ANSWER
    chunks = list(remote.stream("hi"))
    assert {type(chunk) for chunk in chunks} == {PeerAIMessageChunk}
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    assert total.content == ANSWER and len({chunk.id for chunk in chunks}) == 1


def test_its_client_reads_our_log(ours):
    patches = asyncio.run(collected(PeerRemote(f"{ours}/joke").astream_log(BEARS)))
    state = None
    for patch in patches:
        state = jsonpatch.apply_patch(state, patch.ops)
    assert state["final_output"] == ANSWER == "".join(state["streamed_output"])
    assert list(state["logs"]) == ["ChatPromptTemplate", "FakeChatModel", "StrOutputParser"]
    model = state["logs"]["FakeChatModel"]
    assert "".join(model["streamed_output_str"]) == ANSWER and model["end_time"]
    assert type(model["final_output"]).__name__ == "LLMResult"
    only = asyncio.run(collected(PeerRemote(f"{ours}/joke").astream_log(BEARS, include_types=["llm"])))
    state = None
    for patch in only:
        state = jsonpatch.apply_patch(state, patch.ops)
    assert list(state["logs"]) == ["FakeChatModel"]


def test_its_client_reads_our_events(ours):
    events = asyncio.run(collected(PeerRemote(f"{ours}/joke").astream_events(BEARS, version="v2")))
    names = [event["event"] for event in events]
    assert names[0] == "on_chain_start" and names[-1] == "on_chain_end"
    assert events[-1]["data"]["output"] == ANSWER
    told = [event["data"]["chunk"] for event in events if event["event"] == "on_chat_model_stream"]
    assert {type(chunk) for chunk in told} == {PeerAIMessageChunk}
    assert "".join(chunk.content for chunk in told) == ANSWER


def test_its_client_is_told_of_errors_of_the_chain(ours):
    remote = PeerRemote(f"{ours}/fails")
    with pytest.raises(httpx.HTTPStatusError, match="ValueError: no joke"):
        remote.invoke(BEARS)
    with pytest.raises(httpx.HTTPStatusError, match="ValueError: no joke"):
        list(remote.stream(BEARS))
    with pytest.raises(httpx.HTTPStatusError, match="ValueError: no joke"):
        asyncio.run(collected(remote.astream_log(BEARS)))
    with pytest.raises(httpx.HTTPStatusError, match=r"422.*topic"):
        PeerRemote(f"{ours}/joke").invoke({"subject": "bears"})


def test_line_ends_of_other_alphabets_reach_its_client_in_one_piece(ours):
    odd = "one\u2028two\u2029three\x85four\nfive\r\x0bsix\x7f"
    remote = PeerRemote(f"{ours}/both")
    chunks = list(remote.stream({"topic": odd}))
    assert "".join(chunk.get("topic", "") for chunk in chunks) == odd


# Our client, its server


def test_our_client_invokes_its(theirs):
    remote = RemoteRunnable(f"{theirs}/joke")
    assert remote.invoke(BEARS) == ANSWER
    assert asyncio.run(remote.ainvoke(BEARS)) == ANSWER


def test_our_client_batches_its(theirs):
    remote = RemoteRunnable(f"{theirs}/both")
    expected = [{"joke": ANSWER, "topic": name} for name in ("bears", "cats")]
    inputs = [BEARS, {"topic": "cats"}]
    assert remote.batch(inputs) == expected
    assert asyncio.run(remote.abatch(inputs)) == expected
    assert remote.batch(inputs, {"max_concurrency": 1}) == expected


def test_our_client_streams_its(theirs):
    remote = RemoteRunnable(f"{theirs}/joke")
    chunks = list(remote.stream(BEARS))
    assert len(chunks) > 5 and "".join(chunks) == ANSWER
    assert asyncio.run(collected(remote.astream(BEARS))) == chunks
    chain = RemoteRunnable(f"{theirs}/both") | (lambda both: both["joke"] + both["topic"])
    assert "".join(chain.stream(BEARS)) == f"{ANSWER}bears"


def test_messages_arrive_from_its_server_as_messages_and_at_it(theirs):
    remote = RemoteRunnable(f"{theirs}/model")
    answer = remote.invoke([HumanMessage("hi"), AIMessage("there")])
    assert type(answer) is AIMessage and answer.content == ANSWER
    chunks = list(remote.stream("hi"))
    assert {type(chunk) for chunk in chunks} == {AIMessageChunk}
    chain = ChatPromptTemplate.from_template("a joke about {topic}") | remote | StrOutputParser()
    assert chain.invoke(BEARS) == ANSWER
    assert "".join(chain.stream(BEARS)) == ANSWER


def test_our_client_reads_its_log(theirs):
    remote = RemoteRunnable(f"{theirs}/joke")
    patches = asyncio.run(collected(remote.astream_log(BEARS)))
    assert {type(patch) for patch in patches} == {RunLogPatch}
    state = None
    for patch in patches:
        state = jsonpatch.apply_patch(state, patch.ops)
    assert sum(patches[1:], start=patches[0]).state == state
    assert state["final_output"] == ANSWER
    assert list(state["logs"]) == ["ChatPromptTemplate", "GenericFakeChatModel", "StrOutputParser"]
    logs = list(remote.stream_log(BEARS, diff=False))
    assert logs[-1].state["final_output"] == ANSWER


def test_our_client_reads_its_events(theirs):
    remote = RemoteRunnable(f"{theirs}/joke")
    events = asyncio.run(collected(remote.astream_events(BEARS)))
    assert events[0]["event"] == "on_chain_start" and events[-1]["data"]["output"] == ANSWER
    told = [event["data"]["chunk"] for event in events if event["event"] == "on_chat_model_stream"]
    assert {type(chunk) for chunk in told} == {AIMessageChunk}
    assert [event["event"] for event in remote.stream_events(BEARS)] == [event["event"] for event in events]


def test_its_runs_are_nested_in_ours(theirs, recorder):
    chain = RemoteRunnable(f"{theirs}/joke") | str.upper
    assert chain.invoke(BEARS, {"callbacks": [recorder]}) == ANSWER.upper()
    paths = [event.run.path for event in recorder.events if event.kind == "start"]
    inside = "RunnableSequence > RemoteRunnable > /joke"
    assert inside in paths and f"{inside} > GenericFakeChatModel" in paths
    assert recorder.unended() == []


def test_our_client_asks_it_for_its_schemas(theirs):
    remote = RemoteRunnable(f"{theirs}/joke")
    assert remote.input_schema.schema()["required"] == ["topic"]
    assert remote.get_output_jsonschema()["type"] == "string"
    assert isinstance(remote.config_schema().schema(), dict)


def test_our_client_tells_of_its_errors(theirs):
    remote = RemoteRunnable(f"{theirs}/fails")
    with pytest.raises(RemoteStatusError, match=rf"{theirs}/fails.*Internal Server Error"):
        remote.invoke(BEARS)
    for form in (
        lambda: list(remote.stream(BEARS)),
        lambda: list(remote.stream_log(BEARS)),
        lambda: list(remote.stream_events(BEARS)),
    ):
        with pytest.raises(RemoteChainError, match="Internal Server Error"):
            form()
    with pytest.raises(RemoteStatusError, match=r"422.*topic") as raised:
        RemoteRunnable(f"{theirs}/joke").invoke({"subject": "bears"})
    assert raised.value.status == 422


# The same chain, the same answers


def test_the_schemas_are_at_the_same_addresses_and_say_the_same(ours, theirs):
    for name in ("input_schema", "output_schema", "config_schema"):
        mine, its = (httpx.get(f"{where}/joke/{name}") for where in (ours, theirs))
        assert mine.status_code == its.status_code == 200
        assert mine.json().get("required") == its.json().get("required")
        assert mine.json().get("properties") == its.json().get("properties") or name == "config_schema"


def test_the_answers_have_the_same_members(ours, theirs):
    def shape(data):
        if isinstance(data, dict):
            return {key: shape(value) for key, value in data.items()}
        return [shape(item) for item in data] if isinstance(data, list) else type(data)

    for name, body in (("invoke", {"input": BEARS}), ("batch", {"inputs": [BEARS]})):
        mine, its = (httpx.post(f"{where}/joke/{name}", json=body).json() for where in (ours, theirs))
        its.pop("callback_events", None)
        assert shape(mine) == shape(its)


def test_the_streams_have_the_same_events(ours, theirs):
    def names(where, name):
        body = {"input": BEARS}
        lines = httpx.post(f"{where}/joke/{name}", json=body).text.splitlines()
        found = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        return list(dict.fromkeys(found))

    for name in ("stream", "stream_log", "stream_events"):
        assert names(ours, name) == names(theirs, name)
