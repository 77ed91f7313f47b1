"""Tables of a plan as people read them: in the terminal, in the report and on paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from rechenwerk.planner.differences import Bridge, said
from rechenwerk.planner.economics import services, usage
from rechenwerk.planner.engine import Values
from rechenwerk.planner.figures import picks
from rechenwerk.planner.measures import key_figures
from rechenwerk.planner.outputs import ByYear, Figure, obligations, onerous, provisions
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.running import Outcome
from rechenwerk.planner.shown import shown_unit
from rechenwerk.planner.words import Words

if TYPE_CHECKING:
    from rechenwerk.planner.sensitivity import Bar, Index

STATEMENTS = (
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
STOCKS = ("cash", "debt", "equity")


class Shown(msgspec.Struct, frozen=True):
    """A table.

    Args:
        title: above it.
        columns: their heads.
        rows: cells as text.
        right: numbers of the columns that are numbers.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...] = ()


def _of(title: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]], text: int = 1) -> Shown:
    """A table whose columns behind the first ones are numbers."""
    return Shown(title, tuple(columns), tuple(rows), tuple(range(text, len(columns))))


def figures(title: str, found: Sequence[Figure], words: Words) -> Shown:
    """The answers, each with how it comes about."""
    rows = [
        (words(one.name), words.amount(one.value, one.unit), _unit(one, words), one.note, words(one.formula))
        for one in found
    ]
    return Shown(title, ("", words("value"), words("unit"), "", words("how")), tuple(rows), (1,))


def _unit(one: Figure, words: Words) -> str:
    return "" if one.unit == "share" or one.value is None else words(one.unit)


def years_of(plan: Plan) -> tuple[int, ...]:
    """Calendar years of a plan."""
    return tuple(dict.fromkeys(plan.axis.years))


def series(plan: Plan, values: Values, name: str) -> np.ndarray:
    """(periods,) of a line of money as expected, in the plan's unit."""
    return np.asarray(values[name][:, 0] / plan.money.scale)


def statements(plan: Plan, values: Values, words: Words, *, by_period: bool = False) -> Shown:
    """Profit, cash and what is left, by year or by period."""
    unit = plan.written.head.shown_in
    if by_period:
        rows = []
        for name in (*STATEMENTS, *STOCKS):
            cells = series(plan, values, name)
            if cells.any():
                rows.append((words(plan.lines[name].title), *(words.money(cell) for cell in cells)))
        heads = [row[0] for row in rows]
        turned = [(plan.axis.name(at), *(row[at + 1] for row in rows)) for at in range(plan.axis.count)]
        return _of(words("By period, as expected ({unit})", unit=unit), ("", *heads), turned)
    years, of = years_of(plan), np.asarray(plan.axis.years)
    rows = []
    for name in (*STATEMENTS, *STOCKS):
        whole = series(plan, values, name)
        sums = [float(whole[of == year][-1] if name in STOCKS else whole[of == year].sum()) for year in years]
        if any(sums):
            rows.append((words(plan.lines[name].title), *(words.money(each) for each in sums)))
    return _of(words("By year, as expected ({unit})", unit=unit), ("", *map(str, years)), rows)


def by_year(
    title: str, plan: Plan, found: ByYear, words: Words, *, later: bool, summed: bool = True
) -> Shown:
    """A table of contracts by year."""
    heads = [
        *map(str, found.years),
        *([words("later")] if later else []),
        *([words("in all")] if summed else []),
    ]
    rows = []
    for name, cells in found.rows:
        shown = cells if later else cells[:-1]
        total = (words.money(sum(cells)),) if summed else ()
        rows.append((name, *(words.money(cell) for cell in shown), *total))
    if len(rows) > 1:
        sums = [sum(cells[at] for _, cells in found.rows) for at in range(len(found.years) + 1)]
        total = (words.money(sum(sums)),) if summed else ()
        shown_sums = sums if later else sums[:-1]
        rows.append((words("in all"), *(words.money(cell) for cell in shown_sums), *total))
    return _of(f"{words(title)} ({plan.written.head.shown_in})", (words("contract"), *heads), rows)


def year_tables(plan: Plan, values: Values, words: Words) -> tuple[Shown, ...]:
    """What must be paid in any case, what of it is not used, and what has to be provided for it."""
    owed, lost, later = obligations(plan, values), onerous(plan, values), provisions(plan, values)
    title = "Provisions for onerous contracts at the end of the year"
    return (
        by_year("Unconditional purchase obligations", plan, owed, words, later=True),
        by_year("Paid and not used (onerous contracts)", plan, lost, words, later=False),
        by_year(title, plan, later, words, later=False, summed=False),
    )


def service_tables(plan: Plan, values: Values, words: Words) -> tuple[Shown, ...]:
    """What services bring, what a unit costs, and which price covers it."""
    found = services(plan, values)
    unit = plan.written.head.shown_in
    rows = [
        (
            one.name,
            words.money(one.revenue),
            words.money(one.cost),
            words.money(one.margin),
            words.share(one.margin / one.revenue, 0) if one.revenue else "",
        )
        for one in found
    ]
    heads = [words(head) for head in ("service", "revenue", "cost", "margin", "of revenue")]
    units = [
        (
            one.name,
            each.name,
            words.brief(each.amount),
            each.unit,
            words.brief(each.revenue),
            words.brief(each.cost),
        )
        for one in found
        for each in one.per_unit
    ]
    prices = [
        (
            one.name,
            each.driver,
            each.unit,
            words.brief(each.now),
            words("none") if each.covering is None else words.brief(each.covering),
        )
        for one in found
        for each in one.prices
    ]
    columns = [words(head) for head in ("service", "per", "units", "unit", "revenue", "cost")]
    sold = [words(head) for head in ("service", "price", "unit", "now", "covering price")]
    tables = (
        _of(words("Services, all periods ({unit})", unit=unit), heads, rows),
        Shown(words("What a unit brings and costs"), tuple(columns), tuple(units), (2, 4, 5)),
        Shown(words("Price that covers cost"), tuple(sold), tuple(prices), (3, 4)),
    )
    return tuple(one for one in tables if one.rows)


def contract_table(plan: Plan, values: Values, words: Words) -> Shown:
    """How far contracts are used, and how far they must be."""

    def share(value: float | None) -> str:
        return "" if value is None else words.share(value, 0)

    rows = [
        (
            one.contract,
            words.money(one.fixed),
            f"{words.brief(one.room)} {one.unit}",
            share(one.used),
            share(one.against_market),
            share(one.to_cover),
        )
        for one in usage(plan, values)
    ]
    heads = ("contract", "paid anyway", "units", "used", "cheaper than on demand from", "covered from")
    title = words("Contracts that are paid whether used or not ({unit})", unit=plan.written.head.shown_in)
    return _of(title, [words(head) for head in heads], rows)


def fan(plan: Plan, outcome: Outcome, words: Words) -> Shown:
    """Quantiles of cash at the ends of years, and the probability that it has run out."""
    scale = plan.money.scale
    ends = [at for at in range(plan.axis.count) if at + 1 == plan.axis.count or plan.axis.new_year[at + 1]]
    rows = [
        (
            plan.axis.name(at),
            *(words.money(float(value) / scale) for value in outcome.bands["cash"].quantiles[:, at]),
            words.share(float(outcome.ruined[at])),
        )
        for at in ends
    ]
    title = words(
        "Cash over {paths} paths, seed {seed} ({unit})",
        paths=words.number(outcome.paths, 0),
        seed=outcome.seed,
        unit=plan.written.head.shown_in,
    )
    heads = [words("end of"), *(words.share(level, 0) for level in outcome.levels), words("run out by then")]
    return _of(title, heads, rows)


_BAR = 40


def tornado_title(plan: Plan, line: str, at: str, words: Words) -> str:
    """What a tornado shows; in the last period where none is named."""
    return words(
        "{line} in {at} ({unit}): each driver from its low to its high decile",
        line=line,
        at=at or plan.axis.name(plan.axis.count - 1),
        unit=shown_unit(plan, line)[0],
    )


def tornado_table(
    title: str, bars: Sequence[Bar], show: Callable[[float], str], base: float, words: Words
) -> Shown:
    """Each driver from its low to its high; the bar stands where the outcome lies."""
    low = min([base, *(min(one.low, one.high) for one in bars)])
    high = max([base, *(max(one.low, one.high) for one in bars)])
    width = (high - low) or 1.0

    def place(value: float) -> int:
        return round(_BAR * (value - low) / width)

    rows = []
    for one in bars:
        left, right = sorted((place(one.low), place(one.high)))
        drawn = [" "] * left + ["█"] * max(right - left, 1)
        drawn += [" "] * (_BAR + 1 - len(drawn))
        middle = place(base)
        drawn[middle] = "┃" if drawn[middle] == "█" else "│"
        rows.append((one.driver, show(one.low), show(one.high), "".join(drawn)))
    columns = (words("driver"), words("low"), words("high"), "")
    return Shown(title, columns, tuple(rows), (1, 2))


def sobol_table(indices: Sequence[Index], words: Words) -> Shown:
    """Shares of the variance, with a bar each."""
    rows = [
        (
            one.driver,
            f"{words.number(one.first, 3)} ± {words.number(one.first_error, 3)}",
            f"{words.number(one.total, 3)} ± {words.number(one.total_error, 3)}",
            "█" * round(_BAR * min(max(one.total, 0.0), 1.0)),
        )
        for one in indices
    ]
    columns = (words("driver"), words("alone"), words("with all others"), "")
    return Shown(words("Share of the variance (Sobol)"), columns, tuple(rows), (1, 2))


def bridge_table(left: str, right: str, found: Bridge, words: Words) -> Shown:
    """Why a line differs between two plans, the greatest effect first."""
    rows = [(left, words.money(found.before))]
    rows += [(said(one.changes, words), _signed(one.effect, words)) for one in found.steps]
    rows.append((right, words.money(found.after)))
    if found.silent:
        rows.append((said(found.silent, words), words("no effect")))
    title = words(
        "{right} against {left}: {line} in {at}", right=right, left=left, line=found.line, at=found.at
    )
    return Shown(title, (words("difference"), found.unit), tuple(rows), (1,))


def _signed(amount: float, words: Words) -> str:
    shown = words.money(amount)
    return f"+{shown}" if amount > 0 and shown != "-" else shown


def side_by_side(found: Sequence[tuple[str, Plan, Values, Outcome]], words: Words) -> Shown:
    """The key figures of several plans, one column each."""
    rows: list[tuple[str, ...]] = []
    figures = [key_figures(plan, values) for _, plan, values, _ in found]
    for index, one in enumerate(figures[0]):
        cells = [each[index] for each in figures]
        shown = [
            cell.note if cell.note and cell.unit == "months" else words.amount(cell.value, cell.unit)
            for cell in cells
        ]
        unit = "" if one.unit == "share" else f" ({words(one.unit)})"
        rows.append((f"{words(one.name)}{unit}", *shown))
    rows += picks([plan.written for _, plan, *_ in found])
    ruin = (words.share(float(outcome.ruined[-1])) for *_, outcome in found)
    rows.append((words("probability of running out"), *ruin))
    heads = [name for name, *_ in found]
    return Shown(found[0][1].written.head.title, ("", *heads), tuple(rows), tuple(range(1, len(heads) + 1)))
