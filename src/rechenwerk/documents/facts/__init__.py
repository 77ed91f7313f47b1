"""Facts of documents: who, what, how much, for when and how firm; each once, and where they contradict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rechenwerk.documents.facts.entities import Register
from rechenwerk.documents.facts.extracting import extract
from rechenwerk.documents.facts.reconciling import contradictions, reconcile
from rechenwerk.documents.facts.rows import from_rows
from rechenwerk.documents.facts.values import Article, Contradiction, Fact, Reconciled, Statement

__all__ = [
    "Article",
    "Contradiction",
    "Fact",
    "Reconciled",
    "Register",
    "Statement",
    "contradictions",
    "extract",
    "extract_all",
    "from_rows",
    "reconcile",
]


def extract_all(
    articles: Sequence[Article], known: Mapping[str, Iterable[str]] | None = None
) -> tuple[Fact, ...]:
    """The facts of a set of documents by rules, with one name for everybody in all of them.

    Args:
        articles: the documents.
        known: names that are known beforehand, with their aliases.
    """
    register = Register(articles, known)
    return tuple(fact for article in articles for fact in extract(article, register))
