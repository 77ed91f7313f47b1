"""The role of a value: the label that governs the place where it stands."""

from __future__ import annotations

import re

import msgspec

from rechenwerk.documents.checking.labels import (
    NEVER,
    NONE,
    STRONG,
    WEAK,
    WEAK_PROSE,
    FieldWords,
    Match,
)
from rechenwerk.documents.checking.layout import FAR, Piece
from rechenwerk.documents.checking.reading import Mark, Reading

_BREAK = re.compile(
    r"(?<=\w{5})[.;!?](?=\s+[A-ZÄÖÜ])|[•·|]|\n\s*\n| oder | or "
    r"|,(?=\s+(?:bei|bis|danach|if|otherwise|spätestens)\b)"
)
_STOP = re.compile(
    r"[.;!?](?=\s|$)| oder | or | bzw|ohne Abzug|netto|without deduction|net\b|,\s*(?:spätestens|danach)"
)
_BASE = re.compile(r"\s(?:auf|aus|von|on|of)\s*(?:EUR|€|CHF|USD|\$|£)?\s*$")
_HOLDER = re.compile(r"(?:Kontoinhaber|Inhaber|Account holder|Bank|Kreditinstitut|BIC|Name)\b", re.IGNORECASE)
"""How a line of bank details begins that has no account itself."""
_DISCOUNTED = re.compile(r"skonto|cash discount", re.IGNORECASE)
_CLAUSE = re.compile(
    r"[.;!?,](?=\s)|\n\s*\n| oder | or |netto|\bnet\b|ohne Abzug|without deduction|danach|sonst",
    re.IGNORECASE,
)
_CLAUSE_REACH = 120
"""Characters before a day in which its clause is looked for."""
_AFTER = 70
"""Characters behind a value in which a word of another role is looked for."""
_LINES = 3
"""Lines of an account and what introduces it."""
_BLOCK = 8
"""Lines of a party's block: name, address, numbers."""
_APART = 120.0
"""Points between a label and its number, at most."""
_HEADING = 4
"""Words of a block's heading, at most."""
_SHORT = 12
"""A piece of at most so many words may be a row of a table rather than a sentence."""


class Role(msgspec.Struct, frozen=True):
    """What a field's labels say of a place.

    Args:
        strength: one of STRONG to NEVER.
        relation: 'inline', 'left', 'row' (left, other values between), 'above', 'column', 'after', or ''.
        start, end: of the label in the text.
        phrase: of the words that govern the place, whether they are a label of the field or not.
    """

    strength: int
    relation: str = ""
    start: int = 0
    end: int = 0
    phrase: str = ""


def role(reading: Reading, words: FieldWords, start: int, end: int) -> Role:
    """The role that the labels of a field give to a place.

    Args:
        reading: the document.
        words: the field's labels.
        start: where the value begins.
        end: where it ends.
    """
    piece = reading.layout.at(start)
    if piece is None:
        return Role(NONE)
    if words.is_account:
        other = _others_account(reading, words, piece)
        if other is not None:
            return other
    if words.is_account or words.field.type == "vat_id":
        other = _others_block(reading, words, piece)
        if other is not None:
            return other
    inline = _inline(reading, words, piece, start, end)
    if inline is not None and (inline.strength != NONE or _is_sentence(reading, piece)):
        return inline
    known = [
        found
        for found in (_left(reading, words, piece, start), _over(reading, words, piece, (start, end)))
        if found
    ]
    if inline is not None and inline.phrase and not reading.marks_in(piece.start, start):
        # 'Anzahl 3' under 'Menge': the words before it are its own label, which is not the field's.
        return inline
    for found in known:
        if found.strength != NONE and found.relation != "row":
            return found
    return max(known, key=lambda found: found.strength, default=inline or Role(NONE))


def _others_account(reading: Reading, words: FieldWords, piece: Piece) -> Role | None:
    """A word of another role in the line of an account or in what introduces it: 'auf Ihr Konto'.

    What introduces it is the line before, or the one before the account's own lines (IBAN, then BIC).
    """
    text, stop = reading.text, piece.end
    for _ in range(_LINES):
        begin = text.rfind("\n", 0, stop) + 1
        if words.forbids(text[begin:stop]):
            return Role(NEVER, "inline", begin, stop, text[begin:stop])
        accounts = any(mark.kind == "iban" for mark in reading.marks_in(begin, stop))
        own = begin <= piece.start < stop or accounts or _HOLDER.match(text[begin:stop]) is not None
        before = text[:begin].rstrip(" \n")
        above = reading.layout.at(len(before) - 1) if before else None
        if not own or above is None or above.page != piece.page:
            return None
        if piece.box.top - above.box.bottom > _LINES * FAR * piece.height:
            return None
        stop = len(before)
    return None


def _others_block(reading: Reading, words: FieldWords, piece: Piece) -> Role | None:
    """The heading of another party over the block in which a number stands: 'Käufer' over a VAT id."""
    row = reading.layout.row(piece)
    beside = [one for one in row if one.end <= piece.start and piece.box.left - one.box.right < _APART]
    line = beside[-1] if beside and reading.is_value(piece) else piece
    for _ in range(_BLOCK):
        over = next(iter(reading.layout.above(line.box, line.page)), None)
        if over is None or line.box.top - over.box.bottom > line.height:
            return None
        text = reading.text[over.start : over.end].strip(" :")
        short = text.count(" ") < _HEADING and not any(letter.isdigit() for letter in text)
        if short and words.forbids(text):
            return Role(NEVER, "block", over.start, over.end, text)
        line = over
    return None


def _is_sentence(reading: Reading, piece: Piece) -> bool:
    return reading.text.count(" ", piece.start, piece.end) >= _SHORT


def _inline(reading: Reading, words: FieldWords, piece: Piece, start: int, end: int) -> Role | None:
    """The words between the value before (or the beginning) and this one; None where there are none."""
    begin = piece.start
    for mark in reading.marks_in(piece.start, start):
        if mark.kind != "percent" and not _counts(reading, mark.start, mark.end):
            begin = mark.end
    line = reading.text[begin:start]
    if begin == piece.start and not line.strip(" (:-") and not _begins_sentence(reading, piece):
        line, begin = _line_before(reading, piece, line, begin)
    if not line.strip(" :=") and begin > piece.start:
        line, begin = _before_base(reading, piece, line, begin)
    begin += max((found.end() for found in _BREAK.finditer(line)), default=0)
    line = reading.text[begin:start]
    after = _after(reading, words, piece, end)
    if after is not None:
        return after
    match = words.match(line, prose=True)
    if match.end == 0:
        return None
    return _found(reading, words, match, begin, line, (start, end))


def _before_base(reading: Reading, piece: Piece, line: str, begin: int) -> tuple[str, int]:
    """'19 % USt auf 100,00: 19,00': what stands before the amount that the tax is on names the tax."""
    base = next((mark for mark in reading.marks_in(piece.start, piece.end) if mark.end == begin), None)
    first = None if base is None else _base(reading, piece, base)
    return (line, begin) if first is None else (reading.text[first[0] : first[1]], first[0])


def _base(reading: Reading, piece: Piece, amount: Mark) -> tuple[int, int] | None:
    """What stands before the amount that something is reckoned on: 'MwSt. 19 %' before 'auf 100,00'."""
    found = _BASE.search(reading.text, piece.start, amount.start)
    if found is None:
        return None
    marks = [mark for mark in reading.marks_in(piece.start, found.start()) if mark.kind != "percent"]
    return max((mark.end for mark in marks), default=piece.start), found.start()


def _begins_sentence(reading: Reading, piece: Piece) -> bool:
    return not _is_sentence(reading, piece)


def _line_before(reading: Reading, piece: Piece, line: str, begin: int) -> tuple[str, int]:
    """A value at the beginning of a line of running text is governed by the end of the line before."""
    at = reading.layout.pieces.index(piece)
    before = reading.layout.pieces[at - 1] if at else None
    if before is None or before.page != piece.page or not _is_sentence(reading, before):
        return line, begin
    marks = reading.marks_in(before.start, before.end)
    begin = max((mark.end for mark in marks), default=before.start)
    return reading.text[begin : piece.start].replace("\n", " "), begin


def _counts(reading: Reading, start: int, end: int) -> bool:
    """Whether a number is part of a label: 'USt 19 % auf', 'Position 3'; bare, small and whole."""
    return reading.text[start:end].isdigit() and end - start <= 2


def _found(
    reading: Reading,
    words: FieldWords,
    match: Match,
    begin: int,
    line: str,
    span: tuple[int, int],
) -> Role:
    strength = match.strength
    if strength > NONE and words.field.type == "date" and _is_discounted(reading, words, span[0]):
        strength = NEVER
    if strength > NONE and words.field.type != "text":
        behind = _behind(reading, span[1])
        stop = _STOP.search(behind)
        if words.forbids(behind[: stop.start()] if stop else behind):
            strength = NEVER
    if strength == WEAK_PROSE and not words.touches(_sentence(reading.text, *span)):
        strength = NONE
    return Role(strength, "inline", begin + match.start, begin + match.end, " ".join(line.split()))


def _is_discounted(reading: Reading, words: FieldWords, start: int) -> bool:
    """Whether the clause of a day speaks of a discount before it, and the field's labels do not."""
    piece = reading.layout.at(start)
    begin = max(start - _CLAUSE_REACH, 0)
    if piece is not None and not _is_sentence(reading, piece):
        begin = max(begin, reading.text.rfind("\n", 0, start) + 1)
    begin = max((found.end() for found in _CLAUSE.finditer(reading.text, begin, start)), default=begin)
    said = _DISCOUNTED.search(reading.text, begin, start)
    return said is not None and not words.touches(said[0])


def _behind(reading: Reading, end: int) -> str:
    """What follows a value in its piece, and in the next line where that is running text."""
    piece = reading.layout.at(end - 1)
    if piece is None:
        return ""
    stop = end + _AFTER if _is_sentence(reading, piece) else piece.end
    return reading.text[end:stop].replace("\n", " ")


def _sentence(text: str, start: int, end: int) -> str:
    """The sentence around a span, roughly."""
    first = max(
        (
            found.end()
            for found in re.finditer(r"[.!?]\s+(?=[A-ZÄÖÜ])|\n\s*\n", text[max(0, start - 300) : start])
        ),
        default=0,
    )
    last = re.search(r"[.!?](?=\s+[A-ZÄÖÜ])|\n\s*\n|$", text[end : end + 300])
    begin = max(0, start - 300) + first
    return text[begin : end + (last.start() if last else 0)]


def _after(reading: Reading, words: FieldWords, piece: Piece, end: int) -> Role | None:
    """A rate's or duration's label may stand behind it: '19 % MwSt', '3 Monate Kündigungsfrist'."""
    if words.field.type != "number":
        return None
    following = [mark.start for mark in reading.marks_in(end, piece.end)]
    stop = min(following, default=piece.end)
    line = reading.text[end:stop]
    short = re.match(r"\s*[^\s,.;()]+\.?(?:\s+[^\s,.;()]+\.?)?", line)
    if short is None:
        return None
    for text in (short[0], short[0].strip().split()[0]):
        match = words.match(text)
        if match.strength > NONE:
            return Role(match.strength, "after", end + match.start, end + match.end, text.strip())
    return None


def _left(reading: Reading, words: FieldWords, piece: Piece, start: int) -> Role | None:
    """The nearest piece to the left that is no value."""
    if reading.text[piece.start : start].strip(" €$£(-+.:*") and reading.marks_in(piece.start, start) == ():
        return None
    skipped = bool(reading.marks_in(piece.start, start))
    for other in reading.layout.left_of(piece):
        if reading.is_value(other):
            unit = not reading.marks_in(other.start, other.end)
            skipped = skipped or not unit
            continue
        marks = [mark for mark in reading.marks_in(other.start, other.end) if mark.kind != "percent"]
        line = reading.text[other.start : other.end]
        begin = other.start
        if marks and marks[-1].end >= other.end - 2:
            base = _base(reading, other, marks[-1])
            begin, stop = base or (other.start, marks[-1].start)
            line = reading.text[begin:stop]
            skipped = skipped or base is None  # 'Datum: 01.02.' is a pair of its own
        match = words.match(line, prose=len(line) > 40)
        if match.strength == NONE and not marks:
            begin, line, match = _parted(reading, words, other, (begin, line, match))
        strength = match.strength
        if skipped and strength > NONE:
            strength = (
                WEAK if strength in {STRONG, WEAK} and words.field.type in {"money", "number"} else NONE
            )
        if strength == WEAK_PROSE:
            strength = NONE
        return Role(
            strength,
            "row" if skipped else "left",
            begin + match.start,
            begin + match.end,
            " ".join(line.split()),
        )
    return None


def _parted(
    reading: Reading, words: FieldWords, piece: Piece, alone: tuple[int, str, Match]
) -> tuple[int, str, Match]:
    """A label whose words stand a little apart: 'Summe' and 'ohne USt.' beside each other are one."""
    before = next(iter(reading.layout.left_of(piece)), None)
    if before is None or reading.is_value(before) or piece.box.left - before.box.right > 2 * piece.height:
        return alone
    line = reading.text[before.start : piece.end].replace("\n", " ")
    match = words.match(line)
    whole = before.end <= piece.start and match.strength != NONE
    return (before.start, line, match) if whole else alone


def _over(reading: Reading, words: FieldWords, piece: Piece, span: tuple[int, int]) -> Role | None:
    """The label above, or the heading of the column."""
    box = reading.layout.box(*span)
    if box is None:
        return None
    skipped = False
    top, height = box.top, piece.height
    for other in reading.layout.above(box, piece.page):
        if top - other.box.bottom > FAR * height or other.box.bottom > top + 0.5 * height:
            return None
        if reading.is_value(other):
            skipped, top = True, other.box.top
            continue
        return _heading(reading, words, other, skipped=skipped)
    return None


def _heading(reading: Reading, words: FieldWords, other: Piece, *, skipped: bool) -> Role | None:
    relation = "column" if skipped else "above"
    line = reading.text[other.start : other.end]
    if not skipped and _has_its_own(reading, other):
        return Role(NONE, relation, other.start, other.end, line)
    match = words.match(line)
    first, last = other.start + match.start, other.start + match.end
    over = next(iter(reading.layout.above(other.box, other.page)), None)
    if match.strength != STRONG and over is not None and other.box.top - over.box.bottom < 0.8 * other.height:
        joined = words.match(f"{reading.text[over.start : over.end].rstrip('-')} {line}")
        bare = words.match(f"{reading.text[over.start : over.end].rstrip('-')}{line}")
        better = max(joined, bare, key=lambda one: one.strength)
        if better.strength == STRONG and not reading.is_value(over):
            return Role(STRONG, relation, over.start, other.end, line)
    return Role(match.strength, relation, first, last, line)


def _has_its_own(reading: Reading, label: Piece) -> bool:
    """Whether the piece right of a label is its value: then it names nothing below."""
    row = reading.layout.row(label)
    at = row.index(label)
    return (
        at + 1 < len(row)
        and reading.is_value(row[at + 1])
        and bool(reading.marks_in(row[at + 1].start, row[at + 1].end))
    )
