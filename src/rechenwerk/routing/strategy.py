"""What the time to come makes of the next unit: shadow prices of minimums, credits and quotas.

A linear programme over the remaining periods, each represented by a few kinds of windows, solved for several
scenarios of demand; prices are the mean of the duals. Constraints and meaning:

- every class is placed or refused: sum of x + refused = volume of the kind's windows
- caps per window: amount times how many such windows there are; what is kept is not for ordinary work
- quotas (caps that last longer than a window): per window of theirs, and what is left of the one of now
- credits pay at most what is left, until they expire; minimums that are not reached cost their rest
"""

from __future__ import annotations

import msgspec
import numpy as np

from rechenwerk.routing.forecast import Outlook
from rechenwerk.routing.plan import Situation
from rechenwerk.routing.programme import INFINITE, Columns, Programme, dot
from rechenwerk.routing.supply import Cap, Vector


class Prices(msgspec.Struct, frozen=True):
    """What a unit is worth later, expected over scenarios; all between nothing and what it saves.

    Attributes:
        minimums: per currency unit charged, by the order of `Situation.minimums`: what of it is no cost.
        credits: per currency unit paid by it: 0 where it would expire unused, 1 where it is as good as money.
        quotas: per unit taken, by the order of `Situation.caps`; 0 for caps per window.
        expected: cost of the rest, over scenarios.
    """

    minimums: tuple[float, ...]
    credits: tuple[float, ...]
    quotas: tuple[float, ...]
    expected: float = 0.0


def is_quota(cap: Cap, window: float) -> bool:
    """It lasts longer than a window, so that later windows compete for it."""
    return cap.seconds > window * 1.5


HORIZON = 400 * 86400.0
"""Seconds beyond which nothing is planned: an open credit has no end."""


def edges(situation: Situation) -> list[float]:
    """Where periods begin and end: quotas' windows, credits' and minimums' ends, days, weeks, months."""
    now, day = situation.now, 86400.0
    ends = [credit.ends_at for credit in situation.credits] + [least.ends_at for least in situation.minimums]
    seconds = [cap.seconds for cap in situation.caps if is_quota(cap, situation.window)]
    last = max(
        [one for one in ends if one > now] + [now + max([day, *(min(one, 32 * day) for one in seconds)])]
    )
    last = min(last, now + HORIZON)
    found = {one for one in ends if now < one}
    for cap in situation.caps:
        if is_quota(cap, situation.window):
            until = min(last, now + 8 * cap.seconds, now + 40 * day)
            first = cap.starts_at + cap.seconds * ((now - cap.starts_at) // cap.seconds + 1)
            found.update(np.arange(first, until, cap.seconds).tolist())
    step = day * (now // day + 1)
    while step < last:
        found.add(step)
        ahead = step - now
        step += day if ahead < 7 * day else 7 * day if ahead < 28 * day else 60 * day
    cuts = sorted(one for one in found if now < one < last)
    kept = [now]
    for one in cuts:
        if one - kept[-1] > 0.02 * day or one in ends:
            kept.append(one)
    if len(kept) > 1 and last - kept[-1] < 0.02 * day and kept[-1] not in ends:
        kept.pop()
    return [*kept, last]


class _Build:
    """The programme for a situation; classes' rows scale with a scenario's level."""

    def __init__(self, situation: Situation, outlook: Outlook, usage: tuple[Vector, ...]) -> None:
        self.situation = situation
        self.usage = usage
        self.parts = parts = Columns()
        self.demand_rows: list[int] = []
        self.volumes: list[float] = []
        self.demand_periods: list[int] = []
        self.demand_classes: list[int] = []
        self.minimum_rows = [
            parts.row(max(0.0, one.amount - one.drawn), INFINITE) for one in situation.minimums
        ]
        self.credit_rows = [parts.row(0.0, INFINITE if one.overflow else 0.0) for one in situation.credits]
        self.limit_rows = [parts.row(-INFINITE, max(0.0, one.left)) for one in situation.credits]
        for row, one in zip(self.minimum_rows, situation.minimums, strict=True):
            parts.column(one.lost, [(row, 1.0)])
        for row, limit in zip(self.credit_rows, self.limit_rows, strict=True):
            parts.column(-1.0, [(row, -1.0), (limit, 1.0)])
        self.quota_rows: dict[tuple[int, int], int] = {}
        self.present: dict[int, int] = {}
        self.takes = [[dot(cap.weights, one) for cap in situation.caps] for one in usage]
        for at, period in enumerate(outlook.periods):
            quotas = self._quotas(period.begins_at, period.ends_at)
            pairs = self._pairs(period.begins_at, quotas)
            for count, volumes in period.kinds:
                self._kind(count, volumes, pairs, quotas)
                self.demand_periods.extend([at] * len(volumes))
                self.demand_classes.extend(range(len(volumes)))

    def _quotas(self, begins: float, ends: float) -> dict[int, int]:
        """The row of each quota for a period: what is left of its window, or several windows' amounts."""
        found = {}
        now = self.situation.now
        for at, cap in enumerate(self.situation.caps):
            if not is_quota(cap, self.situation.window):
                continue
            window = int((max(begins, now) + 1e-6 - cap.starts_at) // cap.seconds)
            key = (at, window)
            if key not in self.quota_rows:
                present = int((now - cap.starts_at) // cap.seconds) == window
                left = cap.amount - self.situation.taken[at] if present else cap.amount
                turns = cap.starts_at + (window + 1) * cap.seconds
                more = max(0.0, ends - turns) / cap.seconds * cap.amount
                self.quota_rows[key] = self.parts.row(-INFINITE, max(0.0, left) + more)
                if present:
                    self.present[at] = self.quota_rows[key]
            found[at] = self.quota_rows[key]
        return found

    def _pairs(
        self, begins: float, quotas: dict[int, int]
    ) -> list[list[tuple[float, int, list[tuple[int, float]]]]]:
        """By class: (charge, position of the supply, entries in rows that all of a period's kinds share)."""
        situation = self.situation
        found = []
        for demand, usage, takes in zip(situation.demands, self.usage, self.takes, strict=True):
            some = []
            for place, supply in enumerate(situation.supplies):
                if supply.id not in demand.supplies or self._expired(supply.id, begins):
                    continue
                charge = dot(supply.rates, usage)
                entries = self._money(supply.id, charge, begins)
                entries += [
                    (row, takes[at]) for at, row in quotas.items() if supply.id in situation.caps[at].supplies
                ]
                some.append((charge, place, entries))
            found.append(some)
        return found

    def _expired(self, supply: int, begins: float) -> bool:
        return any(
            supply in one.supplies and not one.overflow and begins >= one.ends_at
            for one in self.situation.credits
        )

    def _money(self, supply: int, charge: float, begins: float) -> list[tuple[int, float]]:
        """Entries in rows of minimums and credits."""
        rows = [
            (row, charge)
            for row, least in zip(self.minimum_rows, self.situation.minimums, strict=True)
            if supply in least.supplies and begins < least.ends_at
        ]
        rows += [
            (row, charge)
            for row, credit in zip(self.credit_rows, self.situation.credits, strict=True)
            if supply in credit.supplies and begins < credit.ends_at
        ]
        return rows

    def _kind(
        self,
        count: float,
        volumes: tuple[float, ...],
        pairs: list[list[tuple[float, int, list[tuple[int, float]]]]],
        quotas: dict[int, int],
    ) -> None:
        """Columns and rows of a kind of windows; amounts are for all windows of the kind together."""
        situation, parts = self.situation, self.parts
        caps: list[tuple[int, tuple[int, ...], int, int | None]] = []
        for at, cap in enumerate(situation.caps):
            if at not in quotas:
                scale = count * situation.window / cap.seconds
                kept = parts.row(-INFINITE, scale * (cap.amount - cap.kept)) if cap.kept else None
                caps.append((at, cap.supplies, parts.row(-INFINITE, scale * cap.amount), kept))
        for demand, volume, some, takes in zip(situation.demands, volumes, pairs, self.takes, strict=True):
            row = parts.row(count * volume, count * volume)
            self.demand_rows.append(row)
            self.volumes.append(count * volume)
            parts.column(demand.penalty, [(row, 1.0)])
            critical = demand.service == "critical"
            for charge, place, entries in some:
                supply = situation.supplies[place].id
                bound = [(row, 1.0), *entries]
                for at, supplies, total, ordinary in caps:
                    if supply in supplies:
                        bound.append((total, takes[at]))
                        if ordinary is not None and not critical:
                            bound.append((ordinary, takes[at]))
                parts.column(charge, bound)


class Strategist:
    """Solves the strategic programme; keeps the solver between solves."""

    def __init__(self) -> None:
        self.programme = Programme()

    def prices(self, situation: Situation, outlook: Outlook, usage: tuple[Vector, ...]) -> Prices:
        """Shadow prices, the mean over the outlook's levels.

        Args:
            situation: how things stand.
            outlook: with periods between `edges(situation)`.
            usage: of a unit of volume, by class.
        """
        build = _Build(situation, outlook, usage)
        self.programme.load(build.parts)
        rows = np.array(build.demand_rows, dtype=np.int32)
        volumes = np.array(build.volumes)
        least, credited, quotas = (
            np.zeros(len(some)) for some in (situation.minimums, situation.credits, situation.caps)
        )
        expected = 0.0
        levels = outlook.levels or (((1.0,) * len(situation.demands),) * len(outlook.periods),)
        weight = 1 / len(levels)
        for level in levels:
            wanted = np.array(level)[build.demand_periods, build.demand_classes] * volumes
            self.programme.rows(wanted, wanted, rows)
            cost, _, dual = self.programme.solve()
            expected += weight * cost
            least += weight * np.maximum(dual[build.minimum_rows], 0.0)
            credited += weight * np.maximum(-dual[build.limit_rows], 0.0)
            for at, row in build.present.items():
                quotas[at] += weight * max(0.0, -dual[row])
        return Prices(
            minimums=tuple(least.tolist()),
            credits=tuple(np.minimum(credited, 1.0).tolist()),
            quotas=tuple(quotas.tolist()),
            expected=expected,
        )
