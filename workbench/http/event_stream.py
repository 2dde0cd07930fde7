"""Server-sent events (WHATWG HTML, section 9.2): written as bytes, read from pieces of any size."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PING", "Event", "EventReader", "event_bytes"]

PING = b": ping\n\n"
"""What clients skip, and what shows that the server is there."""


class Event(NamedTuple):
    """*name* is "message" where the stream names none; *data* is None for an event without data."""

    name: str
    data: str | None


def event_bytes(name: str, data: str | None = None) -> bytes:
    """An event. *data* is JSON, which has no line ends of its own.

    >>> event_bytes("data", '"hi"')
    b'event: data\\ndata: "hi"\\n\\n'
    """
    return f"event: {name}\n\n".encode() if data is None else f"event: {name}\ndata: {data}\n\n".encode()


class EventReader:
    """The events of a response.

    >>> reader = EventReader()
    >>> reader.feed(b"event: data\\ndata: 1\\n\\nev"), reader.feed(b"ent: end\\r\\n\\r\\n")
    ([Event(name='data', data='1')], [Event(name='end', data=None)])
    """

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[Event]:
        """The events that *piece* completes. An event that names itself counts also without data."""
        piece = self._rest + piece
        if b"\r" in piece:
            held = b"\r" if piece.endswith(b"\r") else b""  # its line feed may come with the next piece
            piece = piece.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        *lines, self._rest = piece.split(b"\n")
        events: list[Event] = []
        for line in lines:
            if line.startswith(b"data:"):
                data = line[5:]
                self._data.append(data[1:] if data.startswith(b" ") else data)
            elif line.startswith(b"event:"):
                self._name = line[6:].decode("utf-8", "replace").strip()
            elif not line and (self._name or self._data):
                text = b"\n".join(self._data).decode("utf-8", "replace") if self._data else None
                events.append(Event(self._name or "message", text))
                self._name, self._data = "", []
        return events

    @property
    def rest(self) -> bytes:
        """What has come of an event that is not complete."""
        return b"\n".join((*self._data, self._rest))
