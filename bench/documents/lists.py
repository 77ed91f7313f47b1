"""Lists of a project with very many documents: how long the office takes for each.

    python -m bench.documents.lists [--documents 20000]    # prints, and writes nothing

Seeds one job of so many documents, each with 40 sealed values and the text of a page, and one job of a few
beside it; then asks every list again and again, as a browser does. The time is the office's own: from the
request's arrival in the application to the end of its answer, without network.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import statistics
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import httpx2
import msgspec
from rich.console import Console
from rich.table import Table
from tests import postgres
from tests.flows.office_desk import DEFAULT

from bench.results import Metric, metric
from rechenwerk.base.clock import SystemClock
from rechenwerk.documents.clash_ports import Change
from rechenwerk.documents.clashing import Text, items_of, sheets_of, together
from rechenwerk.documents.exporting.process import WriterProcess
from rechenwerk.documents.extracting.schemas import ready
from rechenwerk.documents.office_ports import DocumentOffice, Setup
from rechenwerk.documents.sealing import RowSeal
from rechenwerk.documents.sealing_ports import seal_said
from rechenwerk.documents.values import Evidence, Page, Parsed, Value, Word
from rechenwerk.identity.secrets import SecretBox, document_context
from rechenwerk.main_documents_office import mount_documents
from rechenwerk.main_documents_viewer import LazyViewer
from rechenwerk.office.app import create_app
from rechenwerk.office.first_run import first_run
from rechenwerk.store.control import open_desk

NAME = "documents_lists"
DOCUMENTS = 20_000
VALUES = 40
UNPROVEN = 7
"""Every so many documents have a value to review."""
RECKONED = 300
REPEATS = 30
_BOX = SecretBox(bytes(32))
SENTENCE = "Die Stadtwerke Beispiel{at} GmbH erzielte 2024 einen Umsatz von {amount},5 Millionen Euro."

Ask = Callable[[str], Awaitable[Any]]


def parsed(at: int) -> Parsed:
    """The text of a page."""
    said = SENTENCE.format(at=at // 2, amount=100 + at % 7)
    text = said + "\n" + "\n".join(f"Zeile {line} von Dokument {at} mit einigen Worten" for line in range(45))
    words, start = [], 0
    for word in text.split():
        start = text.index(word, start)
        words.append(Word(start, start + len(word), 1))
        start += len(word)
    return Parsed("txt", text, (Page(1, 0, len(text)),), tuple(words), language="de")


def values_of(at: int) -> list[Value]:
    """Forty values, as an invoice has them."""
    names = [one.name for one in ready("invoice").fields if one.type != "rows"]
    rows = [f"items.{row}.{name}" for row in range(8) for name in ("text", "quantity", "price", "total")]
    found = []
    for place, field in enumerate([*names, *rows][:VALUES]):
        state = "unproven" if place == 3 and at % UNPROVEN == 0 else "absent" if place % 3 else "proven"
        quote = Evidence(1, 10, 20, "Beispiel 12") if state != "absent" else None
        value = None if state == "absent" else f"Wert {at}"
        found.append(
            Value(field, value, state, "rule", quote, ("label: none",) if state == "unproven" else ())
        )
    return found


async def seed(
    connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record],
    organisation: int,
    documents: int,
    say: Callable[[str], None],
) -> int:
    """One large job; its id."""
    seal = RowSeal(_BOX)
    job: int = await connection.fetchval(
        "insert into document_job (organisation_id, project_id, name, schema_name, schema_version,"
        " schema_body, model, data_class, state, made_by, keep_days, started_at, ended_at)"
        " select $1, p.id, 'large', 'invoice', 0, $2::jsonb, '', 'internal', 'done', 'bench', 30,"
        " now(), now() from project p where p.organisation_id = $1 limit 1 returning id",
        organisation,
        msgspec.json.encode(ready("invoice")).decode(),
    )
    ids = range(1, documents + 1)
    columns = ["organisation_id", "id", "job_id", "name", "kind", "language", "pages", "pages_read",
               "characters", "state", "step", "ended_at"]  # fmt: skip
    now = await connection.fetchval("select now()")
    rows = [
        (organisation, at, job, f"invoice-{at}.txt", "txt", "de", 1, 1, 2000, "done", "end", now)
        for at in ids
    ]
    await connection.copy_records_to_table("job_document", records=rows, columns=columns)
    await connection.execute("select setval(pg_get_serial_sequence('job_document', 'id'), $1)", documents)
    for first in range(1, documents + 1, 1000):
        some = range(first, min(documents, first + 999) + 1)
        texts = [(organisation, at, sealed_text(organisation, at)) for at in some]
        await connection.copy_records_to_table(
            "document_text", records=texts, columns=["organisation_id", "document_id", "parsed"]
        )
        values = [
            (
                organisation,
                at,
                place,
                one.field,
                one.state,
                one.origin,
                seal_said(seal, organisation, at, one),
            )
            for at in some
            for place, one in enumerate(values_of(at))
        ]
        await connection.copy_records_to_table(
            "document_value",
            records=values,
            columns=["organisation_id", "document_id", "place", "field", "state", "origin", "sealed"],
        )
        say(f"seeded {some[-1]} of {documents} documents")
    await connection.execute("vacuum analyze")
    return job


def sealed_text(organisation: int, at: int) -> bytes:
    """As `vault.Vault.seal_parsed` has it."""
    packed = zlib.compress(msgspec.msgpack.encode(parsed(at)), 1)
    return _BOX.seal_bytes(packed, document_context(organisation, f"text/{at}"))


async def timed(ask: Ask, path: str) -> list[float]:
    """Milliseconds of each of so many answers."""
    await ask(path)
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        await ask(path)
        found.append((time.perf_counter() - began) * 1000)
    return found


def p95(values: Sequence[float]) -> float:
    """What 19 of 20 were faster than."""
    return statistics.quantiles(values, n=20)[-1]


async def measure(url: str, documents: int, say: Callable[[str], None]) -> list[Metric]:
    """The 95th percentile of every list."""
    async with asyncpg.create_pool(url, min_size=1, max_size=4) as pool:
        desk = open_desk(pool)
        first = await first_run(desk, DEFAULT)
        assert first is not None
        async with pool.acquire() as connection:
            organisation: int = await connection.fetchval("select organisation_id from project limit 1")
            job = await seed(connection, organisation, documents, say)
        app = create_app(desk, SystemClock(), secrets.token_bytes, box=_BOX)
        office = mount_documents(app, pool, url, LazyViewer(), WriterProcess(), Setup())
        transport = httpx2.ASGITransport(app=app)
        headers = {"authorization": f"Bearer {first.key}"}
        base = "http://office/api/v1/documents"
        async with httpx2.AsyncClient(transport=transport, headers=headers, timeout=3600) as client:

            async def ask(path: str) -> Any:
                answer = await client.get(base + path)
                assert answer.status_code == 200, answer.text
                return answer.json()

            seconds = await reckoned(office, organisation, job, documents)
            await pool.execute("analyze")
            found = [metric(NAME, f"facts of {RECKONED} documents reckoned", "s", [seconds])]
            return [*found, *await listed(ask, job, documents, say)]


async def reckoned(office: DocumentOffice, organisation: int, job: int, documents: int) -> float:
    """Seconds for the facts of some documents; they are kept as often as all documents together have them.

    All of them are a worker's work of minutes, and what lists show then is as large.
    """
    desk = office.desk
    stamps = await desk.clashes.stamps(organisation, job)
    some = await desk.files.documents(organisation, job, limit=RECKONED)
    began = time.perf_counter()
    pages = [(one, parsed(one.id)) for one in some]
    texts = [Text(one, page.text, "de", "", (len(page.text),)) for one, page in pages]
    found = together(texts, ())
    items, sheets = items_of(found, ()), sheets_of(found)
    seconds = time.perf_counter() - began
    times = documents // RECKONED
    await desk.clashes.settle(
        organisation, job, stamps, {}, sheets * times, lambda _: Change(add=items * times)
    )
    return seconds


async def listed(ask: Ask, job: int, documents: int, say: Callable[[str], None]) -> list[Metric]:
    """Every list at its beginning and in its middle."""
    middle = documents // 2
    paths = {
        "jobs": "/jobs",
        "a job": f"/jobs/{job}",
        "files, first": f"/jobs/{job}/files?limit=100",
        "files, middle": f"/jobs/{job}/files?limit=100&after={middle}",
        "files, refused": f"/jobs/{job}/files?limit=100&state=refused",
        "values, first": f"/jobs/{job}/values?limit=100",
        "values, middle": f"/jobs/{job}/values?limit=100&after={middle}.5",
        "values, unproven": f"/jobs/{job}/values?limit=100&state=unproven&after={middle}.0",
        "a document's values": f"/files/{middle}/values",
        "review": f"/jobs/{job}/review",
        "review, middle": f"/jobs/{job}/review?after={middle}.0",
        "decisions": f"/jobs/{job}/decisions",
        "facts": f"/jobs/{job}/facts",
        "contradictions": f"/jobs/{job}/contradictions",
    }
    found = []
    for name, path in paths.items():
        say(name)
        times = await timed(ask, path)
        found.append(metric(NAME, f"{name}, p95 of {documents} documents", "ms", [p95(times)]))
    return found


def main() -> None:
    """Print every list's time."""
    parser = argparse.ArgumentParser(prog="bench.documents.lists", description=__doc__)
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    options = parser.parse_args()
    console = Console()
    with postgres.running() as server, console.status("seeding") as status:
        found = asyncio.run(measure(server.fresh_sync(), options.documents, status.update))
    table = Table("list", "p95, ms")
    for one in found:
        table.add_row(one.name, f"{one.value:.1f}")
    console.print(table)


if __name__ == "__main__":
    main()
