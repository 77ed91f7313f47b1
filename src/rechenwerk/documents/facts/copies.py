"""Documents that are copies of one text: shingles, MinHash, and a check of each likely pair.

Broder's resemblance (On the resemblance and containment of documents, 1997): the share of common runs of five
words. MinHash finds likely pairs among many documents without comparing each with each.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from hashlib import blake2b
from itertools import combinations

from rechenwerk.documents.facts.values import Article

_RUN = 5
_BANDS, _ROWS = 16, 4
_ALIKE = 0.6
_FEW = 200
_LEAST, _LEAST_CONTAINED = 10, 30
"""Runs of words: a sentence that two documents share makes none a copy."""

_CONTAINED = 0.8
_WORD = re.compile(r"\w+")


def _hashes(text: str) -> frozenset[int]:
    """A number for each run of words."""
    words = _WORD.findall(text.lower())
    runs = (" ".join(words[at : at + _RUN]) for at in range(max(1, len(words) - _RUN + 1)))
    return frozenset(int.from_bytes(blake2b(run.encode(), digest_size=8).digest(), "big") for run in runs)


def _signature(hashes: frozenset[int]) -> list[int]:
    """The least hash under each of several orders."""
    mask = (1 << 61) - 1
    return [
        min(
            (hash_ * (2 * seed + 1) * 0x9E3779B97F4A7C15 + seed * 0xBF58476D1CE4E5B9) & mask
            for hash_ in hashes
        )
        for seed in range(1, _BANDS * _ROWS + 1)
    ]


def resemblance(left: str, right: str) -> tuple[float, float]:
    """Share of common runs of words in both, and in the shorter one."""
    one, two = _hashes(left), _hashes(right)
    common = len(one & two)
    return common / len(one | two), common / min(len(one), len(two))


def _likely(hashes: dict[str, frozenset[int]]) -> set[tuple[str, str]]:
    """Pairs that may be copies: each pair of a few documents, of many those that share a band of MinHash."""
    if len(hashes) <= _FEW:
        return set(combinations(hashes, 2))
    buckets: dict[tuple[int, tuple[int, ...]], list[str]] = defaultdict(list)
    for name, own in hashes.items():
        signature = _signature(own)
        for band in range(_BANDS):
            buckets[band, tuple(signature[band * _ROWS : (band + 1) * _ROWS])].append(name)
    return {pair for bucket in buckets.values() for pair in combinations(bucket, 2)}


def copies(articles: Sequence[Article]) -> tuple[tuple[str, ...], ...]:
    """Groups of documents that are copies of one text, in the order given; only groups of two or more."""
    hashes = {article.document: _hashes(article.text) for article in articles}
    leader = {article.document: article.document for article in articles}

    def top(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    order = {article.document: at for at, article in enumerate(articles)}
    for left, right in sorted(_likely(hashes), key=lambda pair: (order[pair[0]], order[pair[1]])):
        common = len(hashes[left] & hashes[right])
        alike = common / len(hashes[left] | hashes[right])
        shorter = min(len(hashes[left]), len(hashes[right]))
        if (alike >= _ALIKE and shorter >= _LEAST) or (
            common / shorter >= _CONTAINED and shorter >= _LEAST_CONTAINED
        ):
            leader[top(right)] = top(left)
    groups: dict[str, list[str]] = defaultdict(list)
    for article in articles:
        groups[top(article.document)].append(article.document)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)
