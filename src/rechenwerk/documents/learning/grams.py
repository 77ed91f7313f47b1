"""Words, pairs of words and groups of letters of a text, as weighted counts (tf-idf)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.documents.learning.examples import LONGEST

WORD = re.compile(r"\w+")
LETTERS = (2, 3, 4, 5)
KINDS = ("letters", "words")
MOST = MappingProxyType({"letters": 30_000, "words": 15_000})


def grams(text: str, kind: str) -> Iterator[str]:
    """What stands in a text: groups of letters within words, or words and pairs of neighbours."""
    words = WORD.findall(text[:LONGEST].lower())
    if kind == "words":
        yield from words
        yield from (f"{one} {two}" for one, two in pairwise(words))
        return
    for word in words:
        framed = f" {word} "
        for length in LETTERS:
            yield from (framed[at : at + length] for at in range(len(framed) - length + 1))


class Vocabulary(msgspec.Struct, frozen=True):
    """The grams that were seen in training, and how much each says.

    Args:
        rows: gram -> its place.
        weights: by place: ln((1 + texts) / (1 + texts with it)) + 1.
    """

    kind: str
    rows: dict[str, int]
    weights: NDArray[np.float32]

    def vector(self, text: str) -> tuple[list[int], NDArray[np.float32]]:
        """Places and values of a text's grams, of length 1 together; a repeated gram counts by 1 + ln."""
        counts = Counter(gram for gram in grams(text, self.kind) if gram in self.rows)
        places = sorted(self.rows[gram] for gram in counts)
        number = {self.rows[gram]: 1.0 + math.log(count) for gram, count in counts.items()}
        values = np.array([number[place] for place in places], dtype=np.float32) * self.weights[places]
        length = float(np.linalg.norm(values))
        return places, values / length if length else values


def learn(texts: Sequence[str], kind: str) -> Vocabulary:
    """The vocabulary of texts; of very many grams the most frequent."""
    seen: Counter[str] = Counter()
    for text in texts:
        seen.update(set(grams(text, kind)))
    kept = sorted(seen, key=lambda gram: (-seen[gram], gram))[: MOST[kind]]
    rows = {gram: place for place, gram in enumerate(sorted(kept))}
    weights = [math.log((1 + len(texts)) / (1 + seen[gram])) + 1 for gram in rows]
    return Vocabulary(kind, rows, np.array(weights, dtype=np.float32))
