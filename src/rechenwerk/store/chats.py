"""Conversations in PostgreSQL, as sealed as they come. Fills `office.chats.ports.Chats`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.office.chats.ports import Booked, ChatRow, FileRow, GoneError, MessageRow, TemplateRow, Whose

Connection = asyncpg.Connection | PoolConnectionProxy

_WRITTEN = 9
"""Fields of a `MessageRow` that are kept."""
_OWN = "(x.person_id = $2 or x.key_id = $3)"
"""One of the two is null, and so is its comparison."""
_CHAT = f"""
select x.id, x.title, x.shared, coalesce({_OWN}, false) as mine, coalesce(p.name, k.name, '') as owner,
    x.made_at, x.changed_at
from chat x left join person p on p.id = x.person_id
left join api_key k on k.organisation_id = x.organisation_id and k.id = x.key_id
where x.organisation_id = $1
"""  # noqa: S608 - our own words
_OF: Mapping[str, str] = MappingProxyType(
    {"own": _OWN, "shared": f"(x.shared and {_OWN} is not true)", "all": f"({_OWN} or x.shared)"}
)
_PAGE = """
 and exists (select from chat_message m where m.organisation_id = x.organisation_id and m.chat_id = x.id)
 and ($4::timestamptz is null or (x.changed_at, x.id) < ($4, $5))
order by x.changed_at desc, x.id desc limit $6
"""
_CHANGE = f"""
update chat x set title = coalesce($5, title), shared = coalesce($6, shared)
where organisation_id = $1 and {_OWN} and id = $4
"""  # noqa: S608 - our own words
_DELETE = f"delete from chat x where organisation_id = $1 and {_OWN} and id = $4"  # noqa: S608 - as above
_DROP_TEMPLATE = f"""
delete from chat_template x where organisation_id = $1 and {_OWN} and id = $4
"""  # noqa: S608 - our own words
_MESSAGES = """
select id, parent_id, role, model, state, sealed, call_id, made_at,
    state = 'writing' and beat_at > now() - interval '15 seconds' as alive from chat_message
where organisation_id = $1 and chat_id = $2 and ($3::bigint is null or id = $3) order by id
"""
_FILES = """
select id, message_id, kind, size, named, sealed from chat_file
where organisation_id = $1 and chat_id = $2 and ($3::bigint is null or message_id = $3) order by id
"""
_BOOKED = """
select c.id, coalesce(v.name, '') as provider, coalesce(t.name, '') as contract, c.outcome, c.usage_source,
    c.input + c.cached_input + c.cache_write as input, c.output + c.reasoning as output, c.price, c.total_us,
    c.decision
from call c
left join deployment d on d.organisation_id in (0, c.organisation_id) and d.id = c.deployment_id
left join provider v on v.organisation_id = d.organisation_id and v.id = d.provider_id
left join contract t on t.organisation_id in (0, c.organisation_id) and t.id = c.contract_id
where c.organisation_id = $1 and c.id = any($2::bigint[])
"""
_TEMPLATES = f"""
select x.id, x.sealed, x.shared, coalesce({_OWN}, false) as mine, coalesce(p.name, k.name, '') as owner,
    x.made_at
from chat_template x left join person p on p.id = x.person_id
left join api_key k on k.organisation_id = x.organisation_id and k.id = x.key_id
where x.organisation_id = $1 and ({_OWN} or x.shared) order by x.id
"""  # noqa: S608 - our own words
_KEEP_TEMPLATE = f"""
insert into chat_template as x (organisation_id, person_id, key_id, id, sealed, shared, made_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (organisation_id, id) do update set sealed = excluded.sealed, shared = excluded.shared
where {_OWN} returning x.id
"""  # noqa: S608 - our own words
_ABILITIES = """
select model, max(context_tokens) as context from deployment
where organisation_id in (0, $1) and active and 'chat' = any(endpoints) group by model
"""


class StoredChats:
    """Conversations.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def whose(self, organisation_id: int, key_id: int) -> Whose:
        """See `Chats`."""
        person = await self._pool.fetchval("select person_id from api_key where id = $1", key_id)
        return Whose(organisation_id, person, key_id if person is None else None)

    async def ids(self, count: int) -> list[int]:
        """See `Chats`."""
        rows = await self._pool.fetch(
            "select nextval('chat_number') as id from generate_series(1, $1)", count
        )
        return [row["id"] for row in rows]

    async def page(
        self, whose: Whose, of: str, before: tuple[datetime, int] | None, limit: int
    ) -> list[ChatRow]:
        """See `Chats`."""
        rows = await self._pool.fetch(
            f"{_CHAT} and {_OF[of]} {_PAGE}", *_owner(whose), *(before or (None, None)), limit
        )
        return [ChatRow(**row) for row in rows]

    async def find(self, whose: Whose, chat_id: int) -> ChatRow | None:
        """See `Chats`."""
        row = await self._pool.fetchrow(f"{_CHAT} and {_OF['all']} and x.id = $4", *_owner(whose), chat_id)
        return ChatRow(**row) if row else None

    async def make(self, whose: Whose, chat_id: int, title: bytes, now: datetime) -> None:
        """See `Chats`."""
        await self._pool.execute(
            "insert into chat (organisation_id, person_id, key_id, id, title, made_at, changed_at)"
            " values ($1, $2, $3, $4, $5, $6, $6)",
            *_owner(whose),
            chat_id,
            title,
            now,
        )

    async def change(self, whose: Whose, chat_id: int, title: bytes | None, shared: bool | None) -> bool:
        """See `Chats`."""
        done = await self._pool.execute(
            _CHANGE,
            *_owner(whose),
            chat_id,
            title,
            shared,
        )
        return bool(done == "UPDATE 1")

    async def delete(self, whose: Whose, chat_id: int) -> bool:
        """See `Chats`."""
        done = await self._pool.execute(_DELETE, *_owner(whose), chat_id)
        return bool(done == "DELETE 1")

    async def messages(self, organisation_id: int, chat_id: int, only: int | None = None) -> list[MessageRow]:
        """See `Chats`."""
        rows = await self._pool.fetch(_MESSAGES, organisation_id, chat_id, only)
        return [MessageRow(**row) for row in rows]

    async def texts(self, organisation_id: int, chat_ids: Sequence[int]) -> list[tuple[int, int, bytes]]:
        """See `Chats`."""
        rows = await self._pool.fetch(
            "select chat_id, id, sealed from chat_message"
            " where organisation_id = $1 and chat_id = any($2::bigint[])",
            organisation_id,
            list(chat_ids),
        )
        return [(row["chat_id"], row["id"], row["sealed"]) for row in rows]

    async def add(
        self,
        whose: Whose,
        chat_id: int,
        messages: Sequence[MessageRow],
        files: Mapping[int, int],
        now: datetime,
        title: bytes | None = None,
    ) -> bool:
        """See `Chats`."""
        organisation = whose.organisation_id
        rows = [(organisation, chat_id, *msgspec.structs.astuple(one)[:_WRITTEN]) for one in messages]
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.executemany(
                    "insert into chat_message (organisation_id, chat_id, id, parent_id, role, model, state,"
                    " sealed, call_id, made_at, once) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                    rows,
                )
                for file, message in files.items():
                    await _send_file(connection, organisation, chat_id, file, message)
                await connection.execute(
                    "update chat set changed_at = greatest(changed_at, $3), title = coalesce($4, title)"
                    " where organisation_id = $1 and id = $2",
                    organisation,
                    chat_id,
                    now,
                    title,
                )
        except asyncpg.UniqueViolationError:
            return False
        except asyncpg.ForeignKeyViolationError as error:
            raise GoneError(chat_id) from error
        return True

    async def answer_of(self, organisation_id: int, chat_id: int, once: str) -> int | None:
        """See `Chats`."""
        found: int | None = await self._pool.fetchval(
            "select id from chat_message where organisation_id = $1 and chat_id = $2 and once = $3",
            organisation_id,
            chat_id,
            once,
        )
        return found

    async def settle(
        self,
        organisation_id: int,
        chat_id: int,
        message_id: int,
        sealed: bytes,
        state: str,
        call_id: int | None,
    ) -> bool:
        """See `Chats`."""
        done = await self._pool.execute(
            "update chat_message set sealed = $4, state = $5, call_id = $6, beat_at = now()"
            " where organisation_id = $1 and chat_id = $2 and id = $3"
            " and ($5 <> 'writing' or state = 'writing')",
            organisation_id,
            chat_id,
            message_id,
            sealed,
            state,
            call_id,
        )
        return bool(done == "UPDATE 1")

    async def stop(self, organisation_id: int, chat_id: int, message_id: int) -> None:
        """See `Chats`."""
        await self._pool.execute(
            "update chat_message set state = 'stopped'"
            " where organisation_id = $1 and chat_id = $2 and id = $3 and state = 'writing'",
            organisation_id,
            chat_id,
            message_id,
        )

    async def booked(self, organisation_id: int, calls: Sequence[int]) -> list[Booked]:
        """See `Chats`."""
        rows = await self._pool.fetch(_BOOKED, organisation_id, list(calls))
        return [Booked(**{**row, "price": int(row["price"])}) for row in rows]

    async def keep_file(self, organisation_id: int, chat_id: int, file: FileRow, now: datetime) -> None:
        """See `Chats`."""
        values = (file.id, file.message_id, file.kind, file.size, file.named, file.sealed, now)
        try:
            await self._pool.execute(
                "insert into chat_file (organisation_id, chat_id, id, message_id, kind, size, named, sealed,"
                " made_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                organisation_id,
                chat_id,
                *values,
            )
        except asyncpg.ForeignKeyViolationError as error:
            raise GoneError(chat_id) from error

    async def files(self, organisation_id: int, chat_id: int, only: int | None = None) -> list[FileRow]:
        """See `Chats`."""
        rows = await self._pool.fetch(_FILES, organisation_id, chat_id, only)
        return [FileRow(**row) for row in rows]

    async def drop_file(self, organisation_id: int, chat_id: int, file_id: int) -> bool:
        """See `Chats`."""
        done = await self._pool.execute(
            "delete from chat_file where organisation_id = $1 and chat_id = $2 and id = $3"
            " and message_id is null",
            organisation_id,
            chat_id,
            file_id,
        )
        return bool(done == "DELETE 1")

    async def templates(self, whose: Whose) -> list[TemplateRow]:
        """See `Chats`."""
        return [TemplateRow(**row) for row in await self._pool.fetch(_TEMPLATES, *_owner(whose))]

    async def keep_template(
        self, whose: Whose, template_id: int, sealed: bytes, shared: bool, now: datetime
    ) -> bool:
        """See `Chats`."""
        found = await self._pool.fetchval(_KEEP_TEMPLATE, *_owner(whose), template_id, sealed, shared, now)
        return found is not None

    async def drop_template(self, whose: Whose, template_id: int) -> bool:
        """See `Chats`."""
        done = await self._pool.execute(
            _DROP_TEMPLATE,
            *_owner(whose),
            template_id,
        )
        return bool(done == "DELETE 1")

    async def abilities(self, organisation_id: int) -> dict[str, int]:
        """See `Chats`."""
        rows = await self._pool.fetch(_ABILITIES, organisation_id)
        return {row["model"]: row["context"] for row in rows}


def _owner(whose: Whose) -> tuple[int, int | None, int | None]:
    return whose.organisation_id, whose.person_id, whose.key_id


async def _send_file(
    connection: Connection, organisation: int, chat_id: int, file: int, message: int
) -> None:
    done = await connection.execute(
        "update chat_file set message_id = $4 where organisation_id = $1 and chat_id = $2 and id = $3"
        " and message_id is null",
        organisation,
        chat_id,
        file,
        message,
    )
    if done != "UPDATE 1":
        raise LookupError(file)
