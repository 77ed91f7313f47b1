"""Regions to which figures are restricted ('in Asien'), German and English, by one name."""

from __future__ import annotations

from types import MappingProxyType

from rechenwerk.documents.figures.style import listed

_ROWS = (
    "europe europa",
    "asia asien",
    "asia-pacific asien-pazifik apac",
    "africa afrika",
    "america amerika americas",
    "north-america nordamerika",
    "south-america südamerika",
    "latin-america lateinamerika",
    "middle-east nahost",
    "germany deutschland",
    "austria österreich",
    "switzerland schweiz",
    "france frankreich",
    "italy italien",
    "spain spanien",
    "poland polen",
    "netherlands niederlande niederlanden",
    "britain großbritannien uk",
    "usa u.s. us vereinigten-staaten united-states",
    "china",
    "japan",
    "india indien",
    "brazil brasilien",
    "canada kanada",
    "mexico mexiko",
    "russia russland",
    "turkey türkei",
    "sweden schweden",
    "norway norwegen",
    "denmark dänemark",
    "abroad ausland",
    "home-market inland heimatmarkt",
)
REGIONS = MappingProxyType(
    {word: listed(row)[0] for row in _ROWS for word in listed(row)}
    | {"north america": "north-america", "south america": "south-america", "latin america": "latin-america"}
    | {"vereinigten staaten": "usa", "united states": "usa", "home market": "home-market"}
)
"""A word in lower case -> the region's one name."""
