"""What a plan's workbook says to people, in German and English."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Language = Literal["de", "en"]

SHEETS: tuple[str, ...] = (
    "cover",
    "drivers",
    "lines",
    "contracts",
    "funding",
    "statements",
    "checks",
    "sources",
    "model",
)
"""In their order."""

_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "cover": ("Deckblatt", "Cover"),
        "drivers": ("Treiber", "Drivers"),
        "lines": ("Zeilen", "Lines"),
        "contracts": ("Verträge", "Contracts"),
        "funding": ("Finanzierung", "Funding"),
        "statements": ("Abschlüsse", "Statements"),
        "checks": ("Proben", "Checks"),
        "sources": ("Quellen", "Sources"),
        "model": ("Modell", "Model"),
        "scenario": ("Szenario", "Scenario"),
        "as_written": ("wie geschrieben", "as written"),
        "currency": ("Währung", "Currency"),
        "shown_in": ("Beträge angezeigt in", "Amounts shown in"),
        "periods": ("Perioden", "Periods"),
        "deviation": (
            "Größte Abweichung der Proben (muss 0 sein)",
            "Largest deviation of the checks (must be 0)",
        ),
        "name": ("Name", "Name"),
        "title": ("Bezeichnung", "Title"),
        "unit": ("Einheit", "Unit"),
        "formula": ("Formel oder Feld", "Formula or field"),
        "figure": ("Zahl", "Figure"),
        "table": ("Tabelle", "Table"),
        "source": ("Quelle", "Source"),
        "date": ("Datum", "Date"),
        "status": ("Stand", "Status"),
        "sheet": ("Blatt", "Sheet"),
        "holds": ("Inhalt", "What it holds"),
        "about": (
            "Alle Zahlen sind Formeln, die den Basisfall neu rechnen. Blaue auf gelbem Grund sind Eingaben.",
            "All figures are formulas that calculate the base case again. Blue ones on yellow are inputs.",
        ),
        "cells": (
            "Zellen enthalten Grundeinheiten, Beträge sind gekürzt angezeigt. Graues folgt aus dem Kalender.",
            "Cells hold base units, amounts are shown shortened. What is grey follows from the calendar.",
        ),
        "back": (
            "Daten, Arten und Formeln stehen im Blatt Modell: rechenwerk plan run MAPPE.xlsx -o NEU.xlsx",
            "Dates, kinds and formulas stand on the sheet Model: rechenwerk plan run BOOK.xlsx -o NEW.xlsx",
        ),
        "holds_drivers": (
            "Treiber mit ihren Eingaben und ihrem Verlauf",
            "Drivers, their inputs and their course",
        ),
        "holds_lines": ("Zeilen des Modells", "Lines of the model"),
        "holds_contracts": ("Verträge: Mindestmengen, Nutzung, Kosten", "Contracts: minimums, use, cost"),
        "holds_funding": ("Eigenkapital, Darlehen, Garantien", "Equity, loans, guarantees"),
        "holds_statements": (
            "Gewinn- und Verlustrechnung, Kapitalfluss, Bilanz",
            "Profit and loss, cash flow, balance sheet",
        ),
        "holds_checks": ("Identitäten, die in jeder Periode 0 sind", "Identities that are 0 in every period"),
        "holds_sources": (
            "Woher jede Zahl kommt, von wann und wie fest sie ist",
            "Where every figure comes from, from when, and how firm it is",
        ),
        "holds_model": ("Der Text des Modells", "The text of the model"),
        "format": ("Format", "Format"),
    }
)

_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "revenue": "Umsatz",
        "cost_of_revenue": "Herstellungskosten des Umsatzes",
        "gross_profit": "Rohertrag",
        "operating_cost": "Betriebskosten",
        "research_cost": "Forschung",
        "depreciation": "Abschreibungen",
        "called": "In Anspruch genommene Garantien",
        "operating_profit": "Betriebsergebnis",
        "interest_income": "Zinserträge",
        "interest_cost": "Zinsaufwand",
        "other": "Sonstige Erträge",
        "profit_before_tax": "Ergebnis vor Steuern",
        "losses_used": "Genutzte Verlustvorträge",
        "losses": "Verlustvorträge",
        "tax": "Steuern",
        "net_profit": "Jahresergebnis",
        "receivables": "Forderungen",
        "payables": "Verbindlichkeiten aus Lieferungen",
        "credits": "Vorausbezahlte Rechenleistung",
        "paid_in_shares": "In Anteilen bezahlt",
        "operating_cash": "Cashflow aus dem Betrieb",
        "investing_cash": "Cashflow aus Investitionen",
        "equity_raised": "Aufgenommenes Eigenkapital",
        "debt_drawn": "Aufgenommene Schulden",
        "debt_repaid": "Getilgte Schulden",
        "financing_cash": "Cashflow aus Finanzierung",
        "free_cash_flow": "Freier Cashflow",
        "cash": "Zahlungsmittel",
        "fixed_assets": "Sachanlagen",
        "debt": "Schulden",
        "equity": "Eigenkapital",
        "assets": "Vermögen",
        "liabilities": "Fremdkapital",
        "check.balance": "Vermögen weniger Fremdkapital weniger Eigenkapital",
        "check.cash": "Zahlungsmittel weniger Zahlungsströme",
    }
)


def word(name: str, language: Language) -> str:
    """A word or sentence of the workbook."""
    return _WORDS[name][0 if language == "de" else 1]


def named(title: str) -> str:
    """Which sheet it is, in whatever language; a title of no sheet of ours as it is."""
    return next((name for name in SHEETS if title in _WORDS[name]), title)


def line_title(name: str, title: str, language: Language) -> str:
    """What a line of the statements is called; other lines keep the title that their author gave them."""
    return _TITLES.get(name, title) if language == "de" else title
