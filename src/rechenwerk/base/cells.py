"""Cells of tables that people open in a spreadsheet."""

from __future__ import annotations

_DANGER = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


def harmless(text: str) -> str:
    """Text that no spreadsheet runs: what begins like a formula gets an apostrophe before it."""
    return f"'{text}" if text.startswith(_DANGER) else text
