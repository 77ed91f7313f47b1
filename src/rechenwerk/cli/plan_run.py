"""What `plan run`, `plan compare` and `plan explain` calculate and show; loaded only by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rechenwerk.cli.plan_output import fitting, loaded, write
from rechenwerk.cli.plan_owners import show_owners
from rechenwerk.cli.show import console, print_json, table
from rechenwerk.planner.engine import Values
from rechenwerk.planner.figures import picks
from rechenwerk.planner.outputs import ByYear, Figure, explain, key_figures, obligations, onerous, services
from rechenwerk.planner.ownership import cap_table, shown
from rechenwerk.planner.plans import Plan, build
from rechenwerk.planner.running import Outcome, base, run
from rechenwerk.planner.scenarios import scenario

_STATEMENTS = (
    "revenue",
    "cost_of_revenue",
    "gross_profit",
    "operating_cost",
    "research_cost",
    "depreciation",
    "operating_profit",
    "net_profit",
    "free_cash_flow",
    "financing_cash",
)
_STOCKS = ("cash", "debt", "equity")


class Asked(msgspec.Struct, frozen=True):
    """What the command line said."""

    file: Path
    scenario: str = ""
    paths: int = 0
    seed: int = -1
    workers: int = 1
    chart: Path | None = None
    as_json: bool = False
    language: str = "en"
    output: Path | None = None


def load(file: Path, name: str = "") -> Plan:
    """A plan in one of its scenarios.

    Raises:
        PlanError, MistakesError: the file or the scenario is wrong.
    """
    return loaded(file, name).plan


def in_scenario(plan: Plan, name: str) -> Plan:
    """A plan as one of its scenarios has it; without a name as it is.

    Raises:
        PlanError: there is no such scenario.
    """
    return build(scenario(plan.written, name)) if name else plan


def simulate(plan: Plan, asked: Asked) -> Outcome:
    """Many paths, with a bar while they are calculated."""
    head = plan.written.head
    paths = asked.paths or head.paths
    seed = asked.seed if asked.seed >= 0 else head.seed

    def calculated(progress: Callable[[int], None] | None) -> Outcome:
        return run(plan, paths=paths, seed=seed, workers=asked.workers, progress=progress)

    if asked.as_json:
        return calculated(None)
    columns = (TextColumn("paths"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(), transient=True) as bar:
        task = bar.add_task("paths", total=paths)
        return calculated(lambda done: bar.update(task, completed=done))


def run_command(asked: Asked) -> None:
    """`plan run`."""
    fitting(asked.output)
    found = loaded(asked.file, asked.scenario)
    plan = found.plan
    values = base(plan)
    outcome = simulate(plan, asked)
    if asked.output is not None:
        write(asked.output, found, values, outcome, asked.language)
    if asked.chart is not None:
        from rechenwerk.cli.plan_chart import draw  # noqa: PLC0415

        draw(asked.chart, plan, values, outcome)
    if asked.as_json:
        print_json(document(plan, values, outcome))
        return
    title = plan.written.head.title + (f", {asked.scenario}" if asked.scenario else "")
    _figures(title, key_figures(plan, values))
    _statements(plan, values)
    _by_year("Unconditional purchase obligations", plan, obligations(plan, values), "later")
    _by_year("Paid and not used (onerous contracts)", plan, onerous(plan, values), "")
    _services(plan, values)
    show_owners(plan, values)
    _fan(plan, outcome)
    for change in found.changes:
        console().print(f"Changed in the workbook: {change}", markup=False)
    if asked.output is not None:
        console().print(f"Written: {asked.output}", markup=False)
    if asked.chart is not None:
        console().print(f"Drawn: {asked.chart}", markup=False)


def _money(amount: float) -> str:
    return f"{amount:,.2f}" if abs(amount) >= 0.005 else "-"


def _figures(title: str, figures: Sequence[Figure]) -> None:
    rows = [
        (one.name, "none" if one.value is None else f"{one.value:,.2f}", one.unit, one.note, one.formula)
        for one in figures
    ]
    table(title, ("", "value", "unit", "", "how"), rows, ("value",))


def _years(plan: Plan) -> tuple[int, ...]:
    return tuple(dict.fromkeys(plan.axis.years))


def _statements(plan: Plan, values: Values) -> None:
    years = _years(plan)
    of = np.asarray(plan.axis.years)
    rows = []
    for name in (*_STATEMENTS, *_STOCKS):
        series = np.broadcast_to(values[name][:, 0], plan.axis.count) / plan.money.scale
        if name in _STOCKS:
            cells = [float(series[of == year][-1]) for year in years]
        else:
            cells = [float(series[of == year].sum()) for year in years]
        if any(cells):
            rows.append((plan.lines[name].title, *(_money(cell) for cell in cells)))
    heads = tuple(str(year) for year in years)
    table(f"By year, as expected ({plan.written.head.shown_in})", ("", *heads), rows, heads)


def _by_year(title: str, plan: Plan, found: ByYear, later: str) -> None:
    if not found.rows:
        return
    heads = (*(str(year) for year in found.years), *([later] if later else []), "in all")
    rows = []
    for name, cells in found.rows:
        shown = cells if later else cells[:-1]
        rows.append((name, *(_money(cell) for cell in shown), _money(sum(cells))))
    table(f"{title} ({plan.written.head.shown_in})", ("contract", *heads), rows, heads)


def _services(plan: Plan, values: Values) -> None:
    rows = [
        (
            one.name,
            _money(one.revenue),
            _money(one.cost),
            _money(one.margin),
            f"{one.margin / one.revenue:.0%}" if one.revenue else "",
        )
        for one in services(plan, values)
    ]
    if rows:
        columns = ("service", "revenue", "cost", "margin", "of revenue")
        table(f"Services, all periods ({plan.written.head.shown_in})", columns, rows, columns[1:])


def _fan(plan: Plan, outcome: Outcome) -> None:
    scale = plan.money.scale
    ends = [at for at in range(plan.axis.count) if at + 1 == plan.axis.count or plan.axis.new_year[at + 1]]
    heads = tuple(f"{level:.0%}" for level in outcome.levels)
    rows = [
        (
            plan.axis.name(at),
            *(_money(value / scale) for value in outcome.bands["cash"].quantiles[:, at]),
            f"{outcome.ruined[at]:.1%}",
        )
        for at in ends
    ]
    title = f"Cash over {outcome.paths:,} paths, seed {outcome.seed} ({plan.written.head.shown_in})"
    table(title, ("end of", *heads, "run out by then"), rows, (*heads, "run out by then"))
    if outcome.violations:
        console().print(
            f"[bold red]{outcome.violations} of {outcome.checked} path-periods do not balance.[/]"
        )
    else:
        console().print(
            f"Balance sheet and cash flow hold in all {outcome.checked:,} path-periods.", markup=False
        )


def document(plan: Plan, values: Values, outcome: Outcome) -> dict[str, Any]:
    """All of it for machines; money in the plan's unit."""
    scale = plan.money.scale
    owners = cap_table(plan, values)
    return {
        "title": plan.written.head.title,
        "unit": plan.written.head.shown_in,
        "periods": plan.axis.names,
        "figures": key_figures(plan, values),
        "base": {
            name: (np.broadcast_to(values[name][:, 0], plan.axis.count) / scale).tolist()
            for name in (*_STATEMENTS, *_STOCKS)
        },
        "obligations": obligations(plan, values),
        "onerous": onerous(plan, values),
        "services": services(plan, values),
        "ownership": None if owners is None else shown(owners),
        "paths": outcome.paths,
        "seed": outcome.seed,
        "levels": outcome.levels,
        "quantiles": {name: (band.quantiles / scale).tolist() for name, band in outcome.bands.items()},
        "mean": {name: (band.mean / scale).tolist() for name, band in outcome.bands.items()},
        "ruined": outcome.ruined.tolist(),
        "gap": (outcome.gap / scale).tolist(),
        "violations": outcome.violations,
        "checked": outcome.checked,
    }


def explain_command(file: Path, line: str, at: str, name: str, *, as_json: bool) -> None:
    """`plan explain`."""
    plan = load(file, name)
    found = explain(plan, base(plan), line, at)
    if as_json:
        print_json(found)
        return
    out = console()
    out.print(f"{found.name} in {found.period}: {found.value:,.4g} {found.unit}", style="bold", markup=False)
    if found.title:
        out.print(found.title, markup=False)
    out.print(f"= {found.formula}" if found.formula else "a figure that is put in", markup=False)
    if found.source:
        out.print(f"source: {found.source}", markup=False)
    if found.inputs:
        rows = [(part, f"{value:,.4g}", unit) for part, value, unit in found.inputs]
        table("made of", ("line", "value", "unit"), rows, ("value",))


def compare_command(file: Path, names: Sequence[str], *, paths: int, as_json: bool) -> None:
    """`plan compare`: scenarios side by side."""
    written = load(file)
    found = []
    for name in list(names) or ["", *(one.name for one in written.written.scenarios)]:
        plan = in_scenario(written, name)
        values = base(plan)
        outcome = simulate(plan, Asked(file, name, paths=paths, as_json=as_json))
        found.append((name or "as written", plan, values, outcome))
    if as_json:
        print_json({name: document(plan, values, outcome) for name, plan, values, outcome in found})
        return
    heads = [name for name, *_ in found]
    rows: list[tuple[str, ...]] = []
    figures = [key_figures(plan, values) for _, plan, values, _ in found]
    for index, one in enumerate(figures[0]):
        cells = [each[index] for each in figures]
        shown = [cell.note or ("none" if cell.value is None else f"{cell.value:,.2f}") for cell in cells]
        rows.append((f"{one.name} ({one.unit})", *shown))
    rows += picks([plan.written for _, plan, *_ in found])
    rows.append(("probability of running out", *(f"{outcome.ruined[-1]:.1%}" for *_, outcome in found)))
    table(written.written.head.title, ("", *heads), rows, heads)
