"""Lines and sums of statements: what is rounded when, and that nothing is lost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.errors import BookError
from rechenwerk.base.money import parse_money
from rechenwerk.base.usage import BUCKETS
from rechenwerk.ledger.periods import parse_period
from rechenwerk.ledger.statement_rows import Entry, Used, entry_rows, usage_rows
from rechenwerk.ledger.statements import cents_text, decode, encode, numbers, reversal, row, sum_up
from rechenwerk.office.closing.compose import corrections
from rechenwerk.office.closing.ports import Correction
from tests.unit.statements import ISSUE, SETTING, documents, facts, used


def test_a_model_is_its_buckets_at_their_unit_prices() -> None:
    one = used("m", {"input": "3", "output": "15"}, input=1_500_000, reasoning=2, images=0)
    assert [(r.kind, r.bucket, r.quantity, r.unit_price, r.per, r.exact) for r in usage_rows([one])] == [
        ("usage", "input", "1500000", "3", 1_000_000, "4.50"),
        ("usage", "reasoning", "2", "15", 1_000_000, "0.00003"),
        ("rounding", "", "", "", 0, "0.000000003"),
    ]


def test_pieces_are_priced_by_the_piece() -> None:
    one = used("m", {"images": "0.04", "requests": "0.001"}, images=7, requests=3)
    assert [(r.bucket, r.unit_price, r.per, r.amount) for r in usage_rows([one])][:2] == [
        ("images", "0.04", 1, "0.28"),
        ("requests", "0.001", 1, "0.00"),
    ]


BOOKED = """
booked          | lines
4500000000      | usage 4.50
4500000500      | usage 4.50, rounding 0.0000005
4500000501      | usage 0.00, calls 4.500000501
9000000000      | usage 0.00, calls 9.00
"""


@pytest.mark.parametrize("line", BOOKED.strip().splitlines()[1:])
def test_calls_that_were_not_booked_at_the_list_have_no_unit_price(line: str) -> None:
    booked, wanted = (cell.strip() for cell in line.split("|"))
    one = used("m", {"input": "3"}, int(booked), input=1_500_000)  # a thousand calls, each rounded once
    assert ", ".join(f"{r.kind} {r.exact}" for r in usage_rows([one])) == wanted


def test_without_a_list_there_are_counts_and_what_was_booked() -> None:
    one = Used("m", None, 3, {**dict.fromkeys(BUCKETS, 0), "input": 5, "requests": 3}, 77)
    assert [(r.kind, r.bucket, r.quantity, r.exact) for r in usage_rows([one])] == [
        ("usage", "input", "5", "0.00"),
        ("calls", "", "3", "0.000000077"),
    ]


def test_entries_stand_kind_by_kind() -> None:
    found = entry_rows(
        [Entry("fee", "-1", "a", 1), Entry("refund", "-2", "b", 2), Entry("discount", "-3", "c", -3)]
    )
    assert [(r.kind, r.text, r.reference) for r in found] == [
        ("discount", "c", "-3"),
        ("other", "b", "-2"),
        ("fee", "a", "-1"),
    ]


SUMS = """
lines                    | vat | net    | tax    | gross  | rounding
0.005 0.005              | 19  | 0.00   | 0.00   | 0.00   | -0.01
0.015 0.015              | 19  | 0.04   | 0.01   | 0.05   | 0.01
10.004 0.004 0.004       | 7.5 | 10.00  | 0.75   | 10.75  | -0.012
-1.00 -2.50              | 19  | -3.50  | -0.66  | -4.16  | 0.00
"""


@pytest.mark.parametrize("line", SUMS.strip().splitlines()[1:])
def test_lines_are_rounded_once_and_sums_add_up(line: str) -> None:
    amounts, vat, *wanted = (cell.strip() for cell in line.split("|"))
    totals = sum_up([row("other", "", parse_money(one)) for one in amounts.split()], vat)
    assert [totals.net, totals.vat, totals.gross, totals.rounding] == wanted


@given(st.lists(st.integers(-(10**15), 10**15), max_size=40), st.decimals(0, 99, places=2))
def test_sums_add_up_in_print(amounts: list[int], vat: Decimal) -> None:
    rows = [row("other", "", one) for one in amounts]
    totals = sum_up(rows, str(vat))
    assert sum(Decimal(one.amount) for one in rows) == Decimal(totals.net)
    assert Decimal(totals.net) + Decimal(totals.vat) == Decimal(totals.gross)
    assert Decimal(totals.exact) + Decimal(totals.rounding) == Decimal(totals.net)
    assert abs(Decimal(totals.rounding)) <= Decimal("0.005") * len(rows)
    assert abs(Decimal(totals.net) * vat / 100 - Decimal(totals.vat)) <= Decimal("0.005")


def test_a_credit_note_takes_back_to_the_cent_and_the_nano_unit() -> None:
    for content in documents():
        back = reversal(content, "RW-2026-000099", ISSUE.moment, "me", "2026-04", "wrong")
        for name in ("exact", "net", "vat", "gross", "rounding"):
            assert Decimal(getattr(content.totals, name)) + Decimal(getattr(back.totals, name)) == 0
        assert sum_up(back.rows, content.vat_rate) == back.totals
        assert decode(encode(back)) == back


def test_the_summary_is_the_sum_of_what_it_names() -> None:
    first, second, summary = documents(5)
    for name in ("exact", "net", "vat", "gross", "rounding"):
        parts = [Decimal(getattr(one.totals, name)) for one in (first, second)]
        assert sum(parts) == Decimal(getattr(summary.totals, name))
    assert sum(Decimal(one.exact) for one in summary.usage) == Decimal(summary.totals.exact)


def test_an_organisations_statement_is_not_taken_back() -> None:
    summary = documents()[-1]
    april = parse_period("2026-04")
    with pytest.raises(BookError, match="only sums up"):
        corrections(Correction(summary, (), SETTING, april, "", 3, 0, ""), ISSUE, "wrong")


def test_numbers_follow_each_other() -> None:
    assert list(numbers("RW", ISSUE.at, 16, 2)) == ["RW-2026-000017", "RW-2026-000018"]
    assert [one.number for one in documents()] == [f"RW-2026-0000{n}" for n in (17, 18, 19)]
    assert facts(1).taken == 16


def test_cents_are_written_whole() -> None:
    assert [cents_text(one) for one in (0, 5, -1234567)] == ["0.00", "0.05", "-12345.67"]
