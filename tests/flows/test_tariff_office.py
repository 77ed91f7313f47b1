"""Tariffs as the office shows them: versions, discounts, dry runs, which price covers cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from rechenwerk.base.money import NANO, format_money
from rechenwerk.ledger.periods import month_of
from rechenwerk.ledger.vouchers import Side, Voucher, VoucherLine
from rechenwerk.store.tariffs import TariffStep
from tests.flows.office_desk import DEFAULT, Bookkeeper, Office

CENT = NANO // 100
MODEL = "smollm2-135m"
MONTH = month_of(datetime.now(UTC))


def other(body: str, model: str = MODEL) -> str:
    """A file with nothing but a tariff."""
    return f'currency = "EUR"\n[[tariff]]\nmodel = "{model}"\n{body}\n'


class Shop:
    """An office whose bookkeeper books calls of 10 tokens in and 20 out under the first tariff."""

    def __init__(self, office: Office, bookkeeper: Bookkeeper) -> None:
        self.office = office
        self._bookkeeper = bookkeeper
        (row,) = office.sql("select id from tariff where model = $1", MODEL)
        self.tariff: int = row["id"]
        (row,) = office.sql("select id from organisation where name = $1", office.first.organisation)
        self.organisation: int = row["id"]

    def call(self, price: int, cost: int = CENT, organisation: str = "default") -> None:
        hold = self._bookkeeper.hold(organisation, max(price, 10))
        self._bookkeeper.post(hold, "posted", price, cost, tariff=self.tariff)

    def dry_run(self, text: str, **more: Any) -> Any:
        body = {"text": text, "period": MONTH.name, **more}
        return self.office.ok("POST", "/tariffs/dry-run", json=body)

    def cover(self, **params: str) -> Any:
        return self.office.ok("GET", "/tariffs/cover", params={"period": MONTH.name, **params})

    def accrue(self, organisation: int, *lines: VoucherLine) -> None:
        """Book what somebody else's step would."""
        voucher = Voucher("accrual", MONTH.last, "fixed cost", "the test", lines)
        self.office.runner.run(self.office.desk.vouchers.book(organisation, voucher))


def _text(nano: int) -> str:
    return format_money(nano)


@pytest.fixture
def shop(office: Office, bookkeeper: Bookkeeper) -> Shop:
    return Shop(office, bookkeeper)


def test_what_an_organisation_pays(shop: Shop, neighbour: str) -> None:
    office = shop.office
    shown = {one["model"]: one for one in office.ok("GET", "/tariffs")["tariffs"]}
    chat = shown[MODEL]
    assert (chat["tariff"], chat["own"], chat["form"], chat["ends_at"]) == (
        shop.tariff,
        False,
        "per unit",
        None,
    )
    assert chat["terms"]["price"]["output"] == "0.075"
    cheap = {"text": other('price = { input = "0.001" }'), "organisation": "neighbour"}
    office.ok("POST", "/apply", json=cheap)
    office.clock.at = datetime.now(UTC).timestamp() + 1
    (own,) = office.ok("GET", "/tariffs", neighbour, params={"model": MODEL})["tariffs"]
    assert (own["own"], own["terms"]) == (True, {"price": {"input": "0.001"}})
    history = office.ok("GET", "/tariffs", neighbour, params={"model": MODEL, "history": True})["tariffs"]
    assert [one["tariff"] for one in history] == [shop.tariff, own["tariff"]]
    # what the neighbour pays is no business of anybody else
    mine = office.ok("GET", "/tariffs", params={"model": MODEL, "history": True})["tariffs"]
    assert [one["tariff"] for one in mine] == [shop.tariff]


def test_a_file_is_checked_and_nothing_is_written(shop: Shop) -> None:
    office = shop.office
    body = 'fee = "99"\nvalid_from = 2031-01-01\nvalid_to = 2031-12-31'
    (one,) = office.ok("POST", "/tariffs/check", json={"text": other(body)})["tariffs"]
    assert (one["form"], one["starts_at"][:10], one["ends_at"][:10]) == ("flat", "2031-01-01", "2032-01-01")
    wrong = office.answer("POST", "/tariffs/check", json={"text": other("fee = 1.5\nfe = 1")})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["line"] in (4, 5)
    assert len(office.sql("select id from tariff where model = $1", MODEL)) == 1


def test_a_later_version_is_applied_and_taken_back(shop: Shop) -> None:
    office = shop.office
    begins = (datetime.now(UTC) + timedelta(days=40)).date()
    price = 'price = { input = "0.015", output = "0.075" }'
    assert price in DEFAULT
    later = DEFAULT + f'\n[[tariff]]\nmodel = "{MODEL}"\nvalid_from = {begins}\nprice = {{ input = "9" }}\n'
    (change,) = office.ok("POST", "/apply", json={"text": later})["changes"]
    assert (change["what"], change["action"], change["name"]) == (
        "tariff",
        "change",
        f"{MODEL} from {begins}",
    )
    assert office.ok("POST", "/apply", json={"text": later})["changes"] == []
    office.clock.at = datetime.now(UTC).timestamp()
    both = office.ok("GET", "/tariffs", params={"model": MODEL})["tariffs"]
    assert [(one["holds"], (one["ends_at"] or "")[:10]) for one in both] == [(True, str(begins)), (False, "")]
    (back,) = office.ok("POST", "/apply", json={"text": DEFAULT})["changes"]
    assert back["after"]["terms"] == both[0]["terms"]
    past = later.replace(str(begins), "2020-01-01")
    refusal = office.refused(422, "POST", "/apply", json={"text": past})
    assert "cannot begin on 2020-01-01" in refusal["message"]


def test_discounts(shop: Shop, neighbour: str) -> None:
    office = shop.office
    give = {"share": "10%", "reason": "framework agreement", "project": "default"}
    made = office.ok("POST", "/tariffs/discounts", json=give)
    today = office.clock.at
    assert (made["share"], made["project"], made["model"]) == ("0.1", "default", None)
    assert made["starts"] == str(datetime.fromtimestamp(today, UTC).date())
    assert office.ok("GET", "/tariffs")["discounts"] == [made]
    assert office.ok("GET", "/tariffs", neighbour)["discounts"] == []
    for wrong, word in (
        ({"share": "110%"}, "not a share"),
        ({"share": "-1"}, "not a share"),
        ({"share": "much"}, "not a share"),
        ({"starts": "2020-01-01"}, "is past"),
        ({"ends": "2020-01-01"}, "before it begins"),
        ({"reason": ""}, "reason"),
    ):
        refusal = office.refused(422, "POST", "/tariffs/discounts", json={**give, **wrong})
        assert word in refusal["message"]
    office.refused(404, "POST", "/tariffs/discounts", json={**give, "project": "nobody's"})
    office.refused(403, "POST", "/tariffs/discounts", neighbour, json=give)


def test_a_dry_run_prices_a_period_again(shop: Shop) -> None:
    for _ in range(4):
        shop.call(price=2_000)  # booked 350 nano-units above its rates: the month mends that
    booked = 4 * 2_000
    old = 4 * (10 * 15 + 20 * 75)
    text = other('price = { input = "1", output = "2" }\nfee = "0.50"')
    found = shop.dry_run(text)
    (row,) = [one for one in found["rows"] if one["calls"]]
    assert (row["organisation"], row["project"], row["model"], row["calls"]) == (
        "default",
        "default",
        MODEL,
        4,
    )
    assert row["booked"] == _text(booked)
    assert row["old"] == _text(old)
    new = NANO // 2 + 4 * (10 * 1000 + 20 * 2000)
    assert row["new"] == _text(new)
    assert row["difference"] == _text(new - old)
    assert row["rounding"] == "0.000000002"
    assert [one["sort"] for one in row["lines"]] == ["use", "use", "fee"]
    assert (found["old"], found["new"], found["unsold"]) == (row["old"], row["new"], [])
    # After the vouchers of the month the books say what the dry run called old.
    step = TariffStep(shop.office.pool)
    assert shop.office.runner.run(step.book(shop.organisation, MONTH, "the test")) == 1
    assert shop.dry_run(text)["rows"][0]["booked"] == row["old"]
    assert shop.dry_run(text, organisation="default")["rows"] == shop.dry_run(text)["rows"]
    assert shop.dry_run(text, organisation="operator")["rows"] == []
    unsold = shop.dry_run(other('fee = "1"', "else"))
    assert (unsold["unsold"], unsold["rows"][0]["new"]) == ([MODEL], None)
    assert shop.office.ok("GET", "/books/verify")["ok"]


def test_a_dry_run_refuses_what_it_cannot_price(shop: Shop) -> None:
    def refused(**body: str) -> str:
        words: str = shop.office.refused(422, "POST", "/tariffs/dry-run", json=body)["message"]
        return words

    good = other('fee = "1"')
    assert "2026-03" in refused(text=good, period="March")
    assert "currency is USD" in refused(text=good.replace("EUR", "USD"), period="2026-03")
    assert "line 4" in refused(text=other('fee = "-1"'), period="2026-03")


def test_which_price_covers_cost(shop: Shop) -> None:
    for _ in range(5):
        shop.call(price=3 * CENT, cost=CENT)
    (shown,) = shop.cover()["models"]
    assert (shown["model"], shown["tokens"], shown["revenue"], shown["cost"]) == (MODEL, 150, "0.15", "0.05")
    assert (shown["margin"], shown["idle"], shown["break_even"]) == ("0.6667", "0.00", "0.00")
    # A machine of 0.20 of which 0.12 stood idle, in the operator's own books.
    (deployment,) = shop.office.sql("select contract_id from deployment where model = $1", MODEL)
    contract = deployment["contract_id"]
    accrued = Side("accrued", 0, contract)
    shop.accrue(0, VoucherLine(Side("fixed", 0, contract), accrued, 20 * CENT))
    shop.accrue(0, VoucherLine(Side("idle", 0, contract), Side("fixed", 0, contract), 12 * CENT))
    (shown,) = shop.cover()["models"]
    assert (shown["cost"], shown["grows"], shown["fixed"], shown["idle"]) == ("0.25", "0.05", "0.08", "0.12")
    assert shown["margin"] == "-0.6667"
    # 50 tokens in, 100 out, at 15 : 75
    all_of, less = shown["with_idle"], shown["without_idle"]
    brings = 50 * Fraction(all_of["input"]) + 100 * Fraction(all_of["output"])
    assert 0 <= brings / 1_000_000 - Fraction(25, 100) < Fraction(1, NANO)
    assert float(all_of["output"]) / float(all_of["input"]) == pytest.approx(5)
    assert float(less["input"]) / float(shown["with_idle"]["input"]) == pytest.approx(13 / 25)
    # A call brings 2 cents more than it costs: ten of 30 tokens bring the 0.20 that are there without use.
    assert shown["break_even"] == "0.0003"
    # A tenth of the price is to be left: price = cost / 0.9
    (with_margin,) = shop.cover(margin="10%")["models"]
    ratio = float(with_margin["with_idle"]["output"]) / float(shown["with_idle"]["output"])
    assert ratio == pytest.approx(1 / 0.9)
    # An organisation's own books have no fixed cost of the operator's machines.
    (own,) = shop.cover(organisation="default")["models"]
    assert (own["cost"], own["idle"]) == ("0.05", "0.00")
    assert shop.cover(organisation="operator")["models"][0]["revenue"] == "0.00"


def test_cover_without_any_use(shop: Shop) -> None:
    assert shop.cover() == {
        "organisation": None,
        "period": MONTH.name,
        "currency": "EUR",
        "margin": "0",
        "models": [],
        "unused": [],
    }
    shop.accrue(0, VoucherLine(Side("fixed", 0, 4711), Side("accrued", 0, 4711), CENT))
    assert [one["cost"] for one in shop.cover()["unused"]] == ["0.01"]
    refusal = shop.office.refused(422, "GET", "/tariffs/cover", params={"margin": "120%"})
    assert "'120%' is not a share" in refusal["message"]
