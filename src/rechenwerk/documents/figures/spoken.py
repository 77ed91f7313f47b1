"""Numbers written in words, German and English: 'dreiunddreißig', 'eine halbe', 'two and a half'."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import chain
from types import MappingProxyType

from rechenwerk.documents.figures.numerals import Number
from rechenwerk.documents.figures.style import listed

_UNITS = ("", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
_TEENS = listed("zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn")
_TENS = ("zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig")


def _variants(word: str) -> set[str]:
    """As it is written without umlauts or sharp s."""
    flat = word.replace("ü", "ue").replace("ö", "oe")
    return {word, flat, word.replace("ß", "ss"), flat.replace("ß", "ss")}


def _german() -> dict[str, int]:
    """Every German number word below a hundred."""
    words = {"null": 0, "eins": 1, "zwo": 2}
    words |= {word: value for value, word in enumerate(_UNITS) if word}
    words |= {word: value for value, word in enumerate(_TEENS, 10)}
    for ten, name in enumerate(_TENS, 2):
        words[name] = 10 * ten
        words |= {f"{unit}und{name}": 10 * ten + value for value, unit in enumerate(_UNITS) if unit}
    return {variant: value for word, value in words.items() for variant in _variants(word)}


GERMAN = MappingProxyType(_german())
"""German number word below a hundred -> its value."""

ARTICLES = frozenset({"ein", "eine", "einen", "einem", "einer", "eines", "a", "an", "one"})
"""Words that are a number only before a scale, a currency or a unit."""

_HALVES = MappingProxyType({"anderthalb": "1.5", "eineinhalb": "1.5", "einundeinhalb": "1.5"})

_SMALL = dict(
    zip(
        listed(
            "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
            " seventeen eighteen nineteen"
        ),
        range(1, 20),
        strict=True,
    )
) | dict(
    zip(listed("twenty thirty forty fifty sixty seventy eighty ninety"), range(20, 100, 10), strict=True)
)
ENGLISH = MappingProxyType(_SMALL | {"hundred": 100, "thousand": 1000, "zero": 0})
"""English number word -> its value."""

_ALTERNATIVES = "|".join(sorted(ENGLISH, key=len, reverse=True))
_ENGLISH_RUN = re.compile(
    rf"(?:an?[ \u00a0](?=hundred|thousand))?(?:{_ALTERNATIVES})(?![^\W\d_])"
    rf"(?:[ \u00a0\n-](?:and[ \u00a0])?(?:{_ALTERNATIVES})(?![^\W\d_]))*",
    re.IGNORECASE,
)
_ENGLISH_HALF = re.compile(r"[ \u00a0]and[ \u00a0]a[ \u00a0]half\b", re.IGNORECASE)
_PART = re.compile(
    r"(?P<half>(?:one[ \u00a0]|a[ \u00a0])?half(?:[ \u00a0]of)?[ \u00a0]an?|a[ \u00a0]half|one[ \u00a0]half)"
    r"|(?P<quarter>(?:a|one)[ \u00a0]quarter[ \u00a0](?:of[ \u00a0])?an?)"
    r"|(?P<three>three[ \u00a0-]quarters[ \u00a0]of[ \u00a0]an?)",
    re.IGNORECASE,
)
_PARTS = MappingProxyType({"half": "0.5", "quarter": "0.25", "three": "0.75"})
_GERMAN_PART = re.compile(
    r"(?P<half>(?:ein|eine|einer|einem|einen)[ \u00a0]halbe[srnm]?)"
    r"|(?P<three>(?:eine[r]?[ \u00a0])?drei[ \u00a0]?viertel)"
    r"|(?P<quarter>(?:eine?[r]?[ \u00a0])viertel)",
    re.IGNORECASE,
)
_DOZEN = re.compile(r"[ \u00a0](?:dutzend|dozen)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
_AND_HALF = re.compile(r"^(.+?)(?:und)?einhalb$")


def _hundreds(word: str) -> int | None:
    """A German word below two thousand: 'siebenhunderteinundzwanzig', 'zwölfhundert'."""
    if "hundert" not in word:
        return GERMAN.get(word)
    head, _, tail = word.partition("hundert")
    tail = tail.removeprefix("und")
    front = GERMAN.get(head) if head else 1
    back = GERMAN.get(tail) if tail else 0
    if not front or back is None:
        return None
    return front * 100 + back


def german_word(word: str) -> Decimal | None:
    """The value of one German word, None where it is no number."""
    word = word.lower()
    if word in _HALVES:
        return Decimal(_HALVES[word])
    half = _AND_HALF.match(word)
    if half:
        front = GERMAN.get(half[1])
        return None if front is None else front + Decimal("0.5")
    if "tausend" not in word:
        value = _hundreds(word)
        return None if value is None else Decimal(value)
    head, _, tail = word.partition("tausend")
    front = _hundreds(head) if head else 1
    back = _hundreds(tail.removeprefix("und")) if tail else 0
    if not front or back is None or front > 999 or back > 999:
        return None
    return Decimal(front * 1000 + back)


def _english_value(words: list[str]) -> int | None:
    """The value of a run of English number words."""
    total = current = 0
    last = 0
    for word in words:
        value = ENGLISH[word]
        if value == 100:
            if current >= 100:
                return None
            current = (current or 1) * 100
        elif value == 1000:
            if total:
                return None
            total, current = (current or 1) * 1000, 0
        else:
            tens = last in range(20, 100, 10) and 0 < value < 10
            if last and last not in {100, 1000} and not tens:
                return None
            current += value
        last = value
    return total + current


def _dozen(text: str, value: Decimal, end: int, manner: str) -> Number:
    """The number, times twelve if it counts dozens."""
    dozen = _DOZEN.match(text, end)
    return Number(value * 12, dozen.end(), manner) if dozen else Number(value, end, manner)


def _english(text: str, start: int) -> Number | None:
    """An English number in words at an offset."""
    part = _PART.match(text, start)
    if part and part.lastgroup:
        return Number(Decimal(_PARTS[part.lastgroup]), part.end(), "en")
    run = _ENGLISH_RUN.match(text, start)
    if run:
        words = [word for word in re.findall(r"[a-z]+", run.group().lower()) if word in ENGLISH]
        value = _english_value(words)
        if value is None:
            return None
        half = _ENGLISH_HALF.match(text, run.end())
        if half:
            return Number(value + Decimal("0.5"), half.end(), "en")
        return _dozen(text, Decimal(value), run.end(), "en")
    article = _WORD.match(text, start)
    assert article
    return _dozen(text, Decimal(1), article.end(), "en")


def spoken_number(text: str, start: int) -> Number | None:
    """The number in words at an offset; the caller knows that a number word, or an article, begins there."""
    found = _WORD.match(text, start)
    assert found
    word = found.group().lower()
    if word in ENGLISH or word in {"a", "an", "half"}:
        return _english(text, start)
    part = _GERMAN_PART.match(text, start)
    if part and part.lastgroup:
        return Number(Decimal(_PARTS[part.lastgroup]), part.end(), "de")
    value = Decimal(1) if word in ARTICLES else german_word(word)
    return None if value is None else _dozen(text, value, found.end(), "de")


TRIGGERS = frozenset(chain(GERMAN, ENGLISH, ARTICLES, _HALVES, {"half", "tausend", "hundert", "dreiviertel"}))
"""Lower-case words with which a number in words may begin; longer German ones are found by their parts."""

_AFTER_AMOUNT = re.compile(
    r"(?:\d|[€$£%]|times|twice|once|dollars?|euros?|billion|million|percent|cents?)[ \u00a0\n]$"
)
_HEED = re.compile(r"[ \u00a0](?:geben|gegeben|gab|gibt|nehmen|nimmt|zu[ ]geben)\b")
_IN_HEED = re.compile(r"(?:in|außer|ausser)[ \u00a0]$")
_LONG = re.compile(r"hundert|tausend|einhalb", re.IGNORECASE)


def after_amount(text: str, start: int) -> bool:
    """Whether 'a year' here means per year: '$50 a year', 'twice a day'."""
    return bool(_AFTER_AMOUNT.search(text, max(0, start - 10), start))


def word_at(text: str, start: int) -> str:
    """The number word, or article, that begins at an offset, in lower case; '' where none does."""
    found = _WORD.match(text, start)
    word = found.group().lower() if found else ""
    if found and (
        (word in ARTICLES and text[found.end() : found.end() + 1] not in {" ", "\u00a0", "\n"})
        or (
            word == "acht"
            and (_HEED.match(text, found.end()) or _IN_HEED.search(text, max(0, start - 6), start))
        )
    ):
        return ""
    if word in TRIGGERS or (_LONG.search(word) and german_word(word) is not None):
        return word
    return ""


_COMPOUND = re.compile(
    r"(?P<number>[^\W\d_]*?)(?P<unit>tägig|wöchig|monatig|jährig|stündig|prozentig)e?[rsnm]?(?![^\W\d_])",
    re.IGNORECASE,
)
_COMPOUND_UNITS = MappingProxyType(
    {
        "tägig": "days",
        "wöchig": "weeks",
        "monatig": "months",
        "jährig": "years",
        "stündig": "hours",
        "prozentig": "%",
    }
)


def compound(text: str, start: int) -> tuple[Number, str] | None:
    """'dreijährige': the number and the unit that one German word joins."""
    found = _COMPOUND.match(text, start)
    value = german_word(found["number"]) if found and found["number"] else None
    if found is None or value is None:
        return None
    return Number(value, found.end(), "de"), _COMPOUND_UNITS[found["unit"].lower()]
