"""`python -m bench.exports_run STEP URL …`: books a month, or lets a program of others read a journal of it.

book URL CALLS FOLDER      through the till, as a gateway does, and a voucher for every hundred calls
bean-check URL FILE        accepted, and its sums beside the trial balance: one line of JSON
hledger URL FILE           the same
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import msgspec
from tests import verifiers

from bench.exports import Judged
from rechenwerk.base.ids import CallIds
from rechenwerk.base.usage import Usage
from rechenwerk.ledger.exports import beancount, hledger
from rechenwerk.ledger.exports.names import account_names
from rechenwerk.ledger.exports.ports import Account
from rechenwerk.ledger.ports import Accounts, Hold, Post
from rechenwerk.ledger.postings import transfers
from rechenwerk.ledger.vouchers import Side, Voucher, VoucherLine
from rechenwerk.store.book import PostgresBook
from rechenwerk.store.vouchers import book_voucher

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MARCH = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
SECONDS = 31 * 86_400
AT_ONCE = 2_000
PER_VOUCHER = 100
OUTCOMES = ("posted",) * 97 + ("unresolved", "failed", "void")
PLACE = """
select p.organisation_id, p.id as project, d.id as deployment, d.contract_id from project p
join organisation o on o.id = p.organisation_id and o.id <> 0, deployment d where d.model = 'exported' limit 1
"""
BALANCE = """
select a.id, a.kind, k.class, p.name as project, c.name as contract, coalesce(sum(e.amount), 0) as amount
from account a join account_kind k on k.kind = a.kind
left join entry e on e.organisation_id = a.organisation_id and e.account_id = a.id
left join project p on p.id = a.project_id left join contract c on c.id = a.contract_id
where a.organisation_id <> 0 group by 1, 2, 3, 4, 5 order by 1
"""


class March:
    """A clock that stands at the beginning of the month."""

    def now(self) -> float:
        return MARCH

    def monotonic(self) -> float:
        return MARCH


def posts(place: asyncpg.Record, accounts: Accounts, calls: int) -> Iterator[Post]:
    """Calls of all outcomes, spread over the month, no two of the same price."""
    ids = CallIds(March(), 1000)
    for number in range(calls):
        outcome = OUTCOMES[number % len(OUTCOMES)]
        price = 0 if outcome in {"failed", "void"} else 75_000 + number * 7
        cost = 0 if outcome == "void" else 50_000 + number * 3
        hold = Hold(
            id=ids.next(),
            organisation=place["organisation_id"],
            project=place["project"],
            key=0,
            deployment=place["deployment"],
            contract=place["contract_id"],
            endpoint="chat",
            model="exported",
            streamed=bool(number % 2),
            amount=price,
            cost_bound=cost,
            slices="{}",
            started_us=int((MARCH + number * SECONDS / calls) * 1e6),
            expires_s=10**6,
        )
        yield Post(
            hold=hold,
            deployment=hold.deployment,
            contract=hold.contract,
            outcome=outcome,  # type: ignore[arg-type]
            reason=None if outcome == "posted" else "the provider broke off",
            source="reported",
            usage=Usage(input=100 + number % 900, output=20 + number % 300),
            raw_usage=None,
            price=price,
            cost=cost,
            status=200,
            first_byte_us=100_000 + number,
            total_us=900_000 + number,
            decision="",
            transfers=transfers(outcome, accounts, price, cost, price),  # type: ignore[arg-type]
        )


async def book(url: str, calls: int, folder: Path) -> None:
    """Calls through the till, then vouchers."""
    connection = await asyncpg.connect(url)
    place = await connection.fetchrow(PLACE)
    assert place is not None
    spool = folder / "exports-spool"
    spool.mkdir(mode=0o700, exist_ok=True)
    till = PostgresBook(url, "bench", spool)
    await till.open(lambda *_: None)
    accounts = await till.accounts(place["organisation_id"], place["project"], place["contract_id"])
    some: list[Post] = []
    for post in posts(place, accounts, calls):
        some.append(post)
        if len(some) == AT_ONCE:
            await till.write_holds([one.hold for one in some])
            await till.write_posts(some)
            some = []
    if some:
        await till.write_holds([one.hold for one in some])
        await till.write_posts(some)
    await till.close()
    fixed, accrued = (Side(kind, 0, place["contract_id"]) for kind in ("fixed", "accrued"))
    for number in range(calls // PER_VOUCHER):
        at = datetime.fromtimestamp(MARCH + number * SECONDS / (calls // PER_VOUCHER), UTC)
        voucher = Voucher("accrual", at, "upkeep", "bench", (VoucherLine(fixed, accrued, 10**9 + number),))
        await book_voucher(connection, place["organisation_id"], voucher)
    await connection.close()


async def balance(url: str) -> list[tuple[Account, Decimal]]:
    """The trial balance, from the entries themselves."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(BALANCE)
    await connection.close()
    return [
        (
            Account(row["id"], row["kind"], row["class"], row["project"], row["contract"], 0, 0),
            Decimal(int(row["amount"])),
        )
        for row in rows
    ]


def difference(url: str, sums: Mapping[str, Decimal], module: object) -> int:
    """Billionths between sums per account, as a program read them, and the trial balance."""
    held = asyncio.run(balance(url))
    spell = beancount.spell if module is beancount else hledger.spell
    names = account_names([account for account, _ in held], spell)
    wanted = {names[account.id]: amount for account, amount in held}
    none = Decimal(0)
    apart = (wanted.get(name, none) - sums.get(name, none) * 10**9 for name in {*wanted, *sums})
    return int(sum((abs(one) for one in apart), none))


def judge(program: str, url: str, file: Path) -> Judged:
    """Let a program read a journal; its verdict is timed, the sums are read apart."""
    begun = time.perf_counter()
    check = verifiers.bean_check if program == "bean-check" else verifiers.hledger_check
    verdict = check(file)
    seconds = time.perf_counter() - begun
    if program == "bean-check":
        read = verifiers.beancount_reads(file)
        count, off = read.transactions, difference(url, read.sums, beancount)
    else:
        count = verifiers.hledger_transactions(file) - 1  # the last one only asserts
        off = difference(url, verifiers.hledger_reads(file), hledger)
    return Judged(count if verdict.accepted else 0, off, seconds, verdict.said.strip())


def main(step: str, url: str, *more: str) -> None:
    if step == "book":
        asyncio.run(book(url, int(more[0]), Path(more[1])))
        sys.stdout.write("{}\n")
        return
    sys.stdout.write(msgspec.json.encode(judge(step, url, Path(more[0]))).decode() + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
