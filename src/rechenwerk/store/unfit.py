"""What PostgreSQL cannot hold: numbers beyond its own, days beyond its calendar, zero bytes in texts."""

from __future__ import annotations

import asyncpg

from rechenwerk.office.ports import Unfit


def _reason(error: Exception) -> str | None:
    if isinstance(error, asyncpg.CharacterNotInRepertoireError):
        return "a text with a character that is none"
    cause = error.__cause__
    if isinstance(cause, UnicodeError):
        return "a text with a character that is none"
    return f"a {cause}" if isinstance(cause, OverflowError) else None


UNFIT = Unfit(asyncpg.DataError, _reason)
