"""PDF through PDFium: words with boxes, drawn rules, attachments, pictures of pages."""

from __future__ import annotations

import ctypes
import io
import math
import re
from collections.abc import Iterator
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import RefusedError
from rechenwerk.documents.parsing.frames import Opened
from rechenwerk.documents.parsing.grids import Rules
from rechenwerk.documents.parsing.layer import is_garbage
from rechenwerk.documents.parsing.marks import Mark
from rechenwerk.documents.parsing.ocr import Recognizer, Seen
from rechenwerk.documents.parsing.pages import write_page
from rechenwerk.documents.parsing.turning import Upright, turned
from rechenwerk.documents.parsing.writing import PageWriter, Token, cleaned
from rechenwerk.documents.values import Box, PagePart

INVOICES = ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml", "zugferd.xml", "order-x.xml", "cii.xml")
INVOICE_ROOT = re.compile(
    rb"<(?:[\w.-]+:)?(CrossIndustryInvoice|CrossIndustryDocument|Invoice|CreditNote)[\s>]"
)
MOST_INVOICE = 20_000_000
MOST_OBJECTS = 20_000
MOST_SEGMENTS = 400
MOST_CHARACTERS = 200_000
WORD = re.compile("[^\\s\ufffe\x02]+[\ufffe\x02]?")
"""PDFium writes a word that is divided at the end of a line as one, with one of two signs for the hyphen."""
FEW_WORDS = 25
SCANNED = 0.5
"""A page with few words and pictures over this share of it is recognised too."""
TAGS = (("Title", "title"), ("Author", "author"), ("Subject", "subject"), ("Producer", "producer"))
LARGEST = 14_400.0
"""Points; what a PDF may say at most of its page."""


class PdfReader:
    """An open PDF."""

    def __init__(self, data: bytes, limits: Limits, recognizer: Recognizer) -> None:
        self._limits = limits
        self._recognizer = recognizer
        try:
            self._document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            locked = "password" in str(error).lower() or "security" in str(error).lower()
            raise RefusedError("locked" if locked else "corrupt", what=str(error)[:80]) from error
        self._count = len(self._document)
        if self._document.get_formtype():
            self._document.init_forms()
        if not self._count:
            raise RefusedError("corrupt", what="no pages")

    def opened(self) -> Opened:
        """Pages, properties, the e-invoice that is embedded."""
        faults = []
        pages = min(self._count, self._limits.pages)
        if pages < self._count:
            faults.append(f"pages {pages + 1} to {self._count} were not read: at most {pages} are")
        said = self._document.get_metadata_dict(skip_empty=True)
        properties = {ours: cleaned(said[theirs])[:500] for theirs, ours in TAGS if theirs in said}
        if day := _day(said.get("CreationDate", "")):
            properties["date"] = day
        return Opened(pages, properties, self._invoice(), tuple(faults))

    def page(self, number: int, offset: int, room: int) -> PagePart:
        """Read a page, from 1."""
        page = self._document[number - 1]
        try:
            # What was filled into a form or stamped on a page is no text of it until it is flattened.
            if pdfium.FPDFPage_GetAnnotCount(page.raw) and pdfium.FPDFPage_Flatten(page.raw, 0) == 1:
                page.close()
                page = self._document[number - 1]
            return self._read(page, number, offset, room)
        finally:
            page.close()

    def picture(self, number: int, dpi: int) -> bytes:
        """A page as PNG."""
        if not 1 <= number <= self._count:
            raise RefusedError("no_page", page=number)
        page = self._document[number - 1]
        try:
            image = page.render(scale=self._scale(page, dpi), draw_annots=True).to_pil()
        finally:
            page.close()
        out = io.BytesIO()
        image.save(out, "PNG", compress_level=3)
        return out.getvalue()

    def close(self) -> None:
        """Let go of the file."""
        self._document.close()

    def _read(self, page: Any, number: int, offset: int, room: int) -> PagePart:
        writer = PageWriter(number, offset, room)
        width, height = page.get_size()
        marks, text, fault = _marks(page)
        rules, pictures = _drawn(page, number_of_words=len(marks))
        source = "digital"
        garbage = is_garbage(text)
        if garbage or (len(marks) < FEW_WORDS and pictures > SCANNED * width * height):
            seen, why = self._recognize(page, width)
            fault = fault or why
            if garbage or len(seen.marks) > len(marks):
                marks, rules, source = seen.marks, seen.rules, "none" if why else "ocr"
        layers = [marks] if source == "ocr" else turned(marks, page.get_rotation(), width, height)
        for at, layer in enumerate(layers):
            write_page(writer, layer, rules if at == 0 and layer is marks else None)
        return writer.part(width=width, height=height, source=source, fault=fault)

    def _recognize(self, page: Any, width: float) -> tuple[Seen, str]:
        if not self._recognizer.ready:
            return Seen([], Rules()), "scanned, and no data for text recognition is installed"
        scale = self._scale(page, self._limits.ocr_dpi)
        image = page.render(scale=scale, grayscale=True, draw_annots=True).to_pil()
        return self._recognizer.read(image, image.width / width), ""

    def _scale(self, page: Any, dpi: int) -> float:
        """Pixels per point, so that the page stays within the bound."""
        width, height = page.get_size()
        if width > LARGEST or height > LARGEST or min(width, height) <= 0:
            raise RefusedError("corrupt", what=f"page of {width:.0f} x {height:.0f} points")
        scale = dpi / 72
        most = self._limits.pixels * 1_000_000
        return float(min(scale, (most / (width * height)) ** 0.5, 20_000 / max(width, height)))

    def _invoice(self) -> str:
        """The XML of an e-invoice that is attached; '' where none is."""
        raw = self._document.raw
        for at in range(min(pdfium.FPDFDoc_GetAttachmentCount(raw), 50)):
            attachment = pdfium.FPDFDoc_GetAttachment(raw, at)
            name = _attachment_name(attachment).lower()
            if not name.endswith(".xml"):
                continue
            content = _attachment_data(attachment)
            if name in INVOICES or INVOICE_ROOT.search(content[:4096]):
                if content.startswith((b"\xff\xfe", b"\xfe\xff")):
                    return content.decode("utf-16", errors="replace")
                return content.decode("utf-8-sig", errors="replace")
        return ""


def _attachment_name(attachment: Any) -> str:
    size = pdfium.FPDFAttachment_GetName(attachment, None, 0)
    if not 2 < size < 4096:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFAttachment_GetName(attachment, ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", errors="replace")


def _attachment_data(attachment: Any) -> bytes:
    size = ctypes.c_ulong()
    if not pdfium.FPDFAttachment_GetFile(attachment, None, 0, size) or not 0 < size.value < MOST_INVOICE:
        return b""
    buffer = ctypes.create_string_buffer(size.value)
    pdfium.FPDFAttachment_GetFile(attachment, buffer, size.value, size)
    return buffer.raw[: size.value]


def _day(text: str) -> str:
    """'D:20250403120000+02'00'' -> '2025-04-03'."""
    found = re.match(r"(?:D:)?(\d{4})(\d{2})(\d{2})", text)
    return f"{found[1]}-{found[2]}-{found[3]}" if found and found[2] <= "12" and found[3] <= "31" else ""


def _marks(page: Any) -> tuple[list[Mark], str, str]:
    """The words of a page's text layer, its whole text, what is wrong with it."""
    layer = pdfium.FPDFText_LoadPage(page.raw)
    if not layer:
        return [], "", "its text could not be loaded"
    try:
        count = pdfium.FPDFText_CountChars(layer)
        if count <= 0:
            return [], "", ""
        fault = ""
        if count > MOST_CHARACTERS:
            count, fault = MOST_CHARACTERS, f"cut: more than {MOST_CHARACTERS} characters on a page"
        buffer = (ctypes.c_ushort * (count + 1))()
        got = pdfium.FPDFText_GetText(layer, 0, count, buffer)
        units = memoryview(buffer).cast("B")[: 2 * max(0, got - 1)].tobytes()
        text = units.decode("utf-16-le", errors="surrogatepass")
        exact = len(text) == count
        return list(_found(page, layer, text, exact=exact)), text, fault
    finally:
        pdfium.FPDFText_ClosePage(layer)


def _found(page: Any, layer: Any, text: str, *, exact: bool) -> Iterator[Mark]:
    """A mark per word: its box from those of its first and last character."""
    upright = Upright(page)
    first, last = pdfium.FS_RECTF(), pdfium.FS_RECTF()
    box_of, char_at = pdfium.FPDFText_GetLooseCharBox, pdfium.FPDFText_GetCharIndexFromTextIndex
    for found in WORD.finditer(text):
        word = cleaned(found[0])
        if not word or word.isspace():
            continue
        start, end = found.start(), found.end() - 1
        if not exact:
            start, end = char_at(layer, start), char_at(layer, end)
        if not box_of(layer, start, first) or not box_of(layer, end, last):
            continue
        left, right = min(first.left, last.left), max(first.right, last.right)
        bottom, top = min(first.bottom, last.bottom), max(first.top, last.top)
        box = upright.box(left, bottom, right, top)
        mark = Mark(Token(word, box), box.left, box.top, box.right, box.bottom)
        if len(word) > 2 and (upright.rotation or last.left < first.left or top - bottom > right - left):
            clockwise = math.degrees(pdfium.FPDFText_GetCharAngle(layer, start))
            mark.turn = (-round(clockwise / 90) * 90) % 360
        yield mark


def _drawn(page: Any, number_of_words: int) -> tuple[Rules, float]:
    """The rules that are drawn on a page, and the area that pictures cover, in square points."""
    rules, pictures = Rules(), 0.0
    upright = Upright(page)
    box = [ctypes.c_float() for _ in range(4)]
    for item, kind in _objects(page.raw):
        if kind == pdfium.FPDF_PAGEOBJ_TEXT or not pdfium.FPDFPageObj_GetBounds(item, *box):
            continue
        seen = upright.box(*(side.value for side in box))
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            pictures += max(0.0, seen.right - seen.left) * max(0.0, seen.bottom - seen.top)
        elif kind == pdfium.FPDF_PAGEOBJ_PATH and number_of_words:
            _take_path(rules, item, seen, upright)
    return rules, pictures


def _objects(raw: Any) -> Iterator[tuple[Any, int]]:
    """The objects of a page and of the forms on it, one level deep; at most MOST_OBJECTS."""
    left = MOST_OBJECTS
    for at in range(min(pdfium.FPDFPage_CountObjects(raw), MOST_OBJECTS)):
        item = pdfium.FPDFPage_GetObject(raw, at)
        kind = pdfium.FPDFPageObj_GetType(item)
        left -= 1
        if kind == pdfium.FPDF_PAGEOBJ_FORM:
            for inner in range(min(pdfium.FPDFFormObj_CountObjects(item), max(0, left))):
                one = pdfium.FPDFFormObj_GetObject(item, inner)
                left -= 1
                yield one, pdfium.FPDFPageObj_GetType(one)
        else:
            yield item, kind


def _take_path(rules: Rules, item: Any, seen: Box, upright: Upright) -> None:
    """A path is a line, a box, or many lines in one."""
    count = pdfium.FPDFPath_CountSegments(item)
    if count > MOST_SEGMENTS or count < 2:
        return
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDFPath_GetDrawMode(item, fill, stroke)
    if count <= 5:
        rules.add(seen.left, seen.top, seen.right, seen.bottom, framed=bool(stroke.value) and count >= 4)
        return
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFPageObj_GetMatrix(item, matrix)
    x, y = ctypes.c_float(), ctypes.c_float()
    before: tuple[float, float] | None = None
    for at in range(count):
        segment = pdfium.FPDFPath_GetPathSegment(item, at)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        point = (
            matrix.a * x.value + matrix.c * y.value + matrix.e,
            matrix.b * x.value + matrix.d * y.value + matrix.f,
        )
        if before is not None and pdfium.FPDFPathSegment_GetType(segment) == pdfium.FPDF_SEGMENT_LINETO:
            box = upright.box(
                min(before[0], point[0]),
                min(before[1], point[1]),
                max(before[0], point[0]),
                max(before[1], point[1]),
            )
            rules.add(box.left, box.top, box.right, box.bottom, framed=False)
        before = point
