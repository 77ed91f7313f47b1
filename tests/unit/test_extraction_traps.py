"""Short documents with traps: what is proven is right, and what the document says plainly is proven.

Each file of tests/golden/documents is a drawn page, '---', and what it says: 'field = value' must be proven,
'field ? value' may be (a person may be asked, but another value must not be proven; '-' for none at all).
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rechenwerk.documents.extracting.extract import by_rules
from rechenwerk.documents.extracting.schemas import ready
from tests.unit.drawn import drawn

FILES = sorted((Path(__file__).parent.parent / "golden" / "documents").glob("*.txt"))


def said(line: str) -> tuple[str, str, str]:
    sign = "=" if " = " in line else "?"
    field, _, value = line.partition(f" {sign} ")
    return field.strip(), sign, value.strip()


def matches(wanted: str, value: Any) -> bool:
    if isinstance(value, str | bool):
        return value == wanted
    if "from" in value:
        return bool(f"{value['from']}/{value['to']}" == wanted)
    number, _, currency = wanted.partition(" ")
    if wanted == "-" or (currency and value["currency"] != currency):
        return False
    return Decimal(value.get("amount", value.get("number"))) == Decimal(number)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_proven_is_what_the_document_says(path: Path) -> None:
    drawing, _, expected = path.read_text(encoding="utf-8").partition("\n---\n")
    wanted = {field: (sign, value) for field, sign, value in map(said, expected.strip().splitlines())}
    language = "en" if "nvoice" in drawing and "echnung" not in drawing else "de"
    values = {value.field: value for value in by_rules(drawn(drawing, language=language), ready("invoice"))}
    wrong = [
        f"{field}: {value.value}"
        for field, value in values.items()
        if value.state == "proven" and not matches(wanted.get(field, ("?", "-"))[1], value.value)
    ]
    assert not wrong, "proven, but not what the document says"
    plain = [field for field, (sign, _) in wanted.items() if sign == "="]
    missing = [
        f"{field}: {values[field].value} {values[field].reasons}" if field in values else field
        for field in plain
        if field not in values or values[field].state != "proven"
    ]
    assert not missing, "plain, but not proven"
