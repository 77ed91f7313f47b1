"""What a person writes in the place of a value: read by the field's type, found again where it stands."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from rechenwerk.documents.refusing import RefusedError, refuse
from rechenwerk.documents.schemas import Field
from rechenwerk.documents.values import Evidence, Parsed, Value

_QUALIFIERS = frozenset({"", "about", "at least", "at most", "more than", "less than", "range"})
_TO = re.compile(r"\s*(?:\N{EN DASH}|bis|to)\s*")
_YES = frozenset({"ja", "yes", "j", "y", "true", "wahr"})
_NO = frozenset({"nein", "no", "n", "false", "falsch"})
_CURRENCY = re.compile(r"[A-Z]{3}")
_DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y")


def corrected(before: Value, field: Field, given: Any, parsed: Parsed | None) -> Value:
    """The value after a correction.

    Args:
        before: as it stood.
        field: of the schema.
        given: JSON by the field's type, or text as people write it; None: the document does not say it.
        parsed: the document, so that what stands in it gets its place.

    Raises:
        RefusedError: it does not fit the type; says what to write.
    """
    value = None if given is None or given == "" else _read(field, given)
    # The place of what was found instead is none of this value's.
    evidence = before.evidence if value is not None and value == before.value else None
    if isinstance(given, str) and parsed is not None:
        evidence = _place(given.strip(), parsed) or evidence
    return Value(before.field, value, "corrected", "person", evidence, ())


def _read(field: Field, given: Any) -> Any:
    if field.type in {"text", "one_of", "iban", "vat_id"} and isinstance(given, str):
        return _text(field, given)
    if field.type == "yes_no":
        return _yes_no(given)
    if field.type == "date" and isinstance(given, str):
        return _day(given)
    if field.type == "period":
        return _period(given)
    if field.type in {"money", "number"}:
        return _amount(given, money=field.type == "money")
    raise _wrong(field, "a JSON value of its type")


def _text(field: Field, given: str) -> str:
    text = " ".join(given.split()) if field.type != "text" else given.strip()
    if field.type == "one_of":
        found = next((one for one in field.options if one.casefold() == text.casefold()), None)
        if found is None:
            raise _wrong(field, f"one of {', '.join(field.options)}")
        return found
    return re.sub(r"\s", "", text).upper() if field.type in {"iban", "vat_id"} else text


def _yes_no(given: Any) -> bool:
    if isinstance(given, bool):
        return given
    word = str(given).strip().casefold()
    if word not in _YES | _NO:
        raise refuse(422, "value: write yes or no", "invalid_value", "value")
    return word in _YES


def _day(given: str) -> str:
    for form in _DAYS:
        try:
            return datetime.strptime(given.strip(), form).date().isoformat()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise refuse(422, "value: write a day such as 2025-04-03 or 03.04.2025", "invalid_value", "value")


def _period(given: Any) -> dict[str, str]:
    try:
        ends = {name: date.fromisoformat(given[name]).isoformat() for name in ("from", "to")}
    except (TypeError, KeyError, ValueError):
        ends = {}
        parts = _TO.split(given.strip()) if isinstance(given, str) else []
        if len(parts) == 2:
            ends = {"from": _day(parts[0]), "to": _day(parts[1])}
    if not ends or ends["from"] > ends["to"]:
        raise refuse(422, "value: write a period such as 01.01.2025 to 31.03.2025", "invalid_value", "value")
    return ends


def _amount(given: Any, *, money: bool) -> dict[str, str]:
    """Money or a number from JSON or from text such as '1.234,50 EUR'."""
    amount, unit = ("amount", "currency") if money else ("number", "unit")
    if isinstance(given, dict):
        found = {name: str(given.get(name, "")) for name in (amount, unit, "qualifier")}
        if "upper" in given:
            found["upper"] = str(given["upper"])
    else:
        said = re.fullmatch(r"\s*([^\d\s-]*)\s*(-?[\d.,' ]*\d)\s*(\S*)\s*", str(given))
        if said is None:
            raise _no_amount(money=money)
        found = {amount: _plain(said[2]), unit: said[3] or said[1], "qualifier": ""}
    found[unit] = {"€": "EUR", "$": "USD", "£": "GBP"}.get(found[unit], found[unit])
    try:
        numbers = [Decimal(found[name]) for name in (amount, "upper") if name in found]
    except InvalidOperation:
        raise _no_amount(money=money) from None
    fits = all(one.is_finite() for one in numbers) and found["qualifier"] in _QUALIFIERS
    if not fits or (money and not _CURRENCY.fullmatch(found[unit])):
        raise _no_amount(money=money)
    return found


def _plain(text: str) -> str:
    """1.234,50 or 1,234.50 as 1234.50: the last of two kinds of marks is the decimal one."""
    text = re.sub(r"[\s']", "", text)
    marks = [mark for mark in ".," if mark in text]
    if len(marks) == 2:
        decimal = max(marks, key=text.rindex)
        return text.replace("," if decimal == "." else ".", "").replace(decimal, ".")
    if not marks:
        return text
    mark = marks[0]
    groups = text.split(mark)
    if len(groups) > 2 or (mark == "." and len(groups[1]) == 3):
        return "".join(groups)  # 1.234 is a thousand, in the language of the clerk
    return ".".join(groups)


def _no_amount(*, money: bool) -> RefusedError:
    example = "1.234,50 EUR" if money else "1.234,5"
    return refuse(422, f"value: write an amount such as {example}", "invalid_value", "value")


def _wrong(field: Field, wanted: str) -> RefusedError:
    return refuse(422, f"value: {field.name!r} takes {wanted}", "invalid_value", "value")


def _place(quote: str, parsed: Parsed) -> Evidence | None:
    """Where a text stands, if it stands there once."""
    if not quote or parsed.text.count(quote) != 1:
        return None
    start = parsed.text.index(quote)
    end = start + len(quote)
    words = [word for word in parsed.words if word.start < end and word.end > start]
    page = next((one.number for one in parsed.pages if one.start <= start < max(one.end, 1)), 1)
    boxes = tuple(word.box for word in words if word.box is not None)
    return Evidence(page, start, end, quote, boxes=boxes)
