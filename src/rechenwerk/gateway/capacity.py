"""What admission is told: pools, out of deployments' limits and out of governed capacity with its lots."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from rechenwerk.contracts.lots import PoolLots
from rechenwerk.gateway.ports import DeploymentRow
from rechenwerk.routing.lines import PoolRow
from rechenwerk.routing.reserve import Lot, gathered
from rechenwerk.routing.room import Limit


def pool_rows(
    deployments: Iterable[DeploymentRow], governed: Iterable[PoolLots], now: float
) -> tuple[PoolRow, ...]:
    """The pools that hold at this moment.

    A governed pool limits its deployments together, and what they take by themselves besides. Any other
    deployment with a limit is a pool of its own, which has the number of the deployment, below zero. Where
    nothing is limited there is no pool, and admission does nothing.

    Args:
        deployments: all of them.
        governed: capacity with lots; a deployment in two of them counts in the first.
        now: epoch seconds. Ask again at `PoolLots.next_change`.
    """
    limits = {one.id: _limits(one) for one in deployments}
    rows = []
    for pool in governed:
        mine = tuple(one for one in pool.deployments if one in limits)
        if mine:
            own = tuple((one, limits.pop(one)) for one in mine)
            lots = _fitted(pool.capacity, _lots(pool, now))
            whole = Limit("tokens", pool.capacity, lots)
            rows.append(PoolRow(pool.id, pool.name, mine, (whole,), tuple(pair for pair in own if pair[1])))
    names = {one.id: one.upstream for one in deployments}
    rows += [PoolRow(-one, names[one], (one,), found) for one, found in limits.items() if found]
    return tuple(rows)


def _limits(deployment: DeploymentRow) -> tuple[Limit, ...]:
    found = []
    if deployment.concurrency is not None:
        found.append(Limit("calls", deployment.concurrency))
    if deployment.tokens_per_minute is not None:
        found.append(Limit("tokens", deployment.tokens_per_minute))
    return tuple(found)


def _lots(pool: PoolLots, now: float) -> list[Lot]:
    return [
        Lot(one.service, one.organisation, one.nominal, one.lendable, one.reclaim) for one in pool.drawn(now)
    ]


def _fitted(capacity: int, lots: Iterable[Lot]) -> tuple[Lot, ...]:
    """Lots cut to what there is: capacity may have become less since they were made."""
    found = []
    left = capacity
    for lot in gathered(lots):
        nominal = min(lot.nominal, left)
        left -= nominal
        found.append(msgspec.structs.replace(lot, nominal=nominal, lendable=min(lot.lendable, nominal)))
    return tuple(found)
