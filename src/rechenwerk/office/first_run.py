"""The first start: an organisation, a project and an admin's key, and the embedded models."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from rechenwerk.base.clock import Clock, SystemClock
from rechenwerk.base.money import NANO
from rechenwerk.identity.keys import ROLES, SCOPES, hash_key, hint, new_key, new_token
from rechenwerk.office.config import diff, parse
from rechenwerk.office.people.ports import NewInvitation
from rechenwerk.office.ports import OPERATOR, Desk, Founding, Guard, NewKey

_BUDGET = 100 * NANO
_LINK = timedelta(days=7)


class FirstRun(msgspec.Struct, frozen=True):
    """What was made; `key` and `invitation` are shown once and stored nowhere.

    Attributes:
        invitation: token of a link that makes somebody the installation's operator.
    """

    organisation: str
    project: str
    key_name: str
    key: str
    invitation: str


async def first_run(
    desk: Desk,
    default_toml_text: str,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    clock: Clock | None = None,
) -> FirstRun | None:
    """Set up a new installation; None when there is an organisation besides the operator's.

    Safe to repeat and to run from several processes: the founding is one transaction, and only one wins.

    Args:
        desk: the office's storage.
        default_toml_text: the configuration to start with.
        random_bytes: a cryptographic source.
        clock: wall time; None: the system's.
    """
    if any(one.id != OPERATOR for one in await desk.tenants.organisations()):
        return None
    wanted = parse(default_toml_text)
    await desk.configuration.apply(OPERATOR, lambda current: diff(current, wanted))
    key = new_key(random_bytes)
    scopes = tuple(scope for scope in SCOPES if scope not in ROLES | {"audit"})
    founding = Founding(
        organisation="default",
        project="default",
        budget=Guard("money", "month", _BUDGET),
        key=NewKey("admin", hash_key(key.encode()), hint(key), scopes),
    )
    if not await desk.tenants.found(founding):
        return None
    token = new_token(random_bytes)
    now = datetime.fromtimestamp((clock or SystemClock()).now(), UTC)
    await desk.people.invite(await _first_invitation(desk, founding, token, now))
    return FirstRun(founding.organisation, founding.project, founding.key.name, key, token)


async def _first_invitation(desk: Desk, founding: Founding, token: str, now: datetime) -> NewInvitation:
    organisation = await desk.tenants.organisation(founding.organisation)
    assert organisation is not None
    project = await desk.tenants.project_id(organisation.id, founding.project)
    assert project is not None
    return NewInvitation(
        organisation.id, hash_key(token.encode()), "operator", project, None, "first start", now, now + _LINK
    )
