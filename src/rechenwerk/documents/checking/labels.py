"""Which label gives a value its role: in its line, left of it, above it, or over its column."""

from __future__ import annotations

import re

import msgspec

from rechenwerk.documents.checking.folding import key
from rechenwerk.documents.schemas import Field

STRONG, PROSE, WEAK, WEAK_PROSE, NONE, NEVER = 4, 3, 2, 1, 0, -1
"""How well a label gives a role: the whole label; a label within a sentence; a label that is also
used for other things, alone or within a sentence; none; a label that gives another role."""


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[^\s:;|]+")
_NUMERIC = re.compile(r"^[.,%()€$£+/-]+$|\d")
_SPACED = re.compile(r"(?<!\w)(?:[^\W\d_] ){3,}[^\W\d_](?!\w)")
"""'R E C H N U N G'."""
_FILL = _set(
    "eur euro usd chf gbp ca gesetzl gesetzliche gesetzlicher gesetzlichen der die das des dem den the "
    "unsere unser our in of bitte hv von ueber ist lautet betraegt is sind derzeit gueltige "
    "gueltiger akt aktuell gilt und and amounts total am vom per zum mit for to hiervon wert sich "
    "belaeuft insgesamt hoehe fuer spaetestens"
)
"""Words that a label may be surrounded by without changing what it says."""
_NUMBER = _set("nr no nummer number")
"""'Rechnung Nr. 17 vom' is a label of a date, whatever the number."""
_OTHER = _set(
    "zu zur aus alte alter alten bisherige bisherigen vorherige letzte letzten original previous old "
    "korrigierte bezug urspruengliche urspruenglichen storniert stornierte against gegen keine kein ohne no "
    "without anteilige anteilig vorlaeufige former neue weitere"
)
"""A word before a label that makes it another one's: 'zur Rechnung Nr. 17'."""
_PARTS = re.compile(r"\s*[/|=]\s*|\s+(?:und|and|sowie|entspricht|bzw\.?)\s+|\s+[-\u2013]\s+|\s*\(\s*|\)\s*")
_MOST = 7
"""Words of the longest label."""
_SENTENCE = 4
"""A phrase of so many words is a sentence rather than a label."""
_STEM = 6


class Match(msgspec.Struct, frozen=True):
    """How a phrase fits a field: its strength and which part of the phrase is the label."""

    strength: int
    start: int = 0
    end: int = 0


class FieldWords:
    """A field's labels ready for comparing.

    Args:
        field: whose labels.
        tolerant: compare with one or two letters wrong, for text that was recognised.
    """

    def __init__(self, field: Field, *, tolerant: bool = False) -> None:
        titles = tuple(field.title.values())
        self.field = field
        self.weak = frozenset(map(key, field.weak)) - frozenset(map(key, field.labels))
        self.strong = frozenset(map(key, (*field.labels, *titles))) - self.weak - {""}
        self.never = frozenset(map(key, field.never)) - self.strong
        self.is_account = bool(self.never) and (field.type == "iban" or "bic" in self.strong)
        words = [key(word) for label in field.labels for word in label.split()]
        self.stems = frozenset(word[:_STEM] for word in words if len(word) >= _STEM - 1)
        self._tolerant = tolerant
        self._fill = _FILL if field.type == "text" else _FILL | _NUMBER
        self._matched: dict[tuple[str, bool], Match] = {}

    def match(self, phrase: str, *, prose: bool = False) -> Match:
        """How well a phrase gives the role.

        Args:
            phrase: the words before or above a value.
            prose: a label at the end of a sentence counts, too.
        """
        asked = phrase, prose
        found = self._matched.get(asked)
        if found is None:
            found = self._matched[asked] = self._match(phrase, prose=prose)
        return found

    def _match(self, phrase: str, *, prose: bool) -> Match:
        if _SPACED.search(phrase) is not None:
            fitted = self.match(_SPACED.sub(lambda found: found[0].replace(" ", ""), phrase), prose=prose)
            return Match(fitted.strength, 0, len(phrase.rstrip())) if fitted.end else fitted
        words = [found for found in _WORD.finditer(phrase) if key(found[0]) and not _NUMERIC.search(found[0])]
        if not words:
            return Match(NONE)
        whole = words[0].start(), words[-1].end()
        variants = self._variants([key(word[0]) for word in words])
        if any(self._in(variant, self.strong) for variant in variants):
            return Match(STRONG, *whole)
        parts = [part for part in _PARTS.split(phrase[slice(*whole)]) if key(part)]
        fits = [any(self._in(one, self.strong) for one in self._variants(_keys(part))) for part in parts]
        if len(parts) > 1 and any(fits) and (all(fits) or not self._forbidden(words)):
            return Match(STRONG, *whole)
        if self._forbidden(words):
            return Match(NEVER, *whole)
        known = [any(one in self.weak | self.strong for one in self._variants(_keys(part))) for part in parts]
        if any(variant in self.weak for variant in variants) or (len(parts) > 1 and all(known)):
            return Match(WEAK, *whole)
        return self._at_the_end(words) if prose else Match(NONE, *whole)

    def _variants(self, keys: list[str]) -> list[str]:
        """The phrase as a key: whole, and without words that say nothing at its ends or anywhere."""
        first, last = 0, len(keys)
        found = ["".join(keys)]
        while last - first > 1 and keys[last - 1] in self._fill:
            last -= 1
            found.append("".join(keys[first:last]))
        while last - first > 1 and keys[first] in self._fill:
            first += 1
            found += ["".join(keys[first:last]), "".join(keys[first:])]
        found.append("".join(one for one in keys if one not in self._fill))
        return [one for one in found if one]

    def _forbidden(self, words: list[re.Match[str]]) -> bool:
        keys = [key(word[0]) for word in words]
        for first in range(len(keys)):
            joined = ""
            for one in keys[first : first + _MOST]:
                joined += one
                if joined in self.never:
                    return True
        return False

    def _at_the_end(self, words: list[re.Match[str]]) -> Match:
        """A label at the end of a sentence: 'der Rechnungsbetrag von', 'bitte zahlen Sie bis zum'."""
        keys = [key(word[0]) for word in words]
        last = len(keys)
        while True:
            for first in range(max(0, last - _MOST), last):
                joined = "".join(keys[first:last])
                strong = self._in(joined, self.strong)
                if not strong and joined not in self.weak:
                    continue
                before = keys[first - 1] if first else ""
                if before in _OTHER:
                    return Match(NEVER, words[first].start(), words[last - 1].end())
                if first and len(keys) < _SENTENCE and before not in self._fill:
                    return Match(NONE, words[0].start(), words[-1].end())
                return Match(PROSE if strong else WEAK_PROSE, words[first].start(), words[last - 1].end())
            if last <= max(1, len(keys) - 3) or keys[last - 1] not in self._fill:
                return Match(NONE, words[0].start(), words[-1].end())
            last -= 1

    def _in(self, one: str, labels: frozenset[str]) -> bool:
        if one in labels:
            return True
        if not self._tolerant or len(one) < 8:
            return False
        return any(
            abs(len(one) - len(other)) <= 2 and _near(one, other) for other in labels if len(other) >= 8
        )

    def forbids(self, text: str) -> bool:
        """Whether a word of another role stands in a text."""
        return self._forbidden(list(_WORD.finditer(text)))

    def touches(self, text: str) -> bool:
        """Whether a word with the stem of a label stands in a text."""
        return any(key(word)[:_STEM] in self.stems for word in text.split())


def _keys(text: str) -> list[str]:
    return [key(word) for word in _WORD.findall(text) if key(word) and not _NUMERIC.search(word)]


def _near(one: str, other: str) -> bool:
    """At most one letter wrong, missing or too many; two in long words."""
    most = 1 if len(one) < 14 else 2
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, row[0] = row[0], at
        for place, against in enumerate(other, 1):
            before, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, before + (letter != against)),
            )
        if min(row) > most:
            return False
    return row[-1] <= most
