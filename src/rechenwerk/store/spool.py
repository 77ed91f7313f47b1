"""Intents: which calls are about to leave, noted where they outlive the process but cost no commit.

A call leaves for its provider while its hold is still on the way into the database. Should the process be
killed in that moment, the call is noted here: a memory-mapped file, whose pages the kernel keeps when the
process is gone. Another process of the same host reads it and books the call. A machine that loses power
loses the file's last moments; then the connection to the provider broke off as well.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

_SLOT = 1024
SLOTS = 4096
"""Intents that a file holds; the till admits fewer calls than this without a durable hold."""
_LENGTH = struct.Struct("<H")
_EMPTY = _LENGTH.pack(0)


class Spool:
    """The intents of one process: a ring, written without a system call.

    Args:
        path: of the file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.ftruncate(descriptor, _SLOT * SLOTS)
            self._map = mmap.mmap(descriptor, _SLOT * SLOTS)
        finally:
            os.close(descriptor)
        self._next = 0

    def note(self, data: bytes) -> None:
        """Write an intent down; the oldest one is forgotten.

        Raises:
            ValueError: it is larger than a slot.
        """
        end = len(data) + 2
        if end > _SLOT:
            raise ValueError(f"an intent of {len(data)} bytes does not fit into {_SLOT - 2}")
        at = self._next * _SLOT
        self._next = (self._next + 1) % SLOTS
        # The length last: an intent that was cut short by a kill does not count, and its call never left.
        self._map[at : at + 2] = _EMPTY
        self._map[at + 2 : at + end] = data
        self._map[at : at + 2] = _LENGTH.pack(len(data))

    def close(self) -> None:
        """Remove the file: every call of this process is in the books."""
        self._map.close()
        self._path.unlink(missing_ok=True)


def read_intents(path: Path) -> list[bytes]:
    """All intents that are still in a file."""
    data = path.read_bytes()
    found = []
    for at in range(0, len(data) - 2, _SLOT):
        (length,) = _LENGTH.unpack_from(data, at)
        if 0 < length <= _SLOT - 2:
            found.append(data[at + 2 : at + 2 + length])
    return found
