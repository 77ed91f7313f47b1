"""In which order a list of documents is asked for, and where a page of it begins."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Query

from rechenwerk.base.cursors import LONGEST, Place, read_cursor, write_cursor
from rechenwerk.documents.choice_ports import Order
from rechenwerk.documents.refusing import RefusedError, refuse

Sort = Annotated[str, Query(max_length=40, description="a field; with a minus before it the other way round")]
Border = Annotated[
    str,
    Query(max_length=LONGEST, pattern=r"^[A-Za-z0-9_.\-]*$", description="`next` of the answer before"),
]
Kinds = Sequence[type[int] | type[str]]
"""What a place in an order is made of."""
BY_ID: Kinds = (int,)
BY_NUMBER: Kinds = (int, int)
BY_TEXT: Kinds = (str, int)
_NUMBER = re.compile(r"[0-9]{1,18}")


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
    if name and name not in fields:
        line = f"sort: {name!r} is no field to sort by; take one of {', '.join(fields)}"
        raise refuse(422, line, "invalid_value", "sort")
    if sort in ("", own):
        return None
    place: Place | None = ()
    if border and (place := read_cursor(border, sort, fields[name])) is None:
        raise stranger(param)
    return Order(name, sort.startswith("-"), place or ())


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
