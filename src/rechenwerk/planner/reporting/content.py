"""What a report of a plan says, whatever it is rendered as."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from rechenwerk.planner import showing
from rechenwerk.planner.differences import bridge, said
from rechenwerk.planner.engine import Values
from rechenwerk.planner.explaining import Explained, answer, readable, told
from rechenwerk.planner.measures import key_figures
from rechenwerk.planner.outputs import obligations
from rechenwerk.planner.plans import Plan, build
from rechenwerk.planner.reporting import charts
from rechenwerk.planner.reporting.charts import Chart
from rechenwerk.planner.running import Outcome, base, run
from rechenwerk.planner.scenarios import scenario
from rechenwerk.planner.sensitivity import tornado
from rechenwerk.planner.showing import Shown
from rechenwerk.planner.shown import shown_unit
from rechenwerk.planner.told import Told
from rechenwerk.planner.words import Words

_MOST_SCENARIOS = 7
Progress = Callable[[float], None]


class Card(msgspec.Struct, frozen=True):
    """An answer with what it is made of."""

    name: str
    value: str
    unit: str
    note: str
    formula: str
    inputs: tuple[tuple[str, str, str], ...]


class Part(msgspec.Struct, frozen=True):
    """A part of the report; `folded`: shown when somebody asks for it."""

    title: str
    charts: tuple[Chart, ...] = ()
    tables: tuple[Shown, ...] = ()
    folded: tuple[Shown, ...] = ()


class Report(msgspec.Struct, frozen=True):
    """A whole report."""

    title: str
    facts: tuple[tuple[str, str], ...]
    cards: tuple[Card, ...]
    parts: tuple[Part, ...]
    words: Words


class Side(msgspec.Struct, frozen=True):
    """A plan that was calculated."""

    name: str
    plan: Plan
    values: Values
    outcome: Outcome


def compose(
    plan: Plan, name: str, paths: int, workers: int, words: Words, progress: Progress = lambda _: None
) -> Report:
    """Calculate everything that a report says.

    Args:
        plan: in its scenario.
        name: of that scenario, '' for the plan as written.
        paths: of the simulation; 0 for what the file says.
        workers: processes.
        words: the language.
        progress: told the share that is done.
    """
    count = paths or plan.written.head.paths
    others = [] if name else [one.name for one in plan.written.scenarios][:_MOST_SCENARIOS]
    all_runs = len(others) + 1

    def calculated(which: str, one: Plan, number: int) -> Side:
        def told_of(done: int) -> None:
            progress((number + done / count) / (all_runs + 1))

        seed = plan.written.head.seed
        return Side(
            which, one, base(one), run(one, paths=count, seed=seed, workers=workers, progress=told_of)
        )

    first = calculated(name or words("as written"), plan, 0)
    sides = [first]
    for number, other in enumerate(others, start=1):
        sides.append(calculated(other, build(scenario(plan.written, other)), number))
    parts = tuple(part for part in _parts(sides, words) if part.charts or part.tables or part.folded)
    progress(1.0)
    head = plan.written.head
    return Report(
        head.title,
        (
            (words("scenario"), name or words("as written")),
            (words("periods"), f"{plan.axis.name(0)} - {plan.axis.name(plan.axis.count - 1)}"),
            (words("money in"), head.shown_in),
            (words("paths"), words.number(count, 0)),
            (words("seed"), str(head.seed)),
        ),
        tuple(_cards(first, words)),
        parts,
        words,
    )


def _cards(side: Side, words: Words) -> Iterator[Card]:
    for one in key_figures(side.plan, side.values):
        made = answer(side.plan, side.values, one, 1)
        unit = "" if one.unit == "share" or one.value is None else words(one.unit)
        yield Card(
            words(one.name),
            words.amount(one.value, one.unit),
            unit,
            one.note,
            words(one.formula),
            tuple(_input(part, words) for part in made.inputs),
        )


def _input(one: Explained, words: Words) -> tuple[str, str, str]:
    how = f" ({words(one.how)})" if one.how else ""
    value = f"{words.amount(one.value, one.unit)} {words(one.unit) if one.unit != '1' else ''}"
    return f"{one.name}{how}", value.strip(), one.period or words("all periods")


def _parts(sides: list[Side], words: Words) -> Iterator[Part]:
    first = sides[0]
    plan, values, outcome = first.plan, first.values, first.outcome
    yield Part(
        words("When does the money run out?"),
        (charts.fan(plan, outcome, words), charts.ruin(plan, outcome, words)),
        (showing.fan(plan, outcome, words),),
    )
    yield Part(
        words("Does it pay?"),
        (charts.course(plan, values, words), _cash_bridge(plan, values, words)),
        (showing.statements(plan, values, words), *showing.service_tables(plan, values, words)),
        (showing.statements(plan, values, words, by_period=True),),
    )
    yield _promised(first, words)
    yield _uncertain(first, words)
    if len(sides) > 1:
        yield _scenarios(sides, words)
    yield Part(words("Where the figures come from"), (), (), tuple(_sources(plan, words)))


def _promised(side: Side, words: Words) -> Part:
    plan, values = side.plan, side.values
    due = obligations(plan, values)
    tables = (
        *showing.year_tables(plan, values, words),
        showing.contract_table(plan, values, words),
    )
    drawn = (charts.owed(plan, values, due, words),) if due.rows else ()
    return Part(words("What is promised?"), drawn, tuple(one for one in tables if one.rows))


def _uncertain(side: Side, words: Words) -> Part:
    plan = side.plan
    if not any(one.drawn for one in plan.inputs.values()):
        return Part(words("What matters most?"))
    bars = tornado(plan)
    usual = float(side.values["cash"][-1, 0])
    title = showing.tornado_title(plan, "cash", "", words)
    scale = plan.money.scale
    rows = tuple((one.driver, words.money(one.low / scale), words.money(one.high / scale)) for one in bars)
    columns = (words("driver"), words("low"), words("high"))
    return Part(
        words("What matters most?"),
        (charts.tornado(title, bars, usual, scale, words),),
        (Shown(title, columns, rows, (1, 2)),),
    )


def _cash_bridge(plan: Plan, values: Values, words: Words) -> Chart:
    """From the first cash to the last."""
    opened = showing.series(plan, values, "opening.cash")[0]
    steps = [
        (words(plan.lines[line].title), sign * float(showing.series(plan, values, line).sum()))
        for line, sign in (
            ("operating_cash", 1.0),
            ("investing_cash", 1.0),
            ("equity_raised", 1.0),
            ("debt_drawn", 1.0),
            ("debt_repaid", -1.0),
        )
    ]
    last = float(showing.series(plan, values, "cash")[-1])
    return charts.waterfall(
        words("From the first cash to the last ({unit})", unit=plan.written.head.shown_in),
        ((words("at the start"), float(opened)), (plan.axis.name(plan.axis.count - 1), last)),
        [step for step in steps if step[1]],
    )


def _scenarios(sides: list[Side], words: Words) -> Part:
    first = sides[0]
    tables = [showing.side_by_side([(one.name, one.plan, one.values, one.outcome) for one in sides], words)]
    drawn = [charts.sides([(one.name, one.plan, one.values) for one in sides], words)]
    for other in sides[1:]:
        found = bridge(first.plan.written, other.plan.written)
        table = showing.bridge_table(first.name, other.name, found, words)
        tables.append(table)
        steps = [
            (said(one.changes, words).partition(":")[0], one.effect) for one in found.steps if one.effect
        ]
        if steps:
            ends = ((first.name, found.before), (other.name, found.after))
            drawn.append(charts.waterfall(table.title, ends, steps))
    return Part(words("Scenarios side by side"), tuple(drawn), tuple(tables))


def _sources(plan: Plan, words: Words) -> Iterator[Shown]:
    drivers = []
    for one in plan.written.drivers:
        unit, scale = shown_unit(plan, one.name)
        path = plan.inputs[one.name].path
        noise = "" if one.noise == "none" else f"{one.noise} {one.spread}"
        drivers.append(
            (
                one.name,
                words.brief(path[0] / scale),
                words.brief(path[-1] / scale),
                unit,
                noise,
                *_told(one, words),
            )
        )
    heads = ("driver", "first", "last", "unit", "noise", "source", "date", "status")
    yield Shown(words("Drivers"), tuple(words(head) for head in heads), tuple(drivers), (1, 2))
    bought = [
        (
            one.name,
            one.kind,
            one.provider,
            f"{one.total or ''} {one.unit}".strip(),
            f"{one.first} {one.last}".strip(),
            *_told(one, words),
        )
        for one in plan.written.contracts
    ]
    heads = ("contract", "kind", "provider", "total", "when", "source", "date", "status")
    yield Shown(words("Contracts"), tuple(words(head) for head in heads), tuple(bought))
    money = [
        (
            one.name,
            one.kind,
            f"{one.amount or ''} {one.unit}".strip(),
            one.when,
            one.condition,
            *_told(one, words),
        )
        for one in plan.written.funding
    ]
    heads = ("funding", "kind", "amount", "when", "condition", "source", "date", "status")
    yield Shown(words("Funding"), tuple(words(head) for head in heads), tuple(money))
    formulas = [
        (
            name,
            words(line.title),
            readable(line.formula),
            shown_unit(plan, name)[0],
            getattr(told(plan, name), "source", ""),
        )
        for name, line in plan.lines.items()
    ]
    named = ("line", "meaning", "formula", "unit", "source")
    yield Shown(words("All lines and their formulas"), tuple(words(head) for head in named), tuple(formulas))


def _told(one: Told, words: Words) -> tuple[str, str, str]:
    return one.source, one.date, words(one.status)
