"""Books calls of killed processes of this host whose holds had not reached the database."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import asyncpg
import msgspec

from rechenwerk.ledger.ports import Hold
from rechenwerk.store.rows import hold_row
from rechenwerk.store.spool import Spool, read_intents

_log = logging.getLogger("rechenwerk.recovery")
_STATE = """
    select ended_at is not null as ended, heartbeat_at < now() - $2::interval as silent
    from process where id = $1
"""
_UNKNOWN = """
    select i.id from unnest($1::bigint[], $2::bigint[]) as i(organisation, id)
    where not exists (select from call c where c.organisation_id = i.organisation and c.id = i.id)
      and not exists (select from hold h where h.id = i.id)
"""


class Recovery:
    """The spool folder of one process.

    Args:
        folder: shared by all gateway processes of this host.
        installation: tells this installation's files from others'.
        process: our id in the books.
    """

    def __init__(self, folder: Path, installation: str, process: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._installation = installation
        self._process = process
        self.spool = Spool(folder / f"{installation}.{process}.intents")

    async def run(self, pool: asyncpg.Pool, silence: float) -> int:
        """Take over what silent processes left; returns how many calls were recovered.

        Must run before the sweep buries them: until then their slices still cover what they had drawn.
        """
        recovered = 0
        for path in sorted(self._folder.glob(f"{self._installation}.*.intents")):
            # installation.dead.intents, or installation.dead.taker.intents once somebody took it over
            numbers = path.name.removeprefix(f"{self._installation}.").removesuffix(".intents").split(".")
            dead, owner = int(numbers[0]), int(numbers[-1])
            if dead == self._process:
                continue
            state = await pool.fetchrow(_STATE, owner, timedelta(seconds=silence))
            alive = state is not None and not state["ended"] and not state["silent"]
            if alive and owner != self._process:  # what we took over ourselves was not finished
                continue
            taken = path.with_name(f"{self._installation}.{dead}.{self._process}.intents")
            with contextlib.suppress(FileNotFoundError):  # another process was faster
                path.rename(taken)
                if state is not None:
                    recovered += await self._book(pool, taken, dead)
                taken.unlink()
        return recovered

    async def _book(self, pool: asyncpg.Pool, path: Path, dead: int) -> int:
        holds = [msgspec.msgpack.decode(data, type=Hold) for data in read_intents(path)]
        unknown = {
            row["id"]
            for row in await pool.fetch(_UNKNOWN, [h.organisation for h in holds], [h.id for h in holds])
        }
        lost = await _in_open_periods(pool, [hold for hold in holds if hold.id in unknown])
        if not lost:
            return 0
        _log.warning(
            "%d calls of the dead process %d had left before their holds were written", len(lost), dead
        )
        try:
            await _take(pool, dead, lost)
        except asyncpg.CheckViolationError:
            # Its slices are gone already: the calls are booked all the same, beside the guard.
            await _take(pool, dead, [msgspec.structs.replace(hold, slices="{}") for hold in lost])
        return len(lost)


async def _in_open_periods(pool: asyncpg.Pool, holds: Sequence[Hold]) -> list[Hold]:
    """A call of a period that was closed meanwhile is booked in the first open one."""
    rows = await pool.fetch(
        "select organisation_id, (extract(epoch from calls_until) * 1000000)::bigint as until"
        " from period_lock where organisation_id = any($1)",
        [hold.organisation for hold in holds],
    )
    until = {row["organisation_id"]: row["until"] for row in rows}
    return [
        msgspec.structs.replace(hold, started_us=max(hold.started_us, until.get(hold.organisation, 0)))
        for hold in holds
    ]


async def _take(pool: asyncpg.Pool, process: int, holds: Sequence[Hold]) -> None:
    await pool.execute("select till_hold($1, $2::hold_row[])", process, [hold_row(hold) for hold in holds])
