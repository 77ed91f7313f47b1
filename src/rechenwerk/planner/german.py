"""German words of plans; the English text is the key."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

GERMAN: Mapping[str, str] = MappingProxyType(
    {
        "none": "keine",
        "never": "nie",
        "nothing": "nichts",
        "months": "Monate",
        "share": "Anteil",
        "years of revenue": "Jahre Umsatz",
        "in all": "gesamt",
        "later": "später",
        "value": "Wert",
        "unit": "Einheit",
        "how": "woraus",
        "when": "wann",
        "contract": "Vertrag",
        "source": "Quelle",
        "date": "Stand",
        "status": "Status",
        # answers
        "runway": "Reichweite des Geldes",
        "funding gap": "Finanzierungslücke",
        "lowest cash": "niedrigster Geldbestand",
        "free cash flow positive": "freier Cashflow dauerhaft positiv",
        "gross margin": "Rohmarge",
        "investment amortised": "Investition amortisiert",
        "amortised": "amortisiert",
        "amortised, discounted": "amortisiert, abgezinst",
        "present value of free cash flow": "Barwert des freien Cashflows",
        "commitments": "Verpflichtungen",
        "commitments to revenue": "Verpflichtungen zu Umsatz",
        "take-or-pay shortfall": "Take-or-pay-Fehlmenge",
        "paid and idle": "bezahlt und ungenutzt",
        "provision for onerous contracts": "Drohverlustrückstellung",
        "utilisation to break even": "Auslastung bis zur Kostendeckung",
        "the same with operating cost and research": "dasselbe mit Betriebs- und Forschungskosten",
        "utilisation to be cheaper than on demand": "Auslastung, ab der er billiger ist als nach Bedarf",
        "used": "genutzt",
        "margin": "Deckungsbeitrag",
        "revenue per unit": "Erlös je Einheit",
        "cost per unit": "Kosten je Einheit",
        "price that covers cost": "kostendeckender Preis",
        "must be paid": "zu zahlen",
        "provision at the end of it": "Rückstellung am Ende",
        # how they come about
        "first period with cash < 0": "erste Periode mit cash < 0",
        "max(0 - cash, 0), the largest": "max(0 - cash, 0), das Größte",
        "first period from which free_cash_flow stays > 0": "erste Periode, ab der free_cash_flow > 0 bleibt",
        "gross_profit / revenue over all periods": "gross_profit / revenue über alle Perioden",
        "total of free_cash_flow back at 0 after its lowest point": (
            "Summe von free_cash_flow nach dem Tiefpunkt wieder bei 0"
        ),
        "sum of minimum and obligation of take-or-pay and of all fees of provisioned contracts": (
            "Summe aus minimum und obligation von Take-or-pay und allen Gebühren reservierter Kapazität"
        ),
        "commitments / revenue of the first year": "commitments / revenue des ersten Jahres",
        "sum of shortfall: paid and not used": "Summe von shortfall: bezahlt und nicht genutzt",
        "sum of idle: capacity that nobody used": "Summe von idle: Kapazität, die niemand nutzte",
        "shortfall and idle of all periods (IAS 37.66, HGB 249)": (
            "shortfall und idle aller Perioden (§ 249 HGB, IAS 37.66)"
        ),
        "paid anyway / (units * what a unit brings)": "ohnehin bezahlt / (Einheiten * Erlös je Einheit)",
        "(paid anyway + operating_cost + research_cost + depreciation) / (units * what a unit brings)": (
            "(ohnehin bezahlt + operating_cost + research_cost + depreciation)"
            " / (Einheiten * Erlös je Einheit)"
        ),
        "drawn / units bought": "drawn / gekaufte Einheiten",
        "minimum of take-or-pay, fees of provisioned contracts, used or not": (
            "minimum von Take-or-pay, Gebühren reservierter Kapazität, genutzt oder nicht"
        ),
        "shortfall and idle part of all later periods, undiscounted": (
            "shortfall und idle aller späteren Perioden, nicht abgezinst"
        ),
        # statements
        "Revenue": "Umsatz",
        "Cost of revenue": "Kosten des Umsatzes",
        "Gross profit": "Rohertrag",
        "Operating cost": "Betriebskosten",
        "Research": "Forschung",
        "Depreciation": "Abschreibung",
        "Operating profit": "Betriebsergebnis",
        "Net profit": "Jahresergebnis",
        "Free cash flow": "Freier Cashflow",
        "Cash from funding": "Geld aus Finanzierung",
        "Cash": "Geldbestand",
        "Debt": "Schulden",
        "Equity": "Eigenkapital",
        "By year, as expected ({unit})": "Nach Jahren, wie erwartet ({unit})",
        "By period, as expected ({unit})": "Nach Perioden, wie erwartet ({unit})",
        "Unconditional purchase obligations": "Unbedingte Abnahmeverpflichtungen",
        "Paid and not used (onerous contracts)": "Bezahlt und nicht genutzt (belastende Verträge)",
        "Provisions for onerous contracts at the end of the year": "Drohverlustrückstellungen am Jahresende",
        "Services, all periods ({unit})": "Leistungen, alle Perioden ({unit})",
        "service": "Leistung",
        "revenue": "Umsatz",
        "cost": "Kosten",
        "of revenue": "vom Umsatz",
        "What a unit brings and costs": "Was eine Einheit bringt und kostet",
        "per": "je",
        "units": "Einheiten",
        "covering price": "kostendeckender Preis",
        "now": "jetzt",
        "price": "Preis",
        "Contracts that are paid whether used or not ({unit})": (
            "Verträge, die genutzt oder nicht bezahlt werden ({unit})"
        ),
        "paid anyway": "ohnehin bezahlt",
        "cheaper than on demand from": "billiger als nach Bedarf ab",
        "covered from": "gedeckt ab",
        "Cash over {paths} paths, seed {seed} ({unit})": (
            "Geldbestand über {paths} Pfade, Startwert {seed} ({unit})"
        ),
        "end of": "Ende",
        "run out by then": "bis dahin aufgebraucht",
        "Balance sheet and cash flow hold in all {checked} path-periods.": (
            "Bilanz und Kapitalfluss stimmen in allen {checked} Pfad-Perioden."
        ),
        "{wrong} of {checked} path-periods do not balance.": (
            "{wrong} von {checked} Pfad-Perioden gehen nicht auf."
        ),
        "paths": "Pfade",
        "Drawn: {file}": "Gezeichnet: {file}",
        "Written: {file}": "Geschrieben: {file}",
        # explain
        "a figure that is put in": "ein Eingabewert",
        "before": "vorher",
        "total": "Summe",
        "year": "Jahr bis dahin",
        "all periods": "alle Perioden",
        # statuses
        "reported": "berichtet",
        "estimated": "geschätzt",
        "contracted": "vertraglich",
        "conditional": "bedingt",
        "announced": "angekündigt",
        "letter-of-intent": "Absichtserklärung",
        "target": "Ziel",
        "assumed": "angenommen",
    }
)
