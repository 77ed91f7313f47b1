"""What the gateway needs from storage: an immutable snapshot of tenants, and stored answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from rechenwerk.ledger.guards import GuardRow
from rechenwerk.ledger.prices import PriceList


class KeyRow(msgspec.Struct, frozen=True):
    """A key that is valid now. `expires_at`: epoch seconds or None."""

    id: int
    organisation: int
    project: int
    scopes: frozenset[str]
    expires_at: float | None
    guards: tuple[GuardRow, ...]


class ProviderRow(msgspec.Struct, frozen=True):
    """A provider; `api_key_env` names the environment variable that holds its key."""

    id: int
    name: str
    kind: str
    base_url: str
    api_key_env: str | None


class DeploymentRow(msgspec.Struct, frozen=True):
    """A model at a provider under a contract, with the contract's price."""

    id: int
    provider: ProviderRow
    contract: int
    contract_name: str
    upstream: str
    endpoints: frozenset[str]
    context_tokens: int
    max_output_tokens: int
    cost: PriceList


class Offer(msgspec.Struct, frozen=True):
    """A model as an organisation can call it: the tariff's price and who serves it."""

    model: str
    created: int
    price: PriceList
    deployments: tuple[DeploymentRow, ...]


class Snapshot(msgspec.Struct, frozen=True):
    """Everything that a call needs to know, as of one moment.

    Attributes:
        version: of the configuration.
        keys: SHA-256 of a key -> its row; revoked and expired keys are not in it.
        offers: (organisation, model) -> offer; organisation 0 is shared with all.
    """

    version: int
    currency: str
    keys: Mapping[bytes, KeyRow]
    offers: Mapping[tuple[int, str], Offer]

    def offer(self, organisation: int, model: str) -> Offer | None:
        """The organisation's own offer of a model, else the shared one."""
        return self.offers.get((organisation, model)) or self.offers.get((0, model))


class Stored(msgspec.Struct, frozen=True):
    """What became of the first call with an Idempotency-Key.

    Attributes:
        state: ``mine`` (this call is the first), ``running``, ``different`` (the same key came with
            another body), or ``done``.
    """

    state: str
    status: int = 0
    content_type: str = ""
    body: bytes = b""
    call: int = 0


class Source(Protocol):
    """Where snapshots and stored answers come from."""

    async def version(self) -> int:
        """The configuration's version now; cheap."""
        ...

    async def snapshot(self) -> Snapshot:
        """A fresh snapshot."""
        ...

    async def watch(self, on_change: Callable[[], None]) -> None:
        """Call back when the configuration has changed; may be called too often, and may miss one."""
        ...

    async def close(self) -> None:
        """Stop watching."""
        ...

    async def claim(self, key: KeyRow, name: str, digest: bytes) -> Stored:
        """Claim an Idempotency-Key for a call, or learn what became of it."""
        ...

    async def keep(self, key: KeyRow, name: str, answer: Stored) -> None:
        """Keep the answer of the call that claimed the key."""
        ...

    async def release(self, key: KeyRow, name: str) -> None:
        """The call that claimed the key failed before it could cost anything: let it be tried again."""
        ...
