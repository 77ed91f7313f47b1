"""A decision and a solve as gateway and router make them: 20 deployments under 10 contracts."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import asyncpg

from bench.databases import database
from bench.results import Metric, metric
from rechenwerk.base.clock import SystemClock
from rechenwerk.base.settings import Settings
from rechenwerk.base.usage import Usage
from rechenwerk.gateway.call import Call
from rechenwerk.gateway.groups import supplies_of
from rechenwerk.gateway.plans import Plan
from rechenwerk.gateway.situation import MEASURE, demand_name, demands, market, situation
from rechenwerk.identity.keys import hash_key
from rechenwerk.main_gateway import Gateway
from rechenwerk.main_router import Planner
from rechenwerk.office.config import diff, parse
from rechenwerk.office.ports import NewKey
from rechenwerk.routing.forecast import Seasonal
from rechenwerk.routing.solver import Solver
from rechenwerk.store.control import open_desk
from rechenwerk.store.routes import PostgresBoard
from rechenwerk.store.snapshot import PostgresSource

if TYPE_CHECKING:
    from bench.lab import Lab
    from rechenwerk.routing.supply import Vector

NAME = "contracts"
KEY = b"rw-bench"
DEPLOYMENTS, CONTRACTS = 20, 10
FROM, TO = "2026-01-01", "2027-12-31"
BOUNDING = (
    f'kind = "take-or-pay"\nstarts = {FROM}\nends = {TO}\nminimum = "5000"\nperiod = "year"\n',
    f'kind = "prepaid-credit"\nstarts = {FROM}\nends = {TO}\nbalance = "500"\n',
    (
        f'kind = "provisioned"\nstarts = {FROM}\nends = {TO}\n'
        'blocks = [{ name = "unit", units = "1", hold_fee = "1", per = "hour", throughput = "1000000" }]\n'
    ),
    (
        f'kind = "take-or-pay"\nstarts = {FROM}\nends = {TO}\nminimum = "200"\nperiod = "month"\n'
        'caps = [{ amount = "2000000", per = "minute" }]\n'
    ),
)
BODY = b'{"model":"m","messages":[{"role":"user","content":"hello there, how are you today?"}]}'


def configuration() -> str:
    """Twenty deployments of a model; ten of their contracts say more than a price."""
    lines = ['currency = "EUR"\n']
    for number in range(DEPLOYMENTS):
        terms = BOUNDING[number % len(BOUNDING)] if number < CONTRACTS else 'kind = "on-demand"\n'
        lines.append(
            f'[[provider]]\nname = "p{number}"\nkind = "openai-compatible"\nbase_url = "http://127.0.0.1:9/v1"\n'
            f'[[contract]]\nname = "c{number}"\nprovider = "p{number}"\n{terms}'
            f'[[deployment]]\nmodel = "m"\nprovider = "p{number}"\ncontract = "c{number}"\n'
            'endpoints = ["chat"]\ncontext_tokens = 128000\nmax_output_tokens = 4096\n'
            f'cost = {{ input = "0.{15 + number}", output = "0.{60 + number}" }}\n'
        )
    return "".join([*lines, '[[tariff]]\nmodel = "m"\nprice = { input = "0.2" }\n'])


async def measured(lab: Lab, gateway: Gateway, planner: Planner, source: PostgresSource) -> list[Metric]:
    """Decisions of a gateway that follows a plan, and solves of the situation that it is made from."""
    tenant = gateway.tenants.tenant(KEY)
    assert tenant is not None
    plan = gateway.tenants.plan(tenant.row, "m", "chat")
    assert isinstance(plan, Plan)
    assert len(plan.steps) == DEPLOYMENTS
    dispatch = gateway.dispatch

    def call() -> Call:
        made = Call(1, 0.0, tenant, "chat", BODY)
        made.plan = plan
        return made

    first = call()
    dispatch.arrived(first)
    dispatch.left(first, plan.steps[0])
    dispatch.ended(first, Usage(input=200, output=100))
    await dispatch.exchange()
    await planner.step()
    await dispatch.exchange()
    took: list[float] = []
    for _ in range(2_000 if lab.quick else 20_000):
        made = call()
        begun = time.perf_counter()
        dispatch.arrived(made)
        steps = dispatch.order(made)
        dispatch.left(made, steps[0])
        took.append((time.perf_counter() - begun) * 1e6)
        dispatch.ended(made, Usage(input=200, output=100))
    assert made.ordered, "the plan decided"
    took.sort()
    both, tactical = await solves(source, 5 if lab.quick else 20)
    return [
        metric(NAME, "decision p50, 20 deployments and 10 contracts", "us", [took[len(took) // 2]]),
        metric(NAME, "decision p99, 20 deployments and 10 contracts", "us", [took[len(took) * 99 // 100]]),
        metric(NAME, "strategic and tactical solve", "ms", both),
        metric(NAME, "tactical solve", "ms", tactical),
    ]


async def solves(source: PostgresSource, times: int) -> tuple[list[float], list[float]]:
    """Milliseconds of solves with a strategic part, and of those between them."""
    snapshot = await source.snapshot()
    now = time.time()
    there = market(snapshot, supplies_of(snapshot.offers.values(), snapshot.contracts), (), now)
    organisation = next(iter(snapshot.keys.values())).organisation
    names = [
        demand_name(organisation, "chat", "internal", service, (), "m")
        for service in ("critical", "standard", "batch")
    ]
    usage: Vector = (4e6, 0.0, 0.0, 2e6, 0.0, 0.0, 0.0, 1e4)
    wanted = demands(snapshot, there, dict.fromkeys(names, usage))
    stand = situation(there, wanted, (), (), (), now, 5.0)
    per_window = tuple(one / 1440 for one in usage)
    both: list[float] = []
    tactical: list[float] = []
    for _ in range(times):
        solver = Solver(Seasonal(MEASURE, len(wanted), stand.window))
        for window in range(600, 0, -1):
            solver.forecast.observe(stand.window_began - window * stand.window, [per_window] * len(wanted))
        for kept in (both, tactical):
            begun = time.perf_counter()
            solver.solve(stand)
            kept.append((time.perf_counter() - begun) * 1e3)
    return both, tactical


async def decisions(lab: Lab) -> list[Metric]:
    """Microseconds of decisions, milliseconds of solves."""
    async with AsyncExitStack() as stack:
        url = (await database(stack, lab.folder / "decisions")).get_uri()
        pool = await stack.enter_async_context(asyncpg.create_pool(url, min_size=1, max_size=3))
        desk = open_desk(pool)
        wanted = parse(configuration())
        await desk.configuration.apply(0, lambda current: diff(current, wanted))
        organisation = await desk.tenants.create_organisation("bench")
        project = await desk.tenants.create_project(organisation.id, "bench")
        row = NewKey("bench", hash_key(KEY), "rw-", ("inference",), None, ())
        await desk.tenants.create_key(organisation.id, project, row)
        gateway = Gateway(Settings(database_url=url), {}, "bench")
        await gateway.start("127.0.0.1", 0, shared=False)
        stack.push_async_callback(gateway.stop)
        board = PostgresBoard(pool)
        stack.push_async_callback(board.close)
        source = PostgresSource(pool, url)
        return await measured(lab, gateway, Planner(source, board, SystemClock()), source)
