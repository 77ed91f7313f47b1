"""Double entry of a call: which accounts move."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.ledger.ports import Accounts, Outcome, Transfer
from rechenwerk.ledger.postings import transfers

NAMES = Accounts.__struct_fields__
ACCOUNTS = Accounts(*range(1, len(NAMES) + 1))
MONEY = st.integers(0, 10**15)

BOOKINGS = """
    outcome     price  cost  held | debit             credit   amount
    posted         30    20   100 | cost              payable      20
                                  | receivable        revenue      30
    posted        130    20   100 | cost              payable      20
                                  | receivable        revenue     100
                                  | overrun           revenue      30
    posted         30    20     0 | cost              payable      20
                                  | overrun           revenue      30
    posted         30     0   100 | receivable        revenue      30
    posted          0    20   100 | cost              payable      20
    posted          0     0   100 |
    failed          0    20   100 | failed            payable      20
    failed          0     0   100 |
    unresolved    100    80   100 | unresolved_cost   payable      80
                                  | unresolved_price  revenue     100
    unresolved    130    80   100 | unresolved_cost   payable      80
                                  | unresolved_price  revenue     100
                                  | overrun           revenue      30
    void            0     0   100 |
"""


def bookings() -> list[tuple[str, list[str]]]:
    """Calls of the table, each with its transfers."""
    found: list[tuple[str, list[str]]] = []
    for line in BOOKINGS.strip().splitlines()[1:]:
        call, transfer = (part.strip() for part in line.split("|"))
        if call:
            found.append((call, []))
        if transfer:
            found[-1][1].append(" ".join(transfer.split()))
    return found


def written(booked: tuple[Transfer, ...]) -> list[str]:
    return [f"{NAMES[one.debit - 1]} {NAMES[one.credit - 1]} {one.amount}" for one in booked]


@pytest.mark.parametrize(("call", "expected"), bookings(), ids=[row[0] for row in bookings()])
def test_bookings(call: str, expected: list[str]) -> None:
    outcome, price, cost, held = call.split()
    assert outcome in get_args(Outcome)
    known: Outcome = outcome  # type: ignore[assignment]
    assert written(transfers(known, ACCOUNTS, int(price), int(cost), int(held))) == expected


@given(st.sampled_from(["posted", "unresolved"]), MONEY, MONEY, MONEY)
def test_revenue_gets_the_price_payable_the_cost_and_nobody_more_than_was_held(
    outcome: Outcome, price: int, cost: int, held: int
) -> None:
    booked = transfers(outcome, ACCOUNTS, price, cost, held)
    assert all(one.amount > 0 and one.debit != one.credit for one in booked)
    assert sum(one.amount for one in booked if one.credit == ACCOUNTS.revenue) == price
    assert sum(one.amount for one in booked if one.credit == ACCOUNTS.payable) == cost
    assert sum(one.amount for one in booked if one.debit == ACCOUNTS.overrun) == max(0, price - held)
    charged = {ACCOUNTS.receivable, ACCOUNTS.unresolved_price}
    assert sum(one.amount for one in booked if one.debit in charged) == min(price, held)
