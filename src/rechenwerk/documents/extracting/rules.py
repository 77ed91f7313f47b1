"""Candidates by rules: every value of a field's type, and what stands beside or under the field's labels."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rechenwerk.documents.checking.evidence import Claim
from rechenwerk.documents.checking.folding import key
from rechenwerk.documents.checking.labels import NONE, WEAK, FieldWords
from rechenwerk.documents.checking.layout import FAR, Piece
from rechenwerk.documents.checking.reading import Mark, Reading
from rechenwerk.documents.checking.typed import KINDS
from rechenwerk.documents.schemas import Field

_CENTS = re.compile(r"[.,]\d{2}-?$")
_CODE = re.compile(r"(?=\S*\d)[A-Za-z0-9][\w./+#-]*")
_BANK = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?![A-Za-z0-9])")
_PREFIX = re.compile(r"[A-Z]{1,5}$")
_YEAR = re.compile(r"(?:19|20)\d\d$")
_MOST = 7
_LABEL_END = " \t:.#;,-=|"


def claims(reading: Reading, field: Field, words: FieldWords, known: frozenset[str]) -> Iterator[Claim]:
    """Everything that may be a field's value.

    Args:
        reading: the document.
        field: what is asked for.
        words: its labels.
        known: keys of all labels that the schema knows: a label is no value.
    """
    if field.type in KINDS:
        kinds = ("percent",) if field.shape == "percent" else KINDS[field.type]
        for mark in reading.marks:
            if mark.kind in kinds and _fits(reading, field, mark) and not reading.is_quoted(mark.start):
                yield Claim(field.name, "", "rule", None, mark.start, mark.end)
    elif field.type in {"yes_no", "one_of"} or (
        field.type == "text" and field.shape in {"", "identifier", "name"}
    ):
        for start, end in beside_labels(reading, words, known):
            span = (
                _identifier(reading, start, end)
                if field.shape == "identifier"
                else _free(reading, start, end)
            )
            if span is not None and not reading.is_quoted(span[0]) and not _names(reading, span, known):
                yield Claim(field.name, "", "rule", None, *span)


def _fits(reading: Reading, field: Field, mark: Mark) -> bool:
    """A bare number is money only with cents, or where nothing but cents is missing: '119,-'."""
    if field.type != "money" or mark.kind == "money":
        return True
    return bool(_CENTS.search(reading.text[mark.start : mark.end])) or reading.currency != ""


def beside_labels(reading: Reading, words: FieldWords, known: frozenset[str]) -> Iterator[tuple[int, int]]:
    """What stands behind a label in its line, right of it, or under it."""
    for piece in reading.layout.pieces:
        text = reading.text[piece.start : piece.end]
        tokens = list(re.finditer(r"\S+", text))
        done = 0
        for first in range(len(tokens)):
            last = _label_end(words, text, tokens, first) if first >= done else 0
            if not last:
                continue
            done = last
            begin = piece.start + tokens[last - 1].end()
            while begin < piece.end and reading.text[begin] in _LABEL_END:
                begin += 1
            if begin < piece.end:
                yield begin, _until_label(reading, begin, piece.end, known)
            elif first == 0:
                yield from _right_or_below(reading, piece, known)


def _label_end(words: FieldWords, text: str, tokens: list[re.Match[str]], first: int) -> int:
    """Behind which token the longest label ends that begins at a token; 0 if none does."""
    if first and text[tokens[first - 1].end() - 1] not in ":,;.|)·\u2022*\u2013-/" and first > 3:
        return 0
    for last in range(min(len(tokens), first + _MOST), first, -1):
        phrase = text[tokens[first].start() : tokens[last - 1].end()]
        if (":" in phrase[:-1] and "/" not in phrase) or any(letter.isdigit() for letter in phrase):
            continue
        if words.match(phrase).strength >= WEAK:
            return last
    return 0


def _right_or_below(reading: Reading, piece: Piece, known: frozenset[str]) -> Iterator[tuple[int, int]]:
    row = reading.layout.row(piece)
    at = row.index(piece)
    if at + 1 < len(row) and not _is_label(reading, row[at + 1], known):
        right = row[at + 1]
        text = reading.text[right.start : right.end]
        yield right.start + len(text) - len(text.lstrip(" :=")), right.end
        return
    below = [
        other
        for other in reading.layout.page(piece.page)
        if other.box.top >= piece.box.bottom - 0.3 * piece.height
        and other.box.top - piece.box.bottom <= FAR * piece.height
        and other.box.left < piece.box.right
        and other.box.right > piece.box.left
    ]
    nearest = min(below, key=lambda other: other.box.top, default=None)
    if nearest is not None and not _is_label(reading, nearest, known):
        yield nearest.start, nearest.end


def _is_label(reading: Reading, piece: Piece, known: frozenset[str]) -> bool:
    text = reading.text[piece.start : piece.end].lstrip(" :=")  # colons may stand in a column of their own
    return key(text) in known or key(text.split(":")[0]) in known


def _until_label(reading: Reading, begin: int, end: int, known: frozenset[str]) -> int:
    """Where the next label in the line begins, if one does."""
    tokens = list(re.finditer(r"\S+", reading.text[begin:end]))
    for at in range(1, len(tokens)):
        for last in range(min(len(tokens), at + 4), at, -1):
            phrase = reading.text[begin + tokens[at].start() : begin + tokens[last - 1].end()]
            if key(phrase) in known and (last - at > 1 or phrase.endswith(":")):
                return begin + tokens[at - 1].end()
    return end


def _identifier(reading: Reading, start: int, end: int) -> tuple[int, int] | None:
    """The number or code at the beginning of a span: 'RE-2025-17', 'AR 001234', '12 345 678'."""
    text = reading.text[start:end]
    tokens = list(re.finditer(r"\S+", text))
    dates = [mark for mark in reading.overlapping(start, end) if mark.kind in {"date", "period"}]
    taken: list[re.Match[str]] = []
    for token in tokens[:5]:
        word = token[0].rstrip(",;:.")
        at = start + token.start()
        dated = [mark for mark in dates if mark.start <= at < mark.end]
        whole = word.isdigit() and all(mark.end <= at + len(word) for mark in dated)
        if dated and not (whole or _inner(reading, at, dates)):
            break
        if _BANK.match(word) and not taken:
            taken.append(token)
            break
        number = _CODE.match(word)
        if number and (not taken or word[:1].isdigit() or _PREFIX.match(taken[-1][0])):
            taken.append(token)
            if word != token[0]:
                break
            continue
        if not taken and _PREFIX.match(word) and len(tokens) > 1:
            taken.append(token)
            continue
        break
    if not taken or not any(letter.isdigit() or _BANK.match(one[0]) for one in taken for letter in one[0]):
        return None
    last = start + taken[-1].start() + len(taken[-1][0].rstrip(",;:.)"))
    first = start + taken[0].start()
    return None if _YEAR.match(reading.text[first:last]) else (first, last)


def _inner(reading: Reading, at: int, dates: list[Mark]) -> bool:
    """Whether a date is only part of a longer code: '2025-04-03-17'."""
    return any(
        mark.start <= at < mark.end and reading.text[mark.end : mark.end + 1] in {"-", "/"} for mark in dates
    )


def _names(reading: Reading, span: tuple[int, int], known: frozenset[str]) -> bool:
    """Whether what stands there is itself a label: 'Name, Vorname' is no name."""
    return key(reading.text[slice(*span)]) in known


def _free(reading: Reading, start: int, end: int) -> tuple[int, int] | None:
    text = reading.text[start:end]
    stripped = text.strip(" \t:;,|")
    if not stripped:
        return None
    first = start + text.index(stripped)
    return first, first + len(stripped)


def mention(reading: Reading, words: FieldWords) -> str:
    """A whole label of a field that stands in the document; '' if none does."""
    for piece in reading.layout.pieces:
        text = reading.text[piece.start : piece.end].rstrip(" :")
        if len(text) <= 60 and words.match(text).strength > NONE and key(text) in words.strong:
            return text
    return ""
