"""Route of the archive of a closed month: its sealed days with their rows, to be proved elsewhere.

Lines of JSON: a head; for every day its statement, then as many rows as it counts, byte by byte as they were
sealed. Whoever has them needs no database to compute the days' roots; see `cli.archive_file`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import msgspec
from fastapi import APIRouter

from rechenwerk.office.access import BooksRealm, Realm
from rechenwerk.office.errors import refuse
from rechenwerk.office.exports import RECORDS, Streamed
from rechenwerk.office.seal_ports import Seal
from rechenwerk.office.seals import key_view
from rechenwerk.office.vouchers import period_of

FORMAT = "rechenwerk-archive-1"


async def archive(realm: BooksRealm, period: str) -> Streamed:
    """The rows of a closed month's sealed days, each day with its signed statement.

    The header `x-rechenwerk-records` counts the rows.
    """
    month = period_of(period)
    if (await realm.desk.closing.standing(realm.organisation_id, month)).closed is None:
        hint = f"rechenwerk books close {month.name}"
        raise refuse(409, f"{month.name} is not closed; close it first: {hint}", "not_closed")
    first, end = month.starts.date(), month.ends.date()
    seals = await realm.desk.seals.days(realm.organisation_id, first, end)
    if seals is None:
        raise refuse(409, f"days of {period} are not sealed yet: rechenwerk books seal", "not_sealed")
    head = {
        "format": FORMAT,
        "organisation": realm.organisation,
        "organisation_id": str(realm.organisation_id),
        "period": month.name,
        "currency": await realm.desk.tenants.currency(),
        "days": len(seals),
        "leaves": sum(seal.leaves for seal in seals),
        "keys": [key_view(key).model_dump(mode="json") for key in await realm.desk.seals.keys()],
    }
    headers = {
        "content-disposition": f'attachment; filename="books-{month.name}.jsonl"',
        RECORDS: str(head["leaves"]),
    }
    return Streamed(_lines(realm, seals, head), AsyncExitStack(), "application/x-ndjson", headers)


async def _lines(realm: Realm, seals: Sequence[Seal], head: dict[str, object]) -> AsyncIterator[bytes]:
    yield msgspec.json.encode(head) + b"\n"
    for seal in seals:
        said = {"statement": seal.statement, "signature": seal.signature.hex(), "key": seal.key_id}
        yield msgspec.json.encode(said) + b"\n"
        async for some in realm.desk.seals.leaves(realm.organisation_id, seal):
            yield "".join(f"{leaf}\n" for leaf in some).encode()


def add_archive_routes(router: APIRouter) -> None:
    """Join the route of this page to the API."""
    router.add_api_route(
        "/books/archive/{period}", archive, methods=["GET"], tags=["books"], response_class=Streamed
    )
