"""Which deployment of a model takes the next call."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from rechenwerk.routing.health import AWAY, Health

TIE = 1.125
"""Costs that differ by less than this factor are noise: such deployments take turns."""

BOUND = 1.25
"""A conversation's server may carry this many times the mean before it is passed over."""


def order(healths: Sequence[Health], now: float, affinity: int = 0, turn: int = 0) -> list[int]:
    """The candidates' indexes, best first; those that take no calls now come last, by when they will.

    With affinity, the conversation's own server goes first as long as it is healthy and carries at most
    `BOUND` times the mean and one: rendezvous hashing (Thaler and Ravishankar 1998), with bounded loads
    (Mirrokni, Thorup and Zadimoghaddam 2016). A server that comes or goes moves only its own share.

    Args:
        healths: of the candidates.
        now: monotonic seconds.
        affinity: from `prefix_of`; 0 when it does not matter where the call goes.
        turn: counts calls, so that equals take turns.
    """
    if len(healths) == 1:
        return [0]
    costs = [health.cost(now) for health in healths]
    found = sorted(range(len(costs)), key=costs.__getitem__)
    limit = costs[found[0]] * TIE if found else AWAY
    if limit < AWAY:
        equals = 1
        while equals < len(found) and costs[found[equals]] <= limit:
            equals += 1
        first = turn % equals
        found[:equals] = found[first:equals] + found[:first]
    if affinity:
        home = _home(healths, costs, affinity)
        if home is not None:
            found.remove(home)
            found.insert(0, home)
    return found


def _home(healths: Sequence[Health], costs: Sequence[float], affinity: int) -> int | None:
    """The conversation's server among the operator's own; None when all of them carry too much."""
    able = carried = 0
    for health, cost in zip(healths, costs, strict=True):
        if cost < AWAY:
            able += 1
            carried += health.outstanding
    # Others count in the mean as well: a single server of one's own must not take everything.
    bound = BOUND * carried / (able or 1) + 1
    home, most = None, 0
    for at, health in enumerate(healths):
        if health.own and health.outstanding < bound and costs[at] < AWAY:
            weight = _mixed(affinity ^ health.place)
            if home is None or weight > most:
                home, most = at, weight
    return home


def _mixed(number: int) -> int:
    """A hash of 64 bits, the same in every process: a short form of SplitMix64's finaliser (Steele 2014)."""
    number = number * 0xBF58476D1CE4E5B9 & _BITS
    return (number ^ number >> 32) * 0x94D049BB133111EB & _BITS


_BITS = (1 << 64) - 1
_HEAD = 1024
_SEARCH = 1 << 16


def prefix_of(body: bytes) -> int:
    """What tells a conversation from others, and stays the same while it grows.

    A conversation is sent again whole with every turn, so its beginning is stable: the system's words (the
    first `_HEAD` bytes of ``messages``, or ``input``) and the first that a user says (as many bytes, up to
    the first closing brace: what follows is the end of the body in a first turn, and more messages later).
    Fields before the messages (model, temperature) and behind them do not count. A quote inside of a string
    is escaped, so ``"user"`` is never somebody's words. Where there is no user, the head must do.
    """
    start = max(body.find(b'"messages"', 0, _SEARCH), 0) or max(body.find(b'"input"', 0, _SEARCH), 0)
    user = body.find(b'"user"', start, start + _SEARCH)
    if user < 0:
        return zlib.crc32(body[start : start + _HEAD])
    head = zlib.crc32(body[start : min(user, start + _HEAD)])
    end = body.find(b"}", user, user + _HEAD)
    return zlib.crc32(body[user : end if end >= 0 else user + _HEAD], head)
