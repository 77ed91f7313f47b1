"""What the report of a reconciliation says, in German and in English."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rechenwerk.office.closing.words import Language

WORDS: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {
        "de": MappingProxyType(
            {
                "title": "Rechnungsabgleich",
                "draft": "Entwurf, nicht gebucht",
                "undone": "Rückgängig gemacht: {reason}",
                "provider": "Anbieter",
                "file": "Datei",
                "days": "Tage",
                "on_the_bill": "Auf der Rechnung",
                "rate": "zum Kurs",
                "usage_alone": "nur Mengen, keine Beträge",
                "booked_by": "Gebucht durch",
                "vouchers": "Buchungsbelege",
                "day": "Tag",
                "model": "Modell",
                "contract": "Vertrag",
                "billed": "Rechnung",
                "booked": "Gebucht",
                "settled": "Geklärt",
                "difference": "Differenz",
                "why": "Ursache",
                "sum": "Summe",
                "by_cause": "Differenzen nach Ursache",
                "rows": "Zeilen",
                "adds_up": "In Rechnung gestellt = gebucht + geklärt + Differenz, in jeder Zeile und in der"
                " Summe.",
                "payable": "Nach dem Abgleich steht für diese Tage genau das als Verbindlichkeit in den"
                " Büchern, was der Anbieter fordert. Geklärte Aufrufe standen zuvor auf den ungeklärten"
                " Konten, die Differenz steht auf dem Differenzkonto.",
                "made": "Erstellt (Datum, Unterschrift)",
                "checked": "Geprüft (Datum, Unterschrift)",
                "agrees": "stimmt",
                "settled_cause": "Ungeklärte Aufrufe",
                "rounding": "Rundung",
                "price": "Preis",
                "cached-tokens": "Zwischenspeicher",
                "used-elsewhere": "Nutzung am Gateway vorbei",
                "counted-less": "Anbieter zählt weniger",
                "failed-not-billed": "Fehlversuche nicht berechnet",
                "half-price": "halber Preis",
                "committed-discount": "Nachlass der Zusage",
                "day-boundary": "Tagesgrenze",
                "not-booked": "nicht gebucht",
                "not-on-the-bill": "nicht auf der Rechnung",
                "fee": "Gebühr",
                "accrued": "Abgegrenzt",
                "tax": "Steuer",
                "unknown": "unbekannt",
            }
        ),
        "en": MappingProxyType(
            {
                "title": "Reconciliation of a bill",
                "draft": "Draft, nothing is booked",
                "undone": "Undone: {reason}",
                "provider": "Provider",
                "file": "File",
                "days": "Days",
                "on_the_bill": "On the bill",
                "rate": "at",
                "usage_alone": "usage alone, no amounts",
                "booked_by": "Booked by",
                "vouchers": "Vouchers",
                "day": "Day",
                "model": "Model",
                "contract": "Contract",
                "billed": "Billed",
                "booked": "Booked",
                "settled": "Settled",
                "difference": "Difference",
                "why": "Cause",
                "sum": "Total",
                "by_cause": "Differences by cause",
                "rows": "Rows",
                "adds_up": "Billed = booked + settled + difference, in every row and in the total.",
                "payable": "After the reconciliation exactly what the provider asks is payable for these"
                " days. Settled calls stood on the unresolved accounts before; the difference stands on the"
                " account of differences.",
                "made": "Prepared by (date, signature)",
                "checked": "Checked by (date, signature)",
                "agrees": "agrees",
                "settled_cause": "unresolved calls",
                "rounding": "rounding",
                "price": "price",
                "cached-tokens": "cached tokens",
                "used-elsewhere": "used outside of the gateway",
                "counted-less": "provider counted less",
                "failed-not-billed": "failed attempts not billed",
                "half-price": "half the price",
                "committed-discount": "Commitment's discount",
                "day-boundary": "boundary of the day",
                "not-booked": "not booked",
                "not-on-the-bill": "not on the bill",
                "fee": "fee",
                "accrued": "accrued",
                "tax": "tax",
                "unknown": "unknown",
            }
        ),
    }
)


def cause_in(language: Language, cause: str) -> str:
    """A cause as people read it."""
    return WORDS[language]["settled_cause" if cause == "settled" else cause]
