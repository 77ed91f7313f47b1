"""Files in, parsed documents out: reading in a process of its own, which may die and is started again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import msgspec

from rechenwerk.base.errors import SetupError, UnreadableError
from rechenwerk.documents.intake.admitting import ARCHIVE, admitted
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import Refused, RefusedError, refused, unreadable
from rechenwerk.documents.intake.unpacking import Member
from rechenwerk.documents.parsing.frames import (
    Done,
    Open,
    Opened,
    Parts,
    Picture,
    Png,
    Read,
    Reply,
    Request,
    Setup,
    Unpack,
)
from rechenwerk.documents.parsing.languages import language_of
from rechenwerk.documents.parsing.process import DiedError, ReaderProcess
from rechenwerk.documents.values import Page, PagePart, Parsed, Table, Word

TRIES = 2
"""How often a document is opened on a fresh process before it is given up."""
MOST_DEATHS = 20
"""Pages of one document that may kill the process; the rest is not tried then."""
PAGE_END = "\f"

OnPage = Callable[[PagePart, int, int], Awaitable[None]]
"""Is told each page that was read, its number, and how many there are."""


class Parsers:
    """Reads documents, one at a time, in a process that is kept from document to document.

    Args:
        tessdata: folder with deu.traineddata and eng.traineddata; None reads no scans, and says so per page.
        limits: bounds of intake and reading.
    """

    def __init__(self, tessdata: Path | None = None, limits: Limits | None = None) -> None:
        self._setup = Setup(limits or Limits(), str(tessdata) if tessdata else "")
        self._limits = self._setup.limits
        self._process: ReaderProcess | None = None
        self._resident = 0
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the process."""
        if self._process is not None:
            await self._process.kill()
            self._process = None

    @property
    def pid(self) -> int | None:
        """The reader's process id; None while there is none."""
        return self._process.pid if self._process is not None and self._process.alive else None

    async def guards(self) -> tuple[str, ...]:
        """What confines the reader: see `sandbox.confine`."""
        async with self._turn:
            return (await self._started()).guards

    async def unpack(self, data: bytes, name: str) -> tuple[Member | Refused, ...]:
        """What a file consists of; as `intake.unpack`, in the process."""
        async with self._taken():
            try:
                got = await self._ask(Unpack(data, name), self._limits.open_seconds)
            except DiedError as died:
                return (self._refusal(died, name),)
            if isinstance(got, Parts):
                return tuple([_whole(one, data) for one in got.members])
            return (got,) if isinstance(got, Refused) else ()

    async def parse(
        self, data: bytes, name: str, *, before: Sequence[PagePart] = (), on_page: OnPage | None = None
    ) -> Parsed:
        """Read a document.

        Args:
            data: the whole file; archives are unpacked before.
            name: as its sender called it.
            before: its first pages, where they were read already; reading goes on after them.
            on_page: is awaited after each page.

        Raises:
            UnreadableError: with the reason in two languages.
        """
        kind = self._kind(data, name)
        async with self._taken():
            opened = await self._open(kind, data, name)
            known = before if len(before) <= opened.pages else ()
            parts, faults = await self._pages(Open(kind, data, name), opened, known, on_page or _nobody)
            await self._recycle()
        return _joined(kind, opened, parts, faults)

    async def image(self, data: bytes, page: int, dpi: int) -> bytes:
        """A page as PNG.

        Raises:
            UnreadableError: the file or the page cannot be shown.
        """
        kind = self._kind(data, "")
        async with self._taken():
            await self._open(kind, data, "")
            try:
                got = await self._ask(Picture(page, max(10, min(600, dpi))), self._limits.page_seconds)
            except DiedError as died:
                raise unreadable(self._refusal(died, "")) from died
        if isinstance(got, Png):
            return got.data
        raise unreadable(got if isinstance(got, Refused) else refused("", "died", what="no picture came"))

    @asynccontextmanager
    async def _taken(self) -> AsyncIterator[None]:
        """The process to oneself. Who breaks off midway ends it: its answers would reach the next one."""
        async with self._turn:
            try:
                yield
            except UnreadableError:
                raise
            except BaseException:
                await self.close()
                raise

    def _kind(self, data: bytes, name: str) -> str:
        try:
            kind = admitted(data, name, self._limits)
            if kind == ARCHIVE:
                raise RefusedError("unknown_kind")
        except RefusedError as why:
            raise unreadable(why.named(name)) from why
        return kind

    async def _open(self, kind: str, data: bytes, name: str) -> Opened:
        """Open a document; where a process dies of it, another tries, because the first may have been ill."""
        for attempt in range(TRIES):
            try:
                got = await self._ask(Open(kind, data, name), self._limits.open_seconds)
            except DiedError as died:
                if died.seconds or attempt + 1 == TRIES:
                    raise unreadable(self._refusal(died, name)) from died
                continue
            if isinstance(got, Refused):
                raise unreadable(got)
            assert isinstance(got, Opened)
            return got
        raise AssertionError("unreachable")

    async def _pages(
        self, document: Open, opened: Opened, before: Sequence[PagePart], on_page: OnPage
    ) -> tuple[list[PagePart], list[str]]:
        """All pages; one at which the process dies has a fault, and the next is read by another process."""
        parts = list(before)
        faults: list[str] = []
        offset, deaths = sum(len(one.text) + 1 for one in parts), 0
        while len(parts) < opened.pages:
            try:
                if deaths:
                    await self._open(document.kind, document.data, document.name)
                process = await self._started()
                await process.send(Read(len(parts) + 1, offset), self._limits.open_seconds)
                while isinstance(got := await process.next(self._limits.page_seconds), PagePart):
                    parts.append(got)
                    offset += len(got.text) + 1
                    await on_page(got, len(parts), opened.pages)
                if isinstance(got, Refused):
                    raise unreadable(got)
                process.documents += 1
                self._resident = got.resident_mb if isinstance(got, Done) else 0
                break
            except DiedError as died:
                deaths += 1
                why = self._refusal(died, document.name).english
                parts.append(PagePart("", source="none", fault=why))
                offset += 1
                await on_page(parts[-1], len(parts), opened.pages)
                if deaths >= MOST_DEATHS and len(parts) < opened.pages:
                    faults.append(
                        f"pages {len(parts) + 1} to {opened.pages} were not read: {deaths} pages failed"
                    )
                    break
        return parts, faults

    async def _ask(self, message: Request, seconds: float) -> Reply:
        process = await self._started()
        await process.send(message, seconds)
        return await process.next(seconds)

    async def _started(self) -> ReaderProcess:
        if self._process is None or not self._process.alive:
            try:
                self._process = await ReaderProcess.start(self._setup)
            except DiedError as died:
                raise SetupError(
                    f"the document reader does not start ({died}): give it more memory than "
                    f"{self._limits.memory_mb} MB, and check the installation with 'rechenwerk doctor'"
                ) from died
        return self._process

    async def _recycle(self) -> None:
        """Replace a process that has grown, or has read many documents."""
        process = self._process
        if process is not None and (
            self._resident > self._limits.recycle_mb or process.documents >= self._limits.recycle_documents
        ):
            await self.close()

    @staticmethod
    def _refusal(died: DiedError, name: str) -> Refused:
        if died.seconds:
            return refused(name, "too_slow", limit=f"{died.seconds:g}")
        return refused(name, "died", what=str(died))


async def _nobody(_page: PagePart, _number: int, _of: int) -> None:
    """Who is told when nobody asked."""


def _whole(one: Member | Refused, data: bytes) -> Member | Refused:
    """A member with its bytes; the reader does not send the file itself back."""
    return msgspec.structs.replace(one, data=data) if isinstance(one, Member) and not one.data else one


def _joined(kind: str, opened: Opened, parts: list[PagePart], faults: list[str]) -> Parsed:
    """A document of its pages."""
    pages: list[Page] = []
    words: list[Word] = []
    tables: list[Table] = []
    offset = 0
    for number, part in enumerate(parts, 1):
        end = offset + len(part.text)
        pages.append(Page(number, offset, end, part.width, part.height, part.source, part.fault, part.name))
        words += part.words
        tables += part.tables
        offset = end + 1
    text = PAGE_END.join(part.text for part in parts)
    all_faults = [
        *opened.faults,
        *faults,
        *(f"page {page.number}: {page.fault}" for page in pages if page.fault),
    ]
    return Parsed(
        kind,
        text,
        tuple(pages),
        tuple(words),
        tuple(tables),
        language_of(text),
        opened.invoice,
        opened.properties,
        tuple(all_faults),
    )
