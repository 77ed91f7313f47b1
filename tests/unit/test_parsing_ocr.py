"""Scans and pictures: recognised by Tesseract with its real data, straight, upright, with confidence."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from bench.documents.parsing_pages import scan
from fpdf import FPDF
from PIL import Image
from pypdf import PdfWriter

from rechenwerk.documents.parsing.parsers import Parsers
from rechenwerk.documents.parsing.pictures import skew
from rechenwerk.documents.values import Parsed
from rechenwerk.providers.assets import TESSERACT_ENGLISH, TESSERACT_GERMAN, fetch
from tests.flows.conftest import MODELS
from tests.unit import document_files as files
from tests.unit.document_files import lines, rows, run

LINES = (
    "Stadtwerke Beispielstadt",
    "Rechnungsnummer: RE-2025-17",
    "Fälligkeitsdatum: 03.05.2025",
    "Größe der Wohnung: 85 m",
    "Der Betrag ist ohne Abzug zu überweisen.",
    "Übermäßige Nutzung wird gesondert berechnet.",
)
PAGE = files.pdf([(20, 30 + 9 * at, text) for at, text in enumerate(LINES)])


@pytest.fixture(scope="module")
def tessdata() -> Path:
    """The folder with German and English data."""
    for asset in (TESSERACT_GERMAN, TESSERACT_ENGLISH):
        fetch(asset, MODELS, print)
    return MODELS / TESSERACT_GERMAN.name


def recognised(data: bytes, tessdata: Path) -> Parsed:
    async def work() -> Parsed:
        async with Parsers(tessdata) as parsers:
            return await parsers.parse(data, "scan")

    return run(work())


def test_a_scanned_pdf(tessdata: Path) -> None:
    document = recognised(files.scanned_pdf(PAGE), tessdata)
    assert document.kind == "pdf"
    assert document.pages[0].source == "ocr"
    assert lines(document) == list(LINES)
    assert document.language == "de"
    assert all(60 < word.confidence <= 100 for word in document.words)
    word = next(one for one in document.words if document.text[one.start : one.end] == "RE-2025-17")
    assert word.box is not None
    assert word.box.top < 39 * 72 / 25.4 < word.box.bottom + 2


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_pages_that_lie_on_their_side_or_stand_on_their_head(turn: int, tessdata: Path) -> None:
    document = recognised(files.picture(PAGE, turn=turn), tessdata)
    assert lines(document) == list(LINES)
    for word in document.words:
        assert word.box is not None
        assert 0 <= word.box.left < word.box.right <= document.pages[0].width + 1
        assert 0 <= word.box.top < word.box.bottom <= document.pages[0].height + 1


def test_a_page_that_was_laid_down_askew_keeps_its_boxes(tessdata: Path) -> None:
    data = files.picture(PAGE, turn=3)
    document = recognised(data, tessdata)
    assert lines(document) == list(LINES)
    image = Image.open(io.BytesIO(data)).convert("L")
    first = next(one for one in document.words if document.text[one.start : one.end] == "Rechnungsnummer:")
    assert first.box is not None
    scale = 200 / 72
    left, top = first.box.left * scale, first.box.top * scale
    inside = image.crop((int(left), int(top), int(first.box.right * scale), int(first.box.bottom * scale)))
    assert np.asarray(inside).min() < 100


def test_a_tiff_of_several_pages(tessdata: Path) -> None:
    pages = [Image.open(io.BytesIO(files.picture(PAGE))) for _ in range(2)]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:], dpi=(200, 200))
    document = recognised(out.getvalue(), tessdata)
    assert document.kind == "image"
    assert len(document.pages) == 2
    assert lines(document) == [*LINES, *LINES]
    assert [round(page.width) for page in document.pages] == [595, 595]


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_other_pictures(kind: str, tessdata: Path) -> None:
    assert lines(recognised(files.picture(PAGE, kind=kind), tessdata)) == list(LINES)


def test_a_ruled_table_of_a_scan_stays_one(tessdata: Path) -> None:
    sheet = FPDF()
    sheet.add_page()
    sheet.set_font("Helvetica", size=11)
    with sheet.table(width=150, col_widths=(20, 80, 50)) as table:
        for row in (
            ("Pos", "Leistung", "Betrag"),
            ("100", "Beratung und Prüfung", "12,00"),
            ("200", "Anfahrt", "30,00"),
        ):
            cells = table.row()
            for cell in row:
                cells.cell(cell)
    document = recognised(files.scanned_pdf(bytes(sheet.output())), tessdata)
    assert rows(document, document.tables[0]) == [
        "Pos | Leistung | Betrag",
        "100 | Beratung und Prüfung | 12,00",
        "200 | Anfahrt | 30,00",
    ]


def test_a_digital_page_beside_a_scanned_one(tessdata: Path) -> None:
    writer = PdfWriter()
    for data in (PAGE, files.scanned_pdf(PAGE)):
        writer.append(io.BytesIO(data))
    out = io.BytesIO()
    writer.write(out)
    document = recognised(out.getvalue(), tessdata)
    assert [page.source for page in document.pages] == ["digital", "ocr"]
    assert lines(document) == [*LINES, *LINES]


def test_an_empty_page_has_no_words(tessdata: Path) -> None:
    document = recognised(files.scanned_pdf(files.pdf([])), tessdata)
    assert document.words == ()
    assert document.pages[0].fault == ""


def test_words_of_a_page_from_a_scanner_are_found(tessdata: Path) -> None:
    made = scan(3)
    document = recognised(made.image, tessdata)
    wanted, found = Counter(made.words), Counter(document.text.split())
    assert sum((wanted & found).values()) >= 0.97 * sum(wanted.values())


@pytest.mark.parametrize("angle", [-2.0, 0.0, 1.5, 4.0])
def test_skew_is_measured(angle: float) -> None:
    image = Image.open(io.BytesIO(files.picture(PAGE)))
    turned = image.convert("L").rotate(angle, fillcolor=255, resample=Image.Resampling.BICUBIC)
    assert skew(turned) == pytest.approx(-angle, abs=0.3)
