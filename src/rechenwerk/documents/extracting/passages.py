"""Values that are passages: a sentence that carries a label, a heading, the one currency that is named."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rechenwerk.documents.checking.currency import named
from rechenwerk.documents.checking.evidence import Claim
from rechenwerk.documents.checking.folding import key
from rechenwerk.documents.checking.labels import PROSE, STRONG, WEAK_PROSE, FieldWords
from rechenwerk.documents.checking.reading import Reading
from rechenwerk.documents.checking.roles import Role
from rechenwerk.documents.schemas import Field

_END = re.compile(
    r"(?<=[A-Za-zäöüß)\]\"'\u201c]{2})[.!?](?=\s|$)|(?<=\d{4})\.(?=\s+[A-ZÄÖÜ])|\n\s*\n|\f|\n(?=§\s?\d)|$"
)
_HEADING = re.compile(r"^(?:§\s?\d+\w*|\d+(?:\.\d+)*\.?)\s[^\n.]{2,60}$")
"""A line that numbers and names what follows."""
_NARROW = 60
"""Characters of the longest line of a form: what stands in a line is whole."""
_NUMBERED = re.compile(r"^(?:§\s*\d+\w*|\d+(?:\.\d+)*\.?|\([a-z\d]+\)|[-*\u2022])\s*")
_LONGEST = 1200


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Sentences of a text; a line that ends a paragraph ends a sentence."""
    begin = 0
    for found in sorted([*_END.finditer(text), *_line_ends(text)], key=lambda one: (one.end(), one.start())):
        end = found.end() if text[found.start() : found.start() + 1] in {".", "!", "?"} else found.start()
        passage = text[begin:end]
        stripped = passage.strip()
        if stripped and len(stripped) <= _LONGEST:
            first = begin + passage.index(stripped)
            yield first, first + len(stripped)
        begin = found.end()


def _line_ends(text: str) -> Iterator[re.Match[str]]:
    """Ends of lines that end a passage: those of headings, and of every line of a form."""
    lines = text.splitlines()
    narrow = bool(lines) and max(map(len, lines)) <= _NARROW
    for found in re.finditer(r"\n(?=\S)", text):
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
        following = text[found.end()]
        if _HEADING.match(line) or (narrow and (following.isupper() or following.isdecimal())):
            yield found


def sentences(reading: Reading, field: Field, words: FieldWords) -> Iterator[Claim]:
    """Sentences that carry a label of the field."""
    for start, end in spans(reading.text):
        if reading.is_quoted(start):
            continue
        label = carried(reading, words, start, end)
        if label is None:
            continue
        first, last = label
        role = Role(PROSE, "sentence", first, last, reading.text[first:last])
        begin = start + len(_numbered(reading.text[start:end]))
        heading = reading.text[first:last].strip()
        if key(reading.text[begin:end]) == key(heading):
            continue  # the label alone is a heading, no sentence
        yield Claim(field.name, "", "rule", None, begin, end, role)


def _numbered(text: str) -> str:
    found = _NUMBERED.match(text)
    return found[0] if found else ""


def carried(reading: Reading, words: FieldWords, start: int, end: int) -> tuple[int, int] | None:
    """Where a label of the field stands in a sentence; None where none does."""
    tokens = [(found.start(), found.end()) for found in re.finditer(r"[^\s:,;()]+", reading.text[start:end])]
    for at in range(len(tokens)):
        for last in range(min(len(tokens), at + 6), at, -1):
            phrase = reading.text[start + tokens[at][0] : start + tokens[last - 1][1]]
            if key(phrase) in words.strong:
                return start + tokens[at][0], start + tokens[last - 1][1]
    return None


def titles(reading: Reading, field: Field) -> Iterator[Claim]:
    """The heading of the first page: its largest line among the first."""
    if not reading.parsed.pages:
        return
    pieces = reading.layout.page(reading.parsed.pages[0].number)[:12]
    long = [piece for piece in pieces if piece.end - piece.start >= 12] or pieces
    if not long:
        return
    height = max(piece.height for piece in long)
    first = next(piece for piece in long if piece.height >= 0.95 * height)
    end = first.end
    for piece in long[long.index(first) + 1 :]:
        near = piece.box.top - first.box.bottom < 1.2 * first.height * (
            1 + long.index(piece) - long.index(first)
        )
        if (
            not near
            or piece.height < 0.95 * height
            or first.height <= 1.15 * min(one.height for one in pieces)
        ):
            break
        end = piece.end
    role = Role(STRONG, "title", first.start, first.start, "the first heading")
    yield Claim(field.name, "", "rule", None, first.start, end, role)


def unique(reading: Reading, field: Field) -> Iterator[Claim]:
    """The option that is the only one that the document names; each option once."""
    for option in field.options:
        for word in (option, *field.meanings.get(option, ())):
            found = re.search(rf"(?<![^\W\d]){re.escape(word)}(?![^\W\d])", reading.text)
            if found is not None:
                # a currency that stands somewhere is the amounts' only where the document says so
                strength = WEAK_PROSE if named(option) not in {"", reading.currency} else STRONG
                role = Role(strength, "unique", found.start(), found.end(), "the only one named")
                yield Claim(field.name, "", "rule", option, found.start(), found.end(), role)
                break
