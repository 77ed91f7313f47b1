"""A closed period stays as it is: nothing is booked in it any more, and its documents are for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime

import asyncpg
import pytest

from rechenwerk.base.errors import BookError
from rechenwerk.ledger.periods import parse_period
from rechenwerk.ledger.vouchers import Side, Voucher, VoucherLine
from rechenwerk.office.closing.compose import Issue, allocation, statements
from rechenwerk.office.closing.ports import Closed, Draft, Facts, Shared
from rechenwerk.store.book import PostgresBook
from rechenwerk.store.close import StoredClosing
from rechenwerk.store.vouchers import book_voucher
from tests.flows.closing import Ledger, balance, day, is_sound, ledger_of
from tests.flows.office_desk import Office
from tests.postgres import SPOOL

MARCH = parse_period("2026-03")


@pytest.fixture
def ledger(office: Office, database_url: str) -> Iterator[Ledger]:
    """A call and a voucher in March 2026, looked at in April."""
    office.clock.at = day("2026-04-02").timestamp()
    with ledger_of(office, database_url) as ledger:
        ledger.call("recht", day("2026-03-15"), "klein", input=1_000_000)
        ledger.charge("adjustment", "recht", day("2026-03-31"), "minimum fee", 1_000_000_000)
        yield ledger


def close(office: Office, period: str = "2026-03") -> list[str]:
    found: list[str] = office.ok("POST", f"/books/periods/{period}/close", json={})["documents"]
    return found


def test_nothing_is_booked_in_it_any_more(office: Office, ledger: Ledger) -> None:
    close(office)
    before = balance(office, "revenue")
    with pytest.raises(BookError, match="the books are closed until 2026-04-01; book it in an open period"):
        ledger.charge("discount", "recht", day("2026-03-31"), "too late", -1)
    with pytest.raises(BookError, match="belongs to a closed period"):
        ledger.hold("recht", day("2026-03-31"))
    ledger.charge("discount", "recht", day("2026-04-01"), "in time", -1)
    ledger.call("recht", day("2026-04-01"), "klein", input=1)
    assert balance(office, "revenue") != before
    assert is_sound(office)


def test_a_neighbours_books_are_open_all_the_same(office: Office, ledger: Ledger, database_url: str) -> None:
    office.ok("POST", "/organisations", json={"name": "neighbour"})
    close(office)
    other = Ledger(office, database_url, "neighbour")
    other.call("default", day("2026-03-30"), "klein", input=1_000_000)
    other.charge("discount", "default", day("2026-03-31"), "5 %", -1)
    other.close()
    assert balance(office, "revenue", organisation="neighbour") == {"default": "0.149999999"}
    assert is_sound(office, organisation="neighbour")


def test_a_call_that_a_dead_process_left_unwritten_is_booked_in_the_open_period(
    office: Office, ledger: Ledger, database_url: str
) -> None:
    lost = ledger.lose("recht", day("2026-03-31"))
    close(office)
    book = PostgresBook(database_url, "another", SPOOL)
    office.runner.run(book.open(lambda *_: None))
    office.runner.run(book.beat(600))
    (row,) = office.sql("select outcome, started_at from call where id = $1", lost)
    assert row["outcome"] == "unresolved"
    assert row["started_at"] == MARCH.ends
    assert is_sound(office)
    office.runner.run(book.close())


ALTERED = """
update document set net = net + 1, gross = gross + 1
delete from document
truncate document cascade
update period_close set closed_by = 'nobody'
delete from period_close
update period_lock set closed_until = '2026-03-01'
update period_lock set calls_until = '2026-03-01', closed_until = '2026-03-01'
delete from period_lock
insert into document select organisation_id, number || 'x', year, ordinal + 5, kind, 77, period, booked_in, issued_at, issued_by, exact, net, vat, gross, reverses, content, sha256 from document where ordinal = 1
insert into document select organisation_id, number || 'x', year, ordinal + 1, kind, 77, period, booked_in, issued_at, issued_by, exact, net, vat, gross, reverses, content, sha256('x') from document where ordinal = 2
"""  # noqa: E501


@pytest.mark.parametrize("statement", ALTERED.strip().splitlines())
def test_the_database_refuses_to_alter_it(office: Office, ledger: Ledger, statement: str) -> None:
    close(office)
    with pytest.raises((asyncpg.RestrictViolationError, asyncpg.CheckViolationError)):
        office.sql(statement)
    assert is_sound(office)


DAMAGE = """
documents have gapless numbers | delete from document where project_id = 0
documents have gapless numbers | update document_counter set taken = taken + 1
every document is as it was issued | update document set content = content || ' '
every document is as it was issued | update document set net = net + 1, gross = gross + 1
every document's sums are its lines | update document set exact = exact + 1
every account's months are the sums of its entries | update transfer set amount = amount + 1 where call_id < 0
every account's months are the sums of its entries | update voucher set at = '2026-04-05'
documents of closed periods are their entries | update account_month set credit = credit + 1 where month = '2026-03-01' and account_id in (select id from account where kind = 'revenue')
every organisation's statement is its projects' documents | update document set net = net + 1, gross = gross + 1 where project_id = 0
"""  # noqa: E501


@pytest.mark.parametrize("row", DAMAGE.strip().splitlines())
def test_damage_behind_the_triggers_is_found(office: Office, ledger: Ledger, row: str) -> None:
    name, statement = (cell.strip() for cell in row.split("|", 1))
    close(office)
    assert is_sound(office)
    for table in ("document", "transfer", "voucher"):
        office.sql(f"alter table {table} disable trigger all")
    office.sql(
        "alter table document drop constraint content_is_signed_for, drop constraint total_is_net_and_vat"
    )
    office.sql(statement)
    wrong = [one["name"] for one in office.ok("GET", "/books/verify")["checks"] if not one["ok"]]
    assert name in wrong


# -- concurrency ----------------------------------------------------------------------------------


async def _close(pool: asyncpg.Pool, organisation: int, *, breaks: bool = False) -> tuple[str, ...] | None:
    issue = Issue(MARCH, day("2026-04-02"), "the test")

    def share(shared: Shared) -> Voucher | None:
        return allocation(shared, issue)

    def compose(facts: Facts) -> Sequence[Draft]:
        drafts = statements(facts, issue)
        if breaks:
            drafts[-1] = Draft(0, drafts[0].content)  # the first documents stand, the last is refused
        return drafts

    closing = StoredClosing(pool)
    await closing.stop_calls(organisation, MARCH.ends)
    return await closing.close(
        organisation, MARCH, Closed(day("2026-04-02"), "me", False, ()), share, compose
    )


def test_of_many_closes_at_once_one_closes_and_leaves_no_gap(office: Office, ledger: Ledger) -> None:
    async def all_at_once() -> list[object]:
        closes = [_close(office.pool, ledger.organisation, breaks=at in {0, 2, 5}) for at in range(8)]
        return await asyncio.gather(*closes, return_exceptions=True)

    found = office.runner.run(all_at_once())
    closed = [one for one in found if isinstance(one, tuple)]
    broken = [one for one in found if isinstance(one, BaseException)]
    assert closed == [("RW-2026-000001", "RW-2026-000002")]
    assert all(isinstance(one, asyncpg.UniqueViolationError) for one in broken), broken
    assert [row["number"] for row in office.sql("select number from document order by ordinal")] == [
        *closed[0]
    ]
    assert is_sound(office)


def test_a_close_that_breaks_leaves_nothing_behind(office: Office, ledger: Ledger) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        office.runner.run(_close(office.pool, ledger.organisation, breaks=True))
    for table in ("document", "document_counter", "period_close"):
        assert office.sql(f"select count(*) as n from {table}")[0]["n"] == 0
    assert close(office) == ["RW-2026-000001", "RW-2026-000002"]
    assert is_sound(office)


def test_a_close_waits_for_a_voucher_that_is_being_written(office: Office, ledger: Ledger) -> None:
    project = ledger.project("recht")
    line = VoucherLine(Side("receivable", project), Side("revenue", project), 5)
    voucher = Voucher("adjustment", day("2026-03-31"), "just in time", "the test", (line,))

    async def both() -> tuple[str, ...] | None:
        async with office.pool.acquire() as connection, connection.transaction():
            await book_voucher(connection, ledger.organisation, voucher)
            closing = asyncio.create_task(_close(office.pool, ledger.organisation))
            while not await connection.fetchval(
                "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
            ):
                assert not closing.done()
        return await closing

    assert office.runner.run(both()) == ("RW-2026-000001", "RW-2026-000002")
    assert balance(office, "revenue")["recht"] == "1.150000005"
    assert is_sound(office)


def test_a_voucher_that_waits_for_a_close_is_refused(office: Office, ledger: Ledger) -> None:
    project = ledger.project("recht")
    line = VoucherLine(Side("receivable", project), Side("revenue", project), 5)
    at: datetime = day("2026-03-31")
    voucher = Voucher("adjustment", at, "too late", "the test", (line,))

    async def both() -> None:
        async with office.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "select pg_advisory_xact_lock(books_key($1))", ledger.organisation
            )  # as the close does first
            writing = asyncio.create_task(office.desk.vouchers.book(ledger.organisation, voucher))
            while not await connection.fetchval(
                "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
            ):
                assert not writing.done()
            await connection.execute(
                "insert into period_lock values ($1, $2, $2)", ledger.organisation, MARCH.ends
            )
        await writing

    with pytest.raises(BookError, match="the books are closed"):
        office.runner.run(both())
