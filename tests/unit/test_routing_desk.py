"""The desk: amounts first, then prices; full supplies left out; every decision explained."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from rechenwerk.routing.desk import Desk
from rechenwerk.routing.plan import Choice, Limit, Option, Plan
from tests.unit.routing_world import UNIT, units


def option(
    supply: int, amount: float, listed: float, contract: float = 0.0, congestion: float = 0.0
) -> Option:
    return Option(supply, amount, listed, contract, congestion)


def limit(supply: int, left: float, ordinary: float | None = None, **other: float) -> Limit:
    return Limit(
        name=f"cap {supply}",
        supplies=(supply,),
        weights=UNIT,
        left=left,
        ordinary=left if ordinary is None else ordinary,
        amount=other.get("amount", left),
        kept=other.get("kept", 0.0),
        resets_at=other.get("resets_at", 60.0),
        seconds=other.get("seconds", 60.0),
    )


def plan(
    *options: Option, limits: tuple[Limit, ...] = (), down: tuple[int, ...] = (), critical: bool = False
) -> Plan:
    ordered = tuple(sorted(options, key=lambda one: one.price))
    return Plan(
        made_at=0.0,
        window_ends=60.0,
        measure=UNIT,
        names={one.supply: "abcdefg"[one.supply] for one in options},
        choices=(Choice(0, "open", critical, 30.0, ordered),),
        limits=limits,
        down=down,
    )


def calls(desk: Desk, count: int, now: float = 1.0) -> Counter[int]:
    """Place so many calls of one unit, each where the desk says."""
    went: Counter[int] = Counter()
    for _ in range(count):
        order = desk.order(0, now)
        went[order[0] if order else -1] += 1
        if order:
            desk.placed(0, order[0], UNIT, now)
    return went


def test_amounts_are_followed_in_proportion() -> None:
    desk = Desk(plan(option(1, 75.0, 5.0), option(2, 25.0, 9.0), option(3, 0.0, 1.0)))
    assert calls(desk, 40) == {1: 30, 2: 10}


def test_more_calls_than_planned_go_where_the_rest_of_the_window_goes() -> None:
    first, second = option(1, 10.0, 5.0), option(2, 0.0, 9.0)
    desk = Desk(plan(first, msgspec.structs.replace(second, later=4.0)))
    assert calls(desk, 30) == {1: 10, 2: 20}
    assert Desk(plan(msgspec.structs.replace(second, later=4.0), option(1, 0.0, 5.0))).order(0, 1.0) == [2, 1]


def test_without_amounts_the_next_unit_s_price_decides() -> None:
    desk = Desk(
        plan(option(1, 0.0, 5.0), option(2, 0.0, 9.0, contract=-8.0), option(3, 0.0, 3.0, congestion=4.0))
    )
    assert desk.order(0, 1.0) == [2, 1, 3]


def test_what_costs_more_than_refusing_is_left_out() -> None:
    assert Desk(plan(option(1, 0.0, 31.0))).order(0, 1.0) == []


def test_a_full_cap_moves_calls_on_and_comes_back_with_its_window() -> None:
    desk = Desk(plan(option(1, 10.0, 5.0), option(2, 0.0, 9.0), limits=(limit(1, 3.0),)))
    assert calls(desk, 10) == {1: 3, 2: 7}
    assert calls(desk, 10, now=61.0) == {1: 3, 2: 7}


def test_what_is_kept_is_for_critical_work() -> None:
    limits = (limit(1, 5.0, ordinary=2.0, kept=3.0),)
    ordinary = plan(option(1, 10.0, 5.0), limits=limits)
    assert calls(Desk(ordinary), 10) == {1: 2, -1: 8}
    critical = plan(option(1, 10.0, 5.0), limits=limits, critical=True)
    assert calls(Desk(critical), 10) == {1: 5, -1: 5}


def test_two_processes_take_their_shares() -> None:
    same = plan(option(1, 10.0, 5.0), option(2, 0.0, 9.0), limits=(limit(1, 8.0),))
    parts = [calls(Desk(same, 0.5), 10) for _ in range(2)]
    assert parts == [{1: 4, 2: 6}, {1: 4, 2: 6}]


def test_a_difference_to_what_was_expected_is_counted_later() -> None:
    desk = Desk(plan(option(1, 10.0, 5.0), option(2, 0.0, 9.0), limits=(limit(1, 2.0),)))
    desk.placed(0, 1, units(2.0), 1.0)
    assert desk.order(0, 1.0) == [2]
    desk.placed(0, 1, units(-1.5), 2.0)
    assert desk.order(0, 2.0) == [1, 2]


def test_supplies_that_are_out_and_unknown_classes_have_no_place() -> None:
    desk = Desk(plan(option(1, 10.0, 5.0), option(2, 0.0, 9.0), down=(1,)))
    assert desk.order(0, 1.0) == [2]
    assert desk.order(7, 1.0) == []
    assert desk.explain(7, 1.0) is None


def test_a_decision_is_explained() -> None:
    desk = Desk(
        plan(
            option(1, 10.0, 5.0, contract=-5.0, congestion=2.0),
            option(2, 0.0, 9.0),
            option(3, 0.0, 11.0),
            option(4, 0.0, 12.0),
            option(5, 0.0, 40.0),
            option(6, 0.0, 13.0),
            limits=(limit(3, 0.0), limit(4, 1.0, ordinary=0.0), limit(6, 0.0, seconds=0.0, amount=0.0)),
            down=(2,),
        )
    )
    found = desk.explain(0, 4.0)
    assert found is not None
    assert found.plan_age == pytest.approx(4.0)
    reasons = {one.name: (one.place, one.reason) for one in found.alternatives}
    assert reasons == {
        "b": (1, "the plan sends all of this class here"),
        "c": (0, "takes no calls now"),
        "d": (0, "the cap of cap 3 is reached"),
        "e": (0, "what is left of cap 4 is kept for critical work"),
        "f": (0, "its next unit costs more than refusing does"),
        "g": (0, "cap 6 is exhausted"),
    }
    first = next(one for one in found.alternatives if one.place == 1)
    assert (first.listed, first.contract, first.congestion, first.price) == (5.0, -5.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("critical", "kept", "words"),
    [
        (False, 30.0, "30 percent of cap 1 is kept for critical work; this is none"),
        (True, 30.0, "30 percent of cap 1 is kept for critical work, which this is"),
        (False, 0.0, ""),
    ],
)
def test_the_reserve_s_part_is_told(critical: bool, kept: float, words: str) -> None:
    limits = (limit(1, 50.0, ordinary=20.0, kept=kept, amount=100.0),)
    found = Desk(plan(option(1, 10.0, 5.0), option(2, 0.0, 9.0), limits=limits, critical=critical)).explain(
        0, 0.0
    )
    assert found is not None
    assert {one.supply: one.reserve for one in found.alternatives} == {1: words, 2: ""}


def test_a_plan_survives_the_database() -> None:
    one = plan(option(1, 10.0, 5.0), limits=(limit(1, 3.0),))
    assert msgspec.json.decode(msgspec.json.encode(one), type=Plan) == one
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Plan) == one


def test_rounding_below_nothing_is_no_amount() -> None:
    desk = Desk(plan(option(1, 1e-6, 1.0), option(2, -1e-6, 2.0)))
    assert desk.order(0, 1.0)[0] == 1
