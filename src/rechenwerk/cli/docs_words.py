"""What the commands about documents say to a clerk, in German and English."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

_GERMAN: Mapping[str, str] = MappingProxyType(
    {
        "sending files": "Dateien senden",
        "reading": "lesen",
        "finding values": "Werte suchen",
        "documents have changed; a worker compares them anew, this is how it was before": (
            "Dokumente haben sich geändert; sie werden neu verglichen, dies ist der Stand davor"
        ),
        "{name}: page {read} of {pages}": "{name}: Seite {read} von {pages}",
        "files": "Dateien",
        "file": "Datei",
        "job": "Auftrag",
        "name": "Name",
        "schema": "Schema",
        "state": "Status",
        "pages": "Seiten",
        "values": "Werte",
        "to review": "zu prüfen",
        "cost": "Kosten",
        "budget": "Budget",
        "begun": "begonnen",
        "reason": "Grund",
        "field": "Feld",
        "value": "Wert",
        "page": "Seite",
        "quote": "Zitat",
        "why": "warum",
        "what": "was",
        "how many": "wie viele",
        "origin": "Herkunft",
        "version": "Version",
        "fields": "Felder",
        "by": "von",
        "title": "Bezeichnung",
        "type": "Art",
        "required": "nötig",
        "yes": "ja",
        "values proven": "Werte belegt",
        "values to review": "Werte zu prüfen",
        "values not in the document": "Werte nicht im Dokument",
        "values decided by people": "Werte von Menschen entschieden",
        "files done": "Dateien fertig",
        "files refused": "Dateien abgewiesen",
        "files failed": "Dateien gescheitert",
        "files twice": "Dateien doppelt",
        "archives unpacked": "Archive entpackt",
        "pages read": "Seiten gelesen",
        "time": "Zeit",
        "calls to a model": "Anfragen an ein Modell",
        "open": "offen",
        "running": "läuft",
        "paused": "angehalten",
        "done": "fertig",
        "cancelled": "abgebrochen",
        "waiting": "wartet",
        "refused": "abgewiesen",
        "failed": "gescheitert",
        "duplicate": "doppelt",
        "unpacked": "entpackt",
        "proven": "belegt",
        "unproven": "unbelegt",
        "absent": "fehlt",
        "accepted": "bestätigt",
        "corrected": "berichtigt",
        "rejected": "verworfen",
        "xml": "XML",
        "rule": "Regel",
        "trained": "angelernt",
        "model": "Modell",
        "person": "Person",
        "Documents of job {job}": "Dokumente von Auftrag {job}",
        "Values of {name}": "Werte aus {name}",
        "Jobs of documents": "Aufträge",
        "Summary of job {job}: {name}": "Zusammenfassung von Auftrag {job}: {name}",
        "Files that were not read": "Dateien, die nicht gelesen wurden",
        "Facts of job {job}": "Fakten aus Auftrag {job}",
        "Contradictions in job {job}": "Widersprüche in Auftrag {job}",
        "Schemas of documents": "Schemata",
        "Schema {name}": "Schema {name}",
        "going on with job {job}; --new begins another": (
            "weiter mit Auftrag {job}; --new beginnt einen neuen"
        ),
        "job {job} is paused: {reason}": "Auftrag {job} ist angehalten: {reason}",
        "go on with: rechenwerk docs resume {job} --budget AMOUNT": (
            "weiter mit: rechenwerk docs resume {job} --budget BETRAG"
        ),
        "job {job} was cancelled": "Auftrag {job} wurde abgebrochen",
        "written: {file}": "geschrieben: {file}",
        "look at what is to be reviewed: rechenwerk docs review {job}": (
            "ansehen, was zu prüfen ist: rechenwerk docs review {job}"
        ),
        "{count} files are being sent": "{count} Dateien werden gesendet",
        "several short questions per document: about {amount} {currency}, a guess; --budget is the bound": (
            "mehrere kurze Fragen je Dokument: etwa {amount} {currency}, geschätzt; --budget ist die Grenze"
        ),
        "asking about {name}: {count} answers": "frage zu {name}: {count} Antworten",
        "kind not told": "Art nicht erkannt",
        "documents: {kind}": "Dokumente: {kind}",
        "the kind of {name} cannot be told: rechenwerk docs kind {job} {document} SCHEMA": (
            "die Art von {name} ist nicht zu erkennen: rechenwerk docs kind {job} {document} SCHEMA"
        ),
        "document {document}: {kind}": "Dokument {document}: {kind}",
        "it costs nothing: no model is asked": "es kostet nichts: kein Modell wird gefragt",
        "what it will cost cannot be told": "was es kosten wird, lässt sich nicht sagen",
        "Go on?": "Weiter?",
        "waiting: {reason}": "wartet: {reason}",
        "no worker has begun yet; the operator starts one with `rechenwerk serve`": (
            "noch hat kein Arbeiter begonnen; der Betreiber startet einen mit `rechenwerk serve`"
        ),
        "nothing is left to review in job {job}": "in Auftrag {job} ist nichts mehr zu prüfen",
        "{number} of {left}": "{number} von {left}",
        "nothing was found for it in the document": "im Dokument wurde nichts dazu gefunden",
        "{a} accept  {c} correct  {r} reject  {s} skip  {p} page  {q} quit": (
            "{a} bestätigen  {c} berichtigen  {r} verwerfen  {s} überspringen  {p} Seite  {q} beenden"
        ),
        "choose": "Wahl",
        "right value (empty: it is not in the document)": ("richtiger Wert (leer: steht nicht im Dokument)"),
        "one of: {options}": "eines von: {options}",
        "there is no image of this page": "von dieser Seite gibt es kein Bild",
        "somebody else decided meanwhile; here is the next one": (
            "jemand anderes hat inzwischen entschieden; hier ist der nächste Wert"
        ),
        "decided: {decided}, left: {left}": "entschieden: {decided}, offen: {left}",
        "job {job} and its {count} documents are deleted": (
            "Auftrag {job} und seine {count} Dokumente sind gelöscht"
        ),
        "Delete job {job} with all its documents and decisions?": (
            "Auftrag {job} mit allen Dokumenten und Entscheidungen löschen?"
        ),
        "watching {folder}; Ctrl-C ends": "beobachte {folder}; Strg-C beendet",
        "{name}: sent": "{name}: gesendet",
        "the value the document gives": "der Wert im Dokument",
        "who": "wer",
        "period": "Zeitraum",
        "amount": "Betrag",
        "status": "Stand",
        "document": "Dokument",
        "sources": "Quellen",
        "reported": "gemeldet",
        "contracted": "vertraglich",
        "planned": "geplant",
        "target": "Ziel",
        "estimated": "geschätzt",
        "conditional": "bedingt",
        "no facts yet": "noch keine Fakten",
        "no contradictions": "keine Widersprüche",
        "side": "Aussage",
        "review": "Prüfung",
        "list": "Liste",
        "changed": "geändert",
        "VAT id": "USt-IdNr.",
        "Known suppliers and customers": "Bekannte Lieferanten und Kunden",
        "{rows} names: {new} new, {changed} with more numbers": (
            "{rows} Namen: {new} neu, {changed} mit weiteren Nummern"
        ),
        "{number} is forgotten": "{number} ist vergessen",
        "side {number}": "Aussage {number}",
        "decision": "Entscheidung",
        "side {number} is right": "Aussage {number} stimmt",
        "both stand": "beides gilt",
        "none is right": "nichts davon stimmt",
        "gone": "besteht nicht mehr",
        "contradiction {number} of {left}": "Widerspruch {number} von {left}",
        "{n} this side is right  {b} both stand  {r} none is right  {s} skip  {p} pages  {q} quit": (
            "{n} diese Aussage stimmt  {b} beides gilt  {r} nichts davon stimmt  {s} überspringen"
            "  {p} Seiten  {q} beenden"
        ),
        ", contradictions: {left}": ", Widersprüche: {left}",
        "contradictions to review": "Widersprüche zu prüfen",
    }
)


def language_of(environment: str | None = None) -> str:
    """German (de) where the terminal is German, else en.

    Args:
        environment: in the place of LC_ALL, LC_MESSAGES or LANG.
    """
    text = environment
    if text is None:
        text = next((os.environ[one] for one in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(one)), "")
    return "de" if text.casefold().startswith("de") else "en"


class DocumentWords:
    """Says things to a clerk.

    Args:
        language: de or en.
    """

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, text: str, **values: object) -> str:
        """A text, which is its own key, with values in it."""
        said = _GERMAN.get(text, text) if self.language == "de" else text
        return said.format(**values) if values else said

    def count(self, number: int) -> str:
        """12,000 or 12.000."""
        text = f"{number:,}"
        return text.replace(",", ".") if self.language == "de" else text

    def money(self, amount: str, currency: str) -> str:
        """0,0123 EUR: to the hundredth of a cent, so that small jobs do not look free."""
        whole, _, rest = amount.partition(".")
        rest = rest[:4].rstrip("0").ljust(2, "0")
        text = f"{int(whole):,}.{rest}"
        return (text.translate(str.maketrans(",.", ".,")) if self.language == "de" else text) + f" {currency}"

    def seconds(self, number: float) -> str:
        """1:05 or 2:03:04."""
        minutes, seconds = divmod(round(number), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
