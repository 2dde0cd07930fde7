"""A read that a thread waits for can be ended from another thread."""

import asyncio
import socket
import threading

import pytest

from workbench.engine.limits import Stop
from workbench.engine.modes import Blocking
from workbench.engine.scope import current
from workbench.http.stopping import ended_by_stop, read_out, shut


class Network:
    """What the HTTP library calls a network stream."""

    def __init__(self, connection):
        self.get_extra_info = {"socket": connection}.get


class Response:
    def __init__(self, connection, is_closed=False):
        self.is_closed = is_closed
        self.extensions = {"network_stream": Network(connection)}


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def pieces_of(connection):
    while piece := connection.recv(10):
        yield piece


def test_shutting_a_response_ends_a_read_that_waits(pair):
    ours, _ = pair
    read = []
    waits = threading.Thread(target=lambda: read.append(ours.recv(1)))
    waits.start()
    shut(Response(ours))
    waits.join(10)
    assert read == [b""]


def test_the_connection_of_a_closed_response_is_left_alone(pair):
    ours, theirs = pair
    shut(Response(ours, is_closed=True))
    theirs.send(b"for another request")
    assert ours.recv(3) == b"for"


def test_reading_the_end_of_a_response_does_not_wait_for_ever(pair):
    ours, theirs = pair
    theirs.send(b"\n")
    read_out(Response(ours), pieces_of(ours))
    assert theirs.recv(1) == b""  # it was shut, since its end did not come


@pytest.fixture
def stop():
    scope = Blocking.enter(None).copy()
    scope.stop = Stop()
    token = current.set(scope)
    yield scope.stop
    current.reset(token)


def test_a_stop_ends_the_read_whose_error_becomes_a_cancellation(stop):
    ended = []
    with pytest.raises(asyncio.CancelledError), ended_by_stop(lambda: ended.append(1)):
        stop.request()
        raise OSError("shut")
    assert ended == [1]


def test_an_error_without_a_stop_stays_and_a_later_stop_ends_nothing(stop):
    ended = []
    with pytest.raises(OSError, match="of the server"), ended_by_stop(lambda: ended.append(1)):
        raise OSError("of the server")
    stop.request()
    assert ended == []
