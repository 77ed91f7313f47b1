"""Amounts in tables: one number of decimals per column, written as the reader's language does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext

from babel.numbers import format_decimal
from rich.text import Text

_AMOUNT = re.compile(r"[+-]?\d+(\.\d+)?")
_LEAST = 2
"""Decimals of a currency."""


def places(texts: Iterable[str]) -> int:
    """How many decimals a column needs so that each of its amounts stands there exactly."""
    found = (text.partition(".")[2] for text in texts if _AMOUNT.fullmatch(text))
    return max((len(decimals) for decimals in found), default=_LEAST)


def amount(text: str, decimals: int = _LEAST, language: str = "en") -> str:
    """``1234.5`` from the API as ``1,234.50`` or ``1.234,50``; what is no amount stays as it is."""
    if not _AMOUNT.fullmatch(text):
        return text
    pattern = f"#,##0.{'0' * max(decimals, _LEAST)}"
    with localcontext(prec=len(text) + decimals):
        said: str = format_decimal(Decimal(text), format=pattern, locale=language)
    return f"+{said}" if text.startswith("+") else said


def align(cells: Sequence[Text], language: str = "en") -> list[Text]:
    """The cells of a column of money: all with the decimals of the one that needs most, at least two."""
    decimals = max(_LEAST, places(cell.plain for cell in cells))
    return [Text(amount(cell.plain, decimals, language), style=cell.style) for cell in cells]
