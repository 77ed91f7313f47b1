"""Small sound files of every kind, from a seed; the parser knows nothing of them."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Mapping
from email.message import EmailMessage

import xlsxwriter
from PIL import Image

from bench.documents.parsing_pages import money, sentence, text_pages

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
SHOW = "http://schemas.openxmlformats.org/presentationml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
ODF = "urn:oasis:names:tc:opendocument:xmlns:"


def zipped(parts: Mapping[str, str | bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data, how)
    return out.getvalue()


def related(*targets: tuple[str, str]) -> str:
    rows = "".join(
        f'<Relationship Id="r{at}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for at, (kind, target) in enumerate(targets)
    )
    return f'<Relationships xmlns="{PACKAGE}">{rows}</Relationships>'


def word(chance: random.Random) -> bytes:
    body = "".join(f"<w:p><w:r><w:t>{sentence(chance)}</w:t></w:r></w:p>" for _ in range(30))
    cells = "".join(f"<w:tc><w:p><w:r><w:t>{money(chance)}</w:t></w:r></w:p></w:tc>" for _ in range(4))
    table = f"<w:tbl>{f'<w:tr>{cells}</w:tr>' * 6}</w:tbl>"
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": related(("officeDocument", "word/document.xml")),
            "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body>{body}{table}</w:body></w:document>',
        }
    )


def slides(chance: random.Random) -> bytes:
    text = "".join(f"<a:p><a:r><a:t>{sentence(chance)}</a:t></a:r></a:p>" for _ in range(5))
    slide = (
        f'<p:sld xmlns:p="{SHOW}" xmlns:a="{DRAWING}"><p:cSld><p:spTree><p:sp>'
        f"<p:txBody>{text}</p:txBody></p:sp></p:spTree></p:cSld></p:sld>"
    )
    show = (
        f'<p:presentation xmlns:p="{SHOW}" xmlns:r="{RELATIONS}">'
        '<p:sldIdLst><p:sldId r:id="r0"/></p:sldIdLst></p:presentation>'
    )
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": related(("officeDocument", "ppt/presentation.xml")),
            "ppt/presentation.xml": show,
            "ppt/_rels/presentation.xml.rels": related(("slide", "slides/slide1.xml")),
            "ppt/slides/slide1.xml": slide,
        }
    )


def open_text(chance: random.Random) -> bytes:
    body = "".join(f"<text:p>{sentence(chance)}</text:p>" for _ in range(20))
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f'<office:document-content xmlns:office="{ODF}office:1.0" '
            f'xmlns:text="{ODF}text:1.0">'
            f"<office:body><office:text>{body}</office:text></office:body></office:document-content>",
        }
    )


def workbook(chance: random.Random) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet("Beträge")
    euro = book.add_format({"num_format": '#,##0.00 "€"'})
    for row in range(60):
        sheet.write(row, 0, sentence(chance))
        sheet.write(row, 1, chance.randrange(10**6) / 100, euro)
        sheet.write(row, 2, 45_000 + row, book.add_format({"num_format": 14}))
    book.close()
    return out.getvalue()


def web(chance: random.Random) -> bytes:
    rows = "".join(f"<tr><td>{number}</td><td>{money(chance)}</td></tr>" for number in range(20))
    text = "".join(f"<p>{sentence(chance)}</p>" for _ in range(20))
    return f"<!DOCTYPE html><html><body>{text}<table>{rows}</table></body></html>".encode()


def mail(chance: random.Random) -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "a@example.org", "b@example.org"
    message["Subject"], message["Date"] = sentence(chance), "Thu, 03 Apr 2025 10:00:00 +0200"
    message.set_content("\n".join(sentence(chance) for _ in range(10)))
    pdf = text_pages(1, chance.randrange(10**6), 100)
    message.add_attachment(pdf, maintype="application", subtype="pdf", filename="anlage.pdf")
    return bytes(message)


def table(chance: random.Random) -> bytes:
    rows = (f"{number};{sentence(chance).replace(';', ',')};{money(chance)}" for number in range(50))
    return "\r\n".join(rows).encode("cp1252")


def text(chance: random.Random) -> bytes:
    return "\n".join(sentence(chance) for _ in range(60)).encode()


def pdf(chance: random.Random) -> bytes:
    return text_pages(chance.randrange(1, 4), chance.randrange(10**6))


def invoice(chance: random.Random) -> bytes:
    return (
        '<?xml version="1.0"?><Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2">'
        f"<ID>{chance.randrange(10**6)}</ID><IssueDate>2025-04-03</IssueDate><Note>{sentence(chance)}</Note>"
        "<LegalMonetaryTotal><PayableAmount>11.90</PayableAmount></LegalMonetaryTotal></Invoice>"
    ).encode()


def picture(chance: random.Random) -> bytes:
    """A picture without text: it costs a recognition that finds nothing."""
    image = Image.new("L", (chance.randrange(200, 500), chance.randrange(200, 500)), 255)
    out = io.BytesIO()
    image.save(out, chance.choice(("PNG", "JPEG", "TIFF", "WEBP")), dpi=(200, 200))
    return out.getvalue()


KINDS = (pdf, word, workbook, slides, open_text, web, mail, table, text, invoice, picture)


def sound(seed: int) -> tuple[str, bytes]:
    """A sound file: the name of its kind, its content."""
    chance = random.Random(seed)
    make = KINDS[seed % len(KINDS)]
    return make.__name__, make(chance)
