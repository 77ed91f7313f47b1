"""Values as CSV and JSON."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from rechenwerk.documents.job_ports import Document, Job, StoredValue
from rechenwerk.documents.office_ports import Table

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_DANGER = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


def harmless(cell: object) -> str:
    """A cell of CSV that no spreadsheet runs: what begins like a formula gets an apostrophe before it."""
    text = "" if cell is None else str(cell)
    if text.startswith(_DANGER) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def as_csv(table: Table) -> bytes:
    """A table as CSV by RFC 4180, UTF-8 with a byte order mark, which spreadsheets need for umlauts."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([harmless(one) for one in table.columns])
    writer.writerows([[harmless(cell) for cell in row] for row in table.rows])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def as_json(
    job: Job, documents: Sequence[Document], values: Sequence[StoredValue], contradictions: Sequence[Any]
) -> bytes:
    """A job as one JSON document: files with their values, each with its evidence; contradictions."""
    found: dict[int, list[dict[str, Any]]] = {}
    for one in values:
        row = {**msgspec.to_builtins(one.value), "version": one.version}
        found.setdefault(one.document_id, []).append(row)
    document = {
        "job": job.id,
        "name": job.name,
        "schema": job.schema.name,
        "schema_version": job.schema_version,
        "documents": [
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
        ],
        "contradictions": list(contradictions),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1)
