"""Server-sent events: cut a byte stream into whole events, byte for byte.

Source: WHATWG HTML, section "Server-sent events": an event ends with an empty line; lines end with LF,
CR LF or CR (the last is not seen from any provider and not supported).
"""

from __future__ import annotations

import re

_END = re.compile(rb"\r?\n\r?\n")

DONE = b"[DONE]"


class EventCutter:
    """Collects bytes and hands out whole events, their ending included.

    Args:
        limit: bytes that one event may have.
    """

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int = 8_000_000) -> None:
        self._rest = b""
        self._limit = limit

    def feed(self, data: bytes) -> list[bytes]:
        """The events that are complete now.

        Raises:
            ValueError: an event is larger than the limit.
        """
        if self._rest:
            data = self._rest + data
            self._rest = b""
        # Nearly always one write is one event.
        if data.endswith(b"\n\n") and data.find(b"\n\n") == len(data) - 2 and b"\r" not in data:
            return [data]
        events = []
        at = 0
        for match in _END.finditer(data):
            events.append(data[at : match.end()])
            at = match.end()
        self._rest = data[at:]
        if len(self._rest) > self._limit:
            raise ValueError(f"an event of the stream is larger than {self._limit} bytes")
        return events

    @property
    def rest(self) -> bytes:
        """What came after the last whole event."""
        return self._rest


def event_data(event: bytes) -> bytes:
    """The data of an event: its ``data`` lines joined; empty for comments."""
    if event.startswith(b"data: ") and event.count(b"\n") == 2:
        return event[6:].rstrip(b"\r\n")
    lines = [line[5:].removeprefix(b" ") for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines)
