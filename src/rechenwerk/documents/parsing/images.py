"""Pictures (PNG, JPEG, TIFF with several pages, WebP): every page is recognised."""

from __future__ import annotations

import io

from PIL import Image, ImageOps, UnidentifiedImageError

from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import RefusedError
from rechenwerk.documents.parsing.frames import Opened
from rechenwerk.documents.parsing.ocr import Recognizer
from rechenwerk.documents.parsing.pages import write_page
from rechenwerk.documents.parsing.writing import PageWriter
from rechenwerk.documents.values import PagePart

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")
USUAL_DPI = 200
A4_INCHES = 8.27
LONGEST = 11_000
FINEST = 1.5
"""Pixels of a side, and times the resolution of PDF pages, that are recognised; more is made smaller."""


class ImageReader:
    """An open picture."""

    def __init__(self, data: bytes, limits: Limits, recognizer: Recognizer) -> None:
        self._limits = limits
        self._recognizer = recognizer
        Image.MAX_IMAGE_PIXELS = None  # our own bound is asked, before anything is decoded
        try:
            self._image = Image.open(io.BytesIO(data), formats=FORMATS)
            self._check(self._image)
            self._count = min(getattr(self._image, "n_frames", 1), limits.pages + 1)
        except UnidentifiedImageError as error:
            raise RefusedError("corrupt", what="not a complete picture") from error
        except (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError) as error:
            raise RefusedError("corrupt", what=" ".join(str(error).split())[:80]) from error

    def opened(self) -> Opened:
        """How many pages."""
        pages = min(self._count, self._limits.pages)
        faults = () if pages == self._count else (f"only the first {pages} pages were read",)
        return Opened(pages, {}, "", faults)

    def page(self, number: int, offset: int, room: int) -> PagePart:
        """Recognise a page."""
        writer = PageWriter(number, offset, room)
        image, scale = self._frame(number)
        width, height = image.width / scale, image.height / scale
        if not self._recognizer.ready:
            fault = "a picture, and no data for text recognition is installed"
            return writer.part(width=width, height=height, source="none", fault=fault)
        reading, factor = (
            image,
            min(1.0, FINEST * self._limits.ocr_dpi / 72 / scale, LONGEST / max(image.size)),
        )
        if factor < 1.0:
            size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
            reading = image.resize(size, Image.Resampling.BOX)
        seen = self._recognizer.read(reading, scale * factor)
        write_page(writer, seen.marks, seen.rules)
        return writer.part(width=width, height=height, source="ocr")

    def picture(self, number: int, dpi: int) -> bytes:
        """A page as PNG, at the resolution that was asked for."""
        if not 1 <= number <= self._count:
            raise RefusedError("no_page", page=number)
        image, scale = self._frame(number)
        factor = dpi / 72 / scale
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        if size[0] * size[1] > self._limits.pixels * 1_000_000:
            raise RefusedError("pixels", got=f"{size[0]} x {size[1]}", limit=self._limits.pixels)
        out = io.BytesIO()
        image.convert("RGB").resize(size).save(out, "PNG", compress_level=3)
        return out.getvalue()

    def close(self) -> None:
        """Let go of the file."""
        self._image.close()

    def _frame(self, number: int) -> tuple[Image.Image, float]:
        """A page, turned as its camera says, and its pixels per point."""
        self._image.seek(number - 1)
        self._check(self._image)
        image = ImageOps.exif_transpose(self._image.copy())
        dpi = image.info.get("dpi", (0, 0))
        said = float(dpi[0]) if isinstance(dpi, tuple) and dpi and dpi[0] else 0.0
        if not 72 < said <= 1200:  # 72 is what programs write that do not know: a page is as wide as A4 then
            said = max(USUAL_DPI / 2, min(image.size) / A4_INCHES)
        if "A" in image.getbands() or image.mode == "P":
            image = image.convert("RGBA")
            paper = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(paper, image)
        elif image.mode.startswith("I"):
            image = ImageOps.autocontrast(image.convert("F").point(lambda value: value / 256).convert("L"))
        return image.convert("L"), said / 72

    def _check(self, image: Image.Image) -> None:
        if image.width * image.height > self._limits.pixels * 1_000_000:
            raise RefusedError("pixels", got=f"{image.width} x {image.height}", limit=self._limits.pixels)
