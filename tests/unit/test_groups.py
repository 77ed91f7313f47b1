"""Which deployments are one to the router, which contracts govern, and who may draw a grant."""

from __future__ import annotations

import pytest

from rechenwerk.gateway.groups import limited, may_draw, plain
from tests.unit.switchyard import World, table, terms

CAP = [{"amount": "100", "per": "day"}]


@pytest.mark.parametrize(
    ("more", "is_plain"),
    [
        ({}, True),
        ({"caps": CAP}, False),
        ({"starts": "2026-01-01", "ends": "2026-12-31"}, False),
        ({"pricing": {"discount": "0.1"}}, False),
    ],
)
def test_plain_is_a_list_price_and_nothing_else(more: dict[str, object], is_plain: bool) -> None:
    contract = terms("c", "on-demand", **more)
    assert plain(contract, frozenset()) is is_plain
    assert not plain(contract, frozenset({"c"})), "another one counts what it charges"
    assert plain(None, frozenset())


@pytest.mark.parametrize("kind", ["prepaid-credit", "take-or-pay", "provisioned", "grant", "own-hardware"])
def test_every_other_kind_governs(kind: str) -> None:
    assert not plain(terms("c", kind), frozenset())


def test_equal_list_prices_are_one_supply_and_contracts_are_not() -> None:
    world = table(
        """
        one    on-demand    1.00
        two    on-demand    1.00
        dear   on-demand    2.00
        bought provisioned  1.00
        also   provisioned  1.00
        """
    )
    found = world.supplies()
    assert dict(found.of) == {1: 1, 2: 1, 3: 3, 4: 4, 5: 5}
    assert found.governed == {4, 5}


def test_twins_under_one_contract_are_one_supply() -> None:
    world = World()
    bought = world.contract("bought", "provisioned")
    for place in ("DE", "FR"):
        world.deployment(bought, "0", jurisdiction=place)
    world.deployment(bought, "0.5")
    assert dict(world.supplies().of) == {1: 1, 2: 1, 3: 3}


def test_organisations_supplies_are_their_own() -> None:
    world = World()
    for owner in (0, 5, 6):
        world.deployment(world.contract("same name", "on-demand", owner), "1.00")
    assert dict(world.supplies().of) == {1: 1, 2: 2, 3: 3}


def test_covering_a_name_governs_the_owners_contract_and_nobody_elses() -> None:
    world = World()
    for owner in (0, 5):
        world.deployment(world.contract("cheap", "on-demand", owner), "1.00")
    world.contract("umbrella", "take-or-pay", 5, covers=["cheap"])
    assert world.supplies().governed == {2}


def test_grants_are_for_their_projects_and_purposes() -> None:
    world = World()
    world.contract("all", "grant")
    world.contract("some", "grant", projects=["town/maps", "weather"])
    world.contract("what for", "grant", purposes=["research"])
    world.contract("list", "on-demand")
    assert limited(world.contracts) == {2, 3}
    cases = [
        (1, "x/y", "", True),
        (2, "town/maps", "", True),
        (2, "village/maps", "", False),
        (2, "village/weather", "", True),  # without an organisation it is a project's name in any
        (2, "weather/maps", "", False),
        (3, "x/y", "", False),
        (3, "x/y", "research", True),
        (4, "x/y", "anything", True),
    ]
    for number, project, purpose, may in cases:
        assert may_draw(world.contracts[number].terms, project, purpose) is may, (number, project, purpose)
