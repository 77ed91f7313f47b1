"""Who may call what, from an immutable snapshot in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from rechenwerk.base.clock import Clock
from rechenwerk.base.loops import repeat
from rechenwerk.gateway.fleet import Fleet
from rechenwerk.gateway.groups import NO_SUPPLIES, limited, may_draw, supplies_of
from rechenwerk.gateway.leases import Leases
from rechenwerk.gateway.plans import EVERYBODY, Eligible, Plan, able, make_plan
from rechenwerk.gateway.ports import KeyRow, Offer, Snapshot, Source
from rechenwerk.gateway.prices import Priced, price_of
from rechenwerk.gateway.upstreams import Upstreams
from rechenwerk.identity.keys import hash_key
from rechenwerk.ledger.guards import Guard
from rechenwerk.ledger.tariffs import CallPrice
from rechenwerk.wire.openai import Endpoint

_log = logging.getLogger("rechenwerk.tenants")
_CHECK = 0.5
"""Seconds between looks at the configuration's version, for the case that a notice was lost."""


_PLANS = 10_000
"""Plans that are kept ready."""
_ANYBODY = (0, "")
_NOTHING: frozenset[int] = frozenset()


class Tenant:
    """A key with its guards.

    Attributes:
        guards: all of them.
        prices: of models that it called, as long as they hold.
        requests, tokens: the limits that the ``x-ratelimit`` headers tell about.
    """

    __slots__ = ("guards", "prices", "requests", "row", "tokens")

    def __init__(self, row: KeyRow, guards: tuple[Guard, ...]) -> None:
        self.row = row
        self.guards = guards
        self.prices: dict[str, Priced] = {}
        self.requests = tuple(guard for guard in guards if guard.row.unit == "requests")
        self.tokens = tuple(guard for guard in guards if guard.row.unit == "tokens")


class Tenants:
    """The current snapshot, and what is derived from it.

    Args:
        source: where snapshots come from.
        leases: owner of the guards.
        upstreams: owner of the connections.
        fleet: health of the deployments.
        clock: to see keys expire between snapshots.
    """

    def __init__(
        self, source: Source, leases: Leases, upstreams: Upstreams, fleet: Fleet, clock: Clock
    ) -> None:
        self._source = source
        self._leases = leases
        self._upstreams = upstreams
        self._fleet = fleet
        self._clock = clock
        self._changed = asyncio.Event()
        self._tenants: dict[bytes, Tenant] = {}
        self._plans: dict[tuple[int, str, str, str, tuple[int, str], str], Plan] = {}
        self._limited: frozenset[int] = frozenset()
        self._supplies = NO_SUPPLIES
        self._barred: Mapping[int, str] = {}
        self._granted: Mapping[int, frozenset[int]] = {}
        self.snapshot: Snapshot | None = None
        self.confirmed_at = 0.0

    # -- looking up -------------------------------------------------------------------------------

    def tenant(self, key: bytes) -> Tenant | None:
        """The tenant of a key, if it is valid now."""
        digest = hash_key(key)
        tenant = self._tenants.get(digest)
        if tenant is None:
            snapshot = self.snapshot
            row = snapshot.keys.get(digest) if snapshot is not None else None
            if row is None:
                return None
            guards = tuple(self._leases.guard(guard) for guard in row.guards)
            tenant = self._tenants[digest] = Tenant(row, guards)
        expires = tenant.row.expires_at
        return None if expires is not None and self._clock.now() >= expires else tenant

    def plan(
        self, key: KeyRow, model: str, endpoint: Endpoint, purpose: str = "", tier: str = ""
    ) -> Plan | Offer | None:
        """Where a call may go.

        Returns the offer alone when the model does not serve the endpoint, None when the organisation has
        no such model.
        """
        organisation, data_class = key.organisation, key.data_class
        limited = self._limited
        who = (key.project, purpose) if limited else _ANYBODY
        at = (organisation, model, endpoint, data_class, who, tier)
        plan = self._plans.get(at)
        if plan is not None:
            return plan
        snapshot = self.snapshot
        offer = snapshot.offer(organisation, model) if snapshot is not None else None
        if snapshot is None or offer is None:
            return None
        if not able(offer, endpoint):
            return offer
        permitted = snapshot.data_class(organisation, data_class)
        granted = self._granted.get(key.project, _NOTHING)
        mine = _grants(snapshot, limited, key, purpose) | (limited & granted)
        eligible = EVERYBODY if not limited else Eligible(limited, mine)
        plan = make_plan(
            offer,
            endpoint,
            permitted,
            self._upstreams,
            self._fleet,
            self._supplies,
            eligible,
            self._barred,
            tier,
        )
        if len(self._plans) >= _PLANS:  # purposes and tiers are the clients' own words
            self._plans.clear()
        self._plans[at] = plan
        return plan

    def price(self, tenant: Tenant, model: str, now: float) -> CallPrice | None:
        """What a call that leaves now is booked at; None when the model is not sold."""
        known = tenant.prices.get(model)
        if known is None or not known.since <= now < known.until:
            if self.snapshot is None:
                return None
            known = tenant.prices[model] = price_of(self.snapshot, tenant.row, model, now)
        return known.price

    def models(self, key: KeyRow) -> list[tuple[str, int, str]]:
        """What a project can call: (name, created, owner)."""
        if self.snapshot is None:
            return []
        organisation, now = key.organisation, self._clock.now()
        seen: dict[str, tuple[str, int, str]] = {}
        for (owner, model), offer in self.snapshot.offers.items():
            if price_of(self.snapshot, key, model, now).price is None:
                continue
            if owner in {0, organisation} and (owner or model not in seen):
                seen[model] = (model, offer.created, offer.deployments[0].provider.name)
        return [seen[name] for name in sorted(seen)]

    def grant(self, contracts: Mapping[int, frozenset[int]]) -> None:
        """From now on projects may draw these contracts, too: project -> contracts, by grants that run."""
        if contracts != self._granted:
            self._granted = contracts
            self._plans = {}

    def bar(self, providers: Mapping[int, str]) -> None:
        """Leave providers out from now on: id -> why."""
        if providers != self._barred:
            self._barred = providers
            self._plans = {}

    @property
    def providers(self) -> Mapping[int, int]:
        """Deployment -> provider, by their ids."""
        if self.snapshot is None:
            return {}
        offers = self.snapshot.offers.values()
        return {one.id: one.provider.id for offer in offers for one in offer.deployments}

    @property
    def currency(self) -> str:
        """The installation's currency."""
        return self.snapshot.currency if self.snapshot is not None else ""

    # -- keeping fresh ----------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Load a snapshot and put it into force."""
        snapshot = await self._source.snapshot()
        self.snapshot = snapshot
        self.confirmed_at = self._clock.monotonic()
        self._tenants = {}
        self._plans = {}
        self._supplies = supplies_of(snapshot.offers.values(), snapshot.contracts)
        self._limited = limited(snapshot.contracts)
        rows = {guard.id: guard for key in snapshot.keys.values() for guard in key.guards}
        self._leases.keep_only(rows)
        for row in rows.values():
            self._leases.refresh(row)
        self._upstreams.update(
            {
                deployment.provider.id: deployment.provider
                for offer in snapshot.offers.values()
                for deployment in offer.deployments
            }.values()
        )
        self._fleet.keep_only(self.providers)

    async def run(self) -> None:
        """Follow the configuration for ever; the old snapshot serves on until it is too old."""
        await repeat(self._follow, 0.0, _log, "the configuration cannot be read")

    async def _follow(self) -> None:
        """Wait for a notice, or a while, and see whether there is something new."""
        try:
            await self._source.watch(self._changed.set)
            async with asyncio.timeout(_CHECK):
                await self._changed.wait()
        except TimeoutError:
            pass
        except Exception as error:  # whatever it is, the configuration must be followed on
            _log.warning("no notices about the configuration: %s", error)
            await asyncio.sleep(_CHECK)
        self._changed.clear()
        version = await self._source.version()
        if self.snapshot is None or version != self.snapshot.version:
            await self.refresh()
        self.confirmed_at = self._clock.monotonic()

    @property
    def age(self) -> float:
        """Seconds since the snapshot was known to be current."""
        return self._clock.monotonic() - self.confirmed_at


def _grants(snapshot: Snapshot, limited: frozenset[int], key: KeyRow, purpose: str) -> frozenset[int]:
    """Of contracts that are not for everybody, those that a project may draw for a purpose."""
    return frozenset(at for at in limited if may_draw(snapshot.contracts[at].terms, key.label, purpose))
