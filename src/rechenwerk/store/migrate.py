"""Migrations: numbered SQL files, each applied once, in order; all that are due in one transaction."""

from __future__ import annotations

import hashlib
from importlib import resources

import asyncpg

from rechenwerk.base.errors import SetupError

_LOCK = 0x5EC4E4  # any number; all installations use the same


def _files() -> list[tuple[str, str]]:
    folder = resources.files("rechenwerk.store") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(name, (folder / name).read_text(encoding="utf-8")) for name in names]


async def migrate(connection: asyncpg.Connection) -> list[str]:
    """Bring the database to this version's schema.

    Safe to run from several hosts at once. Returns the names of the files that were applied now.

    Raises:
        SetupError: the database was made by a newer version, or a file that was applied has changed.
    """
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(
            "create table if not exists schema_migration"
            " (name text primary key, sha256 text not null, applied_at timestamptz not null default now())"
        )
        done = {
            row["name"]: row["sha256"]
            for row in await connection.fetch("select name, sha256 from schema_migration")
        }
        files = _files()
        strangers = sorted(set(done) - {name for name, _ in files})
        if strangers:
            raise SetupError(
                f"the database has the schema of a newer Rechenwerk ({strangers[-1]}); install that version"
            )
        applied = []
        for name, text in files:
            digest = hashlib.sha256(text.encode()).hexdigest()
            if name not in done:
                await connection.execute(text)
                await connection.execute("insert into schema_migration values ($1, $2)", name, digest)
                applied.append(name)
            elif done[name] != digest:
                raise SetupError(
                    f"migration {name} was changed after it was applied; restore the file as it was released"
                )
    return applied
