"""Schemas as people give them: ready ones, plain words in two languages, JSON Schema and its limits."""

from __future__ import annotations

from typing import Any

import pytest

from rechenwerk.base.errors import SchemaError
from rechenwerk.documents.extracting.json_schema import from_json_schema, to_json_schema
from rechenwerk.documents.extracting.schemas import READY, from_words, read_schema, ready
from rechenwerk.documents.schemas import SHAPES, TYPES


@pytest.mark.parametrize("name", READY)
def test_ready_schemas_are_whole(name: str) -> None:
    schema = ready(name)
    paths = {field.name for field in schema.fields}
    paths |= {f"{field.name}.{column.name}" for field in schema.fields for column in field.fields}
    for field in (*schema.fields, *(column for one in schema.fields for column in one.fields)):
        assert field.type in TYPES
        assert field.shape in SHAPES
        assert set(field.title) == {"de", "en"}
        assert not set(field.labels) & set(field.never), field.name
    assert {path for rule in schema.rules for path in rule.fields} <= paths
    assert set(schema.title) == {"de", "en"}


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (
            "invoice number, supplier, total, due date",
            "invoice_number text, supplier text, total money, due_date date",
        ),
        (
            "Rechnungsnummer, Lieferant, Summe und Fälligkeit",
            "rechnungsnummer text, lieferant text, summe money, faelligkeit date",
        ),
        (
            "- Zählernummer\n- Verbrauch (Zahl)\n- Abschlag (Betrag)",
            "zaehlernummer text, verbrauch number, abschlag money",
        ),
        ("Straße und Hausnummer, IBAN", "strasse_und_hausnummer text, iban iban"),
        ("Farbe (eines von: rot, blau); genehmigt (ja/nein)", "farbe one_of, genehmigt yes_no"),
        ("Teile (Liste: Name; Preis)", "teile rows"),
        ("Schadenshöhe (money), Tag des Unfalls (date)", "schadenshoehe money, tag_des_unfalls date"),
    ],
)
def test_plain_words(words: str, fields: str) -> None:
    found = from_words(words).fields
    assert ", ".join(f"{field.name} {field.type}" for field in found) == fields


def test_plain_words_bring_labels_and_cross_checks() -> None:
    schema = from_words("Netto, MwSt, Summe")
    assert [rule.fields for rule in schema.rules if rule.kind == "sum"] == [("netto", "mwst", "summe")]
    assert "Rechnungsbetrag" in schema.fields[2].labels


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "no field is named"),
        ("total, total", "'total' is named twice"),
        ("total (colour)", "there is no type 'colour'"),
    ],
)
def test_plain_words_that_cannot_be_used(words: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        from_words(words)


def form(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "title": "Form", "properties": fields}


def test_json_schema() -> None:
    schema = read_schema(
        form(
            total={"type": "number", "format": "money", "x-labels": ["Grand total"]},
            paid={"type": "boolean"},
            state={"enum": ["open", "done"]},
            due_date={"type": ["string", "null"], "format": "date"},
            parts={"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        )
    )
    assert [field.type for field in schema.fields] == ["money", "yes_no", "one_of", "date", "rows"]
    assert schema.fields[0].labels == ("Grand total",)
    assert "Zahlbar bis" in schema.fields[3].labels


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (form(total={"type": "number", "minimum": 0}), "/properties/total/minimum: not supported"),
        ({**form(a={"type": "string"}), "allOf": []}, "/allOf: not supported"),
        (form(a={"type": "object"}), "/properties/a/type: 'object' is not supported"),
        (form(a={"type": "string", "format": "email"}), "/properties/a/format: 'email' is not known"),
        (form(**{"Total sum": {"type": "string"}}), "write 'total_sum'"),
        (
            form(a={"type": "array", "items": {"type": "string"}}),
            "/properties/a/items: a list is a list of rows",
        ),
        ({**form(a={"type": "string"}), "required": ["b"]}, "there is no property 'b'"),
        ({"type": "array"}, "an object with 'properties'"),
        ({**form(a={}), "x-rules": [{"kind": "sum", "fields": ["b"]}]}, "there is no field 'b'"),
    ],
)
def test_json_schema_that_cannot_be_used(given: dict[str, Any], place: str) -> None:
    with pytest.raises(SchemaError, match=place):
        from_json_schema(given)


def test_values_of_a_schema_have_a_shape() -> None:
    shape = to_json_schema(ready("invoice"))
    assert shape["properties"]["gross"]["anyOf"][0]["properties"].keys() == {
        "amount",
        "currency",
        "qualifier",
        "upper",
    }
    assert shape["properties"]["items"]["items"]["properties"]["amount"]["anyOf"][1] == {"type": "null"}
