"""Emergency draw: in need, a named role lets other work use a class's reserve, for a while and a limit.

One person asks, a second one approves; it begins with the approval and ends by itself. An approval that comes
too late, or from the same person or key, changes nothing.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.contracts.lots import Service

State = Literal["requested", "active", "ended", "lapsed"]

WAIT = 3_600
"""Seconds that a request waits for its approval."""


class Person(msgspec.Struct, frozen=True):
    """Who acts: a key and its name. Two people are two keys with two names.

    Attributes:
        organisation: whose key it is.
        key: its id.
        name: of the key: a person's or a role's.
        address: where the request came from; '' where it is not known.
    """

    organisation: int
    key: int
    name: str
    address: str = ""

    def same(self, other: Person) -> bool:
        """Whether this counts as one person: the same key, or two keys of one name."""
        return self.key == other.key or self.name.strip().casefold() == other.name.strip().casefold()


class Limits(msgspec.Struct, frozen=True):
    """What a class's reserve lets others draw.

    Attributes:
        nominal: tokens per minute that are kept for the class.
        most: tokens per minute that may be drawn at once; 0: no emergency draw.
        longest: seconds of one draw.
    """

    nominal: int
    most: int
    longest: int


class Draw(msgspec.Struct, frozen=True):
    """An emergency draw. Times are epoch seconds.

    Attributes:
        id: 0 before it is stored.
        taken_from: the class whose reserve is drawn.
        given_to: the class whose calls may draw it.
        amount: tokens per minute.
        seconds: how long it lasts from its approval.
        reason: why, for the audit.
        requested_by: the first person.
        requested_at: when.
        approved_by: the second person.
        approved_at: when it began.
        ended_at: when somebody ended it before its time.
        organisation: only its calls may draw; 0: everybody's.
    """

    id: int
    taken_from: Service
    given_to: Service
    amount: int
    seconds: int
    reason: str
    requested_by: Person
    requested_at: int
    approved_by: Person | None = None
    approved_at: int | None = None
    ended_at: int | None = None
    organisation: int = 0

    @property
    def ends(self) -> int | None:
        """When it is over; None while it has not begun."""
        if self.approved_at is None:
            return self.ended_at
        ends = self.approved_at + self.seconds
        return ends if self.ended_at is None else min(ends, self.ended_at)

    def state(self, now: float) -> State:
        """Where it stands."""
        if self.approved_at is None:
            waits = self.ended_at is None and now < self.requested_at + WAIT
            return "requested" if waits else "lapsed"
        assert self.ends is not None
        return "active" if now < self.ends else "ended"


def request_refusal(limits: Limits, wanted: Draw) -> Refusal | None:
    """Why this cannot even be asked for; None when it can."""
    if wanted.taken_from == wanted.given_to:
        return bad_request("a class needs no emergency for its own reserve", "given_to", "invalid_value", 422)
    if not wanted.reason.strip():
        return bad_request("say why: the reason stands in the audit", "reason", "invalid_value", 422)
    if wanted.amount <= 0 or wanted.seconds <= 0:
        return bad_request("an emergency draw has an amount and a time", "amount", "invalid_value", 422)
    if limits.most == 0:
        return bad_request(
            f"no emergency draw is foreseen on the reserve of {wanted.taken_from}; the operator allows one"
            " with `rechenwerk reserve set --draw-most`",
            "amount",
            "emergency_not_foreseen",
            409,
        )
    if wanted.amount > limits.most:
        return bad_request(
            f"at most {limits.most:,} tokens per minute of this reserve may be drawn, not {wanted.amount:,}",
            "amount",
            "emergency_too_large",
            409,
        )
    if wanted.seconds > limits.longest:
        return bad_request(
            f"an emergency draw lasts at most {limits.longest // 60} minutes here, not"
            f" {-(-wanted.seconds // 60)}",
            "minutes",
            "emergency_too_long",
            409,
        )
    return None


def approval_refusal(draw: Draw, limits: Limits, others: int, approver: Person, now: int) -> Refusal | None:
    """Why an approval does not count; None when it starts the draw.

    Args:
        draw: that waits.
        limits: as they are now, not when it was asked for.
        others: tokens per minute that draws under way take from the same reserve.
        approver: the second person.
        now: epoch seconds.
    """
    state = draw.state(now)
    if state != "requested":
        why = {"active": "is approved already", "ended": "is over", "lapsed": "was not approved in time"}
        return bad_request(
            f"emergency draw {draw.id} {why[state]}; ask for a new one", None, f"emergency_{state}", 409
        )
    if approver.same(draw.requested_by):
        return same_person("the emergency draw", draw.requested_by)
    if others + draw.amount > min(limits.most, limits.nominal):
        room = max(0, min(limits.most, limits.nominal) - others)
        return bad_request(
            f"other emergency draws are under way: {room:,} tokens per minute are left of this reserve, not"
            f" {draw.amount:,}",
            "amount",
            "emergency_too_large",
            409,
        )
    return None


def same_person(what: str, first: Person) -> Refusal:
    """Two signatures of one person are one."""
    return bad_request(
        f"{first.name!r} signed {what} already: the second signature needs another person, with a key of its"
        " own and another name",
        None,
        "same_person",
        403,
    )
