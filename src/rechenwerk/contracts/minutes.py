"""Where caps by the minute stand: from what gateways report minute by minute, which is no booking.

A minute that has just ended may still grow: calls are counted where they began, at what they were expected to
use until they end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import msgspec

from rechenwerk.base.money import NANO
from rechenwerk.contracts.ports import Deployed, Position
from rechenwerk.contracts.terms import Cap, Contract
from rechenwerk.contracts.weights import Vector, nano, rates_of, scaled, weights

MINUTE = 60
LOOK_BACK = 60 * MINUTE
"""How far back refusals and the busiest minute are looked for, seconds."""


class MinuteUse(msgspec.Struct, frozen=True, gc=False):
    """What one deployment was given in one minute; `usage` in the order of `base.usage.BUCKETS`."""

    minute: int
    deployment: int
    usage: tuple[float, ...]


class MinuteStand(msgspec.Struct, frozen=True):
    """A cap by the minute.

    Attributes:
        position: of the last whole minute.
        peak: nano-units of the busiest minute of the last hour.
        refused: calls of its models in that hour that found no room anywhere.
    """

    position: Position
    peak: int
    refused: int


def minute_standing(
    contract: Contract,
    cap: Cap,
    deployed: Sequence[Deployed],
    used: Iterable[MinuteUse],
    refused: int,
    now: int,
) -> MinuteStand:
    """Where a cap by the minute stands.

    Args:
        contract: its contract.
        cap: which of its caps.
        deployed: its deployments.
        used: of the last hour; of other deployments is left out.
        refused: see `MinuteStand`.
        now: epoch seconds.
    """
    weigh = {one.id: _weights(cap, one) for one in deployed}
    minutes: dict[int, Fraction] = {}
    for one in used:
        if one.deployment in weigh:
            taken = sum(
                (
                    Fraction(count) * weight
                    for count, weight in zip(one.usage, weigh[one.deployment], strict=True)
                ),
                Fraction(0),
            )
            minutes[one.minute] = minutes.get(one.minute, Fraction(0)) + taken
    last = now // MINUTE * MINUTE - MINUTE
    drawn, amount = round(minutes.get(last, Fraction(0)) * NANO), round(nano(cap.amount))
    past = [total for minute, total in minutes.items() if now - LOOK_BACK <= minute <= last]
    position = Position(
        contract=contract.name,
        kind="cap",
        measure=cap.measure,
        unit="" if cap.measure == "spend" else "weighted unit",
        status="exhausted" if drawn >= amount else "active",
        starts_at=last,
        ends_at=last + MINUTE,
        amount=amount,
        drawn=drawn,
        remaining=max(0, amount - drawn),
    )
    return MinuteStand(position, round(max(past, default=Fraction(0)) * NANO), refused)


def _weights(cap: Cap, deployed: Deployed) -> Vector:
    if cap.measure == "spend":
        return scaled(rates_of(deployed.rates), Fraction(1, NANO))
    return weights(cap.weights)
