"""Books in months: every row has a partition, old installations keep theirs, and sums are the rows' sums."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from importlib import resources

import asyncpg
import pytest

from rechenwerk.main_keeper import tend
from rechenwerk.office.access import Office as Inside
from rechenwerk.store.control import open_desk
from rechenwerk.store.migrate import migrate
from rechenwerk.store.months import make_months
from tests import postgres
from tests.flows.office_desk import Bookkeeper, Office
from tests.proving import broken

CENT = 10_000_000
DAY = 86_400
WHERE = "select tableoid::regclass::text as part, count(*) as rows from {} group by 1 order by 1"


def parts(office: Office, table: str) -> dict[str, int]:
    """Partition -> rows."""
    return {row["part"]: row["rows"] for row in office.sql(WHERE.format(table))}


def book(office: Office, bookkeeper: Bookkeeper, price: int = 4) -> str:
    """Book a call now; its id."""
    return bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "posted", price * CENT, 3 * CENT)


def test_a_call_is_in_the_month_of_its_id_or_in_the_rest(office: Office, bookkeeper: Bookkeeper) -> None:
    office.runner.run(make_months(office.pool, datetime(2027, 1, 15, tzinfo=UTC)))
    book(office, bookkeeper)  # on 2027-01-15
    office.clock.at += 3650 * DAY  # nobody made a month for years
    late = book(office, bookkeeper)
    assert parts(office, "call") == {"call_2027_01": 1, "call_other": 1}
    assert parts(office, "transfer") == {"transfer_2027_01": 2, "transfer_other": 2}
    before = office.ok("GET", "/books/calls/" + late), office.ok("GET", "/books/balance")
    inside: Inside = office.app.state.office
    office.runner.run(tend(inside, office.pool))
    assert parts(office, "call") == {"call_2027_01": 1, "call_2037_01": 1}
    assert parts(office, "transfer") == {"transfer_2027_01": 2, "transfer_2037_01": 2}
    assert (office.ok("GET", "/books/calls/" + late), office.ok("GET", "/books/balance")) == before
    office.clock.at += 60 * DAY  # a month that was made ahead
    book(office, bookkeeper)
    assert parts(office, "call")["call_2037_03"] == 1
    assert office.ok("GET", "/books/verify")["ok"]


@pytest.mark.parametrize("part", ["call_2027_01", "transfer_2027_01", "call_other", "transfer_voucher"])
def test_nobody_writes_past_the_whole_table(office: Office, bookkeeper: Bookkeeper, part: str) -> None:
    office.runner.run(make_months(office.pool, datetime(2027, 1, 15, tzinfo=UTC)))
    book(office, bookkeeper)
    whole = part.split("_", maxsplit=1)[0]
    for statement in (
        f"insert into {part} select * from {whole} limit 1",
        f"update {part} set organisation_id = 1",
        f"delete from {part}",
        f"truncate {part}",
        f"update {whole} set organisation_id = 1",
        f"delete from {whole}",
        f"truncate {whole}",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            office.sql(statement)
    assert sum(parts(office, "call").values()) == 1


def test_two_who_make_the_same_month(office: Office) -> None:
    async def both() -> list[int]:
        now = datetime(2031, 5, 31, tzinfo=UTC)
        return list(await asyncio.gather(make_months(office.pool, now), make_months(office.pool, now)))

    assert sorted(office.runner.run(both())) == [0, 3]
    bounds = office.sql(
        "select pg_get_expr(relpartbound, oid) as of from pg_class where relname = 'call_2031_05'"
    )
    low, high = (int(one) for one in re.findall(r"'(\d+)'", bounds[0]["of"]))
    first = office.sql(
        "select first_id('2031-05-01 00:00+0') as low, first_id('2031-06-01 00:00+0') as high"
    )[0]
    assert (low, high) == (first["low"], first["high"])


# -- sums ------------------------------------------------------------------------------------------------


ACCOUNTS = "every account's months are the sums of its entries"
DAYS = "every day's totals are the sums of its calls"
TAKEN_FROM_SUMS = (
    "every contract's draws are what is payable under it",
    "every contract's draws are the usage that was found",
)
"""Proofs that take what they say of calls from these sums."""
DAMAGE = (
    ("update account_month set debit = debit + 1", ACCOUNTS),
    ("delete from account_month", ACCOUNTS),
    ("update account_month set month = month - 31", ACCOUNTS),
    ("update call_day set price = price - 1", DAYS),
    ("update call_day set output = output + 1", DAYS),
    ("update call_day set model = 'another'", DAYS),
    ("delete from call_day", DAYS),
)


def test_sums_are_proved(office: Office, bookkeeper: Bookkeeper) -> None:
    book(office, bookkeeper)
    bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "failed", 0, CENT)
    bookkeeper.post(bookkeeper.hold("default", 10 * CENT), "void", 0, 0)
    bookkeeper.hold("default", 10 * CENT, expires_s=0)
    office.sql("select sweep('1 hour')")
    assert office.ok("GET", "/books/verify")["ok"]
    for statement, check in DAMAGE:
        for table in ("account_month", "call_day"):
            office.sql(f"create table kept_{table} as select * from {table}")
        office.sql(statement)
        wrong = {one["name"] for one in office.ok("GET", "/books/verify")["checks"] if not one["ok"]}
        assert check in wrong, statement
        assert wrong <= {check, *TAKEN_FROM_SUMS}, statement
        for table in ("account_month", "call_day"):
            office.sql(f"delete from {table}")
            office.sql(f"insert into {table} select * from kept_{table}")
            office.sql(f"drop table kept_{table}")
    assert office.ok("GET", "/books/verify")["ok"]


def test_totals_and_balances_by_month(office: Office, bookkeeper: Bookkeeper, neighbour: str) -> None:
    for price in (4, 5):
        book(office, bookkeeper, price)
    bookkeeper.post(bookkeeper.hold("neighbour", 2 * CENT), "posted", CENT, CENT)
    today = datetime.now(UTC)
    month = f"{today:%Y-%m}"
    for by, name in (
        ("project", "default"),
        ("model", "smollm2-135m"),
        ("outcome", "posted"),
        ("organisation", ""),
        ("key", office.sql("select name from api_key where project_id = 1 order by id limit 1")[0]["name"]),
    ):
        found = office.ok("GET", "/books/totals", params={"period": month, "by": by, "step": "month"})
        (row,) = found["rows"]
        assert (row["name"], row["calls"], row["price"], row["cost"]) == (name, 2, "0.09", "0.06"), by
        assert (row["usage"]["input"], row["usage"]["output"]) == (20, 40)
        assert row["starts"] == f"{month}-01"
    for by in ("deployment", "contract"):
        (row,) = office.ok("GET", "/books/totals", params={"period": month, "by": by})["rows"]
        assert row["calls"] == 2
    (theirs,) = office.ok("GET", "/books/totals", neighbour, params={"period": month})["rows"]
    assert (theirs["calls"], theirs["price"]) == (1, "0.01")
    office.refused(404, "GET", "/books/totals", neighbour, params={"organisation": "default"})
    office.refused(422, "GET", "/books/totals", params={"period": "March"})
    assert office.ok("GET", "/books/totals", params={"period": "2020-01"})["rows"] == []

    def revenue(**query: str) -> str:
        rows = office.ok("GET", "/books/balance", params=query)["accounts"]
        return next(str(row["credit"]) for row in rows if row["kind"] == "revenue")

    assert (revenue(), revenue(period=month), revenue(period="2020-01")) == ("0.09", "0.09", "0.00")


# -- from before -----------------------------------------------------------------------------------------

BEFORE = """
insert into organisation (name) values ('town');
insert into project (organisation_id, name) values (1, 'project');
insert into provider (organisation_id, name, kind, base_url) values (0, 'cloud', 'openai', 'http://x');
insert into contract (organisation_id, provider_id, name, kind) values (0, 1, 'on demand', 'on-demand');
insert into deployment (organisation_id, model, provider_id, contract_id, upstream, endpoints, context_tokens,
    max_output_tokens, jurisdiction) values (0, 'm', 1, 1, 'm', '{chat}', 9, 9, 'DE');
select process_start('first');
select ensure_accounts(1, 1, 1);
select till_hold(1, array(select row((n::bigint * 10 * 86400000) << 22 | n,1,1,1,1,1,'chat','m',false,100,
    80,'{}',
    (1735689600000 + n::bigint * 10 * 86400000) * 1000,2000000000,null)::hold_row
    from generate_series(1, 90) n));
select till_post(1, array(select row(id,1,1,1,1,1,'chat','m',false,'posted',null,'reported',1,0,0,2,0,0,0,1,
    null,    100,40,30,'{}',200,(extract(epoch from started_at) * 1000000)::bigint,1,2,'{}',
    null,0,0,null,0)::post_row
    from hold),
    array(select row(1,id,1,(select id from account where kind = 'cost'),
              (select id from account where kind = 'payable'),30)::transfer_row from hold union all
          select row(1,id,2,(select id from account where kind = 'receivable'),
              (select id from account where kind = 'revenue'),40)::transfer_row from hold));
select till_hold(1, array[row(7,1,1,1,1,1,'chat','m',false,100,80,'{}',0,2000000000,null)::hold_row]);
select book_voucher(1, 'accrual', '2025-03-31', 'a fee', 'test', null, null, '{}',
    array[row('fixed', 0, 1, 'accrued', 0, 1, 11)::voucher_line])
"""


def test_an_installation_from_before_keeps_every_row(server: postgres.Server) -> None:
    asyncio.run(_upgraded(server))


async def _upgraded(server: postgres.Server) -> None:
    admin = await asyncpg.connect(server._uri)
    await admin.execute("create database before_months")
    await admin.close()
    url = server._url("before_months")
    connection = await asyncpg.connect(url)
    await connection.execute(
        "create table schema_migration"
        " (name text primary key, sha256 text not null, applied_at timestamptz not null default now())"
    )
    folder = resources.files("rechenwerk.store") / "migrations"
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.endswith(".sql") and file.name < "0017":
            text = file.read_text(encoding="utf-8")
            await connection.execute(text)
            await connection.execute(
                "insert into schema_migration values ($1, encode(sha256($2), 'hex'))",
                file.name,
                text.encode(),
            )
    await connection.execute(BEFORE)
    rows = "select * from {} order by 1, 2, 3"
    tables = ("call", "transfer", "hold", "position_draw")
    before = [await connection.fetch(rows.format(table)) for table in tables]
    triggers = "select tgname from pg_trigger where tgrelid = $1::regclass and not tgisinternal order by 1"
    had = {table: await connection.fetch(triggers, table) for table in ("call", "transfer")}
    assert [len(found) for found in before[:3]] == [90, 181, 1]
    assert "0017_chain.sql" in await migrate(connection)
    after = [await connection.fetch(rows.format(table)) for table in tables]
    assert after == before
    for table, old in had.items():  # whatever stood on the tables stands there still
        new = {row["tgname"] for row in await connection.fetch(triggers, table)}
        assert new >= {row["tgname"] for row in old} - {"transfer_accounts"}
    found = {row["part"]: row["rows"] for row in await connection.fetch(WHERE.format("call"))}
    assert found.pop("call_2025_02") == 2
    assert sum(found.values()) == 88
    assert "call_other" not in found
    await connection.execute("select book_unresolved('{7}', 'a reason')")
    await connection.close()
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
        wrong = await broken(open_desk(pool), 1)
        assert wrong == []
