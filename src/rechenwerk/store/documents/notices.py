"""Webhooks of jobs that have ended. Fills `documents.job_ports.Notices`."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from rechenwerk.documents.notice_ports import Notice

_CLAIM = """
update document_job j set webhook_next_at = $2, webhook_attempts = webhook_attempts + 1
from organisation o
where o.id = j.organisation_id and j.webhook_state = 'waiting' and j.id in (select id from document_job
    where webhook_state = 'waiting' and webhook_next_at <= $1 order by webhook_next_at limit 20
    for update skip locked)
returning j.organisation_id, o.name as organisation, j.id as job_id, j.name, j.webhook as url,
    j.webhook_secret as secret, j.webhook_id as message_id, j.state, j.webhook_attempts as attempts,
    j.ended_at
"""


class StoredNotices:
    """Webhooks in PostgreSQL.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def claim(self, now: datetime, until: datetime) -> list[Notice]:
        """See `documents.job_ports.Notices`."""
        return [Notice(**row) for row in await self._pool.fetch(_CLAIM, now, until)]

    async def told(self, notice: Notice, answer: str) -> None:
        """See `documents.job_ports.Notices`."""
        await self._set(notice, "delivered", None, answer)

    async def failed(self, notice: Notice, again: datetime | None, answer: str) -> None:
        """See `documents.job_ports.Notices`."""
        await self._set(notice, "given up" if again is None else "waiting", again, answer)

    async def _set(self, notice: Notice, state: str, again: datetime | None, answer: str) -> None:
        await self._pool.execute(
            "update document_job set webhook_state = $3, webhook_answer = $4,"
            " webhook_next_at = coalesce($5, webhook_next_at)"
            " where organisation_id = $1 and id = $2 and webhook_state = 'waiting'",
            notice.organisation_id,
            notice.job_id,
            state,
            answer,
            again,
        )
