"""Facts, contradictions and copies as JSON tells them: for routes, exports and commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rechenwerk.documents.facts.entities import Register
from rechenwerk.documents.facts.titles import german
from rechenwerk.documents.facts.values import Contradiction, Fact, Reconciled, Statement
from rechenwerk.documents.values import Days


def _days(period: Days | None) -> dict[str, str] | None:
    return {"from": period.first.isoformat(), "to": period.last.isoformat()} if period else None


def fact_told(fact: Fact, names: Mapping[str, str]) -> dict[str, Any]:
    """One document's fact with its quote; numbers are strings."""
    amount = fact.amount
    return {
        "document": fact.document,
        "document_name": names.get(fact.document, fact.document),
        "who": fact.who,
        "what": fact.what,
        "amount": f"{amount.low:f}",
        "upper": None if amount.high == amount.low else f"{amount.high:f}",
        "unit": amount.unit,
        "qualifier": amount.qualifier,
        "status": fact.status,
        "period": _days(fact.period),
        "quote": fact.evidence.quote,
        "sentence": fact.sentence,
        "page": fact.evidence.page,
        "start": fact.evidence.start,
        "end": fact.evidence.end,
        "label_start": fact.evidence.label_start,
        "label_end": fact.evidence.label_end,
        "boxes": [[box.left, box.top, box.right, box.bottom] for box in fact.evidence.boxes],
    }


def about(statement: Statement, register: Register) -> dict[str, Any]:
    """What a statement is about."""
    return {
        "who": register.shown(statement.entity),
        "whom": register.shown(statement.other) if statement.other else None,
        "what": statement.what,
        "what_de": german(statement.what),
        "kind": statement.kind,
        "part": statement.part or None,
        "period": _days(statement.period),
        "status": statement.status,
        "sources": statement.sources,
        "single": statement.single,
    }


def statement_told(statement: Statement, register: Register, names: Mapping[str, str]) -> dict[str, Any]:
    """A fact once, with every document that has it."""
    return about(statement, register) | {"facts": [fact_told(fact, names) for fact in statement.facts]}


def contradiction_told(clash: Contradiction, register: Register, names: Mapping[str, str]) -> dict[str, Any]:
    """Two facts side by side that cannot both be true."""
    return about(clash.statement, register) | {
        "left": fact_told(clash.left, names),
        "right": fact_told(clash.right, names),
    }


def told(result: Reconciled, register: Register, names: Mapping[str, str]) -> dict[str, Any]:
    """Everything.

    Args:
        result: of `reconcile`.
        register: of the same documents.
        names: document's id -> how people call it.
    """
    return {
        "facts": [statement_told(one, register, names) for one in result.statements],
        "contradictions": [contradiction_told(one, register, names) for one in result.contradictions],
        "copies": [[names.get(one, one) for one in group] for group in result.copies],
    }
