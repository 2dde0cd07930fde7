"""Cassettes: calls are recorded once and replayed offline, in any form, with their timing and errors."""

import asyncio
import json
import time

import openai
import pytest

import workbench
from tests.chat_server import ChatServer
from workbench import (
    LLM,
    AIMessage,
    CallMeter,
    ChatOpenAI,
    ChatPromptTemplate,
    FakeChatModel,
    FakeListLLM,
    InMemoryRateLimiter,
    OpenAIEmbeddings,
    RunnableLambda,
    RunnableParallel,
    StrOutputParser,
    init_chat_model,
)
from workbench.errors import CassetteError
from workbench.models.recorded.cassettes import current_cassette

KEY = "sk-a-very-secret-key"
CALL = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}

FORMS = {
    "invoke": lambda chain, input: chain.invoke(input),
    "stream": lambda chain, input: _sum(chain.stream(input)),
    "ainvoke": lambda chain, input: asyncio.run(chain.ainvoke(input)),
    "astream": lambda chain, input: asyncio.run(_asum(chain, input)),
}


def _sum(chunks):
    total = None
    for chunk in chunks:
        total = chunk if total is None else total + chunk
    return total


async def _asum(chain, input):
    return _sum([chunk async for chunk in chain.astream(input)])


def unreachable(**options):
    """A model that fails if it is really called: nothing listens there."""
    return ChatOpenAI(model="m", base_url="http://127.0.0.1:9/v1", api_key="other", max_retries=0, **options)


def chain_of(model):
    return ChatPromptTemplate.from_template("joke about {topic}") | model | StrOutputParser()


@pytest.mark.parametrize("recorded", FORMS)
@pytest.mark.parametrize("replayed", FORMS)
def test_what_was_recorded_in_one_form_is_replayed_in_any(tmp_path, recorded, replayed):
    path = tmp_path / "calls.json"
    with ChatServer(["Why", " not", "?"]) as server:
        model = ChatOpenAI(model="m", base_url=server.base_url, api_key=KEY)
        with workbench.cassette(path) as tape:
            assert tape.recording
            first = FORMS[recorded](model, "hi")
    with workbench.cassette(path) as tape:
        assert not tape.recording
        again = FORMS[replayed](unreachable(), "hi")
    assert again.content == first.content == "Why not?"
    assert again.usage_metadata == first.usage_metadata
    assert again.response_metadata == first.response_metadata


def test_a_chain_is_recorded_and_replayed(tmp_path, run_chain):
    path = tmp_path / "calls.json"
    with ChatServer(["Why", " not"]) as server, workbench.cassette(path):
        model = ChatOpenAI(model="m", base_url=server.base_url, api_key=KEY)
        assert run_chain(chain_of(model), {"topic": "bears"}) == "Why not"
    with workbench.cassette(path, mode="replay", timing="none"):
        assert run_chain(chain_of(unreachable()), {"topic": "bears"}) == "Why not"


def test_no_secret_gets_into_the_file(tmp_path):
    path = tmp_path / "calls.json"
    with ChatServer(["a"]) as server:
        address = server.base_url.replace("//", "//me:pass-word-1@")
        model = ChatOpenAI(
            model="m", base_url=address, api_key=KEY, default_headers={"X-Token": "header-secret-1"}
        )
        with workbench.cassette(path):
            headers = {"Authorization": "Bearer call-secret-1"}
            model.invoke(f"my key is {KEY}, and sk-another-secret-one", extra_headers=headers)
    text = path.read_text()
    for secret in (KEY, "another-secret", "header-secret", "call-secret", "pass-word", "127.0.0.1"):
        assert secret not in text
    assert "my key is ***, and ***" in text


def test_secrets_in_lists_and_of_further_names_do_not_get_into_the_file(tmp_path):
    path = tmp_path / "calls.json"
    secret = "kept-by-nobody"
    body = {"token": secret, "servers": [{"authorization": secret, "headers": {"X": secret}, "url": "u"}]}

    @workbench.tool
    def log_in(password: str) -> str:
        """Log in."""
        return password

    with ChatServer(["a"]) as server, workbench.cassette(path):
        model = ChatOpenAI(base_url=server.base_url, api_key=KEY, extra_body=body)
        model.bind_tools([log_in]).invoke("hi")
    assert secret not in path.read_text()
    [call] = json.loads(path.read_text())["calls"]
    [told] = call["request"]["arguments"]["tools"]
    assert told["function"]["parameters"]["properties"]["password"]["type"] == "string"


def test_arguments_of_a_tool_call_are_no_secrets_by_their_name(tmp_path, run_chain):
    path = tmp_path / "calls.json"
    call = {
        "name": "log_in",
        "args": {"password": "of the day", "timeout": 3},
        "id": "c",
        "type": "tool_call",
    }
    model = FakeChatModel(responses=[AIMessage("", tool_calls=[call])])
    for _ in range(2):
        with workbench.cassette(path):
            assert run_chain(model, "hi").tool_calls == [call]


def test_an_error_that_repeats_the_key_is_recorded_without_it(tmp_path):
    path = tmp_path / "calls.json"
    key = "a-key-of-no-known-form"

    class Leaks(ChatOpenAI):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            raise ValueError(f"Incorrect API key provided: {key}")

    with workbench.cassette(path), pytest.raises(ValueError, match="no-known-form"):
        Leaks(api_key=key).invoke("hi")
    assert "Incorrect API key provided: ***" in path.read_text()


def test_the_file_has_a_line_for_each_chunk(tmp_path):
    path = tmp_path / "calls.json"
    with workbench.cassette(path):
        list(FakeChatModel(responses=["one two"]).stream("hi"))
    lines = [line.strip() for line in path.read_text().splitlines()]
    document = json.loads(path.read_text())
    (call,) = document["calls"]
    assert document["cassette"] == 1
    assert call["request"]["asked"] == [{"type": "human", "content": "hi"}]
    assert [chunk for _, chunk in call["chunks"]] == [
        "one",
        " ",
        "two",
        {"content": "", "chunk_position": "last"},
    ]
    assert all(any(line.startswith(json.dumps(chunk)) for line in lines) for chunk in call["chunks"])


def test_recording_the_same_again_differs_only_in_times(tmp_path):
    def recorded(name):
        with workbench.cassette(tmp_path / name, mode="record"):
            FakeChatModel(responses=["a"]).invoke("hi")
        (call,) = json.loads((tmp_path / name).read_text())["calls"]
        return {**call, "seconds": 0}

    first, second = recorded("1.json"), recorded("2.json")
    for call in (first, second):
        call["answer"][0]["message"].pop("id", None)
    assert first == second


def test_tool_calls_come_back_whole(tmp_path, run_chain):
    path = tmp_path / "calls.json"
    message = AIMessage("", tool_calls=[CALL], usage_metadata=USAGE)
    model = FakeChatModel(responses=[message])
    with workbench.cassette(path):
        run_chain(model, "hi")
    for form in FORMS.values():
        with workbench.cassette(path):
            said = form(model, "hi")
        assert said.tool_calls == [CALL]
        assert said.usage_metadata == USAGE


@pytest.mark.timed
def test_tokens_come_at_their_times_or_at_once(tmp_path, collect):
    path = tmp_path / "calls.json"
    with workbench.cassette(path):
        list(FakeChatModel(responses=["a b c"], delay_s=0.1, token_delay_s=0.05).stream("hi"))
    quick = FakeChatModel(responses=["a b c"], delay_s=0.1, token_delay_s=0.05)

    def timed(timing):
        meter = CallMeter()
        with workbench.cassette(path, timing=timing):
            collect(quick, "hi", {"callbacks": [meter]})
        return meter.calls[0]

    original, at_once = timed("original"), timed("none")
    assert 0.1 <= original.first_token_s < 0.2
    assert 0.04 <= original.gap_s.p50 < 0.1
    assert at_once.first_token_s < 0.05
    assert at_once.gap_s.max < 0.04


def test_equal_requests_are_answered_in_order_and_again_from_the_first(tmp_path, run_chain):
    path = tmp_path / "calls.json"
    model = FakeChatModel(responses=["a", "b"])
    with workbench.cassette(path):
        run_chain(model, "hi")
        run_chain(model, "hi")
    with workbench.cassette(path) as tape:
        assert len(tape.unused) == 2
        assert [run_chain(model, "hi").content for _ in range(3)] == ["a", "b", "a"]
        assert tape.unused == []


def test_a_request_that_is_not_there_shows_the_nearest_and_the_difference(tmp_path, run_chain):
    path = tmp_path / "calls.json"
    model = FakeChatModel(responses=["a"])
    with workbench.cassette(path):
        run_chain(model, "tell me a joke about bears")
        run_chain(model, "what time is it")
    with workbench.cassette(path), pytest.raises(CassetteError) as caught:
        run_chain(model, "tell me a joke about cats")
    said = str(caught.value)
    assert "has no recording of this request" in said
    assert 'record it again with mode="record"' in said
    assert '-   "content": "tell me a joke about bears"' in said
    assert '+   "content": "tell me a joke about cats"' in said
    assert "what time" not in said


def test_a_request_that_is_not_there_is_never_sent(tmp_path):
    path = tmp_path / "calls.json"
    with ChatServer(["a"]) as server:
        model = ChatOpenAI(model="m", base_url=server.base_url, api_key=KEY)
        with workbench.cassette(path):
            model.invoke("hi")
        with workbench.cassette(path), pytest.raises(CassetteError):
            model.invoke("other")
        with workbench.cassette(path), pytest.raises(CassetteError, match="differs in"):
            model.bind(stop=["."]).invoke("hi")
        assert len(server.requests) == 1


def test_a_batch_is_recorded_and_replayed_side_by_side(tmp_path):
    path = tmp_path / "calls.json"
    with ChatServer(["a", "b"]) as server, workbench.cassette(path):
        model = ChatOpenAI(model="m", base_url=server.base_url, api_key=KEY)
        chain_of(model).batch([{"topic": str(number)} for number in range(20)])
    topics = [{"topic": str(number)} for number in reversed(range(20))]
    with workbench.cassette(path, timing="none") as tape:
        assert chain_of(unreachable()).batch(topics) == ["ab"] * 20
        assert tape.unused == []
        assert asyncio.run(chain_of(unreachable()).abatch(topics)) == ["ab"] * 20


def test_errors_come_back_as_they_were(tmp_path, run_chain):
    path = tmp_path / "calls.json"
    with ChatServer(["a"], fail_with=(401, "no such key")) as server:
        model = ChatOpenAI(model="m", base_url=server.base_url, api_key=KEY, max_retries=0)
        with workbench.cassette(path), pytest.raises(openai.AuthenticationError) as recorded:
            run_chain(model, "hi")
    for form in FORMS.values():
        with workbench.cassette(path), pytest.raises(openai.AuthenticationError) as replayed:
            form(unreachable(), "hi")
        assert replayed.value.status_code == 401
        assert str(replayed.value) == str(recorded.value)


def test_a_fault_while_recording_is_not_kept_as_one_of_the_model(tmp_path, monkeypatch):
    def fails(generation):
        raise RuntimeError("cannot be written")

    monkeypatch.setattr("workbench.models.recorded.cassettes.generation_data", fails)
    path = tmp_path / "calls.json"
    with ChatServer(["a"]) as server, workbench.cassette(path), pytest.raises(RuntimeError):
        ChatOpenAI(model="m", base_url=server.base_url, api_key=KEY).invoke("hi")
    assert not path.exists() or json.loads(path.read_text())["calls"] == []


def test_a_server_that_was_not_there_is_recorded_too(tmp_path, run_chain):
    path = tmp_path / "calls.json"
    with workbench.cassette(path), pytest.raises(openai.APIConnectionError):
        run_chain(unreachable(), "hi")
    with workbench.cassette(path), pytest.raises(openai.APIConnectionError):
        run_chain(unreachable(), "hi")


def test_a_stream_that_failed_has_its_tokens_before_the_error(tmp_path, collect, recorder):
    path = tmp_path / "calls.json"
    model = FakeChatModel(responses=[["so", " far", ValueError("broken", 7)]])
    with workbench.cassette(path), pytest.raises(ValueError, match="broken"):
        collect(model, "hi")
    with workbench.cassette(path), pytest.raises(ValueError) as caught:
        collect(model, "hi", {"callbacks": [recorder]})
    assert caught.value.args == ("broken", 7)
    assert recorder.events[0].run.output.content == "so far"


def test_an_error_of_a_class_that_is_not_ours_is_named(tmp_path):
    class Mine(Exception):
        pass

    path = tmp_path / "calls.json"
    model = FakeChatModel(responses=[Mine("oh")])
    with workbench.cassette(path), pytest.raises(Mine):
        model.invoke("hi")
    with (
        workbench.cassette(path),
        pytest.raises(CassetteError, match=r"the recorded call failed with .*Mine: oh"),
    ):
        model.invoke("hi")


def test_a_stream_that_was_left_early_is_replayed_as_far_as_it_went(tmp_path):
    path = tmp_path / "calls.json"
    model = FakeChatModel(responses=["a b c"])
    with workbench.cassette(path):
        stream = model.stream("hi")
        assert [next(stream).content, next(stream).content] == ["a", " "]
        stream.close()
    with workbench.cassette(path):
        stream = model.stream("hi")
        assert [next(stream).content, next(stream).content] == ["a", " "]
        with pytest.raises(CassetteError, match="its stream was closed when it was recorded"):
            next(stream)
    with workbench.cassette(path), pytest.raises(CassetteError, match="ends here"):
        model.invoke("hi")


def test_a_recording_that_is_interrupted_keeps_what_was_whole(tmp_path):
    path = tmp_path / "calls.json"

    def interrupt(x):
        raise KeyboardInterrupt

    chain = FakeChatModel(responses=["a"]) | RunnableLambda(interrupt)
    with pytest.raises(KeyboardInterrupt), workbench.cassette(path):
        chain.invoke("hi")
    with workbench.cassette(path, mode="replay"):
        assert FakeChatModel(responses=["a"]).invoke("hi").content == "a"
    assert [one.name for one in tmp_path.iterdir()] == ["calls.json"]


def test_a_long_recording_is_saved_while_it_runs(tmp_path, monkeypatch):
    from workbench.models.recorded import cassettes

    monkeypatch.setattr(cassettes, "_SAVE_EVERY_S", 0.0)
    path = tmp_path / "calls.json"
    with workbench.cassette(path):
        FakeChatModel().invoke("hi")
        assert len(json.loads(path.read_text())["calls"]) == 1


def test_models_of_text_are_recorded_too(tmp_path, run_chain):
    path = tmp_path / "calls.json"

    class Text(LLM):
        def _call(self, prompt, stop=None, run_manager=None, **kwargs):
            return prompt.upper()

    with workbench.cassette(path):
        run_chain(Text(), "hi")
        run_chain(FakeListLLM(responses=["abc"]), "hi")
    for form in FORMS.values():
        with workbench.cassette(path):
            assert form(Text(), "hi") == "HI"
            assert form(FakeListLLM(responses=["abc"]), "hi") == "abc"


@pytest.mark.parametrize("recorded", ["embed_documents", "aembed_documents"])
@pytest.mark.parametrize("replayed", ["embed_documents", "aembed_documents"])
def test_embeddings_are_recorded_too(tmp_path, recorded, replayed):
    def vectors(model, form):
        made = getattr(model, form)(["a", "b", "c"])
        return asyncio.run(made) if form.startswith("a") else made

    path = tmp_path / "calls.json"
    with ChatServer(["a"]) as server, workbench.cassette(path):
        model = OpenAIEmbeddings(model="m", base_url=server.base_url, api_key=KEY, chunk_size=2)
        first = vectors(model, recorded)
    away = OpenAIEmbeddings(model="m", base_url="http://127.0.0.1:9/v1", api_key="k", chunk_size=2)
    with workbench.cassette(path):
        assert vectors(away, replayed) == first
        assert len(first) == 3
        with pytest.raises(CassetteError, match="has no recording"):
            away.embed_query("other")


def test_the_local_model_is_recorded_and_replayed_and_costs_nothing(local_model, tmp_path, monkeypatch):
    path = tmp_path / "calls.json"
    meter = CallMeter()
    model = init_chat_model(local_model, temperature=0, max_tokens=8)
    with workbench.cassette(path):
        said = model.invoke("Say hello.", {"callbacks": [meter]})
    (call,) = meter.calls
    assert call.cost_usd == 0.0
    assert call.input_tokens > 0
    assert call.tokens_per_s > 0
    monkeypatch.setattr(
        "workbench.models.local.server.get_server", lambda name: pytest.fail("the model was started")
    )
    for form in FORMS.values():
        with workbench.cassette(path, timing="none"):
            again = form(init_chat_model(local_model, temperature=0, max_tokens=8), "Say hello.")
        assert (again.content, again.usage_metadata) == (said.content, said.usage_metadata)


def test_what_is_replayed_waits_for_no_rate_limit(tmp_path, run_chain):
    path = tmp_path / "calls.json"
    with workbench.cassette(path):
        run_chain(FakeChatModel(), "hi")
    limited = FakeChatModel(rate_limiter=InMemoryRateLimiter(requests_per_second=0.001))
    with workbench.cassette(path):
        assert run_chain(limited, "hi").content == "a fake answer"


def test_it_opens_by_async_with_and_without_with(tmp_path):
    path = tmp_path / "calls.json"

    async def main():
        async with workbench.cassette(path) as tape:
            assert current_cassette() is tape
            await FakeChatModel().ainvoke("hi")

    asyncio.run(main())
    tape = workbench.cassette(path).start()
    with pytest.raises(RuntimeError, match="is open already"):
        tape.start()
    assert FakeChatModel().invoke("hi").content == "a fake answer"
    assert repr(tape) == f"<Cassette {str(path)!r}, replaying, 1 calls>"
    tape.stop()
    tape.stop()
    assert current_cassette() is None


def test_record_replaces_and_replay_needs_a_file(tmp_path):
    path = tmp_path / "new" / "calls.json"
    with pytest.raises(CassetteError, match=r"there is no cassette .*calls\.json: record one with"):
        workbench.cassette(path, mode="replay").start()
    assert current_cassette() is None
    for answer in ("a", "b"):
        with workbench.cassette(path, mode="record"):
            FakeChatModel(responses=[answer]).invoke("hi")
    (call,) = json.loads(path.read_text())["calls"]
    assert call["answer"][0]["message"]["content"] == "b"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("not JSON", "cannot be read as a cassette"),
        ("[]", "is no cassette"),
        ('{"calls": [1]}', "is no cassette"),
        ('{"cassette": 99, "calls": []}', "is a cassette of version 99; this workbench reads 1"),
    ],
)
def test_a_file_that_is_no_cassette_is_said_to_be_none(tmp_path, text, told):
    path = tmp_path / "calls.json"
    path.write_text(text)
    with pytest.raises(CassetteError, match=told):
        workbench.cassette(path).start()
    assert current_cassette() is None


def test_unknown_options_list_what_there_is(tmp_path):
    with pytest.raises(ValueError, match="mode: expected one of auto, record, replay, got 'once'"):
        workbench.cassette(tmp_path / "x.json", mode="once")
    with pytest.raises(ValueError, match="timing: expected one of original, none, got 'fast'"):
        workbench.cassette(tmp_path / "x.json", timing="fast")


def test_a_replay_that_waits_can_be_cancelled(tmp_path):
    path = tmp_path / "calls.json"
    model = FakeChatModel(responses=["a"])
    with workbench.cassette(path):
        model.invoke("hi")
    document = json.loads(path.read_text())
    document["calls"][0]["seconds"] = 1000.0
    path.write_text(json.dumps(document))

    def fail(x):
        raise ValueError("stop all")

    begun = time.perf_counter()
    with workbench.cassette(path):
        with pytest.raises(ValueError, match="stop all"):
            RunnableParallel(slow=model, failing=fail).invoke("hi")
        with pytest.raises(ValueError, match="stop all"):
            asyncio.run(RunnableParallel(slow=model, failing=fail).ainvoke("hi"))
    assert time.perf_counter() - begun < 30
