"""Who used a pool that has a reserve, and how much of that was the reserve of others.

What calls used is kept by project and day. When the work of all other classes used more on a day than the
pool has besides the reserve of a class, the rest of it was the reserve, lent while it was idle. Nobody knows
more of a day than its sum: so it is the least that was borrowed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec

from rechenwerk.office.governance.ports import ReserveRow
from rechenwerk.office.governance.use_ports import UsedPool

DAY = 24 * 60
"""Minutes."""


class Borrower(msgspec.Struct, frozen=True):
    """A project on a pool, seen from the reserve of a class.

    Attributes:
        service: the class whose reserve it is.
        own: the project's work is of that class.
        tokens: that it used.
        borrowed: of them at least, from the reserve; 0 of the class's own.
    """

    pool: str
    service: str
    organisation: str
    project: str
    project_service: str
    own: bool
    tokens: int
    borrowed: int


def borrowers(
    reserves: Iterable[ReserveRow], capacities: Mapping[str, int], uses: Sequence[UsedPool]
) -> list[Borrower]:
    """Projects by pool and reserve, who used most first.

    Args:
        reserves: of classes.
        capacities: pool -> tokens per minute, now.
        uses: of the pools, by project and day.
    """
    found = []
    for reserve in reserves:
        mine = [one for one in uses if one.pool == reserve.pool]
        lent = _lent(mine, reserve, max(0, capacities.get(reserve.pool, 0) - reserve.nominal) * DAY)
        tokens: dict[tuple[str, str, str], int] = defaultdict(int)
        for one in mine:
            tokens[one.organisation, one.project, one.service] += one.tokens
        found += [
            Borrower(
                reserve.pool,
                reserve.service,
                organisation,
                project,
                service,
                service == reserve.service,
                number,
                lent.get((organisation, project), 0),
            )
            for (organisation, project, service), number in sorted(
                tokens.items(), key=lambda item: (-item[1], item[0])
            )
        ]
    return found


def _lent(uses: Sequence[UsedPool], reserve: ReserveRow, rest: int) -> dict[tuple[str, str], int]:
    """(organisation, project) -> tokens from the reserve: by day, in proportion to what each used.

    Args:
        uses: of one pool.
        reserve: of a class on it.
        rest: tokens of a day that the pool has besides.
    """
    days: dict[date, list[UsedPool]] = defaultdict(list)
    for one in uses:
        if one.service != reserve.service:
            days[one.day].append(one)
    found: dict[tuple[str, str], int] = defaultdict(int)
    for some in days.values():
        whole = sum(one.tokens for one in some)
        # No more than there is: what overflows stood in no reserve.
        beyond = min(max(0, whole - rest), reserve.nominal * DAY)
        for one in some:
            found[one.organisation, one.project] += beyond * one.tokens // whole if whole else 0
    return found
