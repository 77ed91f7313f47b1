"""What has digits and is no figure: numbers of phones, articles and accounts, sections, versions, times."""

from __future__ import annotations

import re
from types import MappingProxyType

from rechenwerk.documents.figures.style import listed

_S = r"[ \u00a0]"
_IDENTIFIER = r"(?=[\w./-]*\d)[A-Za-z0-9ÄÖÜ][\w./-]*\w|\d"
_PHONE = re.compile(
    rf"(?:Tel(?:efon|ephone|efax)?|Fax|Phone|Mobile?|Handy|Call|Hotline|Durchwahl)(?:nummer|{_S}number)?"
    rf"\.?:?{_S}*[+(]?\d[\d \u00a0()/.-]{{4,}}\d",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    rf"[\w-]*(?:nummer|nr|number|numbers|id|ref|reference|referenz)(?![^\W\d_])[.:#]{{0,2}}{_S}{{0,3}}[:#]?{_S}{{0,2}}"
    rf"(?:{_IDENTIFIER})(?:(?:{_S}|/){{1}}\d{{2,}}(?![.,\d]))*",
    re.IGNORECASE,
)
_NO = re.compile(
    rf"no(?:\.{_S}?:?|:){_S}?(?:{_IDENTIFIER})|no{_S}(?=[A-Z]+-?\d)(?:{_IDENTIFIER})", re.IGNORECASE
)
_SECTION = re.compile(
    rf"(?:§§?{_S}?|(?:Art(?:ikel|icle)?s?|Abs(?:atz)?|Sec(?:tion)?s?|Para(?:graph)?s?|Kapitel|Chapter|Anlage|Annex"
    r"|Appendix|Ziffer|Ziff|Tabelle|Tables?|Tab|Abbildung|Abb|Figures?|Fig|Seiten?|Pages?|Zimmer|Raum|Room|Gleis"
    r"|Formel|Formula|Schritt|Step|Nummer|Position|Pos|Posten|Zeile|Line|Level|Stufe|Phase|Serie|Teil|Part"
    r"|Version|Release|Python|Java|Windows|DIN|ISO|IEC|EN|RFC|HRB|HRA|BLZ|PLZ|VDE|IFRS|IAS|ASC|Konto|Account|Klasse"
    rf"|Class|Block|Halle|Hall|Tor|Gate|Buch|Punkt|Frage|Question|Aktenzeichen|Az|Case|ISBN|ISSN|Lot|Los|EAN|GTIN|UPC|SKU|Suite|Apt|Box|Postfach|ZIP|Wohnung|RTX|GTX|iPhone)\.?{_S}?)"
    rf"(?:(?:zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|eins|one|two|three|four|five|six|seven|eight|nine|ten)\b"
    rf"|(?:No\.?{_S}?)?v?\d[\w.:/-]*\b(?:{_S}?\(\d+\))*)"
    rf"(?:{_S}[A-Z]{{1,3}}{_S}\d+/\d+)?"
    rf"(?:{_S}?(?:,|und|and|bis|von|of|to|Abs\.?|Absatz|Satz|S\.|Nr\.|ff?\.|lit\.){_S}?\d*(?![.,]?\d|\w)"
    rf"|{_S}(?:ff?\.))*",
    re.IGNORECASE,
)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ \u00a0]?[A-Z0-9]{4}){2,7}(?:[ \u00a0]?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"
)
_PHONES = listed("tel telefon telephone telefax fax phone mobil mobile handy call hotline durchwahl")
_NUMBERS = listed("id ref reference referenz number nr nummer")
_SECTIONS = listed(
    "§ art artikel article articles abs absatz sec section sections para paragraph paragraphs kapitel"
    " chapter anlage annex appendix ziffer ziff tabelle table tables tab abbildung abb figure figures fig"
    " seite seiten page pages zimmer raum room gleis formel formula schritt step position pos posten zeile"
    " line level stufe phase serie teil part version release python java windows din iso iec en rfc hrb hra"
    " blz plz vde ifrs ias asc konto account klasse class block halle hall tor gate buch punkt frage question"
    " aktenzeichen az case isbn issn lot los ean gtin upc sku suite apt box postfach zip"
    " wohnung rtx gtx iphone"
)
_WORDS = MappingProxyType(
    dict.fromkeys(_PHONES, _PHONE)
    | dict.fromkeys(_SECTIONS, _SECTION)
    | dict.fromkeys(_NUMBERS, _NUMBERED)
    | {"no": _NO}
)
_ENDINGS = ("nummer", "nr", "number")
_STREETS = ("straße", "strasse", "weg", "allee", "gasse")
_HOUSE = re.compile(rf"[^\W\d_]+{_S}\d{{1,4}}[a-z]?(?![\w]|[.,]\d|{_S}?[%€$])")
_TIME = re.compile(
    rf"(?:\d{{1,2}}[.:]\d\d(?:{_S}?(?:bis|-){_S}?\d{{1,2}}[.:]\d\d)?{_S}?Uhr|\d{{1,2}}(?::\d\d){{1,2}}(?:{_S}?(?:Uhr|[ap]m\b|[ap]\.m\.))?"
    rf"|\d{{1,2}}{_S}?(?:(?:bis|-){_S}?\d{{1,2}}{_S}?)?(?:Uhr(?![^\W\d_])|[ap]m\b|[ap]\.m\.)(?:{_S}\d\d(?!\d|[.,]\d))?)(?!\d)",
    re.IGNORECASE,
)
_SCALED = re.compile(rf"{_S}(?:Mio|Mrd|Million|Milliard|Billion|million|billion|trillion|bn\b|mn\b)")
"""'die neue Halle 33 Millionen Euro': no hall has that number."""
_TO = re.compile(
    rf"\d{{1,2}}[.:]\d\d{_S}(?:bis|to|-){_S}\d{{1,2}}[.:]\d\d{_S}?(?:Uhr|[ap]m)\b", re.IGNORECASE
)
_INTERNATIONAL = re.compile(r"(?:\d[ \u00a0()/.-]{0,2}){7,}\d*")
_AREA = re.compile(
    r"\(?\d{3}\)[ \u00a0]?\d{3}-\d{4}|\d{3}-\d{3}-\d{4}|0\d{2,4}[ \u00a0]?/[ \u00a0]?\d[\d \u00a0]{3,}"
    r"|0\d{2,4}[ \u00a0-]\d{3}[\d \u00a0]{2,}"
)
_ORDINAL = re.compile(r"\d{1,3}(?:st|nd|rd|th)(?!\w)|\d{1,2}\.(?=[ \u00a0][^\W\d_])")
_ARTICLE = re.compile(
    r"(?<![^\W\d_])(?:der|die|das|dem|den|des|zum|zur|im|am|beim|vom|ein|eine[rsnm]?|jede[rsnm]?|ihre?[rsnm]?"
    r"|seine?[rsnm]?|dessen|unser[en]*)[ \u00a0]$",
    re.IGNORECASE,
)
_SPACED_CHUNK = re.compile(r"[\w.,:/'@#+-]*\w(?: \d{3}(?!\d)[\d.,]*)*")
_CHUNK = re.compile(r"[\w.,:/'@#+-]*\w")


def shielded_word(text: str, start: int, name: str) -> int:
    """Offset behind what a word at an offset makes no figure ('Tel. 030 ...'), 0 where it does not.

    Args:
        text: plain.
        start: of the word.
        name: the word in lower case.
    """
    pattern = _WORDS.get(name) or (_NUMBERED if name.endswith(_ENDINGS) else None)
    if pattern is None and name.endswith(_STREETS) and text[start].isupper():
        pattern = _HOUSE
    if pattern is None or (start and text[start - 1] == "_"):
        return 0
    found = pattern.match(text, start)
    return found.end() if found and not _SCALED.match(text, found.end()) else 0


def shielded_digits(text: str, start: int) -> int:
    """Offset behind digits that are no figure (a time, a phone, an IBAN), 0 where they may be one."""
    front = text[start - 1] if start else ""
    if front.isupper() and start >= 2:
        iban = _IBAN.match(text, start - 2)
        if iban:
            return iban.end()
    if front == "+" or text[start] == "0":
        phone = (_INTERNATIONAL if front == "+" else _AREA).match(text, start)
        if phone:
            return phone.end()
    if front == "(":
        phone = _AREA.match(text, start - 1)
        if phone:
            return phone.end()
    for pattern in (_TO, _TIME):
        found = pattern.match(text, start)
        if found:
            return found.end()
    return 0


def ordinal_end(text: str, start: int, language: str) -> int:
    """Offset behind an ordinal ('3rd', 'der 3. Platz', '1. Gegenstand', '2. Auflage'), or 0."""
    found = _ORDINAL.match(text, start)
    if found is None or (
        text[found.end() - 1] == "."
        and not (language == "de" and text[found.end() + 1 : found.end() + 2].isupper())
        and not _leads(text, start)
        and not _ARTICLE.search(text, max(0, start - 10), start)
    ):
        return 0
    return found.end()


def _leads(text: str, start: int) -> bool:
    """Whether a line begins here."""
    begin = max(0, start - 100)
    return not text[max(begin, text.rfind("\n", begin, start) + 1) : start].strip(" \u00a0")


def chunk_end(text: str, start: int, *, spaced: bool = False) -> int:
    """Offset behind the digits, letters and signs that hang together here, groups after spaces besides."""
    found = (_SPACED_CHUNK if spaced else _CHUNK).match(text, start)
    return found.end() if found else start + 1
