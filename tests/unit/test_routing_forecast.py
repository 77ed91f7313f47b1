"""What a forecast learns of the week, what its scenarios keep, and how a steady error is taken out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rechenwerk.routing.corrected import Corrected
from rechenwerk.routing.forecast import Forecast, Manner, Seasonal
from rechenwerk.routing.foresight import Biased
from tests.unit.routing_world import UNIT, units

HOUR, DAY = 3600.0, 86400.0
WORK = (20.0, 20.0, 20.0, 20.0, 20.0, 4.0, 4.0)
"""Volume per hour from Monday to Sunday; the epoch's days are counted from its first."""


def fed(forecast: Forecast, days: int, *volumes: float, begins: int = 0) -> None:
    """Observe whole days, hour by hour; `volumes` by day of the week."""
    for hour in range(24 * days):
        at = begins + hour // 24
        forecast.observe(begins * DAY + hour * HOUR, [units(volumes[at % len(volumes)])])


def daily(forecast: Forecast, now: float, days: int) -> list[float]:
    """Volume per hour that is expected of the days to come."""
    cuts = [now + DAY * one for one in range(days + 1)]
    periods = forecast.outlook(now, cuts).periods
    return [sum(count * volumes[0] for count, volumes in one.kinds) / 24 for one in periods]


def test_days_of_the_week_are_learnt() -> None:
    forecast = Seasonal(UNIT, 1, HOUR)
    fed(forecast, 28, *WORK)
    expected = daily(forecast, 28 * DAY, 7)
    assert min(expected[:5]) > 1.8 * max(expected[5:])


def test_one_week_counts_little_and_more_weeks_more() -> None:
    spreads = []
    for weeks in (1, 2, 4):
        forecast = Seasonal(UNIT, 1, HOUR)
        fed(forecast, 7 * weeks + 1, *WORK)
        spreads.append(float(forecast.week.max() / forecast.week.min()))
    assert 1.3 < spreads[0] < spreads[1] < spreads[2] < 5.0


def test_before_a_week_was_seen_all_days_are_alike() -> None:
    forecast = Seasonal(UNIT, 1, HOUR)
    fed(forecast, 6, *WORK)
    assert forecast.week.tolist() == [1.0] * 7


def test_a_new_profile_of_the_week_leaves_the_level_of_now() -> None:
    forecast = Seasonal(UNIT, 1, HOUR)
    fed(forecast, 7, *WORK)
    forecast.observe(7 * DAY, [units(20.0)])
    # The seventh day was quiet: the jump back is expected in part before it is seen.
    assert 4.0 < forecast.present(7 * DAY + HOUR).mean[0] <= 20.5


def test_scenarios_keep_the_mean() -> None:
    forecast = Seasonal(UNIT, 3, HOUR, Manner(scenarios=400))
    for hour in range(96):
        forecast.observe(hour * HOUR, [units(one) for one in (10.0, 4.0, 1.0 + hour % 3)])
    cuts = [96 * HOUR + DAY * one for one in range(4)]
    levels = np.array(forecast.outlook(96 * HOUR, cuts).levels)
    assert levels.mean(axis=0) == pytest.approx(np.ones((3, 3)), abs=0.12)
    assert levels.std(axis=0).min() > 0.15


@pytest.mark.parametrize("factor", [0.5, 1.5, 3.0])
def test_a_steady_error_is_taken_out(factor: float) -> None:
    usual = Seasonal(UNIT, 1, HOUR)
    corrected = Corrected(Biased(usual, factor), UNIT)
    fed(corrected, 4, 10.0)
    assert corrected.present(4 * DAY).mean[0] == pytest.approx(10.0, rel=0.15)
    assert daily(corrected, 4 * DAY, 2) == pytest.approx([10.0, 10.0], rel=0.15)


def test_a_forecast_that_is_about_right_is_left_alone() -> None:
    draw = np.random.default_rng(5)
    corrected = Corrected(Seasonal(UNIT, 1, HOUR), UNIT)
    for hour in range(96):
        corrected.observe(hour * HOUR, [units(float(draw.gamma(4.0, 2.5)))])
        assert corrected.factor == 1.0


def test_nothing_expected_and_nothing_seen_corrects_nothing() -> None:
    corrected = Corrected(Seasonal(UNIT, 1, HOUR), UNIT)
    assert corrected.factor == 1.0
    for hour in range(5):
        corrected.observe(hour * HOUR, [units(0.0)])
    assert corrected.factor == 1.0
    found = corrected.outlook(5 * HOUR, [5 * HOUR, 29 * HOUR])
    assert all(volume == 0.0 for one in found.periods for _, volumes in one.kinds for volume in volumes)
    assert list(itertools.pairwise([5 * HOUR, 29 * HOUR])) == [
        (one.begins_at, one.ends_at) for one in found.periods
    ]
