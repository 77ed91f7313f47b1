"""What commands that work on files share with the office: how a file of contracts is read."""

from __future__ import annotations

from rechenwerk.office.portfolios import Mistake, MistakesError, parse_portfolio

__all__ = ["Mistake", "MistakesError", "parse_portfolio"]
