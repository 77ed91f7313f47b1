"""What may not change in a contract under which calls are booked: that would rewrite them.

Terms are dated versions. Money that was booked never changes; what could is how booked calls are counted
towards a minimum, a credit, a quota: so whatever says into which period a call falls, or what of it counts,
stays as it is.
"""

from __future__ import annotations

from datetime import date

from rechenwerk.contracts.ports import Problem
from rechenwerk.contracts.terms import Contract, kind_of

ANOTHER = "end this contract (ends = …) and write a new one under another name"
_COUNTING = (
    "anchor",
    "period",
    "measure",
    "per",
    "unit",
    "weights",
    "usage_per_unit",
    "counts",
    "milestones",
)
"""Fields that say into which period a call falls, and what of it is counted."""


def may_change(
    old: Contract, new: Contract, booked_until: date | None, booked_from: date | None = None
) -> Problem | None:
    """Why a change is refused and what to do instead; None when it is not.

    Args:
        old: as it stands.
        new: as it is wanted.
        booked_until: day of the last call that is booked under it, or has left; None: there is none.
        booked_from: of the first one; None: as `booked_until`.
    """
    if booked_until is None:
        return None
    first = booked_until if booked_from is None else booked_from

    def refused(field: str, message: str, fix: str) -> Problem:
        return Problem(old.name, field, message, fix)

    for field, was, becomes in (
        ("kind", kind_of(old), kind_of(new)),
        ("provider", old.provider, new.provider),
        ("name", old.name, new.name),
    ):
        if was != becomes:
            message = f"calls are booked under it: its {field} cannot change from {was!r} to {becomes!r}"
            return refused(field, message, ANOTHER)
    if new.starts is not None and new.starts > first:
        message = f"calls are booked under it since {first}: it cannot start on {new.starts}"
        return refused("starts", message, f"write starts = {first} or earlier, or {ANOTHER}")
    if new.ends is not None and new.ends < booked_until:
        message = f"calls are booked under it until {booked_until}: it cannot end on {new.ends}"
        return refused("ends", message, f"write ends = {booked_until} or later")
    if new.since is not None and old != new and new.since <= booked_until:
        fix = "leave since out: then the new terms hold from now on; or write a later day"
        message = f"calls are booked until {booked_until} under the terms before: since cannot be {new.since}"
        return refused("since", message, fix)
    changed = [name for name in _COUNTING if getattr(old, name, None) != getattr(new, name, None)]
    if new.anchor == "starts" and old.starts != new.starts:
        changed.append("starts")
    for field in changed:
        message = (
            f"calls are booked under it: {field} = {_said(getattr(new, field))} instead of "
            f"{_said(getattr(old, field))} would count them anew"
        )
        return refused(field, message, ANOTHER)
    return None


def _said(value: object) -> str:
    if isinstance(value, dict) and value:
        return f"{{ {', '.join(f'{key} = {inner}' for key, inner in value.items())} }}"
    if isinstance(value, tuple) and value:
        return f"these {len(value)}"
    return "nothing" if value in (None, {}, ()) else repr(str(value))
