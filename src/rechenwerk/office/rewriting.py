"""What may not change in a contract under which calls are booked: that would rewrite them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from rechenwerk.contracts.terms import Contract as Terms
from rechenwerk.office.ports import Contract

_ANOTHER = "end this contract (ends = …) and write a new one under another name"
_PERIODS = ("anchor", "period", "measure", "per", "unit")
"""Fields that say into which period a call falls, and what of it is counted."""


def rewrites(before: Contract, after: Contract, first: datetime, last: datetime) -> tuple[str, str] | None:
    """Why a change is refused, and what to do instead; None when it is not.

    Args:
        before: as it stands.
        after: as the file wants it.
        first: hour of the first call that is booked under it, or has left.
        last: of the last one.
    """
    days = (first.astimezone(UTC).date(), last.astimezone(UTC).date())
    for field in ("kind", "provider"):
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            return f"calls are booked under it: its {field} cannot change from {old!r} to {new!r}", _ANOTHER
    old_terms, new_terms = before.terms, after.terms
    if new_terms.starts is not None and new_terms.starts > days[0]:
        fix = f"write starts = {days[0]} or earlier, or {_ANOTHER}"
        return f"calls are booked under it since {days[0]}: it cannot start on {new_terms.starts}", fix
    if new_terms.ends is not None and new_terms.ends < days[1]:
        fix = f"write ends = {days[1]} or later"
        return f"calls are booked under it until {days[1]}: it cannot end on {new_terms.ends}", fix
    if new_terms.since is not None and old_terms != new_terms and new_terms.since <= days[1]:
        fix = "leave since out: then the new terms hold from now on; or write a later day"
        return (
            f"calls are booked until {days[1]} under the terms before: since cannot be {new_terms.since}",
            fix,
        )
    for field in _changed_periods(old_terms, new_terms):
        old, new = getattr(old_terms, field), getattr(new_terms, field)
        message = (
            f"calls are booked under it: {field} = {_said(new)} instead of {_said(old)} would count them"
        )
        return f"{message} anew", _ANOTHER
    return None


def _changed_periods(old: Terms, new: Terms) -> list[str]:
    changed = [one for one in _PERIODS if getattr(old, one, None) != getattr(new, one, None)]
    if new.anchor == "starts" and old.starts != new.starts:
        changed.append("starts")
    return changed


def _said(value: object) -> str:
    return "nothing" if value is None else repr(str(value))
