"""Pages of contracts with something drawn: the burn-down, what the next unit costs, warnings in German."""

from __future__ import annotations

import html
import json
import re

import pytest

from rechenwerk.base.money import NANO
from rechenwerk.base.reasons import REASONS
from rechenwerk.main_console import mount_console
from tests.flows.office_desk import DEFAULT, NOON, Bookkeeper, Office
from tests.flows.test_console import Browser

DAY = 86_400
PATH = "/console/contracts/embedded%20on%20demand"
CREDIT = DEFAULT.replace(
    'name = "embedded on demand"\nprovider = "embedded"\nkind = "on-demand"',
    'name = "embedded on demand"\nprovider = "embedded"\nkind = "prepaid-credit"\nbalance = "1000"\n'
    "starts = 2026-12-20\nends = 2027-02-05",
)


def draw_three_weeks(office: Office, bookkeeper: Bookkeeper) -> None:
    """A credit of 1000.00, of which about 10.00 are drawn a day: most of it will expire."""
    office.ok("POST", "/apply", json={"text": CREDIT})
    office.ok("PUT", "/projects/default/budget", json={"period": "month", "amount": "1000"})
    for day in range(21, 0, -1):
        cost = (8 + day % 5) * NANO
        hold = bookkeeper.hold("default", cost, started=NOON - day * DAY)
        bookkeeper.post(hold, "posted", cost, cost)


@pytest.fixture
def drawn(office: Office, bookkeeper: Bookkeeper) -> Office:
    mount_console(office.app, office.clock, 8080)
    draw_three_weeks(office, bookkeeper)
    return office


def test_a_contract_shows_what_was_drawn_and_what_will_be(drawn: Office) -> None:
    visitor = Browser(drawn, drawn.first.key)
    text = visitor.page(PATH)
    chart = json.loads(html.unescape(re.search(r'data-chart="([^"]*)"', text)[1]))  # type: ignore[index]
    left, even, ahead = chart["series"]
    today = chart["x"].index("2027-01-15")
    assert (chart["x"][0], chart["x"][-1]) == ("2026-12-20", "2027-02-05")
    assert left["data"][0] == 1000
    assert left["data"][today] == 791
    assert left["data"][today + 1] is None
    assert (even["data"][0], even["data"][-1]) == (1000, 0)
    assert ahead["data"][today] == 791
    assert 0 < ahead["data"][-1] < 700, "most of it is left at the end"
    assert "The next unit" in text
    (unit,) = drawn.ok("GET", "/contracts/embedded on demand")["next_units"]
    assert (unit["listed"]["input"], unit["listed"]["output"]) == ("0.01", "0.05")
    assert float(unit["rates"]["input"]) < 0.01, "what would expire is cheap"


def test_the_price_of_the_next_unit_says_why_in_german(drawn: Office) -> None:
    (unit,) = drawn.ok("GET", "/contracts/embedded on demand")["next_units"]
    assert {one["code"] for one in unit["reason_told"]} <= set(REASONS)
    english, german = (
        html.unescape(Browser(drawn, drawn.first.key, language).page(PATH)) for language in ("en", "de")
    )
    assert unit["reason"] in english
    assert unit["reason"] not in german
    assert "je Million Eingabe / Ausgabe; das Guthaben 'embedded on demand' bezahlt" in german


def test_warnings_speak_the_visitors_language(drawn: Office) -> None:
    (warning,) = [one for one in drawn.ok("GET", "/warnings")["warnings"] if one["sort"] == "credit-expires"]
    assert warning["unit"] == "EUR"
    english = html.unescape(Browser(drawn, drawn.first.key).page("/console/contracts"))
    assert warning["message"] in english
    for path in ("/console/contracts", "/console/", PATH):
        german = html.unescape(Browser(drawn, drawn.first.key, "de").page(path))
        assert "verfallen nach dem 05.02.2027 ungenutzt" in german, path
        assert warning["message"] not in german
