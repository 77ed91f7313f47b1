"""The market counts exactly, holds the reserve, and nothing beats its hindsight."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rechenwerk.routing.hindsight import bound
from rechenwerk.routing.market import Arrival, Market, Outage, run
from rechenwerk.routing.supply import Vector
from tests.unit.routing_world import OPEN, SECRET, URGENT, WINDOW, evenly, units, world


class Order:
    """The same order for everybody, always."""

    def __init__(self, *order: int) -> None:
        self.supplies = order

    def tick(self, now: float, market: Market) -> None: ...

    def order(self, demand: int, now: float) -> Sequence[int]:
        return self.supplies

    def placed(self, demand: int, supply: int, usage: Vector, now: float) -> None: ...

    def refused(self, demand: int, usage: Vector, now: float) -> None: ...


def test_a_month_by_hand() -> None:
    # Per window 4 units: own takes 1.5 of the open ones (half a unit is kept), bound the other 2.5 at 7.
    tally, trace = run(Order(4, 2, 1), world(10, minimum=200.0), evenly(10, open=4.0), WINDOW, 1)
    assert tally.charges[2] == pytest.approx(10 * 2.5 * 7)
    assert tally.shortfall == pytest.approx(200 - 175)
    assert tally.cost == pytest.approx(200)
    assert tally.used["own"] == pytest.approx(0.75)
    assert sum(share for *_, share in trace) == pytest.approx(200)  # twenty parts a window, each placed whole


def test_a_credit_without_overflow_pays_all_or_nothing() -> None:
    tally, _ = run(Order(3), world(4, credit=50.0), evenly(4, open=2.0), WINDOW, 1)
    assert tally.credited == pytest.approx(50)
    assert tally.refused[0] == pytest.approx(8 - 5)
    assert tally.cost == pytest.approx(3 * OPEN.penalty)


def test_critical_work_draws_what_is_kept() -> None:
    tally, _ = run(Order(4), world(1, own=2.0, kept=0.5), evenly(1, secret=3.0, urgent=1.0), WINDOW, 1)
    assert tally.placed[URGENT.id, 4] + tally.placed[SECRET.id, 4] == pytest.approx(2.0)
    assert tally.placed[SECRET.id, 4] <= 1.5 + 1e-9


def test_an_outage_takes_a_supply_away_at_its_window() -> None:
    out = (Outage(2, WINDOW, 2 * WINDOW),)
    tally, _ = run(Order(2, 1), world(3, outages=out), evenly(3, open=1.0), WINDOW, 1)
    assert tally.placed[0, 1] == pytest.approx(1.0)
    assert tally.placed[0, 2] == pytest.approx(2.0)


def test_hindsight_by_hand() -> None:
    # 12 units to serve; own gives 1.5 in each of 3 windows, the credit pays 2, the minimum of 21 pays 3 more:
    # 2.5 units are left, at 7 each.
    best = bound(world(3, minimum=21.0, credit=20.0), evenly(3, open=4.0))
    assert best.cost == pytest.approx(21 + 2.5 * 7)


volumes = st.floats(0.0, 6.0)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(volumes, volumes, st.floats(0.0, 2.0)), min_size=1, max_size=4),
    st.permutations([1, 2, 3, 4]),
    st.floats(0.0, 80.0),
    st.floats(0.0, 40.0),
)
def test_nobody_beats_hindsight_or_takes_what_is_kept(
    windows: list[tuple[float, float, float]], order: list[int], minimum: float, credit: float
) -> None:
    place = world(len(windows), minimum=minimum, credit=credit)
    arrivals = [
        Arrival(WINDOW * (at + (part + 0.5) / 2), demand, units(volume / 2))
        for at, some in enumerate(windows)
        for part in range(2)
        for demand, volume in enumerate(some)
        if volume > 0
    ]
    tally, trace = run(Order(*order), place, arrivals, WINDOW, 3)
    assert tally.cost >= bound(place, arrivals).cost - 1e-6
    for at in range(len(windows)):
        inside = [
            (arrivals[which].demand, supply, share * arrivals[which].usage[0])
            for which, _, supply, share in trace
            if arrivals[which].at // WINDOW == at
        ]
        own = [(demand, volume) for demand, supply, volume in inside if supply == 4]
        assert sum(volume for _, volume in own) <= 2.0 + 1e-6
        assert sum(volume for demand, volume in own if demand != URGENT.id) <= 1.5 + 1e-6
