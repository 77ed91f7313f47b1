"""What is wrong with a contract seen alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from rechenwerk.contracts.ports import Problem
from rechenwerk.contracts.terms import (
    Block,
    Bucket,
    Cap,
    Common,
    Contract,
    FreeAllowance,
    Grant,
    Interval,
    OnDemand,
    OwnHardware,
    PrepaidCredit,
    Provisioned,
    TakeOrPay,
    Tiers,
)

Mistake = tuple[str, str, str]
"""Field, message, fix."""

_MOST_DIGITS = 18
"""Before the point, and behind it: more is no number that people use; its exact fraction fills the memory."""


def check_alone(contract: Contract) -> list[Problem]:
    """All mistakes of a contract, whatever else there is."""
    if strange := list(_numbers(contract, "")):
        return [Problem(contract.name, *mistake) for mistake in strange]
    found = [*_dates(contract), *_common(contract)]
    if isinstance(contract, PrepaidCredit):
        found += _credit(contract)
    elif isinstance(contract, TakeOrPay):
        found += _commitment(contract)
    elif isinstance(contract, Provisioned):
        found += _provisioned(contract)
    elif isinstance(contract, OwnHardware):
        found += _hardware(contract)
    elif isinstance(contract, Grant):
        found += _grant(contract)
    return [Problem(contract.name, *mistake) for mistake in found]


def _numbers(value: object, at: str) -> Iterator[Mistake]:
    """Numbers that cannot be reckoned with, wherever they stand."""
    if isinstance(value, Decimal):
        far = not value.is_finite() or (bool(value) and not -_MOST_DIGITS <= value.adjusted() <= _MOST_DIGITS)
        if far or int(value.as_tuple().exponent) < -2 * _MOST_DIGITS:
            yield at, f"{_last(at)} is no number that people use: {value}", 'write it like "12.50"'
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _numbers(getattr(value, field), f"{at}.{field}".lstrip("."))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, f"{at}.{key}")
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from _numbers(inner, f"{at}.{index}")


def _dates(contract: Common) -> Iterator[Mistake]:
    if contract.starts is not None and contract.ends is not None and contract.ends < contract.starts:
        what = f"it ends on {contract.ends}, before it starts on {contract.starts}"
        yield "ends", what, f"write a last day from {contract.starts} on"
    if contract.since is not None and contract.starts is not None and contract.since < contract.starts:
        what = f"these terms hold since {contract.since}, before it starts on {contract.starts}"
        yield "since", what, f"write a day from {contract.starts} on, or leave since out"
    if contract.notice_days is not None:
        if contract.notice_days < 0:
            yield "notice_days", "notice cannot be given after the end", "write 0 or more days"
        if contract.ends is None:
            yield "ends", "notice is to be given before it ends, but it has no end", "add ends = …"
    if contract.renews is not None and contract.ends is None:
        yield "ends", "it renews, but it has no end at which it could", "add ends = …, or leave renews out"
    if contract.anchor == "starts" and contract.starts is None:
        yield "starts", "its months count from its first day, which is not told", "add starts = …"


def _common(contract: Contract) -> Iterator[Mistake]:
    yield from _pricing(contract)
    yield from _share("upfront", contract.upfront, one=True)
    for index, cap in enumerate(contract.caps):
        yield from _cap(contract, f"caps.{index}", cap)
    if contract.covers and not isinstance(contract, PrepaidCredit | TakeOrPay):
        fix = "leave covers out"
        yield "covers", "only a prepaid credit or take-or-pay can stand over other contracts", fix
    if contract.header is not None and not contract.header.name.strip():
        yield "header.name", "the header has no name", 'write name = "…"'


def _pricing(contract: Contract) -> Iterator[Mistake]:
    pricing = contract.pricing
    yield from _share("pricing.discount", pricing.discount)
    for tier, factor in pricing.factors.items():
        yield from _not_negative(f"pricing.factors.{tier}", factor)
    if pricing.step is not None:
        if pricing.step.size < 1:
            yield "pricing.step.size", "a step is at least one unit", "write size = 1 or more"
        if pricing.step.least < 0:
            yield "pricing.step.least", "what is billed at least is below zero", "write 0 or more"
        if not pricing.step.buckets:
            yield "pricing.step.buckets", "no bucket is rounded", "name buckets, or leave step out"
    if pricing.free is not None:
        yield from _free(contract, pricing.free)
    if pricing.tiers is not None:
        yield from _tiers(contract, pricing.tiers)


def _free(contract: Common, free: FreeAllowance) -> Iterator[Mistake]:
    yield from _above_zero("pricing.free.amount", free.amount)
    yield from _weights("pricing.free.weights", free.weights)
    yield from _needs_term(contract, "pricing.free.per", free.per)


def _cap(contract: Common, at: str, cap: Cap) -> Iterator[Mistake]:
    yield from _above_zero(f"{at}.amount", cap.amount)
    yield from _weights(f"{at}.weights", cap.weights)
    yield from _needs_term(contract, f"{at}.per", cap.per)
    if cap.measure == "spend" and cap.weights:
        yield f"{at}.weights", "a cap on spend weighs by price", "leave weights out"


def _tiers(contract: Common, tiers: Tiers) -> Iterator[Mistake]:
    at = "pricing.tiers"
    yield from _weights(f"{at}.weights", tiers.weights)
    yield from _needs_term(contract, f"{at}.per", tiers.per)
    if not tiers.steps:
        yield f"{at}.steps", "there are no tiers", 'add steps = [{ above = "0", factor = "1" }]'
        return
    if tiers.steps[0].above != 0:
        yield f"{at}.steps.0.above", "the first tier begins at 0", 'write above = "0"'
    for index, (one, other) in enumerate(zip(tiers.steps, tiers.steps[1:], strict=False)):
        if other.above <= one.above:
            what = f"a tier from {other.above:f} follows one from {one.above:f}"
            yield f"{at}.steps.{index + 1}.above", what, "write tiers in ascending order"
    for index, step in enumerate(tiers.steps):
        yield from _not_negative(f"{at}.steps.{index}.factor", step.factor)
        for bucket, rate in step.rates.items():
            yield from _not_negative(f"{at}.steps.{index}.rates.{bucket}", rate)


def _credit(contract: PrepaidCredit) -> Iterator[Mistake]:
    yield from _above_zero("balance", contract.balance)
    if contract.paid is not None:
        yield from _not_negative("paid", contract.paid)
    if contract.overflow.rule == "spill" and contract.covers:
        what = "what it covers goes on under its own contract when the credit is empty: nothing spills"
        yield "overflow.rule", what, 'write rule = "shared", or "refuse" if the provider then refuses'


def _commitment(contract: TakeOrPay) -> Iterator[Mistake]:
    yield from _above_zero("minimum", contract.minimum)
    yield from _share("committed_discount", contract.committed_discount)
    yield from _share("shortfall.share", contract.shortfall.share, one=True)
    yield from _weights("weights", contract.weights)
    if contract.period is None:
        fix = 'add period = "year" (or hour, day, month, quarter, term)'
        yield "period", "it has a minimum without a period", fix
    elif contract.period == "minute":
        yield "period", "a minimum by the minute is beyond what can be followed", 'write period = "hour"'
    else:
        yield from _needs_term(contract, "period", contract.period)
    if contract.measure == "quantity" and contract.unit_price is None:
        yield "unit_price", "a minimum in quantity needs a price", "add unit_price = …, per weighted unit"
    if contract.measure == "spend" and contract.unit_price is not None:
        yield (
            "unit_price",
            "a minimum in money has no unit price",
            'write measure = "quantity", or leave it out',
        )
    if contract.unit_price is not None:
        yield from _not_negative("unit_price", contract.unit_price)
    if contract.measure == "spend" and contract.weights:
        yield (
            "weights",
            "a minimum in money weighs by price",
            'leave weights out, or write measure = "quantity"',
        )
    if contract.measure == "quantity" and contract.covers:
        yield "covers", "what others charge is money: it cannot count towards a quantity", "leave covers out"
    if contract.counts == "list" and contract.committed_discount:
        what = "charges count at list rates, so a discount up to the minimum has no end"
        yield "committed_discount", what, 'write counts = "paid"'
    yield from _shortfall(contract)
    yield from _milestones(contract)


def _shortfall(contract: TakeOrPay) -> Iterator[Mistake]:
    rule = contract.shortfall
    if rule.rule == "prepayment" and rule.months < 1:
        yield "shortfall.months", "a prepayment lasts no month", "write months = 12, say"
    if rule.rule != "prepayment" and rule.months:
        yield (
            "shortfall.months",
            "months belong to a prepayment",
            'write rule = "prepayment", or leave it out',
        )
    if rule.rule != "pay" and contract.period in {"hour", "day"}:
        what = f"a minimum by the {contract.period} that is missed is paid: {rule.rule} needs longer periods"
        yield "shortfall.rule", what, 'write rule = "pay"'
    if rule.rule == "carry" and contract.ends is None:
        yield "ends", "a shortfall that is carried on without end is never paid", "add ends = …"


def _milestones(contract: TakeOrPay) -> Iterator[Mistake]:
    if contract.milestones and contract.period not in {None, "term"}:
        fix = 'write period = "term", or leave milestones out'
        yield "milestones", "milestones divide the minimum of a term", fix
    before: tuple[str, Decimal] | None = None
    for index, stone in enumerate(contract.milestones):
        at = f"milestones.{index}"
        yield from _above_zero(f"{at}.amount", stone.amount)
        outside = (contract.starts is not None and stone.by < contract.starts) or (
            contract.ends is not None and stone.by > contract.ends
        )
        if outside:
            yield f"{at}.by", f"{stone.by} is outside its term", "write a day between starts and ends"
        if stone.amount > contract.minimum:
            what = f"{stone.amount:f} is above the minimum of the term, {contract.minimum:f}"
            yield f"{at}.amount", what, "write what is due by then, counted from the start"
        if before is not None and (str(stone.by) <= before[0] or stone.amount < before[1]):
            yield at, "milestones are not in order", "write them by day; amounts count from the start"
        before = (str(stone.by), stone.amount)


def _provisioned(contract: Provisioned) -> Iterator[Mistake]:
    if not contract.blocks:
        yield "blocks", "nothing was bought", "add [[contract.blocks]]"
    if contract.upfront and (contract.starts is None or contract.ends is None):
        yield "upfront", "a part of the term is paid at its start, but it has no term", "add starts and ends"
    for index, block in enumerate(contract.blocks):
        yield from _block(contract, f"blocks.{index}", block)
    by_name: dict[str, Block] = {}
    for index, block in enumerate(contract.blocks):
        first = by_name.setdefault(block.name, block)
        if (first.weights, first.measure) != (block.weights, block.measure):
            what = f"blocks called {block.name!r} add up, but weigh differently"
            yield f"blocks.{index}.weights", what, "give them the same weights, or other names"


def _block(contract: Common, at: str, block: Block) -> Iterator[Mistake]:
    yield from _above_zero(f"{at}.units", block.units)
    yield from _not_negative(f"{at}.hold_fee", block.hold_fee)
    yield from _above_zero(f"{at}.increment", block.increment)
    yield from _weights(f"{at}.weights", block.weights)
    yield from _needs_term(contract, f"{at}.per", block.per)
    if block.use_fee is not None:
        yield from _not_negative(f"{at}.use_fee", block.use_fee)
    if block.throughput is not None:
        yield from _above_zero(f"{at}.throughput", block.throughput)
    if block.measure == "spend" and block.weights:
        yield f"{at}.weights", "throughput in money weighs by price", "leave weights out"
    if block.units < block.least:
        what = f"{block.units:f} units, at least {block.least:f} can be bought"
        yield f"{at}.units", what, f"write {block.least:f} or more"
    elif block.increment > 0 and (block.units - block.least) % block.increment:
        what = f"{block.units:f} is no multiple of {block.increment:f} from {block.least:f} on"
        yield f"{at}.units", what, f"units are bought in steps of {block.increment:f}"


def _hardware(contract: OwnHardware) -> Iterator[Mistake]:
    for name in ("purchase", "residual", "upkeep", "idle_kw"):
        yield from _not_negative(name, getattr(contract, name))
    yield from _above_zero("throughput", contract.throughput)
    yield from _weights("weights", contract.weights)
    if contract.months < 1:
        yield "months", "it is written off over no month", "write months = 60, say"
    if contract.residual > contract.purchase:
        yield "residual", "it is worth more at the end than it cost", "write what it will still be worth"
    if contract.load_kw < contract.idle_kw:
        what = f"it draws less at full load ({contract.load_kw:f} kW) than idle ({contract.idle_kw:f} kW)"
        yield "load_kw", what, "write the power at full throughput"
    if contract.pue < 1:
        yield "pue", "a PUE is at least 1", "write what the site draws over what its machines draw"
    if contract.starts is None:
        yield "starts", "it is written off from its first month on, which is not told", "add starts = …"


def _grant(contract: Grant) -> Iterator[Mistake]:
    yield from _above_zero("quantity", contract.quantity)
    yield from _above_zero("usage_per_unit", contract.usage_per_unit)
    yield from _not_negative("unit_price", contract.unit_price)
    yield from _weights("weights", contract.weights)
    if contract.per != "term":
        yield from _needs_term(contract, "per", contract.per)
    if not contract.unit.strip():
        yield "unit", "it counts in nothing", 'write unit = "GPU-hour", say'
    if contract.carries and contract.starts is None:
        yield "starts", "what is left carries on from its first day, which is not told", "add starts = …"
    if contract.use_by is not None:
        early = contract.starts is not None and contract.use_by < contract.starts
        if early or (contract.ends is not None and contract.use_by > contract.ends):
            yield "use_by", f"{contract.use_by} is outside its term", "write a day between starts and ends"


def _needs_term(contract: Common, field: str, per: Interval) -> Iterator[Mistake]:
    """An interval that is the whole term needs both ends, where it bounds an amount."""
    if per != "term" or isinstance(contract, OnDemand):
        return
    for name in ("starts", "ends"):
        if getattr(contract, name) is None:
            yield name, f"{field.rpartition('.')[2]} is its term, which has no {name}", f"add {name} = …"


def _weights(field: str, given: Mapping[Bucket, Decimal]) -> Iterator[Mistake]:
    for bucket, weight in given.items():
        yield from _not_negative(f"{field}.{bucket}", weight)
    if given and not any(given.values()):
        yield field, "nothing weighs anything", "give some bucket a weight above zero"


def _share(field: str, value: Decimal, *, one: bool = False) -> Iterator[Mistake]:
    if value < 0 or value > 1 or (value == 1 and not one):
        what = f"{_last(field)} is a share from 0 to {'1' if one else 'below 1'}, not {value}"
        yield field, what, 'nine per cent is "0.09"'


def _above_zero(field: str, value: Decimal) -> Iterator[Mistake]:
    if value <= 0:
        yield field, f"{_last(field)} must be above zero, not {value}", "write a number above zero"


def _not_negative(field: str, value: Decimal) -> Iterator[Mistake]:
    if value < 0:
        yield field, f"{_last(field)} is below zero: {value}", "write zero or more"


def _last(field: str) -> str:
    return field.rpartition(".")[2]
