"""The router's process and gateway processes on one database: caps, ends, sites, reserve."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx2

from rechenwerk.base.clock import SystemClock
from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.contracts.draws import drawn_all
from rechenwerk.contracts.ports import HourDraw
from rechenwerk.contracts.position import standing
from rechenwerk.office.app import create_app
from rechenwerk.office.ports import OPERATOR
from tests.caller import Line, Reply, chat_body
from tests.fakes.provider import FakeProvider
from tests.flows.cloud import until
from tests.flows.test_router import CREDIT, DEPLOYMENT, ON_DEMAND, PROVIDER, PROVISIONED, TARIFF, Supplier
from tests.installation import Process, Tenant, Town, gateway_process, town

MINUTE = 60


@contextmanager
def router_process(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """The router's process."""
    command = [sys.executable, "-m", "rechenwerk.main_router", "--parent-pipe"]
    environment = {**os.environ, "RECHENWERK_DATABASE_URL": url}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["pid"] == process.pid
            yield process
        finally:
            process.kill()


async def becomes(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that is asked for again and again."""
    async with asyncio.timeout(40):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.05)


@dataclass
class Place:
    """Processes before some providers, and a client."""

    town: Town
    fakes: dict[str, FakeProvider]
    tenant: Tenant
    stack: AsyncExitStack
    lines: list[Line] = field(default_factory=list)

    async def gateway(self, **environment: str) -> Process:
        """One more gateway process, and a connection to it."""
        manager = gateway_process(self.town.url, SILENCE="2", **environment)
        process = await asyncio.to_thread(self.stack.enter_context, manager)
        self.lines.append(Line(process.address))
        return process

    async def router(self) -> subprocess.Popen[bytes]:
        """One more router's process."""
        return await asyncio.to_thread(self.stack.enter_context, router_process(self.town.url))

    async def ask(self, at: int = 0, tenant: Tenant | None = None) -> Reply:
        """One chat at a gateway."""
        return await self.lines[at].ask((tenant or self.tenant).key, chat_body(20))

    async def newest(self) -> int:
        """The number of the newest plan; 0: there is none."""
        return int(await self.town.pool.fetchval("select coalesce(max(id), 0) from route_plan"))

    async def planned(self, after: int = 0) -> None:
        """Wait for a plan above a number."""

        async def there() -> bool:
            return await self.newest() > after

        await becomes(there)

    async def followed(self, at: int = 0) -> None:
        """Ask a gateway until it follows a plan."""

        async def followed() -> bool:
            return 'plan="' in (await self.ask(at)).headers.get("x-rechenwerk-decision", "")

        await becomes(followed)

    def asked(self) -> Counter[str]:
        """Calls that each provider has seen."""
        return +Counter(
            {name: sum(one.method == "POST" for one in fake.requests) for name, fake in self.fakes.items()}
        )


@asynccontextmanager
async def place(url: str, *suppliers: Supplier, tables: str = "") -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        fakes = {one.name: await stack.enter_async_context(FakeProvider()) for one in suppliers}
        there = await stack.enter_async_context(town(url))
        rows = [
            PROVIDER.format(name=one.name, url=fakes[one.name].url)
            + f'[[contract]]\nname = "{one.name}"\nprovider = "{one.name}"\n{one.terms}'
            + DEPLOYMENT.format(name=one.name, rate=one.rate)
            + one.more
            for one in suppliers
        ]
        await there.configure('currency = "EUR"\n' + "".join(rows) + TARIFF + tables)
        found = Place(there, fakes, await there.tenant(), stack)
        yield found
        for line in found.lines:
            await line.close()


async def by_contract(there: Town, name: str) -> list[asyncpg.Record]:
    """Booked calls of a contract."""
    return list(
        await there.pool.fetch(
            "select c.* from call c join contract k on k.id = c.contract_id where k.name = $1", name
        )
    )


CALLERS = 12


def test_two_gateways_never_draw_more_than_the_cap_and_what_is_in_flight(database_url: str) -> None:
    async def scene() -> None:
        cap = 3_000
        bought = Supplier("bought", PROVISIONED.replace("THROUGHPUT", str(cap)), "0")
        async with place(database_url, bought, Supplier("list", ON_DEMAND, "1.00")) as here:
            await here.gateway()
            await here.gateway()
            await here.router()
            await here.planned()
            await asyncio.gather(here.followed(0), here.followed(1))
            first = await here.newest()
            over = False

            async def caller(number: int) -> None:
                async with Line(
                    f"http://{here.lines[number % 2].host}:{here.lines[number % 2].port}"
                ) as line:
                    while not over:
                        assert (await line.ask(here.tenant.key, chat_body(20))).status == 200
                        await asyncio.sleep(0.02)

            async with asyncio.TaskGroup() as group:
                for number in range(CALLERS):
                    group.create_task(caller(number))
                await here.planned(first + 3)  # at least three plans come while calls run
                over = True
            await settled(here)
            taken: Counter[int] = Counter()
            largest = 0
            for row in await by_contract(here.town, "bought"):
                tokens = row["input"] + row["cached_input"] + row["output"]
                taken[int(row["started_at"].timestamp()) // MINUTE] += tokens
                largest = max(largest, tokens)
            assert max(taken.values()) <= cap + CALLERS * largest, taken
            assert max(taken.values()) >= cap / 2, "what was bought is used"
            assert here.asked()["list"] > 0, "and the rest went elsewhere"
            await here.town.assert_books_verify(here.tenant.organisation)

    asyncio.run(scene())


async def settled(here: Place) -> None:
    """Wait until no hold is open."""

    async def none() -> bool:
        return not await here.town.pool.fetchval("select count(*) from hold")

    await becomes(none)


def test_another_router_takes_over_and_calls_go_on_meanwhile(database_url: str) -> None:
    async def scene() -> None:
        cheap, dear = Supplier("cheap", ON_DEMAND, "1.00"), Supplier("dear", ON_DEMAND, "3.00")
        async with place(database_url, cheap, dear) as here:
            await here.gateway()
            leader = await here.router()
            await here.followed()
            await here.router()
            leader.kill()
            await asyncio.to_thread(leader.wait)
            died, last = time.monotonic(), await here.newest()
            served = 0
            while await here.newest() <= last:
                assert (await here.ask()).status == 200, "without a router calls go on by the last plan"
                served += 1
                assert time.monotonic() - died < 20
            assert served > 0

    asyncio.run(scene())


HALLS = '[[site]]\nname = "{}"\njurisdiction = "DE"\nprices = "0.25"\n'


def test_a_site_that_is_out_gets_no_call_after_two_seconds_and_comes_back(database_url: str) -> None:
    async def scene() -> None:
        suppliers = [
            Supplier(name, PROVISIONED.replace("THROUGHPUT", "1000000"), rate, f'site = "{name}"\n')
            for name, rate in (("north", "0"), ("south", "1.00"))
        ]
        tables = HALLS.format("north") + HALLS.format("south")
        async with place(database_url, *suppliers, tables=tables) as here:
            await here.gateway()
            await here.router()
            await here.followed()
            sites = here.town.desk.sites

            async def goes_to(name: str, within: float) -> None:
                """Calls are served all the time, and within so many seconds by this one only."""
                began = time.monotonic()
                while time.monotonic() - began < within:
                    assert (await here.ask()).status == 200
                before = here.asked()
                for _ in range(20):
                    assert (await here.ask()).status == 200
                assert here.asked() - before == {name: 20}

            assert await sites.take_out(OPERATOR, "north", datetime.now(UTC), "fire")
            await goes_to("south", 2.0)
            assert await sites.take_out(OPERATOR, "south", datetime.now(UTC), "fire")
            await sites.bring_back(OPERATOR, "north")
            began = time.monotonic()
            while True:  # until the gateway has heard of both
                before = here.asked()
                if (await here.ask()).status == 200 and here.asked() - before == {"north": 1}:
                    break
                assert time.monotonic() - began < 15
            await goes_to("north", 2.0)

    asyncio.run(scene())


def test_critical_work_and_what_was_sold_are_served_while_standard_work_fills_the_pool(
    database_url: str,
) -> None:
    async def scene() -> None:
        only = Supplier("only", ON_DEMAND, "1.00")
        async with place(database_url, only) as here:
            here.fakes["only"].knobs.answer_tokens = 20
            operator = await here.town.tenant("operators", scopes=("operator",))
            ward, buyer = await here.town.tenant("ward"), await here.town.tenant("buyer")
            app = create_app(here.town.desk, SystemClock(), secrets.token_bytes)
            transport = httpx2.ASGITransport(app=app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://office") as office:

                async def order(method: str, path: str, body: dict[str, Any]) -> None:
                    answer = await office.request(
                        method,
                        f"/api/v1{path}",
                        headers={"authorization": f"Bearer {operator.key}"},
                        json=body,
                    )
                    assert answer.is_success, answer.text

                member = {"model": "fake-model", "provider": "only", "tokens_per_minute": 3_000}
                await order("PUT", "/pools/main", {"members": [member]})
                keep = {"pool": "main", "service": "critical", "nominal": 1_000, "lendable": 0}
                await order("PUT", "/reserve", keep)
                now = datetime.now(UTC)
                sale = {
                    "organisation": "buyer",
                    "project": "project",
                    "pool": "main",
                    "unit": "tokens per minute",
                    "amount": 1_000,
                    "lendable": 0,
                    "starts_at": now.isoformat(),
                    "ends_at": (now + timedelta(days=1)).isoformat(),
                    "rate": "1",
                }
                await order("POST", "/sales", sale)
                body = {"service_class": "critical", "organisation": "ward"}
                await order("PUT", "/projects/project/service", body)
            await here.gateway(QUEUE_DEADLINE="0.2")
            await here.router()
            statuses: Counter[int] = Counter()

            async def full() -> bool:
                reply = await here.ask()
                statuses[reply.status] += 1
                if reply.status == 429:
                    assert 0 < int(reply.headers["retry-after"]) <= 61
                return reply.status == 429

            await becomes(full)
            assert 10 <= statuses[200] <= 100, "1,000 tokens are for all"
            for tenant in (ward, buyer):
                assert [(await here.ask(0, tenant)).status for _ in range(10)] == [200] * 10
            assert (await here.ask()).status == 429
            await settled(here)
            for tenant in (here.tenant, ward, buyer):
                await here.town.assert_books_verify(tenant.organisation)

    asyncio.run(scene())


def test_a_gateway_killed_under_contracts_leaves_books_that_verify_and_positions_that_are_theirs(
    database_url: str,
) -> None:
    async def scene() -> None:
        credit = CREDIT.replace("0.000001", "5")
        suppliers = (Supplier("credit", credit, "1.00"), Supplier("list", ON_DEMAND, "2.00"))
        async with place(database_url, *suppliers) as here:
            doomed = await here.gateway()
            await here.router()
            await here.followed()
            for _ in range(20):
                assert (await here.ask()).status == 200
            for fake in here.fakes.values():
                fake.knobs.hang = True
            before = here.asked().total()
            key = here.tenant.key
            lines = [Line(doomed.address) for _ in range(8)]
            asked = [asyncio.create_task(line.ask(key, chat_body(20))) for line in lines]
            await until(lambda: here.asked().total() == before + 8)
            doomed.kill()
            assert {reply.status for reply in await asyncio.gather(*asked)} == {0}
            for fake in here.fakes.values():
                fake.knobs.hang = False
            await here.gateway()
            assert (await here.ask(1)).status == 200
            await settled(here)
            rows = await here.town.pool.fetch("select * from call")
            assert Counter(row["outcome"] for row in rows)["unresolved"] == 8
            await here.town.assert_books_verify(here.tenant.organisation)
            await here.town.assert_books_verify(OPERATOR)
            await positions_are_theirs(here, rows)

    asyncio.run(scene())


async def positions_are_theirs(here: Place, rows: list[asyncpg.Record]) -> None:
    """Positions from the kept draws equal those computed anew from every booked call."""
    stored = await here.town.desk.positions.contracts(OPERATOR)
    draws = await here.town.desk.positions.draws(OPERATOR, None)
    names = {one.id: one.name for one in stored}
    again = [
        HourDraw(
            names[row["contract_id"]],
            int(row["started_at"].timestamp()) // 3600 * 3600,
            Usage(*[row[bucket] for bucket in BUCKETS]),
            int(row["cost"]),
            int(row["cost"]),
        )
        for row in rows
        if row["outcome"] != "void"
    ]
    terms = {one.name: one.versions for one in stored}
    now = int(time.time())
    kept, anew = drawn_all(terms, draws), drawn_all(terms, again)
    for name in terms:
        assert standing(terms[name][-1].terms, kept[name], now) == standing(
            terms[name][-1].terms, anew[name], now
        )
    assert standing(terms["credit"][-1].terms, kept["credit"], now).total > 0
