"""Lists of the console: what an address asks for, as small tables; and figures as languages write them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest

from rechenwerk.console.figures import Figures, places, share
from rechenwerk.console.listing import SIZE, Column, arrange, as_csv, cell
from rechenwerk.console.pages.projects import used

FRUIT = """
    name     colour  price
    apple    red     2.50
    Banana   yellow  0.30
    cherry   red     10
    date     brown   -
    elder    black   0.30
"""
COLUMNS = (Column("name"), Column("colour"), Column("price", number=True))


def rows(table: str = FRUIT) -> list[dict[str, str]]:
    head, *lines = [line.split() for line in table.strip().splitlines()]
    return [
        {name: "" if value == "-" else value for name, value in zip(head, line, strict=True)}
        for line in lines
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, "apple Banana cherry date elder"),
        ({"sort": "-name"}, "elder date cherry Banana apple"),
        ({"sort": "price"}, "Banana elder apple cherry date"),
        ({"sort": "-price"}, "cherry apple Banana elder date"),
        ({"sort": "nothing"}, "apple Banana cherry date elder"),
        ({"q": "AN"}, "Banana"),
        ({"q": "e l"}, "apple elder"),
        ({"colour": "red"}, "apple cherry"),
        ({"colour": "red", "q": "ch"}, "cherry"),
        ({"colour": "blue"}, ""),
        ({"price": "10"}, "apple Banana cherry date elder"),
    ],
)
def test_search_filter_sort(query: dict[str, str], names: str) -> None:
    found = arrange("/fruit", rows(), COLUMNS, query, ("name",), ("colour",), "name")
    assert [row["name"] for row in found.rows] == names.split()
    assert (found.found, found.whole) == (len(names.split()), 5)


def test_pages() -> None:
    many = [{"name": f"{number:03d}"} for number in range(2 * SIZE + 1)]
    for asked, page, first, count in (
        ("", 1, "000", SIZE),
        ("2", 2, "050", SIZE),
        ("3", 3, "100", 1),
        ("99", 3, "100", 1),
        ("-1", 1, "000", SIZE),
        ("1e9", 1, "000", SIZE),
    ):
        found = arrange("/x", many, (Column("name"),), {"page": asked}, sort="name")
        assert (found.page, found.pages, len(found.rows)) == (page, 3, count)
        assert found.rows[0]["name"] == first
    everything = arrange("/x", many, (Column("name"),), {"download": "csv", "page": "2"}, sort="name")
    assert len(everything.rows) == 2 * SIZE + 1


def test_the_address_keeps_what_was_asked_for() -> None:
    found = arrange(
        "/fruit",
        rows(),
        COLUMNS,
        {"q": "a&b", "colour": "red", "page": "2", "x": "1"},
        ("name",),
        ("colour",),
        keep={"by": "k"},
    )
    assert found.url(page="") == "/fruit?by=k&q=a%26b&colour=red"
    assert found.turned("price") == "/fruit?by=k&q=a%26b&colour=red&sort=price"
    down = arrange("/fruit", rows(), COLUMNS, {"sort": "price"})
    assert down.turned("price") == "/fruit?sort=-price"
    assert (down.ordered("price"), down.ordered("name")) == ("ascending", "none")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|'/c calc'", "'+cmd|'/c calc'"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2.50", "-2.50"),
        ("-x", "'-x"),
        (None, ""),
        (["a", "b"], "a b"),
        ("plain", "plain"),
    ],
)
def test_no_cell_is_a_formula(value: object, written: str) -> None:
    assert cell(value) == written


def test_a_download_can_be_read_back() -> None:
    answer = as_csv("fruit", COLUMNS, [{"name": 'a "b", c', "colour": "rot", "price": "1.5"}])
    assert list(csv.reader(io.StringIO(bytes(answer.body).decode()))) == [
        ["name", "colour", "price"],
        ['a "b", c', "rot", "1.5"],
    ]
    assert answer.headers["content-disposition"] == 'attachment; filename="fruit.csv"'


NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "value", "written"),
    [
        ("en", "1234.5", "1,234.50\u00a0EUR"),
        ("de", "1234.5", "1.234,50\u00a0EUR"),
        ("de", "0.000123", "0,000123\u00a0EUR"),
        ("de", "-3", "-3,00\u00a0EUR"),
        ("en", None, "\u2013"),
        ("en", "nonsense", "\u2013"),
        ("en", "123456789012345678.123456789", "123,456,789,012,345,678.123456789\u00a0EUR"),
    ],
)
def test_money(language: str, value: str | None, written: str) -> None:
    assert Figures(language, NOW).money(value, "EUR") == written


def test_columns_have_their_points_below_each_other() -> None:
    assert places(["1", "2.5", "0.0001", None]) == 4
    assert places([]) == 2


@pytest.mark.parametrize(
    ("microseconds", "written"),
    [(950, "1.0\u00a0ms"), (12_400, "12\u00a0ms"), (2_340_000, "2.3\u00a0s"), (None, "\u2013")],
)
def test_durations(microseconds: int | None, written: str) -> None:
    assert Figures("en", NOW).duration(microseconds) == written


def test_times_are_for_people_and_programs() -> None:
    figures = Figures("de", NOW)
    assert figures.ago("2027-01-18T08:00:00Z") == (
        '<time datetime="2027-01-18T08:00:00+00:00" title="18.01.2027, 08:00:00 UTC">in 3 Tagen</time>'
    )
    assert figures.month("2027-01") == "Januar 2027"
    assert figures.day("2027-01-02") == "02.01.2027"
    assert figures.month("<b>") == "<b>"


@pytest.mark.parametrize(
    ("part", "whole", "percent"),
    [
        ("0.29", "1.00", 29),
        ("0.575", "1.00", 57),
        ("1.999999999", "2.00", 99),
        ("3.00", "2.00", 150),
        ("0.00", "2.00", 0),
        ("1.00", "0.00", None),
        ("1.00", None, None),
        (None, "1.00", None),
    ],
)
def test_shares_are_whole_percents_rounded_down(
    part: str | None, whole: str | None, percent: int | None
) -> None:
    assert share(part, whole) == percent


def test_the_fullest_budget_counts() -> None:
    amounts = (("0.10", "1.00"), ("0.29", "1.00"), ("5.00", "0.00"))
    budgets = [{"posted": posted, "amount": amount} for posted, amount in amounts]
    assert used({"budgets": budgets}) == 29
    assert used({"budgets": budgets[2:]}) is None
    assert used({"budgets": []}) is None
