"""What `serve` does for documents: workers where there is work, word of jobs that ended, deletion in time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rechenwerk.base.errors import SetupError
from rechenwerk.base.loops import repeat
from rechenwerk.documents.notice_ports import Notice
from rechenwerk.documents.office_ports import DocumentOffice
from rechenwerk.documents.working import end_keys
from rechenwerk.main_children import Child
from rechenwerk.office.budgets.courier import CLAIM, RETRIES
from rechenwerk.office.budgets.ports import Parcel, Rule
from rechenwerk.office.budgets.sending import Sender, UndeliveredError

_log = logging.getLogger("rechenwerk.documents")
_LOOK = 5.0
"""Seconds between two looks for work that another office took in."""
_IDLE = 300.0
"""Seconds without work after which workers end: their memory is given back."""
_TELL = 2.0
_DELETE = 600.0
_SEAL = 500
"""Rows in one transaction."""


def worker_process(database_url: str, url: str, models: Path, log: Path) -> Child:
    """A process that works on documents; `models`: folder of what reads scans."""
    arguments = ["--url", url, "--models", str(models)]
    return Child(
        "document worker", "rechenwerk.main_documents", arguments, database_url=database_url, log=log
    )


class Crew:
    """Workers for documents, started when there is work and ended when there was none for a while.

    Args:
        waits: whether there is work.
        make: makes the worker of a number.
        size: how many at most.
        grace: seconds in which a worker may end.
    """

    def __init__(self, make: Callable[[int], Child], size: int, grace: float) -> None:
        self._make = make
        self._size = size
        self._grace = grace
        self._workers: list[tuple[Child, asyncio.Task[None]]] = []
        self._wanted = asyncio.Event()

    def want(self) -> None:
        """There is work now."""
        self._wanted.set()

    @property
    def pids(self) -> list[int]:
        """Of the workers that run."""
        return [child.pid for child, _ in self._workers]

    async def run(self, office: DocumentOffice) -> None:
        """Look after the workers for ever."""
        loop = asyncio.get_running_loop()
        idle_since = loop.time()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._wanted.wait()
            self._wanted.clear()
            try:
                busy = self._size > 0 and await office.desk.queue.waits()
            except Exception as error:  # the database may be away; the work is still there afterwards
                _log.warning("documents cannot be looked at: %s", error or type(error).__name__)
                continue
            if busy:
                idle_since = loop.time()
                await self._start()
            elif self._workers and loop.time() - idle_since > _IDLE:
                await self.stop()

    async def _start(self) -> None:
        while len(self._workers) < self._size:
            child = self._make(len(self._workers))
            try:
                await child.start()
            except SetupError as error:
                _log.error("%s", error)
                return
            self._workers.append((child, asyncio.create_task(child.keep(_log))))

    async def stop(self) -> None:
        """End all; what they have in hand goes back into the queue."""
        workers, self._workers = self._workers, []
        for _, task in workers:
            task.cancel()
        await asyncio.gather(*[child.stop(self._grace) for child, _ in workers])


class JobBell:
    """Tells by webhook that jobs have ended, signed as alerts are, until somebody took it.

    Args:
        office: of documents.
        sender: of webhooks.
    """

    def __init__(self, office: DocumentOffice, sender: Sender) -> None:
        self._office = office
        self._sender = sender

    async def run(self) -> None:
        """Tell for ever."""
        await repeat(self.ring, _TELL, _log, "webhooks of jobs are held up")

    async def ring(self) -> int:
        """Send what is due; returns how many were taken."""
        now = datetime.now(UTC)
        due = await self._office.desk.notices.claim(now, now + timedelta(seconds=CLAIM))
        return sum(await asyncio.gather(*[self._send(one, now) for one in due]))

    async def _send(self, notice: Notice, now: datetime) -> int:
        notices = self._office.desk.notices
        found = await self._office.desk.jobs.progress(notice.organisation_id, [notice.job_id])
        progress = found[notice.job_id]
        data = {
            "job": notice.job_id,
            "name": notice.name,
            "state": notice.state,
            "organisation": notice.organisation,
            "documents": progress.documents,
            "values": progress.values,
        }
        rule = Rule(
            name="documents",
            watch="documents",
            channel="webhook",
            target=notice.url,
            secret=notice.secret,
            organisation_id=notice.organisation_id,
            organisation=notice.organisation,
        )
        parcel = Parcel(
            notice.job_id,
            notice.message_id,
            f"documents.job.{notice.state}",
            data,
            notice.ended_at,
            notice.attempts,
            rule,
        )
        try:
            answer = await self._sender.send(parcel, now.timestamp())
        except UndeliveredError as error:
            over = error.final or notice.attempts > len(RETRIES)
            again = None if over else now + timedelta(seconds=RETRIES[notice.attempts - 1])
            await notices.failed(notice, again, str(error)[:500])
            return 0
        except Exception as error:  # a broken secret, say: trying again for ever would help nobody
            _log.exception("the webhook of job %s cannot be sent", notice.job_id)
            reason = f"it cannot be sent: {type(error).__name__}: {error}"
            await notices.failed(notice, None, " ".join(reason.split())[:500])
            return 0
        await notices.told(notice, answer)
        return 1


async def delete_expired(office: DocumentOffice, now: Callable[[], datetime]) -> None:
    """Delete jobs whose days are over, for ever; and seal what an older version left in clear."""

    async def look() -> None:
        while await office.desk.reviews.seal_clear(_SEAL):
            pass
        await expire(office, now())

    await repeat(look, _DELETE, _log, "old jobs cannot be deleted")


async def expire(office: DocumentOffice, now: datetime) -> int:
    """Delete the jobs whose days are over, and end keys that a dead worker left; how many were deleted."""
    jobs = office.desk.jobs
    for organisation, job in await jobs.left_keys():
        try:
            await end_keys(office.desk, office.keys, organisation, job)
        except Exception as error:  # one job must not stop the others, whatever the database says of it
            _log.warning("keys of job %s cannot be ended: %s", job, error or type(error).__name__)
    deleted = 0
    for organisation, job in await jobs.expired(now):
        try:
            await end_keys(office.desk, office.keys, organisation, job)
            await jobs.delete(organisation, job, "retention")
        except Exception as error:  # as above
            _log.warning("job %s cannot be deleted: %s", job, error or type(error).__name__)
        else:
            deleted += 1
    return deleted
