"""Rows that are no table: obligations of a contract, its parties, the figures of an article."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rechenwerk.documents.checking.evidence import Claim, prove
from rechenwerk.documents.checking.folding import key
from rechenwerk.documents.checking.labels import PROSE, FieldWords
from rechenwerk.documents.checking.reading import Reading
from rechenwerk.documents.checking.roles import Role
from rechenwerk.documents.extracting.passages import carried, sentences, spans
from rechenwerk.documents.schemas import Field
from rechenwerk.documents.values import Value

_MOST = 500
_ARTICLE = r"(?:(?:der|dem|den|die|the)\s+)?"
_BETWEEN = re.compile(
    rf"(?i:zwischen|between)\s+{_ARTICLE}(?P<one>[^,(]{{3,80}}?)\s*(?:[,(\n][^§]{{0,300}}?)?"
    rf"\s(?:und|and)\s+{_ARTICLE}(?P<other>[A-ZÄÖÜ][^,(]{{2,80}}?)\s*(?=[,(]|\.\s|\n\s*\n|$)"
)

SEVERAL = ""
"""Stands in a row whose sentence has several amounts: what is not told of each is not absent."""
Spans = Mapping[str, tuple[int, int, Role]]
"""For each column where its value stands and what gives it its role."""


def lists(reading: Reading, field: Field, words: Mapping[str, FieldWords]) -> list[list[Value]]:
    """The rows of a field that no heading announces, every cell checked.

    Args:
        reading: the document.
        field: of type rows; its required column decides what a row is: a sentence that carries a label, a
            name that 'zwischen ... und ...' introduces, an amount that has no labels of its own in a sentence
            that carries one of another column.
        words: labels of its columns.
    """
    required = next((column for column in field.fields if column.required), None)
    if required is None:
        return []
    drawn: Iterator[Spans]
    if required.shape == "sentence":
        drawn = ({required.name: (claim.start, claim.end, _role(claim))} for claim in
                 sentences(reading, required, words[required.name]))  # fmt: skip
    elif required.shape == "name":
        drawn = _parties(reading, required)
    elif required.type == "money" and not required.labels:
        drawn = _amounts(reading, field, required, words)
    else:
        return []
    return [
        [_cell(reading, field, column, words, at, row) for column in field.fields]
        for at, row in zip(range(_MOST), drawn, strict=False)
    ]


def _role(claim: Claim) -> Role:
    assert claim.role is not None
    return claim.role


def _cell(
    reading: Reading, field: Field, column: Field, words: Mapping[str, FieldWords], at: int, row: Spans
) -> Value:
    path = f"{field.name}.{at}.{column.name}"
    if column.name not in row:
        if column.type != "text" and SEVERAL not in row:
            return Value(path, None, "absent", "rule")
        return Value(path, None, "unproven", "rule", None, ("row: the sentence alone does not tell it",))
    start, end, role = row[column.name]
    return prove(reading, column, words[column.name], Claim(path, "", "rule", None, start, end, role)).value


def _parties(reading: Reading, column: Field) -> Iterator[Spans]:
    """Both names of the first 'zwischen ... und ...'."""
    found = _BETWEEN.search(reading.text)
    if found is None:
        return
    for name in ("one", "other"):
        start, end = found.span(name)
        role = Role(PROSE, "inline", found.start(), found.start() + len("zwischen"), "between")
        yield {column.name: (start, end, role)}


def _amounts(
    reading: Reading, field: Field, required: Field, words: Mapping[str, FieldWords]
) -> Iterator[Spans]:
    """Amounts in sentences that say what they measure; what else the sentence says goes with them.

    Two amounts of one sentence share what stands there only once, so what only one of them can have (what it
    measures, its period, how firm it is) is left open where the sentence has several amounts.
    """
    topic = next((column for column in field.fields if column.type == "text" and column.labels), None)
    for start, end in spans(reading.text):
        if reading.is_quoted(start):
            continue
        inside = reading.marks_in(start, end)
        amounts = [mark for mark in inside if mark.kind == "money"]
        label = carried(reading, words[topic.name], start, end) if topic is not None else None
        if not amounts or (topic is not None and label is None):
            continue
        for amount in amounts:
            first, last = label or (amount.start, amount.start)
            role = Role(PROSE, "sentence", first, last, reading.text[first:last])
            row: dict[str, tuple[int, int, Role]] = {required.name: (amount.start, amount.end, role)}
            if len(amounts) > 1:
                row[SEVERAL] = start, end, role
            else:
                row |= _beside(reading, field, (start, end), role)
                if topic is not None:
                    row[topic.name] = first, last, role
            yield row


def _beside(
    reading: Reading, field: Field, sentence: tuple[int, int], role: Role
) -> dict[str, tuple[int, int, Role]]:
    """The one period of a sentence, and the one option that its words stand for."""
    found: dict[str, Any] = {}
    for column in field.fields:
        if column.type in {"period", "date"}:
            marks = [mark for mark in reading.marks_in(*sentence) if mark.kind == column.type]
            if len(marks) == 1:
                found[column.name] = marks[0].start, marks[0].end, role
        elif column.type == "one_of":
            places = list(_meant(reading, column, sentence))
            if len({option for option, _, _ in places}) == 1:
                found[column.name] = places[0][1], places[0][2], role
    return found


def _meant(reading: Reading, column: Field, sentence: tuple[int, int]) -> Iterator[tuple[str, int, int]]:
    for option in column.options:
        for word in column.meanings.get(option, ()):
            pattern = rf"(?<!\w){re.escape(word)}(?!\w)"
            for place in re.finditer(pattern, reading.text[slice(*sentence)]):
                if key(word):
                    yield option, sentence[0] + place.start(), sentence[0] + place.end()
