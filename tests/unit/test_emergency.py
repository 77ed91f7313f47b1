"""Emergency draws: what may be asked for, whose approval counts, and when it is over."""

from __future__ import annotations

import msgspec
import pytest

from rechenwerk.contracts.emergency import WAIT, Draw, Limits, Person, approval_refusal, request_refusal
from rechenwerk.contracts.lots import FOREVER, OpenDraw, OpenGrant, PoolLot, PoolLots

ANNA, BELA = Person(0, 1, "Anna"), Person(0, 2, "Bela")
LIMITS = Limits(nominal=100, most=50, longest=600)
ASKED = Draw(7, "critical", "standard", 50, 600, "a flood", ANNA, requested_at=1_000)
BEGUN = msgspec.structs.replace(ASKED, approved_by=BELA, approved_at=2_000)
CUT = msgspec.structs.replace(BEGUN, ended_at=2_100)
WITHDRAWN = msgspec.structs.replace(ASKED, ended_at=1_500)


@pytest.mark.parametrize(
    ("draw", "now", "state"),
    [
        (ASKED, 1_000, "requested"),
        (ASKED, 1_000 + WAIT - 1, "requested"),
        (ASKED, 1_000 + WAIT, "lapsed"),
        (BEGUN, 2_000, "active"),
        (BEGUN, 2_599, "active"),
        (BEGUN, 2_600, "ended"),
        (CUT, 2_099, "active"),
        (CUT, 2_100, "ended"),
        (WITHDRAWN, 1_600, "lapsed"),
    ],
)
def test_a_draw_ends_by_itself(draw: Draw, now: int, state: str) -> None:
    assert draw.state(now) == state


@pytest.mark.parametrize(
    ("limits", "change", "code"),
    [
        (LIMITS, {}, None),
        (LIMITS, {"amount": 51}, "emergency_too_large"),
        (LIMITS, {"seconds": 601}, "emergency_too_long"),
        (LIMITS, {"amount": 0}, "invalid_value"),
        (LIMITS, {"given_to": "critical"}, "invalid_value"),
        (LIMITS, {"reason": "  "}, "invalid_value"),
        (Limits(100, 0, 600), {}, "emergency_not_foreseen"),
    ],
)
def test_what_may_be_asked_for(limits: Limits, change: dict[str, object], code: str | None) -> None:
    refusal = request_refusal(limits, msgspec.structs.replace(ASKED, **change))
    assert (refusal.code if refusal else None) == code


@pytest.mark.parametrize(
    ("approver", "code"),
    [
        (BELA, None),
        (ANNA, "same_person"),
        (Person(0, 3, "Anna"), "same_person"),
        (Person(5, 3, " ANNA "), "same_person"),
        (Person(0, 1, "Bela"), "same_person"),
    ],
)
def test_two_people_are_two_keys_with_two_names(approver: Person, code: str | None) -> None:
    refusal = approval_refusal(ASKED, LIMITS, 0, approver, 1_100)
    assert (refusal.code if refusal else None) == code


@pytest.mark.parametrize(
    ("draw", "limits", "others", "now", "code"),
    [
        (ASKED, LIMITS, 0, 1_000 + WAIT, "emergency_lapsed"),
        (BEGUN, LIMITS, 0, 2_100, "emergency_active"),
        (BEGUN, LIMITS, 0, 2_600, "emergency_ended"),
        (ASKED, LIMITS, 1, 1_100, "emergency_too_large"),
        (ASKED, Limits(49, 50, 600), 0, 1_100, "emergency_too_large"),
        (ASKED, Limits(100, 49, 600), 0, 1_100, "emergency_too_large"),
    ],
)
def test_an_approval_counts_in_time_and_within_the_limits_of_now(
    draw: Draw, limits: Limits, others: int, now: int, code: str
) -> None:
    refusal = approval_refusal(draw, limits, others, BELA, now)
    assert refusal is not None
    assert refusal.code == code


POOL = PoolLots(
    id=1,
    name="gpus",
    organisation=0,
    deployments=(7,),
    capacity=200,
    lots=(PoolLot("critical", 0, 100, 30, 20), PoolLot("", 5, 40, 40, 60, 100, 200)),
    draws=(OpenDraw(1, "critical", "standard", 50, 150, 160),),
    grants=(OpenGrant(1, 5, 9, 10, 50, 170), OpenGrant(2, 5, 9, 0, 50, 170)),
)


@pytest.mark.parametrize(
    ("now", "lots", "draws", "grants", "change"),
    [
        (0, 1, 0, 0, 50),
        (49.9, 1, 0, 0, 50),
        (50, 1, 0, 1, 100),
        (100, 2, 0, 1, 150),
        (150, 2, 1, 1, 160),
        (160, 2, 0, 1, 170),
        (199.9, 2, 0, 0, 200),
        (200, 1, 0, 0, FOREVER),
    ],
)
def test_what_a_gateway_knows_begins_and_ends_by_itself(
    now: float, lots: int, draws: int, grants: int, change: int
) -> None:
    here = POOL.at(now)
    assert (len(here.lots), len(here.draws), len(here.grants)) == (lots, draws, grants)
    assert POOL.next_change(now) == change


LOTS = (PoolLot("critical", 0, 100, 30, 20), PoolLot("", 5, 40, 40, 60))


@pytest.mark.parametrize(
    ("draws", "lots"),
    [
        ((), ["critical 100 30", " 40 40"]),
        (((50, 0, 10),), ["critical 50 30", " 40 40", "standard 50 50"]),
        (((80, 0, 10),), ["critical 20 20", " 40 40", "standard 80 80"]),
        (((60, 0, 10), (60, 0, 10)), ["critical 0 0", " 40 40", "standard 60 60", "standard 40 40"]),
        (((50, 0, 5),), ["critical 100 30", " 40 40"]),
        (((50, 6, 9),), ["critical 100 30", " 40 40"]),
    ],
)
def test_what_is_drawn_changes_hands_and_nothing_is_made(
    draws: tuple[tuple[int, int, int], ...], lots: list[str]
) -> None:
    open_draws = tuple(OpenDraw(1, "critical", "standard", *one, organisation=9) for one in draws)
    drawn = PoolLots(1, "gpus", 0, (), 200, LOTS, open_draws).drawn(5)
    assert [f"{one.service} {one.nominal} {one.lendable}" for one in drawn] == lots
    assert {one.organisation for one in drawn[2:]} <= {9}
    assert sum(one.nominal for one in drawn) == 140
