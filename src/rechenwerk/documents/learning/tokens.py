"""A document as a row of tokens with what stands around each: what a span extractor looks at."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

import msgspec

from rechenwerk.documents.values import Box, Figure, Word

PIECE = re.compile(r"\w+(?:[.,:/'\u2019\-]\w+)*|\S")
NEAR = 4
"""Words to the left that may be a label."""
ABOVE = 2
"""Lines above in which a label may stand."""

FindFigures = Callable[[str], Sequence[Figure]]


class Token(msgspec.Struct, frozen=True):
    """A word, number or sign: `text[start:end]`; its line; its box where the format has pages."""

    text: str
    start: int
    end: int
    line: int
    box: Box | None = None


def tokens_of(text: str, words: Sequence[Word] = ()) -> list[Token]:
    """The tokens of a text in its order; a word's box is that of all its tokens."""
    boxes: dict[int, Box] = {}
    for word in words:
        if word.box is not None:
            boxes.update(dict.fromkeys(range(word.start, word.end), word.box))
    found: list[Token] = []
    at = 0
    for number, line in enumerate(re.split(r"[\n\f]", text)):
        found += [
            Token(one[0], at + one.start(), at + one.end(), number, boxes.get(at + one.start()))
            for one in PIECE.finditer(line)
        ]
        at += len(line) + 1
    return found


def within(tokens: Sequence[Token], start: int, end: int) -> range:
    """Places of the tokens, in the text's order, that share a character with `text[start:end]`."""
    first = bisect_right(tokens, start, key=lambda token: token.end)
    return range(first, bisect_left(tokens, end, lo=first, key=lambda token: token.start))


def shape(text: str) -> str:
    """'INV-2025/17' is 'A-9/9': repeated kinds of characters count once."""
    kinds = re.sub(r"[^\W\d_]", "a", re.sub(r"[A-ZÄÖÜ]", "A", re.sub(r"\d", "9", text)))
    kinds = "".join("A" if sign.isupper() else kind for sign, kind in zip(text, kinds, strict=True))
    return re.sub(r"(.)\1+", r"\1", kinds)[:12]


def features(tokens: Sequence[Token], text: str, find: FindFigures | None = None) -> list[list[str]]:
    """Per token what is known about it and what stands around it, as words."""
    low = [token.text.lower() for token in tokens]
    shapes = [shape(token.text) for token in tokens]
    kinds = _kinds(tokens, text, find)
    lines: dict[int, list[int]] = {}
    places = []
    for at, token in enumerate(tokens):
        line = lines.setdefault(token.line, [])
        places.append(len(line))
        line.append(at)
    most = max((token.line for token in tokens), default=0) + 1
    rows = []
    for at, token in enumerate(tokens):
        row = [
            "bias",
            f"w={low[at]}",
            f"s={shapes[at]}",
            f"p={low[at][:3]}",
            f"e={low[at][-3:]}",
            f"k={kinds[at]}",
            f"y={4 * token.line // most}",
        ]
        for step in (-2, -1, 1, 2):
            if 0 <= at + step < len(tokens):
                row += [
                    f"w{step}={low[at + step]}",
                    f"s{step}={shapes[at + step]}",
                    f"k{step}={kinds[at + step]}",
                ]
        line, place = lines[token.line], places[at]
        row.append(f"x={_column(token, place)}")
        left = [low[one] for one in line[max(0, place - NEAR) : place] if low[one][0].isalpha()]
        row += [f"l={word}" for word in left]
        row += [f"ll={' '.join(left[-2:])}"] if left else ["l0"]
        row += [f"a={low[one]}" for one in _above(tokens, lines, at) if low[one][0].isalpha()]
        rows.append(row)
    return rows


def _column(token: Token, place: int) -> str:
    """Where on its line: the tenth of 600 points, or the place in the order."""
    return f"b{int(token.box.left // 60)}" if token.box is not None else f"o{min(place, 5)}"


def _above(tokens: Sequence[Token], lines: dict[int, list[int]], at: int) -> list[int]:
    """Tokens of the lines above that stand over this one; without boxes those that begin the line."""
    box = tokens[at].box
    found: list[int] = []
    for step in range(1, ABOVE + 1):
        line = lines.get(tokens[at].line - step, [])
        if box is None:
            found += line[:3]
            continue
        for one in line:
            other = tokens[one].box
            if other is not None and other.left < box.right and other.right > box.left:
                found.append(one)
    return found


def _kinds(tokens: Sequence[Token], text: str, find: FindFigures | None) -> list[str]:
    """The kind of figure that a token belongs to: 'money', 'date' and so on; '' for none."""
    kinds = [""] * len(tokens)
    for figure in find(text) if find is not None else ():
        for at in within(tokens, figure.start, figure.end):
            kinds[at] = figure.kind
    return kinds
