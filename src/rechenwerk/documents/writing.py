"""Values as people write them, in German and English."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

_DASH = " \N{EN DASH} "
_GERMAN: Mapping[str, str] = MappingProxyType(
    {
        "about": "rund",
        "at least": "mindestens",
        "at most": "höchstens",
        "more than": "mehr als",
        "less than": "weniger als",
        "range": "",
    }
)


def text_of(value: Any, kind: str, language: str) -> str:
    """A value of a field's type as text; '' for nothing.

    Args:
        value: JSON, as `values.Value` has it.
        kind: the field's type.
        language: de or en.
    """
    if value is None:
        return ""
    german = language == "de"
    if isinstance(value, bool):
        return ("ja" if value else "nein") if german else ("yes" if value else "no")
    if kind == "date" and isinstance(value, str):
        return day(value, german=german)
    if not isinstance(value, dict):
        return str(value)
    if "from" in value:
        ends = [day(str(value.get(one) or ""), german=german) for one in ("from", "to")]
        return _DASH.join(ends)
    unit = str(value.get("currency") or value.get("unit") or "")
    amount = str(value.get("amount", value.get("number", "")))
    places = 2 if "amount" in value else 0
    given = [amount] if value.get("upper") is None else [amount, str(value["upper"])]
    numbers = [number(one, german=german, places=places) for one in given]
    qualifier = str(value.get("qualifier") or "")
    said = _GERMAN.get(qualifier, qualifier) if german else qualifier.replace("range", "")
    return " ".join(part for part in (said, _DASH.join(numbers), unit) if part)


def number(text: str, *, german: bool, places: int = 0) -> str:
    """1234.5 as 1.234,5 or 1,234.5; with so many decimal places at least."""
    try:
        exact = Decimal(text)
        decimals = max(places, -int(exact.as_tuple().exponent))
        grouped = f"{exact:,.{decimals}f}"
    except (InvalidOperation, ValueError):  # infinite, or no number
        return text
    return grouped.translate(str.maketrans(",.", ".,")) if german else grouped


def day(text: str, *, german: bool) -> str:
    """2025-04-03 as 03.04.2025, or as it is."""
    try:
        return date.fromisoformat(text).strftime("%d.%m.%Y") if german else text
    except ValueError:
        return text
