"""The reader process: answers the worker over its standard input and output until the input ends.

It sees files of strangers and may die of them at any time; nothing is lost with it but the page in hand.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Protocol

import msgspec

from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import Refused, RefusedError, refused
from rechenwerk.documents.intake.unpacking import Member, unpack
from rechenwerk.documents.parsing.docx import docx_reader
from rechenwerk.documents.parsing.einvoice import xml_reader
from rechenwerk.documents.parsing.flow import FlowReader
from rechenwerk.documents.parsing.frames import (
    HEAD,
    Done,
    Open,
    Opened,
    Parts,
    Picture,
    Png,
    Read,
    Ready,
    Reply,
    Setup,
    Unpack,
    framed,
    request,
)
from rechenwerk.documents.parsing.html import html_reader
from rechenwerk.documents.parsing.images import ImageReader
from rechenwerk.documents.parsing.mail import mail_reader
from rechenwerk.documents.parsing.ocr import Recognizer
from rechenwerk.documents.parsing.odt import odt_reader
from rechenwerk.documents.parsing.pdf import PdfReader
from rechenwerk.documents.parsing.pptx import pptx_reader
from rechenwerk.documents.parsing.sandbox import code_folders, confine, resident_mb
from rechenwerk.documents.parsing.texts import csv_reader, text_reader
from rechenwerk.documents.parsing.xlsx import xlsx_reader
from rechenwerk.documents.values import PagePart


class Reader(Protocol):
    """An open document."""

    def opened(self) -> Opened:
        """What is known before a page is read."""

    def page(self, number: int, offset: int, room: int) -> PagePart:
        """Read a page, from 1; its text begins at `offset` and has at most `room` characters."""

    def picture(self, number: int, dpi: int) -> bytes:
        """A page as PNG."""

    def close(self) -> None:
        """Let go of the file."""


FLOWING: MappingProxyType[str, Callable[[bytes, Limits], FlowReader]] = MappingProxyType(
    {
        "txt": text_reader,
        "csv": csv_reader,
        "html": html_reader,
        "eml": mail_reader,
        "xml": xml_reader,
        "docx": docx_reader,
        "xlsx": xlsx_reader,
        "pptx": pptx_reader,
        "odt": odt_reader,
    }
)
"""Kinds without fixed pages, and who reads them."""


PATIENCE = 0.8
"""Share of a page's time after which its recognition is given up, before the worker ends the process."""


class Service:
    """What the process does with each request.

    Args:
        setup: bounds and data of the recognition.
    """

    def __init__(self, setup: Setup) -> None:
        self._limits = setup.limits
        self._recognizer = Recognizer(setup.tessdata, PATIENCE * setup.limits.page_seconds)
        self._reader: Reader | None = None
        self._pages = 0
        self._name = ""

    def answer(self, body: bytes, send: Callable[[Reply], None]) -> None:
        """Carry a request out; every failure that is the file's becomes a Refused."""
        try:
            self._answer(body, send)
        except RefusedError as why:
            send(why.named(self._name))
        except MemoryError:
            send(self._out_of_memory())
        except RecursionError:
            send(refused(self._name, "corrupt", what="nested too deeply"))
        except Exception as error:  # a library met what its author did not think of: this file is refused
            what = f"{type(error).__name__}: {' '.join(str(error).split())[:60]}"
            send(refused(self._name, "corrupt", what=what))

    def _answer(self, body: bytes, send: Callable[[Reply], None]) -> None:
        asked = request(body)
        if isinstance(asked, Open):
            self._close()
            self._name = asked.name
            self._reader = self._open(asked.kind, asked.data)
            opened = self._reader.opened()
            self._pages = opened.pages
            send(opened)
        elif isinstance(asked, Unpack):
            self._close()
            self._name = asked.name
            found = unpack(asked.data, asked.name, self._limits)
            send(Parts(tuple([_unless_whole(one, asked.data) for one in found])))
        elif isinstance(asked, Read):
            self._read(asked, send)
        elif isinstance(asked, Picture) and self._reader is not None:
            send(Png(self._reader.picture(asked.page, asked.dpi)))

    def _open(self, kind: str, data: bytes) -> Reader:
        if kind == "pdf":
            return PdfReader(data, self._limits, self._recognizer)
        if kind == "image":
            return ImageReader(data, self._limits, self._recognizer)
        if kind not in FLOWING:
            raise RefusedError("unknown_kind")
        return FLOWING[kind](data, self._limits)

    def _read(self, asked: Read, send: Callable[[Reply], None]) -> None:
        assert self._reader is not None
        offset, most = asked.offset, self._limits.characters
        for number in range(asked.first, self._pages + 1):
            part = self._page(number, offset, max(0, most - offset))
            send(part)
            offset += len(part.text) + 1
        send(Done(resident_mb()))

    def _page(self, number: int, offset: int, room: int) -> PagePart:
        """A page; what is wrong with it costs this page only."""
        assert self._reader is not None
        try:
            return self._reader.page(number, offset, room)
        except RefusedError as why:
            fault = why.named(self._name).english
        except MemoryError:
            fault = self._out_of_memory().english
        except Exception as error:  # as above: one page is lost, not the document
            fault = f"could not be read ({type(error).__name__}: {' '.join(str(error).split())[:60]})"
        return PagePart("", source="none", fault=fault)

    def _out_of_memory(self) -> Refused:
        return refused(self._name, "memory", limit=self._limits.memory_mb)

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader, self._pages = None, 0


def _unless_whole(one: Member | Refused, data: bytes) -> Member | Refused:
    """A member as it is sent: whose bytes are the file itself goes without them, the worker has them."""
    return msgspec.structs.replace(one, data=b"") if isinstance(one, Member) and one.data is data else one


def _frame(stream: BinaryIO) -> bytes:
    """The next message; empty at the end."""
    head = stream.read(HEAD)
    return stream.read(int.from_bytes(head, "big")) if len(head) == HEAD else b""


def main() -> None:
    """Serve until the input ends."""
    # Libraries that print must not print into the protocol: it moves to another descriptor.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    stream = sys.stdin.buffer

    def send(message: Reply) -> None:
        out.write(framed(message))
        out.flush()

    setup = request(_frame(stream))
    assert isinstance(setup, Setup)
    service = Service(setup)
    needs = (*code_folders(), *(Path(setup.tessdata).glob("*.traineddata") if setup.tessdata else ()))
    send(Ready(confine(setup.limits.memory_mb, needs)))
    while body := _frame(stream):
        service.answer(body, send)


if __name__ == "__main__":
    main()
