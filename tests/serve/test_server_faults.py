"""What callers and the world do to a server: leave, stall, lie, attack; and what it does then."""

import asyncio
import json
import socket
import threading
import time
from contextlib import closing

import httpx
import pytest
from pydantic import BaseModel

from tests.chat_script import event, stalling, streaming
from tests.chat_server import ChatServer
from workbench import (
    ChatOpenAI,
    ChatPromptTemplate,
    ConfigurableField,
    FakeChatModel,
    RunnableGenerator,
    RunnableLambda,
    StrOutputParser,
    serve_chain,
)
from workbench.errors import WorkbenchError
from workbench.serve.server.app import Limits, add_routes, create_app
from workbench.serve.server.listening import listen
from workbench.serve.server.options import RouteOptions

from .servers import chains, running

BEARS = {"input": {"topic": "bears"}}
PROMPT = ChatPromptTemplate.from_template("a joke about {topic}")
STREAMS = ("stream", "stream_log", "stream_events")


def soon(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


# Who leaves, and who does not read


@pytest.mark.parametrize("name", [*STREAMS, "invoke", "batch"])
@pytest.mark.timed
def test_a_client_that_leaves_stops_the_request_to_the_model_within_a_second(name):
    answer = streaming(event("Once "), end="stall") if name in STREAMS else stalling
    with ChatServer(script=[answer]) as chat:
        model = ChatOpenAI(base_url=chat.base_url, api_key="none")
        app = create_app({"/joke": PROMPT | model | StrOutputParser()})
        body = json.dumps({"inputs": [BEARS["input"]]} if name == "batch" else BEARS)
        with running(app) as address, closing(raw(address, f"POST /joke/{name}", body)) as sock:
            if name in STREAMS:
                received = b""
                while b"Once" not in received:
                    received += sock.recv(65_536)
            else:
                assert soon(lambda: chat.in_flight == 1)
            left = time.monotonic()
            sock.close()
            assert chat.closings.get(timeout=5) - left < 1
            assert soon(lambda: httpx.get(f"{address}/health").json()["runs"] == 0)


def raw(address, line, body, *headers):
    """A socket over which a request was sent."""
    host, _, port = address.removeprefix("http://").partition(":")
    sock = socket.create_connection((host, int(port)))
    lines = [
        f"{line} HTTP/1.1",
        f"Host: {host}:{port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
    return sock


@pytest.mark.parametrize("name", STREAMS)
def test_a_reader_that_does_not_read_holds_up_its_run_and_no_other(name):
    made = []

    async def endless(chunks):
        async for _ in chunks:
            for number in range(100_000):
                made.append(number)
                yield "x" * 1_000

    app = create_app({"/long": RunnableGenerator(endless), "/joke": chains()["/joke"]})
    with running(app) as address:
        with closing(raw(address, f"POST /long/{name}", '{"input": 1}')) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            assert soon(lambda: len(made) > 10)
            assert soon(lambda: stands_still(made))
            assert len(made) < 30_000  # what fits into the buffers of two sockets
            assert httpx.post(f"{address}/joke/invoke", json=BEARS).status_code == 200
        # It left: its run is stopped.
        assert soon(lambda: httpx.get(f"{address}/health").json()["runs"] == 0)


def stands_still(made):
    before = len(made)
    time.sleep(0.2)
    return len(made) == before


def test_a_run_that_takes_too_long_is_stopped():
    closed = threading.Event()

    async def slow(chunks):
        try:
            yield "begun"
            await asyncio.sleep(60)
        finally:
            closed.set()

    app = create_app({"/slow": RunnableGenerator(slow)}, limits=Limits(run_s=0.3))
    with running(app) as address:
        text = httpx.post(f"{address}/slow/stream", json={"input": 1}).text
        assert '"begun"' in text and '"status_code":504' in text and "longer than the 0.3 s" in text
        assert closed.wait(1)
        answer = httpx.post(f"{address}/slow/invoke", json={"input": 1})
        assert answer.status_code == 504 and "longer than the 0.3 s" in answer.json()["detail"]


def test_more_runs_than_allowed_are_told_to_come_again():
    go_on = asyncio.Event()

    async def waiting(value):
        await go_on.wait()
        return value

    app = create_app({"/wait": RunnableLambda(waiting)}, limits=Limits(runs=2))
    with running(app) as address:
        first = [raw(address, "POST /wait/invoke", '{"input": 1}') for _ in range(2)]
        assert soon(lambda: httpx.get(f"{address}/health").json()["runs"] == 2)
        answer = httpx.post(f"{address}/wait/invoke", json={"input": 1})
        assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
        for sock in first:
            sock.close()
        assert soon(lambda: httpx.get(f"{address}/health").json()["runs"] == 0)


# Shutdown


def steady(tokens, delay_s):
    return PROMPT | FakeChatModel(responses=["x " * tokens], token_delay_s=delay_s) | StrOutputParser()


def test_a_shutdown_lets_a_stream_come_to_its_end_in_the_stated_time():
    service = serve_chain(steady(20, 0.01), path="/joke", grace_s=5)
    lines = []
    with httpx.stream("POST", f"{service.url}/stream", json=BEARS) as response:
        text = response.iter_text()
        lines.append(next(text))
        threading.Thread(target=service.stop).start()
        lines += text
    assert "".join(lines).rstrip().endswith("event: end")
    assert soon(lambda: not service.is_running)


@pytest.mark.timed
def test_a_shutdown_stops_a_stream_that_takes_longer_and_says_so():
    service = serve_chain(steady(5_000, 0.01), path="/joke", grace_s=0.2)
    with httpx.stream("POST", f"{service.url}/stream", json=BEARS) as response:
        text = response.iter_text()
        next(text)
        began = time.monotonic()
        service.stop()
        took = time.monotonic() - began
        last = "".join(text)
    assert "event: error" in last and '"status_code":503' in last and "shutting down" in last
    assert took < 3
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{service.url}/input_schema")


# Bodies


def post(address, path, **options):
    return httpx.post(f"{address}{path}", timeout=10, **options)


def test_a_body_that_is_too_large_is_refused_before_it_is_read():
    app = create_app({"/joke": chains()["/joke"]}, limits=Limits(body_bytes=1_000))
    with running(app) as address:
        for body in ({"input": {"topic": "x" * 1_000}}, {"input": "x" * 2_000_000}):
            assert post(address, "/joke/invoke", json=body).status_code == 413

        def endless():
            for _ in range(10_000):
                yield b" " * 1_000

        headers = {"content-type": "application/json"}
        try:
            answer = post(address, "/joke/invoke", content=endless(), headers=headers)
            assert answer.status_code == 413 and "1,000 bytes" in answer.json()["detail"]
        except (httpx.WriteError, httpx.ReadError):  # it hung up on us, which is as good
            pass
        assert post(address, "/joke/invoke", json=BEARS).status_code == 200


def test_a_batch_that_is_too_large_is_refused():
    app = create_app({"/joke": chains()["/joke"]}, limits=Limits(batch_size=3))
    with running(app) as address:
        answer = post(address, "/joke/batch", json={"inputs": [BEARS["input"]] * 4})
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["body", "inputs"]


BAD_BODIES = [
    ("invoke", b"{", []),
    ("invoke", b'"text"', []),
    ("invoke", b"\xff\xfe", []),
    ("invoke", b'{"input": NaN}', []),
    ("invoke", b'{"input": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", []),
    ("invoke", b"{}", ["input"]),
    ("invoke", b'{"input": {"subject": 1}}', ["input", "topic"]),
    ("invoke", b'{"input": {"topic": "x"}, "config": 3}', ["config"]),
    ("invoke", b'{"input": {"topic": "x"}, "kwargs": {"stop": "a"}}', ["kwargs"]),
    ("batch", b'{"inputs": {"topic": "x"}}', ["inputs"]),
    ("batch", b'{"inputs": [{"topic": "x"}, {"topic": {}}]}', ["inputs", 1, "topic"]),
    ("batch", b'{"inputs": [{"topic": "x"}], "config": [{}, {}]}', ["config"]),
    ("stream_log", b'{"input": {"topic": "x"}, "include_names": "all"}', ["include_names"]),
    ("stream_events", b'{"input": {"topic": "x"}, "version": "v9"}', ["version"]),
]


@pytest.mark.parametrize(("name", "body", "place"), BAD_BODIES)
def test_a_wrong_body_is_422_with_the_path_of_the_fault(ours, name, body, place):
    answer = post(ours, f"/joke/{name}", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", *place]


def test_a_body_that_does_not_say_that_it_is_json_is_refused(ours):
    """What a page of another site can send without asking."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = post(
            ours, "/joke/invoke", content=b'{"input": {"topic": "x"}}', headers={"content-type": kind}
        )
        assert answer.status_code == 415


def test_what_the_chain_reads_of_an_input_is_what_was_sent():
    class Person(BaseModel):
        name: str
        age: int = 3

    def of_model(person: Person) -> str:
        return f"{person.name} is {person.age}"

    def of_messages(messages: list) -> str:
        return messages[-1].text

    app = create_app(
        {
            "/model": RunnableLambda(of_model),
            "/dict": RunnableLambda(lambda x: sorted(x)).with_types(input_type=Person),
            "/messages": RunnableLambda(of_messages),
        }
    )
    with running(app) as address:
        assert post(address, "/model/invoke", json={"input": {"name": "Ada"}}).json()["output"] == "Ada is 3"
        assert post(address, "/dict/invoke", json={"input": {"name": "Ada"}}).json()["output"] == [
            "age",
            "name",
        ]
        told = {"input": [{"type": "human", "content": "hello"}]}
        assert post(address, "/messages/invoke", json=told).json()["output"] == "hello"
        wrong = post(address, "/model/invoke", json={"input": {"name": "Ada", "age": "old"}})
        assert wrong.status_code == 422 and wrong.json()["detail"][0]["loc"] == ["body", "input", "age"]


def test_an_output_without_json_form_is_an_error_that_says_what_to_do():
    app = create_app({"/odd": RunnableLambda(lambda _: object())})
    with running(app) as address:
        answer = post(address, "/odd/invoke", json={"input": 1})
        assert answer.status_code == 500 and "no JSON form" in answer.json()["detail"]
        text = post(address, "/odd/stream", json={"input": 1}).text
        assert "event: error" in text and "no JSON form" in text
        assert post(address, "/odd/stream_log", json={"input": 1}).text.rstrip().endswith("event: end")


def in_itself(_):
    value = {}
    value["self"] = value
    return value


class Wordless:
    def __str__(self):
        raise KeyError("no text")


@pytest.mark.parametrize(
    ("output", "type"), [(in_itself, "RecursionError"), (lambda _: {Wordless(): 1}, "KeyError")]
)
@pytest.mark.parametrize("name", ["invoke", "batch"])
def test_an_output_that_cannot_be_encoded_is_an_error_of_the_chain(output, type, name):
    with running(create_app({"/odd": RunnableLambda(output)})) as address:
        answer = post(address, f"/odd/{name}", json={"input": 1, "inputs": [1]})
        assert answer.status_code == 500 and answer.json()["error"]["type"] == type


# Config


def test_of_a_callers_config_only_the_allowed_keys_count():
    seen = []

    def note(value, config):
        seen.append(config)
        return value

    chain = RunnableLambda(note)
    config = {
        "tags": ["t"],
        "metadata": {"m": 1},
        "run_name": "evil",
        "callbacks": ["x"],
        "max_concurrency": 2,
    }
    app = create_app({"/none": chain})
    add_routes(app, chain, path="/tags", config_keys=["tags"])
    with running(app) as address:
        for path in ("/none", "/tags"):
            assert post(address, f"{path}/invoke", json={"input": 1, "config": config}).status_code == 200
        assert [one["tags"] for one in seen] == [[], ["t"]]
        assert [one["metadata"] for one in seen] == [{}, {}]
        wrong = post(address, "/tags/invoke", json={"input": 1, "config": {"tags": "t"}})
        assert wrong.status_code == 422 and wrong.json()["detail"][0]["loc"] == ["body", "config", "tags"]
        refused = {"input": 1, "config": {"configurable": {"a": 1}}}
        answer = post(address, "/tags/invoke", json=refused)
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["body", "config", "configurable"]


def test_configurable_fields_are_set_by_callers_and_checked():
    model = FakeChatModel(responses=["a"]).configurable_fields(token_delay_s=ConfigurableField(id="delay"))
    app = create_app({"/model": model})
    with running(app) as address:
        body = {"input": "hi", "config": {"configurable": {"delay": 0.0, "other": 1}}}
        assert post(address, "/model/invoke", json=body).status_code == 200
        body["config"]["configurable"]["delay"] = "slow"
        answer = post(address, "/model/invoke", json=body)
        assert answer.json()["detail"][0]["loc"] == ["body", "config", "configurable", "delay"]
        schema = httpx.get(f"{address}/model/config_schema").json()
        assert "delay" in json.dumps(schema)


def test_the_config_can_be_made_of_the_request():
    def with_user(config, request):
        return {**config, "metadata": {"user": request.headers["x-user"]}}

    chain = RunnableLambda(lambda value, config: config["metadata"]["user"])
    app = create_app({"/who": chain}, per_req_config_modifier=with_user)
    with running(app) as address:
        answer = post(address, "/who/invoke", json={"input": 1}, headers={"x-user": "ada"})
        assert answer.json()["output"] == "ada"


@pytest.mark.parametrize("wire", ["", "values", "runs", "frames"])
def test_callbacks_of_a_config_made_of_the_request_hear_of_the_run_however_it_is_told(wire):
    events = []

    def observed(config, request):
        return {**config, "callbacks": events.append}

    app = create_app({"/up": RunnableLambda(str.upper)}, per_req_config_modifier=observed)
    with running(app) as address:
        headers = {"Workbench-Wire": wire}
        assert post(address, "/up/stream_log", json={"input": "a"}, headers=headers).status_code == 200
        assert [event.kind for event in events][-1] == "end"


def test_a_config_made_of_the_request_that_is_none_is_told_in_the_server_s_log(capfd):
    with serve_chain(str.upper, path="/up", per_req_config_modifier=lambda config, request: None) as service:
        answer = post(service.url, "/invoke", json={"input": "a"})
    assert answer.status_code == 500
    assert "per_req_config_modifier: expected it to return the config, a dict" in capfd.readouterr().err


# Errors of the chain


def failing(_):
    raise ValueError("no key sk-proj-0123456789abcdefghij")


@pytest.mark.parametrize("errors", ["typed", "hidden", "traceback"])
def test_a_caller_learns_of_a_failure_what_the_server_lets_it(errors):
    app = create_app({"/fails": RunnableLambda(failing)}, errors=errors)
    with running(app) as address:
        answer = post(address, "/fails/invoke", json={"input": 1})
        streams = [post(address, f"/fails/{name}", json={"input": 1}).text for name in STREAMS]
        wires = [
            post(address, "/fails/stream_log", json={"input": 1}, headers={"Workbench-Wire": wire}).text
            for wire in ("values", "runs", "frames")
        ]
    assert answer.status_code == 500
    told = [answer.text, *streams, *wires]
    assert all("0123456789abcdefghij" not in text for text in told)
    assert all(("ValueError" in text) == (errors != "hidden") for text in [answer.text, *streams, *wires[1:]])
    assert all(("raise ValueError" in text) == (errors == "traceback") for text in [answer.text, *wires[1:]])
    assert all('"status_code":500' in text for text in streams)


# Tokens


def test_a_wrong_token_opens_nothing_but_health_and_the_page():
    token = "s3cret-token"
    app = create_app({"/joke": chains()["/joke"]}, tokens=["another-token", token])
    with running(app) as address, httpx.Client(base_url=address) as client:
        gets = [client.get(f"/joke/{name}") for name in ("input_schema", "output_schema", "config_schema")]
        refused = [client.post(f"/joke/{name}", json=BEARS) for name in ("invoke", *STREAMS, "batch")]
        for answer in [*gets, *refused, client.get("/openapi.json")]:
            assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
        for wrong in ("Bearer s3cret-toke", "Bearer", "Basic s3cret-token", "s3cret-token", "Bearer \xff"):
            headers = {"authorization": wrong.encode("latin-1")}
            assert client.post("/joke/invoke", json=BEARS, headers=headers).status_code == 401
        for right in (token, "another-token"):
            headers = {"authorization": f"Bearer {right}"}
            assert client.post("/joke/invoke", json=BEARS, headers=headers).status_code == 200
            assert "/joke/invoke" in client.get("/openapi.json", headers=headers).json()["paths"]
        assert client.get("/health").status_code == 200
        assert client.get("/joke/playground/").status_code == 200
    assert token not in repr(RouteOptions(tokens=(token,)))


def test_every_token_is_compared_whatever_came_before_it(monkeypatch):
    compared = []

    def compare(a, b):
        compared.append(a)
        return a == b

    monkeypatch.setattr("workbench.serve.server.options.hmac.compare_digest", compare)
    options = RouteOptions(tokens=("first-token", "second-token"))
    assert options.lets_in("Bearer first-token") and len(compared) == 2
    assert not options.lets_in("Bearer x") and len(compared) == 4


@pytest.mark.parametrize("token", ["", "short", "with space", "line\nbreak-token", "é-token-token"])
def test_a_token_that_no_header_could_carry_is_refused_at_once(token):
    with pytest.raises(ValueError, match="visible ASCII"):
        create_app({"/joke": chains()["/joke"]}, tokens=[token])


# Other sites, other machines, other paths


def test_other_sites_are_kept_out_unless_they_are_named():
    ask = {"Origin": "http://other.example", "Access-Control-Request-Method": "POST"}
    with running(create_app({"/joke": chains()["/joke"]})) as address:
        answer = httpx.options(f"{address}/joke/invoke", headers=ask)
        assert answer.status_code == 405 and "access-control-allow-origin" not in answer.headers
    app = create_app({"/joke": chains()["/joke"]}, cors_origins=["http://other.example"])
    with running(app) as address:
        answer = httpx.options(f"{address}/joke/invoke", headers=ask)
        assert answer.headers["access-control-allow-origin"] == "http://other.example"
        ask["Origin"] = "http://third.example"
        assert (
            "access-control-allow-origin" not in httpx.options(f"{address}/joke/invoke", headers=ask).headers
        )


def test_a_server_on_this_machine_answers_to_its_names_only():
    with serve_chain(chains()["/joke"], path="/joke") as service:
        port = service.url.split(":")[2].split("/")[0]
        for name, status in (("localhost", 200), ("127.0.0.1", 200), ("evil.example", 421)):
            answer = httpx.get(f"{service.url}/input_schema", headers={"host": f"{name}:{port}"})
            assert answer.status_code == status


def test_another_address_needs_to_be_asked_for_and_is_warned_of(capsys):
    with pytest.raises(WorkbenchError, match="--allow-remote"):
        serve_chain(chains()["/joke"], host="0.0.0.0")
    with serve_chain(chains()["/joke"], host="0.0.0.0", allow_remote=True):
        assert "everyone who reaches 0.0.0.0" in capsys.readouterr().err
    with serve_chain(chains()["/joke"], host="0.0.0.0", allow_remote=True, token="a-long-token"):
        assert capsys.readouterr().err == ""


def test_a_port_that_is_taken_is_an_error_that_says_so():
    with closing(listen("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WorkbenchError, match=f"cannot listen on 127.0.0.1:{port}.*port 0"):
            serve_chain(chains()["/joke"], port=port)


TRAVERSALS = [
    "/joke/playground/../../../pyproject.toml",
    "/joke/playground/..%2f..%2fapp.py",
    "/joke/playground/%2e%2e/service.py",
    "/joke/playground/....//app.py",
    "/joke/playground/playground.py",
    "/joke/playground//etc/passwd",
    "/joke/playground/run_view.js%00.py",
    "/joke/playground/run_view.js/../../app.py",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_out_of_the_files_of_the_playground(ours, path):
    host, _, port = ours.removeprefix("http://").partition(":")
    with closing(socket.create_connection((host, int(port)))) as sock:  # a client would tidy the path
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := sock.recv(65_536):
            answer += piece
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400"))
    assert b"import" not in answer and b"root:" not in answer


@pytest.mark.parametrize("path", ["joke", "/a/../b", "/{name}", "/a b", "/a\r\nX: y", "/a//b", "/.", 3, None])
def test_a_path_that_is_none_is_refused_where_it_is_given(path):
    with pytest.raises(ValueError, match="path: expected one such as '/joke'"):
        create_app({path: chains()["/joke"]})


def test_what_callers_send_gets_into_no_header_and_into_no_event_of_its_own(ours):
    evil = "x\r\nSet-Cookie: a=b\r\n\r\nevent: end\n\nevent: data\ndata: forged\n\n"
    answer = post(ours, "/both/stream", json={"input": {"topic": evil}})
    assert "set-cookie" not in answer.headers and "data: forged" not in answer.text.splitlines()
    events = [line for line in answer.text.splitlines() if line.startswith("event: ")]
    assert events.count("event: end") == 1 and events[-1] == "event: end"
    run_id = "00000000-0000-0000-0000-000000000000\r\nSet-Cookie: a=b"
    body = {"input": {"topic": "x"}, "config": {"run_id": run_id}}
    answer = post(ours, "/joke/stream", json=body, headers={"Workbench-Wire": "values; a=b"})
    assert answer.status_code == 200 and run_id not in answer.text
    assert "workbench-wire" not in answer.headers


def test_two_chains_cannot_have_one_path():
    app = create_app({"/joke": chains()["/joke"]})
    with pytest.raises(ValueError, match="taken"):
        add_routes(app, chains()["/joke"], path="/joke/")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"app": None}, "expected an application of Starlette or FastAPI, got NoneType"),
        ({"limits": {"run_s": 1}}, r"limits: expected Limits\(...\), got dict"),
        ({"limits": {}}, r"limits: expected Limits\(...\), got dict"),
        ({"per_req_config_modifier": 5}, "per_req_config_modifier: expected a function"),
    ],
)
def test_what_cannot_serve_is_refused_where_it_is_given(options, message):
    with pytest.raises(TypeError, match=message):
        add_routes(**{"app": create_app({}), "chain": str.upper, "path": "/up", **options})


def test_an_application_of_fastapi_serves_chains_beside_its_own_routes():
    from fastapi import FastAPI

    app = FastAPI()
    app.get("/own")(lambda: {"own": True})
    add_routes(app, chains()["/joke"], path="/joke")
    with running(app) as address:
        assert httpx.get(f"{address}/own").json() == {"own": True}
        assert httpx.get(f"{address}/health").json()["status"] == "ok"
        assert post(address, "/joke/invoke", json=BEARS).status_code == 200
