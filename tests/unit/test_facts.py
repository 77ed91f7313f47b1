"""Facts of several documents: names, contradictions and what is none, copies, lone figures."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from rechenwerk.documents.facts import Article, Reconciled, Register, extract_all, from_rows, reconcile
from rechenwerk.documents.facts.comparing import bounds
from rechenwerk.documents.facts.copies import copies, resemblance
from rechenwerk.documents.facts.naming import key
from rechenwerk.documents.facts.titles import german
from rechenwerk.documents.facts.topics import TOPICS
from rechenwerk.documents.figures import read
from rechenwerk.documents.values import Evidence, Value

DAY = date(2025, 3, 10)


def told(*texts: str, rates: dict[tuple[str, str], Decimal] | None = None) -> Reconciled:
    """What articles, each 'de: ...' or 'en: ...', say together."""
    articles = [Article(f"doc {at}", text[4:], text[:2], DAY) for at, text in enumerate(texts, 1)]
    return reconcile(extract_all(articles), articles, rates=rates)


CONTRADICT = (
    (
        "de: Die Talhof AG hatte 2024 einen Umsatz von 1,2 Mrd. Euro.",
        "en: Talhof reported revenue of 1.6 billion euros for 2024.",
    ),
    (
        "de: Talhof machte 2024 rund 30 Millionen Euro Verlust.",
        "de: Der Verlust von Talhof betrug 2024 50 Mio. Euro. Talhof schweigt.",
    ),
    ("de: Talhof beschäftigt mehr als 5.000 Mitarbeiter.", "de: Talhof beschäftigt 4.000 Mitarbeiter."),
    ("de: Talhof hat eine Bewertung von bis zu 3 Mrd. Euro.", "en: Talhof is valued at 4 billion euros."),
    (
        "de: Der Umsatz von Talhof stieg 2024 um 12 Prozent. Talhof jubelt.",
        "de: Der Umsatz von Talhof sank 2024 um 12 Prozent. Talhof klagt.",
    ),
    (
        "de: Talhof übernimmt Bergwind für 640 Mio. Euro. Bergwind baut Räder.",
        "en: Talhof is to acquire Bergwind for 460 million euros. Bergwind makes wheels.",
    ),
    ("de: Talhof beschäftigt knapp 5.000 Mitarbeiter.", "de: Talhof beschäftigt 3.000 Mitarbeiter."),
    (
        "de: Talhof will bis 2030 10 bis 12 Mio. Euro investieren.",
        "de: Talhof plant, bis 2030 15 Mio. Euro zu investieren.",
    ),
)
AGREE = (
    (
        "de: Talhof machte 2024 einen Umsatz von 1,2 Mrd. Euro.",
        "en: Talhof reported revenue of 1,200 million euros for 2024.",
    ),
    (
        "de: Talhof erzielte 2024 einen Umsatz von über 12 Mrd. Euro.",
        "de: Talhof erzielte 2024 einen Umsatz von 12,5 Mrd. Euro.",
    ),
    ("de: Talhof beschäftigt rund 30.000 Mitarbeiter.", "de: Talhof beschäftigt 30.400 Mitarbeiter."),
    (
        "de: Talhof erzielte 2024 einen Umsatz von 12 Mrd. Euro.",
        "de: Talhof erzielte 2024 einen Umsatz von 12,4 Mrd. Euro.",
    ),
    (
        "de: Talhof erzielte 2024 einen Umsatz von 12 Mrd. Euro.",
        "de: Talhof erzielte 2023 einen Umsatz von 9 Mrd. Euro.",
    ),
    (
        "de: Talhof erzielte 2025 einen Umsatz von 12 Mrd. Euro.",
        "de: Für 2025 peilt Talhof einen Umsatz von 15 Mrd. Euro an.",
    ),
    (
        "de: Talhof erzielte 2024 einen Umsatz von 12 Mrd. Euro.",
        "de: Talhof erzielte 2024 einen Umsatz von 14 Mrd. Dollar.",
    ),
    (
        "de: Talhof erzielte 2024 einen Umsatz von 12 Mrd. Euro.",
        "de: Talhof erzielte 2024 einen Gewinn von 1 Mrd. Euro.",
    ),
    (
        "de: Talhof Energie erzielte 2024 einen Umsatz von 12 Mrd. Euro.",
        "de: Talhof Software erzielte 2024 einen Umsatz von 3 Mrd. Euro.",
    ),
    (
        "de: Talhof erzielte 2024 einen Umsatz von 12 Mrd. Euro.",
        "de: In Asien erzielte Talhof 2024 einen Umsatz von 3 Mrd. Euro.",
    ),
    (
        "de: Talhof erzielte 2024 einen Umsatz von 12 Mrd. Euro.",
        "de: Talhof erzielte 2024 keinen Umsatz von 3 Mrd. Euro.",
    ),
    (
        "de: Talhof erzielte 2024 einen Umsatz von 12 Mrd. Euro, nach 9 Mrd. Euro im Vorjahr.",
        "de: Talhof erzielte 2024 einen Umsatz von 12 Mrd. Euro.",
    ),
)


@pytest.mark.parametrize("texts", CONTRADICT)
def test_values_that_cannot_both_be_true_are_shown_with_their_quotes(texts: tuple[str, str]) -> None:
    found = told(*texts).contradictions
    assert len(found) == 1
    assert found[0].left.evidence.quote in texts[0]
    assert found[0].right.evidence.quote in texts[1]
    assert found[0].left.entity == found[0].right.entity == "talhof"


@pytest.mark.parametrize("texts", AGREE)
def test_what_only_looks_like_a_contradiction_is_none(texts: tuple[str, str]) -> None:
    assert not told(*texts).contradictions


def test_currencies_are_compared_with_a_given_rate_only() -> None:
    texts = (
        "de: Talhof erzielte 2024 einen Umsatz von 12 Mrd. Euro.",
        "en: Talhof reported revenue of 20 billion dollars for 2024.",
    )
    assert not told(*texts).contradictions
    assert told(*texts, rates={("EUR", "USD"): Decimal("1.1")}).contradictions
    assert told(*texts, rates={("USD", "EUR"): Decimal("0.9")}).contradictions
    assert not told(*texts, rates={("EUR", "USD"): Decimal("1.67")}).contradictions


def test_a_copied_story_counts_once() -> None:
    story = (
        "Talhof erzielte 2024 einen Umsatz von 12 Mrd. Euro. Der Hersteller von Rädern aus Musterstadt ist"
        " damit zufrieden, wie die Sprecherin sagte. Weitere Werke sind nicht geplant."
    )
    other = "de: Talhof erzielte 2024 einen Umsatz von 12,0 Mrd. Euro."
    result = told(f"de: {story}", f"de: {story} (ms)", other)
    assert result.copies == (("doc 1", "doc 2"),)
    (revenue,) = [one for one in result.statements if one.what == "revenue"]
    assert (len(revenue.facts), revenue.sources, revenue.single) == (3, 2, False)


def test_a_figure_that_only_one_source_has_is_marked() -> None:
    result = told(
        "de: Talhof erzielte 2024 einen Umsatz von 12 Mrd. Euro. Talhof beschäftigt 400 Mitarbeiter.",
        "de: Talhof erzielte 2024 einen Umsatz von 12 Mrd. Euro.",
    )
    assert {one.what: one.single for one in result.statements} == {"revenue": False, "employees": True}


def test_every_topic_has_a_german_title() -> None:
    assert not [topic for topic in TOPICS if german(topic) == topic and topic != "ebitda"]
    assert german("revenue change") == "Umsatz (Veränderung)"


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("OpenAI Group PBC", "OpenAI"),
        ("Müller & Söhne GmbH & Co. KG", "Mueller & Soehne"),
        ("Die Muster AG", "MUSTER"),
        ("The Acme Company, Inc.", "Acme"),
        ("Société Générale S.A.", "Societe Generale"),
        ("Nordwind's", "Nordwind"),
    ],
)
def test_names_are_compared_without_form_case_and_accents(name: str, other: str) -> None:
    assert key(name) == key(other)


def test_aliases_come_from_the_texts_themselves() -> None:
    text = (
        "Die Muster Energie GmbH (im Folgenden „Stromwerk“) und die Bayerische Rad Union (BRU) bauen. Das"
        " Stromwerk hat 2024 einen Umsatz von 3 Mio. Euro erzielt."
    )
    register = Register([Article("a", text, "de", DAY)])
    assert register.entity("Stromwerk") == register.entity("Muster Energie GmbH")
    assert register.entity("BRU") == register.entity("Bayerische Rad Union")


def test_a_short_name_is_the_only_longer_one() -> None:
    texts = ("Nordwind Energie AG hat Erfolg.", "Nordwind meldet Erfolg.")
    register = Register([Article(str(at), text, "de", DAY) for at, text in enumerate(texts)])
    assert register.entity("Nordwind") == register.entity("Nordwind Energie AG")
    rivals = [*texts, "Nordwind Software AG hat auch Erfolg."]
    register = Register([Article(str(at), text, "de", DAY) for at, text in enumerate(rivals)])
    assert register.entity("Nordwind Software AG") != register.entity("Nordwind Energie AG")


@pytest.mark.parametrize(
    ("quote", "low", "high"),
    [
        ("rund 30.000", "25000", "35000"),
        ("12 Mrd. Euro", "11.5e9", "12.5e9"),
        ("12,4 Mrd. Euro", "12.35e9", "12.45e9"),
        ("über 12 Mrd. Euro", "11.5e9", "Infinity"),
        ("bis zu 500", "-Infinity", "500"),
        ("10 bis 12 Mio. Euro", "10e6", "12e6"),
        ("4.512", "4512", "4512"),
        ("1.234,56 EUR", "1234.56", "1234.56"),
        ("knapp 5.000", "4500", "5000"),
    ],
)
def test_what_the_words_allow(quote: str, low: str, high: str) -> None:
    kind = "money" if "Euro" in quote or "EUR" in quote else "number"
    figure = read(quote, kind, language="de")
    assert figure
    assert figure.amount
    assert bounds(figure.amount, quote) == (Decimal(low), Decimal(high))


def test_rows_of_the_article_schema_are_facts_once_they_are_firm() -> None:
    evidence = Evidence(1, 0, 12, "1,2 Mrd. Euro")

    def value(field: str, what: object, state: str = "proven") -> Value:
        return Value(field, what, state, "rule", evidence)

    amount = {"amount": "1200000000", "currency": "EUR", "qualifier": ""}
    values = [
        value("figures.0.who", "Talhof AG"),
        value("figures.0.what", "Jahresumsatz"),
        value("figures.0.amount", amount),
        value("figures.0.period", {"from": "2024-01-01", "to": "2024-12-31"}),
        value("figures.0.status", "planned", "corrected"),
        value("figures.1.who", "Talhof AG"),
        value("figures.1.amount", amount, "unproven"),
    ]
    (fact,) = from_rows("doc", values)
    assert (fact.entity, fact.what, fact.status) == ("talhof", "revenue", "planned")
    assert fact.amount.low == Decimal(1200000000)
    assert fact.period
    assert fact.period.last == date(2024, 12, 31)


def test_many_documents_are_compared_by_hashes() -> None:
    """More than are compared each with each; every fifth is a copy of the one before with a byline."""
    texts = []
    for number in range(60 * 5):
        original = number - number % 5
        words = [f"w{(original + 1) * 7919 + at * 104729}" for at in range(80)]
        own = words if number % 5 < 2 else [f"x{number}y{at}" for at in range(80)]
        texts.append(" ".join(own) + (" byline" if number % 5 == 1 else ""))
    articles = [Article(str(at), text) for at, text in enumerate(texts)]
    assert copies(articles) == tuple((str(at), str(at + 1)) for at in range(0, 300, 5))
    assert resemblance(texts[0], texts[2])[0] == 0
