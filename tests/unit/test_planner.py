"""The router's process: what it reads, when it publishes, what it remembers when it was away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

import msgspec

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.gateway.ports import DrawRow, Snapshot, Source
from rechenwerk.gateway.situation import demand_name
from rechenwerk.main_router import Planner
from rechenwerk.routing.plan import Plan
from rechenwerk.routing.ports import Arrived, Report
from tests.fakes.clock import FakeClock
from tests.unit.switchyard import MODEL, MemoryBoard, World, table

NAME = demand_name(5, "chat", "internal", "standard", (), MODEL)
CALLS = (1000.0, 0.0, 0.0, 500.0, 0.0, 0.0, 0.0, 10.0)
REFUSE = {"rule": "refuse"}


class Books:
    """A configuration and draws, and from when on somebody asked for them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.draws: list[DrawRow] = []
        self.asked: list[int] = []
        self.failing = False

    async def version(self) -> int:
        return 1

    async def snapshot(self) -> Snapshot:
        return self.world.snapshot()

    async def drawn(self, since: int) -> Sequence[DrawRow]:
        if self.failing:
            raise OSError("no database")
        self.asked.append(since)
        return [row for row in self.draws if row.hour >= since]


class SeenBoard(MemoryBoard):
    """A board that knows what arrived, and since when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[Arrived] = []
        self.since: list[int] = []

    async def seen(self, since: int) -> Report:
        self.since.append(since)
        return Report(tuple(one for one in self.loads if one.starts >= since))


class Desk:
    """A planner with all it needs."""

    def __init__(self, world: World) -> None:
        self.books, self.board, self.clock = Books(world), SeenBoard(), FakeClock()
        self.planner = Planner(cast("Source", self.books), self.board, self.clock)

    def comes(self) -> None:
        """Calls of the class arrive now."""
        self.board.loads.append(Arrived(int(self.clock.at) // 60 * 60, NAME, 10.0, 0.0, CALLS))

    def drawn(self, amount: str) -> None:
        """All that was drawn in this hour."""
        nano = int(Decimal(amount) * NANO)
        row = DrawRow(1, 1, int(self.clock.at) // 3600 * 3600, Usage(input=1), nano, nano)
        self.books.draws = [*(one for one in self.books.draws if one.hour != row.hour), row]

    def step(self) -> Plan | None:
        return asyncio.run(self.planner.step())


def credit(**more: Any) -> World:
    world = World()
    world.deployment(world.contract("credit", "prepaid-credit", balance="10", **more), "1.00")
    return world


def left(plan: Plan | None) -> float:
    """What the plan says is left of the one thing that is limited."""
    assert plan is not None
    (found,) = plan.limits
    return found.left


def test_what_is_left_of_a_credit_is_read_for_every_plan() -> None:
    desk = Desk(credit(overflow=REFUSE))
    desk.comes()
    assert left(desk.step()) == 10.0
    desk.drawn("7")
    desk.clock.at += 5
    assert left(desk.step()) == 3.0, "not half a minute later"
    assert desk.books.asked[1] > desk.books.asked[0], "and not all of it anew"
    desk.drawn("10")
    desk.clock.at += 5
    plan = desk.step()
    assert plan is not None
    assert (plan.limits, plan.closed, plan.names) == ((), (1,), {})


def test_hours_that_were_read_before_stay_known() -> None:
    desk = Desk(credit(overflow=REFUSE))
    desk.comes()
    desk.drawn("4")
    assert left(desk.step()) == 6.0
    desk.books.draws = []
    desk.clock.at += 3 * 3600
    desk.books.failing = True
    for _ in range(2):
        try:
            desk.step()
        except OSError:
            continue
        raise AssertionError("it cannot have read")
    desk.books.failing = False
    desk.comes()
    desk.drawn("1")
    assert left(desk.step()) == 9.0, "all is read again after ten minutes"


def test_there_is_a_plan_before_anybody_has_come_where_contracts_govern() -> None:
    plan = Desk(credit(overflow=REFUSE)).step()
    assert left(plan) == 10.0
    assert plan is not None
    assert plan.choices == ()
    assert Desk(table("a on-demand 1.00\nb on-demand 2.00")).step() is None
    found = Desk(credit(overflow=REFUSE))
    found.step()
    assert msgspec.msgpack.decode(found.board.plans[0], type=Plan).limits[0].name == "credit"


def test_what_came_while_nobody_planned_is_read_afterwards() -> None:
    desk = Desk(credit())
    desk.comes()
    desk.step()
    desk.clock.at += 5
    desk.step()
    assert desk.board.since[1] > desk.board.since[0]
    last = int(desk.clock.at)
    for _ in range(5):
        desk.clock.at += 600
        desk.comes()
    desk.step()
    assert desk.board.since[-1] <= last, "an hour without the database is no hole in what was seen"
    starts = {one for one, _ in desk.planner._arrived}
    assert len(starts) == 6


def test_a_process_that_does_not_lead_does_nothing() -> None:
    class Second(SeenBoard):
        async def lead(self) -> bool:
            return False

    desk = Desk(credit())
    desk.planner = Planner(cast("Source", desk.books), Second(), desk.clock)
    assert desk.step() is None
    assert desk.books.asked == []
