"""Server-sent events (WHATWG HTML, section 9.2): written as bytes, read from pieces of any size."""

from __future__ import annotations

__all__ = ["PING", "Event", "EventReader", "event_bytes"]

PING = b": ping\n\n"
"""A comment: clients skip it, and know by it that the server is there."""

Event = tuple[str, bytes | None]
"""An event's name ("message" where the stream names none) and its data (None for an event that has a name
only). A plain tuple, because there is one for each token of a model."""

_BOM = b"\xef\xbb\xbf"


def event_bytes(name: str, data: str | None = None) -> bytes:
    """An event. *data* is JSON, which has no line ends of its own.

    >>> event_bytes("data", '"hi"')
    b'event: data\\ndata: "hi"\\n\\n'
    """
    return f"event: {name}\n\n".encode() if data is None else f"event: {name}\ndata: {data}\n\n".encode()


class EventReader:
    """The events of one response. Its time is linear in the bytes, however they are cut.

    Beyond the standard, an event that has a name but no data counts (LangServe ends its streams with one),
    and the first line that is no field is kept as ``stray``: servers that fail in mid-stream write what they
    like.

    >>> reader = EventReader()
    >>> reader.feed(b"data: 1\\n\\n: ping\\n\\ndata: {\\ndata: }\\r")
    [('message', b'1')]
    >>> reader.feed(b"\\n\\r\\nevent: end\\n\\n")
    [('message', b'{\\n}'), ('end', None)]
    """

    def __init__(self) -> None:
        self.stray: bytes = b""
        self._pieces: list[bytes] = []  # of a line that goes on
        self._name = b""
        self._data: list[bytes] = []
        self._idle = False  # between two events
        self._begun = False
        self._after_cr = False

    def feed(self, piece: bytes) -> list[Event]:
        """The events that *piece* completes."""
        if (
            self._idle
            and piece.startswith(b"data: ")
            and piece.find(b"\n\n") == piece.find(b"\n") == len(piece) - 2
            and b"\r" not in piece
        ):
            return [("message", piece[6:-2])]  # one whole event, as most servers of models send them
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._idle = False
        if b"\n" not in piece:
            self._pieces.append(piece)
            return []
        if self._pieces:
            piece = b"".join((*self._pieces, piece))
        if not self._begun:
            self._begun = True
            piece = piece.removeprefix(_BOM)
        lines = piece.split(b"\n")
        self._pieces = [lines.pop()]
        return self._events(lines)

    @property
    def rest(self) -> bytes:
        """The data of an event that is not complete."""
        return b"\n".join((*self._data, b"".join(self._pieces)))

    def _events(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        name, data = self._name, self._data
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif not line:
                if data or name:
                    whole = (data[0] if len(data) == 1 else b"\n".join(data)) if data else None
                    events.append((name.decode("utf-8", "replace") if name else "message", whole))
                    name, data = b"", []
            elif line.startswith(b"event:"):
                name = line[6:].strip()
            elif line == b"data":
                data.append(b"")
            elif not self.stray and not line.startswith((b":", b"event", b"id", b"retry")):
                self.stray = line
        self._name, self._data = name, data
        self._idle = not (name or data or self._pieces[0] or self._after_cr)
        return events
