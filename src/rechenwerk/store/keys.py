"""Parts of the list of keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import asyncpg

from rechenwerk.office.part_ports import Cut
from rechenwerk.store.parts import by_text, has_words, part_of

_FITTING = """
select k.id, k.name, p.name as project, k.project_id, k.hint, k.scopes, k.created_at, k.expires_at,
    k.revoked_at, case when k.revoked_at is not null then 'revoked' when k.expires_at <= $2 then 'expired'
        else 'active' end as state{used}
from api_key k join project p on p.organisation_id = k.organisation_id and p.id = k.project_id
{fullest}
where k.organisation_id = $1 and k.person_id is null and ($3::text is null or p.name = $3)
    and ($4::text is null or $4 = case when k.revoked_at is not null then 'revoked'
        when k.expires_at <= $2 then 'expired' else 'active' end)
    and {words}
"""
# Only who sorts by it pays for it. The windows are named in any case: a query has the same arguments.
_FULLEST = """
left join (
    select g.key_id, max(div(coalesce(s.posted, 0) * 100, g.amount)) as used
    from guard g
    left join unnest($6::text[], $7::timestamptz[]) u(period, starts) on u.period = g.period
    left join guard_window w on w.guard_id = g.id and w.starts_at = u.starts
    left join lateral (select sum(posted) as posted from slice
        where guard_id = w.guard_id and starts_at = w.starts_at) s on true
    where g.organisation_id = $1 and g.active and not g.wallet and g.unit = 'money' and g.amount > 0
    group by g.key_id
) m on m.key_id = k.id
"""
_NAMED = "left join (select $6::text[], $7::timestamptz[]) m on true"
_ORDERS: Mapping[str, str] = MappingProxyType(
    {
        "id": "id",
        "name": by_text("name"),
        "hint": by_text("hint"),
        "project": by_text("project"),
        "created_at": "created_at",
        "expires_at": "expires_at",
        "scopes": by_text("array_to_string(scopes, ' ')"),
        "used": "used",
        "state": 'state collate "C"',
    }
)


async def keys_part(
    pool: asyncpg.Pool,
    organisation_id: int,
    windows: Mapping[str, datetime],
    now: datetime,
    project: str | None,
    state: str | None,
    wanted: Cut,
) -> list[asyncpg.Record]:
    """Rows of keys as `part_of` tells."""
    sorts = wanted.sort == "used"
    words = has_words("concat_ws(' ', k.name, k.hint, p.name)", "$5::text[]")
    fitting = _FITTING.format(
        used=", m.used" if sorts else "", fullest=_FULLEST if sorts else _NAMED, words=words
    )
    return await pool.fetch(
        part_of(fitting, _ORDERS, "id", wanted),
        organisation_id,
        now,
        project,
        state,
        list(wanted.words),
        list(windows),
        list(windows.values()),
    )
