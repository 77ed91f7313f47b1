"""Contracts: applied as dated versions, drawn by booked calls, seen by those that they are shared with."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.contracts.draws import drawn_all
from rechenwerk.contracts.ports import HourDraw
from rechenwerk.contracts.position import standing
from rechenwerk.office.ports import OPERATOR
from rechenwerk.store.snapshot import PostgresSource
from tests.flows.office_desk import DEFAULT, Bookkeeper, Office
from tests.flows.several import Place, Several, several

CENT = NANO // 100
UMBRELLA = """
[[contract]]
name = "umbrella"
provider = "embedded"
kind = "take-or-pay"
starts = {starts}
ends = {ends}
minimum = "1.00"
period = "term"
covers = ["embedded on demand"]
"""


def day(days: int) -> str:
    """So many days from today."""
    return str((datetime.now(UTC) + timedelta(days=days)).date())


def with_umbrella(**changed: str) -> str:
    """The default configuration with a commitment over the language model's contract."""
    return DEFAULT + UMBRELLA.format(**{"starts": day(-10), "ends": day(20), **changed})


@pytest.fixture
def today(office: Office) -> Office:
    """The office, with a clock that agrees with the books'."""
    office.clock.at = time.time()
    return office


def versions(office: Office) -> list[tuple[str, bool]]:
    """Contract, and whether the version holds from its beginning."""
    rows = office.sql(
        "select c.name, v.valid_from = '-infinity' as ever from contract_version v"
        " join contract c on c.id = v.contract_id order by v.recorded_at, c.id"
    )
    return [(row["name"], row["ever"]) for row in rows]


def test_terms_are_applied_as_dated_versions(
    today: Office, bookkeeper: Bookkeeper, database_url: str
) -> None:
    ever = [("embedded on demand", True), ("embedded embeddings on demand", True)]
    assert versions(today) == ever
    (change,) = today.ok("POST", "/apply", json={"text": with_umbrella()})["changes"]
    assert (change["what"], change["name"], change["action"]) == ("contract", "umbrella", "create")
    assert change["after"]["terms"]["minimum"] == "1.00"
    assert today.ok("POST", "/apply", json={"text": with_umbrella()})["changes"] == []
    assert versions(today) == [*ever, ("umbrella", True)]
    # Nothing is booked yet: the first terms may be replaced by others.
    cheaper = 'kind = "on-demand"\npricing = { discount = "0.5" }\n'
    discount = with_umbrella().replace('kind = "on-demand"\n', cheaper, 1)
    (change,) = today.ok("POST", "/apply", json={"text": discount, "dry_run": True})["changes"]
    assert change["after"]["terms"]["pricing"] == {"discount": "0.5"}
    bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "posted", 4 * CENT, 3 * CENT)
    (change,) = today.ok("POST", "/apply", json={"text": discount})["changes"]
    assert (change["name"], change["action"]) == ("embedded on demand", "change")
    assert versions(today)[-1] == ("embedded on demand", False), "what is booked keeps its terms"
    assert in_force(today, database_url) == (2, "0.5")
    # Terms of a later day stand in the file already, and hold from then on.
    later = discount.replace('{ discount = "0.5" }', f'{{ discount = "0.7" }}\nsince = {day(3)}')
    (change,) = today.ok("POST", "/apply", json={"text": later})["changes"]
    assert change["after"]["terms"]["since"] == day(3)
    assert today.ok("POST", "/apply", json={"text": later})["changes"] == []
    assert in_force(today, database_url) == (2, "0.5")
    assert len(versions(today)) == 5


def in_force(office: Office, url: str) -> tuple[int, str]:
    """How many versions a gateway sees of the language model's contract, and the discount that holds."""
    snapshot = office.runner.run(PostgresSource(office.pool, url).snapshot())
    (row,) = [one for one in snapshot.contracts.values() if one.terms.name == "embedded on demand"]
    return len(row.versions), str(row.terms.pricing.discount)


def test_what_would_rewrite_booked_calls_is_refused_with_its_line(
    today: Office, bookkeeper: Bookkeeper
) -> None:
    today.ok("POST", "/apply", json={"text": with_umbrella()})
    bookkeeper.hold("default", 10 * CENT)  # under way is as good as booked
    prepaid = DEFAULT.replace('kind = "on-demand"\n', 'kind = "prepaid-credit"\nbalance = "5"\n', 1)
    answer = today.answer("POST", "/apply", json={"text": prepaid})
    assert answer.status_code == 422
    (mistake,) = answer.json()["errors"]
    assert mistake["line"] == DEFAULT[: DEFAULT.index('kind = "on-demand"')].count("\n") + 1
    assert "its kind cannot change from 'on-demand' to 'prepaid-credit'" in mistake["message"]
    assert "under another name" in mistake["fix"]
    late = DEFAULT.replace('kind = "on-demand"\n', f'kind = "on-demand"\nstarts = {day(1)}\n', 1)
    assert "cannot start on" in today.refused(422, "POST", "/apply", json={"text": late})["message"]
    assert versions(today)[-1][0] == "umbrella"


def test_terms_that_cannot_be_read_stop_nobody_else(office: Office, database_url: str) -> None:
    office.sql(
        "insert into contract_version select organisation_id, id, now() - interval '1 second',"
        """ '{"kind": "of tomorrow"}' from contract where name = 'embedded on demand'"""
    )
    snapshot = office.runner.run(PostgresSource(office.pool, database_url).snapshot())
    assert [row.terms.name for row in snapshot.contracts.values()] == ["embedded embeddings on demand"]
    assert [model for _, model in snapshot.offers] == ["potion-multilingual"]


def by_name(found: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in found["contracts"]}


def test_positions_are_kept_from_the_books(today: Office, bookkeeper: Bookkeeper, neighbour: str) -> None:
    today.ok("POST", "/apply", json={"text": with_umbrella()})
    for outcome, cost in (("posted", 3), ("failed", 2), ("unresolved", 4), ("void", 0)):
        price = 0 if outcome in {"failed", "void"} else 5 * CENT
        bookkeeper.post(bookkeeper.hold("default", 10 * CENT), outcome, price, cost * CENT)  # type: ignore[arg-type]
    bookkeeper.post(bookkeeper.hold("neighbour", 10 * CENT), "posted", 5 * CENT, 7 * CENT)
    bookkeeper.hold("default", 10 * CENT)  # not booked: not drawn
    found = by_name(today.ok("GET", "/contracts"))
    assert set(found) == {"embedded on demand", "embedded embeddings on demand", "umbrella"}
    umbrella = found["umbrella"]["position"]
    assert (umbrella["drawn"], umbrella["amount"], umbrella["remaining"]) == ("0.16", "1.00", "0.84")
    assert umbrella["status"] == "active"
    assert umbrella["ends_at"][:10] == day(21)
    assert found["embedded on demand"]["position"]["drawn"] == "0.16"
    assert found["embedded embeddings on demand"]["position"]["drawn"] == "0.00"
    shown = today.ok("GET", "/contracts/umbrella")
    assert shown["versions"] == [
        {
            "since": None,
            "terms": {
                "kind": "take-or-pay",
                "name": "umbrella",
                "provider": "embedded",
                "starts": day(-10),
                "ends": day(20),
                "covers": ["embedded on demand"],
                "minimum": "1.00",
                "period": "term",
            },
        }
    ]
    assert sum(float(one["drawn"]) for one in shown["days"]) == pytest.approx(0.16)
    assert today.ok("GET", "/books/verify")["ok"]
    # A neighbour sees the operator's contracts, and in them only what it drew itself.
    theirs = by_name(today.ok("GET", "/contracts", neighbour))
    assert set(theirs) == set(found)
    assert all(one["shared"] for one in theirs.values())
    position = theirs["umbrella"]["position"]
    assert (position["drawn"], position["amount"], position["remaining"], position["forecast"]) == (
        "0.07",
        None,
        None,
        None,
    )
    assert today.ok("GET", "/contracts/umbrella", neighbour)["versions"] == []
    assert today.ok("GET", "/warnings", neighbour)["warnings"] == []
    today.refused(404, "GET", "/contracts/none", neighbour)


def test_tiers_and_allowances_have_positions(today: Office, bookkeeper: Bookkeeper, neighbour: str) -> None:
    prices = (
        'pricing = { free = { amount = "50", per = "month" }, tiers = { measure = "quantity", per = "month",'
        ' steps = [{}, { above = "100", factor = "0.5" }] } }'
    )
    terms = DEFAULT.replace('kind = "on-demand"\n', f'kind = "on-demand"\n{prices}\n', 1)
    today.ok("POST", "/apply", json={"text": terms})

    def rows() -> dict[str, tuple[str, ...]]:
        today.clock.at = time.time()
        found = [
            at for at in today.ok("GET", "/positions")["positions"] if at["kind"] in {"tier", "allowance"}
        ]
        assert {at["contract"] for at in found} <= {"embedded on demand"}
        return {at["kind"]: (at["amount"], at["drawn"], at["remaining"], at["unit"]) for at in found}

    unit = "weighted unit"
    assert rows() == {
        "allowance": ("50.00", "0.00", "50.00", unit),
        "tier": ("100.00", "0.00", "100.00", unit),
    }
    for _ in range(3):  # of thirty tokens each
        bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "posted", 5 * CENT, 3 * CENT)
    assert rows() == {
        "allowance": ("50.00", "50.00", "0.00", unit),
        "tier": ("100.00", "40.00", "60.00", unit),
    }
    shown = today.ok("GET", "/contracts/embedded on demand")["caps"]
    assert [at["kind"] for at in shown] == ["tier", "allowance"]
    theirs = today.ok("GET", "/positions", neighbour)["positions"]
    assert not [at for at in theirs if at["kind"] in {"tier", "allowance"}]


def test_a_cap_by_the_minute_has_a_position(today: Office, neighbour: str) -> None:
    """What gateways report, weighed as the cap says; the last whole minute, the busiest of the hour."""
    caps = 'caps = [{ amount = "100", per = "minute", weights = { output = "2" } }]'
    terms = DEFAULT.replace('kind = "on-demand"\n', f'kind = "on-demand"\n{caps}\n', 1)
    today.ok("POST", "/apply", json={"text": terms})
    now = int(time.time()) // 60 * 60 + 30
    for process, minutes_ago, tokens in ((1, 1, 30), (2, 1, 15), (1, 5, 60), (1, 90, 500), (1, 0, 20)):
        today.sql(
            "insert into route_use select to_timestamp($1), d.id, $2, $3, $3 from deployment d"
            " where d.model = 'smollm2-135m'",
            float(now // 60 * 60 - 60 * minutes_ago),
            process,
            [0.0, 0.0, 0.0, float(tokens), 0.0, 0.0, 0.0, 1.0],
        )
    for organisation, model, refused in (
        (0, "smollm2-135m", 3.0),
        (7, "smollm2-135m", 4.0),
        (0, "other", 9.0),
    ):
        today.sql(
            "insert into route_load values (to_timestamp($1), $2, 1, 10, $3, '{}')",
            float(now - 30),
            f"{organisation}/chat/internal/standard//{model}",
            refused,
        )
    today.clock.at = max(now, time.time())
    (found,) = [at for at in today.ok("GET", "/positions")["positions"] if at["kind"] == "cap"]
    seen = (found["amount"], found["drawn"], found["remaining"], found["peak"], found["refused"])
    assert seen == ("100.00", "90.00", "10.00", "120.00", 7)
    assert found["status"] == "active"
    assert not [at for at in today.ok("GET", "/positions", neighbour)["positions"] if at["peak"]]


def test_a_contract_of_an_organisation_is_its_own(today: Office, neighbour: str) -> None:
    own = 'currency = "EUR"\n' + DEFAULT[DEFAULT.index("[[provider]]") :].replace("embedded", "theirs")
    own = own.replace('kind = "theirs"', 'kind = "embedded"').replace(
        'kind = "theirs-embeddings"', 'kind = "embedded-embeddings"'
    )
    today.ok("POST", "/apply", json={"text": own, "organisation": "neighbour"})
    theirs = by_name(today.ok("GET", "/contracts", neighbour))
    assert [name for name, one in theirs.items() if not one["shared"]] == [
        "theirs embeddings on demand",
        "theirs on demand",
    ]
    assert "theirs on demand" not in by_name(today.ok("GET", "/contracts"))
    today.refused(404, "GET", "/contracts/theirs on demand")
    there = {"organisation": "neighbour"}
    assert "theirs on demand" in by_name(today.ok("GET", "/contracts", params=there))


def test_warnings_come_in_time(today: Office, bookkeeper: Bookkeeper) -> None:
    credit = (
        '[[contract]]\nname = "credit"\nprovider = "embedded"\nkind = "prepaid-credit"\nbalance = "50"\n'
        f'starts = {day(-300)}\nends = {day(12)}\ncovers = ["embedded on demand"]\n'
    )
    today.ok("POST", "/apply", json={"text": DEFAULT + credit})
    bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "posted", 4 * CENT, 3 * CENT)
    warnings = today.ok("GET", "/warnings")["warnings"]
    expires = next(one for one in warnings if one["sort"] == "credit-expires")
    assert expires["contract"] == "credit"
    assert expires["at"][:10] == day(13)
    assert " EUR will expire unused" in expires["message"]
    (shown,) = [one for one in today.ok("GET", "/positions")["positions"] if one["contract"] == "credit"]
    assert (shown["amount"], shown["drawn"], shown["remaining"]) == ("50.00", "0.03", "49.97")


# From the gateway's side

FIRST = Place("first", level="own")
SECOND = Place("second", cost="3.00", out_cost="4.00")
OVER_BOTH = """
[[contract]]
name = "umbrella"
provider = "second"
kind = "take-or-pay"
starts = 2026-01-01
minimum = "10"
period = "month"
covers = ["first", "second"]
"""


def test_positions_equal_a_recomputation_after_a_mixed_load(database_url: str) -> None:
    asyncio.run(_mixed_load(database_url))


async def _mixed_load(url: str) -> None:
    async with several(url, FIRST, SECOND, tables=OVER_BOTH) as here:
        asked = [here.ask(tokens, stream=tokens % 2 == 0) for tokens in range(1, 21)]
        await asyncio.gather(*asked)
        here.fakes["first"].knobs.cut_before_answer = True  # failed attempts, whose cost nobody knows
        await asyncio.gather(*[here.ask(5) for _ in range(5)])
        made = sum(len(fake.produced.records) for fake in here.fakes.values())
        rows = await here.booked(made)  # proves that draws are what calls and transfers say
        assert {row["outcome"] for row in rows} >= {"posted", "unresolved"}
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
        for name, drawn in drawn_all(terms, draws).items():
            naive = drawn_all(terms, again)[name]
            assert standing(terms[name][-1].terms, drawn, now) == standing(terms[name][-1].terms, naive, now)
        total = sum(int(row["cost"]) for row in rows)
        umbrella = standing(terms["umbrella"][-1].terms, drawn_all(terms, draws)["umbrella"], now)
        assert umbrella.total == total > 0
        await _the_gateway_sees_the_same(here, draws, names)


async def _the_gateway_sees_the_same(here: Several, draws: list[HourDraw], names: dict[int, str]) -> None:
    source = PostgresSource(here.town.pool, here.town.url)
    seen = await source.drawn(0)
    assert sum(row.amount for row in seen) == sum(draw.cost for draw in draws)
    assert {(names[row.contract], row.hour) for row in seen} == {(draw.contract, draw.hour) for draw in draws}
    assert await source.drawn(int(time.time()) + 7200) == []
    snapshot = await source.snapshot()
    assert all(row.versions[-1].terms == row.terms for row in snapshot.contracts.values())
    assert {row.terms.name for row in snapshot.contracts.values()} == {"first", "second", "umbrella"}


def test_provisioned_capacity_is_booked_at_nothing_and_drawn_at_list(database_url: str) -> None:
    asyncio.run(_provisioned(database_url))


async def _provisioned(url: str) -> None:
    block = 'blocks = [{ name = "PTU", units = "50", hold_fee = "1", throughput = "2500" }]'
    async with several(url, FIRST) as here:
        text = (
            'currency = "EUR"\n'
            + FIRST.tables(here.fakes["first"].url).replace('"on-demand"', f'"provisioned"\n{block}')
            + '[[tariff]]\nmodel = "fake-model"\nprice = { input = "1.50", output = "3.00" }\n'
        )
        await here.town.configure(text)
        await here.gateway.tenants.refresh()
        assert (await here.ask(7)).status == 200
        (row,) = await here.booked(1)
        usage = Usage(**{bucket: row[bucket] for bucket in BUCKETS})
        listed = (usage.input + usage.cached_input) * 1_000 + usage.output * 2_000
        assert (row["cost"], row["listed"]) == (0, listed)
        assert row["price"] > 0
        (draw,) = await here.town.desk.positions.draws(OPERATOR, None)
        assert (draw.cost, draw.listed, draw.usage) == (0, listed, usage)


def under(here: Several, terms: str) -> str:
    """The configuration of the first place with other terms."""
    text = FIRST.tables(here.fakes["first"].url).replace('kind = "on-demand"\n', terms)
    tariff = '[[tariff]]\nmodel = "fake-model"\nprice = { input = "1.50", output = "3.00" }\n'
    return f'currency = "EUR"\n{text}{tariff}'


HEADER = (
    'header = { name = "X-Capacity", dedicated = "bought", shared = "as-it-comes", spillover = "first" }\n'
)
PTU = 'kind = "provisioned"\nblocks = [{ name = "PTU", units = "50", hold_fee = "1", throughput = "2500" }]\n'
CAPACITY = (
    (f'kind = "on-demand"\n{HEADER}', "as-it-comes"),
    (f"{PTU}{HEADER}", "bought"),
    (f'{PTU}{HEADER}overflow = {{ rule = "shared" }}\n', "first"),
    (PTU, None),
)


@pytest.mark.parametrize(("terms", "value"), CAPACITY)
def test_a_request_says_which_capacity_it_wants(database_url: str, terms: str, value: str | None) -> None:
    asyncio.run(_says_capacity(database_url, terms, value))


async def _says_capacity(url: str, terms: str, value: str | None) -> None:
    async with several(url, FIRST) as here:
        await here.town.configure(under(here, terms))
        await here.gateway.tenants.refresh()
        assert (await here.ask()).status == 200
        assert here.fakes["first"].requests[-1].headers.get("x-capacity") == value


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (f"starts = {day(1)}\n", f"its contract 'first' begins on {day(1)}"),
        (f"starts = {day(-9)}\nends = {day(-1)}\n", f"its contract 'first' ended on {day(-1)}"),
        ('status = "proposed"\n', "its contract 'first' is proposed"),
    ],
)
def test_nothing_is_sent_under_a_contract_that_does_not_run(database_url: str, terms: str, said: str) -> None:
    asyncio.run(_not_running(database_url, terms, said))


async def _not_running(url: str, terms: str, said: str) -> None:
    async with several(url, FIRST) as here:
        await here.town.configure(under(here, f'kind = "on-demand"\n{terms}'))
        await here.gateway.tenants.refresh()
        reply = await here.ask()
        assert (reply.status, said in reply.json["error"]["message"]) == (503, True), reply.json
        assert here.seen("first") == 0
        await here.town.configure(under(here, f'kind = "on-demand"\nstarts = {day(-9)}\nends = {day(0)}\n'))
        await here.gateway.tenants.refresh()
        assert (await here.ask()).status == 200, "its last day belongs to it"
