"""When a deployment is kept away from, and what is known of its speed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.routing.health import AWAY, FORGET, Breaker, BreakerRules, Health


class Certain:
    """Chance that always says the same."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value


ALWAYS = Certain(1.0)  # jitter that leaves the time as it is
RULES = BreakerRules(failures=3, share=0.5, least=10, window=30, first=4, most=16)


def breaker() -> Breaker:
    return Breaker(ALWAYS, RULES)


def fail(one: Breaker, now: float, times: int = 1) -> None:
    for _ in range(times):
        one.failed(now, one.begin(now))


def serve(one: Breaker, now: float, times: int = 1) -> None:
    for _ in range(times):
        one.succeeded(now, one.begin(now))


def test_failures_in_a_row_open_it() -> None:
    one = breaker()
    fail(one, 100, 2)
    serve(one, 100)
    fail(one, 100, 2)
    assert one.state(100) == "closed"
    assert one.allows(100)
    fail(one, 100)
    assert (one.state(100), one.allows(100), one.reopens_at) == ("open", False, 104)
    assert (one.state(103.9), one.allows(103.9)) == ("open", False)
    assert (one.state(104), one.allows(104)) == ("half-open", True)


def test_a_share_of_failures_opens_it() -> None:
    one = breaker()
    for _ in range(4):
        serve(one, 100)
        fail(one, 100)
    serve(one, 100)
    assert one.state(100) == "closed"  # 4 of 9
    fail(one, 100)
    assert one.state(100) == "open"  # 5 of 10


def test_few_failures_among_many_calls_do_not_open_it() -> None:
    one = breaker()
    for at in range(1000):
        serve(one, at, 3)
        fail(one, at, 2)
    assert one.state(1000) == "closed"


def test_old_failures_fade_from_the_window() -> None:
    one = breaker()
    for _ in range(4):
        fail(one, 0)
        serve(one, 0)
    serve(one, 300)
    fail(one, 300, 2)  # six of eleven, if the old ones counted
    assert one.state(300) == "closed"


def test_one_probe_decides() -> None:
    one = breaker()
    fail(one, 0, 3)
    probe = one.begin(4)
    assert (one.state(4), one.allows(4)) == ("half-open", False)
    one.succeeded(5, probe)
    assert (one.state(5), one.allows(5)) == ("closed", True)


def test_it_stays_open_longer_each_time_up_to_a_limit() -> None:
    one = breaker()
    fail(one, 0, 3)
    lengths = []
    for _ in range(4):
        now = one.reopens_at
        fail(one, now)
        lengths.append(one.reopens_at - now)
    assert lengths == [8, 16, 16, 16]


def test_a_relapse_counts_as_the_same_trouble_and_a_later_one_as_new() -> None:
    one = breaker()
    fail(one, 0, 3)
    serve(one, 4)
    fail(one, 6, 3)
    assert one.reopens_at == 6 + 8
    serve(one, 14)
    fail(one, 14 + 8, 3)
    assert one.reopens_at == 22 + 4


def test_jitter_takes_up_to_half() -> None:
    one = Breaker(Certain(0.0), RULES)
    fail(one, 0, 3)
    assert one.reopens_at == 2


def test_a_probe_without_a_verdict_makes_room_for_another() -> None:
    one = breaker()
    fail(one, 0, 3)
    probe = one.begin(4)
    one.abandoned(probe)
    for _ in range(3):
        one.failed(4, probe)
    assert (one.state(4), one.allows(4)) == ("half-open", True)
    other = one.begin(4)
    one.abandoned(probe)
    one.succeeded(4, probe)
    one.failed(4, probe)
    assert not one.allows(4)
    one.succeeded(4, other)
    assert one.state(4) == "closed"


def test_late_verdicts_of_the_time_before_do_not_count() -> None:
    one = breaker()
    early = [one.begin(0) for _ in range(5)]
    fail(one, 0, 3)
    one.succeeded(1, early[0])
    one.failed(1, early[1])
    assert (one.state(1), one.reopens_at) == ("open", 4)
    probe = one.begin(4)
    one.failed(4, early[2])
    one.abandoned(early[3])
    assert not one.allows(4)
    one.succeeded(5, probe)
    one.failed(5, early[4])
    fail(one, 5, 2)
    assert one.state(5) == "closed"


def test_a_call_that_was_not_allowed_has_no_verdict() -> None:
    one = breaker()
    fail(one, 0, 3)
    serve(one, 1)
    fail(one, 1)
    assert (one.state(1), one.reopens_at) == ("open", 4)
    probe = one.begin(4)
    serve(one, 4)
    assert not one.allows(4)
    one.succeeded(4, probe)
    assert one.allows(4)


def test_rest_is_not_broken() -> None:
    one = breaker()
    one.rest(50)
    one.rest(20)
    assert (one.state(49), one.allows(49), one.reopens_at) == ("open", False, 50)
    assert (one.state(50), one.allows(50)) == ("closed", True)
    fail(one, 50, 3)
    assert one.reopens_at == 54  # as the first time


def test_a_success_does_not_cut_a_rest_short() -> None:
    one = breaker()
    fail(one, 0, 3)
    probe = one.begin(4)
    one.rest(60)
    one.succeeded(5, probe)
    assert not one.allows(59)
    assert one.state(60) == "closed"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "ok", "failed", "abandoned", "rest"]), st.integers(0, 40), st.floats(0, 5)
    ),
    max_size=120,
)


@given(STEPS, st.integers(0, 2**32))
def test_never_two_probes_and_always_open_again(steps: list[tuple[str, int, float]], seed: int) -> None:
    one = Breaker(random.Random(seed), RULES)
    now = 0.0
    running: list[int] = []
    probes: set[int] = set()
    for what, which, passed in steps:
        now += passed
        if what == "begin":
            if one.allows(now):
                half = one.state(now) == "half-open"
                ticket = one.begin(now)
                running.append(ticket)
                if half:
                    assert not probes & set(running)
                    probes.add(ticket)
        elif what == "rest":
            one.rest(now + passed)
        elif running:
            ticket = running.pop(which % len(running))
            if what == "abandoned":
                one.abandoned(ticket)
            else:
                (one.succeeded if what == "ok" else one.failed)(now, ticket)
        assert one.reopens_at <= now + RULES.most
        assert one.allows(now) or one.reopens_at > now or probes & set(running)
    for ticket in running:
        one.abandoned(ticket)
    assert one.allows(now + RULES.most)


def call(health: Health, now: float, seconds: float, tokens: int, *, ok: bool | None = True) -> None:
    health.ended(now, health.started(now), ok=ok, seconds=seconds, tokens=tokens)


def test_pace_is_time_by_tokens_and_long_calls_weigh_more() -> None:
    one = Health("a", ALWAYS)
    assert one.pace(0) == 0
    call(one, 0, 9.0, 900)
    call(one, 0, 1.0, 100)
    call(one, 0, 2.0, 0)
    assert one.pace(0) == pytest.approx(12 / 1001)


def test_pace_follows_what_is_recent_and_is_forgotten() -> None:
    one = Health("a", ALWAYS)
    call(one, 0, 1.0, 100)
    call(one, 120, 5.0, 100)
    assert one.pace(120) == pytest.approx(0.05, rel=0.02)
    assert one.pace(120 + FORGET) == pytest.approx(0.05 / 2.718, rel=0.02)
    assert one.pace(10**9) == 0


def test_failures_have_no_pace() -> None:
    one = Health("a", ALWAYS, rules=RULES)
    call(one, 0, 0.001, 0, ok=False)
    call(one, 0, 0.001, 0, ok=None)
    assert one.pace(0) == 0
    call(one, 0, 1.0, 10)
    call(one, 0, 0.001, 0, ok=False)
    assert one.pace(0) == 0.1


def test_outstanding_and_the_breaker() -> None:
    one = Health("a", ALWAYS, rules=RULES)
    tickets = [one.started(0) for _ in range(4)]
    assert one.outstanding == 4
    for ticket, ok in zip(tickets, (None, False, False, False), strict=True):
        one.ended(0, ticket, ok=ok)
    assert (one.outstanding, one.breaker.state(0)) == (0, "open")
    call(one, 4, 1.0, 10)
    assert one.breaker.state(4) == "closed"


def test_cost() -> None:
    one = Health("a", ALWAYS, rules=RULES)
    assert one.cost(0) == 0
    ticket = one.started(0)
    assert 1e6 < one.cost(0) < AWAY
    one.ended(0, ticket, ok=True, seconds=1.0, tokens=10)
    assert one.cost(0) == 0.1
    one.started(0)
    assert one.cost(0) == 0.2
    one.breaker.rest(10)
    assert one.cost(0) == AWAY + 10
    assert one.cost(4) == AWAY + 6
