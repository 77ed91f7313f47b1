"""The currency of amounts that carry none: their label's, their column's, or the document's where it says it.

A currency that only stands somewhere ('wir spenden 5 $ je Kunde') is no other amount's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from types import MappingProxyType

from rechenwerk.documents.checking.layout import Layout, Piece
from rechenwerk.documents.values import Figure

_CURRENCIES = re.compile(
    r"€|US-Dollar|US\$|\$|£|(?<![^\W\d_])(?:EUR|EURO|Euro|USD|CHF|SFr\.?|Franken|GBP|SEK|DKK|NOK|PLN|CZK)(?![^\W\d_])"
)
_CODES = MappingProxyType(
    {"€": "EUR", "EURO": "EUR", "Euro": "EUR", "US-Dollar": "USD", "US$": "USD", "$": "USD", "£": "GBP"}
    | {"Franken": "CHF", "SFr": "CHF", "SFr.": "CHF"}
)
_SIGN = _CURRENCIES.pattern
_SAYS = re.compile(
    rf"(?i:\b(?:alle|sämtliche|all)\s+(?:\w+\s+)?(?:beträge|preise|angaben|werte|summen|amounts|prices|figures|values|sums)\b"
    rf"[^.;\n\d]{{0,50}}?\b(?:in|auf)\s+|\b(?:währung|rechnungswährung|belegwährung|currency)\b\s*[:=]?\s*(?:ist|is)?\s*)"
    rf"(?P<currency>{_SIGN})"
)
"""'Alle Beträge in EUR', 'Währung: CHF'."""
_WORDS = re.compile(
    r"betrag|preis|summe|gesamt|netto|brutto|wert|umsatz|\bMwSt|\bUSt|steuer|amount|price|total|\bnet\b|gross|value|\bVAT\b|\btax\b",
    re.IGNORECASE,
)
"""Words of amounts and their totals."""
_CENTS = re.compile(r"[.,]\d{2}-?$")


def named(text: str) -> str:
    """The one currency that a text names; '' where it names none or several."""
    codes = {_CODES.get(found[0], found[0]) for found in _CURRENCIES.finditer(text)}
    return codes.pop() if len(codes) == 1 else ""


def of_document(text: str, layout: Layout, figures: Sequence[Figure]) -> str:
    """The currency of a document's amounts.

    Args:
        text: the document's.
        layout: its pieces.
        figures: all of them.

    Returns:
        What a sentence says of all amounts; else what headings and labels of amounts say; else what most
        amounts carry, or most in lines with words of totals, where none carries another. '' where nothing
        does.
    """
    said = {_CODES.get(found["currency"], found["currency"]) for found in _SAYS.finditer(text)}
    if said:
        return said.pop() if len(said) == 1 else ""
    carried = Counter(one.amount.unit for one in figures if one.kind == "money" and one.amount is not None)
    starts = {one.start for one in figures}
    headed = {code for piece in layout.pieces if (code := _headed(text, piece, starts))}
    if len(headed) == 1 and not set(carried) - headed - {""}:
        return headed.pop()
    if headed or len(carried) != 1:
        return ""
    ((code, _),) = carried.items()
    amounts = [one for one in figures if one.kind == "money" or _bare(text, one)]
    totals = [one for one in amounts if _WORDS.search(text, text.rfind("\n", 0, one.start) + 1, one.start)]
    most = any(2 * sum(one.kind == "money" for one in some) > len(some) for some in (amounts, totals))
    return code if most else ""


def _bare(text: str, figure: Figure) -> bool:
    """Whether a number looks like an amount without a currency."""
    unit = "" if figure.amount is None else figure.amount.unit
    return figure.kind == "number" and not unit and _CENTS.search(text[figure.start : figure.end]) is not None


def _headed(text: str, piece: Piece, starts: set[int]) -> str:
    """The currency of a piece that is a heading or label of amounts: 'Betrag EUR', '€'."""
    first = min((start for start in starts if piece.start <= start < piece.end), default=piece.end)
    before = text[piece.start : first]
    code = named(before) if len(before.split()) <= 6 else ""
    rest = _CURRENCIES.sub("", before)
    return code if code and (_WORDS.search(rest) or not rest.strip(" ()[]:/.")) else ""
