"""Files as others send them, made with the libraries that they are made with."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from email.message import EmailMessage
from typing import Any, TypeVar

import docx
import pptx
import pypdfium2
import xlsxwriter
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from fpdf import FPDF
from PIL import Image
from pypdf import PdfReader, PdfWriter

from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.parsing.parsers import Parsers
from rechenwerk.documents.values import Parsed, Table

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Carry asynchronous work out."""
    return asyncio.run(work)


def parsed(data: bytes, name: str = "file", limits: Limits | None = None) -> Parsed:
    """A file, read in a process of its own, without recognition of pictures."""

    async def work() -> Parsed:
        async with Parsers(None, limits) as parsers:
            return await parsers.parse(data, name)

    return run(work())


def rows(document: Parsed, table: Table) -> list[str]:
    """A table, a line per row: 'Pos | Text'."""
    return [" | ".join(document.text[cell.start : cell.end] for cell in row) for row in table.rows]


def lines(document: Parsed) -> list[str]:
    """The lines of a text that are not empty."""
    return [line for line in document.text.replace("\f", "\n").split("\n") if line]


def pdf(*pages: Sequence[tuple[float, float, str]], attached: Mapping[str, bytes] | None = None) -> bytes:
    """A PDF whose pages have texts at places in millimetres."""
    sheet = FPDF()
    sheet.set_font("Helvetica", size=10)
    for page in pages:
        sheet.add_page()
        for x, y, text in page:
            sheet.text(x, y, text)
    for name, content in (attached or {}).items():
        sheet.embed_file(bytes=content, basename=name)
    return bytes(sheet.output())


def text_pdf(pages: int) -> bytes:
    """A PDF of so many full pages; page 3 says 'Seite 3 von ...' in its first line."""
    words = (
        "Der Vertrag über die Lieferung von Strom wird um drei Jahre verlängert und gilt bis auf Weiteres. "
    )
    sheet = FPDF()
    sheet.set_font("Helvetica", size=9)
    for number in range(1, pages + 1):
        sheet.add_page()
        sheet.multi_cell(0, 4, f"Seite {number} von {pages}\n" + words * 40)
    return bytes(sheet.output())


def locked_pdf() -> bytes:
    """A PDF that nobody opens without a password."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf([(20, 20, "geheim")]))))
    writer.encrypt("kennwort", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def picture(data: bytes, dpi: int = 200, kind: str = "PNG", turn: float = 0.0) -> bytes:
    """The first page of a PDF as a picture, turned."""
    with pypdfium2.PdfDocument(data) as document:
        image = document[0].render(scale=dpi / 72, grayscale=True).to_pil()
    if turn:
        image = image.rotate(turn, expand=turn % 90 == 0, fillcolor=255, resample=Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, kind, dpi=(dpi, dpi))
    return out.getvalue()


def scanned_pdf(data: bytes) -> bytes:
    """A PDF whose only page is a picture of another one's."""
    sheet = FPDF()
    sheet.add_page()
    sheet.image(io.BytesIO(picture(data)), 0, 0, 210, 297)
    return bytes(sheet.output())


def word() -> bytes:
    """A DOCX with a header, a table, a page break, a tracked deletion and hidden text."""
    document: Any = docx.Document()
    document.core_properties.title = "Rahmenvertrag"
    document.core_properties.author = "Erika Muster"
    document.sections[0].header.paragraphs[0].text = "Stadtwerke Beispielstadt"
    document.sections[0].footer.paragraphs[0].text = "Blatt 1"
    document.add_heading("Rahmenvertrag")
    document.add_paragraph("Laufzeit:\tdrei Jahre")
    paragraph = document.add_paragraph("Es gilt ")
    deleted = OxmlElement("w:del")
    inner = OxmlElement("w:r")
    gone = OxmlElement("w:delText")
    gone.text = "altes "
    inner.append(gone)
    deleted.append(inner)
    paragraph._p.append(deleted)
    paragraph.add_run("deutsches Recht.")
    hidden = paragraph.add_run("unsichtbar")
    hidden.font.hidden = True
    table = document.add_table(2, 2)
    for at, text in enumerate(("Leistung", "Preis", "Strom", "0,25 €/kWh")):
        table.cell(at // 2, at % 2).text = text
    document.add_page_break()
    last = document.add_paragraph("Seite zwei")
    last._p.get_or_add_pPr()
    assert last._p.find(qn("w:pPr")) is not None
    return saved(document)


def saved(document: Any) -> bytes:
    """A document of python-docx or python-pptx as a file."""
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def workbook() -> bytes:
    """An XLSX with formats, a second and a hidden sheet, and a formula."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet("Rechnungen")
    sheet.write_row(0, 0, ["Nummer", "Datum der Rechnung", "Betrag", "Satz"])
    euro = book.add_format({"num_format": '#,##0.00 "€"'})
    sheet.write(1, 0, "RE-1")
    sheet.write_datetime(1, 1, datetime(2025, 4, 3), book.add_format({"num_format": 14}))  # noqa: DTZ001
    sheet.write(1, 2, 1234.5, euro)
    sheet.write(1, 3, 0.19, book.add_format({"num_format": "0%"}))
    sheet.write_formula(2, 2, "=SUM(C2:C2)", euro, 1234.5)
    book.add_worksheet("Notizen").write(0, 0, "Bitte nicht vergessen, die Zahlung zu prüfen")
    hidden = book.add_worksheet("geheim")
    hidden.write(0, 0, "verborgen")
    hidden.hide()
    book.close()
    return out.getvalue()


def slides() -> bytes:
    """A PPTX with a title, points, notes and a table."""
    show = pptx.Presentation()
    first = show.slides.add_slide(show.slide_layouts[1])
    first.shapes.title.text = "Ergebnis im dritten Quartal"
    first.placeholders[1].text = "Umsatz: 12 Mio. EUR\nKosten: 3 Mio. EUR"
    first.notes_slide.notes_text_frame.text = "langsam sprechen"
    second = show.slides.add_slide(show.slide_layouts[5])
    table = second.shapes.add_table(2, 2, 0, 0, 3_000_000, 900_000).table
    for at, text in enumerate(("Jahr", "Wert", "2025", "3")):
        table.cell(at // 2, at % 2).text = text
    return saved(show)


def open_text() -> bytes:
    """An ODT as OpenDocument 1.3 wants it: paragraphs, a table with repeated cells, a tracked deletion."""
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
        for short, long in (("office", "office"), ("text", "text"), ("table", "table"), ("style", "style"))
    )
    content = f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document-content {spaces} office:version="1.3"><office:body><office:text>
<text:tracked-changes><text:changed-region><text:deletion><text:p>gelöscht</text:p></text:deletion>
</text:changed-region></text:tracked-changes>
<text:h>Antrag</text:h><text:p>Name:<text:tab/>Müller<text:s text:c="2"/>Erika</text:p>
<text:list><text:list-item><text:p>erster Punkt</text:p></text:list-item></text:list>
<table:table><table:table-row><table:table-cell><text:p>Jahr</text:p></table:table-cell>
<table:table-cell><text:p>Betrag</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell><text:p>2025</text:p></table:table-cell>
<table:table-cell><text:p>17,00 €</text:p></table:table-cell></table:table-row></table:table>
</office:text></office:body></office:document-content>"""
    return zipped({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": content.encode()})


def zipped(files: Mapping[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def mail(body: str, attached: Mapping[str, bytes] | None = None, html: str = "") -> bytes:
    """A mail with attachments."""
    message = EmailMessage()
    message["From"] = "Erika Müller <erika@example.org>"
    message["To"] = "rechnung@example.org"
    message["Subject"] = "Rechnung für März"
    message["Date"] = "Thu, 03 Apr 2025 00:30:00 +0200"
    message.set_content(body)
    if html:
        message.add_alternative(html, subtype="html")
    for name, data in (attached or {}).items():
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return bytes(message)


CII = """<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
 xmlns:ram="urn:ram" xmlns:udt="urn:udt">
<rsm:ExchangedDocument><ram:ID>RE-2025-17</ram:ID><ram:TypeCode>380</ram:TypeCode>
<ram:IssueDateTime><udt:DateTimeString format="102">20250403</udt:DateTimeString></ram:IssueDateTime>
</rsm:ExchangedDocument><rsm:SupplyChainTradeTransaction>
<ram:IncludedSupplyChainTradeLineItem>
<ram:AssociatedDocumentLineDocument><ram:LineID>1</ram:LineID></ram:AssociatedDocumentLineDocument>
<ram:SpecifiedTradeProduct><ram:Name>Beratung</ram:Name></ram:SpecifiedTradeProduct>
<ram:SpecifiedLineTradeAgreement><ram:NetPriceProductTradePrice><ram:ChargeAmount>100.50</ram:ChargeAmount>
</ram:NetPriceProductTradePrice></ram:SpecifiedLineTradeAgreement>
<ram:SpecifiedLineTradeDelivery><ram:BilledQuantity unitCode="HUR">10</ram:BilledQuantity>
</ram:SpecifiedLineTradeDelivery>
<ram:SpecifiedLineTradeSettlement><ram:SpecifiedTradeSettlementLineMonetarySummation>
<ram:LineTotalAmount>1005.00</ram:LineTotalAmount></ram:SpecifiedTradeSettlementLineMonetarySummation>
</ram:SpecifiedLineTradeSettlement></ram:IncludedSupplyChainTradeLineItem>
<ram:ApplicableHeaderTradeAgreement><ram:SellerTradeParty><ram:Name>Müller GmbH</ram:Name>
<ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">DE123456789</ram:ID></ram:SpecifiedTaxRegistration>
</ram:SellerTradeParty></ram:ApplicableHeaderTradeAgreement>
<ram:ApplicableHeaderTradeSettlement><ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
<ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime>
<udt:DateTimeString format="102">20250503</udt:DateTimeString>
</ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>
<ram:SpecifiedTradeSettlementHeaderMonetarySummation>
<ram:TaxTotalAmount currencyID="EUR">190.95</ram:TaxTotalAmount>
<ram:GrandTotalAmount>1195.95</ram:GrandTotalAmount></ram:SpecifiedTradeSettlementHeaderMonetarySummation>
</ram:ApplicableHeaderTradeSettlement></rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>"""
