"""The public report of utilisation: per pool and day, sums only; nobody's name stands in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from rechenwerk.contracts.capacity import SECONDS_PER_DAY, Member, capacity
from rechenwerk.contracts.grants import Award, attribute
from rechenwerk.contracts.lots import SERVICES, PoolUse


class Drawn(msgspec.Struct, frozen=True):
    """An emergency draw that took place: tokens per minute between two moments (epoch seconds)."""

    amount: int
    starts: int
    ends: int


class PoolFacts(msgspec.Struct, frozen=True):
    """What is known of a pool. Days count from 1970-01-01, UTC.

    Attributes:
        name: of the pool.
        members: dated rows of what its deployments gave.
        uses: what admission counted.
        booked: day -> class of the project -> tokens of booked calls.
        draws: emergency draws.
        awards: project -> its grants.
        drawn: project -> day -> tokens of its booked calls, for projects with grants.
    """

    name: str
    members: tuple[Member, ...]
    uses: tuple[PoolUse, ...]
    booked: Mapping[int, Mapping[str, int]]
    draws: tuple[Drawn, ...]
    awards: Mapping[int, tuple[Award, ...]]
    drawn: Mapping[int, Mapping[int, int]]


class PoolDay(msgspec.Struct, frozen=True):
    """A pool's day, in tokens.

    Attributes:
        pool: its name.
        day: days since 1970-01-01, UTC.
        capacity: what it could have served; of today, what it could have served until now.
        used: class -> tokens of booked calls.
        lent: tokens of a class's or a buyer's lot that others used.
        reclaimed: tokens per minute that were called back, summed.
        idle: capacity that nothing used.
        emergency_draws: how many were under way on this day.
        emergency: tokens that they permitted.
        grants: tokens that were drawn under grants.
    """

    pool: str
    day: int
    capacity: int
    used: Mapping[str, int]
    lent: int
    reclaimed: int
    idle: int
    emergency_draws: int
    emergency: int
    grants: int


def report(pools: Sequence[PoolFacts], first: int, now: int) -> list[PoolDay]:
    """Every pool and day from `first` until now (epoch seconds), pools by name, days in order."""
    last = now // SECONDS_PER_DAY
    return [
        _day(pool, day, now)
        for pool in sorted(pools, key=lambda one: one.name)
        for day in range(first, last + 1)
    ]


def _day(pool: PoolFacts, day: int, now: int) -> PoolDay:
    starts = day * SECONDS_PER_DAY
    ends = min(starts + SECONDS_PER_DAY, now)
    uses = [one for one in pool.uses if one.day == day]
    booked = pool.booked.get(day, {})
    used: dict[str, int] = {service: booked.get(service, 0) for service in SERVICES}
    could = capacity(pool.members, starts, ends)
    spans = [
        (one.amount, min(one.ends, ends) - max(one.starts, starts))
        for one in pool.draws
        if one.starts < ends and one.ends > starts
    ]
    return PoolDay(
        pool=pool.name,
        day=day,
        capacity=could,
        used=used,
        lent=sum(one.lent for one in uses),
        reclaimed=sum(one.reclaimed for one in uses),
        idle=max(0, could - sum(used.values())),
        emergency_draws=len(spans),
        emergency=sum(amount * seconds for amount, seconds in spans) // 60,
        grants=sum(
            days.get(day, 0)
            for project, awards in pool.awards.items()
            for days in attribute(awards, pool.drawn.get(project, {})).values()
        ),
    )
