"""A worker for documents: reads what was uploaded, finds values in it, asks models at the public endpoint.

Run as ``python -m rechenwerk.main_documents``, or `rechenwerk docs worker`. There may be many, on many hosts,
over one database; each needs the installation's secret key, which opens the documents. It is the only
process that
loads readers of documents; the readers themselves run in a process of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import secrets
import signal
import sys
from pathlib import Path

import asyncpg
import httpx2

from rechenwerk.base.errors import RechenwerkError, SetupError
from rechenwerk.base.privacy import hide_process
from rechenwerk.base.settings import Settings, read_settings
from rechenwerk.documents.asking import Endpoint, JobAsker
from rechenwerk.documents.job_ports import Claimed
from rechenwerk.documents.vault import Vault
from rechenwerk.documents.working import Pace, Worker
from rechenwerk.identity.secrets import secret_box
from rechenwerk.main_documents_office import JobKeys
from rechenwerk.main_documents_parts import open_parts
from rechenwerk.store.control import open_desk
from rechenwerk.store.documents.desk import open_documents

_CONNECTIONS = 6


async def run(settings: Settings, url: str, models: Path | None, *, parent_pipe: bool) -> int:
    """Work until SIGTERM, SIGINT, or the parent's end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if parent_pipe:
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        loop.create_task(reader.read()).add_done_callback(lambda _: stop.set())
    box = secret_box(settings.secret_key, settings.secret_key_file)
    pace = Pace(at_once=settings.documents_at_once, lease=settings.documents_lease)
    async with (
        asyncpg.create_pool(settings.database_url, min_size=1, max_size=_CONNECTIONS) as pool,
        httpx2.AsyncClient(trust_env=False) as client,
    ):
        desk = open_documents(pool)
        vault = Vault(box, desk.files)
        vault.box  # noqa: B018 - says so where there is none
        endpoint = Endpoint(client, url.rstrip("/"), settings.documents_vectors)

        def asker(claimed: Claimed, key: str) -> JobAsker:
            return JobAsker(endpoint, claimed, key, desk.queue, vault)

        print(json.dumps({"pid": os.getpid()}), flush=True)  # noqa: T201
        async with open_parts(settings, pool, vault, models) as parts:
            keys = JobKeys(open_desk(pool))
            worker = Worker(desk, vault, parts, keys, asker, lambda: secrets.randbits(62), pace)
            work = loop.create_task(worker.run())
            await asyncio.wait({work, loop.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
    return 0


def main() -> int:
    """Entry point of the process."""
    hide_process()
    parser = argparse.ArgumentParser(prog="rechenwerk docs worker", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the public endpoint")
    parser.add_argument("--models", type=Path, help="folder of models; without one scans are not read")
    parser.add_argument("--parent-pipe", action="store_true", help="stop when standard input ends")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = read_settings(os.environ)
        if not settings.database_url:
            raise SetupError("a worker needs a database: RECHENWERK_DATABASE_URL")
        return asyncio.run(run(settings, arguments.url, arguments.models, parent_pipe=arguments.parent_pipe))
    except RechenwerkError as error:
        print(f"rechenwerk: {error}", file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main())
