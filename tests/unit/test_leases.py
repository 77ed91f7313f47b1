"""Leases: processes share budgets and limits; never over-granted, and refused only when nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.gateway.leases import Leases
from rechenwerk.gateway.till import Till
from rechenwerk.ledger.guards import Draw, Guard, GuardRow, Unit, release, settle
from tests.fakes.clock import FakeClock
from tests.fakes.memory_book import Books, MemoryBook, a_hold, a_post, until

MONEY = GuardRow(1, "money", "total", 1_000, True)
REQUESTS = GuardRow(2, "requests", "minute", 60, True)
CALLS = GuardRow(3, "calls", "now", 8, True, "key")


class Process:
    """One gateway process: its book, till and leases."""

    def __init__(self, books: Books, clock: FakeClock) -> None:
        self.book: MemoryBook = books.process()
        self.till = Till(self.book, asyncio.Event())
        self.leases = Leases(self.book, self.till, clock)
        self.ids = 0

    async def ask(self, need: int, *rows: GuardRow) -> list[Draw] | None:
        """Draw the same amount on every guard; None when one of them refuses."""
        guards = tuple(self.leases.guard(row) for row in rows or (MONEY,))
        amounts: dict[Unit, int] = {guard.row.unit: need for guard in guards}
        taken = await self.leases.take(guards, amounts)
        return None if isinstance(taken, Guard) else taken

    async def spend(self, need: int, charged: int) -> bool:
        """A whole call: draw, hold, post; True when it was admitted."""
        draws = await self.ask(need)
        if draws is None:
            return False
        self.ids += 1
        slices = "{" + ",".join(str(window.slice_id) for window, _ in draws) + "}"
        hold = a_hold(self.book.number * 100_000 + self.ids, need, slices)
        await self.till.hold(hold)
        error = self.till.refused(hold.id)
        assert error is None, error
        settle(draws, 7)
        self.till.post(a_post(hold, charged), draws)
        return True

    def free(self, row: GuardRow = MONEY) -> int:
        return self.leases.guard(row).window.free


class Town:
    """Processes on the same books."""

    def __init__(self, count: int, rows: Sequence[GuardRow]) -> None:
        self.clock = FakeClock()
        self.books = Books({row.id: row.amount for row in rows})
        self.processes = [Process(self.books, self.clock) for _ in range(count)]

    async def settled(self) -> None:
        """Wait until nobody gives anything back any more."""
        for one in self.processes:
            await until(lambda tasks=one.leases._tasks: not tasks)  # type: ignore[misc]


@asynccontextmanager
async def town(count: int, *rows: GuardRow) -> AsyncIterator[Town]:
    """Processes at work; at the end the books must prove that nothing was over-granted."""
    there = Town(count, rows or (MONEY, REQUESTS, CALLS))
    for one in there.processes:
        await one.book.open(one.leases.on_recall)
        one.till.start()
    yield there
    for one in there.processes:
        await one.till.close()
    await there.settled()
    there.books.check()


def test_a_slice_is_leased_once_and_then_drawn_in_memory() -> None:
    async def flow() -> None:
        async with town(1) as there:
            one = there.processes[0]
            assert [window.slice_id for window, _ in await one.ask(10) or []] == [1]
            leased = one.book.entered["lease"]
            assert one.free() > 10, "a cushion, so that the next call needs no round trip"
            assert await one.ask(10)
            assert one.book.entered["lease"] == leased == 1
            assert there.books.granted(1) == one.free() + 20

    asyncio.run(flow())


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("need", [1_000, 300, 70, 9])
def test_all_of_a_budget_can_be_drawn_and_not_one_call_more(count: int, need: int) -> None:
    async def flow() -> None:
        async with town(count) as there:
            fits = MONEY.amount // need
            asked = [there.processes[number % count].ask(need) for number in range(fits + 5 * count)]
            admitted = sum(draws is not None for draws in await asyncio.gather(*asked))
            assert admitted == fits

    asyncio.run(flow())


@pytest.mark.parametrize("count", [2, 3])
def test_what_calls_did_not_use_can_be_drawn_by_anybody_again(count: int) -> None:
    """Calls hold 100 and cost 40: a budget of 1,000 pays for 1 + 900 // 40 of them, one after the other."""

    async def flow() -> None:
        async with town(count) as there:
            admitted = 0
            for number in range(40):
                admitted += await there.processes[number % count].spend(100, 40)
            assert admitted == 23
            posted = sum(one.posted for one in there.books.slices.values())
            assert posted == 23 * 40

    asyncio.run(flow())


@pytest.mark.parametrize("count", [2, 3])
def test_many_calls_at_once_in_many_processes_never_pass_the_budget(count: int) -> None:
    async def flow() -> None:
        async with town(count) as there:
            calls = [there.processes[number % count].spend(100, 100) for number in range(60)]
            assert sum(await asyncio.gather(*calls)) == 10
            for one in there.processes:
                await one.till.posted()
            assert sum(one.posted for one in there.books.slices.values()) == 1_000
            assert await there.processes[0].ask(1) is None

    asyncio.run(flow())


def test_a_recall_brings_what_lies_idle_elsewhere() -> None:
    async def flow() -> None:
        async with town(2) as there:
            one, other = there.processes
            draws = await one.ask(900)
            assert draws
            settle(draws, 7)
            release(draws, 0)  # the call was void: 900 lie idle here
            assert one.free() >= 900
            assert await other.ask(950)
            await there.settled()
            assert one.free() + other.free() <= 50

    asyncio.run(flow())


def test_a_process_that_does_not_answer_keeps_its_slice_and_holds_nobody_up_for_long() -> None:
    async def flow() -> None:
        async with town(2) as there:
            one, deaf = there.processes
            deaf.book.deaf = True
            draws = await deaf.ask(900)
            assert draws
            release(draws, 0)
            async with asyncio.timeout(5):
                assert await one.ask(500) is None
            assert deaf.free() >= 900

    asyncio.run(flow())


def test_a_small_need_is_not_held_up_by_a_large_one() -> None:
    async def flow() -> None:
        async with town(2) as there:
            one, other = there.processes
            assert await other.ask(600)
            large, small = await asyncio.gather(one.ask(900), one.ask(50))
            assert large is None
            assert small is not None
            assert await one.ask(300)

    asyncio.run(flow())


def test_a_refusal_leaves_everything_as_it_was() -> None:
    async def flow() -> None:
        async with town(1) as there:
            one = there.processes[0]
            guards = (one.leases.guard(MONEY), one.leases.guard(REQUESTS), one.leases.guard(CALLS))
            refused = await one.leases.take(guards, {"money": 100, "requests": 1, "calls": 9})
            assert refused is guards[2]
            assert await one.ask(1_000)
            assert await one.ask(60, REQUESTS)

    asyncio.run(flow())


@pytest.mark.parametrize("written", [False, True], ids=["nothing written", "only the answer lost"])
def test_books_that_are_away_cost_nobody_a_part_of_the_budget(written: bool) -> None:
    async def flow() -> None:
        async with town(1) as there:
            one = there.processes[0]
            assert await one.ask(10)
            (one.book.lost if written else one.book.faults)["lease"].append(OSError("away"))
            with pytest.raises(OSError, match="away"):
                await one.ask(500)
            assert await one.ask(990), "all that is left can still be drawn"
            assert await one.ask(1) is None

    asyncio.run(flow())


def test_an_error_of_the_books_gives_back_what_was_drawn_before_it() -> None:
    async def flow() -> None:
        async with town(1) as there:
            one = there.processes[0]
            assert await one.ask(10)
            free = one.free()
            guards = (one.leases.guard(MONEY), one.leases.guard(REQUESTS))
            one.book.faults["lease"].append(RechenwerkError("no such window"))
            with pytest.raises(RechenwerkError, match="no such window"):
                await one.leases.take(guards, {"money": 5, "requests": 1})
            assert one.free() == free

    asyncio.run(flow())


def test_calls_pass_when_their_guard_was_removed() -> None:
    async def flow() -> None:
        async with town(1) as there:
            one = there.processes[0]
            assert await one.ask(10)
            del there.books.guards[MONEY.id]
            drawn = await asyncio.gather(*[one.ask(5_000) for _ in range(3)])
            assert all(draws is not None for draws in drawn)
            one.leases.keep_only([])

    asyncio.run(flow())


def test_a_caller_who_goes_away_while_the_guard_is_removed_takes_nobody_along() -> None:
    async def flow() -> None:
        async with town(1) as there:
            one = there.processes[0]
            gate = one.book.gates["lease"] = asyncio.Event()
            leaving = asyncio.create_task(one.ask(10))
            staying = asyncio.create_task(one.ask(10))
            await until(lambda: one.book.entered["lease"] == 1)
            leaving.cancel()
            del there.books.guards[MONEY.id]
            gate.set()
            async with asyncio.timeout(5):
                assert await staying is not None
            assert leaving.cancelled()

    asyncio.run(flow())


def test_a_new_minute_has_a_slice_of_its_own() -> None:
    async def flow() -> None:
        async with town(2) as there:
            one, other = there.processes
            assert await one.ask(40, REQUESTS)
            assert await other.ask(20, REQUESTS)
            assert await one.ask(1, REQUESTS) is None
            there.clock.at += 60
            assert await other.ask(60, REQUESTS)
            assert await one.ask(1, REQUESTS) is None
            assert len(there.books.windows) == 2
            there.clock.at += 3_600
            one.leases.tidy()
            assert await one.ask(60, REQUESTS)

    asyncio.run(flow())


def test_what_a_call_of_the_last_minute_gives_back_does_not_count_in_this_one() -> None:
    async def flow() -> None:
        async with town(1) as there:
            one = there.processes[0]
            tokens = GuardRow(2, "tokens", "minute", 60, True)
            old = await one.ask(50, tokens)
            assert old
            there.clock.at += 60
            assert await one.ask(60, tokens)
            settle(old, 0)
            assert await one.ask(1, tokens) is None

    asyncio.run(flow())


def test_idle_money_goes_back_after_a_while() -> None:
    async def flow() -> None:
        async with town(1) as there:
            one = there.processes[0]
            draws = await one.ask(10)
            assert draws
            one.leases.tidy()
            await there.settled()
            assert there.books.granted(1) > 10, "it was used a moment ago"
            there.clock.at += 60
            one.leases.tidy()
            await there.settled()
            assert there.books.granted(1) == 10

    asyncio.run(flow())


@pytest.mark.parametrize("amount", [1_500, 400])
def test_a_changed_budget_takes_effect_at_once(amount: int) -> None:
    async def flow() -> None:
        async with town(2) as there:
            one, other = there.processes
            assert await one.ask(300)
            assert await other.ask(50)
            changed = GuardRow(1, "money", "total", amount, True)
            there.books.guards[1] = amount
            for process in there.processes:
                process.leases.refresh(changed)
            await there.settled()
            assert await other.ask(amount - 350 + 1) is None
            assert await other.ask(amount - 350)

    asyncio.run(flow())


def test_closing_gives_everything_back() -> None:
    async def flow() -> None:
        async with town(1) as there:
            one = there.processes[0]
            assert await one.ask(10)
            await one.leases.close()
            assert there.books.granted(1) == 10

    asyncio.run(flow())


def test_running_calls_are_limited_and_their_places_come_back() -> None:
    async def flow() -> None:
        async with town(2) as there:
            one, other = there.processes
            running = [await (one, other)[number % 2].ask(1, CALLS) for number in range(8)]
            assert None not in running
            assert await one.ask(1, CALLS) is None
            settle(running[1] or [], 0)
            assert await one.ask(1, CALLS)
            assert await other.ask(1, CALLS) is None

    asyncio.run(flow())
