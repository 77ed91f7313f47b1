"""A quote read as a field's type: the value that the quote itself says, and nothing that it does not."""

from __future__ import annotations

import re
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from rechenwerk.documents.checking.folding import fold, key, tidy
from rechenwerk.documents.checking.reading import Reading
from rechenwerk.documents.figures import iban_valid, read, vat_id_valid
from rechenwerk.documents.schemas import Field
from rechenwerk.documents.values import Figure

KINDS = MappingProxyType(
    {
        "money": ("money", "number"),
        "number": ("number", "percent", "duration"),
        "date": ("date",),
        "period": ("period",),
        "iban": ("iban",),
        "vat_id": ("vat_id",),
    }
)
"""A field's type -> kinds of marks that may be its value."""
_YES = frozenset({"ja", "yes", "true", "x", "wahr", "zutreffend", "☒", "☑", "✓", "✔", "[x]", "(x)"})
_DENIED = re.compile(r"\b(?:nicht|kein\w*|ohne|weder|not|no|never|neither|without)\b")
"""Words that turn an option into its contrary: 'nicht rot' is not red."""
_NO = frozenset({"nein", "no", "false", "falsch", "☐", "[]", "[ ]", "( )", "()"})


def value_of(field: Field, quote: str, reading: Reading, currency: str = "") -> Any:
    """What a quote says as a value of a field's type.

    Args:
        field: its type and options.
        quote: as it stands in the document.
        reading: the document: its language, date and currency.
        currency: that the label names, for an amount that carries none; '' for the document's.

    Returns:
        JSON as `Value.value` describes it; None where the quote is no value of that type.
    """
    match field.type:
        case "money" | "number" | "date" | "period":
            figure = figure_of(field, quote, reading)
            return None if figure is None else of_figure(field, figure, currency or reading.currency)
        case "iban":
            plain = re.sub(r"[\s.-]", "", quote).upper()
            return plain if iban_valid(plain) else None
        case "vat_id":
            plain = re.sub(r"[\s./-]", "", quote).upper()
            return plain if vat_id_valid(plain) else None
        case "yes_no":
            return _yes_no(field, quote)
        case "one_of":
            return _option(field, quote)
    return tidy(quote).strip(" ,;:") or None


def figure_of(field: Field, quote: str, reading: Reading) -> Figure | None:
    """The quote as one figure of the field's type."""
    for kind in KINDS[field.type]:
        figure = read(quote, kind, language=reading.language, today=reading.today, style=reading.style)
        if figure is not None:
            return figure
    return None


def of_figure(field: Field, figure: Figure, currency: str) -> Any:
    """A figure as a value of a field's type; None where it is none."""
    if figure.days is not None:
        if field.type == "date":
            return figure.days.first.isoformat() if figure.days.first == figure.days.last else None
        if field.type == "period":
            return {"from": figure.days.first.isoformat(), "to": figure.days.last.isoformat()}
        return None
    amount = figure.amount
    if amount is None or field.type not in {"money", "number"}:
        return None
    words = {"qualifier": amount.qualifier}
    if amount.high != amount.low:
        words["upper"] = plain(amount.high)
    if field.type == "money":
        if figure.kind != "money" and amount.unit:
            return None  # '5,00 kg'
        return {"amount": plain(amount.low), "currency": amount.unit or currency, **words}
    return {"number": plain(amount.low), "unit": amount.unit, **words}


def plain(number: Decimal) -> str:
    """A number without exponent."""
    return format(number, "f")


def _yes_no(field: Field, quote: str) -> bool | None:
    said = quote.strip().casefold().strip(".,:")
    for option, words in field.meanings.items():
        if key(said) in map(key, words):
            return key(option) in _YES
    if said in _YES or key(said) in _YES:
        return True
    return False if said in _NO or (key(said) and key(said) in _NO) else None


def _option(field: Field, quote: str) -> str | None:
    """The one option that a quote names; None where it names none, several, or denies it."""
    said = f" {' '.join(fold(quote).text.casefold().split())} "
    named = [
        option
        for option in field.options
        if any(
            re.search(rf"(?<![^\W\d]){re.escape(word.casefold())}(?![^\W\d])", said)
            for word in (option, *field.meanings.get(option, ()))
        )
    ]
    if len(named) != 1:
        return None
    denied = _DENIED.search(said)
    words = (named[0], *field.meanings.get(named[0], ()))
    return None if denied and not any(_DENIED.search(word.casefold()) for word in words) else named[0]


def agrees(field: Field, claimed: Any, value: Any) -> bool:
    """Whether a claimed value is the one that the quote says; how it is written does not matter."""
    if same(claimed, value):
        return True
    if isinstance(claimed, dict) and isinstance(value, dict):
        told = {name: said for name, said in claimed.items() if said not in {"", None}}
        return bool(told) and all(same(said, value.get(name)) for name, said in told.items())
    if isinstance(claimed, str) and isinstance(value, dict):
        number = value.get("amount", value.get("number"))
        return number is not None and same(claimed, number)
    if isinstance(claimed, str) and isinstance(value, str):
        if field.type in {"iban", "vat_id"}:
            return key(claimed) == key(value)
        return fold(claimed).text.casefold() == fold(value).text.casefold()
    return False


def same(one: Any, other: Any) -> bool:
    """Whether two values of one field say the same; numbers are compared as numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, str) and isinstance(other, str):
        return one == other or (_number(one) is not None and _number(one) == _number(other))
    return bool(one == other)


def _number(text: str) -> Decimal | None:
    return Decimal(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) and not text.startswith("0") else None
