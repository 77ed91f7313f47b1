"""Admission in the gateway's loop: a place at once, in turn, or never; clients that leave; deadlines."""

from __future__ import annotations

import asyncio
import random
import timeit
from collections.abc import Callable, Coroutine, Sequence

import pytest

from rechenwerk.base.clock import SystemClock
from rechenwerk.base.errors import Refusal
from rechenwerk.base.settings import Settings
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.lots import PoolUse
from rechenwerk.gateway.admission import CLOSING, FREE, GONE, Admission, Granted
from rechenwerk.routing.deal import equal
from rechenwerk.routing.lines import PoolRow
from rechenwerk.routing.reserve import Lot
from rechenwerk.routing.room import Limit
from tests.fakes.clock import FakeClock

USED = Usage(input=10, output=5)


class Connection:
    """A client's connection, as far as admission looks at it."""

    def __init__(self) -> None:
        self.gone = False
        self.on_gone: Callable[[], None] | None = None

    def leave(self) -> None:
        self.gone = True
        if self.on_gone is not None:
            self.on_gone()


class Gate:
    """Admission to deployments 1, 2, ... with so many places each, and a clock of its own."""

    def __init__(self, *places: int, lots: Sequence[Lot] = (), deadline: float = 20.0) -> None:
        self.clock = FakeClock()
        settings = Settings(queue_deadline=deadline, queue_deadline_batch=10 * deadline)
        self.admission = Admission(self.clock, settings)
        self.admission.configure(
            PoolRow(at, f"pool {at}", (at,), (Limit("calls", count, tuple(lots)),))
            for at, count in enumerate(places, 1)
        )
        self.order: list[str] = []

    async def enter(
        self, project: int = 1, service: str = "standard", client: Connection | None = None, *, at: int = 1
    ) -> Granted | Refusal:
        return await self.admission.enter(
            project, 1, service, tuple(range(1, at + 1)), read=10, write=5, client=client
        )

    def ask(
        self, name: str, project: int = 1, service: str = "standard", client: Connection | None = None
    ) -> asyncio.Task[Granted | Refusal]:
        """A call that notes its name when it has its place."""

        async def go() -> Granted | Refusal:
            found = await self.enter(project, service, client)
            if isinstance(found, Granted):
                self.order.append(name)
            return found

        return asyncio.create_task(go())

    def later(self, seconds: float) -> None:
        """Time passes, and the timer would have fired."""
        self.clock.at += seconds
        self.admission.tick()


async def turns(count: int = 5) -> None:
    """Let everybody else have a turn."""
    for _ in range(count):
        await asyncio.sleep(0)


def place(found: Granted | Refusal) -> Granted:
    assert isinstance(found, Granted), found
    return found


def refusal(found: Granted | Refusal) -> Refusal:
    assert isinstance(found, Refusal)
    return found


def test_critical_overtakes_batch_comes_last_and_projects_take_turns() -> None:
    async def story() -> list[str]:
        gate = Gate(1)
        first = place(await gate.enter())
        tasks = [
            gate.ask("batch", 1, "batch"),
            gate.ask("one", 1),
            gate.ask("one again", 1),
            gate.ask("two", 2),
            gate.ask("critical", 3, "critical"),
        ]
        await turns()
        assert gate.admission.waiting == 5
        first.ended(USED)
        while tasks:
            await turns()
            done = next(task for task in tasks if task.done())
            tasks.remove(done)
            place(done.result()).ended(USED)
        assert gate.admission.waiting == 0
        return gate.order

    # project 1 was served before, so project 2 comes first, though it asked last
    assert asyncio.run(story()) == ["critical", "two", "one", "one again", "batch"]


def test_a_client_that_leaves_frees_its_place_in_line() -> None:
    async def story() -> None:
        gate = Gate(1)
        first = place(await gate.enter())
        clients = [Connection(), Connection()]
        tasks = [gate.ask(str(at), client=client) for at, client in enumerate(clients)]
        await turns()
        clients[0].leave()
        await turns()
        assert refusal(tasks[0].result()) is GONE
        assert gate.admission.waiting == 1
        first.ended(USED)
        await turns()
        assert clients[1].on_gone is None
        place(tasks[1].result()).ended(USED)
        # one that leaves in the very moment in which it gets its place does not keep it
        last = place(await gate.enter())
        client = Connection()
        task = gate.ask("too late", client=client)
        await turns()
        last.ended(USED)
        client.leave()
        await turns()
        assert refusal(task.result()) is GONE
        gone = Connection()
        gone.gone = True
        place(await gate.enter())
        assert refusal(await gate.enter(client=gone)) is GONE

    asyncio.run(story())


def test_a_task_that_is_cancelled_frees_its_place() -> None:
    async def story() -> None:
        gate = Gate(1)
        first = place(await gate.enter())
        task = gate.ask("cancelled")
        await turns()
        task.cancel()
        await turns()
        assert task.cancelled()
        assert gate.admission.waiting == 0
        first.ended(USED)
        first.ended(USED)
        place(await gate.enter())
        assert gate.admission.in_use()[1].used == 1

    asyncio.run(story())


def test_at_the_deadline_a_call_is_refused_and_who_comes_back_when_told_is_served() -> None:
    async def story() -> None:
        gate = Gate(1, deadline=10.0)
        running = place(await gate.enter())
        task = gate.ask("late")
        await turns()
        gate.later(9.9)
        await turns()
        assert not task.done()
        gate.later(0.1)
        await turns()
        said = refusal(task.result())
        assert (said.status, said.code, said.type) == (429, "capacity_exceeded", "rate_limit_error")
        assert said.retry_after == 8
        assert "within 10 s" in said.message
        assert "in 8 s" in said.message
        gate.later(8)
        again = gate.ask("again")
        await turns()
        running.ended(USED)
        await turns()
        place(again.result())

    asyncio.run(story())


def test_who_would_wait_too_long_is_told_at_once() -> None:
    async def story() -> None:
        gate = Gate(1, deadline=10.0)
        first = place(await gate.enter())
        gate.later(4)
        first.ended(USED)  # calls take 4 s
        place(await gate.enter())
        tasks = [gate.ask(str(at)) for at in range(5)]
        await turns()
        told = [refusal(task.result()).retry_after for task in tasks if task.done()]
        assert told == [10, 15, 19]  # in 12, 16.6 and 21.2 s, less a quarter of 10 s
        batch = gate.ask("patient", service="batch")
        await turns()
        assert not batch.done()
        gate.admission.close()
        await turns()
        assert refusal(batch.result()) is CLOSING

    asyncio.run(story())


def test_a_critical_burst_that_fits_its_lot_is_not_refused() -> None:
    async def story() -> None:
        gate = Gate(4, lots=[Lot("critical", 0, 3, 2)], deadline=1.0)
        others = [place(await gate.enter(service="batch")) for _ in range(3)]
        burst = [gate.ask("critical", 2, "critical") for _ in range(3)]
        waits = gate.ask("standard")
        await turns()
        assert gate.order == ["critical"]
        gate.later(30)  # the calls that borrowed take longer than others wait
        await turns()
        assert refusal(waits.result()).code == "capacity_exceeded"
        for one in others:
            one.ended(USED)
        await turns()
        assert gate.order == ["critical"] * 3
        assert all(place(task.result()).index == 0 for task in burst)
        assert gate.admission.uses() == (PoolUse(1, int(gate.clock.now() // 86_400), "critical", 30, 30),)
        assert gate.admission.uses() == ()

    asyncio.run(story())


def test_what_is_all_kept_for_others_is_refused_for_good() -> None:
    async def story() -> Refusal:
        return refusal(await Gate(2, lots=[Lot("critical", 0, 2, 0)]).enter())

    said = asyncio.run(story())
    assert (said.status, said.code, said.retry_after) == (403, "capacity_reserved", None)


def test_an_attempt_elsewhere_takes_its_place_along() -> None:
    async def story() -> None:
        gate = Gate(1, 1)
        mine = place(await gate.enter(at=2))
        assert mine.index == 0
        assert mine.started(0)
        assert mine.started(1)
        assert place(await gate.enter(at=1)).index == 0
        waits = gate.ask("waits")
        await turns()
        assert not mine.started(0)
        mine.wrote(3)
        mine.ended()
        assert not waits.done()
        assert place(await gate.enter(2, at=2)).index == 1

    asyncio.run(story())


def test_other_pools_place_those_who_wait_anew() -> None:
    async def story() -> None:
        gate = Gate(1)
        place(await gate.enter())
        tasks = [gate.ask(str(at)) for at in range(3)]
        await turns()
        gate.admission.configure([PoolRow(1, "pool 1", (1,), (Limit("calls", 3),))])
        await turns()
        assert gate.order == ["0", "1"]
        gate.admission.configure([])
        await turns()
        assert all(task.done() for task in tasks)
        assert await gate.enter() is FREE

    asyncio.run(story())


def test_processes_have_their_parts() -> None:
    async def story(player: int) -> list[int]:
        gate = Gate()
        row = PoolRow(1, "p", (1,), (Limit("calls", 5, (Lot("critical", 0, 3, 1),)),))
        gate.admission.configure([row], equal(player, 2))
        found = [place(await gate.enter(service="critical")) for _ in range(gate_size(gate))]
        return [len(found), gate.admission.in_use()[0].nominal]

    def gate_size(gate: Gate) -> int:
        (pool,) = gate.admission._core.pools
        return pool.row.limits[0].amount

    assert [asyncio.run(story(player)) for player in (0, 1)] == [[3, 2], [2, 1]]


def test_time_alone_wakes_those_who_wait() -> None:
    """With the machine's own clock: the timer is set, and set again."""

    async def story() -> list[int | None]:
        admission = Admission(SystemClock(), Settings(queue_deadline=0.05, queue_deadline_batch=0.1))
        admission.configure([PoolRow(1, "p", (1,), (Limit("calls", 1),))])
        place(await admission.enter(1, 1, "standard", (1,), read=1, write=1))
        found = await asyncio.gather(
            admission.enter(1, 1, "batch", (1,), read=1, write=1),
            admission.enter(1, 1, "standard", (1,), read=1, write=1),
        )
        return [refusal(one).retry_after for one in found]

    assert asyncio.run(asyncio.wait_for(story(), 10)) == [1, 1]


def test_a_flood_does_not_hold_up_another_project_beyond_the_bound() -> None:
    """One project sends 500 calls at once; another, one now and then: it waits for two calls at most."""

    async def story() -> list[float]:
        gate = Gate(2, deadline=60.0)
        chance = random.Random(4)
        running: list[tuple[float, Granted]] = []
        waited = []
        asked: list[tuple[float, asyncio.Task[Granted | Refusal]]] = []

        async def call(project: int) -> Granted | Refusal:
            found = await gate.enter(project)
            if isinstance(found, Granted):
                running.append((gate.clock.at + chance.uniform(0.5, 1.5), found))
            return found

        flood = [asyncio.create_task(call(1)) for _ in range(500)]
        for step in range(600):
            if step % 40 == 0:
                asked.append((gate.clock.at, asyncio.create_task(call(2))))
            await turns()
            for begun, task in [one for one in asked if one[1].done()]:
                place(task.result())
                waited.append(gate.clock.at - begun)
                asked.remove((begun, task))
            for ends, found in [one for one in running if one[0] <= gate.clock.at]:
                running.remove((ends, found))
                found.ended(USED)
            gate.later(0.1)
        for task in flood:
            task.cancel()
        await turns()
        return waited

    waited = asyncio.run(story())
    assert len(waited) == 15
    assert max(waited) <= 2 * 1.5 + 0.2


def test_where_nothing_is_limited_it_costs_next_to_nothing() -> None:
    admission = Admission(SystemClock(), Settings())

    def step(work: Coroutine[object, object, Granted | Refusal]) -> None:
        with pytest.raises(StopIteration):
            work.send(None)

    def free() -> None:
        work = admission.enter(1, 1, "standard", (1,), read=1, write=1)
        try:
            work.send(None)
        except StopIteration:
            return

    step(admission.enter(1, 1, "standard", (1,), read=1, write=1))
    assert FREE.started(3)
    FREE.wrote(1)
    FREE.ended(USED)
    each = min(timeit.repeat(free, number=20_000, repeat=5)) / 20_000
    assert each < 3e-6
