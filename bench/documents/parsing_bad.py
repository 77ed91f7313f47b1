"""A thousand files that nobody should send: each a pure function of its number.

cut, flipped, spliced, filled    sound files of every kind, damaged
wrong                            sound files under names of another kind (these are to be read)
bombs                            archives and XML that grow: ratio, count, depth, sizes that lie
hostile PDFs                     pages that are their own parents, huge pages, 100,000 pages declared, loops
locked                           PDFs and archives with passwords
noise                            random bytes behind the magic of every kind
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

from pypdf import PdfReader, PdfWriter

from bench.documents.parsing_files import KINDS, sound, zipped
from bench.documents.parsing_pages import text_pages

COUNT = 1000
MAGIC = (
    b"%PDF-1.7\n",
    b"PK\x03\x04",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"II*\0",
    b"RIFF\0\0\0\0WEBPVP8 ",
    b"<html>",
    b"<?xml version='1.0'?><a>",
    b"From: a\nTo: b\nDate: c\n\n",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"\xff\xfe",
    b"",
)
NAMES = ("a.pdf", "a.docx", "a.xlsx", "a.zip", "a.eml", "a.png", "a.txt", "a", "../../etc/passwd", "ü\0.pdf")


def bad(number: int) -> tuple[str, bytes, str]:
    """A bad file: its name, its content, what was done to it."""
    chance = random.Random(number * 7919 + 1)
    make = MAKERS[number % len(MAKERS)]
    return chance.choice(NAMES), make(chance), make.__name__


def _base(chance: random.Random) -> bytes:
    return sound(chance.randrange(len(KINDS) * 40))[1]


def cut(chance: random.Random) -> bytes:
    data = _base(chance)
    return data[: chance.randrange(len(data))]


def flipped(chance: random.Random) -> bytes:
    data = bytearray(_base(chance))
    for _ in range(chance.choice((1, 5, 50, 500))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def spliced(chance: random.Random) -> bytes:
    one, two = _base(chance), _base(chance)
    return one[: chance.randrange(len(one))] + two[chance.randrange(len(two)) :]


def filled(chance: random.Random) -> bytes:
    """A part of it is overwritten with one byte."""
    data = bytearray(_base(chance))
    start = chance.randrange(len(data))
    size = min(chance.randrange(1, 4000), len(data) - start)
    data[start : start + size] = bytes([chance.choice((0, 0xFF, 0x20, 0x3C))]) * size
    return bytes(data)


def wrong(chance: random.Random) -> bytes:
    return _base(chance)


def noise(chance: random.Random) -> bytes:
    return chance.choice(MAGIC) + chance.randbytes(chance.randrange(20_000))


def bomb(chance: random.Random) -> bytes:
    return chance.choice((_ratio, _count, _depth, _liar, _office_bomb, _quine_like, _xml_bomb, _deep_xml))(
        chance
    )


def _ratio(chance: random.Random) -> bytes:
    return zipped({"a.txt": b"a" * chance.randrange(20_000_000, 60_000_000)})


def _count(chance: random.Random) -> bytes:
    return zipped({f"{at}.txt": b"x" for at in range(chance.randrange(2001, 6000))}, zipfile.ZIP_STORED)


def _depth(chance: random.Random) -> bytes:
    data = zipped({"a.txt": chance.randbytes(20)})
    for _ in range(chance.randrange(4, 60)):
        data = zipped({"a.zip": data}, zipfile.ZIP_STORED)
    return data


def _liar(chance: random.Random) -> bytes:
    """The directory says other sizes than what comes out."""
    data = bytearray(zipped({"a.txt": b"Hallo Welt " * chance.randrange(1000, 9000)}))
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<II", data, at + 20, chance.randrange(1 << 32), chance.randrange(1 << 32))
    return bytes(data)


def _office_bomb(chance: random.Random) -> bytes:
    """A document part that grows to half a gigabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = (
        b"".join(packer.compress(b"<w:p/>" * 100_000) for _ in range(chance.randrange(20, 60)))
        + packer.flush()
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", body)
    return out.getvalue()


def _quine_like(chance: random.Random) -> bytes:
    """An archive with many copies of an archive with many copies."""
    inner = zipped({f"{at}.txt": b"text " * chance.randrange(100, 300) for at in range(40)})
    for _ in range(3):
        inner = zipped({f"{at}.zip": inner for at in range(chance.randrange(8, 16))})
    return inner


def _xml_bomb(chance: random.Random) -> bytes:
    levels = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 10))
    head = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{levels}<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    name = chance.choice(("Invoice", "html", f"x{chance.randrange(10**6)}"))
    return f"{head}<{name}>&l9;&f;</{name}>".encode()


def _deep_xml(chance: random.Random) -> bytes:
    levels = chance.randrange(300, 200_000)
    name = chance.choice(("div", "b", "table", "Invoice"))
    head = chance.choice(("<!DOCTYPE html>", "<?xml version='1.0'?>"))
    return (head + f"<{name}>" * levels + "x").encode()


def hostile_pdf(chance: random.Random) -> bytes:
    make = chance.choice((_loop, _huge_page, _many_pages, _endless_form, _stream_bomb, _huge_image))
    return make(chance) + b"\n%% %d" % chance.randrange(10**9)


def _pdf(*objects: str | bytes) -> bytes:
    """A PDF of these objects, the first of which is its catalogue; readers find them without a table."""
    out = [b"%PDF-1.7\n"]
    for number, body in enumerate(objects, 1):
        data = body if isinstance(body, bytes) else body.encode()
        out.append(b"%d 0 obj\n%s\nendobj\n" % (number, data))
    out.append(b"trailer\n<</Root 1 0 R/Size %d>>\n%%%%EOF" % (len(objects) + 1))
    return b"".join(out)


def _stream(data: bytes, more: str = "") -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (more.encode(), len(data), data)


def _loop(chance: random.Random) -> bytes:
    kids = chance.choice(("2 0 R", "2 0 R 2 0 R 3 0 R", "3 0 R"))
    return _pdf(
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {chance.randrange(1, 1 << 31)}/Parent 3 0 R>>",
        "<</Type/Pages/Kids[2 0 R 3 0 R]/Count 9/Parent 2 0 R>>",
    )


def _huge_page(chance: random.Random) -> bytes:
    size = chance.choice(("1e30 1e30", "99999999 99999999", "-5 -5", "0 0", "14400 14400", "nan inf"))
    return _pdf(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {size}]/Contents 4 0 R>>",
        _stream(b"BT /F1 12 Tf 72 700 Td (Hallo) Tj ET"),
    )


def _many_pages(chance: random.Random) -> bytes:
    """A hundred thousand pages are declared; there are a few."""
    data = text_pages(2, chance.randrange(1000), 50)
    return data.replace(b"/Count 2", b"/Count 100000")


def _endless_form(chance: random.Random) -> bytes:
    """A form that draws itself, many times."""
    times = chance.randrange(1, 200)
    return _pdf(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 500 500]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>",
        _stream(b"/X Do " * times),
        _stream(
            b"/X Do " * times, "/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 5 0 R>>>>"
        ),
    )


def _stream_bomb(chance: random.Random) -> bytes:
    """A page description that grows to many megabytes."""
    data = zlib.compress(b"0 0 m 9 9 l S\n" * chance.randrange(10_000, 1_000_000), 9)
    return _pdf(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 500 500]/Contents 4 0 R>>",
        _stream(data, "/Filter/FlateDecode"),
    )


def _huge_image(chance: random.Random) -> bytes:
    side = chance.choice((20_000, 60_000, 1 << 30))
    image = f"/Type/XObject/Subtype/Image/Width {side}/Height {side}/BitsPerComponent 8/ColorSpace/DeviceRGB"
    return _pdf(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 500 500]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>",
        _stream(b"500 0 0 500 0 0 cm /X Do"),
        _stream(zlib.compress(b"\0" * 1_000_000), f"{image}/Filter/FlateDecode"),
    )


def locked(chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        data = bytearray(zipped({"a.txt": chance.randbytes(30)}))
        for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            data[data.index(magic) + offset] |= 1
        return bytes(data)
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(text_pages(1, chance.randrange(10**6), 50))))
    writer.encrypt("kennwort", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def empty(chance: random.Random) -> bytes:
    blanks = "".join(chance.choices(" \t\r\n\0", k=chance.randrange(40, 2000))).encode()
    return chance.choice((b"", blanks, blanks, blanks, b"\xff\xfe" + blanks, blanks + zipped({})))


MAKERS: tuple[Callable[[random.Random], bytes], ...] = (
    cut,
    flipped,
    bomb,
    spliced,
    hostile_pdf,
    flipped,
    filled,
    noise,
    wrong,
    cut,
    locked,
    flipped,
    empty,
    hostile_pdf,
    spliced,
    bomb,
)
