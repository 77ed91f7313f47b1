"""The hard rule of residency: data goes nowhere that its class forbids."""

from __future__ import annotations

from rechenwerk.base.reasons import Reason, reason
from rechenwerk.routing.ports import GROUPS, LEVELS, LOCAL, DataClass


def forbids(data_class: DataClass, jurisdiction: str, level: str) -> Reason | None:
    """Why data of this class may not go to a deployment; None when it may.

    A deployment in a group ("EU") stands anywhere in it, so all of the group must be allowed. `LOCAL` is
    allowed wherever the class points, because the data is there already; the level counts nonetheless. A
    level that is not among `LEVELS` protects nothing, and a class that asks for one is met by nobody.

    Args:
        data_class: of the project.
        jurisdiction: of the deployment; empty when unknown.
        level: of the deployment.
    """
    allowed = data_class.jurisdictions
    if (
        allowed
        and jurisdiction not in allowed
        and jurisdiction != LOCAL
        and not _within(jurisdiction, allowed)
    ):
        code = "class_place" if jurisdiction else "class_no_place"
        said = ", ".join(sorted(allowed))
        return reason(code, data_class=data_class.name, allowed=said, place=jurisdiction)
    if _rank(level, 0) < _rank(data_class.level, len(LEVELS)):
        offered = level or "none"
        return reason("class_level", data_class=data_class.name, level=data_class.level, offered=offered)
    return None


def _within(jurisdiction: str, allowed: frozenset[str]) -> bool:
    """Whether a country, or all of a group, lies in what is allowed."""
    groups = [GROUPS[name] for name in allowed if name in GROUPS]
    places = GROUPS.get(jurisdiction)
    if places is None:
        return any(jurisdiction in group for group in groups)
    return places <= allowed.union(*groups)


def _rank(level: str, unknown: int) -> int:
    return LEVELS.index(level) if level in LEVELS else unknown
