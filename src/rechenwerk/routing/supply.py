"""What the router weighs: supplies with their caps, credits and minimums, and classes of demand.

These are what contracts and positions come to for a decision about the next call. Amounts are floats: nothing
here is booked; the ledger computes what is, exactly.
"""

from __future__ import annotations

import msgspec

Vector = tuple[float, ...]
"""One number per bucket of `base.usage.BUCKETS`, in that order: an amount of usage, or a weight per unit."""

ORDINARY = ("standard", "batch")
CLASSES = ("critical", *ORDINARY)
"""Service classes: critical work may draw the reserve, standard may not, batch takes what is left."""


class Supply(msgspec.Struct, frozen=True, gc=False):
    """A deployment under its contract.

    Attributes:
        id: of the deployment.
        name: as people see it.
        rates: currency per unit that using it costs, at the margin and without credits or minimums; what is
            paid whether used or not (provisioned, bought hardware) is not in it.
    """

    id: int
    name: str
    rates: Vector


class Cap(msgspec.Struct, frozen=True, gc=False):
    """How much some supplies take together in a window of time.

    Attributes:
        name: for people: whose cap it is.
        supplies: ids of those that it binds.
        weights: what a unit of usage takes of it.
        amount: per window.
        seconds: length of a window; windows begin at multiples of it, counted from `starts_at`.
        kept: of `amount`, what only critical work may draw.
        starts_at: epoch seconds at which some window begins.
    """

    name: str
    supplies: tuple[int, ...]
    weights: Vector
    amount: float
    seconds: float
    kept: float = 0.0
    starts_at: float = 0.0


class Credit(msgspec.Struct, frozen=True, gc=False):
    """Money that was paid before: what its supplies charge is taken from it while it lasts.

    Attributes:
        supplies: ids of those whose charges it pays, at their rates.
        left: currency units now.
        ends_at: epoch seconds at which what is left expires.
        overflow: its supplies may be used, and paid, when it is empty or expired.
    """

    name: str
    supplies: tuple[int, ...]
    left: float
    ends_at: float
    overflow: bool = True


class Minimum(msgspec.Struct, frozen=True, gc=False):
    """Take or pay: over a period the charges of its supplies are paid, but no less than an amount.

    Attributes:
        supplies: ids of those whose charges count, at their rates.
        amount: currency units for the period.
        drawn: of it, charged so far.
        ends_at: epoch seconds at which the period ends.
        lost: share of a shortfall that is really lost; below 1 where it can be used later.
    """

    name: str
    supplies: tuple[int, ...]
    amount: float
    drawn: float
    ends_at: float
    lost: float = 1.0


class Demand(msgspec.Struct, frozen=True, gc=False):
    """A class of calls that are alike to the router.

    Attributes:
        id: of the class: model, data class, service class and tenant come to one number.
        name: as people see it.
        usage: of one unit of volume, on average.
        supplies: ids of those that the hard rules permit.
        penalty: currency per unit of volume that is refused.
        service: one of `CLASSES`.
    """

    id: int
    name: str
    usage: Vector
    supplies: tuple[int, ...]
    penalty: float
    service: str = "standard"
