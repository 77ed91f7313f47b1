"""Periods that a figure's own clause does not name: a month without its year, and that of the text around."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import date

import msgspec

from rechenwerk.documents.facts.topics import TOPICS
from rechenwerk.documents.facts.values import Fact
from rechenwerk.documents.figures.calendar_words import MONTHS
from rechenwerk.documents.figures.periods import whole_months
from rechenwerk.documents.values import Days

_LONG = sorted((name for name in MONTHS if len(name) > 3 or name in {"mai", "may"}), key=len, reverse=True)
_MONTH = re.compile(
    rf"\b(?:im|in|vom|for|during|of)\s(?P<month>{'|'.join(_LONG)})\b(?!\.?,?\s?(?:\d{{1,2}}\b(?![.,]\d)"
    rf"|(?:19|20)\d\d\b|'))",
    re.IGNORECASE,
)
_AHEAD = frozenset({"planned", "target", "estimated"})


def named_month(text: str, clause: tuple[int, int], today: date | None, status: str) -> Days | None:
    """The month that a clause names without its year: the last one, of what is to come the next one.

    Args:
        text: of the article.
        clause: offsets.
        today: the article's date; without it such a month is none.
        status: how firm the clause's figure is.
    """
    found = _MONTH.search(text, *clause)
    if found is None or today is None:
        return None
    month = MONTHS[found["month"].lower()]
    if status in _AHEAD:
        return whole_months(today.year + (month < today.month), month, 1)
    return whole_months(today.year - (month > today.month), month, 1)


def dated(facts: Sequence[Fact]) -> list[Fact]:
    """Facts that name no period take that of the text around them: of the same party, as firm.

    The only one of the text, else the last one before. Deals, and what stands at a day, are left
    as they are.
    """
    found: list[Fact] = []
    last: dict[tuple[str, str], Days] = {}
    every: dict[tuple[str, str], set[Days]] = defaultdict(set)
    for fact in facts:
        if fact.period:
            every[fact.entity, fact.status].add(fact.period)
    for fact in facts:
        where = fact.entity, fact.status
        topic = TOPICS.get(fact.what.removesuffix(" change").removesuffix(" difference"))
        if fact.period:
            last[where] = fact.period
        elif topic and not topic.firm and not topic.stock:
            lone = next(iter(every[where])) if len(every[where]) == 1 else last.get(where)
            found.append(msgspec.structs.replace(fact, period=lone))
            continue
        found.append(fact)
    return found
