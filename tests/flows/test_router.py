"""Contracts decide where calls go: from the file over the router's plans to the decision that is kept."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rechenwerk.base.clock import SystemClock
from rechenwerk.base.settings import Settings
from rechenwerk.contracts.lots import FOREVER, OpenGrant, PoolLots, PoolUse
from rechenwerk.gateway.pools import Pools
from rechenwerk.main_gateway import Gateway
from rechenwerk.main_router import Planner
from rechenwerk.store.concentration import StoredConcentration
from rechenwerk.store.routes import PostgresBoard
from rechenwerk.store.snapshot import PostgresSource
from tests.caller import Reply, ask, chat_body
from tests.fakes.provider import FakeProvider
from tests.flows.cloud import knows, settled
from tests.installation import Tenant, Town, town

PROVIDER = """
[[provider]]
name = "{name}"
kind = "openai-compatible"
base_url = "{url}/v1"
"""
DEPLOYMENT = """
[[deployment]]
model = "fake-model"
provider = "{name}"
contract = "{name}"
endpoints = ["chat"]
context_tokens = 8000
max_output_tokens = 512
cost = {{ input = "{rate}", output = "{rate}" }}
"""
TARIFF = '[[tariff]]\nmodel = "fake-model"\nprice = { input = "1.50", output = "3.00" }\n'
YEAR = datetime.now(UTC).year
MINIMUM = f"""
kind = "take-or-pay"
starts = {YEAR}-01-01
ends = {YEAR}-12-31
minimum = "1000"
period = "year"
"""
CREDIT = f"""
kind = "prepaid-credit"
starts = {YEAR}-01-01
ends = {YEAR}-12-31
balance = "0.000001"
"""
ON_DEMAND = 'kind = "on-demand"\n'


@dataclass(frozen=True)
class Supplier:
    """A provider with one deployment, paid by one contract."""

    name: str
    terms: str
    rate: str
    more: str = ""


@dataclass
class Site:
    """A gateway before some providers, and the router's planner, in one loop."""

    town: Town
    gateway: Gateway
    planner: Planner
    address: str
    tenant: Tenant
    fakes: dict[str, FakeProvider]

    async def ask(self, headers: dict[str, str] | None = None, **more: Any) -> Reply:
        """One chat of five tokens."""
        return await ask(self.address, self.tenant.key, chat_body(5, **more), headers=headers or {})

    async def plans(self) -> None:
        """The gateway reports, the router's process plans, the gateway follows."""
        await self.gateway.dispatch.exchange()
        await self.planner.step()
        await self.gateway.dispatch.exchange()

    def asked(self) -> Counter[str]:
        """Calls that each provider has seen."""
        return +Counter(
            {name: sum(one.method == "POST" for one in fake.requests) for name, fake in self.fakes.items()}
        )


@asynccontextmanager
async def site(
    url: str, *suppliers: Supplier, patience: float = 20.0, tables: str = ""
) -> AsyncIterator[Site]:
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
        tenant = await there.tenant(scopes=("inference", "books", "operator"))
        gateway = Gateway(Settings(database_url=url, grace=2.0, queue_deadline=patience), {}, "test")
        address = f"http://127.0.0.1:{await gateway.start('127.0.0.1', 0, shared=False)}"
        stack.push_async_callback(gateway.stop)
        await knows(gateway, tenant)
        board = PostgresBoard(there.pool)
        stack.push_async_callback(board.close)
        planner = Planner(PostgresSource(there.pool, url), board, SystemClock())
        yield Site(there, gateway, planner, address, tenant, fakes)


def test_an_unmet_minimum_goes_before_a_lower_list_price(database_url: str) -> None:
    async def scene() -> None:
        suppliers = (Supplier("committed", MINIMUM, "2.00"), Supplier("cheap", ON_DEMAND, "1.00"))
        async with site(database_url, *suppliers) as here:
            assert (await here.ask()).status == 200
            assert here.asked() == {"cheap": 1}, "without a plan the list price decides"
            await here.plans()
            replies = [await here.ask() for _ in range(4)]
            assert here.asked() == {"cheap": 1, "committed": 4}
            rows = await settled(here.town, here.tenant, 5)
            kept = json.loads(rows[-1]["decision"])
            assert kept["contract"] == "committed"
            assert float(kept["price"]["list"]) > 0
            assert float(kept["price"]["contract_effect"]) < 0
            assert abs(float(kept["price"]["next_unit"])) < 1e-6
            assert [one["deployment"].split(" ")[2] for one in kept["alternatives"]] == ["cheap"]
            line = replies[-1].headers["x-rechenwerk-decision"]
            assert 'contract="committed"' in line
            assert 'price-contract-effect="-' in line
            await here.town.assert_books_verify(here.tenant.organisation)

    asyncio.run(scene())


def test_an_empty_credit_is_left_alone_and_prices_are_not_for_everybody(database_url: str) -> None:
    async def scene() -> None:
        suppliers = (Supplier("credit", CREDIT, "1.00"), Supplier("dear", ON_DEMAND, "3.00"))
        async with site(database_url, *suppliers) as here:
            assert (await here.ask()).status == 200
            await settled(here.town, here.tenant, 1)
            await here.plans()
            assert (await here.ask()).status == 200
            assert here.asked() == {"credit": 1, "dear": 1}, "the first call drew all of the credit"
            stranger = await here.town.add_key(here.tenant.organisation, here.tenant.project)
            await knows(here.gateway, stranger)
            reply = await ask(here.address, stranger.key, chat_body(5))
            assert 'contract="dear"' in reply.headers["x-rechenwerk-decision"]
            assert "price" not in reply.headers["x-rechenwerk-decision"]

    asyncio.run(scene())


def test_a_class_can_be_lowered_by_the_client_and_never_raised(database_url: str) -> None:
    async def scene() -> None:
        async with site(database_url, Supplier("only", ON_DEMAND, "1.00")) as here:
            assert (await here.ask({"x-rechenwerk-class": "batch"})).status == 200
            raised = await here.ask({"x-rechenwerk-class": "critical"})
            assert (raised.status, raised.json["error"]["code"]) == (403, "class_not_allowed")
            unknown = await here.ask({"x-rechenwerk-class": "royal"})
            assert unknown.status == 400
            assert "royal" in unknown.json["error"]["message"]
            await here.gateway.dispatch.exchange()
            seen = await PostgresBoard(here.town.pool).seen(0)
            assert [one.demand.split("/")[3] for one in seen.loads] == ["batch"]

    asyncio.run(scene())


PROVISIONED = f"""
kind = "provisioned"
starts = {YEAR}-01-01
ends = {YEAR}-12-31
blocks = [{{ name = "unit", units = "1", hold_fee = "1", per = "hour", throughput = "THROUGHPUT" }}]
"""


def test_a_full_commitment_spills_to_the_next(database_url: str) -> None:
    async def scene() -> None:
        full = PROVISIONED.replace("THROUGHPUT", "1")  # one token a minute
        suppliers = (Supplier("bought", full, "0"), Supplier("list", ON_DEMAND, "1.00"))
        async with site(database_url, *suppliers) as here:
            await here.ask()
            await here.plans()
            for _ in range(4):
                assert (await here.ask()).status == 200
            assert here.asked()["list"] >= 2
            assert here.asked()["bought"] <= 3, "one without a plan, and one in each minute"

    asyncio.run(scene())


def test_a_call_that_would_wait_too_long_is_told_when_to_come_back(database_url: str) -> None:
    async def scene() -> None:
        full = PROVISIONED.replace("THROUGHPUT", "1")
        async with site(database_url, Supplier("bought", full, "0"), patience=0.2) as here:
            await here.ask()
            await here.plans()
            replies = [await here.ask() for _ in range(4)]
            refused = [reply for reply in replies if reply.status != 200]
            assert len(refused) >= 2, "one call fills a minute"
            for reply in refused:
                assert (reply.status, reply.json["error"]["code"]) == (429, "capacity_exceeded")
                assert 0 < int(reply.headers["retry-after"]) <= 61

    asyncio.run(scene())


def test_a_deployment_that_takes_one_call_at_once_lets_the_next_wait(database_url: str) -> None:
    async def scene() -> None:
        async with site(database_url, Supplier("one", ON_DEMAND, "1.00", "concurrency = 1\n")) as here:
            here.fakes["one"].knobs.latency_ms = 100
            began = asyncio.get_running_loop().time()
            replies = await asyncio.gather(*[here.ask() for _ in range(4)])
            assert [reply.status for reply in replies] == [200] * 4
            assert asyncio.get_running_loop().time() - began >= 0.4, "one after the other"

    asyncio.run(scene())


CAP = """
[[concentration]]
name = "half"
dimension = "spend"
by = "provider"
at_most = "0.5"
rule = "hard"
"""


def test_a_provider_above_a_hard_cap_of_spend_gets_no_more_calls(database_url: str) -> None:
    async def scene() -> None:
        suppliers = (Supplier("cheap", ON_DEMAND, "1.00"), Supplier("dear", ON_DEMAND, "3.00"))
        async with site(database_url, *suppliers, tables=CAP) as here:
            await here.gateway.shares.refresh()
            assert (await here.ask()).status == 200
            await settled(here.town, here.tenant, 1)
            await here.gateway.shares.refresh()
            assert (await here.ask()).status == 200
            assert here.asked() == {"cheap": 1, "dear": 1}
            rows = await settled(here.town, here.tenant, 2)
            (refused,) = json.loads(rows[-1]["decision"])["refused"]
            assert "concentration cap 'half'" in refused
            # The planner knows it as well: of two suppliers one is left, and there is nothing to decide.
            planner = Planner(
                here.planner._source,
                here.planner._board,
                SystemClock(),
                shares=StoredConcentration(here.town.pool),
            )
            await here.gateway.dispatch.exchange()
            assert await planner.step() is None
            assert [name for name in planner._barred.values() if "half" in name]
            assert await here.planner.step() is not None, "one that is not told plans for both"
            await here.gateway.shares.refresh()
            assert (await here.ask()).status == 200
            assert here.asked() == {"cheap": 2, "dear": 1}, "now the other one has more than half"

    asyncio.run(scene())


GRANT = f"""
kind = "grant"
starts = {YEAR}-01-01
ends = {YEAR}-12-31
quantity = "1000000"
unit = "token"
projects = ["WHO"]
purposes = ["research"]
"""


def test_a_grant_is_for_its_projects_and_purposes(database_url: str) -> None:
    async def scene() -> None:
        grant = GRANT.replace("WHO", "town/project")
        suppliers = (Supplier("public", grant, "0"), Supplier("list", ON_DEMAND, "1.00"))
        async with site(database_url, *suppliers) as here:
            assert (await here.ask()).status == 200
            assert here.asked() == {"list": 1}, "no purpose, no grant"
            assert (await here.ask({"x-rechenwerk-purpose": "research"})).status == 200
            assert here.asked() == {"list": 1, "public": 1}
            other = await here.town.tenant("village")
            await knows(here.gateway, other)
            reply = await ask(
                here.address, other.key, chat_body(5), headers={"x-rechenwerk-purpose": "research"}
            )
            assert reply.status == 200
            assert here.asked() == {"list": 2, "public": 1}, "it is not for others"

    asyncio.run(scene())


def test_where_every_contract_has_ended_calls_are_refused_and_not_sent(database_url: str) -> None:
    async def scene() -> None:
        async with site(database_url, Supplier("credit", CREDIT, "1.00"), patience=0.1) as here:
            assert (await here.ask()).status == 200
            await settled(here.town, here.tenant, 1)
            await here.plans()
            assert (await here.ask()).json["error"]["code"] == "capacity_exceeded"
            assert here.asked() == {"credit": 1}

    asyncio.run(scene())


class Granted:
    """A pool with a grant that runs, as governance reads it."""

    def __init__(self, deployment: int, tenant: Tenant, opens: frozenset[int]) -> None:
        grant = OpenGrant(1, tenant.organisation, tenant.project, 1_000_000, 0, FOREVER, opens)
        self.pool = PoolLots(1, "public", 0, (deployment,), 1_000_000, grants=(grant,))

    async def lots(self, now: float) -> tuple[PoolLots, ...]:
        del now
        return (self.pool,)

    async def note_use(self, uses: tuple[PoolUse, ...]) -> None:
        del uses


def test_an_approved_application_opens_the_contract_that_it_names(database_url: str) -> None:
    async def scene() -> None:
        grant = GRANT.replace("WHO", "somebody else").replace('purposes = ["research"]', "")
        suppliers = (Supplier("public", grant, "0"), Supplier("list", ON_DEMAND, "1.00"))
        async with site(database_url, *suppliers) as here:
            assert (await here.ask()).status == 200
            assert here.asked() == {"list": 1}
            assert here.gateway.tenants.snapshot is not None
            (offer,) = here.gateway.tenants.snapshot.offers.values()
            (public,) = [row for row in offer.deployments if row.contract_name == "public"]
            for opens, asked in (
                (frozenset(), {"list": 2}),  # the application names another contract of the pool
                (frozenset({public.contract}), {"list": 2, "public": 1}),
            ):
                pools = Pools(
                    here.gateway.tenants,
                    Granted(public.id, here.tenant, opens),
                    PostgresBoard(here.town.pool),
                    here.gateway.admission,
                    SystemClock(),
                    0,
                )
                await pools.refresh()
                assert (await here.ask()).status == 200
                assert here.asked() == asked

    asyncio.run(scene())
