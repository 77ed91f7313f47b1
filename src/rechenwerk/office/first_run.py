"""The first start: an organisation, a project and an admin's key, and the embedded models."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import msgspec

from rechenwerk.base.money import NANO
from rechenwerk.identity.keys import ROLES, SCOPES, hash_key, hint, new_key
from rechenwerk.office.config import diff, parse
from rechenwerk.office.ports import OPERATOR, Desk, Founding, Guard, NewKey

_BUDGET = 100 * NANO


class FirstRun(msgspec.Struct, frozen=True):
    """What was made; `key` is shown once and stored nowhere."""

    organisation: str
    project: str
    key_name: str
    key: str


async def first_run(
    desk: Desk, default_toml_text: str, random_bytes: Callable[[int], bytes] = secrets.token_bytes
) -> FirstRun | None:
    """Set up a new installation; None when there is an organisation besides the operator's.

    Safe to repeat and to run from several processes: the founding is one transaction, and only one wins.

    Args:
        desk: the office's storage.
        default_toml_text: the configuration to start with.
        random_bytes: a cryptographic source.
    """
    if any(one.id != OPERATOR for one in await desk.tenants.organisations()):
        return None
    wanted = parse(default_toml_text)
    await desk.configuration.apply(OPERATOR, lambda current: diff(current, wanted))
    key = new_key(random_bytes)
    scopes = tuple(scope for scope in SCOPES if scope not in ROLES)
    founding = Founding(
        organisation="default",
        project="default",
        budget=Guard("money", "month", _BUDGET),
        key=NewKey("admin", hash_key(key.encode()), hint(key), scopes),
    )
    if not await desk.tenants.found(founding):
        return None
    return FirstRun(founding.organisation, founding.project, founding.key.name, key)
