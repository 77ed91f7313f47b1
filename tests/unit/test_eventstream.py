"""AWS event streams: whole messages come out however the network cut them; botocore reads the same."""

from __future__ import annotations

import struct
from binascii import crc32
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.wire.eventstream import Message, MessageCutter
from tests.fakes.eventstream import encode_event, encode_exception, encode_message

# The specification's own examples.
EMPTY = bytes.fromhex("00000010 00000000 05c248eb 7d98c8ff")
ONE_HEADER = (
    bytes.fromhex("0000003d 00000020 07fd8396 0c")
    + b"content-type\x07\x00\x10application/json{'foo':'bar'}"
    + bytes.fromhex("8d9c08b1")
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MESSAGES = st.builds(encode_message, st.dictionaries(TEXT, TEXT, max_size=3), st.binary(max_size=60))


def framed(head: bytes, payload: bytes = b"") -> bytes:
    """A message with any bytes for headers, its checksums right."""
    prelude = struct.pack("!II", len(head) + len(payload) + 16, len(head))
    whole = prelude + struct.pack("!I", crc32(prelude)) + head + payload
    return whole + struct.pack("!I", crc32(whole))


def read(*chunks: bytes) -> list[Message]:
    """All messages; nothing may be left over."""
    cutter = MessageCutter()
    found = [message for chunk in chunks for message in cutter.feed(chunk)]
    assert cutter.rest == 0
    return found


def oracle(data: bytes) -> list[tuple[Any, bytes]]:
    """Headers and payloads as botocore reads them."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers, message.payload) for message in buffer]


def test_the_examples_of_the_specification() -> None:
    expected = [Message({}, b""), Message({"content-type": "application/json"}, b"{'foo':'bar'}")]
    assert read(EMPTY + ONE_HEADER) == expected
    assert encode_message({}, b"") == EMPTY
    assert encode_message({"content-type": "application/json"}, b"{'foo':'bar'}") == ONE_HEADER


def test_values_of_every_type_are_stepped_over() -> None:
    head = (
        b"\x01a\x00"
        b"\x01b\x01"
        b"\x01c\x02\xff"
        b"\x01d\x03\x00\x01"
        b"\x01e\x04\x00\x00\x00\x01"
        b"\x01f\x05\x00\x00\x00\x00\x00\x00\x00\x01"
        b"\x01g\x06\x00\x02\xff\xff"
        b"\x01h\x07\x00\x02hi"
        b"\x01i\x08\x00\x00\x00\x00\x00\x00\x00\x01"
        b"\x01j\x090123456789abcdef"
    )
    assert list(oracle(framed(head))[0][0]) == list("abcdefghij"), "botocore reads the same headers"
    assert read(framed(head)) == [Message({"h": "hi"}, b"")]


@given(st.lists(MESSAGES, max_size=4), st.lists(st.integers(0, 400), max_size=8))
def test_botocore_reads_the_same_wherever_the_network_cuts(messages: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(messages)
    places = sorted({min(cut, len(whole)) for cut in cuts})
    found = read(*(whole[at:to] for at, to in zip([0, *places], [*places, len(whole)], strict=True)))
    assert oracle(whole) == [(message.headers, message.payload) for message in found]


def test_a_stream_cut_at_every_byte() -> None:
    whole = encode_event("messageStart", b'{"role":"assistant"}') + EMPTY + encode_exception("x", b"{}")
    expected = read(whole)
    assert len(expected) == 3
    for at in range(len(whole) + 1):
        assert read(whole[:at], whole[at:]) == expected
    assert read(*(whole[at : at + 1] for at in range(len(whole)))) == expected


def test_every_flipped_bit_is_found() -> None:
    for at in range(len(ONE_HEADER)):
        broken = bytearray(ONE_HEADER)
        broken[at] ^= 1
        with pytest.raises(ValueError, match="checksum"):
            MessageCutter().feed(bytes(broken))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (framed(b"\x01a\x0a"), "unknown type 10"),
        (framed(b"\x01a\x07\x00\x09hi"), "cut off"),
        (framed(b"\x01a\x07\x00"), "cut off"),
        (framed(b"\x01a"), "cut off"),
        (framed(b"\x09a"), "cut off"),
        (framed(b"\x01a\x09"), "cut off"),
        (framed(b"\x01\xff\x00"), "utf-8"),
        (framed(b"\x01a\x07\x00\x01b\x01a\x07\x00\x01b"), "twice"),
        (struct.pack("!III", 15, 0, crc32(struct.pack("!II", 15, 0))), "shorter"),
        (struct.pack("!III", 101, 0, crc32(struct.pack("!II", 101, 0))), "too large"),
        (struct.pack("!III", 90, 1 << 20, crc32(struct.pack("!II", 90, 1 << 20))), "too large"),
    ],
)
def test_what_is_no_message(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        MessageCutter(limit=100).feed(data)


def test_nothing_is_kept_of_what_was_handed_out() -> None:
    cutter = MessageCutter()
    for _ in range(1000):
        assert len(cutter.feed(ONE_HEADER * 3 + EMPTY[:7])) == 3
        assert cutter.rest == 7
        assert cutter.feed(EMPTY[7:]) == [Message({}, b"")]


@given(st.binary(max_size=80))
def test_garbage_is_a_value_error(data: bytes) -> None:
    try:
        MessageCutter().feed(data)
    except ValueError:
        return


@given(st.binary(max_size=40), st.binary(max_size=20))
def test_garbage_in_headers_is_a_value_error(head: bytes, payload: bytes) -> None:
    try:
        found = MessageCutter().feed(framed(head, payload))
    except ValueError:
        return
    assert [message.payload for message in found] == [payload]
