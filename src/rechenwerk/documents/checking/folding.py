"""Text as it is compared: a documented folding whose every character knows where it came from.

What is folded (docs/extraction.md): Unicode compatibility forms (ligatures, full width, superscripts), soft
hyphens and zero-width characters (left out), every kind of blank (one space; none at both ends), hyphenation
at the end of a line (joined), kinds of quotation marks and of dashes (one each). Nothing else: letters keep
their case, digits and separators stay as they are.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from types import MappingProxyType

import msgspec

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d-"
_QUOTES = "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a\u2033\u301d\u301e"
_SINGLE = "\u2018\u2019\u201a\u201b\u2032`\u00b4"
_LEFT_OUT = "\u00ad\u200b\u200c\u200d\u2060\ufeff"

_ONE = MappingProxyType(
    {
        **dict.fromkeys(_DASHES, "-"),
        **dict.fromkeys(_QUOTES, '"'),
        **dict.fromkeys(_SINGLE, "'"),
        **dict.fromkeys(_LEFT_OUT, ""),
    }
)
_UMLAUTS = MappingProxyType({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_HYPHENATED = re.compile(r"(?<=[^\W\d_])-[ \t\r]*\n[ \t]*(?=[a-zäöüß])")


class Folded(msgspec.Struct, frozen=True):
    """A folded text.

    Args:
        text: as it is compared.
        origin: for each of its characters the offset in the original that it came from.
        length: of the original.
    """

    text: str
    origin: tuple[int, ...]
    length: int

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original of `text[start:end]`."""
        if start >= end:
            at = self.origin[start] if start < len(self.origin) else self.length
            return at, at
        return self.origin[start], self.origin[end - 1] + 1


def fold(text: str) -> Folded:
    """The text as it is compared, and where each character came from."""
    joined = {at for found in _HYPHENATED.finditer(text) for at in range(found.start(), found.end())}
    letters: list[str] = []
    origin: list[int] = []
    for at, raw in enumerate(text):
        if at in joined:
            continue
        one = _ONE.get(raw)
        if one is None:
            one = raw if raw.isascii() else unicodedata.normalize("NFKC", raw)
            one = "".join(_ONE.get(letter, letter) for letter in one)
        for letter in one:
            if letter.isspace():
                if not letters or letters[-1] == " ":
                    continue
                letters.append(" ")
            else:
                letters.append(letter)
            origin.append(at)
    while letters and letters[-1] == " ":
        letters.pop()
        origin.pop()
    return Folded("".join(letters), tuple(origin), len(text))


def tidy(text: str) -> str:
    """A text as a value: blanks are one space, words that were divided at a line's end are whole again."""
    joined = _HYPHENATED.sub("", "".join(letter for letter in text if letter not in _LEFT_OUT))
    return " ".join(joined.split())


def occurrences(source: Folded, quote: str) -> tuple[tuple[int, int], ...]:
    """Where a quote stands in the source: spans in the original.

    A quote that begins or ends within a word or a number of the source does not stand there.
    """
    wanted = fold(quote).text
    if not wanted:
        return ()
    spans = []
    at = source.text.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        if not _inside(source.text, at) and not _inside(source.text, end):
            spans.append(source.span(at, end))
        at = source.text.find(wanted, at + 1)
    return tuple(spans)


def _inside(text: str, at: int) -> bool:
    """Whether a cut at this place goes through a word or a number."""
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


@functools.lru_cache(maxsize=65536)
def key(text: str) -> str:
    """A label as it is compared: letters, digits, '#' and '%' only, lower case, umlauts written out.

    >>> key("Rechnungs-Nr.:"), key("RECHNUNGS NR"), key("Fällig am")
    ('rechnungsnr', 'rechnungsnr', 'faelligam')
    """
    lowered = unicodedata.normalize("NFKC", text).casefold()
    return "".join(_UMLAUTS.get(letter, letter) for letter in lowered if letter.isalnum() or letter in "#%")
