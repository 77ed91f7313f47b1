"""Tariffs through a real gateway and database: what calls are booked at, and what months add."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from rechenwerk.base.money import NANO
from rechenwerk.gateway.prices import price_of
from rechenwerk.ledger.periods import month_of
from rechenwerk.main_gateway import Gateway
from rechenwerk.office.tariff_ports import NewDiscount
from rechenwerk.store.snapshot import PostgresSource
from rechenwerk.store.tariffs import TariffStep
from tests.caller import Line, Reply, ask, chat_body
from tests.fakes.provider import FakeProvider, running_fake
from tests.flows.cloud import knows, settled, until
from tests.installation import CONFIG, Tenant, Town, gateway, town

HEAD, _, _ = CONFIG.partition("[[tariff]]")
PRICE = 'price = { input = "1.50", cached_input = "0.75", output = "3.00" }'
"""Nano-units of a token: 1,500 in, 750 cached, 3,000 out; its cost is 1,000, 500 and 2,000."""
TODAY = datetime.now(UTC).date()
MONTH = month_of(datetime.now(UTC))


def tariff(body: str, **dates: date) -> str:
    """A tariff of the model, first and last day as ``valid_from`` and ``valid_to``."""
    days = "".join(f"{name} = {day}\n" for name, day in dates.items())
    return f'[[tariff]]\nmodel = "fake-model"\n{body}\n{days}'


@dataclass
class Place:
    """A gateway with its town and the provider behind it."""

    town: Town
    gateway: Gateway
    address: str
    fake: FakeProvider
    step: TariffStep

    async def apply(self, *tariffs: str, organisation: int = 0) -> None:
        """Put a configuration into force, and wait until the gateway knows it."""
        head = (
            HEAD.format(kind="openai", url=self.fake.base_url) if not organisation else 'currency = "EUR"\n'
        )
        await self.town.configure(head + "".join(tariffs), organisation)
        await self.heard()

    async def heard(self) -> None:
        """Wait until the gateway knows what stands."""
        version = await PostgresSource(self.town.pool, self.town.url).version()
        tenants = self.gateway.tenants
        await until(lambda: tenants.snapshot is not None and tenants.snapshot.version >= version)

    async def tenant(self, name: str = "town") -> Tenant:
        tenant = await self.town.tenant(name)
        await knows(self.gateway, tenant)
        return tenant

    async def call(self, tenant: Tenant, tokens: int = 20, **more: Any) -> Reply:
        return await ask(self.address, tenant.key, chat_body(tokens, **more))

    async def booked(self, tenant: Tenant, calls: int) -> list[asyncpg.Record]:
        return await settled(self.town, tenant, calls)

    async def month(self, tenant: Tenant) -> int:
        """Book the month; how many vouchers that took. The books must verify afterwards."""
        written = await self.step.book(tenant.organisation, MONTH, "the test")
        await self.town.assert_books_verify(tenant.organisation)
        return written

    async def revenue(self, tenant: Tenant) -> int:
        """What is booked on revenue of a project."""
        found = await self.town.pool.fetchval(
            "select sum(case when t.credit = a.id then t.amount else -t.amount end) from account a"
            " join transfer t on t.organisation_id = a.organisation_id and a.id in (t.debit, t.credit)"
            " where a.organisation_id = $1 and a.kind = 'revenue' and a.project_id = $2",
            tenant.organisation,
            tenant.project,
        )
        return int(found or 0)


@asynccontextmanager
async def place(url: str, *tariffs: str) -> AsyncIterator[Place]:
    """An installation with these tariffs."""
    with running_fake() as fake:
        async with town(url) as there:
            await there.configure(HEAD.format(kind="openai", url=fake.base_url) + "".join(tariffs))
            async with gateway(url) as (built, address):
                yield Place(there, built, address, fake, TariffStep(there.pool))


def used(rows: list[asyncpg.Record], bucket: str) -> int:
    return sum(row[bucket] for row in rows)


SUMS = (
    (f'{PRICE}\nfee = "20.00"', lambda into, out: into * 1500 + out * 3000 + 20 * NANO),
    (f'{PRICE}\nminimum = "0.001"', lambda _, __: NANO // 1000),
    (f'{PRICE}\nincluded = "0.0001"', lambda into, out: max(0, into * 1500 + out * 3000 - NANO // 10_000)),
    (f'{PRICE}\nfee = "1"\nincluded = "1"', lambda _, __: NANO),
    (f"{PRICE}\nfree = {{ output = 30 }}", lambda into, out: into * 1500 + (out - 30) * 3000),
    (f"{PRICE}\nstep = {{ size = 1000 }}", lambda _, __: 1000 * 1500 + 1000 * 3000),
    (
        f'{PRICE}\ntiers = [{{ bucket = "output", steps = [{{ above = "25", rate = "1" }}] }}]',
        lambda into, out: into * 1500 + 25 * 3000 + (out - 25) * 1000,
    ),
    (
        (
            f'{PRICE}\ntiers = [{{ bucket = "output", applies = "all-unit",'
            ' steps = [{ above = "25", rate = "1" }] }]'
        ),
        lambda into, out: into * 1500 + out * 1000,
    ),
    ('fee = "5"', lambda _, __: 5 * NANO),
    ('price = { input = "0.0004" }', lambda into, _: round(into * 0.4)),
    # cost: 1,000 in and 2,000 out
    ('cost_plus = "0.15"', lambda into, out: (into * 1000 + out * 2000) * 115 // 100),
)


@pytest.mark.parametrize(("body", "expected"), SUMS, ids=[body for body, _ in SUMS])
def test_what_is_booked_is_the_price_of_the_month(database_url: str, body: str, expected: Any) -> None:
    asyncio.run(_price_of_the_month(database_url, body, expected))


async def _price_of_the_month(url: str, body: str, expected: Any) -> None:
    async with place(url, tariff(body, valid_from=MONTH.starts.date())) as here:
        mine = await here.tenant()
        for _ in range(3):
            assert (await here.call(mine)).status == 200
        rows = await here.booked(mine, 3)
        (version,) = await here.town.pool.fetch("select id from tariff")
        assert {row["tariff_id"] for row in rows} == {version["id"]}
        assert {row["outcome"] for row in rows} == {"posted"}
        assert all(row["price"] <= row["held"] for row in rows)
        before = await here.revenue(mine)
        assert before == sum(row["price"] for row in rows)
        want = expected(used(rows, "input"), used(rows, "output"))
        assert await here.month(mine) == (before != want)
        assert await here.revenue(mine) == want
        assert await here.month(mine) == 0  # again: nothing is new
        await here.call(mine)
        rows = await here.booked(mine, 4)
        await here.month(mine)
        assert await here.revenue(mine) == expected(used(rows, "input"), used(rows, "output"))


def test_a_voucher_says_what_it_was_computed_from_and_a_reversed_one_is_booked_again(
    database_url: str,
) -> None:
    asyncio.run(_reversed(database_url))


async def _reversed(url: str) -> None:
    async with place(url, tariff(f'{PRICE}\nfee = "20.00"', valid_from=MONTH.starts.date())) as here:
        mine = await here.tenant()
        await here.call(mine)
        (row,) = await here.booked(mine, 1)
        assert await here.month(mine) == 1
        vouchers = here.town.desk.vouchers
        (shown,) = await vouchers.list(mine.organisation, 10, None, MONTH.starts, MONTH.ends)
        assert shown.kind == "adjustment"
        assert (shown.details["model"], shown.details["tariff"]) == ("fake-model", row["tariff_id"])
        assert [one["sort"] for one in shown.details["lines"]] == ["use", "use", "fee"]
        assert shown.details["lines"][2]["amount"] == "20.00"
        await vouchers.reverse(mine.organisation, shown.id, shown.at, "entered twice", "the test")
        assert await here.revenue(mine) == row["price"]
        assert await here.month(mine) == 1
        assert await here.revenue(mine) == row["price"] + 20 * NANO


def test_two_that_book_at_once_book_once(database_url: str) -> None:
    asyncio.run(_at_once(database_url))


async def _at_once(url: str) -> None:
    async with place(url, tariff(f'{PRICE}\nfee = "20.00"', valid_from=MONTH.starts.date())) as here:
        mine = await here.tenant()
        await here.call(mine)
        await here.booked(mine, 1)
        written = await asyncio.gather(
            *[here.step.book(mine.organisation, MONTH, "the test") for _ in range(4)]
        )
        assert sorted(written) == [0, 0, 0, 1]


def test_a_call_under_way_keeps_its_price_and_its_version(database_url: str) -> None:
    asyncio.run(_keeps_its_price(database_url))


async def _keeps_its_price(url: str) -> None:
    async with place(url, tariff(PRICE)) as here:
        mine = await here.tenant()
        async with Line(here.address) as line:
            slow = await line.begin(mine.key, chat_body(20, stream=True, x_fake={"pace_ms": 20}))
            await here.apply(tariff(PRICE.replace("1.50", "15.00")))
            assert (await here.call(mine)).status == 200
            await line.rest(slow)
        first, second = await here.booked(mine, 2)
        versions = [row["id"] for row in await here.town.pool.fetch("select id from tariff order by id")]
        assert [first["tariff_id"], second["tariff_id"]] == versions
        assert first["price"] == first["input"] * 1500 + first["output"] * 3000
        assert second["price"] == second["input"] * 15_000 + second["output"] * 3000
        assert await here.month(mine) == 0
        with pytest.raises(asyncpg.RestrictViolationError):
            await here.town.pool.execute("update tariff set terms = '{}'")
        with pytest.raises(asyncpg.CheckViolationError, match="cannot begin in the past"):
            await here.town.pool.execute(
                "insert into tariff (organisation_id, model, valid_from, currency, terms)"
                " select organisation_id, model, now() - interval '1 hour', currency, terms from tariff"
                " limit 1"
            )


def test_a_later_version_is_known_before_it_begins(database_url: str) -> None:
    asyncio.run(_known_before(database_url))


async def _known_before(url: str) -> None:
    tomorrow = TODAY + timedelta(days=1)
    dear = PRICE.replace("1.50", "15.00")
    async with place(url, tariff(PRICE), tariff(dear, valid_from=tomorrow)) as here:
        mine = await here.tenant()
        await here.call(mine)
        (row,) = await here.booked(mine, 1)
        assert row["price"] == row["input"] * 1500 + row["output"] * 3000
        known = here.gateway.tenants.snapshot
        found = here.gateway.tenants.tenant(mine.key.encode())
        assert known is not None
        assert found is not None
        midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC).timestamp()
        rates = [price_of(known, found.row, "fake-model", midnight + at) for at in (-0.001, 0.0)]
        numerators = [one.price.prices.numerators[0] for one in rates if one.price is not None]
        assert numerators == [1500, 15_000]
        assert rates[0].until == midnight


def test_a_model_without_a_tariff_is_not_sold_and_nothing_is_booked_at_zero(database_url: str) -> None:
    asyncio.run(_not_sold(database_url))


async def _not_sold(url: str) -> None:
    async with place(url, tariff(PRICE)) as here:
        mine = await here.tenant()
        unknown = await ask(here.address, mine.key, {**chat_body(5), "model": "fake-modell"})
        assert (unknown.status, unknown.code) == (404, "model_not_found")
        # a tariff that is over: the deployment stands, the model is not sold any more
        await here.town.pool.execute(
            "insert into tariff (organisation_id, model, valid_from, currency)"
            " values (0, 'fake-model', clock_timestamp(), 'EUR')"
        )
        await here.heard()
        ended = await here.call(mine)
        assert (ended.status, ended.code) == (404, "model_not_found")
        assert here.gateway.tenants.models(_row(here, mine)) == []
        assert await here.town.pool.fetchval("select count(*) from call") == 0
        assert await here.town.pool.fetchval("select count(*) from hold") == 0


def _row(here: Place, tenant: Tenant) -> Any:
    found = here.gateway.tenants.tenant(tenant.key.encode())
    assert found is not None
    return found.row


def test_an_own_tariff_is_for_one_organisation_and_gives_way_to_the_shared_one(database_url: str) -> None:
    asyncio.run(_own_tariff(database_url))


async def _own_tariff(url: str) -> None:
    own = tariff('price = { input = "1.00", output = "1.00" }\nfee = "7"')
    async with place(url, tariff(PRICE)) as here:
        mine, neighbour = await here.tenant(), await here.tenant("neighbour")
        await here.apply(own, organisation=mine.organisation)
        for tenant in (mine, neighbour):
            await here.call(tenant)
        (cheap,), (dear,) = await here.booked(mine, 1), await here.booked(neighbour, 1)
        assert cheap["price"] == (cheap["input"] + cheap["output"]) * 1000
        assert dear["price"] == dear["input"] * 1500 + dear["output"] * 3000
        await here.apply(organisation=mine.organisation)  # gone from its file
        await here.call(mine)
        rows = await here.booked(mine, 2)
        assert rows[1]["price"] == rows[1]["input"] * 1500 + rows[1]["output"] * 3000
        assert rows[1]["tariff_id"] == dear["tariff_id"]
        assert await here.month(neighbour) == 0
        assert await here.month(mine) == 1  # the fee, for the time in which it held
        assert 0 < await here.revenue(mine) - sum(row["price"] for row in rows) < 7 * NANO


def test_a_discount_lowers_calls_and_months_of_one_project(database_url: str) -> None:
    asyncio.run(_discounted(database_url))


async def _discounted(url: str) -> None:
    async with place(url, tariff(PRICE, valid_from=MONTH.starts.date())) as here:
        mine = await here.tenant()
        other = await here.town.desk.tenants.create_project(mine.organisation, "other")
        second = await here.town.add_key(mine.organisation, other)
        await knows(here.gateway, second)
        await here.call(mine)  # before the discount is given, on its first day
        await here.booked(mine, 1)
        wish = NewDiscount(mine.project, "", TODAY, None, Decimal("0.25"), "framework", "the test")
        await here.town.desk.tariffs.discount(mine.organisation, wish)
        await here.heard()
        await here.call(mine)
        await here.call(second)
        full, off, others = await here.booked(mine, 3)
        at_rates = [row["input"] * 1500 + row["output"] * 3000 for row in (full, off, others)]
        assert [full["price"], off["price"], others["price"]] == [
            at_rates[0],
            round(at_rates[1] * 0.75),
            at_rates[2],
        ]
        assert off["held"] < others["held"]
        assert await here.month(mine) == 1  # lowers the call of this morning
        assert await here.revenue(mine) == round((at_rates[0] + at_rates[1]) * 0.75)
        assert await here.revenue(second) == at_rates[2]
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await here.town.desk.tariffs.discount((await here.tenant("neighbour")).organisation, wish)
        past = NewDiscount(mine.project, "", TODAY - timedelta(days=2), None, Decimal(1), "late", "the test")
        with pytest.raises(asyncpg.CheckViolationError, match="cannot begin in the past"):
            await here.town.desk.tariffs.discount(mine.organisation, past)


def test_cached_tokens_are_counted_once(database_url: str) -> None:
    asyncio.run(_cached(database_url))


async def _cached(url: str) -> None:
    separate = tariff(f"{PRICE}\nfree = {{ cached_input = 1 }}", valid_from=MONTH.starts.date())
    async with place(url, separate) as here:
        here.fake.knobs.cached_tokens = 3
        mine = await here.tenant()
        await here.call(mine)
        (row,) = await here.booked(mine, 1)
        assert row["cached_input"] == 3
        assert row["price"] == row["input"] * 1500 + 3 * 750 + row["output"] * 3000
        await here.month(mine)
        assert await here.revenue(mine) == row["input"] * 1500 + 2 * 750 + row["output"] * 3000


def test_an_organisation_owes_one_fee_and_a_version_that_never_began_owes_none(database_url: str) -> None:
    asyncio.run(_one_fee(database_url))


async def _one_fee(url: str) -> None:
    fee = f'{PRICE}\nfee = "30"\nowed = "always"\neach = "organisation"'
    later = date(MONTH.starts.year, MONTH.starts.month, 1) + timedelta(days=27)
    async with place(url, tariff(fee, valid_from=MONTH.starts.date())) as here:
        mine = await here.tenant()
        await here.town.desk.tenants.create_project(mine.organisation, "other")
        assert await here.month(mine) == 2
        assert await here.revenue(mine) == 15 * NANO
        await here.call(mine)
        (row,) = await here.booked(mine, 1)
        assert await here.month(mine) == 2  # who used it owes all of it
        assert await here.revenue(mine) == 30 * NANO + row["price"]
        if later > TODAY:
            dear = tariff(fee.replace("30", "3000"), valid_from=later)
            await here.apply(tariff(fee, valid_from=MONTH.starts.date()), dear)
            assert await here.month(mine) > 0
            assert await here.revenue(mine) > 40 * NANO
            await here.apply(tariff(fee, valid_from=MONTH.starts.date()))
            await here.month(mine)
            assert await here.revenue(mine) == 30 * NANO + row["price"]
