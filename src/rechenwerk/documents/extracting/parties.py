"""Who wrote a document and to whom: names by labels, and by their place where nothing labels them.

On business letters in Germany (DIN 5008) the sender stands in the letterhead, in one small line over the
recipient's address, and again at the foot of the page; the recipient is the first line of that address. A
name that has no label counts only where two such places name the same sender, or an address stands under a
sender's line or a label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from rechenwerk.documents.checking.evidence import Claim
from rechenwerk.documents.checking.folding import key
from rechenwerk.documents.checking.labels import PROSE, STRONG, WEAK, FieldWords
from rechenwerk.documents.checking.layout import Piece
from rechenwerk.documents.checking.reading import Reading
from rechenwerk.documents.checking.roles import Role
from rechenwerk.documents.extracting.rules import beside_labels
from rechenwerk.documents.extracting.sections import named_in_sections
from rechenwerk.documents.schemas import Field

_TOWN = re.compile(
    r"(?:^|[\s,·•|-])(?:(?:D|DE|A|AT|CH|F|NL|L)[- ])?(?P<code>\d{5}|\d{4})\s+(?P<town>[A-ZÄÖÜ][\w.äöüß/-]+)"
    r"|\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}\b|\b[A-Z]{2}\s\d{5}\b"
)
_LEGAL = re.compile(
    r"(?<!\w)(?:gGmbH|GmbH|mbH|AG|KG|KGaA|OHG|oHG|UG|GbR|SE|eG|e\.\s?G\.|e\.\s?K\.|e\.\s?Kfm\.|e\.\s?V\.|a\.\s?G\.|PartG"
    r"|PartGmbB|Ltd|Limited|LLC|LLP|Inc|PLC|plc|Corp|S\.\s?A\.|SA|SAS|SARL|S\.à\s?r\.l\.|B\.V\.|BV|N\.V\.|AB"
    r"|ApS|A/S|Oy|S\.p\.A\.|S\.r\.l\.|Srl|sp\. z o\.o\.|AöR|KdöR|Stiftung|Genossenschaft)(?!\w)"
)
_TAIL = re.compile(
    r"\.?(?:\s*\(haftungsbeschränkt\)|\s*&\s*Co\.?(?:\s*K(?:G|GaA))?|\s+i\.\s?[GL]\.|(?:\s[A-ZÄÖÜ][\wäöüß]+){1,2}$)?"
)
_PARTS = re.compile(r"\s*[·•|∙*●■▪]\s*|\s+[-\u2013\u2014]\s+|\s*,\s+|\s{3,}")
_SALUTATION = re.compile(
    r"^(?:an|an die|an den|an das|firma|fa\.?|herrn?|frau|familie|to|z\.\s?h(?:d|\.?\sd)\.?|c/o)$",
    re.IGNORECASE,
)
_HEAD, _FOOT, _ADDRESS = 0.22, 0.8, 0.5
"""Shares of a page's height: the letterhead above, the foot below, addresses above."""
_STACK = 7
_WORDS = 9
"""Words of the longest name."""
_NOT_A_NAME = re.compile(
    r"\d{3,}|@|www\.|https?:|\btel\b|\bfax\b|telefon|str\.|straße|strasse|postfach|geschäftsf|amtsgericht|\bhrb\b"
    r"|iban|bank\b|sparkasse|seite|page|^rechnung|^invoice|^gutschrift|^bestell|^order|^angebot|^datum|^ust"
    r"|^steuer|^kunden(?:-?\s?(?:nr|nummer|dienst|service|konto|kennung)|$)|^mahnung|^[hf]r\.\s|^nummer$|^(?:z\.\s?hd|attn)\b",
    re.IGNORECASE,
)


class Named(msgspec.Struct, frozen=True):
    """A name and where it stands.

    Args:
        start, end: of the name.
        zone: 'label', 'line' (the sender's line), 'head', 'foot' or 'address'.
        label_start, label_end: of what gives it its role.
    """

    start: int
    end: int
    zone: str
    label_start: int = 0
    label_end: int = 0


class Address(msgspec.Struct, frozen=True):
    """The lines of an address, the name first; `over` is what stands directly above."""

    lines: tuple[Piece, ...]
    over: Piece | None


def addresses(reading: Reading) -> tuple[Address, ...]:
    """Blocks of lines that end with a post code and a town, on the first page."""
    first = reading.parsed.pages[0].number if reading.parsed.pages else 1
    found = []
    for piece in reading.layout.page(first):
        text = reading.text[piece.start : piece.end]
        town = _TOWN.search(text)
        if town is None or len(_PARTS.split(text)) > 2 or town.start() > 4:
            continue
        lines, over = _stack(reading, piece)
        if len(lines) >= 2:
            found.append(Address(tuple(lines), over))
    return tuple(found)


def _stack(reading: Reading, town: Piece) -> tuple[list[Piece], Piece | None]:
    """The lines above a town that belong to its address, from the top, and the piece above them."""
    lines = [town]
    for other in reading.layout.above(town.box, town.page):
        top = lines[0]
        if abs(other.box.left - top.box.left) > 4 or top.box.top - other.box.bottom > 1.0 * top.height:
            near = top.box.top - other.box.bottom <= 3.0 * top.height
            return lines, other if near else None
        text = reading.text[other.start : other.end]
        if (
            len(lines) >= _STACK
            or _TOWN.search(text)
            or text.rstrip().endswith(":")
            or other.height < 0.8 * top.height
        ):
            return lines, other
        lines.insert(0, other)
    return lines, None


def senders(reading: Reading, field: Field, words: FieldWords, known: frozenset[str]) -> Iterator[Claim]:
    """Names that may be who wrote the document, each with what gives it the role."""
    named = [*_labelled(reading, words, known), *_places(reading)]
    to = {key(reading.text[name.start : name.end]) for name in _recipients(reading, None)}
    for name in named:
        text = reading.text[name.start : name.end]
        others = [
            other
            for other in named
            if other.zone != name.zone and _alike(text, reading.text[other.start : other.end])
        ]
        longer = [other for other in others if len(reading.text[other.start : other.end]) > len(text)]
        if name.zone == "label":
            role = Role(
                STRONG,
                "label",
                name.label_start,
                name.label_end,
                reading.text[name.label_start : name.label_end],
            )
        elif key(text) in to:
            continue
        elif others and not longer:
            role = Role(PROSE, "sender", others[0].start, others[0].end, f"{name.zone} and {others[0].zone}")
        else:
            role = Role(0, "sender", 0, 0, f"only in the {name.zone}")
        yield Claim(field.name, "", "rule", None, name.start, name.end, role)


def _alike(one: str, other: str) -> bool:
    first, second = key(_LEGAL.sub("", one)), key(_LEGAL.sub("", other))
    return bool(first) and (
        first == second
        or (len(min(first, second, key=len)) >= 6 and (first.startswith(second) or second.startswith(first)))
    )


def _labelled(reading: Reading, words: FieldWords, known: frozenset[str]) -> Iterator[Named]:
    sections = [
        Named(*span, "label", *label)
        for where, label in named_in_sections(reading, words)
        if (span := _name(reading, *where)) is not None
    ]
    yield from sections or _beside(reading, words, known)


def _beside(reading: Reading, words: FieldWords, known: frozenset[str]) -> Iterator[Named]:
    for start, stop in beside_labels(reading, words, known):
        piece = reading.layout.at(start)
        span = _name(reading, start, stop)
        if piece is not None and _SALUTATION.match(reading.text[start:stop].strip()):
            below = _below(reading, piece, start, stop)
            span = _name(reading, below.start, below.end) if below is not None else None
        if span is None or piece is None:
            continue
        before = reading.text[piece.start : start] if start < piece.end else ""
        label = (piece.start, start) if before.strip() else (0, 0)
        for other in [*reading.layout.left_of(piece)[:1], *reading.layout.above(piece.box, piece.page)[:1]]:
            if label == (0, 0) and words.match(reading.text[other.start : other.end]).strength >= WEAK:
                label = other.start, other.end
        if label != (0, 0) and _whole(reading, words, *label):
            yield Named(*span, "label", *label)


def _whole(reading: Reading, words: FieldWords, start: int, end: int) -> bool:
    """Whether nothing but a label stands there, and no value in its line but behind a colon."""
    text = reading.text[start:end].strip()
    piece = reading.layout.at(start)
    alone = piece is not None and end >= piece.end
    return (alone or text.endswith(":")) and words.match(text).strength >= STRONG


def _below(reading: Reading, piece: Piece, start: int, end: int) -> Piece | None:
    """The line under a salutation: the name."""
    box = reading.layout.box(start, end)
    if box is None:
        return None
    under = [
        other
        for other in reading.layout.page(piece.page)
        if 0 <= other.box.top - box.top - 0.5 * piece.height <= 1.5 * piece.height
        and abs(other.box.left - box.left) < 4
    ]
    return min(under, key=lambda other: other.box.top, default=None)


def _name(reading: Reading, start: int, end: int) -> tuple[int, int] | None:
    """The name at the beginning of a span."""
    text = reading.text[start:end]
    part = _PARTS.split(text.strip())[0].strip(" ,;:") if text.strip() else ""
    if len(part) < 3 or _NOT_A_NAME.search(part) or _SALUTATION.match(part):
        return None
    if not (part[0].isupper() or _LEGAL.search(part)) or len(part.split()) > _WORDS or part.endswith(":"):
        return None
    legal = list(_LEGAL.finditer(part))
    if legal and part[: legal[-1].start()].strip():
        tail = _TAIL.match(part, legal[-1].end())
        part = part[: tail.end()] if tail is not None else part
    elif not legal and _goes_on(reading.text, end):
        return None
    first = start + text.index(part)
    return first, first + len(part)


def _goes_on(text: str, end: int) -> bool:
    """Whether the next line ends the name with its legal form: 'Muster' above 'Versicherungsverein a.G.'."""
    stop = text.find("\n", end + 1)
    line = text[end:stop].strip() if stop > end else ""
    legal = list(_LEGAL.finditer(line))
    return bool(legal) and not any(letter.isdigit() or letter in ":,|" for letter in line)


def _places(reading: Reading) -> Iterator[Named]:
    """Names in the letterhead, the sender's line and the foot of the first page."""
    if not reading.parsed.pages:
        return
    page = reading.parsed.pages[0]
    pieces = reading.layout.page(page.number)
    bottom = page.height or max((piece.box.bottom for piece in pieces), default=1.0)
    for piece in pieces:
        text = reading.text[piece.start : piece.end]
        parts = _PARTS.split(text)
        if len(parts) >= 3 and _TOWN.search(text) and piece.box.top < _ADDRESS * bottom:
            zone = "line"
        elif piece.box.top < _HEAD * bottom:
            zone = "head"
        elif piece.box.top > _FOOT * bottom:
            zone = "foot"
        else:
            continue
        for part in parts if zone == "foot" else parts[:1]:
            if zone == "line" or _LEGAL.search(part) or zone == "head":
                at = piece.start + text.index(part)
                span = _name(reading, at, at + len(part))
                if span is not None:
                    yield Named(*span, zone)


def recipients(reading: Reading, field: Field, words: FieldWords, known: frozenset[str]) -> Iterator[Claim]:
    """The first line of an address, with what gives it the role."""
    labelled = list(_labelled(reading, words, known))
    for name in labelled or _recipients(reading, words):
        strength = {"label": STRONG, "address": PROSE}.get(name.zone, WEAK - 1)
        phrase = (
            " ".join(reading.text[name.label_start : name.label_end].split()) or "an address without a label"
        )
        role = Role(strength, name.zone, name.label_start, name.label_end, phrase)
        yield Claim(field.name, "", "rule", None, name.start, name.end, role)


def _recipients(reading: Reading, words: FieldWords | None) -> Iterator[Named]:
    page = reading.parsed.pages[0] if reading.parsed.pages else None
    bottom = (page.height if page else 0) or max(
        (piece.box.bottom for piece in reading.layout.pieces), default=1.0
    )
    for address in addresses(reading):
        lines, over = list(address.lines), address.over
        while len(lines) > 1:
            named = _fit(reading, words, lines[0]) == STRONG
            if not named and not _SALUTATION.match(_text(reading, lines[0])):
                break
            over = lines[0] if named else over
            lines.pop(0)
        if lines[0].box.top > _ADDRESS * bottom:
            continue
        span, over = _first_line(reading, words, lines[0], over)
        if span is not None and (found := _of_address(reading, words, span, over)) is not None:
            yield found


def _first_line(
    reading: Reading, words: FieldWords | None, line: Piece, over: Piece | None
) -> tuple[tuple[int, int] | None, Piece | None]:
    """The name in the first line of an address, behind a label if one stands in it, and what names it."""
    colon = _text(reading, line).find(":")
    if words is not None and colon > 0 and words.match(_text(reading, line)[:colon]).strength == STRONG:
        return _name(reading, line.start + colon + 1, line.end), line
    return _name(reading, line.start, line.end), over


def _of_address(
    reading: Reading, words: FieldWords | None, span: tuple[int, int], over: Piece | None
) -> Named | None:
    if over is None:
        return Named(*span, "place") if words is not None else None
    above = _text(reading, over)
    fit = words.match(above.split(":")[0]).strength if words is not None else 0
    if fit == STRONG:
        return Named(*span, "label", over.start, over.end)
    if len(_PARTS.split(above)) >= 3 and _TOWN.search(above):
        return Named(*span, "address", over.start, over.end)
    return Named(*span, "place") if words is not None and fit >= 0 else None


def _fit(reading: Reading, words: FieldWords | None, piece: Piece) -> int:
    return words.match(_text(reading, piece).rstrip(" :")).strength if words is not None else 0


def _text(reading: Reading, piece: Piece) -> str:
    return reading.text[piece.start : piece.end].strip()
