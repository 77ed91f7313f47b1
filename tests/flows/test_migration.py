"""An installation from before contracts is brought up to them: what was booked counts, nothing is lost."""

from __future__ import annotations

import asyncio
import json
from importlib import resources

import asyncpg

from rechenwerk.store.control import open_desk
from rechenwerk.store.migrate import migrate
from tests import postgres
from tests.proving import broken

LAST = "0006_attempts.sql"
BEFORE = """
insert into organisation (name) values ('town');
insert into project (organisation_id, name, data_class) values (1, 'project', 'confidential');
insert into provider (organisation_id, name, kind, base_url) values (0, 'cloud', 'openai', 'http://x');
insert into contract (organisation_id, provider_id, name, kind) values (0, 1, 'on demand', 'on-demand');
insert into deployment (organisation_id, model, provider_id, contract_id, upstream, endpoints, context_tokens,
    max_output_tokens, jurisdiction) values (0, 'm', 1, 1, 'm', '{chat}', 9, 9, 'DE');
insert into tariff (organisation_id, model, currency, rates) values (0, 'm', 'EUR', '{"input": "2.50"}');
select process_start('first');
select ensure_accounts(1, 1, 1);
select till_hold(1, array[
    row(5,1,1,1,1,1,'chat','m',false,100,80,'{}',3600000000,2000000000,null)::hold_row]);
select till_post(1, array[row(5,1,1,1,1,1,'chat','m',false,'posted',null,'reported',1,0,0,2,0,0,0,1,null,100,
                              40,30,'{}',200,3600000000,1,2,'{}',null)::post_row],
    array[row(1,5,1,(select id from account where kind = 'cost'),
              (select id from account where kind = 'payable'),30)::transfer_row,
          row(1,5,2,(select id from account where kind = 'receivable'),
              (select id from account where kind = 'revenue'),40)::transfer_row]);
"""


def test_what_was_booked_before_counts_in_positions(server: postgres.Server) -> None:
    asyncio.run(_upgraded(server))


async def _upgraded(server: postgres.Server) -> None:
    admin = await asyncpg.connect(server._uri)
    await admin.execute("create database from_before")
    await admin.close()
    url = server._url("from_before")
    connection = await asyncpg.connect(url)
    await connection.execute(
        "create table schema_migration"
        " (name text primary key, sha256 text not null, applied_at timestamptz not null default now())"
    )
    folder = resources.files("rechenwerk.store") / "migrations"
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.endswith(".sql") and file.name <= LAST:
            text = file.read_text(encoding="utf-8")
            await connection.execute(text)
            await connection.execute(
                "insert into schema_migration values ($1, encode(sha256($2), 'hex'))",
                file.name,
                text.encode(),
            )
    await connection.execute(BEFORE)
    assert "0007_contracts.sql" in await migrate(connection)
    (draw,) = await connection.fetch("select * from position_draw")
    assert (draw["calls"], draw["amount"], draw["listed"], draw["output"]) == (1, 30, 30, 2)
    assert draw["hour"].timestamp() == 3600
    for table, column in (("project_version", "data_class"), ("deployment_version", "jurisdiction")):
        (row,) = await connection.fetch(
            f"select {column} as kept, valid_from = '-infinity' as ever from {table}"
        )
        assert (row["kept"], row["ever"]) in {("confidential", True), ("DE", True)}
    (tariff,) = await connection.fetch("select id, terms from tariff")
    assert (tariff["id"], json.loads(tariff["terms"])) == (1, {"price": {"input": "2.50"}})
    assert await connection.fetchval("select tariff_id from call") == 0
    await connection.close()
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
        wrong = await broken(open_desk(pool), 1)
        assert wrong == []
