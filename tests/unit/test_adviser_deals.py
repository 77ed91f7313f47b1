"""One offer, or a stack of them, over a load duration curve: by hand, by brute force, by linear programme."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import highspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rechenwerk.base.money import NANO
from rechenwerk.contracts.curves import Curve
from rechenwerk.contracts.deals import Deal, around, stack, stack_cost
from rechenwerk.contracts.offers import Offer


def curve(*loads: int) -> Curve:
    """Whole units of demand per hour."""
    return Curve((load * NANO, NANO) for load in loads)


def deal(
    hold: str,
    hours: int,
    use: str = "0",
    beyond: str | None = None,
    on_demand: str = "1",
    name: str = "offer",
    **more: int,
) -> Deal:
    """An offer of a unit per hour for one piece; prices in whole money per hour and unit."""
    offer = Offer(
        name=name,
        interval="hour",
        term_months=1,
        capacity=more.pop("capacity", 1) * NANO,
        hold=Fraction(hold) * NANO,
        hold_per="hour",
        use=Fraction(use) * NANO,
        beyond=None if beyond is None else Fraction(beyond) * NANO,
        **more,
    )
    return Deal(offer, offer.hold * hours, Fraction(on_demand) * NANO)


# By hand: demand of four hours, 1 per unit on demand, so 80 without any commitment.
#   hold  use  beyond  min step most  best  cost  why
HAND = """
   0.50  0    -       1   1    -     10    60    above 10 half of the hours; at 20 it costs the same
   0.49  0    -       1   1    -     20    59.2  20 x 4 x 0.49 + 20 beyond
   0.24  0    -       1   1    -     40    38.4  the top is used a quarter of the time: 40 x 4 x 0.24
   0.25  0    -       1   1    -     20    40    20 x 4 x 0.25 + 20: the next 20 would cost as much
   1     0    -       1   1    -      0    80    full use only pays it back
   0.50  0.2  -       1   1    -     10    68    20 held, 8 used, 40 beyond
   0.80  0.2  -       1   1    -      0    80    never pays
   0.49  0    -       1   8    -     17    59.32 1, 9, 17 or 25 pieces: 33.32 + 3 + 23
   0.49  0    -      30   1    -     30    68.8  at least 30: 58.8 + 10
   0.49  0    -      60   1    -      0    80    at least 60 is too much
   0.49  0    -       1   1   15     15    59.4  at most 15: 29.4 + 5 + 25
   0.90  0    0.9     2   1    -      2    72    nine tenths of everything: the smallest commitment will do
   0.90  0    0.9    19   1    -      0    80    19 pieces are used in half of the hours only: 68.4 + 19.8
"""


def test_the_best_commitment_by_hand() -> None:
    demand = curve(10, 10, 20, 40)
    for line in HAND.strip().splitlines():
        hold, use, beyond, least, step, most, best, cost, *_ = line.split()
        more: dict[str, Any] = {"minimum": int(least), "step": int(step)}
        if most != "-":
            more["most"] = int(most)
        one = deal(hold, 4, use, None if beyond == "-" else beyond, **more)
        pieces = one.best(demand)
        assert pieces == int(best), line
        assert one.cost(demand, pieces) == Fraction(cost) * NANO, line


LOADS = st.lists(st.integers(0, 60), min_size=1, max_size=30).filter(any)
PRICES = st.decimals("0", "1.2", places=2).map(str)


@given(LOADS, PRICES, st.decimals("0", "1", places=2).map(str), st.integers(1, 9), st.integers(1, 7))
def test_the_best_commitment_beats_every_other(
    loads: list[int], hold: str, use: str, minimum: int, step: int
) -> None:
    one, demand = deal(hold, len(loads), use, minimum=minimum, step=step), curve(*loads)
    best = one.best(demand)
    grid = [0, *range(minimum, 100, step)]
    assert best in grid
    assert all(one.cost(demand, best) <= one.cost(demand, pieces) for pieces in grid)


@given(LOADS, PRICES, st.integers(1, 5), st.integers(1, 5), st.none() | st.integers(5, 20))
def test_the_cautious_commitment_has_the_least_worst_regret(
    loads: list[int], hold: str, minimum: int, step: int, most: int | None
) -> None:
    more: dict[str, Any] = {"minimum": minimum, "step": step} | ({} if most is None else {"most": most})
    one = deal(hold, len(loads), **more)
    futures = [Curve((load * share * NANO // 10, NANO) for load in loads) for share in (10, 7, 13)]
    bests = [one.cost(future, one.best(future)) for future in futures]

    def worst(pieces: int) -> Fraction:
        regrets = [one.cost(future, pieces) - best for future, best in zip(futures, bests, strict=True)]
        assert min(regrets) >= 0
        return max(regrets)

    cautious = one.cautious(futures)
    grid = [0, *range(minimum, (most or 100) + 1, step)]
    assert cautious in grid
    assert all(worst(cautious) <= worst(pieces) for pieces in grid)


def test_break_even_is_where_a_piece_costs_what_on_demand_would() -> None:
    demand = curve(10, 10, 20, 40)
    assert deal("0.5", 4).break_even(demand) == Fraction(1, 2)
    assert deal("0.5", 4, "0.2").break_even(demand) == Fraction(5, 8)
    assert deal("1.2", 4).break_even(demand) == Fraction(6, 5)
    assert deal("0", 4, "1").break_even(demand) is None
    for share in (1, 2, 3, 4):  # a piece that is used so many hours of four, at a break-even of three
        used = curve(*[1] * share, *[0] * (4 - share))
        one = deal("0.75", 4)
        assert (one.cost(used, 1) < one.cost(used, 0)) is (share > 3)
        assert (one.cost(used, 1) == one.cost(used, 0)) is (share == 3)


def test_the_worst_case_is_to_pay_for_nothing() -> None:
    one = deal("0.5", 4)
    assert one.sunk(10) == 20 * NANO == one.cost(curve(0, 0, 0, 0), 10)
    assert one.used(curve(10, 10, 20, 40), 20) == Fraction(60, 80)
    assert one.used(curve(1), 0) is None


@pytest.mark.parametrize(
    ("minimum", "step", "most", "level", "pieces"),
    [
        (1, 1, None, 0, (1, 2)),
        (1, 1, None, 7, (7, 8)),
        (15, 5, None, 22, (20, 25)),
        (15, 5, None, 3, (15, 20)),
        (15, 5, 17, 40, (15, 15)),
        (1, 1, 4, 9, (4, 4)),
    ],
)
def test_pieces_come_in_steps(
    minimum: int, step: int, most: int | None, level: int, pieces: tuple[int, int]
) -> None:
    offer = Offer("o", "hour", 1, NANO, Fraction(1), "hour", minimum=minimum, step=step, most=most)
    assert around(offer, level * NANO + NANO // 2) == pieces


# Stacks


def programme(loads: list[int], deals: list[Deal]) -> float:
    """The least cost if offers came in any size: what HiGHS says."""
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.silent()
    solver.setOptionValue("threads", 1)  # as everywhere: HiGHS has one pool of threads for all its models
    cost = 0.0
    levels = [solver.addVariable(lb=0) for _ in deals]
    cost = sum(float(one.hold / NANO) * level for one, level in zip(deals, levels, strict=True))
    for load in loads:
        served = [solver.addVariable(lb=0) for _ in deals]
        plain = solver.addVariable(lb=0)
        solver.addConstr(sum(served) + plain == load)
        for one, part, level in zip(deals, served, levels, strict=True):
            solver.addConstr(part <= level)
            cost += float(one.offer.use / NANO) * part
        cost += float(deals[0].on_demand / NANO) * plain
    solver.minimize(cost)
    return float(solver.getInfo().objective_function_value)


OFFERS = st.lists(st.tuples(PRICES, st.decimals("0", "1", places=2).map(str)), min_size=1, max_size=4)


@given(LOADS, OFFERS)
def test_a_stack_of_small_pieces_costs_what_the_linear_programme_says(
    loads: list[int], offers: list[tuple[str, str]]
) -> None:
    deals = [deal(hold, len(loads), use, name=str(n)) for n, (hold, use) in enumerate(offers)]
    demand = curve(*loads)
    found = stack(demand, deals)
    bound = programme(loads, deals)
    # Levels of demand are whole pieces here, so that the best of any size is one of whole pieces.
    assert float(found.bound / NANO) == pytest.approx(bound, abs=1e-6)
    assert found.cost == found.bound
    assert found.cost == stack_cost(demand, deals, found.pieces)


@given(LOADS, OFFERS, st.integers(2, 9), st.integers(1, 4))
def test_a_stack_is_never_dearer_than_one_offer_alone_nor_cheaper_than_its_bound(
    loads: list[int], offers: list[tuple[str, str]], minimum: int, step: int
) -> None:
    deals = [
        deal(hold, len(loads), use, name=str(n), minimum=minimum, step=step)
        for n, (hold, use) in enumerate(offers)
    ]
    demand = curve(*loads)
    found = stack(demand, deals)
    assert found.bound <= found.cost
    for one in deals:
        assert found.cost <= one.cost(demand, one.best(demand))
    assert all(count == 0 or count >= minimum for count in found.pieces)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=8).filter(any), PRICES, PRICES, st.integers(1, 4))
def test_a_stack_of_two_offers_in_large_pieces_is_the_best_of_all(
    loads: list[int], first: str, second: str, minimum: int
) -> None:
    deals = [
        deal(first, len(loads), "0", name="a", minimum=minimum, step=2),
        deal(second, len(loads), "0.3", name="b", capacity=3),
    ]
    demand = curve(*loads)
    every = [(stack_cost(demand, deals, (a, b)), a, b) for a in (0, *range(minimum, 16, 2)) for b in range(6)]
    assert stack(demand, deals).cost == min(every)[0]


def test_a_stack_by_hand() -> None:
    """Base load where holding is dear and use free, the middle where use is dear, peaks on demand."""
    #   units     hours    share   hold 0.5, use 0   hold 0.1, use 0.7   on demand 1
    #   1 to 10   10/10    1.0     0.50 <-           0.80                1.00
    #   11 to 20   6/10    0.6     0.50 <-           0.52                0.60
    #   21 to 30   4/10    0.4     0.50              0.38 <-             0.40
    #   31 to 40   2/10    0.2     0.50              0.24                0.20 <-
    demand = curve(*[10] * 4, *[20] * 2, *[30] * 2, *[40] * 2)
    deals = [deal("0.5", 10, name="base"), deal("0.1", 10, "0.7", name="middle")]
    found = stack(demand, deals)
    assert found.pieces == (20, 10)
    assert found.cost == (100 + (10 + 28) + 20) * NANO
