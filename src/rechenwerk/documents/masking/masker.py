"""Stable placeholders for the personal data of one document, there and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from rechenwerk.documents.masking.finding import Personal, merged, personal

_LEAST = 3
"""Letters of a part that is masked where a line cuts a datum off."""
_PIECES = re.compile(r"[^\W\d_]{3,}")
_SMALL = frozenset({"von", "vom", "van", "der", "den", "del", "zur", "ter", "ten", "and", "und"})
_LINE = re.compile(r"^(\d+: )?(.*)$")
_JOINT = " | "
_MARKS = ("[[", "]]")
_MARK = re.compile(r"\[\[|\]\]")


class Masker:
    """Masks what is said of one document; a datum has the same placeholder in everything that is asked.

    Args:
        text: of the document: whatever is personal in it is masked wherever it comes up again, in parts, too.
        language: of the document.
        more: personal data that its format tells beside the text, such as a mail's sender; kind -> texts.
    """

    def __init__(
        self, text: str, language: str = "", more: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self._language = language
        self._tag = "" if "[NAME-" not in text else "X"
        self._numbers: dict[tuple[str, str], str] = {}
        self._originals: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        for one in personal(text, language):
            self._learn(one.kind, text[one.start : one.end])
        for kind, texts in (more or {}).items():
            for each in texts:
                self._learn(kind, each)
        self._longest = max(map(len, self._kinds), default=0)
        self._pattern = self._compiled()

    def _learn(self, kind: str, datum: str) -> None:
        whole = _plain(datum)
        if len(whole) < _LEAST:
            return
        self._kinds.setdefault(whole, kind)
        self._placeholder(kind, whole)
        if kind == "NAME":
            for part in _PIECES.findall(whole):
                if part.casefold() not in _SMALL and part[0].isupper():
                    self._kinds.setdefault(part, kind)
                    self._placeholder(kind, part)

    def _compiled(self) -> re.Pattern[str] | None:
        """Everything that is known, the longest first; blanks may be any blanks."""
        if not self._kinds:
            return None
        known = sorted(self._kinds, key=len, reverse=True)
        parts = [r"\s+".join(re.escape(word) for word in one.split(" ")) for one in known]
        return re.compile(rf"(?<![^\W_])(?:{'|'.join(parts)})(?![^\W_])")

    def _placeholder(self, kind: str, datum: str) -> str:
        whole = _plain(datum)
        made = self._numbers.get((kind, whole))
        if made is None:
            number = 1 + sum(one == kind for one, _ in self._numbers)
            made = self._numbers[kind, whole] = f"[{kind}{self._tag}-{number}]"
            self._originals[made] = whole
        return made

    def mask(self, text: str) -> str:
        """The text without personal data; `[[` and `]]`, which mark what is asked about, stay round it."""
        text = "\n".join(self._trimmed(line) for line in text.split("\n"))
        plain, origin = _unmarked(text)
        found = list(personal(plain, self._language))
        if self._pattern is not None:
            found += [
                Personal(one.start(), one.end(), self._kinds.get(_plain(one[0]), "NAME"))
                for one in self._pattern.finditer(plain)
            ]
        made, at = [], 0
        for one in merged(found):
            first, last = origin[one.start], origin[one.end - 1] + 1
            marks = [mark if mark in text[first:last] else "" for mark in _MARKS]
            masked = self._placeholder(one.kind, plain[one.start : one.end])
            made += [text[at:first], f"{marks[0]}{masked}{marks[1]}"]
            at = last
        return "".join([*made, text[at:]])

    def _trimmed(self, line: str) -> str:
        """A line whose beginning or end cuts a datum off: the rest of it goes, too."""
        parts = line.split(_JOINT)
        head = _LINE.match(parts[-1])
        assert head is not None
        number, said = head[1] or "", head[2]
        begun = self._cut(said, lambda datum, size: _ends_word(said, size) and said.startswith(datum[-size:]))
        if begun is not None:
            said = begun[0] + said[begun[1] :]
        ended = self._cut(said, lambda datum, size: _begins_word(said, size) and said.endswith(datum[:size]))
        if ended is not None:
            said = said[: -ended[1]] + ended[0]
        return _JOINT.join([*parts[:-1], number + said])

    def _cut(self, said: str, is_rest: Callable[[str, int], bool]) -> tuple[str, int] | None:
        """The longest rest of a datum that a line begins or ends with: its placeholder, and its length."""
        for size in range(min(self._longest, len(said)), _LEAST - 1, -1):
            for datum, kind in self._kinds.items():
                if size < len(datum) and is_rest(datum, size):
                    return self._placeholder(kind, datum), size
        return None

    def unmask(self, answer: str, *, in_json: bool = False) -> str:
        """An answer with the data in the place of their placeholders."""
        for made, datum in self._originals.items():
            if made in answer:
                text = msgspec.json.encode(datum).decode()[1:-1] if in_json else datum
                answer = answer.replace(made, text)
        return answer


def _ends_word(text: str, at: int) -> bool:
    return not text[at : at + 1].isalnum()


def _begins_word(text: str, size: int) -> bool:
    return size == len(text) or not text[-size - 1].isalnum()


def _unmarked(text: str) -> tuple[str, list[int]]:
    """The text without marks, and where each of its characters stands."""
    marks = {at for found in _MARK.finditer(text) for at in range(found.start(), found.end())}
    origin = [at for at in range(len(text)) if at not in marks]
    return "".join(text[at] for at in origin), origin


def _plain(text: str) -> str:
    return " ".join(text.split())
