"""Published figures that fill fields, contradict each other and are picked; calibration; bridges."""

from __future__ import annotations

import tomllib

import jsonschema
import numpy as np
import pytest

from rechenwerk.base.errors import PlanError
from rechenwerk.base.toml_reader import MistakesError
from rechenwerk.planner.bridging import bridge
from rechenwerk.planner.explaining import explain
from rechenwerk.planner.figures import picks, side_by_side
from rechenwerk.planner.fitting import calibrate, fit, fragments, months_of, within_span
from rechenwerk.planner.plans import Plan, build, load_plan
from rechenwerk.planner.running import base
from rechenwerk.planner.scenarios import scenario
from rechenwerk.planner.schema import schema
from tests.unit.plan_texts import FOLDER, OPENAI

FILE = """
title = "T"
currency = "EUR"
shown_in = "EUR million"
starts = "2026-Q1"
periods = 8
[opening]
unit = "EUR million"
cash = "= cash"
[policy]
[[driver]]
name = "sold"
unit = "EUR million/quarter"
path = { "2026-Q1" = "= sold", "2027-Q4" = 16 }
[[line]]
name = "sales"
formula = "sold * length()"
unit = "EUR million"
group = "revenue"
[[line]]
name = "need"
formula = "0"
unit = "EUR million"
[[contract]]
name = "c"
kind = "take-or-pay"
need = "need"
total = "= promised"
unit = "EUR million"
first = "2026-Q1"
last = "2027-Q4"
settled = "period"
price = "1 EUR/EUR"
[[funding]]
name = "f"
kind = "equity"
amount = "= money"
unit = "EUR million"
when = "2026-Q2"
[[figure]]
name = "cash"
unit = "EUR thousand"
says = [{ name = "bank", value = 12_000, source = "the bank" }]
[[figure]]
name = "sold"
unit = "EUR million/year"
says = [{ name = "a", value = 8, source = "A" }, { name = "b", value = 16, source = "B" }]
[[figure]]
name = "promised"
title = "Promised to C"
unit = "EUR million"
[[figure.says]]
name = "paper"
value = 8
source = "a paper"
date = "2026-01-02"
status = "contracted"
[[figure.says]]
name = "rumour"
value = 80
source = "the street"
date = "2026-02-03"
status = "announced"
[[figure]]
name = "money"
unit = "EUR million"
says = [
  { name = "letter", value = "5", status = "letter-of-intent" },
  { name = "paid", value = 3, status = "reported" },
]
[[scenario]]
name = "loud"
figure = { promised = "rumour", sold = "b" }
[[scenario]]
name = "firm"
without = ["letter-of-intent", "announced"]
[[scenario]]
name = "firm_and_paid"
figure = { money = "paid" }
without = ["letter-of-intent"]
"""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(FILE)


def of(plan: Plan, name: str, line: str) -> list[float]:
    found: list[float] = (base(build(scenario(plan.written, name)))[line][:, 0] / 1e6).round(6).tolist()
    return found


def test_a_figure_fills_a_field_in_the_fields_own_unit(plan: Plan) -> None:
    assert base(plan)["opening.cash"][0, 0] == 12e6
    assert plan.written.drivers[0].path == {"2026-Q1": 2.0, "2027-Q4": 16}
    assert of(plan, "", "sales")[0] == 2.0
    assert of(plan, "", "c.minimum") == [1.0] * 8


def test_with_the_value_go_its_source_date_and_status(plan: Plan) -> None:
    (contract,) = plan.written.contracts
    assert (contract.source, contract.date, contract.status) == ("a paper", "2026-01-02", "contracted")
    assert explain(plan, base(plan), "c.minimum").source == "a paper"


def test_a_scenario_picks_what_another_source_says(plan: Plan) -> None:
    assert of(plan, "loud", "c.minimum") == [10.0] * 8
    assert of(plan, "loud", "sales")[0] == 4.0
    loud = scenario(plan.written, "loud").contracts[0]
    assert (loud.source, loud.status) == ("the street", "announced")


def test_a_status_that_is_left_out_goes_with_the_value_that_is_picked(plan: Plan) -> None:
    assert sum(of(plan, "", "equity_raised")) == 5
    assert sum(of(plan, "firm", "equity_raised")) == 0
    assert sum(of(plan, "firm_and_paid", "equity_raised")) == 3


def test_what_the_table_says_itself_stays(plan: Plan) -> None:
    text = FILE.replace('price = "1 EUR/EUR"', 'price = "1 EUR/EUR"\nstatus = "conditional"')
    assert load_plan(text).written.contracts[0].status == "conditional"
    assert load_plan(text).written.contracts[0].source == "a paper"
    del plan


def test_a_field_may_name_one_value_for_good(plan: Plan) -> None:
    fixed = load_plan(FILE.replace('"= promised"', '"= promised:rumour"'))
    assert of(fixed, "", "c.minimum") == [10.0] * 8
    other = load_plan(FILE.replace('"= promised"', '"= promised:paper"'))
    assert of(other, "loud", "c.minimum") == [1.0] * 8
    del plan


def test_sources_stand_side_by_side(plan: Plan) -> None:
    found = {(one.figure, one.said.name): one for one in side_by_side(plan.written, contradicting=True)}
    assert ("cash", "bank") not in found
    assert found["promised", "paper"].used_by == ("", "firm", "firm_and_paid")
    assert found["promised", "rumour"].used_by == ("loud",)
    assert found["promised", "paper"].fills == ("c.total",)
    assert found["promised", "rumour"].fills == ("c.total",)


def test_compare_names_what_plans_pick_differently(plan: Plan) -> None:
    plans = [plan.written, scenario(plan.written, "loud")]
    assert picks(plans) == [
        ("sold (EUR million/year)", "8 (a)", "16 (b)"),
        ("Promised to C (EUR million)", "8 (paper)", "80 (rumour)"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"= promised"', '"= promise"', "no figure 'promise' in the file; did you mean 'promised'?"),
        ('"= promised"', '"= promised:papr"', "says no 'papr'; did you mean 'paper'?"),
        ('"= promised"', '"= sold"', "sold is in 'EUR million/year'; total must be in EUR million"),
        ("value = 12_000", 'value = "much"', "'much' is no number"),
        ('says = [{ name = "bank", value = 12_000, source = "the bank" }]', "", "figure 'cash' says nothing"),
        ('name = "rumour"', 'name = "paper"', "says 'paper' twice"),
        ('unit = "EUR thousand"', 'unit = "?"', "is not understood"),
        ('name = "cash"', 'name = "sold"', "figure 'sold' stands here twice"),
    ],
)
def test_a_figure_that_does_not_fit_is_told_with_its_line(old: str, new: str, says: str) -> None:
    assert old in FILE
    with pytest.raises(MistakesError, match=r"^line \d+") as told:
        load_plan(FILE.replace(old, new, 1))
    assert says in " ".join(f"{one.message}; {one.fix}" for one in told.value.mistakes)


@pytest.mark.parametrize(
    ("figure", "says"),
    [
        ('{ promise = "paper" }', "no figure 'promise'"),
        ('{ promised = "papr" }', "says no 'papr'; did you mean 'paper'?"),
    ],
)
def test_a_scenario_that_picks_nothing(figure: str, says: str) -> None:
    text = FILE + f'[[scenario]]\nname = "x"\nfigure = {figure}\n'
    with pytest.raises(MistakesError, match=r"^line \d+") as told:
        load_plan(text)
    assert says in str(told.value)


FIT = """
[[fit]]
name = "f"
title = "Made up"
[[fit.vary]]
driver = "sold"
path = { "2026-Q1" = 3, "2027-Q4" = 20 }
within = "900%"
[[fit.target]]
line = "sales"
unit = "EUR million"
values = { "2026" = 14, "2027" = 40 }
within = 0.01
[[fit.target]]
line = "cash"
unit = "EUR million"
values = { "2026-Q2" = 21 }
within = 100
"""


def test_calibration_finds_the_points_that_lead_to_what_is_published() -> None:
    plan = load_plan(FILE + FIT)
    found = calibrate(plan.written, "f")
    assert [one.model for one in found.fit[:2]] == pytest.approx([14, 40], abs=0.01)
    assert all(one.held for one in found.fit)
    # With the points found in the file, the file is as near.
    path = {one.period: one.found for one in found.points}
    text = FILE.replace(
        '"2026-Q1" = "= sold", "2027-Q4" = 16', ", ".join(f'"{k}" = {v}' for k, v in path.items())
    )
    _, after = fit(load_plan(text + FIT).written, "f")
    assert [one.model for one in after] == pytest.approx([one.model for one in found.fit])
    assert fragments(found.points).startswith('sold: path = { "2026-Q1" = ')


def test_calibration_is_the_same_whatever_the_file_has() -> None:
    one = calibrate(load_plan(FILE + FIT).written, "f")
    other = calibrate(load_plan(FILE.replace('"2027-Q4" = 16', '"2027-Q4" = 160') + FIT).written, "f")
    assert [point.found for point in one.points] == pytest.approx(
        [point.found for point in other.points], rel=1e-4
    )


def test_where_nothing_is_published_the_first_guess_stays() -> None:
    text = FIT.replace('values = { "2026" = 14, "2027" = 40 }', 'values = { "2026" = 14 }')
    text = text.replace("within = 0.01", "within = 1e9")
    found = calibrate(load_plan(FILE + text).written, "f")
    assert [one.found for one in found.points] == pytest.approx([3, 20], rel=1e-2)


def test_spans_of_time() -> None:
    assert months_of("2027") == (2027 * 12, 2027 * 12 + 11)
    assert months_of("2027-Q2") == (2027 * 12 + 3, 2027 * 12 + 5)
    assert months_of("2026..2027-03") == (2026 * 12, 2027 * 12 + 2)
    axis = load_plan(FILE).axis
    assert np.flatnonzero(within_span(axis, "2026-07..2027-Q1")).tolist() == [2, 3, 4]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('driver = "sold"', 'driver = "solt"'), "varies no driver 'solt'; did you mean 'sold'?"),
        (('"2027-Q4" = 20', '"2027-Q3" = 20'), "name periods of its path: 2026-Q1, 2027-Q4"),
        (('"2027-Q4" = 20', '"2027-Q4" = -20'), "points above 0"),
        (('"2027" = 40', '"2029" = 40'), "2029 is not in the plan"),
        (('"2027" = 40', '"2027..2026" = 40'), "ends before it begins"),
        (('"2027" = 40', '"2026-01" = 40'), "shorter than a period"),
        (('"2027" = 40', '"soon" = 40'), "'soon' is no period"),
        (('line = "sales"', 'line = "sale"'), "no line 'sale' in the plan; did you mean 'sales'?"),
    ],
)
def test_what_cannot_be_fitted(change: tuple[str, str], says: str) -> None:
    assert change[0] in FIT
    written = load_plan(FILE + FIT.replace(*change, 1)).written
    with pytest.raises(PlanError) as told:
        calibrate(written, "f")
    assert says in str(told.value)


BRIDGE = """
[[bridge]]
name = "theirs"
unit = "EUR million"
starts = 100
[[bridge.step]]
title = "compute"
published = 60
line = "cost_of_revenue"
[[bridge.step]]
title = "sales"
published = 20
line = "sales"
sign = -1
[[bridge.step]]
title = "a gift"
published = 5
sign = -1
[[bridge.step]]
title = "money"
line = "financing_cash"
sign = -1
[[bridge.step]]
title = "cash before"
line = "opening.cash"
last = "2026-Q1"
sign = -1
"""


def test_a_bridge_leads_from_one_gap_to_the_other_by_hand() -> None:
    """No sales, a contract of 64 that nobody uses, 5 raised, 12 at first: 64 - 17 = 47 are missing."""
    text = FILE.replace('"2026-Q1" = "= sold", "2027-Q4" = 16', '"2026-Q1" = 0').replace(
        "value = 8\n", "value = 64\n"
    )
    found = bridge(load_plan(text + BRIDGE).written, "theirs")
    assert [round(step.adds, 6) for step in found.steps] == [
        60 - 20 - 5 - 100,
        64 - 60,
        20,
        5,
        -5,
        -12,
        0,
    ]
    assert [step.gap for step in found.steps] == pytest.approx([35, 39, 59, 64, 59, 47, 47])
    assert found.ends == pytest.approx(47)
    assert found.rest == pytest.approx(0)


def test_a_bridge_that_forgets_something_shows_it() -> None:
    text = FILE.replace('"2026-Q1" = "= sold", "2027-Q4" = 16', '"2026-Q1" = 0').replace(
        "value = 8\n", "value = 64\n"
    )
    short = BRIDGE[: BRIDGE.index('[[bridge.step]]\ntitle = "cash before"')]
    assert bridge(load_plan(text + short).written, "theirs").rest == pytest.approx(-12)


def test_an_unknown_bridge_and_fit() -> None:
    written = load_plan(FILE + FIT + BRIDGE).written
    with pytest.raises(PlanError, match="did you mean 'theirs'"):
        bridge(written, "their")
    with pytest.raises(PlanError, match="no \\[\\[fit\\]\\] 'g'"):
        fit(written, "g")


def test_the_schema_knows_figures_fits_bridges_and_rounds() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    for text in (OPENAI, (FOLDER / "rounds.toml").read_text(encoding="utf-8")):
        validator.validate(tomllib.loads(text))
    wrong = tomllib.loads(FILE.replace("says = [{", "said = [{", 1))
    assert not validator.is_valid(wrong)
