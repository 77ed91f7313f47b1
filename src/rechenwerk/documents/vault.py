"""Documents at rest: what comes in is sealed before it is stored, and opened only where it is needed.

A file lies in parts of a megabyte, each sealed for its place: AES-256-GCM, as `identity.secrets` has it.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import IO

import msgspec

from rechenwerk.documents.job_ports import Files
from rechenwerk.documents.sealing import RowSeal
from rechenwerk.documents.values import PagePart, Parsed, Plain
from rechenwerk.identity.secrets import SecretBox, document_context

PART = 1_000_000
"""Bytes of a part before it is sealed."""


class Vault(RowSeal):
    """Seals and opens.

    Args:
        box: of the installation; None where it has none.
        files: where sealed parts are kept.
    """

    def __init__(self, box: SecretBox | None, files: Files) -> None:
        super().__init__(box)
        self._files = files

    async def sealed(self, organisation: int, sha256: bytes, file: IO[bytes]) -> AsyncIterator[bytes]:
        """A file's parts, sealed, read from its beginning."""
        file.seek(0)
        number = 0
        while part := file.read(PART):
            yield self.box.seal_bytes(part, _part(organisation, sha256, number))
            number += 1

    async def read(self, organisation: int, sha256: bytes) -> bytes:
        """A whole file."""
        found = bytearray()
        number = 0
        async for part in self._files.parts(organisation, sha256):
            found += self.box.open_bytes(part, _part(organisation, sha256, number))
            number += 1
        return bytes(found)

    def seal_parsed(self, organisation: int, document: int, parsed: Parsed) -> bytes:
        """What was read of a document."""
        packed = zlib.compress(msgspec.msgpack.encode(parsed), 3)
        return self.seal_row(organisation, f"text/{document}", packed)

    def open_parsed(self, organisation: int, document: int, sealed: bytes) -> Parsed:
        """The same, opened."""
        packed = self.open_row(organisation, f"text/{document}", sealed)
        return msgspec.msgpack.decode(zlib.decompress(packed), type=Parsed)

    def open_plain(self, organisation: int, document: int, sealed: bytes) -> Plain:
        """Of the same only what surroundings of a quote need: words and their boxes are left packed."""
        packed = self.open_row(organisation, f"text/{document}", sealed)
        return msgspec.msgpack.decode(zlib.decompress(packed), type=Plain)

    def seal_page(self, organisation: int, document: int, number: int, page: PagePart) -> bytes:
        """A page of a document that is being read."""
        packed = zlib.compress(msgspec.msgpack.encode(page), 1)
        return self.seal_row(organisation, f"page/{document}/{number}", packed)

    def open_page(self, organisation: int, document: int, number: int, sealed: bytes) -> PagePart:
        """The same, opened."""
        packed = self.open_row(organisation, f"page/{document}/{number}", sealed)
        return msgspec.msgpack.decode(zlib.decompress(packed), type=PagePart)

    def seal(self, organisation: int, what: str, text: str) -> bytes:
        """A text such as a key or an answer; `what` it is."""
        return self.box.seal(text, document_context(organisation, what))

    def open(self, organisation: int, what: str, sealed: bytes) -> str:
        """The same, opened."""
        return self.box.open(sealed, document_context(organisation, what))


def _part(organisation: int, sha256: bytes, number: int) -> bytes:
    return document_context(organisation, f"file/{sha256.hex()}/{number}")
