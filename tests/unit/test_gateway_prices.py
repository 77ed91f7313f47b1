"""What a gateway prices a call at, out of the snapshot that it has, and until when that holds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import cast

import pytest

from rechenwerk.base.usage import Usage
from rechenwerk.gateway.fleet import Fleet
from rechenwerk.gateway.leases import Leases
from rechenwerk.gateway.ports import KeyRow, Sale, Snapshot, Source
from rechenwerk.gateway.prices import price_of
from rechenwerk.gateway.tenants import Tenant, Tenants
from rechenwerk.gateway.upstreams import Upstreams
from rechenwerk.ledger.tariff_months import Discount
from rechenwerk.ledger.tariffs import Terms, call_price
from tests.flows.office_desk import HandClock

TOWN, NEIGHBOUR = 7, 8
EVER = float("inf")


def at(text: str) -> float:
    """``15 12``: day and hour of March 2026."""
    day, hour = text.split()
    return datetime(2026, 3, int(day), int(hour), tzinfo=UTC).timestamp()


def sale(tariff: int, rate: str, since: float, until: float = EVER) -> Sale:
    terms = Terms(price={"input": rate})
    return Sale(since, until, call_price(terms, tariff=tariff), terms)


def key(organisation: int = TOWN, project: int = 1) -> KeyRow:
    return KeyRow(1, organisation, project, frozenset(), None, ())


SNAPSHOT = Snapshot(
    1,
    "EUR",
    {},
    {},
    sales={
        (0, "m"): (sale(1, "1", at("1 0"), at("15 12")), sale(2, "2", at("15 12"))),
        (NEIGHBOUR, "m"): (sale(3, "3", at("1 0"), at("20 0")),),
    },
    discounts={TOWN: (Discount(1, 1, "", date(2026, 3, 16), date(2026, 3, 17), Decimal("0.5")),)},
)


@pytest.mark.parametrize(
    ("who", "when", "tariff", "nano", "since", "until"),
    [
        # of all; days with discounts are looked at one by one
        (key(), "2 6", 1, 1000, "2 0", "3 0"),
        (key(), "15 11", 1, 1000, "15 0", "15 12"),
        (key(), "15 12", 2, 2000, "15 12", "16 0"),
        (key(), "16 0", 2, 1000, "16 0", "17 0"),
        (key(), "18 0", 2, 2000, "18 0", "19 0"),
        (key(project=2), "16 0", 2, 2000, "16 0", "17 0"),
        # an own one
        (key(NEIGHBOUR), "15 12", 3, 3000, "1 0", "20 0"),
        # neither an own tariff nor a discount
        (key(9), "16 0", 2, 2000, "15 12", None),
    ],
)
def test_a_price_and_the_time_in_which_it_holds(
    who: KeyRow, when: str, tariff: int, nano: int, since: str, until: str | None
) -> None:
    found = price_of(SNAPSHOT, who, "m", at(when))
    assert found.price is not None
    assert (found.price.tariff, found.price.amount(Usage(input=1, requests=0), 0)) == (tariff, nano)
    assert (found.since, found.until) == (at(since), EVER if until is None else at(until))


@pytest.mark.parametrize(
    ("who", "model", "when", "until"),
    [
        (key(), "x", "2 6", "3 0"),  # nobody sells it
        (key(NEIGHBOUR), "m", "20 0", "21 0"),  # its tariff is over, as far as this snapshot knows
    ],
)
def test_what_is_not_sold_has_no_price(who: KeyRow, model: str, when: str, until: str) -> None:
    found = price_of(SNAPSHOT, who, model, at(when))
    assert (found.price, found.until) == (None, at(until))


def test_what_is_sold_later_is_looked_at_when_it_begins() -> None:
    later = Snapshot(1, "EUR", {}, {}, sales={(0, "m"): (sale(1, "1", at("2 9")),)})
    found = price_of(later, key(), "m", at("2 6"))
    assert (found.price, found.until) == (None, at("2 9"))


def test_a_gateway_changes_over_at_the_moment_and_a_late_one_names_the_version_that_it_knew() -> None:
    clock = HandClock(at("15 11"))
    tenants = Tenants(
        cast("Source", None), cast("Leases", None), cast("Upstreams", None), cast("Fleet", None), clock
    )
    tenant = Tenant(key(9), ())
    assert tenants.price(tenant, "m", clock.now()) is None  # nothing is known yet
    tenants.snapshot = SNAPSHOT

    def tariff(when: str) -> int:
        found = tenants.price(tenant, "m", at(when))
        assert found is not None
        return found.tariff

    assert [tariff("15 11"), tariff("15 12"), tariff("15 11")] == [1, 2, 1]
    # It has not heard of the version that begins on the 16th: what it prices names the one before.
    assert tariff("16 0") == 2
