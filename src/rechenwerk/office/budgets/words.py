"""What mails say, in German and English."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

_PERIODS = MappingProxyType(
    {
        "en": {
            "day": "daily budget",
            "week": "weekly budget",
            "month": "monthly budget",
            "quarter": "quarterly budget",
            "year": "yearly budget",
            "total": "total budget",
        },
        "de": {
            "day": "Tagesbudget",
            "week": "Wochenbudget",
            "month": "Monatsbudget",
            "quarter": "Quartalsbudget",
            "year": "Jahresbudget",
            "total": "Gesamtbudget",
        },
    }
)
_SUBJECTS = MappingProxyType(
    {
        "en": {
            "budget.threshold": "{budget} of {owner}: {percent} % used",
            "budget.used_up": "{budget} of {owner}: used up",
            "budget.forecast": "{budget} of {owner} will be passed before {ends}",
            "wallet.empty": "Wallet of {owner} is empty",
            "wallet.low": "Wallet of {owner}: {left} left",
            "contract.warning": "Contract {contract}: {warning}",
            "concentration.above": "{who} is above the cap {cap}",
            "test": "Test of the alert {alert}",
        },
        "de": {
            "budget.threshold": "{budget} von {owner}: {percent} % verbraucht",
            "budget.used_up": "{budget} von {owner}: aufgebraucht",
            "budget.forecast": "{budget} von {owner} reicht voraussichtlich nicht bis {ends}",
            "wallet.empty": "Guthaben von {owner} ist aufgebraucht",
            "wallet.low": "Guthaben von {owner}: noch {left}",
            "contract.warning": "Vertrag {contract}: {warning}",
            "concentration.above": "{who} liegt über der Grenze {cap}",
            "test": "Probe der Benachrichtigung {alert}",
        },
    }
)
_TEXTS = MappingProxyType(
    {
        "en": {
            "budget.threshold": "{used} of {amount} are used; {left} are left, {held} are held by calls under"
            " way.",
            "budget.used_up": "{used} of {amount} are used, and calls are turned away: what is left ({left})"
            " is less than they need. A larger budget lets them pass at once.",
            "budget.forecast": "{used} of {amount} are used. If it goes on like this, it will be {forecast}"
            " on {ends}.",
            "wallet.empty": "Nothing, or less than a call needs ({left}), is left of what was paid in. Calls"
            " are refused until the wallet is topped up.",
            "wallet.low": "{left} are left; you asked to be told below {below}. Top up before calls are"
            " refused.",
            "contract.warning": "{message}.",
            "concentration.above": "{who} has {share} of {dimension}, by {by}; the cap {cap} is {at_most}.",
            "test": "This is a test; nothing happened. Alerts of {organisation} reach you here.",
        },
        "de": {
            "budget.threshold": "{used} von {amount} sind verbraucht; {left} sind frei, {held} sind für"
            " laufende Aufrufe reserviert.",
            "budget.used_up": "{used} von {amount} sind verbraucht, und Aufrufe werden abgewiesen: Der Rest"
            " ({left}) reicht für sie nicht. Ein höheres Budget lässt sie sofort wieder durch.",
            "budget.forecast": "{used} von {amount} sind verbraucht. Geht es so weiter, sind es am {ends}"
            " {forecast}.",
            "wallet.empty": "Vom eingezahlten Guthaben ist nichts mehr übrig oder weniger, als ein Aufruf"
            " braucht ({left}). Aufrufe werden abgewiesen, bis Guthaben aufgeladen wird.",
            "wallet.low": "{left} sind noch da; gemeldet wird unter {below}. Bitte aufladen, bevor Aufrufe"
            " abgewiesen werden.",
            "contract.warning": "{message}.",
            "concentration.above": "{who} hat einen Anteil von {share} ({dimension}, nach {by}); die Grenze"
            " {cap} liegt bei {at_most}.",
            "test": "Dies ist eine Probe; es ist nichts geschehen. Benachrichtigungen von {organisation}"
            " kommen hier an.",
        },
    }
)
_WARNINGS = MappingProxyType(
    {
        "en": {
            "credit-expires": "credit will expire",
            "minimum-missed": "minimum will be missed",
            "cap-reached": "cap will be reached",
            "credit-empty": "credit will be empty",
            "notice": "last day of notice",
            "idle": "nothing is drawn",
            "ends": "it ends",
        },
        "de": {
            "credit-expires": "Guthaben verfällt",
            "minimum-missed": "Mindestabnahme wird verfehlt",
            "cap-reached": "Obergrenze wird erreicht",
            "credit-empty": "Guthaben geht zu Ende",
            "notice": "Kündigungsfrist endet",
            "idle": "nichts wird abgerufen",
            "ends": "Vertrag endet",
        },
    }
)
_WARNED = MappingProxyType(
    {
        "credit-expires": "{amount} verfallen am {at} ungenutzt; bis dahin mehr Arbeit dorthin geben",
        "minimum-missed": "An der Mindestabnahme werden am {at} {amount} fehlen; mehr Arbeit dorthin geben"
        " oder mit dem Anbieter sprechen",
        "cap-reached": "Noch {amount}, voraussichtlich bis {at}; danach müssen andere die Arbeit übernehmen",
        "credit-empty": "Noch {amount}, voraussichtlich bis {at}; nachkaufen oder andere die Arbeit"
        " übernehmen lassen",
        "notice": "Die Kündigung muss bis {at} ausgesprochen sein",
        "idle": "Seit einiger Zeit wird nichts abgerufen; Stand {at}",
        "ends": "Er endet am {at}; wer übernimmt danach seine Arbeit?",
    }
)
_CLOSING = MappingProxyType(
    {
        "en": "\n\n-- \nSent by Rechenwerk for {organisation}.\n",
        "de": "\n\n-- \nGesendet von Rechenwerk für {organisation}.\n",
    }
)
_MONEY = ("amount", "used", "held", "left", "forecast", "below")


def amount_text(amount: str, currency: str, language: str) -> str:
    """Decimal text as people write it: ``1,234.50 EUR``, in German ``1.234,50 EUR``; to the cent at least."""
    value = Decimal(amount)
    places = max(2, -int(value.normalize().as_tuple().exponent))
    text = f"{value:,.{places}f}"
    if language == "de":
        text = text.translate(str.maketrans(",.", ".,"))
    return f"{text} {currency}".strip()


def day_text(moment: str, language: str) -> str:
    """A moment's day: ``2027-02-01``, in German ``01.02.2027``."""
    day = datetime.fromisoformat(moment)
    return f"{day:%d.%m.%Y}" if language == "de" else f"{day:%Y-%m-%d}"


def told(kind: str, data: Mapping[str, Any], language: str) -> tuple[str, str]:
    """Subject and text of a notice.

    Args:
        kind: of the notice.
        data: of the notice.
        language: en or de.
    """
    place = "budget.used_up" if kind == "budget.threshold" and data.get("used_up") else kind
    words = _words(data, language)
    subject = _SUBJECTS[language][place].format_map(words)
    text = _TEXTS[language][place].format_map(words)
    return subject, f"{subject}\n\n{text}{_CLOSING[language].format_map(words)}"


def _words(data: Mapping[str, Any], language: str) -> dict[str, Any]:
    words: dict[str, Any] = {**data}
    currency = data.get("currency") or data.get("unit") or ""
    for name in _MONEY:
        if data.get(name) is not None:
            words[name] = amount_text(data[name], currency, language)
    for name in ("ends_at", "at"):
        if data.get(name):
            words[name] = day_text(data[name], language)
    words["ends"] = words.get("ends_at") or ""
    words["owner"] = "/".join(part for part in (data.get("project"), data.get("key")) if part) or data.get(
        "organisation"
    )
    words["budget"] = _PERIODS[language].get(str(data.get("period")), "")
    if language == "en" and words["budget"]:
        words["budget"] = words["budget"].capitalize()
    warning = data.get("warning")
    if warning is not None:
        words["warning"] = _WARNINGS[language].get(warning, warning)
        if language == "de" and warning in _WARNED:
            words["message"] = _WARNED[warning].format_map(words)
    return words
