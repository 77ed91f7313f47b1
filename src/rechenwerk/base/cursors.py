"""Cursors of lists: where a page ended, as a text that goes back as it is.

A cursor says the order, the last row's value in it and its number: a row that was deleted since, or whose
value has changed, moves nobody else.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import msgspec

LONGEST = 4000
"""Characters of a cursor."""
_LARGEST = 1 << 63

Place = tuple[int | str, ...]
"""Where a row stands in an order: its value, then what tells it from rows of the same value."""


def write_cursor(order: str, place: Sequence[int | str]) -> str:
    """The cursor behind a row."""
    return base64.urlsafe_b64encode(msgspec.json.encode([order, *place])).decode().rstrip("=")


def read_cursor(text: str, order: str, kinds: Sequence[type[int | str]]) -> Place | None:
    """The place that a cursor of this order says; None: it is none, or one of another order."""
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        found = msgspec.json.decode(data, type=list[int | str])
    except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError):
        return None
    said, *place = found or [""]
    if said != order or len(place) != len(kinds):
        return None
    for part, kind in zip(place, kinds, strict=True):
        if not isinstance(part, kind) or (isinstance(part, int) and abs(part) >= _LARGEST):
            return None
        if isinstance(part, str) and "\0" in part:
            return None
    return tuple(place)
