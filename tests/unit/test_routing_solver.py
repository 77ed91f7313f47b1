"""Programmes that can be solved by hand, forecasts on short series, and what happens when little is known."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from rechenwerk.routing.desk import Desk
from rechenwerk.routing.forecast import Manner, Outlook, Period, Seasonal, kinds
from rechenwerk.routing.hindsight import bound
from rechenwerk.routing.market import Outage, Tally, World, run
from rechenwerk.routing.plan import Plan, Situation
from rechenwerk.routing.rehearsal import Router
from rechenwerk.routing.solver import Habits, Solver, still_to_come
from rechenwerk.routing.strategy import Prices, Strategist, edges
from rechenwerk.routing.supply import Cap, Credit, Demand, Minimum
from rechenwerk.routing.tactics import Rest, Tactician
from tests.unit.routing_world import (
    CREDIT,
    DAY,
    LIST,
    MINIMUM,
    OPEN,
    OWN,
    SECRET,
    UNIT,
    URGENT,
    WINDOW,
    evenly,
    situation,
    supply,
    units,
    world,
)


def prices(case: Situation, *volumes: float, levels: tuple[float, ...] = ()) -> Prices:
    """Of a case in which each window until the end brings so much of each class."""
    cuts = edges(case)
    periods = tuple(Period(a, b, (((b - a) / WINDOW, volumes),)) for a, b in itertools.pairwise(cuts))
    scenarios = tuple(tuple((one,) * len(volumes) for _ in periods) for one in levels)
    return Strategist().prices(case, Outlook(periods, scenarios), tuple(one.usage for one in case.demands))


def minimum(amount: float, drawn: float = 0.0, days: float = 1.0) -> Minimum:
    return Minimum("bound", (2,), amount, drawn, days * DAY)


def test_an_unmet_minimum_makes_its_units_free_and_a_met_one_does_not() -> None:
    volume = DAY / WINDOW
    short = situation(supplies=(LIST, MINIMUM), minimums=(minimum(7 * volume * 2),))
    assert prices(short, 1.0).minimums == pytest.approx((1.0,))
    met = situation(supplies=(LIST, MINIMUM), minimums=(minimum(7 * volume * 0.5),))
    assert prices(met, 1.0).minimums == pytest.approx((0.0,))
    # In half of the scenarios it is reached: half of its price is no cost.
    both = situation(supplies=(LIST, MINIMUM), minimums=(minimum(7 * volume),))
    assert prices(both, 1.0, levels=(0.5, 1.5)).minimums == pytest.approx((0.5,))


def test_a_credit_is_worth_what_it_still_saves() -> None:
    volume = DAY / WINDOW
    much = situation(
        supplies=(LIST, CREDIT), credits=(Credit("credit", (3,), 20 * volume, DAY, overflow=False),)
    )
    assert prices(much, 1.0).credits == pytest.approx((0.0,))
    little = situation(
        supplies=(LIST, CREDIT), credits=(Credit("credit", (3,), 5 * volume, DAY, overflow=False),)
    )
    assert prices(little, 1.0).credits == pytest.approx((1.0,))
    # Beside a supply at 7, a unit of it saves 7 of its 10.
    beside = situation(
        supplies=(LIST, MINIMUM, CREDIT), credits=(Credit("credit", (3,), 5 * volume, DAY, overflow=True),)
    )
    assert prices(beside, 1.0).credits == pytest.approx((0.7,))


def test_a_daily_quota_has_a_price_when_it_will_not_last() -> None:
    quota = Cap("grant", (4,), UNIT, 0.25 * DAY / WINDOW, DAY)
    scarce = situation(supplies=(LIST, OWN), caps=(quota,))
    assert prices(scarce, 1.0).quotas == pytest.approx((10.0,))
    assert prices(scarce, 0.2).quotas == pytest.approx((0.0,))


@pytest.mark.parametrize("tokens", [1.0, 1e6, 1e9])
def test_caps_may_be_counted_in_other_units_than_volumes(tokens: float) -> None:
    volume = DAY / WINDOW
    own = Cap("own", (4,), tuple(tokens * one for one in UNIT), tokens, WINDOW)
    case = situation(
        supplies=(LIST, MINIMUM, CREDIT, OWN),
        caps=(own,),
        credits=(Credit("credit", (3,), 5 * volume, DAY, overflow=False),),
        minimums=(minimum(7 * volume * 0.25),),
    )
    # Two a window: one is free, a quarter is promised, half a one could be paid by the credit, the rest at 7.
    found = prices(case, 2.0)
    assert found.minimums == pytest.approx((0.0,))
    assert found.credits == pytest.approx((0.7,))


def weigh(
    case: Situation, mean: tuple[float, ...], doubt: float, soon: float, scenarios: int = 8
) -> np.ndarray:
    prices_ = Prices((0.0,) * len(case.minimums), (1.0,) * len(case.credits), (0.0,) * len(case.caps))
    rest = Rest(mean, (doubt,) * len(mean), tuple(soon * one for one in mean))
    usage = tuple(one.usage for one in case.demands)
    return Tactician(scenarios).weigh(case, usage, rest, prices_).amounts


def test_open_work_leaves_what_confidential_work_will_need() -> None:
    case = situation(
        supplies=(LIST, MINIMUM), caps=(Cap("bound", (2,), UNIT, 4.0, WINDOW),), demands=(OPEN, SECRET)
    )
    # 4 of room, 4 confidential units to come: nothing of it for open work, although 7 is less than 10.
    assert weigh(case, (4.0, 4.0), 0.05, 0.1)[0].tolist() == pytest.approx([0.4, 0.0])
    # 1 to come, surely: open work goes there.
    assert weigh(case, (2.0, 1.0), 0.05, 0.1)[0].tolist() == pytest.approx([0.0, 0.2])


def test_supplies_that_are_out_get_nothing() -> None:
    case = situation(supplies=(LIST, MINIMUM), down=(2,))
    assert weigh(case, (4.0,), 0.2, 0.1)[0].tolist() == pytest.approx([0.4, 0.0])
    nowhere = situation(supplies=(LIST, MINIMUM), down=(1, 2))
    assert weigh(nowhere, (4.0,), 0.2, 0.1).sum() == pytest.approx(0.0)


def test_what_is_kept_is_not_planned_for_ordinary_work() -> None:
    case = situation(
        supplies=(LIST, OWN), caps=(Cap("own", (4,), UNIT, 2.0, WINDOW, kept=0.5),), demands=(OPEN, URGENT)
    )
    assert weigh(case, (10.0, 0.0), 0.01, 1.0)[0].tolist() == pytest.approx([8.5, 1.5])


def test_the_rest_of_a_window() -> None:
    # Certain of the whole: the rest is what is missing.
    assert still_to_come(10.0, 0.0, 1.0, 4.0, 0.5)[0] == pytest.approx(6.0, rel=0.01)
    # A Poisson process of known rate (variance = lump * mean): what was seen says nothing about the rest.
    assert still_to_come(10.0, 10**-0.5, 1.0, 8.0, 0.5)[0] == pytest.approx(5.0)
    # No idea before: the rest comes as what was seen.
    assert still_to_come(10.0, 100.0, 1e-6, 8.0, 0.5)[0] == pytest.approx(8.0, rel=0.01)
    assert still_to_come(0.0, 0.5, 1.0, 3.0, 0.5)[0] == pytest.approx(3.0)
    # Doubt shrinks as the window goes on.
    late = [still_to_come(10.0, 0.3, 0.1, 10 * part, part) for part in (0.1, 0.5, 0.9)]
    assert late[0][0] * late[0][1] > late[1][0] * late[1][1] > late[2][0] * late[2][1]


def seen(*volumes: float, window: float = 3600.0) -> Seasonal:
    forecast = Seasonal(UNIT, 1, window)
    for at, volume in enumerate(volumes):
        forecast.observe(at * window, [units(volume)])
    return forecast


def test_a_forecast_follows_the_level_it_sees() -> None:
    forecast = seen(*[10.0] * 72)
    assert forecast.present(72 * 3600.0).mean[0] == pytest.approx(10.0)
    for at in range(72, 80):
        forecast.observe(at * 3600.0, [units(20.0)])
    now = forecast.present(80 * 3600.0).mean[0]
    assert 18 < now <= 20
    far = forecast.outlook(80 * 3600.0, [80 * 3600.0, 96 * 3600.0, 192 * 3600.0]).periods[1].kinds
    later = sum(count * volumes[0] for count, volumes in far) / sum(count for count, _ in far)
    assert 10 < later < now


def test_a_forecast_learns_the_hours_of_the_day() -> None:
    days = [20.0 if 8 <= hour % 24 < 20 else 2.0 for hour in range(24 * 7)]
    forecast = seen(*days)
    night, noon = (forecast.profile[hour][0] for hour in (2, 13))
    assert noon > 1.2 > 0.8 > night


def test_without_history_nothing_is_expected_and_doubt_is_large() -> None:
    forecast = Seasonal(UNIT, 2, WINDOW)
    found = forecast.present(0.0)
    assert found.mean == (0.0, 0.0)
    assert min(found.doubt) >= 0.5
    assert found.usage == ((), ())


def test_scenarios_lie_around_the_forecast() -> None:
    forecast = seen(*[10.0] * 72)
    levels = np.array(forecast.outlook(72 * 3600.0, [72 * 3600.0, 96 * 3600.0, 120 * 3600.0]).levels)
    assert levels.shape == (Manner().scenarios, 2, 1)
    assert 0 < levels.min() < 1 < levels.max()


def test_kinds_keep_the_sum() -> None:
    draw = np.random.default_rng(3)
    windows = [(1.0, draw.gamma(2.0, size=3)) for _ in range(200)]
    found = kinds(windows, 6)
    assert len(found) <= 6
    total = sum(count * np.array(volumes) for count, volumes in found)
    assert total == pytest.approx(sum(one for _, one in windows))


def played(place: World, windows: int, history: int = 30, factor: float = 1.0, **volume: float) -> Tally:
    """The whole router over some windows after a history of `factor` times the same demand."""
    forecast = Seasonal(place.measure, len(place.demands), WINDOW)
    usual = [units(factor * volume.get(name, 0.0)) for name in ("open", "secret", "urgent")]
    for at in range(history):
        forecast.observe((at - history) * WINDOW, usual[: len(place.demands)])
    router = Router(place, Solver(forecast), WINDOW, 10.0)
    return run(router, place, evenly(windows, **volume), WINDOW, 2)[0]


@pytest.mark.parametrize(("history", "factor"), [(0, 1.0), (30, 0.5), (30, 1.0), (30, 1.5)])
def test_no_history_or_a_wrong_one_costs_little(history: int, factor: float) -> None:
    place = world(40, minimum=300.0, credit=100.0)
    volume = {"open": 4.0, "secret": 2.0, "urgent": 0.25}
    tally = played(place, 40, history, factor, **volume)
    assert tally.cost <= 1.1 * bound(place, evenly(40, **volume)).cost
    # A market as tight as can be, in twenty lumps a window: the last of a window may find its room taken.
    assert sum(tally.refused.values()) <= 0.02 * sum(tally.volume.values())
    assert tally.refused[URGENT.id] == pytest.approx(0.0)


def test_everything_is_out() -> None:
    out = tuple(Outage(one, 0.0, 10 * WINDOW) for one in (1, 2, 3, 4))
    tally = played(world(5, outages=out), 5, open=1.0)
    assert tally.refused[0] == pytest.approx(5.0)


def test_caps_of_nothing_and_classes_without_demand() -> None:
    tally = played(world(5, own=0.0, kept=0.0), 5, open=1.0)
    assert tally.refused[0] == pytest.approx(0.0)
    assert tally.placed[0, 4] == 0.0


def test_nothing_at_all_to_weigh() -> None:
    empty = situation(supplies=(), demands=())
    quiet = Seasonal(UNIT, 0, WINDOW)
    quiet.observe(-WINDOW, [])  # windows go by, nobody calls
    assert Solver(quiet).solve(empty).choices == ()
    homeless = situation(supplies=(), demands=(Demand(0, "open", UNIT, (), 30.0),))
    assert Desk(Solver(Seasonal(UNIT, 1, WINDOW)).solve(homeless)).order(0, 0.0) == []


def test_a_contract_that_changes_is_seen_at_the_next_solve() -> None:
    forecast = Seasonal(UNIT, 1, WINDOW)
    for at in range(30):
        forecast.observe(at * WINDOW, [units(1.0)])
    solver = Solver(forecast)
    begins = 30 * WINDOW
    before = solver.solve(situation(now=begins, supplies=(LIST, MINIMUM), minimums=(minimum(1e6),)))
    after = solver.solve(situation(now=begins + 5, supplies=(LIST, MINIMUM), minimums=(minimum(0.0),)))
    assert price(before, 2) == pytest.approx(0.0)
    assert price(after, 2) == pytest.approx(7.0)


class Asked(Seasonal):
    """A forecast that notes when it is asked for what is to come."""

    def __init__(self) -> None:
        super().__init__(UNIT, 1, WINDOW)
        self.times: list[float] = []

    def outlook(self, now: float, edges: Sequence[float]) -> Outlook:
        self.times.append(now)
        return super().outlook(now, edges)


def asked(credit_ends: float, until: float) -> list[float]:
    """Seconds at which the strategic programme is solved after a history of half an hour."""
    forecast = Asked()
    for at in range(30):
        forecast.observe((at - 30) * WINDOW, [units(1.0)])
    solver = Solver(forecast)
    for at in range(0, int(until), 5):
        credit = Credit("credit", (3,), 1e4, credit_ends)
        solver.solve(situation(now=float(at), supplies=(LIST, CREDIT), credits=(credit,)))
    return forecast.times


def test_solves_come_closer_at_first_and_before_a_commitment_ends() -> None:
    calm = np.diff(asked(100 * DAY, 3 * 3600.0))
    assert calm[0] == pytest.approx(5.0)
    assert (np.diff(calm) >= -5.0).all()
    assert calm[-1] == pytest.approx(900.0)
    ending = np.diff(asked(3600.0, 3600.0))
    assert ending.max() < 300.0
    assert ending[-3:].max() <= 15.0


def test_what_was_bought_does_not_look_free_while_nothing_is_known() -> None:
    case = situation(
        supplies=(LIST, MINIMUM, CREDIT, OWN),
        credits=(Credit("credit", (3,), 1e3, DAY),),
        minimums=(minimum(1e3),),
    )
    plan = Solver(Seasonal(UNIT, 1, WINDOW)).solve(case)
    assert [price(plan, one) for one in (1, 2, 3, 4)] == pytest.approx([10.0, 7.0, 10.0, 0.0])


def test_what_came_in_the_first_window_is_enough_for_prices() -> None:
    case = situation(now=30.0, supplies=(LIST, MINIMUM), minimums=(minimum(1e6),), arrived=(1.0,))
    plan = Solver(Seasonal(UNIT, 1, WINDOW)).solve(case)
    assert price(plan, 2) == pytest.approx(0.0)


def price(plan: Plan, supply: int) -> float:
    return next(one.price for choice in plan.choices for one in choice.options if one.supply == supply)


def test_without_its_parts_the_router_still_places_everything() -> None:
    place = world(10, minimum=50.0)
    for habits in (Habits(prices=False), Habits(protects=False), Habits(scenarios=1)):
        router = Router(place, Solver(Seasonal(UNIT, 3, WINDOW), habits), WINDOW, 10.0)
        tally, _ = run(router, place, evenly(10, open=2.0, secret=1.0), WINDOW, 2)
        assert sum(tally.refused.values()) == pytest.approx(0.0)


@pytest.mark.parametrize("tiny", [1.0, 1e-6, 1e-9])
def test_prices_of_tokens_are_weighed_like_any_others(tiny: float) -> None:
    dear, cheap = supply(1, "dear", 2.0 * tiny), supply(2, "cheap", 1.0 * tiny)
    demand = Demand(0, "open", UNIT, (1, 2), 30.0 * tiny)
    case = situation(supplies=(dear, cheap), demands=(demand,))
    assert weigh(case, (8.0 / tiny,), 0.05, 0.5)[0].tolist() == pytest.approx([0.0, 4.0 / tiny])
    full = situation(
        supplies=(dear, cheap), demands=(demand,), caps=(Cap("cheap", (2,), UNIT, 1.0 / tiny, WINDOW),)
    )
    assert weigh(full, (8.0 / tiny,), 0.05, 1.0)[0].tolist() == pytest.approx([7.0 / tiny, 1.0 / tiny])
