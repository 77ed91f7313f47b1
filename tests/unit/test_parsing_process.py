"""The reader's process: it may die, hang or run out of memory, and only the page in hand is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest
from fpdf import FPDF
from PIL import Image

from rechenwerk.base.errors import UnreadableError
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import Refused
from rechenwerk.documents.intake.unpacking import Member
from rechenwerk.documents.parsing.parsers import MOST_DEATHS, Parsers
from rechenwerk.documents.values import PagePart, Parsed
from tests.unit import document_files as files
from tests.unit.document_files import run

PAGES = 40
"""So many that the process cannot be far ahead of the worker: a pipe holds a few pages."""
LONG = files.text_pdf(PAGES)


def struck(
    how: int, pages: Callable[[int], bool], limits: Limits | None = None, data: bytes = LONG
) -> tuple[Parsed, set[int]]:
    """A long document, whose reader gets a signal each time that one of these pages has arrived."""
    readers: set[int] = set()

    async def work() -> Parsed:
        async with Parsers(None, limits) as parsers:

            async def on_page(_part: PagePart, page: int, _of: int) -> None:
                pid = parsers.pid
                if pid is not None:
                    readers.add(pid)
                    if pages(page):
                        # Pages from the pipe arrive after its end, before asyncio has heard of it.
                        with suppress(ProcessLookupError):
                            os.kill(pid, how)

            return await parsers.parse(data, "lang.pdf", on_page=on_page)

    return run(work()), readers


def test_a_killed_reader_costs_one_page() -> None:
    document, readers = struck(signal.SIGKILL, lambda page: page == 3)
    lost = [page for page in document.pages if page.fault]
    assert len(lost) == 1
    assert lost[0].source == "none"
    assert "signal 9" in lost[0].fault
    assert len(readers) == 2
    for page in document.pages:
        text = document.text[page.start : page.end]
        assert text.startswith(f"Seite {page.number} von {PAGES}\n") or page == lost[0]
    for word in document.words:
        page = document.pages[word.page - 1]
        assert page.start <= word.start < word.end <= page.end
        assert not set(document.text[word.start : word.end]) & set(" \n\f")


def test_a_reader_that_hangs_is_ended_at_the_pages_time() -> None:
    limits = Limits(page_seconds=0.5)
    document, _ = struck(signal.SIGSTOP, lambda page: page == 3, limits)
    lost = [page for page in document.pages if page.fault]
    assert len(lost) == 1
    assert "longer than 0.5 s" in lost[0].fault


def test_a_document_that_kills_every_reader_is_given_up() -> None:
    document, readers = struck(signal.SIGKILL, lambda _page: True, data=files.text_pdf(10 * MOST_DEATHS))
    lost = [page for page in document.pages if page.fault]
    assert len(lost) == MOST_DEATHS
    assert len(readers) <= MOST_DEATHS + 1
    assert len(document.pages) < 10 * MOST_DEATHS
    assert "were not read" in document.faults[0]


def test_a_page_that_needs_too_much_memory_is_lost_and_the_others_are_read() -> None:
    sheet = FPDF()
    sheet.add_page()
    sheet.set_font("Helvetica", size=10)
    sheet.text(20, 20, "Seite eins")
    picture = Image.effect_noise((2500, 2500), 90).convert("RGB")
    sheet.add_page()
    sheet.image(picture, 0, 0, 210, 297)
    data = bytes(sheet.output())
    assert len(data) > 5_000_000
    limits = Limits(memory_mb=330)

    async def work() -> tuple[Parsed, Parsed]:
        async with Parsers(None, limits) as parsers:
            with pytest.raises(UnreadableError) as caught:
                await parsers.image(data, 2, 600)
            assert caught.value.code in {"memory", "died", "corrupt"}
            return await parsers.parse(data, "a.pdf"), await parsers.parse(b"Hallo Welt", "b.txt")

    first, second = run(work())
    assert first.text.startswith("Seite eins")
    assert second.text == "Hallo Welt\n"


def test_the_reader_is_kept_from_document_to_document_and_replaced_in_time() -> None:
    async def work() -> list[int | None]:
        pids = []
        async with Parsers(None, Limits(recycle_documents=3)) as parsers:
            for number in range(5):
                await parsers.parse(f"Text {number}".encode(), "a.txt")
                pids.append(parsers.pid)
        return pids

    first, second, third, fourth, fifth = run(work())
    assert first == second
    assert third is None
    assert fourth == fifth != first


def test_a_reader_that_died_between_documents_is_replaced() -> None:
    async def work() -> Parsed:
        async with Parsers() as parsers:
            await parsers.parse(b"eins", "a.txt")
            assert parsers.pid is not None
            os.kill(parsers.pid, signal.SIGKILL)
            return await parsers.parse(b"zwei", "b.txt")

    assert run(work()).text == "zwei\n"


def test_who_breaks_off_in_the_middle_leaves_nothing_for_the_next() -> None:
    async def work() -> Parsed:
        async with Parsers() as parsers:
            begun = asyncio.Event()

            async def on_page(_part: PagePart, _page: int, _of: int) -> None:
                begun.set()

            task = asyncio.create_task(parsers.parse(LONG, "lang.pdf", on_page=on_page))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await parsers.parse(b"danach", "a.txt")

    assert run(work()).text == "danach\n"


def test_reading_goes_on_after_the_pages_that_were_read_before() -> None:
    async def work() -> tuple[Parsed, Parsed, list[int]]:
        kept: list[PagePart] = []
        read: list[int] = []

        async def keep(part: PagePart, _page: int, _of: int) -> None:
            kept.append(part)

        async def tell(_part: PagePart, page: int, of: int) -> None:
            assert of == PAGES
            read.append(page)

        async with Parsers() as parsers:
            whole = await parsers.parse(LONG, "lang.pdf", on_page=keep)
            return whole, await parsers.parse(LONG, "lang.pdf", before=kept[:30], on_page=tell), read

    whole, again, read = run(work())
    assert again == whole
    assert read == list(range(31, PAGES + 1))


def test_archives_are_unpacked_in_the_process() -> None:
    data = files.zipped({"a.txt": b"Hallo", "b.bin": bytes(range(256)) * 9})

    async def work() -> tuple[Member | Refused, ...]:
        async with Parsers() as parsers:
            return await parsers.unpack(data, "a.zip")

    member, refused = run(work())
    assert isinstance(member, Member)
    assert isinstance(refused, Refused)
    assert (member.name, member.kind, member.data) == ("a.zip/a.txt", "txt", b"Hallo")
    assert refused.code == "unknown_kind"


@pytest.mark.skipif(sys.platform != "linux", reason="the bounds are Linux's")
def test_what_confines_the_reader() -> None:
    async def work() -> tuple[tuple[str, ...], dict[str, str]]:
        async with Parsers() as parsers:
            guards = await parsers.guards()
            with open(f"/proc/{parsers.pid}/limits", encoding="ascii") as file:  # noqa: ASYNC230, PTH123
                table = {line[:26].strip(): line[26:47].strip() for line in file}
            return guards, table

    guards, table = run(work())
    assert {"memory", "files", "rights"} <= set(guards)
    assert table["Max address space"] == str(Limits().memory_mb * 1024 * 1024)
    assert table["Max file size"] == "0"
    assert table["Max core file size"] == "0"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"x" * 2_000_001, "too_large"),
        (b"MZ" + b"\0" * 50, "program"),
        (rb"{\rtf1 x}", "foreign_kind"),
        (bytes(range(256)) * 8, "unknown_kind"),
        (b"\x89PNG\r\n\x1a\nkaputt", "corrupt"),
    ],
)
def test_what_is_not_parsed_has_a_code_and_two_languages(data: bytes, code: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        files.parsed(data, limits=Limits(file_mb=2))
    assert caught.value.code == code
    assert caught.value.german != str(caught.value)
