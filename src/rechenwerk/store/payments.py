"""Payments of customers and to providers in PostgreSQL. Fills `office.payment_ports.Payments`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rechenwerk.base.errors import BookError
from rechenwerk.base.money import plain_money
from rechenwerk.ledger.payments import (
    OpenDocument,
    OpenProject,
    Owed,
    Part,
    check_owed,
    of_documents,
    of_projects,
    receipt,
    to_provider,
)
from rechenwerk.ledger.statements import decode
from rechenwerk.ledger.vouchers import Side, Voucher, VoucherLine, signed
from rechenwerk.office.payment_ports import Booked, Payable, ProviderPayment, Receipt, Receivables
from rechenwerk.store.budgets.paying import LOCK_OWED
from rechenwerk.store.vouchers import book_voucher

Connection = asyncpg.Connection | PoolConnectionProxy

_CENT = 10_000_000
_PROJECTS = """
select p.id, p.name, coalesce(sum(m.debit - m.credit) filter (where a.kind = 'receivable'), 0) as receivable,
    coalesce(sum(m.debit - m.credit) filter (where a.kind = 'overrun'), 0) as overrun,
    coalesce(sum(m.debit - m.credit) filter (where a.kind = 'unresolved_price'), 0) as unresolved
from project p
left join account a on a.organisation_id = p.organisation_id and a.project_id = p.id
    and a.kind in ('receivable', 'overrun', 'unresolved_price')
left join account_month m on m.organisation_id = a.organisation_id and m.account_id = a.id
where p.organisation_id = $1 group by p.id, p.name order by p.name
"""
# What was paid of a statement was paid of what it replaces, too.
_DOCUMENTS = """
with recursive chain as (
    select number, number as of, reverses from document where organisation_id = $1 and project_id <> 0
        and kind <> 'reversal'
    union all
    select c.number, d.number, d.reverses from chain c
    join document d on d.organisation_id = $1 and d.number = c.reverses),
paid as (
    select x.key as number, sum(x.value::numeric * 1000000000)::numeric(38, 0) as amount
    from voucher v cross join lateral jsonb_each_text(v.details -> 'documents') x
    where v.organisation_id = $1 and v.kind in ('payment', 'write-off') and v.details ? 'documents'
        and not exists (select from voucher r where r.organisation_id = $1 and r.reverses = v.id)
    group by 1)
select d.number, d.project_id, d.exact, d.net, d.gross, coalesce(sum(p.amount), 0) as paid,
    not exists (select from document r where r.organisation_id = $1 and r.reverses = d.number) as standing
from document d join chain c on c.number = d.number left join paid p on p.number = c.of
where d.organisation_id = $1 group by d.number, d.project_id, d.exact, d.net, d.gross, d.year, d.ordinal
order by d.year, d.ordinal
"""
_PAYABLES = """
select k.id as contract_id, k.name as contract, p.name as provider, a.organisation_id, o.name as organisation,
    coalesce(sum(m.credit - m.debit) filter (where a.kind = 'payable'), 0) as payable,
    coalesce(sum(m.credit - m.debit) filter (where a.kind = 'accrued'), 0) as accrued,
    coalesce(sum(m.debit - m.credit) filter (where a.kind = 'passed_on'), 0) as passed_on
from contract k
join provider p on p.organisation_id = k.organisation_id and p.id = k.provider_id
join account a on a.contract_id = k.id and a.kind in ('payable', 'accrued', 'passed_on')
    and (k.organisation_id = 0 or a.organisation_id = k.organisation_id)
join organisation o on o.id = a.organisation_id
join account_month m on m.organisation_id = a.organisation_id and m.account_id = a.id
where k.organisation_id = $1
group by 1, 2, 3, 4, 5 order by k.name, a.organisation_id
"""
_LOCK_OWNER = "select pg_advisory_xact_lock(hashtext('rechenwerk.payable'), hashint8($1))"
_CONTENT = "select kind, project_id, content from document where organisation_id = $1 and number = $2"


class StoredPayments:
    """Payments of an installation.

    Args:
        pool: connections to its database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    # -- customers --------------------------------------------------------------------------------

    async def receivables(self, organisation_id: int) -> Receivables:
        """See `office.payment_ports.Payments`."""
        async with self._pool.acquire() as connection:
            return Receivables(
                await _projects(connection, organisation_id), await _documents(connection, organisation_id)
            )

    async def receive(self, organisation_id: int, receipt: Receipt) -> int:
        """See `office.payment_ports.Payments`."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(LOCK_OWED, organisation_id)
            projects = await _projects(connection, organisation_id)
            known = {one.id: one for one in projects}
            if receipt.document is None:
                payers = [one for one in projects if receipt.project in (None, one.id)]
                parts = of_projects(receipt.amount, payers, beyond=receipt.beyond)
            else:
                documents = await _named(connection, organisation_id, receipt.document, receipt.project)
                parts = of_documents(receipt.amount, documents, beyond=receipt.beyond)
                if not receipt.beyond:
                    check_owed(parts, known)
            return await _book_receipt(connection, organisation_id, receipt, parts, known)

    # -- providers --------------------------------------------------------------------------------

    async def payables(self, owner: int) -> list[Payable]:
        """See `office.payment_ports.Payments`."""
        return [
            Payable(
                row["provider"],
                row["contract"],
                row["organisation"],
                int(row["payable"]),
                int(row["accrued"]),
                int(row["passed_on"]),
            )
            for row in await self._pool.fetch(_PAYABLES, owner)
            if row["payable"] or row["accrued"] or row["passed_on"]
        ]

    async def pay(self, owner: int, payment: ProviderPayment) -> list[Booked]:
        """See `office.payment_ports.Payments`."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK_OWNER, owner)
            contracts = await _contracts(connection, owner, payment)
            rows = [
                row
                for row in await connection.fetch(_PAYABLES, owner)
                if row["contract_id"] in contracts.values()
            ]
            # What calls cost first, in everybody's books; then what has accrued in the owner's.
            owed = [
                Owed(row["organisation_id"], row["contract_id"], kind, int(row[kind]))
                for kind in ("payable", "accrued")
                for row in rows
                if kind == "payable" or row["organisation_id"] == owner
            ]
            spare = Owed(owner, min(contracts.values()), "payable", 0)
            parts = to_provider(payment.amount, owed, spare, beyond=payment.beyond)
            details = {
                "provider": payment.provider,
                "total": plain_money(payment.amount),
                "group": str(uuid4()),
                "owner": owner,
            }
            moved: dict[int, list[VoucherLine]] = defaultdict(list)
            for one in parts:
                moved[one.organisation] += signed(Side(one.kind, 0, one.contract), Side("bank"), one.amount)
            referred = payment.reference is not None
            written = []
            for organisation, lines in sorted(moved.items()):
                more = {"reference": payment.reference} if referred and organisation == min(moved) else {}
                voucher = Voucher(
                    "payment", payment.at, payment.reason, payment.by, tuple(lines), details=details | more
                )
                written.append(await _book(connection, organisation, voucher))
            return written

    async def clear(self, owner: int, organisation_id: int | None, at: datetime, by: str) -> list[Booked]:
        """See `office.payment_ports.Payments`."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK_OWNER, owner)
            rows = [
                row
                for row in await connection.fetch(_PAYABLES, owner)
                if row["organisation_id"] != owner
                and organisation_id in (None, row["organisation_id"])
                and row["accrued"]
            ]
            if not rows:
                return []
            theirs: dict[int, list[VoucherLine]] = defaultdict(list)
            ours: list[VoucherLine] = []
            for row in rows:
                amount, contract = int(row["accrued"]), row["contract_id"]
                theirs[row["organisation_id"]] += signed(Side("accrued", 0, contract), Side("bank"), amount)
                ours += signed(Side("bank"), Side("passed_on", 0, contract), amount)
            details = {"group": str(uuid4()), "owner": owner}
            reason = "what was passed on of shared contracts is paid to who owns them"
            written = []
            for organisation, lines in sorted({owner: ours, **theirs}.items()):
                voucher = Voucher("clearing", at, reason, by, tuple(lines), details=details)
                written.append(await _book(connection, organisation, voucher))
            return written


async def _projects(connection: Connection, organisation_id: int) -> list[OpenProject]:
    return [
        OpenProject(
            row["id"], row["name"], int(row["receivable"]), int(row["overrun"]), int(row["unresolved"])
        )
        for row in await connection.fetch(_PROJECTS, organisation_id)
    ]


async def _documents(connection: Connection, organisation_id: int) -> list[OpenDocument]:
    return [
        OpenDocument(
            row["number"],
            row["project_id"],
            int(row["exact"]),
            int(row["net"]) * _CENT,
            int(row["gross"]) * _CENT,
            int(row["paid"]),
            row["standing"],
        )
        for row in await connection.fetch(_DOCUMENTS, organisation_id)
    ]


async def _named(
    connection: Connection, organisation_id: int, number: str, project: int | None
) -> Sequence[OpenDocument]:
    """The statement of that number; of an organisation's those that it sums up."""
    row = await connection.fetchrow(_CONTENT, organisation_id, number)
    if row is None:
        raise BookError(f"there is no document {number!r}; rechenwerk books documents lists them")
    if row["kind"] == "reversal":
        raise BookError(f"{number} is a credit note; pay the document that replaced what it takes back")
    numbers = {number}
    if not row["project_id"]:
        numbers = {one.reference for one in decode(row["content"]).rows}
    found = [one for one in await _documents(connection, organisation_id) if one.number in numbers]
    if project is not None:
        found = [one for one in found if one.project == project]
    if not any(one.standing for one in found):
        raise BookError(f"nothing is to be paid of {number}; rechenwerk books receivables shows what is open")
    return [one for one in found if one.standing]


async def _book_receipt(
    connection: Connection,
    organisation_id: int,
    received: Receipt,
    parts: Sequence[Part],
    projects: Mapping[int, OpenProject],
) -> int:
    documents: dict[str, int] = defaultdict(int)
    for part in parts:
        if part.document:
            documents[part.document] += part.gross
    details: dict[str, Any] = {"received": plain_money(received.amount), "beyond_open": received.beyond}
    if documents:
        details["documents"] = {number: plain_money(amount) for number, amount in documents.items()}
    if received.reference is not None:
        details["reference"] = received.reference
    lines = receipt(parts, projects, "bank" if received.kind == "payment" else "bad_debt")
    voucher = Voucher(received.kind, received.at, received.reason, received.by, lines, details=details)
    return await _write(connection, organisation_id, voucher)


async def _contracts(connection: Connection, owner: int, payment: ProviderPayment) -> dict[str, int]:
    """Of the provider, by name; the one that is meant."""
    rows = await connection.fetch(
        "select k.id, k.name from contract k"
        " join provider p on p.organisation_id = k.organisation_id and p.id = k.provider_id"
        " where k.organisation_id = $1 and p.name = $2 order by k.name",
        owner,
        payment.provider,
    )
    found = {row["name"]: row["id"] for row in rows if payment.contract in (None, row["name"])}
    if not found:
        what = "contract" if payment.contract is None else f"contract {payment.contract!r}"
        raise BookError(f"provider {payment.provider!r} has no {what} here; rechenwerk contract list")
    return found


async def _book(connection: Connection, organisation_id: int, voucher: Voucher) -> Booked:
    name = await connection.fetchval("select name from organisation where id = $1", organisation_id)
    made = await _write(connection, organisation_id, voucher)
    bank = Side("bank")
    return Booked(
        name,
        made,
        sum(
            line.amount if line.credit == bank else -line.amount
            for line in voucher.lines
            if bank in (line.debit, line.credit)
        ),
    )


async def _write(connection: Connection, organisation_id: int, voucher: Voucher) -> int:
    try:
        return await book_voucher(connection, organisation_id, voucher)
    except asyncpg.UniqueViolationError:
        reference = voucher.details["reference"]
        raise BookError(f"the reference {reference!r} was booked before; nothing was booked now") from None
