"""RemoteRunnable: a runnable like any other, whatever the network and the server do."""

import asyncio
import contextlib
import json
import pickle
import subprocess
import sys
import threading
import time
import traceback
from contextlib import aclosing

import jsonpatch
import pytest

from tests.chat_script import answering, failing, page, stalling, streaming
from tests.chat_server import ChatServer
from workbench import (
    AddableDict,
    AIMessageChunk,
    ChatPromptTemplate,
    FakeChatModel,
    LiveState,
    RemoteRunnable,
    RunLog,
    RunnableLambda,
    RunnableParallel,
    StrOutputParser,
    adispatch_custom_event,
    serve_chain,
    view,
    watch,
)
from workbench.engine.chunks import Fold
from workbench.errors import RemoteChainError, RemoteStatusError, RemoteStreamError, RemoteUnreachableError

from .servers import ANSWER, chains

BEARS = {"topic": "bears"}
FORMS = {
    "invoke": lambda remote: remote.invoke(BEARS),
    "ainvoke": lambda remote: asyncio.run(remote.ainvoke(BEARS)),
    "stream": lambda remote: list(remote.stream(BEARS)),
    "astream": lambda remote: asyncio.run(collected(remote.astream(BEARS))),
    "astream_log": lambda remote: asyncio.run(collected(remote.astream_log(BEARS))),
    "stream_events": lambda remote: list(remote.stream_events(BEARS)),
    "batch": lambda remote: remote.batch([BEARS, BEARS]),
    "abatch": lambda remote: asyncio.run(remote.abatch([BEARS, BEARS])),
    "observed": lambda remote: remote.invoke(BEARS, {"callbacks": [lambda event: None]}),
}
STREAMS = ("stream", "astream", "astream_log", "stream_events", "observed")


@pytest.fixture(params=FORMS)
def call(request):
    return FORMS[request.param]


@pytest.fixture(params=STREAMS)
def call_stream(request):
    return FORMS[request.param]


async def collected(stream):
    async with aclosing(stream) as items:
        return [item async for item in items]


def soon(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def event(name, data=None):
    return f"event: {name}\n".encode() + (b"" if data is None else f"data: {data}\n".encode()) + b"\n"


# A runnable like any other


def test_every_form_gives_what_the_chain_gives(ours, run_chain, collect):
    remote, chain = RemoteRunnable(f"{ours}/joke"), chains()["/joke"]
    assert run_chain(remote, BEARS) == run_chain(chain, BEARS) == ANSWER
    assert collect(remote, BEARS) == collect(chain, BEARS)


def test_it_composes_on_both_sides(ours, run_chain):
    chain = (lambda name: {"topic": name}) | RemoteRunnable(f"{ours}/joke") | str.upper
    assert run_chain(chain, "bears") == ANSWER.upper()
    both = RunnableParallel(here=lambda x: x["topic"], there=RemoteRunnable(f"{ours}/joke"))
    assert run_chain(both, BEARS) == {"here": "bears", "there": ANSWER}


def test_messages_and_prompts_travel_as_what_they_are(ours, run_chain):
    prompt, model = RemoteRunnable(f"{ours}/prompt"), RemoteRunnable(f"{ours}/model")
    assert prompt.invoke(BEARS) == chains()["/prompt"].invoke(BEARS)
    assert run_chain(prompt | model | StrOutputParser(), BEARS) == ANSWER
    assert type(model.invoke("hi")).__name__ == "AIMessage"
    assert {type(chunk) for chunk in model.stream("hi")} == {AIMessageChunk}
    assert type(model.invoke("hi", {"callbacks": [lambda event: None]})).__name__ == "AIMessage"


def test_dicts_that_add_up_and_dicts_that_replace_each_other_stay_apart(ours, collect):
    parts = collect(RemoteRunnable(f"{ours}/both"), BEARS)
    assert {type(part) for part in parts} == {AddableDict}
    steps = collect(RemoteRunnable(f"{ours}/json"), "x")
    assert {type(step) for step in steps} == {dict} and len(steps) > 2
    total = Fold()
    for step in steps:
        total.add(step)
    assert total.value == {"a": [1, 2], "b": "text"}


def test_batches_keep_their_order_and_come_in_one_request_or_many(ours, recorder):
    remote = RemoteRunnable(f"{ours}/both")
    inputs = [{"topic": str(number)} for number in range(60)]
    expected = [{"joke": ANSWER, "topic": str(number)} for number in range(60)]
    for many in (2, 60):
        assert remote.batch(inputs[:many]) == expected[:many]
        assert asyncio.run(remote.abatch(inputs[:many])) == expected[:many]
    assert remote.batch(inputs[:3], {"callbacks": [recorder]}) == expected[:3]
    assert len([e for e in recorder.events if e.kind == "start" and e.run.parent is None]) == 3
    assert remote.batch([]) == [] and asyncio.run(remote.abatch([])) == []
    assert dict(remote.batch_as_completed(inputs[:3])) == dict(enumerate(expected[:3]))
    mixed = remote.batch([BEARS, {"subject": 1}], return_exceptions=True)
    assert mixed[0]["topic"] == "bears" and isinstance(mixed[1], RemoteStatusError)


def test_a_config_goes_along():
    def show(value, config):
        return [config["tags"], config["configurable"].get("user"), config["metadata"]]

    chain = RunnableLambda(show)
    with serve_chain(chain, config_keys=["tags", "metadata"]) as service:
        config = {"tags": ["mine"], "metadata": {"n": 1}}
        assert service.remote().invoke(1, config) == [["mine"], None, {"n": 1}]
        assert service.remote().with_config(tags=["mine"]).invoke(1) == [["mine"], None, {}]


def test_it_takes_no_call_arguments_and_says_what_to_do(ours):
    with pytest.raises(TypeError, match=r"no call arguments, got stop.*configurable"):
        RemoteRunnable(f"{ours}/model").bind(stop=["x"]).invoke("hi")
    with pytest.raises(TypeError, match=r"include_names.*got 'includes'"):
        list(RemoteRunnable(f"{ours}/model").stream_log("hi", includes=["x"]))


def test_its_schemas_are_the_service_s(ours):
    remote, chain = RemoteRunnable(f"{ours}/joke"), chains()["/joke"]
    assert remote.input_schema.schema() == chain.input_schema.schema()
    assert remote.get_output_jsonschema() == chain.get_output_jsonschema()
    assert remote.config_schema().schema()["type"] == "object"
    assert (remote | str.upper).get_graph() is not None  # which does not ask


# The log, rebuilt


def test_its_log_is_the_log_of_the_chain_patch_by_patch(ours):
    for one in ("joke", "both", "json", "model"):
        remote, chain = RemoteRunnable(f"{ours}/{one}"), chains()[f"/{one}"]
        told = asyncio.run(collected(remote.astream_log(BEARS if one in ("joke", "both") else "hi")))
        here = asyncio.run(collected(chain.astream_log(BEARS if one in ("joke", "both") else "hi")))
        paths = [[[op["path"] for op in patch.ops] for patch in log] for log in (told, here)]
        assert paths[0] == paths[1] or (one == "both" and sorted(paths[0]) == sorted(paths[1]))
        state = None
        for patch in told:
            state = jsonpatch.apply_patch(state, patch.ops)
        assert state == sum(told[1:], start=told[0]).state
        expected = sum(here[1:], start=here[0]).state
        if one != "model":  # whose message has an id of its run
            assert state["final_output"] == expected["final_output"]
            chunks = [list(map(str, one["streamed_output"])) for one in (state, expected)]
            assert chunks[0] == chunks[1] or sorted(chunks[0]) == sorted(chunks[1])
        assert sorted(state["logs"]) == sorted(expected["logs"])


def test_its_log_takes_filters_and_gives_states(ours):
    remote = RemoteRunnable(f"{ours}/joke")
    states = [log.state for log in remote.stream_log(BEARS, diff=False, include_types=["llm"])]
    assert list(states[-1]["logs"]) == ["FakeChatModel"]
    assert [state["final_output"] for state in states if state["final_output"]][-1] == ANSWER
    bare = list(remote.stream_log(BEARS, with_streamed_output_list=False))
    log = RunLog(*bare[0].ops)
    for patch in bare[1:]:
        log = log + patch
    assert log.state["streamed_output"] == [] and log.state["final_output"] == ANSWER


def test_the_log_travels_in_proportion_to_the_text(monkeypatch):
    sizes = {}
    for tokens in (200, 1_600):
        chain = FakeChatModel(responses=["word " * tokens]) | StrOutputParser()
        with serve_chain(chain) as service:
            for wire in ("", "values", "runs"):
                sizes[wire, tokens] = len(raw_log(service.url, wire))
    for wire in ("", "values", "runs"):
        assert sizes[wire, 1_600] < 9 * sizes[wire, 200]


def raw_log(url, wire):
    import httpx

    headers = {"Workbench-Wire": wire} if wire else {}
    return httpx.post(f"{url}/stream_log", json={"input": "x"}, headers=headers).content


# Runs of the service in the views here


@pytest.mark.parametrize("form", ["invoke", "stream", "ainvoke", "astream"])
def test_the_service_s_runs_are_nested_in_the_live_view(ours, form):
    chain = (lambda name: {"topic": name}) | RemoteRunnable(f"{ours}/joke")
    with watch(view="none") as watched:
        result = getattr(chain, form)("bears")
        if form == "stream":
            list(result)
        elif form == "ainvoke":
            asyncio.run(result)
        elif form == "astream":
            asyncio.run(collected(result))
    root = watched.live.snapshot()["state"]["runs"][0]
    logs = root["logs"]
    assert root["status"] == "done" and root["final_output"] == ANSWER
    assert logs["RemoteRunnable"]["parent"] is None
    assert logs["RunnableSequence"]["parent"] == "RemoteRunnable"
    inside = [name for name, entry in logs.items() if entry["parent"] == "RunnableSequence"]
    assert inside == ["ChatPromptTemplate", "FakeChatModel", "StrOutputParser"]
    model = logs["FakeChatModel"]
    assert model["type"] == "chat_model" and "".join(model["streamed_output"]) == ANSWER
    assert {entry["status"] for entry in logs.values()} == {"done"}
    assert logs["RunnableSequence"]["input"] == BEARS
    assert logs["StrOutputParser"]["first_chunk_time"] >= model["start_time"]


def test_a_view_of_a_service_shows_and_returns_its_output(ours, capsys):
    assert view(RemoteRunnable(f"{ours}/joke"), BEARS, view="none") == ANSWER


def test_a_failure_inside_the_service_is_shown_where_it_happened(ours):
    live = LiveState()
    with pytest.raises(RemoteChainError) as raised:
        RemoteRunnable(f"{ours}/fails").invoke(BEARS, {"callbacks": [live]})
    assert raised.value.type == "ValueError" and "no joke about" in str(raised.value)
    assert raised.value.traceback is None
    assert "there in RunnableSequence > boom" in raised.value.__notes__
    logs = live.snapshot()["state"]["runs"][0]["logs"]
    assert logs["boom"]["status"] == "failed"
    assert logs["boom"]["error"]["message"].startswith("ValueError: no joke about")
    assert logs["ChatPromptTemplate"]["status"] == "done"


def test_custom_events_of_the_service_arrive(recorder):
    async def work(value):
        await adispatch_custom_event("step", {"n": value})
        return value

    with serve_chain(RunnableLambda(work)) as service:
        assert service.remote().invoke(3, {"callbacks": [recorder]}) == 3
    assert [e.value for e in recorder.events if e.kind == "custom"] == [("step", {"n": 3})]
    assert recorder.unended() == []


def test_events_of_a_chain_with_a_service_in_it_have_the_service_s_in_their_places(ours):
    chain = RemoteRunnable(f"{ours}/joke") | str.upper
    events = asyncio.run(collected(chain.astream_events(BEARS)))
    tokens = [e for e in events if e["event"] == "on_chat_model_stream"]
    assert "".join(e["data"]["chunk"].content for e in tokens) == ANSWER
    assert len(tokens[0]["parent_ids"]) == 3  # the sequence here, the service, the sequence there
    log = asyncio.run(collected(chain.astream_log(BEARS)))
    state = sum(log[1:], start=log[0]).state
    assert "".join(state["logs"]["FakeChatModel"]["streamed_output_str"]) == ANSWER
    assert state["final_output"] == ANSWER.upper()


def test_leaving_early_ends_every_run_and_the_service_s(recorder):
    chain = FakeChatModel(responses=["a " * 5_000], token_delay_s=0.01) | StrOutputParser()
    with serve_chain(chain) as service:
        stream = service.remote().stream("x", {"callbacks": [recorder]})
        assert next(stream) == "a"
        stream.close()
        assert recorder.unended() == []
        assert soon(lambda: runs_at(service) == 0, 1)


def runs_at(service):
    import httpx

    return httpx.get(f"{service.url.rpartition('/')[0]}/health").json()["runs"]


# What ends a call


@pytest.mark.parametrize("method", ["ainvoke", "astream", "astream_log", "astream_events"])
def test_cancelling_ends_the_run_at_the_service(method):
    chain = FakeChatModel(responses=["a " * 5_000], token_delay_s=0.01) | StrOutputParser()

    async def main(service):
        async def work():
            result = getattr(service.remote(), method)("x")
            return await (result if method == "ainvoke" else collected(result))

        task = asyncio.create_task(work())
        while await asyncio.to_thread(runs_at, service) == 0:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.to_thread(soon, lambda: runs_at(service) == 0, 1)

    with serve_chain(chain) as service:
        assert asyncio.run(main(service))


@pytest.mark.parametrize("form", ["invoke", "stream"])
def test_a_stop_of_the_view_ends_a_synchronous_call_that_waits(form):
    with ChatServer(script=[streaming(event("metadata", "{}"), end="stall")]) as server:
        remote = RemoteRunnable(server.base_url)
        watched = watch(view="none")

        def stop():
            soon(lambda: server.in_flight == 1)
            time.sleep(0.05)  # until it reads
            watched.stop()

        threading.Thread(target=stop).start()
        with watched, pytest.raises(asyncio.CancelledError):
            remote.invoke(1) if form == "invoke" else list(remote.stream(1))
        assert server.closings.get(timeout=1)


def test_a_failing_sibling_ends_a_call_that_waits_for_its_answer():
    with ChatServer(script=[stalling]) as server:

        def fail(_):
            assert soon(lambda: server.in_flight == 1)
            raise ValueError("sibling")

        began = time.monotonic()
        with pytest.raises(ValueError, match="sibling"):
            RunnableParallel(a=RemoteRunnable(server.base_url), b=fail).invoke(1)
        assert time.monotonic() - began < 5
        assert server.closings.get(timeout=1)


# What goes wrong


def test_nobody_at_the_address(call):
    with pytest.raises(RemoteUnreachableError, match=r"no answer from http://127.0.0.1:9/x/.*refused"):
        call(RemoteRunnable("http://127.0.0.1:9/x", retries=0))


def test_no_chain_at_the_address(ours, call):
    with pytest.raises(RemoteStatusError, match=r"answered 404.*address of a served chain") as raised:
        call(RemoteRunnable(f"{ours}/nothing"))
    assert raised.value.status == 404


def test_a_page_at_the_address(call):
    with ChatServer(script=[page("<h1>hello</h1>")]) as server:
        remote = RemoteRunnable(server.base_url)
        with pytest.raises(RemoteStreamError, match="hello"):
            call(remote)


def test_no_token_and_a_wrong_one(call):
    with serve_chain(chains()["/joke"], token="right-token") as service:
        for token in (None, "wrong-token"):
            with pytest.raises(RemoteStatusError, match=r'401 Unauthorized.*give token="..."') as raised:
                call(RemoteRunnable(service.url, token=token))
            assert "wrong-token" not in str(raised.value)
        assert call(service.remote())


def test_a_wrong_input_is_told_with_its_path(ours):
    with pytest.raises(RemoteStatusError, match=r"422.*body.input.topic: Field required") as raised:
        RemoteRunnable(f"{ours}/joke").invoke({"subject": "bears"})
    assert raised.value.detail[0]["loc"] == ["body", "input", "topic"]


def test_a_server_error_of_any_kind(call):
    with ChatServer(script=[failing(500, "out of order")]) as server:
        with pytest.raises(RemoteStatusError, match="500"):
            call(RemoteRunnable(server.base_url))
        assert len(server.requests) == 1  # nothing says that it did nothing


def test_a_busy_server_is_asked_again_as_it_says(run_chain):
    good = answering({"output": "x", "metadata": {}})
    stream = streaming(event("data", '"x"'), event("end"))
    reply = good if run_chain.form.endswith("invoke") else stream
    with ChatServer(script=[failing(503, "busy", retry_after="0"), reply]) as server:
        assert run_chain(RemoteRunnable(server.base_url), 1) == "x"
        assert len(server.requests) == 2


def test_a_server_that_stays_busy_ends_in_its_error():
    with ChatServer(script=[failing(503, "busy")]) as server:
        with pytest.raises(RemoteStatusError, match="503"):
            RemoteRunnable(server.base_url, retries=1).invoke(1)
        assert len(server.requests) == 2


def test_what_may_have_begun_is_not_asked_again(call_stream):
    with ChatServer(script=[streaming(event("data", '"x"'), end="cut")]) as server:
        with pytest.raises(RemoteStreamError):
            call_stream(RemoteRunnable(server.base_url))
        assert len(server.requests) == 1


BROKEN = [
    (streaming(event("data", '"x"'), end="cut"), r"cut off after \d event|no event of a served chain"),
    (streaming(event("data", '"x"'), b"event: data\nda"), r"cut off|no event"),
    (streaming(event("data", "{not json"), event("end")), r"no event of a served chain"),
    (streaming(b"\xff\xfe\n\n", b"garbage\n\n"), r"cut off after 0 events"),
    (streaming(event("error", "gibberish")), r"no event of a served chain"),
]


@pytest.mark.parametrize(("script", "message"), BROKEN)
def test_a_stream_that_is_none_or_breaks_off(call_stream, script, message):
    with ChatServer(script=[script]) as server, pytest.raises(RemoteStreamError, match=message):
        call_stream(RemoteRunnable(server.base_url))


def test_a_stream_that_stalls(call_stream):
    with ChatServer(script=[streaming(event("metadata", "{}"), end="stall")]) as server:
        with pytest.raises(RemoteStreamError, match=r"sent nothing for 0.3 s.*stall_s="):
            call_stream(RemoteRunnable(server.base_url, stall_s=0.3))
        assert server.closings.get(timeout=1)


def test_a_stream_that_does_not_begin(call_stream):
    with ChatServer(script=[stalling]) as server:
        with pytest.raises(RemoteStreamError, match=r"sent nothing for 0.3 s: give a longer stall_s="):
            call_stream(RemoteRunnable(server.base_url, stall_s=0.3))
        assert server.closings.get(timeout=1)


INTERRUPTED = """
import os, signal, sys, threading
from workbench import RemoteRunnable, RunnableParallel

def interrupt():
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
remote = RemoteRunnable(sys.argv[1])
observed = {"callbacks": [lambda event: None]}
try:
    CALL
except KeyboardInterrupt:
    print("interrupted", flush=True)
sys.stdin.readline()  # what closes the connection is not the end of the process
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    "code",
    [
        "remote.invoke(1)",
        "remote.invoke(1, observed)",
        "list(remote.stream(1))",
        "remote.batch([1, 2], return_exceptions=True)",
        "RunnableParallel(a=remote, b=remote).invoke(1)",
    ],
)
@pytest.mark.timed
def test_an_interrupt_ends_a_call_that_waits_for_its_answer_and_closes_the_connection(code):
    with ChatServer(script=[stalling, stalling]) as server:
        command = [sys.executable, "-c", INTERRUPTED.replace("CALL", code), server.base_url]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with process:
            count = 2 if "batch" in code or "Parallel" in code else 1
            assert soon(lambda: len(server.requests) == count, 20)
            began = time.monotonic()
            process.stdin.write("now\n")
            process.stdin.flush()
            assert process.stdout.readline() == "interrupted\n"
            assert time.monotonic() - began < 1
            for _ in range(count):
                assert server.closings.get(timeout=1)
            process.communicate("\n", timeout=10)


def test_an_answer_that_takes_too_long():
    with ChatServer(script=[stalling]) as server:
        remote = RemoteRunnable(server.base_url, timeout=0.3)
        with pytest.raises(RemoteStreamError, match=r"sent nothing for 0.3 s: give a longer timeout="):
            remote.invoke(1)


@pytest.mark.parametrize("body", [[], {"out": 1}, "text", None])
def test_json_that_is_no_answer(body):
    with ChatServer(script=[answering(body)]) as server:
        remote = RemoteRunnable(server.base_url)
        with pytest.raises(RemoteStreamError, match="an object with 'output'"):
            remote.invoke(1)


def test_a_server_that_is_killed_in_mid_stream(tmp_path):
    script = tmp_path / "endless_chain.py"
    script.write_text(
        "from workbench import FakeChatModel\n"
        "endless = FakeChatModel(responses=['a ' * 9000], token_delay_s=0.01)\n"
    )
    command = [sys.executable, "-m", "workbench", "serve", f"{script}:endless", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        url = server.stdout.readline().split()[0]
        with pytest.raises(RemoteStreamError, match=r"cut off after \d+ events"):
            for number, _ in enumerate(retried(RemoteRunnable(url, retries=6))):
                if number == 5:
                    server.kill()
        server.wait()
    with pytest.raises(RemoteUnreachableError):
        RemoteRunnable(url, retries=0).invoke("x")


def retried(remote):
    return remote.stream("x")


# Secrets, and what it needs


def test_no_key_is_shown_or_kept_in_an_error(ours, caplog):
    caplog.set_level("DEBUG")
    address = ours.replace("http://", "http://user:p4ssw0rd@")
    remote = RemoteRunnable(f"{address}/joke", token="very-secret-token", headers={"X-Key": "k3y-k3y"})
    shown = [repr(remote), str(remote), remote.url, repr(remote | str.upper)]
    for bad in (remote, RemoteRunnable("http://user:p4ssw0rd@127.0.0.1:9/x", token="very-secret-token")):
        for form in (FORMS["invoke"], FORMS["stream"]):
            with contextlib.suppress(Exception):
                form(bad)
            try:
                bad.invoke({"subject": 1})
            except Exception as error:
                shown.append(f"{error!r} {error} {getattr(error, '__notes__', '')}")
    live = LiveState()
    remote.invoke(BEARS, {"callbacks": [live]})
    shown += [json.dumps(live.snapshot()), caplog.text]
    for text in shown:
        for secret in ("p4ssw0rd", "very-secret-token", "k3y-k3y"):
            assert secret not in text


@pytest.mark.parametrize(
    "options",
    [
        {"token": "a\r\nX: y"},
        {"headers": {"X": "a\nb"}},
        {"headers": {"X\r\nY": "a"}},
        {"token": "é"},
    ],
)
def test_no_header_is_made_of_two(options):
    with pytest.raises(ValueError, match="visible ASCII") as raised:
        RemoteRunnable("http://127.0.0.1:9/x", **options)
    assert "X: y" not in str(raised.value)


ADDRESSES = ["joke", "ftp://x/y", "http://", "http://x/y?z=1", "http://x/\r\ny", None, 3, "http://x:port/y"]


@pytest.mark.parametrize("url", [*ADDRESSES, "http://[::1/y", "http://x:99999/y"])
def test_an_address_that_is_none_is_refused_at_once(url):
    with pytest.raises(ValueError, match="url: expected one such as"):
        RemoteRunnable(url)


@pytest.mark.parametrize("url", ["http://ada:secret\u2100@x/y", "http://ada:secret[@x/y"])
def test_an_address_that_cannot_be_read_is_refused_without_its_password(url):
    with pytest.raises(ValueError, match="url: expected one such as") as raised:
        RemoteRunnable(url)
    assert "secret" not in "".join(traceback.format_exception(raised.value)).partition("ValueError: ")[2]


@pytest.mark.parametrize("retries", [-1, "2", True, 1.5, None])
def test_retries_that_are_no_number_are_refused_at_once(retries):
    with pytest.raises(ValueError, match="retries: expected 0 or more"):
        RemoteRunnable("http://127.0.0.1:9/x", retries=retries)


def test_a_token_of_bytes_is_refused_without_showing_it():
    with pytest.raises(TypeError, match="token: expected text, got bytes") as raised:
        RemoteRunnable("http://127.0.0.1:9/x", token=b"secret")
    assert "secret" not in str(raised.value)


def test_it_needs_none_of_the_packages_that_serve():
    script = (
        "import sys\n"
        "for name in ('starlette', 'uvicorn', 'fastapi', 'sse_starlette'): sys.modules[name] = None\n"
        "from workbench import RemoteRunnable\n"
        "try: RemoteRunnable('http://127.0.0.1:9/x', retries=0).invoke(1)\n"
        "except Exception as error: print(type(error).__name__)\n"
        "from workbench import serve_chain\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "RemoteUnreachableError"
    assert 'pip install "chain-workbench[serve]"' in done.stderr


def test_it_can_be_copied_to_another_process(ours):
    remote = pickle.loads(pickle.dumps(RemoteRunnable(f"{ours}/joke")))
    assert remote.invoke(BEARS) == ANSWER


def test_a_served_chain_can_call_another(ours):
    prompt = ChatPromptTemplate.from_template("{topic}")
    with serve_chain(RemoteRunnable(f"{ours}/joke") | str.upper) as service:
        assert service.remote().invoke(BEARS) == ANSWER.upper()
        live = LiveState()
        service.remote().invoke(BEARS, {"callbacks": [live]})
    logs = live.snapshot()["state"]["runs"][0]["logs"]
    assert logs["RemoteRunnable"]["status"] == "done" and "FakeChatModel" in logs
    assert prompt is not None


def test_a_connection_that_the_server_had_closed_is_replaced_and_asked_again(run_chain):
    stream = streaming(event("data", '"x"'), event("end"))
    good = answering({"output": "x"}) if run_chain.form.endswith("invoke") else stream

    def hanging_up(handler, body):
        handler.close_connection = True  # without a word, as when the connection was closed before

    with ChatServer(script=[good, hanging_up, good]) as server:
        remote = RemoteRunnable(server.base_url)
        if run_chain.form.startswith("a"):  # each asyncio.run has connections of its own

            async def twice():
                return [await remote.ainvoke(1), await remote.ainvoke(1)]

            server.script = [answering({"output": "x"}), hanging_up, answering({"output": "x"})]
            assert asyncio.run(twice()) == ["x", "x"]
        else:
            assert [run_chain(remote, 1), run_chain(remote, 1)] == ["x", "x"]
        assert len(server.requests) == 3


def test_a_new_connection_that_breaks_is_not_asked_again():
    def hanging_up(handler, body):
        handler.close_connection = True

    with ChatServer(script=[hanging_up]) as server:
        remote = RemoteRunnable(server.base_url)
        with pytest.raises(RemoteStreamError, match="broke"):
            remote.invoke(1)
        assert len(server.requests) == 1
