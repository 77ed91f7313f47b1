"""What jobs of documents need from storage, and the values that pass through.

Every method takes the organisation and filters by it: that is the wall. What is sealed here was sealed before
(`vault.Vault`): storage never sees a document.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from rechenwerk.base.cursors import Order, Place
from rechenwerk.documents.choice_ports import ALL, EVERY, Chosen, Stretch, Wanted
from rechenwerk.documents.clash_ports import Clashes
from rechenwerk.documents.known_ports import KnownEntities
from rechenwerk.documents.notice_ports import Notices
from rechenwerk.documents.progress_ports import Progress
from rechenwerk.documents.schema_ports import Schemas
from rechenwerk.documents.schemas import Schema
from rechenwerk.documents.values import Value

ENDED = frozenset({"done", "cancelled"})
CLASSES = ("public", "internal", "confidential", "restricted")
"""From the freest to the strictest."""


class JobKind(msgspec.Struct, frozen=True):
    """A kind that a job's documents may be of, as its schema was then; version 0 for a ready schema."""

    schema: Schema
    version: int = 0


class Sorted(msgspec.Struct, frozen=True):
    """What kind a document is.

    Attributes:
        schema: its name; '' where nobody can tell.
        origin: trained, rule, model or person; 'nobody' where nobody can tell.
        reason, german: how it was told, or why it cannot be told.
    """

    schema: str
    origin: str
    reason: str
    german: str = ""


class NewJob(msgspec.Struct, frozen=True):
    """A job as somebody wants it.

    Attributes:
        source: where a command found the files; its project finds it again by source and schema.
        kinds: where each document's kind is told first: those it may be of. `schema` is a mere name then.
        schema_version: 0 for a ready schema.
        model: '' for rules only.
        budget: nano-units; None: as far as the project's budgets go.
        webhook_secret: sealed.
        mask: personal data is masked before a model sees it.
    """

    project_id: int
    name: str
    source: str
    schema: Schema
    schema_version: int
    model: str
    data_class: str
    budget: int | None
    made_by: str
    keep_days: int
    webhook: str = ""
    webhook_secret: bytes | None = None
    webhook_id: str = ""
    kinds: tuple[JobKind, ...] = ()
    mask: bool = False


class Job(msgspec.Struct, frozen=True):
    """A job as it stands.

    Attributes:
        reason: why it is paused, or what holds it up.
        webhook_state: '', waiting, delivered or given up.
        kinds, mask: see `NewJob`.
    """

    organisation_id: int
    id: int
    project_id: int
    project: str
    name: str
    source: str
    schema: Schema
    schema_version: int
    model: str
    data_class: str
    budget: int | None
    state: str
    reason: str
    made_by: str
    made_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    keep_days: int
    webhook: str
    webhook_state: str
    webhook_answer: str
    kinds: tuple[JobKind, ...] = ()
    mask: bool = False

    def schema_of(self, name: str) -> Schema:
        """The schema of a document that is of this kind; the job's where there is only one."""
        return next((one.schema for one in self.kinds if one.schema.name == name), self.schema)

    @property
    def masks(self) -> bool:
        """Whether personal data is masked before a model sees it: the job wants that, or a schema of it."""
        return self.mask or any(one.mask for one in (self.schema, *(kind.schema for kind in self.kinds)))


class Document(msgspec.Struct, frozen=True):
    """A file of a job.

    Attributes:
        parent_id: the archive or mail that it was in.
        pages: that it has, once it was opened; `pages_read` of them were read.
        step: read, extract or end.
        reason, german: why it was refused or failed, or what it waits for.
        values: state -> how many.
        schema_name, schema_origin, schema_reason, schema_german: its kind, in a job of several; see `Sorted`.
    """

    id: int
    job_id: int
    parent_id: int | None
    name: str
    sha256: bytes | None
    size: int
    kind: str
    language: str
    pages: int
    state: str
    step: str
    reason: str
    german: str
    faults: tuple[str, ...]
    tries: int
    made_at: datetime
    ended_at: datetime | None
    values: Mapping[str, int] = {}
    schema_name: str = ""
    schema_origin: str = ""
    schema_reason: str = ""
    schema_german: str = ""
    pages_read: int = 0


class NewDocument(msgspec.Struct, frozen=True):
    """A file to add; with a reason it is refused at once."""

    name: str
    sha256: bytes | None
    size: int
    parent_id: int | None = None
    kind: str = ""
    reason: str = ""
    german: str = ""


class Claimed(msgspec.Struct, frozen=True):
    """A document that a worker has in hand.

    Attributes:
        lease: who has it; whatever is written with another lease is refused.
        key: the job's key, sealed; None while the job is open.
    """

    organisation_id: int
    lease: int
    document: Document
    job: Job
    key: bytes | None


class LeaseLostError(Exception):
    """Another worker has the document now; what this one found is dropped."""


class StoredValue(msgspec.Struct, frozen=True):
    """A value with where it is kept.

    Attributes:
        version: grows with every decision; who decides says which one was seen.
        schema: the document's kind, in a job of several.
        place: among the values of its document.
    """

    document_id: int
    document: str
    job_id: int
    version: int
    value: Value
    schema: str = ""
    place: int = 0


class Decision(msgspec.Struct, frozen=True):
    """What a person said of a value.

    Attributes:
        id: of one that is kept.
    """

    document_id: int
    field: str
    version: int
    action: str
    by_key: int
    by_name: str
    made_at: datetime
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    note: str
    id: int = 0


class Jobs(Protocol):
    """Jobs of an organisation."""

    async def add(self, organisation_id: int, job: NewJob) -> int:
        """A new job, open for files; its id."""
        ...

    async def find(self, organisation_id: int, project_id: int, source: str, schema: str) -> Job | None:
        """A project's newest job of a source with a schema that was not cancelled."""
        ...

    async def job(self, organisation_id: int, job_id: int) -> Job | None:
        """One job."""
        ...

    async def jobs(self, organisation_id: int, wanted: Wanted) -> list[Job]:
        """The newest that are wanted."""
        ...

    async def ordered(self, organisation_id: int, wanted: Wanted, order: Order) -> tuple[list[Job], Place]:
        """Those that are wanted in another order, and where the last of them stands."""
        ...

    async def up_to(self, organisation_id: int, wanted: Wanted, most: int) -> int:
        """How many are wanted; not counted further than so many."""
        ...

    async def progress(self, organisation_id: int, job_ids: Sequence[int]) -> dict[int, Progress]:
        """How far each of them is, and what it cost, from the books."""
        ...

    async def spent(self, organisation_id: int, job_id: int, but: int | None) -> int:
        """What the job's keys have spent and hold, but for one of them; nano-units."""
        ...

    async def move(self, organisation_id: int, job_id: int, states: Sequence[str], to: str) -> bool:
        """From one of these states into another, if it is in one of them; forgets the reason."""
        ...

    async def pause(self, organisation_id: int, job_id: int, reason: str) -> None:
        """A running job waits for a person."""
        ...

    async def set_budget(self, organisation_id: int, job_id: int, budget: int | None) -> None:
        """Another budget."""
        ...

    async def keep_key(self, organisation_id: int, job_id: int, key_id: int, sealed: bytes) -> None:
        """Remember a key that was made for the job."""
        ...

    async def living_keys(self, organisation_id: int, job_id: int) -> list[int]:
        """Ids of the job's keys that are not forgotten."""
        ...

    async def forget_keys(self, organisation_id: int, job_id: int) -> None:
        """The keys' texts are gone; their ids stay, for the books."""
        ...

    async def left_keys(self) -> list[tuple[int, int]]:
        """(organisation, job) of jobs that have ended and whose keys still open: a worker died in between."""
        ...

    async def delete(self, organisation_id: int, job_id: int, by: str) -> int | None:
        """The job with everything that was read and found; how many documents, None when there is none."""
        ...

    async def expired(self, now: datetime) -> list[tuple[int, int]]:
        """(organisation, job) of jobs whose days are over; of open and paused ones since they rest."""
        ...

    async def note_export(
        self, organisation_id: int, job_id: int, form: str, size: int, sha256: bytes, by: str
    ) -> None:
        """What left the house."""
        ...


class Files(Protocol):
    """Sealed bytes, and the documents that they are."""

    def parts(self, organisation_id: int, sha256: bytes) -> AsyncIterator[bytes]:
        """The sealed parts, in their order."""
        ...

    async def add(
        self,
        organisation_id: int,
        job_id: int,
        document: NewDocument,
        parts: AsyncIterator[bytes] | None = None,
    ) -> tuple[Document, bool] | None:
        """A document of a job with its sealed parts, all or nothing.

        Returns it, and whether it is new: the same file under the same name is there already, the same bytes
        under another name are a duplicate. None: there is no such job, or it takes no more files.
        """
        ...

    async def document(self, organisation_id: int, document_id: int) -> Document | None:
        """One document."""
        ...

    async def documents(
        self,
        organisation_id: int,
        job_id: int,
        *,
        states: Sequence[str] = (),
        untold: bool = False,
        named: str = "",
        after: int = 0,
        limit: int | None = None,
    ) -> list[Document]:
        """Of a job, in the order in which they came.

        Args:
            organisation_id: whose.
            job_id: of the job.
            states: only these; empty for all.
            untold: only those whose kind nobody could tell.
            named: only those with this in their name.
            after: id of the last one seen.
            limit: how many at most; None for all.
        """
        ...

    async def ordered(
        self, organisation_id: int, job_id: int, chosen: Chosen, order: Order
    ) -> tuple[list[Document], Place]:
        """Of a job in another order, and where the last of them stands; `chosen`: states, name and limit."""
        ...

    async def text(self, organisation_id: int, document_id: int) -> bytes | None:
        """What was read, sealed."""
        ...

    async def retry(self, organisation_id: int, job_id: int) -> int:
        """Try again what failed; how many documents."""
        ...

    async def set_kind(self, organisation_id: int, document_id: int, kind: Sorted) -> bool:
        """Another kind of a document that is done: it waits to be extracted anew, its values are dropped.

        False, and nothing changed: it is not done, was not read, or people decided about its values.
        """
        ...


class Queue(Protocol):
    """The work that waits, for all organisations: a worker serves them all."""

    async def waits(self) -> bool:
        """Whether there is, or will soon be, anything to do."""
        ...

    async def claim(self, lease: int, seconds: float, tries: int) -> Claimed | None:
        """The next document for a worker, of the job that was served longest ago.

        A document whose worker has died is taken over; one that ended so many workers has failed.
        """
        ...

    async def beat(self, leases: Sequence[int], seconds: float) -> list[int]:
        """Go on for so long; returns those that are still ours."""
        ...

    async def pages(self, organisation_id: int, document_id: int) -> list[bytes]:
        """The first pages of a document that is being read, sealed, in their order."""
        ...

    async def keep_pages(self, claimed: Claimed, pages: Sequence[tuple[int, bytes]], of: int) -> None:
        """More pages of it, sealed, with their numbers; it has so many in all. Raises LeaseLostError.

        Who gets on begins to count its tries anew.
        """
        ...

    async def read(
        self,
        claimed: Claimed,
        sealed: bytes,
        characters: int,
        kind: str,
        language: str,
        pages: int,
        faults: Sequence[str],
    ) -> None:
        """What was read, of so many pages; the document goes on to be extracted. Raises LeaseLostError."""
        ...

    async def sort(self, claimed: Claimed, kind: Sorted) -> None:
        """What kind the document in hand is. Raises LeaseLostError."""
        ...

    async def hold_back(self, claimed: Claimed, reason: str, seconds: float, *, count: bool) -> None:
        """Back into the queue, for so long at least; `count`: it was a try."""
        ...

    async def end(
        self, claimed: Claimed, state: str, reason: str, values: Sequence[Value] = (), german: str = ""
    ) -> bool:
        """The document has ended; whether its job has ended with it. Raises LeaseLostError."""
        ...

    async def finish(self, organisation_id: int, job_id: int) -> bool:
        """End a running job that has nothing left to do; whether it ended now."""
        ...

    async def answer(self, organisation_id: int, job_id: int, purpose: str) -> tuple[bytes, bytes] | None:
        """The digest of a question that was asked, and its answer, sealed."""
        ...

    async def keep_answer(self, claimed: Claimed, purpose: str, digest: bytes, sealed: bytes) -> None:
        """Remember an answer about the document in hand."""
        ...


class Reviews(Protocol):
    """Values and decisions."""

    async def values(self, organisation_id: int, job_id: int, chosen: Chosen = EVERY) -> list[StoredValue]:
        """Of a job."""
        ...

    async def ordered(
        self, organisation_id: int, job_id: int, chosen: Chosen, order: Order
    ) -> tuple[list[StoredValue], Place]:
        """Of a job in another order, and where the last of them stands; `chosen`: states, name and limit."""
        ...

    async def left(self, organisation_id: int, job_id: int) -> int:
        """How many values of a job are unproven."""
        ...

    async def of_document(self, organisation_id: int, document_id: int) -> list[StoredValue]:
        """Of a document, in the order of its schema."""
        ...

    async def value(self, organisation_id: int, document_id: int, field: str) -> StoredValue | None:
        """One value."""
        ...

    async def decide(self, organisation_id: int, decision: Decision, value: Value) -> StoredValue | None:
        """Replace a value of version `decision.version - 1`; None when it has another version by now."""
        ...

    async def decisions(
        self, organisation_id: int, job_id: int, document_id: int | None = None, stretch: Stretch = ALL
    ) -> list[Decision]:
        """Of a job, or of one of its documents, oldest first."""
        ...

    async def seal_clear(self, most: int) -> int:
        """Seal rows that an older version stored in clear; how many, 0 when there are none left."""
        ...


class DocumentDesk(msgspec.Struct, frozen=True):
    """All storage of documents."""

    jobs: Jobs
    files: Files
    queue: Queue
    reviews: Reviews
    schemas: Schemas
    notices: Notices
    clashes: Clashes
    known: KnownEntities
