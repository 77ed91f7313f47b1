"""Rows of documents as values."""

from __future__ import annotations

from typing import Any

import asyncpg
import msgspec

from rechenwerk.documents.job_ports import Document, Job, JobKind
from rechenwerk.documents.schemas import Schema
from rechenwerk.documents.sealing_ports import Said, Seal, open_said
from rechenwerk.documents.values import Evidence, Value

JOB = """
    j.organisation_id, j.id, j.project_id, p.name as project, j.name, j.source, j.schema_body,
    j.schema_version,
    j.model, j.data_class, j.budget, j.state, j.reason, j.made_by, j.made_at, j.started_at, j.ended_at,
    j.keep_days, j.webhook, j.webhook_state, j.webhook_answer, j.kinds, j.mask
"""
JOBS = f"""
    select {JOB} from document_job j
    join project p on p.organisation_id = j.organisation_id and p.id = j.project_id
"""  # noqa: S608 - our own words
LIVES = """
    k.sealed is not null and exists (select from api_key a
        where a.organisation_id = k.organisation_id and a.id = k.key_id and a.revoked_at is null)
"""
"""Of a row k of document_key: the key still opens something."""
DOCUMENT = """
    d.id, d.job_id, d.parent_id, d.name, d.sha256, d.size, d.kind, d.language, d.pages, d.state, d.step,
    d.reason, d.german, d.faults, d.tries, d.made_at, d.ended_at,
    d.schema_name, d.schema_origin, d.schema_reason, d.schema_german, d.pages_read
"""
STATES = ("proven", "unproven", "absent", "accepted", "corrected", "rejected")
"""Of values; a document's row has a column of each, kept by the database."""
FACTUAL = "(v.field = 'date' or v.field like 'figures.%')"
"""Of a row v of document_value: facts are made of it; an index has the same words."""
COUNTS = ", ".join(f"d.{one}" for one in STATES)
VALUES = """
select v.organisation_id, v.document_id, d.name as document, d.job_id, v.version, v.field, v.state, v.origin,
    v.sealed, v.value, v.evidence, v.reasons, v.place, d.schema_name
from document_value v join job_document d on d.organisation_id = v.organisation_id and d.id = v.document_id
"""
"""Of documents, without a condition."""


def job_of(row: asyncpg.Record) -> Job:
    """A row of `JOBS`."""
    fields = dict(row)
    fields.pop("place_key", None)
    fields["schema"] = msgspec.json.decode(fields.pop("schema_body"), type=Schema)
    fields["budget"] = None if row["budget"] is None else int(row["budget"])
    fields["kinds"] = (
        () if row["kinds"] is None else msgspec.json.decode(row["kinds"], type=tuple[JobKind, ...])
    )
    return Job(**fields)


def document_of(row: Any) -> Document:
    """A row with the columns of `DOCUMENT` and `COUNTS`."""
    columns = [part.strip().removeprefix("d.") for part in DOCUMENT.split(",")]
    fields = {name: row[name] for name in columns}
    counts = {state: row[state] for state in STATES if row[state]}
    return Document(**{**fields, "faults": tuple(row["faults"])}, values=counts)


def value_of(row: asyncpg.Record, seal: Seal) -> Value:
    """A row of document_value; one of before 0024 that was not sealed yet is in clear."""
    if row["sealed"] is None:
        evidence = None
        if row["evidence"] is not None:
            evidence = msgspec.json.decode(row["evidence"], type=Evidence)
        value = None if row["value"] is None else msgspec.json.decode(row["value"])
        said = Said(value, evidence, tuple(row["reasons"]))
    else:
        said = open_said(seal, row["organisation_id"], row["document_id"], row["field"], row["sealed"])
    return Value(row["field"], said.value, row["state"], row["origin"], said.evidence, said.reasons)


def as_json(value: object) -> str | None:
    """For a column of JSON; None stays null."""
    return None if value is None else msgspec.json.encode(value).decode()
