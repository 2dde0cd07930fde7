"""Clients are shared by threads, kept apart by event loops, and closed in time."""

import asyncio
import gc
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from workbench.http.connections import Connections


class LikeTheSDK:
    """The methods of the ``openai`` package's clients."""

    def __init__(self, made):
        self.closed = 0
        made.append(self)

    def is_closed(self):
        return self.closed > 0

    async def close(self):
        self.closed += 1


class LikeHttpx:
    """The methods of ``httpx``'s asynchronous clients."""

    def __init__(self, made):
        self.closed = 0
        made.append(self)

    @property
    def is_closed(self):
        return self.closed > 0

    async def aclose(self):
        self.closed += 1


@pytest.mark.parametrize("kind", [LikeTheSDK, LikeHttpx])
def test_each_event_loop_has_one_client_which_is_closed_at_its_end(kind):
    made, connections = [], Connections()

    async def used():
        get = [connections.async_client(lambda _: kind(made), keep_open=False) for _ in range(3)]
        clients = await asyncio.gather(*get)
        assert len({id(client) for client in clients}) == 1
        assert clients[0].closed == 0

    for _ in range(2):
        asyncio.run(used())
    assert made and all(client.closed == 1 for client in made)


@pytest.mark.parametrize("kind", [LikeTheSDK, LikeHttpx])
def test_a_client_that_was_closed_is_made_anew_and_one_to_keep_stays_open(kind):
    made, connections = [], Connections()

    async def used():
        first = await connections.async_client(lambda _: kind(made), keep_open=True)
        first.closed = 1
        return await connections.async_client(lambda _: kind(made), keep_open=True)

    second = asyncio.run(used())
    assert made.index(second) == 1 and second.closed == 0


def test_threads_share_one_client_which_is_closed_with_the_last_user():
    made, closed = [], []

    class Client:
        def __init__(self):
            made.append(1)

        def close(self):
            closed.append(1)

    users = [Connections()]
    with ThreadPoolExecutor(4) as pool:
        used = pool.map(lambda _: users[0].client(lambda _: Client(), keep_open=False), range(20))
        assert len({id(client) for client in used}) == 1
    assert (made, closed) == ([1], [])
    users.clear()
    gc.collect()
    assert closed == [1]


def test_a_copy_starts_empty():
    connections = Connections()
    connections.client(lambda _: object(), keep_open=True)
    copy = pickle.loads(pickle.dumps(connections))
    assert copy.client(lambda _: "another", keep_open=True) == "another"
