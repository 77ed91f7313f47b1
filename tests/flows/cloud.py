"""A whole data plane in a thread of its own, for clients that block: town, gateway, and who serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg
import httpx2

from rechenwerk.base.ids import encode_call
from rechenwerk.base.settings import Settings
from rechenwerk.main_gateway import Gateway
from rechenwerk.providers.embedded_child import Embedded
from tests import installation
from tests.fakes.provider import FakeProvider
from tests.installation import CONFIG, Tenant, Town
from tests.threads import in_thread

T = TypeVar("T")
TICK = 0.005
EMBEDDED_CONFIG = """
currency = "EUR"
[[provider]]
name = "llama"
kind = "embedded"
[[provider]]
name = "potion"
kind = "embedded-embeddings"
[[contract]]
name = "llama on demand"
provider = "llama"
kind = "on-demand"
[[contract]]
name = "potion on demand"
provider = "potion"
kind = "on-demand"
[[deployment]]
model = "smollm2-135m"
provider = "llama"
contract = "llama on demand"
endpoints = ["chat", "completions"]
context_tokens = 1024
max_output_tokens = 256
cost = { input = "1.00", cached_input = "0.50", output = "2.00" }
[[deployment]]
model = "potion-multilingual"
provider = "potion"
contract = "potion on demand"
endpoints = ["embeddings"]
context_tokens = 8192
max_output_tokens = 0
cost = { input = "0.10" }
[[tariff]]
model = "smollm2-135m"
price = { input = "1.50", cached_input = "0.75", output = "3.00" }
[[tariff]]
model = "potion-multilingual"
price = { input = "0.20" }
"""


class Cloud:
    """A gateway with its town; `run` does work in their loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, town: Town, gateway: Gateway, address: str) -> None:
        self._loop = loop
        self.town = town
        self.gateway = gateway
        self.address = address

    def run(self, work: Coroutine[Any, Any, T], timeout: float = 30) -> T:
        """Do work in the loop of the gateway and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def tenant(self, name: str, **fields: Any) -> Tenant:
        """A new tenant whose key the gateway knows."""
        return self.run(self._tenant(name, fields))

    async def _tenant(self, name: str, fields: dict[str, Any]) -> Tenant:
        tenant = await self.town.tenant(name, **fields)
        await knows(self.gateway, tenant)
        return tenant

    def calls(self, tenant: Tenant, number: int) -> list[asyncpg.Record]:
        """The tenant's booked calls, once there are so many and none is open; the books must verify."""
        return self.run(self._calls(tenant, number))

    async def _calls(self, tenant: Tenant, number: int) -> list[asyncpg.Record]:
        rows = await settled(self.town, tenant, number)
        await self.town.assert_books_verify(tenant.organisation)
        return rows


async def until(condition: Callable[[], bool], timeout: float = 10) -> None:
    """Wait for a condition, asked again every few milliseconds: the cores are for those who work."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(TICK)


async def knows(gateway: Gateway, tenant: Tenant) -> None:
    """Wait until a gateway has heard of a key."""
    await until(lambda: gateway.tenants.tenant(tenant.key.encode()) is not None)


async def settled(town: Town, tenant: Tenant, number: int, *, timeout: float = 20) -> list[asyncpg.Record]:
    """Wait until a tenant has so many booked calls and no open hold; returns the calls."""
    async with asyncio.timeout(timeout):
        while True:
            rows = await town.pool.fetch(
                "select * from call where organisation_id = $1 order by id", tenant.organisation
            )
            holds = await town.pool.fetchval(
                "select count(*) from hold where organisation_id = $1", tenant.organisation
            )
            if len(rows) >= number and not holds:
                assert len(rows) == number
                return rows
            await asyncio.sleep(TICK)


@contextmanager
def running_cloud(
    url: str, configuration: str, runtime: Mapping[str, str] | None = None, settings: Settings | None = None
) -> Iterator[Cloud]:
    """A cloud in its own thread and loop.

    Args:
        url: of a fresh database.
        configuration: a rechenwerk.toml.
        runtime: kind of an embedded provider -> its address.
        settings: of the gateway.
    """
    with in_thread("cloud", _cloud(url, configuration, runtime or {}, settings), 60) as cloud:
        yield cloud


@asynccontextmanager
async def _cloud(
    url: str, configuration: str, runtime: Mapping[str, str], settings: Settings | None
) -> AsyncIterator[Cloud]:
    async with installation.town(url) as town:
        await town.configure(configuration)
        for kind, address in runtime.items():
            await town.pool.execute("update provider set runtime_url = $1 where kind = $2", address, kind)
        async with installation.gateway(url, settings) as (gateway, address):
            yield Cloud(asyncio.get_running_loop(), town, gateway, address)


@dataclass
class Site:
    """A cloud with one kind of provider behind it, and what that provider says it produced."""

    cloud: Cloud
    model: str
    vectors: str
    fake: FakeProvider | None = None
    child: Embedded | None = None

    def tokens(self, text: str) -> int:
        """How many tokens the provider's tokenizer sees in a text."""
        url = self.fake.url if self.fake else self.child.chat_url if self.child else ""
        reply = httpx2.post(f"{url}/tokenize", json={"content": text})
        return len(reply.json()["tokens"])

    def said(self, text: str, finish: str | None) -> int:
        """How many tokens it took to say that: llama.cpp counts the end token, the fake has none."""
        return self.tokens(text) + (self.child is not None and finish == "stop")

    def prompt(self, messages: list[Any]) -> int:
        """How many tokens a plain chat's prompt has."""
        if self.fake is not None:
            return sum(3 + len(message["content"].split()) for message in messages)
        assert self.child is not None
        reply = httpx2.post(f"{self.child.chat_url}/apply-template", json={"messages": messages})
        return self.tokens(reply.json()["prompt"])

    def booked(self, tenant: Tenant, prompt: int | None, produced: int | None) -> asyncpg.Record:
        """The tenant's only call is posted with these tokens, and with what the fake really made."""
        (call,) = self.cloud.calls(tenant, 1)
        assert call["outcome"] == "posted", dict(call)
        assert call["price"] > 0
        assert call["price"] == call["charged"]
        found = tokens_of(call)
        if self.fake is not None:
            record = self.fake.produced.find(encode_call(call["id"]))
            assert found == (record.prompt_tokens, record.completion_tokens)
            assert record.finished
        if prompt is not None:
            assert found[0] == prompt
        if produced is not None:
            assert found[1] == produced
        return call


def tokens_of(call: asyncpg.Record) -> tuple[int, int]:
    """All tokens in and all tokens out of a booked call."""
    into: int = call["input"] + call["cached_input"] + call["cache_write"]
    out: int = call["output"] + call["reasoning"]
    return into, out


def fake_config(fake: FakeProvider) -> str:
    """The configuration that puts a fake behind the gateway."""
    return CONFIG.format(url=fake.base_url, kind="openai-compatible")


def runtime_of(child: Embedded) -> dict[str, str]:
    """Where the embedded providers are."""
    return {"embedded": f"{child.chat_url}/v1", "embedded-embeddings": f"{child.embeddings_url}/v1"}
