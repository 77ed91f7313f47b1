"""Margins: revenue less what calls cost and what was allocated to them; idle capacity apart. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Literal

import msgspec

from rechenwerk.office.costing.ports import MarginFacts, MarginRow, Moved

By = Literal["organisation", "project", "model", "provider", "service"]


class MarginLine(msgspec.Struct, kw_only=True):
    """One organisation, project, model, provider or service. Nano-units.

    Attributes:
        name: empty for what belongs to none, such as fees in a margin by model.
        revenue: prices of calls, and fees.
        adjustments: what vouchers changed of it: discounts, tariff terms, settlements; below zero: less.
        direct: what its calls were booked at, failed attempts and settlements included.
        allocated: fixed cost of contracts that its use bears.
        unresolved_price, unresolved_cost: of calls that nobody knows the usage of; part of nothing else.
    """

    name: str
    calls: int = 0
    revenue: int = 0
    adjustments: int = 0
    direct: int = 0
    allocated: int = 0
    unresolved_price: int = 0
    unresolved_cost: int = 0

    @property
    def net(self) -> int:
        """Revenue as adjusted."""
        return self.revenue + self.adjustments

    @property
    def cost(self) -> int:
        """Direct and allocated."""
        return self.direct + self.allocated

    @property
    def contribution(self) -> int:
        """What is left."""
        return self.net - self.cost

    @property
    def percent(self) -> str | None:
        """The contribution's part of revenue, to the hundredth of a per cent; None: no revenue."""
        if self.net <= 0:
            return None
        hundredths = round(Fraction(self.contribution, self.net) * 10_000)
        return f"{'-' if hundredths < 0 else ''}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}"


class Apart(msgspec.Struct, frozen=True):
    """What no use bears of a contract, in its owner's books; `used`: the share of its capacity that was."""

    organisation: str
    contract: str
    amount: int
    used: str | None


class Margin(msgspec.Struct, frozen=True):
    """A period's margin.

    Attributes:
        lines: by name.
        total: of all lines.
        idle: capacity that was paid and not used.
        difference: bills against books, and what came after others had closed.
        bad_debt: what was not paid.
        losses: models that cost more than they brought.
    """

    lines: Sequence[MarginLine]
    total: MarginLine
    idle: Sequence[Apart]
    difference: int
    bad_debt: int
    losses: Sequence[MarginLine]

    @property
    def idle_total(self) -> int:
        """Of all contracts."""
        return sum(one.amount for one in self.idle)

    @property
    def result(self) -> int:
        """What is left after everything that is known."""
        return self.total.contribution - self.idle_total - self.difference - self.bad_debt


def margin_of(facts: MarginFacts, by: By, *, everyone: bool = False) -> Margin:
    """Compute it.

    Args:
        facts: of one organisation, or of all.
        by: what a line is of.
        everyone: whether `facts` are of several organisations: projects are then named with theirs.
    """
    lines = _lines(facts, by, everyone=everyone)
    total = MarginLine(name="")
    for line in lines:
        for field in line.__struct_fields__[1:]:
            setattr(total, field, getattr(total, field) + getattr(line, field))
    models = lines if by == "model" else _lines(facts, "model", everyone=everyone)
    return Margin(
        lines=lines,
        total=total,
        idle=_apart(facts),
        # Where fixed cost waits for its allocation it is nobody's yet.
        difference=_sum(facts, "difference", "fixed", "absorbed"),
        bad_debt=_sum(facts, "bad_debt"),
        losses=[one for one in models if one.name and one.contribution < 0],
    )


def _lines(facts: MarginFacts, by: By, *, everyone: bool) -> list[MarginLine]:
    found: dict[str, MarginLine] = {}

    def line(name: str) -> MarginLine:
        return found.setdefault(name, MarginLine(name=name))

    for row in facts.rows:
        _add(line(_name(row, by, everyone=everyone)), row)
    for moved in facts.moved:
        row = moved.call or MarginRow(
            organisation=moved.organisation, project=moved.project, model="", provider="", service=""
        )
        _move(line, _name(row, by, everyone=everyone), moved)
    return [found[name] for name in sorted(found)]


def _name(row: MarginRow, by: By, *, everyone: bool) -> str:
    if by == "project":
        return f"{row.organisation}/{row.project}" if everyone and row.project else row.project
    name: str = getattr(row, by)
    return name


def _add(line: MarginLine, row: MarginRow) -> None:
    line.calls += row.calls
    line.revenue += row.revenue
    line.direct += row.cost + row.failed
    line.allocated += row.allocated
    line.unresolved_price += row.unresolved_price
    line.unresolved_cost += row.unresolved_cost


def _move(line: Callable[[str], MarginLine], name: str, moved: Moved) -> None:
    """What a voucher or a fee moved, where it is somebody's revenue or cost."""
    amount = moved.amount
    if moved.account == "revenue" and moved.voucher == "fee":
        line(name).revenue -= amount
    elif moved.account == "revenue":
        line(name).adjustments -= amount
    elif moved.account in {"cost", "failed"}:
        line(name).direct += amount
    elif moved.account == "unresolved_cost":
        line(name).unresolved_cost += amount
    elif moved.account == "unresolved_price":
        line(name).unresolved_price += amount


def _sum(facts: MarginFacts, *accounts: str) -> int:
    return sum(one.amount for one in facts.moved if one.account in accounts)


def _apart(facts: MarginFacts) -> list[Apart]:
    sums: dict[tuple[str, str], int] = {}
    for one in facts.moved:
        if one.account != "idle":
            continue
        sums[one.organisation, one.contract] = sums.get((one.organisation, one.contract), 0) + one.amount
    return [Apart(*key, amount, facts.used.get(key)) for key, amount in sorted(sums.items()) if amount]
