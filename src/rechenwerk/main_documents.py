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
import sys
from pathlib import Path

import asyncpg
import httpx2

from rechenwerk.base.loops import repeat
from rechenwerk.base.settings import Settings
from rechenwerk.documents.asking import Endpoint, JobAsker
from rechenwerk.documents.clashing import reckon_ended
from rechenwerk.documents.job_ports import Claimed
from rechenwerk.documents.sealing import RowSeal
from rechenwerk.documents.vault import Vault
from rechenwerk.documents.working import Pace, Worker
from rechenwerk.identity.secrets import secret_box
from rechenwerk.main_child import begin, told_to_end
from rechenwerk.main_documents_office import JobKeys
from rechenwerk.main_documents_parts import open_parts
from rechenwerk.store.control import open_desk
from rechenwerk.store.documents.desk import open_documents

_CONNECTIONS = 6
_RECKON = 2.0
"""Seconds between two looks for jobs that have ended."""
_log = logging.getLogger("rechenwerk.documents")


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Work until SIGTERM, SIGINT, or the parent's end."""
    stop = await told_to_end(parent_pipe=arguments.parent_pipe)
    loop = asyncio.get_running_loop()
    box = secret_box(settings.secret_key, settings.secret_key_file)
    pace = Pace(at_once=settings.documents_at_once, lease=settings.documents_lease)
    async with (
        asyncpg.create_pool(settings.database_url, min_size=1, max_size=_CONNECTIONS) as pool,
        httpx2.AsyncClient(trust_env=False) as client,
    ):
        desk = open_documents(pool, RowSeal(box))
        vault = Vault(box, desk.files)
        vault.box  # noqa: B018 - says so where there is none
        endpoint = Endpoint(client, arguments.url.rstrip("/"), settings.documents_vectors)

        def asker(claimed: Claimed, key: str) -> JobAsker:
            return JobAsker(endpoint, claimed, key, desk.queue, vault)

        print(json.dumps({"pid": os.getpid()}), flush=True)  # noqa: T201
        async with open_parts(settings, pool, vault, arguments.models) as parts:
            keys = JobKeys(open_desk(pool))
            worker = Worker(desk, vault, parts, keys, asker, lambda: secrets.randbits(62), pace)
            reckon = repeat(lambda: reckon_ended(desk, vault), _RECKON, _log, "facts are held up")
            work = [loop.create_task(one) for one in (worker.run(), reckon)]
            await asyncio.wait({*work, loop.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
            for one in work:
                one.cancel()
            await asyncio.gather(*work, return_exceptions=True)
    return 0


def main() -> int:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="rechenwerk docs worker", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the public endpoint")
    parser.add_argument("--models", type=Path, help="folder of models; without one scans are not read")
    return begin(parser, "a worker needs", run)


if __name__ == "__main__":
    sys.exit(main())
