"""A firm's plan as part of a network of firms: the same money, contracts and owners in both.

What the plan pays to contracts whose provider is a firm of the network becomes a purchase there; money of an
investor who is one becomes funding; everything else is income from outside. Owners are those of the plan's
cap table. Cash at the start is the plan's at the end of the period before.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.axis import Axis
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.deals import Deals, Funding, Joined, Purchase, Share
from rechenwerk.planner.engine import Values
from rechenwerk.planner.ownership import CapTable, cap_table
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.units import read_unit


def join(deals: Deals, plan: Plan, values: Values) -> Deals:
    """The deals with one firm as its plan has it.

    Args:
        deals: with a [plan].
        plan: that plan.
        values: of `running.base`.

    Raises:
        PlanError: it has other money, or does not cover the periods of the deals.
    """
    if deals.joined is None:
        raise PlanError('the deals name no plan; add [plan] with file = "plan.toml" and firm = "NAME"')
    return _Join(deals, deals.joined, plan, values).done()


class _Join:
    def __init__(self, deals: Deals, joined: Joined, plan: Plan, values: Values) -> None:
        self.deals, self.joined, self.plan, self.values = deals, joined, plan, values
        unit = read_unit(deals.unit)
        if unit.powers != plan.money.powers:
            raise PlanError(
                "the deals are in {unit!r}, the plan in {shown_in!r}",
                unit=deals.unit,
                shown_in=plan.written.head.shown_in,
            )
        self.scale = unit.scale
        self.names = {one.name for one in deals.firms}
        self.places = _places(deals.axis, plan.axis)

    def by_period(self, line: str) -> Floats:
        """(periods of the deals,): what a line of the plan comes to in each, in the deals' unit."""
        if line not in self.values:
            raise PlanError(
                "no line {line!r} in the plan; {fix}", line=line, fix=did_you_mean(line, self.plan.lines)
            )
        series = self.values[line][:, 0] / self.scale
        found = np.zeros(self.deals.axis.count)
        inside = self.places >= 0
        np.add.at(found, self.places[inside], series[inside])
        return found

    def paid(self) -> dict[str, Floats]:
        """By firm of the network, what the plan pays it in each period."""
        found: dict[str, Floats] = {}
        lines = [(f"{one.name}.cash", one.provider) for one in self.plan.written.contracts]
        for line, name in (*lines, *self.joined.pays.items()):
            if name in self.names:
                found[name] = found.get(name, np.zeros(self.deals.axis.count)) + self.by_period(line)
        return found

    def received(self) -> list[tuple[str, Floats]]:
        """(investor, (periods,)) of the money that firms of the network bring."""
        return [
            (one.investor, self.by_period(f"{one.name}.received"))
            for one in self.plan.written.funding
            if one.kind == "equity" and one.investor in self.names
        ]

    def done(self) -> Deals:
        """Everything put in."""
        firm, axis = self.joined.firm, self.deals.axis
        paid, received = self.paid(), self.received()
        income = self.by_period("free_cash_flow") + self.by_period("financing_cash")
        income = income + sum(paid.values()) - sum(series for _, series in received)
        purchases = tuple(
            Purchase(
                buyer=firm,
                supplier=name,
                total=_number(series.sum()),
                first=axis.name(0),
                last=axis.name(axis.count - 1),
                ramp=tuple(_number(one) for one in series),
                cost=self.joined.costs.get(name, 0),
                source=self.plan.written.head.title,
            )
            for name, series in paid.items()
            if series.sum() > 0
        )
        funding = tuple(
            Funding(investor=name, firm=firm, amount=_number(one), when=axis.name(at))
            for name, series in received
            for at, one in enumerate(series)
            if one > 0
        )
        return msgspec.structs.replace(
            self.deals,
            firms=tuple(
                msgspec.structs.replace(one, cash=self._cash(), income=tuple(map(_number, income)))
                if one.name == firm
                else one
                for one in self.deals.firms
            ),
            purchases=(*(one for one in self.deals.purchases if one.buyer != firm), *purchases),
            funding=(*(one for one in self.deals.funding if one.firm != firm), *funding),
            shares=self._shares(),
        )

    def _cash(self) -> Decimal:
        """Before the first period of the deals."""
        before = int(np.flatnonzero(self.places == 0)[0]) - 1
        line = "cash" if before >= 0 else "opening.cash"
        series = self.values[line][:, 0]
        return _number(series[max(before, 0)] / self.scale)

    def _shares(self) -> tuple[Share, ...]:
        owners = cap_table(self.plan, self.values)
        if owners is None:
            return self.deals.shares
        others = tuple(one for one in self.deals.shares if one.of != self.joined.firm)
        own = [one for name in owners.holders if name in self.names for one in self._held(owners, name)]
        return (*others, *own)

    def _held(self, owners: CapTable, holder: str) -> list[Share]:
        """One share for every stretch of periods in which the part stays the same."""
        axis, at = self.deals.axis, owners.holders.index(holder)
        parts = {name: owners.parts(row)[at] for row, name in enumerate(owners.periods)}
        found: list[Share] = []
        for period in range(axis.count):
            last = self.plan.axis.name(int(np.flatnonzero(self.places == period)[-1]))
            part = parts.get(last, Fraction(0))
            held = _number(float(part))
            if found and found[-1].part == held:
                found[-1] = msgspec.structs.replace(found[-1], last=axis.name(period))
            elif part:
                name = axis.name(period)
                found.append(Share(of=self.joined.firm, holder=holder, part=held, first=name, last=name))
        return found


def _number(value: float) -> Decimal:
    return Decimal(repr(float(value)))


def _places(deals: Axis, plan: Axis) -> np.ndarray:
    """(periods of the plan,): which period of the deals each lies in; -1 for none.

    Raises:
        PlanError: the plan has longer periods, or lacks some.
    """
    if deals.months % plan.months:
        raise PlanError("the plan has longer periods than the deals; count the deals in quarters")
    months = plan.first + plan.months * np.arange(plan.count)
    places = (months - deals.first) // deals.months
    places = np.where((places >= 0) & (places < deals.count), places, -1)
    missing = sorted(set(range(deals.count)) - set(places.tolist()))
    if missing:
        raise PlanError(
            "the plan does not reach {period}; shorten the deals or lengthen it",
            period=deals.name(missing[-1]),
        )
    return places
