"""Books in memory: what PostgreSQL keeps for all processes, with faults to order."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from rechenwerk.base.errors import BookError, FencedError
from rechenwerk.base.usage import Usage
from rechenwerk.ledger.ports import Accounts, Grant, Hold, Post

ACCOUNTS = Accounts(*range(1, 9))


class Slice:
    """What a process may promise of a window: held + posted <= granted."""

    def __init__(self, number: int, window: Window, process: int) -> None:
        self.id = number
        self.window = window
        self.process = process
        self.granted = 0
        self.held = 0
        self.posted = 0
        self.answered = 0


class Window:
    """A period of a guard: granted <= amount."""

    def __init__(self, guard: int, amount: int) -> None:
        self.guard = guard
        self.amount = amount
        self.granted = 0
        self.epoch = 0
        self.slices: dict[int, Slice] = {}


class Books:
    """What all processes share. Every method is one transaction."""

    def __init__(self, guards: dict[int, int] | None = None) -> None:
        self.guards = dict(guards or {})
        self.windows: dict[tuple[int, int], Window] = {}
        self.slices: dict[int, Slice] = {}
        self.holds: dict[int, Hold] = {}
        self.posts: dict[int, Post] = {}
        self.processes: dict[int, MemoryBook] = {}

    def process(self) -> MemoryBook:
        """Another process on these books."""
        return MemoryBook(self)

    def lease(self, process: int, guard: int, starts: int, want: int, least: int) -> Grant | None:
        """See `ledger.ports.Book`."""
        if guard not in self.guards:
            return None
        window = self.windows.setdefault((guard, starts), Window(guard, self.guards[guard]))
        window.amount = max(self.guards[guard], window.granted)
        slice_ = window.slices.get(process)
        if slice_ is None:
            slice_ = window.slices[process] = Slice(len(self.slices) + 1, window, process)
            self.slices[slice_.id] = slice_
        got = max(0, min(want, self.guards[guard] - window.granted))
        got = 0 if got < least else got
        slice_.granted += got
        window.granted += got
        waiting = sum(
            one.answered < window.epoch
            for one in window.slices.values()
            if one is not slice_ and one.process in self.processes
        )
        return Grant(slice_.id, got, window.amount - window.granted, waiting, slice_.granted)

    def recall(self, guard: int, starts: int) -> None:
        """Everybody hears it, as with a notice of PostgreSQL, the one who asks too."""
        window = self.windows[guard, starts]
        window.epoch += 1
        loop = asyncio.get_running_loop()
        for book in self.processes.values():
            if not book.deaf:
                loop.call_soon(book.on_recall, guard, starts, window.epoch)

    def give_back(self, slice_id: int, amount: int, epoch: int) -> None:
        """See `ledger.ports.Book`."""
        slice_ = self.slices.get(slice_id)
        if slice_ is None:
            return
        self._check(slice_, slice_.granted - amount, slice_.held, slice_.posted)
        slice_.granted -= amount
        slice_.answered = max(slice_.answered, epoch)
        slice_.window.granted -= amount

    def take(self, holds: Sequence[Hold]) -> None:
        """Write holds; all of them, or none."""
        new = {hold.id: hold for hold in holds if hold.id not in self.holds}
        more: dict[int, int] = defaultdict(int)
        for hold in new.values():
            for slice_id in slices_of(hold):
                more[slice_id] += hold.amount
        for slice_id, amount in more.items():
            slice_ = self.slices[slice_id]
            self._check(slice_, slice_.granted, slice_.held + amount, slice_.posted)
        for slice_id, amount in more.items():
            self.slices[slice_id].held += amount
        self.holds |= new

    def settle(self, posts: Sequence[Post]) -> None:
        """Turn holds into posts."""
        for post in posts:
            hold = self.holds.pop(post.hold.id, None)
            if hold is None:
                continue
            self.posts[hold.id] = post
            for slice_id in slices_of(hold):
                self.slices[slice_id].held -= hold.amount
                self.slices[slice_id].posted += min(post.price, hold.amount)

    @staticmethod
    def _check(slice_: Slice, granted: int, held: int, posted: int) -> None:
        if held + posted > granted:
            raise BookError(f"slice {slice_.id} is passed: {held} + {posted} > {granted}")

    def check(self) -> None:
        """What `books verify` would prove."""
        for window in self.windows.values():
            assert window.granted == sum(one.granted for one in window.slices.values())
            assert 0 <= window.granted <= window.amount
        for one in self.slices.values():
            assert one.held + one.posted <= one.granted

    def granted(self, guard: int) -> int:
        """What processes have leased of all windows of a guard."""
        return sum(window.granted for window in self.windows.values() if window.guard == guard)


def slices_of(hold: Hold) -> list[int]:
    """The ids in a hold's array."""
    return [int(one) for one in hold.slices.strip("{}").split(",") if one]


class MemoryBook:
    """The books as one process sees them.

    Attributes:
        faults: what the next calls of a method raise before anything is written.
        lost: what the next calls of a method raise although everything was written.
        gates: a method that has a gate waits there before it writes.
        entered: how often a method was called; `commits`: the ids that each write made durable.
        poison: ids that the books refuse; deaf: this process hears no recall.
    """

    def __init__(self, books: Books) -> None:
        self.books = books
        self.number = -1
        self.on_recall: Callable[[int, int, int], None] = lambda *_: None
        self.faults: dict[str, deque[Exception]] = defaultdict(deque)
        self.lost: dict[str, deque[Exception]] = defaultdict(deque)
        self.gates: dict[str, asyncio.Event] = {}
        self.entered: dict[str, int] = defaultdict(int)
        self.commits: dict[str, list[list[int]]] = defaultdict(list)
        self.poison: set[int] = set()
        self.intents: list[int] = []
        self.fenced = False
        self.deaf = False

    async def open(self, on_recall: Callable[[int, int, int], None]) -> int:
        self.on_recall = on_recall
        self.number = len(self.books.processes)
        self.books.processes[self.number] = self
        return self.number

    def intend(self, hold: Hold) -> None:
        self.intents.append(hold.id)

    async def write_holds(self, holds: Sequence[Hold]) -> None:
        await self._write("write_holds", [hold.id for hold in holds], lambda: self.books.take(holds))

    async def write_posts(self, posts: Sequence[Post]) -> None:
        await self._write("write_posts", [post.hold.id for post in posts], lambda: self.books.settle(posts))

    async def _write(self, method: str, ids: list[int], write: Callable[[], None]) -> None:
        await self._enter(method)
        if self.fenced:
            raise FencedError("declared dead")
        bad = self.poison.intersection(ids)
        if bad:
            raise BookError(f"poisoned: {bad}")
        write()
        self.commits[method].append(ids)
        self._leave(method)

    async def _enter(self, method: str) -> None:
        self.entered[method] += 1
        gate = self.gates.get(method)
        if gate is not None:
            await gate.wait()
        else:
            await asyncio.sleep(0)
        if self.faults[method]:
            raise self.faults[method].popleft()

    def _leave(self, method: str) -> None:
        if self.lost[method]:
            raise self.lost[method].popleft()

    async def lease(self, guard: int, starts: int, want: int, least: int = 1) -> Grant | None:
        await self._enter("lease")
        grant = self.books.lease(self.number, guard, starts, want, least)
        self._leave("lease")
        return grant

    async def recall(self, guard: int, starts: int) -> None:
        await self._enter("recall")
        self.books.recall(guard, starts)

    async def give_back(self, slice_id: int, amount: int, epoch: int) -> None:
        await self._enter("give_back")
        self.books.give_back(slice_id, amount, epoch)
        self._leave("give_back")

    async def accounts(self, organisation: int, project: int, contract: int) -> Accounts:
        await self._enter("accounts")
        return ACCOUNTS

    async def beat(self, silence: float) -> int:
        if self.fenced:
            raise FencedError("declared dead")
        return 0

    async def close(self) -> None:
        self.books.processes.pop(self.number, None)


async def until(true: Callable[[], bool], what: str = "it never happened") -> None:
    """Let everybody else go on until something is true."""
    try:
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - what is true need not know who waits
                await asyncio.sleep(0)
    except TimeoutError:
        raise AssertionError(what) from None


def a_hold(number: int, amount: int = 100, slices: str = "{}") -> Hold:
    """A hold, whoever it is of."""
    return Hold(number, 1, 2, 3, 4, 5, "chat", "m", False, amount, 50, slices, 1_000_000, 900)


def a_post(hold: Hold, price: int = 30) -> Post:
    """A call that ended well."""
    usage = Usage(input=3, output=4)
    return Post(hold, 4, 5, "posted", None, "reported", usage, "{}", price, 20, 200, 1, 2, "{}", ())
