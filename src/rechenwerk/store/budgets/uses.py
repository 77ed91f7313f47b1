"""Budgets and wallets as they stand. Fills `office.budgets.ports.Budgets`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import asyncpg

from rechenwerk.office.budgets.ports import FULL, BudgetsPart, BudgetUse, Which
from rechenwerk.office.part_ports import Cut
from rechenwerk.store.parts import by_text, has_words, part_of

_LINES = """
select g.id as guard, p.name as project, k.id as key_id, coalesce(nullif(k.name, ''), k.hint) as key,
    g.period, g.amount, g.hard, g.wallet, coalesce(w.granted, 0) as granted,
    coalesce(s.held, 0) as held, coalesce(s.posted, 0) as posted, w.turned_away
from guard g
left join project p on p.organisation_id = g.organisation_id and p.id = g.project_id
left join api_key k on k.organisation_id = g.organisation_id and k.id = g.key_id
left join unnest($2::text[], $3::timestamptz[]) u(period, starts) on u.period = g.period
left join guard_window w on w.guard_id = g.id and w.starts_at = u.starts
left join lateral (select sum(held) as held, sum(posted) as posted from slice
    where guard_id = w.guard_id and starts_at = w.starts_at) s on true
where g.organisation_id = $1 and g.active and g.unit = 'money'
    and ($4::text is null or p.name = $4) and ($5::bigint is null or g.key_id = $5)
    and not ($6 and g.key_id is not null)
    and (k.id is null or (k.revoked_at is null and (k.expires_at is null or k.expires_at > now())))
"""
# Shorter periods first, under whom they belong to: as a person reads a tree.
_NATURAL = "project nulls first, key_id nulls first, not wallet, array_position($2::text[], period)"
_USES = f"select * from ({_LINES}) l order by {_NATURAL}"  # noqa: S608 - our own words, here and below
_AHEAD = "case when not l.wallet then l.posted * a.length / a.elapsed end"
_FITTING = f"""
select l.*, case when l.key_id is not null then 'key' when l.project is not null then 'project'
    else 'organisation' end as kind, {_AHEAD} as ahead
from ({_LINES}) l
left join unnest($7::text[], $8::numeric[], $9::numeric[]) a(period, length, elapsed) on a.period = l.period
where ($10::text is null or l.period = $10)
    and ($11::text is null or $11 = case when l.key_id is not null then 'key'
        when l.project is not null then 'project' else 'organisation' end)
    and (not $12 or l.posted * 100 >= l.amount * {FULL} or (l.amount > 0 and {_AHEAD} > l.amount))
    and {has_words("concat_ws(' ', l.project, l.key, l.period)", "$13::text[]")}
"""  # noqa: S608
_ORDERS: Mapping[str, str] = MappingProxyType(
    {
        "whose": by_text("coalesce(key, project, '')"),
        "project": by_text("project"),
        "period": 'period collate "C"',
        "kind": 'kind collate "C"',
        "amount": "amount",
        "used": "posted",
        "held": "held",
        "left": "greatest(0, amount - held - posted)",
        "percent": "case when amount = 0 then 100 else div(posted * 100, amount) end",
        "forecast": "ahead",
    }
)
_KNOWN = """
select g.period, count(*) as budgets from guard g
left join project p on p.organisation_id = g.organisation_id and p.id = g.project_id
left join api_key k on k.organisation_id = g.organisation_id and k.id = g.key_id
where g.organisation_id = $1 and g.active and g.unit = 'money'
    and ($2::text is null or p.name = $2) and ($3::bigint is null or g.key_id = $3)
    and not ($4 and g.key_id is not null)
    and (k.id is null or (k.revoked_at is null and (k.expires_at is null or k.expires_at > now())))
group by g.period order by g.period collate "C"
"""


class StoredBudgets:
    """Reads guards of money.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def uses(self, organisation_id: int, windows: Mapping[str, datetime]) -> list[BudgetUse]:
        """See `office.budgets.ports.Budgets`."""
        rows = await self._pool.fetch(
            _USES, organisation_id, list(windows), list(windows.values()), None, None, False
        )
        return [_use(row) for row in rows]

    async def part(
        self, organisation_id: int, windows: Mapping[str, datetime], which: Which, wanted: Cut
    ) -> BudgetsPart:
        """See `office.budgets.ports.Budgets`."""
        of = (which.project, which.key, which.shared)
        rows = await self._pool.fetch(
            part_of(_FITTING, _ORDERS, _NATURAL, wanted),
            organisation_id,
            list(windows),
            list(windows.values()),
            *of,
            list(which.ahead),
            [length for length, _ in which.ahead.values()],
            [elapsed for _, elapsed in which.ahead.values()],
            which.period,
            which.kind,
            which.look,
            list(wanted.words),
        )
        known = await self._pool.fetch(_KNOWN, organisation_id, *of)
        return BudgetsPart(
            [_use(row) for row in rows if row["place"] is not None],
            rows[0]["total"],
            sum(row["budgets"] for row in known),
            tuple(row["period"] for row in known),
        )


def _use(row: asyncpg.Record) -> BudgetUse:
    return BudgetUse(
        row["guard"],
        row["project"],
        row["key_id"],
        row["key"],
        row["period"],
        int(row["amount"]),
        row["hard"],
        row["wallet"],
        int(row["granted"]),
        int(row["held"]),
        int(row["posted"]),
        None if row["turned_away"] is None else int(row["turned_away"]),
    )
