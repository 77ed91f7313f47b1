"""Topics as people read them in German; in English their names are their titles."""

from __future__ import annotations

from types import MappingProxyType

_GERMAN = MappingProxyType(
    {
        "revenue": "Umsatz",
        "operating profit": "Betriebsergebnis",
        "ebitda": "EBITDA",
        "pretax profit": "Gewinn vor Steuern",
        "profit": "Gewinn",
        "loss": "Verlust",
        "operating loss": "Betriebsverlust",
        "order intake": "Auftragseingang",
        "order backlog": "Auftragsbestand",
        "valuation": "Bewertung",
        "market value": "Börsenwert",
        "acquisition price": "Kaufpreis",
        "sale price": "Verkaufspreis",
        "investment": "Investition",
        "funding": "Finanzierung",
        "commitment": "Zusage, Vertrag",
        "debt": "Schulden",
        "loan": "Kredit",
        "bond": "Anleihe",
        "equity": "Eigenkapital",
        "cash": "Barmittel",
        "cost": "Kosten",
        "spending": "Ausgaben",
        "budget": "Haushalt",
        "subsidy": "Förderung",
        "fine": "Bußgeld",
        "damage": "Schaden",
        "dividend": "Dividende",
        "buyback": "Aktienrückkauf",
        "donation": "Spende",
        "tax": "Steuern",
        "rent": "Miete",
        "fee": "Gebühr",
        "payment": "Zahlung",
        "price": "Preis",
        "savings": "Einsparung",
        "research": "Forschung",
        "job cuts": "Stellenabbau",
        "new jobs": "neue Stellen",
        "employees": "Beschäftigte",
        "jobs": "Stellen",
        "customers": "Kunden",
        "users": "Nutzer",
        "subscribers": "Abonnenten",
        "visitors": "Besucher",
        "passengers": "Fahrgäste",
        "members": "Mitglieder",
        "inhabitants": "Einwohner",
        "stores": "Filialen",
        "vehicles": "Fahrzeuge",
        "unit sales": "Absatz",
        "units ordered": "bestellte Stückzahl",
        "deliveries": "Auslieferungen",
        "production": "Produktion",
        "capacity": "Leistung",
        "consumption": "Verbrauch",
        "emissions": "Emissionen",
        "homes": "Wohnungen",
        "area": "Fläche",
        "patients": "Patienten",
        "shares": "Aktien",
        "stake": "Anteil",
        "margin": "Marge",
        "rate": "Quote",
    }
)
_ENDINGS = MappingProxyType({" change": " (Veränderung)", " difference": " (Unterschied)"})


def german(topic: str) -> str:
    """A topic's German title; words that are no topic stay as they are."""
    for ending, title in _ENDINGS.items():
        if topic.endswith(ending):
            return german(topic.removesuffix(ending)) + title
    return _GERMAN.get(topic, topic)
