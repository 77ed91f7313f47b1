"""Capacity as a product, on a real PostgreSQL: sales, what is refused, fees, and the wall."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Literal, get_args

import asyncpg
import pytest

from rechenwerk.store.governance.lots import StoredLots
from tests.flows.governing import CHAT, DAY, Hall
from tests.flows.office_desk import Office


@pytest.fixture
def hall(office: Office) -> Hall:
    """An office with a pool, and two organisations that buy."""
    hall = Hall(office)
    hall.buyer("north")
    hall.buyer("south")
    return hall


def test_own_and_bought_deployments_are_one_pool(hall: Hall) -> None:
    hall.office.clock.at += 1
    shown = hall.pool(60_000, 40_000)
    assert (shown["capacity"], shown["kept"], shown["sold"], shown["free"]) == (100_000, 0, 0, 100_000)
    assert [one["tokens_per_minute"] for one in shown["members"]] == [60_000, 40_000]
    hall.office.sql("update deployment set active = false where model = 'potion-multilingual'")
    assert hall.shown()["capacity"] == 60_000
    error = hall.office.refused(
        404, "PUT", "/pools/main", json={"members": [_member("nothing", "embedded", 1)]}
    )
    assert "nothing@embedded" in error["message"]


def _member(model: str, provider: str, tokens: int) -> dict[str, object]:
    return {"model": model, "provider": provider, "tokens_per_minute": tokens}


def test_a_deployment_gives_no_more_than_it_takes(hall: Hall) -> None:
    hall.office.sql("update deployment set tokens_per_minute = 70000 where model = 'smollm2-135m'")
    assert hall.shown()["capacity"] == 70_000, "whatever it was to give"
    body = {"members": [_member("smollm2-135m", "embedded", 70_001)]}
    error = hall.office.refused(422, "PUT", "/pools/main", json=body)
    assert "takes 70,000 tokens per minute, it cannot give 70,001" in error["message"]
    hall.office.clock.at += 1
    body = {"members": [{"model": "smollm2-135m", "provider": "embedded"}]}
    assert hall.office.ok("PUT", "/pools/main", json=body)["members"][0]["tokens_per_minute"] == 70_000
    body = {"members": [{"model": "potion-multilingual", "provider": "embedded-embeddings"}]}
    error = hall.office.refused(422, "PUT", "/pools/main", json=body)
    assert "has no tokens_per_minute in the configuration" in error["message"]
    twice = [_member("smollm2-135m", "embedded", 1), {"contract": "embedded on demand", **_member(*CHAT, 2)}]
    error = hall.office.refused(422, "PUT", "/pools/main", json={"members": twice})
    assert "named twice" in error["message"]


SECOND = (
    """insert into contract (organisation_id, provider_id, name, kind)
    select 0, provider_id, 'reserved', kind from contract where name = 'embedded on demand'""",
    """insert into deployment (organisation_id, model, provider_id, contract_id, upstream, endpoints,
    context_tokens, max_output_tokens) select 0, model, provider_id, (select id from contract
    where name = 'reserved'), upstream, endpoints, 9, 9 from deployment where model = 'smollm2-135m'""",
)


def test_one_model_of_one_provider_under_two_contracts(hall: Hall) -> None:
    for statement in SECOND:
        hall.office.sql(statement)
    hall.office.clock.at += 1
    error = hall.office.refused(422, "PUT", "/pools/main", json={"members": [_member(*CHAT, 5)]})
    assert "say which, one of 'embedded on demand', 'reserved'" in error["message"]
    members = [{"contract": name, **_member(*CHAT, 5)} for name in ("embedded on demand", "reserved")]
    assert hall.office.ok("PUT", "/pools/main", json={"members": members})["capacity"] == 10


def test_a_site_that_is_out_is_no_capacity_now_but_may_be_sold_for_later(hall: Hall) -> None:
    hall.office.sql(
        "insert into site (organisation_id, name, pue, co2_grams, prices, out_since)"
        " values (0, 'cellar', 1, 0, '{0}', now())"
    )
    hall.office.sql("update deployment set site_id = (select id from site) where model = 'smollm2-135m'")
    (seen,) = hall.office.runner.run(StoredLots(hall.office.pool).lots(hall.office.clock.at))
    assert (seen.capacity, len(seen.deployments)) == (0, 1)
    assert hall.shown()["members"][0]["state"] == "out"
    hall.sell("north", 100_000, 300, 330)


def test_a_deployment_gives_its_capacity_to_one_pool(hall: Hall) -> None:
    body = {"members": [_member("smollm2-135m", "embedded", 5)]}
    error = hall.office.refused(409, "PUT", "/pools/second", json=body)
    assert "belongs to pool main" in error["message"]
    assert [one["name"] for one in hall.office.ok("GET", "/pools")["pools"]] == ["main"], (
        "nothing stays of it"
    )
    hall.office.clock.at += 1
    hall.pool(0)
    hall.office.ok("PUT", "/pools/second", json=body)


SALES = """
    buyer  amount   from   to   outcome
    north   60000      0   30   sold
    south   40000      0   30   sold
    south       1     29   31   none free; free from 30
    south  100000     30   60   sold
    north       1     30   31   none free; free from 60
    north  100001     60   61   more than the pool
    north   50000     60   70   sold
    south   50000     65   75   sold
    south   50001     70   80   50000 free; free from 75
"""


def test_what_was_sold_twice_is_refused_at_the_sale(hall: Hall) -> None:
    for line in SALES.strip().splitlines()[1:]:
        buyer, amount, since, until, outcome = line.split(None, 4)
        body = hall.sale(buyer, int(amount), int(since), int(until))
        if outcome == "sold":
            assert hall.office.ok("POST", "/sales", json=body)["amount"] == int(amount)
            continue
        error = hall.office.refused(409, "POST", "/sales", json=body)
        assert error["code"] == "capacity_sold"
        if outcome.startswith("more"):
            assert "all that can be sold of this pool is 100,000" in error["message"]
        else:
            free, later = outcome.split(" free; free from ")
            assert f"has {0 if free == 'none' else int(free):,} tokens per minute free" in error["message"]
            assert f"free from {hall.date(int(later))} 00:00 on" in error["message"]


def test_classes_keep_what_sales_cannot_have_and_the_other_way_round(hall: Hall) -> None:
    keep = {"pool": "main", "service": "critical", "nominal": 30_000}
    hall.office.ok("PUT", "/reserve", json=keep)
    assert hall.office.refused(409, "POST", "/sales", json=hall.sale("north", 70_001, 0, 9))
    hall.sell("north", 70_000, 0, 9)
    error = hall.office.refused(409, "PUT", "/reserve", json={**keep, "nominal": 30_001})
    assert error["code"] == "capacity_promised"
    assert "1 too few" in error["message"]
    hall.office.clock.at += 1
    body = {"members": [_member("smollm2-135m", "embedded", 99_999)]}
    assert hall.office.refused(409, "PUT", "/pools/main", json=body)["code"] == "capacity_promised"
    assert hall.shown()["free"] == 0
    hall.office.ok("PUT", "/reserve", json={**keep, "nominal": 20_000})
    hall.office.ok("PUT", "/pools/main", json={"members": [_member("smollm2-135m", "embedded", 90_000)]})
    hall.office.clock.at += 9 * DAY
    assert hall.shown()["free"] == 70_000, "what is over is free again"


def test_batch_capacity_is_sold_by_the_day(hall: Hall) -> None:
    body = hall.sale("north", 1_440_001, 0, 10, unit="tokens per day", rate="2")
    sale = hall.office.ok("POST", "/sales", json=body)
    assert sale["lendable"] == 1_001, "rounded up: a promise is covered"
    assert Decimal(sale["fee"]) == Decimal("28.80002"), "14.40001 million tokens at 2"
    assert hall.shown()["sold"] == 1_001
    error = hall.office.refused(409, "POST", "/sales", json={**body, "amount": 98_999 * 1440 + 1})
    assert f"{98_999 * 1440:,} tokens per day free" in error["message"]


def test_the_last_capacity_is_sold_once_whoever_comes_together(hall: Hall) -> None:
    wishes = [("POST", "/sales", "", hall.sale(buyer, 60_000, 0, 30)) for buyer in ("north", "south") * 3]
    answers = hall.at_once(wishes)
    assert sorted(one.status_code for one in answers) == [201, 409, 409, 409, 409, 409]
    assert len(hall.office.sql("select from capacity_sale")) == 1
    assert len(hall.office.sql("select from fee")) == 1
    assert hall.shown()["sold"] == 60_000


Isolation = Literal["read_committed", "repeatable_read", "serializable"]

_SELL = """
insert into capacity_sale (organisation_id, project_id, pool_id, unit, amount, lendable, reclaim, starts_at,
    ends_at, currency, rate, fee, sold_at)
select p.organisation_id, p.id, (select id from pool), 'tokens per minute', $1, 0, 0, '2028-01-01',
    '2028-02-01', 'EUR', '1', 0, now() from project p join organisation o on o.id = p.organisation_id
where o.name = 'north'
"""


@pytest.mark.parametrize("isolation", get_args(Isolation))
def test_the_database_itself_sells_nothing_twice(hall: Hall, database_url: str, isolation: Isolation) -> None:
    """Beside the office, in every level of isolation: two transactions that do not see each other."""

    async def race() -> list[str]:
        pool = await asyncpg.create_pool(database_url, min_size=2, max_size=2)
        both = asyncio.Barrier(2)

        async def sell() -> str:
            async with pool.acquire() as connection:
                try:
                    async with connection.transaction(isolation=isolation):
                        await connection.fetch("select count(*) from capacity_sale")  # takes the snapshot
                        await both.wait()
                        await connection.execute(_SELL, 60_000)
                except asyncpg.PostgresError as error:
                    return error.sqlstate or ""
            return "sold"

        ended = await asyncio.gather(sell(), sell())
        await pool.close()
        return sorted(ended)

    ended = hall.office.runner.run(race())
    assert ended[1] == "sold"
    assert ended[0] in {"RW003", "40001"}
    assert [int(row["amount"]) for row in hall.office.sql("select amount from capacity_sale")] == [60_000]


SHRUNK = """
insert into pool_member select organisation_id, pool_id, deployment_id, valid_from + interval '1 s', 5
from pool_member
"""
KEPT = (
    ("insert into reserve select id, 'batch', 1, 0, 0, 0, 3600, to_timestamp(1800000000) from pool", "RW003"),
    ("update capacity_sale set amount = 1", "23001"),
    ("update capacity_sale set ends_at = 'infinity'", "23001"),
    ("delete from capacity_sale", "23001"),
    ("delete from audit_event", "23001"),
    ("update audit_event set who = 'nobody'", "23001"),
    ("update fee set amount = 1", "23001"),
    ("update pool_member set tokens_per_minute = 1", "23001"),
)


def test_the_database_keeps_what_is_sold(hall: Hall) -> None:
    hall.sell("north", 100_000, 0, 9)
    for statement, state in KEPT:
        with pytest.raises(asyncpg.PostgresError) as refused:
            hall.office.sql(statement)
        assert refused.value.sqlstate == state, statement
    with pytest.raises(asyncpg.PostgresError) as refused:
        hall.office.sql(SHRUNK)
    assert refused.value.sqlstate == "RW003"


def test_a_fee_is_booked_and_paid_back_for_the_time_that_is_not_over(hall: Hall) -> None:
    sale = hall.sell("north", 10_000, 0, 10)
    assert Decimal(sale["fee"]) == 100, "10 thousand for 10 days at 1.00"
    there = {"organisation": "north"}
    balance = _balances(hall, "north")
    assert balance == {("receivable", "default"): "100.00", ("revenue", "default"): "-100.00"}
    hall.office.clock.at += 4 * DAY - hall.office.clock.at % DAY
    gone = hall.office.ok("POST", f"/sales/{sale['id']}/cancel")
    assert gone["state"] == "cancelled"
    assert Decimal(gone["refunded"]) == 60
    assert hall.shown()["sold"] == 0
    balance = _balances(hall, "north")
    assert balance == {("receivable", "default"): "40.00", ("revenue", "default"): "-40.00"}
    fees = hall.office.ok("GET", "/books/fees", params=there)["fees"]
    assert [Decimal(one["amount"]) for one in fees] == [-60, 100]
    verified = hall.office.ok("GET", "/books/verify", params=there)
    assert verified["ok"], verified
    assert {one["name"] for one in verified["checks"] if "fee" in one["name"]} == {
        "every transfer belongs to a call, a fee or a voucher",
        "every fee is on receivable and revenue of its project",
        "every sale's fees are its price, less what was paid back",
    }
    assert hall.office.ok("GET", "/books/balance", params=there)["total"]["balance"] == "0.00"
    assert hall.office.refused(409, "POST", f"/sales/{sale['id']}/cancel")["code"] == "already_cancelled"


def _balances(hall: Hall, organisation: str) -> dict[tuple[str, str], str]:
    found = hall.office.ok("GET", "/books/balance", params={"organisation": organisation})
    return {(one["kind"], one["project"]): one["balance"] for one in found["accounts"]}


def test_a_sale_that_never_began_is_paid_back_whole(hall: Hall) -> None:
    sale = hall.sell("north", 100_000, 5, 15)
    assert hall.office.ok("POST", f"/sales/{sale['id']}/cancel")["refunded"] == sale["fee"]
    assert hall.sell("south", 100_000, 5, 15)
    free = hall.sell("north", 5, 20, 21, rate="0")
    assert free["fee"] == "0.00"
    assert len(hall.office.sql("select from fee")) == 3, "what costs nothing is not booked"
    assert hall.office.ok("GET", "/books/verify", params={"organisation": "north"})["ok"]


DAMAGES = (
    "alter table fee disable trigger append_only; update fee set amount = amount + 1",
    "alter table transfer disable trigger append_only; update transfer set amount = amount + 1",
    "alter table transfer disable trigger append_only; update transfer set debit = credit, credit = debit",
    "alter table transfer disable trigger append_only; delete from transfer",
    "alter table capacity_sale disable trigger sale_is_kept; update capacity_sale set fee = fee + 1",
    "alter table fee disable trigger append_only; delete from fee",
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_verify_finds_a_fee_that_was_tampered_with(hall: Hall, damage: str) -> None:
    hall.sell("north", 10_000, 0, 10)
    hall.office.runner.run(hall.office.pool.execute(damage))
    verified = hall.office.ok("GET", "/books/verify", params={"organisation": "north"})
    assert not verified["ok"]
    assert any("fee" in one["name"] and not one["ok"] for one in verified["checks"])


def test_the_tariff_of_the_sale_stays_with_the_sale(hall: Hall) -> None:
    wish = hall.sale("north", 1_000, 0, 1, rate=None)
    error = hall.office.refused(409, "POST", "/sales", json=wish)
    assert error["code"] == "no_tariff"
    for rate in ("3", "4.50"):
        hall.office.clock.at += 1
        shown = hall.office.ok("PUT", "/pools/main/tariff", json={"unit": "tokens per minute", "rate": rate})
        assert shown["tariffs"] == {"tokens per minute": rate}
        assert Decimal(hall.office.ok("POST", "/sales", json=wish)["fee"]) == Decimal(rate)
    fees = [Decimal(one["fee"]) for one in hall.office.ok("GET", "/sold")["sales"]]
    assert fees == [Decimal("4.50"), Decimal(3)]


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"organisation": "nobody"}, 404, "no organisation 'nobody'"),
        ({"project": "none"}, 404, "no project 'none'"),
        ({"pool": "none"}, 404, "no pool 'none'"),
        ({"unit": "tokens"}, 422, "unit"),
        ({"amount": 0}, 422, "amount"),
        ({"amount": 1.5}, 422, "amount"),
        ({"starts_at": "2027-01-15T00:00:00"}, 422, "starts_at"),
        (
            {"starts_at": "2027-02-15T00:00:00Z", "ends_at": "2027-02-15T00:00:00Z"},
            422,
            "ends after it starts",
        ),
        ({"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z"}, 422, "is over"),
        ({"lendable": 11}, 422, "lendable"),
        ({"rate": "-1"}, 422, "rate"),
        (
            {"rate": "9" * 15, "amount": 100_000, "ends_at": "8999-01-01T00:00:00Z"},
            422,
            "more than the books",
        ),
        ({"ends_at": "9999-12-31T23:59:59-23:00"}, 422, "ends_at"),
    ],
)
def test_a_wrong_sale_gets_one_clear_line(
    hall: Hall, change: dict[str, object], status: int, words: str
) -> None:
    body = {**hall.sale("north", 10, 0, 9), **change}
    assert words in hall.office.refused(status, "POST", "/sales", json=body)["message"]
    assert hall.office.sql("select from capacity_sale") == []


def test_numbers_that_no_sale_has(hall: Hall) -> None:
    for number, status in (("0", 422), (str(10**30), 422), ("x", 422), ("7", 404)):
        hall.office.refused(status, "POST", f"/sales/{number}/cancel")


def test_an_organisation_sees_only_what_it_bought(hall: Hall, neighbour: str) -> None:
    north = hall.person("north's clerk", "books", organisation="north")
    one = hall.sell("north", 10_000, 0, 10)
    hall.sell("south", 20_000, 0, 10)
    assert [sale["id"] for sale in hall.office.ok("GET", "/sales", north)["sales"]] == [one["id"]]
    assert hall.office.ok("GET", "/sales", neighbour)["sales"] == []
    assert hall.office.ok("GET", "/books/fees", neighbour)["fees"] == []
    assert hall.office.ok("GET", "/pools", north)["pools"] == []
    events = hall.office.ok("GET", "/audit", north, params={"what": "capacity sold"})["events"]
    assert len(events) == 1
    hall.office.refused(403, "GET", "/sold", north)
    hall.office.refused(404, "GET", "/sales", north, params={"organisation": "south"})
    assert len(hall.office.ok("GET", "/sold")["sales"]) == 2
    assert len(hall.office.ok("GET", "/sales", params={"organisation": "south"})["sales"]) == 1


def test_a_pool_that_lost_a_deployment_says_how_short_it_is(hall: Hall) -> None:
    hall.sell("north", 80_000, 0, 10)
    hall.office.sql("update deployment set active = false where model = 'smollm2-135m'")
    shown = hall.shown()
    assert (shown["capacity"], shown["free"], shown["short"]) == (0, 0, 80_000)
    assert hall.office.refused(409, "POST", "/sales", json=hall.sale("south", 1, 0, 1))
