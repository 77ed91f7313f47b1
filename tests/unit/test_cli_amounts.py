"""Amounts in tables: one number of decimals a column, as the reader's language writes them."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.text import Text

from rechenwerk.cli.amounts import align, amount
from rechenwerk.cli.show import table

# cells of a column | in English | in German
COLUMNS = """
1.00 2.50 | 1.00 2.50 | 1,00 2,50
1234567.5 0.00 -3 | 1,234,567.50 0.00 -3.00 | 1.234.567,50 0,00 -3,00
0.000001370 12.5 | 0.000001370 12.500000000 | 0,000001370 12,500000000
1.234 total 5.6 | 1.234 total 5.600 | 1,234 total 5,600
+1000.2 | +1,000.20 | +1.000,20
99999999999999999999.123456789 | 99,999,999,999,999,999,999.123456789 | 99.999.999.999.999.999.999,123456789
"""


@pytest.mark.parametrize("line", COLUMNS.strip().splitlines())
def test_a_column_has_the_decimals_of_the_amount_that_needs_most(line: str) -> None:
    given, english, german = (part.split() for part in line.split(" | "))
    cells = [Text(one, style="red") for one in given]
    assert [cell.plain for cell in align(cells)] == english
    assert [cell.plain for cell in align(cells, "de")] == german
    assert {str(cell.style) for cell in align(cells)} == {"red"}


def test_what_is_no_amount_stays_as_it_is() -> None:
    for text in ("", "never", "1.2.3", "5 %", "12,5", "1e5"):
        assert amount(text, 4, "de") == text


def test_only_columns_of_money_are_written_so() -> None:
    out = Console(width=60, record=True, color_system=None)
    rows = [("a", "1", "1000.5"), ("b", "2000", "0.123")]
    table("t", ("name", "calls", "price"), rows, right=("calls",), out=out, money=("price",), language="de")
    text = out.export_text()
    assert "│ a    │     1 │ 1.000,500 │" in text
    assert "│ b    │  2000 │     0,123 │" in text
