"""What is read from office documents, HTML, mails, e-invoices and texts."""

from __future__ import annotations

import io
import zipfile

import docx
import openpyxl
import pytest

from rechenwerk.base.errors import UnreadableError
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.parsing.einvoice import german
from rechenwerk.documents.parsing.languages import language_of
from rechenwerk.documents.values import Parsed
from tests.unit import document_files as files
from tests.unit.document_files import lines, parsed, rows


def sound(document: Parsed) -> Parsed:
    """A document whose offsets all hold."""
    for word in document.words:
        text = document.text[word.start : word.end]
        assert text
        assert not set(text) & set(" \n\f\t")
    assert sum(len(one) for one in document.text.split()) == sum(w.end - w.start for w in document.words)
    for page in document.pages:
        assert document.text[page.start : page.end].count("\f") == 0
    assert document.text.count("\f") == len(document.pages) - 1
    for table in document.tables:
        page = document.pages[table.page - 1]
        assert all(page.start <= cell.start <= cell.end <= page.end for row in table.rows for cell in row)
        assert len({len(row) for row in table.rows}) == 1
    return document


def test_word_documents() -> None:
    document = sound(parsed(files.word(), "vertrag.pdf"))
    assert document.kind == "docx"
    assert lines(document) == [
        "Stadtwerke Beispielstadt",
        "Rahmenvertrag",
        "Laufzeit: drei Jahre",
        "Es gilt deutsches Recht.",
        "Leistung Preis",
        "Strom 0,25 €/kWh",
        "Seite zwei",
        "Blatt 1",
    ]
    assert rows(document, document.tables[0]) == ["Leistung | Preis", "Strom | 0,25 €/kWh"]
    assert len(document.pages) == 2
    assert document.properties["title"] == "Rahmenvertrag"
    assert document.properties["author"] == "Erika Muster"


def with_part(data: bytes, name: str, content: bytes) -> bytes:
    """An office document with another part, or one part changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            if entry != name:
                new.writestr(entry, old.read(entry))
        new.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (files.word(), "word/vbaProject.bin"),
        (files.workbook(), "xl/vbaProject.bin"),
        (files.slides(), "ppt/vbaProject.bin"),
        (files.open_text(), "Basic/Standard/Module1.xml"),
    ],
)
def test_macros_are_neither_run_nor_read_and_that_is_said(data: bytes, part: str) -> None:
    document = parsed(with_part(data, part, b"Attribute VB_Name = AutoOpen"), "makro.docm")
    assert document.faults[0] == "contains macros: they were neither run nor read"
    assert "AutoOpen" not in document.text
    assert document.words


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><x>&c;</x>'
)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (BOMB, "xml_entities"),
        (with_part(files.word(), "word/document.xml", BOMB), "xml_entities"),
        (with_part(files.word(), "word/document.xml", b"<w:document"), "corrupt"),
        (with_part(files.open_text(), "content.xml", b"<a/>"), "corrupt"),
        (with_part(files.open_text(), "META-INF/manifest.xml", b"<m><encryption-data/></m>"), "locked"),
        (b"<?xml version='1.0'?><a><b></a>", "corrupt"),
        (
            with_part(files.workbook(), "xl/sharedStrings.xml", b"<a>" + b" " * 30_000_000 + b"</a>"),
            "bomb_ratio",
        ),
    ],
)
def test_hostile_and_broken_documents_are_refused(data: bytes, code: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        parsed(data)
    assert caught.value.code == code
    assert caught.value.german != str(caught.value)


def test_workbooks_show_their_cells_as_they_are_displayed() -> None:
    document = sound(parsed(files.workbook()))
    assert [page.name for page in document.pages] == ["Rechnungen", "Notizen"]
    assert rows(document, document.tables[0]) == [
        "Nummer | Datum der Rechnung | Betrag | Satz",
        "RE-1 | 03.04.2025 | 1.234,50 € | 19%",
        " |  | 1.234,50 € | ",
    ]
    assert document.tables[0].head == 1
    assert document.faults == ("hidden sheet 'geheim' was not read",)
    assert document.language == "de"


def test_formulas_without_a_stored_value_are_reported() -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active["A1"] = "Summe"
    book.active["A2"] = "=1+1"
    out = io.BytesIO()
    book.save(out)
    document = parsed(out.getvalue())
    assert lines(document) == ["Summe"]
    assert "1 formulas have no stored value" in document.faults[0]


def test_slides_are_pages() -> None:
    document = sound(parsed(files.slides()))
    assert [document.text[page.start : page.end].split("\n")[0] for page in document.pages] == [
        "Ergebnis im dritten Quartal",
        "Jahr Wert",
    ]
    assert "Umsatz: 12 Mio. EUR" in lines(document)
    assert "langsam sprechen" in lines(document)
    assert rows(document, document.tables[0]) == ["Jahr | Wert", "2025 | 3"]


def test_open_document_texts() -> None:
    document = sound(parsed(files.open_text()))
    assert lines(document) == [
        "Antrag",
        "Name: Müller Erika",
        "• erster Punkt",
        "Jahr Betrag",
        "2025 17,00 €",
    ]
    assert rows(document, document.tables[0]) == ["Jahr | Betrag", "2025 | 17,00 €"]


def test_html_is_what_a_reader_sees() -> None:
    page = """<!DOCTYPE html><html><head><title>Angebot</title><style>p {color: red}</style></head><body>
    <script>alert(1)</script><h1>Unser   Angebot</h1><p>Gültig <b>bis</b>
    03.04.2025<br>Danke<span style="display: none">heimlich</span></p>
    <table><tr><th>Ware</th><th>Preis</th></tr><tr><td>Tisch</td><td>12,00&nbsp;€</td></tr></table>
    <table><tr><td><table><tr><td>nur</td></tr></table></td><td>gesetzt</td></tr></table></body></html>"""
    document = sound(parsed(page.encode()))
    assert lines(document) == [
        "Unser Angebot",
        "Gültig bis 03.04.2025",
        "Danke",
        "Ware Preis",
        "Tisch 12,00 €",
        "nur",
        "gesetzt",
    ]
    assert rows(document, document.tables[0]) == ["Ware | Preis", "Tisch | 12,00 €"]
    assert document.properties == {"title": "Angebot"}


def test_html_in_the_encoding_that_it_names() -> None:
    page = '<html><head><meta charset="iso-8859-1"></head><body><p>Größe</p></body></html>'
    assert lines(parsed(page.encode("iso-8859-1"))) == ["Größe"]


def test_mails_have_their_fields_and_their_body() -> None:
    document = sound(parsed(files.mail("Guten Tag,\n\nanbei die Rechnung.", {"rechnung.pdf": b"%PDF-"})))
    assert lines(document) == [
        "From: Erika Müller <erika@example.org>",
        "To: rechnung@example.org",
        "Date: Thu, 03 Apr 2025 00:30:00 +0200",
        "Subject: Rechnung für März",
        "Guten Tag,",
        "anbei die Rechnung.",
    ]
    assert document.properties["date"] == "2025-04-03T00:30:00+02:00"
    assert document.properties["attachments"] == "rechnung.pdf"


def test_of_two_bodies_the_one_with_tables_is_read() -> None:
    html = "<table><tr><td>Summe</td><td>5,00</td></tr><tr><td>Rest</td><td>1,00</td></tr></table>"
    assert "Rest" not in parsed(files.mail("Summe 5,00", html="<p>Rest</p>")).text
    document = parsed(files.mail("Summe", html=html))
    assert rows(document, document.tables[0]) == ["Summe | 5,00", "Rest | 1,00"]


def test_a_cross_industry_invoice_in_german_words() -> None:
    document = sound(parsed(files.CII.encode()))
    assert document.kind == "xml"
    assert document.invoice == files.CII
    assert document.language == "de"
    for line in (
        "Rechnungsnummer: RE-2025-17",
        "Art des Belegs: Rechnung (380)",
        "Rechnungsdatum: 03.04.2025",
        "Name: Müller GmbH",
        "USt-IdNr.: DE123456789",
        "Gesamtbetrag: 1.195,95 EUR",
        "Umsatzsteuerbetrag: 190,95 EUR",
        "Fälligkeitsdatum: 03.05.2025",
    ):
        assert line in lines(document)
    assert (
        rows(document, document.tables[0])[1] == "1 | Beratung |  | 10 Stunden | 100,50 EUR |  | 1.005,00 EUR"
    )


def test_a_ubl_invoice_in_german_words() -> None:
    ubl = """<?xml version="1.0"?><Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2">
    <ID>X-9</ID><IssueDate>2025-04-03</IssueDate><DueDate>2025-05-03</DueDate>
    <DocumentCurrencyCode>EUR</DocumentCurrencyCode>
    <AccountingSupplierParty><Party><PartyLegalEntity><RegistrationName>Weiß AG</RegistrationName>
    </PartyLegalEntity></Party></AccountingSupplierParty>
    <LegalMonetaryTotal><PayableAmount currencyID="EUR">1190</PayableAmount></LegalMonetaryTotal></Invoice>"""
    found = lines(document := parsed(ubl.encode()))
    assert "Rechnungsnummer: X-9" in found
    assert "Fälligkeitsdatum: 03.05.2025" in found
    assert "Name: Weiß AG" in found
    assert "Zahlbetrag: 1.190 EUR" in found
    assert document.invoice.startswith("<?xml")


def test_other_xml_is_written_element_by_element() -> None:
    document = parsed(b"<?xml version='1.0'?><order><item>Tisch</item><price>12</price></order>")
    assert lines(document) == ["item: Tisch", "price: 12"]
    assert document.invoice == ""


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("1234.50", "1.234,50"),
        ("-0.005", "-0,005"),
        ("1000000", "1.000.000"),
        ("12 EUR", "12 EUR"),
        ("NaN", "NaN"),
    ],
)
def test_amounts_of_invoices_keep_every_digit(number: str, shown: str) -> None:
    assert german(number) == shown


def test_csv_is_a_table() -> None:
    document = sound(parsed('Name;Betrag\r\nMüller;1.234,50\r\n"Groß; Klein";2\r\n'.encode("cp1252")))
    assert rows(document, document.tables[0]) == ["Name | Betrag", "Müller | 1.234,50", "Groß; Klein | 2"]
    assert document.tables[0].head == 1


def test_texts_keep_lines_and_paragraphs_and_form_feeds_are_pages() -> None:
    document = sound(parsed("Zeile\u00a0eins\nZei\u00adle zwei\n\n\n\nAbsatz ﬁnden\n\fSeite zwei\n".encode()))
    assert document.text == "Zeile eins\nZeile zwei\n\nAbsatz finden\n\fSeite zwei\n"
    assert len(document.pages) == 2


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Sehr geehrte Damen und Herren, anbei die Rechnung für den Monat.", "de"),
        ("Dear Sir or Madam, please find the invoice attached to this mail.", "en"),
        ("4711 0815", ""),
    ],
)
def test_languages(text: str, language: str) -> None:
    assert language_of(text) == language


def test_a_text_beyond_its_bound_is_cut_and_says_so() -> None:
    document = parsed(b"Wort " * 1000, "a.txt", Limits(characters=1000))
    assert len(document.text) <= 1000
    assert "more characters than are read" in document.faults[0]


def test_a_word_document_of_text_boxes_and_nested_tables() -> None:
    document = docx.Document()
    outer = document.add_table(1, 2)
    outer.cell(0, 0).text = "links"
    inner = outer.cell(0, 1).add_table(1, 1)
    inner.cell(0, 0).text = "innen"
    found = sound(parsed(files.saved(document)))
    assert rows(found, found.tables[0]) == ["links | innen"]
