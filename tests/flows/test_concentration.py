"""Concentration and usage from real books: configuration, routes, caps, commands."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rechenwerk.base.money import NANO
from rechenwerk.contracts.concentration import over_cap, spent_by
from rechenwerk.store.concentration import StoredConcentration
from tests.flows.listening import Listening
from tests.flows.office_desk import DEFAULT, Bookkeeper, Office

CLOUDS = """
[[provider]]
name = "north one"
kind = "openai-compatible"
base_url = "http://127.0.0.1:1/v1"
owner = "Northco"
[[provider]]
name = "north two"
kind = "openai-compatible"
base_url = "http://127.0.0.1:2/v1"
owner = "Northco"
[[provider]]
name = "euro"
kind = "openai-compatible"
base_url = "http://127.0.0.1:3/v1"
[[contract]]
name = "one"
provider = "north one"
kind = "take-or-pay"
minimum = "1000"
period = "term"
starts = 2026-01-01
ends = 2029-12-31
[[contract]]
name = "two"
provider = "north two"
kind = "on-demand"
[[contract]]
name = "three"
provider = "euro"
kind = "on-demand"
"""
DEPLOYMENT = """
[[deployment]]
model = "{model}"
provider = "{provider}"
contract = "{contract}"
endpoints = ["chat"]
context_tokens = 8000
max_output_tokens = 512
cost = {{ input = "1" }}
tokens_per_minute = {room}
jurisdiction = "{place}"
level = "no-retention"
"""
TARIFFS = """
[[tariff]]
model = "big"
price = { input = "1" }
[[tariff]]
model = "rare"
price = { input = "1" }
"""
CAP = """
[[concentration]]
name = "{name}"
dimension = "{dimension}"
at_most = "{at_most}"
rule = "{rule}"
"""
TEXT = (
    DEFAULT
    + CLOUDS
    + DEPLOYMENT.format(model="big", provider="north one", contract="one", room=6000, place="DE")
    + DEPLOYMENT.format(model="big", provider="euro", contract="three", room=4000, place="US")
    + DEPLOYMENT.format(model="rare", provider="north two", contract="two", room=2000, place="US")
    + TARIFFS
)


def book(
    office: Office, bookkeeper: Bookkeeper, model: str, provider: str, cost: int, hours_ago: int = 0
) -> None:
    """One call of the default project, served by a deployment; its cost in whole units."""
    (row,) = office.sql(
        "select d.id, d.contract_id from deployment d join provider p on p.id = d.provider_id"
        " where d.model = $1 and p.name = $2",
        model,
        provider,
    )
    hold = bookkeeper.hold(office.first.organisation, NANO)
    there = msgspec.structs.replace(
        hold,
        deployment=row["id"],
        contract=row["contract_id"],
        model=model,
        started_us=hold.started_us - hours_ago * 3_600_000_000,
    )
    bookkeeper.post(there, "posted", 0, cost * NANO)


@pytest.fixture
def town(office: Office, bookkeeper: Bookkeeper) -> Office:
    """Three clouds of two owners; 60, 10 and 30 spent on them, and a call of the embedded model."""
    office.clock.at = time.time()
    office.ok("POST", "/apply", json={"text": TEXT})
    book(office, bookkeeper, "big", "north one", 60)
    book(office, bookkeeper, "rare", "north two", 10)
    book(office, bookkeeper, "big", "euro", 30)
    bookkeeper.post(bookkeeper.hold(office.first.organisation, NANO), "posted", 0, 0)
    office.clock.at = time.time() + 60
    return office


def spread(shown: Any, dimension: str, by: str = "owner") -> dict[str, str]:
    """Name -> share."""
    (found,) = [one for one in shown["spreads"] if (one["dimension"], one["by"]) == (dimension, by)]
    return {one["name"]: one["share"] for one in found["shares"] if float(one["share"])}


def test_shares_of_real_books(town: Office) -> None:
    shown = town.ok("GET", "/concentration")
    assert (shown["organisation"], shown["currency"], shown["failure"]) == ("operator", "EUR", None)
    assert spread(shown, "spend") == {"Northco": "0.7000", "euro": "0.3000"}
    assert spread(shown, "spend", "provider") == {
        "north one": "0.6000",
        "euro": "0.3000",
        "north two": "0.1000",
    }
    assert spread(shown, "capacity") == {"Northco": "0.6667", "euro": "0.3333"}
    assert spread(shown, "commitments") == {"Northco": "1.0000"}
    (owed,) = [one for one in shown["spreads"] if (one["dimension"], one["by"]) == ("commitments", "owner")]
    assert owed["total"] == "940.00"  # the minimum of 1000 less the 60
    assert owed["hhi"] == 10_000


def test_the_window_decides_what_spend_counts(town: Office) -> None:
    town.clock.at += 8 * 86_400
    assert spread(town.ok("GET", "/concentration", params={"days": 7}), "spend") == {}
    assert spread(town.ok("GET", "/concentration", params={"days": 9}), "spend")


def test_what_stops_if_an_owner_fails(town: Office) -> None:
    town.ok("PUT", "/projects/default/data-class", json={"data_class": "confidential"})
    lost = town.ok("GET", "/concentration", params={"owner_fails": "Northco"})["failure"]
    assert lost["providers"] == ["north one", "north two"]
    assert lost["models"] == ["rare"]
    assert lost["lost"] == [{"model": "big", "data_class": "confidential"}]
    assert lost["classes"] == []
    # Of four calls two were served there; of confidential data none could go anywhere else.
    assert (lost["calls"], lost["touched"], lost["stopped"]) == (4, 2, 2)
    assert (lost["payable"], lost["at_risk"], lost["capacity"]) == ("940.00", "0.00", "0.6667")
    assert town.refused(404, "GET", "/concentration?owner_fails=Nobody")["code"] == "owner_not_found"


def test_critical_work_is_told_apart(town: Office) -> None:
    town.sql("update project set service_class = 'critical'")
    lost = town.ok("GET", "/concentration", params={"owner_fails": "euro"})["failure"]
    assert (lost["critical"], lost["critical_touched"], lost["critical_stopped"]) == (4, 1, 0)


def test_caps_are_applied_shown_and_taken_back(town: Office) -> None:
    caps = CAP.format(name="warn", dimension="spend", at_most="0.65", rule="soft")
    (change,) = town.ok("POST", "/apply", json={"text": TEXT + caps})["changes"]
    assert (change["what"], change["name"], change["action"]) == ("concentration cap", "warn", "create")
    assert town.ok("POST", "/apply", json={"text": TEXT + caps})["changes"] == []
    (shown,) = town.ok("GET", "/concentration")["caps"]
    assert shown["at_most"] == "0.65"
    assert shown["above"] == [{"name": "Northco", "amount": "70.00", "share": "0.7000"}]
    wider = caps.replace("0.65", "0.70")
    (change,) = town.ok("POST", "/apply", json={"text": TEXT + wider})["changes"]
    assert change["action"] == "change"
    assert town.ok("GET", "/concentration")["caps"][0]["above"] == []
    (change,) = town.ok("POST", "/apply", json={"text": TEXT})["changes"]
    assert change["action"] == "deactivate"
    assert town.ok("GET", "/concentration")["caps"] == []


def test_a_configuration_that_breaks_its_own_hard_cap_is_refused(town: Office) -> None:
    before = town.sql("select count(*) as n from concentration_cap")[0]["n"]
    for dimension, share in (("capacity", "66.7 %"), ("commitments", "100.0 %")):
        text = TEXT + CAP.format(name="not all of it", dimension=dimension, at_most="0.65", rule="hard")
        for dry_run in (True, False):
            answer = town.answer("POST", "/apply", json={"text": text, "dry_run": dry_run})
            (error,) = answer.json()["errors"]
            assert answer.status_code == 422
            assert f"'Northco' would have {share}" in error["message"]
            assert error["line"] == TEXT.count("\n") + 2
    assert town.sql("select count(*) as n from concentration_cap")[0]["n"] == before
    soft = TEXT + CAP.format(name="not all of it", dimension="capacity", at_most="0.65", rule="soft")
    town.ok("POST", "/apply", json={"text": soft})


def test_what_gateways_compare_with_hard_caps(town: Office) -> None:
    text = TEXT + CAP.format(name="not most", dimension="spend", at_most="0.65", rule="hard")
    text += CAP.format(name="only a warning", dimension="spend", at_most="0.1", rule="soft")
    town.ok("POST", "/apply", json={"text": text})
    stored = StoredConcentration(town.pool)
    run = town.runner.run
    caps = run(stored.hard_caps())
    assert [cap.name for cap in caps[0]] == ["not most"]
    month_ago = datetime.fromtimestamp(town.clock.at, UTC) - timedelta(days=30)
    rows = run(stored.spending(list(caps), month_ago))
    spent = spent_by(rows[0], 30, int(town.clock.at))
    assert {name: amount for name, amount in spent["owner", 30].items() if amount} == {
        "Northco": 70 * NANO,
        "euro": 30 * NANO,
    }
    assert "has 70.0 %" in str(over_cap(caps[0], spent, "north one", "Northco"))
    assert over_cap(caps[0], spent, "euro", "euro") is None


def test_only_the_operator_sees_it(town: Office, neighbour: str) -> None:
    town.refused(403, "GET", "/concentration", neighbour)
    town.refused(403, "GET", "/concentration", town.key("default", "books"))
    own = town.ok("GET", "/concentration", params={"organisation": "neighbour"})
    assert (own["organisation"], spread(own, "spend")) == ("neighbour", {})


# Usage


def test_usage_by_hour_and_by_day(town: Office) -> None:
    shown = town.ok("GET", "/books/usage", params={"days": 2})
    assert (shown["step"], shown["currency"]) == ("hour", "EUR")
    big = [row for row in shown["rows"] if row["model"] == "big"]
    assert sum(float(row["cost"]) for row in big) == 90
    assert {row["deployment"] for row in big} == {"big at euro under three", "big at north one under one"}
    assert all(row["usage"]["input"] == 10 * row["calls"] for row in shown["rows"])
    assert all(row["starts_at"].endswith(":00:00Z") for row in shown["rows"])
    days = town.ok("GET", "/books/usage", params={"days": 2, "step": "day"})["rows"]
    assert all(row["starts_at"].endswith("T00:00:00Z") for row in days)
    assert sum(row["calls"] for row in days) == sum(row["calls"] for row in shown["rows"]) == 4
    for params in ({"days": 0}, {"days": 401}, {"step": "minute"}):
        town.refused(422, "GET", "/books/usage", params=params)


def test_usage_stops_at_the_wall(town: Office, neighbour: str) -> None:
    assert town.ok("GET", "/books/usage", neighbour)["rows"] == []


# Commands


@pytest.fixture
def listening(town: Office, database_url: str) -> Iterator[Listening]:
    """The town's office on a port."""
    listening = Listening(database_url, town.first.key)
    yield listening
    listening.close()


def test_the_command_draws_shares_and_says_what_stops(town: Office, listening: Listening) -> None:
    code, out, err = listening.cli("concentration", "--owner-fails", "Northco")
    assert (code, err) == (0, "")
    northco = next(line for line in out.splitlines() if "Northco" in line)
    assert "70.0 %" in northco
    assert "█" * 28 in northco
    assert "█" * 29 not in northco
    for words in ("HHI 5,800", "If Northco fails", "rare", "940.00 EUR", "2 of 4 (50.0 %)"):
        assert words in out
    code, out, _ = listening.cli("concentration", "--by", "provider", "--json")
    assert code == 0
    assert spread(json.loads(out), "spend", "provider")["north one"] == "0.6000"
    code, _, err = listening.cli("concentration", "--owner-fails", "Nobody")
    assert (code, err.count("\n")) == (1, 1)
    assert "there is no owner 'Nobody'" in err
    assert listening.cli("concentration", "--by", "country")[0] == 2


def test_the_command_ends_with_1_above_a_hard_cap(town: Office, listening: Listening) -> None:
    for rule, code in (("soft", 0), ("hard", 1)):
        text = TEXT + CAP.format(name="not most", dimension="spend", at_most="0.65", rule=rule)
        town.ok("POST", "/apply", json={"text": text})
        ended, out, _ = listening.cli("concentration")
        assert ended == code
        assert {"soft": "warning", "hard": "ABOVE"}[rule] in out
        assert "every owner 65.0 % of spend of 30 days" in out


def test_the_adviser_takes_usage_from_the_books(
    town: Office, bookkeeper: Bookkeeper, listening: Listening, tmp_path: Path
) -> None:
    for hours_ago in range(1, 30):
        book(town, bookkeeper, "big", "euro", 2, hours_ago)
    sheet = tmp_path / "prices.toml"
    sheet.write_text(
        'currency = "EUR"\nunit = "EUR"\non_demand = "1"\nmodels = ["big"]\n[[offer]]\nname = "flat"\n'
        'interval = "hour"\nterm_months = 1\nprice = "0.6"\n',
        encoding="utf-8",
    )
    arguments = ("advise", "--from-books", "--days", "2", "--prices", str(sheet), "--json")
    code, out, err = listening.cli(*arguments)
    assert (code, err) == (0, "")
    shown = json.loads(out)
    assert shown["history_hours"] == 30
    (offer,) = shown["offers"]
    assert (offer["pieces"], offer["level"], offer["break_even"]) == (2, "2", "0.6000")
    weights = sheet.read_text(encoding="utf-8").replace("[[offer]]", '[weights]\ninput = "0.1"\n[[offer]]', 1)
    sheet.write_text(weights, encoding="utf-8")
    code, out, _ = listening.cli(*arguments)
    assert json.loads(out)["offers"][0]["level"] == "1"  # ten tokens of input in each hour
    sheet.write_text(weights.replace('"big"', '"other"'), encoding="utf-8")
    code, _, err = listening.cli(*arguments)
    assert (code, err.count("\n")) == (1, 1)
    assert "the books: no row is of other; mend models in the price sheet" in err
