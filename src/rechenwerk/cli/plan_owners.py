"""Who owns the firm, as `plan run` shows it; loaded only by it."""

from __future__ import annotations

from rechenwerk.cli.show import table
from rechenwerk.planner.engine import Values
from rechenwerk.planner.ownership import CapTable, cap_table
from rechenwerk.planner.plans import Plan


def show_owners(plan: Plan, values: Values) -> None:
    """Rounds, and stakes before and after each change; nothing where the file names no holders."""
    found = cap_table(plan, values)
    if found is None:
        return
    scale, unit = plan.money.scale, plan.written.head.shown_in
    rows = [
        (
            one.title,
            one.period,
            f"{float(one.pre_money) / scale:,.2f}",
            f"{float(one.raised) / scale:,.2f}",
            f"{float(one.post_money) / scale:,.2f}",
            f"{float(one.price):,.4f}",
            f"{one.issued:,}",
            f"{one.options:,}",
            f"{float(one.dilution):.2%}",
        )
        for one in found.rounds
    ]
    if rows:
        heads = ("before", "money", "after", "price", "shares", "options", "dilution")
        currency = plan.written.head.currency
        table(f"Rounds ({unit}; price in {currency})", ("round", "from", *heads), rows, heads)
    periods = _changes(found)
    columns = tuple(found.periods[at] for at in periods)
    stakes = []
    for index, holder in enumerate(found.holders):
        parts = [found.parts(at)[index] for at in periods]
        cells = [f"{float(part):.2%}" if part else "" for part in parts]
        worth = parts[-1] * sum(found.shares[-1]) * found.prices[-1]
        stakes.append((holder, *cells, f"{found.shares[-1][index]:,}", f"{float(worth) / scale:,.2f}"))
    total = sum(found.shares[-1])
    whole = float(total * found.prices[-1]) / scale
    stakes.append(("all", *("100.00%" for _ in periods), f"{total:,}", f"{whole:,.2f}"))
    right = (*columns, "shares", "at the last price")
    table(f"Who owns it, at the end of each period with a change ({unit})", ("", *right), stakes, right)


def _changes(found: CapTable) -> list[int]:
    """The first period, and those in which shares were issued or sold."""
    return [at for at in range(len(found.periods)) if not at or found.shares[at] != found.shares[at - 1]]
