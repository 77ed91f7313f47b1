"""Numbers and dates of workbooks as spreadsheet programs show them."""

from __future__ import annotations

import pytest

from rechenwerk.documents.parsing.number_formats import BUILT_IN, displayed

CASES = """
value                 | code                              | German             | English
1234.5                | General                           | 1234,5             | 1234.5
0.1                   | General                           | 0,1                | 0.1
0.30000000000000004   | General                           | 0,3                | 0.3
3.0000000000000001E-2 | 0.00                              | 0,03               | 0.03
1E+21                 | General                           | 1E+21              | 1E+21
1234567.891           | #,##0.00                          | 1.234.567,89       | 1,234,567.89
-1234.5               | #,##0.00                          | -1.234,50          | -1,234.50
-1234.5               | #,##0.00;[Red]-#,##0.00           | -1.234,50          | -1,234.50
-1234.5               | #,##0.00_);(#,##0.00)             | (1.234,50)         | (1,234.50)
0.005                 | 0.00                              | 0,01               | 0.01
2.5                   | 0                                 | 3                  | 3
0                     | #,##0.00;-#,##0.00;"-"            | -                  | -
0.195                 | 0.0%                              | 19,5%              | 19.5%
0.19                  | 0%                                | 19%                | 19%
0.19                  | 0\\ %                              | 19 %               | 19 %
1234.5                | #,##0.00\\ "€"                     | 1.234,50 €         | 1,234.50 €
1234.5                | [$€-407] #,##0.00                 | € 1.234,50         | € 1.234,50
1234.5                | _-* #,##0.00\\ [$€-407]_-          | 1.234,50 €         | 1.234,50 €
1234.5                | [$$-409]#,##0.00                  | $1.234,50          | $1,234.50
1500000               | #,##0.0,,"Mio."                   | 1,5Mio.            | 1.5Mio.
12345                 | 0.00E+00                          | 1,23E+04           | 1.23E+04
7                     | 000                               | 007                | 007
0.5                   | #.##                              | ,5                 | .5
45750                 | dd.mm.yyyy                        | 03.04.2025         | 03.04.2025
45750                 | d. mmmm yyyy                      | 3. April 2025      | 3. April 2025
45717                 | mmmm yy                           | März 25            | March 25
45750                 | dddd, d/m/yy                      | Donnerstag, 3/4/25 | Thursday, 3/4/25
45750                 | short                             | 03.04.2025         | 2025-04-03
45750.604166666664    | short h:mm                        | 03.04.2025 14:30   | 2025-04-03 14:30
45750.604166666664    | h:mm AM/PM                        | 2:30 PM            | 2:30 PM
45750.604166666664    | hh:mm:ss                          | 14:30:00           | 14:30:00
1.5                   | [h]:mm                            | 36:00              | 36:00
1.5                   | [hh]:mm:ss                        | 36:00:00           | 36:00:00
59                    | dd.mm.yyyy                        | 28.02.1900         | 28.02.1900
61                    | dd.mm.yyyy                        | 01.03.1900         | 01.03.1900
-5                    | dd.mm.yyyy                        | -5                 | -5
5                     | [>=10]"viel";[<10]"wenig"         | wenig              | wenig
5                     | "Nr. "0                           | Nr. 5              | Nr. 5
5                     | @                                 | 5                  | 5
kein                  | 0.00                              | kein               | kein
"""
TABLE = [[cell.strip() for cell in line.split("|")] for line in CASES.strip().split("\n")[1:]]


@pytest.mark.parametrize(
    ("value", "code", "german", "english"), TABLE, ids=[f"{one[0]} as {one[1]}" for one in TABLE]
)
def test_numbers_as_displayed(value: str, code: str, german: str, english: str) -> None:
    code = code.replace("\\\\", "\\")
    assert displayed(value, code, german=True) == german
    assert displayed(value, code, german=False) == english


def test_days_counted_from_1904() -> None:
    assert displayed("0", "dd.mm.yyyy", german=True, since_1904=True) == "01.01.1904"


@pytest.mark.parametrize("code", sorted(set(BUILT_IN.values())))
def test_every_built_in_format_shows_something(code: str) -> None:
    assert displayed("45750.25", code, german=True)
