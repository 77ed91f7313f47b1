"""`python -m bench.chaos_run URL CALLS SEED`: the tests' chaos flow on a new database, as one line of JSON.

A program of its own, because it needs what the tests need, and the other benches do not.
"""

from __future__ import annotations

import asyncio
import sys
from urllib.parse import urlsplit

import asyncpg
import msgspec
from tests.chaos import run

from bench.chaos import Found
from rechenwerk.store.migrate import migrate

DATABASE = "chaos"
SHOWN = 3


async def fresh(server: str) -> str:
    """The address of a new, migrated database on the same server."""
    connection = await asyncpg.connect(server)
    await connection.execute(f"create database {DATABASE}")
    await connection.close()
    address = urlsplit(server)._replace(path=f"/{DATABASE}").geturl()
    connection = await asyncpg.connect(address)
    await migrate(connection)
    await connection.close()
    return address


def main(server: str, calls: int, seed: int) -> None:
    tally = run(asyncio.run(fresh(server)), calls, seed)
    wrong = [*tally.lost, *tally.doubled, *tally.unbooked, *tally.wrong_proofs]
    found = Found(
        calls=tally.calls,
        seconds=tally.seconds,
        lost=len(tally.lost),
        doubled=len(tally.doubled),
        unbooked=len(tally.unbooked),
        wrong_proofs=len(tally.wrong_proofs),
        failovers=tally.failovers,
        whole=tally.ends["whole"],
        faults=tally.faults.total() - tally.faults["none"],
        wrong=wrong[:SHOWN],
    )
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
