"""Pages of the console over large books and many documents: how long the server takes for each."""

from __future__ import annotations

import asyncio
import gc
import secrets
import statistics
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import asyncpg
import httpx2

from bench.booking import FURNITURE, KEYS, PROJECTS
from bench.databases import database
from bench.documents import lists
from bench.filling import fill
from bench.machine import BenchError
from bench.results import Metric, metric
from rechenwerk.base.clock import SystemClock
from rechenwerk.documents.exporting.process import WriterProcess
from rechenwerk.documents.office_ports import Setup
from rechenwerk.documents.routes import largest_body
from rechenwerk.identity.keys import hash_key
from rechenwerk.identity.secrets import SecretBox
from rechenwerk.ledger.periods import Period, month_of
from rechenwerk.main_console import mount_console
from rechenwerk.main_documents_office import mount_documents
from rechenwerk.main_documents_viewer import LazyViewer
from rechenwerk.office.app import create_app
from rechenwerk.store.control import open_desk

if TYPE_CHECKING:
    from bench.lab import Lab
    from bench.peers import Crew

NAME = "console"
CALLS = 1_000_000
ALL_KEYS, ALL_PROJECTS, PEOPLE, EVENTS = 5_000, 200, 300, 20_000
_KEY = "rw-" + "b" * 32
_SEED = f"""
insert into project (organisation_id, name)
    select 1, 'project ' || n from generate_series({PROJECTS + 1}, {ALL_PROJECTS}) n;
insert into api_key (organisation_id, project_id, name, hash, hint, scopes, created_at, revoked_at)
    select 1, 1 + n % {ALL_PROJECTS}, 'key of a job ' || n, sha256(('more ' || n)::bytea), 'rw-' || n,
        '{{inference}}', now() - n * interval '1 minute', case when n % 10 = 0 then now() end
    from generate_series({PROJECTS * KEYS + 1}, {ALL_KEYS}) n;
insert into guard (organisation_id, project_id, unit, period, amount)
    select 1, id, 'money', 'day', 100000000000 from project where organisation_id = 1;
insert into guard (organisation_id, project_id, key_id, unit, period, amount)
    select 1, project_id, id, 'money', 'month', 100000000000 from api_key where organisation_id = 1;
insert into person (email, name, made_at)
    select 'person' || n || '@example.org', 'Person ' || n, now() from generate_series(1, {PEOPLE}) n;
insert into membership (organisation_id, person_id, role, project_id, made_at)
    select 1, id, 'member', 1, now() from person;
insert into audit_event (at, organisation_id, actor_organisation, key_id, who, what, subject, before, after)
    select now() - n * interval '1 second', 1, 1, 1, 'key ' || n % 40, 'budget set', 'project ' || n % 200,
        '{{"month": "1.00 (hard)"}}', '{{"month": "2.00 (hard)"}}'
    from generate_series({EVENTS}, 1, -1) n;
"""
_OPERATOR = """
insert into api_key (organisation_id, project_id, name, hash, hint, scopes)
values (1, 1, 'operator', $1, 'rw-b', '{inference,books,keys,documents,operator}') returning id
"""


def pages(call: str, key: int) -> dict[str, str]:
    """Every page, by what it is called."""
    return {
        "start": "/console/",
        "projects": "/console/projects",
        "projects, searched and sorted": "/console/projects?q=project+1&sort=-used&page=2",
        "a project": "/console/projects/project%201",
        "keys": "/console/keys",
        "keys, searched and sorted": "/console/keys?q=job+4&sort=-used&state=&page=3",
        "a key": f"/console/keys/{key}",
        "a new key": "/console/keys/new",
        "people": "/console/people",
        "a person": "/console/people/person7%40example.org",
        "journal": "/console/journal",
        "journal of a project": "/console/journal?project=project+3",
        "journal, oldest first": "/console/journal?sort=started_at",
        "a call": f"/console/journal/{call}",
        "trial balance": "/console/books",
        "totals": "/console/books/totals",
        "totals by key": "/console/books/totals?by=key",
        "budgets": "/console/books/budgets",
        "alerts": "/console/books/alerts",
        "wallets": "/console/books/wallets",
        "months and documents": "/console/books/documents",
        "bills": "/console/books/bills",
        "owed and paid": "/console/books/owed",
        "tariffs": "/console/books/tariffs",
        "margins": "/console/books/margin",
        "exports": "/console/books/exports",
        "proof of the books": "/console/books/verify",
        "plans": "/console/plan",
        "providers": "/console/providers",
        "a provider": "/console/providers/at/cloud",
        "configuration": "/console/providers/configuration",
        "contracts": "/console/contracts",
        "a contract": "/console/contracts/contract%201",
        "audit": "/console/audit",
        "audit, searched": "/console/audit?q=project+199",
        "audit, nothing found": "/console/audit?q=nowhere",
        "audit, verified": "/console/audit/verify",
        "profile": "/console/profile",
        "sign-in": "/console/sign-in",
    }


def document_pages(job: int, middle: int) -> dict[str, str]:
    """Of a large job; `middle` is one of its documents."""
    at = f"/console/documents/jobs/{job}"
    return {
        "documents": "/console/documents",
        "a job": at,
        "a job's files, searched": f"{at}/files?q=invoice-1",
        "documents, by name": "/console/documents?sort=name",
        "a job's files, by name": f"{at}/files?sort=name",
        "a job's files, by what failed": f"{at}/files?sort=state",
        "a job's values": f"{at}/values?after={middle}.5",
        "a job's values, by name": f"{at}/values?sort=-name",
        "a job's values, by state": f"{at}/values?sort=state",
        "a job's values, searched": f"{at}/values?q=invoice-{middle}",
        "a document": f"{at}/documents/{middle}",
        "review": f"{at}/review?after={middle}.0",
        "contradictions": f"{at}/contradictions",
        "facts": f"{at}/facts",
        "decisions": f"{at}/history",
        "a new job": "/console/documents/new",
    }


async def filled(lab: Lab, pool: asyncpg.Pool, calls: int) -> None:
    """The books: calls of this month up to now, and who makes them."""
    await pool.execute(FURNITURE)
    await pool.execute(_SEED)
    await pool.execute(
        "select count(*) from project p, contract c, ensure_accounts(1, p.id, c.id)"
        " where p.organisation_id = 1"
    )
    now = datetime.now(UTC)
    month = month_of(now)
    span = Period(month.starts, max(now, month.starts + timedelta(hours=1)))
    await fill(pool, calls, span, lambda done: lab.say(f"{done:,} of {calls:,} calls written"))


async def timed(client: httpx2.AsyncClient, path: str, times: int) -> list[float]:
    """Milliseconds of each visit; the first one is left out."""
    found = []
    for number in range(times + 1):
        begun = time.perf_counter()
        answer = await client.get(path)
        if number:
            found.append((time.perf_counter() - begun) * 1e3)
        if answer.status_code != 200:
            raise BenchError(f"{path} answers {answer.status_code}")
    return found


async def measured(lab: Lab) -> list[Metric]:
    """Every page, in a database of its own."""
    calls, documents, times = (50_000, 1_000, 10) if lab.quick else (CALLS, lists.DOCUMENTS, 30)
    async with AsyncExitStack() as stack:
        url = (await database(stack, lab.folder / "console")).get_uri()
        pool = await stack.enter_async_context(asyncpg.create_pool(url, min_size=1, max_size=4))
        await filled(lab, pool, calls)
        async with pool.acquire() as seeding:
            job = await lists.seed(seeding, 1, documents, lab.say)
        key = await pool.fetchval(_OPERATOR, hash_key(_KEY.encode()))
        app = create_app(
            open_desk(pool),
            SystemClock(),
            secrets.token_bytes,
            box=SecretBox(bytes(32)),
            larger=partial(largest_body, setting=1),
        )
        office = mount_documents(app, pool, url, LazyViewer(), WriterProcess(), Setup())
        mount_console(app, SystemClock(), 8080)
        await lists.reckoned(office, 1, job, documents)
        await pool.execute("analyze")
        transport = httpx2.ASGITransport(app=app)
        headers = {"cookie": f"rw_session={_KEY}", "accept-language": "en"}
        client = await stack.enter_async_context(
            httpx2.AsyncClient(transport=transport, base_url="http://office", headers=headers, timeout=600)
        )
        journal = await client.get("/api/v1/books/journal?limit=1")
        found, visits = [], []
        gc.freeze()  # as `serve` does once it is ready
        every = pages(journal.json()["calls"][0]["id"], key) | document_pages(job, documents // 2)
        for name, path in every.items():
            lab.say(name)
            took = await timed(client, path, times)
            visits += took
            found.append(metric(NAME, f"{name}, p95", "ms", [lists.p95(took)]))
    slowest = max(one.value for one in found)
    return [
        metric(NAME, "slowest page, p95", "ms", [slowest]),
        metric(NAME, "visits of all pages, median", "ms", [statistics.median(visits)]),
        metric(NAME, "visits of all pages, p95", "ms", [lists.p95(visits)]),
        *found,
    ]


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """The pages one after the other."""
    del crew
    return asyncio.run(measured(lab))
