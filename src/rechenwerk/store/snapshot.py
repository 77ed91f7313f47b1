"""Snapshots of tenants for gateway processes, and stored answers, on PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MappingProxyType

import asyncpg

from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.gateway.ports import DrawRow, KeyRow, Snapshot, Stored
from rechenwerk.ledger.guards import GuardRow, Owner
from rechenwerk.routing.ports import DataClass
from rechenwerk.store.moments import moment
from rechenwerk.store.offers import (
    CONTRACTS,
    DEPLOYMENTS,
    SITES,
    VERSIONS,
    contracts_of,
    offers_of,
    sites_of,
)
from rechenwerk.store.sales import (
    DISCOUNTS,
    VERSIONS_OF_TARIFFS,
    discounts_of,
    sales_of,
    sellers,
    versions_of,
)

_KEYS = """
    select k.id, k.organisation_id, k.project_id, k.hash, k.scopes,
           stricter_class(p.data_class, k.data_class) as data_class, p.service_class, p.weight,
           extract(epoch from k.expires_at)::float8 as expires, o.name || '/' || p.name as label
    from api_key k join project p on p.organisation_id = k.organisation_id and p.id = k.project_id
    join organisation o on o.id = k.organisation_id
    where k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
"""
_GUARDS = (
    "select id, organisation_id, project_id, key_id, unit, period, amount, hard, wallet from guard"
    " where active order by id"
)
_CLASSES = "select organisation_id, name, jurisdictions, level from data_class where active"
# Terms that come into force at a later time are a change of configuration then; and contracts begin and end
# with a day.
_VERSION = (
    "version + (select count(*) from contract_version where valid_from <= now())"
    " + ((now() at time zone 'UTC')::date - date '2020-01-01')"
)
_DRAWN = """
    select contract_id, deployment_id, extract(epoch from hour)::bigint as hour,
           sum(amount) as amount, sum(listed) as listed,
           sum(input)::bigint as input, sum(cached_input)::bigint as cached_input,
           sum(cache_write)::bigint as cache_write, sum(output)::bigint as output,
           sum(reasoning)::bigint as reasoning, sum(images)::bigint as images,
           sum(seconds)::bigint as seconds, sum(requests)::bigint as requests
    from draw where hour >= to_timestamp($1::bigint) group by 1, 2, hour order by hour
"""
_KEEP_ANSWERS = "24 hours"
_KEEP_TURNS = "30 days"


@contextmanager
def _reaching() -> Iterator[None]:
    """What goes wrong between us and the database is an OSError, as the gateway's protocol says."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise OSError(str(error) or type(error).__name__) from error


class PostgresSource:
    """Reads what the gateway needs to know.

    Args:
        pool: connections of its own: a flood of Idempotency-Keys must not hold up anybody's heartbeat.
        url: of the database, for the one connection that listens.
    """

    def __init__(self, pool: asyncpg.Pool, url: str) -> None:
        self._pool = pool
        self._url = url
        self._listener: asyncpg.Connection | None = None

    async def version(self) -> int:
        """See `gateway.ports.Source`."""
        with _reaching():
            return int(await self._pool.fetchval(f"select {_VERSION} from installation"))  # noqa: S608

    async def snapshot(self) -> Snapshot:
        """See `gateway.ports.Source`. All rows come from one moment."""
        with _reaching():
            return await self._read()

    async def _read(self) -> Snapshot:
        async with moment(self._pool) as connection:
            row = await connection.fetchrow(
                f"select {_VERSION} as version, currency from installation"  # noqa: S608 - our own words
            )
            assert row is not None
            keys = await connection.fetch(_KEYS)
            guards = await connection.fetch(_GUARDS)
            deployments = await connection.fetch(DEPLOYMENTS)
            versions_sold = versions_of(await connection.fetch(VERSIONS_OF_TARIFFS))
            discounts = await connection.fetch(DISCOUNTS)
            now = await connection.fetchval("select extract(epoch from now())::float8")
            classes = await connection.fetch(_CLASSES)
            contracts = await connection.fetch(CONTRACTS)
            versions = await connection.fetch(VERSIONS)
            sites = await connection.fetch(SITES)
        return Snapshot(
            row["version"],
            row["currency"],
            _keys(keys, guards),
            offers_of(deployments, sellers(versions_sold)),
            _classes(classes),
            contracts_of(contracts, versions),
            sites_of(sites),
            sales_of(versions_sold, now),
            discounts_of(discounts),
        )

    async def drawn(self, since: int) -> list[DrawRow]:
        """See `gateway.ports.Source`."""
        with _reaching():
            rows = await self._pool.fetch(_DRAWN, since)
        return [
            DrawRow(
                row["contract_id"],
                row["deployment_id"],
                row["hour"],
                Usage(*[row[bucket] for bucket in BUCKETS]),
                int(row["amount"]),
                int(row["listed"]),
            )
            for row in rows
        ]

    async def watch(self, on_change: Callable[[], None]) -> None:
        """See `gateway.ports.Source`."""
        if self._listener is not None and not self._listener.is_closed():
            return
        with _reaching():
            self._listener = await asyncpg.connect(self._url, timeout=5)
            await self._listener.add_listener("rechenwerk_config", lambda *_: on_change())

    async def close(self) -> None:
        """See `gateway.ports.Source`."""
        if self._listener is not None:
            await self._listener.close()
        await self._pool.close()

    async def claim(self, key: KeyRow, name: str, digest: bytes) -> Stored:
        """See `gateway.ports.Source`."""
        with _reaching():
            return await self._claim(key, name, digest)

    async def _claim(self, key: KeyRow, name: str, digest: bytes) -> Stored:
        await self._pool.execute(
            f"delete from idempotent where created_at < now() - interval '{_KEEP_ANSWERS}'"  # noqa: S608
        )
        mine = await self._pool.fetchrow(
            "insert into idempotent (organisation_id, project_id, key, request_hash)"
            " values ($1, $2, $3, $4) on conflict (organisation_id, project_id, key)"
            # A claim whose process died is free again when no attempt of it can be running any more.
            " do update set created_at = now(), request_hash = excluded.request_hash"
            " where idempotent.status is null and idempotent.created_at < now() - interval '15 minutes'"
            " returning key",
            key.organisation,
            key.project,
            name,
            digest,
        )
        if mine is not None:
            return Stored("mine")
        row = await self._pool.fetchrow(
            "select * from idempotent where organisation_id = $1 and project_id = $2 and key = $3",
            key.organisation,
            key.project,
            name,
        )
        if row is None:
            return Stored("running")
        if row["request_hash"] != digest:
            return Stored("different")
        if row["status"] is None:
            return Stored("running")
        return Stored("done", row["status"], row["content_type"], row["body"], row["call_id"], row["sealed"])

    async def keep(self, key: KeyRow, name: str, answer: Stored) -> None:
        """See `gateway.ports.Source`."""
        await self._pool.execute(
            "update idempotent set status = $4, content_type = $5, body = $6, call_id = $7, sealed = $8"
            " where organisation_id = $1 and project_id = $2 and key = $3",
            key.organisation,
            key.project,
            name,
            answer.status,
            answer.content_type,
            answer.body,
            answer.call,
            answer.sealed,
        )

    async def release(self, key: KeyRow, name: str) -> None:
        """See `gateway.ports.Source`."""
        await self._pool.execute(
            "delete from idempotent where organisation_id = $1 and project_id = $2 and key = $3",
            key.organisation,
            key.project,
            name,
        )

    async def keep_turn(self, key: KeyRow, name: str, items: bytes) -> None:
        """See `gateway.ports.Source`."""
        with _reaching():
            await self._pool.execute(
                f"delete from response where created_at < now() - interval '{_KEEP_TURNS}'"  # noqa: S608
            )
            await self._pool.execute(
                "insert into response (organisation_id, project_id, id, items) values ($1, $2, $3, $4)"
                " on conflict do nothing",
                key.organisation,
                key.project,
                name,
                items,
            )

    async def turn(self, key: KeyRow, name: str) -> bytes | None:
        """See `gateway.ports.Source`."""
        with _reaching():
            found: bytes | None = await self._pool.fetchval(
                "select items from response where organisation_id = $1 and project_id = $2 and id = $3",
                key.organisation,
                key.project,
                name,
            )
        return found


def _keys(keys: list[asyncpg.Record], guards: list[asyncpg.Record]) -> MappingProxyType[bytes, KeyRow]:
    of_organisation: dict[int, list[GuardRow]] = defaultdict(list)
    of_project: dict[int, list[GuardRow]] = defaultdict(list)
    of_key: dict[int, list[GuardRow]] = defaultdict(list)
    for row in guards:
        owner: Owner = "organisation" if row["project_id"] is None else "project"
        if row["key_id"] is not None:
            owner = "key"
        guard = GuardRow(
            row["id"], row["unit"], row["period"], int(row["amount"]), row["hard"], owner, row["wallet"]
        )
        if owner == "key":
            of_key[row["key_id"]].append(guard)
        elif owner == "project":
            of_project[row["project_id"]].append(guard)
        else:
            of_organisation[row["organisation_id"]].append(guard)
    return MappingProxyType(
        {
            row["hash"]: KeyRow(
                row["id"],
                row["organisation_id"],
                row["project_id"],
                frozenset(row["scopes"]),
                row["expires"],
                (
                    *of_key[row["id"]],
                    *of_project[row["project_id"]],
                    *_shared(of_organisation[row["organisation_id"]], of_project[row["project_id"]]),
                ),
                row["data_class"],
                row["service_class"],
                row["weight"],
                row["label"],
            )
            for row in keys
        }
    )


def _shared(organisation: list[GuardRow], project: list[GuardRow]) -> Iterator[GuardRow]:
    """An organisation's guards as a project's calls need them: who has a wallet of its own pays from that."""
    own = any(guard.wallet for guard in project)
    return (guard for guard in organisation if not (own and guard.wallet))


def _classes(rows: list[asyncpg.Record]) -> MappingProxyType[tuple[int, str], DataClass]:
    return MappingProxyType(
        {
            (row["organisation_id"], row["name"]): DataClass(
                row["name"], frozenset(row["jurisdictions"]), row["level"]
            )
            for row in rows
        }
    )
