"""Who owns the firm, as `plan run` shows it; loaded only by it."""

from __future__ import annotations

from rechenwerk.cli.show import table
from rechenwerk.planner.engine import Values
from rechenwerk.planner.ownership import CapTable, cap_table
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.words import Words


def show_owners(plan: Plan, values: Values, words: Words) -> None:
    """Rounds, and stakes before and after each change; nothing where the file names no holders."""
    found = cap_table(plan, values)
    if found is None:
        return
    scale, unit = plan.money.scale, plan.written.head.shown_in
    rows = [
        (
            one.title,
            one.period,
            words.number(float(one.pre_money) / scale),
            words.number(float(one.raised) / scale),
            words.number(float(one.post_money) / scale),
            words.number(float(one.price), 4),
            words.number(one.issued, 0),
            words.number(one.options, 0),
            words.share(float(one.dilution), 2),
        )
        for one in found.rounds
    ]
    if rows:
        heads = tuple(
            words(head)
            for head in ("before it", "money", "after it", "price", "shares", "options", "dilution")
        )
        title = words("Rounds ({unit}; price in {currency})", unit=unit, currency=plan.written.head.currency)
        table(title, (words("round"), words("from"), *heads), rows, heads)
    periods = _changes(found)
    columns = tuple(found.periods[at] for at in periods)
    stakes = []
    for index, holder in enumerate(found.holders):
        parts = [found.parts(at)[index] for at in periods]
        cells = [words.share(float(part), 2) if part else "" for part in parts]
        worth = parts[-1] * sum(found.shares[-1]) * found.prices[-1]
        stakes.append(
            (holder, *cells, words.number(found.shares[-1][index], 0), words.number(float(worth) / scale))
        )
    total = sum(found.shares[-1])
    whole = float(total * found.prices[-1]) / scale
    sums = (*(words.share(1, 2) for _ in periods), words.number(total, 0), words.number(whole))
    stakes.append((words("all"), *sums))
    right = (*columns, words("shares"), words("at the last price"))
    title = words("Who owns it, at the end of each period with a change ({unit})", unit=unit)
    table(title, ("", *right), stakes, right)


def _changes(found: CapTable) -> list[int]:
    """The first period, and those in which shares were issued or sold."""
    return [at for at in range(len(found.periods)) if not at or found.shares[at] != found.shares[at - 1]]
