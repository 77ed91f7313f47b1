"""A month of a prepaid credit: what was bought, what it paid, what expired."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from rechenwerk.contracts.billing import Job, line
from rechenwerk.contracts.periods import ends_at, runs, term
from rechenwerk.contracts.ports import Charge, Line, Statement
from rechenwerk.contracts.pricing import charges_of, lots, use_lines
from rechenwerk.contracts.terms import PrepaidCredit
from rechenwerk.contracts.weights import nano_whole

_ONE = Fraction(1)


def draws(contract: PrepaidCredit, charges: Sequence[Charge]) -> list[int]:
    """What the credit pays of each charge, in order; charges outside its term get nothing.

    A correction below zero gives back what it corrects.
    """
    left = nano_whole(contract.balance)
    paid = []
    for charge in charges:
        part = min(charge.amount, left) if runs(contract, charge.hour) else 0
        left -= part
        paid.append(part)
    return paid


def credit(contract: PrepaidCredit, job: Job) -> Statement:
    """The bill of a month."""
    priced = lots(contract, job.rates, job.use)
    use = use_lines(priced, job.span)
    own = [
        *charges_of(priced, (0, job.span[0]), sum(at.amount for at in use_lines(priced, (0, job.span[0])))),
        *charges_of(priced, job.span, sum(at.amount for at in use)),
    ]
    charges = sorted([*own, *job.covered], key=lambda charge: charge.hour)
    paid = draws(contract, charges)
    now = sum(part for part, charge in zip(paid, charges, strict=True) if job.inside(charge.hour))
    left = nano_whole(contract.balance) - sum(paid)
    return Statement(
        contract=contract.name,
        starts=job.span[0],
        ends=job.span[1],
        lines=(*_bought(contract, job), *use, *_paid(contract, job, now, left)),
        charges=tuple(charge for charge in own if job.inside(charge.hour)),
    )


def _bought(contract: PrepaidCredit, job: Job) -> tuple[Line, ...]:
    if contract.starts is None or not job.inside(term(contract)[0]):
        return ()
    price = contract.balance if contract.paid is None else contract.paid
    what = f"credit of {contract.balance:,f} bought"
    return (line(what, "credit", _ONE, "credit", Fraction(price)),)


def _paid(contract: PrepaidCredit, job: Job, now: int, left: int) -> tuple[Line, ...]:
    lines = []
    if now:
        lines.append(line("paid from the credit", "credit", _ONE, "credit", None, amount=Fraction(-now)))
    end = ends_at(contract)
    if end is not None and job.span[0] < end <= job.span[1]:
        what = "rolls over" if contract.rolls_over else "expired unused"
        lines.append(line(what, "expired", _ONE, "credit", None, amount=Fraction(left), memo=True))
    else:
        lines.append(line("left", "balance", _ONE, "credit", None, amount=Fraction(left), memo=True))
    return tuple(lines)
