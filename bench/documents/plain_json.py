"""The peer: the same model is shown the same text and asked for JSON; whatever it answers counts as accepted.

This is how document extraction with a language model is mostly built. Text, schema, constrained decoding and
model are those of the product; what is missing are labels, evidence and checks.
"""

from __future__ import annotations

import json
from typing import Any

from bench.documents.endpoint import Asker
from bench.documents.scoring import DATES, HEADER, MONEY, Given
from rechenwerk.documents.ports import Question

SYSTEM = (
    "You read invoices. Answer with JSON only. Dates as YYYY-MM-DD, amounts as plain decimal numbers such as "
    "1234.56 without currency, everything else as it is written. Use null for what the invoice does not say."
)
LEFT_OUT = frozenset({"service_period", "bic", "customer_number", "order_number"})
CHARACTERS = 5000


def schema() -> dict[str, Any]:
    """An object with one string or null per field."""
    names = [name for name in HEADER if name not in LEFT_OUT]
    kinds = {name: {"anyOf": [{"type": "string"}, {"type": "null"}]} for name in names}
    return {"type": "object", "properties": kinds, "required": names, "additionalProperties": False}


def read(answer: str, currency: str) -> dict[str, Given]:
    """The answer as values; what is no JSON is nothing."""
    try:
        found = json.loads(answer)
    except ValueError:
        return {}
    given = {}
    for name, value in found.items() if isinstance(found, dict) else ():
        if value in {None, ""} or not isinstance(value, str):
            continue
        shown: Any = value.strip()
        if name in MONEY:
            shown = {"amount": shown, "currency": currency}
        elif name == "tax_rate":
            shown = {"number": shown.rstrip("% ")}
        elif name in DATES:
            shown = shown[:10]
        given[name] = Given(shown, "proven", "model")
    return given


async def asked(asker: Asker, name: str, text: str, currency: str) -> dict[str, Given]:
    """The model's own answer about a document."""
    question = Question(f"plain {name}", SYSTEM, text[:CHARACTERS], schema(), 400)
    return read(await asker.ask(question), currency)
