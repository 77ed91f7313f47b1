"""AWS event streams as a server writes them; only headers with text."""

from __future__ import annotations

import struct
from binascii import crc32


def encode_message(headers: dict[str, str], payload: bytes) -> bytes:
    """One message."""
    head = b""
    for name, value in headers.items():
        title, text = name.encode(), value.encode()
        head += struct.pack("!B", len(title)) + title + struct.pack("!BH", 7, len(text)) + text
    prelude = struct.pack("!II", len(head) + len(payload) + 16, len(head))
    whole = prelude + struct.pack("!I", crc32(prelude)) + head + payload
    return whole + struct.pack("!I", crc32(whole))


def encode_event(kind: str, payload: bytes) -> bytes:
    """An event of the service's model, such as ``contentBlockDelta``."""
    return encode_message(
        {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}, payload
    )


def encode_exception(kind: str, payload: bytes) -> bytes:
    """An exception of the service's model, such as ``throttlingException``."""
    return encode_message(
        {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}, payload
    )
