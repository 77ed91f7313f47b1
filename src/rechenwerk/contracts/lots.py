"""What admission knows of governed capacity: lots, emergency draws and grants, as values with their times.

The gateway keeps them in its snapshot and asks `at` with its own clock: nothing that begins or ends by itself
needs another snapshot.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

Service = Literal["critical", "standard", "batch"]
SERVICES: tuple[Service, ...] = ("critical", "standard", "batch")
"""Service classes: critical work may draw the reserve, standard may not, batch takes what is left."""

FOREVER = 1 << 62
"""End of what does not end, epoch seconds."""


class PoolLot(msgspec.Struct, frozen=True, gc=False):
    """Capacity that is kept for a class, or for an organisation that bought it.

    Attributes:
        service: the class; empty for bought throughput, which serves every class of the buyer. What is bought
            by the day serves the buyer's class batch.
        organisation: who bought it; 0 for a class's lot.
        nominal: tokens per minute that the owner can count on.
        lendable: of it, tokens per minute that others may use while they lie idle.
        reclaim: seconds within which the owner has back what is lent: whoever borrows must be done by then.
        starts: epoch seconds.
        ends: epoch seconds, the first at which it is over.
        contracts: ids of the grant contracts that it opens to the project.
    """

    service: Service | Literal[""]
    organisation: int
    nominal: int
    lendable: int
    reclaim: int
    starts: int = 0
    ends: int = FOREVER


class OpenDraw(msgspec.Struct, frozen=True, gc=False):
    """An approved emergency draw: calls of a class may use so much of another class's reserve.

    Attributes:
        id: as people name it.
        taken_from: the class whose lot is drawn.
        given_to: the class whose calls may draw it.
        amount: tokens per minute.
        starts: epoch seconds.
        ends: epoch seconds, the first at which it is over.
        organisation: only its calls; 0: everybody's.
    """

    id: int
    taken_from: Service
    given_to: Service
    amount: int
    starts: int
    ends: int
    organisation: int = 0


class OpenGrant(msgspec.Struct, frozen=True, gc=False):
    """A project that may use a pool under a grant.

    Attributes:
        id: as people name it.
        organisation: of the project.
        project: its id.
        left: tokens not drawn when this was read.
        starts: epoch seconds.
        ends: epoch seconds, the first at which it is over.
    """

    id: int
    organisation: int
    project: int
    left: int
    starts: int
    ends: int
    contracts: frozenset[int] = frozenset()


class PoolLots(msgspec.Struct, frozen=True):
    """A pool with everything that governs it.

    Attributes:
        id: of the pool.
        name: as people call it.
        organisation: whose deployments it is made of; 0: shared with all.
        deployments: their ids.
        capacity: tokens per minute of all of them.
        lots: of classes and of buyers.
        draws: approved emergency draws.
        grants: who may draw it under a grant.
    """

    id: int
    name: str
    organisation: int
    deployments: tuple[int, ...]
    capacity: int
    lots: tuple[PoolLot, ...] = ()
    draws: tuple[OpenDraw, ...] = ()
    grants: tuple[OpenGrant, ...] = ()

    def at(self, now: float) -> PoolLots:
        """What holds at this moment (epoch seconds); what is drawn still stands in its lot."""
        return msgspec.structs.replace(
            self,
            lots=tuple(one for one in self.lots if one.starts <= now < one.ends),
            draws=tuple(one for one in self.draws if one.starts <= now < one.ends),
            grants=tuple(one for one in self.grants if one.starts <= now < one.ends and one.left > 0),
        )

    def drawn(self, now: float) -> tuple[PoolLot, ...]:
        """The lots of this moment as emergency draws make them.

        What is drawn leaves the lot of the class that it is taken from, first what is kept for it alone, and
        stands in a lot of whom it is given to, on the same terms: idle, it is lent like the rest.
        """
        lots = [one for one in self.lots if one.starts <= now < one.ends]
        for draw in self.draws:
            if not draw.starts <= now < draw.ends:
                continue
            for at, lot in enumerate(lots):
                if lot.service == draw.taken_from and not lot.organisation:
                    amount = min(draw.amount, lot.nominal)
                    left = lot.nominal - amount
                    lots[at] = msgspec.structs.replace(lot, nominal=left, lendable=min(lot.lendable, left))
                    given = PoolLot(draw.given_to, draw.organisation, amount, amount, lot.reclaim)
                    lots.append(msgspec.structs.replace(given, starts=draw.starts, ends=draw.ends))
                    break
        return tuple(lots)

    def next_change(self, now: float) -> int:
        """When something begins or ends by itself next, epoch seconds; `FOREVER` if nothing does."""
        times = (
            moment
            for moment in (
                *(at for lot in self.lots for at in (lot.starts, lot.ends)),
                *(at for draw in self.draws for at in (draw.starts, draw.ends)),
                *(at for grant in self.grants for at in (grant.starts, grant.ends)),
            )
            if moment > now
        )
        return min(times, default=FOREVER)


class PoolUse(msgspec.Struct, frozen=True, gc=False):
    """What admission counted since it was last asked, for the report of utilisation.

    Attributes:
        pool: its id.
        day: days since 1970-01-01, UTC.
        service: whose lot.
        lent: tokens of the class's lot that others used.
        reclaimed: tokens per minute, summed over the times that lent capacity was called back.
    """

    pool: int
    day: int
    service: Service
    lent: int
    reclaimed: int


class LotSource(Protocol):
    """Where a gateway process reads governed capacity and reports what became of it."""

    async def lots(self, now: float) -> tuple[PoolLots, ...]:
        """Every pool with what governs it now or later; what is over by `now` (epoch seconds) is left out."""
        ...

    async def note_use(self, uses: tuple[PoolUse, ...]) -> None:
        """Add to what was counted before."""
        ...
