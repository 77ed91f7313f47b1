"""What the pages of governance share: the pool's lock, what it promises, the audit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.office.governance.ports import Person, PoolState, Sold

Connection = asyncpg.Connection | PoolConnectionProxy

_LOCKED = """
select id, name, pool_capacity(id) as total, pool_kept(id) as kept from pool
where organisation_id = $1 and name = $2 for no key update
"""
_SOLD = """
select unit, amount, extract(epoch from starts_at)::bigint as starts,
    extract(epoch from until)::bigint as ends
from capacity_sale where pool_id = $1 and until > starts_at
"""
_AUDIT = """
insert into audit_event (at, organisation_id, actor_organisation, key_id, who, what, subject, before, after,
    address)
values ($1, $2, $3, nullif($4::bigint, 0), $5, $6, $7, $8, $9, nullif($10, ''))
"""


class Locked(msgspec.Struct, frozen=True):
    """A pool that nobody else changes until the transaction ends."""

    id: int
    state: PoolState


async def lock_pool(connection: Connection, owner: int, name: str) -> Locked | Refusal:
    """Lock a pool, then read it: what is read cannot change before the transaction ends."""
    found = await connection.fetchval(
        "select id from pool where organisation_id = $1 and name = $2 for no key update", owner, name
    )
    if found is None:
        return no_such("pool", name)
    # Read in a statement of its own: one that waited for the lock would still see what was before.
    row = await connection.fetchrow(_LOCKED, owner, name)
    assert row is not None
    sold = tuple(Sold(**one) for one in await connection.fetch(_SOLD, found))
    return Locked(found, PoolState(row["name"], int(row["total"]), int(row["kept"]), sold))


def no_such(what: str, name: object) -> Refusal:
    """Nothing of that name in reach of the caller."""
    return bad_request(f"there is no {what} {name!r}", what, f"{what.replace(' ', '_')}_not_found", 404)


async def audit(
    connection: Connection,
    who: Person,
    at: datetime,
    organisation_id: int,
    what: str,
    subject: str,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
) -> None:
    """Write down who did what, in the transaction of the deed.

    Args:
        connection: of the deed.
        who: acts; the key 0 is the house itself.
        at: when.
        organisation_id: whom it concerns, and who may read it.
        what: such as ``sale cancelled``.
        subject: such as ``sale 7``.
        before: what stood.
        after: what stands.
    """
    await connection.execute(
        _AUDIT,
        at,
        organisation_id,
        who.organisation,
        who.key,
        who.name,
        what,
        subject,
        None if before is None else msgspec.json.encode(before).decode(),
        None if after is None else msgspec.json.encode(after).decode(),
        who.address,
    )
