"""A date that a document says by a term: 'zahlbar in 14 Tagen' is the invoice's date and 14 days."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from rechenwerk.documents.checking.evidence import Proof
from rechenwerk.documents.checking.labels import PROSE
from rechenwerk.documents.checking.reading import Reading
from rechenwerk.documents.checking.roles import Role
from rechenwerk.documents.schemas import Field
from rechenwerk.documents.values import Evidence, Value

_TERM = re.compile(
    r"(?<![\d.,])(?P<days>\d{1,3})\s*(?:Kalender)?(?:[Tt]agen?\b|days\b)|(?<![\d.,])(?P<weeks>\d{1,2})\s*(?:[Ww]ochen?\b|weeks\b)"
    r"|(?:[Nn]et|NET)\s+(?P<net>\d{1,3})\b(?!\s*[%.,\d])|\b(?P<now>[Ss]ofort)\b"
)
_PAYING = re.compile(
    r"\w*(?:zahlbar|fällig|zahlung|überweis|begleich|zu zahlen|bezahl|zahlen|payable|payment|settle)\w*"
    r"|\b(?:due|pay|net)\b",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"skonto|nachlass|rabatt|discount|verzug|mahn|widerr|gewährleist|reklam|rüge|beanstand|storn|liefer|garantie|interest"
    r"|cancel|warranty|return|\d\s*%|erhalt|eingang|zugang|receipt|receiv|leistung|delivery"
    # A term that runs from another day, or before one: 'ab Monatsende', 'net 30 EOM', '14 Tage vor Anreise'.
    r"|monats?ende|ende des|end of|\bEOM\b|\b(?:vor|before|prior)\b|abnahme|abschluss|bestell|auftrag|versand"
    r"|acceptance|completion|\border\b|dispatch|shipment|shipping"
    # Part of the amount, a discount in words, money that comes back, the earliest day.
    r"|prozent|percent|gewähr|\braten?\b|teilzahlung|anzahlung|abschlag|instal|deposit|gutschrift|erstatt|refund"
    r"|credit|zins|gestund|\berst nach|\ballow\b",
    re.IGNORECASE,
)
_LONG = 60
"""A line of so many characters may go on in the next."""
_CLAUSE = re.compile(r"[.;!?](?=\s)|\n\s*\n|,(?=\s)| oder | or | bzw\.? |\(|\)")


def by_terms(reading: Reading, field: Field, base: Value) -> Iterator[Proof]:
    """Dates that a term and a proven date give.

    Args:
        reading: the document.
        field: of type date: when something is due.
        base: the proven date that the term runs from.
    """
    if base.state != "proven" or not isinstance(base.value, str):
        return
    for found in _TERM.finditer(reading.text):
        begin, stop = _clause(reading.text, found.start(), found.end())
        clause = reading.text[begin:stop].replace("\n", " ")
        label = _label(clause, found.start() - begin, found.end() - begin)
        if label is None or _OTHER.search(clause) or reading.is_quoted(found.start()):
            continue
        days = int(found["days"] or found["net"] or 0) + 7 * int(found["weeks"] or 0)
        due = (date.fromisoformat(base.value) + timedelta(days=days)).isoformat()
        words = reading.layout.words_of(found.start(), found.end())
        if not words or any(word.confidence < 75 for word in words):
            continue
        boxes = tuple(word.box for word in words if word.box is not None)
        first, last = begin + label[0], begin + label[1]
        evidence = Evidence(words[0].page, found.start(), found.end(), found[0], first, last, boxes)
        said = f"term: {found[0]} from {base.field} {base.value}"
        value = Value(field.name, due, "proven", "rule", evidence, (said,))
        yield Proof(value, Role(PROSE, "term", first, last, clause))


def _label(clause: str, start: int, end: int) -> tuple[int, int] | None:
    """The word of paying that is nearest to a term, outside of it where there is one; None where none is."""
    words = [found.span() for found in _PAYING.finditer(clause)]
    return min(
        words,
        key=lambda word: (word[0] < end and word[1] > start, max(word[0] - end, start - word[1])),
        default=None,
    )


def _clause(text: str, start: int, end: int) -> tuple[int, int]:
    """Offsets of the clause around a place, with the beginning of its line's label."""
    window = max(0, start - 160)
    before = text[window:start]
    begin = max((found.end() for found in _CLAUSE.finditer(before)), default=0)
    after = _CLAUSE.search(text, end, end + 160)
    stop = after.start() if after else min(len(text), end + 160)
    lines = before[begin:].split("\n")
    kept = " ".join(lines[-2:]) if len(lines) > 1 and len(lines[-2]) >= _LONG else lines[-1]
    line = text.rfind("\n", 0, start) + 1
    following = text[end:stop].split("\n")
    goes_on = len(text[line:end]) + len(following[0]) >= _LONG
    return start - len(kept), end + len(" ".join(following[: 2 if goes_on else 1]))
