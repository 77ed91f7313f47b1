"""Who owns the firm: rounds, tranches, options, warrants, a foundation, an offering; a cap table per period.

Shares are whole numbers and parts are fractions, so that a cap table sums to exactly 1. A round has no money
of its own: it names the ``[[funding]]`` that brings it, and shares are issued when that money comes, at the
price of the round, which is what the firm was worth before it divided by all shares before it, options
included. A tranche that comes later is of the same price. Money of a plan is converted to whole cents once.

    price = pre-money / (shares before + options that the round adds)
    shares = money / price, rounded down
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import msgspec

from rechenwerk.base.errors import PlanError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.case_tables import RoundTable, WarrantTable
from rechenwerk.planner.engine import Values
from rechenwerk.planner.ownership_checks import exact, first_period, opening_shares, promised, strike_of
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.tables import FundingTable
from rechenwerk.planner.units import read_unit

_PUBLIC = "public"
_POOL = "option pool"


class Event(msgspec.Struct, frozen=True):
    """Shares that are issued or change hands.

    Args:
        period: when.
        what: name of the round, warrant or holder that keeps its part.
        holder: who gets them; `seller` who gives them, '' where they are new.
        shares: how many.
        money: paid for them, in the currency.
    """

    period: str
    what: str
    holder: str
    seller: str
    shares: int
    money: Fraction


class Priced(msgspec.Struct, frozen=True):
    """A round once it is over.

    Args:
        name, title, period: of the round.
        pre_money, raised, post_money: in the currency; `raised` is what came up to the end of the plan.
        price: of a share.
        issued: shares for money; `options`: those that its pool added.
        dilution: what part of the firm earlier holders lost to it.
    """

    name: str
    title: str
    period: str
    pre_money: Fraction
    raised: Fraction
    post_money: Fraction
    price: Fraction
    issued: int
    options: int
    dilution: Fraction


class CapTable(msgspec.Struct, frozen=True):
    """Who owns the firm, period by period.

    Args:
        periods: from the one at whose end ownership is known.
        holders: in the order in which they appeared.
        shares: (periods, holders).
        prices: the last price of a share in each period; 0 before the first round.
        rounds, events: what happened.
    """

    periods: tuple[str, ...]
    holders: tuple[str, ...]
    shares: tuple[tuple[int, ...], ...]
    prices: tuple[Fraction, ...]
    rounds: tuple[Priced, ...]
    events: tuple[Event, ...]

    def parts(self, period: int) -> tuple[Fraction, ...]:
        """Parts of all holders in a period; they sum to exactly 1."""
        total = sum(self.shares[period])
        return tuple(Fraction(one, total) for one in self.shares[period])


def _cents(value: float) -> Fraction:
    """Money of the plan's arrays, in whole cents: the one conversion."""
    return Fraction(round(value * 100), 100)


def cap_table(plan: Plan, values: Values) -> CapTable | None:
    """Who owns the firm; None where the file does not say who did before.

    Raises:
        PlanError: somebody sells what he has not, or money does not buy one share.
    """
    if not plan.written.holders:
        return None
    book = _Book(plan, values)
    for period in range(book.first, plan.axis.count):
        book.step(period)
    return book.done()


class _Round(msgspec.Struct):
    """A round while it lasts."""

    table: RoundTable
    price: Fraction
    before: int
    options: int = 0
    issued: int = 0
    raised: Fraction = Fraction(0)


class _Book:
    """Shares while the periods pass."""

    def __init__(self, plan: Plan, values: Values) -> None:
        self.plan, self.values = plan, values
        written, axis = plan.written, plan.axis
        self.funding = {one.name: one for one in written.funding}
        self.first = first_period(written, axis)
        self.shares = opening_shares(written.holders, written.ownership.shares)
        self.keeps = next(((one.name, exact(one.keeps)) for one in written.holders if exact(one.keeps)), None)
        self.pool = next((one.name for one in written.holders if one.kind == "pool"), _POOL)
        self.rounds: dict[str, _Round] = {}
        # What a scenario leaves out brings nobody shares.
        self.of = {name: one.name for one in written.rounds for name in one.funding if name in self.funding}
        self.price = Fraction(0)
        self.prices: list[Fraction] = []
        self.history: list[dict[str, int]] = []
        self.events: list[Event] = []
        if self.first:
            self._remember()

    def step(self, period: int) -> None:
        """One period: its rounds are priced, then all money that came buys, then warrants and keepers."""
        for one in self.plan.written.rounds:
            if self.plan.axis.index(one.when) == period:
                self._open(one, period)
        for name, of in self.of.items():
            if of in self.rounds:
                self._buy(self.rounds[of], self.funding[name], period)
        for warrant in self.plan.written.warrants:
            self._exercise(warrant, period)
        self._keep(period)
        self._remember()

    def _open(self, one: RoundTable, period: int) -> None:
        before = sum(self.shares.values())
        worth = exact(one.pre_money) * Fraction(read_unit(one.unit).scale)
        options = self._options(one, before, worth)
        if options:
            self._give(period, one.name, self.pool, options, Fraction(0))
        self.price = worth / (before + options)
        self.rounds[one.name] = _Round(one, self.price, before, options)
        for seller, part in one.sold.items():
            self._sell(one, seller, exact(part), period)

    def _options(self, one: RoundTable, before: int, worth: Fraction) -> int:
        """Options that bring the pool to its part once all of the round's money has come.

        With o options added and money m, all shares are (before + o) (1 + m / worth); the pool has pool + o.
        """
        wanted = exact(one.pool)
        if not wanted:
            return 0
        money = sum(
            (promised(self.funding[name]) for name in one.funding if name in self.funding), Fraction(0)
        )
        grown = 1 + money / worth
        have = self.shares.get(self.pool, 0)
        if wanted * grown >= 1:
            raise PlanError(
                "round {name!r}: a pool of {pool} leaves nothing to others; lower it",
                name=one.name,
                pool=one.pool,
            )
        more = (wanted * grown * before - have) / (1 - wanted * grown)
        return max(-(-more.numerator // more.denominator), 0)

    def _sell(self, one: RoundTable, seller: str, part: Fraction, period: int) -> None:
        if seller not in self.shares:
            fix = did_you_mean(seller, self.shares)
            raise PlanError(
                "round {name!r} sells shares of {seller!r}, who has none; {fix}",
                name=one.name,
                seller=seller,
                fix=fix,
            )
        if not 0 <= part <= 1:
            raise PlanError(
                "round {name!r} sells {amount:.0%} of {seller!r}; write 0 to 100 %",
                name=one.name,
                amount=float(part),
                seller=seller,
            )
        shares = int(self.shares[seller] * part)
        self.shares[seller] -= shares
        self.shares[_PUBLIC] = self.shares.get(_PUBLIC, 0) + shares
        money = shares * self.price
        self.events.append(Event(self.plan.axis.name(period), one.name, _PUBLIC, seller, shares, money))

    def _buy(self, of: _Round, money: FundingTable, period: int) -> None:
        came = self._came(money, period)
        if came <= 0:
            return
        shares = int(came / of.price)
        if not shares:
            raise PlanError(
                "{name!r} does not buy one share of round {name2!r};"
                " count more shares in [ownership] or [[holder]]",
                name=money.name,
                name2=of.table.name,
            )
        self._give(period, of.table.name, money.investor, shares, came)
        of.issued += shares
        of.raised += came

    def _came(self, money: FundingTable, period: int) -> Fraction:
        """Money of a source in a period, or what was paid in shares."""
        line = self.values[f"{money.name}.issued" if money.kind == "shares" else f"{money.name}.received"]
        return _cents(float(line[period if line.shape[0] > 1 else 0, 0]))

    def _exercise(self, one: WarrantTable, period: int) -> None:
        """Paid for by its funding when that comes; else, once its condition holds, settled in shares."""
        if any(event.what == one.name for event in self.events):
            return
        shares, money = one.shares, Fraction(0)
        if one.funding:
            money = self._came(self.funding[one.funding], period) if one.funding in self.funding else money
            if money <= 0:
                return
        else:
            strike = strike_of(one, self.plan.written)
            if self.plan.axis.index(one.when) > period or not self._holds(one, period) or self._under(strike):
                return
            shares = int(one.shares * (1 - strike / self.price)) if strike else shares
        self._give(period, one.name, one.holder, shares, money)

    def _under(self, strike: Fraction) -> bool:
        """Whether a share costs no more than the warrant asks for it."""
        return strike > 0 and self.price <= strike

    def _holds(self, one: WarrantTable, period: int) -> bool:
        if not one.condition:
            return True
        line = self.values.get(one.condition)
        if line is None:
            fix = did_you_mean(one.condition, self.values)
            raise PlanError(
                "warrant {name!r} depends on no line {condition!r}; {fix}",
                name=one.name,
                condition=one.condition,
                fix=fix,
            )
        return bool(line[period if line.shape[0] > 1 else 0, 0] > 0)

    def _keep(self, period: int) -> None:
        if self.keeps is None:
            return
        name, part = self.keeps
        have, total = self.shares[name], sum(self.shares.values())
        more = (part * total - have) / (1 - part)
        shares = -(-more.numerator // more.denominator)
        if shares > 0:
            self._give(period, f"{name} keeps", name, shares, Fraction(0))

    def _give(self, period: int, what: str, holder: str, shares: int, money: Fraction) -> None:
        self.shares[holder] = self.shares.get(holder, 0) + shares
        self.events.append(Event(self.plan.axis.name(period), what, holder, "", shares, money))

    def _remember(self) -> None:
        self.history.append(dict(self.shares))
        self.prices.append(self.price)

    def done(self) -> CapTable:
        """All that happened."""
        holders = tuple(self.shares)
        start = self.first - 1 if self.first else 0
        return CapTable(
            tuple(self.plan.axis.name(start + at) for at in range(len(self.history))),
            holders,
            tuple(tuple(one.get(name, 0) for name in holders) for one in self.history),
            tuple(self.prices),
            tuple(self._priced(one) for one in self.rounds.values()),
            tuple(self.events),
        )

    def _priced(self, one: _Round) -> Priced:
        pre = one.price * (one.before + one.options)
        new = one.issued + one.options
        return Priced(
            one.table.name,
            one.table.title or one.table.name,
            one.table.when,
            pre,
            one.raised,
            pre + one.raised,
            one.price,
            one.issued,
            one.options,
            Fraction(new, one.before + new),
        )


def shown(table: CapTable) -> Mapping[str, object]:
    """A cap table for machines: parts and prices as decimal text, shares whole."""
    return {
        "periods": table.periods,
        "holders": table.holders,
        "shares": table.shares,
        "parts": tuple(
            tuple(f"{float(part):.12f}" for part in table.parts(at)) for at in range(len(table.periods))
        ),
        "price": tuple(f"{float(one):.6f}" for one in table.prices),
        "rounds": tuple(
            {
                "name": one.name,
                "title": one.title,
                "period": one.period,
                "pre_money": f"{float(one.pre_money):.2f}",
                "raised": f"{float(one.raised):.2f}",
                "post_money": f"{float(one.post_money):.2f}",
                "price": f"{float(one.price):.6f}",
                "issued": one.issued,
                "options": one.options,
                "dilution": f"{float(one.dilution):.12f}",
            }
            for one in table.rounds
        ),
        "events": tuple(
            {
                "period": one.period,
                "what": one.what,
                "holder": one.holder,
                "seller": one.seller,
                "shares": one.shares,
                "money": f"{float(one.money):.2f}",
            }
            for one in table.events
        ),
    }
