"""A small world for admission: pools, calls that take their time, a clock that jumps between events."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from rechenwerk.base.usage import Usage
from rechenwerk.routing.delay import Full
from rechenwerk.routing.fair import INPUT, OUTPUT
from rechenwerk.routing.lines import PoolRow
from rechenwerk.routing.reserve import Lot
from rechenwerk.routing.room import Ask, Limit
from rechenwerk.routing.waiting import Ticket, Waiting

EVER = 1e9


def pool(calls: int | None = None, *lots: Lot, tokens: int | None = None, at: int = 1) -> PoolRow:
    """A pool of one deployment with the same number; lots are of its calls, or else of its tokens."""
    limits = []
    if calls is not None:
        limits.append(Limit("calls", calls, lots))
    if tokens is not None:
        limits.append(Limit("tokens", tokens, lots if calls is None else ()))
    return PoolRow(at, f"pool {at}", (at,), tuple(limits))


class Job:
    """A call of the world: what it will really use, and what became of it."""

    def __init__(self, ask: Ask, usage: Usage, seconds: float) -> None:
        self.ask = ask
        self.usage = usage
        self.seconds = seconds
        self.arrived = self.began = -1.0
        self.full: Full | None = None
        self.ticket: Ticket | None = None
        self.done = False


class World:
    """Runs jobs through the core."""

    def __init__(self, *rows: PoolRow, patience: float = EVER) -> None:
        self.core = Waiting()
        self.now = 1000.0
        self.core.configure(rows, self.now)
        self.patience = patience
        self.running: list[Job] = []
        self.service: dict[int, float] = {}
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._serial = 0
        self.on_begin: Callable[[Job], None] = lambda _: None
        self.on_end: Callable[[Job], None] = lambda _: None
        self.on_full: Callable[[Job], None] = lambda _: None

    def at(self, when: float, what: Callable[[], object]) -> None:
        """Something happens then."""
        self._serial += 1
        heapq.heappush(self._events, (when, self._serial, what))

    def job(
        self,
        project: int,
        service: str = "standard",
        *,
        read: int = 1,
        write: int = 0,
        really: int | None = None,
        seconds: float = 1.0,
        weight: float = 1.0,
        organisation: int = 1,
        candidates: tuple[int, ...] = (1,),
        patience: float | None = None,
    ) -> Job:
        """A call comes now. `read`: as estimated; `really`: what it will turn out to be."""
        ask = Ask(project, organisation, service, weight, read, write)
        job = Job(ask, Usage(input=read if really is None else really, output=write), seconds)
        self.submit(job, candidates, patience)
        return job

    def submit(self, job: Job, candidates: tuple[int, ...] = (1,), patience: float | None = None) -> None:
        """A call comes now, perhaps once more."""
        job.arrived = self.now
        job.full = None
        found = self.core.enter(
            job.ask, candidates, self.patience if patience is None else patience, EVER, self.now
        )
        if isinstance(found, Full):
            job.full = found
            self.on_full(job)
        elif found.state == "placed":
            job.ticket = found
            self._begin(job)
        else:
            job.ticket = found
            found.told = lambda: self._told(job)

    def _told(self, job: Job) -> None:
        assert job.ticket is not None
        if job.ticket.state == "placed":
            self._begin(job)
        else:
            job.full = job.ticket.full
            self.on_full(job)

    def _begin(self, job: Job) -> None:
        job.began = self.now
        self.running.append(job)
        self._serve(job, INPUT * job.usage.input)
        half = job.usage.output // 2
        self.at(self.now + job.seconds / 2, lambda: self._write(job, half))
        self.at(self.now + job.seconds, lambda: self.end(job))
        self.on_begin(job)

    def _write(self, job: Job, tokens: int) -> None:
        assert job.ticket is not None
        self._serve(job, OUTPUT * tokens)
        self.core.wrote(job.ticket, tokens)

    def _serve(self, job: Job, cost: float) -> None:
        project = job.ask.project
        self.service[project] = self.service.get(project, 0.0) + cost

    def end(self, job: Job) -> None:
        """A call has ended."""
        assert job.ticket is not None
        self.running.remove(job)
        job.done = True
        self._serve(job, OUTPUT * (job.usage.output - job.usage.output // 2))
        self.core.end(job.ticket, job.usage, self.now)
        self.on_end(job)

    def run(self, until: float = EVER) -> None:
        """Let time pass, event by event; deadlines come when they are due."""
        while True:
            due = self.core.next_tick()
            event = self._events[0][0] if self._events else EVER
            when = min(event, due if due is not None else EVER)
            if when > until or (when >= EVER and not self._events):
                self.now = max(self.now, until) if until < EVER else self.now
                return
            self.now = max(self.now, when)
            if event <= when:
                heapq.heappop(self._events)[2]()
            else:
                self.core.tick(self.now)
