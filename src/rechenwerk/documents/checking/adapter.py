"""Figures until `documents.figures` is there."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from rechenwerk.documents.values import Amount, Days, Figure

_NUMBER = r"-?\d{1,3}(?:[.\u00a0' ]\d{3})+(?:,\d+)?|-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|-?\d+(?:[.,]\d+)?"
_CUR = r"EUR|Euro|€|USD|US\$|\$|CHF|GBP|£"
_CODE = (("€", "EUR"), ("Euro", "EUR"), ("$", "USD"), ("US$", "USD"), ("£", "GBP"))
_MONTHS = ("jan", "feb", "mär", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez")
_EN = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(
    r"(?<![\d.])(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4}|\d{2})(?!\d)|(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)"
    r"|(?<!\d)(\d{1,2})\.?\s+([A-Za-zä]{3,9})\.?\s+(\d{4})"
)
_MONEY = re.compile(
    rf"(?<![\w.,])(?:(?P<before>{_CUR})\s?)?(?P<number>{_NUMBER})-?(?:\s?(?P<after>{_CUR}|%|Tagen?|Monaten?|months?|days))?(?![\w])"
)


def _plain(text: str) -> Decimal:
    text = re.sub(r"[\u00a0' ]", "", text)
    comma, dot = text.rfind(","), text.rfind(".")
    if comma > dot:
        text = text.replace(".", "").replace(",", ".")
    elif dot > comma >= 0 or re.fullmatch(r"-?\d{1,3}(\.\d{3})+", text):
        text = text.replace(",", "") if comma >= 0 else text.replace(".", "")
    return Decimal(text)


def find(text: str, *, language: str = "", today: date | None = None) -> tuple[Figure, ...]:
    """See the brief."""
    del language, today
    found: list[Figure] = []
    for m in _DATE.finditer(text):
        try:
            if m[1]:
                year = int(m[3]) + (2000 if len(m[3]) == 2 else 0)
                day = date(year, int(m[2]), int(m[1]))
            elif m[4]:
                day = date(int(m[4]), int(m[5]), int(m[6]))
            else:
                name = m[8].lower()[:3]
                month = (_MONTHS.index(name) if name in _MONTHS else _EN.index(name)) + 1
                day = date(int(m[9]), month, int(m[7]))
        except ValueError:
            continue
        found.append(Figure(m.start(), m.end(), "date", days=Days(day, day)))
    for one, two in zip(found, found[1:], strict=False):
        if re.fullmatch(r"\s*(-|–|bis|to)\s*(zum )?", text[one.end : two.start]) and one.days and two.days:
            days = Days(one.days.first, two.days.last)
            found = [f for f in found if f not in {one, two}]
            found.append(Figure(one.start, two.end, "period", days=days))
    spans = [(f.start, f.end) for f in found]
    for m in _MONEY.finditer(text):
        if any(m.start() < e and m.end() > s for s, e in spans):
            continue
        number = _plain(m["number"])
        if m[0].rstrip(" €EURo").endswith("-") and not m["number"].startswith("-"):
            number = -number
        unit = m["before"] or m["after"] or ""
        unit = dict(_CODE).get(unit, unit)
        kind = (
            "percent"
            if unit == "%"
            else "number"
            if not unit
            else "duration"
            if unit[0] in "TMmd"
            else "money"
        )
        found.append(Figure(m.start(), m.end(), kind, Amount(number, number, unit)))
    return tuple(sorted(found, key=lambda f: f.start))


def read(quote: str, kind: str, *, language: str = "", today: date | None = None) -> Figure | None:
    """See the brief."""
    whole = [f for f in find(quote, language=language, today=today) if f.end - f.start == len(quote.strip())]
    return next((f for f in whole if f.kind == kind or kind in {"", "number"}), None)


def iban_valid(text: str) -> bool:
    """Mod 97."""
    plain = re.sub(r"\s", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", plain):
        return False
    moved = plain[4:] + plain[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def vat_id_valid(text: str) -> bool:
    """Shape only."""
    return re.fullmatch(r"[A-Z]{2}[A-Z0-9]{8,12}", re.sub(r"[\s.-]", "", text).upper()) is not None
