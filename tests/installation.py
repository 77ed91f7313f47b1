"""A small installation for flow tests: tenants, a configuration, gateways in this loop or as processes."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from rechenwerk.base.settings import Settings
from rechenwerk.identity.keys import hash_key, hint, new_key
from rechenwerk.main_gateway import Gateway
from rechenwerk.office.config import diff, parse
from rechenwerk.office.ports import OPERATOR, Desk, Guard, NewKey
from rechenwerk.store.control import open_desk
from tests.proving import broken

CONFIG = """
currency = "EUR"
[[provider]]
name = "fake"
kind = "{kind}"
base_url = "{url}"
[[contract]]
name = "fake on demand"
provider = "fake"
kind = "on-demand"
[[deployment]]
model = "fake-model"
provider = "fake"
contract = "fake on demand"
endpoints = ["chat", "completions", "embeddings"]
context_tokens = 8000
max_output_tokens = 512
cost = {{ input = "1.00", cached_input = "0.50", output = "2.00" }}
[[tariff]]
model = "fake-model"
price = {{ input = "1.50", cached_input = "0.75", output = "3.00" }}
"""
"""Per million tokens: a call of 10 tokens in and 20 out costs 0.00005 and sells for 0.000075 EUR."""


@dataclass
class Tenant:
    """A project of an organisation with one key."""

    organisation: int
    project: int
    key_id: int
    key: str


class Town:
    """An installation's database with its desk."""

    def __init__(self, url: str, pool: asyncpg.Pool) -> None:
        self.url = url
        self.pool = pool
        self.desk: Desk = open_desk(pool)

    async def configure(self, text: str, organisation: int = OPERATOR) -> None:
        """Apply a configuration."""
        wanted = parse(text)
        await self.desk.configuration.apply(organisation, lambda current: diff(current, wanted))

    async def tenant(
        self,
        name: str = "town",
        *,
        project: tuple[Guard, ...] = (),
        key: tuple[Guard, ...] = (),
        scopes: tuple[str, ...] = ("inference",),
        expires_at: datetime | None = None,
    ) -> Tenant:
        """Make an organisation with a project and a key; guards as (unit, period, amount, hard)."""
        organisation = await self.desk.tenants.create_organisation(name)
        project_id = await self.desk.tenants.create_project(organisation.id, "project")
        await self.desk.tenants.guard_project(organisation.id, project_id, project)
        return await self.add_key(
            organisation.id, project_id, guards=key, scopes=scopes, expires_at=expires_at
        )

    async def add_key(
        self,
        organisation: int,
        project: int,
        *,
        guards: tuple[Guard, ...] = (),
        scopes: tuple[str, ...] = ("inference",),
        expires_at: datetime | None = None,
    ) -> Tenant:
        """Make a key in a project."""
        key = new_key(secrets.token_bytes)
        row = NewKey(
            f"key {secrets.token_hex(4)}", hash_key(key.encode()), hint(key), scopes, expires_at, guards
        )
        key_id = await self.desk.tenants.create_key(organisation, project, row)
        return Tenant(organisation, project, key_id, key)

    async def revoke(self, tenant: Tenant) -> None:
        """Revoke the tenant's key."""
        await self.desk.tenants.revoke_key(tenant.organisation, tenant.key_id, datetime.now(UTC))

    async def settled(self, calls: int, *, timeout: float = 20) -> list[asyncpg.Record]:
        """Wait until so many calls are booked and no hold is open; returns the calls."""
        async with asyncio.timeout(timeout):
            while True:
                # Holds first: one that turns into a call in between is then seen as a call.
                open_holds = await self.pool.fetchval("select count(*) from hold")
                rows = await self.pool.fetch("select * from call order by id")
                if len(rows) >= calls and not open_holds:
                    return rows
                await asyncio.sleep(0)

    async def assert_books_verify(self, organisation: int) -> None:
        """Every proof of the books holds."""
        wrong = await broken(self.desk, organisation)
        assert not wrong, wrong


ONE_TRY = Settings(grace=2.0, attempts=1, breaker_failures=1_000_000)
"""A call is tried once, and no breaker comes between: for tests of what one attempt comes to."""


@asynccontextmanager
async def town(url: str) -> AsyncIterator[Town]:
    """Open an installation's database."""
    pool = await asyncpg.create_pool(url, min_size=1, max_size=4)
    try:
        yield Town(url, pool)
    finally:
        await pool.close()


@asynccontextmanager
async def gateway(url: str, settings: Settings | None = None) -> AsyncIterator[tuple[Gateway, str]]:
    """A gateway in this loop; yields it and its address."""
    chosen = settings or ONE_TRY
    built = Gateway(_with_url(chosen, url), {}, "test")
    port = await built.start("127.0.0.1", 0, shared=False)
    try:
        yield built, f"http://127.0.0.1:{port}"
    finally:
        await built.stop()


def _with_url(settings: Settings, url: str) -> Settings:
    fields = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return Settings(**{**fields, "database_url": url})


class Process:
    """A gateway in a process of its own."""

    def __init__(self, url: str, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rechenwerk.main_gateway", "--port", "0", "--parent-pipe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "RECHENWERK_DATABASE_URL": url, **environment},
        )
        assert self.process.stdout is not None
        self.address: str = json.loads(self.process.stdout.readline())["url"]

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=60)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def gateway_process(url: str, **environment: str) -> Iterator[Process]:
    """Run a gateway process; settings as environment variables without the prefix, such as SILENCE="1"."""
    process = Process(url, {f"RECHENWERK_{name}": value for name, value in environment.items()})
    try:
        yield process
    finally:
        process.stop()
