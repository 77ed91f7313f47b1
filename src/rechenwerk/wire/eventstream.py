"""AWS event streams (application/vnd.amazon.eventstream): cut bytes into messages, checksums and all.

A message: total length, length of the headers, CRC of these two; headers; payload; CRC of all before it;
numbers big-endian. Source: the Smithy specification, "Amazon Event Stream Specification".
"""

from __future__ import annotations

import struct
from binascii import crc32
from types import MappingProxyType

import msgspec

_PRELUDE = struct.Struct("!III")
_CRC = struct.Struct("!I")
_LENGTH = struct.Struct("!H")
_FIXED = MappingProxyType({0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16})
"""Bytes of the values whose length is a matter of type: booleans, integers, a time, a UUID."""

_BYTES, _STRING = 6, 7
_MOST_HEADERS = 128 * 1024


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message; of its headers only those with text, which are all that say what it is."""

    headers: dict[str, str]
    payload: bytes


class MessageCutter:
    """Collects bytes and hands out whole messages.

    Args:
        limit: bytes that one message may have.
    """

    __slots__ = ("_limit", "_rest", "_wanted")

    def __init__(self, limit: int = 16 << 20) -> None:
        self._rest = bytearray()
        self._limit = limit
        self._wanted = _PRELUDE.size

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete now.

        Raises:
            ValueError: a checksum or length that cannot be, or a message larger than the limit.
        """
        rest = self._rest
        rest += data
        if len(rest) < self._wanted:
            return []
        found: list[Message] = []
        at = 0
        while len(rest) - at >= _PRELUDE.size:
            total, headers, crc = _PRELUDE.unpack_from(rest, at)
            if crc32(rest[at : at + 8]) != crc:
                raise ValueError("the checksum of a message's beginning is wrong")
            if total > self._limit or headers > _MOST_HEADERS:
                raise ValueError(f"a message of {total} bytes, {headers} of them headers, is too large")
            if total < _PRELUDE.size + headers + _CRC.size:
                raise ValueError("a message is shorter than its headers")
            if len(rest) - at < total:
                self._wanted = total
                break
            found.append(_message(bytes(rest[at : at + total]), headers))
            at += total
            self._wanted = _PRELUDE.size
        del rest[:at]
        return found

    @property
    def rest(self) -> int:
        """Bytes that came after the last whole message."""
        return len(self._rest)


def _message(whole: bytes, headers: int) -> Message:
    end = len(whole) - _CRC.size
    if crc32(whole[:end]) != _CRC.unpack_from(whole, end)[0]:
        raise ValueError("the checksum of a message is wrong")
    start = _PRELUDE.size + headers
    try:
        return Message(_headers(whole[_PRELUDE.size : start]), whole[start:end])
    except (struct.error, IndexError) as error:
        raise ValueError("a header of a message is cut off") from error


def _headers(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        start = at + 1
        at = start + data[at]
        name = data[start:at].decode()
        kind = data[at]
        at += 1
        if kind in {_BYTES, _STRING}:
            start = at + _LENGTH.size
            at = start + _LENGTH.unpack_from(data, at)[0]
            if kind == _STRING:
                if name in found:
                    raise ValueError(f"the header {name!r} stands twice in a message")
                found[name] = data[start:at].decode()
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            raise ValueError(f"a header of a message has the unknown type {kind}")
    if at > len(data):
        raise ValueError("a header of a message is cut off")
    return found
