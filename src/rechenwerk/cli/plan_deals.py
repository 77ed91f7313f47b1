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
from rechenwerk.planner.words import Words


class Dealt(msgspec.Struct, frozen=True):
    """What the command line said."""

    file: Path
    fails: str = ""
    at: str = ""
    without: tuple[str, ...] = ()
    scenario: str = ""
    language: str = "en"
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
    words = Words(asked.language)
    deals = deals_of(asked.file, asked.scenario).only(*asked.without)
    course = run(deals, fails=asked.fails, at=asked.at)
    held = holdings(course)
    worst = falls(deals, asked.at) if not asked.fails else ()
    if asked.as_json:
        print_json(_document(course, held, worst))
        return
    _show(course, words)
    _show_stakes(deals, held, words)
    if worst:
        rows = [(one.firm, ", ".join(one.falls) or words("nobody"), words.money(one.lost)) for one in worst]
        heads = tuple(words(head) for head in ("fails", "falls with it", "lost by others"))
        table(words("If one fails ({unit})", unit=deals.unit), heads, rows, heads[2:])


def _show(course: Course, words: Words) -> None:
    deals = course.deals
    names = [firm.name for firm in deals.firms]
    when = {one.firm: one.period for one in course.failures}
    rows = []
    for index, period in enumerate(deals.periods):
        cells = [
            words("failed") if name in when and when[name] <= period else words.money(course.cash[index, at])
            for at, name in enumerate(names)
        ]
        rows.append((period, *cells, *(words.money(one[index].sum()) for one in (course.owed, course.paid))))
    right = (*names, words("due"), words("paid"))
    title = words("{title}: cash at the end of each period ({unit})", title=deals.title, unit=deals.unit)
    table(title, (words("period"), *right), rows, right)
    if course.failures:
        rows = [
            (
                one.firm,
                one.period,
                words("made to") if one.shocked else words("could not pay"),
                words.money(one.lacked),
                ", ".join(f"{name} {words.money(amount)}" for name, amount in one.lost.items()),
            )
            for one in course.failures
        ]
        heads = tuple(words(head) for head in ("firm", "when", "why", "not paid", "lost by"))
        table(words("Failures"), heads, rows, heads[3:4])
    else:
        console().print(words("Nobody fails."))
    for period, investor, firm, amount in course.unpaid_funding:
        said = words(
            "{period}: {investor} does not pay {amount} that it promised {firm}.",
            period=period,
            investor=investor,
            amount=words.money(amount),
            firm=firm,
        )
        console().print(said, markup=False)
    _show_money(course, words)


def _show_money(course: Course, words: Words) -> None:
    deals = course.deals
    names = [firm.name for firm in deals.firms]
    rows = [
        (
            name,
            words.money(course.revenue[at].sum()),
            words.money(course.returned[at]),
            words.share(course.returned[at] / course.revenue[at].sum()),
            words.money(course.gross[:, at].sum()),
            words.money(course.gross[:, at].sum() - course.returned[at]),
        )
        for at, name in enumerate(names)
        if course.revenue[at].sum() > 0
    ]
    heads = ("supplier", "revenue", "its own money back", "share", "it invested", "net of what came back")
    columns = tuple(words(head) for head in heads)
    table(words("Whose money is the revenue? ({unit})", unit=deals.unit), columns, rows, columns[1:])


def _show_stakes(deals: Deals, held: Holdings, words: Words) -> None:
    """Parts before and at the end, and what went with firms that failed."""
    names = [firm.name for firm in deals.firms]
    rows = []
    for of, holder in np.argwhere(held.parts.any(axis=0)):
        series = held.parts[:, of, holder]
        parts = (words.share(float(part), 2) for part in (series[0], series.max(), series[-1]))
        rows.append((names[holder], names[of], *parts, words.money(float(held.stakes[:, holder].max()))))
    if rows:
        heads = ("holder", "of", "at first", "most", "at the end", "all its stakes, most")
        columns = tuple(words(head) for head in heads)
        table(words("Who holds whom ({unit})", unit=deals.unit), columns, rows, columns[2:])
    lost = [
        (one.firm, one.period, one.holder, words.share(one.part, 2), words.money(one.amount))
        for one in held.losses
    ]
    if lost:
        columns = tuple(words(head) for head in ("with", "when", "holder", "part", "worth before"))
        table(words("Stakes lost ({unit})", unit=deals.unit), columns, lost, columns[3:])


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
