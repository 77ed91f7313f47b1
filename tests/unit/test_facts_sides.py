"""Contradictions with all their sides, and when one is the same as before."""

from __future__ import annotations

from datetime import date

import pytest

from rechenwerk.documents.facts import Article, Register, extract, reconcile
from rechenwerk.documents.facts.sides import Place, again, disputes

YEAR = "Die Talhof AG hat im Jahr 2024 einen Umsatz von {amount} erzielt."
ABOUT = "Die Talhof AG hat im Jahr 2024 einen Umsatz von mehr als {amount} erzielt."
A, B, C = frozenset({(1, 0, 5)}), frozenset({(2, 0, 5)}), frozenset({(3, 0, 5)})


def sides(*texts: str) -> list[list[list[str]]]:
    """The documents (a, b, ...) on each side of each dispute."""
    articles = [Article(chr(97 + at), text, "de", date(2025, 3, 1)) for at, text in enumerate(texts)]
    register = Register(articles)
    facts = [fact for article in articles for fact in extract(article, register)]
    found = disputes(reconcile(facts, articles).contradictions)
    return [[sorted({fact.document for fact in side}) for side in one.sides] for one in found]


TABLE: tuple[tuple[str, tuple[str, ...], list[list[list[str]]]], ...] = (
    ("two sides", ("1,2 Mrd. Euro", "1,6 Mrd. Euro"), [[["a"], ["b"]]]),
    ("two say the same", ("1,2 Mrd. Euro", "1,6 Mrd. Euro", "1.600 Mio. Euro"), [[["a"], ["b", "c"]]]),
    ("three sides", ("1,2 Mrd. Euro", "1,6 Mrd. Euro", "2 Mrd. Euro"), [[["a"], ["b"], ["c"]]]),
    ("all agree", ("1,2 Mrd. Euro", "1.200 Mio. Euro"), []),
)


@pytest.mark.parametrize(("amounts", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_documents_that_agree_stand_on_one_side(
    amounts: tuple[str, ...], expected: list[list[list[str]]]
) -> None:
    assert sides(*(YEAR.format(amount=amount) for amount in amounts)) == expected


def test_who_agrees_with_everybody_is_on_no_side() -> None:
    texts = [YEAR.format(amount=one) for one in ("1,2 Mrd. Euro", "1,6 Mrd. Euro")]
    assert sides(*texts, ABOUT.format(amount="1 Mrd. Euro")) == [[["a"], ["b"]]]


SAME = (
    ("the same", [A, B], [A, B], (0, 1)),
    ("in another order", [A, B], [B, A], (1, 0)),
    ("somebody joins a side", [A, B], [A | C, B], (0, 1)),
    ("somebody leaves a side", [A | C, B], [A, B], (0, 1)),
    ("a third side", [A, B], [A, B, C], None),
    ("a side is another document", [A, B], [A, C], None),
    ("somebody changes sides", [A | C, B], [A, B | C], None),
    ("one leaves, one joins", [A | B, C], [A | {(4, 0, 1)}, C], None),
)


@pytest.mark.parametrize(("old", "new", "expected"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_a_dispute_stays_while_nobody_changes_sides(
    old: list[frozenset[Place]], new: list[frozenset[Place]], expected: tuple[int, ...] | None
) -> None:
    assert again(old, new) == expected
