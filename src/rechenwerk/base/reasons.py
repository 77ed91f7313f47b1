"""Why something was decided: sentences that travel as a code with values, and are said in German and English.

A `Reason` is its English sentence, so whoever keeps or shows it as text need not know more; beside it goes
what it was `told` from, out of which `german` makes the German one where a person reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from string import Formatter
from types import MappingProxyType
from typing import Self

Told = Mapping[str, str]
"""A code, and the values of its sentence."""
_SWAPPED = str.maketrans(",.", ".,")

REASONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # where a call goes: the router
        "planned_all": (
            "der Plan schickt alles dieser Klasse hierher",
            "the plan sends all of this class here",
        ),
        "planned": (
            "der Plan schickt {share} Prozent dieser Klasse hierher",
            "the plan sends {share} percent of this class here",
        ),
        "cheapest": ("die nächste Einheit ist hier am billigsten", "its next unit is the cheapest"),
        "same_price": (
            "die nächste Einheit kostet gleich viel, und anderswo ist Platz",
            "its next unit costs the same, and the other has room",
        ),
        "cheaper_for_others": (
            "die nächste Einheit ist billiger und für andere Klassen eingeplant",
            "its next unit is cheaper, and planned for other classes",
        ),
        "dearer": ("die nächste Einheit ist teurer", "its next unit is dearer"),
        "dearer_than_refusing": (
            "die nächste Einheit kostet mehr als eine Ablehnung",
            "its next unit costs more than refusing does",
        ),
        "no_calls_now": ("nimmt gerade keine Aufrufe an", "takes no calls now"),
        "exhausted": ("{name} ist aufgebraucht", "{name} is exhausted"),
        "cap_reached": ("die Obergrenze von {name} ist erreicht", "the cap of {name} is reached"),
        "kept": (
            "was von {name} übrig ist, bleibt kritischer Arbeit vorbehalten",
            "what is left of {name} is kept for critical work",
        ),
        "reserve_for_this": (
            "{share} Prozent von {name} bleiben kritischer Arbeit vorbehalten, und das ist solche",
            "{share} percent of {name} is kept for critical work, which this is",
        ),
        "reserve": (
            "{share} Prozent von {name} bleiben kritischer Arbeit vorbehalten, und das ist keine",
            "{share} percent of {name} is kept for critical work; this is none",
        ),
        "not_in_plan": (
            "der Plan kennt sie noch nicht; nach ihrem Listenpreis",
            "the plan does not know it yet; by its list price",
        ),
        "only": ("die einzige Bereitstellung", "the only deployment"),
        "best": ("die beste von {count} in diesem Moment", "the best of {count} at that moment"),
        # where it may not go: rules
        "class_place": (
            (
                "die Datenklasse {data_class} erlaubt nur {allowed}, und die Bereitstellung"
                " steht in {place}: das Modell dort anbieten, oder dem Projekt eine Klasse geben,"
                " die es erlaubt."
            ),
            (
                "The data class {data_class} allows {allowed} only and the deployment stands in"
                " {place}: offer the model there, or give the project a class that allows it."
            ),
        ),
        "class_no_place": (
            (
                "die Datenklasse {data_class} erlaubt nur {allowed}, und von der Bereitstellung"
                " ist kein Rechtsraum bekannt: das Modell dort anbieten, oder dem Projekt eine"
                " Klasse geben, die es erlaubt."
            ),
            (
                "The data class {data_class} allows {allowed} only and the deployment has no"
                " known jurisdiction: offer the model there, or give the project a class that"
                " allows it."
            ),
        ),
        "class_level": (
            (
                "die Datenklasse {data_class} verlangt die Verarbeitungsstufe {level}, und die"
                " Bereitstellung bietet {offered}: das Modell auf dieser Stufe anbieten, oder dem"
                " Projekt eine Klasse geben, die es erlaubt."
            ),
            (
                "The data class {data_class} needs the processing level {level} and the"
                " deployment offers {offered}: offer the model at that level, or give the project"
                " a class that allows it."
            ),
        ),
        "provider_off": ("ihr Anbieter ist abgeschaltet{why}", "its provider is switched off{why}"),
        "off": ("sie ist abgeschaltet{why}", "it is switched off{why}"),
        "site_out": ("ihr Standort {site} ist ausgefallen{why}", "its site {site} is out{why}"),
        "contract_begins": (
            "ihr Vertrag '{contract}' beginnt am {day}",
            "its contract '{contract}' begins on {day}",
        ),
        "contract_ended": (
            "ihr Vertrag '{contract}' endete am {day}",
            "its contract '{contract}' ended on {day}",
        ),
        "contract_proposed": (
            "ihr Vertrag '{contract}' ist erst vorgeschlagen",
            "its contract '{contract}' is proposed",
        ),
        "contract_expired": (
            "ihr Vertrag '{contract}' ist abgelaufen",
            "its contract '{contract}' is expired",
        ),
        "others_contract": (
            "der Vertrag '{contract}' ist für andere Projekte oder Zwecke",
            "the contract '{contract}' is for other projects or purposes",
        ),
        "other_tier": ("ihre Dienststufe ist {tier}", "its service tier is {tier}"),
        "not_running": ("ihr Anbieter läuft nicht", "its provider is not running"),
        "no_way": (
            "ein Anbieter der Art {kind} kann kein {endpoint}",
            "a provider of the kind {kind} has no {endpoint}",
        ),
        "owner_above_cap": (
            (
                "die Konzentrationsgrenze '{cap}' erlaubt dem Eigentümer '{name}' {most:n} der"
                " Ausgaben von {days} Tagen, und er hat {has:n}: einen anderen nehmen, die Grenze"
                " heben oder weich machen."
            ),
            (
                "The concentration cap '{cap}' allows the owner '{name}' {most} of the spend of"
                " {days} days and it has {has}: use another, raise the cap, or make it soft."
            ),
        ),
        "provider_above_cap": (
            (
                "die Konzentrationsgrenze '{cap}' erlaubt dem Anbieter '{name}' {most:n} der"
                " Ausgaben von {days} Tagen, und er hat {has:n}: einen anderen nehmen, die Grenze"
                " heben oder weich machen."
            ),
            (
                "The concentration cap '{cap}' allows the provider '{name}' {most} of the spend"
                " of {days} days and it has {has}: use another, raise the cap, or make it soft."
            ),
        ),
        # where it went and must not: the audit
        "unknown_deployment": (
            "von dieser Bereitstellung ist nichts bekannt",
            "nothing is known of this deployment",
        ),
        "unknown_then": (
            "von ihrem Projekt oder ihrer Bereitstellung ist zu dieser Zeit nichts bekannt",
            "nothing is known of its project or deployment at that time",
        ),
        "class_wrong": (
            "die Entscheidung nennt die Datenklasse {decided}, die des Projekts war {data_class}",
            "the decision says the data class {decided}, the project's was {data_class}",
        ),
        # what an attempt came to
        "answered": ("der Anbieter antwortete {status}", "the provider answered {status}"),
        "unreadable": (
            "die Antwort des Anbieters ist nicht zu lesen: {error}",
            "the provider's answer cannot be read: {error}",
        ),
        "no_connection": (
            "keine Verbindung zu {address}: {error}",
            "no connection to {address}: {error}",
        ),
        "no_connection_in_time": (
            "keine Verbindung zu {address}: keine Antwort in der Zeit",
            "no connection to {address}: no answer in time",
        ),
        "too_late": (
            "der Anbieter antwortete nicht in der Zeit eines Aufrufs",
            "the provider did not answer within the time of a call",
        ),
        "silent": (
            "der Anbieter schickte nicht rechtzeitig ein Byte",
            "the provider did not send a byte in time",
        ),
        "no_http": (
            "der Anbieter spricht kein HTTP: {error}",
            "the provider does not speak HTTP: {error}",
        ),
        "endless_head": (
            "der Anbieter schickt einen Kopf ohne Ende",
            "the provider sends a head without end",
        ),
        "stream_unreadable": (
            "das Ende des Stroms ist nicht zu lesen: {error}",
            "the end of the stream cannot be read: {error}",
        ),
        "stream_empty": (
            "der Anbieter beendete den Strom, bevor er etwas sagte",
            "the provider ended the stream before it said anything",
        ),
        "stream_cut": (
            "der Anbieter beendete den Strom ohne sein letztes Ereignis",
            "the provider ended the stream without its last event",
        ),
        "stream_failed": (
            "der Anbieter beendete den Strom mit einem Fehler",
            "the provider ended the stream with an error",
        ),
        "hung_up": (
            "der Anbieter legte auf, bevor seine Antwort vollständig war",
            "the provider hung up before its answer was complete",
        ),
        "no_answer": ("der Anbieter schickte keine Antwort", "the provider sent no answer"),
        "client_gone": (
            "der Client war fort, und der Anbieter wurde nicht rechtzeitig fertig",
            "the client was gone, and the provider did not finish in time",
        ),
        "gateway_stopped": (
            "das Gateway hielt an, bevor die Antwort vollständig war",
            "the gateway stopped before the answer was complete",
        ),
        "gone_before_next": (
            "der Client war vor dem nächsten Versuch fort",
            "the client was gone before the next attempt",
        ),
        "no_usage": ("der Anbieter meldete keinen Verbrauch", "the provider reported no usage"),
        "first_choice": ("nur der Verbrauch der ersten Antwort", "usage of the first choice only"),
        # what the next unit costs: contracts
        "bought": (
            "gekaufte Kapazität: bezahlt, ob genutzt oder nicht",
            "bought capacity: paid whether used or not",
        ),
        "own_hardware": (
            "eigene Hardware: Energie zu {energy:n} je kWh",
            "own hardware: energy at {energy} per kWh",
        ),
        "grant_free": ("Zuteilung: kostenlos", "grant: free of charge"),
        "grant_price": ("Zuteilung: {price:n} je {unit}", "grant: {price} per {unit}"),
        "commitment_price": ("Preis der Abnahmeverpflichtung", "price of the commitment"),
        "per_million": (
            "{input:n} / {output:n} je Million Eingabe / Ausgabe",
            "{input} / {output} per million in / out",
        ),
        "tier_from": ("Staffel ab {place:n}", "tier from {place}"),
        "service_tier": ("{tier}", "{tier}"),
        "steps": ("abgerechnet in Schritten von {size:n}", "billed in steps of {size}"),
        "free": ("noch {left:n} frei", "free for another {left}"),
        "credit_worth": (
            "das Guthaben '{name}' bezahlt und wird ohnehin aufgebraucht: seinen Betrag wert",
            "credit '{name}' pays, and will be used up anyway: worth its money",
        ),
        "credit_expires": (
            "das Guthaben '{name}' bezahlt und würde ungenutzt verfallen: umsonst",
            "credit '{name}' pays, and would expire unused: free",
        ),
        "credit_chance": (
            "das Guthaben '{name}' bezahlt; mit {chance:n} würde es ungenutzt verfallen",
            "credit '{name}' pays; {chance} that it would expire unused",
        ),
        "discount": ("{share:n} Nachlass durch '{name}'", "{share} off by '{name}'"),
        "committed_discount": ("{share:n} Nachlass bis zum Minimum", "{share} off up to its minimum"),
        "minimum_missed": (
            "mit {chance:n} wird das Minimum von '{name}' verfehlt: {lost:n} davon wären ohnehin zu zahlen",
            "{chance} that the minimum of '{name}' is missed: {lost} of it would be paid anyway",
        ),
        "minimum_safe": (
            "das Minimum von '{name}' ist erreicht oder sicher",
            "the minimum of '{name}' is safe",
        ),
    }
)
"""A code -> German, English. `{x:n}` is a number, which German writes with a comma."""


class Reason(str):
    """An English sentence, and what it was told from.

    Attributes:
        told: codes with their values, as JSON can have them; several where it is several reasons.
    """

    __slots__ = ("told",)
    told: tuple[Told, ...]

    def __new__(cls, text: str, told: Iterable[Told] = ()) -> Self:
        """A sentence that is known already; `reason` makes one of a code."""
        made = super().__new__(cls, text)
        made.told = tuple(told)
        return made


def reason(code: str, **values: object) -> Reason:
    """The sentence of a code with its values.

    Raises:
        KeyError: there is no such code, or it needs another value.
    """
    said = {name: str(value) for name, value in values.items()}
    return Reason(REASONS[code][1].format(**said), [{"code": code, **said}])


def joined(reasons: Iterable[Reason], sign: str = "; ") -> Reason:
    """Several reasons as one; those without words are left out."""
    some = [one for one in reasons if one]
    return Reason(sign.join(some), [told for one in some for told in one.told])


def told_of(text: str) -> list[dict[str, str]]:
    """What a sentence was told from, for JSON; nothing of one that is not a `Reason`."""
    return [dict(one) for one in text.told] if isinstance(text, Reason) else []


def said_by(error: Exception) -> str:
    """What an error says: as a `Reason` where it was raised with one."""
    said = error.args[0] if error.args else ""
    return said if isinstance(said, str) else str(error)


def beside(name: str, said: str) -> dict[str, object]:
    """A reason as a field, and beside it what it was told from."""
    return {name: str(said), f"{name}_told": told_of(said)}


class _German(Formatter):
    """Writes numbers with a comma."""

    def format_field(self, value: object, format_spec: str) -> str:
        """A value in its place."""
        return str(value).translate(_SWAPPED) if format_spec == "n" else str(value)


def is_told(name: str) -> bool:
    """Whether a field is what another one was told from."""
    return name.endswith("_told")


def german(told: Sequence[Told]) -> str:
    """The German sentence; '' where a code or one of its values is not known, or nothing was told."""
    try:
        return "; ".join(_German().vformat(REASONS[one["code"]][0], (), one) for one in told)
    except (KeyError, TypeError, ValueError):
        return ""
