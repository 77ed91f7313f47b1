"""Which part of a long list is asked for."""

from __future__ import annotations

import msgspec


class Cut(msgspec.Struct, frozen=True):
    """A part of a list.

    Attributes:
        words: all of them stand in a row; casefolded.
        sort: a field's name; '' for the list's own order.
        down: whether the other way round.
        limit: rows at most; None for all.
        after: rows to leave out before.
    """

    words: tuple[str, ...] = ()
    sort: str = ""
    down: bool = False
    limit: int | None = None
    after: int = 0
