"""Route of the archive of a closed month: its sealed days with their rows, to be proved elsewhere.

Lines of JSON: a head; for every day its statement, then as many rows as it counts, byte by byte as they were
sealed; then the proofs of what belongs to the month and was sealed with a day of another one. Whoever has
them needs no database to compute the days' roots; see `cli.archive_file`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import msgspec
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from rechenwerk.base.ids import encode_call
from rechenwerk.office.access import BooksRealm, Realm
from rechenwerk.office.errors import refuse
from rechenwerk.office.exports import RECORDS, Streamed
from rechenwerk.office.seal_ports import Archived, InclusionProof
from rechenwerk.office.seals import key_view, proof_view
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
    found = await realm.desk.seals.archived(realm.organisation_id, first, end)
    if found is None:
        raise refuse(409, f"days of {period} are not sealed yet: rechenwerk books seal", "not_sealed")
    head = {
        "format": FORMAT,
        "organisation": realm.organisation,
        "organisation_id": str(realm.organisation_id),
        "period": month.name,
        "currency": await realm.desk.tenants.currency(),
        "days": len(found.seals),
        "leaves": sum(seal.leaves for seal in found.seals),
        "late": len(found.late),
        "keys": [key_view(key).model_dump(mode="json") for key in await realm.desk.seals.keys()],
    }
    headers = {
        "content-disposition": f'attachment; filename="books-{month.name}.jsonl"',
        RECORDS: str(sum(seal.leaves for seal in found.seals) + len(found.late)),
    }
    return Streamed(_lines(realm, found, head), AsyncExitStack(), "application/x-ndjson", headers)


async def _lines(realm: Realm, found: Archived, head: dict[str, object]) -> AsyncIterator[bytes]:
    yield msgspec.json.encode(head) + b"\n"
    for seal in found.seals:
        said = {"statement": seal.statement, "signature": seal.signature.hex(), "key": seal.key_id}
        yield msgspec.json.encode(said) + b"\n"
        async for some in realm.desk.seals.leaves(realm.organisation_id, seal):
            yield "".join(f"{leaf}\n" for leaf in some).encode()
    for subject in found.late:
        proof = await realm.desk.seals.prove(realm.organisation_id, subject)
        if isinstance(proof, InclusionProof):  # else the reader misses it, and says so
            name = encode_call(subject) if subject > 0 else f"{subject}"
            yield proof_view(name, proof).model_dump_json().encode() + b"\n"


def add_archive_routes(router: APIRouter) -> None:
    """Join the route of this page to the API."""
    router.add_api_route(
        "/books/archive/{period}", archive, methods=["GET"], tags=["books"], response_class=StreamingResponse
    )
