"""A long document that is being read: how far it is by pages, and a worker that is killed in the middle."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import msgspec
from PIL import Image

from rechenwerk.documents.values import Parsed
from rechenwerk.documents.vault import Vault
from rechenwerk.identity.secrets import SecretBox
from rechenwerk.store.documents.files import StoredFiles
from tests.flows.conftest import MODELS
from tests.flows.document_town import DocumentTown, document_town
from tests.unit import document_files as files

PAGES = 16
Found = TypeVar("Found")


def scan(pages: int) -> bytes:
    """A fax: a TIFF of so many narrow pages, each with its number."""
    frames = []
    for number in range(1, pages + 1):
        page = files.pdf([(20, 20, f"Seite Nummer {number} von Beispielstadt")])
        frames.append(Image.open(io.BytesIO(files.picture(page))).convert("L").crop((0, 0, 1654, 260)))
    out = io.BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:], dpi=(200, 200))
    return out.getvalue()


def within(town: DocumentTown, work: Callable[[asyncpg.Pool, Vault], Awaitable[Found]]) -> Found:
    """Something done in the database, with the installation's key."""

    async def run() -> Found:
        async with asyncpg.create_pool(town.url, min_size=1, max_size=1) as pool:
            return await work(pool, Vault(SecretBox(bytes(32)), StoredFiles(pool)))

    return asyncio.run(run())


async def shout(pool: asyncpg.Pool, vault: Vault) -> int:
    """Turn the pages that are kept into capitals: who reads them again would not; how many there are."""
    rows = await pool.fetch("select * from document_page order by number")
    for row in rows:
        place = (row["organisation_id"], row["document_id"], row["number"])
        page = vault.open_page(*place, row["page"])
        loud = vault.seal_page(*place, msgspec.structs.replace(page, text=page.text.upper()))
        await pool.execute("update document_page set page = $2 where number = $1", row["number"], loud)
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(b"Seite" not in row["page"] for row in rows), "they are sealed"
    return len(rows)


async def texts(pool: asyncpg.Pool, vault: Vault) -> list[str]:
    """The pages of the document's text."""
    (row,) = await pool.fetch("select * from document_text")
    assert await pool.fetchval("select count(*) from document_page") == 0, "they go with the whole text"
    parsed: Parsed = vault.open_parsed(row["organisation_id"], row["document_id"], row["parsed"])
    for word in parsed.words:
        page = parsed.pages[word.page - 1]
        assert page.start <= word.start < word.end <= page.end
    return [parsed.text[page.start : page.end] for page in parsed.pages]


def until_read(town: DocumentTown, job: int, pages: int, seconds: float = 120) -> Any:
    """The job, once so many pages of a document in hand were read."""
    ends = time.monotonic() + seconds
    while True:
        found = town.ok("GET", f"/jobs/{job}")
        if any(one["read"] >= pages for one in found["reading"]):
            return found
        assert time.monotonic() < ends, found


def test_pages_that_were_read_before_a_kill_are_not_read_again(database_url: str, tmp_path: Path) -> None:
    with document_town(database_url, tmp_path) as town:
        job = town.job(model="")
        document = town.upload(job, "fax.tiff", scan(PAGES))["id"]
        worker = town.worker(MODELS)
        found = until_read(town, job, 2)
        worker.kill()
        (reading,) = found["reading"]
        assert (reading["document"], reading["name"], reading["pages"]) == (document, "fax.tiff", PAGES)
        assert found["pages"] == reading["read"] < PAGES
        assert found["read"] == 0
        kept = within(town, shout)
        assert reading["read"] <= kept < PAGES
        first = next(town.events(job))  # the same for a browser: nobody has taken it over yet
        assert [(one["name"], one["read"]) for one in first["reading"]] == [("fax.tiff", kept)]
        town.worker(MODELS)
        town.ok("POST", f"/jobs/{job}/start")
        assert town.wait(job, "done", seconds=180)["pages"] == PAGES
        loud = [text for text in within(town, texts) if text]
        assert len(loud) == PAGES
        assert [text == text.upper() for text in loud] == [True] * kept + [False] * (PAGES - kept)
        assert town.ok("GET", f"/files/{document}")["tries"] == 1
