"""What a file wants a configuration to be: read, and checked against what stands elsewhere."""

from __future__ import annotations

from rechenwerk.office.access import Realm
from rechenwerk.office.concentration_routes import check_hard_caps
from rechenwerk.office.config import parse
from rechenwerk.office.grant_projects import check_grant_projects
from rechenwerk.office.ports import Change, Configured
from rechenwerk.office.tariff_ports import Tariff


def leaves(change: Change, wanted: Configured) -> bool:
    """Whether a change takes away what a file says nothing about: not done where it only adds."""
    if change.action != "deactivate":
        return False
    after = change.after
    return not (isinstance(after, Tariff) and any(one.model == after.model for one in wanted.tariffs))


async def wanted_of(realm: Realm, text: str) -> Configured:
    """The configuration that a file wants in a realm.

    Raises:
        MistakesError: what is wrong, line by line.
    """
    wanted = parse(text)
    await check_hard_caps(realm, wanted)
    await check_grant_projects(realm, wanted)
    return wanted
