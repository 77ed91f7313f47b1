"""Several fakes behind one model, and a gateway in the same loop: for tests of what happens between them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import asyncpg
import msgspec

from rechenwerk.base.clock import Clock
from rechenwerk.base.settings import Settings
from rechenwerk.main_gateway import Gateway
from rechenwerk.routing.health import Health
from tests.caller import Line, Reply, ask, chat_body
from tests.fakes.provider import FakeProvider
from tests.flows.cloud import knows, settled
from tests.installation import Tenant, Town, town

STEADY = Settings(
    grace=2.0,
    breaker_failures=1_000_000,
    connect_timeout=1.0,
    first_byte_timeout=0.4,
    between_bytes_timeout=0.4,
    drain_timeout=0.4,
)
"""No breaker comes between, and whoever is silent is soon given up."""
CALM = msgspec.structs.replace(
    STEADY, connect_timeout=30.0, first_byte_timeout=30.0, between_bytes_timeout=30.0, drain_timeout=30.0
)
"""Where nobody is silent: a machine with other work to do may take its time, and no attempt is given up."""

_ENDS = MappingProxyType({"gemini": "/v1beta", "bedrock": ""})
_AWS = "AKIDEXAMPLE:secret"
KEYS = MappingProxyType({"TEST_AWS": _AWS})
"""What the environment of a gateway before a Bedrock fake needs, as `gateway_process` takes it."""


@dataclass(frozen=True)
class Place:
    """A provider of the model. One of the level ``own`` is asked first: a conversation has its home there.

    `more`: further lines of its deployment.
    """

    name: str
    kind: str = "openai-compatible"
    level: str = "shared"
    jurisdiction: str = ""
    cost: str = "1.00"
    out_cost: str = "2.00"
    more: str = ""

    @property
    def rates(self) -> tuple[int, int]:
        """Nano-units for a token in, and for one out."""
        return int(Decimal(self.cost) * 1_000), int(Decimal(self.out_cost) * 1_000)

    def tables(self, url: str) -> str:
        """As rechenwerk.toml has it."""
        tail = _ENDS.get(self.kind, "/v1")
        key = 'api_key_env = "RECHENWERK_TEST_AWS"\n' if self.kind == "bedrock" else ""
        place = f'jurisdiction = "{self.jurisdiction}"\n' if self.jurisdiction else ""
        return (
            f'[[provider]]\nname = "{self.name}"\nkind = "{self.kind}"\nbase_url = "{url}{tail}"\n{key}'
            f'[[contract]]\nname = "{self.name}"\nprovider = "{self.name}"\nkind = "on-demand"\n'
            f'[[deployment]]\nmodel = "fake-model"\nprovider = "{self.name}"\ncontract = "{self.name}"\n'
            f'endpoints = ["chat"]\ncontext_tokens = 8000\nmax_output_tokens = 512\nlevel = "{self.level}"\n'
            f'{place}cost = {{ input = "{self.cost}", output = "{self.out_cost}" }}\n{self.more}\n'
        )


TARIFF = '[[tariff]]\nmodel = "fake-model"\nprice = { input = "1.50", output = "3.00" }\n'
FIRST = Place("first", level="own")
SECOND = Place("second", cost="3.00", out_cost="4.00")
THIRD = Place("third")


def configuration(places: Sequence[Place], fakes: Sequence[FakeProvider]) -> str:
    """A rechenwerk.toml with all of them."""
    tables = [place.tables(fake.url) for place, fake in zip(places, fakes, strict=True)]
    return 'currency = "EUR"\n' + "".join(tables) + TARIFF


@dataclass
class Several:
    """Both sides of a gateway."""

    town: Town
    gateway: Gateway
    address: str
    tenant: Tenant
    fakes: dict[str, FakeProvider]
    places: dict[str, Place]

    async def ask(self, tokens: int | None = 5, **more: Any) -> Reply:
        """One chat."""
        return await ask(self.address, self.tenant.key, chat_body(tokens, **more))

    def line(self) -> Line:
        """A connection."""
        return Line(self.address)

    async def waits(self, name: str, number: int = 1) -> None:
        """Until a provider has seen so many requests for tokens."""
        await self.fakes[name].until(lambda: self.seen(name) >= number)

    async def booked(self, number: int) -> list[asyncpg.Record]:
        """All bookings, attempts included, once there are so many; the books must verify."""
        rows = await settled(self.town, self.tenant, number)
        await self.town.assert_books_verify(self.tenant.organisation)
        return rows

    async def contract_of(self, row: asyncpg.Record) -> str:
        """The name of the contract that a booking is on."""
        name: str = await self.town.pool.fetchval(
            "select name from contract where id = $1", row["contract_id"]
        )
        return name

    def seen(self, name: str) -> int:
        """How many requests for tokens a provider has seen, whatever it answered."""
        return sum(one.method == "POST" for one in self.fakes[name].requests)

    @property
    def asked(self) -> Counter[str]:
        """The same of all."""
        return +Counter({name: self.seen(name) for name in self.fakes})

    def health(self, name: str) -> Health:
        """What the gateway thinks of a provider."""
        assert self.gateway.tenants.snapshot is not None
        (offer,) = self.gateway.tenants.snapshot.offers.values()
        (found,) = [one for one in offer.deployments if one.provider.name == name]
        return dict(self.gateway.tenants._fleet.healths)[found.id]


@asynccontextmanager
async def several(
    url: str,
    *places: Place,
    settings: Settings = STEADY,
    tables: str = "",
    clock: Clock | None = None,
) -> AsyncIterator[Several]:
    """Everything in this loop. `tables`: more of rechenwerk.toml; `clock`: the gateway's."""
    async with AsyncExitStack() as stack:
        fakes = [await stack.enter_async_context(FakeProvider()) for _ in places]
        there = await stack.enter_async_context(town(url))
        await there.configure(configuration(places, fakes) + tables)
        tenant = await there.tenant()
        chosen = msgspec.structs.replace(settings, database_url=url)
        gateway = Gateway(chosen, {"RECHENWERK_TEST_AWS": _AWS}, "test", clock)
        address = f"http://127.0.0.1:{await gateway.start('127.0.0.1', 0, shared=False)}"
        stack.push_async_callback(gateway.stop)
        await knows(gateway, tenant)
        names = [place.name for place in places]
        named = dict(zip(names, fakes, strict=True))
        yield Several(there, gateway, address, tenant, named, dict(zip(names, places, strict=True)))


def decision(row: asyncpg.Record) -> dict[str, Any]:
    """Why a call went where it went."""
    found: dict[str, Any] = json.loads(row["decision"])
    return found
