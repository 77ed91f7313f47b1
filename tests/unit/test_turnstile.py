"""Calls wait for contracts' room: classes, shares, deadlines, clients that leave, the end."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from rechenwerk.base.errors import Refusal
from rechenwerk.base.settings import Settings
from rechenwerk.gateway.admission import CLOSING, GONE
from rechenwerk.gateway.plans import Step
from rechenwerk.gateway.turnstile import Turnstile
from tests.unit.switchyard import Client, World, Yard, limit, table, yard

ONE = "bought provisioned 0.00"
Answer = Sequence[Step] | Refusal


class Gate:
    """A turnstile before one supply that takes so many calls (of a hundred tokens) a minute."""

    def __init__(self, here: Yard, deadline: float = 90.0) -> None:
        self.here = here
        settings = Settings(queue_deadline=deadline, queue_deadline_batch=10 * deadline)
        self.turnstile = Turnstile(here.dispatch, here.clock, settings)
        self.order: list[str] = []

    async def room(self, calls: float, kept: float = 0.0, supplies: Sequence[int] = (1,)) -> None:
        """So many calls a minute are there from now on, of which some are kept for critical work."""
        most = limit(
            "bought",
            supplies,
            100.0 * calls,
            self.here.clock,
            kept=100.0 * kept,
            ordinary=100.0 * (calls - kept),
        )
        await self.here.follow(self.here.route(limits=[most]))

    def ask(
        self, name: str = "", service: str = "standard", client: Client | None = None, **more: Any
    ) -> asyncio.Task[Answer]:
        """A call that notes its name when it is its turn."""

        async def go() -> Answer:
            call = self.here.call(service, **more)
            found = await self.turnstile.order(call, client or Client())
            if not isinstance(found, Refusal):
                if call.placed is None:
                    self.here.dispatch.left(call, found[0])
                self.order.append(name)
            return found

        return asyncio.create_task(go())

    async def minute(self) -> None:
        """The next minute begins, and somebody looks."""
        self.here.clock.at = self.here.clock.at // 60 * 60 + 60
        self.look()
        await turns()

    def look(self) -> None:
        self.turnstile._look()


async def turns(count: int = 6) -> None:
    """Let everybody else have a turn."""
    for _ in range(count):
        await asyncio.sleep(0)


def scene(play: Callable[[Gate], Coroutine[Any, Any, None]], world: World | None = None, **more: Any) -> None:
    async def go() -> None:
        with yard(world or table(ONE)) as here:
            here.clock.at = here.clock.at // 60 * 60 + 30
            gate = Gate(here, **more)
            try:
                await play(gate)
            finally:
                gate.turnstile.close()
                await turns()

    asyncio.run(go())


def test_nobody_waits_while_there_is_room() -> None:
    async def play(gate: Gate) -> None:
        await gate.room(3)
        done = [gate.ask(str(at)) for at in range(5)]
        await turns()
        assert gate.order == ["0", "1", "2"]
        assert gate.turnstile.waiting == 2
        await gate.minute()
        assert gate.order == ["0", "1", "2", "3", "4"]
        assert gate.turnstile.waiting == 0
        await asyncio.gather(*done)

    scene(play)


def test_work_that_may_go_elsewhere_does_not_wait_behind_work_that_may_not() -> None:
    world = World()
    world.deployment(world.contract("here", "provisioned"), "0", jurisdiction="DE", level="own")
    world.deployment(world.contract("abroad", "on-demand"), "2.00", jurisdiction="US", level="own")

    async def play(gate: Gate) -> None:
        await gate.room(0)
        secret = gate.ask("confidential", data_class="confidential")
        await turns()
        assert gate.turnstile.waiting == 1
        gate.ask("internal")
        await turns()
        assert gate.order == ["internal"], "there is room for it"
        assert not secret.done()
        await gate.room(1)
        gate.look()
        await turns()
        assert gate.order == ["internal", "confidential"]

    scene(play, world)


def test_classes_are_served_in_their_order() -> None:
    async def play(gate: Gate) -> None:
        await gate.room(0)
        for name in ("batch", "standard", "critical") * 2:
            gate.ask(name, name)
        await turns()
        assert gate.turnstile.waiting == 6
        await gate.room(4)
        gate.look()
        await turns()
        assert gate.order == ["critical", "critical", "standard", "standard"]

    scene(play, deadline=1e6)


def test_critical_work_has_what_is_kept_while_others_wait() -> None:
    async def play(gate: Gate) -> None:
        await gate.room(5, kept=3)
        for at in range(4):
            gate.ask(f"standard {at}")
        await turns()
        assert gate.order == ["standard 0", "standard 1"]
        for at in range(4):
            gate.ask(f"critical {at}", "critical")
        await turns()
        assert gate.order[2:] == ["critical 0", "critical 1", "critical 2"]
        assert gate.turnstile.waiting == 3

    scene(play)


def test_projects_share_by_weight_however_much_each_asks_for() -> None:
    async def play(gate: Gate) -> None:
        await gate.room(0)
        for _ in range(300):
            gate.ask("loud", project=1)
        for _ in range(40):
            gate.ask("quiet", project=2)
        for _ in range(80):
            gate.ask("double", project=3, weight=2)
        await turns()
        await gate.room(40)
        gate.look()
        await turns()
        assert Counter(gate.order) == {"loud": 10, "quiet": 10, "double": 20}

    scene(play, deadline=1e6)


def test_lines_that_share_a_supply_are_served_by_turns() -> None:
    world = World()
    world.deployment(world.contract("here", "provisioned"), "0", jurisdiction="DE", level="own")
    world.deployment(world.contract("abroad", "provisioned"), "0", jurisdiction="US", level="own")

    async def play(gate: Gate) -> None:
        await gate.room(0, supplies=(1, 2))
        for _ in range(30):
            gate.ask("confidential", data_class="confidential")
            gate.ask("internal")
        gate.ask("urgent", "critical")
        await turns()
        assert gate.turnstile.waiting == 61
        await gate.room(11, supplies=(1, 2))
        gate.look()
        await turns()
        assert gate.order[0] == "urgent"
        assert Counter(gate.order) == {"urgent": 1, "confidential": 5, "internal": 5}

    scene(play, world, deadline=1e6)


def test_a_call_that_would_wait_too_long_is_told_when_there_is_room() -> None:
    async def play(gate: Gate) -> None:
        await gate.room(0)
        here = gate.here
        await here.follow(here.route(limits=[limit("bought", [1], 0, here.clock, amount=500)]))
        done = [gate.ask(str(at)) for at in range(12)]
        await turns()
        assert gate.turnstile.waiting == 10, (
            "five in the next minute, in 30 s; five in the one after it, in 90 s"
        )
        for task in done[10:]:
            refusal = await task
            assert isinstance(refusal, Refusal)
            assert (refusal.status, refusal.code, refusal.retry_after) == (429, "capacity_exceeded", 150)
        urgent = gate.ask("critical", "critical")
        await turns()
        assert gate.turnstile.waiting == 11, "it goes before them"
        here.clock.at += 30
        gate.look()
        await turns()
        assert gate.order == ["critical", "0", "1", "2", "3"]
        # One that ends with less than expected lets another one in; that is no pace for those to come.
        assert isinstance(await urgent, Sequence)
        late = gate.ask("late")
        await turns()
        assert not late.done(), "six wait: five go in a minute, and it in two"

    scene(play, deadline=130.0)


def test_the_wait_that_was_told_is_the_wait_that_there_is() -> None:
    async def play(gate: Gate) -> None:
        here = gate.here
        await here.follow(here.route(limits=[limit("bought", [1], 0, here.clock, amount=300)]))
        told = []
        for at in range(10):
            task = gate.ask(str(at))
            await turns()
            told.append(task)
        refusal = await told[-1]
        assert isinstance(refusal, Refusal)
        assert refusal.retry_after is not None
        there = here.clock.at + refusal.retry_after
        for _ in range(3):
            await gate.minute()
        here.clock.at = max(there, here.clock.at + 0.0)
        again = gate.ask("again")
        await turns()
        assert again.done()
        assert not isinstance(again.result(), Refusal)

    scene(play, deadline=200.0)


def test_what_does_not_come_again_is_refused_at_once() -> None:
    async def play(gate: Gate) -> None:
        here = gate.here
        await here.follow(here.route(limits=[limit("credit", [1], 0, here.clock, seconds=0.0)]))
        refusal = await gate.ask()
        assert isinstance(refusal, Refusal)
        assert refusal.retry_after == 60

    scene(play, deadline=20.0)


def test_patience_ends() -> None:
    async def play(gate: Gate) -> None:
        await gate.room(0)
        here = gate.here
        down = here.route(down=(1,))
        await here.follow(down)
        task = gate.ask()
        refusal = await task
        assert isinstance(refusal, Refusal)
        assert (refusal.status, refusal.retry_after) == (429, 1)
        assert gate.turnstile.waiting == 0
        await here.dispatch.exchange()
        assert [one.refused for one in here.board.reports[-1].loads] == [1.0]

    scene(play, deadline=1.01)


def test_who_leaves_waits_no_longer() -> None:
    async def play(gate: Gate) -> None:
        await gate.room(0)
        clients = [Client() for _ in range(3)]
        done = [gate.ask(str(at), client=one) for at, one in enumerate(clients)]
        await turns()
        clients[0].leave()
        await turns()
        assert await done[0] is GONE
        assert clients[0].on_gone is None
        assert gate.turnstile.waiting == 2
        clients[1].gone = True  # it was gone already; nobody will say so again
        await gate.room(10)
        gate.look()
        await turns()
        assert gate.order == ["1", "2"]
        gone = Client()
        gone.gone = True
        await gate.room(0)
        assert await gate.ask(client=gone) is GONE, "who is gone is not let in line"
        assert gate.turnstile.waiting == 0

    scene(play, deadline=1e6)


def test_a_client_that_leaves_in_the_moment_of_its_turn_gives_back_what_it_had() -> None:
    async def play(gate: Gate) -> None:
        await gate.room(0)
        client = Client()
        task = gate.ask("first", client=client)
        await turns()
        await gate.room(1)
        gate.look()
        client.leave()
        assert not isinstance(await task, Refusal), "it was its turn; the road sees that it is gone"

    scene(play)


def test_a_task_that_is_ended_leaves_the_line() -> None:
    async def play(gate: Gate) -> None:
        await gate.room(0)
        task = gate.ask()
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert gate.turnstile.waiting == 0
        await gate.room(1)
        gate.ask("next")
        await turns()
        assert gate.order == ["next"]

    scene(play)


def test_at_the_end_of_the_process_nobody_is_left_waiting() -> None:
    async def play(gate: Gate) -> None:
        await gate.room(0)
        done = [gate.ask(service=one) for one in ("critical", "standard", "batch")]
        await turns()
        gate.turnstile.close()
        assert await asyncio.gather(*done) == [CLOSING] * 3
        assert await gate.ask() is CLOSING, "nor does anybody begin to"
        await gate.room(1)
        assert not isinstance(await gate.ask(), Refusal), "what can be served is served"

    scene(play)


def test_two_thousand_wait_and_are_served_in_time() -> None:
    async def play(gate: Gate) -> None:
        await gate.room(0)
        done = [gate.ask("x", project=at % 50) for at in range(2_000)]
        await turns()
        assert gate.turnstile.waiting == 2_000
        began = time.perf_counter()
        for _ in range(20):
            gate.look()
        idle = (time.perf_counter() - began) / 20
        assert idle < 0.005, f"a look at a full line took {idle * 1e3:.2f} ms"
        await gate.room(2_000)
        began = time.perf_counter()
        gate.look()
        assert time.perf_counter() - began < 1.0
        found = await asyncio.gather(*done)
        assert not any(isinstance(one, Refusal) for one in found)
        assert gate.turnstile.waiting == 0
        assert gate.turnstile._lines == {}

    scene(play, deadline=1e6)
