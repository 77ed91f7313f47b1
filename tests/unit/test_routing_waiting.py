"""Waiting: who is next, how long, who is refused and what they are told, and that nothing is left behind."""

from __future__ import annotations

import gc
import random
import tracemalloc
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.usage import Usage
from rechenwerk.routing.delay import Full
from rechenwerk.routing.lines import PoolRow
from rechenwerk.routing.reserve import Lot, Reserve
from rechenwerk.routing.room import Ask, Limit
from rechenwerk.routing.waiting import Ticket, Waiting
from tests.unit.waiting_world import EVER, Job, World, pool


def order(jobs: list[Job]) -> list[int]:
    """Places of jobs in the order in which they began."""
    return sorted(range(len(jobs)), key=lambda at: jobs[at].began)


# -- who is next ----------------------------------------------------------------------------------


def test_critical_overtakes_and_batch_comes_last() -> None:
    world = World(pool(1))
    world.job(1)
    jobs = [world.job(1, kind) for kind in ("batch", "standard", "critical", "batch", "standard", "critical")]
    world.run()
    assert order(jobs) == [2, 5, 1, 4, 0, 3]


def test_within_a_class_the_project_that_was_served_least_is_next() -> None:
    world = World(pool(1))
    world.job(1, read=100)
    jobs = [world.job(1, read=100), world.job(1, read=100), world.job(2, read=30)]
    jobs += [world.job(2, read=30), world.job(2, read=30), world.job(3, read=1)]
    world.run()
    # 1 stands at 100, and so do 2 and 3 when they come; then at 200, 130 and 101, and so on
    assert order(jobs) == [0, 2, 5, 3, 4, 1]


def test_within_a_project_the_first_come_is_the_first_served() -> None:
    world = World(pool(2))
    jobs = [world.job(1, read=read, seconds=1) for read in (5, 9, 400, 1, 7, 3)]
    world.run()
    assert order(jobs) == list(range(6))


def test_a_call_waits_for_whichever_deployment_is_free_first() -> None:
    world = World(pool(1, at=1), pool(1, at=2))
    world.job(1, seconds=5, candidates=(1,))
    world.job(1, seconds=3, candidates=(2,))
    either, only = world.job(2, candidates=(1, 2)), world.job(2, candidates=(2,))
    world.run()
    assert (either.began, only.began) == (1003, 1004)
    assert either.ticket is not None
    assert either.ticket.index == 1


def test_where_one_candidate_has_no_limit_nobody_waits() -> None:
    world = World(pool(1))
    first = world.job(1, candidates=(1, 99))
    second = world.job(1, candidates=(1, 99))
    assert first.ticket is not None
    assert second.ticket is not None
    assert (first.ticket.index, second.ticket.index) == (0, 1)


def test_deployments_of_a_pool_have_limits_of_their_own_besides() -> None:
    """Nobody waits for a deployment that is full while another that will do has room."""
    world = World(PoolRow(1, "both", (1, 2), (Limit("calls", 3),), ((1, (Limit("calls", 1),)),)))
    first = world.job(1, seconds=5, candidates=(1, 2))
    waits = world.job(1, seconds=5, candidates=(1,))
    passes = world.job(1, seconds=1, candidates=(1, 2))
    other = world.job(2, seconds=1, candidates=(2,))
    full = world.job(3, seconds=1, candidates=(2,))
    assert [job.began for job in (first, waits, passes, other, full)] == [1000, -1, 1000, 1000, -1]
    assert passes.ticket is not None
    assert passes.ticket.index == 1
    assert not world.core.move(passes.ticket, 0, world.now)
    world.run()
    assert (full.began, waits.began) == (1001, 1005)


def test_who_gives_up_the_head_of_a_line_lets_smaller_calls_pass() -> None:
    """A large call at the head keeps the line; when its client leaves, those behind go at once."""
    world = World(pool(None, tokens=100))
    world.job(1, read=60)
    large = world.job(2, read=80)
    small = world.job(3, read=30)
    assert small.began < 0
    assert large.ticket is not None
    world.core.leave(large.ticket, world.now)
    assert small.began == 1000


def test_when_who_kept_a_line_is_served_elsewhere_those_behind_go_at_once() -> None:
    world = World(pool(1, at=1), pool(None, tokens=100, at=2))
    world.job(1, seconds=3, candidates=(1,))
    world.job(1, read=60, candidates=(2,))
    either = world.job(2, read=80, candidates=(1, 2))
    small = world.job(3, read=30, candidates=(2,))
    world.run(1010)
    assert (either.began, small.began) == (1003, 1003)


def test_small_calls_of_a_lower_class_do_not_hold_up_a_large_one() -> None:
    world = World(pool(None, tokens=100))
    world.job(1, read=60)
    large = world.job(1, read=80)
    small = world.job(2, "batch", read=10)
    world.run()
    assert (large.began, small.began) == (1061, 1061)


def test_what_becomes_free_is_kept_for_an_owner_who_needs_more_of_its_own() -> None:
    world = World(pool(None, Lot("standard", 0, 80, 80), tokens=100))
    world.job(1, "batch", read=50)
    world.run(1010)
    world.job(1, "batch", read=30)
    mine = world.job(2, "standard", read=70)
    small = world.job(3, "critical", read=5)  # has no lot here: it would fit, but borrows what is called back
    world.run()
    assert mine.began == 1061
    assert small.began == 1071


def test_a_placed_call_moves_where_there_is_room() -> None:
    world = World(pool(1, at=1), pool(1, at=2))
    world.job(1, seconds=9, candidates=(2,))
    ask = Ask(2, 1, "standard", 1.0, 10, 10)
    mine = world.core.enter(ask, (1, 2, 3), 9, 9, world.now)
    assert isinstance(mine, Ticket)
    waits = world.job(3, candidates=(1,))
    assert not world.core.move(mine, 1, world.now)
    assert (mine.index, waits.began) == (0, -1)
    assert world.core.move(mine, 2, world.now)
    assert (mine.index, waits.began) == (2, 1000)
    world.core.end(mine, Usage(input=10, output=3), world.now)
    world.core.end(mine, Usage(input=10, output=3), world.now)
    world.run()
    assert world.core.waiting == 0


@given(st.integers(0, 2**32))
def test_whatever_happens_no_place_is_lost_and_none_is_given_twice(seed: int) -> None:
    chance = random.Random(seed)
    kept = (Lot("critical", 0, 2, 1), Lot("", 7, 1, 1))
    both = PoolRow(
        3, "both", (3, 4), (Limit("calls", 3), Limit("tokens", 500, (Lot("standard", 0, 100, 50),)))
    )
    rows = [pool(4, *kept, at=1), pool(None, tokens=300, at=2), both]
    world = World(*rows)
    for _ in range(150):
        world.run(world.now + chance.expovariate(2))
        deed = chance.random()
        known = [one.ticket for one in jobs_of(world) if one.ticket is not None]
        if deed < 0.7:
            candidates = tuple(chance.sample([1, 2, 3, 4], chance.randint(1, 4)))
            organisation = chance.choice([1, 7])
            project = chance.randrange(3) + 10 * organisation
            kind = chance.choice(["critical", "standard", "batch"])
            job = world.job(
                project,
                kind,
                read=chance.randint(1, 90),
                write=chance.randint(0, 90),
                seconds=chance.uniform(0, 9),
                organisation=organisation,
                candidates=candidates,
                patience=chance.choice([1.0, 20.0]),
            )
            jobs_of(world).append(job)
        elif deed < 0.8 and known:
            ticket = chance.choice(known)
            if ticket.state == "waiting":
                world.core.leave(ticket, world.now)
        elif deed < 0.9 and known:
            ticket = chance.choice(known)
            if ticket.state == "placed":
                world.core.move(ticket, chance.randrange(len(ticket.candidates)), world.now)
        elif deed < 0.95:
            world.core.configure(rows[: chance.randint(0, 3)], world.now)
        running = sum(one.ticket is not None and one.ticket.pool is not None for one in world.running)
        assert sum(counted(world.core, "calls")) <= 2 * running  # a deployment's own are counted as well
        assert all(reserve.taken <= reserve.amount for _, reserve in reserves(world.core))
    world.core.configure(rows, world.now)
    world.run()
    world.now += 100
    world.core.tick(world.now)
    assert world.core.waiting == 0
    assert not world.running
    assert set(counted(world.core, "calls")) == {0}
    for one in world.core.pools:
        one.pass_by(world.now)
    assert set(counted(world.core, "tokens")) == {0}


def jobs_of(world: World) -> list[Job]:
    """The jobs that a test has noted."""
    found: list[Job] = world.__dict__.setdefault("noted", [])
    return found


def counted(core: Waiting, unit: str) -> list[int]:
    """What is taken of a unit in each pool that limits it."""
    return [reserve.taken for kind, reserve in reserves(core) if kind == unit]


def reserves(core: Waiting) -> list[tuple[str, Reserve]]:
    """Of all limits, those of deployments included."""
    rooms = [room for one in core.pools for room in (one.room, *one.own.values())]
    return [limit for room in rooms for limit in room.limits]


# -- deadlines, and what a refusal says -----------------------------------------------------------


def test_who_would_wait_too_long_is_refused_at_once_and_others_at_their_deadline() -> None:
    world = World(pool(1), patience=10.0)
    world.job(1, seconds=4)
    world.run()
    assert [world.job(1, seconds=4).full for _ in range(3)] == [None, None, None]  # 0, 4 and 8 s
    told = world.job(1, seconds=4).full
    assert told is not None
    assert told.ahead == 2
    assert told.retry_after == 10  # in 12 s it would be served: it comes to wait for 2.5 s
    slow = World(pool(1), patience=10.0)
    slow.job(1, seconds=100)  # nothing has ended yet, so nobody can tell
    late = slow.job(1)
    story = []
    for until in (1000, 1009, 1011):
        slow.run(until)
        story.append(late.full)
    assert story == [None, None, Full(8, 0)]


def test_only_as_many_as_fit_their_lot_wait_for_what_is_lent_without_a_deadline() -> None:
    world = World(pool(2, Lot("critical", 0, 2, 2)), patience=5.0)
    for _ in range(2):
        world.job(1, seconds=30)
    burst = [world.job(2, "critical") for _ in range(3)]
    world.run()
    assert [job.full is None for job in burst] == [True, True, False]
    assert [job.began for job in burst[:2]] == [1030, 1030]


def test_all_capacity_is_kept_for_others() -> None:
    world = World(pool(2, Lot("critical", 0, 2, 0)))
    assert world.job(1).full == Full(None, 0)
    assert world.job(1, "critical").began == 1000


def test_what_is_not_lent_to_calls_as_long_as_these_is_waited_for() -> None:
    world = World(pool(2, Lot("critical", 0, 2, 2, reclaim=3)), patience=10.0)
    short = world.job(1, seconds=1)
    world.run()
    world.job(2, "critical", seconds=60)
    world.run()
    long = world.job(1, seconds=60)  # calls take longer now than the reserve may be away
    world.run()
    assert short.done
    assert long.full is not None
    assert long.full.retry_after is not None


def test_a_light_project_is_not_refused_for_the_flood_of_another() -> None:
    world = World(pool(2), patience=5.0)
    for _ in range(4):
        world.job(1, seconds=1)
    world.run()
    flood = [world.job(1, seconds=1) for _ in range(200)]
    assert sum(job.full is not None for job in flood) > 150
    light = [world.job(2, seconds=1) for _ in range(3)]
    world.run()
    assert [job.began for job in light] == [1003, 1004, 1005]


def served_when_told(world: World, flood: list[Job], most: int) -> list[Job]:
    """Clients do as they are told, `most` times; the jobs that were served in the end."""
    tries = dict.fromkeys(flood, 1)

    def again(job: Job) -> None:
        assert job.full is not None
        assert job.full.retry_after is not None
        if tries[job] < most:
            tries[job] += 1
            world.at(world.now + job.full.retry_after, lambda: world.submit(job))

    for job in flood:
        if job.full is not None:
            again(job)
    world.on_full = again
    world.run()
    return [job for job in flood if job.done]


@pytest.mark.parametrize(("calls", "count", "seconds"), [(1, 40, 2.0), (4, 200, 1.0), (10, 300, 7.0)])
def test_who_comes_back_when_told_is_served(calls: int, count: int, seconds: float) -> None:
    """A burst far beyond what can be served in time: everybody who comes back once is served then."""
    chance = random.Random(5)
    world = World(pool(calls), patience=20.0)
    for _ in range(3 * calls):
        world.job(1, seconds=chance.uniform(0.5, 1.5) * seconds)
    world.run()
    flood = [world.job(1, seconds=chance.uniform(0.5, 1.5) * seconds) for _ in range(count)]
    refused = sum(job.full is not None for job in flood)
    assert refused > count / 3
    began = world.now
    assert len(served_when_told(world, flood, 2)) == count
    # and nobody was told to stay away much longer than all that work takes
    assert max(job.began for job in flood) - began <= count * seconds / calls * 1.3 + 20


@pytest.mark.parametrize("others", [1, 3, 10])
def test_who_comes_back_when_told_is_served_though_others_go_on(others: int) -> None:
    """Others keep the pool full all the time; those who were refused are served at their share."""
    chance = random.Random(6)
    world = World(pool(4), patience=10.0)

    def more(job: Job) -> None:
        if job.ask.project >= 2 and world.now < 1600:
            world.job(job.ask.project, seconds=chance.uniform(0.5, 1.5))

    world.on_end = more
    for at in range(20):
        world.job(2 + at % others, seconds=chance.uniform(0.5, 1.5))
    world.run(1030)
    flood = [world.job(1, seconds=chance.uniform(0.5, 1.5)) for _ in range(100)]
    refused = sum(job.full is not None for job in flood)
    assert refused > 50
    assert len(served_when_told(world, flood, 2)) == 100


def test_batch_work_is_told_when_there_is_something_left_for_it() -> None:
    """Standard calls take four fifths of the pool, as they come; what is left takes its time."""
    chance = random.Random(2)
    world = World(pool(4), patience=300.0)
    at = 1000.0
    while at < 2200:
        at += chance.expovariate(3.2)
        world.at(at, partial(world.job, 9, seconds=chance.uniform(0.5, 1.5)))
    world.run(1060)
    flood = [world.job(1, "batch", seconds=chance.uniform(0.5, 1.5)) for _ in range(450)]
    assert sum(job.full is not None for job in flood) > 100
    assert len(served_when_told(world, flood, 2)) >= 440


def test_a_minutes_tokens_come_back_a_minute_later_and_that_is_what_is_said() -> None:
    world = World(pool(None, tokens=1000), patience=10.0)
    for _ in range(10):
        world.job(1, read=100)
    world.run(1005)
    job = world.job(2, read=100)
    assert job.full is not None
    assert job.full.retry_after == 54  # free at 1061: it comes to wait for 2.5 s
    assert served_when_told(world, [job], 2) == [job]


# -- many -----------------------------------------------------------------------------------------


def test_ten_thousand_who_wait_take_bounded_memory_and_leave_nothing() -> None:
    core = Waiting()
    core.configure([pool(8, at=1), pool(8, at=2)], 0.0)
    asks = [Ask(at % 50, 1, "standard", 1.0, 100, 100) for at in range(50)]
    running = [core.enter(asks[0], (1, 2), EVER, EVER, 0.0) for _ in range(16)]
    tracemalloc.start()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    waiting = [core.enter(asks[at % 50], (1, 2), EVER, EVER, 1.0) for at in range(10_000)]
    gc.collect()
    each = (tracemalloc.get_traced_memory()[0] - before) / len(waiting)
    assert core.waiting == 10_000
    assert each < 1_500
    for ticket in waiting:
        assert isinstance(ticket, Ticket)
        core.leave(ticket, 2.0)
    del waiting, ticket
    gc.collect()
    left = tracemalloc.get_traced_memory()[0] - before
    for _ in range(5_000):  # coming and going is no growth either
        found = core.enter(asks[1], (1, 2), EVER, EVER, 3.0)
        assert isinstance(found, Ticket)
        core.leave(found, 3.0)
    del found
    gc.collect()
    after = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert core.waiting == 0
    assert left < 150_000
    assert after < 150_000
    assert all(isinstance(one, Ticket) for one in running)
