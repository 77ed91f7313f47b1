"""What `plan run` and `plan explain` calculate and show; loaded only by them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text
from rich.tree import Tree

from rechenwerk.cli.plan_output import fitting, loaded, write
from rechenwerk.cli.plan_owners import show_owners
from rechenwerk.cli.show import console, print_json, table
from rechenwerk.planner import showing
from rechenwerk.planner.engine import Values
from rechenwerk.planner.explaining import DEEP, Explained, explain
from rechenwerk.planner.late import late
from rechenwerk.planner.measures import key_figures
from rechenwerk.planner.plans import Plan, build
from rechenwerk.planner.results import document
from rechenwerk.planner.running import Outcome, base, run
from rechenwerk.planner.scenarios import scenario
from rechenwerk.planner.showing import Shown
from rechenwerk.planner.words import Words


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
    by_period: bool = False


_LATE = "{name} comes in {when}, after cash ran out in {out}: bring it forward, or find {gap} until then."


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
    said = Words(asked.language)("paths")
    columns = (TextColumn(said), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(), transient=True) as bar:
        task = bar.add_task(said, total=paths)
        return calculated(lambda done: bar.update(task, completed=done))


def show(one: Shown) -> None:
    """A table, if there is anything in it."""
    if one.rows:
        table(one.title, one.columns, one.rows, tuple(one.columns[at] for at in one.right))


def run_command(asked: Asked) -> None:
    """`plan run`."""
    words = Words(asked.language)
    fitting(asked.output)
    found = loaded(asked.file, asked.scenario)
    plan = found.plan
    values = base(plan)
    outcome = simulate(plan, asked)
    if asked.output is not None:
        write(asked.output, found, values, outcome, asked.language)
    if asked.chart is not None:
        from rechenwerk.cli.plan_chart import draw  # noqa: PLC0415

        draw(asked.chart, plan, values, outcome, words)
    if asked.as_json:
        print_json(document(plan, values, outcome))
        return
    title = plan.written.head.title + (f", {asked.scenario}" if asked.scenario else "")
    show(showing.figures(title, key_figures(plan, values), words))
    show(showing.statements(plan, values, words, by_period=asked.by_period))
    for one in showing.year_tables(plan, values, words):
        show(one)
    show(showing.contract_table(plan, values, words))
    for one in showing.service_tables(plan, values, words):
        show(one)
    show_owners(plan, values, words)
    show(showing.fan(plan, outcome, words))
    _show_late(plan, values, words)
    out, checked = console(), words.number(outcome.checked, 0)
    if outcome.violations:
        wrong = words.number(outcome.violations, 0)
        said = words("{wrong} of {checked} path-periods do not balance.", wrong=wrong, checked=checked)
        out.print(said, style="bold red", markup=False)
    else:
        said = words("Balance sheet and cash flow hold in all {checked} path-periods.", checked=checked)
        out.print(said, markup=False)
    for change in found.changes:
        out.print(words("Changed in the workbook: {change}", change=change), markup=False)
    if asked.output is not None:
        out.print(words("Written: {file}", file=asked.output), markup=False)
    if asked.chart is not None:
        out.print(words("Drawn: {file}", file=asked.chart), markup=False)


def _show_late(plan: Plan, values: Values, words: Words) -> None:
    for one in late(plan, values):
        gap = f"{words.number(one.gap, 2)} {plan.written.head.shown_in}"
        said = words(_LATE, name=one.name, when=one.when, out=one.out, gap=gap)
        console().print(said, style="yellow", markup=False)


class Question(msgspec.Struct, frozen=True):
    """What `plan explain` is asked."""

    name: str
    at: str = ""
    deep: int = DEEP
    scenario: str = ""
    language: str = "en"
    as_json: bool = False


def explain_command(file: Path, asked: Question) -> None:
    """`plan explain`."""
    plan = load(file, asked.scenario)
    found = explain(plan, base(plan), asked.name, asked.at, asked.deep)
    if asked.as_json:
        print_json(found)
        return
    words = Words(asked.language)
    tree = Tree(_said(found, words))
    _branches(tree, found, words)
    console().print(tree)


def _branches(tree: Tree, found: Explained, words: Words) -> None:
    for one in found.inputs:
        _branches(tree.add(_said(one, words)), one, words)


def _said(one: Explained, words: Words) -> Text:
    """A figure in one or two lines: its value; its formula or where it comes from."""
    how = f" ({words(one.how)})" if one.how else ""
    value = words.amount(one.value, one.unit)
    unit = "" if one.unit in {"share", "1"} or one.value is None else f" {words(one.unit)}"
    when = one.period or words("all periods")
    said = Text.assemble((one.name, "bold"), f"{how} = ", (f"{value}{unit}", "bold cyan"), f"  {when}")
    if one.note:
        said.append(f"  {one.note}")
    title = words(one.title)
    if title and title != one.name:
        said.append(f"  {title}", "dim")
    formula = words(one.formula) if one.formula else words("a figure that is put in")
    said.append(f"\n= {formula}" if one.formula else f"\n{formula}", "green" if one.formula else "dim")
    told = [one.source, one.date, words(one.status)] if one.source or one.date else [words(one.status)]
    if any(told):
        said.append("  [" + ", ".join(part for part in told if part) + "]", "dim")
    return said
