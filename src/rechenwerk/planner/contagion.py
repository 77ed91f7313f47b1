"""Who falls with whom, period by period.

Each period: income from outside and funding arrive; what is due is cleared (`clearing`); who cannot pay has
failed. Then its later debts are due at once and cleared with the rest; its purchases, its promises of funding
and its income end; what a guaranteed creditor loses is owed by the guarantor in the next period. A supplier
spends the cost of what it delivers, paid or not. Funding is paid as far as the investor has cash; less is no
failure of its own.

Origins: every unit of cash says whose money it first was. Funding is the investor's own; payments carry the
mix of the payer's cash before the period's payments. So what part of a supplier's revenue was its own money
before is counted, given that cash mixes.
"""

from __future__ import annotations

import msgspec
import numpy as np
from scipy.sparse import csr_array

from rechenwerk.base.errors import PlanError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.axis import Axis
from rechenwerk.planner.clearing import Default, Floats, clear, network
from rechenwerk.planner.deals import Deals, Purchase

_NOTHING = 1e-12
"""Less than this part of an amount is rounding."""


class Failure(msgspec.Struct, frozen=True):
    """A firm that could not pay.

    Args:
        firm, period: who and when.
        lacked: what it owed more than it could pay.
        lost: by creditor.
        shocked: it fell because it was made to, not by others.
    """

    firm: str
    period: str
    lacked: float
    lost: dict[str, float]
    shocked: bool


class Course(msgspec.Struct, frozen=True):
    """What happens over the periods; arrays are (periods, firms) or (firms, firms), in the order of the file.

    Args:
        cash: at the end of each period; 0 once a firm has failed.
        owed, paid: what was due and what of it was paid.
        failures: in the order in which they happened.
        unpaid_funding: (period, investor, firm, amount) that was promised and did not come.
        revenue: (supplier, buyer) from purchases, over all periods.
        returned: of each supplier's revenue: what was its own money before.
        gross: (firm, investor) funding that came.
        back: (firm, investor) what firms paid to their own investors for purchases and debts.
        claims: (periods, firms) what others still owe them less what they still owe, at the end.
        bought: (period, investor, firm, part) of the firm's shares that equity bought.
    """

    deals: Deals
    cash: Floats
    owed: Floats
    paid: Floats
    failures: tuple[Failure, ...]
    unpaid_funding: tuple[tuple[str, str, str, float], ...]
    revenue: Floats
    returned: Floats
    gross: Floats
    back: Floats
    claims: Floats
    bought: tuple[tuple[int, int, int, float], ...]

    @property
    def fallen(self) -> frozenset[str]:
        """Names of the firms that failed."""
        return frozenset(one.firm for one in self.failures)


def run(deals: Deals, *, fails: str = "", at: str = "") -> Course:
    """What happens if every promise is kept as far as it can be.

    Args:
        deals: as read.
        fails: a firm that stops paying and earning, whatever it has.
        at: when; the first period unless said otherwise.

    Raises:
        PlanError: there is no such firm or period.
    """
    names = [firm.name for firm in deals.firms]
    if fails and fails not in names:
        raise PlanError("no firm {fails!r} in the file; {fix}", fails=fails, fix=did_you_mean(fails, names))
    if at and at not in deals.periods:
        raise PlanError(
            "{at!r} is none of the periods {item} to {item2}",
            at=at,
            item=deals.periods[0],
            item2=deals.periods[-1],
        )
    course = _Course(deals)
    when = deals.periods.index(at) if at else 0
    for period in range(deals.axis.count):
        course.step(period, names.index(fails) if fails and period == when else None)
    return course.done()


class Fall(msgspec.Struct, frozen=True):
    """What the failure of one firm brings down with it.

    Args:
        firm: that is made to fail.
        falls: others that fail then and would not have otherwise, in order.
        lost: of all creditors together, beyond what they lose anyway.
    """

    firm: str
    falls: tuple[str, ...]
    lost: float


def falls(deals: Deals, at: str = "") -> tuple[Fall, ...]:
    """Who falls if X fails, for every X; the worst first."""
    base = run(deals)
    found = []
    for firm in deals.firms:
        course = run(deals, fails=firm.name, at=at)
        others = [one.firm for one in course.failures if one.firm not in base.fallen | {firm.name}]
        found.append(Fall(firm.name, tuple(others), _lost(course) - _lost(base)))
    return tuple(sorted(found, key=lambda one: (-len(one.falls), -one.lost)))


def _lost(course: Course) -> float:
    return sum(sum(one.lost.values()) for one in course.failures)


def instalments(one: Purchase, axis: Axis) -> Floats:
    """What of a purchase is due in each period; what lies before or behind them is left out.

    A ramp of n weights divides the time of the purchase into n equal parts.
    """
    first, last = axis.index(one.first), axis.index(one.last)
    length = last - first + 1
    weights = np.asarray([float(weight) for weight in one.ramp or (1,)])
    each = weights[np.arange(length) * len(weights) // length]
    amounts = float(one.total) * each / each.sum()
    found = np.zeros(axis.count)
    for index in range(max(first, 0), min(last + 1, axis.count)):
        found[index] = amounts[index - first]
    return found


class _Course:
    """The state while the periods pass."""

    def __init__(self, deals: Deals) -> None:
        self.deals = deals
        self.names = [firm.name for firm in deals.firms]
        self.index = {name: at for at, name in enumerate(self.names)}
        count, length = len(self.names), deals.axis.count
        self.left = Default(deals.assets_left, deals.claims_left)
        self.cash = np.asarray([float(firm.cash) for firm in deals.firms])
        self.income = np.stack(
            [
                np.asarray([float(one) for one in firm.income])
                if isinstance(firm.income, tuple)
                else np.full(length, float(firm.income))
                for firm in deals.firms
            ]
        ).reshape(count, length)
        # Cash by whose money it first was; the last column is everybody else's.
        self.mix = np.zeros((count, count + 1))
        self.mix[:, -1] = np.maximum(self.cash, 0)
        self.alive = np.ones(count, dtype=bool)
        self.parts = [instalments(one, deals.axis) for one in deals.purchases]
        self.ranks = sorted(
            {1}
            | {one.seniority for one in deals.debts}
            | {one.seniority for one in deals.purchases}
            | {one.seniority for one in deals.funding}
        )
        # Open debts: debtor, creditor, amount, period in which it is due, seniority.
        self.debts: list[tuple[int, int, float, int, int]] = [
            (
                self.index[one.debtor],
                self.index[one.creditor],
                float(one.amount),
                deals.axis.index(one.due),
                one.seniority,
            )
            for one in deals.debts
        ]
        self.called = np.zeros((count, count))  # of guarantees: (guarantor, creditor), due next
        self.history: list[tuple[Floats, Floats, Floats]] = []
        self.failures: list[Failure] = []
        self.missing: list[tuple[str, str, str, float]] = []
        self.revenue, self.gross, self.back = (np.zeros((count, count)) for _ in range(3))
        self.returned = np.zeros(count)
        self.claims: list[Floats] = []
        self.bought: list[tuple[int, int, int, float]] = []

    def step(self, period: int, shocked: int | None) -> None:
        """One period."""
        if shocked is not None:
            self.cash[shocked] = 0.0
            self.mix[shocked] = 0.0
            self.income[shocked, period:] = 0.0
        self._earn(period)
        self._fund(period, shocked)
        bought, others = self._due(period)
        start = self.cash - np.where(self.alive, self._delivery(bought), 0.0)
        fallen = np.zeros(len(self.names), dtype=bool)
        if shocked is not None and self.alive[shocked]:
            fallen[shocked] = True
        while True:  # who falls owes all later debts at once, which may bring others down
            owed = self._owed(bought, others, fallen, period)
            own = np.where(self.alive, start, 0.0)
            cleared = clear(network([csr_array(one) for one in owed]), own, self.left)
            newly = cleared.failed & ~fallen & self.alive
            if not newly.any():
                break
            fallen |= newly
        self._pay(period, owed, bought, cleared.paid, fallen, shocked)
        self.cash = np.where(self.alive & ~fallen, start + cleared.received - cleared.total, 0.0)
        self.mix *= np.divide(
            np.maximum(self.cash, 0),
            self.mix.sum(axis=1),
            out=np.zeros_like(self.cash),
            where=self.mix.sum(axis=1) > 0,
        )[:, None]
        self.alive &= ~fallen
        self.history.append((self.cash.copy(), owed.sum(axis=(0, 2)), cleared.total))
        self.debts = [one for one in self.debts if one[3] > period and self.alive[one[0]]]
        self.claims.append(self._open())

    def _open(self) -> Floats:
        """What is owed to each firm later, less what it owes."""
        found = np.zeros(len(self.names))
        for debtor, creditor, amount, *_ in self.debts:
            found[creditor] += amount if self.alive[creditor] else 0.0
            found[debtor] -= amount
        return found

    def _earn(self, period: int) -> None:
        earned = np.where(self.alive, self.income[:, period], 0.0)
        self.cash += earned
        self.mix[:, -1] += np.maximum(earned, 0)

    def _fund(self, period: int, shocked: int | None) -> None:
        for one in self.deals.funding:
            if self.deals.axis.index(one.when) != period:
                continue
            investor, firm = self.index[one.investor], self.index[one.firm]
            going = self.alive[investor] and self.alive[firm] and shocked not in {investor, firm}
            amount = min(float(one.amount), max(self.cash[investor], 0.0)) if going else 0.0
            if amount < float(one.amount):
                when = self.deals.axis.name(period)
                self.missing.append((when, one.investor, one.firm, float(one.amount) - amount))
            if not amount:
                continue
            self._take(investor, amount)
            self.cash[investor] -= amount
            self.cash[firm] += amount
            self.mix[firm, investor] += amount
            self.gross[firm, investor] += amount
            if one.part:
                self.bought.append((period, investor, firm, float(one.part) * amount / float(one.amount)))
            if one.kind == "loan":
                back = amount * (1 + float(one.interest))
                self.debts.append((firm, investor, back, self.deals.axis.index(one.due), one.seniority))

    def _take(self, firm: int, amount: float) -> Floats:
        """Cash leaves in the mix that it has."""
        held = self.mix[firm].sum()
        part: Floats = self.mix[firm] * (min(amount, held) / held) if held > 0 else self.mix[firm] * 0
        self.mix[firm] -= part
        return part

    def _due(self, period: int) -> tuple[Floats, Floats]:
        """(classes, firms, firms) of purchases, and of debts and called guarantees."""
        count = len(self.names)
        bought, others = np.zeros((len(self.ranks), count, count)), np.zeros((len(self.ranks), count, count))
        for one, parts in zip(self.deals.purchases, self.parts, strict=True):
            buyer, supplier = self.index[one.buyer], self.index[one.supplier]
            if self.alive[buyer] and self.alive[supplier]:
                bought[self.ranks.index(one.seniority), buyer, supplier] += parts[period]
        for debtor, creditor, amount, due, rank in self.debts:
            if due == period and self.alive[debtor]:
                others[self.ranks.index(rank), debtor, creditor] += amount
        others[self.ranks.index(1)] += np.where(self.alive[:, None], self.called, 0.0)
        self.called = np.zeros_like(self.called)
        return bought, others

    def _delivery(self, bought: Floats) -> Floats:
        """What suppliers spend outside to deliver."""
        cost = np.zeros((len(self.names), len(self.names)))
        for one in self.deals.purchases:
            cost[self.index[one.buyer], self.index[one.supplier]] = float(one.cost)
        spent: Floats = (bought.sum(axis=0) * cost).sum(axis=0)
        return spent

    def _owed(self, bought: Floats, others: Floats, fallen: np.ndarray, period: int) -> Floats:
        owed: Floats = bought + others
        for debtor, creditor, amount, due, rank in self.debts:
            if due > period and fallen[debtor]:
                owed[self.ranks.index(rank), debtor, creditor] += amount
        return owed

    def _pay(
        self, period: int, owed: Floats, bought: Floats, paid: Floats, fallen: np.ndarray, shocked: int | None
    ) -> None:
        """Keep the books of a period: who lost, who was paid with whose money."""
        totals = owed.sum(axis=2)
        part = np.divide(paid, totals, out=np.ones_like(paid), where=totals > 0)
        moved, sold = owed * part[..., None], bought * part[..., None]
        for firm in np.flatnonzero(fallen):
            lost = (owed[:, firm] - moved[:, firm]).sum(axis=0)
            by = {self.names[at]: float(lost[at]) for at in np.flatnonzero(lost > _NOTHING)}
            when = self.deals.axis.name(period)
            name = self.names[firm]
            self.failures.append(Failure(name, when, float(lost.sum()), by, bool(firm == shocked)))
            for one in self.deals.guarantees:
                if one.debtor == name:
                    creditor = self.index[one.creditor]
                    called = min(float(one.amount), float(lost[creditor]))
                    self.called[self.index[one.guarantor], creditor] += called
        arrived = np.zeros_like(self.mix)
        for payer, creditor in np.argwhere(moved.sum(axis=0) > 0):
            amount = float(moved[:, payer, creditor].sum())
            held = self.mix[payer].sum()
            carried = self.mix[payer] * (min(1.0, amount / held) if held > 0 else 0.0)
            arrived[creditor] += carried
            share = float(sold[:, payer, creditor].sum()) / amount
            self.revenue[creditor, payer] += amount * share
            self.returned[creditor] += carried[creditor] * share
            if self.gross[payer, creditor]:
                self.back[payer, creditor] += amount
        self.mix += arrived

    def done(self) -> Course:
        """All that happened."""
        cash, owed, paid = (np.stack([one[at] for one in self.history]) for at in range(3))
        return Course(
            self.deals,
            cash,
            owed,
            paid,
            tuple(self.failures),
            tuple(self.missing),
            self.revenue,
            self.returned,
            self.gross,
            self.back,
            np.stack(self.claims),
            tuple(self.bought),
        )
