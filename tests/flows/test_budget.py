"""Budgets and limits under a thousand calls at once: never passed, and all of it spendable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from rechenwerk.base.money import NANO
from rechenwerk.gateway.leases import Leases
from rechenwerk.gateway.till import Till
from rechenwerk.ledger.guards import NEVER, GuardRow, Unit, release, undo, window_bounds
from rechenwerk.ledger.guards import Guard as LedgerGuard
from rechenwerk.ledger.ports import Grant
from rechenwerk.office.ports import Guard
from rechenwerk.store.book import PostgresBook
from tests.caller import Line, Reply, ask, chat_body, many_files
from tests.fakes.provider import FakeProvider, running_fake
from tests.installation import CONFIG, Tenant, Town, gateway, gateway_process, town
from tests.postgres import SPOOL

BUDGET = 5 * NANO
PRICED = CONFIG.replace('input = "1.50", cached_input = "0.75", output = "3.00"', 'output = "99.9"')
"""Only output costs: a call of up to 1,000 tokens holds 0.0999 EUR, whatever its prompt."""
HOLD = 99_900_000
FIT = BUDGET // HOLD
CALLERS = 1_000
ALL_TIME = MappingProxyType(dict.fromkeys(("day", "month", "total"), datetime(1970, 1, 1, tzinfo=UTC)))


@contextmanager
def processes(url: str, count: int, **environment: str) -> Iterator[list[str]]:
    """Gateway processes on one database; their addresses."""
    with ExitStack() as stack:
        yield [stack.enter_context(gateway_process(url, **environment)).address for _ in range(count)]


@asynccontextmanager
async def priced(url: str, fake: FakeProvider) -> AsyncIterator[Town]:
    """An installation where a call is dear."""
    many_files()
    async with town(url) as there:
        await there.configure(PRICED.format(kind="openai", url=fake.base_url))
        yield there


def hanging(**more: Any) -> dict[str, Any]:
    """A stream that begins, and then stands still for as long as the client stays."""
    return chat_body(1_000, stream=True, x_fake={"stall_after_events": 2}, **more)


async def promised(there: Town, project: int) -> tuple[int, int]:
    """What a project's budget has granted to processes, and what calls hold and have spent of it."""
    row = await there.pool.fetchrow(
        "select coalesce(sum(w.granted), 0) as granted, coalesce(sum(s.used), 0) as used"
        " from guard g left join guard_window w on w.guard_id = g.id left join lateral"
        " (select sum(held + posted) as used from slice where guard_id = w.guard_id"
        "  and starts_at = w.starts_at) s on true"
        " where g.project_id = $1 and g.key_id is null and g.unit = 'money'",
        project,
    )
    assert row is not None
    return int(row["granted"]), int(row["used"])


class Rush:
    """Callers that send until a call is refused while nothing else runs."""

    def __init__(self, there: Town, tenant: Tenant, body: dict[str, Any], limit: int) -> None:
        self.there, self.tenant, self.body, self.limit = there, tenant, body, limit
        self.good = self.refused = self.running = self.most = self.started = 0
        self.over = False
        self._waiting: list[asyncio.Future[None]] = []
        self.last: Reply | None = None

    async def run(self, addresses: Sequence[str], callers: int) -> None:
        async with asyncio.TaskGroup() as group:
            for place in range(callers):
                group.create_task(self._caller(addresses[place % len(addresses)]))

    async def _caller(self, address: str) -> None:
        async with Line(address) as line:
            while not self.over:
                self.running += 1
                self.started += 1
                alone, mine = self.running == 1, self.started
                reply = await line.ask(self.tenant.key, self.body)
                self.running -= 1
                if reply.status == 200:
                    await self._served()
                else:
                    assert reply.status == 429, reply
                    self.refused += 1
                    await self._turned_away(reply, alone=alone and mine == self.started)

    async def _served(self) -> None:
        self.good += 1
        if self.good % 50 == 0:
            granted, used = await promised(self.there, self.tenant.project)
            assert used <= granted <= self.limit
        self._wake(1)

    async def _turned_away(self, reply: Reply, *, alone: bool) -> None:
        if alone:
            self.over, self.last = True, reply
            self._wake(len(self._waiting))
        elif self.running:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    def _wake(self, count: int) -> None:
        for future in self._waiting[:count]:
            future.set_result(None)
        del self._waiting[:count]


@pytest.mark.parametrize("count", [1, 3])
def test_a_budget_is_never_passed_and_all_of_it_can_be_spent(database_url: str, count: int) -> None:
    with running_fake() as fake:
        asyncio.run(_spend_everything(database_url, fake, count))


async def _spend_everything(url: str, fake: FakeProvider, count: int) -> None:
    async with priced(url, fake) as there:
        tenant = await there.tenant(project=(Guard("money", "total", BUDGET),))
        body = chat_body(1_000, x_fake={"latency_ms": 5})  # 20 tokens come: a fiftieth of what it holds
        with processes(url, count) as addresses:
            rush = Rush(there, tenant, body, BUDGET)
            await rush.run(addresses, CALLERS)
            calls = await there.settled(rush.good)
            assert rush.last is not None
            assert rush.last.code == "insufficient_quota"
            assert rush.refused >= CALLERS - FIT
            assert len(calls) == rush.good == fake.totals.finished
            spent = sum(int(call["price"]) for call in calls)
            _, used = await promised(there, tenant.project)
            assert spent == used == rush.good * 20 * 99_900
            assert BUDGET - HOLD < spent <= BUDGET
        await there.assert_books_verify(tenant.organisation)


class Crowd:
    """Calls that begin at once and stay under way until they are let go."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._lines: list[Line] = []
        self._admitted: list[Line] = []

    async def send(self, key: str, count: int) -> tuple[int, int]:
        """How many were admitted, and how many refused."""
        lines = [Line(self._addresses[place % len(self._addresses)]) for place in range(count)]
        self._lines += lines
        replies = await asyncio.gather(*[line.begin(key, hanging()) for line in lines])
        assert {reply.status for reply in replies} <= {200, 429}
        good = sum(reply.status == 200 for reply in replies)
        self._admitted += [line for line, reply in zip(lines, replies, strict=True) if reply.status == 200]
        return good, count - good

    async def leave(self, count: int) -> None:
        """Some of the admitted calls end."""
        for line in self._admitted[:count]:
            await line.close()
        del self._admitted[:count]

    async def let_go(self) -> None:
        for line in self._lines:
            await line.close()
        self._admitted.clear()


@pytest.mark.parametrize("at_once", [FIT, CALLERS])
def test_exactly_as_many_calls_as_the_budget_holds_are_admitted(database_url: str, at_once: int) -> None:
    with running_fake() as fake:
        asyncio.run(_fill(database_url, fake, at_once))


async def _fill(url: str, fake: FakeProvider, at_once: int) -> None:
    async with priced(url, fake) as there:
        tenant = await there.tenant(project=(Guard("money", "total", BUDGET),))
        with processes(url, 3, DRAIN_TIMEOUT="0.1", GRACE="1") as addresses:
            crowd = Crowd(addresses)
            assert await crowd.send(tenant.key, at_once) == (FIT, at_once - FIT)
            granted, used = await promised(there, tenant.project)
            assert used == FIT * HOLD <= granted <= BUDGET
            assert await crowd.send(tenant.key, 30) == (0, 30)
            await crowd.let_go()
            calls = await there.settled(FIT)
            # One word came before they left: nobody says what it cost, so it stands as an estimate.
            assert {(call["outcome"], call["usage_source"]) for call in calls} == {
                ("unresolved", "estimated")
            }
            left = BUDGET - sum(int(call["price"]) for call in calls)
            assert await crowd.send(tenant.key, at_once) == (left // HOLD, at_once - left // HOLD)
            await crowd.let_go()
            await there.settled(FIT + left // HOLD)
        await there.assert_books_verify(tenant.organisation)


def test_a_key_has_a_budget_inside_its_project(database_url: str) -> None:
    with running_fake() as fake:
        asyncio.run(_nested(database_url, fake))


async def _nested(url: str, fake: FakeProvider) -> None:
    async with priced(url, fake) as there:
        wide = await there.tenant(project=(Guard("money", "total", BUDGET),))
        narrow = await there.add_key(
            wide.organisation, wide.project, guards=(Guard("money", "day", 10 * HOLD),)
        )
        with processes(url, 2, DRAIN_TIMEOUT="0.1", GRACE="1") as addresses:
            crowd = Crowd(addresses)
            assert await crowd.send(narrow.key, 30) == (10, 20)  # its own budget
            assert await crowd.send(wide.key, 60) == (FIT - 10, 70 - FIT)  # the rest of the project's
            assert await crowd.send(narrow.key, 10) == (0, 10)
            await crowd.leave(10)  # all of the narrow key's
            await _until_calls(there, 10)
            assert await crowd.send(wide.key, 8) == (8, 0)
            # The project has room for one or two: what a refused call took from its key's budget came back.
            good, _ = await crowd.send(narrow.key, 10)
            assert good == (BUDGET - await _spent(there)) // HOLD - (FIT - 10) - 8
            await crowd.let_go()
            await there.settled(10 + FIT - 10 + 8 + good)
            assert (await crowd.send(narrow.key, 9))[0] == 9
            await crowd.let_go()
            await there.settled(FIT + 8 + good + 9)
        await there.assert_books_verify(wide.organisation)


async def _until_calls(there: Town, count: int) -> None:
    async with asyncio.timeout(20):
        while await there.pool.fetchval("select count(*) from call") < count:
            pass


async def _spent(there: Town) -> int:
    return int(await there.pool.fetchval("select coalesce(sum(price), 0) from call"))


def test_a_soft_budget_refuses_nobody_and_tells(database_url: str) -> None:
    with running_fake() as fake:
        asyncio.run(_soft(database_url, fake))


async def _soft(url: str, fake: FakeProvider) -> None:
    async with priced(url, fake) as there:
        tenant = await there.tenant(project=(Guard("money", "total", 10 * 20 * 99_900, hard=False),))
        async with gateway(url) as (_, address):
            replies = await asyncio.gather(*[ask(address, tenant.key, chat_body(1_000)) for _ in range(50)])
            assert {reply.status for reply in replies} == {200}
            await there.settled(50)
        (project,) = await there.desk.tenants.projects(tenant.organisation, ALL_TIME)
        (use,) = project.guards
        assert (use.hard, use.amount, use.posted, use.held) == (False, 10 * 20 * 99_900, 50 * 20 * 99_900, 0)
        await there.assert_books_verify(tenant.organisation)


def test_a_budget_can_be_lowered_raised_and_removed_under_way(database_url: str) -> None:
    with running_fake() as fake:
        asyncio.run(_change(database_url, fake))


async def _change(url: str, fake: FakeProvider) -> None:
    async with priced(url, fake) as there:
        tenant = await there.tenant(project=(Guard("money", "total", BUDGET),))
        body = chat_body(1_000)

        async def set_budget(amount: int | None) -> None:
            guard = Guard("money", "total", amount)
            await there.desk.tenants.guard_project(tenant.organisation, tenant.project, [guard])

        with processes(url, 3, DRAIN_TIMEOUT="0.1", GRACE="1") as addresses:
            for address in addresses * 10:
                assert (await ask(address, tenant.key, body)).status == 200
            await there.settled(30)
            await set_budget(10 * 20 * 99_900)  # a third of what is spent already
            await _each(addresses, tenant, body, 429)
            await there.settled(30)
            await set_budget((await promised(there, tenant.project))[1] + HOLD)
            await _each(addresses[:1], tenant, body, 200)
            await _each(addresses[1:2], tenant, body, 429)
            await set_budget(BUDGET)
            await _each(addresses, tenant, body, 200)
            await set_budget(0)
            await _each(addresses, tenant, body, 429)
            await set_budget(None)
            await _each(addresses, tenant, chat_body(60_000), 200)  # up to 5.994 EUR
            await there.settled(30)
            spent = await _spent(there)
            await set_budget(spent)  # set again, it remembers what was spent before it was removed
            await _each(addresses, tenant, body, 429)
            await set_budget(BUDGET)
            crowd = Crowd(addresses)
            free = BUDGET - (await promised(there, tenant.project))[1]
            assert await crowd.send(tenant.key, 60) == (free // HOLD, 60 - free // HOLD)
            await crowd.let_go()
        await there.assert_books_verify(tenant.organisation)


async def _each(addresses: Sequence[str], tenant: Tenant, body: dict[str, Any], status: int) -> None:
    """Within two seconds every process answers so."""
    async with asyncio.timeout(2):
        for address in addresses:
            while (await ask(address, tenant.key, body)).status != status:
                pass


def test_calls_at_once_are_limited_across_processes(database_url: str) -> None:
    with running_fake() as fake:
        asyncio.run(_at_once(database_url, fake))


async def _at_once(url: str, fake: FakeProvider) -> None:
    async with priced(url, fake) as there:
        tenant = await there.tenant(key=(Guard("calls", "now", 20),))
        with processes(url, 3, DRAIN_TIMEOUT="0.1", GRACE="1") as addresses:
            crowd = Crowd(addresses)
            assert await crowd.send(tenant.key, 20) == (20, 0)
            assert fake.stats()["open"] == 20
            assert await crowd.send(tenant.key, 40) == (0, 40)
            await crowd.leave(7)
            await _until_calls(there, 7)
            assert await crowd.send(tenant.key, 60) == (7, 53)
            assert fake.stats()["open"] == 20
            await crowd.let_go()
            await there.settled(27)


@pytest.mark.parametrize(("unit", "limit", "need"), [("requests", 100, 1), ("tokens", 15_000, 300)])
def test_limits_per_minute_hold_across_processes(database_url: str, unit: str, limit: int, need: int) -> None:
    with running_fake() as fake:
        asyncio.run(_per_minute(database_url, fake, unit, limit, need))


async def _per_minute(url: str, fake: FakeProvider, unit: str, limit: int, need: int) -> None:
    body = chat_body(200, text="word " * 40, x_fake={"answer_tokens": 100})
    async with priced(url, fake) as there:
        guards = (Guard(unit, "minute", limit),)
        tenants = [await there.tenant(name, project=guards) for name in ("first", "second")]
        with processes(url, 3) as addresses:
            for tenant in tenants:
                before = await there.pool.fetchval("select count(*) from call")
                rush = Rush(there, tenant, body, BUDGET)
                began = time.time() // 60
                await rush.run(addresses, 150)
                calls = (await there.settled(before + rush.good))[before:]
                used = [1 if unit == "requests" else call["input"] + call["output"] for call in calls]
                if began == time.time() // 60:
                    assert limit - need < sum(used) <= limit
                    assert rush.last is not None
                    assert rush.last.code == "rate_limit_exceeded"
                    return
        raise AssertionError("two minutes in a row ended within a second or two of their beginning")


# -- windows, with time as an argument ----------------------------------------------------------------


def test_windows_follow_the_calendar() -> None:
    table = (
        ("minute", "2028-02-28 23:59:59", "2028-02-28 23:59:00", "2028-02-29 00:00:00"),
        ("day", "2028-02-29 12:00:00", "2028-02-29 00:00:00", "2028-03-01 00:00:00"),
        ("day", "2027-03-28 02:30:00", "2027-03-28 00:00:00", "2027-03-29 00:00:00"),
        ("month", "2028-02-29 23:59:59", "2028-02-01 00:00:00", "2028-03-01 00:00:00"),
        ("month", "2027-12-31 23:59:59", "2027-12-01 00:00:00", "2028-01-01 00:00:00"),
    )
    for period, now, starts, ends in table:
        assert window_bounds(period, _at(now)) == (_at(starts), _at(ends)), (period, now)  # type: ignore[arg-type]
    assert window_bounds("total", _at("2028-02-29 12:00:00")) == (0, NEVER)


def _at(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp())


class HandClock:
    """Time that moves when the test says so; `steps` are taken one per look."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.steps: list[float] = []

    def now(self) -> float:
        if self.steps:
            self.at = self.steps.pop(0)
        return self.at

    def monotonic(self) -> float:
        return self.at


@asynccontextmanager
async def leasing(there: Town, guards: tuple[Guard, ...], clock: HandClock) -> AsyncIterator[Desk]:
    """Leases of one process over a real book."""
    tenant = await there.tenant(project=guards)
    rows = [
        GuardRow(row["id"], row["unit"], row["period"], int(row["amount"]), row["hard"])
        for row in await there.pool.fetch("select * from guard order by id")
    ]
    book = Flaky(there.url, "test")
    till = Till(book, asyncio.Event())
    leases = Leases(book, till, clock)
    await book.open(leases.on_recall)
    till.start()
    try:
        yield Desk(tenant, book, leases, tuple(leases.guard(row) for row in rows))
    finally:
        await till.close()
        await leases.close()
        await book.close()


class Flaky(PostgresBook):
    """A book whose leases can fail, before or after the database has done its part."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(url, name, SPOOL)
        self.fail_guard = 0
        self.fail_after = False

    async def lease(self, guard: int, starts: int, want: int, least: int = 1) -> Grant | None:
        if guard == self.fail_guard and not self.fail_after:
            raise OSError("the connection is gone")
        grant = await super().lease(guard, starts, want, least)
        if guard == self.fail_guard:
            raise OSError("the answer is lost")
        return grant


@dataclass
class Desk:
    """What `leasing` gives."""

    tenant: Tenant
    book: Flaky
    leases: Leases
    guards: tuple[LedgerGuard, ...]


NEEDS: dict[Unit, int] = {"money": 60, "tokens": 1, "requests": 1, "calls": 1}


def test_a_new_day_has_a_new_budget(database_url: str) -> None:
    asyncio.run(_new_day(database_url))


async def _new_day(url: str) -> None:
    midnight = _at("2027-02-01 00:00:00")
    clock = HandClock(midnight - 100)
    guards = (Guard("money", "day", 100), Guard("money", "month", 190))
    async with town(url) as there, leasing(there, guards, clock) as desk:
        take, leases = desk.leases.take, desk.leases
        first = await take(desk.guards, NEEDS)
        assert isinstance(first, list)
        assert await take(desk.guards, NEEDS) is desk.guards[0]
        # The second look at the clock is in the next day: the money comes from that day's window, all of it.
        clock.steps = [midnight - 1, midnight - 1, midnight + 1]
        second = await take(desk.guards, NEEDS)
        assert isinstance(second, list)
        assert [window.starts for window, _ in second] == [midnight, midnight]
        assert all(window.slice_id for window, _ in second)
        assert await take(desk.guards, NEEDS) is desk.guards[0]
        # What yesterday's call did not use goes back to yesterday.
        release(first, 10)
        assert await take(desk.guards, NEEDS) is desk.guards[0]
        leases.tidy()
        await leases.close()
        rows = await there.pool.fetch(
            "select starts_at, granted from guard_window order by guard_id, starts_at"
        )
        assert [int(row["granted"]) for row in rows] == [10, 60, 10, 60]


@pytest.mark.parametrize("after", [False, True])
def test_a_lost_lease_costs_nobody_anything(database_url: str, after: bool) -> None:
    asyncio.run(_lost_lease(database_url, after))


async def _lost_lease(url: str, after: bool) -> None:
    guards = (Guard("calls", "now", 1), Guard("money", "total", 100))
    async with town(url) as there, leasing(there, guards, HandClock(1e9)) as desk:
        desk.book.fail_guard, desk.book.fail_after = desk.guards[1].row.id, after
        for _ in range(3):
            with pytest.raises(OSError, match="is gone" if not after else "is lost"):
                await desk.leases.take(desk.guards, NEEDS)
        desk.book.fail_guard = 0
        draws = await desk.leases.take(desk.guards, NEEDS)  # the one call at once, and most of the money
        assert isinstance(draws, list)
        assert await desk.leases.take(desk.guards, NEEDS) is desk.guards[0]
        undo(draws)
        everything: dict[Unit, int] = {**NEEDS, "money": 100}
        assert isinstance(await desk.leases.take(desk.guards, everything), list)
