"""A gateway before a fake in one loop, and clients that write their own bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from rechenwerk.base.settings import Settings
from rechenwerk.main_gateway import Gateway
from rechenwerk.providers.transport import Pool
from tests import installation
from tests.fakes.provider import FakeProvider
from tests.flows.cloud import fake_config, knows, until
from tests.installation import Tenant, Town

CHAT = "/v1/chat/completions"


@dataclass
class Answer:
    """One answer as it came."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> Any:
        return self.json["error"]["code"]


class Client:
    """A connection that a test writes to and reads from byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, *, head_only: bool = False) -> Answer:
        """Read one answer: by length, by chunks, or to the end of the connection."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = (line.partition(":") for line in head[1:] if line)
            answer = Answer(int(head[0].split()[1]), {name.lower(): text.strip() for name, _, text in fields})
            if head_only or answer.status < 200:
                return answer
            if "content-length" in answer.headers:
                answer.body = await self.reader.readexactly(int(answer.headers["content-length"]))
            elif "transfer-encoding" in answer.headers:
                while chunk := await self.chunk():
                    answer.body += chunk
            else:
                answer.body = await self.reader.read()
        return answer

    async def chunk(self) -> bytes:
        """One chunk of a chunked answer; empty at its end."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def ended(self) -> bool:
        """Wait until the other side has closed; whether nothing came before."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True

    def vanish(self) -> None:
        """Hang up with RST, in the middle of whatever is going on."""
        self.writer.transport.abort()


@dataclass
class House:
    """What a test needs to see both sides of the gateway."""

    town: Town
    gateway: Gateway
    fake: FakeProvider
    tenant: Tenant
    port: int
    clients: list[Client] = field(default_factory=list)

    async def client(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20))
        self.clients.append(client)
        return client

    def post(self, *lines: str, path: str = CHAT, length: bool = True, **fields: Any) -> bytes:
        """A whole request of the tenant; further header lines, and fields of the body."""
        body = json.dumps(
            {
                "model": "fake-model",
                "messages": [{"role": "user", "content": "hello there"}],
                "max_tokens": 5,
                **fields,
            }
        ).encode()
        sized = (f"content-length: {len(body)}",) if length else ()
        return self.head(*sized, *lines, path=path) + (body if length else b"")

    def head(self, *lines: str, method: str = "POST", path: str = CHAT, version: str = "1.1") -> bytes:
        fields = ("host: gateway", f"authorization: Bearer {self.tenant.key}", *lines)
        return "\r\n".join((f"{method} {path} HTTP/{version}", *fields, "", "")).encode()

    def get(self, path: str, *lines: str, method: str = "GET") -> bytes:
        return self.head(*lines, method=method, path=path)

    @property
    def pool(self) -> Pool:
        (upstream,) = self.gateway.upstreams._upstreams.values()
        return upstream.pool

    async def idle(self) -> None:
        """Wait until nothing is left of any call: no client, no request, no busy or lost connection."""
        server, pool = self.gateway.server, self.pool
        await until(lambda: not server.connections and not server.serving)
        await until(lambda: pool.open_connections == len(pool._idle))
        await until(lambda: self.fake.stats()["open"] == 0)
        assert self.fake.stats()["connections"] == pool.open_connections
        await until(lambda: self.gateway.till.waiting == 0)


@asynccontextmanager
async def open_house(
    url: str, settings: Settings | None = None, configuration: str | None = None
) -> AsyncIterator[House]:
    """Everything in this loop. `configuration`: with ``{url}`` for the fake's address."""
    async with FakeProvider() as fake, installation.town(url) as town:
        text = fake_config(fake) if configuration is None else configuration.replace("{url}", fake.base_url)
        await town.configure(text)
        tenant = await town.tenant()
        async with installation.gateway(url, settings) as (gateway, address):
            await knows(gateway, tenant)
            house = House(town, gateway, fake, tenant, int(address.rpartition(":")[2]))
            try:
                yield house
            finally:
                for client in house.clients:
                    client.vanish()
