"""PDF: words with boxes in reading order, columns, tables, turned pages, attachments."""

from __future__ import annotations

import io

import numpy as np
import pypdfium2
import pytest
from fpdf import FPDF
from PIL import Image
from pypdf import PdfReader, PdfWriter

from rechenwerk.base.errors import UnreadableError
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.parsing.layer import is_garbage
from rechenwerk.documents.parsing.parsers import Parsers
from rechenwerk.documents.values import Parsed
from tests.unit import document_files as files
from tests.unit.document_files import lines, parsed, rows, run

MM = 72 / 25.4
LETTER = files.pdf(
    [
        (20, 30, "Musterfirma GmbH"),
        (20, 36, "Weg 3"),
        (120, 30, "Rechnungsnummer:"),
        (160, 30, "RE-2025-17"),
        (120, 36, "Datum:"),
        (160, 36, "03.04.2025"),
        (20, 50, "Größe: 5 m²"),
    ],
    [(20, 30, "Seite zwei")],
)


def test_lines_keep_labels_beside_their_values() -> None:
    document = parsed(LETTER, "x.txt")
    assert document.kind == "pdf"
    assert lines(document) == [
        "Musterfirma GmbH Rechnungsnummer: RE-2025-17",
        "Weg 3 Datum: 03.04.2025",
        "Größe: 5 m²",
        "Seite zwei",
    ]
    assert document.tables == ()
    assert [(page.number, page.source, round(page.width), round(page.height)) for page in document.pages] == [
        (1, "digital", 595, 842),
        (2, "digital", 595, 842),
    ]


def test_words_keep_their_page_and_box() -> None:
    document = parsed(LETTER)
    word = next(one for one in document.words if document.text[one.start : one.end] == "RE-2025-17")
    assert word.page == 1
    assert word.confidence == 100
    assert word.box is not None
    assert word.box.left == pytest.approx(160 * MM, abs=1)
    assert word.box.top < 30 * MM < word.box.bottom
    assert word.box.bottom - word.box.top < 15
    assert next(one for one in document.words if document.text[one.start : one.end] == "zwei").page == 2


def turned_pages(degrees: int) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(LETTER)))
    writer.pages[0].rotate(degrees)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_page_that_is_shown_turned_is_read_as_its_text_runs(degrees: int) -> None:
    document = parsed(turned_pages(degrees))
    assert lines(document) == lines(parsed(LETTER))
    assert (document.pages[0].width > document.pages[0].height) == (degrees != 180)
    for word in document.words:
        assert word.box is not None
        page = document.pages[word.page - 1]
        assert 0 <= word.box.left < word.box.right <= page.width
        assert 0 <= word.box.top < word.box.bottom <= page.height


def test_boxes_of_a_turned_page_are_where_the_words_are_seen() -> None:
    """The ink of a word lies in its box on the picture of the page."""
    data = turned_pages(90)
    document = parsed(data)
    word = next(one for one in document.words if document.text[one.start : one.end] == "RE-2025-17")
    assert word.box is not None

    async def work() -> bytes:
        async with Parsers() as parsers:
            return await parsers.image(data, 1, 72)

    image = Image.open(io.BytesIO(run(work()))).convert("L")
    box = word.box
    inside = image.crop((int(box.left), int(box.top), int(box.right) + 1, int(box.bottom) + 1))
    assert np.asarray(inside).min() < 120
    beside = image.crop((int(box.left) - 30, int(box.top), int(box.left) - 15, int(box.bottom)))
    assert np.asarray(beside).min() > 200


def test_text_that_runs_upwards_at_the_margin_follows_the_rest() -> None:
    sheet = FPDF()
    sheet.add_page()
    sheet.set_font("Helvetica", size=10)
    for at in range(10):
        sheet.text(40, 40 + 6 * at, f"Zeile {at} des Textes mit einigen Worten")
    with sheet.rotation(90, 15, 200):
        sheet.text(15, 200, "Formular Nummer 4711")
    assert lines(parsed(bytes(sheet.output())))[-1] == "Formular Nummer 4711"


def columns() -> bytes:
    left = [f"Links steht in Zeile {at} ein Satz mit Worten" for at in range(8)]
    right = [f"Rechts steht in Zeile {at} ein anderer Satz da" for at in range(8)]
    page = [
        (20, 20, "Eine Überschrift über beide Spalten hinweg, breit genug für den ganzen Satzspiegel hier")
    ]
    page += [(20, 40 + 5 * at, text) for at, text in enumerate(left)]
    page += [(110, 40 + 5 * at, text) for at, text in enumerate(right)]
    return files.pdf(
        [*page, (20, 100, "Der Schluss steht wieder unter beiden Spalten und reicht weit nach rechts")]
    )


def test_columns_of_running_text_are_read_one_after_the_other() -> None:
    found = lines(parsed(columns()))
    assert found[0].startswith("Eine Überschrift")
    assert [line.split()[0] for line in found[1:-1]] == ["Links"] * 8 + ["Rechts"] * 8
    assert found[-1].startswith("Der Schluss")


def test_blocks_whose_lines_do_not_meet_are_read_one_after_the_other() -> None:
    address = [
        (20.0, 40.0 + 5 * at, text) for at, text in enumerate(("Firma", "Erika Muster", "Weg 1", "12345 Ort"))
    ]
    block = [(130.0, 37.5 + 6.2 * at, f"Angabe {at}") for at in range(5)]
    assert lines(parsed(files.pdf(address + block)))[:4] == ["Firma", "Erika Muster", "Weg 1", "12345 Ort"]


def test_words_divided_at_the_end_of_a_line_become_whole_again() -> None:
    page = [
        (20, 40, "Die Gesell-"),
        (20, 45, "schaft kauft Ein-"),
        (20, 50, "und Verkauf und Vor-"),
        (20, 55, "Ort"),
    ]
    document = parsed(files.pdf(page))
    assert lines(document) == ["Die Gesellschaft", "kauft Ein-", "und Verkauf und Vor-", "Ort"]
    halves = [document.text[word.start : word.end] for word in document.words[1:3]]
    assert halves == ["Gesell", "schaft"]
    first, second = document.words[1:3]
    assert first.box is not None
    assert second.box is not None
    assert second.box.top > first.box.bottom - 3


TABLE = (
    ("Pos", "Artikel", "Menge", "Betrag"),
    ("1", "Schraube groß", "10", "12,00"),
    ("2", "Mutter M8", "20", "30,00"),
)


def test_tables_with_drawn_lines() -> None:
    sheet = FPDF()
    sheet.add_page()
    sheet.set_font("Helvetica", size=10)
    sheet.cell(0, 10, "Vor der Tabelle", new_x="LMARGIN", new_y="NEXT")
    long = "Beratung im Hause des Kunden mit einem Text, der über mehrere Zeilen läuft und dann endet"
    with sheet.table(width=160, col_widths=(15, 60, 30, 40)) as table:
        for row in (*TABLE, ("3", long, "", "7,50")):
            cells = table.row()
            for cell in row:
                cells.cell(cell)
    sheet.cell(0, 10, "Nach der Tabelle")
    document = parsed(bytes(sheet.output()))
    assert rows(document, document.tables[0]) == [" | ".join(row) for row in TABLE] + [
        f"3 | {long} |  | 7,50"
    ]
    assert document.tables[0].head == 1
    assert lines(document)[0] == "Vor der Tabelle"
    assert lines(document)[-1] == "Nach der Tabelle"
    price = document.tables[0].rows[1][3]
    assert document.text[price.start : price.end] == "12,00"
    assert price.box is not None


def test_tables_without_lines() -> None:
    places = (20.0, 35.0, 120.0, 160.0)
    page = [
        (x, 60.0 + 6 * at, cell) for at, row in enumerate(TABLE) for x, cell in zip(places, row, strict=True)
    ]
    page += [(35, 76.5, "verzinkt"), (120, 84, "Summe"), (160, 84, "42,00")]
    document = parsed(files.pdf([(20, 40, "Wir berechnen:"), *page]))
    assert rows(document, document.tables[0]) == [
        "Pos | Artikel | Menge | Betrag",
        "1 | Schraube groß | 10 | 12,00",
        "2 | Mutter M8 verzinkt | 20 | 30,00",
        " |  | Summe | 42,00",
    ]
    assert "Summe 42,00" in lines(document)


def test_an_embedded_invoice_is_found_by_its_name_or_its_content() -> None:
    named = files.pdf([(20, 20, "Rechnung")], attached={"factur-x.xml": files.CII.encode()})
    other = files.pdf([(20, 20, "Rechnung")], attached={"a.txt": b"x", "daten.xml": files.CII.encode()})
    neither = files.pdf([(20, 20, "Rechnung")], attached={"daten.xml": b"<a/>"})
    assert parsed(named).invoice == files.CII
    assert parsed(other).invoice == files.CII
    assert parsed(neither).invoice == ""


FORM = b"""%PDF-1.7
1 0 obj<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[5 0 R]/NeedAppearances true/DA(/Helv 10 Tf 0 g)
/DR<</Font<</Helv 6 0 R>>>>>>>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 6 0 R>>>>
/Annots[5 0 R]>>endobj
4 0 obj<</Length 36>>stream
BT /F1 10 Tf 72 700 Td (Name:) Tj ET
endstream
endobj
5 0 obj<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(Erika Muster)/Rect[110 695 300 712]
/DA(/Helv 10 Tf 0 g)/F 4/P 3 0 R>>endobj
6 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R/Size 7>>
"""


def test_what_was_filled_into_a_form_is_text_of_its_page() -> None:
    assert lines(parsed(FORM)) == ["Name: Erika Muster"]


def test_properties() -> None:
    sheet = FPDF()
    sheet.add_page()
    sheet.set_title("Jahresbericht")
    sheet.set_author("Das Amt")
    found = parsed(bytes(sheet.output())).properties
    assert found["title"] == "Jahresbericht"
    assert found["author"] == "Das Amt"
    assert len(found["date"]) == 10


@pytest.mark.parametrize(
    ("data", "code"),
    [(files.locked_pdf(), "locked"), (b"%PDF-1.7\nkaputt", "corrupt"), (LETTER[:60], "corrupt")],
)
def test_what_cannot_be_opened(data: bytes, code: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        parsed(data)
    assert caught.value.code == code


def declared(size: str) -> bytes:
    """A PDF with a page of a size that it only declares."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 "
        + size.encode()
        + b"]>>endobj\ntrailer<</Root 1 0 R>>"
    )


def test_a_huge_page_costs_no_memory() -> None:
    document = parsed(declared("99999999 99999999"))
    assert len(document.pages) == 1
    with pytest.raises(UnreadableError):
        run(image_of(declared("99999999 99999999"), 1))


async def image_of(data: bytes, page: int) -> bytes:
    async with Parsers() as parsers:
        return await parsers.image(data, page, 50)


def test_pictures_of_pages() -> None:
    image = Image.open(io.BytesIO(run(image_of(LETTER, 2))))
    assert image.format == "PNG"
    assert image.size == (414, 585)
    for page in (0, 3):
        with pytest.raises(UnreadableError) as caught:
            run(image_of(LETTER, page))
        assert caught.value.code == "no_page"
    with pytest.raises(UnreadableError) as caught:
        run(image_of(b"nur ein Text, kein Bild", 1))
    assert caught.value.code == "no_picture"


def test_pages_beyond_the_bound_are_named() -> None:
    document = parsed(files.text_pdf(5), limits=Limits(pages=3))
    assert len(document.pages) == 3
    assert document.faults == ("pages 4 to 5 were not read: at most 3 are",)


def test_a_scan_without_data_for_recognition_says_so() -> None:
    document: Parsed = parsed(files.scanned_pdf(LETTER))
    assert document.pages[0].source == "none"
    assert document.faults == ("page 1: scanned, and no data for text recognition is installed",)


@pytest.mark.parametrize(
    ("text", "garbage"),
    [
        ("", True),
        ("Ein ganz gewöhnlicher Satz.", False),
        ("\ue001\ue002\ue003 \ue004", True),
        ("Wqrxz Vbnmk Jhgfd Trwqp Mnbvc Plkjh Zxcvb Qwrtz Bcdfg", True),
        ("1.234,56 € 03.04.2025", False),
    ],
)
def test_layers_that_nobody_can_read(text: str, garbage: bool) -> None:
    assert is_garbage(text) == garbage


def test_the_text_agrees_with_what_pdfium_extracts() -> None:
    data = files.text_pdf(2)
    with pypdfium2.PdfDocument(data) as document:
        words = [word for page in document for word in page.get_textpage().get_text_range().split()]
    assert parsed(data).text.split() == words
