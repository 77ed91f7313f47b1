"""What the routes of documents need from the office that they are mounted on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from rechenwerk.documents.job_ports import DocumentDesk
from rechenwerk.documents.schemas import Schema
from rechenwerk.documents.vault import Vault
from rechenwerk.documents.working import Keys


class Visitor(msgspec.Struct, frozen=True):
    """Who asks, and in which organisation.

    Attributes:
        project: of the key.
        everywhere: whether the key may spend the money of every project of its organisation.
    """

    organisation_id: int
    organisation: str
    key_id: int
    key_name: str
    project: str
    everywhere: bool


class ProjectRow(msgspec.Struct, frozen=True):
    """A project that pays for a job."""

    id: int
    name: str
    data_class: str


class Offered(msgspec.Struct, frozen=True):
    """A model that chats.

    Attributes:
        refused: why data of the class may not go to any of its deployments; empty when it may.
        local: it runs here.
        input, output: nano-units per million tokens that a project is charged; None where it is not sold.
        embedded: it runs on this installation's processor; it is asked only by name, because it takes minutes
            and was measured to add nothing to what rules prove (docs/documents-bench.md).
    """

    name: str
    refused: str
    local: bool
    input: int | None
    output: int | None
    embedded: bool = False


class Reception(Protocol):
    """Who comes in, and what the installation offers him."""

    async def visitor(self, authorization: str | None, organisation: str | None) -> Visitor:
        """Who asks. Raises what the office raises: no key, no scope, no such organisation."""
        ...

    async def project(self, organisation_id: int, name: str) -> ProjectRow | None:
        """A project of an organisation."""
        ...

    async def models(self, organisation_id: int, data_class: str) -> list[Offered]:
        """The models that an organisation can ask, and whether they may see data of a class."""
        ...

    async def currency(self) -> str:
        """The installation's currency."""
        ...

    def webhook(self, organisation_id: int, name: str, url: str) -> tuple[str, bytes, str]:
        """A signing secret, the same sealed, and a message id. Raises what the office raises."""
        ...

    def now(self) -> datetime:
        """Wall time in UTC."""
        ...


class Viewer(Protocol):
    """Shows pages."""

    async def image(self, data: bytes, page: int, dpi: int) -> bytes:
        """A page as PNG. Raises UnreadableError."""
        ...


Rows = Sequence[Sequence[Sequence[object]]]
"""Some rows of each of several tables."""


class Table(msgspec.Struct, frozen=True):
    """A table to be exported.

    Attributes:
        kinds: of the columns: 'text', 'number', 'date'.
    """

    title: str
    columns: Sequence[str]
    kinds: Sequence[str]
    rows: Sequence[Sequence[object]]


class Writer(Protocol):
    """Writes tables into files that others open."""

    def write(self, form: str, heads: Sequence[Table], rows: AsyncIterator[Rows]) -> AsyncGenerator[bytes]:
        """A workbook of tables, or a Parquet file of one, as rows come.

        Args:
            form: xlsx or parquet.
            heads: the tables without their rows.
            rows: some rows of each table, again and again.
        """
        ...


class Setup(msgspec.Struct, frozen=True):
    """How this installation handles documents.

    Attributes:
        largest: bytes of one file.
        keep_days: after a job's end, unless the job says otherwise.
        model: that is asked unless the job says otherwise; '' for the first that may see the data.
    """

    largest: int = 100_000_000
    keep_days: int = 3650
    model: str = ""


class DocumentOffice(msgspec.Struct, frozen=True):
    """What every route of documents works with."""

    desk: DocumentDesk
    vault: Vault
    keys: Keys
    reception: Reception
    viewer: Viewer
    writer: Writer
    ready: Mapping[str, Schema]
    setup: Setup
    wanted: Callable[[], None] = lambda: None
