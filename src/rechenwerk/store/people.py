"""People in PostgreSQL. Fills `office.people.ports.People`."""

from __future__ import annotations

from datetime import datetime

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.office.people.ports import (
    Invitation,
    Member,
    Membership,
    Newcomer,
    NewInvitation,
    Person,
    SessionKey,
    Trip,
)

_PERSON = "select id, email, name, password, language from person"
_OF_SESSION = """
select p.id, p.email, p.name, p.password, p.language from person p
join api_key k on k.person_id = p.id where k.id = $1
"""
_MEMBERS = """
select p.id, p.email, p.name, m.role, j.name as project, m.made_at, p.issuer is not null as single_sign_on,
    (select max(k.created_at) from api_key k
        where k.organisation_id = m.organisation_id and k.person_id = p.id) as seen_at
from membership m join person p on p.id = m.person_id
join project j on j.organisation_id = m.organisation_id and j.id = m.project_id
where m.organisation_id = $1 order by p.email
"""
_MEMBERSHIPS = """
select m.organisation_id, o.name as organisation, m.role, m.project_id, j.name as project
from membership m join organisation o on o.id = m.organisation_id
join project j on j.organisation_id = m.organisation_id and j.id = m.project_id
where m.person_id = $1 order by m.made_at, m.organisation_id
"""
_INVITATION = """
select i.id, i.organisation_id, o.name as organisation, i.role, j.name as project, i.email, i.made_by,
    i.made_at, i.expires_at
from invitation i join organisation o on o.id = i.organisation_id
join project j on j.organisation_id = i.organisation_id and j.id = i.project_id
"""
_FIND_OR_MAKE = """
insert into person (email, name, password, issuer, subject, made_at) values ($1, $2, $3, $4, $5, $6)
on conflict (email) do update set email = excluded.email
returning id, email, name, password, language, xmax = 0 as made
"""
_JOIN = """
insert into membership (organisation_id, person_id, role, project_id, made_at) values ($1, $2, $3, $4, $5)
on conflict (organisation_id, person_id) do update set role = excluded.role, project_id = excluded.project_id
"""
_END_SESSIONS = """
update api_key set revoked_at = $3
where person_id = $1 and revoked_at is null and ($2::bigint is null or organisation_id = $2)
    and id is distinct from $4
"""
_LEFT = (
    "select exists (select from membership where organisation_id = $1 and person_id <> $2"
    " and role in ('operator', 'owner')) or not exists (select from membership"
    " where organisation_id = $1 and person_id = $2 and role in ('operator', 'owner'))"
)
"""Whether an organisation keeps somebody who may invite people, or loses none, when this person goes."""

Connection = asyncpg.Connection | PoolConnectionProxy


class StoredPeople:
    """Persons, memberships, invitations.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def by_email(self, email: str) -> Person | None:
        """See `People`."""
        row = await self._pool.fetchrow(f"{_PERSON} where email = $1", email)
        return Person(**row) if row else None

    async def by_subject(self, issuer: str, subject: str) -> Person | None:
        """See `People`."""
        row = await self._pool.fetchrow(f"{_PERSON} where issuer = $1 and subject = $2", issuer, subject)
        return Person(**row) if row else None

    async def of_session(self, key_id: int) -> Person | None:
        """See `People`."""
        row = await self._pool.fetchrow(_OF_SESSION, key_id)
        return Person(**row) if row else None

    async def link(self, person_id: int, issuer: str, subject: str, now: datetime) -> bool:
        """See `People`."""
        async with self._pool.acquire() as connection, connection.transaction():
            done = await connection.execute(
                "update person set issuer = $2, subject = $3, password = null"
                " where id = $1 and (issuer is null or (issuer, subject) = ($2, $3))",
                person_id,
                issuer,
                subject,
            )
            await connection.execute(_END_SESSIONS, person_id, None, now, None)
        return bool(done == "UPDATE 1")

    async def memberships(self, person_id: int) -> list[Membership]:
        """See `People`."""
        return [Membership(**row) for row in await self._pool.fetch(_MEMBERSHIPS, person_id)]

    async def members(self, organisation_id: int) -> list[Member]:
        """See `People`."""
        return [Member(**row) for row in await self._pool.fetch(_MEMBERS, organisation_id)]

    async def join(self, newcomer: Newcomer, invitation: NewInvitation) -> Person:
        """See `People`."""
        async with self._pool.acquire() as connection, connection.transaction():
            person = await _person(connection, newcomer, invitation.made_at)
            await connection.execute(
                "insert into membership (organisation_id, person_id, role, project_id, made_at)"
                " values ($1, $2, $3, $4, $5) on conflict do nothing",
                invitation.organisation_id,
                person.id,
                invitation.role,
                invitation.project_id,
                invitation.made_at,
            )
        return person

    async def set_role(self, organisation_id: int, person_id: int, role: str, project_id: int) -> bool:
        """See `People`."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _lock(connection, organisation_id)
            stays = role in {"operator", "owner"}
            if not stays and not await connection.fetchval(_LEFT, organisation_id, person_id):
                return False
            await connection.execute(
                "update membership set role = $3, project_id = $4"
                " where organisation_id = $1 and person_id = $2",
                organisation_id,
                person_id,
                role,
                project_id,
            )
            now = await connection.fetchval("select now()")
            await connection.execute(_END_SESSIONS, person_id, organisation_id, now, None)
        return True

    async def remove(self, organisation_id: int, person_id: int, now: datetime) -> bool:
        """See `People`."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _lock(connection, organisation_id)
            if not await connection.fetchval(_LEFT, organisation_id, person_id):
                return False
            await connection.execute(
                "delete from membership where organisation_id = $1 and person_id = $2",
                organisation_id,
                person_id,
            )
            await connection.execute(_END_SESSIONS, person_id, organisation_id, now, None)
        return True

    async def set_password(self, person_id: int, password: str, keep: int | None, now: datetime) -> None:
        """See `People`."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("update person set password = $2 where id = $1", person_id, password)
            await connection.execute(_END_SESSIONS, person_id, None, now, keep)

    async def describe(self, person_id: int, name: str, language: str) -> None:
        """See `People`."""
        await self._pool.execute(
            "update person set name = $2, language = $3 where id = $1", person_id, name, language
        )

    async def begin_session(
        self, person_id: int, organisation_id: int, project_id: int, key: SessionKey, now: datetime
    ) -> int:
        """See `People`."""
        made: int = await self._pool.fetchval(
            "insert into api_key (organisation_id, project_id, name, hash, hint, scopes, created_at,"
            " expires_at, person_id) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id",
            organisation_id,
            project_id,
            key.name,
            key.hash,
            key.hint,
            list(key.scopes),
            now,
            key.expires_at,
            person_id,
        )
        return made

    async def invite(self, invitation: NewInvitation) -> Invitation:
        """See `People`."""
        made = await self._pool.fetchval(
            "insert into invitation (organisation_id, hash, role, project_id, email, made_by, made_at,"
            " expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8) returning id",
            invitation.organisation_id,
            invitation.hash,
            invitation.role,
            invitation.project_id,
            invitation.email,
            invitation.made_by,
            invitation.made_at,
            invitation.expires_at,
        )
        row = await self._pool.fetchrow(f"{_INVITATION} where i.id = $1", made)
        assert row is not None
        return Invitation(**row)

    async def invitations(self, organisation_id: int, now: datetime) -> list[Invitation]:
        """See `People`."""
        rows = await self._pool.fetch(
            f"{_INVITATION} where i.organisation_id = $1 and i.used_at is null and i.expires_at > $2"
            " order by i.id desc",
            organisation_id,
            now,
        )
        return [Invitation(**row) for row in rows]

    async def invitation(self, token_hash: bytes, now: datetime) -> Invitation | None:
        """See `People`."""
        row = await self._pool.fetchrow(
            f"{_INVITATION} where i.hash = $1 and i.used_at is null and i.expires_at > $2", token_hash, now
        )
        return Invitation(**row) if row else None

    async def uninvite(self, organisation_id: int, invitation_id: int) -> bool:
        """See `People`."""
        done = await self._pool.execute(
            "delete from invitation where organisation_id = $1 and id = $2 and used_at is null",
            organisation_id,
            invitation_id,
        )
        return bool(done == "DELETE 1")

    async def accept(self, token_hash: bytes, newcomer: Newcomer, now: datetime) -> Person | None:
        """See `People`."""
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                "select id, organisation_id, role, project_id from invitation where hash = $1"
                " and used_at is null and expires_at > $2 and (email is null or email = $3) for update",
                token_hash,
                now,
                newcomer.email,
            )
            if row is None:
                return None
            person = await _person(connection, newcomer, now)
            await connection.execute(
                "update invitation set used_at = $2, used_by = $3 where id = $1", row["id"], now, person.id
            )
            await connection.execute(
                _JOIN, row["organisation_id"], person.id, row["role"], row["project_id"], now
            )
        return person

    async def count_try(self, email: str, address: str, now: datetime, since: datetime) -> tuple[int, int]:
        """See `People`."""
        async with self._pool.acquire() as connection:
            await connection.execute("delete from sign_in_try where at < $1", since)
            await connection.execute("insert into sign_in_try values ($1, $2, $3)", now, email, address)
            row = await connection.fetchrow(
                "select count(*) filter (where email = $1) as by_email,"
                " count(*) filter (where address = $2) as by_address from sign_in_try where at >= $3",
                email,
                address,
                since,
            )
        assert row is not None
        return row["by_email"], row["by_address"]

    async def forget_tries(self, email: str) -> None:
        """See `People`."""
        await self._pool.execute("delete from sign_in_try where email = $1", email)

    async def set_out(self, state_hash: bytes, trip: Trip, expires_at: datetime, now: datetime) -> None:
        """See `People`."""
        async with self._pool.acquire() as connection:
            await connection.execute("delete from sign_in_trip where expires_at < $1", now)
            await connection.execute(
                "insert into sign_in_trip values ($1, $2, $3, $4, $5, $6)",
                state_hash,
                trip.nonce,
                trip.verifier,
                trip.invitation,
                trip.goes_to,
                expires_at,
            )

    async def return_from(self, state_hash: bytes, now: datetime) -> Trip | None:
        """See `People`."""
        row = await self._pool.fetchrow(
            "delete from sign_in_trip where hash = $1"
            " returning nonce, verifier, invitation, goes_to, expires_at",
            state_hash,
        )
        if row is None or row["expires_at"] < now:
            return None
        return Trip(row["nonce"], row["verifier"], row["invitation"], row["goes_to"])


async def _person(connection: Connection, newcomer: Newcomer, now: datetime) -> Person:
    """Who has the address; made if nobody has. What a known person has is not touched."""
    row = await connection.fetchrow(
        _FIND_OR_MAKE,
        newcomer.email,
        newcomer.name,
        newcomer.password,
        newcomer.issuer,
        newcomer.subject,
        now,
    )
    assert row is not None
    return Person(row["id"], row["email"], row["name"], row["password"], row["language"])


async def _lock(connection: Connection, organisation_id: int) -> None:
    """One change of roles at a time: two that remove each other's last owner must not both succeed."""
    await connection.execute("select from organisation where id = $1 for update", organisation_id)
