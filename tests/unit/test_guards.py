"""Guards: windows of the calendar, and what calls draw from slices and give back."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.ledger.guards import (
    NEVER,
    Guard,
    GuardRow,
    Period,
    Unit,
    draw,
    release,
    settle,
    undo,
    window_bounds,
)

MOMENTS = st.floats(0, 4e9)
UNITS: tuple[Unit, ...] = get_args(Unit)
PERIODS: tuple[Period, ...] = get_args(Period)
AMOUNTS = st.integers(0, 10**15)

CALENDAR = """
    period   now                   starts                ends
    minute   2026-11-21 23:59:59   2026-11-21 23:59:00   2026-11-22 00:00:00
    minute   2026-11-22 00:00:00   2026-11-22 00:00:00   2026-11-22 00:01:00
    day      2026-11-21 23:59:59   2026-11-21 00:00:00   2026-11-22 00:00:00
    day      2026-03-29 02:30:00   2026-03-29 00:00:00   2026-03-30 00:00:00
    month    2026-11-21 12:00:00   2026-11-01 00:00:00   2026-12-01 00:00:00
    month    2026-12-31 23:59:59   2026-12-01 00:00:00   2027-01-01 00:00:00
    month    2027-01-01 00:00:00   2027-01-01 00:00:00   2027-02-01 00:00:00
    month    2028-02-29 12:00:00   2028-02-01 00:00:00   2028-03-01 00:00:00
    month    2100-02-28 23:59:59   2100-02-01 00:00:00   2100-03-01 00:00:00
"""

CALLS = """
    unit       drawn   tokens   charged   free when it ends   free when it is booked
    money        100       50        30                   0                       70
    money        100       50       100                   0                        0
    tokens       100       40        30                  60                       60
    tokens       100      130        30                 -30                      -30
    requests       1       40        30                   0                        0
    calls          1       40        30                   1                        1
"""


def rows(table: str) -> list[str]:
    """The lines of a table below its heading."""
    return [line.strip() for line in table.strip().splitlines()[1:]]


def epoch(text: str) -> int:
    return calendar.timegm(datetime.fromisoformat(text).timetuple())


def guard(number: int, unit: Unit, free: int, period: Period = "total") -> Guard:
    one = Guard(GuardRow(number, unit, period, 10**15, True), 0)
    one.window.free = free
    return one


@pytest.mark.parametrize("line", rows(CALENDAR))
def test_the_calendar_in_utc(line: str) -> None:
    period, *words = line.split()
    now, starts, ends = (" ".join(words[at : at + 2]) for at in (0, 2, 4))
    known = next(one for one in PERIODS if one == period)
    assert window_bounds(known, epoch(now)) == (epoch(starts), epoch(ends))


@given(st.sampled_from(PERIODS), MOMENTS)
def test_every_moment_lies_in_its_window(period: Period, now: float) -> None:
    starts, ends = window_bounds(period, now)
    assert starts <= now < ends
    assert window_bounds(period, starts) == (starts, ends)
    if ends != NEVER:
        assert window_bounds(period, ends - 0.001) == (starts, ends)
        assert window_bounds(period, ends)[0] == ends, "windows follow each other without a gap"


@given(MOMENTS)
def test_a_month_is_the_one_of_the_calendar(now: float) -> None:
    moment = datetime.fromtimestamp(now, UTC)
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + timedelta(days=32)).replace(day=1)
    assert window_bounds("month", now) == (int(first.timestamp()), int(following.timestamp()))


def test_a_new_period_begins_with_nothing_drawn() -> None:
    one = guard(1, "requests", 5, "minute")
    old = one.window
    assert one.at(59.9) is old
    new = one.at(60)
    assert new is not old
    assert (new.starts, new.ends, new.free, new.slice_id, new.pool) == (60, 120, 0, 0, 10**15)
    assert one.at(61) is new
    assert one.at(59) is new, "a clock that is set back opens no old window"


@pytest.mark.parametrize("line", rows(CALLS))
def test_what_a_call_gives_back_and_when(line: str) -> None:
    unit, *numbers = line.split()
    drawn, tokens, charged, ended, booked = map(int, numbers)
    known = next(one for one in UNITS if one == unit)
    one = guard(1, known, drawn)
    draws = draw((one,), {known: drawn}, 1.5)
    assert draws is not None
    assert (one.window.free, one.window.used_at) == (0, 1.5)
    settle(draws, tokens)
    assert one.window.free == ended
    release(draws, charged)
    assert one.window.free == booked


NEEDS = st.fixed_dictionaries({unit: st.integers(0, 100) for unit in UNITS})
SLICES = st.lists(st.tuples(st.sampled_from(UNITS), st.integers(-10, 200)), max_size=6)


@given(SLICES, NEEDS)
def test_a_call_draws_from_every_guard_or_from_none(
    slices: list[tuple[Unit, int]], needs: dict[Unit, int]
) -> None:
    guards = tuple(guard(number, unit, free) for number, (unit, free) in enumerate(slices))
    draws = draw(guards, needs, 1.0)
    enough = all(free >= needs[unit] for unit, free in slices)
    assert (draws is not None) is enough
    taken = [free - one.window.free for one, (_, free) in zip(guards, slices, strict=True)]
    assert taken == [needs[unit] if enough else 0 for unit, _ in slices]
    if draws is not None:
        undo(draws)
    assert [one.window.free for one in guards] == [free for _, free in slices]


@given(
    st.lists(st.tuples(NEEDS, st.integers(0, 300), st.integers(0, 100)), max_size=20),
    st.randoms(use_true_random=False),
)
def test_nothing_is_lost_and_nothing_made(
    calls: list[tuple[dict[Unit, int], int, int]], chance: Random
) -> None:
    """Calls in any order of drawing, ending and booking: every slice loses exactly what they used."""
    guards = tuple(guard(number, unit, 1_000) for number, unit in enumerate(UNITS))
    used = dict.fromkeys(UNITS, 0)
    under_way = []
    for needs, tokens, share in calls:
        draws = draw(guards, needs, 1.0)
        if draws is not None:
            charged = needs["money"] * share // 100
            under_way.append((draws, tokens, charged))
            used["money"] += charged
            used["tokens"] += tokens
            used["requests"] += needs["requests"]
    endings: list[Callable[[], None]] = [partial(settle, draws, tokens) for draws, tokens, _ in under_way]
    endings += [partial(release, draws, charged) for draws, _, charged in under_way]
    chance.shuffle(endings)
    for end in endings:
        end()
    assert {one.row.unit: 1_000 - one.window.free for one in guards} == used


LONG_WINDOWS: tuple[tuple[Period, str, str, str], ...] = (
    ("week", "2027-01-03 23:59:59", "2026-12-28 00:00:00", "2027-01-04 00:00:00"),  # 2026-W53
    ("week", "2027-01-04 00:00:00", "2027-01-04 00:00:00", "2027-01-11 00:00:00"),
    ("quarter", "2028-03-31 23:59:59", "2028-01-01 00:00:00", "2028-04-01 00:00:00"),
    ("quarter", "2027-10-01 00:00:00", "2027-10-01 00:00:00", "2028-01-01 00:00:00"),
    ("year", "2028-12-31 23:59:59", "2028-01-01 00:00:00", "2029-01-01 00:00:00"),
)


@pytest.mark.parametrize(("period", "now", "starts", "ends"), LONG_WINDOWS)
def test_weeks_quarters_and_years(period: Period, now: str, starts: str, ends: str) -> None:
    assert window_bounds(period, epoch(now)) == (epoch(starts), epoch(ends))
