"""What plans say to people, in German and English."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from babel.numbers import format_decimal

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.german import GERMAN

LANGUAGES = ("en", "de")
_LEAST = 0.005
"""Of an amount: less is shown as a dash, as in statements."""


class Words:
    """Says things in a language.

    Args:
        language: ``en`` or ``de``.

    Raises:
        PlanError: there is no such language.
    """

    def __init__(self, language: str = "en") -> None:
        if language not in LANGUAGES:
            raise PlanError(f"there is no language {language!r}; write en or de")
        self.language = language
        self._table: Mapping[str, str] = GERMAN if language == "de" else MappingProxyType({})

    def __call__(self, text: str, **values: object) -> str:
        """A text, which is its own key, with values in it.

        What stands before a colon may be a name that people gave: then the rest is said.
        """
        said = self._table.get(text)
        if said is None:
            head, colon, rest = text.partition(": ")
            said = f"{head}: {self._table.get(rest, rest)}" if colon else text
        return said.format(**values) if values else said

    def number(self, value: float, decimals: int = 2) -> str:
        """1,234.50 or 1.234,50."""
        said: str = format_decimal(
            value, format=f"#,##0.{'0' * decimals}" if decimals else "#,##0", locale=self.language
        )
        return said

    def signed(self, value: float, decimals: int = 2) -> str:
        """+1,234.50 or -1.234,50."""
        said = self.number(value, decimals)
        return said if said.startswith("-") else f"+{said}"

    def money(self, amount: float) -> str:
        """An amount with two decimals; a dash for nothing."""
        return self.number(amount) if abs(amount) >= _LEAST else "-"

    def brief(self, value: float) -> str:
        """With four digits that count, as figures of any size are read."""
        if value == 0:
            return "0"
        size = abs(value)
        if size >= 1e15 or size < 1e-6:
            said = f"{value:.3e}"
            return said.replace(".", ",") if self.language == "de" else said
        decimals = max(0, 3 - math.floor(math.log10(size)))
        text = self.number(value, decimals)
        return text.rstrip("0").rstrip(".,") if decimals else text

    def share(self, value: float, decimals: int = 1) -> str:
        """12.3% or 12,3 %."""
        return f"{self.number(value * 100, decimals)}{' %' if self.language == 'de' else '%'}"

    def amount(self, value: float | None, unit: str) -> str:
        """A figure's value in its unit; "none" where there is none."""
        if value is None:
            return self("not in these years" if unit == "months" else "none")
        return self.share(value) if unit == "share" else self.brief(value)
