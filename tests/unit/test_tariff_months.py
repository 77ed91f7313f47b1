"""Which version and which discount holds when, and what each project owes: small timelines as tables."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.ledger.periods import parse_period
from rechenwerk.ledger.tariff_dry import reprice
from rechenwerk.ledger.tariff_months import (
    Discount,
    MonthUse,
    Version,
    discount_on,
    in_force,
    months,
    segments,
)
from rechenwerk.ledger.tariffs import Terms, Tier, Tiers

MARCH = parse_period("2026-03")
TOWN = 7


def at(text: str) -> datetime:
    """``03-15``, or ``03-15 12``."""
    day, _, hour = text.partition(" ")
    month, number = day.split("-")
    return datetime(2026, int(month), int(number), int(hour or 0), tzinfo=UTC)


def terms(text: str) -> Terms | None:
    """``2.50``: a rate; ``fee 30``; ``none``: not sold."""
    if text == "none":
        return None
    if text.startswith("fee"):
        return Terms(fee=Decimal(text[4:]), owed="always" if text.endswith(" ") else "used")
    return Terms(price={"input": text})


def versions(table: str) -> list[Version]:
    """Lines such as ``1 all 03-01 2.50``: id, whose, from when, terms."""
    found = []
    for line in table.strip().splitlines():
        number, whose, begins, words = line.strip().split(maxsplit=3)
        starts = at(begins.replace("_", " "))
        found.append(Version(int(number), 0 if whose == "all" else TOWN, "m", terms(words), starts))
    return found


def used(tariff: int, day: int, count: int, project: int = 1, booked: int = 0) -> MonthUse:
    return MonthUse(
        project, "m", tariff, date(2026, 3, day), 1, Usage(input=count, requests=1).counts(), booked, 0
    )


@pytest.mark.parametrize(
    ("table", "spans"),
    [
        ("1 all 03-01 2", "1 03-01..never"),
        ("1 all 03-01 2\n2 all 03-15 3", "1 03-01..03-15, 2 03-15..never"),
        # written later for the same moment: the later one counts
        ("1 all 03-01 2\n2 all 03-15 3\n3 all 03-15 4", "1 03-01..03-15, 3 03-15..never"),
        # written later for an earlier moment: the earlier written one follows it all the same
        ("1 all 03-01 2\n2 all 03-20 3\n3 all 03-10 4", "1 03-01..03-10, 3 03-10..03-20, 2 03-20..never"),
        # the end of a tariff, and a gap
        ("1 all 03-01 2\n2 all 03-15 none", "1 03-01..03-15"),
        ("1 all 03-01 2\n2 all 03-15 none\n3 all 03-20 3", "1 03-01..03-15, 3 03-20..never"),
        # one's own goes before the one for all, and gives way to it again
        ("1 all 03-01 2\n2 town 03-10 1", "1 03-01..03-10, 2 03-10..never"),
        (
            "1 all 03-01 2\n2 town 03-10 1\n3 town 03-20 none",
            "1 03-01..03-10, 2 03-10..03-20, 1 03-20..never",
        ),
        # what changes for all changes nothing for who has an own one
        ("1 all 03-01 2\n2 town 03-10 1\n3 all 03-12 3", "1 03-01..03-10, 2 03-10..never"),
        ("1 town 03-10 1", "1 03-10..never"),
        # the same again goes on: a later version was taken back
        ("1 all 03-01 2\n2 all 03-15 3\n3 all 03-15 2", "1 03-01..never"),
        ("1 all 03-01 2\n2 town 03-15 2", "1 03-01..03-15, 2 03-15..never"),
    ],
)
def test_versions_follow_each_other(table: str, spans: str) -> None:
    found = [
        f"{one.version.id} {one.starts:%m-%d}..{one.ends:%m-%d}"
        if one.ends
        else f"{one.version.id} {one.starts:%m-%d}..never"
        for one in segments(versions(table), TOWN, "m")
    ]
    assert ", ".join(found) == spans


def test_before_the_first_version_none_holds() -> None:
    rows = versions("1 all 03-10 2")
    assert in_force(rows, at("03-09")) is None
    assert in_force(rows, at("03-10")) == rows[0]


DISCOUNTS = (
    # id project model from to share
    (1, 0, "", date(2026, 3, 1), None, "0.05"),
    (2, 0, "m", date(2026, 3, 5), None, "0.10"),
    (3, 1, "", date(2026, 3, 10), date(2026, 3, 20), "0.20"),
    (4, 1, "m", date(2026, 3, 15), date(2026, 3, 16), "0.30"),
    (5, 0, "m", date(2026, 3, 25), None, "0"),
)


@pytest.mark.parametrize(
    ("project", "model", "day", "share"),
    [
        (1, "m", 28, "0"),  # ended by a share of 0 on the model
        (2, "x", 28, "0.05"),
        (2, "m", 4, "0.05"),
        (2, "m", 5, "0.10"),  # the model before all
        (1, "m", 10, "0.20"),  # the project before the organisation's model
        (1, "m", 15, "0.30"),  # both before each
        (1, "m", 17, "0.20"),
        (1, "m", 21, "0.10"),  # the project's is over
        (1, "m", 1, "0.05"),
    ],
)
def test_the_most_special_discount_holds(project: int, model: str, day: int, share: str) -> None:
    rows = [
        Discount(number, of, on, since, until, Decimal(off))
        for number, of, on, since, until, off in DISCOUNTS
    ]
    assert discount_on(rows, project, model, date(2026, 3, day)) == Fraction(share)
    assert discount_on(rows, project, model, date(2026, 2, 28)) == 0


def test_use_goes_to_the_version_that_priced_it_also_when_a_gateway_was_late() -> None:
    rows = versions("1 all 03-01 2\n2 all 03-15_12 4")
    found = months(TOWN, MARCH, [used(1, 14, 1000), used(1, 16, 500), used(2, 16, 1000)], rows, [], [1])
    assert [(one.version.id, one.price) for one in found] == [(1, 1500 * 2000), (2, 1000 * 4000)]
    assert [one.share for one in found] == [Fraction(29, 62), Fraction(33, 62)]


def test_a_fee_is_owed_for_the_time_in_which_it_holds() -> None:
    rows = versions("1 all 03-01 fee 31\n2 all 03-11 fee 62")
    found = months(TOWN, MARCH, [used(1, 2, 5), used(2, 20, 5)], rows, [], [1, 2])
    assert [(one.project, one.price) for one in found] == [(1, 10 * NANO), (1, 42 * NANO)]


def test_what_is_owed_always_is_owed_by_every_project() -> None:
    rows = [Version(1, TOWN, "m", Terms(fee=Decimal(31), owed="always"), at("03-01"))]
    found = months(TOWN, MARCH, [used(1, 2, 5)], rows, [], [1, 2])
    assert [(one.project, one.price, one.calls) for one in found] == [(1, 31 * NANO, 1), (2, 31 * NANO, 0)]
    assert months(8, MARCH, [], rows, [], [3]) == []  # not by a neighbour


def test_calls_from_before_versions_were_kept_stay_as_they_are() -> None:
    assert months(TOWN, MARCH, [used(0, 2, 5)], versions("1 all 03-01 2"), [], [1]) == []


USE = (used(1, 2, 1_000_000, booked=2 * NANO), used(1, 20, 500_000, booked=NANO), used(0, 3, 7, booked=9))


@pytest.mark.parametrize(
    ("other", "new"),
    [
        ("5 all 01-01 3", 4_500_021_000),
        ("5 all 06-01 3", 4_500_021_000),  # a model's only version holds for the whole period
        ("5 all 01-01 3\n6 all 03-15 4", 5_000_021_000),
        ("5 all 03-15 3\n6 all 06-15 4", None),  # would not have been sold before the 15th
        ("5 all 01-01 3\n6 all 03-15 none\n7 all 03-20 4", 5_000_021_000),
    ],
)
def test_a_dry_run(other: str, new: int | None) -> None:
    standing = versions("1 all 03-01 2")
    (row,) = reprice(TOWN, MARCH, USE, standing, versions(other), [], {(1, "m", 1): -5}, [1])
    assert (row.calls, row.booked, row.old) == (3, 3 * NANO + 9 - 5, 3 * NANO + 9)
    assert row.new == new
    assert row.bound == Fraction(3, 2)


def test_a_dry_run_gives_discounts_and_owes_fees_of_everybody() -> None:
    off = [Discount(1, 1, "", date(2026, 3, 1), None, Decimal("0.5"))]
    always = [Version(5, 0, "m", Terms(price={"input": "2"}, fee=Decimal(1), owed="always"), at("01-01"))]
    found = reprice(TOWN, MARCH, USE, versions("1 all 03-01 2"), always, off, {}, [1, 2])
    assert [(one.project, one.new) for one in found] == [(1, NANO + 1_500_007_000), (2, NANO)]


def test_an_organisation_shares_tiers_and_fee_between_its_projects() -> None:
    tiers = Tiers(bucket="input", steps=(Tier(above=Decimal(1000), rate=Decimal(1)),))
    together = Terms(price={"input": "2"}, tiers=(tiers,), fee=Decimal("0.000000001"), each="organisation")
    rows = [Version(1, 0, "m", together, at("01-01"))]
    use = [used(1, 2, 900, project=1), used(1, 3, 600, project=2), used(1, 4, 300, project=2)]
    found = months(TOWN, MARCH, use, rows, [], [1, 2, 3])
    # 1,800 units: 1,000 at 2,000 and 800 at 1,000 nano-units, and a fee of one: half of it each
    assert [(one.project, one.price, one.part) for one in found] == [
        (1, 1_400_000, Fraction(1, 2)),
        (2, 1_400_001, Fraction(1, 2)),
    ]
    off = [Discount(1, 2, "", date(2026, 3, 1), None, Decimal(1))]
    assert [one.part for one in months(TOWN, MARCH, use, rows, off, [1, 2, 3])] == [1, 0]


@pytest.mark.parametrize(("projects", "prices"), [([1, 2, 3], [10, 10, 10]), ([], [])])
def test_what_an_organisation_owes_without_use_is_shared(projects: list[int], prices: list[int]) -> None:
    always = Terms(fee=Decimal("0.000000030"), owed="always", each="organisation")
    rows = [Version(1, 0, "m", always, at("01-01"))]
    assert [one.price for one in months(TOWN, MARCH, [], rows, [], projects)] == prices
