"""Jobs, documents and values as their views show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from rechenwerk.base.money import plain_money
from rechenwerk.documents import bodies
from rechenwerk.documents.job_ports import Document, Job, StoredValue
from rechenwerk.documents.office_ports import Offered
from rechenwerk.documents.progress_ports import Progress
from rechenwerk.documents.schema_ports import StoredSchema
from rechenwerk.documents.schemas import Field, Schema
from rechenwerk.documents.values import Value
from rechenwerk.documents.writing import text_of

_OVER = 4
"""Characters of a token, about; of what models read of a document."""
_QUESTIONS = Fraction(5, 4)
"""How often a document's text is sent, about."""
_ANSWER = 700
"""Tokens of the answers about a document, about."""
_WORKED = ("done", "refused", "failed", "duplicate", "unpacked")


def job_view(
    job: Job, progress: Progress, organisation: str, currency: str, now: datetime, offered: Offered | None
) -> bodies.JobView:
    """A job as it is shown."""
    estimate = estimated(job, progress, offered)
    return bodies.JobView(
        id=job.id,
        organisation=organisation,
        project=job.project,
        name=job.name,
        source=job.source,
        schema_=job.schema.name,
        schema_version=job.schema_version,
        model=job.model,
        data_class=job.data_class,
        mask=job.masks,
        state=job.state,  # type: ignore[arg-type]
        reason=job.reason or (progress.waits_for if job.state == "running" else ""),
        made_by=job.made_by,
        made_at=job.made_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        keep_days=job.keep_days,
        documents=bodies.CountsView(**progress.documents),
        read=progress.read,
        pages=progress.pages,
        values=bodies.ValueCountsView(**progress.values),
        kinds=dict(progress.kinds),
        answers=progress.answers,
        asking=[
            bodies.AskingView(document=one.document_id, name=one.document, answers=one.answers)
            for one in progress.asking
        ],
        reading=[
            bodies.ReadingView(document=one.document_id, name=one.document, read=one.read, pages=one.pages)
            for one in progress.reading
        ],
        currency=currency,
        budget=None if job.budget is None else plain_money(job.budget),
        cost=plain_money(progress.cost),
        held=plain_money(progress.held),
        calls=progress.calls,
        estimate=None if estimate is None else plain_money(estimate),
        seconds_left=seconds_left(job, progress, now),
        webhook=job.webhook,
        webhook_state=job.webhook_state,
        webhook_answer=job.webhook_answer,
    )


def estimated(job: Job, progress: Progress, offered: Offered | None) -> int | None:
    """What is still to be paid for, about, once everything was read; nano-units.

    Each document's text goes to the model about once, with a short answer. Documents that rules alone can
    settle cost less; it is an upper guess for people, no bound: the budget is the bound.
    """
    if not job.model:
        return 0
    if offered is None or offered.input is None or offered.output is None:
        return None
    counts = progress.documents
    if counts.get("waiting", 0) and not progress.characters:
        return None
    total = sum(counts.get(state, 0) for state in ("waiting", "running", "done", "failed"))
    left = counts.get("waiting", 0) + counts.get("running", 0)
    if not total:
        return None
    share = Fraction(left, total)
    read = Fraction(progress.characters, _OVER) * _QUESTIONS * share
    return round((read * offered.input + left * _ANSWER * offered.output) / 1_000_000)


def seconds_left(job: Job, progress: Progress, now: datetime) -> float | None:
    """How long it will take at the pace so far; None while that cannot be told."""
    if job.state != "running" or job.started_at is None:
        return None
    worked = sum(progress.documents.get(state, 0) for state in _WORKED)
    left = progress.documents.get("waiting", 0) + progress.documents.get("running", 0)
    spent = (now - job.started_at).total_seconds()
    return round(spent * left / worked, 1) if worked and spent > 0 else None


def document_view(document: Document) -> bodies.DocumentView:
    """A document as it is shown."""
    return bodies.DocumentView(**document_fields(document))


def document_fields(document: Document) -> dict[str, Any]:
    """The fields of its view."""
    return {
        "id": document.id,
        "job": document.job_id,
        "parent": document.parent_id,
        "name": document.name,
        "sha256": None if document.sha256 is None else document.sha256.hex(),
        "size": document.size,
        "kind": document.kind,
        "language": document.language,
        "pages": document.pages,
        "pages_read": document.pages_read,
        "state": document.state,
        "step": document.step,
        "reason": document.reason,
        "reason_de": document.german or document.reason,
        "faults": list(document.faults),
        "tries": document.tries,
        "made_at": document.made_at,
        "ended_at": document.ended_at,
        "values": bodies.ValueCountsView(**document.values),
        "schema_": document.schema_name,
        "schema_origin": document.schema_origin,
        "schema_reason": document.schema_reason,
        "schema_reason_de": document.schema_german or document.schema_reason,
    }


def field_of(schema: Schema, path: str) -> Field | None:
    """The field of a value's path: 'total', 'items.2.price'; None where the schema has none."""
    found: Field | None = None
    fields: Sequence[Field] = schema.fields
    for part in path.split("."):
        if part.isdecimal():
            continue
        found = next((one for one in fields if one.name == part), None)
        if found is None:
            return None
        fields = found.fields
    return found


def title_of(schema: Schema, path: str, language: str) -> str:
    """What people call a value: 'Positionen 3: Preis'."""
    names: list[str] = []
    fields: Sequence[Field] = schema.fields
    for part in path.split("."):
        if part.isdecimal():
            if names:
                names[-1] += f" {int(part) + 1}"
            continue
        one = next((field for field in fields if field.name == part), None)
        names.append(part if one is None else one.title.get(language) or one.title.get("en") or part)
        fields = () if one is None else one.fields
    return ": ".join(names)


def value_fields(stored: StoredValue, schema: Schema, language: str) -> dict[str, Any]:
    """The fields of a value's view."""
    value, field = stored.value, field_of(schema, stored.value.field)
    kind = "text" if field is None else field.type
    return {
        "document": stored.document_id,
        "document_name": stored.document,
        "job": stored.job_id,
        "field": value.field,
        "title": title_of(schema, value.field, language),
        "type": kind,
        "value": value.value,
        "text": text_of(value.value, kind, language),
        "state": value.state,
        "origin": value.origin,
        "evidence": evidence_view(value),
        "reasons": list(value.reasons),
        "version": stored.version,
    }


def evidence_view(value: Value) -> bodies.EvidenceView | None:
    """Where it stands."""
    found = value.evidence
    if found is None:
        return None
    return bodies.EvidenceView(
        page=found.page,
        start=found.start,
        end=found.end,
        quote=found.quote,
        label_start=found.label_start,
        label_end=found.label_end,
        boxes=[[box.left, box.top, box.right, box.bottom] for box in found.boxes],
    )


def schema_view(stored: StoredSchema | None, schema: Schema) -> bodies.SchemaView:
    """A schema of the organisation, or a ready one."""
    return bodies.SchemaView(
        name=schema.name,
        version=0 if stored is None else stored.version,
        title=schema.title,
        about=schema.about,
        fields=[_plain(one) for one in schema.fields],
        mask=schema.mask,
        rules=[{"kind": one.kind, "fields": list(one.fields)} for one in schema.rules],
        made_by="" if stored is None else stored.made_by,
        made_at=None if stored is None else stored.made_at,
    )


def _plain(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "type": field.type,
        "title": field.title,
        "labels": list(field.labels),
        "never": list(field.never),
        "options": list(field.options),
        "required": field.required,
        "fields": [_plain(one) for one in field.fields],
        "about": field.about,
    }
