"""The table of figures: how much of it is read right, in both halves, and nothing wrong by a power of ten."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from rechenwerk.documents.figures import find, iban_valid, read, style_of, vat_id_valid
from tests.unit.figure_cases import Case, answer, cases, powers_wrong, right


@pytest.fixture(scope="module")
def table() -> list[Case]:
    return list(cases())


def test_the_table_is_large(table: list[Case]) -> None:
    assert len(table) >= 600
    assert len({case.line for case in table}) == len(table)
    assert min(sum(case.held for case in table), sum(not case.held for case in table)) >= 300


@pytest.mark.parametrize("held", [False, True], ids=["tuned", "held"])
def test_at_least_99_percent_right(table: list[Case], held: bool, capsys: pytest.CaptureFixture[str]) -> None:
    half = [case for case in table if case.held == held]
    good = Counter(case.kind for case in half if right(case, answer(case)))
    every = Counter(case.kind for case in half)
    with capsys.disabled():
        kinds = ", ".join(f"{kind} {good[kind]}/{n}" for kind, n in sorted(every.items()))
        name = "held" if held else "tuned"
        sys.stdout.write(f"\n{name} half: {good.total()} of {every.total()} right: {kinds}\n")
    assert good.total() >= 0.99 * every.total()


def test_nothing_is_wrong_by_a_power_of_ten(table: list[Case]) -> None:
    assert not sum(powers_wrong(case, answer(case)) for case in table)


def test_what_was_found_reads_back_the_same(table: list[Case]) -> None:
    for case in (case for case in table if not case.held and not case.forbidden):
        for figure in case.expected:
            quote = case.text[figure.start : figure.end]
            style = style_of(case.text, case.language)
            again = read(quote, figure.kind, today=case.today, style=style)
            assert again, case.line
            assert (again.amount, again.days) == (figure.amount, figure.days), case.line


@pytest.mark.parametrize(
    "number",
    [
        "DE89 3704 0044 0532 0130 00",
        "GB82 WEST 1234 5698 7654 32",
        "AT611904300234573201",
        "CH93 0076 2011 6238 5295 7",
    ],
)
def test_ibans_of_the_registry(number: str) -> None:
    assert iban_valid(number)
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert not iban_valid(wrong)
    assert not iban_valid(number[:-1])


VAT_IDS = (
    "ATU13585627 BE0428759497 BG175074752 CY10259033P CZ25123891 DE136695976 DK13585628 "
    "EE100931558 EL094259216 ESB58378431 FI20774740 FR83404833048 HR33392005961 HU12892312 "
    "IE6433435F IT00743110157 LT119511515 LU15027442 LV40003521600 MT11679112 NL004495445B01 "
    "PL8567346215 PT501964843 RO18547290 SE556188840401 SI50223054 SK2022749619 GB980780684 "
    "XI980780684 CHE-107.787.577 "
)


@pytest.mark.parametrize("number", VAT_IDS.split())
def test_vat_ids_of_every_country(number: str) -> None:
    """Examples of the public documentation of python-stdnum; one digit changed is refused."""
    assert vat_id_valid(number)
    assert vat_id_valid(f" {number[:4]} {number[4:]} ")
    digits = [at for at, sign in enumerate(number) if sign.isdigit()]
    at = digits[2]
    assert not vat_id_valid(number[:at] + str((int(number[at]) + 1) % 10) + number[at + 1 :])
    assert not vat_id_valid(number + "0")


@pytest.mark.parametrize("number", ["", "DE", "US123456789", "DE12345678", "ATU1", "CHE-1"])
def test_what_is_no_vat_id(number: str) -> None:
    assert not vat_id_valid(number)
    assert not iban_valid(number)


def test_swiss_vat_ids_may_say_so() -> None:
    assert vat_id_valid("CHE-107.787.577 MWST")
    assert vat_id_valid("CHE-107.787.577 TVA")


def test_an_amount_in_a_column_has_its_currency_elsewhere() -> None:
    figure = read("1.234,56", "money", language="de")
    assert figure
    assert figure.amount
    assert (str(figure.amount.low), figure.amount.unit) == ("1234.56", "")


def test_the_documents_own_numbers_decide() -> None:
    german = "Gesamt 1.234.567,89 und 12.500,00 sowie 3.500,25, davon 1.234 im Mai."
    assert "1234" in {str(figure.amount.low) for figure in find(german, language="en") if figure.amount}
    mixed = "Gesamt 1,234.56 und 12.500,00 davon 1.234"
    assert {str(figure.amount.low) for figure in find(mixed) if figure.amount} == {"1234.56", "12500"}
