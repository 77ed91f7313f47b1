"""How a document writes its numbers: its language, and what its own numbers say of points and commas."""

from __future__ import annotations

import re

import msgspec

_PLAIN = str.maketrans(
    {
        "\t": " ",
        "\r": " ",
        "\f": "\n",
        "\v": "\n",
        "\u2028": "\n",
        "\u2029": "\n",
        "\u2007": "\u00a0",
        "\u2009": "\u00a0",
        "\u200a": "\u00a0",
        "\u202f": "\u00a0",
        "\u2010": "-",
        "\u2011": "-",
        "\u2012": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2212": "-",
        "\u2018": "'",
        "\u2019": "'",
        "\u00b4": "'",
        "`": "'",
        "\uff0b": "+",
        "\uff05": "%",
    }
)
"""One character for one, so that offsets stay: the many dashes, apostrophes and spaces become few."""

_WORD = re.compile(r"[^\W\d_]+")


def listed(words: str) -> tuple[str, ...]:
    """Words, one after the other."""
    return tuple(words.split())


_GERMAN = frozenset(
    listed(
        "der die das und ist sind von mit für nicht ein eine einen im zu auf den dem des wird werden bei nach"
        " auch"
    )
)
_ENGLISH = frozenset(
    listed("the and of to is are for with on that by from this was were has have be at it as an will which")
)
_SENSED = 6000
"""So many characters are enough to sense a language."""

_SEPARATED = re.compile(r"(?<![\w.,:/-])\d+(?:[.,]\d+)+(?![\w:/-]|[.,]\d)")
_GERMAN_GROUPS = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}")
_ENGLISH_GROUPS = re.compile(r"\d{1,3}(?:,\d{3})+\.\d+|\d{1,3}(?:,\d{3}){2,}")
_COMMA_DECIMAL = re.compile(r"\d+,\d{1,2}|0,\d+")
_POINT_DECIMAL = re.compile(r"\d+\.\d{2}|0\.\d+")
_STRONG = 4
_SLASHED = re.compile(r"(?<![\w/.-])(\d{1,2})/(\d{1,2})/\d{4}(?![\w/])")


class Style(msgspec.Struct, frozen=True):
    """How a document writes.

    Args:
        language: 'de', 'en' or '' where it cannot be told.
        decimal: the decimal sign where three digits follow it (',' or '.'), or '' where that cannot be told.
        day_first: whether 04/03/2025 is the fourth of March; None where that cannot be told.
    """

    language: str = ""
    decimal: str = ""
    day_first: bool | None = None


def plain(text: str) -> str:
    """The text with one kind of dash, apostrophe and space; every character keeps its offset."""
    return text.translate(_PLAIN)


def sense(text: str) -> str:
    """'de' or 'en' by the small words of a text's beginning, '' where they do not tell."""
    words = [word.lower() for word in _WORD.findall(text[:_SENSED])]
    german = sum(word in _GERMAN for word in words)
    english = sum(word in _ENGLISH for word in words)
    if german >= 2 and german > 3 * english:
        return "de"
    if english >= 2 and english > 3 * german:
        return "en"
    return ""


def _votes(text: str) -> tuple[int, int]:
    """How strongly the numbers of a text speak for the German and for the English way."""
    german = english = 0
    for run in set(_SEPARATED.findall(text)):
        if _GERMAN_GROUPS.fullmatch(run):
            german += _STRONG
        elif _ENGLISH_GROUPS.fullmatch(run):
            english += _STRONG
        elif _COMMA_DECIMAL.fullmatch(run):
            german += 1
        elif _POINT_DECIMAL.fullmatch(run):
            english += 1
    return german, english


def _decimal(language: str, german: int, english: int) -> str:
    """The decimal sign of numbers that could be read both ways.

    The language decides unless the numbers speak against it: then the numbers decide where they are of one
    mind and strong, and nothing is given where they are not.
    """
    if not language:
        if german >= _STRONG and not english:
            return ","
        return "." if english >= _STRONG and not german else ""
    own, other, sign, opposite = (german, english, ",", ".")
    if language == "en":
        own, other, sign, opposite = (english, german, ".", ",")
    if other <= own or other < 2:
        return sign
    return opposite if not own and other >= 2 * _STRONG else ""


def _day_first(language: str, region: str, text: str) -> bool | None:
    """German and British dates begin with the day, American ones with the month, unless others tell."""
    first = second = False
    for one, two in _SLASHED.findall(text):
        first = first or int(one) > 12
        second = second or int(two) > 12
    if first != second:
        return first
    if first:
        return None
    if language == "en":
        return region not in {"", "US"}
    return True if language else None


def style_of(text: str, language: str = "") -> Style:
    """How a document writes, from its text and, where known, its language ('de', 'en', 'en-GB', 'de_CH').

    Switzerland writes 1'234.50, so there a point is the decimal sign in German as well.
    """
    tag, _, region = language.replace("_", "-").partition("-")
    tag = tag.lower()
    if tag not in {"de", "en"}:
        tag, region = sense(text), ""
    german, english = _votes(text)
    region = region.upper()
    manner = "en" if tag == "de" and region in {"CH", "LI"} else tag
    return Style(
        language=tag,
        decimal=_decimal(manner, german, english),
        day_first=_day_first(tag, region, text),
    )
