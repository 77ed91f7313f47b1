"""Capacity that is kept for somebody: nominal, lendable, reclaim, in the sense of Kueue's quotas.

In Kueue (kueue.sigs.k8s.io, ClusterQueue) a queue has a nominal quota, lends at most its lending limit while
it does not need it, and reclaims what it has lent. A lot here is such a quota of a service class, or of an
organisation that bought it. What a lot does not lend is there for its owner alone and without a wait. What
lots lend, and what belongs to nobody, is shared. Lent capacity comes back by admitting nobody else until the
owner has its nominal again: running calls are never ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from math import floor

import msgspec

from rechenwerk.routing.deal import Deal

Owner = tuple[str, int]
"""A service class and an organisation: both must be those of a call; ``""`` and 0 fit every call."""

MINUTE = 60.0


class Lot(msgspec.Struct, frozen=True, gc=False):
    """What is kept for an owner. Amounts: calls at once, or tokens per minute.

    Attributes:
        service: one of `supply.CLASSES`; empty for every class.
        organisation: who bought it; 0 for all.
        nominal: what the owner can count on.
        lendable: of it, what others may use while it lies idle.
        reclaim: seconds within which the owner has back what is lent: it is lent only to calls that are
            expected to end in that time.
    """

    service: str
    organisation: int
    nominal: int
    lendable: int = 0
    reclaim: float = 600.0

    @property
    def owner(self) -> Owner:
        """Whose it is."""
        return self.service, self.organisation


def faults(amount: int, lots: Sequence[Lot]) -> list[str]:
    """What is wrong with lots of so much capacity, one line each."""
    found = []
    for lot in lots:
        name = f"the lot of {_name(lot)}"
        if not (lot.service or lot.organisation):
            found.append("a lot needs a class or an organisation: say whose it is")
        if lot.nominal < 0 or lot.lendable < 0 or lot.reclaim < 0:
            found.append(f"{name} has a number below zero: nominal, lendable and reclaim are zero or more")
        elif lot.lendable > lot.nominal:
            found.append(f"{name} lends {lot.lendable} of {lot.nominal}: lendable is a part of nominal")
    kept = sum(lot.nominal for lot in lots)
    if amount < 0:
        found.append(f"a capacity of {amount} is below zero")
    elif kept > amount:
        found.append(f"lots of {kept} are kept of {amount}: keep less, or enter more capacity")
    return found


def _name(lot: Lot) -> str:
    who = [lot.service] if lot.service else []
    return " of ".join([*who, f"organisation {lot.organisation}"] if lot.organisation else who) or "nobody"


def gathered(lots: Iterable[Lot]) -> tuple[Lot, ...]:
    """Lots with one for each owner: what an owner has twice is added up, with the shorter reclaim."""
    found: dict[Owner, Lot] = {}
    for lot in lots:
        other = found.get(lot.owner)
        if other is not None:
            lot = msgspec.structs.replace(  # noqa: PLW2901 - the sum takes the lot's place
                lot,
                nominal=lot.nominal + other.nominal,
                lendable=lot.lendable + other.lendable,
                reclaim=min(lot.reclaim, other.reclaim),
            )
        found[lot.owner] = lot
    return tuple(found.values())


def hand(amount: int, lots: Sequence[Lot], deal: Deal) -> tuple[int, tuple[Lot, ...]]:
    """One process's part of a capacity and of its lots: over all processes they add up, to the unit."""
    mine = []
    at = 0
    for lot in lots:
        lent, end = at + lot.nominal - lot.lendable, at + lot.nominal
        lendable = deal.count(lent, end)
        nominal = deal.count(at, lent) + lendable
        mine.append(msgspec.structs.replace(lot, nominal=nominal, lendable=lendable))
        at = end
    return deal.count(0, amount), tuple(mine)


class Reserve:
    """Who uses how much of a capacity.

    What an owner uses beyond what its lot keeps for it alone is drawn from what is shared: what belongs to
    nobody and what lots lend. Owners without a lot draw from what is shared alone.

    Args:
        amount: of it all.
        lots: of owners; see `faults` for what they must be.
    """

    __slots__ = ("_alone", "_by_owner", "_lots", "_places", "_shared", "_shared_used", "_used", "amount")

    def __init__(self, amount: int, lots: Iterable[Lot] = ()) -> None:
        self._by_owner: dict[Owner, int] = {}
        self.reform(amount, lots)

    def reform(self, amount: int, lots: Iterable[Lot]) -> None:
        """Other numbers from now on; what is used stays used."""
        self.amount = amount
        self._lots = gathered(lots)
        self._places = {lot.owner: at for at, lot in enumerate(self._lots)}
        self._alone = [lot.nominal - lot.lendable for lot in self._lots] + [0]
        self._used = [0 for _ in self._alone]
        for owner, used in self._by_owner.items():
            self._used[self._places.get(owner, -1)] += used
        self._shared = amount - sum(self._alone)
        pairs = zip(self._used, self._alone, strict=True)
        self._shared_used = sum(max(0, used - alone) for used, alone in pairs)

    @property
    def lots(self) -> tuple[Lot, ...]:
        """Each owner's."""
        return self._lots

    @property
    def taken(self) -> int:
        """What all owners use."""
        return sum(self._used)

    def used(self, owner: Owner) -> int:
        """What an owner uses."""
        return self._by_owner.get(owner, 0)

    def has_lot(self, owner: Owner) -> bool:
        """Whether something is kept for an owner."""
        return owner in self._places

    def alone(self, owner: Owner) -> int:
        """What is kept for an owner and not lent."""
        return self._alone[self._places.get(owner, -1)]

    def owns(self, owner: Owner, need: int) -> bool:
        """Whether so much more is still within the owner's nominal."""
        at = self._places.get(owner, -1)
        return at >= 0 and self._used[at] + need <= self._lots[at].nominal

    def fits(self, owner: Owner, need: int, seconds: float = 0.0, *, alone: bool = False) -> bool:
        """Whether so much more may be used now.

        Args:
            owner: by whom.
            need: how much.
            seconds: how long the call will take, as far as one can tell.
            alone: only from what is kept for the owner alone.
        """
        at = self._places.get(owner, -1)
        left = self._alone[at] - self._used[at]
        over = need - left if left > 0 else need
        if over <= 0:
            return True
        return not alone and self._shared_used + over <= self._lent_for(at, seconds)

    def most(self, owner: Owner, seconds: float = 0.0) -> int:
        """The most that an owner could have if nobody else used anything."""
        at = self._places.get(owner, -1)
        return max(0, self._alone[at] + self._lent_for(at, seconds))

    def _lent_for(self, at: int, seconds: float) -> int:
        """What is shared, without what is not lent for so long to anybody but its owner."""
        shared = self._shared
        for place, lot in enumerate(self._lots):
            if lot.reclaim < seconds and place != at:
                shared -= lot.lendable
        return shared

    def take(self, owner: Owner, need: int) -> None:
        """It is used from now on; may go beyond what there is, where a call used more than was thought."""
        self._change(owner, need)

    def give(self, owner: Owner, need: int) -> None:
        """It is free again."""
        self._change(owner, -need)

    def _change(self, owner: Owner, need: int) -> None:
        at = self._places.get(owner, -1)
        alone, used = self._alone[at], self._used[at]
        self._by_owner[owner] = self._by_owner.get(owner, 0) + need
        self._used[at] = used + need
        if alone:
            self._shared_used += max(0, used + need - alone) - max(0, used - alone)
        else:
            self._shared_used += need

    def lender(self, owner: Owner, need: int) -> Owner | None:
        """Out of whose lot a use by `owner` that fits would come; None: out of its own, or nobody's."""
        at = self._places.get(owner, -1)
        nominal = [lot.nominal for lot in self._lots] + [0]
        beyond = sum(max(0, used - own) for used, own in zip(self._used, nominal, strict=True))
        common = self.amount - sum(nominal)
        own = min(need, max(0, nominal[at] - self._used[at]))
        if own == need or beyond + need - own <= common:
            return None
        idle = [
            (min(lot.lendable, lot.nominal - self._used[place]), lot.owner)
            for place, lot in enumerate(self._lots)
            if place != at
        ]
        return max(idle)[1] if idle else None


class Second:
    """What was taken in one second of a sliding minute, by owner."""

    __slots__ = ("amounts", "ends")

    def __init__(self, ends: float) -> None:
        self.ends = ends
        self.amounts: dict[Owner, int] | None = {}


class Minute:
    """Tokens per minute as a reserve whose uses end by themselves, a minute after they began.

    So in no minute, wherever it begins, is more used than the reserve allows. It is kept by the second: a use
    may last up to one second longer.
    """

    __slots__ = ("_seconds", "reserve")

    def __init__(self, reserve: Reserve) -> None:
        self.reserve = reserve
        self._seconds: deque[Second] = deque()

    def take(self, owner: Owner, need: int, now: float) -> Second:
        """Tokens are used from now on; `correct` needs what this returns."""
        ends = floor(now) + 1 + MINUTE
        if not self._seconds or self._seconds[-1].ends < ends:
            self._seconds.append(Second(ends))
        second = self._seconds[-1]
        assert second.amounts is not None
        second.amounts[owner] = second.amounts.get(owner, 0) + need
        self.reserve.take(owner, need)
        return second

    def correct(self, owner: Owner, second: Second, more: int) -> None:
        """More were used than taken, or fewer (below zero); over with, when the minute is over."""
        if second.amounts is not None:
            second.amounts[owner] = second.amounts.get(owner, 0) + more
            self.reserve.take(owner, more)

    def pass_by(self, now: float) -> bool:
        """End what began a minute ago; True when anything did."""
        ended = False
        while self._seconds and self._seconds[0].ends <= now:
            second = self._seconds.popleft()
            for owner, amount in (second.amounts or {}).items():
                self.reserve.give(owner, amount)
            second.amounts = None
            ended = True
        return ended

    def free_in(self, need: int, free: int, now: float) -> float:
        """Seconds until `need` tokens can have become free, of which `free` are so now."""
        for second in self._seconds:
            if need <= free:
                break
            free += sum((second.amounts or {}).values())
            if need <= free:
                return max(0.0, second.ends - now)
        missing = max(0, need - free)
        # All of this minute's and more: the rest comes minute by minute.
        return 0.0 if not missing else MINUTE + MINUTE * missing / max(1, self.reserve.amount)

    @property
    def next_end(self) -> float | None:
        """When the oldest use ends, monotonic seconds."""
        return self._seconds[0].ends if self._seconds else None
