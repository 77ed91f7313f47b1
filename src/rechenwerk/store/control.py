"""Tenants in PostgreSQL: organisations, projects, keys, guards. Fills `office.ports.Tenants`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.office.part_ports import Cut
from rechenwerk.office.ports import (
    OPERATOR,
    Caller,
    Desk,
    Founding,
    Guard,
    GuardUse,
    Key,
    KeysPart,
    NewKey,
    Organisation,
    Project,
    TakenError,
)
from rechenwerk.store.audits import StoredAudits
from rechenwerk.store.bills import StoredBills
from rechenwerk.store.books import StoredBooks
from rechenwerk.store.budgets.desk import open_budgets
from rechenwerk.store.close import StoredClosing
from rechenwerk.store.concentration import StoredConcentration
from rechenwerk.store.configuration import StoredConfiguration
from rechenwerk.store.costs import StoredCosts
from rechenwerk.store.exports import StoredExports
from rechenwerk.store.governance import open_governance
from rechenwerk.store.journal import StoredJournal
from rechenwerk.store.keys import keys_part
from rechenwerk.store.payments import StoredPayments
from rechenwerk.store.people import StoredPeople
from rechenwerk.store.plans import StoredPlans
from rechenwerk.store.positions import StoredPositions
from rechenwerk.store.seals import StoredSeals
from rechenwerk.store.sites import StoredSites
from rechenwerk.store.sums import StoredSums
from rechenwerk.store.switches import StoredSwitches
from rechenwerk.store.tariffs import StoredTariffs
from rechenwerk.store.unfit import UNFIT
from rechenwerk.store.verifying import StoredVerifier
from rechenwerk.store.vouchers import StoredVouchers

_FOUNDING_LOCK = 0x5EC4E5  # any number; all installations use the same

_GUARDS = """
select g.project_id, g.key_id, g.unit, g.period, g.amount, g.hard, coalesce(w.granted, 0) as granted,
    coalesce(s.held, 0) as held, coalesce(s.posted, 0) as posted
from guard g
left join unnest($2::text[], $3::timestamptz[]) u(period, starts) on u.period = g.period
left join guard_window w on w.guard_id = g.id and w.starts_at = u.starts
left join lateral (select sum(held) as held, sum(posted) as posted from slice
    where guard_id = w.guard_id and starts_at = w.starts_at) s on true
where g.organisation_id = $1 and g.active and not g.wallet
    and (g.key_id is not null) = $4 and ($5::bigint[] is null or coalesce(g.key_id, g.project_id) = any($5))
order by g.unit, g.period
"""

Connection = asyncpg.Connection | PoolConnectionProxy
_Guards = dict[tuple[int | None, int | None], list[GuardUse]]
"""By project and key."""


class StoredTenants:
    """Organisations, projects, keys, guards.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def currency(self) -> str:
        """The installation's currency."""
        currency: str = await self._pool.fetchval("select currency from installation")
        return currency

    async def caller(self, key_hash: bytes, now: datetime) -> Caller | None:
        """Whose key this is; None when unknown, revoked or expired."""
        row = await self._pool.fetchrow(
            "select k.organisation_id, o.name, k.id, k.scopes, k.name as key_name, k.expires_at"
            " from api_key k"
            " join organisation o on o.id = k.organisation_id"
            " where k.hash = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > $2)",
            key_hash,
            now,
        )
        if row is None:
            return None
        return Caller(
            row["organisation_id"],
            row["name"],
            row["id"],
            frozenset(row["scopes"]),
            row["key_name"],
            row["expires_at"],
        )

    async def organisations(self) -> list[Organisation]:
        """All tenants, the operator's own included."""
        rows = await self._pool.fetch("select id, name, created_at from organisation order by id")
        return [Organisation(**row) for row in rows]

    async def organisation(self, name: str) -> Organisation | None:
        """The tenant of that name."""
        row = await self._pool.fetchrow("select id, name, created_at from organisation where name = $1", name)
        return Organisation(**row) if row else None

    async def create_organisation(self, name: str) -> Organisation:
        """A new tenant; raises TakenError."""
        row = await self._pool.fetchrow(
            "insert into organisation (name) values ($1) on conflict do nothing"
            " returning id, name, created_at",
            name,
        )
        if row is None:
            raise TakenError(f"there is an organisation {name!r} already")
        return Organisation(**row)

    async def found(self, founding: Founding) -> bool:
        """Create all of it in one transaction; False when any tenant besides the operator exists."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _FOUNDING_LOCK)
            if await connection.fetchval("select exists (select from organisation where id <> $1)", OPERATOR):
                return False
            organisation_id = await connection.fetchval(
                "insert into organisation (name) values ($1) returning id", founding.organisation
            )
            project_id = await connection.fetchval(
                "insert into project (organisation_id, name) values ($1, $2) returning id",
                organisation_id,
                founding.project,
            )
            await _guard(connection, organisation_id, project_id, None, [founding.budget])
            await _insert_key(connection, organisation_id, project_id, founding.key)
        return True

    async def projects(
        self, organisation_id: int, windows: Mapping[str, datetime], only: int | None = None
    ) -> list[Project]:
        """The organisation's projects, or one, with what their guards have seen in the given windows."""
        rows = await self._pool.fetch(
            "select p.id, p.name, p.created_at, p.data_class, p.service_class, p.weight,"
            " coalesce(k.keys, 0) as keys from project p left join (select project_id, count(*) as keys"
            " from api_key where organisation_id = $1 and person_id is null and revoked_at is null"
            " and (expires_at is null or expires_at > now()) group by project_id) k on k.project_id = p.id"
            " where p.organisation_id = $1 and ($2::bigint is null or p.id = $2) order by p.name",
            organisation_id,
            only,
        )
        guards = await self._guards(organisation_id, windows, _only(only), of_keys=False)
        return [Project(**row, guards=tuple(guards.get((row["id"], None), ()))) for row in rows]

    async def project_class(self, organisation_id: int, name: str) -> tuple[int, str] | None:
        """The id and the data class of the project of that name."""
        row = await self._pool.fetchrow(
            "select id, data_class from project where organisation_id = $1 and name = $2",
            organisation_id,
            name,
        )
        return None if row is None else (row["id"], row["data_class"])

    async def project_id(self, organisation_id: int, name: str) -> int | None:
        """The project of that name."""
        found: int | None = await self._pool.fetchval(
            "select id from project where organisation_id = $1 and name = $2", organisation_id, name
        )
        return found

    async def project_of_key(self, organisation_id: int, key_id: int) -> str | None:
        """The name of a key's project."""
        found: str | None = await self._pool.fetchval(
            "select p.name from api_key k"
            " join project p on p.organisation_id = k.organisation_id and p.id = k.project_id"
            " where k.organisation_id = $1 and k.id = $2",
            organisation_id,
            key_id,
        )
        return found

    async def create_project(self, organisation_id: int, name: str, data_class: str = "internal") -> int:
        """A new project's id; raises TakenError."""
        made: int | None = await self._pool.fetchval(
            "insert into project (organisation_id, name, data_class) values ($1, $2, $3)"
            " on conflict do nothing returning id",
            organisation_id,
            name,
            data_class,
        )
        if made is None:
            raise TakenError(f"there is a project {name!r} already")
        return made

    async def classify_project(self, organisation_id: int, project_id: int, data_class: str) -> None:
        """From now on the project's data is of this class."""
        await self._pool.execute(
            "update project set data_class = $3 where organisation_id = $1 and id = $2",
            organisation_id,
            project_id,
            data_class,
        )

    async def serve_project(
        self, organisation_id: int, project_id: int, service_class: str | None, weight: int | None
    ) -> None:
        """From now on the project's work is of this class, and of this weight; None leaves one as it is."""
        await self._pool.execute(
            "update project set service_class = coalesce($3, service_class), weight = coalesce($4, weight)"
            " where organisation_id = $1 and id = $2",
            organisation_id,
            project_id,
            service_class,
            weight,
        )

    async def guard_project(self, organisation_id: int, project_id: int, guards: Sequence[Guard]) -> None:
        """Set, change or remove guards of a project."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _guard(connection, organisation_id, project_id, None, guards)

    async def guard_organisation(self, organisation_id: int, guards: Sequence[Guard]) -> None:
        """Set, change or remove guards of the organisation itself."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _guard(connection, organisation_id, None, None, guards)

    async def guard_key(
        self, organisation_id: int, project_id: int, key_id: int, guards: Sequence[Guard]
    ) -> None:
        """Set, change or remove guards of a key."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _guard(connection, organisation_id, project_id, key_id, guards)

    async def keys(
        self, organisation_id: int, windows: Mapping[str, datetime], only: int | None = None
    ) -> list[Key]:
        """All keys, or one, revoked ones too, oldest first."""
        rows = await self._pool.fetch(
            "select k.id, k.name, p.name as project, k.project_id, k.hint, k.scopes, k.created_at,"
            " k.expires_at, k.revoked_at from api_key k"
            " join project p on p.organisation_id = k.organisation_id and p.id = k.project_id"
            " where k.organisation_id = $1 and k.person_id is null"
            " and ($2::bigint is null or k.id = $2) order by k.id",
            organisation_id,
            only,
        )
        guards = await self._guards(organisation_id, windows, _only(only), of_keys=True)
        return [_key(row, guards) for row in rows]

    async def keys_part(
        self,
        organisation_id: int,
        windows: Mapping[str, datetime],
        now: datetime,
        project: str | None,
        state: str | None,
        wanted: Cut,
    ) -> KeysPart:
        """The part of the keys that is asked for."""
        found = await keys_part(self._pool, organisation_id, windows, now, project, state, wanted)
        rows = [row for row in found if row["place"] is not None]
        guards = await self._guards(organisation_id, windows, [row["id"] for row in rows], of_keys=True)
        known = await self._pool.fetch(
            "select p.name, count(*) as keys from api_key k"
            " join project p on p.organisation_id = k.organisation_id and p.id = k.project_id"
            " where k.organisation_id = $1 and k.person_id is null group by p.name"
            ' order by p.name collate "C"',
            organisation_id,
        )
        return KeysPart(
            [_key(row, guards) for row in rows],
            found[0]["total"],
            sum(row["keys"] for row in known),
            tuple(row["name"] for row in known),
        )

    async def create_key(self, organisation_id: int, project_id: int, key: NewKey) -> int:
        """Store a key and its guards; its id."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await _insert_key(connection, organisation_id, project_id, key)

    async def revoke_key(self, organisation_id: int, key_id: int, now: datetime) -> None:
        """From now on the key opens nothing; a second time changes nothing."""
        await self._pool.execute(
            "update api_key set revoked_at = $3"
            " where organisation_id = $1 and id = $2 and revoked_at is null",
            organisation_id,
            key_id,
            now,
        )

    async def _guards(
        self, organisation_id: int, windows: Mapping[str, datetime], only: list[int] | None, *, of_keys: bool
    ) -> _Guards:
        rows = await self._pool.fetch(
            _GUARDS, organisation_id, list(windows), list(windows.values()), of_keys, only
        )
        found: _Guards = {}
        for row in rows:
            use = GuardUse(
                row["unit"],
                row["period"],
                int(row["amount"]),
                row["hard"],
                int(row["granted"]),
                int(row["held"]),
                int(row["posted"]),
            )
            found.setdefault((row["project_id"], row["key_id"]), []).append(use)
        return found


def _only(one: int | None) -> list[int] | None:
    return None if one is None else [one]


def _key(row: asyncpg.Record, guards: _Guards) -> Key:
    return Key(
        id=row["id"],
        name=row["name"],
        project=row["project"],
        hint=row["hint"],
        scopes=tuple(row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        guards=tuple(guards.get((row["project_id"], row["id"]), ())),
    )


async def _insert_key(connection: Connection, organisation_id: int, project_id: int, key: NewKey) -> int:
    key_id: int = await connection.fetchval(
        "insert into api_key (organisation_id, project_id, name, hash, hint, scopes, expires_at, data_class)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8) returning id",
        organisation_id,
        project_id,
        key.name,
        key.hash,
        key.hint,
        list(key.scopes),
        key.expires_at,
        key.data_class,
    )
    await _guard(connection, organisation_id, project_id, key_id, key.guards)
    return key_id


async def _guard(
    connection: Connection,
    organisation_id: int,
    project_id: int | None,
    key_id: int | None,
    guards: Sequence[Guard],
) -> None:
    for guard in guards:
        if guard.amount is None:
            await connection.execute(
                "update guard set active = false where organisation_id = $1"
                " and project_id is not distinct from $2 and key_id is not distinct from $3"
                " and unit = $4 and period = $5 and not wallet",
                organisation_id,
                project_id,
                key_id,
                guard.unit,
                guard.period,
            )
        else:
            await connection.execute(
                "insert into guard (organisation_id, project_id, key_id, unit, period, amount, hard)"
                " values ($1, $2, $3, $4, $5, $6, $7)"
                " on conflict (organisation_id, project_id, key_id, unit, period, wallet)"
                " do update set amount = excluded.amount, hard = excluded.hard, active = true",
                organisation_id,
                project_id,
                key_id,
                guard.unit,
                guard.period,
                guard.amount,
                guard.hard,
            )


def open_desk(pool: asyncpg.Pool) -> Desk:
    """All storage of the office over one pool."""
    return Desk(
        StoredTenants(pool),
        StoredConfiguration(pool),
        StoredBooks(pool),
        StoredSites(pool),
        StoredPositions(pool),
        StoredAudits(pool),
        open_governance(pool),
        StoredConcentration(pool),
        StoredVouchers(pool),
        StoredCosts(pool),
        StoredTariffs(pool),
        StoredClosing(pool),
        StoredBills(pool),
        StoredPayments(pool),
        StoredExports(pool),
        StoredSums(pool),
        StoredJournal(pool),
        StoredSeals(pool),
        open_budgets(pool),
        StoredVerifier(pool),
        StoredPeople(pool),
        StoredPlans(pool),
        StoredSwitches(pool),
        UNFIT,
    )
