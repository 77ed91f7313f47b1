"""The bugs that users of gateways report, one test each: whoever brings one back is stopped here.

Each is tried in its smallest form; `ELSEWHERE` names tests that try it hard, and one holds that they exist.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import pytest

from rechenwerk.base.toml_reader import MistakesError
from rechenwerk.base.usage import Usage
from rechenwerk.ledger.prices import price_list
from rechenwerk.main_gateway import Gateway
from rechenwerk.office.ports import Guard
from tests.caller import Line, ask, chat_body
from tests.fakes.provider import FakeProvider, running_fake
from tests.flows.cloud import knows, until
from tests.flows.several import Place, several
from tests.installation import CONFIG, Tenant, Town, gateway, town

ROOT = Path(__file__).parents[2]
IN, CACHED, OUT = 1_500, 750, 3_000
"""Nano-units of a token, as `CONFIG` sells them."""
ELSEWHERE = MappingProxyType(
    {
        "cap bypass under concurrency": (
            "tests/flows/test_budget.py::test_exactly_as_many_calls_as_the_budget_holds_are_admitted",
            "tests/flows/test_budgets.py::test_the_budget_of_an_organisation_holds_over_its_projects_and_processes",
            "tests/flows/test_wallets.py::test_a_wallet_is_spent_to_the_last_call_and_never_passed",
        ),
        "spend lost between counter and database": (
            "tests/flows/test_nothing_lost.py::test_a_database_that_dies_under_way_loses_nothing",
            "tests/flows/test_nothing_lost.py::test_a_gateway_killed_at_any_moment_loses_nothing",
        ),
        "cached tokens counted twice": (
            "tests/unit/test_usage.py::test_recorded_usage_falls_into_disjoint_buckets",
        ),
        "retries billed twice": (
            "tests/flows/test_failover_limits.py::test_a_budget_pays_one_answer_however_many_attempts_it_took",
            "tests/flows/test_idempotency.py::test_a_repeated_call_gets_the_stored_answer",
            "tests/flows/test_nothing_lost.py::test_a_post_is_booked_once",
        ),
        "late usage": (
            "tests/flows/test_nothing_lost.py::test_whatever_goes_wrong_stands_in_the_books",
            "tests/flows/test_reconcile.py::test_a_bill_is_looked_at_and_then_settled",
            "tests/flows/test_money_settled.py::test_usage_that_the_bill_tells_is_what_counts",
            "tests/flows/test_money_wallets.py::test_it_can_be_settled_again_and_gives_back_again",
        ),
        "rounding drift over a million small calls": (
            "tests/unit/test_prices.py::test_price_lists_agree_with_fractions",
            "tests/unit/test_money.py::test_division_agrees_with_fractions",
            "tests/unit/test_tariffs.py::test_a_million_small_calls_drift_and_the_month_mends_it",
            "tests/flows/test_tariffs.py::test_what_is_booked_is_the_price_of_the_month",
        ),
        "unknown model priced at zero": (
            "tests/unit/test_config.py::test_a_mistake_has_its_line_and_its_fix",
        ),
        "disconnecting client pays nothing": (
            "tests/flows/test_http.py::test_many_vanish_at_random_moments",
            "tests/flows/test_drain.py::",
        ),
        'false "budget exceeded"': (
            "tests/flows/test_budget.py::test_a_budget_is_never_passed_and_all_of_it_can_be_spent",
            "tests/unit/test_leases.py::test_a_recall_brings_what_lies_idle_elsewhere",
        ),
        "reservation never released": (
            "tests/unit/test_leases.py::test_what_calls_did_not_use_can_be_drawn_by_anybody_again",
            "tests/flows/test_nothing_lost.py::test_a_gateway_that_was_frozen_is_fenced",
        ),
    }
)


@pytest.mark.parametrize(("bug", "tests"), ELSEWHERE.items(), ids=list(ELSEWHERE))
def test_it_is_tried_hard_elsewhere(bug: str, tests: tuple[str, ...]) -> None:
    for one in tests:
        file, name = one.split("::")
        body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
        names = {node.name for node in body if isinstance(node, ast.FunctionDef)}
        assert any(found.startswith(name or "test_") for found in names), f"{bug}: {one} is gone"


class Shop:
    """A gateway before one provider, and a customer with a budget."""

    def __init__(self, there: Town, fake: FakeProvider, built: Gateway, address: str, tenant: Tenant) -> None:
        self.there, self.fake, self.built, self.address, self.tenant = there, fake, built, address, tenant

    async def free(self) -> int:
        """What neither calls hold nor have spent of the budget."""
        row = await self.there.pool.fetchrow(
            "select g.amount - coalesce(sum(s.held + s.posted), 0) as free from guard g"
            " left join slice s on s.guard_id = g.id where g.unit = 'money' group by g.amount"
        )
        assert row is not None
        return int(row["free"])

    async def booked(self, calls: int) -> list[dict[str, object]]:
        """The calls, once there are so many and nothing is open; the books must verify."""
        rows = await self.there.settled(calls)
        await self.there.assert_books_verify(self.tenant.organisation)
        return [dict(row) for row in rows]


@asynccontextmanager
async def shop(url: str, fake: FakeProvider, budget: int) -> AsyncIterator[Shop]:
    async with town(url) as there:
        await there.configure(CONFIG.format(kind="openai", url=fake.base_url))
        tenant = await there.tenant(project=(Guard("money", "total", budget),))
        async with gateway(url) as (built, address):
            await knows(built, tenant)
            yield Shop(there, fake, built, address, tenant)


def test_a_cap_is_not_bypassed_by_calls_at_once(database_url: str) -> None:
    """Checked before each call and counted after it, ten calls at once all see an empty budget."""

    async def flow(fake: FakeProvider) -> None:
        body = chat_body(20, x_fake={"latency_ms": 50})
        most = len(str(body).encode()) * IN + 20 * OUT
        async with shop(database_url, fake, most * 3) as here:
            replies = await asyncio.gather(*[ask(here.address, here.tenant.key, body) for _ in range(30)])
            good = sum(reply.status == 200 for reply in replies)
            assert {reply.status for reply in replies} == {200, 429}
            rows = await here.booked(good)
            assert sum(int(str(row["price"])) for row in rows) <= most * 3
            assert await here.free() >= 0

    with running_fake() as fake:
        asyncio.run(flow(fake))


def test_spend_is_in_the_database_and_nowhere_else(database_url: str) -> None:
    """A counter in a cache beside the database loses what was not written when a process ends."""

    async def flow(fake: FakeProvider) -> None:
        async with shop(database_url, fake, 10**9) as here:
            for _ in range(3):
                assert (await ask(here.address, here.tenant.key, chat_body(5))).status == 200
            rows = await here.booked(3)
        async with gateway(database_url) as (again, address), town(database_url) as there:
            await knows(again, here.tenant)
            assert (await ask(address, here.tenant.key, chat_body(5))).status == 200
            rows = [dict(row) for row in await there.settled(4)]
            posted = await there.pool.fetchval("select sum(posted) from slice")
            transfers = await there.pool.fetchval(
                "select sum(t.amount) from transfer t"
                " join account a on a.id = t.debit and a.kind = 'receivable'"
            )
            assert posted == transfers == sum(int(str(row["price"])) for row in rows)

    with running_fake() as fake:
        asyncio.run(flow(fake))


def test_cached_tokens_are_counted_once(database_url: str) -> None:
    """OpenAI's prompt tokens contain the cached ones; added to them they are paid twice."""

    async def flow(fake: FakeProvider) -> None:
        async with shop(database_url, fake, 10**9) as here:
            body = chat_body(5, text="word " * 10, x_fake={"cached_tokens": 4})
            reply = await ask(here.address, here.tenant.key, body)
            prompt = reply.json["usage"]["prompt_tokens"]
            (row,) = await here.booked(1)
            assert (row["input"], row["cached_input"], row["output"]) == (prompt - 4, 4, 5)
            assert row["price"] == (prompt - 4) * IN + 4 * CACHED + 5 * OUT

    with running_fake() as fake:
        asyncio.run(flow(fake))


def test_a_retry_is_not_billed_twice(database_url: str) -> None:
    """The attempt that failed and the one that served are one call for who pays."""

    async def flow() -> None:
        async with several(database_url, Place("first", level="own"), Place("second")) as here:
            rich = await here.town.tenant("rich", project=(Guard("money", "total", 10**9),))
            await knows(here.gateway, rich)
            here.fakes["first"].knobs.status = 500
            assert (await ask(here.address, rich.key, chat_body(5))).status == 200
            await until(lambda: here.gateway.till.waiting == 0)
            rows = await here.town.settled(1)
            priced = [row for row in rows if row["price"]]
            assert len(priced) == 1
            assert await here.town.pool.fetchval("select sum(posted) from slice") == priced[0]["price"]
            await here.town.assert_books_verify(rich.organisation)

    asyncio.run(flow())


def test_usage_that_comes_late_or_never_is_not_forgotten(database_url: str) -> None:
    """The provider is silent after half an answer: what is known is booked, and marked, not dropped."""

    async def flow(fake: FakeProvider) -> None:
        async with shop(database_url, fake, 10**9) as here:
            body = chat_body(50, stream=True, x_fake={"cut_after_events": 6})
            await ask(here.address, here.tenant.key, body)
            (row,) = await here.booked(1)
            assert (row["outcome"], row["usage_source"]) == ("unresolved", "estimated")
            assert int(str(row["price"])) > 0
            open_price = await here.there.pool.fetchval(
                "select sum(t.amount) from transfer t"
                " join account a on a.id = t.debit and a.kind = 'unresolved_price'"
            )
            assert open_price == row["price"]  # until the bill settles it

    with running_fake() as fake:
        asyncio.run(flow(fake))


def test_a_million_small_calls_do_not_drift() -> None:
    """A third of a nano-unit a token: rounded once a call, half to even, not in a running sum of floats."""
    prices = price_list({"input": "0.000333333333"})
    sizes, times = range(1, 998), 1_003
    booked = times * sum(prices.amount(Usage(input=size)) for size in sizes)
    exact = times * sum(sizes) * Fraction(333_333_333, 10**9)
    assert len(sizes) * times == 999_991
    assert abs(booked - exact) < 1_000  # less than a millionth of a euro, over a million calls


def test_a_model_that_nobody_priced_is_not_free(database_url: str) -> None:
    """No price is no zero: it cannot be configured, and what is not configured cannot be called."""

    async def flow(fake: FakeProvider) -> None:
        async with shop(database_url, fake, 10**9) as here:
            unpriced = CONFIG[: CONFIG.index("[[tariff]]")].format(kind="openai", url=fake.base_url)
            with pytest.raises(MistakesError, match="has no tariff"):
                await here.there.configure(unpriced)
            reply = await ask(here.address, here.tenant.key, {**chat_body(5), "model": "newest-model"})
            assert (reply.status, reply.code) == (404, "model_not_found")
            assert await here.booked(0) == []
            assert fake.totals.finished == 0

    with running_fake() as fake:
        asyncio.run(flow(fake))


def test_a_client_that_disconnects_pays_for_what_was_made(database_url: str) -> None:
    """Booked after the answer was sent, a call whose client left is booked never."""

    async def flow(fake: FakeProvider) -> None:
        async with shop(database_url, fake, 10**9) as here:
            async with Line(here.address) as line:
                body = chat_body(20, stream=True, x_fake={"pace_ms": 2})
                reply = await line.begin(here.tenant.key, body)
                await line.piece(reply)
            (row,) = await here.booked(1)
            assert (row["outcome"], row["usage_source"], row["output"]) == ("posted", "reported", 20)
            assert int(str(row["price"])) >= 20 * OUT

    with running_fake() as fake:
        asyncio.run(flow(fake))


def test_nobody_is_refused_while_money_is_left(database_url: str) -> None:
    """What calls held and did not use is theirs again: a budget of two holds serves many calls."""

    async def flow(fake: FakeProvider) -> None:
        body = chat_body(500)
        most = 500 * IN + 500 * OUT
        async with shop(database_url, fake, most * 2) as here:
            for _ in range(12):
                assert (await ask(here.address, here.tenant.key, body)).status == 200
            await here.booked(12)
            # And a budget that is raised serves at once, though it was used up.
            await here.there.desk.tenants.guard_project(
                here.tenant.organisation, here.tenant.project, [Guard("money", "total", 1)]
            )
            guard = here.built.tenants
            await until(lambda: bool(guard.snapshot) and _amount(here) == 1)
            assert (await ask(here.address, here.tenant.key, body)).status == 429
            await here.there.desk.tenants.guard_project(
                here.tenant.organisation, here.tenant.project, [Guard("money", "total", most * 4)]
            )
            await until(lambda: _amount(here) == most * 4)
            assert (await ask(here.address, here.tenant.key, body)).status == 200
            await here.booked(13)

    with running_fake() as fake:
        asyncio.run(flow(fake))


def _amount(here: Shop) -> int:
    tenant = here.built.tenants.tenant(here.tenant.key.encode())
    assert tenant is not None
    return tenant.guards[0].row.amount


def test_no_reservation_is_kept_for_ever(database_url: str) -> None:
    """A call that fails, in whatever way, gives back all that it held."""

    async def flow(fake: FakeProvider) -> None:
        async with shop(database_url, fake, 10**9) as here:
            faults: tuple[dict[str, object], ...] = (
                {"status": 500},
                {"status": 429},
                {"garbage": True},
                {"cut_before_answer": True},
                {},
            )
            for number, fault in enumerate(faults, 1):
                await ask(here.address, here.tenant.key, chat_body(5, x_fake=fault))
                rows = await here.booked(number)
                charged = sum(int(str(row["charged"])) for row in rows)
                assert await here.free() == 10**9 - charged, fault
            assert await here.there.pool.fetchval("select count(*) from hold") == 0

    with running_fake() as fake:
        asyncio.run(flow(fake))
