"""Lists: search, filter, sort, page and download, all of it in the page's address."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from rechenwerk.console.api import Answer
from rechenwerk.console.figures import decimal
from rechenwerk.console.visit import Visit, with_query

SIZE = 50
_DIGITS = 9
"""Of a page's number; one with as many is none."""
_FORMULA = re.compile(r"\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
Row = Mapping[str, Any]


class Column(msgspec.Struct, frozen=True):
    """A column of a list.

    Attributes:
        name: of the field, and of its text in the catalogue.
        get: the value of a row; the field of the same name where there is none.
        number: right-aligned, compared as a number.
    """

    name: str
    get: Callable[[Row], Any] | None = None
    number: bool = False

    def value(self, row: Row) -> Any:
        """What a row has here."""
        return row.get(self.name) if self.get is None else self.get(row)


class Listing(msgspec.Struct, frozen=True):
    """A page of a list, and how its address is written for other ones.

    Attributes:
        rows: of this page.
        found: rows that fit; `whole` without search and filters.
        query: what the address says.
    """

    path: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    found: int
    whole: int
    page: int
    pages: int
    sort: str
    down: bool
    query: Mapping[str, str]

    def url(self, **changes: object) -> str:
        """The address of this list with other settings; an empty one is left out."""
        wanted = {**self.query, **{name: str(value) for name, value in changes.items()}}
        return with_query(self.path, **wanted)

    def turned(self, name: str) -> str:
        """The address sorted by a column; the other way round where it is sorted by it already."""
        ahead = name != self.sort or self.down
        return self.url(sort=name if ahead else f"-{name}", page="")

    def ordered(self, name: str) -> str:
        """What a column's header says of its order."""
        if name != self.sort:
            return "none"
        return "descending" if self.down else "ascending"


class Ordered(msgspec.Struct, frozen=True):
    """How the addresses of a list that goes on from a border are written for other orders.

    Attributes:
        sort: a field's name; '' for an order that no column has.
        query: what the address says, without a border: another order begins at its begin.
    """

    path: str
    sort: str
    down: bool
    query: Mapping[str, str]

    def url(self, **changes: object) -> str:
        """The address of this list with other settings; an empty one is left out."""
        return with_query(self.path, **{**self.query, **{name: str(one) for name, one in changes.items()}})

    def turned(self, name: str) -> str:
        """The address sorted by a column; the other way round where it is sorted by it already."""
        return self.url(sort=name if name != self.sort or self.down else f"-{name}")

    def ordered(self, name: str) -> str:
        """What a column's header says of its order."""
        if name != self.sort:
            return "none"
        return "descending" if self.down else "ascending"


def ordered(path: str, query: Mapping[str, str], own: str = "") -> Ordered:
    """A list in the order that its address says, or else in its own."""
    sort = query.get("sort") or own
    return Ordered(path, sort.removeprefix("-"), sort.startswith("-"), query)


def sort_of(query: Mapping[str, str], fields: Collection[str]) -> str:
    """The order that an address says; '' where there is none such."""
    sort = query.get("sort", "")
    return sort if sort.removeprefix("-") in fields else ""


def _key(column: Column, row: Row) -> tuple[int, Any]:
    value = column.value(row)
    if value is None or value == "":
        return 1, 0
    if column.number:
        found = decimal(value)
        return (1, 0) if found is None else (0, found)
    return 0, str(value).casefold()


def arrange(
    path: str,
    rows: Sequence[Row],
    columns: Sequence[Column],
    query: Mapping[str, str],
    search: Sequence[str] = (),
    filters: Sequence[str] = (),
    sort: str = "",
    keep: Mapping[str, str] = MappingProxyType({}),
) -> Listing:
    """The part of a whole list that an address asks for.

    Args:
        path: of the list.
        rows: all of them.
        columns: that it can be sorted by.
        query: of the address: `q` searches, `sort` sorts (a minus before it: downwards), `page` turns pages.
        search: columns that are searched.
        filters: columns that the address may give a value of.
        sort: as `query` has it, where the address says nothing.
        keep: what else its addresses say.
    """
    known = {one.name: one for one in columns}
    words = query.get("q", "").casefold().split()
    fitting = [
        row
        for row in rows
        if all(word in " ".join(str(known[name].value(row)) for name in search).casefold() for word in words)
        and all(str(known[name].value(row)) == query[name] for name in filters if query.get(name))
    ]
    wanted = query.get("sort", "") or sort
    down, name = wanted.startswith("-"), wanted.lstrip("-")
    if name in known:
        column = known[name]
        # What is empty stands last, whichever way.
        filled = [row for row in fitting if not _key(column, row)[0]]
        empty = [row for row in fitting if _key(column, row)[0]]
        fitting = sorted(filled, key=lambda row: _key(column, row), reverse=down) + empty
    pages = max(1, -(-len(fitting) // SIZE))
    asked = query.get("page", "")
    page = min(max(1, int(asked) if asked.isdecimal() and len(asked) < _DIGITS else 1), pages)
    shown = fitting if query.get("download") else fitting[(page - 1) * SIZE : page * SIZE]
    kept = {**keep, **{key: query[key] for key in ("q", "sort", "page", *filters) if query.get(key)}}
    return Listing(path, columns, shown, len(fitting), len(rows), page, pages, name, down, kept)


async def ask(
    visit: Visit,
    path: str,
    source: str,
    part: str,
    columns: Sequence[Column],
    query: Mapping[str, str],
    filters: Sequence[str] = (),
    sort: str = "",
    counted: str = "total",
) -> tuple[Listing, Answer]:
    """The part of a long list that an address asks for: the API searches, filters, sorts and cuts.

    Args:
        visit: who asks.
        path: of the page.
        source: of the list in the API.
        part: of its answer that has the rows.
        columns: that it can be sorted by, named as the API names them.
        query: of the address, as `arrange` reads it.
        filters: names that the address may give a value of.
        sort: where the address says nothing.
        counted: part of the answer that says how many rows fit.
    """
    wanted = query.get("sort", "") or sort
    down, name = wanted.startswith("-"), wanted.lstrip("-")
    if name not in {one.name for one in columns}:
        wanted, down, name = sort, sort.startswith("-"), sort.lstrip("-")
    asked: dict[str, object] = {"q": query.get("q", "")[:300], "sort": wanted}
    asked |= {one: query[one] for one in filters if query.get(one)}
    text = query.get("page", "")
    page = max(1, int(text) if text.isdecimal() and len(text) < _DIGITS else 1)
    cut: dict[str, object] = {} if query.get("download") else {"limit": SIZE, "after": (page - 1) * SIZE}
    answer = await visit.get(source, **asked, **cut)
    found = answer.part(counted, 0)
    pages = max(1, -(-found // SIZE))
    if page > pages:
        page = pages
        answer = await visit.get(source, **asked, limit=SIZE, after=(page - 1) * SIZE)
    kept = {key: query[key] for key in ("q", "sort", "page", *filters) if query.get(key)}
    rows, whole = answer.part(part, []), answer.part("whole", 0)
    return Listing(path, columns, rows, found, whole, page, pages, name, down, kept), answer


def cell(value: object) -> str:
    """A value for a table's file; text that a program would take for a formula is told to be text."""
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    text = "" if value is None else str(value)
    if _FORMULA.match(text) and decimal(text) is None:
        return f"'{text}"
    return text


def as_csv(name: str, columns: Sequence[Column], rows: Sequence[Row]) -> Response:
    """Rows as a file to download: names and figures as the API has them."""
    text = _lines([[one.name for one in columns], *_cells(columns, rows)])
    return Response(text, media_type="text/csv; charset=utf-8", headers=_attached(name))


async def whole_csv(
    visit: Visit, source: str, part: str, border: str, columns: Sequence[Column], name: str, **asked: object
) -> Response:
    """A list that goes on from a border as a file, all of it; written while the API is asked for more.

    Args:
        visit: who asks.
        source: of the list in the API.
        part: of its answer that has the rows.
        border: the parameter that takes the answer's `next`.
        columns: of the file.
        name: of the file.
        asked: what narrows the list, its order, and how much of it comes at once.
    """
    first = await visit.get(source, **asked)
    if not first.ok:
        return visit.failed(first)

    async def lines() -> AsyncIterator[bytes]:
        yield _lines([[one.name for one in columns]])
        answer: Answer = first
        while answer.ok:
            yield _lines(_cells(columns, answer.body[part]))
            if answer.body["next"] is None:
                return
            answer = await visit.get(source, **asked, **{border: answer.body["next"]})
        # Who saves half a list must not take it for the whole one.
        raise RuntimeError(f"{source}: {answer.status}")

    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=_attached(name))


def _cells(columns: Sequence[Column], rows: Sequence[Row]) -> list[list[str]]:
    return [[cell(one.value(row)) for one in columns] for row in rows]


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()


def _attached(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}.csv"'}
