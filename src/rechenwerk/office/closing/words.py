"""What documents say around their data, in German and in English, and how they write numbers and dates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

import msgspec
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal

Language = Literal["de", "en"]

_GERMAN = MappingProxyType(
    {
        "statement": "Abrechnung",
        "reversal": "Gutschrift",
        "correction": "Berichtigte Abrechnung",
        "statement_of": "Sammelabrechnung",
        "number": "Nummer",
        "organisation": "Organisation",
        "project": "Projekt",
        "cost_centre": "Kostenstelle",
        "period": "Zeitraum",
        "from_to": "{first} bis {last}",
        "booked_in": "Gebucht in",
        "issued": "Ausgestellt",
        "issued_by": "durch",
        "issuer": "Aussteller",
        "recipient": "Empfänger",
        "reverses_reversal": "Storniert Dokument {number} vollständig.",
        "reverses_correction": "Ersetzt Dokument {number}, das storniert ist.",
        "reason": "Grund",
        "text": "Leistung",
        "quantity": "Menge",
        "price": "Einzelpreis",
        "amount": "Betrag",
        "carried": "Übertrag",
        "subtotal": "Zwischensumme",
        "net": "Summe netto",
        "vat": "Umsatzsteuer {rate} %",
        "gross": "Gesamtbetrag",
        "exact": "Genau gebucht",
        "rounding_of": "davon Rundung der Zeilen auf Cent",
        "reverse_charge": "Steuerschuldnerschaft des Leistungsempfängers",
        "page": "Seite {page} von {pages}",
        "section": "Bereich",
        "per": "je",
        "sum": "Summe",
        "annex": "Anhang",
        "per_million": "je Mio.",
        "per_piece": "je Stück",
        "input": "Eingabe-Token",
        "cached_input": "Eingabe-Token aus dem Zwischenspeicher",
        "cache_write": "Token in den Zwischenspeicher",
        "output": "Ausgabe-Token",
        "reasoning": "Denk-Token",
        "images": "Bilder",
        "seconds": "Sekunden",
        "requests": "Aufrufe",
        "calls": "Aufrufe zum gebuchten Preis",
        "tariff_month": "Tarif von {model}: der Monat über die einzelnen Aufrufe hinaus",
        "rounding": "Rundung der einzelnen Aufrufe",
        "section_usage": "Nutzung nach Modell",
        "section_unresolved": "Ungeklärte Aufrufe, vorläufig zum Höchstpreis",
        "section_adjustment": "Staffeln, Mindestbeträge und Freimengen",
        "section_discount": "Rabatte",
        "section_settlement": "Nachträglich geklärte Aufrufe",
        "section_difference": "Differenzen",
        "section_reversal": "Stornierungen",
        "section_other": "Weitere Buchungen",
        "section_fee": "Gebühren für verkaufte Kapazität",
        "section_allocation": "Umlage gemeinsamer Kosten",
        "section_document": "Dokumente der Projekte",
        "annex_usage": "Anhang: Nutzung aller Projekte, genau",
        "annex_pools": "Anhang: Umlage gemeinsamer Kosten",
        "contract": "Vertrag",
        "fixed": "fixe Kosten",
        "idle": "davon Leerlauf",
        "absorbed": "schon verrechnet",
        "pool": "umzulegen",
        "weight": "Schlüssel",
        "key_use": "Umlageschlüssel: Anteil an den gebuchten Preisen",
        "key_equal": "Umlageschlüssel: gleiche Teile",
        "key_fixed": "Umlageschlüssel: feste Anteile",
        "unresolved_note": "{calls} Aufrufe sind ungeklärt; ihr Preis {exact} ist vorläufig.",
        "overrun_note": "Darin über der Reservierung einzelner Aufrufe: {exact}.",
        "difference_note": "Unterschied zu {number}: netto {net}, brutto {gross}.",
        "fingerprint": "SHA-256 des Inhalts",
        "nothing": "In diesem Zeitraum wurde nichts gebucht.",
    }
)
_ENGLISH = MappingProxyType(
    {
        "statement": "Statement",
        "reversal": "Credit note",
        "correction": "Corrected statement",
        "statement_of": "Summary statement",
        "number": "Number",
        "organisation": "Organisation",
        "project": "Project",
        "cost_centre": "Cost centre",
        "period": "Period",
        "from_to": "{first} to {last}",
        "booked_in": "Booked in",
        "issued": "Issued",
        "issued_by": "by",
        "issuer": "Issuer",
        "recipient": "Recipient",
        "reverses_reversal": "Takes document {number} back in full.",
        "reverses_correction": "Replaces document {number}, which was taken back.",
        "reason": "Reason",
        "text": "Item",
        "quantity": "Quantity",
        "price": "Unit price",
        "amount": "Amount",
        "carried": "Carried forward",
        "subtotal": "Subtotal",
        "net": "Net total",
        "vat": "VAT {rate} %",
        "gross": "Total",
        "exact": "Booked exactly",
        "rounding_of": "of which rounding of lines to cents",
        "reverse_charge": "Reverse charge: the recipient is liable for the VAT",
        "page": "Page {page} of {pages}",
        "section": "Part",
        "per": "per",
        "sum": "Sum",
        "annex": "Annex",
        "per_million": "per million",
        "per_piece": "each",
        "input": "input tokens",
        "cached_input": "cached input tokens",
        "cache_write": "cache write tokens",
        "output": "output tokens",
        "reasoning": "reasoning tokens",
        "images": "images",
        "seconds": "seconds",
        "requests": "requests",
        "calls": "calls at the price booked",
        "tariff_month": "Tariff of {model}: the month beyond its calls",
        "rounding": "rounding of single calls",
        "section_usage": "Use by model",
        "section_unresolved": "Unresolved calls, for now at their highest price",
        "section_adjustment": "Tiers, minimum fees and allowances",
        "section_discount": "Discounts",
        "section_settlement": "Calls settled later",
        "section_difference": "Differences",
        "section_reversal": "Reversals",
        "section_other": "Other entries",
        "section_fee": "Fees of sold capacity",
        "section_allocation": "Allocation of shared costs",
        "section_document": "Documents of projects",
        "annex_usage": "Annex: use of all projects, exact",
        "annex_pools": "Annex: allocation of shared costs",
        "contract": "Contract",
        "fixed": "fixed costs",
        "idle": "of it idle",
        "absorbed": "charged already",
        "pool": "to allocate",
        "weight": "Weight",
        "key_use": "Allocation key: share of the prices booked",
        "key_equal": "Allocation key: equal parts",
        "key_fixed": "Allocation key: fixed percentages",
        "unresolved_note": "{calls} calls are unresolved; their price of {exact} is provisional.",
        "overrun_note": "Of this beyond what single calls had reserved: {exact}.",
        "difference_note": "Difference to {number}: net {net}, total {gross}.",
        "fingerprint": "SHA-256 of the content",
        "nothing": "Nothing was booked in this period.",
    }
)
_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType({"de": _GERMAN, "en": _ENGLISH})
_LOCALES = MappingProxyType({"de": "de_DE", "en": "en_GB"})


class Words(msgspec.Struct, frozen=True):
    """One language: words, numbers, dates."""

    language: Language

    def __call__(self, name: str, **fields: object) -> str:
        """The words for `name`, with the fields filled in."""
        return _WORDS[self.language][name].format(**fields)

    @property
    def locale(self) -> str:
        """As babel and browsers call it."""
        return _LOCALES[self.language]

    def amount(self, text: str) -> str:
        """An amount of cents: ``1.234,56``."""
        return format_decimal(Decimal(text), "#,##0.00", self.locale)

    def exact(self, text: str, least: int = 2) -> str:
        """A price or an exact amount: `least` decimals at least, nine at most."""
        pattern = f"#,##0.{'0' * least}{'#' * (9 - least)}"
        return format_decimal(Decimal(text), pattern, self.locale, decimal_quantization=False)

    def count(self, text: str) -> str:
        """A whole number: ``1.234.567``."""
        return format_decimal(Decimal(text), "#,##0", self.locale) if text else ""

    def rate(self, text: str) -> str:
        """A percentage: ``19`` or ``7,5``."""
        return format_decimal(Decimal(text), "#,##0.#########", self.locale, decimal_quantization=False)

    def day(self, text: str) -> str:
        """``31.03.2026`` or ``31 March 2026``, from ``2026-03-31``."""
        day = date.fromisoformat(text)
        return format_date(day, "dd.MM.yyyy" if self.language == "de" else "d MMMM yyyy", self.locale)

    def month(self, text: str) -> str:
        """``März 2026``, from ``2026-03``."""
        return format_skeleton("yMMMM", date.fromisoformat(f"{text}-01"), locale=self.locale)
