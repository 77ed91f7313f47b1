"""The process that answers for trained models, on a loopback address that it tells the gateways itself.

Run as ``python -m rechenwerk.main_trained``. Every organisation's provider gets a path of its own that
cannot be guessed: a call reaches the models of the organisation whose gateway row it came by, and no others.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import logging
import os
import secrets
import socket
import sys
from collections.abc import Sequence

import asyncpg
import httpx2
import uvicorn

from rechenwerk.base.errors import ModelRefusedError
from rechenwerk.base.loops import repeat
from rechenwerk.base.settings import Settings
from rechenwerk.documents.learning.serving import Served
from rechenwerk.documents.vault import Vault
from rechenwerk.identity.secrets import secret_box
from rechenwerk.main_child import begin, told_to_end
from rechenwerk.store.documents.files import StoredFiles
from rechenwerk.store.learning import StoredLearning

_log = logging.getLogger("rechenwerk.trained")
_HOST = "127.0.0.1"
_LOOK = 1.0
_ROWS = "select organisation_id, runtime_url from provider where kind = 'trained'"
_VECTORS = """
select runtime_url from provider where kind = 'embedded-embeddings' and runtime_url <> '' limit 1
"""


class Addresses:
    """Which path belongs to which organisation; new at every start.

    Args:
        pool: connections to the installation's database.
        address: where this process listens.
    """

    def __init__(self, pool: asyncpg.Pool, address: str) -> None:
        self._pool = pool
        self._address = address
        self._secret = secrets.token_bytes(32)
        self._known: dict[str, int] = {}

    def organisation(self, path: str) -> int | None:
        """The organisation of a path."""
        return self._known.get(path)

    async def step(self) -> None:
        """Tell the gateways where the models of each organisation are, where they do not know it."""
        for row in await self._pool.fetch(_ROWS):
            organisation = row["organisation_id"]
            path = hmac.new(self._secret, str(organisation).encode(), hashlib.sha256).hexdigest()
            self._known[path] = organisation
            url = f"{self._address}/{path}/v1"
            if row["runtime_url"] != url:
                await self._pool.execute(
                    "update provider set runtime_url = $2 where organisation_id = $1 and kind = 'trained'",
                    organisation,
                    url,
                )


class LocalVectors:
    """Vectors of a text from the embedded models: what a trained model needs of its own machine.

    Args:
        pool: connections to the installation's database, which knows where they listen.
        client: asks them.
    """

    def __init__(self, pool: asyncpg.Pool, client: httpx2.AsyncClient) -> None:
        self._pool = pool
        self._client = client

    async def embed(self, model: str, text: str) -> tuple[Sequence[float], int]:
        """A vector, and the tokens that were read for it. Raises ModelRefusedError."""
        url = await self._pool.fetchval(_VECTORS)
        if not url:
            raise ModelRefusedError(f"the embedded models do not run; {model!r} is needed")
        try:
            answer = await self._client.post(f"{url}/embeddings", json={"model": model, "input": text})
            document = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise ModelRefusedError(f"{model!r} does not answer: {error}") from error
        if answer.status_code != 200:
            raise ModelRefusedError(f"{model!r} refuses: {answer.text[:200]}")
        row: list[float] = document["data"][0]["embedding"]
        return row, int(document["usage"]["prompt_tokens"])


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM, SIGINT, or the parent's end."""
    stop = await told_to_end(parent_pipe=arguments.parent_pipe)
    loop = asyncio.get_running_loop()
    listening = socket.create_server((_HOST, 0))
    async with (
        asyncpg.create_pool(settings.database_url, min_size=1, max_size=3) as pool,
        httpx2.AsyncClient(trust_env=False, timeout=60) as client,
    ):
        address = f"http://{_HOST}:{listening.getsockname()[1]}"
        addresses = Addresses(pool, address)
        await addresses.step()
        vault = Vault(secret_box(settings.secret_key, settings.secret_key_file), StoredFiles(pool))
        app = Served(StoredLearning(pool), vault, LocalVectors(pool, client).embed, addresses.organisation)
        config = uvicorn.Config(app, lifespan="off", ws="none", access_log=False, log_config=None)
        server = uvicorn.Server(config)
        tasks = [
            loop.create_task(server.serve(sockets=[listening])),
            loop.create_task(repeat(addresses.step, _LOOK, _log, "addresses of trained models")),
        ]
        print(json.dumps({"pid": os.getpid(), "url": address}), flush=True)  # noqa: T201
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return 0


def main() -> int:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="rechenwerk.main_trained", description=__doc__)
    return begin(parser, "trained models need", run)


if __name__ == "__main__":
    sys.exit(main())
