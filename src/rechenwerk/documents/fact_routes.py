"""Routes of facts: what the documents of a job say together, and where they contradict each other."""

from __future__ import annotations

import asyncio
from datetime import date
from enum import Enum
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from rechenwerk.documents.bodies import EvidenceView
from rechenwerk.documents.facts import Article, Fact, Reconciled, Statement, extract_all, reconcile
from rechenwerk.documents.job_ports import Document, StoredValue
from rechenwerk.documents.realm import DocumentsRealm, Realm
from rechenwerk.documents.refusing import refuse
from rechenwerk.documents.review_routes import parsed_of
from rechenwerk.documents.values import Amount, Days, Parsed
from rechenwerk.documents.writing import text_of

Language = Annotated[Literal["de", "en"], Query(description="of amounts and days as text")]
_MOST = 1000
"""Documents whose facts are compared in one request."""


class FactView(BaseModel):
    """What one document says."""

    document: int
    document_name: str
    who: str
    what: str
    amount: str
    period: str
    status: str
    sentence: str
    evidence: EvidenceView


class StatementView(BaseModel):
    """The same fact in all documents that have it."""

    who: str
    whom: str
    what: str
    part: str
    amount: str
    period: str
    status: str
    sources: Annotated[int, Field(description="copies of one text count once")]
    single: Annotated[bool, Field(description="only one source has it")]
    facts: list[FactView]


class FactsView(BaseModel):
    """What the documents of a job say together."""

    statements: list[StatementView]
    copies: Annotated[list[list[str]], Field(description="documents that are copies of one text")]


class ContradictionView(BaseModel):
    """The same fact with values that cannot both be true."""

    who: str
    what: str
    period: str
    why: str
    left: FactView
    right: FactView


class ContradictionsView(BaseModel):
    """Where the documents of a job contradict each other."""

    contradictions: list[ContradictionView]


async def facts(realm: DocumentsRealm, job: int, language: Language = "en") -> FactsView:
    """Who, what, how much, for when and how firm; each fact once, with all its quotes."""
    found, names = await _reconciled(realm, job)
    return FactsView(
        statements=[_statement(one, names, language) for one in found.statements],
        copies=[[names[one] for one in group] for group in found.copies],
    )


async def contradictions(realm: DocumentsRealm, job: int, language: Language = "en") -> ContradictionsView:
    """Facts that cannot both be true, side by side."""
    found, names = await _reconciled(realm, job)
    return ContradictionsView(
        contradictions=[
            ContradictionView(
                who=one.statement.entity,
                what=one.statement.what,
                period=_days(one.statement.period, language),
                why=_named(one.why, names),
                left=_fact(one.left, names, language),
                right=_fact(one.right, names, language),
            )
            for one in found.contradictions
        ]
    )


async def _reconciled(realm: Realm, job: int) -> tuple[Reconciled, dict[str, str]]:
    """What a job's documents say together, and the documents' names by their ids."""
    await realm.job(job)
    documents = [
        one for one in await realm.desk.files.documents(realm.organisation_id, job) if one.state == "done"
    ]
    if len(documents) > _MOST:
        raise refuse(
            409, f"job {job} has more than {_MOST} documents; compare them in smaller jobs", "too_many"
        )
    values = await realm.desk.reviews.values(realm.organisation_id, job, None)
    articles = []
    for one in documents:
        parsed = await parsed_of(realm, one.id)
        if parsed is not None:
            articles.append(article_of(one, parsed, values))
    found = await asyncio.to_thread(_together, articles)
    return found, {str(one.id): one.name for one in documents}


def _together(articles: list[Article]) -> Reconciled:
    return reconcile(extract_all(articles), articles)


def article_of(document: Document, parsed: Parsed, values: list[StoredValue]) -> Article:
    """A document as facts are taken from it: with its day, from its values or its format."""
    mine = {one.value.field: one.value for one in values if one.document_id == document.id}
    days = [
        str(mine[name].value)
        for name in ("date", "invoice_date", "contract_date", "order_date")
        if name in mine and mine[name].state in {"proven", "accepted", "corrected"}
    ]
    day = next((one for one in map(_day, [*days, parsed.properties.get("date", "")[:10]]) if one), None)
    return Article(
        document=str(document.id),
        text=parsed.text,
        language=parsed.language,
        date=day,
        title=parsed.properties.get("subject", "") or parsed.properties.get("title", ""),
        page_ends=tuple(page.end for page in parsed.pages),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _named(why: str, names: dict[str, str]) -> str:
    """The reason with names in the place of ids."""
    for number, name in names.items():
        why = why.replace(f" in {number},", f" in {name},")
        if why.endswith(f" in {number}"):
            why = why.removesuffix(number) + name
    return why


def _statement(statement: Statement, names: dict[str, str], language: str) -> StatementView:
    first = statement.facts[0]
    return StatementView(
        who=statement.entity or first.who,
        whom=statement.other,
        what=statement.what,
        part=statement.part,
        amount=_amount(first.amount, first.kind, language),
        period=_days(statement.period, language),
        status=statement.status,
        sources=statement.sources,
        single=statement.single,
        facts=[_fact(one, names, language) for one in statement.facts],
    )


def _fact(fact: Fact, names: dict[str, str], language: str) -> FactView:
    found = fact.evidence
    return FactView(
        document=int(fact.document),
        document_name=names.get(fact.document, ""),
        who=fact.who,
        what=fact.what,
        amount=_amount(fact.amount, fact.kind, language),
        period=_days(fact.period, language),
        status=fact.status,
        sentence=fact.sentence,
        evidence=EvidenceView(
            page=found.page,
            start=found.start,
            end=found.end,
            quote=found.quote,
            label_start=found.label_start,
            label_end=found.label_end,
            boxes=[[box.left, box.top, box.right, box.bottom] for box in found.boxes],
        ),
    )


def _amount(amount: Amount, kind: str, language: str) -> str:
    value = {"number": str(amount.low), "unit": amount.unit, "qualifier": amount.qualifier}
    if amount.high != amount.low:
        value["upper"] = str(amount.high)
    return text_of(value, kind, language)


def _days(days: Days | None, language: str) -> str:
    if days is None:
        return ""
    if days.first == days.last:
        return text_of(days.first.isoformat(), "date", language)
    ends = {"from": days.first.isoformat(), "to": days.last.isoformat()}
    return text_of(ends, "period", language)


def add_fact_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    tags: list[str | Enum] = ["document facts"]
    router.add_api_route("/jobs/{job}/facts", facts, methods=["GET"], tags=tags)
    router.add_api_route("/jobs/{job}/contradictions", contradictions, methods=["GET"], tags=tags)
