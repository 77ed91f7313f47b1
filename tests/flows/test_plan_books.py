"""A plan from books that hold two years of calls, and that plan against what was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rechenwerk.base.money import NANO
from rechenwerk.planner.book_series import months_before
from rechenwerk.planner.plans import Plan, load_plan
from rechenwerk.planner.running import base, run
from tests.flows.listening import Listening
from tests.flows.office_desk import DEFAULT, Office

CALLS = 4
"""A month of a model."""
CLOUDS = """
[[provider]]
name = "north"
kind = "openai-compatible"
base_url = "http://127.0.0.1:1/v1"
[[contract]]
name = "bound"
provider = "north"
kind = "take-or-pay"
minimum = "60000"
period = "term"
starts = {starts}
ends = {ends}
[[contract]]
name = "open"
provider = "north"
kind = "on-demand"
"""
DEPLOYMENT = """
[[deployment]]
model = "{model}"
provider = "north"
contract = "{contract}"
endpoints = ["chat"]
context_tokens = 8000
max_output_tokens = 512
cost = {{ input = "1" }}
jurisdiction = "DE"
level = "no-retention"
[[tariff]]
model = "{model}"
price = {{ input = "2" }}
"""
# $1 model, $2 first moment, $3 calls, $4 tokens, $5 price and $6 cost of each in nano-units, $7 number of the
# month: ids begin in 2025, calls before it have ids that are only unique.
_CALL = """
insert into call (organisation_id, id, project_id, key_id, process_id, deployment_id, contract_id, endpoint,
    model, streamed, outcome, usage_source, input, cached_input, cache_write, output, reasoning, images,
    seconds, requests, held, price, cost, charged, slices, status, started_at, first_byte_us, total_us)
select p.organisation_id, first_id($2::timestamptz) + (n * 1000 << 22) + d.id + 100 * $7::bigint, p.id,
    (select min(id) from api_key where project_id = p.id), 1, d.id, d.contract_id, 'chat', d.model, false,
    'posted', 'reported', $4, 0, 0, 0, 0, 0, 0, 1, $5, $5, $6, $5, '{}', 200, $2 + n * interval '1 second',
    1, 2
from generate_series(1, $3::bigint) n, deployment d,
    project p join organisation o on o.id = p.organisation_id
where d.model = $1 and p.name = 'default' and o.name = 'default'
returning id, organisation_id, project_id, contract_id
"""
_TRANSFER = """
insert into transfer (organisation_id, call_id, line, debit, credit, amount)
select c.organisation_id, c.id, x.line, x.debit, x.credit, x.amount from call c
cross join lateral (
    select 1 as line, max(id) filter (where kind = 'cost') as debit,
        max(id) filter (where kind = 'payable') as credit, c.cost as amount
    from ensure_accounts(c.organisation_id, c.project_id, c.contract_id)
    union all
    select 2, max(id) filter (where kind = 'receivable'), max(id) filter (where kind = 'revenue'), c.price
        from ensure_accounts(c.organisation_id, c.project_id, c.contract_id)) x
where c.id = any($1::bigint[])
"""


def last_month() -> str:
    today = datetime.now(UTC)
    year, month = divmod(today.year * 12 + today.month - 2, 12)
    return f"{year}-{month + 1:02}"


MONTHS = months_before(last_month(), 24)


def tokens(model: str, at: int) -> int:
    """Of a month: one model grows, one is the same but for its Decembers."""
    if model == "growing":
        return int(100_000_000 * 1.04**at)
    return 40_000_000 * (3 if MONTHS[at].endswith("-12") else 1)


def seed(office: Office) -> None:
    """Two years of calls, at 2 EUR a million tokens, which cost 1."""
    starts = f"{MONTHS[0]}-01"
    text = DEFAULT + CLOUDS.format(starts=starts, ends=f"{int(MONTHS[-1][:4]) + 2}-12-31")
    text += DEPLOYMENT.format(model="growing", contract="bound") + DEPLOYMENT.format(
        model="yearly", contract="open"
    )
    office.ok("POST", "/apply", json={"text": text})
    for at, month in enumerate(MONTHS):
        moment = datetime.fromisoformat(f"{month}-03T12:00:00+00:00")
        office.sql("select make_month($1)", moment)
        for model in ("growing", "yearly"):
            each = tokens(model, at) // CALLS
            price, cost = each * 2 * NANO // 1_000_000, each * NANO // 1_000_000
            rows = office.sql(_CALL, model, moment, CALLS, each, price, cost, at)
            office.sql(_TRANSFER, [row["id"] for row in rows])


@pytest.fixture
def listening(office: Office, database_url: str) -> Iterator[Listening]:
    seed(office)
    listening = Listening(database_url, office.first.key)
    yield listening
    listening.close()


def cli(listening: Listening, *arguments: str) -> Any:
    code, out, err = listening.cli("plan", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_a_base_case_from_two_years_of_books(listening: Listening, office: Office, tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    found = cli(listening, "from-books", "-o", str(file), "--paths", "500")
    plan = load_plan(file.read_text(encoding="utf-8"))
    history = {one["books"]: one["history"] for one in found["series"]}
    for model in ("growing", "yearly"):
        whole = [tokens(model, at) // CALLS * CALLS / 1e6 for at in range(24)]
        assert history[f"volume:{model}"] == pytest.approx(whole)
        assert history[f"price:{model}"] == pytest.approx([2.0] * 24)
        assert history[f"cost:{model}"] == pytest.approx([1.0] * 24)
    _forecasts(found, plan)
    _money(plan, office)
    outcome = run(plan, paths=500)
    assert outcome.violations == 0
    assert all(one.source.startswith("books") and one.date == MONTHS[-1] for one in plan.written.drivers)


def _forecasts(found: Any, plan: Plan) -> None:
    """Growth is found again; where a year is like the other, the year before is the best forecast."""
    tested = {one["books"]: one["tested"] for one in found["series"]}
    assert tested["volume:growing"]["way"] != "seasonal naive"
    assert tested["volume:growing"]["loss"] < tested["volume:growing"]["naive"] / 3
    assert tested["volume:yearly"]["way"] == "seasonal naive"
    assert tested["volume:growing"]["origins"] == 12
    volume = {one.books: one.name for one in plan.written.drivers}
    growing = base(plan)[volume["volume:growing"]][:, 0] / 12
    assert growing[0] == pytest.approx(100e6 * 1.04**24, rel=0.05)
    yearly = base(plan)[volume["volume:yearly"]][:, 0] / 12
    december = [at for at, name in enumerate(plan.axis.names) if name.endswith("-12")]
    assert yearly[december] == pytest.approx([120e6] * len(december))


def _money(plan: Plan, office: Office) -> None:
    """What is owned, owed and still to be paid is what the office says."""
    balances = {one["kind"]: 0.0 for one in office.ok("GET", "/books/balance")["accounts"]}
    for one in office.ok("GET", "/books/balance")["accounts"]:
        balances[one["kind"]] += float(one["balance"])
    values = base(plan)
    assert values["opening.receivables"][0, 0] == pytest.approx(balances["receivable"])
    assert values["opening.payables"][0, 0] == pytest.approx(-balances["payable"])
    (bound,) = [one for one in plan.written.contracts if one.kind == "take-or-pay"]
    position = office.ok("GET", "/contracts/bound")["position"]
    assert float(position["remaining"]) > 0
    assert float(bound.total or 0) == pytest.approx(float(position["remaining"]))
    assert values[f"{bound.name}.obligation"][0, 0] + values[f"{bound.name}.minimum"][0, 0] == pytest.approx(
        float(position["remaining"])
    )


PLAN = """
title = "By hand"
currency = "EUR"
shown_in = "EUR"
starts = "{starts}"
periods = 6
[opening]
unit = "EUR"
[policy]
[[driver]]
name = "growing"
unit = "million tokens/month"
value = 200
books = "volume:growing"
[[driver]]
name = "price"
unit = "EUR/million tokens"
value = 2.5
books = "price:growing"
[[line]]
name = "sold"
formula = "growing * price * length()"
unit = "EUR"
group = "revenue"
"""


def test_plan_against_actual_by_volume_price_and_what_nobody_planned(
    listening: Listening, tmp_path: Path
) -> None:
    file = tmp_path / "hand.toml"
    file.write_text(PLAN.format(starts=MONTHS[-3]), encoding="utf-8")
    found = cli(listening, "actuals", str(file))
    assert found["months"] == list(MONTHS[-3:])
    for index, row in enumerate(found["revenue"]):
        units = tokens("growing", 21 + index) / 1e6
        other = 2 * tokens("yearly", 21 + index) / 1e6
        assert row["planned"] == pytest.approx(200 * 2.5)
        assert row["actual"] == pytest.approx(units * 2 + other, rel=1e-6)
        parts = row["parts"]
        assert parts["volume"] == pytest.approx((units - 200) * 2.5, rel=1e-6)
        assert parts["price"] == pytest.approx(units * (2 - 2.5), rel=1e-6)
        assert parts["not planned"] == pytest.approx(other)
        assert sum(parts.values()) == pytest.approx(row["actual"] - row["planned"])


def test_shown_to_people_in_both_languages(listening: Listening, tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    code, out, err = listening.cli("plan", "from-books", "-o", str(file), "--language", "de")
    assert (code, err) == (0, "")
    assert "das Vorjahr gewinnt" in out
    assert "Geschrieben" in out
    hand = tmp_path / "hand.toml"
    hand.write_text(PLAN.format(starts=MONTHS[-3]), encoding="utf-8")
    code, out, _ = listening.cli("plan", "actuals", str(hand), "--language", "de")
    assert code == 0
    assert "nicht geplant" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("from-books", "-o", "there.toml"), "is there already"),
        (("from-books", "-o", "nowhere/plan.toml"), "cannot be written"),
        (("actuals", "later.toml"), "none of its months is over"),
        (("actuals", "unnamed.toml"), "no driver of the plan names its books"),
    ],
)
def test_what_cannot_be_done(
    listening: Listening, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    (tmp_path / "there.toml").write_text("x", encoding="utf-8")
    (tmp_path / "later.toml").write_text(PLAN.format(starts="2099-01"), encoding="utf-8")
    unnamed = PLAN.format(starts=MONTHS[-3]).replace("books =", "title =")
    (tmp_path / "unnamed.toml").write_text(unnamed, encoding="utf-8")
    *before, name = arguments
    code, _, err = listening.cli("plan", *before, str(tmp_path / name))
    assert code == 1
    assert says in err
    assert err.count("\n") == 1


def test_a_neighbour_plans_from_its_own_books_only(
    office: Office, database_url: str, neighbour: str, tmp_path: Path
) -> None:
    seed(office)
    listening = Listening(database_url, neighbour)
    file = str(tmp_path / "plan.toml")
    try:
        code, _, err = listening.cli("plan", "from-books", "-o", file)
        assert (code, "the books have no calls" in err) == (1, True)
        code, _, err = listening.cli("plan", "from-books", "-o", file, "--organisation", "default")
        assert (code, "no organisation" in err) == (1, True)
    finally:
        listening.close()
    assert not Path(file).exists()
