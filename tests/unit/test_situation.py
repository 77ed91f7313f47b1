"""What a solve is given: names, who may be served by what, contracts' positions, what was used of them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.ports import Site, Version
from rechenwerk.gateway.ports import DrawRow, SiteRow
from rechenwerk.gateway.situation import (
    MEASURE,
    Market,
    demand_name,
    demands,
    market,
    read_name,
    situation,
    window_of,
)
from rechenwerk.routing.forecast import Seasonal
from rechenwerk.routing.ports import Arrived, Use
from rechenwerk.routing.solver import Solver
from rechenwerk.routing.supply import Demand, Vector
from tests.unit.switchyard import EACH, INPUT, MODEL, World, table

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()
HOUR = int(NOON) - 3600
CALLS: Vector = (1000.0, 0.0, 0.0, 500.0, 0.0, 0.0, 0.0, 10.0)


def there(world: World, *draws: DrawRow, now: float = NOON) -> Market:
    return market(world.snapshot(), world.supplies(), draws, now)


def wanted(world: World, *names: str, now: float = NOON) -> list[Demand]:
    """Demands of classes that were all seen alike."""
    return demands(world.snapshot(), there(world, now=now), dict.fromkeys(names, CALLS))


def name(organisation: int = 5, data_class: str = "internal", service: str = "standard", *grants: int) -> str:
    return demand_name(organisation, "chat", data_class, service, grants, MODEL)


def draw(contract: int, deployment: int, amount: str, hour: int = HOUR, tokens: int = 0) -> DrawRow:
    """What was drawn in an hour, in currency units."""
    nano = int(Decimal(amount) * NANO)
    return DrawRow(contract, deployment, hour, Usage(input=tokens), nano, nano)


@pytest.mark.parametrize("model", ["m", "vendor/model", "a/b/c/d/e/f/g", "größer ☂", "", "1+2"])
@pytest.mark.parametrize("grants", [(), (3,), (11, 2)])
def test_names_are_read_as_they_were_written(model: str, grants: tuple[int, ...]) -> None:
    found = read_name(demand_name(5, "chat", "restricted", "batch", grants, model))
    assert found is not None
    assert msgspec.structs.astuple(found) == (5, "chat", "restricted", "batch", frozenset(grants), model)


@pytest.mark.parametrize(
    "text", ["", "chat", "a/b/c", "x/chat/internal/standard//m", "²/chat/c/s//m", "-1/a/b/c/d/e"]
)
def test_what_is_no_name_is_left_aside(text: str) -> None:
    assert read_name(text) is None
    assert wanted(table("a on-demand 1.00\nb on-demand 2.00"), text) == []


def test_grants_that_are_no_numbers_are_none() -> None:
    found = read_name("5/chat/internal/standard/²+7+x/m")
    assert found is not None
    assert found.grants == {7}


def test_classes_with_nothing_to_decide_are_not_planned() -> None:
    cases = [
        ("a on-demand 1.00", []),
        ("a on-demand 1.00\nb on-demand 1.00", []),  # twins
        ("a provisioned 0.00", [(1,)]),
        ("a on-demand 1.00\nb on-demand 2.00", [(1, 2)]),
        ("a provisioned 0.00\nb on-demand 2.00\nc on-demand 2.00", [(1, 2)]),
    ]
    for text, permitted in cases:
        assert [one.supplies for one in wanted(table(text), name())] == permitted, text
    world = table("a on-demand 1.00\nb on-demand 2.00")
    assert demands(world.snapshot(), there(world), {name(): (0.0,) * 8}) == []
    assert wanted(world, name(5).replace(MODEL, "another")) == []


def test_refusing_costs_more_than_the_dearest_and_critical_work_most() -> None:
    world = table("a on-demand 1.00\nb on-demand 2.00")
    names = [name(service=one) for one in ("batch", "critical", "standard")]
    found = {one.service: one for one in wanted(world, *names)}
    unit = found["batch"].usage
    assert abs(sum(map(float.__mul__, MEASURE, unit)) - 1) < 1e-9
    dearest = (2.0 * unit[0] + 4.0 * unit[3]) / 1e6
    for service, times in (("batch", 1.5), ("standard", 3.0), ("critical", 10.0)):
        assert found[service].penalty == pytest.approx(times * dearest)
    assert len({one.id for one in found.values()}) == 3


def test_hard_rules_decide_what_a_class_may_be_served_by() -> None:
    world = World()
    for where, level, more in (
        ("DE", "no-retention", {}),
        ("US", "no-retention", {}),
        ("DE", "shared", {}),
        ("local", "own", {}),
        ("local", "own", {"out": "its site is out"}),
        ("local", "own", {"endpoints": ("embeddings",)}),
    ):
        number = len(world.deployments)
        world.deployment(
            world.contract(f"c{number}", "provisioned"), "0", jurisdiction=where, level=level, **more
        )
    found = {
        one.name.split("/")[2]: one.supplies
        for one in wanted(
            world, *[name(5, one) for one in ("public", "internal", "confidential", "restricted")]
        )
    }
    assert found == {
        "public": (1, 2, 3, 4),
        "internal": (1, 2, 3, 4),
        "confidential": (1, 4),
        "restricted": (4,),
    }


def test_a_grant_is_for_the_classes_that_may_draw_it() -> None:
    world = table("list on-demand 2.00\nother on-demand 3.00")
    world.deployment(world.contract("some", "grant", projects=["town/maps"]), "0")
    world.deployment(world.contract("all", "grant"), "0")
    found = {one.name: one.supplies for one in wanted(world, name(), name(5, "internal", "standard", 3))}
    assert found == {name(): (1, 2, 4), name(5, "internal", "standard", 3): (1, 2, 3, 4)}


def test_a_contract_that_is_used_up_or_over_is_not_offered_and_the_class_is_still_there() -> None:
    world = World()
    world.deployment(
        world.contract("credit", "prepaid-credit", balance="10", overflow={"rule": "refuse"}), "1.00"
    )
    assert [one.supplies for one in wanted(world, name())] == [(1,)]
    empty = there(world, draw(1, 1, "10"))
    assert [one.supplies for one in demands(world.snapshot(), empty, {name(): CALLS})] == [()]
    assert empty.rows.keys() == {1}
    over = NOON + 200 * 86400
    assert [one.supplies for one in wanted(world, name(), now=over)] == [()]


def test_positions_come_from_what_was_drawn() -> None:
    world = World()
    world.deployment(world.contract("credit", "prepaid-credit", balance="10"), "1.00")
    world.deployment(world.contract("least", "take-or-pay", minimum="1000", period="year"), "1.00")
    caps = [{"amount": "500", "per": "month", "measure": "spend"}]
    world.deployment(world.contract("capped", "on-demand", caps=caps), "1.00")
    found = there(
        world, draw(1, 1, "4"), draw(1, 1, "1", HOUR - 3600), draw(2, 2, "250"), draw(3, 3, "120")
    ).offers
    ((credit,), (least,), (cap,)) = found.credits, found.minimums, found.caps
    assert (credit.left, credit.supplies) == (5.0, (1,))
    assert (least.amount, least.drawn, least.supplies) == (1000.0, 250.0, (2,))
    assert (cap.amount, cap.supplies) == (380.0, (3,))
    assert cap.seconds > 86400


def test_what_was_drawn_under_other_terms_counts_by_those() -> None:
    """Half of each token counted until noon; since then all of it."""
    world = World()
    more: dict[str, Any] = {"measure": "quantity", "unit_price": "1", "minimum": "1000"}
    number = world.contract("least", "take-or-pay", weights={"input": "1"}, **more)
    world.deployment(number, "1.00")
    before = World()
    before.contract("least", "take-or-pay", weights={"input": "0.5"}, **more)
    row = world.contracts[number]
    versions = (Version(0.0, before.contracts[1].terms), Version(NOON, row.terms))
    world.contracts[number] = msgspec.structs.replace(row, since=NOON, versions=versions)
    draws = (draw(1, 1, "0", HOUR, tokens=100), draw(1, 1, "0", int(NOON), tokens=100))
    (least,) = there(world, *draws, now=NOON + 10).offers.minimums
    assert least.drawn == 150.0


def test_contracts_of_several_organisations_may_be_called_the_same() -> None:
    world = World()
    for owner, left in ((0, "10"), (5, "20"), (6, "30")):
        world.deployment(world.contract("credit", "prepaid-credit", owner, balance=left), "1.00")
        world.deployment(world.contract("umbrella", "take-or-pay", owner, covers=["credit"]), "1.00")
    found = there(world, draw(3, 3, "7")).offers
    assert {one.name: (one.left, one.supplies) for one in found.credits} == {
        "credit": (10.0, (1,)),
        "5/credit": (13.0, (3,)),
        "6/credit": (30.0, (5,)),
    }
    assert {one.name: (one.supplies, one.drawn) for one in found.minimums} == {
        "umbrella": ((2, 1), 0.0),
        "5/umbrella": ((4, 3), 7.0),
        "6/umbrella": ((6, 5), 0.0),
    }
    who = {one.name: one.supplies for one in wanted(world, name(5), name(6), name(7))}
    assert who == {name(5): (3, 4), name(6): (5, 6), name(7): (1, 2)}


def test_sites_of_several_organisations_may_be_called_the_same() -> None:
    world = World()
    for owner, price, cap in ((0, "0.10", "5"), (5, "1.00", None)):
        hall = Site(name="hall", prices=(Decimal(price),), power_cap_kw=None if cap is None else Decimal(cap))
        world.sites[owner, "hall"] = SiteRow(hall, "DE")
        machine = world.contract("machine", "own-hardware", owner, site="hall", load_kw="2", idle_kw="1")
        world.deployment(machine, "0")
    found = there(world).offers
    rates = {one.id: one.rates[0] for one in found.supplies}
    assert rates[2] == pytest.approx(10 * rates[1]), "each pays for its own energy"
    power = {one.name: one.supplies for one in found.caps if one.name.endswith("power")}
    assert power == {"hall: power": (1,)}, "the operator's cap is the operator's"


def test_what_was_used_of_a_cap_counts_in_its_window() -> None:
    world = table("bought provisioned 0.00\nlist on-demand 1.00")
    found = there(world)
    (cap,) = found.offers.caps
    assert (cap.amount, cap.seconds) == (600.0, 60.0)

    def taken(now: float, *uses: Use) -> tuple[float, float]:
        stand = situation(found, wanted(world, name()), [], uses, (), now, 5.0)
        (all_of_it,), (ordinary,) = stand.taken, stand.ordinary
        return all_of_it, ordinary

    minute = int(NOON)
    uses = [
        Use(minute, 1, tuple(100 * one for one in INPUT), tuple(40 * one for one in INPUT)),
        Use(minute - 60, 1, tuple(1e6 * one for one in INPUT), INPUT),
        Use(minute, 2, tuple(1e6 * one for one in INPUT), INPUT),
    ]
    assert taken(NOON + 30, *uses) == (100.0, 40.0)
    assert taken(NOON + 0.4, *uses) == (100.0, 40.0), "the first second is a part of the minute, too"
    assert taken(NOON + 60, *uses) == (0.0, 0.0)


def test_arrivals_of_the_window_are_summed_by_class_and_in_order() -> None:
    world = table("bought provisioned 0.00\nlist on-demand 1.00")
    found = there(world)
    classes = wanted(world, name(5), name(6))
    window = window_of(found.offers.caps)
    assert window == 60.0
    assert window_of(()) == 300.0
    seen = [
        Arrived(int(NOON) - 60, name(5), 1.0, 0.0, CALLS),
        Arrived(int(NOON), name(5), 1.0, 0.0, EACH),
        Arrived(int(NOON), name(5), 1.0, 0.0, INPUT),
        Arrived(int(NOON), "of nobody", 1.0, 0.0, CALLS),
    ]
    stand = situation(found, classes, seen, [], (), NOON + 20, 5.0)
    both = tuple(map(float.__add__, EACH, INPUT))
    assert dict(zip([one.name for one in classes], stand.arrived, strict=True)) == {
        name(5): both,
        name(6): (0.0,) * 8,
    }
    assert (stand.window_began, stand.window) == (NOON, 60.0)


def test_a_supply_is_down_when_all_of_its_deployments_are() -> None:
    world = World()
    bought = world.contract("bought", "provisioned")
    for out in ("", "", "its site is out"):
        world.deployment(bought, "0", out=out)
    world.deployment(world.contract("list", "on-demand"), "1.00")
    found = there(world)

    def down(*ids: int) -> tuple[int, ...]:
        return situation(found, wanted(world, name()), [], [], ids, NOON, 5.0).down

    assert down() == ()
    assert down(1) == ()
    assert down(1, 2) == (1,)
    assert down(1, 2, 4) == (1, 4)


def test_there_can_be_a_plan_before_anybody_has_come() -> None:
    world = table("bought provisioned 0.00\nlist on-demand 1.00")
    found = there(world)
    stand = situation(found, [], [], [], (), NOON, 5.0)
    plan = Solver(Seasonal(MEASURE, 0, 60.0)).solve(stand)
    assert plan.choices == ()
    assert [(one.name.split(":")[0], one.left) for one in plan.limits] == [("bought", 600.0)]


def test_what_goes_on_without_notice_is_offered_in_its_new_term() -> None:
    """Written for the first half of the year; a minimum of each term is there to be filled again."""
    halves: dict[str, Any] = {"starts": "2026-01-01", "ends": "2026-06-30", "period": "term"}
    found = []
    for more in ({"starts": "2026-07-01", "ends": "2026-09-30"}, {"renews": "quarter"}, {}):
        world = World()
        world.deployment(world.contract("bought", "take-or-pay", **(halves | more)), "1.00")
        world.deployment(world.contract("list", "on-demand"), "1.00")
        drawn = (draw(1, 1, "90000", hour=HOUR - 40 * 86_400),)  # nearly all of the first term's minimum
        offered = there(world, *drawn).offers
        found.append(offered.minimums)
    begun, renewed, ended = found
    assert len(begun) == 1
    assert renewed == begun
    assert ended != begun
