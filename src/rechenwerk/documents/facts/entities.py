"""Who is meant: names, their aliases and legal forms, one name for all documents of a set.

What one document of a set names so (`naming.py`), or defines ('Muster GmbH (im Folgenden „Muster“)'), is
known in all of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rechenwerk.documents.facts.naming import (
    FORMS,
    LEGAL,
    LOOSE,
    NAME,
    Named,
    candidates,
    clean,
    guesses,
    key,
    persons,
    stripped,
    topical,
)
from rechenwerk.documents.facts.news_words import COMMON
from rechenwerk.documents.facts.values import Article

_ALIAS = re.compile(
    r"\(\s*(?:(?:im Folgenden|nachfolgend|nachstehend|kurz|auch|hereinafter(?: referred to as)?|the"
    r"|or|formerly|früher)"
    r"[:,]?\s+)*(?:the\s+|die\s+|der\s+)?[„“\"»']?([A-ZÄÖÜ][\w&\- ]{1,40}?)[“”\"«']?\s*\)"
)
_PAIR = re.compile(rf"\b({NAME})[ ](?!(?:{FORMS}|{LOOSE})\b)(?=([A-ZÄÖÜ][a-zäöüß]\w+))")


class Register:
    """The names of a set of documents.

    Args:
        articles: the documents.
        known: names that are known beforehand, with their aliases.
    """

    def __init__(self, articles: Sequence[Article], known: Mapping[str, Iterable[str]] | None = None) -> None:
        counts: Counter[str] = Counter()
        shown: dict[str, str] = {}
        aliases: dict[str, str] = {}
        for name, others in (known or {}).items():
            shown[key(name)] = name
            aliases |= {key(other): key(name) for other in others}
            counts[key(name)] += 1000
        texts = {article.document: f"{article.title}\n{article.text}" for article in articles}
        people = set().union(*map(persons, texts.values())) - counts.keys()
        for text in texts.values():
            for name in candidates(text):
                if key(name) not in people:
                    counts[key(name)] += 1
                    shown.setdefault(key(name), stripped(name))
            aliases |= _defined(text)
        for name in _longer(texts.values(), counts):
            counts[key(name)] += 1
            shown.setdefault(key(name), stripped(name))
        self._shown = shown
        self._aliases = _joined(counts, aliases)
        self._pattern = _names_pattern({name: shown.get(name, name) for name in (*counts, *aliases)})
        self._guessed = {
            article.document: _names_pattern({key(name): name for name in guesses(text, article.language)})
            for article in articles
            if not self.named(text := texts[article.document])
        }

    def entity(self, name: str) -> str:
        """The one name of somebody, as a key; '' for ''."""
        found = key(name)
        for _ in range(4):
            if found not in self._aliases:
                break
            found = self._aliases[found]
        return found

    def shown(self, entity: str) -> str:
        """A key as people write the name."""
        return self._shown.get(entity, entity)

    def named(self, text: str, start: int = 0, end: int | None = None, document: str = "") -> list[Named]:
        """Known names between two offsets; in a document without any, those that it may give."""
        pattern = self._guessed.get(document) if document else self._pattern
        pattern = pattern or self._pattern
        if pattern is None:
            return []
        found = pattern.finditer(text, start, len(text) if end is None else end)
        return [Named(one.start(), one.end(), one[1], self.entity(one[1])) for one in found]


def _longer(texts: Iterable[str], counts: Counter[str]) -> list[str]:
    """Known names with one more name behind them: 'Nordwind Energie' where 'Nordwind' is known."""
    first = {name.partition(" ")[0] for name in counts}
    pairs = (pair for text in texts for pair in _PAIR.finditer(text))
    return [
        f"{pair[1]} {pair[2]}"
        for pair in pairs
        if key(pair[1]) in first and pair[2].lower() not in COMMON and not topical(pair[2])
    ]


def _defined(text: str) -> dict[str, str]:
    """Aliases that a text defines: 'Muster GmbH (im Folgenden „Muster“)', 'International Cables (ICA)'."""
    found = {}
    for alias in _ALIAS.finditer(text):
        before = list(LEGAL.finditer(text, max(0, alias.start() - 90), alias.start()))
        name = (
            clean(before[-1].group())
            if before and text[before[-1].end() : alias.start()].strip() == ""
            else ""
        )
        if not name:
            words = re.findall(rf"{NAME}", text[max(0, alias.start() - 70) : alias.start()])
            initials = alias[1].replace(".", "")
            tail = words[-len(initials) :]
            if (
                len(tail) == len(initials) >= 2
                and initials.isupper()
                and "".join(w[0] for w in tail).upper() == initials
            ):
                name = " ".join(tail)
        if name and key(name) != key(alias[1]) and key(alias[1]):
            found[key(alias[1])] = key(name)
    return found


def _joined(counts: Counter[str], aliases: dict[str, str]) -> dict[str, str]:
    """Aliases, and long names that begin with a known one: 'nordwind energie' is 'nordwind'."""
    joined = dict(aliases)
    names = sorted(counts, key=len)
    for long in names:
        words = long.split()
        shorter = [" ".join(words[:size]) for size in range(1, len(words))]
        short = next((one for one in shorter if one in counts and len(one) > 2), None)
        if short is None or long in joined:
            continue
        rivals = [other for other in names if other != long and other.startswith(short + " ")]
        if all(rival.startswith(long) or long.startswith(rival) for rival in rivals):
            joined[long] = short
    return {name: target for name, target in joined.items() if name != target}


def _names_pattern(shown: Mapping[str, str]) -> re.Pattern[str] | None:
    """One pattern for all names as they may stand in a text.

    Args:
        shown: key of a name -> how people write it.
    """
    written = {r"[\s-]".join(re.escape(word) for word in name.split()) for name in shown.values() if name}
    if not written:
        return None
    ordered = sorted(written, key=len, reverse=True)
    forms = rf"(?:[ ,]+(?:{FORMS}|{LOOSE})(?!\w))*"
    return re.compile(rf"(?<![\w])((?:{'|'.join(ordered)}){forms})(?:['\u2019]?s)?(?![\w])")
