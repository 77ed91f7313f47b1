"""A bill against the books: what agrees, what is settled, why the rest differs."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.bills import Bill, BillLine, LineKind, Names
from rechenwerk.contracts.reconcile import BookedDay, Row, Unresolved, match, split, totals
from rechenwerk.ledger.periods import parse_period
from rechenwerk.ledger.prices import price_list

MARCH = parse_period("2026-03")
NAMES = Names(["m", "n"], {})
CENT = NANO // 100
PRICES = price_list({"input": "1", "cached_input": "0.1", "output": "4"})


def line(
    day: int | None, cents: int | None, usage: Usage | None = None, model: str = "m", kind: LineKind = "usage"
) -> BillLine:
    amount = None if cents is None else Fraction(cents, 100)
    return BillLine("line 2", None if day is None else date(2026, 3, day), model, amount, usage, kind)


def booked(
    day: int, posted: int = 0, failed: int = 0, usage: Usage | None = None, *unresolved: int, model: str = "m"
) -> BookedDay:
    """Cents. Each unresolved call is priced at twice its cost."""
    calls = tuple(
        Unresolved(100 * day + number, 1, 1, 7, cents * CENT, 2 * cents * CENT)
        for number, cents in enumerate(unresolved)
    )
    return BookedDay(
        date(2026, 3, day), model, 7, posted * CENT, failed * CENT, usage or Usage(requests=0), calls, PRICES
    )


def reconciled(lines: list[BillLine], books: list[BookedDay], **more: object) -> tuple[Row, ...]:
    return match(Bill("CSV", "EUR", tuple(lines)), NAMES, books, MARCH, **more)  # type: ignore[arg-type]


K = Usage(1000, 500, 0, 100, requests=0)


@pytest.mark.parametrize(
    ("lines", "books", "difference", "settled", "cause", "detail"),
    [
        ([line(1, 500)], [booked(1, 500)], 0, 0, "agrees", ""),
        ([line(1, 200), line(1, 300)], [booked(1, 400, 100)], 0, 0, "agrees", ""),
        # calls whose cost was not known
        ([line(1, 530)], [booked(1, 500, 0, None, 40, 20)], 0, 30, "settled", "2 calls"),
        ([line(1, 500)], [booked(1, 500, 0, None, 40)], 0, 0, "settled", "1 calls"),
        ([line(1, 600)], [booked(1, 500, 0, None, 40)], 60, 40, "unknown", "1.111 times"),
        # why it differs
        ([line(1, 400)], [booked(1, 400, 50)], -50, 0, "failed-not-billed", "failed attempts"),
        ([line(1, 250)], [booked(1, 500)], -250, 0, "half-price", "batch or flex"),
        ([line(1, 700)], [], 700, 0, "not-booked", "outside of the gateway"),
        ([line(1, 0), line(3, 0)], [booked(2, 500)], -500, 0, "not-on-the-bill", "billed late"),
        ([line(1, 600, K)], [booked(1, 500, 0, K)], 100, 0, "price", "1.2 times"),
        (
            [line(1, 600, K)],
            [booked(1, 500, 0, Usage(1500, 0, 0, 100))],
            100,
            0,
            "cached-tokens",
            "500 of the",
        ),
        (
            [line(1, 600, K)],
            [booked(1, 500, 0, Usage(900, 500, 0, 100))],
            100,
            0,
            "used-elsewhere",
            "100 tokens",
        ),
        (
            [line(1, 400, K)],
            [booked(1, 500, 0, Usage(1001, 500, 0, 100))],
            -100,
            0,
            "counted-less",
            "1 tokens",
        ),
        ([line(1, 600, K)], [booked(1, 500, 0, Usage(1100, 500, 0, 0))], 100, 0, "price", "divided"),
        ([line(1, 719)], [booked(1, 500)], 219, 0, "unknown", "1.438 times"),
    ],
)
def test_what_a_bill_says_of_a_day(
    lines: list[BillLine], books: list[BookedDay], difference: int, settled: int, cause: str, detail: str
) -> None:
    row = max(reconciled(lines, books), key=lambda one: (one.booked, one.billed))
    assert (row.difference, row.settled) == (difference * CENT, settled * CENT)
    assert row.cause == cause
    assert detail in row.detail


def test_half_a_cent_a_line_is_rounding() -> None:
    (row,) = reconciled(
        [line(1, 500), line(1, 0)], [BookedDay(date(2026, 3, 1), "m", 7, 5 * NANO - CENT, 0, K)]
    )
    assert (row.cause, row.difference) == ("rounding", CENT)


def test_a_provider_whose_day_begins_elsewhere() -> None:
    rows = reconciled(
        [line(1, 450), line(2, 550), line(3, 100)], [booked(1, 500), booked(2, 500), booked(3, 90)]
    )
    assert [row.cause for row in rows] == ["day-boundary", "day-boundary", "unknown"]
    assert totals(rows)["difference"] == 10 * CENT


def test_reported_usage_settles_at_the_price_of_the_books() -> None:
    """A usage record tells no money: 1,000 x 1 + 500 x 0.1 + 100 x 4 of a million."""
    (row,) = reconciled([line(1, None, K)], [booked(1, 0, 0, None, 40)])
    assert (row.billed, row.settled, row.difference) == (1_450_000, 1_450_000, 0)
    (settled,) = row.settlements
    assert (settled.cost, settled.price) == (1_450_000, 2_900_000)


def test_a_free_attempt_keeps_its_price() -> None:
    free = Unresolved(5, 1, 1, 7, 0, 3 * CENT)
    (row,) = reconciled([line(1, 0)], [BookedDay(date(2026, 3, 1), "m", 7, 0, 0, K, (free,))])
    assert [(one.cost, one.price) for one in row.settlements] == [(0, 3 * CENT)]


def test_days_that_the_bill_does_not_cover_are_left() -> None:
    rows = reconciled([line(3, 100), line(5, 100)], [booked(day, 100, 0, None, 10) for day in range(1, 8)])
    assert [row.day.day for row in rows if row.day] == [3, 4, 5]
    assert [row.cause for row in rows] == ["settled", "not-on-the-bill", "settled"]


def test_fees_meet_what_was_accrued() -> None:
    lines = [line(1, 100), *(line(1, cents, kind="fee", model="") for cents in (300, 500, 700, -50))]
    rows = reconciled(
        [*lines, line(None, 19, kind="tax", model="")],
        [booked(1, 100)],
        accrued={8: 500 * CENT, 9: 600 * CENT},
    )
    assert [(one.cause, one.contract, one.booked // CENT, one.difference // CENT) for one in rows[1:]] == [
        ("fee", 9, 300, 0),
        ("fee", 8, 500, 0),
        ("fee", 9, 300, 400),
        ("fee", 7, 0, -50),
        ("tax", 7, 0, 19),
    ]


def test_another_currency_is_rounded_once_a_row() -> None:
    lines = [BillLine("line 2", date(2026, 3, 1), "m", Fraction(1, 3), None) for _ in range(3)]
    (row,) = match(Bill("CSV", "USD", tuple(lines)), NAMES, [], MARCH, Fraction("0.925"))
    assert row.billed == 925_000_000


def test_what_does_not_belong_is_refused() -> None:
    with pytest.raises(RechenwerkError, match="line 2: 2026-04-01 is not in 2026-03; say --period"):
        reconciled([BillLine("line 2", date(2026, 4, 1), "m", Fraction(1), None)], [])
    with pytest.raises(
        RechenwerkError, match=r"line 2: the model 'x' is bound to no deployment .* --map 'x=NAME'"
    ):
        reconciled([line(1, 5, model="x")], [])


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**9), max_size=8))
def test_a_split_adds_up_and_follows_the_weights(whole: int, weights: list[int]) -> None:
    whole = min(whole, sum(weights))
    shares = split(whole, weights)
    assert sum(shares) == whole
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))
    total = sum(weights)
    assert all(
        abs(share * total - whole * weight) < total
        for share, weight in zip(shares, weights, strict=True)
        if total
    )


MONEY = st.integers(0, 10_000)


@given(
    st.lists(st.tuples(st.integers(1, 31), MONEY, st.sampled_from("mn")), max_size=12),
    st.lists(
        st.tuples(st.integers(1, 31), MONEY, MONEY, st.lists(MONEY, max_size=3), st.sampled_from("mn")),
        max_size=12,
    ),
)
def test_bill_is_booked_and_settled_and_difference(
    lines: list[tuple[int, int, str]], days: list[tuple[int, int, int, list[int], str]]
) -> None:
    bill = [line(day, cents, None, model) for day, cents, model in lines]
    books = [
        booked(day, posted, failed, None, *open_, model=model) for day, posted, failed, open_, model in days
    ]
    rows = reconciled(bill, books)
    for row in rows:
        assert row.billed == row.booked + row.settled + row.difference
        assert 0 <= row.settled <= row.open
        assert row.settled == sum(one.cost for one in row.settlements)
        assert all(one.cost <= one.call.cost and one.price <= one.call.price for one in row.settlements)
        assert row.settled == row.open or row.difference <= 0
        assert (row.cause in {"agrees", "settled"}) == (row.difference == 0)
    assert totals(rows)["billed"] == sum(cents for _, cents, _ in lines) * CENT


def test_what_lowers_a_month_meets_what_accrued_for_it() -> None:
    """A tier: calls were booked at 1.00, 0.90 is due. A credit: the bill takes back what it had accrued."""
    tier = reconciled([line(1, 90)], [booked(1, 100)], accrued={7: -10 * CENT})
    assert [(one.cause, one.booked // CENT, one.difference // CENT) for one in tier] == [
        ("unknown", 100, -10),
        ("accrued", -10, 10),
    ]
    assert totals(tier)["difference"] == 0
    credit = [line(1, 100), line(1, -100, kind="fee", model="")]
    rows = reconciled(credit, [booked(1, 100)], accrued={7: -100 * CENT})
    assert [(one.cause, one.booked // CENT, one.difference) for one in rows] == [
        ("agrees", 100, 0),
        ("fee", -100, 0),
    ]


def test_an_accrual_that_the_bill_does_not_have_stays() -> None:
    rows = reconciled([line(1, 110)], [booked(1, 100)], accrued={7: -10 * CENT, 8: 500 * CENT})
    assert [(one.cause, one.difference // CENT) for one in rows] == [("unknown", 10)]
