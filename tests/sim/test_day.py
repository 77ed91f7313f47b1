"""A simulated day: real gateway processes on a real PostgreSQL, killed at seeded points, and an auditor.

``RECHENWERK_SIM_SEED=17 pytest tests/sim`` repeats a day.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field

from rechenwerk.base.ids import decode_call
from rechenwerk.office.ports import Guard
from tests.caller import NO_ANSWER, Line, Reply, many_files
from tests.fakes.provider import FakeProvider, running_fake
from tests.installation import CONFIG, Process, Tenant, Town, gateway_process, town
from tests.sim.auditor import Auditor, Seen
from tests.sim.schedule import EUR, NOON, RATES, Ask, Day, Hour, make_day

DEFAULT_SEED = 20261121
AT_ONCE = 48
MORNING = 'input = "1.50", cached_input = "0.75", output = "3.00"'


def test_the_same_seed_is_the_same_day() -> None:
    assert make_day(7) == make_day(7)
    assert make_day(7) != make_day(8)


def test_a_day(database_url: str) -> None:
    seed = int(os.environ.get("RECHENWERK_SIM_SEED", DEFAULT_SEED))
    sys.stdout.write(f"RECHENWERK_SIM_SEED={seed}\n")  # pytest shows it when the day goes wrong
    with running_fake() as fake, ExitStack() as stack:
        asyncio.run(_live(database_url, fake, stack, make_day(seed)))


@dataclass
class World:
    """What exists while the day goes on."""

    url: str
    there: Town
    fake: FakeProvider
    stack: ExitStack
    auditor: Auditor
    gateways: list[Process]
    keys: list[list[Tenant]]
    answers: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))


async def _live(url: str, fake: FakeProvider, stack: ExitStack, day: Day) -> None:
    many_files()
    async with town(url) as there:
        await there.configure(CONFIG.format(kind="openai", url=fake.base_url))
        keys = await _people(there, day)
        gateways = [stack.enter_context(gateway_process(url, SILENCE="1")) for _ in range(2)]
        world = World(url, there, fake, stack, Auditor(day), gateways, keys)
        for number, hour in enumerate(day.hours):
            if number == NOON:
                await _noon(world, day)
            await _hour(world, hour, afternoon=number >= NOON)
        rows = await there.settled(1)
        requests = [seen for seen in fake.requests if "chat" in seen.target]
        assert len(requests) == sum(1 for _ in requests)
        names = {
            seen.body["metadata"]["number"]: decode_call(seen.headers["x-request-id"]) for seen in requests
        }
        records = {decode_call(record.id): record for record in fake.produced.records if record.id}
        world.auditor.close(names, records, rows)
        await _agree(world, day)


async def _people(there: Town, day: Day) -> list[list[Tenant]]:
    """Organisations, projects and keys, as the seed says."""
    organisations: dict[str, int] = {}
    everybody: list[list[Tenant]] = []
    for number, plan in enumerate(day.projects):
        if plan.organisation not in organisations:
            made = await there.desk.tenants.create_organisation(plan.organisation)
            organisations[plan.organisation] = made.id
        owner = organisations[plan.organisation]
        project = await there.desk.tenants.create_project(owner, f"project {number}")
        assert project == number + 1
        await there.desk.tenants.guard_project(owner, project, plan.guards)
        everybody.append([await there.add_key(owner, project, guards=guards) for guards in plan.keys])
    return everybody


async def _hour(world: World, hour: Hour, *, afternoon: bool) -> None:
    """All calls of an hour, and its crash."""
    world.answers = 0
    victims: set[int] = set()
    told: list[tuple[Ask, Reply | None]] = []
    async with asyncio.TaskGroup() as group:
        for ask in hour.asks:
            group.create_task(_call(world, ask, told))
        if hour.crash is not None:
            victim, after = hour.crash
            following = await asyncio.to_thread(
                world.stack.enter_context, gateway_process(world.url, SILENCE="1")
            )
            while world.answers < after:
                world.news.clear()
                await world.news.wait()
            world.gateways[victim].kill()
            world.gateways[victim] = following
            victims.add(victim)
    assert len(told) == len(hour.asks)
    for ask, reply in told:
        world.auditor.saw(Seen(ask, reply, afternoon, ask.gateway in victims))
    if victims:
        await world.there.settled(1)  # the sweeper has been there


async def _call(world: World, ask: Ask, told: list[tuple[Ask, Reply | None]]) -> None:
    reply: Reply | None = NO_ANSWER
    key = world.keys[ask.project][ask.key].key
    async with world.places, Line(world.gateways[ask.gateway].address) as line:
        try:
            reply = await line.begin(key, ask.body)
            if ask.leave is None or reply.status != 200:
                await line.rest(reply)
            else:
                for _ in range(ask.leave):
                    if not await line.piece(reply):
                        break
        except (OSError, EOFError):
            reply = NO_ANSWER
    told.append((ask, reply))
    world.answers += 1
    world.news.set()


async def _noon(world: World, day: Day) -> None:
    """A new tariff; then a key is revoked, and when that is known everywhere, so is the tariff."""
    inputs, cached, output = RATES[1]
    changed = CONFIG.replace(MORNING, f'input = "{inputs}", cached_input = "{cached}", output = "{output}"')
    assert changed != CONFIG
    await world.there.configure(changed.format(kind="openai", url=world.fake.base_url))
    project, key = day.revoked
    await world.there.revoke(world.keys[project][key])
    async with asyncio.timeout(2):
        for gateway in world.gateways:
            async with Line(gateway.address) as line:
                # Bodies that cannot be served: nothing is booked while we ask.
                while (await line.ask(world.keys[project][key].key, {})).status != 401:
                    pass


async def _agree(world: World, day: Day) -> None:
    """The two books say the same, and nobody spent more than he may."""
    auditor = world.auditor
    sys.stdout.write(f"{dict(auditor.counts)}\n")
    for number, plan in enumerate(day.projects):
        owner = world.keys[number][0].organisation
        balance: dict[str, int] = {}
        for row in await world.there.desk.books.balance(owner):
            if row.project == f"project {number}":
                balance[row.kind] = balance.get(row.kind, 0) + row.debit - row.credit
        within = {outcome: auditor.price[number, outcome] for outcome in ("posted", "unresolved")}
        assert balance["receivable"] == within["posted"]
        assert balance["unresolved_price"] == within["unresolved"]
        assert balance["overrun"] == auditor.overrun[number]
        assert balance["revenue"] == -sum(within.values()) - auditor.overrun[number]
        assert balance["cost"] == auditor.cost[number, "posted"]
        assert balance["unresolved_cost"] == auditor.cost[number, "unresolved"]
        assert balance["failed"] == auditor.cost[number, "failed"]
        _within(plan.guards, sum(within.values()))
        for place, guards in enumerate(plan.keys):
            _within(guards, auditor.charged[number, place])
    for owner in {keys[0].organisation for keys in world.keys}:
        await world.there.assert_books_verify(owner)
    # The day was worth living: everything that can happen did.
    assert {"posted", "unresolved", "failed", "void", "refused"} <= set(auditor.counts)
    assert auditor.counts["posted"] > 800
    assert auditor.charged[3, 0] > EUR // 1_000  # a soft budget refused nobody


def _within(guards: tuple[Guard, ...], spent: int) -> None:
    for guard in guards:
        if guard.unit == "money" and guard.hard and guard.amount is not None:
            assert spent <= guard.amount
