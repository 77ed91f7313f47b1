"""Keeps the books in order while an installation runs: months made ahead, days sealed when they are over."""

from __future__ import annotations

import logging
from functools import partial

import asyncpg

from rechenwerk.base.loops import repeat
from rechenwerk.office.access import Office
from rechenwerk.store.months import make_months

_log = logging.getLogger("rechenwerk.keeper")
_EVERY = 300.0
"""Seconds between two looks."""


async def keep_books(office: Office, pool: asyncpg.Pool) -> None:
    """Look after the books for ever; what fails is tried again at the next look.

    Args:
        office: with its signing key.
        pool: connections to the installation's database.
    """
    await repeat(partial(tend, office, pool), _EVERY, _log, "the books could not be tended")


async def tend(office: Office, pool: asyncpg.Pool) -> None:
    """One look: make the months that calls will need, seal the days that are over."""
    await make_months(pool, office.now())
    if office.signing is not None:
        done = await office.desk.seals.seal(office.now(), office.signing.key)
        if done.seals:
            _log.info("%d days sealed with %d leaves", done.seals, done.leaves)
