"""Capacity as a product: what a pool has, what is kept for classes, what was sold, and what is free.

Everything is compared in tokens per minute. Batch capacity is sold in tokens per day and counts as the pace
that is needed to serve them within the day, rounded up, so that a promise is always covered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Literal

import msgspec

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.base.money import NANO, divide_half_even

Unit = Literal["tokens per minute", "tokens per day"]
UNITS: tuple[Unit, ...] = ("tokens per minute", "tokens per day")
"""Reserved throughput, and batch capacity."""

MINUTES_PER_DAY = 1_440
SECONDS_PER_DAY = 86_400


class Member(msgspec.Struct, frozen=True):
    """What a deployment gave to a pool from some moment on; a later row of the same deployment replaces it.

    Attributes:
        deployment: its id.
        since: epoch seconds.
        tokens_per_minute: zero when it left the pool.
    """

    deployment: int
    since: int
    tokens_per_minute: int


class Sold(msgspec.Struct, frozen=True):
    """A span of time that was sold.

    Attributes:
        unit: of the amount.
        amount: tokens per minute or per day.
        starts: epoch seconds.
        ends: epoch seconds, the first at which it is over; for a cancelled sale, when it was cancelled.
    """

    unit: Unit
    amount: int
    starts: int
    ends: int


class PoolState(msgspec.Struct, frozen=True):
    """What a sale is decided on, read under the pool's lock.

    Attributes:
        name: of the pool.
        total: tokens per minute of its active deployments.
        kept: of it, what is kept for classes.
        sold: spans that were sold.
    """

    name: str
    total: int
    kept: int
    sold: tuple[Sold, ...]


def per_minute(unit: Unit, amount: int) -> int:
    """The pace that an amount needs, tokens per minute."""
    return amount if unit == "tokens per minute" else -(-amount // MINUTES_PER_DAY)


def peak(sold: Iterable[Sold], starts: int, ends: int) -> int:
    """The most that was sold at any one moment of a period, tokens per minute.

    A sweep over the moments at which something begins or ends; what ends makes room before what begins.
    """
    steps: list[tuple[int, int]] = []
    for one in sold:
        since, until = max(one.starts, starts), min(one.ends, ends)
        if since < until:
            pace = per_minute(one.unit, one.amount)
            steps += ((since, pace), (until, -pace))
    most = current = 0
    for _, step in sorted(steps):
        current += step
        most = max(most, current)
    return most


def free(pool: PoolState, starts: int, ends: int) -> int:
    """What can still be sold for a whole period, tokens per minute; below zero when a pool lost capacity."""
    return pool.total - pool.kept - peak(pool.sold, starts, ends)


def first_fit(pool: PoolState, pace: int, starts: int, seconds: int) -> int | None:
    """When a pace is first free for so long, from `starts` on; None: never, it is more than can be sold."""
    for at in sorted({starts, *(one.ends for one in pool.sold if one.ends > starts)}):
        if free(pool, at, at + seconds) >= pace:
            return at
    return None


def sale_refusal(pool: PoolState, wanted: Sold, now: int) -> Refusal | None:
    """Why a sale cannot be, with what can be sold instead; None when it can."""
    if wanted.ends <= wanted.starts:
        return bad_request("a sale ends after it starts: give a later --to", "ends_at", "invalid_period", 422)
    if wanted.ends <= now:
        return bad_request("this period is over: sell from now on", "starts_at", "invalid_period", 422)
    if wanted.amount <= 0:
        return bad_request("sell more than nothing", "amount", "invalid_value", 422)
    pace = per_minute(wanted.unit, wanted.amount)
    left = max(0, free(pool, wanted.starts, wanted.ends))
    if pace <= left:
        return None
    instead = left if wanted.unit == "tokens per minute" else left * MINUTES_PER_DAY
    fit = first_fit(pool, pace, wanted.starts, wanted.ends - wanted.starts)
    if fit is None:
        later = f"all that can be sold of this pool is {max(0, pool.total - pool.kept):,} tokens per minute"
    else:
        later = f"the whole amount is free from {moment(fit)} on"
    return bad_request(
        f"pool {pool.name!r} has {instead:,} {wanted.unit} free from {moment(wanted.starts)} to"
        f" {moment(wanted.ends)}, not {wanted.amount:,}; {later}",
        "amount",
        "capacity_sold",
        409,
    )


def shrink_refusal(pool: PoolState, total: int, kept: int, now: int) -> Refusal | None:
    """Why a pool cannot come down to `total`, or keep so much for classes: what is promised must be there."""
    sold = peak(pool.sold, now, 1 << 62)
    if total - kept >= sold:
        return None
    return bad_request(
        f"pool {pool.name!r} would have {total:,} tokens per minute, {kept:,} kept for classes and {sold:,}"
        f" sold at the peak: {kept + sold - total:,} too few; keep less, add a deployment or cancel a sale",
        "pool",
        "capacity_promised",
        409,
    )


def fee(unit: Unit, amount: int, rate: Fraction, starts: int, ends: int) -> int:
    """What a sale costs, nano-units, rounded half-even once.

    Args:
        unit: of the amount.
        amount: what is sold.
        rate: currency per 1,000 tokens per minute and day, or per million tokens of batch capacity.
        starts: epoch seconds.
        ends: epoch seconds.
    """
    scale = 1_000 if unit == "tokens per minute" else 1_000_000
    exact = rate * NANO * amount * (ends - starts) / (scale * SECONDS_PER_DAY)
    return divide_half_even(exact.numerator, exact.denominator)


def refund(paid: int, starts: int, ends: int, at: int) -> int:
    """What of a fee goes back when a sale ends at `at`: the time that is not over, rounded half-even."""
    rest = min(ends - starts, max(0, ends - at))
    return divide_half_even(paid * rest, ends - starts)


def capacity(members: Sequence[Member], starts: int, ends: int) -> int:
    """How many tokens a pool could have served between two moments, by what its deployments gave then."""
    total = 0
    latest: dict[int, Member] = {}
    for one in sorted(members, key=lambda member: member.since):
        before = latest.get(one.deployment)
        if before is not None:
            total += _span(before, max(before.since, starts), min(one.since, ends))
        latest[one.deployment] = one
    total += sum(_span(one, max(one.since, starts), ends) for one in latest.values())
    return total // 60


def _span(member: Member, starts: int, ends: int) -> int:
    return member.tokens_per_minute * max(0, ends - starts)


def moment(at: int) -> str:
    """A time for people, to the minute, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
