"""Budgets and wallets as they stand. Fills `office.budgets.ports.Budgets`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from rechenwerk.office.budgets.ports import BudgetUse

# Shorter periods first, under whom they belong to: as a person reads a tree.
_USES = """
select g.id as guard, p.name as project, k.id as key_id, coalesce(nullif(k.name, ''), k.hint) as key,
    g.period, g.amount, g.hard, g.wallet, coalesce(w.granted, 0) as granted,
    coalesce(s.held, 0) as held, coalesce(s.posted, 0) as posted, w.turned_away
from guard g
left join project p on p.organisation_id = g.organisation_id and p.id = g.project_id
left join api_key k on k.organisation_id = g.organisation_id and k.id = g.key_id
left join guard_window w on w.guard_id = g.id
    and w.starts_at = (select u.starts from unnest($2::text[], $3::timestamptz[]) u(period, starts)
        where u.period = g.period)
left join lateral (select sum(held) as held, sum(posted) as posted from slice
    where guard_id = w.guard_id and starts_at = w.starts_at) s on true
where g.organisation_id = $1 and g.active and g.unit = 'money'
    and ($4::text is null or p.name = $4) and ($5::bigint is null or g.key_id = $5)
    and not ($6 and g.key_id is not null)
    and (k.id is null or (k.revoked_at is null and (k.expires_at is null or k.expires_at > now())))
order by p.name nulls first, k.id nulls first, not g.wallet, array_position($2::text[], g.period)
"""


class StoredBudgets:
    """Reads guards of money.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def uses(
        self,
        organisation_id: int,
        windows: Mapping[str, datetime],
        project: str | None = None,
        key: int | None = None,
        *,
        shared: bool = False,
    ) -> list[BudgetUse]:
        """See `office.budgets.ports.Budgets`."""
        rows = await self._pool.fetch(
            _USES, organisation_id, list(windows), list(windows.values()), project, key, shared
        )
        return [
            BudgetUse(
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
            for row in rows
        ]
