"""Facts from the rows of the schema 'article', as extraction and review leave them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from rechenwerk.documents.facts.entities import Register
from rechenwerk.documents.facts.naming import key
from rechenwerk.documents.facts.topics import mentions
from rechenwerk.documents.facts.values import STATUSES, Fact
from rechenwerk.documents.values import FIRM, Amount, Days, Value

_COLUMNS = frozenset({"who", "what", "amount", "period", "status"})


def topic_of(words: str) -> str:
    """The topic that words name ('Nettoumsatz' is revenue), or the words themselves, normalised."""
    found = mentions(words, 0, len(words))
    return found[0].topic.name if found else key(words)


def _amount(value: dict[str, Any]) -> Amount:
    low = Decimal(value["amount"])
    high = Decimal(value["upper"]) if value.get("upper") else low
    return Amount(low, high, value.get("currency") or "", value.get("qualifier") or "")


def _period(value: Value | None) -> Days | None:
    if value is None or not value.value:
        return None
    return Days(date.fromisoformat(value.value["from"]), date.fromisoformat(value.value["to"]))


def from_rows(
    document: str, values: Sequence[Value], register: Register | None = None, rows: str = "figures"
) -> tuple[Fact, ...]:
    """The facts of a document's rows; rows without a firm amount and its evidence are left out.

    Args:
        document: its id.
        values: what was extracted, as it stands after review.
        register: names of the set of documents; without it each name is its own.
        rows: the field that has the rows.
    """
    lines: dict[str, dict[str, Value]] = defaultdict(dict)
    for value in values:
        parts = value.field.split(".")
        if len(parts) == 3 and parts[0] == rows and parts[2] in _COLUMNS and value.state in FIRM:
            lines[parts[1]][parts[2]] = value
    found = []
    for line in lines.values():
        amount, who, what = (line.get(name) for name in ("amount", "who", "what"))
        if amount is None or not amount.value or amount.evidence is None or who is None or not who.value:
            continue
        status = line.get("status")
        found.append(
            Fact(
                document=document,
                who=who.value,
                what=topic_of(what.value) if what and what.value else "",
                kind="money",
                amount=_amount(amount.value),
                status=status.value if status and status.value in STATUSES else "reported",
                evidence=amount.evidence,
                period=_period(line.get("period")),
                entity=register.entity(who.value) if register else key(who.value),
            )
        )
    return tuple(found)
