"""Pools, their tariffs, and what was sold of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import asyncpg
import msgspec

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.office.governance.ports import (
    Fee,
    MemberName,
    MemberRow,
    Person,
    Policy,
    PoolRow,
    PoolState,
    PoolWish,
    Priced,
    SaleRow,
    SaleWish,
    member_name,
)
from rechenwerk.store.governance.common import Connection, audit, lock_pool, no_such
from rechenwerk.store.moments import moment

_TWICE = "RW004"
_MEMBERS = """
select distinct on (m.deployment_id) m.deployment_id, d.model, v.name as provider, c.name as contract,
    m.tokens_per_minute, least(m.tokens_per_minute, d.tokens_per_minute) as gives,
    case when not d.active then 'inactive' when s.out_since is not null then 'out' else 'active' end as state
from pool_member m
join deployment d on d.id = m.deployment_id
join provider v on v.organisation_id = d.organisation_id and v.id = d.provider_id
join contract c on c.organisation_id = d.organisation_id and c.id = d.contract_id
left join site s on s.organisation_id = d.organisation_id and s.id = d.site_id
where m.pool_id = $1 order by m.deployment_id, m.valid_from desc
"""
_POOL = """
select *, pool_capacity(id) as capacity, pool_kept(id) as kept,
    pool_sold(id, $1, $1::timestamptz + interval '1 second') as sold, pool_sold(id, $1, 'infinity') as peak
from pool
"""
_TARIFFS = """
select distinct on (unit) unit, rate from capacity_tariff where pool_id = $1 and valid_from <= $2
order by unit, valid_from desc
"""
_DEPLOYMENT = """
select d.id, d.tokens_per_minute, c.name as contract from deployment d
join provider v on v.organisation_id = d.organisation_id and v.id = d.provider_id
join contract c on c.organisation_id = d.organisation_id and c.id = d.contract_id
where d.organisation_id = $1 and d.model = $2 and v.name = $3 and ($4::text is null or c.name = $4)
order by d.active desc, d.id
"""
_SALES = """
select s.id, o.name as organisation, j.name as project, p.name as pool, s.unit, s.amount, s.lendable,
    s.reclaim, s.starts_at, s.ends_at, s.currency, s.rate, s.fee, s.refunded, s.sold_at, s.cancelled_at
from capacity_sale s
join organisation o on o.id = s.organisation_id
join project j on j.organisation_id = s.organisation_id and j.id = s.project_id
join pool p on p.id = s.pool_id
"""
_SELL = """
insert into capacity_sale (organisation_id, project_id, pool_id, unit, amount, lendable, reclaim, starts_at,
    ends_at, currency, rate, fee, sold_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, (select currency from installation), $10, $11, $12) returning id
"""
_SETTINGS = ("tokens_per_gpu_hour", "small_grant", "medium_grant", "idle_days", "least_share", "notice_days")


class StoredCapacity:
    """Pools, tariffs, sales.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def pools(self, owner: int, at: datetime) -> list[PoolRow]:
        """See `office.governance.ports.Capacity`."""
        async with moment(self._pool) as connection:
            rows = await connection.fetch(f"{_POOL} where organisation_id = $2 order by name", at, owner)
            return [await _pool_row(connection, row, at) for row in rows]

    async def set_pool(
        self,
        who: Person,
        owner: int,
        wish: PoolWish,
        at: datetime,
        decide: Callable[[PoolState, int], Refusal | None],
    ) -> Refusal | None:
        """See `office.governance.ports.Capacity`."""
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                # A refusal may come when some of it is written: raised, so that nothing of it stays.
                await _set_pool(connection, who, owner, wish, at, decide)
        except _UndoError as undo:
            return undo.refusal
        except asyncpg.PostgresError as error:
            if error.sqlstate != _TWICE:
                raise
            return bad_request(f"{error}; remove it there first", "members", "deployment_in_pool", 409)
        return None

    async def set_tariff(
        self, who: Person, owner: int, pool: str, unit: str, rate: str, at: datetime
    ) -> Refusal | None:
        """See `office.governance.ports.Capacity`."""
        async with self._pool.acquire() as connection, connection.transaction():
            locked = await lock_pool(connection, owner, pool)
            if isinstance(locked, Refusal):
                return locked
            before = {one["unit"]: one["rate"] for one in await connection.fetch(_TARIFFS, locked.id, at)}
            await connection.execute(
                "insert into capacity_tariff (pool_id, unit, valid_from, currency, rate)"
                " values ($1, $2, $3, (select currency from installation), $4)"
                " on conflict (pool_id, unit, valid_from) do update set rate = excluded.rate",
                locked.id,
                unit,
                at,
                rate,
            )
            await audit(
                connection, who, at, owner, "tariff set", f"pool {pool}", before, {**before, unit: rate}
            )
        return None

    async def sales(self, organisation_id: int) -> list[SaleRow]:
        """See `office.governance.ports.Capacity`."""
        query = f"{_SALES} where s.organisation_id = $1 order by s.id desc"
        return [_sale(row) for row in await self._pool.fetch(query, organisation_id)]

    async def sold(self, owner: int, pool: str | None) -> list[SaleRow]:
        """See `office.governance.ports.Capacity`."""
        query = (
            f"{_SALES} where p.organisation_id = $1 and ($2::text is null or p.name = $2) order by s.id desc"
        )
        return [_sale(row) for row in await self._pool.fetch(query, owner, pool)]

    async def sell(
        self,
        who: Person,
        owner: int,
        pool: str,
        wish: SaleWish,
        at: datetime,
        decide: Callable[[PoolState, str | None], Priced | Refusal],
    ) -> SaleRow | Refusal:
        """See `office.governance.ports.Capacity`."""
        async with self._pool.acquire() as connection, connection.transaction():
            locked = await lock_pool(connection, owner, pool)
            if isinstance(locked, Refusal):
                return locked
            tariffs = {one["unit"]: one["rate"] for one in await connection.fetch(_TARIFFS, locked.id, at)}
            priced = decide(locked.state, wish.rate or tariffs.get(wish.unit))
            if isinstance(priced, Refusal):
                return priced
            made = await connection.fetchval(
                _SELL,
                wish.organisation_id,
                wish.project_id,
                locked.id,
                wish.unit,
                wish.amount,
                wish.lendable,
                wish.reclaim,
                wish.starts_at,
                wish.ends_at,
                priced.rate,
                priced.fee,
                at,
            )
            await _fee(connection, wish.organisation_id, made, priced.fee, f"capacity of {pool} sold", at)
            sale = await _one_sale(connection, made)
            await audit(
                connection, who, at, wish.organisation_id, "capacity sold", f"sale {made}", None, _shown(sale)
            )
        return sale

    async def cancel(
        self, who: Person, owner: int, sale: int, at: datetime, refund: Callable[[SaleRow], int]
    ) -> SaleRow | Refusal:
        """See `office.governance.ports.Capacity`."""
        async with self._pool.acquire() as connection, connection.transaction():
            buyer = await connection.fetchval(
                "select s.organisation_id from capacity_sale s join pool p on p.id = s.pool_id"
                " where s.id = $1 and p.organisation_id = $2 for no key update of s",
                sale,
                owner,
            )
            if buyer is None:
                return no_such("sale", sale)
            before = await _one_sale(connection, sale)
            if before.cancelled_at is not None:
                return bad_request(f"sale {sale} is cancelled already", None, "already_cancelled", 409)
            if before.ends_at <= at:
                return bad_request(f"sale {sale} is over", None, "sale_over", 409)
            back = refund(before)
            await connection.execute(
                "update capacity_sale set cancelled_at = greatest($2, starts_at), refunded = $3"
                " where id = $1",
                sale,
                at,
                back,
            )
            await _fee(connection, buyer, sale, -back, f"sale {sale} cancelled", at)
            after = await _one_sale(connection, sale)
            await audit(
                connection, who, at, buyer, "sale cancelled", f"sale {sale}", _shown(before), _shown(after)
            )
        return after

    async def fees(self, organisation_id: int) -> list[Fee]:
        """See `office.governance.ports.Capacity`."""
        rows = await self._pool.fetch(
            "select f.id, p.name as project, f.kind, f.sale_id as sale, f.amount, f.reason, f.booked_at"
            " from fee f join project p on p.organisation_id = f.organisation_id and p.id = f.project_id"
            " where f.organisation_id = $1 order by f.id",
            organisation_id,
        )
        return [Fee(**{**row, "amount": int(row["amount"])}) for row in rows]


class _UndoError(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


async def _set_pool(
    connection: Connection,
    who: Person,
    owner: int,
    wish: PoolWish,
    at: datetime,
    decide: Callable[[PoolState, int], Refusal | None],
) -> None:
    await connection.execute(
        "insert into pool (organisation_id, name, created_at) values ($1, $2, $3) on conflict do nothing",
        owner,
        wish.name,
        at,
    )
    locked = await lock_pool(connection, owner, wish.name)
    if isinstance(locked, Refusal):
        raise _UndoError(locked)
    row = await connection.fetchrow(f"{_POOL} where id = $2", at, locked.id)
    assert row is not None
    before = await _pool_row(connection, row, at)
    changed = {
        name: value for name in _SETTINGS if (value := getattr(wish, name)) is not None and value != row[name]
    }
    for name, value in changed.items():
        await connection.execute(f"update pool set {name} = $2 where id = $1", locked.id, value)  # noqa: S608
    if wish.members is not None:
        steps, total = await _plan_members(connection, owner, locked.id, wish.members)
        refusal = decide(locked.state, total)
        if refusal is not None:
            raise _UndoError(refusal)
        await _write_members(connection, owner, locked.id, steps, at)
    row = await connection.fetchrow(f"{_POOL} where id = $2", at, locked.id)
    assert row is not None
    after = await _pool_row(connection, row, at)
    await audit(connection, who, at, owner, "pool set", f"pool {wish.name}", _public(before), _public(after))


async def _plan_members(
    connection: Connection, owner: int, pool: int, members: Mapping[MemberName, int | None]
) -> tuple[list[tuple[int, int]], int]:
    """What changes, growth first so that no moment between promises too much; and the capacity to be."""
    now = {row["deployment_id"]: row for row in await connection.fetch(_MEMBERS, pool)}
    held = {one: row["tokens_per_minute"] for one, row in now.items()}
    wanted = dict.fromkeys(held, 0)
    gives: dict[int, int] = {}
    for name, tokens in members.items():
        deployment, limit = await _deployment(connection, owner, name)
        if deployment in gives:
            raise _UndoError(_wrong(f"{member_name(name)} is named twice; name it once"))
        found = limit if tokens is None else tokens
        if found is None:
            raise _UndoError(
                _wrong(
                    f"{member_name(name)} has no tokens_per_minute in the configuration; say what it gives"
                )
            )
        if limit is not None and found > limit:
            raise _UndoError(
                _wrong(f"{member_name(name)} takes {limit:,} tokens per minute, it cannot give {found:,}")
            )
        gives[deployment] = found
    wanted |= gives
    active = await connection.fetchval(
        "select array(select id from deployment where id = any($1::bigint[]) and active)", list(wanted)
    )
    steps = [(one, tokens) for one, tokens in wanted.items() if tokens != held.get(one, 0)]
    steps.sort(key=lambda step: held.get(step[0], 0) - step[1])
    return steps, sum(wanted[one] for one in active)


async def _deployment(connection: Connection, owner: int, name: MemberName) -> tuple[int, int | None]:
    """A deployment's id and its own limit, tokens per minute."""
    rows = await connection.fetch(_DEPLOYMENT, owner, *name)
    if not rows:
        raise _UndoError(no_such("deployment", member_name(name)))
    if len(rows) > 1:
        contracts = ", ".join(repr(row["contract"]) for row in rows)
        raise _UndoError(
            _wrong(f"{member_name(name)} stands under several contracts: say which, one of {contracts}")
        )
    return rows[0]["id"], rows[0]["tokens_per_minute"]


def _wrong(message: str) -> Refusal:
    return bad_request(message, "members", "invalid_value", 422)


async def _write_members(
    connection: Connection, owner: int, pool: int, steps: list[tuple[int, int]], at: datetime
) -> None:
    for deployment, tokens in steps:
        try:
            await connection.execute(
                "insert into pool_member (organisation_id, pool_id, deployment_id, valid_from,"
                " tokens_per_minute) values ($1, $2, $3, $4, $5)",
                owner,
                pool,
                deployment,
                at,
                tokens,
            )
        except asyncpg.UniqueViolationError:
            refusal = bad_request(
                "this member changed a moment ago; try again", "members", "changed_meanwhile", 409
            )
            raise _UndoError(refusal) from None


_POOL_GRANTS = "select name from pool_grants($1) order by name"


async def _pool_row(connection: Connection, row: asyncpg.Record, at: datetime) -> PoolRow:
    members = [one for one in await connection.fetch(_MEMBERS, row["id"]) if one["tokens_per_minute"]]
    tariffs = await connection.fetch(_TARIFFS, row["id"], at)
    grants = [one["name"] for one in await connection.fetch(_POOL_GRANTS, row["id"])]
    return PoolRow(
        id=row["id"],
        name=row["name"],
        tokens_per_gpu_hour=row["tokens_per_gpu_hour"],
        policy=policy_of(row),
        members=tuple(
            MemberRow(one["model"], one["provider"], one["contract"], one["gives"], one["state"])
            for one in members
        ),
        capacity=int(row["capacity"]),
        kept=int(row["kept"]),
        sold=int(row["sold"]),
        peak=int(row["peak"]),
        tariffs={one["unit"]: one["rate"] for one in tariffs},
        grants=tuple(grants),
    )


async def read_pool(connection: Connection, pool: int, at: datetime) -> PoolRow:
    """One pool by its id."""
    row = await connection.fetchrow(f"{_POOL} where id = $2", at, pool)
    assert row is not None
    return await _pool_row(connection, row, at)


def policy_of(row: asyncpg.Record) -> Policy:
    """A pool's rules for grants."""
    return Policy(
        int(row["small_grant"]),
        int(row["medium_grant"]),
        row["idle_days"],
        row["least_share"],
        row["notice_days"],
    )


async def _fee(
    connection: Connection, organisation_id: int, sale: int, amount: int, reason: str, at: datetime
) -> None:
    await connection.execute(
        "select book_fee($1, (select project_id from capacity_sale where id = $2), $2, $3, $4, $5)",
        organisation_id,
        sale,
        amount,
        reason,
        at,
    )


async def _one_sale(connection: Connection, sale: int) -> SaleRow:
    row = await connection.fetchrow(f"{_SALES} where s.id = $1", sale)
    assert row is not None
    return _sale(row)


def _sale(row: asyncpg.Record) -> SaleRow:
    return SaleRow(**{**row, "fee": int(row["fee"]), "refunded": int(row["refunded"])})


def _shown(sale: SaleRow) -> dict[str, object]:
    """For the audit: money as text, because JSON's numbers are floats to many."""
    return {**msgspec.structs.asdict(sale), "fee": str(sale.fee), "refunded": str(sale.refunded)}


def _public(pool: PoolRow) -> dict[str, object]:
    return {
        "members": {
            member_name((one.model, one.provider, one.contract)): one.tokens_per_minute
            for one in pool.members
        },
        "tokens_per_gpu_hour": pool.tokens_per_gpu_hour,
        **msgspec.structs.asdict(pool.policy),
    }
