"""Reserves: what is kept is there, what is lent comes back, others use no more of a lot than it lends."""

from __future__ import annotations

import random
from functools import partial

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rechenwerk.routing.deal import equal
from rechenwerk.routing.reserve import Lot, Minute, Reserve, faults, gathered, hand
from tests.unit.waiting_world import Job, World, pool

CRITICAL = ("critical", 0)
STANDARD = ("standard", 0)
BATCH = ("batch", 0)
BUYER = ("", 7)


@st.composite
def lots(draw: st.DrawFn, amount: int) -> tuple[Lot, ...]:
    """Lots that fit into an amount."""
    found = []
    left = amount
    for owner in draw(st.permutations([CRITICAL, STANDARD, BATCH, BUYER]))[: draw(st.integers(0, 4))]:
        nominal = draw(st.integers(0, left))
        found.append(Lot(*owner, nominal, draw(st.integers(0, nominal))))
        left -= nominal
    return tuple(found)


CAPACITIES = st.integers(0, 40).flatmap(lambda amount: st.tuples(st.just(amount), lots(amount)))
STEPS = st.lists(
    st.tuples(st.sampled_from([CRITICAL, STANDARD, BATCH, BUYER]), st.integers(-9, 9)), max_size=80
)


@given(CAPACITIES, STEPS)
def test_others_never_use_more_of_a_lot_than_it_lends(
    capacity: tuple[int, tuple[Lot, ...]], steps: list[tuple[tuple[str, int], int]]
) -> None:
    amount, kept = capacity
    reserve = Reserve(amount, kept)
    used = dict.fromkeys([CRITICAL, STANDARD, BATCH, BUYER], 0)
    for owner, wish in steps:
        change = max(wish, -used[owner])
        if change < 0:
            reserve.give(owner, -change)
        elif reserve.fits(owner, change):
            reserve.take(owner, change)
        else:
            continue
        used[owner] += change
        assert sum(used.values()) <= amount
        for lot in kept:
            others = sum(used.values()) - used[lot.owner]
            assert others <= amount - (lot.nominal - lot.lendable)
            alone = lot.nominal - lot.lendable - used[lot.owner]
            assert alone <= 0 or reserve.fits(lot.owner, alone, alone=True)  # there, without a wait
        assert reserve.taken == sum(used.values())


@given(CAPACITIES, STEPS, CAPACITIES)
def test_other_numbers_count_what_is_used_all_the_same(
    capacity: tuple[int, tuple[Lot, ...]],
    steps: list[tuple[tuple[str, int], int]],
    then: tuple[int, tuple[Lot, ...]],
) -> None:
    reserve = Reserve(*capacity)
    anew = Reserve(*then)
    for owner, change in steps:
        reserve.take(owner, abs(change))
        anew.take(owner, abs(change))
    reserve.reform(*then)
    for owner in (CRITICAL, STANDARD, BATCH, BUYER):
        assert reserve.used(owner) == anew.used(owner)
        assert [reserve.fits(owner, need) for need in range(40)] == [
            anew.fits(owner, need) for need in range(40)
        ]
    for owner, change in steps:
        reserve.give(owner, abs(change))
    assert reserve.taken == 0
    assert reserve.most(("nobody", 0)) == anew.most(("nobody", 0))


def test_what_is_lent_for_a_short_time_is_not_lent_to_long_calls() -> None:
    reserve = Reserve(10, [Lot("critical", 0, 6, 4, reclaim=30)])
    assert [need for need in range(12) if reserve.fits(STANDARD, need, 30)] == list(range(9))
    assert [need for need in range(12) if reserve.fits(STANDARD, need, 31)] == list(range(5))
    assert reserve.fits(CRITICAL, 10, 31)
    assert (reserve.most(STANDARD, 30), reserve.most(STANDARD, 31), reserve.most(CRITICAL, 31)) == (8, 4, 10)


def test_out_of_whose_lot_a_loan_comes() -> None:
    reserve = Reserve(10, [Lot("critical", 0, 4, 4), Lot("", 7, 3, 1)])
    assert reserve.lender(STANDARD, 3) is None  # nobody's
    reserve.take(STANDARD, 3)
    assert reserve.lender(CRITICAL, 2) is None  # its own
    assert reserve.lender(STANDARD, 1) == CRITICAL
    reserve.take(CRITICAL, 4)
    assert reserve.lender(STANDARD, 1) == BUYER


LENDS_ALL = Lot("critical", 0, 4, 4)


@pytest.mark.parametrize(
    ("amount", "kept", "said"),
    [
        (10, [Lot("critical", 0, -1)], "the lot of critical has a number below zero"),
        (10, [Lot("critical", 0, 3, 4)], "lends 4 of 3"),
        (10, [LENDS_ALL, Lot("", 7, 7)], "lots of 11 are kept of 10"),
        (10, [Lot("", 0, 1)], "say whose it is"),
        (-1, [], "below zero"),
        (10, [LENDS_ALL, Lot("batch", 7, 6, 6)], None),
    ],
)
def test_what_is_wrong_with_lots_is_said(amount: int, kept: list[Lot], said: str | None) -> None:
    found = faults(amount, kept)
    assert found == [] if said is None else said in found[0]


def test_two_lots_of_one_owner_are_one() -> None:
    assert gathered([Lot("", 7, 2, 1, 60), LENDS_ALL, Lot("", 7, 3, 0, 30)]) == (
        Lot("", 7, 5, 1, 30),
        LENDS_ALL,
    )


@given(CAPACITIES, st.integers(1, 5))
def test_processes_share_a_capacity_to_the_unit(capacity: tuple[int, tuple[Lot, ...]], players: int) -> None:
    amount, kept = capacity
    hands = [hand(amount, kept, equal(place, players)) for place in range(players)]
    assert sum(mine for mine, _ in hands) == amount
    for at, lot in enumerate(kept):
        assert sum(dealt[at].nominal for _, dealt in hands) == lot.nominal
        assert sum(dealt[at].lendable for _, dealt in hands) == lot.lendable
    assert all(faults(mine, dealt) == [] for mine, dealt in hands)
    assert max(mine for mine, _ in hands) - min(mine for mine, _ in hands) <= 1


# -- lent and called back -------------------------------------------------------------------------

LOANS = st.tuples(st.integers(1, 12), st.integers(0, 12), st.integers(0, 12))


@given(st.integers(0, 2**32), LOANS)
def test_the_owner_has_its_nominal_back_when_the_calls_that_ran_are_done(
    seed: int, numbers: tuple[int, int, int]
) -> None:
    amount, nominal, lendable = numbers
    assume(lendable <= nominal <= amount)
    chance = random.Random(seed)
    world = World(pool(amount, Lot("critical", 0, nominal, lendable)))
    for _ in range(3 * amount):
        world.job(1, chance.choice(["standard", "batch"]), seconds=chance.uniform(1, 9))
    world.run(1000 + chance.uniform(0, 5))
    others = [job for job in world.running if job.ask.service != "critical"]
    assert len(others) == amount - (nominal - lendable)  # all that is lent is used, and no more
    drained = max((job.began + job.seconds for job in others), default=world.now)
    burst = [world.job(2, "critical", seconds=100) for _ in range(nominal)]
    for _ in range(amount):
        world.job(3, "standard", seconds=1)
    assert sum(job.began == world.now for job in burst) >= nominal - lendable
    borrowed = {job for job in world.running if job.ask.service != "critical"}
    admitted: list[Job] = []
    world.on_begin = admitted.append
    while not all(job.began >= 0 for job in burst):
        assert world.now <= drained
        world.run(world.now + 0.5)
        if not all(job.began >= 0 for job in burst):  # called back: nobody else is admitted meanwhile
            assert all(job.ask.service == "critical" or job in borrowed for job in admitted)
    assert all(job.done for job in borrowed if job.began + job.seconds <= world.now)  # nobody was killed


@given(st.integers(0, 2**32), st.integers(1, 10), st.integers(1, 30))
def test_a_critical_burst_that_fits_its_lot_is_never_refused(seed: int, nominal: int, flood: int) -> None:
    """Not even where calls that borrowed take longer than anybody would wait."""
    chance = random.Random(seed)
    world = World(pool(10, Lot("critical", 0, nominal, chance.randint(0, nominal))), patience=2.0)
    for _ in range(flood):
        world.job(1, chance.choice(["standard", "batch"]), seconds=chance.uniform(1, 60))
    world.run(1000 + chance.uniform(0, 20))
    burst = [world.job(2, "critical", seconds=chance.uniform(1, 60)) for _ in range(nominal)]
    world.run()
    assert all(job.done and job.full is None for job in burst)


def test_what_an_organisation_bought_is_its_own_and_is_lent_while_idle() -> None:
    world = World(pool(3, Lot("", 7, 2, 2)))
    others = [world.job(1, seconds=5) for _ in range(3)]
    assert all(job.began >= 0 for job in others)
    mine = [world.job(2, organisation=7, seconds=5) for _ in range(3)]
    theirs = world.job(3, "critical", seconds=5)
    world.run(1005)
    assert [job.began for job in mine] == [1005, 1005, -1]  # its two first, before critical work of others
    assert theirs.began == 1005
    world.run()
    assert mine[2].done


def test_batch_takes_what_is_left() -> None:
    world = World(pool(2, Lot("standard", 0, 1, 1)))
    early = [world.job(1, "batch", seconds=2), world.job(1, "batch", seconds=3)]
    late = world.job(1, "batch")
    standard = [world.job(2, seconds=4), world.job(2, seconds=4), world.job(2, seconds=4)]
    world.run()
    assert [job.began for job in early] == [1000, 1000]
    assert [job.began for job in standard] == [1002, 1003, 1006]
    assert late.began == 1007


# -- tokens per minute ----------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.integers(50, 400))
def test_in_no_minute_is_more_used_than_there_is(seed: int, amount: int) -> None:
    chance = random.Random(seed)
    critical = Lot("critical", 0, amount // 2, amount // 4)
    world = World(pool(None, critical, tokens=amount))
    taken: list[tuple[float, int, str]] = []
    world.on_begin = lambda job: taken.append((world.now, job.ask.input + job.ask.output, job.ask.service))
    for _ in range(60):
        at = 1000 + chance.uniform(0, 200)
        kind = chance.choice(["critical", "standard", "batch"])
        size = chance.randint(1, amount // 8)
        world.at(at, partial(world.job, 1, kind, read=size, write=size))
    world.run()
    for at, _, _ in taken:
        within = [(size, kind) for then, size, kind in taken if at - 60 < then <= at]
        assert sum(size for size, _ in within) <= amount
        others = sum(size for size, kind in within if kind != "critical")
        assert others <= amount - (critical.nominal - critical.lendable)


def test_tokens_that_were_not_used_are_free_at_once_and_the_minute_is_corrected() -> None:
    minute = Minute(Reserve(100))
    second = minute.take(STANDARD, 80, 10.5)
    minute.correct(STANDARD, second, -50)
    assert minute.reserve.taken == 30
    assert minute.free_in(90, 70, 10.5) == pytest.approx(60.5)
    assert minute.free_in(60, 70, 10.5) == 0
    assert not minute.pass_by(70.9)
    assert minute.pass_by(71.0)
    assert minute.reserve.taken == 0
    minute.correct(STANDARD, second, -30)
    assert minute.reserve.taken == 0


def test_a_call_larger_than_all_there_is_goes_when_all_is_free() -> None:
    world = World(pool(None, tokens=100))
    small = world.job(1, read=30)
    large = world.job(1, read=500)
    after = world.job(2, read=30)
    world.run()
    assert small.began == 1000
    assert large.began == 1061
    assert after.began > large.began
