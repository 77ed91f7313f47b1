"""What the house does by itself about grants that lie idle: notices and returns, as `grant reclaim` does."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rechenwerk.base.clock import Clock
from rechenwerk.contracts import grants as rules
from rechenwerk.contracts.grants import day_of
from rechenwerk.office.governance.ports import Award, GrantRow, Person, Policy, Step
from rechenwerk.office.ports import OPERATOR, Desk

HOUSE = "rechenwerk, by itself"
"""Who stands in the audit."""

_log = logging.getLogger("rechenwerk.grants")


async def reclaim_idle(desk: Desk, clock: Clock) -> list[tuple[Step, GrantRow]]:
    """Give notice of idle grants of every pool, and return what was noticed long enough ago.

    Safe to run from several hosts at once: a pool is locked while it is looked at, and what was done is not
    done again.
    """
    at = datetime.fromtimestamp(clock.now(), UTC)
    today = day_of(clock.now())

    def plan(policy: Policy, awards: Sequence[tuple[Award, Mapping[int, int]]]) -> tuple[Step, ...]:
        return rules.reclaim(policy, awards, today)

    done: list[tuple[Step, GrantRow]] = []
    owners = dict.fromkeys((OPERATOR, *(one.id for one in await desk.tenants.organisations())))
    for owner in owners:
        steps = await desk.governance.grants.reclaim(Person(owner, 0, HOUSE), owner, at, plan, dry_run=False)
        done += [(step, row) for step, row in steps if step.action != "wait"]
    for step, row in done:
        _log.warning(
            "grant %s of %s/%s in pool %s: %s of %s tokens, %s",
            step.award,
            row.organisation,
            row.project,
            row.pool,
            step.action,
            step.idle.tokens,
            step.idle.reason,
        )
    return done
