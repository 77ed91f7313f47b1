"""A month of provisioned capacity: fees whether used or not, fees for use, and what ran past it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil

import msgspec

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.billing import Job, lasts, line
from rechenwerk.contracts.periods import HOUR, runs, term
from rechenwerk.contracts.ports import SHARED, Charge, Line, Statement, Used
from rechenwerk.contracts.pricing import charges_of, lots, spread, use_lines
from rechenwerk.contracts.terms import Block, Provisioned
from rechenwerk.contracts.weights import ZERO, counts, dot, rates_of, weights
from rechenwerk.ledger.prices import PriceList

_ONE = Fraction(1)


def names(contract: Provisioned) -> dict[str, list[Block]]:
    """Blocks that add up, by name; a call needs room under every name."""
    groups: dict[str, list[Block]] = {}
    for block in contract.blocks:
        groups.setdefault(block.name, []).append(block)
    return groups


def per_minute(blocks: Sequence[Block]) -> Fraction | None:
    """What blocks of one name take together per minute; None: not told."""
    if any(block.throughput is None for block in blocks):
        return None
    return sum((Fraction(b.units) * Fraction(b.throughput or 0) for b in blocks), ZERO)


def takes(block: Block, prices: PriceList, usage: Usage) -> Fraction:
    """What usage takes of a block's throughput."""
    if block.measure == "spend":
        return dot(rates_of(prices), counts(usage)) / NANO
    return dot(weights(block.weights), counts(usage))


def capacity(contract: Provisioned, job: Job) -> Statement:
    """The bill of a month."""
    use = [used for used in job.use if job.inside(used.hour)]
    hours = _by_hour(use)
    past = [over for hour in sorted(hours) for over in _past(contract, job, hours[hour])]
    spill = contract.overflow.to if contract.overflow.rule == "spill" else None
    paid_here = [used for used in past if spill is None]
    priced = lots(contract, job.rates, paid_here)
    overflow = tuple(
        msgspec.structs.replace(at, what=f"past the capacity, {at.what}", sort="overflow")
        for at in use_lines(priced, job.span)
    )
    fees = tuple(_fees(contract, job, hours))
    charges = [
        *_by_the_hour(contract, job, sum(fee.amount for fee in fees)),
        *charges_of(priced, job.span, sum(at.amount for at in overflow)),
    ]
    return Statement(
        contract=contract.name,
        starts=job.span[0],
        ends=job.span[1],
        lines=(*fees, *overflow, *_spilled(past if spill else [], spill)),
        charges=tuple(charges),
        spilled=tuple(past) if spill else (),
    )


def _by_the_hour(contract: Provisioned, job: Job, due: int) -> tuple[Charge, ...]:
    """Fees in equal parts over the hours of the month in which the contract runs."""
    first, after = term(contract)
    running = range(max(first, job.span[0]), min(after, job.span[1]), HOUR)
    return spread(dict.fromkeys(running, _ONE), due)


def _by_hour(use: Sequence[Used]) -> dict[int, list[Used]]:
    hours: dict[int, list[Used]] = {}
    for used in use:
        hours.setdefault(used.hour, []).append(used)
    return hours


def _past(contract: Provisioned, job: Job, use: Sequence[Used]) -> Iterator[Used]:
    """What of an hour's use ran past the capacity: what the provider says, else what cannot have fitted."""
    within = [used for used in use if used.service_tier != SHARED]
    yield from (used for used in use if used.service_tier == SHARED)
    share = ZERO
    if contract.overflow.rule != "refuse":
        for blocks in names(contract).values():
            room = per_minute(blocks)
            wanted = sum((takes(blocks[0], job.rates[at.deployment], at.usage) for at in within), ZERO)
            if room is not None and wanted > 60 * room:
                share = max(share, 1 - 60 * room / wanted)
    if share:
        for used in within:
            part = Usage(*(round(count * share) for count in used.usage.counts()))
            yield msgspec.structs.replace(used, usage=part, units=None)


def _fees(contract: Provisioned, job: Job, hours: Mapping[int, Sequence[Used]]) -> Iterator[Line]:
    upfront = Fraction(contract.upfront)
    started = job.inside(term(contract)[0])
    for block in contract.blocks:
        rate = Fraction(block.hold_fee)
        unit = f"{block.name} x {block.per}"
        if upfront and started and rate:
            whole = Fraction(block.units) * lasts(contract, term(contract), block.per)
            what = f"{block.units:f} {block.name} for the term, the part paid at its start"
            yield line(what, "fee", whole * upfront, unit, rate)
        quantity = Fraction(block.units) * lasts(contract, job.span, block.per) * (1 - upfront)
        if quantity and rate:
            yield line(f"{block.units:f} {block.name}, used or not", "fee", quantity, unit, rate)
    for blocks in names(contract).values():
        yield from _use_fees(contract, job, blocks, hours)


def _use_fees(
    contract: Provisioned, job: Job, blocks: Sequence[Block], hours: Mapping[int, Sequence[Used]]
) -> Iterator[Line]:
    """Unit-hours in use, those of the first block first."""
    if not any(block.use_fee for block in blocks):
        return
    in_use = [ZERO for _ in blocks]
    for hour, use in hours.items():
        if not runs(contract, hour):
            continue
        left = _units_in_use(blocks, job, use)
        for index, block in enumerate(blocks):
            part = min(left, Fraction(block.units))
            in_use[index] += part
            left -= part
    for block, quantity in zip(blocks, in_use, strict=True):
        if block.use_fee and quantity:
            what = f"{block.name} in use"
            yield line(what, "use", quantity, f"{block.name} x hour", Fraction(block.use_fee))


def _units_in_use(blocks: Sequence[Block], job: Job, use: Sequence[Used]) -> Fraction:
    told = [Fraction(used.units) for used in use if used.units is not None]
    if told:
        return sum(told, ZERO)
    one = blocks[0]
    wanted = sum((takes(one, job.rates[at.deployment], at.usage) for at in use), ZERO)
    if not one.throughput:  # nothing told of its size: what was used at all was all in use
        return sum((Fraction(block.units) for block in blocks), ZERO) if wanted else ZERO
    return Fraction(ceil(wanted / (60 * Fraction(one.throughput))))


def _spilled(past: Sequence[Used], to: str | None) -> Iterator[Line]:
    if past:
        tokens = sum(used.usage.tokens for used in past)
        yield line(f"past the capacity, paid by {to}", "spill", Fraction(tokens), "token", None, memo=True)
