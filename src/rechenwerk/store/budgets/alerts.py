"""Alerts and the outbox of their notices. Fills `office.budgets.ports.Alerts`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime

import asyncpg

from rechenwerk.office.budgets.ports import Cause, Notice, Parcel, Rule
from rechenwerk.office.ports import TakenError

_ADD = """
insert into alert (organisation_id, name, watch, project_id, key_id, period, thresholds, forecast, below,
    channel, target, language, secret, made_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict (organisation_id, name) where active do nothing returning id
"""
_RULE = """
a.id as alert_id, a.organisation_id, o.name as organisation, a.name, a.watch, a.project_id, p.name as project,
a.key_id, a.period, a.thresholds, a.forecast, a.below, a.channel, a.target, a.language, a.secret, a.made_by
"""
_JOINED = """
join organisation o on o.id = a.organisation_id
left join project p on p.organisation_id = a.organisation_id and p.id = a.project_id
"""
_RULES = f"""
select {_RULE} from alert a {_JOINED}
where a.active and ($1::bigint is null or a.organisation_id = $1) order by a.organisation_id, a.name
"""  # noqa: S608 - our own words
_REMOVE = "update alert set active = false where organisation_id = $1 and name = $2 and active returning id"
_FORGET = """
update notice set state = 'given up', answer = 'the alert was removed'
where alert_id = $1 and state = 'waiting'
"""
_FIRE = """
insert into notice (organisation_id, alert_id, message_id, cause, kind, data, made_at, state, next_at)
select $1, $2, $3, $4, $5, $6::jsonb, $7, $8, $7
from alert where organisation_id = $1 and id = $2 and active
on conflict (alert_id, cause) do nothing returning id
"""
# Who dies between this and the answer leaves it to whoever comes after `until`.
_CLAIM = f"""
with due as (
    select id from notice where state = 'waiting' and next_at <= $1 order by next_at, id limit $3
    for update skip locked),
taken as (
    update notice n set attempts = n.attempts + 1, next_at = $2 from due where n.id = due.id returning n.*)
select n.id, n.message_id, n.kind, n.data, n.made_at, n.attempts, {_RULE}
from taken n join alert a on a.organisation_id = n.organisation_id and a.id = n.alert_id {_JOINED}
order by n.id
"""  # noqa: S608 - our own words
_DELIVERED = """
update notice set state = 'delivered', delivered_at = $2, answer = $3 where id = $1 and state = 'waiting'
"""
_FAILED = """
update notice set state = case when $2::timestamptz is null then 'given up' else state end,
    next_at = coalesce($2, next_at), answer = $3
where id = $1 and state = 'waiting'
"""
_LOG = """
select n.*, a.name as alert from notice n
join alert a on a.organisation_id = n.organisation_id and a.id = n.alert_id
where n.organisation_id = $1 and ($3::bigint is null or n.id < $3) order by n.id desc limit $2
"""


class StoredAlerts:
    """Rules and notices of an installation.

    Args:
        pool: connections to its database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def add(self, organisation_id: int, rule: Rule) -> int:
        """See `office.budgets.ports.Alerts`."""
        made: int | None = await self._pool.fetchval(
            _ADD,
            organisation_id,
            rule.name,
            rule.watch,
            rule.project_id,
            rule.key_id,
            rule.period,
            list(rule.thresholds),
            rule.forecast,
            rule.below,
            rule.channel,
            rule.target,
            rule.language,
            rule.secret,
            rule.made_by,
        )
        if made is None:
            raise TakenError(f"there is an alert {rule.name!r} already")
        return made

    async def rules(self, organisation_id: int | None = None) -> list[Rule]:
        """See `office.budgets.ports.Alerts`."""
        return [_rule(row) for row in await self._pool.fetch(_RULES, organisation_id)]

    async def remove(self, organisation_id: int, name: str) -> bool:
        """See `office.budgets.ports.Alerts`."""
        async with self._pool.acquire() as connection, connection.transaction():
            found = await connection.fetchval(_REMOVE, organisation_id, name)
            if found is not None:
                await connection.execute(_FORGET, found)
        return found is not None

    async def fire(self, rule: Rule, causes: Sequence[Cause], now: datetime, ids: Callable[[], str]) -> int:
        """See `office.budgets.ports.Alerts`."""
        new = 0
        async with self._pool.acquire() as connection, connection.transaction():
            for cause in causes:
                made = await connection.fetchval(
                    _FIRE,
                    rule.organisation_id,
                    rule.id,
                    ids(),
                    cause.name,
                    cause.kind,
                    json.dumps(dict(cause.data)),
                    now,
                    "passed over" if cause.passed_over else "waiting",
                )
                new += made is not None
        return new

    async def claim(self, now: datetime, until: datetime, limit: int) -> list[Parcel]:
        """See `office.budgets.ports.Alerts`."""
        return [
            Parcel(
                row["id"],
                row["message_id"],
                row["kind"],
                json.loads(row["data"]),
                row["made_at"],
                row["attempts"],
                _rule(row),
            )
            for row in await self._pool.fetch(_CLAIM, now, until, limit)
        ]

    async def delivered(self, notice: int, now: datetime, answer: str) -> None:
        """See `office.budgets.ports.Alerts`."""
        await self._pool.execute(_DELIVERED, notice, now, answer)

    async def failed(self, notice: int, again: datetime | None, answer: str) -> None:
        """See `office.budgets.ports.Alerts`."""
        await self._pool.execute(_FAILED, notice, again, answer)

    async def log(self, organisation_id: int, limit: int, before: int | None) -> list[Notice]:
        """See `office.budgets.ports.Alerts`."""
        return [
            Notice(
                row["id"],
                row["alert"],
                row["message_id"],
                row["kind"],
                json.loads(row["data"]),
                row["made_at"],
                row["state"],
                row["attempts"],
                row["next_at"],
                row["answer"],
                row["delivered_at"],
            )
            for row in await self._pool.fetch(_LOG, organisation_id, limit, before)
        ]


def _rule(row: asyncpg.Record) -> Rule:
    return Rule(
        name=row["name"],
        watch=row["watch"],
        channel=row["channel"],
        target=row["target"],
        language=row["language"],
        project=row["project"],
        project_id=row["project_id"],
        key_id=row["key_id"],
        period=row["period"],
        thresholds=tuple(row["thresholds"]),
        forecast=row["forecast"],
        below=None if row["below"] is None else int(row["below"]),
        secret=row["secret"],
        made_by=row["made_by"],
        organisation_id=row["organisation_id"],
        organisation=row["organisation"],
        id=row["alert_id"],
    )
