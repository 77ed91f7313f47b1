"""Applications, approvals, grants, and what returns of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

import asyncpg
import msgspec

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.office.governance.ports import (
    Application,
    Award,
    GrantRow,
    GrantWish,
    Person,
    Policy,
    PoolRow,
    Sized,
    Step,
)
from rechenwerk.store.governance.capacity import policy_of, read_pool
from rechenwerk.store.governance.common import Connection, audit, lock_pool
from rechenwerk.store.governance.use import Drawings, day_number, drawings
from rechenwerk.store.moments import moment

_ROWS = """
select a.*, p.name as pool, o.name as organisation, j.name as project, g.tokens as granted_tokens, g.returned,
    g.course_from, g.course_drawn, g.noticed_on,
    array(select organisation_id::text || ' ' || key_id || ' ' || name from grant_approval s
          where s.application_id = a.id order by s.approved_at, s.key_id) as signed,
    array(select c.name from grant_contract x join contract c on c.id = x.contract_id
          where x.application_id = a.id order by c.name) as contracts
from grant_application a
join pool p on p.id = a.pool_id
join organisation o on o.id = a.organisation_id
join project j on j.organisation_id = a.organisation_id and j.id = a.project_id
left join granted g on g.application_id = a.id
"""
_HELD = """
select coalesce(sum(coalesce(g.tokens, a.tokens)), 0) from grant_application a
left join granted g on g.application_id = a.id
where a.organisation_id = $1 and a.project_id = $2 and a.pool_id = $3 and a.stage <> 'declined'
    and a.ends_on > $4
"""
_APPLY = """
insert into grant_application (organisation_id, project_id, pool_id, unit, amount, tokens, size, purpose,
    starts_on, ends_on, use_by, applied_key, applied_by, applied_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) returning id
"""
_SIGN = """
insert into grant_approval (application_id, organisation_id, key_id, name, approved_at)
values ($1, $2, $3, $4, $5)
"""
_DECLINE = "update grant_application set stage = 'declined', decided_at = $2, decision = $3 where id = $1"
_OPENS = """
insert into grant_contract select $1, organisation_id, contract_id from pool_grants($2) where name = any($3)
"""


class StoredGrants:
    """Grants.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def grants(self, organisation_id: int | None, owner: int | None) -> list[GrantRow]:
        """See `office.governance.ports.Grants`."""
        async with moment(self._pool) as connection:
            rows = await connection.fetch(
                f"{_ROWS} where a.organisation_id = $1 or p.organisation_id = $2 order by a.id desc",
                organisation_id,
                owner,
            )
            drawn = await _drawn(connection, rows)
            return [_grant(row, drawn) for row in rows]

    async def apply(
        self,
        who: Person,
        owner: int,
        pool: str,
        wish: GrantWish,
        at: datetime,
        decide: Callable[[PoolRow, int], Sized | Refusal],
    ) -> GrantRow | Refusal:
        """See `office.governance.ports.Grants`."""
        async with self._pool.acquire() as connection, connection.transaction():
            locked = await lock_pool(connection, owner, pool)
            if isinstance(locked, Refusal):
                return locked
            held = await connection.fetchval(
                _HELD, wish.organisation_id, wish.project_id, locked.id, at.date()
            )
            sized = decide(await read_pool(connection, locked.id, at), int(held))
            if isinstance(sized, Refusal):
                return sized
            made = await connection.fetchval(
                _APPLY,
                wish.organisation_id,
                wish.project_id,
                locked.id,
                wish.unit,
                wish.amount,
                sized.tokens,
                sized.size,
                wish.purpose,
                wish.starts_on,
                wish.ends_on,
                wish.use_by,
                who.key,
                who.name,
                at,
            )
            await connection.execute(_OPENS, made, locked.id, list(sized.contracts))
            row = await _row(connection, made)
            await _audited(connection, who, at, "grant applied for", None, row)
            return await _grant_if_signed(connection, who, row, at)

    async def approve(
        self,
        who: Person,
        owner: int,
        application: int,
        at: datetime,
        decide: Callable[[Application], Refusal | None],
    ) -> GrantRow | Refusal:
        """See `office.governance.ports.Grants`."""
        values = (who.organisation, who.key, who.name, at)
        return await self._decided(who, owner, application, at, decide, "grant approved", _SIGN, values)

    async def decline(
        self,
        who: Person,
        owner: int,
        application: int,
        reason: str,
        at: datetime,
        decide: Callable[[Application], Refusal | None],
    ) -> GrantRow | Refusal:
        """See `office.governance.ports.Grants`."""
        return await self._decided(
            who, owner, application, at, decide, "grant declined", _DECLINE, (at, reason)
        )

    async def _decided(
        self,
        who: Person,
        owner: int,
        application: int,
        at: datetime,
        decide: Callable[[Application], Refusal | None],
        what: str,
        query: str,
        values: Sequence[object],
    ) -> GrantRow | Refusal:
        """Write a decision down, if it counts; with the last signature that was missing the grant is made."""
        async with self._pool.acquire() as connection, connection.transaction():
            before = await _locked(connection, owner, application, decide)
            if isinstance(before, Refusal):
                return before
            await connection.execute(query, application, *values)
            row = await _row(connection, application)
            await _audited(connection, who, at, what, before, row)
            return await _grant_if_signed(connection, who, row, at)

    async def reclaim(
        self,
        who: Person,
        owner: int,
        at: datetime,
        plan: Callable[[Policy, tuple[tuple[Award, Mapping[int, int]], ...]], tuple[Step, ...]],
        dry_run: bool,
    ) -> list[tuple[Step, GrantRow]]:
        """See `office.governance.ports.Grants`."""
        done: list[tuple[Step, GrantRow]] = []
        async with self._pool.acquire() as connection, connection.transaction():
            pools = await connection.fetch(
                "select * from pool where organisation_id = $1 order by id for no key update", owner
            )
            for pool in pools:
                # Grants that are over as well: what they paid for was not drawn from others.
                rows = await connection.fetch(
                    f"{_ROWS} where a.pool_id = $1 and g.application_id is not null order by a.id", pool["id"]
                )
                drawn = await _drawn(connection, rows)
                awards = tuple((award_of(row), drawn.by_award.get(row["id"], {})) for row in rows)
                for step in plan(policy_of(pool), awards):
                    if not dry_run and step.action != "wait":
                        await _take(connection, who, step, drawn, at)
                    done.append((step, await _row(connection, step.award, drawn)))
        return done


async def _take(connection: Connection, who: Person, step: Step, drawn: Drawings, at: datetime) -> None:
    before = await _row(connection, step.award, drawn)
    if step.action == "notice":
        await connection.execute(
            "update granted set noticed_on = $2 where application_id = $1", step.award, at.date()
        )
    else:
        await connection.execute(
            "update granted set tokens = tokens - $2, returned = returned + $2, course_from = $3,"
            " course_drawn = $4, noticed_on = null where application_id = $1",
            step.award,
            step.idle.tokens,
            at.date(),
            before.drawn,
        )
    what = "grant notice" if step.action == "notice" else "grant returned"
    after = await _row(connection, step.award, drawn)
    await _audited(connection, who, at, what, before, after, step.idle.reason)


async def _locked(
    connection: Connection, owner: int, application: int, decide: Callable[[Application], Refusal | None]
) -> GrantRow | Refusal:
    found = await connection.fetchval(
        "select a.id from grant_application a join pool p on p.id = a.pool_id"
        " where a.id = $1 and p.organisation_id = $2 for no key update of a",
        application,
        owner,
    )
    if found is None:
        return bad_request(f"there is no application {application}", None, "application_not_found", 404)
    row = await _row(connection, application)
    return decide(row.application) or row


async def _grant_if_signed(connection: Connection, who: Person, row: GrantRow, at: datetime) -> GrantRow:
    """Make the grant when no signature is missing any more."""
    if row.application.stage != "applied" or row.application.needed:
        return row
    number = row.application.id
    await connection.execute(
        "insert into granted (application_id, tokens, course_from)"
        " select id, tokens, starts_on from grant_application where id = $1",
        number,
    )
    await connection.execute(
        "update grant_application set stage = 'granted', decided_at = $2 where id = $1", number, at
    )
    after = await _row(connection, number)
    await _audited(connection, who, at, "grant made", row, after)
    return after


async def _audited(
    connection: Connection,
    who: Person,
    at: datetime,
    what: str,
    before: GrantRow | None,
    after: GrantRow,
    reason: str = "",
) -> None:
    organisation = await connection.fetchval(
        "select organisation_id from grant_application where id = $1", after.application.id
    )
    stood = None if before is None else msgspec.to_builtins(before)
    stands = msgspec.to_builtins(after)
    if reason:
        stands["reason"] = reason
    await audit(connection, who, at, organisation, what, f"grant {after.application.id}", stood, stands)


async def _drawn(connection: Connection, rows: list[asyncpg.Record]) -> Drawings:
    awards: dict[tuple[int, int], list[Award]] = {}
    for row in rows:
        if row["granted_tokens"] is not None:
            awards.setdefault((row["pool_id"], row["project_id"]), []).append(award_of(row))
    return await drawings(connection, awards)


async def _row(connection: Connection, application: int, drawn: Drawings | None = None) -> GrantRow:
    row = await connection.fetchrow(f"{_ROWS} where a.id = $1", application)
    assert row is not None
    return _grant(row, drawn or Drawings({}))


def award_of(row: asyncpg.Record) -> Award:
    """A grant as the rules see it."""
    noticed: date | None = row["noticed_on"]
    return Award(
        id=row["id"],
        amount=int(row["granted_tokens"]),
        starts=day_number(row["starts_on"]),
        ends=day_number(row["ends_on"]),
        use_by=day_number(row["use_by"]),
        course_from=day_number(row["course_from"]),
        course_drawn=int(row["course_drawn"]),
        noticed=None if noticed is None else day_number(noticed),
    )


def _grant(row: asyncpg.Record, drawn: Drawings) -> GrantRow:
    granted = row["granted_tokens"]
    return GrantRow(
        organisation=row["organisation"],
        project=row["project"],
        pool=row["pool"],
        unit=row["unit"],
        amount=int(row["amount"]),
        tokens=int(row["tokens"]),
        purpose=row["purpose"],
        starts_on=row["starts_on"],
        ends_on=row["ends_on"],
        use_by=row["use_by"],
        applied_at=row["applied_at"],
        decided_at=row["decided_at"],
        decision=row["decision"],
        application=Application(
            id=row["id"],
            size=row["size"],
            applicant=Person(row["organisation_id"], row["applied_key"], row["applied_by"]),
            approvals=tuple(_signature(one) for one in row["signed"]),
            stage=row["stage"],
        ),
        granted=None if granted is None else int(granted),
        returned=int(row["returned"] or 0),
        drawn=sum(drawn.by_award.get(row["id"], {}).values()),
        noticed_on=row["noticed_on"],
        contracts=tuple(row["contracts"]),
    )


def _signature(text: str) -> Person:
    organisation, key, name = text.split(" ", 2)
    return Person(int(organisation), int(key), name)
