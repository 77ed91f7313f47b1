"""Cursors of lists: where a page ended, as a text that goes back as it is.

A cursor says the order, the last row's value in it and its number: a row that was deleted since, or whose
value has changed, moves nobody else.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Mapping, Sequence

import msgspec

from rechenwerk.base.errors import RefusedError, refuse

LONGEST = 4000
"""Characters of a cursor."""
_LARGEST = 1 << 63

Place = tuple[int | str, ...]
"""Where a row stands in an order: its value, then what tells it from rows of the same value."""

Kinds = Sequence[type[int | str]]
"""What a place in an order is made of."""
BY_ID: Kinds = (int,)
BY_NUMBER: Kinds = (int, int)
BY_TEXT: Kinds = (str, int)
_NUMBER = re.compile(r"[0-9]{1,18}")


class Order(msgspec.Struct, frozen=True):
    """Another order of a list than its own.

    Attributes:
        by: a field's name.
        down: whether the other way round.
        after: where the last row of the page before stands; () for the begin.
    """

    by: str
    down: bool = False
    after: Place = ()


def write_cursor(order: str, place: Sequence[int | str]) -> str:
    """The cursor behind a row."""
    return base64.urlsafe_b64encode(msgspec.json.encode([order, *place])).decode().rstrip("=")


def read_cursor(text: str, order: str, kinds: Kinds) -> Place | None:
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


def order_of(
    sort: str, border: str, fields: Mapping[str, Kinds], own: str, param: str = "after"
) -> Order | None:
    """The order that is asked for; None for the list's own.

    Args:
        sort: as it was sent.
        border: where the page begins; ''.
        fields: that the list can be sorted by, with what a place in that order is.
        own: the list's own order, as `sort` would say it.
        param: of the border.

    Raises:
        RefusedError: there is no such order, or the border is not of this one.
    """
    name = sort.removeprefix("-")
    if sort:
        check_sort(name, fields)
    if sort in ("", own):
        return None
    place: Place | None = ()
    if border and (place := read_cursor(border, sort, fields[name])) is None:
        raise stranger(param)
    return Order(name, sort.startswith("-"), place or ())


def check_sort(name: str, fields: Collection[str]) -> None:
    """Refuse to sort by anything else than one of these fields.

    Raises:
        RefusedError: there is no such field.
    """
    if name not in fields:
        line = f"sort: {name!r} is no field to sort by; take one of {', '.join(fields)}"
        raise refuse(422, line, "invalid_value", "sort")


def number_of(border: str, param: str = "after") -> int:
    """The number at which a page of a list in its own order begins; 0 for the list's begin."""
    if border and not _NUMBER.fullmatch(border):
        raise stranger(param)
    return int(border or 0)


def stranger(param: str) -> RefusedError:
    """A border that no answer of this list in this order had."""
    line = (
        f"{param}: send `next` of the answer before, asked for with the same sort; or begin anew without it"
    )
    return refuse(422, line, "invalid_value", param)


def next_of(order: Order, place: Place, *, full: bool) -> str | None:
    """The border of the page after one that ended at a place."""
    return write_cursor(f"-{order.by}" if order.down else order.by, place) if full else None
