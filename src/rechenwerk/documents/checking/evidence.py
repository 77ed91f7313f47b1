"""The check of one value: its quote, digits, role and place. docs/extraction.md names every reason."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from rechenwerk.documents.checking.beside import other_bound, planned
from rechenwerk.documents.checking.currency import named
from rechenwerk.documents.checking.folding import occurrences
from rechenwerk.documents.checking.labels import NEVER, NONE, WEAK, FieldWords
from rechenwerk.documents.checking.reading import Reading
from rechenwerk.documents.checking.roles import Role, role
from rechenwerk.documents.checking.typed import KINDS, agrees, value_of
from rechenwerk.documents.schemas import Field
from rechenwerk.documents.values import Evidence, Value

SURE = 75
"""Confidence of the OCR from which a word is believed."""
SURE_TEXT = 92
"""The same for words of a text, which no check digit, sum or calendar would catch."""
_SMUDGE = re.compile(r"[|?~^_\\{}<>]")
"""Signs that a reader of scans writes where it saw a letter or a line of a table."""
_CUT_BEFORE = re.compile(r"(?:\w[.,'\u2019]?|[-\u2212+])\Z")
_CUT_AFTER = re.compile(
    r"^(?:[.,'\u2019]?\w|%|\s?(?:%|Mio|Mrd|Mill|Tsd|T€|TEUR|[Tt]ausend|million|billion|thousand|k\b))"
)
_NEGATION = re.compile(
    r"\b(?:nicht|kein|keine|keinen|keiner|not|no|never|weder|without|ohne|minus)\W*$", re.IGNORECASE
)


class Claim(msgspec.Struct, frozen=True):
    """A value that somebody says to stand in a document.

    Args:
        path: the field's path: 'total', 'items.2.amount'.
        quote: the words that say it; '' with a span.
        value: JSON; None to take what the quote says.
        origin: 'xml', 'rule', 'trained' or 'model'.
        start, end: where the quote stands; -1 to look for it.
        role: what gives the role, where it is no label of the field beside the value (the heading of a
            column, the place of an address).
    """

    path: str
    quote: str
    origin: str
    value: Any = None
    start: int = -1
    end: int = -1
    role: Role | None = None


class Proof(msgspec.Struct, frozen=True):
    """What the check found out about a claim.

    Args:
        value: with state 'proven' or 'unproven' and its reasons; cross-checks may still change it.
        role: the label that gives it its role.
    """

    value: Value
    role: Role


def prove(reading: Reading, field: Field, words: FieldWords, claim: Claim) -> Proof:
    """Check a claim against the document.

    Args:
        reading: the document.
        field: what was asked for.
        words: its labels.
        claim: what is said to stand there.

    Returns:
        Its proof; the reasons say everything that is missing.
    """
    spans = ((claim.start, claim.end),) if claim.start >= 0 else occurrences(reading.folded, claim.quote)
    if not spans:
        missing = Value(
            claim.path, claim.value, "unproven", claim.origin, None, ("quote: not in the document",)
        )
        return Proof(missing, Role(NONE))
    proofs = [_at(reading, field, words, claim, start, end) for start, end in spans]
    return min(proofs, key=lambda proof: (len(proof.value.reasons), -proof.role.strength))


def _at(reading: Reading, field: Field, words: FieldWords, claim: Claim, start: int, end: int) -> Proof:
    start, end = _narrowed(reading, field, claim, start, end)
    quote = reading.text[start:end]
    reasons: list[str] = []
    found = claim.role or role(reading, words, start, end)
    label = named(found.phrase) if found.strength > NONE else ""
    value = value_of(field, quote, reading, label)
    if value is None:
        wrong = "has wrong check digits" if field.type in {"iban", "vat_id"} else f"is no {field.type}"
        reasons.append(f"type: '{_short(quote)}' {wrong}")
    elif claim.value is not None and not agrees(field, claim.value, value):
        reasons.append(f"digits: the quote says {_shown(value)}, not {_shown(claim.value)}")
    if value is not None:
        reasons += _boundaries(reading, field, start, end)
        reasons += _open(reading, field, value, found, (start, end))
    if reading.is_quoted(start):
        reasons.append("quoted: it stands in an older mail that this one quotes")
    if found.strength == NEVER:
        reasons.append(f"role: '{_short(found.phrase)}' gives it another role")
    elif found.strength == NONE:
        reasons.append(
            f"role: '{_short(found.phrase)}' is no label of this field" if found.phrase else "role: no label"
        )
    elif found.strength < WEAK and field.type != "date":
        reasons.append(f"role: '{_short(found.phrase)}' may mean something else")
    reasons += _unsure(reading, field, start, end)
    evidence = _evidence(reading, start, end, found)
    if evidence is None:
        reasons.append("place: no word of the document stands there")
    state = "unproven" if reasons else "proven"
    kept = value if value is not None else claim.value
    return Proof(Value(claim.path, kept, state, claim.origin, evidence, tuple(reasons)), found)


def _narrowed(reading: Reading, field: Field, claim: Claim, start: int, end: int) -> tuple[int, int]:
    """The one value in a quote that is longer than its value, such as a whole sentence."""
    kinds = KINDS.get(field.type)
    if kinds is None:
        return start, end
    inside = [mark for mark in reading.marks_in(start, end) if mark.kind in kinds]
    if claim.value is not None and len(inside) > 1:
        inside = [
            mark
            for mark in inside
            if agrees(field, claim.value, value_of(field, reading.text[mark.start : mark.end], reading))
        ]
    if len({reading.text[mark.start : mark.end] for mark in inside}) == 1:
        return inside[0].start, inside[0].end
    return start, end


def _boundaries(reading: Reading, field: Field, start: int, end: int) -> list[str]:
    """Digits, signs, currencies and negations that the quote leaves out."""
    text = reading.text
    if field.type not in KINDS:
        cut = (start and text[start - 1].isalnum() and text[start].isalnum()) or (
            end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
        )
        if field.shape == "identifier":
            cut = cut or text[max(0, start - 1) : start] in {"-", "/"} or text[end : end + 1] in {"-", "/"}
        return ["digits: the quote cuts a word"] if cut else []
    reasons = []
    if field.type not in {"iban", "vat_id"}:
        before, after = text[max(0, start - 2) : start], text[end : end + 12]
        whole = [mark for mark in reading.overlapping(start, end) if mark.start < start or mark.end > end]
        if whole:
            reasons.append(f"digits: the document says '{_short(text[whole[0].start : whole[0].end])}' there")
        elif _CUT_BEFORE.search(before) or (_CUT_AFTER.search(after) and not text[end - 1].isspace()):
            reasons.append(
                f"digits: the quote leaves out part of '{_short(before + text[start:end] + after)}'"
            )
        if before.rstrip().endswith("(") and after.lstrip().startswith(")") and field.type == "money":
            reasons.append("sign: brackets may mean that it is negative")
        bound = other_bound(reading, start, end)
        if bound:
            reasons.append(f"digits: the document says '{bound}', too")
        denied = _NEGATION.search(text[max(0, start - 16) : start])
        if denied:
            reasons.append(f"negation: '{denied[0].strip()}' stands before it")
    return reasons


def _open(reading: Reading, field: Field, value: Any, found: Role, span: tuple[int, int]) -> list[str]:
    """What the document leaves open: an amount's currency, whether a day is only planned."""
    if field.type == "money" and not value["currency"]:
        return ["currency: neither the quote nor its label nor the document says it"]
    plan = planned(reading, field, *span, (found.start, found.end))
    return [f"planned: '{plan}' stands beside it"] if plan else []


def _unsure(reading: Reading, field: Field, start: int, end: int) -> list[str]:
    """Words that were recognised and may be misread."""
    touched = reading.layout.words_of(start, end)
    least = SURE_TEXT if field.type == "text" else SURE
    words = [word for word in touched if word.confidence < least]
    recognised = {page.number for page in reading.parsed.pages if page.source == "ocr"}
    if field.type == "text" and touched and touched[0].page in recognised:
        words += [
            word
            for word in touched
            if word not in words and _SMUDGE.search(reading.text[word.start : word.end]) is not None
        ]
    return [
        f"ocr: '{reading.text[word.start : word.end]}' was read with a confidence of {word.confidence}"
        for word in words
    ]


def _evidence(reading: Reading, start: int, end: int, found: Role) -> Evidence | None:
    """Where it stands; None where the offsets do not lead back to words of one page."""
    words = reading.layout.words_of(start, end)
    if not words or words[0].page != words[-1].page:
        return None
    boxes = tuple(word.box for word in words if word.box is not None)
    first, last = (found.start, found.end) if found.strength > NONE else (0, 0)
    return Evidence(words[0].page, start, end, reading.text[start:end], first, last, boxes)


def unproven(value: Value, *reasons: str) -> Value:
    """A value that lost its proof; the reasons are added."""
    added = tuple(reason for reason in reasons if reason not in value.reasons)
    return msgspec.structs.replace(value, state="unproven", reasons=(*value.reasons, *added))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"...{line[-57:]}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(str(part) for part in value.values() if part)
    return f"'{value}'"
