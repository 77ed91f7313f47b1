"""How much of a file is read at most, and what a reader may use of this machine."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Bounds on what comes in and on the reading of it; docs/parsing.md lists them.

    Args:
        file_mb: size of one file, and of one member of an archive.
        unpacked_mb: of all members of one archive together.
        members: of one archive, nested ones counted.
        depth: archives within archives; a mail within a mail counts.
        ratio: how many times larger than packed an entry may be; asked above one megabyte only.
        pages: of one document; those beyond are named in its faults.
        characters: of one document; a page that goes beyond is cut, with a fault.
        open_seconds: to open a document.
        page_seconds: for one page, OCR included.
        memory_mb: address space of the reader.
        recycle_mb, recycle_documents: resident memory after a document, and documents, after which the
            reader is replaced by a fresh one.
        ocr_dpi: resolution at which a page is recognised.
        pixels: of one picture, in millions; a larger page is rendered smaller, a larger image is refused.
    """

    file_mb: int = 100
    unpacked_mb: int = 500
    members: int = 2000
    depth: int = 3
    ratio: int = 200
    pages: int = 5000
    characters: int = 20_000_000
    open_seconds: float = 30.0
    page_seconds: float = 60.0
    memory_mb: int = 800
    recycle_mb: int = 400
    recycle_documents: int = 500
    ocr_dpi: int = 200
    pixels: int = 60
