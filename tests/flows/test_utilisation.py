"""The public report of utilisation: from booked calls and what admission counted; nobody's name in it."""

from __future__ import annotations

from typing import Any

import pytest

from rechenwerk.contracts.grants import day_of
from rechenwerk.contracts.lots import PoolUse
from rechenwerk.ledger.ports import Outcome
from rechenwerk.store.governance.lots import StoredLots
from tests.flows.governing import DAY, Hall
from tests.flows.office_desk import Bookkeeper, Office


@pytest.fixture
def hall(office: Office) -> Hall:
    """A pool since this midnight, of 100 tokens per minute: 48,000 until now, 144,000 a day."""
    office.clock.at -= office.clock.at % DAY
    hall = Hall(office, 100)
    office.clock.at += 8 * 3600
    return hall


def report(hall: Hall, days: int = 1) -> Any:
    """What anybody reads, without a key."""
    path = f"http://office/public/utilisation?days={days}"
    answer = hall.office.runner.run(hall.office.client.get(path))
    assert answer.status_code == 200, answer.text
    return answer.json()["days"]


def test_a_day_is_told_in_sums(hall: Hall, bookkeeper: Bookkeeper) -> None:
    hall.office.sql("update project set service_class = 'critical' where name = 'default'")
    hall.office.ok("POST", "/organisations", json={"name": "north"})
    hall.office.ok("POST", "/projects", json={"name": "default", "organisation": "north"})
    body = {"period": "month", "amount": "7", "organisation": "north"}
    hall.office.ok("PUT", "/projects/default/budget", json=body)
    hall.person("app", "inference", organisation="north")
    for whose in ("default", "default", "north", "default"):
        bookkeeper.post(bookkeeper.hold(whose, 10), "posted", 1, 1)
    today = day_of(hall.office.clock.at)
    uses = (
        PoolUse(1, today, "critical", 10, 3),
        PoolUse(1, today, "critical", 5, 2),
        PoolUse(1, today, "batch", 0, 0),
        PoolUse(1, today - 1, "critical", 7, 0),
    )
    lots = StoredLots(hall.office.pool)
    hall.office.runner.run(lots.note_use(uses))
    hall.office.runner.run(lots.note_use((PoolUse(1, today, "critical", 4, 1),)))
    (day,) = report(hall)
    assert day == {
        "pool": "main",
        "day": hall.date(0),
        "capacity": 48_000,
        "used": {"critical": 90, "standard": 30, "batch": 0},
        "lent": 19,
        "reclaimed": 6,
        "idle": 48_000 - 120,
        "emergency_draws": 0,
        "emergency": 0,
        "grants": 0,
    }


def test_emergencies_and_grants_stand_in_it(hall: Hall, bookkeeper: Bookkeeper) -> None:
    keep = {"pool": "main", "service": "critical", "nominal": 60, "draw_most": 60, "draw_minutes": 600}
    hall.office.ok("PUT", "/reserve", json=keep)
    asked = {"pool": "main", "amount": 30, "minutes": 60, "reason": "a flood"}
    draw = hall.office.ok("POST", "/reserve/draws", hall.officer("Anna", "emergency"), json=asked)["id"]
    hall.office.ok("POST", f"/reserve/draws/{draw}/approve", hall.officer("Bela", "emergency"))
    wish = {"pool": "main", "project": "default", "amount": 50, "purpose": "x", "ends_on": hall.date(9)}
    hall.office.ok("POST", "/grants", json=wish)
    for _ in range(2):
        bookkeeper.post(bookkeeper.hold("default", 10), "posted", 1, 1)
    hall.office.clock.at += 1_800
    (day,) = report(hall)
    assert (day["emergency_draws"], day["emergency"]) == (1, 900), (
        "30 tokens a minute for half an hour so far"
    )
    assert (day["used"]["standard"], day["grants"]) == (60, 50)
    hall.office.clock.at += 3 * DAY
    days = report(hall, 4)
    assert [(one["emergency"], one["grants"], one["used"]["standard"]) for one in days] == [
        (1_800, 50, 60)
    ] + [(0, 0, 0)] * 3
    assert [one["capacity"] for one in days[:3]] == [144_000] * 3


def test_yesterdays_capacity_is_what_there_was_yesterday(hall: Hall) -> None:
    hall.office.clock.at += DAY - 8 * 3600
    hall.pool(300)
    hall.office.clock.at += DAY // 2
    assert [one["capacity"] for one in report(hall, 3)] == [0, 144_000, 216_000]


def test_it_names_nobody_and_is_made_once_a_minute(
    hall: Hall, bookkeeper: Bookkeeper, neighbour: str
) -> None:
    assert neighbour.startswith("rw-")
    bookkeeper.post(bookkeeper.hold("neighbour", 10), "posted", 1, 1)
    first = report(hall)
    assert "neighbour" not in str(first)
    assert "default" not in str(first)
    assert first[0]["used"]["standard"] == 30
    bookkeeper.post(bookkeeper.hold("neighbour", 10), "posted", 1, 1)
    assert report(hall) == first
    hall.office.clock.at += 61
    assert report(hall)[0]["used"]["standard"] == 60


def test_what_was_used_agrees_with_the_books(hall: Hall, bookkeeper: Bookkeeper) -> None:
    outcomes: tuple[Outcome, ...] = ("posted", "failed", "unresolved", "void", "posted")
    for outcome in outcomes:
        bookkeeper.post(bookkeeper.hold("default", 10), outcome, 1, 1)
    hall.office.clock.at += 1
    hall.office.ok("PUT", "/pools/main", json={"members": []})
    bookkeeper.post(bookkeeper.hold("default", 10), "posted", 1, 1)
    booked = hall.office.sql("select sum(input + output) as tokens from call where outcome <> 'void'")[0][
        "tokens"
    ]
    drawn = hall.office.sql("select sum(tokens) as tokens from pool_draw")[0]["tokens"]
    assert (booked, drawn) == (150, 120), "the last one was served outside of the pool"
    assert sum(report(hall)[0]["used"].values()) == 120


def test_a_tenants_own_pool_is_not_public(hall: Hall) -> None:
    hall.office.ok("PUT", "/pools/own", json={"organisation": "default"})
    assert {one["pool"] for one in report(hall)} == {"main"}


def test_days_have_bounds(hall: Hall) -> None:
    for days in ("0", "93", "x"):
        answer = hall.office.runner.run(
            hall.office.client.get(f"http://office/public/utilisation?days={days}")
        )
        assert (answer.status_code, answer.json()["error"]["param"]) == (422, "days")
