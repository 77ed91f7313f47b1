"""What `plan contagion` calculates and shows; loaded only by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from rechenwerk.cli.configuration import read_file
from rechenwerk.cli.plan_run import load
from rechenwerk.cli.show import console, print_json, table
from rechenwerk.planner.contagion import Course, Fall, falls, run
from rechenwerk.planner.deals import Deals, read_deals
from rechenwerk.planner.holdings import Holdings, holdings
from rechenwerk.planner.joining import join
from rechenwerk.planner.running import base


class Dealt(msgspec.Struct, frozen=True):
    """What the command line said."""

    file: Path
    fails: str = ""
    at: str = ""
    without: tuple[str, ...] = ()
    scenario: str = ""
    as_json: bool = False


def deals_of(file: Path, scenario: str = "") -> Deals:
    """The deals of a file, joined with the plan that it names.

    Raises:
        PlanError, MistakesError: one of the files is wrong, or they do not fit together.
    """
    deals = read_deals(read_file(file))
    if deals.joined is None:
        return deals
    plan = load(file.parent / deals.joined.file, scenario or deals.joined.scenario)
    return join(deals, plan, base(plan))


def contagion_command(asked: Dealt) -> None:
    """`plan contagion`."""
    deals = deals_of(asked.file, asked.scenario).only(*asked.without)
    course = run(deals, fails=asked.fails, at=asked.at)
    held = holdings(course)
    worst = falls(deals, asked.at) if not asked.fails else ()
    if asked.as_json:
        print_json(_document(course, held, worst))
        return
    _show(course)
    _show_stakes(deals, held)
    if worst:
        rows = [(one.firm, ", ".join(one.falls) or "nobody", _money(one.lost)) for one in worst]
        heads = ("fails", "falls with it", "lost by others")
        table(f"If one fails ({deals.unit})", heads, rows, ("lost by others",))


def _money(amount: float) -> str:
    return f"{amount:,.2f}" if abs(amount) >= 0.005 else "-"


def _show(course: Course) -> None:
    deals = course.deals
    names = [firm.name for firm in deals.firms]
    when = {one.firm: one.period for one in course.failures}
    rows = []
    for index, period in enumerate(deals.periods):
        cells = [
            "failed" if name in when and when[name] <= period else _money(course.cash[index, at])
            for at, name in enumerate(names)
        ]
        rows.append((period, *cells, _money(course.owed[index].sum()), _money(course.paid[index].sum())))
    table(
        f"{deals.title}: cash at the end of each period ({deals.unit})",
        ("period", *names, "due", "paid"),
        rows,
        (*names, "due", "paid"),
    )
    if course.failures:
        rows = [
            (
                one.firm,
                one.period,
                "made to" if one.shocked else "could not pay",
                _money(one.lacked),
                ", ".join(f"{name} {_money(amount)}" for name, amount in one.lost.items()),
            )
            for one in course.failures
        ]
        table("Failures", ("firm", "when", "why", "not paid", "lost by"), rows, ("not paid",))
    else:
        console().print("Nobody fails.")
    for period, investor, firm, amount in course.unpaid_funding:
        console().print(
            f"{period}: {investor} does not pay {_money(amount)} that it promised {firm}.", markup=False
        )
    _show_money(course)


def _show_money(course: Course) -> None:
    deals = course.deals
    names = [firm.name for firm in deals.firms]
    rows = [
        (
            name,
            _money(course.revenue[at].sum()),
            _money(course.returned[at]),
            f"{course.returned[at] / course.revenue[at].sum():.1%}",
            _money(course.gross[:, at].sum()),
            _money(course.gross[:, at].sum() - course.returned[at]),
        )
        for at, name in enumerate(names)
        if course.revenue[at].sum() > 0
    ]
    columns = ("supplier", "revenue", "its own money back", "share", "it invested", "net of what came back")
    table(f"Whose money is the revenue? ({deals.unit})", columns, rows, columns[1:])


def _show_stakes(deals: Deals, held: Holdings) -> None:
    """Parts before and at the end, and what went with firms that failed."""
    names = [firm.name for firm in deals.firms]
    rows = []
    for of, holder in np.argwhere(held.parts.any(axis=0)):
        series = held.parts[:, of, holder]
        value = _money(float(held.stakes[:, holder].max()))
        rows.append(
            (names[holder], names[of], f"{series[0]:.2%}", f"{series.max():.2%}", f"{series[-1]:.2%}", value)
        )
    if rows:
        heads = ("at first", "most", "at the end", "all its stakes, most")
        table(f"Who holds whom ({deals.unit})", ("holder", "of", *heads), rows, heads)
    lost = [(one.firm, one.period, one.holder, f"{one.part:.2%}", _money(one.amount)) for one in held.losses]
    if lost:
        right = ("part", "worth before")
        table(f"Stakes lost ({deals.unit})", ("with", "when", "holder", *right), lost, right)


def _document(course: Course, held: Holdings, worst: tuple[Fall, ...]) -> dict[str, Any]:
    names = [firm.name for firm in course.deals.firms]
    return {
        "title": course.deals.title,
        "unit": course.deals.unit,
        "periods": course.deals.periods,
        "firms": names,
        "cash": course.cash.tolist(),
        "due": course.owed.tolist(),
        "paid": course.paid.tolist(),
        "failures": course.failures,
        "unpaid_funding": course.unpaid_funding,
        "revenue": course.revenue.tolist(),
        "own_money_back": course.returned.tolist(),
        "gross_funding": course.gross.tolist(),
        "paid_back_directly": course.back.tolist(),
        "worth": held.worth.tolist(),
        "stakes": held.stakes.tolist(),
        "stakes_lost": held.losses,
        "if_one_fails": worst,
    }
