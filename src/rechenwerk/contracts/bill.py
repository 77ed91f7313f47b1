"""What contracts cost in a month."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any

import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.contracts.bill_capacity import capacity
from rechenwerk.contracts.bill_commitment import commitment
from rechenwerk.contracts.bill_credit import credit, draws
from rechenwerk.contracts.bill_owned import grant, hardware
from rechenwerk.contracts.billing import Job
from rechenwerk.contracts.periods import Span, month_span
from rechenwerk.contracts.ports import Charge, Deployed, Energy, Statement, Used
from rechenwerk.contracts.pricing import charges_of, lots, repriced, use_lines
from rechenwerk.contracts.terms import (
    Contract,
    Grant,
    OnDemand,
    OwnHardware,
    PrepaidCredit,
    Provisioned,
    TakeOrPay,
)
from rechenwerk.ledger.prices import PriceList


def _on_demand(contract: OnDemand, job: Job) -> Statement:
    priced = lots(contract, job.rates, job.use)
    lines = (*use_lines(priced, job.span), *repriced(contract, job.rates, job.use, job.span))
    return Statement(
        contract=contract.name,
        starts=job.span[0],
        ends=job.span[1],
        lines=lines,
        charges=charges_of(priced, job.span, sum(at.amount for at in lines)),
    )


_BILLS: Mapping[type[Any], Callable[[Any, Job], Statement]] = MappingProxyType(
    {
        OnDemand: _on_demand,
        PrepaidCredit: credit,
        TakeOrPay: commitment,
        Provisioned: capacity,
        OwnHardware: hardware,
        Grant: grant,
    }
)


def month(
    contract: Contract,
    rates: Mapping[str, PriceList],
    use: Sequence[Used],
    day: date,
    *,
    covered: Sequence[Charge] = (),
    energy: Energy | None = None,
) -> Statement:
    """The bill of the calendar month in which `day` lies.

    Args:
        contract: the terms.
        rates: list rates by deployment.
        use: of the contract's own deployments, by hour (or call by call); from the beginning of every period,
            allowance or tier interval that touches the month. What comes after the month is left out.
        day: any day of the month.
        covered: what the contracts that this one covers charged, over the same time.
        energy: price by hour at the site of own hardware.

    Raises:
        RechenwerkError: use of a deployment that has no rates.
    """
    return bill(contract, rates, use, month_span(day), covered=covered, energy=energy)


def bill(
    contract: Contract,
    rates: Mapping[str, PriceList],
    use: Sequence[Used],
    span: Span,
    *,
    covered: Sequence[Charge] = (),
    energy: Energy | None = None,
) -> Statement:
    """The bill of a month, or of a part of one that begins and ends with whole hours; see `month`."""
    job = Job(
        rates=rates,
        use=sorted((used for used in use if used.hour < span[1]), key=lambda used: used.hour),
        span=span,
        covered=sorted((at for at in covered if at.hour < span[1]), key=lambda at: at.hour),
        energy=energy,
    )
    return _BILLS[type(contract)](contract, job)


class Piece(msgspec.Struct, frozen=True):
    """A month or a part of one, and the terms that hold in it."""

    span: Span
    terms: Contract


class Billed(msgspec.Struct, frozen=True):
    """A bill with what it was made from.

    Attributes:
        use: of the contract's own deployments and what spilled to it, up to the end of the piece.
    """

    piece: Piece
    statement: Statement
    use: Sequence[Used]


def statements(
    contracts: Sequence[Contract],
    deployments: Sequence[Deployed],
    use: Sequence[Used],
    days: Sequence[date],
    energy: Mapping[str, Energy] | None = None,
) -> tuple[Statement, ...]:
    """The bills of all contracts for some months that follow each other, each after what it depends on.

    What spills goes to the contract that pays it; what is covered counts towards the one that covers it, and
    of several credits over one contract the one with the lowest order pays first.

    Args:
        contracts: the terms.
        deployments: each names the contract that prices its calls.
        use: by hour, of all deployments, from the first month on.
        days: one of each month, ascending, from the first in which anything was used: bills depend on those
            before.
        energy: price of energy by site.

    Raises:
        RechenwerkError: use of an unknown deployment; contracts that cover or spill to each other in a
            circle.
    """
    spans = [month_span(day) for day in days]
    pieces = {at.name: [Piece(span, at) for span in spans] for at in contracts}
    return tuple(at.statement for at in billed(contracts, deployments, use, pieces, energy))


def billed(
    contracts: Sequence[Contract],
    deployments: Sequence[Deployed],
    use: Sequence[Used],
    pieces: Mapping[str, Sequence[Piece]],
    energy: Mapping[str, Energy] | None = None,
) -> list[Billed]:
    """As `statements`, of pieces of months: by name of the contract, in order of time.

    A contract that no other depends on, by covering it or by taking what it spills, needs no piece but those
    that are wanted; of the others everything from the first use on.

    Raises:
        RechenwerkError: as `statements`.
    """
    contract_of = {at.name: at.contract for at in deployments}
    rates = {at.name: at.rates for at in deployments}
    shares: dict[str, list[Used]] = {at.name: [] for at in contracts}
    for used in use:
        name = contract_of.get(used.deployment)
        if name not in shares:
            raise RechenwerkError(f"use of {used.deployment!r}, which no contract prices; name its contract")
        shares[name].append(used)
    charged: dict[str, list[Charge]] = {at.name: [] for at in contracts}
    bills = []
    for contract in in_order(contracts):
        covered = _covered(contract, charged)
        site = contract.site if isinstance(contract, OwnHardware) else ""
        own = shares[contract.name]
        for piece in pieces.get(contract.name, ()):
            found = bill(
                piece.terms, rates, own, piece.span, covered=covered, energy=(energy or {}).get(site)
            )
            bills.append(Billed(piece, found, own))
            charged[contract.name] += found.charges
            if contract.overflow.to in shares:
                shares[contract.overflow.to] += found.spilled
        if isinstance(contract, PrepaidCredit):
            _pay(contract, charged)
    return bills


def _covered(contract: Contract, charged: Mapping[str, Sequence[Charge]]) -> list[Charge]:
    every = [at for name in contract.covers for at in charged.get(name, ())]
    return sorted(every, key=lambda at: at.hour)


def _pay(contract: PrepaidCredit, charged: dict[str, list[Charge]]) -> None:
    """Take what a credit paid from the charges that it covers, so that nothing is paid twice."""
    every = [(name, at) for name in (contract.name, *contract.covers) for at in charged.get(name, ())]
    every.sort(key=lambda pair: pair[1].hour)
    for name in contract.covers:
        charged[name] = []
    paid = draws(contract, [at for _, at in every])
    for (name, at), part in zip(every, paid, strict=True):
        if name != contract.name:
            charged[name].append(msgspec.structs.replace(at, amount=at.amount - part))


def in_order(contracts: Sequence[Contract]) -> list[Contract]:
    """Contracts so that each comes after those that it covers and those that spill to it.

    Raises:
        RechenwerkError: there is a circle.
    """
    names = {at.name for at in contracts}
    before = {at.name: {name for name in at.covers if name in names} for at in contracts}
    for at in contracts:
        if at.overflow.to in names:
            before[str(at.overflow.to)].add(at.name)
    left = sorted(contracts, key=lambda at: (at.order is None, at.order or 0))
    done: list[Contract] = []
    while left:
        ready = [at for at in left if not before[at.name] & {other.name for other in left}]
        if not ready:
            circle = ", ".join(sorted(at.name for at in left))
            raise RechenwerkError(f"contracts cover or spill to each other in a circle: {circle}")
        done.append(ready[0])
        left.remove(ready[0])
    return done
