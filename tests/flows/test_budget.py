"""Budgets and limits under a thousand calls at once: never passed, and all of it spendable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

import pytest

from rechenwerk.base.money import NANO
from rechenwerk.office.ports import Guard
from tests.caller import Line, Reply, chat_body, many_files
from tests.fakes.provider import FakeProvider, running_fake
from tests.installation import CONFIG, Tenant, Town, gateway, gateway_process, town

BUDGET = 5 * NANO
PRICED = CONFIG.replace('input = "1.50", cached_input = "0.75", output = "3.00"', 'output = "99.9"')
"""Only output costs: a call of up to 1,000 tokens holds 0.0999 EUR, whatever its prompt."""
HOLD = 99_900_000
FIT = BUDGET // HOLD
CALLERS = 1_000


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
            assert {(call["outcome"], call["usage_source"]) for call in calls} == {("unresolved", "estimated")}
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
            await there.pool.fetchval("select 1")
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
            await asyncio.sleep(0)


async def _spent(there: Town) -> int:
    return int(await there.pool.fetchval("select coalesce(sum(price), 0) from call"))
