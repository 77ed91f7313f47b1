"""What a topic is in its clause: jobs that are cut are no staff, what is paid for a company is its price."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import MappingProxyType

from rechenwerk.documents.facts.naming import Named
from rechenwerk.documents.facts.topics import TOPICS, Mention
from rechenwerk.documents.figures.style import listed
from rechenwerk.documents.values import Figure

_STAFF = frozenset({"employees", "jobs"})
_CUT = re.compile(
    r"\b(?:streich\w*|gestrichen|abbau\w*|abgebaut|abzubauen|wegfall\w*|weggefallen|entlass\w*|entlässt"
    r"|entließ\w*"
    r"|kündigt\w*\s(?:rund\s)?[\d.]+|stellenabbau|shed\w*|cut\w*|ax(?:e|es|ed|ing)|slash\w*|eliminat\w*"
    r"|scrap\w*"
    r"|la(?:y|ys|id|ying)[ -]off|layoffs?|redundan\w*|dismiss\w*)\b"
    r"|\b(?:bau(?:t|te|en|ten))\b[^.;]*\bab\b|\bf(?:all|alle|allen|ällt|iel|ielen)\b[^.;]*\bweg\b"
    r"|\bm(?:uss|üssen|ussten)\b[^.;]*\bgehen\b|\blos(?:e|es|t|ing)\s(?:their\s)?(?:jobs?|posts)\b"
    r"|\bverlier\w+[^.;]*\b(?:arbeitsplatz|arbeitsplätze|stellen?|jobs?)\b",
    re.IGNORECASE,
)
_NEW = re.compile(
    r"\b(?:schaff\w*|geschaffen|schuf\w*|neue\w*\s(?:stellen|jobs|arbeitsplätze)|einstell\w*"
    r"|eingestellt|einzustellen"
    r"|entstehen|entstanden|hir(?:e|es|ed|ing)|creat\w*|recruit\w*|new\s(?:jobs|posts))\b"
    r"|\bstell(?:t|te|en|ten)\b[^.;]*\bein\b(?!\s+\w)|\badd(?:s|ed"
    r"|ing)?\s(?:\w+\s)?[\d.,]+\s(?:\w+\s)?(?:jobs|posts|people)",
    re.IGNORECASE,
)
_PRICE_OF = re.compile(
    r"\s*(?:for|für|to\s(?:buy|acquire))\s+(?:(?:its|the|a|den|die|das|ihren?|seinen?)\s)?(?:[\w-]+\s){0,2}$"
)
_BACK = re.compile(r"\b(?:aktien|anteilsscheine|shares)\b[^.;]*\b(?:zurück|back)\b", re.IGNORECASE)
_SHARPER = MappingProxyType(
    {
        ("spending", "research"): "research",
        ("cost", "research"): "research",
        ("valuation", "market value"): "market value",
    }
)
"""(topic, another one of the same clause) -> what both are together."""
_COUNTED_THING = re.compile(
    r"[ \u00a0\n](?:(?P<noun>[A-ZÄÖÜ][a-zäöüß]+)|(?:[a-z]+[ ])?(?P<plural>[a-z]{3,}s))\b"
)
_NEUTRAL = frozenset(
    listed(
        "menschen personen leute köpfe kollegen frauen männer ende anfang mitte stück prozent januar"
        " februar märz"
        " april mai juni juli august september oktober november dezember jahr jahre across was has this"
        " its plus"
        " less versus years previously always times perhaps besides towards afterwards sometimes"
    )
)


def refined(
    topic: Mention,
    figure: Figure,
    text: str,
    clause: tuple[int, int],
    topics: Sequence[Mention],
    names: Sequence[Named],
) -> Mention:
    """The topic of a figure by the other words of its clause.

    Args:
        topic: whose word stands nearest.
        figure: what it measures.
        text: of the article.
        clause: offsets.
        topics: all of the sentence.
        names: known ones of the sentence.
    """
    words = text[min(clause[0], topic.start) : max(clause[1], topic.end)]
    name = topic.topic.name
    if name in _STAFF and figure.kind == "number":
        name = "job cuts" if _CUT.search(words) else "new jobs" if _NEW.search(words) else name
    elif name == "payment":
        paid = any(
            figure.end <= one.start and _PRICE_OF.fullmatch(text[figure.end : one.start]) for one in names
        )
        name = "acquisition price" if paid else name
    elif name == "acquisition price" and _BACK.search(words):
        name = "buyback"
    beside = [one.topic.name for one in topics if clause[0] <= one.start < clause[1]]
    name = next((_SHARPER[name, other] for other in beside if (name, other) in _SHARPER), name)
    return topic if name == topic.topic.name else topic._replace(topic=TOPICS[name])


def counts_other_things(text: str, figure: Figure, topics: Sequence[Mention]) -> bool:
    """Whether what stands behind a number is a thing that is no topic: 'an drei Standorten'."""
    if figure.kind != "number" or figure.amount is None or figure.amount.unit:
        return False
    found = _COUNTED_THING.match(text, figure.end)
    if found is None:
        return False
    group = "noun" if found["noun"] else "plural"
    word, start, end = found[group], found.start(group), found.end(group)
    return word.lower() not in _NEUTRAL and not any(one.start < end and start < one.end for one in topics)
