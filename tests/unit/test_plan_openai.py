"""The public case that is shipped: fits, cash-out, bridge, contradictions, owners, and the network around it.

Tolerances: a year's cash flow within 1.5 billion of the published forecast, the sum of 2025 to 2029 within
1 billion, the reported cash of March 2026 within 0.5.
"""

from __future__ import annotations

import pytest

from rechenwerk.cli.plan_deals import deals_of
from rechenwerk.planner.bridging import bridge
from rechenwerk.planner.contagion import falls, run
from rechenwerk.planner.figures import side_by_side
from rechenwerk.planner.fitting import Fitted, calibrate, fit
from rechenwerk.planner.holdings import holdings
from rechenwerk.planner.measures import key_figures
from rechenwerk.planner.ownership import cap_table
from rechenwerk.planner.plans import Plan, build, load_plan
from rechenwerk.planner.running import base
from rechenwerk.planner.running import run as many
from rechenwerk.planner.scenarios import scenario
from tests.unit.plan_texts import DOCS, OPENAI, SHIPPED


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(OPENAI)


def by_line(rows: tuple[Fitted, ...]) -> dict[tuple[str, str], Fitted]:
    return {(one.title, one.span): one for one in rows}


def in_scenario(plan: Plan, name: str) -> Plan:
    return build(scenario(plan.written, name))


@pytest.mark.parametrize(
    ("name", "years", "together"),
    [
        ("q1_2026", {2025: -8, 2026: -25, 2027: -57, 2028: -85, 2029: -51, 2030: 39}, -226),
        ("q3_2025", {2025: -9, 2026: -17, 2027: -35, 2028: -47, 2029: -8, 2030: 38}, -116),
    ],
)
def test_published_cash_flows_follow_from_drivers_and_contracts(
    plan: Plan, name: str, years: dict[int, int], together: int
) -> None:
    found = by_line(fit(plan.written, name)[1])
    for year, published in years.items():
        one = found["Free cash flow", str(year)]
        assert one.published == published
        assert one.model == pytest.approx(published, abs=1.5)
    five = found["Cash flow, five years", "2025..2029"]
    assert five.model == pytest.approx(together, abs=1)
    assert five.published == together == sum(years[year] for year in range(2025, 2030))


@pytest.mark.parametrize("name", ["q1_2026", "q3_2025", "target_100"])
def test_all_that_is_fitted_is_as_near_as_it_says(plan: Plan, name: str) -> None:
    assert [one for one in fit(plan.written, name)[1] if not one.held] == []


@pytest.mark.parametrize("name", ["q1_2026", "q3_2025", "target_100"])
def test_the_points_in_the_file_are_those_that_the_search_finds(plan: Plan, name: str) -> None:
    """From the first guess, not from what the file has; the file's have four digits."""
    for point in calibrate(plan.written, name).points:
        assert point.written == pytest.approx(point.found, rel=2e-3), point


def test_what_was_not_fitted_but_is_published_comes_out_near(plan: Plan) -> None:
    """Payments to Microsoft and what Amazon, Oracle and others are promised, none of it a target."""
    values = base(in_scenario(plan, "plan_q1_2026"))
    months = slice(0, 12)
    microsoft = float(values["azure_before.cash"][months].sum()) / 1e9
    assert microsoft == pytest.approx(17.2, abs=3)
    end = float(values["compute_need"][11, 0]) * 12 / 1e6
    assert end == pytest.approx(1.9, abs=0.3), "gigawatts at the end of 2025"


def test_no_further_tranche_empties_the_cash_late_in_2027(plan: Plan) -> None:
    dry = in_scenario(plan, "no_further_tranche")
    values = base(dry)
    cash = values["cash"][:, 0] / 1e9
    assert cash[dry.axis.index("2026-03")] == pytest.approx(73, abs=0.5)
    figures = {one.name: one for one in key_figures(dry, values)}
    assert figures["runway"].note in {"2027-10", "2027-11", "2027-12"}
    # In November less is left than the next month takes.
    assert cash[dry.axis.index("2027-11")] < 6


def test_scenarios_order_as_they_must(plan: Plan) -> None:
    gaps = {}
    for one in ("plan_q3_2025", "plan_q1_2026", "contracted", "announced", "target_100"):
        other = in_scenario(plan, one)
        gaps[one] = {figure.name: figure.value for figure in key_figures(other, base(other))}
    gap = {name: figures["funding gap"] or 0.0 for name, figures in gaps.items()}
    assert gap["plan_q3_2025"] == gap["target_100"] == 0
    assert 0 < gap["plan_q1_2026"] < gap["contracted"] < gap["announced"]
    # What is only conditional is 35, and nothing else differs in the cash of these two.
    assert gap["contracted"] - gap["plan_q1_2026"] == pytest.approx(35, abs=0.1)
    assert gaps["announced"]["commitments"] == pytest.approx(1270.4)


def test_contradicting_figures_stand_side_by_side(plan: Plan) -> None:
    found = [(one.figure, one.said.name) for one in side_by_side(plan.written, contradicting=True)]
    assert ("revenue_2027", "target") in found
    assert ("revenue_2027", "remark") in found
    assert ("aws_more", "to_100") in found
    used = {one.said.name: one.used_by for one in side_by_side(plan.written) if one.figure == "aws_more"}
    assert used["to_100"] == ("contracted",)
    for one in side_by_side(plan.written):
        assert one.said.source, one
        assert one.said.date, one
        assert one.said.status, one


def test_the_bridge_from_the_published_gap_leaves_nothing_unnamed(plan: Plan) -> None:
    found = bridge(plan.written, "hsbc")
    assert found.starts == 207
    assert found.steps[0].gap == 792 - 282 - 50
    assert found.rest == pytest.approx(0, abs=1e-6)
    dry = in_scenario(plan, "plan_q1_2026")
    figures = {one.name: one.value for one in key_figures(dry, base(dry))}
    assert found.ends == pytest.approx(figures["funding gap"])


def test_owners_after_the_round(plan: Plan) -> None:
    found = cap_table(plan, base(plan))
    assert found is not None
    parts = dict(zip(found.holders, found.parts(-1), strict=True))
    assert sum(parts.values()) == 1
    assert float(found.rounds[0].post_money) == 852e9
    assert float(parts["Microsoft"]) == pytest.approx(0.27 * 730 / 852, abs=1e-6)
    assert float(parts["SoftBank"]) == pytest.approx(0.13, abs=0.001)


def test_identities_hold_on_every_path(plan: Plan) -> None:
    outcome = many(in_scenario(plan, "plan_q1_2026"), paths=500)
    assert outcome.violations == 0
    assert 0.5 < outcome.ruined[-1] < 1


def test_the_network_is_the_same_money_as_the_plan(plan: Plan) -> None:
    """While nobody fails, OpenAI's cash there is that of its plan, quarter by quarter."""
    deals = deals_of(SHIPPED / "openai-deals.toml", "target_100")
    course = run(deals)
    assert not course.failures
    values = base(in_scenario(plan, "target_100"))
    quarterly = values["cash"][14::3, 0] / 1e9
    assert course.cash[:-1, 0] == pytest.approx(quarterly[:-1])
    # A loan that only the network knows is repaid at the end.
    assert course.cash[-1, 0] == pytest.approx(quarterly[-1] + 1.3)
    oracle = [firm.name for firm in deals.firms].index("Oracle")
    assert course.revenue[oracle].sum() == pytest.approx(values["oracle.cash"].sum() / 1e9)


def test_who_falls_when_it_runs_out() -> None:
    course = run(deals_of(SHIPPED / "openai-deals.toml"))
    assert [(one.firm, one.period) for one in course.failures] == [
        ("OpenAI", "2028-Q4"),
        ("Oracle", "2029-Q2"),
    ]
    held = holdings(course)
    lost = {one.holder: one.amount for one in held.losses if one.firm == "OpenAI"}
    assert lost["SoftBank"] == pytest.approx(852 * 0.1295, abs=0.5)
    assert course.returned[4] > 0, "some of Nvidia's revenue is its own money"


def test_who_falls_with_whom_if_all_else_goes_well() -> None:
    worst = falls(deals_of(SHIPPED / "openai-deals.toml", "target_100"))[0]
    assert (worst.firm, worst.falls) == ("OpenAI", ("Oracle",))


PAGE = (DOCS / "openai.md").read_text(encoding="utf-8")


def rows_of(heading: str) -> list[list[str]]:
    """The table of the page that follows a line beginning so, its own head left out."""
    lines = PAGE[PAGE.index(heading) :].splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("|"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_the_page_shows_the_fit_as_it_is(plan: Plan) -> None:
    rows = rows_of("| cash flow, USD bn |")
    for name, forecast, model in (("q1_2026", rows[0], rows[1]), ("q3_2025", rows[2], rows[3])):
        found = by_line(fit(plan.written, name)[1])
        fits = [found["Free cash flow", str(year)] for year in range(2025, 2031)]
        fits.append(found["Cash flow, five years", "2025..2029"])
        assert [float(cell) for cell in forecast[1:]] == [one.published for one in fits]
        assert [float(cell) for cell in model[1:]] == pytest.approx([one.model for one in fits], abs=0.051)


def test_the_page_shows_the_scenarios_as_they_are(plan: Plan) -> None:
    names = ["plan_q3_2025", "plan_q1_2026", "contracted", "announced", "target_100", "no_further_tranche"]
    months = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ]
    for name, (_, out, lowest, committed, unused) in zip(names, rows_of("| scenario |"), strict=True):
        other = in_scenario(plan, name)
        figures = {one.name: one for one in key_figures(other, base(other))}
        when = figures["runway"].note
        shown = f"{months[int(when[5:]) - 1]} {when[:4]}" if when else "never"
        assert out == shown, name
        for cell, figure in (
            (lowest, "lowest cash"),
            (committed, "commitments"),
            (unused, "take-or-pay shortfall"),
        ):
            value = figures[figure].value
            assert value is not None
            assert float(cell.replace(",", "")) == pytest.approx(value, abs=0.51), (name, figure)


def test_the_page_shows_the_bridge_as_it_is(plan: Plan) -> None:
    found = bridge(plan.written, "hsbc")
    first, *rows = rows_of("| | HSBC |")
    assert float(first[-1]) == found.starts
    for row, step in zip(rows, found.steps, strict=True):
        assert float(row[3]) == pytest.approx(step.adds, abs=0.51), row
        assert float(row[4]) == pytest.approx(step.gap, abs=0.51), row
