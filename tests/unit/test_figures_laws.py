"""What Babel writes is read back, whatever the number or day; and no text breaks the search."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent
from hypothesis import assume, example, given
from hypothesis import strategies as st

from rechenwerk.documents.figures import find, read

LOCALES = ("de_DE", "de_AT", "de_CH", "en_US", "en_GB")
AMOUNTS = st.decimals(min_value=Decimal(-(10**13)), max_value=Decimal(10**13), places=2)
LEGIBLE = st.text(alphabet=" \n0123456789.,-+'€$%/()§QHKWabdeiMrozTEURund½²٣", max_size=60)


@given(AMOUNTS, st.sampled_from(LOCALES), st.sampled_from(["EUR", "USD", "CHF", "GBP"]))
def test_money(value: Decimal, locale: str, currency: str) -> None:
    assume(locale != "de_CH" or abs(value) < 10**9)
    text = format_currency(value, currency, locale=locale)
    figure = read(text, "money", language=locale)
    assert figure, text
    assert figure.amount, text
    assert (figure.amount.low, figure.amount.high, figure.amount.unit) == (value, value, currency), text


def written(value: Decimal, locale: str) -> str:
    """As Babel writes it; it forgets groups of Swiss numbers from a billion on, which nobody would write."""
    assume(locale != "de_CH" or abs(value) < 10**9)
    return format_decimal(value, locale=locale)


@given(AMOUNTS, st.sampled_from(LOCALES))
def test_numbers(value: Decimal, locale: str) -> None:
    text = written(value, locale)
    figure = read(text, "number", language=locale)
    assert figure, text
    assert figure.amount, text
    assert figure.amount.low == value, text


@given(st.integers(-(10**15), 10**15), st.sampled_from(LOCALES))
def test_whole_numbers_in_a_sentence(value: int, locale: str) -> None:
    text = f"x {written(Decimal(value), locale)} x"
    found = [figure.amount.low for figure in find(text, language=locale) if figure.amount]
    year = [figure for figure in find(text, language=locale) if figure.days]
    assert found == [value] or year, text


@given(st.decimals(min_value=Decimal(-50), max_value=Decimal(50), places=3), st.sampled_from(LOCALES))
def test_percent(value: Decimal, locale: str) -> None:
    text = format_percent(value, locale=locale, decimal_quantization=False)
    figure = read(text, "percent", language=locale)
    assert figure, text
    assert figure.amount, text
    assert figure.amount.low == value * 100, text


@given(
    st.dates(date(1970, 1, 1), date(2069, 12, 31)),
    st.sampled_from(LOCALES),
    st.sampled_from(["short", "medium", "long", "full"]),
)
@example(date(2025, 5, 5), "en_US", "full")
def test_days(day: date, locale: str, form: str) -> None:
    text = format_date(day, form, locale=locale)
    assert [figure.days and figure.days.first for figure in find(text, language=locale)] == [day], text


@given(LEGIBLE, st.sampled_from(["de", "en", "", "en-GB"]))
@example("5 - ²", "de")
@example("٣ €", "de")
def test_figures_stand_in_order_and_none_overlaps(text: str, language: str) -> None:
    last = 0
    for figure in find(text, language=language, today=date(2025, 5, 20)):
        assert last <= figure.start < figure.end <= len(text)
        assert (figure.amount is None) != (figure.days is None)
        last = figure.end


@given(LEGIBLE)
def test_a_language_that_is_not_known_invents_nothing(text: str) -> None:
    """What is read without a language is read the same in German or in English: no guess."""
    german = {(f.start, f.end): f for f in find(text, language="de")}
    english = {(f.start, f.end): f for f in find(text, language="en")}
    for figure in find(text):
        same = [side.get((figure.start, figure.end)) for side in (german, english)]
        assert figure in same, (text, figure)


@pytest.mark.parametrize("kind", ["number", "percent", "money", "date", "period", "duration"])
@given(text=LEGIBLE)
def test_read_gives_the_kind_that_was_asked(kind: str, text: str) -> None:
    figure = read(text, kind, language="de", today=date(2025, 5, 20))
    assert figure is None or figure.kind == kind
