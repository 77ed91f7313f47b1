"""Values as CSV and JSON."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from rechenwerk.base import cells
from rechenwerk.documents.job_ports import Document, Job, StoredValue

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def harmless(cell: object) -> str:
    """A cell of CSV that no spreadsheet runs; a number with its sign is one, and stays as it is."""
    text = "" if cell is None else str(cell)
    return text if _NUMBER.fullmatch(text) else cells.harmless(text)


BYTE_ORDER = b"\xef\xbb\xbf"
"""Before UTF-8 in CSV: spreadsheets need it for umlauts."""


def csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as lines of CSV by RFC 4180, UTF-8."""
    out = io.StringIO()
    csv.writer(out).writerows([[harmless(cell) for cell in row] for row in rows])
    return out.getvalue().encode()


def json_head(job: Job) -> bytes:
    """The beginning of a job as one JSON document, up to the first file."""
    head = {
        "job": job.id,
        "name": job.name,
        "schema": job.schema.name,
        "schema_version": job.schema_version,
    }
    return msgspec.json.encode(head)[:-1] + b',\n"documents":['


def json_files(job: Job, documents: Sequence[Document], values: Sequence[StoredValue]) -> list[bytes]:
    """Files with their values, each with its evidence."""
    found: dict[int, list[dict[str, Any]]] = {}
    for one in values:
        row = {**msgspec.to_builtins(one.value), "version": one.version}
        found.setdefault(one.document_id, []).append(row)
    rows = [
        {
            "id": one.id,
            "name": one.name,
            "sha256": None if one.sha256 is None else one.sha256.hex(),
            "kind": one.kind,
            "pages": one.pages,
            "language": one.language,
            "state": one.state,
            "schema": one.schema_name or job.schema.name,
            "reason": one.reason,
            "faults": list(one.faults),
            "values": found.get(one.id, []),
        }
        for one in documents
    ]
    return [b"\n" + msgspec.json.encode(row) for row in rows]


def json_tail(contradictions: Sequence[Any]) -> bytes:
    """The end, after the last file."""
    return b'],\n"contradictions":' + msgspec.json.encode(list(contradictions)) + b"}\n"
