"""The reader of documents is bounded as the settings say."""

from __future__ import annotations

from rechenwerk.base.settings import Settings, read_settings
from rechenwerk.documents.intake.limits import Limits
from rechenwerk.main_documents_reading import reading_limits


def test_defaults_are_those_of_the_reader() -> None:
    assert reading_limits(Settings()) == Limits()


def test_settings_become_bounds() -> None:
    found = reading_limits(
        read_settings(
            {
                "RECHENWERK_DOCUMENTS_LARGEST": "5000000",
                "RECHENWERK_DOCUMENTS_PAGES": "7",
                "RECHENWERK_DOCUMENTS_PAGE_SECONDS": "2.5",
                "RECHENWERK_DOCUMENTS_READER_MEMORY": "500000000",
                "RECHENWERK_DOCUMENTS_DPI": "300",
            }
        )
    )
    assert found == Limits(file_mb=5, pages=7, page_seconds=2.5, memory_mb=500, ocr_dpi=300)
