"""Runs: calculations that go on beside requests, are left and found again, and survive the office."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.office.planning.calculating import CHILD, LONG, CalculationError, Calculators, subject
from rechenwerk.office.planning.ports import Plans, Work

_AT_ONCE = 2
_BEAT = 5.0
"""Seconds between signs of life of a run; also how long a cancelled one may go on."""
_LOST = 30.0
"""Seconds without one after which another office takes it."""
_TELL = 0.3
_log = logging.getLogger("rechenwerk.plans")


class Runner:
    """Takes runs from the database and calculates them, a process for each.

    Args:
        calculators: where.
    """

    def __init__(self, calculators: Calculators) -> None:
        self._calculators = calculators
        self._tasks: set[asyncio.Task[None]] = set()
        self._progress: dict[int, int] = {}
        self._moved = asyncio.Event()

    def wake(self, plans: Plans) -> None:
        """There may be something to do; also what an office that ended left behind."""
        while len(self._tasks) < _AT_ONCE:
            task = asyncio.create_task(self._work(plans))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def wait(self, seconds: float) -> None:
        """Until a run of this office has moved or ended, but no longer."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._moved.wait(), seconds)

    def _tell(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def close(self) -> None:
        """Stop; what is not done is taken up again later."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, plans: Plans) -> None:
        try:
            while (work := await plans.take(_LOST)) is not None:
                await self._calculate(plans, work)
        except OSError:
            _log.warning("runs of plans wait: the database does not answer")

    async def _calculate(self, plans: Plans, work: Work) -> None:
        run = asyncio.create_task(self._run(plans, work))
        try:
            while not (await asyncio.wait((run,), timeout=_BEAT))[0]:
                if not await plans.seen(work, self._progress.get(work.id, 0)):
                    return
            await run
        finally:
            run.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await run
            self._progress.pop(work.id, None)

    async def _run(self, plans: Plans, work: Work) -> None:
        told_at = 0.0

        async def told(done: int) -> bool:
            nonlocal told_at
            self._progress[work.id] = done
            if time.monotonic() - told_at < _TELL:
                return True
            told_at = time.monotonic()
            wanted = await plans.seen(work, done)
            self._tell()
            return wanted

        question = {
            "ask": "run",
            "subject": subject(work.text, work.format, work.scenario, work.without),
            "paths": work.paths,
            "seed": work.seed,
        }
        try:
            found = await self._calculators.alone(CHILD, question, LONG, told)
        except (CalculationError, RechenwerkError) as error:
            await plans.end(work, None, None, " ".join(str(error).split()))
        else:
            await plans.end(work, found.decode(), _headline(found), None)
        self._tell()


def _headline(result: bytes) -> str:
    """What is asked first of a result."""
    found = msgspec.json.decode(result, type=_Result)
    runway = next((one.note for one in found.figures if one.key == "runway"), "")
    middle = found.gap[len(found.gap) // 2] if found.gap else None
    told = {"out": runway, "ruin": found.ruined[-1] if found.ruined else None, "gap": middle}
    return msgspec.json.encode({**told, "unit": found.unit}).decode()


class _Figure(msgspec.Struct):
    key: str
    note: str


class _Result(msgspec.Struct):
    """What of a result a list shows."""

    unit: str
    figures: list[_Figure]
    ruined: list[float | None]
    gap: list[float | None]


class Planning:
    """What an office calculates plans with; nothing runs before somebody asks."""

    def __init__(self) -> None:
        self.calculators = Calculators()
        self.runner = Runner(self.calculators)

    async def close(self) -> None:
        """End all processes."""
        await self.runner.close()
        await self.calculators.close()
