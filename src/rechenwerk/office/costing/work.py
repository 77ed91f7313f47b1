"""From facts to what has to stand in the books for every contract of an owner. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rechenwerk.base.money import plain_money
from rechenwerk.contracts.bill import Billed, Piece, billed
from rechenwerk.contracts.costs import Cost, cost_of, pieces_of, share_out
from rechenwerk.contracts.draws import version_at
from rechenwerk.contracts.periods import HOUR, Span, add_months, begins, day_of, month_span, overlap
from rechenwerk.contracts.ports import STANDARD, Contract, Deployed, Energy, Line, Used
from rechenwerk.contracts.renewals import with_renewals
from rechenwerk.contracts.sites import energy_of
from rechenwerk.contracts.terms import OwnHardware, Provisioned
from rechenwerk.office.costing.ports import CostFacts, CostTarget, KeptContract, KeptDeployment, SiteVersion
from rechenwerk.office.costing.tiers import by_tier

_PLACES = 9


def targets(facts: CostFacts, span: Span) -> list[CostTarget]:
    """What has to stand in the books.

    Args:
        facts: of one owner.
        span: a month from its beginning on, to its end or the hour that runs.
    """
    current = {one.name: one.versions[-1].terms for one in facts.contracts}
    deployed, used = _named(facts)
    wanted = _wanted(facts, span, current)
    bills = billed(list(current.values()), deployed, used, wanted, _energies(facts))
    rates = {one.name: one.rates for one in deployed}
    found = []
    for contract in facts.contracts:
        spilling = _spilling(contract.name, bills, span, current)
        own = [
            one
            for one in bills
            if one.statement.contract == contract.name and overlap(one.piece.span, span) > 0
        ]
        if own:
            costs = [cost_of(one, rates, spilling) for one in own]
            found.append(_target(contract, own, costs, facts))
        elif contract.id in facts.stood:
            found.append(_nothing(contract, facts))
    return found


def _nothing(contract: KeptContract, facts: CostFacts) -> CostTarget:
    """Of a contract that costs nothing beside its calls any more, while something of it is booked."""
    served = [one for one in facts.served if one.contract == contract.name]
    booked = sum(one.booked for one in served)
    line = {"what": "calls as they were booked", "sort": "use", "quantity": "1", "unit": "", "rate": None}
    return CostTarget(
        contract=contract.id,
        name=contract.name,
        due=booked,
        booked=booked,
        prepaid=0,
        served=served,
        amounts=(0,) * len(served),
        idle=0,
        key="",
        used=None,
        lines=[line | {"amount": plain_money(booked)}],
    )


def _spilling(to: str, bills: Sequence[Billed], span: Span, current: Mapping[str, Contract]) -> list[str]:
    """Contracts of which something spilled to this one in a span."""
    names = [
        one.statement.contract for one in bills if one.statement.spilled and overlap(one.piece.span, span)
    ]
    return [name for name in dict.fromkeys(names) if current[name].overflow.to == to]


def _named(facts: CostFacts) -> tuple[list[Deployed], list[Used]]:
    """Deployments, each once for every price that it had, and their use at the price of its hour."""
    deployed: dict[tuple[int, int], Deployed] = {}
    since: dict[int, list[float]] = {}
    for one in facts.deployments:
        since[one.id] = [at for at, _ in one.prices]
        for number, (at, rates) in enumerate(one.prices):
            deployed[one.id, number] = Deployed(
                id=one.id,
                name=_name(one, at if number else None),
                model=one.model,
                provider=one.provider,
                contract=one.contract,
                rates=rates,
                service_tier=one.service_tier or STANDARD,
            )
    terms = {one.name: one.versions for one in facts.contracts}
    used: list[Used] = []
    for hour in facts.hours:
        version = max(0, bisect_right(since[hour.deployment], hour.hour) - 1)
        served = deployed[hour.deployment, version]
        used += by_tier(version_at(terms[served.contract], hour.hour), served, hour)
    return list(deployed.values()), used


def _name(one: KeptDeployment, since: float | None) -> str:
    named = f"{one.model} at {one.provider} under {one.contract}"
    if since is None:
        return named
    return f"{named} at the price of {datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M:%S.%f}"


def _wanted(facts: CostFacts, span: Span, current: Mapping[str, Contract]) -> dict[str, list[Piece]]:
    """The pieces that bills are needed of: of contracts that others depend on, all from the first use on."""
    needed = {name for terms in current.values() for name in terms.covers}
    needed |= {name for name, terms in current.items() if terms.overflow.to in current}
    first = min((one.hour for one in facts.hours), default=span[0])
    found: dict[str, list[Piece]] = {}
    for contract in facts.contracts:
        spans = [span]
        if contract.name in needed:
            spans = [*_months(min(first, _starts(contract, span)), span[0]), span]
        found[contract.name] = [piece for one in spans for piece in _pieces(contract, one)]
    return found


def _starts(contract: KeptContract, span: Span) -> int:
    """Its first day if it says one: fees of earlier months count towards who covers it."""
    starts = contract.versions[-1].terms.starts
    return span[0] if starts is None else begins(starts)


def _months(first: int, until: int) -> Iterator[Span]:
    at = month_span(day_of(first))
    while at[0] < until:
        yield at
        at = month_span(add_months(day_of(at[0]), 1))


def _pieces(contract: KeptContract, span: Span) -> Iterator[Piece]:
    """A span, cut where terms change, and to the time in which the contract stood in a configuration.

    What is only proposed, or is said to have expired, costs nothing.
    """
    opens, closes = span
    if contract.versions[-1].terms.starts is None:
        opens = max(opens, int(contract.entered) // HOUR * HOUR)
    if contract.ended is not None:
        closes = min(closes, -int(-contract.ended // HOUR) * HOUR)
    versions = with_renewals([(int(one.since), one.terms) for one in contract.versions], closes)
    if opens < closes:
        pieces = (Piece(*one) for one in pieces_of(versions, (opens, closes)))
        yield from (one for one in pieces if one.terms.status not in {"proposed", "expired"})


def _energies(facts: CostFacts) -> dict[str, Energy]:
    return {name: _energy(versions) for name, versions in facts.sites.items()}


def _energy(versions: Sequence[SiteVersion]) -> Energy:
    """The price of an hour as the site was when it began."""
    prices = [energy_of(one.site) for one in versions]
    since = [one.since for one in versions]

    def price(hour: int) -> Decimal:
        return prices[max(0, bisect_right(since, hour) - 1)](hour)

    return price


def _target(
    contract: KeptContract, bills: Sequence[Billed], costs: Sequence[Cost], facts: CostFacts
) -> CostTarget:
    served = [one for one in facts.served if any(one.contract in cost.by for cost in costs)]
    shared = share_out(costs, served)
    return CostTarget(
        contract=contract.id,
        name=contract.name,
        due=sum(cost.due for cost in costs),
        booked=sum(one.booked for one in served if one.contract == contract.name),
        prepaid=sum(cost.prepaid for cost in costs),
        served=served,
        amounts=shared.amounts,
        idle=shared.idle,
        key=shared.key,
        used=_used(bills, costs),
        lines=[_line(line, contract.name) for cost in costs for line in cost.lines],
    )


def _used(bills: Sequence[Billed], costs: Sequence[Cost]) -> str | None:
    """The share of bought capacity that was used, as it weighs in the cost: 0.6125."""
    if not isinstance(bills[-1].piece.terms, OwnHardware | Provisioned):
        return None
    paid = [part for cost in costs for part in cost.parts if part.sort in {"fee", "depreciation", "upkeep"}]
    whole = sum(part.amount for part in paid)
    if not whole:
        return None
    return _decimal(Fraction(round(Fraction(sum(part.borne for part in paid), whole) * 10_000), 10_000))


def _line(line: Line, contract: str) -> dict[str, Any]:
    return {
        "what": line.what.replace(f" under {contract}", ""),
        "sort": line.sort,
        "quantity": _decimal(line.quantity),
        "unit": line.unit,
        "rate": None if line.rate is None else _decimal(line.rate),
        "amount": plain_money(line.amount),
    }


def _decimal(value: Fraction) -> str:
    """For people: nine decimals at most."""
    scaled = round(value * 10**_PLACES)
    return f"{Decimal(scaled).scaleb(-_PLACES).normalize():f}"
