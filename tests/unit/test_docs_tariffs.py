"""docs/tariffs.md: what is calculated by hand there is what the months come to, to the cent."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import msgspec
import pytest

from rechenwerk.base.money import NANO, parse_decimal, parse_money
from rechenwerk.base.usage import BUCKETS
from rechenwerk.ledger.tariffs import DayUse, Terms, period_price, total
from rechenwerk.office.config import parse

DOCS = Path(__file__).parents[2] / "docs"
SIGNS: MappingProxyType[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = MappingProxyType(
    {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
)


class Row(msgspec.Struct, frozen=True):
    """A line of the table."""

    file: str
    use: str
    by_hand: str
    euros: str


def rows() -> Iterator[Row]:
    """The table; "the same" is the file of the row before."""
    text = (DOCS / "tariffs.md").read_text(encoding="utf-8")
    file = ""
    for line in text.partition("| --- | --- | --- | --: |\n")[2].splitlines():
        if not line.startswith("|"):
            break
        example, use, by_hand, euros = (cell.strip() for cell in line.strip("|").split("|"))
        found = re.search(r"\((examples/tariffs/[^)]*)\)", example)
        assert found is not None or example.startswith("the same")
        file = found[1] if found is not None else file
        yield Row(file, use, by_hand, euros)


def calculated(text: str) -> Fraction:
    """The arithmetic of a cell, exact."""

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.BinOp):
            return SIGNS[type(node.op)](value(node.left), value(node.right))
        assert isinstance(node, ast.Constant)
        return parse_decimal(ast.get_source_segment(source, node) or "")

    source = text.replace("\N{MULTIPLICATION SIGN}", "*")
    return value(ast.parse(source, mode="eval").body)


def priced(terms: Terms, use: str) -> int:
    """What the month of a cell comes to."""
    counts = dict.fromkeys(BUCKETS, 0)
    cost, share, off = 0, Fraction(1), Fraction(0)
    for part in use.split(";"):
        name, _, number = part.strip().partition(" ")
        if name == "cost":
            cost = parse_money(number)
        elif name == "share":
            share = Fraction(number)
        elif name == "discount":
            off = Fraction(number.removesuffix(" %")) / 100
        else:
            counts[name] += int(number.replace(",", ""))
    return total(period_price(terms, [DayUse(tuple(counts.values()), cost, off)], share))


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{Path(row.file).stem}: {row.use}")
def test_every_example_comes_to_what_is_calculated_by_hand(row: Row) -> None:
    (tariff,) = parse((DOCS / row.file).read_text(encoding="utf-8")).tariffs
    assert tariff.terms is not None
    assert calculated(row.by_hand) * NANO == parse_money(row.euros)
    assert priced(tariff.terms, row.use) == parse_money(row.euros)


def test_every_example_is_on_the_page_and_good() -> None:
    shown = {row.file for row in rows()} | {"examples/tariffs/next-year.toml"}
    files = {f"examples/tariffs/{path.name}" for path in (DOCS / "examples" / "tariffs").glob("*.toml")}
    assert files == shown
    for file in files:
        assert parse((DOCS / file).read_text(encoding="utf-8")).tariffs
