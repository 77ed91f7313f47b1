"""Fair shares: the bound of the virtual token counter; neither requests nor idleness buy anything."""

from __future__ import annotations

import random
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.usage import Usage
from rechenwerk.routing.fair import INPUT, OUTPUT, Shares, service
from tests.unit.waiting_world import Job, World, pool

MOST_INPUT = 400
MOST_OUTPUT = 200
WEIGHTS = st.sampled_from([0.5, 1.0, 2.0, 5.0])


def bound(calls: int, weight: float) -> float:
    """The U(p) of the module's proof."""
    return (INPUT * MOST_INPUT + OUTPUT * calls * MOST_OUTPUT) / weight


class Crowd:
    """Projects of which some always have calls waiting, and others come and go."""

    def __init__(
        self, seed: int, calls: int, weights: list[float], greed: list[int], *, sure: bool = True
    ) -> None:
        self.chance = random.Random(seed)
        self.sure = sure
        self.world = World(pool(calls))
        self.calls = calls
        self.weights = weights
        self.greed = greed
        self.world.on_end = self._more
        self.world.on_begin = self._more

    def call(self, project: int) -> Job:
        return self.world.job(
            project,
            read=self.chance.randint(1, MOST_INPUT),
            write=self.chance.randint(0, MOST_OUTPUT),
            really=None if self.sure else self.chance.randint(1, MOST_INPUT),
            seconds=self.chance.uniform(0.01, 3.0),
            weight=self.weights[project],
        )

    def _more(self, job: Job) -> None:
        """Whoever is always there has a number of calls in line at all times: never none."""
        project = job.ask.project
        line = next(iter(self.world.core.pools)).classes[1]
        flow = line.shares.backlogged.get(project)
        while project < len(self.greed) and (flow is None or len(flow.waiting) < self.greed[project]):
            self.call(project)
            flow = line.shares.backlogged.get(project)

    def fill(self) -> None:
        """Every place is taken, by nobody in particular, before it begins."""
        for _ in range(self.calls):
            self.world.job(len(self.weights), read=1, write=0, seconds=0.5)
        for project, waiting in enumerate(self.greed):
            for _ in range(waiting):
                self.call(project)

    def differences(self, steps: int) -> list[float]:
        """Weighted service of the first two projects, one less the other, over time."""
        found = []
        for _ in range(steps):
            self.world.run(self.world.now + self.chance.uniform(0.05, 2.0))
            got = [self.world.service.get(at, 0.0) / self.weights[at] for at in (0, 1)]
            found.append(got[0] - got[1])
        return found


@given(
    st.integers(0, 2**32),
    st.integers(1, 6),
    st.lists(WEIGHTS, min_size=2, max_size=5),
    st.lists(st.integers(2, 12), min_size=2, max_size=2),
)
def test_service_of_two_who_wait_differs_within_the_bound(
    seed: int, calls: int, weights: list[float], greed: list[int]
) -> None:
    crowd = Crowd(seed, calls, weights, greed)
    crowd.fill()
    for project in range(2, len(weights)):  # others come and go as they like
        for _ in range(10):
            crowd.world.at(1000 + crowd.chance.uniform(0, 60), partial(crowd.call, project))
    seen = crowd.differences(60)
    # over *any* interval: the difference moves at most so far from one moment to any other
    assert max(seen) - min(seen) <= bound(calls, weights[0]) + bound(calls, weights[1])
    assert crowd.world.service[0] > 0 < crowd.world.service[1]


@given(st.integers(0, 2**32), st.integers(1, 6), st.lists(WEIGHTS, min_size=2, max_size=2))
def test_where_inputs_are_estimated_wrongly_the_bound_is_wider(
    seed: int, calls: int, weights: list[float]
) -> None:
    crowd = Crowd(seed, calls, weights, [3, 3], sure=False)
    crowd.fill()
    seen = crowd.differences(60)
    each = calls * (4 * INPUT * MOST_INPUT + OUTPUT * MOST_OUTPUT)
    assert max(seen) - min(seen) <= each / weights[0] + each / weights[1]


def test_the_bound_is_far_below_what_first_come_first_served_would_come_to() -> None:
    crowd = Crowd(7, 2, [1.0, 1.0], [200, 2])
    crowd.fill()
    seen = crowd.differences(400)
    total = crowd.world.service[0] + crowd.world.service[1]
    assert abs(seen[-1]) <= 2 * bound(2, 1.0) < total / 20


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_shares_follow_weights(weight: float) -> None:
    crowd = Crowd(3, 3, [weight, 1.0], [3, 3])
    crowd.fill()
    crowd.world.run(1000 + 2000)
    ratio = crowd.world.service[0] / crowd.world.service[1]
    assert ratio == pytest.approx(weight, rel=0.05)


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(2, 100))
def test_more_requests_buy_nothing(seed: int, calls: int, flood: int) -> None:
    """The other project gets the same, within the bound, whether it faces two calls in line or a hundred."""
    crowd = Crowd(seed, calls, [1.0, 1.0], [flood, 2])
    crowd.fill()
    crowd.differences(30)
    mine, theirs = crowd.world.service.get(1, 0.0), crowd.world.service.get(0, 0.0)
    assert mine >= theirs - 2 * bound(calls, 1.0)


@given(st.integers(0, 2**32), st.integers(1, 5), st.floats(1, 500))
def test_an_idle_project_saves_no_credit(seed: int, calls: int, idle: float) -> None:
    crowd = Crowd(seed, calls, [1.0, 1.0], [4])
    crowd.fill()
    crowd.world.run(1000 + idle)
    before = crowd.world.service.get(0, 0.0)
    crowd.greed = [4, 4]
    crowd.call(1)
    seen = crowd.differences(20)
    lead = -min(difference + before for difference in seen)  # of the newcomer, since it came
    assert lead <= 2 * bound(calls, 1.0)


@given(st.integers(0, 2**32), st.integers(1, 6), st.lists(st.integers(0, 6), min_size=1, max_size=30))
def test_nobody_waits_while_there_is_room(seed: int, calls: int, bursts: list[int]) -> None:
    chance = random.Random(seed)
    world = World(pool(calls))

    def check(_: Job) -> None:
        assert len(world.running) == calls or world.core.waiting == 0

    world.on_end = check
    for at, count in enumerate(bursts):
        world.run(1000 + at)
        for _ in range(count):
            job = world.job(chance.randrange(4), read=chance.randint(1, 9), seconds=chance.uniform(0, 4))
            check(job)
    world.run()
    assert (world.core.waiting, world.running) == (0, [])


# -- the counters themselves ----------------------------------------------------------------------


def test_a_newcomer_comes_up_to_the_least_of_those_who_wait() -> None:
    shares: Shares[str] = Shares()
    a = shares.flow(1, 1.0, 0)
    shares.begin(a, 500)
    shares.wait(shares.flow(1, 1.0, 0), "a")
    b = shares.flow(2, 1.0, 0)
    assert b.counter == 500
    shares.wait(b, "b")
    shares.charge(a, 100)
    assert shares.flow(3, 1.0, 0).counter == 500
    assert shares.first() is b


def test_where_nobody_waits_the_last_call_that_was_served_counts() -> None:
    shares: Shares[str] = Shares()
    a = shares.flow(1, 1.0, 0)
    for cost in (500, 300):
        shares.begin(shares.flow(1, 1.0, 0), cost)
    assert (shares.virtual, a.counter) == (500, 800)
    assert shares.flow(2, 1.0, 0).counter == 500


def test_a_corrected_estimate_puts_a_project_forward() -> None:
    shares: Shares[str] = Shares()
    a, b = shares.flow(1, 1.0, 0), shares.flow(2, 1.0, 0)
    shares.begin(a, 90)
    shares.begin(b, 50)
    shares.wait(a, "a")
    shares.wait(b, "b")
    assert shares.first() is b
    shares.end(a, -60)
    assert shares.first() is a
    shares.leave(a, "a")
    assert shares.first() is b
    shares.leave(b, "b")
    assert shares.first() is None


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(-50, 100), st.booleans()), max_size=200))
def test_the_first_is_always_who_has_the_least(changes: list[tuple[int, int, bool]]) -> None:
    shares: Shares[int] = Shares()
    for at, (project, cost, comes) in enumerate(changes):
        flow = shares.flow(project, 1.0, 0)
        if comes or not flow.waiting:
            shares.wait(flow, at)
        else:
            shares.leave(flow, next(iter(flow.waiting)))
        shares.charge(flow, cost if flow.counter + cost >= 0 else 0)
        first = shares.first()
        least = min((one.counter for one in shares.backlogged.values()), default=None)
        assert (None if first is None else first.counter) == least


def test_projects_of_whom_nothing_need_be_known_are_forgotten() -> None:
    shares: Shares[int] = Shares()
    for project in range(10_000):
        flow = shares.flow(project, 1.0, 0)
        shares.begin(flow, 5)
        shares.end(flow, 5)
        shares.begin(shares.flow(-1, 1.0, 0), 10)
        shares.end(shares.flow(-1, 1.0, 0), 0)
    assert len(shares._flows) < 200


def test_what_a_call_counts() -> None:
    assert service(Usage(input=100, cached_input=50, cache_write=10, output=20, reasoning=5)) == 215
    assert service(Usage()) == 1
