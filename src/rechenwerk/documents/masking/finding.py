"""Personal data in a text, German and English, by rules: what has a form, and what stands behind a label.

    mail addresses, accounts (IBAN), telephone numbers     by their form, right or mistyped
    days of birth                                          a date (our figures) behind words that say so
    addresses                                              a street with its number, a post code with its town
    names                                                  behind salutations, labels and good wishes, and a
                                                           frequent first name with what follows

Rather a word too many than one too few: what is masked in vain costs a model a hint, and nobody anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

import msgspec

from rechenwerk.documents.figures import find

KINDS = ("NAME", "EMAIL", "PHONE", "IBAN", "ADDRESS", "BIRTHDATE")
_LATIN = range(0x41, 0x250)
_UP = "".join(chr(one) for one in _LATIN if chr(one).isupper())
_LOW = "".join(chr(one) for one in _LATIN if chr(one).islower())
_PART = rf"[{_UP}](?:[{_LOW}]+|[{_UP}]+)"
_WORD = rf"(?<![^\W_]){_PART}(?:['\u2019-]{_PART})*(?![^\W_])"
_PARTICLE = r"(?:von|vom|van|de|der|den|del|zu|zur|ter|ten|la|le|al|el|bin|O['\u2019]|Mc|Mac)"
_REST = rf"(?:[ ](?:[{_UP}]\.[ ]?)*(?:{_PARTICLE}[ ])*{_WORD}){{0,3}}"
_NAMES = rf"{_WORD}{_REST}"
_EMAIL = re.compile(r"[\w.+-]+[ ]?@[ ]?[\w-]+(?:\.[\w-]+)+")
_IBAN = re.compile(r"\b[A-Z]{2}[ ]?\d{2}(?:[ \n]?[A-Z0-9]{4}){2,7}(?:[ \n]?[A-Z0-9]{1,3})?\b")
_DIGITS = r"\d(?:[ /().\N{EN DASH}-]{0,3}\d){5,16}"
_PHONE = re.compile(
    rf"(?:\+|\b00)[ ]?[1-9]{_DIGITS}"
    rf"|\(0\d{{1,5}}\)[ ]?\d[\d /-]{{3,14}}\d"
    r"|\b0\d{2,5}[ ]?[/-][ ]?\d[\d /-]{3,14}\d|\b01[5-7]\d[ ]?\d[\d ]{5,9}\d"
)
_CALLED = re.compile(
    r"\b(?:Tel(?:efon)?(?:nummer)?|Fon|Fax|Telefax|Mobil(?:telefon|nummer)?|Handy(?:nummer)?|Phone|Mobile"
    rf"|Cell|Rufnummer|Durchwahl)\b\.?(?:[ ]?(?:Nr\.?|number|no\.?))?[ \t]*[:.]?\s{{0,3}}(\+?[(\d]{_DIGITS})",
    re.IGNORECASE,
)
_BORN = re.compile(
    r"\b(?:geb(?:oren)?\.?(?:[ ]?am)?|Geburts(?:datum|tag)|Geb\.?-?[ ]?Datum|Tag der Geburt|born(?:[ ]on)?"
    r"|date of birth|birth[ ]?date|birthday|DOB)\b\.?[ \t]*[:.]?[^\n\d]{0,24}\n?[^\n\d]{0,24}$",
    re.IGNORECASE,
)
_LOOK_BACK = 90
_STREET_END = (
    r"(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|ring|damm|ufer|chaussee|steig|stieg|pfad|markt|hof|graben"
    r"|wall|berg|garten|promenade|zeile|siedlung|winkel|blick)"
)
_NUMBER = r"\d{1,4}(?:[ ]?[a-zA-Z](?![\w]))?(?:[ ]?[-/\N{EN DASH}][ ]?\d{1,4}[ ]?[a-z]?)?"
_STREET = re.compile(
    rf"\b(?:[{_UP}][\w.-]*[ -]){{0,3}}(?:[{_UP}][\w-]*{_STREET_END}"
    rf"|(?:Stra(?:ß|ss)e|Str\.|Weg|Platz|Allee|Gasse|Ring|Damm|Ufer|Markt|Hof))[ ]{_NUMBER}(?![\d.,]\d)"
    rf"|\bStra(?:ß|ss)e[ ](?:des|der|zum|zur)[ ][^\n,;:]{{3,30}}?[ ]{_NUMBER}(?![\d.,]\d)"
    rf"|\b(?:Am|An der|An den|Im|In der|In den|Auf der|Auf dem|Zum|Zur|Unter den|Hinter der)[ ]"
    rf"(?:[{_UP}][\w-]+[ ]){{1,3}}{_NUMBER}(?![\d.,]\d)"
    rf"|\b\d{{1,5}}[a-zA-Z]?,?[ ](?:[{_UP}][\w'-]+[ ]){{1,3}}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr"
    rf"|Court|Ct|Square|Sq|Terrace|Close|Crescent|Boulevard|Blvd|Place|Way)\b\.?"
)
_TOWN = re.compile(
    rf"(?:\b(?:D|A|CH|DE|AT)[ -]\d{{4,5}}|(?<![\d.,])\b\d{{5}})[ ](?:Bad[ ])?{_WORD}"
    rf"(?:[ ](?:am|an der|a\.|in|im|ob der)[ ]?{_WORD}|[ /-]{_WORD})?(?![\w])"
    r"|\b[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2}\b"
)
_OTHER = (
    r"(?!(?:Datum|Ort|Straße|Telefon|Tel|Fax|Rechnung|Kunden|Nummer|Unterschrift|Seite|Betrag|Date|Street|Phone"
    r"|Page|Number|Invoice|Signature|Adresse|Address|Anschrift|Vorname|Nachname|Name|Firma|Company)\b)"
)
"""What follows a label, and is the next one."""

_NAMED = f"({_OTHER}{_NAMES})"
_TITLE = r"(?:(?:Prof|Dr|Dipl|Ing|med|jur|phil|rer|nat|Mag|MBA|MSc|BSc|h|c)\.?(?:-(?:Ing|Kfm)\.?)?[ ]+)*"
_SALUTED = re.compile(
    rf"\b(?:Herrn?|Frau|Familie|Fräulein|Mr|Mrs|Ms|Miss|Mx)\b\.?[ \n]+{_TITLE}{_NAMED}"
    rf"|\b(?:Prof|Dr)\b\.?[ ]+{_TITLE}{_NAMED}"
)
_LABELS = (
    r"Name|Vor-?[ ]?und[ ]Nachname|Vorname(?:n|\(n\))?|Nachname|Familienname|Zuname|Rufname|Geburtsname"
    r"|Kontoinhaber(?:in)?|Ansprechpartner(?:in)?|Sachbearbeiter(?:in)?|Bearbeiter(?:in)?|Antragsteller(?:in)?"
    r"|Auftraggeber(?:in)?|Kund(?:e|in)|Patient(?:in)?|Mieter(?:in)?|Vermieter(?:in)?|Versicherte[r]?"
    r"|Arbeitnehmer(?:in)?|Mitarbeiter(?:in)?|Ehe(?:gatte|gattin|partner(?:in)?)|Inhaber(?:in)?"
    r"|Geschäftsführer(?:in)?|Unterzeichner(?:in)?|Empfänger(?:in)?|Absender(?:in)?"
    r"|z\.[ ]?Hd\.?(?:[ ]v(?:on|\.))?"
    r"|First name(?:s)?|Given name(?:s)?|Forename|Last name|Surname|Family name|Full name|Account holder"
    r"|Contact(?: person)?|Applicant|Customer|Tenant|Landlord|Employee|Attn|Attention|Signed(?: by)?|gez"
    r"|Von|An|From|To|Cc|Unterschrift|Signature"
)
_LABELLED = re.compile(
    rf"(?:^|[\n|;,(])[ \t]*(?:{_LABELS})\b\.?[ \t]*(?:[:|]|(?<=gez)\.?|(?<=gez\.)|(?<=Hd\.))"
    rf"[ \t]*\n?[ \t]*{_TITLE}{_NAMED}"
)
_SURNAME_FIRST = re.compile(rf"\b({_WORD}),[ ]({_WORD})\b")
_SIGNED = re.compile(
    r"(?:Grü(?:ß|ss)en?|Hochachtungsvoll|Gruß|[Rr]egards|[Ss]incerely|[Yy]ours(?: truly| faithfully)?"
    r"|i\.[ ]?A\.|i\.[ ]?V\.|ppa\.|Cheers|Best wishes),?[ \t]*\n\s*"
    rf"(?:i\.[ ]?[AV]\.[ ]*|ppa\.[ ]*)?{_TITLE}{_NAMED}"
)
_FORMED = re.compile(
    r"\b(?:Nachname|Familienname|Zuname|Vorname(?:n)?|Rufname|Geburtsname|Kontoinhaber(?:in)?|Last name"
    rf"|Surname|Family name|First name(?:s)?|Given name(?:s)?|Account holder)\b[ \t:|]*\n?[ \t]*{_NAMED}"
)
_ANY = re.compile(_WORD)
_ON = re.compile(_REST)


class Personal(msgspec.Struct, frozen=True, order=True):
    """A personal datum: `text[start:end]`, of one of KINDS."""

    start: int
    end: int
    kind: str


@cache
def first_names() -> frozenset[str]:
    """The frequent first names."""
    text = (resources.files("rechenwerk.documents.masking") / "first_names.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return frozenset(word for line in lines for word in line.split())


def personal(text: str, language: str = "") -> tuple[Personal, ...]:
    """Personal data of a text, in its order; none overlaps another.

    Args:
        text: of a document.
        language: 'de', 'en' or '' to sense it; for dates.
    """
    found = [
        *_matches(text, "EMAIL", _EMAIL),
        *_matches(text, "IBAN", _IBAN),
        *_births(text, language),
        *_phones(text),
        *_matches(text, "ADDRESS", _STREET),
        *_matches(text, "ADDRESS", _TOWN),
        *_names(text),
    ]
    return merged(found)


def merged(found: list[Personal]) -> tuple[Personal, ...]:
    """Without overlaps: what touches is one, of the kind of the longer."""
    kept: list[Personal] = []
    for one in sorted(found):
        if kept and one.start < kept[-1].end:
            last = kept[-1]
            kind = one.kind if one.end - one.start > last.end - last.start else last.kind
            kept[-1] = Personal(last.start, max(last.end, one.end), kind)
        else:
            kept.append(one)
    return tuple(kept)


def _matches(text: str, kind: str, pattern: re.Pattern[str]) -> Iterator[Personal]:
    for one in pattern.finditer(text):
        yield Personal(one.start(), one.end(), kind)


def _births(text: str, language: str) -> Iterator[Personal]:
    if not re.search(r"geb|born|birth|DOB", text, re.IGNORECASE):
        return
    for figure in find(text, language=language):
        before = text[max(0, figure.start - _LOOK_BACK) : figure.start]
        if figure.kind == "date" and _BORN.search(before):
            yield Personal(figure.start, figure.end, "BIRTHDATE")


def _phones(text: str) -> Iterator[Personal]:
    for one in _CALLED.finditer(text):
        yield Personal(one.start(1), one.end(1), "PHONE")
    for one in _PHONE.finditer(text):
        yield Personal(one.start(), one.end(), "PHONE")


def _names(text: str) -> Iterator[Personal]:
    for pattern in (_SALUTED, _LABELLED, _FORMED, _SIGNED):
        for one in pattern.finditer(text):
            group = one.lastindex or 1
            yield Personal(one.start(group), one.end(group), "NAME")
    known = first_names()
    for one in _ANY.finditer(text):
        if one[0].split("-")[0].capitalize() in known:
            rest = _ON.match(text, one.end())
            yield Personal(one.start(), rest.end() if rest is not None else one.end(), "NAME")
    for one in _SURNAME_FIRST.finditer(text):
        if one[2].capitalize() in known:
            yield Personal(one.start(), one.end(), "NAME")
