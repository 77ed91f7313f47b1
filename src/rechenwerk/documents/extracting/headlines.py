"""Number and date in a document's headline: 'Handelsrechnung (380) Nr. 471102 vom 05.06.2018'."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rechenwerk.documents.checking.evidence import Claim
from rechenwerk.documents.checking.folding import key
from rechenwerk.documents.checking.labels import PROSE, STRONG, WEAK, FieldWords
from rechenwerk.documents.checking.reading import Reading
from rechenwerk.documents.checking.roles import Role
from rechenwerk.documents.schemas import Field

_HEADLINE = re.compile(
    r"(?P<word>(?:[A-ZÄÖÜ][\w-]*)?(?:rechnung|gutschrift|korrektur|bestellung|vertrag)"
    r"|(?:(?:tax|commercial|final|sales|vat|proforma|pro forma)\s)?invoice|credit (?:note|memo)"
    r"|purchase order"
    r"|R E C H N U N G)"
    r"(?:\s(?:des|der)\s[A-ZÄÖÜ]\w+)?(?:\s*/\s*(?:invoice|rechnung|credit note|gutschrift))?"
    r"(?:\s*\(\d{1,4}\))?"
    r"\s*(?::|(?:Nr|No|Nummer|Number)\b\.?\s?:?|#)?\s*"
    r"(?P<number>(?=\S*\d)\w[\w./-]*\w)"
    r"(?:,?\s+(?:vom|v\.|dated|of|from|issued (?:at|on)|ausgestellt am)\s+(?P<date>\S.*?))?"
    r"(?P<next>\s+vom)?[\s.,;:]*$",
    re.IGNORECASE,
)
_DATELINE = re.compile(r"[A-ZÄÖÜ][\w./-]+(?:\s[\w./-]+){0,3},\s(?:den\s|dem\s)?(?=\d)")
_OTHERS = re.compile(
    r"^(?:ursprungs|original|bezugs|referenz|vor|hoch|be|ver|end)(?:rechnung|vertrag)$", re.IGNORECASE
)
_KINDS = ("rechnung", "gutschrift", "bestellung", "vertrag")


def headlines(reading: Reading, field: Field, words: FieldWords) -> Iterator[Claim]:
    """What the headline says of a field: the document's own number, or its date.

    Args:
        reading: the document.
        field: a date, or a text that is an identifier.
        words: its labels.
    """
    if not reading.parsed.pages or (field.type != "date" and field.shape != "identifier"):
        return
    first = reading.parsed.pages[0].number
    if field.type == "date" and words.match("Datum").strength >= WEAK:
        yield from _datelines(reading, field)
    for piece in reading.layout.page(first):
        end = reading.text.find("\n", piece.start)
        line = reading.text[piece.start : end if end >= 0 else len(reading.text)]
        found = _HEADLINE.match(line)
        if found is None or _OTHERS.match(found["word"]) or key(found["word"]) in words.never:
            continue
        part = "date" if field.type == "date" else "number"
        span = _span(reading, found, piece.start, part)
        if span is None or not _names(words, found["word"], part):
            continue
        label = piece.start + found.start("word"), piece.start + found.end("word")
        yield Claim(field.name, "", "rule", None, *span, Role(STRONG, "headline", *label, found["word"]))


def _datelines(reading: Reading, field: Field) -> Iterator[Claim]:
    """The place and day of a letter, in a line of its own: 'Musterstadt, den 3. April 2025'."""
    page = reading.parsed.pages[0]
    for piece in reading.layout.page(page.number):
        text = reading.text[piece.start : piece.end]
        found = _DATELINE.match(text)
        if found is None or (page.height and piece.box.top > page.height / 2):
            continue
        for mark in reading.marks_in(piece.start, piece.end):
            if mark.kind == "date" and mark.start == piece.start + found.end() and mark.end == piece.end:
                label = Role(PROSE, "dateline", piece.start, mark.start, "place and day")
                yield Claim(field.name, "", "rule", None, mark.start, mark.end, label)


def _span(reading: Reading, found: re.Match[str], at: int, part: str) -> tuple[int, int] | None:
    """Where the number or the date stands; the date may begin the next line."""
    if part == "number":
        return at + found.start(part), at + found.end(part)
    start = at + found.start(part) if found[part] is not None else at + found.end() + 1
    if found[part] is None and not found["next"]:
        return None
    for mark in reading.overlapping(start, start + 1):
        whole = found[part] is None or mark.end == at + found.end(part)
        if mark.kind == "date" and mark.start == start and whole:
            return mark.start, mark.end
    return None


def _names(words: FieldWords, word: str, part: str) -> bool:
    """Whether the kind of document that a headline names gives the field its role."""
    plain = word.replace(" ", "") if word.isupper() and " " in word else word
    short = next((kind for kind in _KINDS if key(plain).endswith(kind)), plain)
    short = _KINDS[0] if key(plain).endswith("rechnungskorrektur") else short
    if part == "date":
        return (
            words.match(f"{short} vom").strength == STRONG or words.match(f"{short} dated").strength == STRONG
        )
    return words.match(f"{short} Nr").strength == STRONG or words.match(f"{short} no").strength >= WEAK
