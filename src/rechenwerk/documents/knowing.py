"""How entities become known: from a list that is imported, and from what people confirm in review.

A name and a number of one document are known together once a person accepted or corrected one of them while
nothing is in doubt about either. What a document taught is forgotten when people decide otherwise about it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from rechenwerk.base.errors import DocumentError
from rechenwerk.documents.checking.folding import key
from rechenwerk.documents.checking.known import Known
from rechenwerk.documents.figures.ids import compact, iban_valid, vat_id_valid
from rechenwerk.documents.known_ports import KINDS, Entity, KnownChange, OwnNumber, Told
from rechenwerk.documents.schemas import Schema
from rechenwerk.documents.values import FIRM, Value

MOST = 50_000
"""Rows of a list."""
_DECIDED = frozenset({"accepted", "corrected"})
_HEADINGS: Mapping[str, str] = MappingProxyType(
    {
        "name": "name",
        "firma": "name",
        "company": "name",
        "supplier": "name",
        "lieferant": "name",
        "kunde": "name",
        "customer": "name",
        "iban": "iban",
        "konto": "iban",
        "vat_id": "vat_id",
        "vatid": "vat_id",
        "vat id": "vat_id",
        "vat number": "vat_id",
        "ust-idnr": "vat_id",
        "ust-idnr.": "vat_id",
        "ust-id": "vat_id",
        "ustid": "vat_id",
        "umsatzsteuer-id": "vat_id",
    }
)
_VALID = MappingProxyType({"iban": iban_valid, "vat_id": vat_id_valid})


def as_known(entities: Sequence[Entity]) -> tuple[Known, ...]:
    """The entities as extraction checks against them."""
    return tuple(
        Known(
            one.name,
            tuple(number.number for number in one.numbers if number.kind == "iban"),
            tuple(number.number for number in one.numbers if number.kind == "vat_id"),
        )
        for one in entities
    )


def read_list(text: str) -> list[Told]:
    """A CSV list with the columns name, iban and vat_id (or their German names), rows of one name together.

    Raises:
        DocumentError: a row is wrong; one line with its number.
    """
    lines = io.StringIO(text.lstrip("\ufeff"), newline="")
    head = lines.readline()
    delimiter = max(";,\t", key=head.count)
    columns = [
        _HEADINGS.get(one.strip().casefold(), "") for one in next(csv.reader([head], delimiter=delimiter), [])
    ]
    if "name" not in columns or not {"iban", "vat_id"} & set(columns):
        raise DocumentError("line 1: the list needs the columns name and iban or vat_id, or both")
    found: dict[str, Told] = {}
    reader = csv.reader(lines, delimiter=delimiter)
    for row in reader:
        at = reader.line_num + 1
        if at > MOST + 1:
            raise DocumentError(f"line {at}: a list has {MOST} rows at most; send several")
        if not any(cell.strip() for cell in row):
            continue
        one = _row(at, [(column, cell.strip()) for column, cell in zip(columns, row, strict=False)])
        before = found.get(key(one.name))
        found[key(one.name)] = one if before is None else _joined(before, one.numbers)
    if not found:
        raise DocumentError("the list has no rows")
    return list(found.values())


def _row(at: int, cells: Sequence[tuple[str, str]]) -> Told:
    name = " ".join(next((cell for column, cell in cells if column == "name"), "").split())
    if not key(name):
        raise DocumentError(f"line {at}: name: it is empty; write who it is")
    if len(name) > 500:
        raise DocumentError(f"line {at}: name: it is longer than 500 letters")
    numbers = [OwnNumber(column, compact(cell)) for column, cell in cells if column in KINDS and cell]
    for one in numbers:
        if not _VALID[one.kind](one.number):
            raise DocumentError(
                f"line {at}: {one.kind}: {one.number[:40]!r} is none: its form or its check digits are wrong"
            )
    if not numbers:
        raise DocumentError(f"line {at}: {name!r} has no iban and no vat_id; give at least one")
    return Told(name, tuple(dict.fromkeys(numbers)))


def _joined(told: Told, numbers: Sequence[OwnNumber]) -> Told:
    """With more numbers; one that is there stays as it is."""
    there = {(one.kind, one.number) for one in told.numbers}
    more = [one for one in numbers if (one.kind, one.number) not in there]
    return Told(told.name, (*told.numbers, *dict.fromkeys(more)))


def imported(entities: Sequence[Entity], told: Sequence[Told]) -> KnownChange:
    """What a list changes: names that are known get its numbers besides, others are new."""
    by_key = {key(one.name): one for one in entities}
    add: list[Told] = []
    change: dict[int, Told] = {}
    for one in told:
        known = by_key.get(key(one.name))
        if known is None:
            add.append(one)
            continue
        now = _joined(Told(known.name, known.numbers), one.numbers)
        if now.numbers != known.numbers:
            change[known.id] = now
    return KnownChange(add, change)


def learnt(entities: Sequence[Entity], document: int, schema: Schema, values: Sequence[Value]) -> KnownChange:
    """What the values of a document teach after a decision about one of them.

    Args:
        entities: that are known.
        document: its id.
        schema: of the document; its rules of kind 'known' say what belongs together.
        values: as they stand now.
    """
    taught = {key(one.name): one for one in _taught(document, schema, values)}
    change: dict[int, Told] = {}
    remove: list[int] = []
    for known in entities:
        mine = taught.pop(key(known.name), None)
        rest = Told(known.name, tuple(one for one in known.numbers if one.document != document))
        now = rest if mine is None else _joined(rest, mine.numbers)
        if not now.numbers:
            remove.append(known.id)
        elif set(now.numbers) != set(known.numbers):
            change[known.id] = now
    return KnownChange(list(taught.values()), change, remove)


def _taught(document: int, schema: Schema, values: Sequence[Value]) -> Iterator[Told]:
    by_path = {value.field: value for value in values}
    kinds = {field.name: field.type for field in schema.fields}
    for rule in schema.rules:
        if rule.kind != "known" or not set(rule.fields) <= by_path.keys():
            continue
        name, *paths = (by_path[path] for path in rule.fields)
        if name.state not in FIRM or not isinstance(name.value, str) or not key(name.value):
            continue
        numbers = [
            OwnNumber(kinds[one.field], one.value, document)
            for one in paths
            if one.state in FIRM
            and isinstance(one.value, str)
            and one.value
            and (one.state in _DECIDED or name.state in _DECIDED)
        ]
        if numbers:
            yield Told(name.value, tuple(numbers))
