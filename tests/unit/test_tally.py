"""What a gateway saw, by class and bucket of a minute: what is told, corrected, and forgotten."""

from __future__ import annotations

from rechenwerk.gateway.tally import BUCKET, NONE, Tally
from rechenwerk.routing.ports import Arrived, Use
from rechenwerk.routing.supply import Vector

START = 1_200.0


def vector(read: float, written: float = 0.0, calls: float = 1.0) -> Vector:
    return (read, 0.0, 0.0, written, 0.0, 0.0, 0.0, calls)


def test_a_bucket_begins_at_a_whole_minute() -> None:
    tally = Tally(START + 25.5)
    assert tally.ends == START + BUCKET
    assert not tally.turn(START + 59.9)
    assert tally.turn(START + 60.0)
    assert tally.ends == START + 2 * BUCKET
    assert tally.turn(START + 600.0), "after a long silence it begins in the minute of now"
    assert tally.ends == START + 660


def test_arrivals_are_counted_as_expected_and_corrected_at_the_end() -> None:
    tally = Tally(START)
    stream = tally.stream("a", vector(500, 250))
    tally.arrived(stream, vector(100, 250))
    assert tally.report().loads == (Arrived(1200, "a", 1.0, 0.0, vector(100, 250)),)
    tally.ended(stream, vector(100, 250), vector(90, 40))
    assert tally.report().loads == (Arrived(1200, "a", 1.0, 0.0, vector(90, 40)),)
    assert tally.stream("a", NONE) is stream, "a class is one, whatever is believed of it"


def test_the_mean_learns_from_calls_that_were_served_and_from_no_others() -> None:
    tally = Tally(START)
    stream = tally.stream("a", vector(500, 250))
    for _ in range(500):
        tally.ended(stream, vector(100, 250), NONE)
    assert stream.mean == vector(500, 250), "five hundred failures say nothing about the next answer"
    for _ in range(500):
        tally.ended(stream, vector(100, 250), vector(100, 10))
    assert abs(stream.mean[0] - 100) < 1
    assert abs(stream.mean[3] - 10) < 1


def test_ordinary_use_is_told_apart_from_critical() -> None:
    tally = Tally(START)
    tally.used(7, vector(100), critical=True)
    tally.used(7, vector(30), critical=False)
    tally.used(8, vector(5), critical=True)
    assert tally.report((3,)).uses == (
        Use(1200, 7, vector(130, calls=2), vector(30)),
        Use(1200, 8, vector(5), NONE),
    )
    assert tally.report((3,)).down == (3,)
    tally.used(7, [-one for one in vector(30)], critical=False)
    assert tally.report().uses[0] == Use(1200, 7, vector(100), vector(0, calls=0))


def test_past_buckets_are_told_twice_more_and_then_no_longer() -> None:
    tally = Tally(START)
    stream = tally.stream("a", NONE)
    for minute in range(5):
        tally.turn(START + 60 * minute)
        tally.arrived(stream, vector(minute + 1))
        tally.used(1, vector(minute + 1), critical=False)
    found = tally.report()
    assert sorted(one.starts for one in found.loads) == [1320, 1380, 1440]
    assert sorted(one.usage[0] for one in found.uses) == [3, 4, 5]
    stream.refused += 1
    tally.turn(START + 300)
    assert sorted((one.starts, one.refused) for one in tally.report().loads) == [(1380, 0), (1440, 1)]


def test_a_correction_that_falls_into_a_later_bucket_never_counts_below_nothing() -> None:
    tally = Tally(START)
    stream = tally.stream("a", NONE)
    tally.arrived(stream, vector(1000))
    tally.used(1, vector(1000), critical=False)
    tally.turn(START + 60)
    tally.ended(stream, vector(1000), vector(10))
    tally.used(1, (-990.0, *NONE[1:]), critical=False)
    assert sorted(one.usage[0] for one in tally.report().uses) == [0, 1000]
    tally.arrived(stream, vector(2000))
    assert sorted(one.usage[0] for one in tally.report().loads) == [1000, 1010], "it is still taken off"
