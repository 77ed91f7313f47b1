"""Formulas, units, and lines calculated for many paths: against plain Python, period by period."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.dimensions import check_unit
from rechenwerk.planner.drivers import BLOCK, Driver, correlated, draw
from rechenwerk.planner.engine import Line, calculate, order
from rechenwerk.planner.formulas import names, read_formula, show
from rechenwerk.planner.units import Unit, read_unit
from tests.plain_plan import axis, plainly

FORMULAS = """
revenue  = users * price * length()
cost     = max(2, 60% * revenue) + if(since("2026-06"), 1, 0)
interest = prev(cash, 50) * 0.5%
cash     = prev(cash, 50) + revenue - cost + interest - tax
losses   = prev(losses) + max(0 - profit, 0) - used
profit   = revenue - cost + interest
used     = min(prev(losses), max(profit, 0))
tax      = (max(profit, 0) - used) * 25%
soFar    = total(tax)
thisYear = year(revenue) / 12
before   = past(revenue, 3) * until("2026-11")
ring     = total(max(prev(ring), 0) / 2 + 1)
square   = -price ^ 2 + abs(cash - 60)
odd      = exp(0 - period() / 10) + log(price) + (cash > 50) + (users == 10) + price / (period() - 3)
turned   = year(prev(turned) * 0.5 + users) + past(turned, 2) * 0.1
late     = prev(late * 0.5 + users, 3) + past(late - price, 2) * 0.1
always   = users * since("2020-01") + users * until("2020-01") - price * until("2020-01") + 0 / price
same     = always
earlier  = prev(prev(same, 7), price) + prev(always) + prev(5, 2)
"""


def lines(text: str) -> list[Line]:
    found = []
    for row in text.strip().splitlines():
        name, _, formula = row.partition("=")
        found.append(Line(name.strip(), read_formula(formula.strip())))
    return found


@given(
    some.lists(some.floats(0.5, 40), min_size=28, max_size=28),
    some.sampled_from(["2026-01", "2026-Q3", "2025-11"]),
)
@settings(max_examples=40, deadline=None)
def test_many_paths_are_each_what_plain_python_says(drawn: list[float], starts: str) -> None:
    program = order(axis(starts, 14), ["users", "price"], lines(FORMULAS))
    users, price = np.asarray(drawn[:14]), np.asarray(drawn[14:])
    inputs = {"users": np.stack([users, users * 2], axis=1), "price": price[:, None]}
    found = calculate(program, inputs)
    for path in range(2):
        plain = plainly(program, {"users": list(inputs["users"][:, path]), "price": list(price)})
        for name, series in plain.items():
            shown = np.broadcast_to(found[name], (14, 2))[:, path]
            np.testing.assert_allclose(shown, series, rtol=1e-9, atol=1e-9, err_msg=name)


def test_what_nobody_needs_any_more_is_dropped() -> None:
    program = order(axis(), ["users", "price"], lines(FORMULAS))
    inputs = {"users": np.full((12, 1), 10.0), "price": np.full((12, 1), 12.0)}
    assert set(calculate(program, inputs, ["cash", "price"])) == {"cash", "price"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = b\nb = prev(a) + c\nc = a", "circular: a needs b needs c needs a in the same period"),
        ("a = a + 1", "circular: a needs a"),
        ("a = usrs", "needs 'usrs', which is nowhere; did you mean 'users'?"),
        ("a = 1\na = 2", "'a' stands twice"),
        ("users = 2", "'users' stands twice"),
    ],
)
def test_lines_that_have_no_order(text: str, says: str) -> None:
    with pytest.raises(PlanError, match=says.replace("?", r"\?").replace("(", r"\(")):
        order(axis(), ["users"], lines(text))


@pytest.mark.parametrize(
    "text",
    [
        "prev(cash, 73) + a * 3%",
        'if(since("2027-01"), x.y, -2 ^ 2)',
        "min(a, b, 1.5e9) <= max(a, 0)",
        "past(a, 3) != 0",
    ],
)
def test_a_formula_that_is_shown_reads_as_the_same(text: str) -> None:
    formula = read_formula(text)
    assert read_formula(show(formula)) == formula


def test_which_names_are_of_earlier_periods() -> None:
    formula = read_formula("prev(cash, opening) + past(a + b, 2) + c")
    assert list(names(formula, lagged=True)) == ["cash", "a", "b"]
    assert list(names(formula, lagged=False)) == ["opening", "c"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a +", "cannot be read"),
        ("a if b else c", "something that no formula has"),
        ("__import__('os').system('x')", "something that no formula has"),
        ("f(x)", "none of min, max"),
        ("total(x, 2)", "gives total 2 arguments"),
        ("past(x, 0)", "a whole number above 0"),
        ("past(x, y)", "a whole number above 0"),
        ("since(2027)", "argument 1 of since"),
        ("a < b < c", "something that no formula has"),
        ("True", "something that no formula has"),
        ("(" * 300 + "a" + ")" * 300, "cannot be read"),
        ("a+" * 3000 + "a", "too long"),
    ],
)
def test_what_is_no_formula(text: str, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        read_formula(text)


@pytest.mark.parametrize(
    ("text", "scale", "shown"),
    [
        ("USD bn", 1e9, "USD"),
        ("EUR/user/month", 12, "EUR/user/year"),
        ("million users", 1e6, "user"),
        ("USD per kWh", 1, "USD/kWh"),
        ("%", 0.01, "1"),
        ("GW", 1e6, "kW"),
        ("thousand GPUhours per day", 365250, "gpuhour/year"),
    ],
)
def test_units(text: str, scale: float, shown: str) -> None:
    unit = read_unit(text)
    assert unit.scale == pytest.approx(scale)
    assert str(unit).lower() == shown.lower()


@pytest.mark.parametrize("text", ["", "  ", "USD/", "/month", "USD+EUR"])
def test_no_units(text: str) -> None:
    with pytest.raises(PlanError, match="unit"):
        read_unit(text)


UNITS = {
    "users": read_unit("users"),
    "price": read_unit("EUR/user/month"),
    "fee": read_unit("EUR bn"),
    "rate": read_unit("%"),
}


@pytest.mark.parametrize(
    ("formula", "unit", "says"),
    [
        ("users * price * length()", "EUR million", ""),
        ("fee * (1 + rate) + 0", "EUR", ""),
        ("max(fee, 5)", "EUR", ""),
        ("if(fee > 1e9, users, 0)", "users", ""),
        ("rate ^ period()", "1", ""),
        ("users * price", "EUR", "is said to be in EUR"),
        ("users + fee", "EUR", "puts user and EUR together"),
        ("if(users < fee, 1, 2)", "1", "puts user and EUR together"),
        ("exp(fee)", "1", "takes a number without a unit"),
        ("fee ^ rate", "EUR", "only be raised to a whole number"),
    ],
)
def test_what_can_be_added_and_what_not(formula: str, unit: str, says: str) -> None:
    if not says:
        check_unit(read_formula(formula), UNITS, read_unit(unit), "x")
        return
    with pytest.raises(PlanError, match=says):
        check_unit(read_formula(formula), UNITS, read_unit(unit), "x")


@pytest.mark.parametrize("noise", ["level", "growth", "walk", "each"])
def test_draws_keep_the_mean(noise: str) -> None:
    driver = Driver("a", (10.0,) * 24, noise, 0.3)  # type: ignore[arg-type]
    factor = correlated([driver], {})
    paths = np.concatenate(
        [draw([driver], factor, axis(count=24), 1, block)["a"] for block in range(20)], axis=1
    )
    np.testing.assert_allclose(paths.mean(axis=1), 10, rtol=0.03)
    spread = np.log(paths).std(axis=1)
    expected = {"level": 0.3, "each": 0.3, "growth": 0.3 * 23 / 12, "walk": 0.3 * 2**0.5}[noise]
    assert spread[-1] == pytest.approx(expected, rel=0.03)


def test_draws_are_correlated_as_said() -> None:
    both = [Driver("a", (1.0,) * 3, "level", 0.2), Driver("b", (1.0,) * 3, "level", 0.1)]
    drawn = draw(both, correlated(both, {("a", "b"): -0.6}), axis(count=3), 7, 0)
    found = np.corrcoef(np.log(drawn["a"][0]), np.log(drawn["b"][0]))[0, 1]
    assert found == pytest.approx(-0.6, abs=0.04)


def test_a_further_driver_changes_nobody_elses_draws() -> None:
    one, two = Driver("a", (1.0,) * 3, "walk", 0.2), Driver("z", (1.0,) * 3, "walk", 0.2)
    alone = draw([one], correlated([one], {}), axis(count=3), 7, 5)["a"]
    together = draw([two, one], correlated([two, one], {}), axis(count=3), 7, 5)["a"]
    np.testing.assert_allclose(alone, together, rtol=1e-11)


def test_few_paths_are_the_first_of_a_block() -> None:
    one = Driver("a", (1.0,) * 3, "walk", 0.2)
    factor = correlated([one], {})
    few, all_ = (
        draw([one], factor, axis(count=3), 7, 0, 10)["a"],
        draw([one], factor, axis(count=3), 7, 0, BLOCK)["a"],
    )
    assert (few == all_[:, :10]).all()


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ({("a", "x"): 0.5}, "no driver with a spread"),
        ({("a", "b"): 1.5}, "between -1 and 1"),
        ({("a", "b"): 0.9, ("b", "c"): 0.9, ("a", "c"): -0.9}, "contradict each other"),
    ],
)
def test_what_is_no_correlation(pairs: dict[tuple[str, str], float], says: str) -> None:
    with pytest.raises(PlanError, match=says):
        correlated([Driver(name, (1.0,), "level", 0.1) for name in "abc"], pairs)


def test_a_scale_is_no_unit() -> None:
    assert read_unit("bn") == Unit(1e9)
