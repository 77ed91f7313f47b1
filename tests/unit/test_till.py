"""The till: group commits, poison that harms nobody else, nothing lost while the books are away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rechenwerk.base.errors import BookError, FencedError
from rechenwerk.gateway.till import Till
from rechenwerk.ledger.guards import Draw, Guard, GuardRow, draw
from rechenwerk.ledger.ports import Hold
from tests.fakes.memory_book import ACCOUNTS, Books, MemoryBook, a_hold, a_post, until

BUDGET = GuardRow(1, "money", "total", 1_000, True)


class Desk:
    """A till on books in memory."""

    def __init__(self) -> None:
        self.books = Books()
        self.book: MemoryBook = self.books.process()
        self.fenced = asyncio.Event()
        self.till = Till(self.book, self.fenced)

    async def durable(self, *holds: Hold) -> None:
        """Take holds and wait for them."""
        await asyncio.gather(*[self.till.hold(hold) for hold in holds])

    def close(self, method: str) -> asyncio.Event:
        """Let the books work on a method until the gate is opened."""
        gate = self.book.gates[method] = asyncio.Event()
        return gate

    async def reached(self, method: str, times: int = 1) -> None:
        await until(lambda: self.book.entered[method] >= times, f"{method} was not called {times} times")


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    """A till at work; closed at the end, which must not hang."""
    one = Desk()
    one.till.start()
    yield one
    async with asyncio.timeout(5):
        await one.till.close()


def drawn(free: int, amount: int) -> tuple[Guard, list[Draw]]:
    """A budget with some money free in this process, and what a call took of it."""
    guard = Guard(BUDGET, 0)
    guard.window.free = free
    draws = draw((guard,), {"money": amount}, 0)
    assert draws is not None
    return guard, draws


def test_what_arrives_while_a_commit_runs_goes_out_with_the_next() -> None:
    async def flow() -> None:
        async with desk() as one:
            gate = one.close("write_holds")
            first = one.till.hold(a_hold(1))
            await one.reached("write_holds")
            later = [one.till.hold(a_hold(number)) for number in (2, 3, 4)]
            assert not first.done()
            gate.set()
            await asyncio.gather(first, *later)
            assert one.book.commits["write_holds"] == [[1], [2, 3, 4]]
            assert one.till.commits == 2

    asyncio.run(flow())


def test_a_future_is_done_only_when_its_item_is_durable() -> None:
    async def flow() -> None:
        async with desk() as one:
            gate = one.close("write_holds")
            first = one.till.hold(a_hold(1))
            await one.reached("write_holds")
            second = one.till.hold(a_hold(2))
            assert not one.books.holds
            next_gate = one.close("write_holds")
            gate.set()
            await first
            await one.reached("write_holds", 2)
            assert set(one.books.holds) == {1}
            assert not second.done()
            next_gate.set()
            await second
            assert 2 in one.books.holds

    asyncio.run(flow())


def test_more_than_five_hundred_items_are_all_durable_when_the_future_is_done() -> None:
    async def flow() -> None:
        async with desk() as one:
            gate = one.close("write_holds")
            first = one.till.hold(a_hold(0))
            await one.reached("write_holds")
            futures = [one.till.hold(a_hold(number)) for number in range(1, 1_301)]
            gate.set()
            await first
            await futures[0]
            assert len(one.books.holds) == 1_301
            assert [len(commit) for commit in one.book.commits["write_holds"]] == [1, 500, 500, 300]

    asyncio.run(flow())


@pytest.mark.parametrize("poison", [{3}, {0, 6}, {0, 1, 2, 3, 4, 5, 6}, {40}])
def test_poisoned_items_cost_nobody_else_anything(poison: set[int]) -> None:
    async def flow() -> None:
        async with desk() as one:
            one.book.poison = poison
            await one.durable(*map(a_hold, range(7)))
            assert set(one.books.holds) == set(range(7)) - poison
            for number in range(7):
                assert isinstance(one.till.refused(number), BookError) is (number in poison)
                assert one.till.refused(number) is None, "it is told once"
            assert not one.till.failing

    asyncio.run(flow())


def test_a_post_that_the_books_refuse_is_counted_and_keeps_its_hold_and_its_money() -> None:
    async def flow() -> None:
        async with desk() as one:
            guard, draws = drawn(500, 100)
            await one.durable(a_hold(1), a_hold(2))
            one.book.poison = {1}
            one.till.post(a_post(a_hold(1)), draws)
            one.till.post(a_post(a_hold(2)), [])
            await one.till.posted()
            assert set(one.books.posts) == {2}
            assert set(one.books.holds) == {1}
            assert one.till.lost_posts == 1
            assert guard.window.free == 400

    asyncio.run(flow())


@pytest.mark.parametrize("written", [False, True], ids=["nothing written", "only the answer lost"])
@pytest.mark.parametrize("error", [ConnectionResetError("gone"), TimeoutError(), LookupError("a mistake")])
def test_nothing_is_lost_and_nothing_doubled_while_the_books_are_away(
    error: Exception, written: bool
) -> None:
    async def flow() -> None:
        async with desk() as one:
            away = one.book.lost if written else one.book.faults
            away["write_holds"].append(error)
            first = one.till.hold(a_hold(1))
            await until(lambda: one.till.failing)
            assert not first.done()
            second = one.till.hold(a_hold(2))
            assert one.till.waiting == 1
            await asyncio.gather(first, second)
            assert not one.till.failing
            assert set(one.books.holds) == {1, 2}
            away["write_posts"].append(error)
            one.till.post(a_post(a_hold(1)), [])
            await one.till.posted()
            assert set(one.books.posts) == {1}
            assert one.till.refused(1) is None
            assert one.till.lost_posts == 0

    asyncio.run(flow())


def test_holds_do_not_wait_for_posts() -> None:
    async def flow() -> None:
        async with desk() as one:
            await one.durable(a_hold(1))
            gate = one.close("write_posts")
            one.till.post(a_post(a_hold(1)), [])
            await one.reached("write_posts")
            await one.durable(a_hold(2))
            assert not one.books.posts
            gate.set()

    asyncio.run(flow())


@pytest.mark.parametrize(("price", "free"), [(30, 500 - 30), (100, 400), (170, 400), (0, 500)])
def test_money_is_free_again_only_when_the_post_is_durable(price: int, free: int) -> None:
    async def flow() -> None:
        async with desk() as one:
            guard, draws = drawn(500, 100)
            await one.durable(a_hold(1))
            gate = one.close("write_posts")
            one.till.post(a_post(a_hold(1), price), draws)
            await one.reached("write_posts")
            assert guard.window.free == 400
            gate.set()
            await one.till.posted()
            assert guard.window.free == free

    asyncio.run(flow())


def test_posted_waits_for_what_is_being_written_and_for_what_has_just_come() -> None:
    async def flow() -> None:
        async with desk() as one:
            await one.durable(a_hold(1), a_hold(2))
            gate = one.close("write_posts")
            one.till.post(a_post(a_hold(1)), [])
            await one.reached("write_posts")
            running = asyncio.create_task(one.till.posted())
            await asyncio.sleep(0)
            one.till.post(a_post(a_hold(2)), [])
            both = asyncio.create_task(one.till.posted())
            await asyncio.sleep(0)
            assert not running.done()
            assert not both.done()
            gate.set()
            await running
            assert 1 in one.books.posts
            await both
            assert set(one.books.posts) == {1, 2}
            await one.till.posted()

    asyncio.run(flow())


def test_somebody_who_stops_waiting_stops_nobody_else() -> None:
    async def flow() -> None:
        async with desk() as one:
            await one.durable(a_hold(1))
            gate = one.close("write_posts")
            one.till.post(a_post(a_hold(1)), [])
            await one.reached("write_posts")
            impatient = asyncio.create_task(one.till.posted())
            patient = asyncio.create_task(one.till.posted())
            await asyncio.sleep(0)
            impatient.cancel()
            with pytest.raises(asyncio.CancelledError):
                await impatient
            gate.set()
            await patient
            assert 1 in one.books.posts
            await one.durable(a_hold(2))
            one.till.post(a_post(a_hold(2)), [])
            await one.till.posted()
            assert 2 in one.books.posts

    asyncio.run(flow())


def test_a_process_that_was_declared_dead_writes_nothing_and_refuses_everything() -> None:
    async def flow() -> None:
        async with desk() as one:
            guard, draws = drawn(500, 100)
            await one.durable(a_hold(1))
            one.book.fenced = True
            await one.durable(a_hold(2))
            assert isinstance(one.till.refused(2), FencedError)
            assert one.fenced.is_set()
            await one.durable(a_hold(3))
            assert isinstance(one.till.refused(3), FencedError)
            one.till.post(a_post(a_hold(1)), draws)
            await one.till.posted()
            assert one.till.lost_posts == 1
            assert guard.window.free == 400, "the hold stands until the sweeper books it"
            assert set(one.books.holds) == {1}
            assert not one.books.posts

    asyncio.run(flow())


def test_closing_writes_what_is_left() -> None:
    async def flow() -> None:
        one = Desk()
        one.till.start()
        await one.durable(a_hold(1), a_hold(2))
        gate = one.close("write_posts")
        one.till.post(a_post(a_hold(1)), [])
        await one.reached("write_posts")
        one.till.post(a_post(a_hold(2)), [])
        closing = asyncio.create_task(one.till.close())
        await asyncio.sleep(0)
        gate.set()
        await closing
        assert set(one.books.posts) == {1, 2}

    asyncio.run(flow())


def test_accounts_are_asked_for_once() -> None:
    async def flow() -> None:
        async with desk() as one:
            assert await one.till.accounts(1, 2, 3) == ACCOUNTS
            assert await one.till.accounts(1, 2, 3) == ACCOUNTS
            assert one.book.entered["accounts"] == 1
            one.book.faults["accounts"].append(OSError("away"))
            with pytest.raises(OSError, match="away"):
                await one.till.accounts(1, 2, 4)
            assert await one.till.accounts(1, 2, 4) == ACCOUNTS

    asyncio.run(flow())


def test_more_than_a_commit_takes_is_written_by_two_at_once() -> None:
    async def flow() -> None:
        async with desk() as one:
            numbers = range(1, 1_302)
            await one.durable(*[a_hold(number) for number in numbers])
            gate = one.close("write_posts")
            for number in numbers:
                one.till.post(a_post(a_hold(number)), [])
            await one.reached("write_posts", 2)
            assert one.book.commits["write_posts"] == []
            gate.set()
            await one.till.posted()
            written = one.book.commits["write_posts"]
            assert sorted(number for batch in written for number in batch) == list(numbers)
            assert sorted(len(batch) for batch in written) == [301, 500, 500]

    asyncio.run(flow())
