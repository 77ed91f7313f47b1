"""Words of the calendar, German and English."""

from __future__ import annotations

from types import MappingProxyType

_MONTHS = (
    "januar jänner jan january",
    "februar feber feb february",
    "märz maerz mär mrz march mar",
    "april apr",
    "mai may",
    "juni jun june",
    "juli jul july",
    "august aug",
    "september sept sep",
    "oktober okt october oct",
    "november nov",
    "dezember dez december dec",
)
MONTHS = MappingProxyType({name: at for at, names in enumerate(_MONTHS, 1) for name in names.split()})
"""Lower-case name or abbreviation -> number of the month."""

ORDINALS = MappingProxyType(
    {
        "erst": 1,
        "zweit": 2,
        "dritt": 3,
        "viert": 4,
        "first": 1,
        "second": 2,
        "third": 3,
        "fourth": 4,
        "final": 4,
        "i": 1,
        "ii": 2,
        "iii": 3,
        "iv": 4,
    }
)
"""Ordinals of quarters and halves; German ones without their ending."""

COUNTS = MappingProxyType(
    {
        "zwei": 2,
        "drei": 3,
        "vier": 4,
        "fünf": 5,
        "sechs": 6,
        "sieben": 7,
        "acht": 8,
        "neun": 9,
        "zehn": 10,
        "elf": 11,
        "two": 2,
        "three": 3,
        "four": 4,
        "five": 5,
        "six": 6,
        "seven": 7,
        "eight": 8,
        "nine": 9,
        "ten": 10,
        "eleven": 11,
    }
)
"""How many months: 'die ersten neun Monate'."""

SEASONS = MappingProxyType(
    {
        "frühjahr": 3,
        "frühling": 3,
        "spring": 3,
        "sommer": 6,
        "summer": 6,
        "herbst": 9,
        "autumn": 9,
        "fall": 9,
        "winter": 12,
    }
)
"""Season -> its first month, as meteorologists count."""

EDGES = MappingProxyType(
    {
        "anfang": 0,
        "beginn": 0,
        "early": 0,
        "beginning": 0,
        "start": 0,
        "mitte": 1,
        "mid": 1,
        "middle": 1,
        "ende": 2,
        "end": 2,
        "late": 2,
    }
)
"""Beginning, middle, end of a year or month."""

SHIFTS = MappingProxyType(
    {
        "letzt": -1,
        "vergangen": -1,
        "vorig": -1,
        "abgelaufen": -1,
        "last": -1,
        "previous": -1,
        "laufend": 0,
        "dies": 0,
        "aktuell": 0,
        "this": 0,
        "current": 0,
        "nächst": 1,
        "kommend": 1,
        "next": 1,
        "coming": 1,
    }
)
"""Relative words -> how many periods away; German ones without their ending."""
