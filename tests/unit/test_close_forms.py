"""Documents as HTML, PDF and XLSX: reproducible byte by byte, and long ones break pages with carried sums."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
from decimal import Decimal
from itertools import pairwise
from typing import Any, cast

import pypdf
import pytest

from rechenwerk.ledger.statements import Content
from rechenwerk.office.closing.layout import lay_out
from rechenwerk.office.closing.render import render
from rechenwerk.office.closing.words import _ENGLISH, _GERMAN, Language, Words
from tests.unit.statements import documents, sha256

LANGUAGES: tuple[Language, ...] = ("de", "en")
_AMOUNT = r"-?[\d.]+,\d\d"
_PROGRAM = """
import hashlib
from rechenwerk.office.closing.render import render
from tests.unit.statements import documents, sha256
for content in documents(3):
    for language in ("de", "en"):
        for form in ("html", "pdf", "xlsx"):
            print(hashlib.sha256(render(content, language, sha256(content), form)).hexdigest())
"""


def pages(content: Content, language: Language = "de") -> list[str]:
    """The text of each page of the PDF."""
    reader = pypdf.PdfReader(io.BytesIO(render(content, language, sha256(content), "pdf")))
    return [page.extract_text() for page in reader.pages]


def money(text: str) -> Decimal:
    """German digits."""
    return Decimal(text.replace(".", "").replace(",", "."))


def test_the_same_content_gives_the_same_bytes_in_every_process() -> None:
    runs = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": f"UTC-{seed}"},
            capture_output=True,
            text=True,
            check=True,
        )
        runs.append(done.stdout.split())
    assert len(runs[0]) == 18
    assert len(set(runs[0])) == 18
    assert runs[0] == runs[1]


def test_another_content_gives_other_bytes() -> None:
    first, second, _ = documents(3)
    assert (
        len({hashlib.sha256(render(one, "de", sha256(one), "pdf")).digest() for one in (first, second)}) == 2
    )


def test_two_hundred_lines_break_pages_with_the_header_and_the_sum_so_far() -> None:
    content = documents(50)[0]
    assert len(content.rows) > 200
    found = pages(content)
    assert len(found) > 5
    carried = []
    for number, page in enumerate(found, 1):
        assert "Leistung Menge Einzelpreis Betrag EUR" in page
        assert f"Seite {number} von {len(found)}" in page
        carried.append([money(amount) for amount in re.findall(rf"Übertrag ({_AMOUNT})", page)])
    assert carried[0][0] > 0
    for before, after in pairwise(carried):
        assert before[-1] == after[0]
    # What is carried grows by the lines of the page, and what is left on the last page makes the whole.
    assert carried[-1][0] < Decimal(content.totals.net)
    text = "\n".join(found)
    shown = re.findall(rf"je Mio\. ({_AMOUNT})", text)
    usage = [row.amount for row in content.rows if row.kind == "usage"]
    assert [money(amount) for amount in shown] == [Decimal(amount) for amount in usage]
    assert f"Summe netto {Words('de').amount(content.totals.net)} EUR" in text
    assert "Zwischensumme" in text


def test_a_page_that_begins_in_the_middle_of_a_model_names_it() -> None:
    content = documents(50)[0]
    for page in pages(content)[1:-1]:
        lines = page.splitlines()
        assert lines[1].startswith("Übertrag"), lines[:4]
        assert lines[2].startswith("modell-"), lines[:4]


def test_letters_are_embedded() -> None:
    reader = pypdf.PdfReader(io.BytesIO(render(documents()[0], "de", "0" * 64, "pdf")))
    resources = cast("Any", reader.pages[0]["/Resources"])
    fonts = [
        descendant.get_object()["/FontDescriptor"].get_object()
        for font in resources["/Font"].values()
        for descendant in font.get_object()["/DescendantFonts"]
    ]
    assert fonts
    assert all("/FontFile2" in font for font in fonts)
    assert "Bürgeramt Süd" in pages(documents()[0])[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_form_says_the_sums(language: Language) -> None:
    words = Words(language)
    for content in documents():
        page = render(content, language, sha256(content), "html").decode()
        text = "\n".join(pages(content, language))
        for label, amount in lay_out(content, words, "").sums:
            assert f'<td>{label}</td><td class="n">{words.amount(amount)} EUR</td>' in page
            assert f"{label} {words.amount(amount)} EUR" in text
        assert sha256(content) in page
        assert sha256(content) in text


def test_both_languages_say_everything() -> None:
    assert _GERMAN.keys() == _ENGLISH.keys()
    for name, said in _GERMAN.items():
        assert set(re.findall(r"{\w+}", said)) == set(re.findall(r"{\w+}", _ENGLISH[name])), name


NUMBERS = """
how    | text            | de               | en
amount | 1234567.5       | 1.234.567,50     | 1,234,567.50
amount | -0.05           | -0,05            | -0.05
exact  | 1234.000000001  | 1.234,000000001  | 1,234.000000001
exact  | 3               | 3,00             | 3.00
count  | 1234567         | 1.234.567        | 1,234,567
rate   | 7.50            | 7,5              | 7.5
day    | 2026-03-31      | 31.03.2026       | 31 March 2026
month  | 2026-03         | März 2026        | March 2026
"""


@pytest.mark.parametrize("line", NUMBERS.strip().splitlines()[1:])
def test_numbers_and_dates_are_written_as_people_do(line: str) -> None:
    how, text, *wanted = (cell.strip() for cell in line.split("|"))
    assert [getattr(Words(language), how)(text) for language in LANGUAGES] == wanted
