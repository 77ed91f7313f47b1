"""The reader of documents as the settings want it, with the data that recognises scans."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from rechenwerk.base.errors import SetupError
from rechenwerk.base.settings import Settings
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.parsing.parsers import Parsers
from rechenwerk.providers.assets import TESSERACT_ENGLISH, TESSERACT_GERMAN, fetch

_log = logging.getLogger("rechenwerk.documents")
_MEGABYTE = 1_000_000


def reading_limits(settings: Settings) -> Limits:
    """The bounds of intake and reading."""
    return Limits(
        file_mb=max(1, settings.documents_largest // _MEGABYTE),
        pages=settings.documents_pages,
        page_seconds=settings.documents_page_seconds,
        memory_mb=max(1, settings.documents_reader_memory // _MEGABYTE),
        ocr_dpi=settings.documents_dpi,
    )


async def open_parsers(settings: Settings, models: Path) -> Parsers:
    """A reader; close it, or use it with ``async with``.

    Without the data for recognition, which is fetched once, everything but scans is read, and every scanned
    page says why it is not.

    Args:
        settings: of the installation.
        models: folder of model files.
    """
    folder: Path | None = models / TESSERACT_GERMAN.name
    try:
        for asset in (TESSERACT_GERMAN, TESSERACT_ENGLISH):
            await asyncio.to_thread(fetch, asset, models, _log.info)
    except SetupError as error:
        _log.error("scanned pages are not read: %s", error)
        folder = None
    return Parsers(folder, reading_limits(settings))
