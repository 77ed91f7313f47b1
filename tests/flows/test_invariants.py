"""What PostgreSQL itself refuses, whoever asks: Python is not there to be trusted."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.installation import CONFIG, Town, town

# An organisation (1) with a project, a key, a budget of 1000 leased to process 1 in one slice of 600, a call
# under way (id 7, holds 100) and a booked one (id 5, charged 40 of 100); and its neighbour (2) with accounts.
STATEMENTS = """
insert into organisation (name) values ('town'), ('neighbour');
insert into project (organisation_id, name) values (1, 'project'), (2, 'project');
insert into api_key (organisation_id, project_id, name, hash, hint, scopes)
    values (1, 1, 'key', sha256('key'), 'rw-', '{inference}');
insert into guard (organisation_id, project_id, unit, period, amount) values (1, 1, 'money', 'total', 1000);
select process_start('first');
select process_start('second');
select ensure_accounts(1, 1, 1);
select ensure_accounts(2, 2, 1);
select lease(1, 'epoch', 1, 600, 1);
select till_hold(1, array[row(7,1,1,1,1,1,'chat','m',false,100,80,'{1}',0,2000000000,null)::hold_row,
                          row(5,1,1,1,1,1,'chat','m',false,100,80,'{1}',0,2000000000,null)::hold_row]);
select till_post(1, array[row(5,1,1,1,1,1,'chat','m',false,'posted',null,'reported',1,0,0,2,0,0,0,1,null,100,
                              40,30,'{1}',200,0,1,2,'{}',null,0,0,null,0)::post_row],
    array[row(1,5,1,ACCOUNT(1,cost),ACCOUNT(1,payable),30)::transfer_row,
          row(1,5,2,ACCOUNT(1,receivable),ACCOUNT(1,revenue),40)::transfer_row]);
"""

CALL = (
    "insert into call select organisation_id, 9, project_id, key_id, process_id, deployment_id, contract_id,"
    " endpoint, model, streamed, OUTCOME, reason, usage_source, INPUT, cached_input, cache_write, output,"
    " reasoning, images, seconds, requests, raw_usage, held, PRICE, cost, CHARGED, slices, status,"
    " started_at, first_byte_us, total_us, decision, booked_at from call where id = 5"
)


def call(**changed: str) -> str:
    """A copy of the booked call that differs in something."""
    text = CALL
    for name, usual in (
        ("outcome", "outcome"),
        ("input", "input"),
        ("price", "price"),
        ("charged", "charged"),
    ):
        text = text.replace(name.upper(), changed.get(name, usual))
    return text


def transfer(debit: str, credit: str, amount: str, organisation: int = 1, number: int = 9) -> str:
    """A transfer."""
    return f"insert into transfer values ({organisation}, {number}, 1, {debit}, {credit}, {amount})"


def guard(what: str) -> str:
    """A guard of one piece."""
    return f"insert into guard (organisation_id, project_id, unit, period, amount) values (1, {what}, 1)"


SPY = (
    "insert into api_key (organisation_id, project_id, name, hash, hint, scopes)"
    " values (1, 2, 'spy', sha256('spy'), 'rw-', '{inference}')"
)
COST, PAYABLE = "ACCOUNT(1,cost)", "ACCOUNT(1,payable)"
REFUSED = (
    # nothing that does not balance can be written down
    ("a transfer to nowhere", transfer(COST, "null", "5"), "not_null_violation"),
    ("a transfer from nowhere", transfer("null", PAYABLE, "5"), "not_null_violation"),
    ("a transfer of nothing", transfer(COST, PAYABLE, "0"), "check_violation"),
    ("a transfer of less than nothing", transfer(COST, PAYABLE, "-5"), "check_violation"),
    ("a transfer of an unknown amount", transfer(COST, PAYABLE, "null"), "not_null_violation"),
    ("a transfer to itself", transfer(COST, COST, "5"), "check_violation"),
    ("the same line twice", transfer(COST, PAYABLE, "5", number=5), "unique_violation"),
    # accounts stay behind the wall
    ("a debit of the neighbour", transfer("ACCOUNT(2,cost)", PAYABLE, "5"), "foreign_key_violation"),
    ("a credit of the neighbour", transfer(COST, "ACCOUNT(2,payable)", "5"), "foreign_key_violation"),
    ("a transfer in the neighbour's name", transfer(COST, PAYABLE, "5", 2), "foreign_key_violation"),
    ("accounts that do not exist", transfer("1000001", "1000002", "5"), "foreign_key_violation"),
    ("an account of no kind", "insert into account values (1, default, 'cash')", "foreign_key_violation"),
    ("an account of nobody", "insert into account values (77, default, 'cost')", "foreign_key_violation"),
    # what is written is written
    *(
        (f"{name} changed", sql, "restrict_violation")
        for name, sql in (
            ("a transfer", "update transfer set amount = amount + 1"),
            ("a transfer deleted", "delete from transfer where call_id = 5"),
            ("all transfers", "truncate transfer"),
            ("a call", "update call set price = 0 where id = 5"),
            ("a call deleted", "delete from call where id = 5"),
            ("all calls", "truncate call"),
            ("a hold", "update hold set amount = 1"),
            ("all holds", "truncate hold"),
            ("a hold deleted, its call not booked,", "delete from hold where id = 7"),
            ("terms of a contract", "update contract_version set terms = '{}'"),
            ("what a project's data was", "delete from project_version"),
            ("where a deployment was", "update deployment_version set jurisdiction = 'DE'"),
            ("what a data class was", "truncate data_class_version"),
        )
    ),
    ("a call twice", call().replace(", 9,", ", 5,"), "unique_violation"),
    ("a call charged above its hold", call(charged="held + 1", price="held + 1"), "check_violation"),
    ("a call charged below zero", call(charged="-1"), "check_violation"),
    ("a call with a price below zero", call(price="-1"), "check_violation"),
    ("a call with fewer than no tokens", call(input="-1"), "check_violation"),
    ("a call that ended in an unknown way", call(outcome="'lost'"), "check_violation"),
    ("a call booked with another hold than it had",
     call().replace(", 9,", ", 7,").replace(" held,", " held - 1,") + "; delete from hold where id = 7",
     "restrict_violation"),
    # promises
    ("a hold beyond its slice", "HOLD(8,501)", "check_violation"),
    ("a hold below zero", "HOLD(8,-1)", "check_violation"),
    ("a slice that holds more than it has", "update slice set held = granted", "check_violation"),
    ("a slice that has less than it promised", "select give_back(1, 461, 0)", "check_violation"),
    ("a slice below zero", "update slice set posted = -1", "check_violation"),
    ("a window beyond its guard", "update guard_window set granted = amount + 1", "check_violation"),
    ("a window below what it granted", "update guard_window set amount = granted - 1", "check_violation"),
    ("a guard below zero", "update guard set amount = -1", "check_violation"),
    ("a budget per minute",
     guard("1, 'money', 'minute'"),
     "check_violation"),
    ("a guard on the neighbour's project",
     guard("2, 'money', 'day'"),
     "foreign_key_violation"),
    ("the same guard twice",
     guard("1, 'money', 'total'"),
     "unique_violation"),
    ("a key in the neighbour's project",
     SPY,
     "foreign_key_violation"),
    # processes
    ("two living processes with one number", "update process set number = 0", "unique_violation"),
    ("a process with too high a number", "update process set number = 1024 where id = 1", "check_violation"),
)  # fmt: skip


def _spell(sql: str, accounts: dict[tuple[int, str], int]) -> str:
    for (organisation, kind), account in accounts.items():
        sql = sql.replace(f"ACCOUNT({organisation},{kind})", str(account))
    if sql.startswith("HOLD("):
        number, amount = sql[5:-1].split(",")
        row = f"row({number},1,1,1,1,1,'chat','m',false,{amount},80,'{{1}}',0,2000000000,null)::hold_row"
        return f"select till_hold(1, array[{row}])"
    return sql


async def _furnish(there: Town) -> dict[tuple[int, str], int]:
    await there.configure(CONFIG.format(kind="openai", url="http://127.0.0.1:9/v1"))
    accounts: dict[tuple[int, str], int] = {}
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            await there.pool.execute(_spell(statement, accounts))
        rows = await there.pool.fetch("select organisation_id, kind, id from account")
        accounts = {(row["organisation_id"], row["kind"]): row["id"] for row in rows}
    return accounts


TABLES = ("call", "transfer", "hold", "slice", "guard_window", "guard", "process", "account", "api_key")


def test_the_database_refuses(database_url: str) -> None:
    asyncio.run(_refuses(database_url))


async def _refuses(url: str) -> None:
    async with town(url) as there:
        accounts = await _furnish(there)
        before = [await there.pool.fetch(f"select * from {table}") for table in TABLES]
        assert [len(rows) for rows in before[:4]] == [1, 2, 1, 1]
        assert (before[3][0]["granted"], before[3][0]["held"], before[3][0]["posted"]) == (600, 100, 40)
        for name, sql, error in REFUSED:
            wanted = {
                "not_null_violation": asyncpg.NotNullViolationError,
                "check_violation": asyncpg.CheckViolationError,
                "unique_violation": asyncpg.UniqueViolationError,
                "foreign_key_violation": asyncpg.ForeignKeyViolationError,
                "restrict_violation": asyncpg.RestrictViolationError,
            }[error]
            try:
                await there.pool.execute(_spell(sql, accounts))
            except wanted:
                pass
            except asyncpg.PostgresError as other:
                pytest.fail(f"{name}: {other!r}")
            else:
                pytest.fail(f"{name} was not refused")
        assert [await there.pool.fetch(f"select * from {table}") for table in TABLES] == before
        await there.assert_books_verify(1)


def test_the_most_that_is_left_can_be_promised_and_no_more(database_url: str) -> None:
    asyncio.run(_to_the_brim(database_url))


async def _to_the_brim(url: str) -> None:
    async with town(url) as there:
        accounts = await _furnish(there)
        run = there.pool.fetchrow
        grant = await run("select * from lease(1, 'epoch', 2, 500, 1)")
        assert grant is not None
        assert (grant["got"], grant["pool"]) == (400, 0)
        assert (await run("select got from lease(1, 'epoch', 2, 500, 1)"))["got"] == 0  # type: ignore[index]
        await there.pool.execute(_spell("HOLD(8,460)", accounts))  # 600 less 100 held less 40 posted
        with pytest.raises(asyncpg.CheckViolationError):
            await there.pool.execute(_spell("HOLD(9,1)", accounts))
        await there.pool.execute("select process_end(1, 'the end')")  # its calls: unresolved
        window = await run("select amount, granted from guard_window")
        assert window is not None
        assert (window["amount"], window["granted"]) == (1000, 1000)
        # A lowered guard keeps what is promised, and sinks as slices come back.
        await there.pool.execute("update guard set amount = 700")
        await there.pool.execute("select give_back($1, 400, 0)", grant["slice_id"])
        window = await run("select amount, granted from guard_window")
        assert window is not None
        assert (window["amount"], window["granted"]) == (700, 600)
        assert (await run("select got from lease(1, 'epoch', 2, 500, 200)"))["got"] == 0  # type: ignore[index]
        assert (await run("select got from lease(1, 'epoch', 2, 500, 100)"))["got"] == 100  # type: ignore[index]
        await there.assert_books_verify(1)
