"""How the gateway processes of an installation share what is limited: by what arrives at each.

All units of a capacity are dealt like cards, in rounds; who has more turns in a round has more of every
capacity, and over all processes the parts add up to the unit. Everybody has a few turns, so that a process
whose clients come back is not without.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_LEAST = 0.25
"""Of an equal part: what a process has at which nothing arrives."""
_TURNS = 12
"""Turns in a round, for each process."""


class Deal(msgspec.Struct, frozen=True):
    """One process's part.

    Attributes:
        turns: places of the processes, in the order of a round.
        me: the place of this one.
    """

    turns: tuple[int, ...] = (0,)
    me: int = 0

    @property
    def alone(self) -> bool:
        """Nobody else has a part."""
        return set(self.turns) <= {self.me}

    @property
    def share(self) -> float:
        """This process's part of all, 0..1."""
        return self.turns.count(self.me) / len(self.turns)

    def count(self, begin: int, end: int) -> int:
        """How many of the units `begin` to `end` this process has."""
        return self._first(end) - self._first(begin)

    def _first(self, units: int) -> int:
        rounds, rest = divmod(units, len(self.turns))
        return rounds * self.turns.count(self.me) + self.turns[:rest].count(self.me)


ALONE = Deal()


def equal(me: int, players: int) -> Deal:
    """Everybody has the same."""
    return Deal(tuple(range(players)), me)


def by_arrivals(arrived: Mapping[int, float], me: int) -> Deal:
    """Parts by what arrived at each process of late; equal ones where nothing did.

    Args:
        arrived: process -> volume; all that live.
        me: which of them.
    """
    if me not in arrived:
        return ALONE
    order = sorted(arrived)
    total = sum(arrived.values())
    if len(order) == 1 or total <= 0:
        return equal(order.index(me), len(order))
    whole = _TURNS * len(order)
    least = _LEAST / len(order)
    wanted = [whole * (least + (1 - _LEAST) * arrived[one] / total) for one in order]
    turns = _rounded(wanted, whole)
    given = [0] * len(order)
    sequence = []
    for turn in range(1, whole + 1):  # whoever is furthest behind has the next turn
        place = max(range(len(order)), key=lambda at: (turns[at] * turn - given[at] * whole, -at))
        given[place] += 1
        sequence.append(place)
    return Deal(tuple(sequence), order.index(me))


def _rounded(wanted: list[float], whole: int) -> list[int]:
    """Whole numbers that add up, the largest remainders rounded up."""
    found = [int(one) for one in wanted]
    by_rest = sorted(range(len(wanted)), key=lambda at: (found[at] - wanted[at], at))
    for at in by_rest[: whole - sum(found)]:
        found[at] += 1
    return found
