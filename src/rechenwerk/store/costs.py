"""What contracts cost, in PostgreSQL. Fills `office.costing.ports.CostBooks`."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.errors import BookError
from rechenwerk.base.money import plain_money
from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.contracts.ports import Site, Version
from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.prices import FREE, PriceList, price_list
from rechenwerk.ledger.vouchers import Side, Voucher, VoucherKind, VoucherLine, signed
from rechenwerk.office.costing.ports import (
    Asked,
    CostFacts,
    CostTarget,
    HourUse,
    KeptContract,
    KeptDeployment,
    MarginFacts,
    MarginRow,
    Moved,
    Served,
    SiteVersion,
)
from rechenwerk.store import costs_sql as sql
from rechenwerk.store.moments import moment
from rechenwerk.store.terms import terms_of
from rechenwerk.store.vouchers import book_voucher

Connection = asyncpg.Connection | PoolConnectionProxy
Share = tuple[int, int, str]
"""Project, deployment, endpoint."""

STEP = "contract costs"
_LOCK = 0xC0575
_log = logging.getLogger("rechenwerk.costs")


class StoredCosts:
    """Costs of contracts.

    Args:
        pool: connections to the installation's database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def facts(self, owner: int, period: Period, until: datetime) -> CostFacts:
        """See `office.costing.ports.CostBooks`. One snapshot: gateways go on booking meanwhile."""
        async with moment(self._pool) as connection:
            contracts = await _contracts(connection, owner, until)
            ids = [one.id for one in contracts]
            tied = frozenset().union(*(one.names for one in contracts))
            back = [one.id for one in contracts if one.looks_back or one.names or one.name in tied]
            names = {one.id: one.name for one in contracts}
            hours = [
                HourUse(
                    row["deployment_id"],
                    row["hour"],
                    Usage(*[row[bucket] for bucket in BUCKETS]),
                    int(row["amount"]),
                    int(row["listed"]),
                )
                for row in await connection.fetch(sql.HOURS, back, until, ids, period.starts)
            ]
            served = [
                Served(
                    organisation=row["organisation_id"],
                    project=row["project_id"],
                    deployment=row["deployment_id"],
                    endpoint=row["endpoint"],
                    contract=names[row["contract_id"]],
                    usage=tuple(row[bucket] for bucket in BUCKETS),
                    booked=int(row["booked"]),
                    listed=int(row["listed"]),
                )
                for row in await connection.fetch(
                    sql.SERVED, ids, period.starts, until, _whole_days(period, until)
                )
            ]
            return CostFacts(
                contracts,
                await _deployments(connection, owner),
                hours,
                served,
                await _sites(connection, owner),
                {
                    row["contract_id"]: frozenset(row["organisations"])
                    for row in await connection.fetch(sql.STOOD, period.starts, period.ends, ids)
                },
            )

    async def settle(
        self, owner: int, period: Period, targets: Sequence[CostTarget], at: datetime, asked: Asked
    ) -> int:
        """See `office.costing.ports.CostBooks`."""
        made = 0
        for target in targets:
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
                    made += await _Settling(connection, owner, period, target, at, asked).run()
            except BookError as error:
                _log.warning("costs of %r in %s stay as they are: %s", target.name, period.name, error)
        return made

    async def margin(self, organisation: int | None, period: Period) -> MarginFacts:
        """See `office.costing.ports.CostBooks`."""
        values = (organisation, period.starts, period.ends)
        async with moment(self._pool) as connection:
            calls = await connection.fetch(sql.MARGIN_CALLS, *values)
            shares = await connection.fetch(sql.MARGIN_SHARES, *values)
            moved = await connection.fetch(sql.MARGIN_MOVED, *values)
            used = await connection.fetch(sql.MARGIN_USED, *values)
        return MarginFacts(
            [MarginRow(**_whole(row)) for row in (*calls, *shares)],
            [_moved(row) for row in moved],
            {(row["organisation"], row["contract"]): row["used"] for row in used},
        )


def _whole_days(period: Period, until: datetime) -> datetime:
    """Where the day begins that `until` cuts; sums of whole days are kept."""
    day = until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(period.starts, day)


def _whole(row: asyncpg.Record) -> dict[str, Any]:
    return {key: int(value) if isinstance(value, Decimal) else value for key, value in row.items()}


def _moved(row: asyncpg.Record) -> Moved:
    call = None
    if row["model"]:
        call = MarginRow(
            organisation=row["organisation"],
            project=row["project"],
            model=row["model"],
            provider=row["provider"],
            service=row["service"],
        )
    return Moved(
        row["organisation"],
        row["account"],
        row["project"],
        row["contract"],
        row["voucher"],
        int(row["amount"]),
        call,
    )


async def _contracts(connection: Connection, owner: int, until: datetime) -> list[KeptContract]:
    versions: dict[int, list[Version]] = defaultdict(list)
    for row in await connection.fetch(sql.VERSIONS, owner):
        known = versions[row["contract_id"]]
        if not known or row["since"] < until.timestamp():  # the first holds for what came before it, too
            known.append(Version(row["since"], terms_of(row["terms"], "", "")))
    return [
        KeptContract(
            row["id"],
            row["name"],
            tuple(versions.get(row["id"]) or [Version(0.0, terms_of(None, row["name"], row["provider"]))]),
            row["entered"] or until.timestamp(),
            row["ended"],
        )
        for row in await connection.fetch(sql.CONTRACTS, owner)
    ]


async def _deployments(connection: Connection, owner: int) -> list[KeptDeployment]:
    found: dict[int, KeptDeployment] = {}
    prices: dict[int, list[tuple[float, PriceList]]] = defaultdict(list)
    for row in await connection.fetch(sql.DEPLOYMENTS, owner):
        found[row["id"]] = KeptDeployment(
            row["id"], row["model"], row["provider"], row["contract"], row["service_tier"], ()
        )
        if row["rates"] is not None:
            rates = price_list(msgspec.json.decode(row["rates"], type=dict[str, str]))
            prices[row["id"]].append((row["since"], rates))
    return [
        msgspec.structs.replace(one, prices=tuple(prices.get(one.id) or [(0.0, FREE)]))
        for one in found.values()
    ]


async def _sites(connection: Connection, owner: int) -> dict[str, list[SiteVersion]]:
    found: dict[str, list[SiteVersion]] = defaultdict(list)
    for row in await connection.fetch(sql.SITES, owner):
        prices = tuple(Decimal(price) for price in row["prices"])
        found[row["name"]].append(
            SiteVersion(row["since"], Site(name=row["name"], prices=prices, pue=Decimal(row["pue"])))
        )
    return found


class _Settling:
    """One contract in one transaction: everybody's part first, then the owner's books."""

    def __init__(
        self,
        connection: Connection,
        owner: int,
        period: Period,
        target: CostTarget,
        at: datetime,
        asked: Asked,
    ) -> None:
        self._connection = connection
        self._owner = owner
        self._period = period
        self._target = target
        self._at = at
        self._asked = asked
        self._made = 0
        self._shares: dict[int, dict[Share, int]] = {}

    async def run(self) -> int:
        """Book what is missing; how many vouchers that took."""
        wanted: dict[int, dict[Share, int]] = defaultdict(lambda: defaultdict(int))
        for served, amount in zip(self._target.served, self._target.amounts, strict=True):
            wanted[served.organisation][served.project, served.deployment, served.endpoint] += amount
        await self._read_shares()
        passed = 0
        for other in sorted({*wanted, *self._shares} - {self._owner}):
            if not await self._pass_on(other, wanted[other]):
                wanted[other] = self._shares.get(other, {})
            passed += sum(wanted[other].values())
        late = sum(self._target.amounts) - passed - sum(wanted[self._owner].values())
        await self._accrue()
        await self._allocate(wanted[self._owner], passed, late)
        return self._made

    async def _read_shares(self) -> None:
        rows = await self._connection.fetch(
            sql.SHARES, self._period.starts, self._period.ends, self._target.contract
        )
        for row in rows:
            share = (row["project_id"], row["deployment_id"], row["endpoint"])
            self._shares.setdefault(row["organisation_id"], {})[share] = int(row["amount"])

    def _side(self, kind: str, project: int = 0) -> Side:
        return Side(kind, project, self._target.contract)

    async def _pass_on(self, organisation: int, wanted: Mapping[Share, int]) -> bool:
        """An organisation's part in its own books; False when its period is closed."""
        missing = _difference(wanted, self._shares.get(organisation, {}))
        lines = self._on_projects(missing, "accrued")
        try:
            async with self._connection.transaction():
                await self._book(organisation, "allocation", lines, {"key": self._target.key}, missing)
        except BookError as error:
            _log.warning("organisation %s takes no more of %r: %s", organisation, self._target.name, error)
            return False
        return True

    async def _accrue(self) -> None:
        """What the statement says beside the calls: cost of the period, and what was paid for later."""
        target, stands = self._target, await self._stands("accrued")
        lines = [
            *signed(self._side("fixed"), self._side("accrued"), target.fixed - stands.get("fixed", 0)),
            *signed(self._side("prepaid"), self._side("accrued"), target.prepaid - stands.get("prepaid", 0)),
        ]
        details = {
            "due": plain_money(target.due),
            "booked": plain_money(target.booked),
            "prepaid": plain_money(target.prepaid),
            "lines": list(target.lines),
        }
        await self._book(self._owner, "accrual", lines, details, {})

    async def _allocate(self, wanted: Mapping[Share, int], passed: int, late: int) -> None:
        """From fixed to those that used it; what was not used is idle."""
        missing = _difference(wanted, self._shares.get(self._owner, {}))
        stands = await self._stands("absorbed")
        absorbed = self._side("absorbed")
        lines = self._on_projects(missing, "absorbed")
        for kind, amount in (("idle", self._target.idle), ("passed_on", passed), ("difference", late)):
            lines += signed(self._side(kind), absorbed, amount - stands.get(kind, 0))
        details = {
            "key": self._target.key,
            "used": self._target.used,
            "idle": plain_money(self._target.idle),
            "passed_on": plain_money(passed),
        }
        await self._book(self._owner, "allocation", lines, details, missing)

    def _on_projects(self, missing: Mapping[Share, int], contra: str) -> list[VoucherLine]:
        """A line for each project; where models only trade places one there and one back."""
        projects: dict[int, int] = defaultdict(int)
        for (project, _, _), amount in missing.items():
            projects[project] += amount
        lines: list[VoucherLine] = []
        for project, amount in sorted(projects.items()):
            cost, other = self._side("cost", project), self._side(contra)
            if amount:
                lines += signed(cost, other, amount)
            else:
                moved = sum(max(0, one) for (at, _, _), one in missing.items() if at == project)
                lines += (VoucherLine(cost, other, moved), VoucherLine(other, cost, moved))
        return lines

    async def _stands(self, contra: str) -> dict[str, int]:
        """What stands in the owner's books against an account of the contract: other account -> amount."""
        rows = await self._connection.fetch(
            sql.MOVED, self._owner, self._period.starts, self._period.ends, self._target.contract
        )
        found: dict[str, int] = defaultdict(int)
        for row in rows:
            if row["credit"] == contra:
                found[row["debit"]] += int(row["amount"])
            elif row["debit"] == contra:
                found[row["credit"]] -= int(row["amount"])
        return found

    async def _book(
        self,
        organisation: int,
        kind: VoucherKind,
        lines: Sequence[VoucherLine],
        details: Mapping[str, Any],
        shares: Mapping[Share, int],
    ) -> None:
        if not lines:
            return
        target = self._target
        what = "what its statement says beside its calls" if kind == "accrual" else "its cost by use"
        voucher = Voucher(
            kind=kind,
            at=self._at,
            reason=f"{self._period.name}, contract {target.name!r}: {what}",
            made_by=self._asked.by if organisation == self._asked.organisation else STEP,
            lines=tuple(lines),
            details={
                "step": STEP,
                "contract_id": target.contract,
                "contract": target.name,
                "period": self._period.name,
                **details,
            },
        )
        made = await book_voucher(self._connection, organisation, voucher)
        self._made += 1
        if shares:
            keys = list(shares)
            await self._connection.execute(
                sql.WRITE_SHARES,
                organisation,
                made,
                [key[0] for key in keys],
                [key[1] for key in keys],
                [key[2] for key in keys],
                [shares[key] for key in keys],
            )


def _difference(wanted: Mapping[Share, int], stands: Mapping[Share, int]) -> dict[Share, int]:
    """What is missing, where anything is."""
    found = {share: wanted.get(share, 0) - stands.get(share, 0) for share in (*wanted, *stands)}
    return {share: amount for share, amount in sorted(found.items()) if amount}
