"""The values of a document by a schema: e-invoice, rules, trained extractor, model, each of them checked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from rechenwerk.documents.checking.evidence import Claim, Proof, prove
from rechenwerk.documents.checking.labels import FieldWords
from rechenwerk.documents.checking.reading import Reading
from rechenwerk.documents.checking.settling import settle
from rechenwerk.documents.checking.sums import amount_of
from rechenwerk.documents.extracting.parties import recipients, senders
from rechenwerk.documents.extracting.passages import sentences, titles, unique
from rechenwerk.documents.extracting.rows import checked, column_sum, rows
from rechenwerk.documents.extracting.rules import claims, mention
from rechenwerk.documents.schemas import Field, Schema
from rechenwerk.documents.values import Parsed, Value


class Desk:
    """One document, one schema: what is known of it while its values are found.

    Args:
        parsed: the document.
        schema: what is asked for.
        today: the document's date, for relative dates; None where unknown.
    """

    def __init__(self, parsed: Parsed, schema: Schema, today: date | None = None) -> None:
        self.schema = schema
        self.reading = Reading(parsed, today)
        tolerant = any(page.source == "ocr" for page in parsed.pages)
        self.words = {field.name: FieldWords(field, tolerant=tolerant) for field in schema.fields}
        self.columns = {
            field.name: {column.name: FieldWords(column, tolerant=tolerant) for column in field.fields}
            for field in schema.fields
            if field.type == "rows"
        }
        self.known = frozenset(
            word for words in self.words.values() for word in (*words.strong, *words.weak, *words.never)
        )

    def candidates(self) -> dict[str, list[Proof]]:
        """Checked candidates of every single field, by rules."""
        return {
            field.name: [
                prove(self.reading, field, self.words[field.name], claim) for claim in self._claims(field)
            ]
            for field in self.schema.fields
            if field.type != "rows"
        }

    def _claims(self, field: Field) -> Iterator[Claim]:
        words = self.words[field.name]
        match field.shape:
            case "sender":
                return senders(self.reading, field, words, self.known)
            case "recipient":
                return recipients(self.reading, field, words, self.known)
            case "unique":
                return unique(self.reading, field)
            case "sentence":
                return sentences(self.reading, field, words)
            case "title":
                return titles(self.reading, field)
        return claims(self.reading, field, words, self.known)


def by_rules(parsed: Parsed, schema: Schema, today: date | None = None) -> tuple[Value, ...]:
    """The values that rules find, all checked.

    Args:
        parsed: the document.
        schema: what is asked for.
        today: the document's date, for relative dates; None where unknown.
    """
    desk = Desk(parsed, schema, today)
    candidates = desk.candidates()
    totals = [desk.words[field.name] for field in schema.fields if field.type == "money"]
    tables = {
        field.name: rows(desk.reading, field, desk.columns[field.name], totals, schema.rules)
        for field in schema.fields
        if field.type == "rows"
    }
    item_sums: dict[str, Decimal] = {}
    for field in schema.fields:
        for column in field.fields:
            total = column_sum(field, tables[field.name], column.name) if field.type == "rows" else None
            if total is not None:
                item_sums[f"{field.name}.{column.name}"] = total
    mentioned = {
        field.name: mention(desk.reading, desk.words[field.name])
        for field in schema.fields
        if field.type != "rows" and not any(proof.role.strength > 0 for proof in candidates[field.name])
    }
    settled = settle(desk.reading, schema, candidates, mentioned, item_sums)
    amounts = {
        amount
        for value in settled.values.values()
        if value.state == "proven" and (amount := amount_of(value)) is not None
    }
    values: list[Value] = []
    for field in schema.fields:
        if field.type == "rows":
            values += checked(field, tables[field.name], schema.rules, amounts)
        else:
            values.append(settled.values[field.name])
    return tuple(values)
