"""Pools out of deployments' limits and governed capacity, with draws, and lots that begin and end."""

from __future__ import annotations

from rechenwerk.contracts.lots import OpenDraw, PoolLot, PoolLots
from rechenwerk.gateway.capacity import pool_rows
from rechenwerk.gateway.ports import DeploymentRow, ProviderRow
from rechenwerk.ledger.prices import price_list
from rechenwerk.routing.lines import PoolRow
from rechenwerk.routing.reserve import Lot
from rechenwerk.routing.room import Limit

PROVIDER = ProviderRow(1, "gpu", "vllm", "http://localhost/v1", None)


def deployment(at: int, calls: int | None = None, tokens: int | None = None) -> DeploymentRow:
    return DeploymentRow(
        at,
        PROVIDER,
        1,
        "own",
        f"model-{at}",
        frozenset({"chat"}),
        1000,
        100,
        price_list({"input": "1"}),
        concurrency=calls,
        tokens_per_minute=tokens,
    )


def governed(*lots: PoolLot, capacity: int = 1000, draws: tuple[OpenDraw, ...] = ()) -> PoolLots:
    return PoolLots(7, "cluster", 0, (1, 2), capacity, lots, draws)


def lots_at(pool: PoolLots, now: float) -> tuple[Lot, ...]:
    (row,) = pool_rows([deployment(1)], [pool], now)
    assert row.faults() == []
    return row.limits[0].lots


def test_where_nothing_is_limited_there_is_no_pool() -> None:
    assert pool_rows([deployment(1), deployment(2)], [], 0) == ()


def test_a_deployment_with_limits_is_a_pool_of_its_own() -> None:
    assert pool_rows([deployment(1, calls=8, tokens=500), deployment(2)], [], 0) == (
        PoolRow(-1, "model-1", (1,), (Limit("calls", 8), Limit("tokens", 500))),
    )


def test_governed_capacity_limits_its_deployments_together_and_each_by_itself() -> None:
    rows = pool_rows([deployment(1, calls=8), deployment(2), deployment(3, calls=2)], [governed()], 0)
    assert rows == (
        PoolRow(7, "cluster", (1, 2), (Limit("tokens", 1000),), ((1, (Limit("calls", 8),)),)),
        PoolRow(-3, "model-3", (3,), (Limit("calls", 2),)),
    )


def test_lots_hold_from_their_beginning_to_their_end() -> None:
    pool = governed(
        PoolLot("critical", 0, 300, 200, 60),
        PoolLot("", 5, 400, 400, 30, 100, 200),
        PoolLot("", 5, 100, 0, 60, 150, 300),
    )
    kept = Lot("critical", 0, 300, 200, 60)
    assert lots_at(pool, 99) == (kept,)
    assert lots_at(pool, 100) == (kept, Lot("", 5, 400, 400, 30))
    assert lots_at(pool, 150) == (kept, Lot("", 5, 500, 400, 30))
    assert lots_at(pool, 200) == (kept, Lot("", 5, 100, 0, 60))


def test_what_is_drawn_in_an_emergency_is_the_drawers_while_it_lasts() -> None:
    pool = governed(
        PoolLot("critical", 0, 300, 200, 60), draws=(OpenDraw(1, "critical", "standard", 150, 10, 20),)
    )
    assert lots_at(pool, 9) == (Lot("critical", 0, 300, 200, 60),)
    assert lots_at(pool, 10) == (Lot("critical", 0, 150, 150, 60), Lot("standard", 0, 150, 150, 60))


def test_lots_of_capacity_that_became_less_are_cut() -> None:
    pool = governed(PoolLot("critical", 0, 300, 200, 60), PoolLot("", 5, 400, 400, 30), capacity=350)
    assert lots_at(pool, 0) == (Lot("critical", 0, 300, 200, 60), Lot("", 5, 50, 50, 30))
