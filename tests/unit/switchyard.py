"""Contracts and deployments as a small text table, the plans before them, and a board in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import msgspec

from rechenwerk.base.clock import SystemClock
from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.contracts.ports import Contract
from rechenwerk.gateway.call import Call
from rechenwerk.gateway.dispatch import Dispatch
from rechenwerk.gateway.fleet import Fleet
from rechenwerk.gateway.groups import Supplies, limited, supplies_of
from rechenwerk.gateway.plans import EVERYBODY, NOBODY, Eligible, Plan, make_plan
from rechenwerk.gateway.ports import (
    ContractRow,
    DeploymentRow,
    KeyRow,
    Offer,
    ProviderRow,
    SiteRow,
    Snapshot,
)
from rechenwerk.gateway.situation import MEASURE, demand_name
from rechenwerk.gateway.tenants import Tenant
from rechenwerk.gateway.upstreams import Upstreams
from rechenwerk.ledger.prices import price_list
from rechenwerk.providers.transport import Limits
from rechenwerk.routing.deal import Deal, equal
from rechenwerk.routing.plan import Choice, Limit, Option
from rechenwerk.routing.plan import Plan as Route
from rechenwerk.routing.ports import Published, Report
from rechenwerk.routing.supply import Vector
from rechenwerk.wire.openai import Endpoint
from tests.fakes.clock import FakeClock

MODEL = "m"
INPUT: Vector = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""A limit that counts input tokens only."""
EACH: Vector = (0.0,) * 7 + (1.0,)
"""A limit that counts calls."""
PROMPT = b"x" * 400
"""A hundred tokens, as far as anybody can tell beforehand."""
TERMS: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "on-demand": {},
        "prepaid-credit": {"balance": "10"},
        "take-or-pay": {"minimum": "1000", "period": "year"},
        "provisioned": {
            "blocks": [
                {"name": "unit", "units": "1", "hold_fee": "1", "per": "hour", "throughput": "600"},
            ]
        },
        "grant": {"quantity": "1000000", "unit": "token"},
        "own-hardware": {"purchase": "1000", "months": 10, "throughput": "6000"},
    }
)
_USUAL = MappingProxyType({"starts": "2026-01-01", "ends": "2026-12-31"})


def terms(name: str, kind: str, **more: Any) -> Contract:
    """Terms of a kind, for all of 2026."""
    dates: Mapping[str, Any] = {} if kind == "on-demand" else _USUAL
    table = {"name": name, "provider": name, "kind": kind, **dates, **TERMS[kind], **more}
    found: Contract = msgspec.convert(table, Contract)
    return found


class World:
    """What there is; grows by `contract` and `deployment`, ids in the order of arrival, after `after`."""

    def __init__(self, after: int = 0) -> None:
        self.after = after
        self.contracts: dict[int, ContractRow] = {}
        self.deployments: list[DeploymentRow] = []
        self.sites: dict[tuple[int, str], SiteRow] = {}

    def contract(self, name: str, kind: str, organisation: int = 0, **more: Any) -> int:
        number = self.after + len(self.contracts) + 1
        self.contracts[number] = ContractRow(number, organisation, terms(name, kind, **more))
        return number

    def deployment(self, contract: int, rate: str, **more: Any) -> int:
        """A deployment of the model; input costs `rate` a million, output twice as much."""
        number = self.after + len(self.deployments) + 1
        row = self.contracts[contract]
        name = row.terms.name
        provider = ProviderRow(
            number,
            more.pop("provider", name),
            "openai-compatible",
            "http://127.0.0.1:9/v1",
            None,
            row.organisation,
        )
        self.deployments.append(
            DeploymentRow(
                number,
                provider,
                contract,
                name,
                "upstream",
                frozenset(more.pop("endpoints", ("chat",))),
                8_000,
                512,
                price_list({"input": rate, "output": str(2 * float(rate))}),
                model=MODEL,
                **more,
            )
        )
        return number

    def snapshot(self) -> Snapshot:
        """All of it; an organisation with deployments has an offer of its own."""
        owners: dict[int, list[DeploymentRow]] = {}
        for row in self.deployments:
            owners.setdefault(row.provider.organisation, []).append(row)
        offers = {(owner, MODEL): Offer(MODEL, 0, tuple(rows)) for owner, rows in owners.items()}
        return Snapshot(1, "EUR", {}, offers, contracts=self.contracts, sites=self.sites)

    def supplies(self) -> Supplies:
        return supplies_of(self.snapshot().offers.values(), self.contracts)


def table(text: str) -> World:
    """A world from lines such as ``bought provisioned 0.00``: a contract of a kind, with one deployment."""
    world = World()
    for line in text.strip().splitlines():
        name, kind, rate = line.split()
        world.deployment(world.contract(name, kind), rate)
    return world


class MemoryBoard:
    """What was reported last, and the newest plan."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.plans: list[bytes] = []
        self.gateways = 1
        self.failing = False

    def put(self, route: Route) -> None:
        """A plan is made."""
        self.plans.append(msgspec.msgpack.encode(route))

    async def report(self, process: int, report: Report) -> None:
        if self.failing:
            raise OSError("no database")
        self.reports.append(report)

    async def newest(self, after: int) -> Published | None:
        if len(self.plans) <= after:
            return None
        return Published(len(self.plans), self.plans[-1])

    async def publish(self, plan: bytes) -> int:
        self.plans.append(plan)
        return len(self.plans)

    async def seen(self, since: int) -> Report:
        return self.reports[-1] if self.reports else Report()

    async def lead(self) -> bool:
        return True

    async def deal(self, process: int) -> Deal:
        return equal(process % self.gateways, self.gateways)

    async def forget(self, before: int) -> None: ...

    async def close(self) -> None: ...


def limit(name: str, supplies: Sequence[int], left: float, clock: FakeClock, **more: Any) -> Limit:
    """So many input tokens a minute, of which so many are left."""
    fields: dict[str, Any] = {
        "weights": INPUT,
        "amount": left,
        "ordinary": left,
        "kept": 0.0,
        "seconds": 60.0,
    }
    fields |= {"resets_at": clock.at // 60 * 60 + 60, **more}
    return Limit(name=name, supplies=tuple(supplies), left=left, **fields)


class Yard:
    """A dispatch before a world, with a clock that stands still. To be made in a loop."""

    def __init__(self, world: World) -> None:
        self.clock = FakeClock()
        self.board = MemoryBoard()
        self.fleet = Fleet(random.Random(1), self.clock, 5)
        self.dispatch = Dispatch(self.board, self.fleet, self.clock, 1)
        self.upstreams = Upstreams(Limits(1.0, 1.0, 1.0, 1.0), {}, SystemClock())
        self.upstreams.update(row.provider for row in world.deployments)
        self._plans: dict[tuple[int, str, str, frozenset[int]], Plan] = {}
        self._ids = 0
        self.use(world)

    def use(self, world: World) -> None:
        """Another configuration."""
        self.world = world
        self.snapshot = world.snapshot()
        self.supplies = world.supplies()
        self.upstreams.update(row.provider for row in world.deployments)
        self._plans = {}

    def plan(
        self,
        organisation: int = 5,
        endpoint: Endpoint = "chat",
        data_class: str = "internal",
        grants: frozenset[int] = frozenset(),
    ) -> Plan:
        """Where calls may go."""
        key = (organisation, endpoint, data_class, grants)
        found = self._plans.get(key)
        if found is None:
            offer = self.snapshot.offer(organisation, MODEL)
            assert offer is not None
            rare = limited(self.snapshot.contracts)
            found = self._plans[key] = make_plan(
                offer,
                endpoint,
                self.snapshot.data_class(organisation, data_class),
                self.upstreams,
                self.fleet,
                self.supplies,
                Eligible(rare, grants) if rare else EVERYBODY,
                NOBODY,
            )
        return found

    def call(
        self,
        service: str = "standard",
        *,
        project: int = 1,
        weight: int = 1,
        organisation: int = 5,
        endpoint: Endpoint = "chat",
        asked: bytes = PROMPT,
        most: int = 100,
        **more: Any,
    ) -> Call:
        """A call that has its plan."""
        self._ids += 1
        scopes = frozenset({"inference"})
        row = KeyRow(1, organisation, project, scopes, None, (), service_class=service, weight=weight)
        made = Call(self._ids, self.clock.at, Tenant(row, ()), endpoint, asked)
        made.service = service
        made.output_bound = 0 if endpoint in {"embeddings", "rerank", "count_tokens"} else most
        made.plan = self.plan(organisation, endpoint, **more)
        return made

    def route(
        self,
        amounts: dict[int, float] | None = None,
        limits: Sequence[Limit] = (),
        services: Sequence[str] = ("critical", "standard", "batch"),
        prices: dict[int, float] | None = None,
        **more: Any,
    ) -> Route:
        """A plan for organisation 5's chats: amounts by supply, and prices."""
        supplies = sorted(set(self.supplies.of.values()))
        told = prices or {}
        options = sorted(
            (
                Option(one, (amounts or {}).get(one, 0.0), told.get(one, float(one)), 0.0, 0.0)
                for one in supplies
            ),
            key=lambda one: one.price,
        )
        choices = tuple(
            Choice(
                at,
                demand_name(5, "chat", "internal", service, (), MODEL),
                service == "critical",
                1e9,
                tuple(options),
            )
            for at, service in enumerate(services)
        )
        return Route(
            **{
                "made_at": self.clock.at,
                "window_ends": self.clock.at + 60,
                "measure": MEASURE,
                "names": {one: f"supply {one}" for one in supplies},
                "choices": choices,
                "limits": tuple(limits),
                **more,
            }
        )

    async def follow(self, route: Route) -> None:
        """The plan is published and taken up."""
        self.board.put(route)
        await self.dispatch.exchange()

    def ids(self, call: Call) -> list[int]:
        """The deployments of a call that has arrived, best first."""
        return [step.deployment.id for step in self.dispatch.order(call)]

    def send(self, call: Call | None = None) -> Call:
        """A call comes and goes where it should; `placed` is None when there is no room."""
        made = call or self.call()
        self.dispatch.arrived(made)
        steps = self.dispatch.order(made)
        if steps:
            made.step = steps[0]
            self.dispatch.left(made, steps[0])
        return made

    def used(self, supply: int) -> Vector:
        """What would be reported of a supply, over all buckets."""
        rows = [one.usage for one in self.dispatch._tally.report().uses if one.supply == supply]
        return tuple(map(sum, zip(*rows, strict=True))) if rows else (0.0,) * len(BUCKETS)


@contextmanager
def yard(world: World) -> Iterator[Yard]:
    """A yard, and nothing left open."""
    made = Yard(world)
    try:
        yield made
    finally:
        made.upstreams.close()


def used(read: int, written: int) -> Usage:
    """What a call used."""
    return Usage(input=read, output=written)


class Client:
    """A connection, as far as waiting looks at it."""

    def __init__(self) -> None:
        self.gone = False
        self.on_gone: Callable[[], None] | None = None

    def leave(self) -> None:
        self.gone = True
        if self.on_gone is not None:
            self.on_gone()
