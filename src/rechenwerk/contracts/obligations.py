"""What a contract binds: money payable whether used or not, prepayments at risk, fees, capacity. Pure."""

from __future__ import annotations

from fractions import Fraction

from rechenwerk.base.money import divide_half_even
from rechenwerk.contracts.bill_commitment import dues
from rechenwerk.contracts.billing import lasts
from rechenwerk.contracts.periods import Span, ends_at, period_at, runs, term
from rechenwerk.contracts.ports import Drawn
from rechenwerk.contracts.position import capacity_per_minute
from rechenwerk.contracts.terms import Contract, OwnHardware, PrepaidCredit, Provisioned, TakeOrPay
from rechenwerk.contracts.weights import ZERO, nano


def payable(contract: Contract, drawn: Drawn, now: int) -> int:
    """Nano-units that will be owed until the contract ends even if nothing more is used.

    Of an open contract only the period that runs counts: it can be left.

    Args:
        contract: its terms.
        drawn: from it and from what it covers, in its own measure, since it began.
        now: epoch seconds.
    """
    if contract.status in {"proposed", "expired"} or now >= term(contract)[1]:
        return 0
    if isinstance(contract, TakeOrPay):
        return _rounded(_minimums(contract, drawn, now))
    if isinstance(contract, Provisioned):
        return _rounded(_holding(contract, (max(now, term(contract)[0]), _end(contract, now))))
    return 0


def at_risk(contract: Contract, drawn: Drawn, now: int) -> int:
    """Nano-units that were paid ahead and are lost if the provider is gone: credit left, terms paid."""
    if contract.status in {"proposed", "expired"} or not runs(contract, now):
        return 0
    if isinstance(contract, PrepaidCredit):
        bought = nano(contract.balance)
        left = max(ZERO, bought - _counted(drawn, *term(contract)))
        paid = nano(contract.balance if contract.paid is None else contract.paid)
        return _rounded(left * paid / bought) if bought else 0
    if isinstance(contract, Provisioned) and contract.ends is not None:
        first, after = term(contract)
        ahead = Fraction(after - now, after - first)
        whole = sum((_fee(contract, index, (first, after)) for index in range(len(contract.blocks))), ZERO)
        termly = sum(
            (
                _fee(contract, index, (first, after))
                for index, block in enumerate(contract.blocks)
                if block.per == "term"
            ),
            ZERO,
        )
        upfront = Fraction(contract.upfront)
        return _rounded((upfront * (whole - termly) + termly) * ahead)
    return 0


def fees(contract: Contract, span: Span) -> int:
    """Nano-units that a span of the contract costs whether used or not; of own machines, their wear."""
    if isinstance(contract, Provisioned):
        return _rounded(sum((_fee(contract, index, span) for index in range(len(contract.blocks))), ZERO))
    if isinstance(contract, OwnHardware):
        monthly = nano(contract.purchase - contract.residual) / contract.months + nano(contract.upkeep)
        return _rounded(monthly * lasts(contract, span, "month"))
    return 0


def charged_by_use(contract: Contract) -> bool:
    """Whether what is booked for its calls is paid to somebody: not of own machines."""
    return not isinstance(contract, OwnHardware)


def capacity(contract: Contract) -> Fraction | None:
    """Weighted tokens per minute that a contract takes; None: not told."""
    told: list[Fraction | None] = [
        Fraction(cap.amount) for cap in contract.caps if cap.per == "minute" and cap.measure == "quantity"
    ]
    if isinstance(contract, OwnHardware) or (isinstance(contract, Provisioned) and _by_tokens(contract)):
        told.append(capacity_per_minute(contract))
    return min((one for one in told if one is not None), default=None)


def _by_tokens(contract: Provisioned) -> bool:
    return all(block.measure == "quantity" for block in contract.blocks)


def _end(contract: Contract, now: int) -> int:
    """The end of the term; of an open contract that of the period which runs."""
    end = ends_at(contract)
    if end is not None:
        return end
    if isinstance(contract, TakeOrPay) and contract.period not in {None, "term"}:
        assert contract.period is not None
        return period_at(contract, contract.period, max(now, term(contract)[0]))[1]
    return now


def _minimums(contract: TakeOrPay, drawn: Drawn, now: int) -> Fraction:
    open_ones = [due for due in dues(contract, term(contract)[0], _end(contract, now)) if due.at > now]
    owed = [max(ZERO, due.amount - _counted(drawn, due.starts, due.at)) for due in open_ones]
    # Milestones all count from the start, so the largest is all that is owed; periods add up.
    left = max(owed, default=ZERO) if contract.milestones else sum(owed, ZERO)
    price = Fraction(contract.unit_price or 0) if contract.measure == "quantity" else Fraction(1)
    return left * price * Fraction(contract.shortfall.share)


def _counted(drawn: Drawn, begin: int, end: int) -> int:
    return sum(amount for hour, amount in drawn.hours.items() if begin <= hour < end)


def _holding(contract: Provisioned, span: Span) -> Fraction:
    if span[1] <= span[0]:
        return ZERO
    whole = sum((_fee(contract, index, span) for index in range(len(contract.blocks))), ZERO)
    return whole * (1 - Fraction(contract.upfront))


def _fee(contract: Provisioned, index: int, span: Span) -> Fraction:
    block = contract.blocks[index]
    return nano(block.hold_fee) * Fraction(block.units) * lasts(contract, span, block.per)


def _rounded(amount: Fraction) -> int:
    return divide_half_even(amount.numerator, amount.denominator)
