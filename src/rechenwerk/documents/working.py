"""A worker: takes one document after the other out of the queue and brings it to its end.

    read      bytes -> (members of an archive) -> text with pages; no model, no money
    extract   text -> values, checked; every question to a model is a booked call of the job's key

After each step what was found is stored in one transaction with the document's place in the queue. A worker
that is killed leaves a lease that ends; the next one goes on after the last page, the last step, and the last
answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from rechenwerk.base.errors import ModelRefusedError, RechenwerkError, UnreadableError
from rechenwerk.base.loops import repeat
from rechenwerk.documents.asking import HeldUpError, JobAsker, PausedError
from rechenwerk.documents.checkpoints import Checkpoints
from rechenwerk.documents.job_ports import Claimed, DocumentDesk, JobKind, LeaseLostError, NewDocument, Sorted
from rechenwerk.documents.masking.asking import masked
from rechenwerk.documents.ports import Asker
from rechenwerk.documents.schemas import Schema
from rechenwerk.documents.values import PagePart, Parsed, Value
from rechenwerk.documents.vault import Vault

_log = logging.getLogger("rechenwerk.documents")
TRIES = 3
"""Of a document, before it is left out with its reason."""
_NAP = 0.5
"""Seconds between two looks into an empty queue."""
_AGAIN = 2.0
"""Seconds before a document whose step failed is tried again."""

_LONGEST_NAME = 500
"""Letters of a name; of longer ones the end is kept. The name is part of a key in the database."""


class Piece(msgspec.Struct, frozen=True):
    """A file, or what was inside it.

    Attributes:
        name: of what was inside its path: 'post.zip/2026/mail.eml/rechnung.pdf'.
        data: None where it is refused, with a reason.
    """

    name: str
    kind: str = ""
    data: bytes | None = None
    reason: str = ""
    german: str = ""


class Parts(Protocol):
    """What reads documents and finds values in them."""

    async def unpack(self, data: bytes, name: str) -> Sequence[Piece]:
        """The file itself, the members of an archive, a mail and what is attached to it."""
        ...

    async def parse(
        self,
        data: bytes,
        name: str,
        before: Sequence[PagePart],
        on_page: Callable[[PagePart, int, int], Awaitable[None]],
    ) -> Parsed:
        """The text of a file.

        Args:
            data: the whole file.
            name: as its sender called it.
            before: its first pages, where they were read already.
            on_page: is told each other page, its number, and how many there are.

        Raises:
            UnreadableError: with the reason in two languages.
        """
        ...

    async def sort(
        self, organisation_id: int, parsed: Parsed, kinds: Sequence[JobKind], asker: Asker | None
    ) -> Sorted:
        """What kind a document is."""
        ...

    async def extract(
        self, organisation_id: int, parsed: Parsed, schema: Schema, asker: Asker | None
    ) -> Sequence[Value]:
        """The values of a document, all of them checked."""
        ...


class Keys(Protocol):
    """Keys of jobs, made and ended as any others."""

    async def make(
        self, organisation_id: int, project_id: int, name: str, budget: int | None, data_class: str
    ) -> tuple[int, str]:
        """A key that calls models, and nothing else: its id and its text."""
        ...

    async def guard(self, organisation_id: int, project_id: int, key_id: int, budget: int | None) -> None:
        """Another budget of a key; None: none of its own."""
        ...

    async def revoke(self, organisation_id: int, key_id: int) -> None:
        """The key opens nothing any more."""
        ...


class Pace(msgspec.Struct, frozen=True):
    """How a worker works.

    Attributes:
        at_once: documents in hand at the same time; most of their time they wait for a model.
        lease: seconds after which a silent worker is dead.
        tries: of a document.
    """

    at_once: int = 4
    lease: float = 60.0
    tries: int = TRIES


class Worker:
    """Works through the queue of an installation; there may be many, on many hosts.

    Args:
        desk: storage.
        vault: opens and seals.
        parts: reads and finds.
        keys: ends those of jobs that are done.
        asker: who asks for a document, with the job's key.
        number: a number that nobody else draws, for each document taken.
        pace: how much at once.
    """

    def __init__(
        self,
        desk: DocumentDesk,
        vault: Vault,
        parts: Parts,
        keys: Keys,
        asker: Callable[[Claimed, str], JobAsker],
        number: Callable[[], int],
        pace: Pace,
    ) -> None:
        self._desk = desk
        self._vault = vault
        self._parts = parts
        self._keys = keys
        self._asker = asker
        self._number = number
        self._pace = pace
        self._in_hand: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        beat = repeat(self.beat, self._pace.lease / 4, _log, "no heartbeat")
        slots = [self._slot() for _ in range(self._pace.at_once)]
        await asyncio.gather(beat, *slots)

    async def _slot(self) -> None:
        await repeat(self._turn, 0.0, _log, "documents are held up")

    async def _turn(self) -> None:
        if not await self.step():
            await asyncio.sleep(_NAP)

    async def beat(self) -> None:
        """Tell that we live; what was taken from us is dropped."""
        mine = list(self._in_hand)
        ours = set(await self._desk.queue.beat(mine, self._pace.lease))
        for lease in mine:
            if lease not in ours and (task := self._in_hand.get(lease)) is not None:
                task.cancel()

    async def step(self) -> bool:
        """Do one step of one document; False when nothing waits."""
        lease = self._number()
        claimed = await self._desk.queue.claim(lease, self._pace.lease, self._pace.tries)
        if claimed is None:
            return False
        task = self._in_hand[lease] = asyncio.create_task(self._work(claimed))
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._desk.queue.hold_back(claimed, "", 0.0, count=False)
            raise
        finally:
            del self._in_hand[lease]
        return True

    async def _work(self, claimed: Claimed) -> None:
        """One step; whatever it comes to, the others go on."""
        queue, job = self._desk.queue, claimed.job
        try:
            await (self._read(claimed) if claimed.document.step == "read" else self._extract(claimed))
        except LeaseLostError:
            _log.warning("document %s was taken over by another worker", claimed.document.id)
        except UnreadableError as error:
            await self._end(claimed, "refused", str(error), german=getattr(error, "german", ""))
        except PausedError as error:
            await queue.hold_back(claimed, "", 0.0, count=False)
            await self._desk.jobs.pause(job.organisation_id, job.id, str(error))
        except HeldUpError as error:
            await queue.hold_back(claimed, str(error), error.seconds, count=False)
        except (RechenwerkError, OSError) as error:
            await self._failed(claimed, str(error) or type(error).__name__)
        except Exception as error:  # a document that breaks its reader must not stop the others
            _log.exception("document %s cannot be worked on", claimed.document.id)
            await self._failed(claimed, f"{type(error).__name__}: {error}")

    async def _failed(self, claimed: Claimed, reason: str) -> None:
        line = " ".join(reason.split())[:500]
        with contextlib.suppress(LeaseLostError):
            if claimed.document.tries + 1 >= self._pace.tries:
                await self._end(claimed, "failed", line)
            else:
                await self._desk.queue.hold_back(claimed, line, _AGAIN, count=True)

    async def _read(self, claimed: Claimed) -> None:
        organisation, document = claimed.organisation_id, claimed.document
        assert document.sha256 is not None
        data = await self._vault.read(organisation, document.sha256)
        if document.parent_id is None:
            found = await self._parts.unpack(data, document.name)
            own = next((one for one in found if one.name == document.name), None)
            if own is not None and own.data is None:
                await self._end(claimed, "refused", own.reason, german=own.german)
                return
            for one in found:
                if one is not own:
                    await self._add(claimed, one)
            if own is None:
                await self._end(claimed, "unpacked", "")
                return
        kept = Checkpoints(self._desk.queue, self._vault, claimed, asyncio.get_running_loop().time)
        parsed = await self._parts.parse(data, document.name, await kept.before(), kept.page)
        sealed = self._vault.seal_parsed(organisation, document.id, parsed)
        await self._desk.queue.read(
            claimed, sealed, len(parsed.text), parsed.kind, parsed.language, len(parsed.pages), parsed.faults
        )

    async def _add(self, claimed: Claimed, one: Piece) -> None:
        """What was inside a file becomes a document of its own."""
        organisation, parent, parts = claimed.organisation_id, claimed.document.id, None
        name = storable(one.name)
        if one.data is None:
            made = NewDocument(name, None, 0, parent, reason=one.reason, german=one.german)
        else:
            digest = hashlib.sha256(one.data).digest()
            parts = self._vault.sealed(organisation, digest, io.BytesIO(one.data))
            made = NewDocument(name, digest, len(one.data), parent, one.kind)
        await self._desk.files.add(organisation, claimed.job.id, made, parts)

    async def _extract(self, claimed: Claimed) -> None:
        organisation, document, job = claimed.organisation_id, claimed.document, claimed.job
        sealed = await self._desk.files.text(organisation, document.id)
        assert sealed is not None
        parsed = self._vault.open_parsed(organisation, document.id, sealed)
        asker = None
        if job.model:
            if claimed.key is None:
                raise PausedError("the job's key is gone; resume the job")
            asker = self._asker(claimed, self._vault.open(organisation, f"key/{job.id}", claimed.key))
        schema = job.schema
        asks = await masked(asker, parsed, job)
        if job.kinds:
            kind = await self._sort(claimed, parsed, asker, asks)
            if not kind.schema:
                await self._end(claimed, "done", kind.reason, german=kind.german)
                return
            schema = job.schema_of(kind.schema)
        values = await self._parts.extract(organisation, parsed, schema, asks)
        _held_up(asker)
        await self._end(claimed, "done", _lack(asker), values)

    async def _sort(
        self, claimed: Claimed, parsed: Parsed, asker: JobAsker | None, asks: Asker | None
    ) -> Sorted:
        """The document's kind; told once, then it stands with the document."""
        document = claimed.document
        if document.schema_name:
            return Sorted(
                document.schema_name,
                document.schema_origin,
                document.schema_reason,
                document.schema_german,
            )
        kind = await self._parts.sort(claimed.organisation_id, parsed, claimed.job.kinds, asks)
        _held_up(asker)
        await self._desk.queue.sort(claimed, kind)
        return kind

    async def _end(
        self, claimed: Claimed, state: str, reason: str, values: Sequence[Value] = (), german: str = ""
    ) -> None:
        if await self._desk.queue.end(claimed, state, reason, values, german):
            await end_keys(self._desk, self._keys, claimed.organisation_id, claimed.job.id)


def _held_up(asker: JobAsker | None) -> None:
    """Extraction makes do without answers; a document is not finished without those that may come."""
    if asker is not None and isinstance(asker.trouble, (PausedError, HeldUpError)):
        raise asker.trouble


def storable(name: str) -> str:
    """A name from an archive or a mail as it can be kept and shown: no control characters, not endless."""
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
    return shown if len(shown) <= _LONGEST_NAME else f"...{shown[3 - _LONGEST_NAME :]}"


def _lack(asker: JobAsker | None) -> str:
    """What a document that was finished nonetheless had to do without."""
    if asker is None or not isinstance(asker.trouble, ModelRefusedError):
        return ""
    return f"without a model's answer: {asker.trouble}"


async def end_keys(desk: DocumentDesk, keys: Keys, organisation: int, job: int) -> None:
    """A job that has ended calls nobody any more."""
    for key in await desk.jobs.living_keys(organisation, job):
        await keys.revoke(organisation, key)
    await desk.jobs.forget_keys(organisation, job)
