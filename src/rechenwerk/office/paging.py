"""Lists of the API: searched, filtered, sorted and cut, so that nobody has to read them whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query

from rechenwerk.base.cursors import check_sort
from rechenwerk.office.part_ports import Cut

_WORDS = 10

Row = TypeVar("Row")


def _cut(
    q: Annotated[str | None, Query(max_length=300, description="words that all stand in a row")] = None,
    sort: Annotated[
        str | None, Query(max_length=40, description="a field; with a minus before it the other way round")
    ] = None,
    limit: Annotated[int | None, Query(ge=1, le=10_000, description="rows at most; else all")] = None,
    after: Annotated[int, Query(ge=0, le=1 << 40, description="rows to leave out before")] = 0,
) -> Cut:
    name = sort or ""
    return Cut(words_of(q), name.removeprefix("-"), name.startswith("-"), limit, after)


def words_of(q: str | None) -> tuple[str, ...]:
    """Words that are looked for, casefolded; no more than anybody types."""
    return tuple((q or "").casefold().split()[:_WORDS])


Wanted = Annotated[Cut, Depends(_cut)]


def cut(
    rows: Sequence[Row],
    wanted: Cut,
    searched: Callable[[Row], Iterable[object]],
    orders: Mapping[str, Callable[[Row], Any]],
    fits: Callable[[Row], bool] = lambda _: True,
) -> tuple[list[Row], int]:
    """The part of a list that is asked for, and how many rows fit.

    Args:
        rows: all of them.
        wanted: the part.
        searched: what words are looked for in.
        orders: field -> what it is sorted by; what is None or '' stands last, whichever way.
        fits: whether a row passes the filters.
    """
    found = [one for one in rows if fits(one)]
    if wanted.words:
        found = [
            one
            for one in found
            if _has(wanted.words, " ".join(str(part) for part in searched(one)).casefold())
        ]
    if wanted.sort:
        sortable(wanted, orders)
        found = _sorted(found, orders[wanted.sort], down=wanted.down)
    until = None if wanted.limit is None else wanted.after + wanted.limit
    return found[wanted.after : until], len(found)


def sortable(wanted: Cut, fields: Collection[str]) -> None:
    """Refuse to sort by anything else than one of these fields."""
    if wanted.sort:
        check_sort(wanted.sort, fields)


def _has(words: Iterable[str], text: str) -> bool:
    return all(word in text for word in words)


def _sorted(rows: Sequence[Row], key: Callable[[Row], Any], *, down: bool) -> list[Row]:
    keyed = [(_plain(key(one)), one) for one in rows]
    filled = [pair for pair in keyed if pair[0] is not None and pair[0] != ""]
    empty = [one for value, one in keyed if value is None or value == ""]
    return [one for _, one in sorted(filled, key=lambda pair: pair[0], reverse=down)] + empty


def _plain(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
