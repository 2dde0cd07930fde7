"""Every patch stream that comes over HTTP builds the state of the same run made here."""

import asyncio
import json
import threading

import httpx
import jsonpatch
import pytest
from hypothesis import given, settings

from tests.runnables.test_properties import chains, collected, in_ci
from workbench import RemoteRunnable, RunnableLambda
from workbench.http.event_stream import EventReader
from workbench.serve.server.app import create_app

from .servers import running

in_time = settings(parent=in_ci, max_examples=40)
client = httpx.Client()


class Switch:
    """An application that is another one for each example, so that all of them share a server."""

    def __init__(self):
        self.app = None

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def switch():
    served = Switch()
    with running(served) as address:
        served.address = address
        yield served


def serve(switch, chain):
    # Schemas guess at what a drawn function takes; here every input is to reach its chain.
    switch.app = create_app({"/chain": RunnableLambda(lambda x: x).with_types(input_type=object) | chain})
    return f"{switch.address}/chain", RunnableLambda(lambda x: x).with_types(input_type=object) | chain


def raw_patches(url, value):
    """The operations as any client of the wire gets them."""
    answer = client.post(f"{url}/stream_log", json={"input": value})
    events = EventReader().feed(answer.content)
    assert events[-1] == ("end", None)
    return [json.loads(data)["ops"] for name, data in events if name == "data"]


def applied(patches):
    document = None
    for ops in patches:
        document = jsonpatch.apply_patch(document, ops)
    return document


def comparable(state):
    """Without what differs from run to run: ids, times, and the order in which branches got on."""
    logs = {
        (name.partition(":")[0], json.dumps(entry["final_output"], sort_keys=True, default=str))
        for name, entry in state["logs"].items()
    }
    return {"name": state["name"], "type": state["type"], "final": state["final_output"], "logs": logs}


@in_time
@given(chains())
@pytest.mark.slow
def test_what_comes_over_http_builds_the_state_of_the_same_run_made_here(switch, drawn):
    chain, value = drawn
    url, chain = serve(switch, chain)
    here = asyncio.run(collected(chain.astream_log(value)))
    expected = comparable(applied(patch.ops for patch in here))
    assert comparable(applied(raw_patches(url, value))) == expected
    told = asyncio.run(collected(RemoteRunnable(url).astream_log(value)))
    assert comparable(applied(patch.ops for patch in told)) == expected
    assert comparable(sum(told[1:], start=told[0]).state) == expected
    assert added(told) == added(here)


def added(patches):
    """The root's chunks: what runs side by side may come in another order."""
    ops = (op for patch in patches for op in patch.ops)
    chunks = [json.dumps(op["value"], sort_keys=True) for op in ops if op["path"] == "/streamed_output/-"]
    return sorted(chunks)


@in_time
@given(chains())
@pytest.mark.slow
def test_a_service_gives_what_its_chain_gives_watched_or_not(switch, drawn):
    chain, value = drawn
    expected = chain.invoke(value)
    url, _ = serve(switch, chain)
    remote, recorded = RemoteRunnable(url), []

    async def main():
        config = {"callbacks": [recorded.append]}
        return [await remote.ainvoke(value), await remote.ainvoke(value, config)]

    assert [remote.invoke(value), *asyncio.run(main())] == [expected] * 3
    started = [event.run for event in recorded if event.kind == "start"]
    ended = [event.run for event in recorded if event.kind in ("end", "error")]
    assert len(started) == len(set(started)) and set(started) == set(ended) and len(ended) == len(started)


@pytest.mark.slow
def test_two_hundred_logs_at_once_lose_and_reorder_nothing(switch):
    async def letters(text):
        for letter in text:
            await asyncio.sleep(0)
            yield letter

    text = "".join(chr(97 + n % 26) for n in range(30))
    url, _ = serve(switch, RunnableLambda(letters))

    async def one(remote, number):
        patches = await collected(remote.astream_log(f"{number}:{text}"))
        state = jsonpatch.apply_patch(None, [op for patch in patches for op in patch.ops], in_place=True)
        assert state["streamed_output"] == list(f"{number}:{text}")
        return state["final_output"] == f"{number}:{text}"

    async def main():
        remote = RemoteRunnable(url, retries=6)
        return await asyncio.gather(*(one(remote, number) for number in range(200)))

    assert all(asyncio.run(main()))
    assert threading.active_count() < 100
