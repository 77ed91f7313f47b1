"""A contract that went on after its last day: its position, what it warns of, and what it counts."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.flows.office_desk import DEFAULT, Bookkeeper, Office

CENT = 10_000_000
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
{more}
"""
THERE = {"organisation": "operator"}


def day(days: int) -> str:
    """So many days from today."""
    return str((datetime.now(UTC) + timedelta(days=days)).date())


@pytest.fixture
def today(office: Office) -> Office:
    """The office, with a clock that agrees with the books'."""
    office.clock.at = time.time()
    return office


def committed(office: Office, more: str) -> Any:
    """A commitment of twenty days that were over ten days ago, as it stands now."""
    text = DEFAULT + UMBRELLA.format(starts=day(-30), ends=day(-11), more=more)
    office.ok("POST", "/apply", json={"text": text})
    office.clock.at = time.time() + 1
    return office.ok("GET", "/contracts/umbrella", params=THERE)


def test_a_contract_that_renewed_stands_in_its_new_term(today: Office, bookkeeper: Bookkeeper) -> None:
    now = today.clock.at
    for days in (-25, -15, -5):
        hold = bookkeeper.hold("default", 10 * CENT, started=now + days * 86_400)
        bookkeeper.post(hold, "posted", 40_000_000, 30_000_000)
    ended = committed(today, "")["position"]
    assert (ended["status"], ended["drawn"]) == ("expired", "0.06")
    found = committed(today, 'renews = "term"\nnotice_days = 5')
    at = found["position"]
    assert (at["status"], at["starts_at"][:10], at["ends_at"][:10]) == ("active", day(-10), day(10))
    assert (at["amount"], at["drawn"], at["remaining"]) == ("1.00", "0.03", "0.97")
    assert (found["starts"], found["ends"]) == (day(-10), day(9))
    assert found["versions"][-1]["terms"]["ends"] == day(-11)  # as it is written


def test_a_contract_that_renewed_warns_of_its_next_notice(today: Office) -> None:
    warned = committed(today, 'renews = "term"\nnotice_days = 5')["warnings"]
    said = {one["sort"]: one["message"] for one in warned}
    assert said["notice"] == f"give notice by {day(4)} or it goes on for a term; it ends on {day(9)}"
    assert "the minimum will be missed by 1.00" in said["minimum-missed"]
    listed = today.ok("GET", "/contracts", params=THERE)["contracts"]
    (umbrella,) = [one for one in listed if one["name"] == "umbrella"]
    assert umbrella["position"]["ends_at"][:10] == day(10)
