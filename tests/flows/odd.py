"""A provider that answers whatever a test tells it to, behind a gateway, under the name of every dialect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import msgspec

from rechenwerk.base.settings import Settings
from rechenwerk.main_gateway import Gateway
from tests.caller import Line, Reply, ask
from tests.flows.cloud import knows, settled, until
from tests.flows.several import KEYS
from tests.installation import Tenant, Town, town

KINDS = ("openai-compatible", "anthropic", "gemini", "bedrock")
SPLICED_NOWHERE = frozenset({"openai"})
"""Kinds whose provider knows the model by the client's name: a body may pass without a change."""
_ENDS = {"gemini": "/v1beta", "bedrock": ""}
_PROVIDER = """
[[provider]]
name = "{kind}"
kind = "{kind}"
base_url = "{url}{end}"
{key}
[[contract]]
name = "{kind}"
provider = "{kind}"
kind = "on-demand"
[[deployment]]
model = "{kind}"
provider = "{kind}"
contract = "{kind}"
upstream = "{upstream}"
endpoints = {endpoints}
context_tokens = 8000
max_output_tokens = 512
{more}
cost = {{ input = "1", output = "2", requests = "0.01" }}
[[tariff]]
model = "{kind}"
price = {{ input = "1.50", output = "3", requests = "0.02" }}
"""
QUICK = Settings(
    grace=0.2,
    attempts=1,
    breaker_failures=1_000_000,
    first_byte_timeout=1.0,
    between_bytes_timeout=1.0,
    drain_timeout=0.5,
)


@dataclass
class Seen:
    """A request as it came."""

    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Odd:
    """Says `says`, write by write, to every request; then hangs up if told so."""

    says: Sequence[bytes] = ()
    hangs_up: bool = True
    seen: list[Seen] = field(default_factory=list)

    def whole(self, body: bytes, status: int = 200, kind: bytes = b"application/json") -> None:
        """An answer with a length."""
        head = b"HTTP/1.1 %d X\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (status, kind, len(body))
        self.says, self.hangs_up = [head + body], False

    def stream(self, *chunks: bytes, kind: bytes = b"text/event-stream", whole: bool = True) -> None:
        """A stream that ends in order, or with the connection."""
        head = b"HTTP/1.1 200 X\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n" % kind
        pieces = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks if chunk]
        self.says, self.hangs_up = [head, *pieces, *([b"0\r\n\r\n"] if whole else [])], not whole

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with suppress(OSError, EOFError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = [
                    (name.lower(), text.strip())
                    for name, _, text in (one.partition(":") for one in head[1:-2])
                ]
                length = int(dict(fields).get("content-length", "0"))
                self.seen.append(Seen(head[0].split(" ")[1], fields, await reader.readexactly(length)))
                for piece in self.says:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if self.hangs_up:
                    break
        writer.close()


@dataclass
class OddHouse:
    """Both sides of the gateway. Each kind of provider serves the model of its name."""

    town: Town
    gateway: Gateway
    address: str
    tenant: Tenant
    provider: Odd

    async def ask(self, path: str, body: dict[str, Any]) -> Reply:
        """One call."""
        return await ask(self.address, self.tenant.key, body, path)

    async def raw(self, path: str, body: bytes, headers: bytes = b"") -> Reply:
        """One call whose body, and further header lines, are just these bytes."""
        head = b"POST %b HTTP/1.1\r\nhost: h\r\nauthorization: Bearer %b\r\nconnection: close\r\n" % (
            path.encode(),
            self.tenant.key.encode(),
        )
        reader, writer = await asyncio.open_connection(*self.address.removeprefix("http://").split(":"))
        writer.write(b"%b%bcontent-length: %d\r\n\r\n%b" % (head, headers, len(body), body))
        answer = await reader.read()
        writer.close()
        top, _, rest = answer.partition(b"\r\n\r\n")
        return Reply(int(top.split()[1]), {}, rest)

    def line(self) -> Line:
        """A connection."""
        return Line(self.address)

    async def booked(self, number: int) -> list[asyncpg.Record]:
        """All bookings once there are so many; nothing may be left of any call."""
        rows = await settled(self.town, self.tenant, number)
        await until(lambda: not self.gateway.server.serving)
        assert all(not health.outstanding for _, health in self.gateway.tenants._fleet.healths)
        assert self.gateway.till.lost_posts == 0
        await self.town.assert_books_verify(self.tenant.organisation)
        return rows


@asynccontextmanager
async def odd_house(
    url: str, *kinds: str, settings: Settings = QUICK, more: str = "", endpoints: Sequence[str] = ("chat",)
) -> AsyncIterator[OddHouse]:
    """Everything in this loop. `more`: lines of every deployment."""
    provider = Odd()
    async with AsyncExitStack() as stack:
        server = await asyncio.start_server(provider.serve, "127.0.0.1", 0, limit=1 << 25)
        stack.callback(server.close)
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        there = await stack.enter_async_context(town(url))
        tables = [
            _PROVIDER.format(
                kind=kind,
                upstream=kind if kind in SPLICED_NOWHERE else "a-model",
                url=base,
                end=_ENDS.get(kind, "/v1"),
                key=f'api_key_env = "{next(iter(KEYS))}"',
                more=more,
                endpoints=json.dumps(list(endpoints)),
            )
            for kind in kinds or KINDS
        ]
        await there.configure('currency = "EUR"\n' + "".join(tables))
        tenant = await there.tenant()
        gateway = Gateway(msgspec.structs.replace(settings, database_url=url), KEYS, "test")
        port = await gateway.start("127.0.0.1", 0, shared=False)
        stack.push_async_callback(gateway.stop)
        await knows(gateway, tenant)
        yield OddHouse(there, gateway, f"http://127.0.0.1:{port}", tenant, provider)


PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}


def body_of(client: str, model: str, text: str = "hello", **more: Any) -> dict[str, Any]:
    """A small request in a client's dialect."""
    if client == "responses":
        return {"model": model, "input": text, "max_output_tokens": 9, "store": False, **more}
    return {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 9, **more}
