"""Bodies of requests and answers about contradictions, as the OpenAPI page shows them. Money is text."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from rechenwerk.documents import bodies

Action = Literal["side", "both", "reject"]


class DaysView(BaseModel):
    """A period; both days belong to it."""

    from_: Annotated[str, Field(serialization_alias="from", validation_alias="from")]
    to: str


class SaidView(BaseModel):
    """What one document says, and where."""

    document: int
    document_name: str
    job: Annotated[int | None, Field(description="of the document, if it is an earlier one")] = None
    who: str
    what: str
    amount: str
    upper: str | None
    unit: str
    qualifier: str
    status: str
    period: DaysView | None
    quote: str
    sentence: str
    page: int
    start: int
    end: int
    boxes: Annotated[list[list[float]], Field(description="left, top, right, bottom in points")]
    image: Annotated[str, Field(description="path of the page's image; empty where there is none")] = ""


class SideView(BaseModel):
    """A side of a contradiction: documents that agree with each other."""

    number: int
    right: Annotated[bool | None, Field(description="as was decided; null: it was not")] = None
    facts: list[SaidView]


class ClashView(BaseModel):
    """A contradiction with all its sides, and what was decided about it."""

    id: int
    job: int
    version: Annotated[int, Field(description="send it back with a decision")]
    state: Literal["open", "side", "both", "rejected"]
    side: Annotated[int | None, Field(description="number of the side that is right")]
    gone: Annotated[bool, Field(description="the documents do not contradict each other any more")]
    who: str
    whom: str | None
    what: str
    what_de: str
    kind: str
    part: str | None
    period: DaysView | None
    status: str
    sources: int
    sides: list[SideView]
    decided_by: str
    decided_at: datetime | None
    note: str


class PairView(BaseModel):
    """Two documents of a contradiction side by side."""

    id: Annotated[int, Field(description="of the contradiction")]
    state: str
    who: str
    whom: str | None
    what: str
    what_de: str
    kind: str
    part: str | None
    period: DaysView | None
    status: str
    left: SaidView
    right: SaidView


class ClashesView(BaseModel):
    """Contradictions of a job: each with its sides, and the same as pairs of documents."""

    items: list[ClashView]
    contradictions: list[PairView]
    next: Annotated[
        int | str | None, Field(description="send it as `after` for those that follow; null: none")
    ]
    fresh: Annotated[bool, Field(description="false: documents have changed, a worker reckons anew")]


class ClashDecisionBody(bodies.Body):
    """What a person says of a contradiction."""

    action: Annotated[
        Action,
        Field(description="side: one is right; both: they speak of different things; reject: none is right"),
    ]
    side: Annotated[int | None, Field(ge=0, description="for 'side': its number")] = None
    version: Annotated[int, Field(ge=1, description="of the contradiction that was seen")]
    note: Annotated[str, Field(max_length=2000)] = ""


class ClashDecisionView(BaseModel):
    """A decision about a contradiction, with what was seen then."""

    contradiction: int
    version: int
    action: Action
    side: int | None
    by: str
    by_key: int
    at: datetime
    who: str
    what: str
    sides: list[SideView]
    note: str


class ReviewsView(bodies.ReviewsView):
    """What waits for a person: values, kinds and contradictions."""

    contradictions_left: int
    contradictions: list[ClashView]


class DecisionsView(bodies.DecisionsView):
    """Decisions of a job, oldest first."""

    contradictions: list[ClashDecisionView]
