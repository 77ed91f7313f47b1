"""The bench's articles: contradictions as promised, as many lookalikes, and their figures in the text."""

from __future__ import annotations

from collections import Counter

from bench.documents.article_alike import ALIKE
from bench.documents.article_planted import PLANTED
from bench.documents.articles import ALL, KINDS, cases, text_of


def test_as_many_lookalikes_as_contradictions_in_both_halves() -> None:
    found = cases()
    assert Counter(one.case.planted for one in found) == {True: ALL, False: ALL}
    assert {one.case.kind for one in found} == {"contradiction", *KINDS}
    for half in ("tuning", "held"):
        assert sum(one.half == half and one.case.planted for one in found) >= ALL // 3


def test_at_least_forty_are_written_by_hand() -> None:
    assert 2 * (len(PLANTED) + len(ALIKE)) >= 40


def test_every_figure_of_the_truth_stands_in_its_article() -> None:
    for one in cases():
        assert one.case.said_a in one.case.a.text, one.name
        assert one.case.said_b in one.case.b.text, one.name


def test_a_contradiction_is_two_values_far_apart() -> None:
    for one in cases():
        if one.case.planted:
            low, high = sorted((float(one.case.value_a), float(one.case.value_b)))
            assert high / low > 1.05, one.name


def test_the_same_seed_gives_the_same_articles_and_texts_differ() -> None:
    assert cases() == cases()
    texts = {text_of(article) for one in cases() for article in (one.case.a, one.case.b)}
    assert len(texts) >= 4 * ALL - 2
