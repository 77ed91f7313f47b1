"""Baselines on markets so small that their cost is known."""

from __future__ import annotations

from collections import Counter

import pytest

from rechenwerk.routing.baselines import BASELINES, Book, Fixed, static
from rechenwerk.routing.market import Arrival, Market, Tally, World, run
from rechenwerk.routing.supply import Cap, Credit, Demand, Minimum, Supply, Vector

WINDOW = 10.0
UNIT: Vector = (1.0, *([0.0] * 7))
KINDS = {1: "on-demand", 2: "take-or-pay", 3: "prepaid-credit", 4: "provisioned", 5: "grant"}
LISTS = {1: 5.0, 2: 4.0, 3: 6.0, 4: 7.0, 5: 0.0}
MARGINS = {1: 5.0, 2: 4.0, 3: 6.0, 4: 0.0, 5: 0.0}
NAMES = {1: "open", 2: "bound", 3: "credit", 4: "own", 5: "gift"}


def priced(price: float) -> Vector:
    return tuple(price * one for one in UNIT)


def market(*, windows: int = 4, minimum: float = 24.0, credit: float = 12.0, gift: float = 0.0) -> World:
    """Five supplies; `own` takes one unit a window, `gift` so much over all windows."""
    last = windows * WINDOW
    return World(
        measure=UNIT,
        supplies=tuple(Supply(one, NAMES[one], priced(MARGINS[one])) for one in NAMES),
        caps=(
            Cap("own", (4,), UNIT, 1.0, WINDOW),
            Cap("gift", (5,), UNIT, gift, last),
        ),
        credits=(Credit("credit", (3,), credit, last, overflow=False),),
        minimums=(Minimum("bound", (2,), minimum, 0.0, last),),
        demands=(Demand(0, "all", UNIT, (1, 2, 3, 4, 5), 50.0),),
        begins_at=0.0,
        ends_at=last,
    )


def units(world: World, per_window: int) -> list[Arrival]:
    """So many units in each window, one after the other."""
    count = round(world.ends_at / WINDOW)
    return [
        Arrival(WINDOW * (window + (at + 0.5) / per_window), 0, UNIT)
        for window in range(count)
        for at in range(per_window)
    ]


def book(world: World, seed: int = 0) -> Book:
    return Book(world, KINDS, {one: priced(price) for one, price in LISTS.items()}, seed)


def played(name: str, world: World, per_window: int = 3) -> Tally:
    policy = BASELINES[name].make(book(world), WINDOW)
    return run(policy, world, units(world, per_window), WINDOW, 1)[0]


def went(tally: Tally) -> dict[str, int]:
    """Units by supply, those that got none left out."""
    return {NAMES[supply]: round(units) for (_, supply), units in tally.placed.items() if units > 0.01}


@pytest.mark.parametrize(
    ("name", "expected", "cost"),
    [
        # 12 units; the minimum of 24 is 6 units of `bound` at 4; the credit of 12 is 2 units at 6.
        ("list-price", {"bound": 12}, 48.0),  # gift is empty, own counts as dear as 7
        ("list-price-sunk", {"own": 4, "bound": 8}, 32.0),
        ("as-given", {"open": 12}, 60.0 + 24.0),
        ("commitments-first", {"bound": 12}, 48.0),
        ("paid-first", {"own": 4, "credit": 2, "bound": 6}, 24.0),
    ],
)
def test_orders_that_never_change(name: str, expected: dict[str, int], cost: float) -> None:
    tally = played(name, market())
    assert went(tally) == expected
    assert tally.cost == pytest.approx(cost)


def test_a_gift_is_first_for_whoever_goes_by_price() -> None:
    tally = played("list-price", market(gift=5.0))
    assert went(tally) == {"gift": 5, "bound": 7}
    assert tally.cost == pytest.approx(28.0)


def test_an_order_by_names_leaves_the_others_out() -> None:
    world = market()
    tally, _ = run(static(book(world), ["own", "credit"]), world, units(world, 3), WINDOW, 1)
    assert went(tally) == {"own": 4, "credit": 2}
    assert tally.refused[0] == pytest.approx(6.0)
    assert tally.cost == pytest.approx(6 * 50.0 + 24.0)


def test_who_may_not_is_never_asked() -> None:
    policy = Fixed({0: (2, 4)})
    assert policy.order(0, 0.0) == (2, 4)


def test_at_random_by_capacity() -> None:
    # Per window: own 1, gift 3 (12 over 4 windows), credit half a unit; without a cap as the largest: 3.
    world = market(gift=12.0)
    policy = BASELINES["random"].make(book(world), WINDOW)
    first = Counter(policy.order(0, 0.0)[0] for _ in range(20_000))
    total = 1 + 3 + 0.5 + 3 + 3
    for supply, weight in {1: 3, 2: 3, 3: 0.5, 4: 1, 5: 3}.items():
        assert first[supply] / 20_000 == pytest.approx(weight / total, abs=0.012), supply


def test_at_random_is_the_same_for_a_seed() -> None:
    world = market()
    orders = [
        [BASELINES["random"].make(book(world, seed), WINDOW).order(0, 0.0) for _ in range(3)]
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


def test_linear_pacing_keeps_the_course() -> None:
    world = market(windows=8, minimum=32.0, credit=0.0)  # a unit a window
    policy = BASELINES["linear-pacing"].make(book(world), WINDOW)
    place = Market(world)
    drawn = []
    for window in range(8):
        now = window * WINDOW
        place.advance(now)
        policy.tick(now, place)
        first = policy.order(0, now)[0]
        drawn.append(first)
        place.drawn[0] += 4.0 if first == 2 else 0.0
    assert drawn == [2] * 8, "behind the course in every window, so first in every window"
    policy.tick(80.0, place)
    place.drawn[0] = 33.0
    policy.tick(90.0, place)
    assert policy.order(0, 90.0)[0] != 2


def test_dual_descent_uses_a_credit_at_its_pace() -> None:
    tally = played("dual-descent", market(windows=60, minimum=0.0, credit=60 * 6.0), per_window=3)
    # 180 units, own takes 60, the credit pays for 60 units: it is drawn, and not all at once.
    assert 30 <= went(tally)["credit"] <= 60
    assert tally.refused[0] == 0


@pytest.mark.parametrize("name", BASELINES)
def test_all_place_everything_that_fits(name: str) -> None:
    world = market(windows=12, gift=6.0)
    tally = played(name, world, per_window=4)
    assert sum(tally.placed.values()) == pytest.approx(48.0)
    assert tally.penalties == 0
