"""What stands beside a number: scales, currencies, percent, units of measure and of time."""

from __future__ import annotations

import re
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from rechenwerk.documents.figures.numerals import Number
from rechenwerk.documents.figures.style import Style, listed

CODES = listed(
    "EUR USD GBP CHF JPY CNY SEK NOK DKK PLN CZK HUF CAD AUD NZD SGD HKD INR BRL MXN ZAR RUB UAH KRW ILS AED"
    " SAR THB RON BGN ISK TWD"
)
SIGNS = MappingProxyType(
    {
        "US-$": "USD",
        "US$": "USD",
        "CA$": "CAD",
        "AU$": "AUD",
        "HK$": "HKD",
        "NZ$": "NZD",
        "C$": "CAD",
        "A$": "AUD",
        "S$": "SGD",
        "R$": "BRL",
        "CN¥": "CNY",
        "€": "EUR",
        "$": "USD",
        "£": "GBP",
        "¥": "JPY",
        "₹": "INR",
        "₽": "RUB",
        "₩": "KRW",
        "₺": "TRY",
        "₴": "UAH",
        "₿": "BTC",
    }
)
_AFTER_ONLY = MappingProxyType({"zł": "PLN", "Kč": "CZK", "Ft": "HUF"})
_BEFORE_ONLY = MappingProxyType({"SFr.": "CHF", "Fr.": "CHF", "sFr.": "CHF"})
_NAMES = MappingProxyType(
    {
        r"euros?": "EUR",
        r"(?:us|u\.s\.|american|(?:us-)?amerikanische[rn]?)[ -]?dollars?": "USD",
        r"(?:canadian|kanadische[rn]?)[ -]dollars?": "CAD",
        r"(?:australian|australische[rn]?)[ -]dollars?": "AUD",
        r"dollars?": "USD",
        r"(?:british|britische[rn]?)[ ](?:pounds?|pfund)": "GBP",
        r"pounds?[ ]sterling|pfund[ ]sterling": "GBP",
        r"(?:schweizer|swiss)[ ](?:franken|francs?)|franken": "CHF",
        r"(?:japanische[rn]?|japanese)[ ]yen|yen": "JPY",
        r"(?:chinesische[rn]?|chinese)[ ]yuan|yuan|renminbi": "CNY",
        r"(?:schwedische[rn]?|swedish)[ ](?:kronen|kronor|kronas?|crowns?)": "SEK",
        r"(?:dänische[rn]?|danish)[ ](?:kronen|kroner|krones?|crowns?)": "DKK",
        r"(?:norwegische[rn]?|norwegian)[ ](?:kronen|kroner|krones?|crowns?)": "NOK",
        r"(?:indische[rn]?[ ]|indian[ ])?(?:rupien|rupees?)": "INR",
        r"rubel|rou?bles?": "RUB",
        r"zlotys?|złotys?": "PLN",
    }
)
_HUNDREDTHS = MappingProxyType(
    {
        r"us[ -]cents?": "USD",
        r"euro[ -]?cents?": "EUR",
        r"rappen": "CHF",
        r"pence": "GBP",
        r"cents|cent|ct": "",
    }
)
_SIGN = "|".join(re.escape(sign) for sign in SIGNS)
_CODE = "|".join(CODES)
_GAP = r"[ \u00a0]?"
_WIDE = r"(?:[ \u00a0]{1,2}|[ ]?\n[ ]?|)"
_SMALL_SCALE = r"(?:Tsd\.?|Mio\.?|Mill\.|Mrd\.?|T|k|K|M)"
_MONEY_SIGN = re.compile(
    rf"{_WIDE}(?P<scale>{_SMALL_SCALE}{_GAP})?"
    rf"(?:(?P<sign>{_SIGN})|(?P<code>{_CODE})(?![^\W\d_]|\d)|(?P<after>{'|'.join(_AFTER_ONLY)})(?![^\W\d_]))"
)
BEFORE = re.compile(
    rf"(?<![\w])(?P<scale>{_SMALL_SCALE}{_GAP})?"
    rf"(?:(?P<sign>{_SIGN})|(?P<code>{_CODE})|(?P<before>{'|'.join(re.escape(b) for b in _BEFORE_ONLY)}))"
    rf"{_GAP}$"
)
"""A currency, with a small scale or without, that ends where a number begins."""

BEHIND = re.compile(rf"(?:{_SIGN}|(?:{_CODE}){_GAP}){_GAP}")
"""A currency that begins at an offset."""

_NAME = re.compile(
    _WIDE
    + "-?(?:"
    + "|".join(f"(?P<n{at}>{name})" for at, name in enumerate(_NAMES))
    + "|"
    + "|".join(f"(?P<h{at}>{name})" for at, name in enumerate(_HUNDREDTHS))
    + r")(?![^\W\d_])",
    re.IGNORECASE,
)
_POUNDS = re.compile(rf"{_WIDE}(?:Pfund|pounds?)(?![^\W\d_])")
_PERCENT = re.compile(
    rf"{_WIDE}(?:(?P<pp>prozentpunkte?n?|percentage[ ]points?|pp\b)"
    rf"|(?P<bp>basispunkte?n?|basis[ ]points?|bps?\b)|(?P<mille>‰|promille\b)"
    rf"|(?P<cent>%|prozent(?![^\W\d_])|percent\b|per[ ]cent\b|pct\b|v\.[ ]?h\.|-?prozentige[rsnm]?\b))",
    re.IGNORECASE,
)
_PERCENT_UNITS = MappingProxyType({"pp": "pp", "bp": "bp", "mille": "‰", "cent": "%"})
_TIMES = MappingProxyType(
    {
        r"(?:werk|(?:bank)?arbeits|geschäfts)tage?n?|(?:business|working|bank)[ ]days?": "business days",
        r"(?:kalender)?tage?[ns]?|(?:calendar[ ])?days?|-?tägige?[rsnm]?": "days",
        r"wochen?|weeks?|-?wöchige?[rsnm]?": "weeks",
        r"monate?[ns]?|months?|-?monatige?[rsnm]?|mths?": "months",
        r"quartale?n?|quarters?": "quarters",
        r"jahre?[ns]?|years?|yrs?|-?jährige?[rsnm]?": "years",
        r"stunden?|std\.?|hours?|hrs?|h": "hours",
        r"minuten?|min\.?|minutes?|mins?": "minutes",
        r"sekunden?|sek\.?|seconds?|secs?": "seconds",
    }
)
_TIME = re.compile(
    _WIDE
    + "-?(?:"
    + "|".join(f"(?P<t{at}>{name})" for at, name in enumerate(_TIMES))
    + r")(?![^\W\d_]|[ ]?/[ ]?\d)",
    re.IGNORECASE,
)
_TIME_UNITS = tuple(_TIMES.values())
_LONG_UNITS = MappingProxyType(
    {
        "kilowattstunden": "kWh",
        "megawattstunden": "MWh",
        "gigawattstunden": "GWh",
        "terawattstunden": "TWh",
        "kilowatt": "kW",
        "kilowatts": "kW",
        "megawatt": "MW",
        "megawatts": "MW",
        "gigawatt": "GW",
        "gigawatts": "GW",
        "terawatt": "TW",
        "watt": "W",
        "watts": "W",
        "tonnen": "t",
        "tonne": "t",
        "tonnes": "t",
        "kilogramm": "kg",
        "kilograms": "kg",
        "gramm": "g",
        "kilometer": "km",
        "kilometern": "km",
        "kilometers": "km",
        "kilometres": "km",
        "meter": "m",
        "metern": "m",
        "metres": "m",
        "meters": "m",
        "liter": "l",
        "litern": "l",
        "litres": "l",
        "liters": "l",
        "quadratmeter": "m²",
        "quadratmetern": "m²",
        "qm": "m²",
        "hektar": "ha",
        "hectares": "ha",
        "terabyte": "TB",
        "terabytes": "TB",
        "gigabyte": "GB",
        "gigabytes": "GB",
        "megabyte": "MB",
        "megabytes": "MB",
        "petabyte": "PB",
        "petabytes": "PB",
    }
)
_UNIT = re.compile(
    rf"{_GAP}(?P<unit>kWh|MWh|GWh|TWh|kWp|MWp|kW|MW|GW|TW|W|kVA|kg|mg|g|t|km²|km2|m²|m2|m³|m3|km|cm|mm|m|ha|l|ml"
    rf"|TB|GB|MB|KB|kB|PB|TiB|GiB|MiB|MHz|GHz|Hz|°C|EFLOPS|PFLOPS|TFLOPS)(?![\w²³])"
)
_LONG = re.compile(rf"{_WIDE}(?P<unit>[^\W\d_]+)")

THOUSAND, MILLION, BILLION = Decimal(1000), Decimal(10**6), Decimal(10**9)
_SCALES = MappingProxyType(
    {
        "tsd": (THOUSAND, "de"),
        "tausend": (THOUSAND, "de"),
        "mio": (MILLION, ""),
        "mill": (MILLION, "de"),
        "million": (MILLION, ""),
        "millionen": (MILLION, "de"),
        "mrd": (BILLION, "de"),
        "mia": (BILLION, "de"),
        "milliarde": (BILLION, "de"),
        "milliarden": (BILLION, "de"),
        "bio": (Decimal(10**12), "de"),
        "billionen": (Decimal(10**12), "de"),
        "billiarde": (Decimal(10**15), "de"),
        "billiarden": (Decimal(10**15), "de"),
        "trillionen": (Decimal(10**18), "de"),
        "viertelmillion": (MILLION / 4, "de"),
        "dreiviertelmillion": (MILLION * 3 / 4, "de"),
        "halbmillion": (MILLION / 2, "de"),
        "thousand": (THOUSAND, "en"),
        "mn": (MILLION, ""),
        "mln": (MILLION, ""),
        "bn": (BILLION, "en"),
        "bln": (BILLION, "en"),
        "tn": (Decimal(10**12), "en"),
        "trn": (Decimal(10**12), "en"),
        "quadrillion": (Decimal(10**15), "en"),
        "lakh": (Decimal(10**5), "en"),
        "crore": (Decimal(10**7), "en"),
    }
)
_DIVIDED = MappingProxyType(
    {"billion": (BILLION, Decimal(10**12)), "trillion": (Decimal(10**12), Decimal(10**18))}
)
"""Words that mean one thing in English and another in German."""

_SCALE = re.compile(
    rf"{_WIDE}-?(?P<word>tsd|tausend|mio|mill|millionen|million|mrd|mia|milliarden?|bio|billionen|billiarden?|billion"
    r"|trillionen|trillion|quadrillion|viertelmillion|dreiviertelmillion|halbmillion|thousand|mn|mln|bn|bln|tn|trn"
    r"|lakh|crore)(?![^\W\d_])(?P<dot>\.(?!\w))?",
    re.IGNORECASE,
)
_DOTTED = frozenset({"tsd", "mio", "mill", "mrd", "mia", "bio"})
_LETTER = re.compile(r"(?P<gap>[ \u00a0]?)(?P<letter>MM|k|K|m|M|b|B|T)(?![^\W\d_]|\d)")
_UNCLEAR = re.compile(rf"{_WIDE}(?:Bill|Tril|Trill)\b\.?")
_LETTERS = MappingProxyType(
    {"k": THOUSAND, "K": THOUSAND, "m": MILLION, "M": MILLION, "MM": MILLION, "b": BILLION, "B": BILLION}
)
_SHORT = MappingProxyType(
    {
        "tsd": THOUSAND,
        "mio": MILLION,
        "mill": MILLION,
        "mrd": BILLION,
        "t": THOUSAND,
        "k": THOUSAND,
        "m": MILLION,
    }
)


class Unclear(Exception):  # noqa: N818 - it is an answer, and never leaves the room
    """A scale that could be two powers of ten."""


class Unit(NamedTuple):
    """What a number counts.

    Args:
        kind: 'money', 'percent', 'duration' or 'number'.
        name: ISO code, '%', 'days', 'kWh'.
        factor: of a scale or of cents.
        end: offset behind it.
        glued: it begins where the number ends.
    """

    kind: str
    name: str
    factor: Decimal
    end: int


def short_scale(scale: str | None) -> Decimal:
    """The factor in 'T€', 'k€', 'Mio. EUR'."""
    return _SHORT[scale.strip(" \u00a0.").lower()] if scale else Decimal(1)


def currency_before(text: str, start: int, floor: int) -> tuple[int, str, Decimal] | None:
    """The currency that ends at an offset: where it begins, its code, and a scale's factor."""
    found = BEFORE.search(text, max(floor, start - 9), start)
    if not found:
        return None
    at = found.start()
    if at > floor and text[at - 1] == "-" and at > 1 and text[at - 2].isalpha():
        return None
    sign, code = found["sign"], found["code"]
    name = SIGNS[sign] if sign else code or _BEFORE_ONLY[found["before"]]
    return at, name, short_scale(found["scale"])


def _divided(word: str, raw: str, number: Number, style: Style, *, dollar: bool) -> tuple[Decimal, str]:
    """'Billion' and 'trillion', by case, language and the number's own signs."""
    english, german = _DIVIDED[word]
    manner = "en" if dollar and not number.manner else number.manner
    if raw[0].islower():
        if number.manner == "de":
            raise Unclear
        return english, "en"
    if not style.language or (manner and manner != style.language):
        raise Unclear
    return (german, "de") if style.language == "de" else (english, "en")


def scale_behind(text: str, number: Number, style: Style, *, money: bool) -> tuple[Decimal, int, str]:
    """The scale behind a number.

    Args:
        text: plain.
        number: what stands before.
        style: of the document.
        money: a currency stands before the number.

    Returns:
        Factor, offset behind it, and the language that it belongs to ('' for both).

    Raises:
        Unclear: it could be two powers of ten.
    """
    if _UNCLEAR.match(text, number.end):
        raise Unclear
    found = _SCALE.match(text, number.end)
    if found:
        raw = found["word"]
        word = raw.lower()
        end = found.end() if word in _DOTTED or not found["dot"] else found.end("word")
        if word in _DIVIDED:
            factor, language = _divided(word, raw, number, style, dollar=money)
        else:
            factor, language = _SCALES[word]
        return factor, end, language
    letter = _LETTER.match(text, number.end)
    if letter:
        return _letter(text, letter, style, money=money) or (Decimal(1), number.end, "")
    return Decimal(1), number.end, ""


def _letter(text: str, found: re.Match[str], style: Style, *, money: bool) -> tuple[Decimal, int, str] | None:
    """A scale of one letter: '$10k', '£500m', '$38B', '$1.4T', '1.2M'."""
    sign, glued = found["letter"], not found["gap"]
    currency = money or bool(_currency(text, found.end()) or _named(text, found.end(), style, scaled=False))
    if _MONEY_SIGN.match(text, found.start()):
        return None
    if sign == "T":
        if currency and style.language == "en" and glued:
            return Decimal(10**12), found.end(), "en"
        if currency or glued:
            raise Unclear
        return None
    if currency or (glued and sign in "kKM"):
        return _LETTERS[sign], found.end(), ""
    return None


def _currency(text: str, end: int) -> Unit | None:
    """A currency's sign, code or name behind a number."""
    found = _MONEY_SIGN.match(text, end)
    if found and not (
        "\n" in text[end : found.start("sign")]
        and text[found.end() : found.end() + 2].strip()[:1].isdecimal()
    ):
        name = found["sign"] and SIGNS[found["sign"]]
        name = name or found["code"] or _AFTER_ONLY[found["after"]]
        return Unit("money", name, short_scale(found["scale"]), found.end())
    return None


def _named(text: str, end: int, style: Style, *, scaled: bool) -> Unit | None:
    """A currency's name behind a number."""
    found = _NAME.match(text, end)
    if found and found.lastgroup:
        at = int(found.lastgroup[1:])
        if found.lastgroup[0] == "n":
            return Unit("money", tuple(_NAMES.values())[at], Decimal(1), found.end())
        name = tuple(_HUNDREDTHS.values())[at] or ("USD" if style.language == "en" else "EUR")
        return Unit("money", name, Decimal("0.01"), found.end())
    pounds = _POUNDS.match(text, end) if scaled else None
    return Unit("money", "GBP", Decimal(1), pounds.end()) if pounds else None


def unit_behind(text: str, end: int, style: Style, *, scaled: bool) -> Unit | None:
    """What a number that ends at an offset counts; None where nothing known follows."""
    one = Decimal(1)
    if end >= len(text):
        return None
    money = _currency(text, end) or _named(text, end, style, scaled=scaled)
    if money:
        return money
    found = _PERCENT.match(text, end)
    if found and found.lastgroup:
        return Unit("percent", _PERCENT_UNITS[found.lastgroup], one, found.end())
    found = _TIME.match(text, end)
    if found and found.lastgroup:
        return Unit("duration", _TIME_UNITS[int(found.lastgroup[1:])], one, found.end())
    found = _UNIT.match(text, end)
    if found:
        return Unit("number", found["unit"].replace("2", "²").replace("3", "³"), one, found.end())
    found = _LONG.match(text, end)
    name = _LONG_UNITS.get(found["unit"].lower()) if found else None
    return Unit("number", name, one, found.end()) if found and name else None
