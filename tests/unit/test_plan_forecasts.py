"""Forecasts of months: which way would have been right, and what a quantile costs that is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rechenwerk.planner.forecasting import NAIVE, back_test, forecast, pinball

YEAR = [10.0, 12, 14, 20, 24, 30, 28, 22, 18, 14, 11, 40]


@pytest.mark.parametrize(
    ("said", "actual", "loss"),
    [
        ([8, 10, 12], 10, (0.1 * 2 + 0 + 0.1 * 2) / 3),
        ([8, 10, 12], 13, (0.1 * 5 + 0.5 * 3 + 0.9 * 1) / 3),
        ([8, 10, 12], 5, (0.9 * 3 + 0.5 * 5 + 0.1 * 7) / 3),
    ],
)
def test_what_a_wrong_quantile_costs(said: list[float], actual: float, loss: float) -> None:
    assert pinball(np.asarray(said, dtype=float), actual) == pytest.approx(loss)


def test_a_year_like_the_one_before_is_forecast_by_it() -> None:
    found = back_test(YEAR * 2)
    assert found.naive_wins
    assert forecast(YEAR * 2, 14, found.way).path == pytest.approx([*YEAR, 10, 12])


def test_growth_from_year_to_year_is_found() -> None:
    series = [value * 1.5**year for year in range(3) for value in YEAR]
    found = back_test(series)
    assert found.way == "seasonal growth"
    assert found.loss < found.naive / 5
    assert forecast(series, 12, found.way).path == pytest.approx([value * 1.5**3 for value in YEAR])


def test_growth_from_month_to_month_is_found() -> None:
    series = [100 * 1.03**month for month in range(24)]
    found = back_test(series)
    assert not found.naive_wins
    assert forecast(series, 1, "trend").path[0] == pytest.approx(100 * 1.03**24, rel=1e-6)


def test_a_plan_spreads_as_the_test_did() -> None:
    """Quantiles of a forecast are those of a driver with its noise and spread."""
    rng = np.random.default_rng(5)
    series = (100 * np.exp(0.1 * rng.standard_normal(24))).tolist()
    found = forecast(series, 6, "level")
    assert found.noise == "level"
    assert 0.05 < found.spread < 0.2
    draws = np.asarray(found.path)[0] * np.exp(
        found.spread * rng.standard_normal(200_000) - found.spread**2 / 2
    )
    assert found.quantiles()[:, 0] == pytest.approx(np.quantile(draws, (0.1, 0.5, 0.9)), rel=0.01)


def test_a_walk_widens_with_the_root_of_time() -> None:
    found = forecast([100 * 1.03**month * (1.1 if month % 2 else 0.9) for month in range(24)], 9, "trend")
    low, _, high = np.log(found.quantiles())
    assert (high - low)[8] == pytest.approx(3 * (high - low)[0])


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_a_short_series_is_forecast_and_not_tested(count: int) -> None:
    series = YEAR[:count]
    found = back_test(series)
    assert (found.way, found.origins) == (NAIVE, 0)
    assert forecast(series, 3, found.way).path == pytest.approx([series[-1]] * 3)


@given(some.lists(some.floats(0, 1e9), min_size=1, max_size=40), some.integers(1, 24))
@settings(max_examples=60, deadline=None)
def test_any_series_has_a_forecast_that_is_a_number(series: list[float], months: int) -> None:
    found = back_test(series)
    assert found.loss <= found.naive
    said = forecast(series, months, found.way)
    assert len(said.path) == months
    assert np.isfinite(said.path).all()
    assert (np.asarray(said.path) >= 0).all()
