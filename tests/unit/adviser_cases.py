"""Price sheets and loads that the adviser's tests share."""

from __future__ import annotations

from pathlib import Path

from rechenwerk.base.money import NANO
from rechenwerk.contracts.demand import WEEK, Load
from rechenwerk.contracts.offers import Sheet, parse_sheet

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
MONDAY = 498_384
"""2026-11-09 00:00 UTC in hours since the epoch."""

SHEET = """
currency = "EUR"
unit = "unit"
on_demand = "1"
[[offer]]
name = "year"
interval = "hour"
term_months = 12
price = "0.5"
"""


def sheet(text: str = SHEET, **changes: str) -> Sheet:
    """A price sheet with some of its words changed."""
    for word, by in changes.items():
        assert word in text
        text = text.replace(word, by)
    return parse_sheet(text, "prices.toml")


def week(night: int, day: int) -> Load:
    """A week from Monday on: units per hour from 20 to 8 o'clock, and from 8 to 20."""
    hours = [day if 8 <= hour % 24 < 20 else night for hour in range(WEEK)]
    return Load(MONDAY, tuple(hour * NANO for hour in hours))
