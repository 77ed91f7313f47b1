"""A job's values as tables, with headings in German or English.

values    one row per value, with everything that is known of it: the form of CSV and Parquet
wide      one row per document, one column per field
rows      one row per row of a list of rows
review    the values that still need a person
files     what became of each file
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rechenwerk.documents.job_ports import Document, StoredValue
from rechenwerk.documents.office_ports import Table
from rechenwerk.documents.schemas import Field, Schema
from rechenwerk.documents.views import field_of, title_of
from rechenwerk.documents.writing import text_of

_GERMAN: Mapping[str, str] = MappingProxyType(
    {
        "document": "Dokument",
        "document id": "Dokument-Nr.",
        "field": "Feld",
        "title": "Bezeichnung",
        "type": "Art",
        "value": "Wert",
        "number": "Zahl",
        "upper": "bis",
        "unit": "Einheit",
        "qualifier": "Zusatz",
        "from": "von",
        "to": "bis Tag",
        "state": "Status",
        "origin": "Herkunft",
        "page": "Seite",
        "quote": "Zitat",
        "start": "Beginn",
        "end": "Ende",
        "box": "Rahmen",
        "reasons": "Gründe",
        "row": "Zeile",
        "kind": "Dateiart",
        "pages": "Seiten",
        "reason": "Grund",
        "to review": "zu prüfen",
        "Values": "Werte",
        "To review": "Zu prüfen",
        "Files": "Dateien",
        "proven": "belegt",
        "unproven": "unbelegt",
        "absent": "fehlt",
        "accepted": "bestätigt",
        "corrected": "berichtigt",
        "rejected": "verworfen",
        "waiting": "wartet",
        "running": "läuft",
        "done": "fertig",
        "refused": "abgewiesen",
        "failed": "gescheitert",
        "duplicate": "doppelt",
        "unpacked": "entpackt",
        "xml": "XML",
        "rule": "Regel",
        "trained": "angelernt",
        "model": "Modell",
        "person": "Person",
    }
)
_VALUES = (
    ("document id", "number"),
    ("document", "text"),
    ("field", "text"),
    ("title", "text"),
    ("type", "text"),
    ("value", "text"),
    ("number", "number"),
    ("upper", "number"),
    ("unit", "text"),
    ("qualifier", "text"),
    ("from", "date"),
    ("to", "date"),
    ("state", "text"),
    ("origin", "text"),
    ("page", "number"),
    ("quote", "text"),
    ("start", "number"),
    ("end", "number"),
    ("box", "text"),
    ("reasons", "text"),
)
_KINDS: Mapping[str, str] = MappingProxyType({"money": "number", "number": "number", "date": "date"})


class Tables:
    """Tables of one job.

    Args:
        schema: of the job.
        documents: of the job.
        values: of the job.
        language: de or en, of headings and words.
        kinds: of a job of several: then documents have a sheet per kind.
    """

    def __init__(
        self,
        schema: Schema,
        documents: Sequence[Document],
        values: Sequence[StoredValue],
        language: str,
        kinds: Sequence[Schema] = (),
    ) -> None:
        self._schema = schema
        self._kinds = kinds
        self._documents = documents
        self._values = values
        self._language = language

    def word(self, text: str) -> str:
        """A word in the language."""
        return _GERMAN.get(text, text) if self._language == "de" else text

    def values(self, states: Sequence[str] = (), title: str = "Values") -> Table:
        """One row per value."""
        chosen = [one for one in self._values if not states or one.value.state in states]
        return Table(
            self.word(title),
            [self.word(name) for name, _ in _VALUES] + ([self.word("schema")] if self._kinds else []),
            [kind for _, kind in _VALUES] + (["text"] if self._kinds else []),
            [self._value(one) + ([one.schema] if self._kinds else []) for one in chosen],
        )

    def _schema_of(self, stored: StoredValue) -> Schema:
        return next((one for one in self._kinds if one.name == stored.schema), self._schema)

    def _value(self, stored: StoredValue) -> list[object]:
        value = stored.value
        schema = self._schema_of(stored)
        field = field_of(schema, value.field)
        kind = "text" if field is None else field.type
        parts = parts_of(value.value)
        found = value.evidence
        place: list[object] = [None] * 5
        if found is not None:
            boxes = "; ".join(
                ",".join(f"{edge:g}" for edge in (box.left, box.top, box.right, box.bottom))
                for box in found.boxes
            )
            place = [found.page, found.quote, found.start, found.end, boxes]
        return [
            stored.document_id,
            stored.document,
            value.field,
            title_of(schema, value.field, self._language),
            kind,
            text_of(value.value, kind, self._language),
            *[parts.get(name) for name in ("number", "upper", "unit", "qualifier", "from", "to")],
            self.word(value.state),
            self.word(value.origin),
            *place,
            "; ".join(value.reasons),
        ]

    def wide(self) -> Table:
        """One row per document that has values."""
        fields = [one for one in self._schema.fields if one.type != "rows"]
        head, kinds = _columns(fields, self._language)
        found: dict[int, dict[str, StoredValue]] = {}
        for one in self._values:
            found.setdefault(one.document_id, {})[one.value.field] = one
        rows = []
        for document in self._documents:
            mine = found.get(document.id)
            if mine is None:
                continue
            cells = [cell for field in fields for cell in _cells(field, mine.get(field.name), self._language)]
            left = sum(one.value.state == "unproven" for one in mine.values())
            rows.append([document.name, *cells, left])
        title = self._schema.title.get(self._language) or self._schema.name
        columns = [self.word("document"), *head, self.word("to review")]
        return Table(title, columns, ["text", *kinds, "number"], rows)

    def rows(self) -> list[Table]:
        """One table per list of rows."""
        return [self._rows(one) for one in self._schema.fields if one.type == "rows"]

    def _rows(self, field: Field) -> Table:
        head, kinds = _columns(field.fields, self._language)
        found: dict[tuple[int, int], dict[str, StoredValue]] = {}
        names = {one.id: one.name for one in self._documents}
        for one in self._values:
            parts = one.value.field.split(".")
            if parts[0] == field.name and len(parts) == 3 and parts[1].isdecimal():
                found.setdefault((one.document_id, int(parts[1])), {})[parts[2]] = one
        rows = []
        for (document, number), mine in sorted(found.items()):
            cells = [
                cell for each in field.fields for cell in _cells(each, mine.get(each.name), self._language)
            ]
            rows.append([names.get(document, ""), number + 1, *cells])
        title = field.title.get(self._language) or field.name
        return Table(
            title, [self.word("document"), self.word("row"), *head], ["text", "number", *kinds], rows
        )

    def files(self) -> Table:
        """What became of each file."""
        columns = ("document", "kind", "pages", "state", "reason")
        german = self._language == "de"
        rows = [
            [
                one.name,
                one.kind,
                one.pages,
                self.word(one.state),
                "; ".join(
                    part
                    for part in (one.german if german and one.german else one.reason, *one.faults)
                    if part
                ),
            ]
            for one in self._documents
        ]
        kinds = ("text", "text", "number", "text", "text")
        return Table(self.word("Files"), [self.word(name) for name in columns], kinds, rows)

    def workbook(self, found: Container[str]) -> list[Table]:
        """The sheets of a workbook.

        Args:
            found: names of the schemas, where there are kinds, that have sheets of their own.
        """
        review = self.values(("unproven",), "To review")
        kinds = [self._of(one) for one in self._kinds if one.name in found] if self._kinds else [self]
        sheets = [sheet for one in kinds for sheet in (one.wide(), *one.rows())]
        return [*sheets, review, self.values(), self.files()]

    def _of(self, kind: Schema) -> Tables:
        """Of the documents of one kind."""
        mine = [one for one in self._values if one.schema == kind.name]
        return Tables(kind, self._documents, mine, self._language)


def parts_of(value: Any) -> dict[str, str]:
    """Number, upper, unit, qualifier, from and to of a value, where it has them; as text."""
    if isinstance(value, dict) and "from" in value:
        return {name: str(value[name]) for name in ("from", "to") if value.get(name)}
    if isinstance(value, dict):
        given = {
            "number": value.get("amount", value.get("number")),
            "upper": value.get("upper"),
            "unit": value.get("currency") or value.get("unit"),
            "qualifier": value.get("qualifier"),
        }
        return {name: str(one) for name, one in given.items() if one not in (None, "")}
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return {"from": value, "to": value}
    return {}


def _columns(fields: Sequence[Field], language: str) -> tuple[list[str], list[str]]:
    """Headings and kinds; money has a column for its currency, a period one for each end."""
    head: list[str] = []
    kinds: list[str] = []
    for field in fields:
        title = field.title.get(language) or field.title.get("en") or field.name
        head.append(title)
        kinds.append(_KINDS.get(field.type, "text"))
        if field.type == "money":
            head.append(f"{title} ({'Währung' if language == 'de' else 'currency'})")
            kinds.append("text")
    return head, kinds


def _cells(field: Field, stored: StoredValue | None, language: str) -> list[object]:
    """The cells of a field: what is rejected is left out."""
    value = None if stored is None or stored.value.state == "rejected" else stored.value.value
    parts = parts_of(value)
    exact = "upper" not in parts and "qualifier" not in parts
    if field.type == "money":
        shown = parts.get("number") if exact else text_of(value, "money", language)
        return [shown, parts.get("unit")]
    if field.type == "number":
        plain = exact and "unit" not in parts
        return [parts.get("number") if plain else text_of(value, "number", language)]
    if field.type == "date":
        return [value]
    return [text_of(value, field.type, language)]
