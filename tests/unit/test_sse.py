"""Server-sent events: whole events come out, byte for byte, however the network cut them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.wire.sse import DONE, EventCutter, event_data

EVENTS = (
    b'data: {"choices":[]}\n\n',
    b"data: [DONE]\n\n",
    b"data: [DONE]\r\n\r\n",
    b": ping\n\n",
    b"event: error\ndata: x\n\n",
    b"data: one\ndata: two\r\n\r\n",
    b"data:\r\n\n",
    b"\n\n",
    "data: Grüße \u2028 \U0001f600\n\n".encode(),
)
STREAMS = st.lists(st.sampled_from(EVENTS), max_size=12)
BYTES = st.text(alphabet="ab\r\n", max_size=60).map(str.encode)


@st.composite
def in_pieces(draw: st.DrawFn, streams: st.SearchStrategy[bytes]) -> tuple[bytes, list[bytes]]:
    """A stream, and the same in the pieces that the network makes of it."""
    whole = draw(streams)
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=10)))
    return whole, [whole[at:to] for at, to in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


def feed(pieces: list[bytes]) -> tuple[list[bytes], bytes]:
    """Events, and what is left."""
    cutter = EventCutter()
    events = [event for piece in pieces for event in cutter.feed(piece)]
    return events, cutter.rest


@given(STREAMS)
def test_a_stream_falls_into_its_events(events: list[bytes]) -> None:
    assert feed([b"".join(events)]) == (events, b"")


@given(in_pieces(STREAMS.map(b"".join)))
def test_the_network_makes_no_difference(stream: tuple[bytes, list[bytes]]) -> None:
    whole, pieces = stream
    events, rest = feed(pieces)
    assert (events, rest) == feed([whole])
    assert b"".join(events) + rest == whole
    assert [event_data(event) for event in events] == [event_data(event) for event in feed([whole])[0]]


@given(in_pieces(BYTES))
def test_nor_does_garbage(stream: tuple[bytes, list[bytes]]) -> None:
    whole, pieces = stream
    events, rest = feed(pieces)
    assert (events, rest) == feed([whole])
    assert b"".join(events) + rest == whole


@given(STREAMS)
def test_byte_by_byte(events: list[bytes]) -> None:
    whole = b"".join(events)
    assert feed([whole[at : at + 1] for at in range(len(whole))]) == (events, b"")


def test_what_came_after_the_last_event_is_kept() -> None:
    cutter = EventCutter()
    assert cutter.feed(b"data: 1\n\ndata: 2\n") == [b"data: 1\n\n"]
    assert cutter.rest == b"data: 2\n"
    assert cutter.feed(b"\n") == [b"data: 2\n\n"]
    assert cutter.rest == b""
    assert cutter.feed(b"") == []


def test_an_event_without_end_is_refused() -> None:
    cutter = EventCutter(limit=10)
    assert cutter.feed(b"data: 1234") == []
    with pytest.raises(ValueError, match="larger than 10 bytes"):
        cutter.feed(b"5")


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: x\n\n", b"x"),
        (b"data:x\n\n", b"x"),
        (b"data:  x\n\n", b" x"),
        (b"data: x\r\n\r\n", b"x"),
        (b"data: x\r\n\n", b"x"),
        (b"data: x\n\r\n", b"x"),
        (b"data: [DONE]\n\n", DONE),
        (b"data: [DONE]\r\n\r\n", DONE),
        (b"data: one\ndata: two\n\n", b"one\ntwo"),
        (b"event: chunk\ndata: x\nid: 7\n\n", b"x"),
        (b": comment\n\n", b""),
        (b": comment\ndata: x\n\n", b"x"),
        (b"data:\n\n", b""),
        (b"database: x\n\n", b""),
        (b"retry: 3000\n\n", b""),
        (b"\n\n", b""),
        ("data: Zeile\u2028\x85\x0b\n\n".encode(), "Zeile\u2028\x85\x0b".encode()),
    ],
)
def test_the_data_of_an_event(event: bytes, data: bytes) -> None:
    assert event_data(event) == data
