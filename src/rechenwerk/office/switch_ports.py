"""What the office needs of switches from storage. Named by `Desk.switches`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec


class Out(msgspec.Struct, frozen=True):
    """Since when something is switched off, and why; None: it serves."""

    since: datetime | None
    reason: str


class Switched(msgspec.Struct, frozen=True):
    """What stood before a switch, and what stands now."""

    before: Out
    after: Out


class Breaker(msgspec.Struct, frozen=True):
    """How many gateways leave a deployment alone because it failed again and again, as each reported last.

    Attributes:
        open: processes whose circuit breaker is open.
        gateways: processes that live.
        since: when the first of these reported it; None: no breaker is open.
    """

    open: int
    gateways: int
    since: datetime | None


class ShownDeployment(msgspec.Struct, frozen=True):
    """A model at a provider, as the operator sees it.

    Attributes:
        out: that somebody switched this one off; its provider may be off besides.
        rates: what a million units cost, by bucket, as text.
    """

    id: int
    model: str
    provider: str
    contract: str
    upstream: str
    endpoints: tuple[str, ...]
    concurrency: int | None
    tokens_per_minute: int | None
    service_tier: str
    site: str
    out: Out
    rates: Mapping[str, str]
    breaker: Breaker


class Switches(Protocol):
    """Providers and deployments that are switched off, and on again."""

    async def deployments(self, organisation_id: int) -> list[ShownDeployment]:
        """Those that stand in the organisation's configuration, by provider and model."""
        ...

    async def providers(self, organisation_id: int) -> Mapping[str, Out]:
        """Name of a provider -> whether it is off."""
        ...

    async def secret(self, organisation_id: int, name: str) -> bytes | None:
        """A provider's key, sealed; None: none is stored."""
        ...

    async def switch_provider(self, organisation_id: int, name: str, out: Out) -> Switched | None:
        """Switch one; off a second time keeps the first moment. None: there is no such provider."""
        ...

    async def switch_deployment(self, organisation_id: int, deployment: int, out: Out) -> Switched | None:
        """The same for one deployment."""
        ...
