"""The order of attempts, and what ends it; a small call, made of what `Trips` looks at."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import cast

import msgspec
import pytest

from rechenwerk.base.errors import unavailable
from rechenwerk.base.settings import Settings
from rechenwerk.gateway.call import Call
from rechenwerk.gateway.fleet import Fleet
from rechenwerk.gateway.plans import Plan, Step
from rechenwerk.gateway.ports import DeploymentRow, KeyRow, Offer, ProviderRow
from rechenwerk.gateway.tenants import Tenant
from rechenwerk.gateway.trips import Failure, Trip, Trips
from rechenwerk.gateway.upstreams import Upstream
from rechenwerk.gateway.ways import Outgoing, Way
from rechenwerk.ledger.prices import price_list
from rechenwerk.wire.talk import UntranslatableError
from tests.fakes.clock import FakeClock

PRICE = price_list({"input": "1"})
REFUSAL = unavailable("The provider failed.", "provider_failed", 502, None)
UNSAFE = Failure(REFUSAL, "it hung up", free=False)
SAFE = Failure(REFUSAL, "no connection", free=True, safe=True)
FINAL = Failure(REFUSAL, "a bad request", free=True, again=False)


class Says:
    """A way that writes nothing; the kind ``mute`` cannot be told anything."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def outgoing(self, call: Call, deployment: DeploymentRow) -> Outgoing:
        """See `Way`."""
        del call
        if self._kind == "mute":
            raise UntranslatableError("tools", "It has none.")
        return Outgoing("/path", deployment.upstream.encode())


def way(kind: str) -> Way:
    """The way to a kind of provider, as far as `Trips` goes."""
    return cast("Way", Says(kind))


class Case:
    """A call over deployments A, B, C, ... of these kinds."""

    def __init__(self, *kinds: str, attempts: int = 4, total: float = 60.0, failures: int = 1_000) -> None:
        self.clock = FakeClock()
        self.fleet = Fleet(random.Random(7), self.clock, failures)
        self.steps = tuple(self._step(at, kind) for at, kind in enumerate(kinds))
        self.settings = Settings(attempts=attempts, total_timeout=total)

    def _step(self, at: int, kind: str) -> Step:
        provider = ProviderRow(at, "ABCDE"[at], kind, "http://x", None)
        row = DeploymentRow(at, provider, at, "c", "m", frozenset({"chat"}), 1_000, 100, PRICE)
        upstream = cast("Upstream", None)  # nothing is sent here
        return Step(row, upstream, self.fleet.health(at, provider.name), '{"a":1}', '"b":2', at, ())

    def trips(self) -> Trips:
        """A new call begins."""
        key = KeyRow(1, 1, 1, frozenset(), None, ())
        call = Call(1, self.clock.monotonic(), Tenant(key, ()), "chat", b'{"messages":[]}')
        offer = Offer("m", 0, tuple(step.deployment for step in self.steps))
        call.plan = Plan(
            offer, self.steps, (), False, 1_000, 100, (PRICE,), (), "chat", {0: self.steps}, False, {}
        )
        order = self.fleet.order(self.steps, self.clock.monotonic(), call.asked)
        return Trips(call, order, lambda _: True, self.fleet, way, self.settings, self.clock)

    def health(self, name: str) -> Step:
        """The step of a deployment."""
        return self.steps["ABCDE".index(name)]

    def breaks(self, name: str) -> None:
        """The breaker of a deployment opens."""
        breaker = self.health(name).health.breaker
        for _ in range(1_000):
            breaker.failed(self.clock.monotonic(), breaker.begin(self.clock.monotonic()))
        assert breaker.state(self.clock.monotonic()) == "open"

    def rests(self, name: str, seconds: float) -> None:
        """A deployment asked to be left alone."""
        self.health(name).health.breaker.rest(self.clock.monotonic() + seconds)


def where(trip: Trip | None) -> str:
    """Whom an attempt asks; a dash when there is none."""
    return "-" if trip is None else trip.step.deployment.provider.name


def asked(trips: Trips, failures: Sequence[Failure]) -> str:
    """Whom a call asks, one after the other, when attempts fail like this."""
    seen = where(trips.first())
    for failure in failures:
        following = trips.after(failure)
        if following is None:
            return seen + "-"
        seen += where(following[0])
    return seen


def test_everybody_is_asked_once() -> None:
    assert sorted(asked(Case("a", "a", "a").trips(), [UNSAFE] * 2)) == ["A", "B", "C"]
    assert asked(Case("a").trips(), [UNSAFE]) == "A-"
    assert len(asked(Case("a", "a", "a").trips(), [UNSAFE] * 5)) == 4
    assert asked(Case("a", "a", "a").trips(), [UNSAFE] * 5).endswith("-")


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_the_settings_bound_the_attempts(attempts: int) -> None:
    seen = asked(Case("a", "a", "a", "a", attempts=attempts).trips(), [UNSAFE] * 9)
    assert len(seen.rstrip("-")) == attempts


def test_the_total_time_bounds_them_too() -> None:
    case = Case("a", "a", "a", total=10)
    trips = case.trips()
    assert trips.first() is not None
    case.clock.at += 9.5
    assert trips.after(UNSAFE) is not None
    assert trips.left(case.clock.monotonic()) == pytest.approx(0.5)
    case.clock.at += 0.6
    assert trips.after(UNSAFE) is None


def test_a_clients_own_error_is_tried_nowhere_else() -> None:
    assert len(asked(Case("a", "a", "a").trips(), [FINAL])) == 2


def test_who_cannot_be_told_is_passed_over() -> None:
    trips = Case("mute", "a", "mute").trips()
    assert asked(trips, [UNSAFE]) == "B-"
    assert isinstance(trips.unsaid, UntranslatableError)
    trips = Case("mute", "mute").trips()
    assert trips.first() is None
    assert isinstance(trips.unsaid, UntranslatableError)
    trips = Case("a").trips()
    assert trips.first() is not None
    assert trips.unsaid is None


def test_what_was_not_begun_is_asked_for_once_more() -> None:
    case = Case("a", "a")
    trips = case.trips()
    first = trips.first()
    second = trips.after(SAFE)
    assert second is not None
    assert second[1] == 0
    third = trips.after(SAFE)
    assert third is not None
    assert where(third[0]) == where(first)
    assert 0 <= third[1] <= 0.2
    assert trips.after(SAFE) is not None
    assert trips.after(SAFE) is None  # four attempts


def test_there_are_two_rounds_and_no_more() -> None:
    assert asked(Case("a", attempts=9).trips(), [SAFE] * 9) == "AA-"


def test_what_may_have_been_begun_is_not() -> None:
    assert asked(Case("a").trips(), [UNSAFE]) == "A-"
    seen = asked(Case("a", "a").trips(), [SAFE, UNSAFE])
    assert len(seen.rstrip("-")) == 2


def test_the_wait_is_the_shortest_that_a_provider_asked_for() -> None:
    trips = Case("a", "a").trips()
    trips.first()
    trips.after(msgspec.structs.replace(SAFE, wait=1.5))
    following = trips.after(msgspec.structs.replace(SAFE, wait=0.7))
    assert following is not None
    assert 0.7 <= following[1] <= 0.9


def test_nobody_is_kept_waiting_for_long() -> None:
    assert asked(Case("a").trips(), [msgspec.structs.replace(SAFE, wait=1.7)]) == "AA"
    assert asked(Case("a").trips(), [msgspec.structs.replace(SAFE, wait=2.1)]) == "A-"


def test_who_is_broken_is_asked_last_and_never_first() -> None:
    case = Case("a", "a", "a", failures=3)
    case.breaks("B")
    for _ in range(5):
        assert "B" not in asked(case.trips(), [UNSAFE])
    assert asked(case.trips(), [UNSAFE] * 2)[2] == "B"
    case.breaks("A")
    assert asked(case.trips(), [UNSAFE])[0] == "C"
    case.breaks("C")
    assert asked(case.trips(), []) in {"A", "B", "C"}, "somebody has to be asked"
    alone = Case("a", failures=3)
    alone.breaks("A")
    assert asked(alone.trips(), []) == "-"


def test_who_wants_rest_is_asked_when_nobody_else_is_left() -> None:
    case = Case("a", "a", "a", failures=3)
    case.rests("A", 30)
    case.breaks("B")
    for _ in range(5):
        assert asked(case.trips(), []) == "C"
    assert asked(case.trips(), [UNSAFE, UNSAFE, UNSAFE]) == "CBA-"
    case.breaks("C")
    assert asked(case.trips(), []) in {"A", "B"}


def test_a_second_round_asks_who_is_back_by_then() -> None:
    case = Case("a", "a")
    trips = case.trips()
    first = trips.first()
    assert first is not None
    name = where(first)
    case.rests(name, 1.0)
    waits = msgspec.structs.replace(SAFE, wait=1.0)
    second = trips.after(waits)
    assert second is not None
    case.rests(where(second[0]), 60.0)
    third = trips.after(msgspec.structs.replace(SAFE, wait=60.0))
    assert third is not None
    assert (where(third[0]), third[1] >= 1.0) == (name, True)
    assert trips.after(waits) is None


def test_the_first_change_is_free_and_the_next_are_paid_for() -> None:
    case = Case("a", "a", "a")
    while case.fleet.may_retry(case.clock.monotonic()):
        pass
    assert len(asked(case.trips(), [UNSAFE] * 2).rstrip("-")) == 2
    case = Case("a")
    while case.fleet.may_retry(case.clock.monotonic()):
        pass
    assert asked(case.trips(), [SAFE]) == "A-"


def test_only_the_first_word_on_an_attempt_counts() -> None:
    case = Case("a", failures=1)
    health = case.health("A").health
    trip = case.trips().first()
    assert trip is not None
    trip.start(case.clock.monotonic())
    assert health.outstanding == 1
    trip.end(case.clock.monotonic(), ok=True, tokens=3)
    trip.end(case.clock.monotonic(), ok=False)
    assert health.outstanding == 0
    assert health.breaker.state(case.clock.monotonic()) == "closed"
    assert trip.name == "A/m"
