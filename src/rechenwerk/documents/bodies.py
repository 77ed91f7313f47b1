"""Bodies of requests and answers about documents, as the OpenAPI page shows them. Money is text."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Amount = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{1,15}(\.[0-9]{1,9})?$",
        description="decimal text in the installation's currency",
        examples=["5.00"],
    ),
]
Word = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z][a-z0-9_-]*$")]
DataClass = Literal["public", "internal", "confidential", "restricted"]
Action = Literal["accept", "correct", "reject"]
PAGE = 500
"""Rows of a list, unless it is asked for fewer or more."""
JobState = Literal["open", "running", "paused", "done", "cancelled"]
Search = Annotated[str, Query(max_length=200, description="part of the name")]
DocumentState = Literal["waiting", "running", "done", "refused", "failed", "duplicate", "unpacked"]


class Body(BaseModel):
    """A request's body; what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", strict=True)


class JobBody(Body):
    """A new job."""

    schema_: Annotated[
        str | None,
        Field(
            alias="schema",
            max_length=100,
            description="what is to be found; null or 'auto': each document's kind is told first",
        ),
    ] = None
    schemas: Annotated[
        list[str], Field(max_length=50, description="for 'auto': the kinds that there are; else all schemas")
    ] = []
    name: Annotated[str, Field(max_length=200, description="for people; else the schema's name")] = ""
    source: Annotated[
        str,
        Field(max_length=1000, description="where the files are: finds the project's job of it again"),
    ] = ""
    new: Annotated[bool, Field(description="a new job even if there is one of this source")] = False
    project: Annotated[str | None, Field(max_length=100, description="who pays; else the key's own")] = None
    model: Annotated[
        str | None, Field(max_length=200, description="who is asked; '' for nobody; null for the usual one")
    ] = None
    data_class: Annotated[
        DataClass | None, Field(description="as strict as the project's or stricter; null for the project's")
    ] = None
    budget: Annotated[Amount | None, Field(description="what the job may cost at most")] = None
    keep_days: Annotated[int | None, Field(ge=1, le=36_500, description="after its end; then deleted")] = None
    webhook: Annotated[str, Field(max_length=2000, description="told when the job has ended")] = ""
    mask: Annotated[bool, Field(description="personal data is masked before a model sees it")] = False


class ResumeBody(Body):
    """How a job goes on."""

    budget: Annotated[Amount | None, Field(description="a new budget for all of the job")] = None


class CountsView(BaseModel):
    """Documents by state."""

    waiting: int = 0
    running: int = 0
    done: int = 0
    refused: int = 0
    failed: int = 0
    duplicate: int = 0
    unpacked: int = 0


class ValueCountsView(BaseModel):
    """Values by state."""

    proven: int = 0
    unproven: int = 0
    absent: int = 0
    accepted: int = 0
    corrected: int = 0
    rejected: int = 0


class AskingView(BaseModel):
    """A document in hand, and how many answers of a model there are about it."""

    document: int
    name: str
    answers: int


class KindBody(Body):
    """What kind a document is."""

    schema_: Annotated[str, Field(alias="schema", max_length=100)]


class ReadingView(BaseModel):
    """A document that is being read, and how many of its pages were."""

    document: int
    name: str
    read: int
    pages: int


class JobView(BaseModel):
    """A job and how far it is."""

    id: int
    organisation: str
    project: str
    name: str
    source: str
    schema_: Annotated[str, Field(serialization_alias="schema")]
    schema_version: Annotated[int, Field(description="0: a ready schema")]
    model: str
    data_class: str
    mask: Annotated[bool, Field(description="personal data is masked before a model sees it")] = False
    state: JobState
    reason: Annotated[str, Field(description="why it is paused, or what holds it up")]
    made_by: str
    made_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    keep_days: int
    documents: CountsView
    read: Annotated[int, Field(description="documents that need not be read any more")]
    pages: Annotated[int, Field(description="read so far, of documents that are being read too")]
    values: ValueCountsView
    kinds: Annotated[
        dict[str, int], Field(description="documents by schema; '' for those whose kind cannot be told")
    ] = {}
    answers: Annotated[int, Field(description="of a model, about documents that are done")] = 0
    asking: Annotated[list[AskingView], Field(description="documents whose values are being looked for")] = []
    reading: Annotated[
        list[ReadingView], Field(description="documents in hand of which pages were read")
    ] = []
    currency: str
    budget: str | None
    cost: Annotated[str, Field(description="of all calls of the job's keys, from the books")]
    held: Annotated[str, Field(description="what calls under way may cost at most")]
    calls: int
    estimate: Annotated[
        str | None, Field(description="of what is still to be paid for; while it can be told")
    ]
    seconds_left: float | None
    webhook: str
    webhook_state: str
    webhook_answer: str


class NewJobView(JobView):
    """A job that was made, or found."""

    found: Annotated[bool, Field(description="it was there already")]
    webhook_secret: Annotated[str | None, Field(description="shown only now")] = None


class JobsView(BaseModel):
    """The newest jobs."""

    jobs: list[JobView]
    next: Annotated[
        int | str | None, Field(description="send it as `before` for those that follow; null: none")
    ] = None


class DocumentView(BaseModel):
    """A file of a job."""

    id: int
    job: int
    parent: int | None
    name: str
    sha256: str | None
    size: int
    kind: str
    language: str
    pages: Annotated[int, Field(description="0 until it was opened")]
    pages_read: Annotated[int, Field(description="of a document that is being read: those that are kept")]
    state: DocumentState
    step: Literal["read", "extract", "end"]
    reason: str
    reason_de: str
    faults: list[str]
    tries: int
    made_at: datetime
    ended_at: datetime | None
    values: ValueCountsView
    schema_: Annotated[str, Field(serialization_alias="schema")] = ""
    schema_origin: Annotated[str, Field(description="trained, rule, model, person or nobody")] = ""
    schema_reason: str = ""
    schema_reason_de: str = ""


class UploadedView(DocumentView):
    """A file that was uploaded."""

    new: Annotated[bool, Field(description="false: this file was there under this name")]


class DocumentsView(BaseModel):
    """The files of a job."""

    documents: list[DocumentView]
    next: Annotated[
        int | str | None, Field(description="send it as `after` for those that follow; null: none")
    ]


class EvidenceView(BaseModel):
    """Where a value stands."""

    page: int
    start: int
    end: int
    quote: str
    label: str = ""
    label_start: int
    label_end: int
    boxes: Annotated[list[list[float]], Field(description="left, top, right, bottom in points")]


class ValueView(BaseModel):
    """A value with its evidence."""

    document: int
    document_name: str
    job: int
    field: str
    title: str
    type: str
    value: Any
    text: Annotated[str, Field(description="the value as people write it")]
    state: Literal["proven", "unproven", "absent", "accepted", "corrected", "rejected"]
    origin: str
    evidence: EvidenceView | None
    reasons: list[str]
    version: Annotated[int, Field(description="send it back with a decision")]


class ValuesView(BaseModel):
    """Values of a job or a document."""

    values: list[ValueView]
    next: Annotated[str | None, Field(description="send it as `after` for those that follow; null: none")] = (
        None
    )


class ReviewView(ValueView):
    """A value that needs a person, with what stands round its quote."""

    before: Annotated[str, Field(description="text before the quote")] = ""
    after: Annotated[str, Field(description="text after the quote")] = ""
    page_width: Annotated[float, Field(description="points; 0 where there are no pages")] = 0
    page_height: float = 0
    image: Annotated[str, Field(description="path of the page's image; empty where there is none")] = ""
    options: list[str] = []


class ReviewsView(BaseModel):
    """What waits for a person."""

    left: Annotated[int, Field(description="values")]
    values: list[ReviewView]
    next: Annotated[str | None, Field(description="of values: send it as `after`; null: none follow")] = None
    kinds: Annotated[list[DocumentView], Field(description="documents whose kind a person has to say")] = []


class DecisionBody(Body):
    """What a person says of a value."""

    action: Action
    version: Annotated[int, Field(ge=1, description="of the value that was seen")]
    value: Annotated[
        Any, Field(description="for correct: JSON by the field's type, or text as people write it")
    ] = None
    note: Annotated[str, Field(max_length=2000)] = ""


class DecisionView(BaseModel):
    """A decision."""

    document: int
    field: str
    version: int
    action: Action
    by: str
    by_key: int
    at: datetime
    before: dict[str, Any]
    after: dict[str, Any]
    note: str


class DecisionsView(BaseModel):
    """Decisions of a job, oldest first.

    Attributes:
        next: `after` of those that follow; none without a limit.
    """

    decisions: list[DecisionView]
    next: str | None = None


class SchemaBody(Body):
    """A schema: its fields, JSON Schema, or plain words."""

    fields: Annotated[
        list[dict[str, Any]] | None, Field(description="fields with name, type, title, labels and so on")
    ] = None
    json_schema: dict[str, Any] | None = None
    words: Annotated[
        str, Field(max_length=10_000, description="such as 'invoice number, supplier, total, due date'")
    ] = ""
    title: dict[str, str] = {}
    about: str = ""
    mask: Annotated[bool, Field(description="mask personal data of such documents for models")] = False


class SchemaView(BaseModel):
    """A schema."""

    name: str
    version: Annotated[int, Field(description="0: a ready schema")]
    title: dict[str, str]
    about: str
    fields: list[dict[str, Any]]
    rules: list[dict[str, Any]]
    mask: bool = False
    made_by: str
    made_at: datetime | None


class SchemasView(BaseModel):
    """Schemas, or versions of one."""

    schemas: list[SchemaView]


class DeletedView(BaseModel):
    """What is gone."""

    job: int
    documents: int
