"""One document and one schema: candidates, rows, and the values that rules settle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import chain

from rechenwerk.documents.checking.evidence import Claim, Proof, prove
from rechenwerk.documents.checking.labels import NONE, FieldWords
from rechenwerk.documents.checking.reading import Reading
from rechenwerk.documents.checking.settling import settle
from rechenwerk.documents.checking.sums import amount_of
from rechenwerk.documents.extracting.companions import HIDDEN, with_companions
from rechenwerk.documents.extracting.headlines import headlines
from rechenwerk.documents.extracting.lists import lists
from rechenwerk.documents.extracting.parties import recipients, senders
from rechenwerk.documents.extracting.passages import sentences, titles, unique
from rechenwerk.documents.extracting.rows import checked, column_sum, rows
from rechenwerk.documents.extracting.rules import claims, mention
from rechenwerk.documents.schemas import Field, Schema
from rechenwerk.documents.values import Parsed, Value

Candidates = dict[str, list[Proof]]


class Desk:
    """What is known of a document while its values are found.

    Args:
        parsed: the document.
        schema: what is asked for.
        today: the document's date, for dates that are relative to it; None where unknown.
    """

    def __init__(self, parsed: Parsed, schema: Schema, today: date | None = None) -> None:
        schema = with_companions(schema)
        self.schema = schema
        self.reading = Reading(parsed, today or _dated(parsed))
        tolerant = any(page.source == "ocr" for page in parsed.pages)
        self.fields = {field.name: field for field in schema.fields}
        self.words = {field.name: FieldWords(field, tolerant=tolerant) for field in schema.fields}
        self.columns = {
            field.name: {column.name: FieldWords(column, tolerant=tolerant) for column in field.fields}
            for field in schema.fields
            if field.type == "rows"
        }
        self.known = frozenset(
            word for words in self.words.values() for word in (*words.strong, *words.weak, *words.never)
        )

    def singles(self) -> Iterator[Field]:
        """Fields that have one value."""
        return (field for field in self.schema.fields if field.type != "rows")

    def candidates(self) -> Candidates:
        """Checked candidates of every single field, by rules."""
        return {
            field.name: [self.prove(field, claim) for claim in self._claims(field)]
            for field in self.singles()
        }

    def prove(self, field: Field, claim: Claim) -> Proof:
        """Check a claim for a single field."""
        return prove(self.reading, field, self.words[field.name], claim)

    def prove_as(self, field: Field, words: FieldWords, claim: Claim) -> Proof:
        """Check a claim for a column of rows, whose labels are not those of a single field."""
        return prove(self.reading, field, words, claim)

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
        return chain(headlines(self.reading, field, words), claims(self.reading, field, words, self.known))

    def tables(self) -> dict[str, list[list[Value]]]:
        """Rows of every field of type rows, their cells checked one by one."""
        totals = [self.words[field.name] for field in self.singles() if field.type == "money"]
        return {
            field.name: rows(self.reading, field, self.columns[field.name], totals, self.schema.rules)
            or lists(self.reading, field, self.columns[field.name])
            for field in self.schema.fields
            if field.type == "rows"
        }

    def settled(
        self, candidates: Mapping[str, Sequence[Proof]], tables: Mapping[str, list[list[Value]]]
    ) -> dict[str, Value]:
        """One value for every single field, by rank, rivals and cross-checks."""
        item_sums: dict[str, Decimal] = {}
        for name, table in tables.items():
            for column in self.fields[name].fields:
                total = column_sum(self.fields[name], table, column.name)
                if total is not None:
                    item_sums[f"{name}.{column.name}"] = total
        mentioned = {
            field.name: mention(self.reading, self.words[field.name])
            for field in self.singles()
            if not any(proof.role.strength > NONE for proof in candidates.get(field.name, ()))
        }
        return settle(self.reading, self.schema, candidates, mentioned, item_sums).values

    def all_values(
        self, singles: Mapping[str, Value], tables: Mapping[str, list[list[Value]]]
    ) -> tuple[Value, ...]:
        """Values in the schema's order; rows after their cross-checks."""
        amounts: dict[Decimal, str] = {}
        for value in singles.values():
            amount = amount_of(value) if value.state == "proven" else None
            if amount is not None:
                currency = value.value.get("currency", "")
                amounts[amount] = currency if amounts.get(amount, currency) == currency else ""
        values: list[Value] = []
        for field in self.schema.fields:
            if field.name.startswith(HIDDEN):
                continue
            if field.type == "rows":
                values += checked(field, tables[field.name], self.schema.rules, amounts)
            else:
                values.append(singles[field.name])
        return tuple(values)


def _dated(parsed: Parsed) -> date | None:
    """The date that a document bears, from its format's own properties (a mail's 'Date')."""
    if parsed.kind != "eml":
        return None
    try:
        return date.fromisoformat(parsed.properties.get("date", "")[:10])
    except ValueError:
        return None
