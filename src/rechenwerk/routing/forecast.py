"""How much of each class will come: profiles of the day and the week, corrected by the level that is seen.

A forecast has three horizons, each with its doubt: the window of now (the level of recent windows; the solver
corrects it by what has arrived), the next hours (the level of now, fading), and the periods to come (profile
times long level, in a few scenarios whose doubt is that of past days). With no history everything rests on
what has been seen so far.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.routing.supply import Vector

Array = NDArray[np.float64]


ENOUGH = 36
"""Classes times kinds of windows in a period: many classes are looked at less closely: solves stay quick."""


class Manner(msgspec.Struct, frozen=True):
    """How a forecast weighs what it saw; the defaults did well on several workloads.

    Attributes:
        now_windows: half-life of the level of now, in windows.
        short: half-life of the level of these hours, seconds.
        long: half-life of the level of these days, seconds.
        fades: half-life of the difference between these hours and these days, seconds.
        seasonal: weight of the daily profile against none, once there are days of history.
        weekly: weeks that speak against a profile of the week: after `n` of them its logarithm counts
            n / (n + weekly).
        block: seconds of a block: volumes inside of it are spread by shapes.
        shapes: windows per block that are drawn for its spread.
        kinds: representative windows per period.
        levels: factors on all volumes of a scenario, all classes, all of the time to come; dealt in turn.
        scenarios: of the volumes to come, in pairs of opposites; at least 2, or 1 for the mean alone.
        lasts: seconds after which a level's departure from its mean has faded to a third.
        together: share of the doubt that all classes have in common.
        prior: relative standard deviation of a day's volume while there is no history.
        widest: at most, of a class.
        fall: 1: scenarios keep the mean; 0: the median, which guards against more rather than less.
        memory: windows that are remembered.
    """

    now_windows: float = 1.0
    short: float = 3600.0
    long: float = 4 * 86400.0
    fades: float = 6 * 3600.0
    seasonal: float = 0.5
    weekly: float = 2.0
    block: float = 3 * 3600.0
    shapes: int = 12
    kinds: int = 6
    levels: tuple[float, ...] = ()
    scenarios: int = 6
    lasts: float = 1.5 * 86400.0
    together: float = 0.5
    prior: float = 0.35
    widest: float = 0.6
    fall: float = 1.0
    memory: int = 4032


class Period(msgspec.Struct, frozen=True):
    """A stretch of the future, as a few kinds of windows.

    Attributes:
        kinds: (how many windows, volume per window by class in the order of the demands).
    """

    begins_at: float
    ends_at: float
    kinds: tuple[tuple[float, tuple[float, ...]], ...]


class Outlook(msgspec.Struct, frozen=True):
    """What is expected of the periods to come.

    Attributes:
        periods: as asked for.
        levels: equally likely scenarios: factors on the volumes, period x class; none: just the periods.
    """

    periods: tuple[Period, ...]
    levels: tuple[tuple[tuple[float, ...], ...], ...]


class Present(msgspec.Struct, frozen=True):
    """What is expected of the window of now, before anything of it was seen; by class.

    Attributes:
        mean: volume of the whole window.
        doubt: relative standard deviation of that.
        usage: of a unit of volume, lately; empty where nothing was seen.
    """

    mean: tuple[float, ...]
    doubt: tuple[float, ...]
    usage: tuple[Vector, ...]


class Forecast(Protocol):
    """Whoever can say what comes."""

    def observe(self, begins_at: float, usages: Sequence[Vector]) -> None:
        """A window has ended; `usages` is what arrived in it, by class, refused or not."""
        ...

    def outlook(self, now: float, edges: Sequence[float]) -> Outlook:
        """What is expected from `now` on, in the periods between `edges`; the first one has begun."""
        ...

    def present(self, now: float) -> Present:
        """What is expected of the window that has begun."""
        ...


class Seasonal:
    """The forecast from history alone.

    Args:
        measure: weights that make a volume of usage.
        classes: how many.
        window: seconds.
    """

    def __init__(self, measure: Vector, classes: int, window: float, manner: Manner | None = None) -> None:
        self.manner = manner or Manner()
        self.measure = np.array(measure)
        self.window = window
        self.classes = classes
        self.per_day = max(1, round(86400 / window))
        self.volumes: list[Array] = []
        self.last = -math.inf
        self.usage = np.zeros((classes, len(measure)))
        self.now = np.zeros(classes)
        self.short = np.zeros(classes)
        self.long = np.zeros(classes)
        self.weights = np.zeros(3)
        self.error = np.zeros(classes)
        self.errors = 0.0
        self.solves = 0
        self.day_error = np.zeros(classes)
        self.days = 0.0
        self.days_expected: Array | None = None
        self.day_volume = np.zeros(classes)
        self.day_windows = 0
        self.profile = np.ones((24, classes))
        self.past: list[tuple[int, float]] = []
        self.week = np.ones(7)
        self.draw = np.random.default_rng(0)

    def observe(self, begins_at: float, usages: Sequence[Vector]) -> None:
        """See `Forecast`."""
        used = np.array(usages, dtype=float).reshape(self.classes, len(self.measure))
        volume = used @ self.measure
        fading = 0.5 ** (self.window / 86400)
        self.usage = self.usage * fading + used
        if self.last // 86400 != begins_at // 86400:
            self._close_day(begins_at)
        usual = self._usual(begins_at)
        if self.weights[0] > 0:
            expected = self._level(0.0) * usual
            keep = 0.5 ** (self.window / 43200)
            floor = 0.05 * self._level(86400.0) + 1e-12
            step = np.clip(np.log((volume + floor) / (expected + floor)), -1.5, 1.5)
            self.error = keep * self.error + step**2
            self.errors = keep * self.errors + 1
        relative = volume / usual
        lives = (self.manner.now_windows * self.window, self.manner.short, self.manner.long)
        for at, (level, life) in enumerate(zip((self.now, self.short, self.long), lives, strict=True)):
            keep = 0.5 ** (self.window / life)
            level[:] = keep * level + (1 - keep) * relative
            self.weights[at] = keep * self.weights[at] + 1 - keep
        self.volumes.append(volume)
        if len(self.volumes) > self.manner.memory:
            del self.volumes[: len(self.volumes) - self.manner.memory]
        if self.last // 86400 != begins_at // 86400 and len(self.volumes) >= 2 * self.per_day:
            self._season(begins_at)
        self.day_volume += volume
        self.day_windows += 1
        self.last = begins_at

    def _season(self, begins_at: float) -> None:
        """Learn the profile again from whole days: hour x class, mean 1, drawn halfway to none."""
        table = np.array(self.volumes)
        hours = ((begins_at - self.window * np.arange(len(table) - 1, -1, -1)) // 3600 % 24).astype(int)
        mean = table.mean(axis=0) + 1e-12
        raw = np.stack([table[hours == one].mean(axis=0) for one in range(24)]) / mean
        smooth = (np.roll(raw, 1, axis=0) + 2 * raw + np.roll(raw, -1, axis=0)) / 4
        self.profile = np.maximum(1 + self.manner.seasonal * (smooth - 1), 0.1)

    def _level(self, ahead: float) -> Array:
        """The level that is expected some seconds ahead, relative to the profile."""
        if self.weights[0] <= 0:
            return np.zeros(self.classes)
        now, short, long = (
            level / weight
            for level, weight in zip((self.now, self.short, self.long), self.weights, strict=True)
        )
        fresh = 0.5 ** (ahead / self.manner.short)
        stays = 0.5 ** (ahead / self.manner.fades)
        return np.asarray(fresh * now + (1 - fresh) * (stays * short + (1 - stays) * long))

    def outlook(self, now: float, edges: Sequence[float]) -> Outlook:
        """See `Forecast`."""
        blocks = []
        for begins, ends in itertools.pairwise(edges):
            size = max(self.manner.block, (ends - begins) / 16)
            count = max(1, math.ceil((ends - max(begins, now)) / size - 1e-9))
            cuts = np.linspace(max(begins, now), ends, count + 1)
            blocks.append(
                [
                    (float(b - a) / self.window, self._expected((a + b) / 2, now))
                    for a, b in itertools.pairwise(cuts)
                ]
            )
        count = max(2, min(self.manner.kinds, ENOUGH // max(self.classes, 1)))
        return Outlook(
            periods=tuple(
                Period(begins, ends, kinds(self._spread(found), count))
                for (begins, ends), found in zip(itertools.pairwise(edges), blocks, strict=True)
            ),
            levels=self._levels(now, edges),
        )

    def present(self, now: float) -> Present:
        """See `Forecast`."""
        return Present(
            mean=tuple((self._level(0.0) * self._usual(now)).tolist()),
            doubt=self.doubt(),
            usage=self.mix(),
        )

    def _levels(self, now: float, edges: Sequence[float]) -> tuple[tuple[tuple[float, ...], ...], ...]:
        """Paths of the classes' levels around what is expected: mean-reverting, the same now, apart later.

        They are drawn anew each time, so that many solves see many of them.
        """
        count, periods = self.manner.scenarios // 2, len(edges) - 1
        if count < 1:
            return ()
        sigma = self.day_doubt()
        draws = self.draw.normal(size=(count, periods, self.classes + 1))
        path = np.zeros((count, self.classes + 1))
        spread = np.zeros(self.classes + 1)
        found = np.empty((2 * count, periods, self.classes))
        before = now
        for at, (begins, ends) in enumerate(itertools.pairwise(edges)):
            middle = (max(begins, now) + ends) / 2
            keep = math.exp(-(middle - before) / self.manner.lasts)
            path = keep * path + math.sqrt(1 - keep**2) * draws[:, at]
            spread = keep**2 * spread + 1 - keep**2
            before = middle
            together = self.manner.together
            mixed = sigma * (math.sqrt(together) * path[:, -1:] + math.sqrt(1 - together) * path[:, :-1])
            fall = sigma**2 * spread[:-1] / 2
            found[:count, at] = np.exp(mixed - self.manner.fall * fall)
            found[count:, at] = np.exp(-mixed - self.manner.fall * fall)
        if self.manner.levels:
            # Dealt in turn, a low one with the high one opposite, so that each few solves have seen all.
            for at in range(count):
                turn = (self.solves * count + at) % len(self.manner.levels)
                found[at] *= self.manner.levels[turn]
                found[count + at] *= self.manner.levels[-1 - turn]
            self.solves += 1
        return tuple(tuple(tuple(one) for one in level) for level in found.tolist())

    def day_doubt(self) -> Array:
        """Relative standard deviation of a day's volume, by class: from days' errors, and a prior."""
        prior = 3.0
        sigma = np.sqrt((self.day_error + prior * self.manner.prior**2) / (self.days + prior))
        return np.asarray(np.minimum(sigma, self.manner.widest))

    def _usual(self, moment: float) -> Array:
        """What the hour and the day of the week usually are beside the mean, by class."""
        return np.asarray(self.profile[int(moment // 3600 % 24)] * self.week[int(moment // 86400 % 7)])

    def _close_day(self, begins_at: float) -> None:
        """A day has ended: how far was it from what was expected when it began?"""
        if self.days_expected is not None and self.day_windows >= self.per_day // 2:
            floor = 0.02 * self.long / max(self.weights[2], 1e-9) * self.day_windows + 1e-12
            step = np.log((self.day_volume + floor) / (self.days_expected * self.day_windows + floor))
            self.day_error = 0.9 * self.day_error + np.clip(step, -2.0, 2.0) ** 2
            self.days = 0.9 * self.days + 1
        if self.day_windows >= 0.9 * self.per_day:
            self._learn_week(int(self.last // 86400 % 7))
        expected = self._level(43200.0) * self.week[int(begins_at // 86400 % 7)]
        self.days_expected = expected if self.weights[0] > 0 else None
        self.day_volume = np.zeros(self.classes)
        self.day_windows = 0

    def _learn_week(self, day: int) -> None:
        """A whole day was seen: the profile of the week, all classes together, once there is a week.

        One week says little about the next, so it counts for a third; the more there are the more they count.
        """
        self.past = [*self.past, (day, float(self.day_volume.sum()) / self.day_windows)][-28:]
        weeks = len(self.past) // 7
        if weeks:
            recent = self.past[-7 * weeks :]
            mean = sum(volume for _, volume in recent) / len(recent) + 1e-12
            each = [[volume for day, volume in recent if day == one] or [mean] for one in range(7)]
            raw = np.array([(sum(one) / len(one) + 0.1 * mean) / (1.1 * mean) for one in each])
            before = self.week[day]
            self.week = raw ** (weeks / (weeks + self.manner.weekly))
            # What was seen last stays what it was, in terms of the new profile.
            self.now *= before / self.week[day]
            self.short *= before / self.week[day]

    def _expected(self, moment: float, now: float) -> Array:
        """Volume per window at a moment."""
        usual = self._usual(moment) if moment - now < 8 * 86400 else 1.0
        return np.asarray(self._level(max(0.0, moment - now)) * usual)

    def doubt(self) -> tuple[float, ...]:
        """Relative standard deviation of the next window, by class: from past errors, 0.5 before."""
        prior = 2.0
        return tuple(np.sqrt((self.error + prior * 0.25) / (self.errors + prior)).tolist())

    def mix(self) -> tuple[Vector, ...]:
        """Usage of a unit of volume, by class; a class that was not seen has an empty one."""
        volume = self.usage @ self.measure
        seen = volume > 1e-12
        rows = (self.usage / np.where(seen, volume, 1.0)[:, None]).tolist()
        return tuple(tuple(row) if one else () for row, one in zip(rows, seen.tolist(), strict=True))

    def _spread(self, blocks: Sequence[tuple[float, Array]]) -> list[tuple[float, Array]]:
        """Windows that may stand for blocks: their means times shapes that were seen."""
        shapes = self._shapes()
        if not len(shapes):
            return list(blocks)
        found: list[tuple[float, Array]] = []
        for count, mean in blocks:
            drawn = shapes[self.draw.integers(len(shapes), size=self.manner.shapes)]
            drawn = drawn / np.maximum(drawn.mean(axis=0), 1e-9)
            found.extend((count / len(drawn), mean * one) for one in drawn)
        return found

    def _shapes(self) -> Array:
        """Recent windows relative to the mean of their block: window x class."""
        size = max(1, round(self.manner.block / self.window))
        days = self.volumes[-3 * self.per_day :]
        count = len(days) // size
        if not count:
            return np.zeros((0, self.classes))
        table = np.array(days[-count * size :]).reshape(count, size, self.classes)
        means = table.mean(axis=1, keepdims=True)
        return np.asarray((table / np.maximum(means, 1e-12)).reshape(-1, self.classes))


def kinds(windows: Sequence[tuple[float, Array]], count: int) -> tuple[tuple[float, tuple[float, ...]], ...]:
    """A few kinds for many windows: k-means on volumes, begun from quantiles of the total (Lloyd 1982)."""
    weights = np.array([one for one, _ in windows])
    table = np.array([one for _, one in windows])
    if len(table) <= count:
        return tuple((float(w), tuple(v.tolist())) for w, v in zip(weights, table, strict=True))
    order = np.argsort(table.sum(axis=1), kind="stable")
    place = np.empty(len(table), dtype=int)
    place[order] = np.arange(len(table)) * count // len(table)
    for _ in range(4):
        member = place[None] == np.arange(count)[:, None]
        mass = member @ weights
        centres = (member * weights) @ table / np.maximum(mass, 1e-12)[:, None]
        centres[mass <= 0] = np.inf
        place = ((table[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    found = []
    for at in range(count):
        member = place == at
        mass = weights[member].sum()
        if mass > 0:
            found.append((float(mass), tuple((weights[member] @ table[member] / mass).tolist())))
    return tuple(found)
