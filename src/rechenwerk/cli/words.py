"""What commands say to people outside of the operator's team, in German and English."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

import typer

Language = Annotated[str, typer.Option(help="Of the words: en or de.")]

_GERMAN: Mapping[str, str] = MappingProxyType(
    {
        # the public report of utilisation
        "Utilisation until {until} UTC, in tokens": "Auslastung bis {until} UTC, in Token",
        "no pool that is shared with all had capacity": "kein Vorrat, den alle teilen, hatte Kapazität",
        "pool": "Vorrat",
        "day": "Tag",
        "use": "Nutzung",
        "capacity": "Kapazität",
        "critical": "kritisch",
        "standard": "normal",
        "batch": "Stapel",
        "lent": "verliehen",
        "reclaimed": "zurückgeholt",
        "idle": "ungenutzt",
        "emergency": "Notfall",
        "grants": "Bewilligungen",
        "no capacity": "keine Kapazität",
        # grants
        "Grants": "Bewilligungen",
        "grant": "Bewilligung",
        "organisation": "Organisation",
        "project": "Projekt",
        "size": "Größe",
        "tokens": "Token",
        "drawn": "verbraucht",
        "returned": "zurückgegeben",
        "window": "Zeitraum",
        "use by": "Nutzung bis",
        "stage": "Stand",
        "opens": "öffnet",
        "approved by": "genehmigt von",
        "purpose": "Zweck",
        "small": "klein",
        "medium": "mittel",
        "large": "groß",
        "applied": "beantragt",
        "granted": "bewilligt",
        "declined": "abgelehnt",
        "used up": "aufgebraucht",
        "over": "beendet",
        "{start} to {end}": "{start} bis {end}",
        "applied, needs {number} more": "beantragt, es fehlen {number} Unterschriften",
        "granted, idle: notice of {day}": "bewilligt, ungenutzt: Hinweis vom {day}",
        "grant {number} ({size}, {tokens} tokens of {pool}): {stage}": (
            "Bewilligung {number} ({size}, {tokens} Token aus {pool}): {stage}"
        ),
        "; needs {number} more: rechenwerk grant approve {grant}": (
            "; es fehlen {number} Unterschriften: rechenwerk grant approve {grant}"
        ),
    }
)


class Words:
    """Says things in a language.

    Args:
        language: ``en`` or ``de``.

    Raises:
        typer.BadParameter: there is no such language.
    """

    def __init__(self, language: str) -> None:
        if language not in {"en", "de"}:
            raise typer.BadParameter(f"--language {language}: there are en and de")
        self.german = language == "de"

    def __call__(self, text: str, **values: object) -> str:
        """A text, which is its own key, with values in it; numbers are grouped as the language does."""
        said = _GERMAN.get(text, text) if self.german else text
        return said.format(**values) if values else said

    def count(self, number: int) -> str:
        """12,000 or 12.000."""
        text = f"{number:,}"
        return text.replace(",", ".") if self.german else text
