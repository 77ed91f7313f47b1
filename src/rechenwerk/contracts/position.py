"""Where a contract stands: drawn, remaining, what happens if nothing changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from math import isqrt

import msgspec

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.bill_capacity import names, per_minute
from rechenwerk.contracts.bill_commitment import Flow, due_at, matters_from, settle
from rechenwerk.contracts.periods import (
    DAY,
    HOUR,
    NEVER,
    begins,
    ends_at,
    period_at,
    periods,
    term,
)
from rechenwerk.contracts.ports import Band, Charge, Drawn, Measure, Position, Status
from rechenwerk.contracts.terms import (
    Bucket,
    Cap,
    Contract,
    Grant,
    OnDemand,
    OwnHardware,
    PrepaidCredit,
    Provisioned,
    TakeOrPay,
    kind_of,
)
from rechenwerk.contracts.weights import ZERO, counts, dot, nano, weights

LOOK_BACK = 28
"""Days of draws that a forecast looks at: whole weeks, so that weekends weigh as they should."""
OPEN = 90 * DAY
"""How far a forecast looks where nothing ends."""
_TENTH = Fraction(12816, 10000)
"""Standard deviations from the middle of a normal distribution to its highest tenth."""


def measured(contract: Contract) -> tuple[Measure, str]:
    """What a contract counts, and the unit where that is no money."""
    if isinstance(contract, Grant):
        return "quantity", contract.unit
    if isinstance(contract, OwnHardware):
        return "quantity", "weighted unit"
    if isinstance(contract, Provisioned):
        block = contract.blocks[0]
        return (block.measure, "" if block.measure == "spend" else "weighted unit")
    if isinstance(contract, TakeOrPay) and contract.measure == "quantity":
        return "quantity", "weighted unit"
    return "spend", ""


def takes(contract: Contract, usage: Usage, cost: int, listed: int | None = None) -> int:
    """What a call draws from a contract: nano-units of what it counts.

    Args:
        contract: the one that pays for the call, or covers the one that does.
        usage: of the call.
        cost: nano-units that are booked for it, before what a credit pays and a commitment takes off.
        listed: the same at list rates; None: `cost`.
    """
    if measured(contract)[0] == "quantity":
        each = Fraction(contract.usage_per_unit) if isinstance(contract, Grant) else 1
        return round(dot(weights(_weights(contract)), counts(usage)) * NANO / each)
    at_list = cost if listed is None else listed
    if isinstance(contract, Provisioned) or (isinstance(contract, TakeOrPay) and contract.counts == "list"):
        return at_list
    return cost


def _weights(contract: Contract) -> Mapping[Bucket, Decimal]:
    if isinstance(contract, Provisioned):
        return contract.blocks[0].weights
    return contract.weights if isinstance(contract, OwnHardware | TakeOrPay | Grant) else {}


def apply(drawn: Drawn, charge: Charge) -> Drawn:
    """One more charge."""
    hours = dict(drawn.hours)
    hours[charge.hour] = hours.get(charge.hour, 0) + charge.amount
    return Drawn(hours)


def fold(charges: Iterable[Charge]) -> Drawn:
    """All charges; the same as applying each, in whatever order."""
    hours: dict[int, int] = {}
    for charge in charges:
        hours[charge.hour] = hours.get(charge.hour, 0) + charge.amount
    return Drawn(hours)


def position(contract: Contract, charges: Iterable[Charge], now: int) -> Position:
    """Where a contract stands, from all its charges."""
    return standing(contract, fold(charges), now)


class _Now(msgspec.Struct):
    """What a period came to so far; nano-units."""

    starts: int
    ends: int | None
    amount: int | None
    drawn: int


def standing(contract: Contract, drawn: Drawn, now: int) -> Position:
    """Where a contract stands.

    Args:
        contract: its terms.
        drawn: nano-units by hour, as `takes` counts them, since the contract began.
        now: epoch seconds; what is drawn later does not count.
    """
    past = {hour: amount for hour, amount in drawn.hours.items() if hour <= now}
    at = _now(contract, past, now)
    measure, unit = measured(contract)
    lost = isinstance(contract, PrepaidCredit | Grant | TakeOrPay)
    found = _standing(
        Position(
            contract=contract.name,
            kind=kind_of(contract),
            measure=measure,
            unit=unit,
            status=_status(contract, at, past, now),
            starts_at=at.starts,
            ends_at=at.ends,
            amount=at.amount,
            drawn=at.drawn,
            remaining=None if at.amount is None else max(0, at.amount - at.drawn),
            expires_at=at.ends if lost else None,
            total=sum(past.values()),
            last_drawn_at=max((hour for hour, amount in past.items() if amount), default=None),
        ),
        past,
        now,
    )
    left = max(0, (found.amount or 0) - found.forecast.middle) if found.forecast is not None else 0
    if isinstance(contract, TakeOrPay):
        return msgspec.structs.replace(found, shortfall=left)
    return msgspec.structs.replace(found, unused=left) if lost else found


def cap_standing(contract: Contract, cap: Cap, drawn: Drawn, now: int) -> Position:
    """Where a cap stands; `drawn` counts what the cap counts."""
    past = {hour: amount for hour, amount in drawn.hours.items() if hour <= now}
    begin, end = period_at(contract, cap.per, now)
    amount = _with_carried(contract, cap.per, nano(cap.amount), past, begin, carries=cap.carries)
    used = _within(past, begin, end)
    return _standing(
        Position(
            contract=contract.name,
            kind="cap",
            measure=cap.measure,
            unit="" if cap.measure == "spend" else "weighted unit",
            status="exhausted" if used >= amount else "active",
            starts_at=begin,
            ends_at=end,
            amount=round(amount),
            drawn=used,
            remaining=max(0, round(amount) - used),
        ),
        past,
        now,
    )


def _within(hours: Mapping[int, int], begin: int, end: int) -> int:
    return sum(amount for hour, amount in hours.items() if begin <= hour < end)


def _now(contract: Contract, past: Mapping[int, int], now: int) -> _Now:
    first, after = term(contract)
    now = min(max(now, first), after - 1)
    if isinstance(contract, PrepaidCredit):
        return _Now(first, ends_at(contract), round(nano(contract.balance)), _within(past, first, after))
    if isinstance(contract, TakeOrPay):
        return _minimum_now(contract, past, now)
    per = contract.per if isinstance(contract, Grant) else "month"
    begin, end = period_at(contract, per, now)
    amount: Fraction | None = None
    if isinstance(contract, Grant):
        quota = nano(contract.quantity)
        amount = _with_carried(contract, per, quota, past, begin, carries=contract.carries)
    elif not isinstance(contract, OnDemand):
        minute = capacity_per_minute(contract)
        amount = None if minute is None else minute * Fraction(end - begin, 60) * NANO
    ends = None if per == "term" and ends_at(contract) is None else end
    return _Now(begin, ends, None if amount is None else round(amount), _within(past, begin, end))


def _minimum_now(contract: TakeOrPay, past: Mapping[int, int], now: int) -> _Now:
    due = due_at(contract, now)
    begin, after = matters_from(contract, now), term(contract)[1]
    step = HOUR if contract.period in {"minute", "hour"} else DAY  # longer periods begin with a day
    sums: dict[int, int] = {}
    for hour, amount in past.items():
        if begin <= hour < after:
            sums[hour // step * step] = sums.get(hour // step * step, 0) + amount
    flows = [Flow(at, Fraction(sums[at]), Fraction(sums[at]), own=True) for at in sorted(sums)]
    history = settle(contract, flows, now, now)
    return _Now(due.starts, due.at, round(due.amount + history.carried), round(history.counted))


def capacity_per_minute(contract: Provisioned | OwnHardware) -> Fraction | None:
    """What it takes per minute, in the measure of its first units; None: not told."""
    if isinstance(contract, OwnHardware):
        return Fraction(contract.throughput)
    return per_minute(next(iter(names(contract).values())))


def _with_carried(
    contract: Contract, per: str, quota: Fraction, past: Mapping[int, int], begin: int, *, carries: bool
) -> Fraction:
    """A quota with what earlier intervals left, where it carries."""
    if not carries or per == "term" or contract.starts is None:
        return quota
    left = ZERO
    for start, end in periods(contract, per, (term(contract)[0], begin)):  # type: ignore[arg-type]
        left = max(ZERO, left + quota - _within(past, start, end))
    return left + quota


def _status(contract: Contract, at: _Now, past: Mapping[int, int], now: int) -> Status:
    first, after = term(contract)
    if contract.status in {"proposed", "expired"} or now < first:
        return "expired" if contract.status == "expired" else "proposed"
    if now >= after:
        return "expired"
    if isinstance(contract, Grant) and contract.use_by is not None:
        called_back = begins(contract.use_by) + DAY
        if now >= called_back and not any(amount for hour, amount in past.items() if hour < called_back):
            return "expired"
    spent = isinstance(contract, PrepaidCredit | Grant) and at.amount is not None and at.drawn >= at.amount
    return "exhausted" if spent or contract.status == "exhausted" else "active"


def _standing(found: Position, past: Mapping[int, int], now: int) -> Position:
    """Add the forecast."""
    if found.ends_at is not None and now >= found.ends_at:
        return msgspec.structs.replace(found, days_left=0.0)
    end = now + OPEN if found.ends_at is None else found.ends_at
    mean, variance = pace(past, found.starts_at, now)
    mean = max(mean, ZERO)  # corrections do not go on
    days = Fraction(end - now, DAY)
    spread = _TENTH * root(variance(days))
    more = mean * days
    band = Band(
        low=max(found.drawn, round(found.drawn + more - spread)),
        middle=round(found.drawn + more),
        high=round(found.drawn + more + spread),
    )
    last = begins(NEVER)
    reached = None
    if found.amount is not None:
        early, middle, late = (
            _reached(found, now, days, upto, last) for upto in (band.high, band.middle, band.low)
        )
        reached = Band(early, middle, late)
    open_end = found.ends_at is None
    return msgspec.structs.replace(
        found,
        forecast=None if open_end else band,
        reached_at=reached,
        days_left=None if open_end else float(days),
    )


def _reached(found: Position, now: int, days: Fraction, upto: int, never: int) -> int:
    """When the amount is drawn, if the period ends with `upto`."""
    missing = (found.amount or 0) - found.drawn
    if missing <= 0:
        return now
    if upto <= found.drawn:
        return never
    return min(never, now + round(days * DAY * Fraction(missing, upto - found.drawn)))


class Pace(msgspec.Struct, frozen=True):
    """Draws of a day: their variance, and over how many days that was seen."""

    daily: Fraction
    seen: int

    def __call__(self, days: Fraction) -> Fraction:
        """Variance of the sum of so many days, with that of the mean, which is not known exactly either."""
        return self.daily * (days + days * days / self.seen)


def pace(past: Mapping[int, int], starts: int, now: int) -> tuple[Fraction, Pace]:
    """Mean draw of a day, and the variance of what follows.

    The last whole weeks count, up to `LOOK_BACK` days; in the first week the whole days there are; on the
    first day the time so far, and the spread is as large as the mean.
    """
    today = now // DAY
    first = min((hour // DAY for hour, amount in past.items() if amount), default=today)
    days = min(LOOK_BACK, today - first)
    if days < 1:
        total = sum((amount for hour, amount in past.items() if hour // DAY == today), 0)
        since = Fraction(max(now - max(starts, today * DAY), 3600), DAY)
        mean = total / since
        return mean, Pace(mean * mean, 1)
    if days > 7:
        days -= days % 7
    sums = [0] * days
    for hour, amount in past.items():
        age = today - 1 - hour // DAY
        if 0 <= age < days:
            sums[age] += amount
    mean = Fraction(sum(sums), days)
    daily = sum(((each - mean) ** 2 for each in sums), ZERO) / max(days - 1, 1)
    return mean, Pace(daily if days > 1 else mean * mean, days)


def root(value: Fraction) -> int:
    """The square root, rounded down to a whole number."""
    return isqrt(int(value))
