"""What is said between the worker and the reader process: length-prefixed MessagePack over two pipes.

worker -> reader   Unpack | Open -> Opened; then Read -> a PagePart for every page, Done; or Picture
reader -> worker   a Refused instead, wherever a file cannot be read
"""

from __future__ import annotations

import msgspec

from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.refusals import Refused
from rechenwerk.documents.intake.unpacking import Member
from rechenwerk.documents.values import PagePart

HEAD = 4


class Setup(msgspec.Struct, frozen=True, tag=True):
    """The first frame: the bounds, and the folder with Tesseract's data ('' reads no scans)."""

    limits: Limits
    tessdata: str = ""


class Open(msgspec.Struct, frozen=True, tag=True):
    """Open a file of this kind; the one before is closed."""

    kind: str
    data: bytes
    name: str


class Unpack(msgspec.Struct, frozen=True, tag=True):
    """Take a file apart."""

    data: bytes
    name: str


class Read(msgspec.Struct, frozen=True, tag=True):
    """Read the pages from `first` to the last one; the first one's text begins at `offset`."""

    first: int
    offset: int


class Picture(msgspec.Struct, frozen=True, tag=True):
    """Render a page of the open file."""

    page: int
    dpi: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The reader has set itself up; what protects it: see `sandbox.confine`."""

    guards: tuple[str, ...]


class Opened(msgspec.Struct, frozen=True, tag=True):
    """What is known of a document before its pages are read."""

    pages: int
    properties: dict[str, str] = msgspec.field(default_factory=dict)
    invoice: str = ""
    faults: tuple[str, ...] = ()


class Done(msgspec.Struct, frozen=True, tag=True):
    """All pages were sent; how much memory the reader holds, in MB."""

    resident_mb: int


class Png(msgspec.Struct, frozen=True, tag=True):
    """A picture of a page."""

    data: bytes


class Parts(msgspec.Struct, frozen=True, tag=True):
    """What a file consists of; no bytes where it is the file itself (a member is never empty)."""

    members: tuple[Member | Refused, ...]


Request = Setup | Open | Unpack | Read | Picture
Reply = Ready | Opened | PagePart | Done | Png | Parts | Refused


def framed(message: Request | Reply) -> bytes:
    """A message with its length before it."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(HEAD, "big") + body


def request(body: bytes) -> Request:
    """What the worker said."""
    said: Request = msgspec.msgpack.decode(body, type=Request)
    return said


def reply(body: bytes) -> Reply:
    """What the reader said."""
    said: Reply = msgspec.msgpack.decode(body, type=Reply)
    return said
