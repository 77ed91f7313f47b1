"""Call ids: sorted by time, never met twice, readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.ids import EPOCH_MS, MAX_PROCESSES, CallIds, decode_call, encode_call
from tests.fakes.clock import FakeClock

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC


def test_ids_grow_even_when_thousands_fall_into_one_millisecond() -> None:
    ids = CallIds(FakeClock(NOON), 7)
    made = [ids.next() for _ in range(10_000)]
    assert made == sorted(set(made))


@given(st.lists(st.integers(-5_000, 5_000), max_size=50))
def test_ids_grow_even_when_the_wall_clock_is_set_back(steps: list[int]) -> None:
    clock = FakeClock(NOON)
    ids = CallIds(clock, 0)
    made = [ids.next()]
    for milliseconds in steps:
        clock.at += milliseconds / 1000
        made.append(ids.next())
    assert made == sorted(set(made))


@given(st.integers(0, MAX_PROCESSES - 1), st.integers(0, MAX_PROCESSES - 1))
def test_two_processes_never_meet(one: int, other: int) -> None:
    clock = FakeClock(NOON)
    mine, theirs = CallIds(clock, one), CallIds(clock, other)
    met = {mine.next() for _ in range(5_000)} & {theirs.next() for _ in range(5_000)}
    assert bool(met) is (one == other)


def test_the_parts_of_an_id() -> None:
    ids = CallIds(FakeClock(NOON), 1023)
    first, second = ids.next(), ids.next()
    assert first >> 22 == int(NOON * 1000) - EPOCH_MS
    assert first >> 12 & 1023 == 1023
    assert (first & 4095, second & 4095) == (0, 1)
    assert 0 < first < 1 << 63


@given(st.integers(0, (1 << 63) - 1))
def test_people_can_read_and_return_an_id(call_id: int) -> None:
    text = encode_call(call_id)
    assert len(text) == len("call_") + 16
    assert decode_call(text) == call_id


@pytest.mark.parametrize("text", ["", "call_", "call_12", "call_00000000000000zz", "call_" + "٣" * 16])
def test_what_is_no_id_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(RechenwerkError, match="is not a call id; it looks like call_1000000000000000"):
        decode_call(text)
