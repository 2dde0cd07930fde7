"""Server-sent events however the network cuts them, and how much work reading them is."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.http.event_stream import PING, EventReader, event_bytes

TEXTS = [
    "",
    "plain",
    "two\nlines",
    "Grüße, 世界 🐻",
    " leading and trailing ",
    "data: x",
    "\u2028 is no line end",
]


def datas(events):
    return [data for name, data in events if data is not None]


def in_pieces(whole, size):
    return [whole[at : at + size] for at in range(0, len(whole), size)]


@given(st.lists(st.sampled_from(TEXTS), max_size=6), st.sampled_from(["\n", "\r\n", "\r"]), st.data())
def test_events_are_the_same_wherever_the_network_cuts_them(written, line_end, data):
    lines = [": a comment", "id: 7"]
    for text in written:
        lines += [*(f"data: {line}" for line in text.split("\n")), ": ping", ""]
    whole = "".join(line + line_end for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    reader = EventReader()
    read = [found.decode() for piece in pieces for found in datas(reader.feed(piece))]
    assert read == written


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_an_event_is_handed_out_with_its_last_byte_and_not_one_event_later(line_end):
    reader = EventReader()
    for number in range(3):
        assert reader.feed(b"data: %d" % number + 2 * line_end) == [("message", b"%d" % number)]


def test_a_byte_order_mark_a_missing_space_and_a_bare_field_are_understood():
    reader = EventReader()
    read = reader.feed(b"\xef\xbb\xbfdata:1\n\ndata\n\ndata:  2\n\nevent: x\n\n")
    assert datas(read) == [b"1", b"", b" 2"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_names_ends_without_data_and_what_was_written_are_read_in_pieces_of_any_size(size, line_end):
    written = [event_bytes("data", '{"text": "🐻"}'), PING, event_bytes("metadata", "{}"), event_bytes("end")]
    whole = b"\xef\xbb\xbf" + b"".join(written).replace(b"\n", line_end.encode())
    reader = EventReader()
    read = [event for piece in in_pieces(whole, size) for event in reader.feed(piece)]
    assert read == [("data", '{"text": "🐻"}'.encode()), ("metadata", b"{}"), ("end", None)]
    assert (reader.rest, reader.stray) == (b"", b"")


def test_a_name_is_that_of_one_event_only():
    assert EventReader().feed(b"event: a\ndata: 1\n\ndata: 2\n\n") == [("a", b"1"), ("message", b"2")]


def test_what_came_of_an_event_that_is_not_complete_and_a_line_that_is_no_field_can_be_shown():
    reader = EventReader()
    pieces = [b"data: 1\n\nslot lost\ndata: tw", b"o\ndata", b": thr"]
    assert [event for piece in pieces for event in reader.feed(piece)] == [("message", b"1")]
    assert (reader.rest, reader.stray) == (b"two\ndata: thr", b"slot lost")


@pytest.mark.parametrize("lines", [1, 200])
@pytest.mark.parametrize("size", [16, 1_000, 65_536])
def test_the_work_for_one_large_event_is_linear_however_small_the_pieces(size, lines):
    line = b"data: " + b"x" * (400_000 // lines) + b"\n"
    whole = b"data: 0\n\n" + line * lines + b"\n"
    pieces, reader, events, looked_at = in_pieces(whole, size), EventReader(), [], 0

    def count(frame, event, called):
        nonlocal looked_at
        if event == "c_call" and isinstance(getattr(called, "__self__", None), bytes):
            looked_at += len(called.__self__)  # find, split, replace and their like

    sys.setprofile(count)
    try:
        for piece in pieces:
            events += reader.feed(piece)
    finally:
        sys.setprofile(None)
    assert [len(data) for _, data in events] == [1, lines * (len(line) - 6) - 1]
    assert looked_at < 10 * len(whole)
