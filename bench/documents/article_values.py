"""An article, and a pair of articles of which is known whether they contradict each other, where and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Article:
    """What is handed to the product: language, day of publication (ISO), headline, text."""

    language: str
    date: str
    title: str
    text: str


@dataclass(frozen=True)
class Case:
    """Two articles.

    Args:
        kind: 'contradiction', or why they only look like one: 'other period', 'target', 'qualifier',
            'rounding', 'other entity', 'other currency', 'in words', 'copy', 'other measure', 'share of it'.
        a, b: the articles.
        what: whom and what the figures are about, in words.
        said_a, said_b: the figures as they stand in the texts.
        value_a, value_b: their numbers, as decimal strings.
    """

    kind: str
    a: Article
    b: Article
    what: str
    said_a: str
    said_b: str
    value_a: str
    value_b: str

    @property
    def planted(self) -> bool:
        return self.kind == "contradiction"
